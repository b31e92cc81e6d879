"""A reply that cannot be used is asked for once more, another way; what the server refuses is no try."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from iquest_review.errors import (
    ContextExceededError,
    FormatRefusedError,
    ModelError,
    ModelRefusedError,
    ModelUnreachableError,
)
from iquest_review.llm.ask import Answer, ChatModel, StructuredOutput, ask_for_review
from iquest_review.llm.client import ModelClient, Sampling
from iquest_review.llm.reply import Review, UnusableReply, build_reply_schema
from iquest_review.llm.wire import ModelReply
from iquest_review.net.address import Address
from iquest_review.prompt.templates import Message, Templates
from iquest_review.reasons.model_server import FormatRefused
from iquest_review.reasons.reply import FlawedReply, NothingAsked, ReplyFlaw
from tests.support.model.double import Fault, ModelDouble, Scripted, ServerName
from tests.support.model.double import Reply as Says
from tests.support.reasons import DOWN, REFUSED, TOO_LONG

TEMPLATES = Templates.load(Path(__file__).parents[2] / "prompts", "en")
MESSAGES = [{"role": "system", "content": "You review."}, {"role": "user", "content": "Review this."}]
ISSUE = {"file": "a.py", "line": 3, "quote": "x", "type": "bug", "severity": "low", "description": "It fails."}
GOOD = json.dumps({"issues": [ISSUE], "summary": "s", "suggestions": []})
OTHER = json.dumps({"issues": [ISSUE, ISSUE], "summary": "s", "suggestions": []})
BAD = "I had rather write prose."
MODEL = "tiny"


@dataclass
class Asked:
    """One question, as the fake heard it."""

    messages: list[Message]
    form: str | None
    max_tokens: int | None


@dataclass
class FakeModel:
    """Says what it is told to, and does not do some formats."""

    says: list[ModelReply | ModelError]
    refuses: Sequence[str] = ()
    max_tokens: int = 100
    asked: list[Asked] = field(default_factory=list)

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> ModelReply:
        form = response_format["type"] if response_format else None
        if form in self.refuses:
            raise FormatRefusedError(FormatRefused("model:8000", str(form), 400, "no"))
        self.asked.append(Asked(messages, form, max_tokens))
        said = self.says.pop(0)
        if isinstance(said, ModelError):
            raise said
        return said


def reply(text: str, finish_reason: str = "stop", reasoning: str = "") -> ModelReply:
    return ModelReply(text, reasoning, finish_reason, MODEL, 10, 5, 0.1)


def model(*says: str | ModelReply | ModelError, refuses: Sequence[str] = ()) -> FakeModel:
    return FakeModel([reply(said) if isinstance(said, str) else said for said in says], refuses)


def answer(fake: ChatModel, mode: StructuredOutput = StructuredOutput.AUTO, most: int = 2) -> Answer:
    return ask_for_review(fake, TEMPLATES, MESSAGES, mode, most)


def findings(answered: Answer) -> int:
    assert isinstance(answered.result, Review), answered.result
    return len(answered.result.findings)


# -- how it is asked


def test_the_first_request_is_in_words_and_a_good_reply_ends_it() -> None:
    fake = model(GOOD)
    answered = answer(fake)

    assert findings(answered) == 1
    assert [(asked.messages, asked.form, asked.max_tokens) for asked in fake.asked] == [(MESSAGES, None, None)]
    assert [said.text for said in answered.replies] == [GOOD]


def test_a_reply_that_cannot_be_used_is_asked_for_with_a_schema_and_the_reason() -> None:
    fake = model(BAD, GOOD)
    answered = answer(fake)

    assert findings(answered) == 1
    assert [asked.form for asked in fake.asked] == [None, "json_schema"]
    assert fake.asked[1].messages[0] == MESSAGES[0]
    assert fake.asked[1].messages[1]["content"].startswith("Review this.")
    assert "it holds no JSON" in fake.asked[1].messages[1]["content"]
    assert len(answered.replies) == 2


def test_a_partial_review_is_used_and_not_asked_for_again() -> None:
    fake = model(reply(OTHER[:-60], "length"))
    answered = answer(fake)

    assert findings(answered) == 1
    assert isinstance(answered.result, Review)
    assert answered.result.partial
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("mode", "forms"),
    [
        (StructuredOutput.AUTO, [None, "json_schema"]),
        (StructuredOutput.JSON_SCHEMA, ["json_schema", None]),
        (StructuredOutput.JSON_OBJECT, ["json_object", None]),
        (StructuredOutput.PROMPT, [None, None]),
    ],
)
def test_every_mode_has_a_first_and_a_second_form(mode: StructuredOutput, forms: list[str | None]) -> None:
    fake = model(BAD, GOOD)
    answer(fake, mode)

    assert [asked.form for asked in fake.asked] == forms


@pytest.mark.parametrize(
    ("refuses", "forms"),
    [
        (["json_schema"], [None, "json_object"]),
        (["json_schema", "json_object"], [None, None]),
    ],
)
def test_a_refused_form_steps_down_and_is_no_try(refuses: list[str], forms: list[str | None]) -> None:
    fake = model(BAD, GOOD, refuses=refuses)
    answered = answer(fake)

    assert findings(answered) == 1
    assert [asked.form for asked in fake.asked] == forms
    assert answered.refused == [f"model:8000 refuses {form} (400): no" for form in refuses]


def test_a_refused_form_steps_down_at_the_first_try_too() -> None:
    fake = model(GOOD, refuses=["json_schema", "json_object"])

    assert findings(answer(fake, StructuredOutput.JSON_SCHEMA)) == 1
    assert [asked.form for asked in fake.asked] == [None]


def test_the_schema_is_the_one_that_is_read() -> None:
    sent: list[dict[str, Any] | None] = []

    class Listening(FakeModel):
        def complete(
            self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
        ) -> ModelReply:
            sent.append(response_format)
            return super().complete(messages, response_format, max_tokens)

    answer(Listening([reply(GOOD)]), StructuredOutput.JSON_SCHEMA)

    assert sent == [
        {"type": "json_schema", "json_schema": {"name": "review", "strict": True, "schema": build_reply_schema()}}
    ]


# -- when it ends


def test_two_replies_that_cannot_be_used_are_enough() -> None:
    fake = model(BAD, "More prose.", GOOD)

    assert answer(fake).result == UnusableReply("More prose.", FlawedReply(ReplyFlaw.NO_JSON))
    assert len(fake.asked) == 2


def test_a_limit_of_one_request_is_kept() -> None:
    fake = model(BAD, GOOD)

    assert answer(fake, most=1).result == UnusableReply(BAD, FlawedReply(ReplyFlaw.NO_JSON))
    assert len(fake.asked) == 1


def test_an_empty_second_reply_takes_nothing_away() -> None:
    assert answer(model(BAD, "  ")).result == UnusableReply(BAD, FlawedReply(ReplyFlaw.NO_JSON))


@pytest.mark.parametrize(
    "error", [ModelUnreachableError(DOWN), ModelRefusedError(REFUSED), ContextExceededError(TOO_LONG)]
)
def test_a_second_try_that_fails_takes_nothing_away(error: ModelError) -> None:
    answered = answer(model(BAD, error))

    assert answered.result == UnusableReply(BAD, FlawedReply(ReplyFlaw.NO_JSON))
    assert answered.refused == [f"asked again: {error}"]
    assert len(answered.replies) == 1


@pytest.mark.parametrize("error", [ModelUnreachableError(DOWN), ContextExceededError(TOO_LONG)])
def test_a_second_try_that_fails_is_told_where_there_is_nothing_to_keep(error: ModelError) -> None:
    with pytest.raises(type(error)):
        answer(model("", error))


@pytest.mark.parametrize(
    "error", [ModelUnreachableError(DOWN), ModelRefusedError(REFUSED), ContextExceededError(TOO_LONG)]
)
def test_a_first_try_that_fails_is_told(error: ModelError) -> None:
    with pytest.raises(type(error)):
        answer(model(error))


def test_an_answer_without_a_request_is_unusable() -> None:
    assert Answer().result == UnusableReply("", NothingAsked())


# -- length and thinking


def test_an_answer_that_was_cut_is_given_twice_the_room() -> None:
    fake = model(reply("", "length", reasoning="Hm. " * 50), GOOD)

    assert findings(answer(fake)) == 1
    assert [asked.max_tokens for asked in fake.asked] == [None, 200]
    assert "it ends inside its reasoning" in fake.asked[1].messages[1]["content"]


def test_an_answer_that_ended_by_itself_is_given_no_more_room() -> None:
    fake = model(BAD, GOOD)
    answer(fake)

    assert fake.asked[1].max_tokens is None


@pytest.mark.parametrize("text", [" " * 4_000, '{"issues": [' + "\n" * 1_000])
def test_an_answer_that_ran_on_in_blanks_is_given_no_more_room(text: str) -> None:
    fake = model(reply(text, "length"), GOOD)

    assert findings(answer(fake, StructuredOutput.JSON_SCHEMA)) == 1
    assert [(asked.form, asked.max_tokens) for asked in fake.asked] == [("json_schema", None), (None, None)]


def test_reasoning_is_never_raw_text() -> None:
    for finish_reason in ("stop", "length"):
        thinking = reply("", finish_reason, reasoning="The key {id} is secret.")
        assert answer(model(thinking, thinking)).result == UnusableReply("", FlawedReply(ReplyFlaw.INSIDE_REASONING))


def test_an_answer_that_a_reasoning_parser_took_whole_is_used() -> None:
    fake = model(reply("", "stop", reasoning=f"\n{GOOD}"))

    assert findings(answer(fake)) == 1
    assert len(fake.asked) == 1


def test_a_draft_in_unfinished_reasoning_is_no_answer() -> None:
    draft = '{"issues": [], "summary": "Nothing so far."}'

    for reasoning in (f"Maybe: {draft} But", draft + " But wait"):
        thinking = reply("", "length", reasoning=reasoning)
        assert isinstance(answer(model(thinking, thinking)).result, UnusableReply)
    assert isinstance(answer(model(*[reply("", "stop", reasoning=f"Maybe: {draft}")] * 2)).result, UnusableReply)


def test_a_reply_is_read_before_its_reasoning() -> None:
    assert findings(answer(model(reply(GOOD, reasoning=OTHER)))) == 1


# -- the real servers


def served(
    server: ServerName, says: Sequence[Scripted], mode: StructuredOutput = StructuredOutput.AUTO, **options: Any
) -> tuple[Answer, list[dict[str, Any]]]:
    with ModelDouble(server, MODEL, replies=says, **options) as double:
        endpoint = ModelClient(
            Address.parse(double.url),
            model=MODEL,
            key=None,
            sampling=Sampling(0.2, 0.95, 100),
            timeout=5,
            retry_seconds=10,
            sleep=lambda _: None,
        )
        endpoint.select_model()
        return answer(endpoint, mode), [request.body for request in double.completions]


SERVERS: list[ServerName] = ["vllm", "llama-server", "llama-cpp-python", "transformers", "ollama"]


@pytest.mark.parametrize("mode", list(StructuredOutput))
@pytest.mark.parametrize("server", SERVERS)
def test_every_server_comes_to_a_review_in_every_mode(server: ServerName, mode: StructuredOutput) -> None:
    answered, bodies = served(server, [Says(BAD, constrained=BAD), GOOD], mode)

    assert findings(answered) == 1
    assert len(answered.replies) == 2
    assert len(bodies) == 2 + len(answered.refused)


def test_llama_cpp_python_steps_down_to_any_object() -> None:
    answered, bodies = served("llama-cpp-python", [BAD, GOOD])

    assert [(body.get("response_format") or {}).get("type") for body in bodies] == [None, "json_schema", "json_object"]
    assert len(answered.refused) == 1


def test_thinking_that_ate_the_answer_is_given_room_the_window_has() -> None:
    answered, bodies = served("vllm", [Says(GOOD, reasoning="Hm. " * 80)], thinking=True, window=600)

    assert findings(answered) == 1
    assert bodies[0]["max_tokens"] == 100
    assert bodies[1]["max_tokens"] == 200


def test_a_bad_day_of_the_server_is_no_reply() -> None:
    answered, bodies = served("vllm", [Fault(503), Fault(body=""), GOOD])

    assert findings(answered) == 1
    assert len(answered.replies) == 1
    assert len(bodies) == 3


def test_usage_counts_every_reply() -> None:
    answered = answer(model(BAD, replace(reply(GOOD), prompt_tokens=20)))

    assert [said.prompt_tokens for said in answered.replies] == [10, 20]
