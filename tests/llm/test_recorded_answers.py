"""Every answer that real model servers were recorded giving is met with the right act, over HTTP.

`recorded.jsonl` holds them all, each once: vLLM 0.32.0 in seven set-ups, llama-server, llama-cpp-python 0.3.36 and
transformers serve 5.23.0, on good requests and on bad ones. Left out are ids, times, log probabilities, the most of
/metrics and /props, and the requests, but for what they asked for. `expect` was written from status and body alone:

    usable      a review comes of it
    ask again   a reply, and no review in it: asked for a second time
    retry       nothing, or no completion: the same request once more
    step down   the response_format is refused: asked the next simpler way
    shrink      the prompt is too long: show less
    give up     asking again would not help

The recorded models were told to write findings with a title and a body, which is not what this program asks for: such
a reply is met a second time with the program's own words in it, and `in_our_words` says what it comes to then.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from iquest_review.errors import ContextExceededError, ModelRefusedError
from iquest_review.llm.ask import StructuredOutput, ask_for_review
from iquest_review.llm.client import ModelClient, Sampling
from iquest_review.llm.reply import Review
from iquest_review.net.address import Address
from iquest_review.prompt.templates import Templates
from tests.support.model.double import MODEL, Fault, ModelDouble

ROOT = Path(__file__).parents[2]
RECORDED = [
    json.loads(row)
    for row in (ROOT / "tests/data/model_server/recorded.jsonl").read_text(encoding="utf-8").split("\n")
    if row
]
TEMPLATES = Templates.load(ROOT / "prompts", "en")
MESSAGES = [{"role": "system", "content": "You review."}, {"role": "user", "content": "Review this."}]
ISSUE = {"file": "a.py", "line": 3, "quote": "x", "type": "bug", "severity": "low", "description": "It fails."}
GOOD = json.dumps({"issues": [ISSUE, ISSUE], "summary": "s", "suggestions": []})
SIMPLER = {"json_schema": "json_object", "json_object": None}
SLOW = 0.15  # seconds that a server which does not answer is waited for


@dataclass
class Script:
    """One recorded answer, and good ones after it."""

    url: str = ""
    first: Fault | None = None
    forms: list[str | None] = field(default_factory=list)  # of the response_format, one a request

    def reply(self, body: dict[str, Any]) -> str | Fault:
        self.forms.append((body.get("response_format") or {}).get("type"))
        fault, self.first = self.first, None
        return fault or GOOD


@pytest.fixture(scope="module")
def script() -> Iterator[Script]:
    made = Script()
    with ModelDouble(replies=[made.reply]) as double:
        made.url = double.url
        yield made


def named(row: dict[str, Any]) -> str:
    return f"{row['server']}: {row['cases'][0]}"


def answered(row: dict[str, Any], body: str | None = None) -> Fault:
    """What the double is to answer; it keeps silent where the real server did."""
    if "status" not in row:
        return Fault(delay=3 * SLOW)
    text = row["body"] if isinstance(row["body"], str) else json.dumps(row["body"])
    return Fault(row["status"], text if body is None else body, content_type=row.get("type"))


def ours(row: dict[str, Any]) -> str:
    """The answer with this program's own words in it."""
    return json.dumps(row["body"]).replace(r"\"findings\"", r"\"issues\"").replace(r"\"body\"", r"\"description\"")


def mode(row: dict[str, Any]) -> StructuredOutput:
    """The mode whose first request has the recorded request's form; one that does not exist stands for any."""
    form = row.get("form", "prompt")
    return StructuredOutput(form if form in set(StructuredOutput) else "json_schema")


def endpoint(url: str, model: str | None = MODEL, timeout: float = 5) -> ModelClient:
    return ModelClient(
        Address.parse(url),
        model=model,
        key=None,
        sampling=Sampling(0.2, 0.95, 512),
        timeout=timeout,
        retry_seconds=100,
        sleep=lambda _: None,
    )


