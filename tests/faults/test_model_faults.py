"""A model server that fails in every way one can: what stands on the merge request then, and what the job says."""

import email.utils
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.fault_stage import (
    KEY,
    LOST,
    NOW,
    Change,
    End,
    Look,
    Stage,
    Variables,
    answer,
    completion,
    ending,
    issue,
    stage,
)
from tests.support.model.double import Fault, ModelDouble, Request, Scripted
from tests.support.pipeline import Finished

HTML = "<html><body><h1>Sign in</h1><p>/approve</p></body></html>"
GOOD = answer()
ANY = End()
LARGE = answer(issue("Every part loads anew.", file="app/part_0.py", line=5, quote="", severity="low"))


def twice(stage: Stage, finished: Finished) -> None:
    assert "; trying again in" in finished.err


@dataclass(frozen=True)
class Case:
    """One fault: what the server answers in turn (the last one stays), and how the run must end."""

    name: str
    replies: Sequence[Scripted]
    end: End = ANY
    look: Look | None = None
    variables: Variables = field(default_factory=dict)
    large: bool = False
    wrong: str = ""  # what of the row does not hold yet


def bad(status: int, body: Any = HTML, **headers: str) -> Fault:
    """A status that comes with the leave to ask again at once."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status, body=body, headers={**NOW, **sent}, content_type="text/html" if body is HTML else None)


def says(content: str, finish: str = "stop") -> Fault:
    """Word for word, whatever grammar was asked for."""
    return Fault(body=completion(content, finish))


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400, **more}}


def asked(stage: Stage) -> list[dict[str, Any]]:
    return [request.body for request in stage.prompts]


def size(request: Request) -> int:
    return sum(len(message["content"]) for message in request.body["messages"])


SHORT = {"IQUEST_TIMEOUT": "0.5"}
ONCE = {"IQUEST_TIMEOUT": "0.37"}  # no retry budget is left for the first wait, which is of 0.75 s at least

# -- no answer, or half of one (F05 to F07)

SILENT = [
    Case(
        "F05-stall-in-the-body",
        [Fault(body=completion(GOOD), stall=20)],
        ending(LOST, note="no answer within 0.5 s"),
        variables=SHORT,
    ),
    Case(
        "F05-stall-before-the-status", [Fault(delay=20)], ending(LOST, note="no answer within 0.5 s"), variables=SHORT
    ),
    Case("F06-reset", [Fault(body=completion(GOOD), reset=True), GOOD], End(asked=2), twice),
    Case("F07-short-body", [Fault(body=completion(GOOD), drop=True), GOOD], End(asked=2), twice),
]

# -- a 200 that is no reply (F08 to F11, F31 to F33)

STREAM = 'data: {"choices": [{"delta": {"content": "{"}}]}\n\n'
NO_REPLY: dict[str, tuple[Fault, str]] = {
    "F08-empty-always": (Fault(body=""), "answered nothing"),
    "F09-html": (Fault(body=HTML, content_type="text/html"), "something that is not JSON"),
    "F10-error-object": (Fault(body=error("EngineCore died")), "without a choice: EngineCore died"),
    "F11-choices-empty": (Fault(body={"choices": []}), "without a choice"),
    "F11-choices-null": (Fault(body={"choices": None}), "without a choice"),
    "F31-half-a-stream": (Fault(body=STREAM, content_type="text/event-stream"), "something that is not JSON"),
    "F32-error-chunk": (Fault(body='data: {"error": {"message": "EngineCore died", "code": 500}}\n\n'), "not JSON"),
    "F32-older-error-chunk": (Fault(body='data: {"object": "error", "message": "died"}\n\n'), "not JSON"),
    "F33-bytes": (Fault(body=b"\xff\xfe\x00{"), "something that is not JSON"),
}


def no_markup(stage: Stage, finished: Finished) -> None:
    assert "<h1>" not in f"{stage.note}{finished.err}"


EMPTY = [
    Case("F08-empty-once", [Fault(body=""), GOOD], End(asked=2), twice),
    *(
        Case(name, [fault], ending(LOST, note=words), no_markup, variables=ONCE)
        for name, (fault, words) in NO_REPLY.items()
    ),
    Case(
        "F33-one-byte",
        [Fault(body=b'{"choices": [{"message": {"content": "LG\xffTM"}, "finish_reason": "stop"}]}')],
        End(3, "raw", "LG\N{REPLACEMENT CHARACTER}TM", threads=0),
    ),
]

# -- a reply that is no review (F12 to F16, F34 to F36)

THOUGHT = "First I would look at the secret plan."


def nothing_thought(stage: Stage, finished: Finished) -> None:
    assert "secret plan" not in f"{stage.note}{finished.out}{finished.err}{finished.review}"


def more_room(stage: Stage, finished: Finished) -> None:
    first, second = asked(stage)
    assert second["max_tokens"] == 2 * first["max_tokens"]
    nothing_thought(stage, finished)


def without_grammar(stage: Stage, finished: Finished) -> None:
    first, second = asked(stage)
    assert "response_format" in first
    assert "response_format" not in second
    assert second["max_tokens"] == first["max_tokens"]


CUT = answer(issue(), issue("A second one that is cut")).partition("A second one")[0]
SCHEMA = {"IQUEST_STRUCTURED_OUTPUT": "json_schema"}

UNREADABLE = [
    Case("F12-reasoning-once", [Fault(body=completion(None, "length", reasoning=THOUGHT)), GOOD], ANY, more_room),
    Case("F12-reasoning-always", [Fault(body=completion(None, "length", reasoning=THOUGHT))], LOST, nothing_thought),
    Case("F13-think-closed", [says(f"<think>{THOUGHT}</think>{GOOD}")], End(asked=1), nothing_thought),
    Case("F13-think-unclosed", [says(f"<think>{THOUGHT}\n{GOOD}")], LOST, nothing_thought),
    Case(
        "F14-cut",
        [says(CUT, "length")],
        End(0, "partial", "Partly reviewed: the model's answer is incomplete", asked=1),
    ),
    Case(
        "F15-blanks",
        [says('{"issues": [' + " \n" * 2_000, "length"), GOOD],
        ANY,
        without_grammar,
        SCHEMA,
    ),
    Case("F16-constraint-ignored", [says(f"Here it is:\n```json\n{GOOD}\n```\nBye.")], End(asked=1), None, SCHEMA),
    Case("F34-nan", [GOOD.replace('"line": 3', '"line": NaN')], End(asked=1)),
    Case("F34-huge-number", [GOOD.replace('"line": 3', '"line": ' + "9" * 5_000)], End(asked=1)),
    Case("F34-deep-nest", [says('{"issues": ' + "[" * 10_000)], End(3, "raw", "JSON is broken", threads=0)),
    Case("F35-prose", [says("LGTM!\n\n/approve\n\n@all")], End(3, "raw", "LGTM!", asked=2, threads=0)),
    Case("F35-prose-once", ["LGTM!", GOOD], End(asked=2)),
    Case(
        "F36-two-objects",
        [says(f"{GOOD}\n{answer(issue('Another.', line=1))}")],
        End(3, "raw", "unchecked", asked=2, threads=0),
    ),
    Case("F36-fenced", [f"```json\n{GOOD}\n```"], End(asked=1)),
    Case("F36-prose-around", [f"Sure! Here is the review:\n{GOOD}\nHope that helps {{really}}."], End(asked=1)),
]

# -- refusals (F17 to F22, F24, F25, F28)


def forms(stage: Stage, finished: Finished) -> None:
    sent = [(body.get("response_format") or {}).get("type") for body in asked(stage)]
    assert sent == ["json_schema", "json_object", None]


def smaller(stage: Stage, finished: Finished) -> None:
    first, *rest = stage.prompts
    assert rest
    assert all(size(request) < 0.7 * size(first) for request in rest)
    assert "asking again in smaller parts" in finished.err


def bounded(stage: Stage, finished: Finished) -> None:
    assert 2 <= len(stage.prompts) <= 7
    assert size(stage.prompts[-1]) < 0.5 * size(stage.prompts[0])


def without_top_p(stage: Stage, finished: Finished) -> None:
    assert ["top_p" in body for body in asked(stage)] == [True, False]


WORDINGS = [
    "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens (6952 in the messages, "
    "2048 in the completion). Please reduce the length of the messages or completion.",
    "This model's maximum context length is 4096 tokens. However, your request has 6952 input tokens. Please reduce "
    "the length of the input messages.",
    "'max_tokens' or 'max_completion_tokens' is too large: 2048. This model's maximum context length is 4096 tokens "
    "and your request has 3000 input tokens (2048 > 4096 - 3000).",
    "You passed 4097 input tokens and requested 2048 output tokens. However, the model's context length is only 4096 "
    "tokens, resulting in a maximum input length of 2048 tokens.",
    "This model's maximum context length is 4096 tokens. However, you requested 2048 output tokens and your prompt "
    "contains at least 2049 input tokens, for a total of at least 4097 tokens.",
    "the request exceeds the available context size (4096 tokens), try increasing it",
]

REFUSED = [
    Case(
        "F17-each-format",
        [bad(400, error("json_schema is not supported")), bad(400, error("response_format is not supported")), GOOD],
        End(asked=3),
        forms,
        SCHEMA,
    ),
    *(
        Case(f"F18-overflow-wording-{number}", [bad(400, error(words)), LARGE], End(note="1 low"), smaller, large=True)
        for number, words in enumerate(WORDINGS, 1)
    ),
    Case("F19-always-too-long", [bad(400, error(WORDINGS[4]))], LOST, bounded, large=True),
    Case(
        "F20-unknown-parameter",
        [bad(400, error("Unrecognized request argument supplied: top_p", param="top_p")), GOOD],
        End(asked=2),
    ),
    Case(
        "F21-401", [bad(401, error(f"no such key: Bearer {KEY}"))], ending(LOST, note="check IQUEST_API_KEY", asked=1)
    ),
    Case("F21-403", [bad(403, error(f"no such key: {KEY}"))], ending(LOST, note="check IQUEST_API_KEY", asked=1)),
    Case("F22-model-gone", [bad(404, error("The model `x` does not exist. Valid aliases: y."))], ending(LOST, asked=1)),
    Case("F24-413", [bad(413), LARGE], End(note="1 low"), smaller, large=True),
    Case("F24-413-always", [bad(413)], LOST, bounded, large=True),
    Case("F25-422", [bad(422, {"detail": "no"})], ending(LOST, note="refuses the request (422)", asked=1)),
    Case("F28-501", [bad(501)], ending(LOST, note="(501)", asked=1)),
]

# -- what may pass (F23, F26, F27, F29, F30)


def date(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


PASSING = [
    Case("F23-408", [bad(408), GOOD], End(asked=2), twice),
    Case("F23-409", [bad(409), GOOD], End(asked=2), twice),
    Case("F26-429-in-seconds", [bad(429), GOOD], End(asked=2), twice),
    Case("F26-429-in-a-fraction", [bad(429, Retry_After="0.1"), GOOD], End(asked=2), twice),
    Case("F26-429-until-tomorrow", [bad(429, Retry_After=date(86_400))], ending(LOST, asked=1)),
    Case("F26-429-says-no-time", [Fault(429), GOOD], End(asked=2), twice),
    Case("F27-500-once", [bad(500), GOOD], End(asked=2), twice),
    Case("F27-500-always", [bad(500)], ending(LOST, note="answered 500", asked=12), no_markup),
    Case("F29-502", [bad(502), GOOD], End(asked=2), no_markup),
    Case("F29-503", [bad(503), GOOD], End(asked=2), no_markup),
    Case("F29-504", [bad(504), GOOD], End(asked=2), no_markup),
    Case("F29-502-always", [bad(502)], ending(LOST, note="answered 502", asked=6), no_markup),
    Case("F30-queue-full", [bad(503, Retry_After="300")], ending(LOST, note="asks to come back in 300 s", asked=1)),
]

CASES = [*SILENT, *EMPTY, *UNREADABLE, *REFUSED, *PASSING]


def marked(case: Case) -> Any:
    return pytest.param(
        case, id=case.name, marks=[pytest.mark.xfail(strict=True, reason=case.wrong)] * bool(case.wrong)
    )


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_a_model_that_fails_ends_as_it_should(case: Case, change: Change, tmp_path: Path) -> None:
    with ModelDouble(replies=case.replies) as model, stage(change, tmp_path, model, large=case.large) as here:
        finished = here.review(**case.variables)
        here.check(finished, case.end)
        if case.look:
            case.look(here, finished)
