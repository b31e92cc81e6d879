"""Asking the model about a change: one prompt as large as the server takes, halved when it was too large after all."""

from dataclasses import dataclass, replace
from typing import Protocol

from iquest_review.change.characters import counted
from iquest_review.errors import ContextExceeded, ModelError
from iquest_review.merge_request.outcome import Usage
from iquest_review.model import asking
from iquest_review.model.asking import Answer, StructuredOutput
from iquest_review.model.endpoint import Reply, Served
from iquest_review.progress import Progress
from iquest_review.prompt import fitting
from iquest_review.prompt.budget import Limits
from iquest_review.prompt.fitting import Material, Prompt
from iquest_review.prompt.render import Message
from iquest_review.prompt.screen import Reason

DEFAULT_PROMPT_TOKENS = 32_000  # where the server does not tell its context window
SHRINK = 0.5  # of the tokens, when a server says that the prompt was too long
SHRINKS = 2


class Model(asking.Model, Protocol):
    """What answers."""

    @property
    def host(self) -> str: ...

    def served(self) -> Served: ...

    def count(self, messages: list[Message]) -> int | None: ...


@dataclass(frozen=True)
class Terms:
    """How much is asked, and how."""

    max_lines: int
    max_tokens: int | None  # None: from the server's context window
    max_requests: int
    structured_output: StructuredOutput


@dataclass(frozen=True)
class Inquiry:
    """What asking came to: a prompt with its answer, or a failure in words. `model` is what answered."""

    model: str | None = None
    prompt: Prompt | None = None
    answer: Answer | None = None
    limits: Limits | None = None  # of one prompt
    failure: str | None = None  # with a prompt: nothing of the change fitted into it


class NothingFits(ContextExceeded):
    """Nothing was asked: the smallest part of the change is more than a prompt may hold."""

    def __init__(self, message: str, prompt: Prompt) -> None:
        """`prompt` is the empty one, with its omissions."""
        super().__init__(message)
        self.prompt = prompt


def inquire(material: Material, model: Model, terms: Terms, say: Progress) -> Inquiry:
    """Shows the model what fits. Failures of the model are an answer, not an error."""
    inquiry = Inquiry()
    try:
        served = model.served()
        inquiry = replace(inquiry, model=_name(served), limits=limits(terms, served.window, model.max_tokens))
        prompt, answer = _answered(material, served, model, terms, say)
    except ModelError as error:
        say.say(f"not reviewed: {error}")
        return replace(inquiry, failure=str(error), prompt=error.prompt if isinstance(error, NothingFits) else None)
    return replace(inquiry, prompt=prompt, answer=answer)


def limits(terms: Terms, window: int | None, answer_tokens: int) -> Limits:
    """What a prompt may take: the setting, but never more than the window leaves beside the answer."""
    room = max(window - answer_tokens, window // 2) if window else None
    wanted = terms.max_tokens or room or DEFAULT_PROMPT_TOKENS
    return Limits(terms.max_lines, min(wanted, room) if room else wanted)


def usage(replies: list[Reply]) -> Usage:
    """What the replies took, by the server's own count."""
    return Usage(
        requests=len(replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
    )


def _answered(material: Material, served: Served, model: Model, terms: Terms, say: Progress) -> tuple[Prompt, Answer]:
    """The prompt and its answer; a prompt that turns out too long for the server is halved, twice at the most."""
    room = limits(terms, served.window, model.max_tokens)
    for left in range(SHRINKS, -1, -1):
        prompt = fitting.fill(material, room, model.count)
        if not prompt.excerpt.parts:
            too_many = any(omission.reason is Reason.LINES for omission in prompt.excerpt.omissions)
            tokens = f"{room.tokens} prompt tokens (IQUEST_MAX_TOKENS)"
            what = f"{room.lines} lines (IQUEST_MAX_LINES)" if too_many else tokens
            raise NothingFits(f"no part of the change fits into {what}", prompt)
        try:
            lines = counted(prompt.excerpt.lines, "line")
            with say.waiting(f"asking {served.model} on {model.host}: {lines}, {prompt.tokens:,} tokens"):
                answer = asking.ask(
                    model, material.templates, prompt.messages, terms.structured_output, terms.max_requests
                )
        except ContextExceeded as error:
            if not left:
                raise
            say.say(f"showing less: {error}")
            room = replace(room, tokens=int(min(room.tokens, prompt.tokens) * SHRINK))
        else:
            for refusal in answer.refused:
                say.detail(refusal)
            return prompt, answer
    raise AssertionError("the last round returns or raises")


def _name(served: Served) -> str:
    """What answered: the name it is served by, or that of its weights where the first hides an IQuest-Coder."""
    weights = served.root.rstrip("/").rsplit("/", 1)[-1]  # not the path: it is the server's own business
    return weights if "iquest-coder" in weights.lower() and "iquest" not in served.model.lower() else served.model
