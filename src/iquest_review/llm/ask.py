"""Ask until the reply can be used: at most twice, first in words, then with a grammar of the server.

A grammar costs recall on good days and loops on blanks on bad ones, so it is the second try by default. A server that
refuses a response_format is asked in the next simpler way, which does not count as a try. When the second try fails,
the first reply is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from iquest_review.errors import FormatRefusedError, ModelError
from iquest_review.llm.reply import Review, UnusableReply, build_reply_schema, parse_reply
from iquest_review.llm.wire import ModelReply
from iquest_review.prompt.templates import Message, Templates
from iquest_review.reasons.prompt import PromptCut
from iquest_review.reasons.reply import FlawedReply, NothingAsked, ReplyFlaw

MIN_RUNAWAY_CHARS = 200  # fewer blanks at the end of a reply may be an accident


class StructuredOutput(StrEnum):
    """The means that keeps an answer in form: a grammar of the server, or the prompt alone."""

    AUTO = "auto"
    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    PROMPT = "prompt"


class ChatModel(Protocol):
    """What answers: llm.client.ModelClient, or a fake."""

    @property
    def max_tokens(self) -> int:
        """How long an answer may be, in tokens."""
        ...

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> ModelReply:
        """Return the reply to the messages. Raises ModelError."""
        ...


@dataclass(slots=True)
class Answer:
    """The result of asking, and what it took. `refused` lists what the server would not do."""

    result: Review | UnusableReply = field(default_factory=lambda: UnusableReply("", NothingAsked()))
    replies: list[ModelReply] = field(default_factory=list)
    tries: int = 0  # requests, without those that a server refused for their form
    refused: list[str] = field(default_factory=list)

    @property
    def cut(self) -> PromptCut | None:
        """How the server cut the prompt: the answer says nothing about the rest of it. None where it read all."""
        return next((reply.cut for reply in self.replies if reply.cut), None)


_SIMPLER = {
    StructuredOutput.JSON_SCHEMA: StructuredOutput.JSON_OBJECT,
    StructuredOutput.JSON_OBJECT: StructuredOutput.PROMPT,
}
_SECOND = {
    StructuredOutput.AUTO: StructuredOutput.JSON_SCHEMA,
    StructuredOutput.JSON_SCHEMA: StructuredOutput.PROMPT,
    StructuredOutput.JSON_OBJECT: StructuredOutput.PROMPT,
    StructuredOutput.PROMPT: StructuredOutput.PROMPT,
}


def ask_for_review(
    model: ChatModel, templates: Templates, messages: list[Message], mode: StructuredOutput, most: int = 2
) -> Answer:
    """Return the review of the messages. Ask a second time when the first reply cannot be used and `most` allows it.

    Raises what ChatModel.complete raises, except FormatRefusedError.
    """
    answer = Answer()
    first = StructuredOutput.PROMPT if mode is StructuredOutput.AUTO else mode
    reply = _complete(model, messages, first, None, answer)
    answer.result = _parse_answer(reply)
    if isinstance(answer.result, Review) or most < 2 or reply.cut:  # the same prompt would be cut again
        return answer
    again = templates.add_problem(messages, str(answer.result.why))
    longer = 2 * model.max_tokens if reply.finish_reason == "length" and not _is_runaway(reply.text) else None
    try:
        second = _parse_answer(_complete(model, again, _SECOND[mode], longer, answer))
    except ModelError as error:
        if not answer.result.text:
            raise
        answer.refused.append(f"asked again: {error}")
        return answer
    if isinstance(second, Review) or second.text:
        answer.result = second
    return answer


def _is_runaway(text: str) -> bool:
    """Return whether a reply ran on in blanks, as grammars make models do: a longer one would only hold more."""
    return len(text) - len(text.rstrip()) >= MIN_RUNAWAY_CHARS


def _complete(
    model: ChatModel, messages: list[Message], form: StructuredOutput, max_tokens: int | None, answer: Answer
) -> ModelReply:
    answer.tries += 1
    for step in _list_formats(form):
        try:
            reply = model.complete(messages, _build_response_format(step), max_tokens)
        except FormatRefusedError as refusal:
            answer.refused.append(str(refusal))
        else:
            answer.replies.append(reply)
            return reply
    raise AssertionError("a plain request has no format to refuse")


def _list_formats(form: StructuredOutput) -> Iterator[StructuredOutput]:
    while form in _SIMPLER:
        yield form
        form = _SIMPLER[form]
    yield form


def _build_response_format(form: StructuredOutput) -> dict[str, Any] | None:
    if form is StructuredOutput.JSON_SCHEMA:
        return {
            "type": "json_schema",
            "json_schema": {"name": "review", "strict": True, "schema": build_reply_schema()},
        }
    return {"type": "json_object"} if form is StructuredOutput.JSON_OBJECT else None


def _parse_answer(reply: ModelReply) -> Review | UnusableReply:
    """Return the reply's review, without showing reasoning to anybody."""
    result = parse_reply(reply.answer, reply.finish_reason)
    if reply.problem and isinstance(result, UnusableReply) and not result.text:
        return UnusableReply("", reply.problem)
    if isinstance(result, Review) or reply.text.strip() or not reply.reasoning.strip():
        return result
    return UnusableReply("", FlawedReply(ReplyFlaw.INSIDE_REASONING))
