"""Asking the model about a change: in as many requests as it takes and may take, each as large as the server takes.

A request that was too much for the server is asked again in halves, once; what is still unanswered then is told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol

from iquest_review.errors import ContextExceeded, ModelError, ModelRefused
from iquest_review.excerpt.excerpt import Excerpt, Limits
from iquest_review.excerpt.exclusions import Reason
from iquest_review.llm import ask
from iquest_review.llm.ask import Answer, StructuredOutput
from iquest_review.llm.client import Reply, Served
from iquest_review.llm.reply import Review
from iquest_review.net.retry import NoTimeLeft
from iquest_review.outcome import Usage
from iquest_review.progress import Progress
from iquest_review.prompt import batches, fitting
from iquest_review.prompt.fitting import FULL_SHARE, Material, Prompt, TokenCounter
from iquest_review.prompt.templates import Message
from iquest_review.text import counted

DEFAULT_PROMPT_TOKENS = 32_000  # where the server does not tell its context window
SHRINK = 0.5  # of the tokens, when a prompt was longer than the window
HALF = 0.55  # of what is shown, when an answer took too long: a half, and the row between two lines at which it is cut
SHRINKS = 2  # for a window that the server did not tell, or told wrongly
CUT_OFF = "length"  # the finish_reason of an answer that had no room


class Model(ask.Model, Protocol):
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
    concurrency: int = 1


@dataclass(frozen=True)
class Asked:
    """One request that shows a part of the change: its answer, or why there is none."""

    prompt: Prompt
    answer: Answer | None = None
    failure: ModelError | None = None
    spared: bool = False  # not asked, since another request failed that was no larger

    @property
    def usable(self) -> bool:
        return self.answer is not None and isinstance(self.answer.result, Review)

    @property
    def less_may_pass(self) -> bool:
        """Whether half of it may be answered better."""
        if self.answer is not None:
            return not self.usable and all(reply.finish_reason == CUT_OFF for reply in self.answer.replies)
        return self.failure is not None and self.failure.less_may_pass


@dataclass(frozen=True)
class Inquiry:
    """What asking came to. `model` is what answered, `left_out` what it was not shown where nothing fitted."""

    model: str | None = None
    asked: tuple[Asked, ...] = ()
    limits: Limits | None = None  # of one prompt
    failure: str | None = None  # why nothing was asked
    left_out: Excerpt | None = None  # nothing of the change fitted into a prompt

    @property
    def replies(self) -> list[Reply]:
        """All that the model said, in the order of the requests."""
        return [reply for one in self.asked if one.answer for reply in one.answer.replies]


class NothingFits(ContextExceeded):
    """Nothing was asked: the smallest part of the change is more than a prompt may hold."""

    def __init__(self, message: str, excerpt: Excerpt) -> None:
        """`excerpt` is the empty one, with its omissions."""
        super().__init__(message)
        self.excerpt = excerpt


def inquire(material: Material, model: Model, terms: Terms, say: Progress) -> Inquiry:
    """Shows the model what fits. Failures of the model are an answer, not an error."""
    inquiry = Inquiry()
    try:
        served = model.served()
        room = limits(terms, served.window, model.max_tokens)
        inquiry = replace(inquiry, model=_name(served), limits=room)
        prompts = planned(material, room, terms, model.count, say)
        if not prompts[0].excerpt.parts:
            raise _nothing_fits(prompts[0], room)
    except ModelError as error:
        say.say(f"not reviewed: {error}")
        left_out = error.excerpt if isinstance(error, NothingFits) else None
        return replace(inquiry, failure=str(error), left_out=left_out)
    return replace(inquiry, asked=tuple(_Asking(material, model, terms, say, served.model).all(prompts, room)))


def planned(material: Material, room: Limits, terms: Terms, count: TokenCounter, say: Progress) -> tuple[Prompt, ...]:
    """The requests that show a change; says what of the team's rules they do not show.

    Raises ContextExceeded when not even the instructions fit.
    """
    prompts = batches.build_prompts(material, room, terms.max_requests, count)
    for problem in material.context.problems if material.context else ():
        say.say(f"the team's rules: {problem}")
    return prompts


def limits(terms: Terms, window: int | None, answer_tokens: int) -> Limits:
    """What a prompt may take: the setting, but never more than the window leaves beside the answer."""
    room = max(window - answer_tokens, window // 2) if window else None
    wanted = terms.max_tokens or room or DEFAULT_PROMPT_TOKENS
    return Limits(terms.max_lines, min(wanted, room) if room else wanted)


def usage(replies: Sequence[Reply]) -> Usage:
    """What the replies took, by the server's own count."""
    return Usage(
        requests=len(replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
    )


@dataclass
class _Asking:
    """The requests of one review, as many at once as the terms allow."""

    material: Material
    model: Model
    terms: Terms
    say: Progress
    name: str
    spent: int = 0  # of the requests the review may take; one refused for its length costs nothing
    spare: int = 0  # requests that nobody needs in this round: for a second try
    left: int = SHRINKS  # rounds in which what was too much may be asked again
    lock: Lock = field(default_factory=Lock)

    def all(self, prompts: Sequence[Prompt], room: Limits) -> list[Asked]:
        """What each came to; what was too much for the server is asked again in smaller requests."""
        done = list[Asked]()
        for left in range(SHRINKS, -1, -1):
            self.left = left
            asked = self._round(prompts)
            again = [one for one in asked if self._may_be_halved(one)]
            prompts = self._smaller(again, room) if again else []
            done += [one for one in asked if not prompts or one not in again]
            if not prompts:
                break
        return done

    def _may_be_halved(self, one: Asked) -> bool:
        overflows = isinstance(one.failure, ContextExceeded)
        rounds = self.left > (0 if overflows else SHRINKS - 1)
        return one.less_may_pass and rounds and self.spent < self.terms.max_requests

    def _smaller(self, again: Sequence[Asked], room: Limits) -> list[Prompt]:
        """What these showed in prompts half as large, as far as there are requests for them."""
        self.say.say(f"showing less at a time: {_why(again[0])}")
        files = [file for one in again for file in batches.list_shown_files(one.prompt.excerpt)]
        # A window takes all of a prompt, time and words go into what it shows.
        overflows = any(isinstance(one.failure, ContextExceeded) for one in again)
        sizes = [one.prompt.tokens for one in again]
        largest = min(room.tokens, min(sizes) if overflows else max(sizes))
        fixed = 0 if overflows else room.tokens - fitting.measure_room(self.material, room).tokens
        tokens = fixed + int((largest - fixed) * (SHRINK if overflows else HALF))
        left = self.terms.max_requests - self.spent
        most = left if overflows else min(left, 2 * len(again))
        try:
            prompts = batches.build_prompts(
                replace(self.material, files=files), replace(room, tokens=tokens), most, self.model.count
            )
        except ContextExceeded:  # not even the instructions fit
            return []
        return [prompt for prompt in prompts if prompt.excerpt.parts]

    def _round(self, prompts: Sequence[Prompt]) -> list[Asked]:
        self.spare = self.terms.max_requests - self.spent - len(prompts)
        together = min(self.terms.concurrency, len(prompts))
        asked = list(self._one_by_one(prompts)) if together == 1 else self._at_once(prompts, together)
        self.spent += sum(_cost(one) for one in asked)
        return asked

    def _one_by_one(self, prompts: Sequence[Prompt]) -> Iterator[Asked]:
        """One after the other. What one request was refused for is not tried with the others; when there is no time for
        one, there is none for those behind it."""
        refused: Asked | None = None
        for text, prompt in self._numbered(prompts):
            asked = _refused_too(prompt, refused) if refused else None
            if asked is None:
                with self.say.waiting(text):
                    asked = self._ask(prompt)
                self._tell(asked, prompts)
            failure = asked.failure
            hopeless = isinstance(failure, ModelRefused | NoTimeLeft) or (failure and self._may_be_halved(asked))
            refused = asked if hopeless else refused
            yield asked

    def _at_once(self, prompts: Sequence[Prompt], together: int) -> list[Asked]:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most reviews are one request

        for text, _ in self._numbered(prompts):
            self.say.say(text)
        pool, asked = ThreadPoolExecutor(together), list[Asked]()
        try:
            with self.say.waiting(f"{together} requests at a time"):
                for one in pool.map(self._ask, prompts):
                    self._tell(one, prompts)
                    asked.append(one)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # who is interrupted waits for no answer
        return asked

    def _tell(self, asked: Asked, prompts: Sequence[Prompt]) -> None:
        """Says what came of one request of several."""
        if len(prompts) > 1:
            number = next(number for number, prompt in enumerate(prompts, 1) if prompt is asked.prompt)
            self.say.say(f"part {number} of {len(prompts)}: {_came_to(asked)}")

    def _numbered(self, prompts: Sequence[Prompt]) -> Iterator[tuple[str, Prompt]]:
        for number, prompt in enumerate(prompts, 1):
            part = f"part {number} of {len(prompts)}, " if len(prompts) > 1 else ""
            lines = counted(prompt.excerpt.lines, "line")
            yield f"asking {self.name} on {self.model.host}: {part}{lines}, {prompt.tokens:,} tokens", prompt

    def _ask(self, prompt: Prompt) -> Asked:
        form, templates = self.terms.structured_output, self.material.templates
        with self.lock:
            most = 1 + min(1, max(0, self.spare))
            self.spare -= most - 1
        try:
            answer = ask.ask(self.model, templates, prompt.messages, form, most)
        except ModelError as error:
            return Asked(prompt, failure=error)
        with self.lock:
            self.spare += max(0, most - answer.tries)
        for refusal in answer.refused:
            self.say.detail(refusal)
        return Asked(prompt, answer)


def _refused_too(prompt: Prompt, refused: Asked) -> Asked | None:
    """What a request came to that is refused for what another one was; None when it may be asked."""
    if refused.less_may_pass and prompt.tokens < refused.prompt.tokens * FULL_SHARE:
        return None
    return Asked(prompt, failure=refused.failure, spared=True)


def _cost(one: Asked) -> int:
    if one.answer is not None:
        return one.answer.tries
    return 0 if one.spared or isinstance(one.failure, ContextExceeded) else 1


def _came_to(one: Asked) -> str:
    if one.answer is not None and isinstance(one.answer.result, Review):
        return counted(len(one.answer.result.findings), "finding")
    return str(one.failure) if one.failure else "the answer could not be used"


def _why(one: Asked) -> str:
    return str(one.failure) if one.failure else "the answer was cut off"


def _nothing_fits(prompt: Prompt, room: Limits) -> NothingFits:
    too_many = any(omission.reason is Reason.LINES for omission in prompt.excerpt.omissions)
    tokens = f"{room.tokens} prompt tokens (IQUEST_MAX_TOKENS)"
    what = f"{room.lines} lines (IQUEST_MAX_LINES)" if too_many else tokens
    return NothingFits(f"no part of the change fits into {what}", prompt.excerpt)


def _name(served: Served) -> str:
    """What answered: the name it is served by, or that of its weights where the first hides an IQuest-Coder."""
    weights = served.root.rstrip("/").rsplit("/", 1)[-1]  # not the path: it is the server's own business
    return weights if "iquest-coder" in weights.lower() and "iquest" not in served.model.lower() else served.model