def act(script: Script, fault: Fault, mode: StructuredOutput) -> str:
    """What the answer is met with, told from what is sent after it and from what comes out."""
    script.first, script.forms = fault, []
    model = endpoint(script.url, timeout=SLOW if fault.delay else 5)
    try:
        answer = ask_for_review(model, TEMPLATES, MESSAGES, mode)
    except ContextExceededError:
        return "shrink"
    except ModelRefusedError:
        return "give up"
    assert isinstance(answer.result, Review)
    if len(script.forms) == 1:
        return "usable"
    [first, second] = script.forms
    if answer.tries == 2:
        return "ask again"
    if answer.refused:
        assert second == SIMPLER[str(first)]
        return "step down"
    assert second == first
    return "retry"


@pytest.mark.parametrize("row", RECORDED, ids=named)
def test_what_a_real_server_answered_is_met_with_the_right_act(script: Script, row: dict[str, Any]) -> None:
    assert act(script, answered(row), mode(row)) == row["expect"]


OURS = [row for row in RECORDED if "in_our_words" in row]


@pytest.mark.parametrize("row", OURS, ids=named)
def test_a_real_envelope_with_a_review_in_it_is_read(script: Script, row: dict[str, Any]) -> None:
    """Around it: thinking in the text, thinking parted from it, blanks, an end that is missing."""
    assert act(script, answered(row, ours(row)), mode(row)) == row["in_our_words"]


@pytest.mark.parametrize("row", [row for row in OURS if row["in_our_words"] == "usable"], ids=named)
def test_what_a_real_model_found_is_found(row: dict[str, Any]) -> None:
    with ModelDouble(replies=[answered(row, ours(row))]) as double:
        answer = ask_for_review(endpoint(double.url), TEMPLATES, MESSAGES, StructuredOutput.PROMPT)

    assert isinstance(answer.result, Review)
    assert [(one.path, one.line, one.severity) for one in answer.result.findings] == [("app/db.py", 12, "high")]
    assert "use a bound parameter" in answer.result.findings[0].description


def test_the_table_holds_every_recording_and_every_act() -> None:
    """What the table holds: less of it would prove less."""
    acts = Counter(row["expect"] for row in RECORDED)

    assert acts == {"ask again": 176, "usable": 15, "give up": 76, "retry": 64, "step down": 12, "shrink": 7}
    assert Counter(row["in_our_words"] for row in OURS) == {"ask again": 25, "usable": 15}
    assert len({row["server"] for row in RECORDED}) == 11
    assert sum(len(row["cases"]) for row in RECORDED) == 427


# -- what is no completion, where it is asked for

WINDOWS = {"llama-server": 8192, "llama-cpp-python-0.3.36": None}  # the others are vLLM, started with the same
LISTS = [row for row in RECORDED if row["asked"] == "GET /v1/models"]
COUNTS = [row for row in RECORDED if row["asked"] == "POST /tokenize"]


@pytest.mark.parametrize("row", LISTS, ids=named)
def test_a_real_list_of_models_is_read(row: dict[str, Any]) -> None:
    with ModelDouble(routes={"/v1/models": answered(row)}) as double:
        if row["status"] == 401:
            assert endpoint(double.url).select_model().window is None
            with pytest.raises(ModelRefusedError, match="asks for a key"):
                endpoint(double.url, None).select_model()
            return
        listed = [entry["id"] for entry in row["body"]["data"]]
        if not listed:  # transformers serve lists what lies in its cache, and serves more
            assert endpoint(double.url).select_model().model == MODEL
            with pytest.raises(ModelRefusedError, match="set IQUEST_MODEL"):
                endpoint(double.url, None).select_model()
            return
        served = endpoint(double.url, None).select_model()

    assert served.model == listed[0]
    assert served.window == WINDOWS.get(row["server"], 8192)


@pytest.mark.parametrize("row", COUNTS, ids=named)
def test_a_real_count_of_tokens_is_read_and_what_is_none_is_no_failure(row: dict[str, Any]) -> None:
    counted = row["body"].get("count") or len(row["body"].get("tokens", ())) or None  # llama-server lists the tokens

    with ModelDouble(routes={"/tokenize": answered(row)}) as double:
        assert endpoint(double.url).count_tokens(MESSAGES) == counted
