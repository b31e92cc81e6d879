"""Asking the model about a change: in as many requests as it takes and may take, each as large as the server takes.

A request that was too much for the server is asked again in halves, once; what is still unanswered then is told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol

from iquest_review.errors import ContextExceededError, ModelError, ModelRefusedError
from iquest_review.excerpt.excerpt import Excerpt, Limits
from iquest_review.excerpt.exclusions import Reason
from iquest_review.llm import ask
from iquest_review.llm.ask import Answer, StructuredOutput
from iquest_review.llm.reply import Review
from iquest_review.llm.wire import ModelReply, ServedModel
from iquest_review.net.retry import NoTimeLeftError
from iquest_review.outcome import Usage
from iquest_review.progress import Progress
from iquest_review.prompt import batches, fitting
from iquest_review.prompt.fitting import FULL_SHARE, Material, Prompt, TokenCounter
from iquest_review.prompt.templates import Message
from iquest_review.text import format_count

DEFAULT_PROMPT_TOKENS = 32_000  # where the server does not tell its context window
SHRINK_FACTOR = 0.5  # of the tokens, when a prompt was longer than the window
HALVING_FACTOR = (
    0.55  # of what is shown, when an answer took too long: a half, and the row between two lines at which it is cut
)
MAX_SHRINK_ROUNDS = 2  # for a window that the server did not tell, or told wrongly
LENGTH_FINISH_REASON = "length"  # the finish_reason of an answer that had no room


class ReviewModel(ask.ChatModel, Protocol):
    """What answers."""

    @property
    def host(self) -> str: ...

    def select_model(self) -> ServedModel: ...

    def count_tokens(self, messages: list[Message]) -> int | None: ...


@dataclass(frozen=True)
class Terms:
    """How much is asked, and how."""

    max_lines: int
    max_tokens: int | None  # None: from the server's context window
    max_requests: int
    structured_output: StructuredOutput
    concurrency: int = 1


@dataclass(frozen=True)
class Exchange:
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
            return not self.usable and all(reply.finish_reason == LENGTH_FINISH_REASON for reply in self.answer.replies)
        return self.failure is not None and self.failure.less_may_pass


@dataclass(frozen=True)
class Inquiry:
    """What asking came to. `model` is what answered, `left_out` what it was not shown where nothing fitted."""

    model: str | None = None
    asked: tuple[Exchange, ...] = ()
    limits: Limits | None = None  # of one prompt
    failure: str | None = None  # why nothing was asked
    left_out: Excerpt | None = None  # nothing of the change fitted into a prompt

    @property
    def replies(self) -> list[ModelReply]:
        """All that the model said, in the order of the requests."""
        return [reply for one in self.asked if one.answer for reply in one.answer.replies]


class NothingFitsError(ContextExceededError):
    """Nothing was asked: the smallest part of the change is more than a prompt may hold."""

    def __init__(self, message: str, excerpt: Excerpt) -> None:
        """`excerpt` is the empty one, with its omissions."""
        super().__init__(message)
        self.excerpt = excerpt


def inquire(material: Material, model: ReviewModel, terms: Terms, say: Progress) -> Inquiry:
    """Shows the model what fits. Failures of the model are an answer, not an error."""
    inquiry = Inquiry()
    try:
        served = model.select_model()
        room = compute_prompt_limits(terms, served.window, model.max_tokens)
        inquiry = replace(inquiry, model=_choose_model_name(served), limits=room)
        prompts = plan_prompts(material, room, terms, model.count_tokens, say)
        if not prompts[0].excerpt.parts:
            raise _build_nothing_fits_error(prompts[0], room)
    except ModelError as error:
        say.say(f"not reviewed: {error}")
        left_out = error.excerpt if isinstance(error, NothingFitsError) else None
        return replace(inquiry, failure=str(error), left_out=left_out)
    return replace(inquiry, asked=tuple(_RequestRunner(material, model, terms, say, served.model).run(prompts, room)))


def plan_prompts(
    material: Material, room: Limits, terms: Terms, count: TokenCounter, say: Progress
) -> tuple[Prompt, ...]:
    """The requests that show a change; says what of the team's rules they do not show.

    Raises ContextExceeded when not even the instructions fit.
    """
    prompts = batches.build_prompts(material, room, terms.max_requests, count)
    for problem in material.context.problems if material.context else ():
        say.say(f"the team's rules: {problem}")
    return prompts


def compute_prompt_limits(terms: Terms, window: int | None, answer_tokens: int) -> Limits:
    """What a prompt may take: the setting, but never more than the window leaves beside the answer."""
    room = max(window - answer_tokens, window // 2) if window else None
    wanted = terms.max_tokens or room or DEFAULT_PROMPT_TOKENS
    return Limits(terms.max_lines, min(wanted, room) if room else wanted)


def sum_usage(replies: Sequence[ModelReply]) -> Usage:
    """What the replies took, by the server's own count."""
    return Usage(
        requests=len(replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
    )


@dataclass
class _RequestRunner:
    """The requests of one review, as many at once as the terms allow."""

    material: Material
    model: ReviewModel
    terms: Terms
    say: Progress
    name: str
    spent: int = 0  # of the requests the review may take; one refused for its length costs nothing
    spare: int = 0  # requests that nobody needs in this round: for a second try
    left: int = MAX_SHRINK_ROUNDS  # rounds in which what was too much may be asked again
    lock: Lock = field(default_factory=Lock)

    def run(self, prompts: Sequence[Prompt], room: Limits) -> list[Exchange]:
        """What each came to; what was too much for the server is asked again in smaller requests."""
        done = list[Exchange]()
        for left in range(MAX_SHRINK_ROUNDS, -1, -1):
            self.left = left
            asked = self._run_round(prompts)
            again = [one for one in asked if self._can_halve(one)]
            prompts = self._build_smaller_prompts(again, room) if again else []
            done += [one for one in asked if not prompts or one not in again]
            if not prompts:
                break
        return done

    def _can_halve(self, one: Exchange) -> bool:
        overflows = isinstance(one.failure, ContextExceededError)
        rounds = self.left > (0 if overflows else MAX_SHRINK_ROUNDS - 1)
        return one.less_may_pass and rounds and self.spent < self.terms.max_requests

    def _build_smaller_prompts(self, again: Sequence[Exchange], room: Limits) -> list[Prompt]:
        """What these showed in prompts half as large, as far as there are requests for them."""
        self.say.say(f"showing less at a time: {_describe_failure(again[0])}")
        files = [file for one in again for file in batches.list_shown_files(one.prompt.excerpt)]
        # A window takes all of a prompt, time and words go into what it shows.
        overflows = any(isinstance(one.failure, ContextExceededError) for one in again)
        sizes = [one.prompt.tokens for one in again]
        largest = min(room.tokens, min(sizes) if overflows else max(sizes))
        fixed = 0 if overflows else room.tokens - fitting.measure_room(self.material, room).tokens
        tokens = fixed + int((largest - fixed) * (SHRINK_FACTOR if overflows else HALVING_FACTOR))
        left = self.terms.max_requests - self.spent
        most = left if overflows else min(left, 2 * len(again))
        try:
            prompts = batches.build_prompts(
                replace(self.material, files=files), replace(room, tokens=tokens), most, self.model.count_tokens
            )
        except ContextExceededError:  # not even the instructions fit
            return []
        return [prompt for prompt in prompts if prompt.excerpt.parts]

    def _run_round(self, prompts: Sequence[Prompt]) -> list[Exchange]:
        self.spare = self.terms.max_requests - self.spent - len(prompts)
        together = min(self.terms.concurrency, len(prompts))
        asked = list(self._ask_in_turn(prompts)) if together == 1 else self._ask_concurrently(prompts, together)
        self.spent += sum(_count_tries(one) for one in asked)
        return asked

    def _ask_in_turn(self, prompts: Sequence[Prompt]) -> Iterator[Exchange]:
        """One after the other. What one request was refused for is not tried with the others; when there is no time for
        one, there is none for those behind it."""
        refused: Exchange | None = None
        for text, prompt in self._number_prompts(prompts):
            asked = _skip_if_hopeless(prompt, refused) if refused else None
            if asked is None:
                with self.say.show_wait(text):
                    asked = self._ask(prompt)
                self._log_part(asked, prompts)
            failure = asked.failure
            hopeless = isinstance(failure, ModelRefusedError | NoTimeLeftError) or (failure and self._can_halve(asked))
            refused = asked if hopeless else refused
            yield asked

    def _ask_concurrently(self, prompts: Sequence[Prompt], together: int) -> list[Exchange]:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most reviews are one request

        for text, _ in self._number_prompts(prompts):
            self.say.say(text)
        pool, asked = ThreadPoolExecutor(together), list[Exchange]()
        try:
            with self.say.show_wait(f"{together} requests at a time"):
                for one in pool.map(self._ask, prompts):
                    self._log_part(one, prompts)
                    asked.append(one)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # who is interrupted waits for no answer
        return asked

    def _log_part(self, asked: Exchange, prompts: Sequence[Prompt]) -> None:
        """Says what came of one request of several."""
        if len(prompts) > 1:
            number = next(number for number, prompt in enumerate(prompts, 1) if prompt is asked.prompt)
            self.say.say(f"part {number} of {len(prompts)}: {_describe_exchange(asked)}")

    def _number_prompts(self, prompts: Sequence[Prompt]) -> Iterator[tuple[str, Prompt]]:
        for number, prompt in enumerate(prompts, 1):
            part = f"part {number} of {len(prompts)}, " if len(prompts) > 1 else ""
            lines = format_count(prompt.excerpt.lines, "line")
            yield f"asking {self.name} on {self.model.host}: {part}{lines}, {prompt.tokens:,} tokens", prompt

    def _ask(self, prompt: Prompt) -> Exchange:
        form, templates = self.terms.structured_output, self.material.templates
        with self.lock:
            most = 1 + min(1, max(0, self.spare))
            self.spare -= most - 1
        try:
            answer = ask.ask_for_review(self.model, templates, prompt.messages, form, most)
        except ModelError as error:
            return Exchange(prompt, failure=error)
        with self.lock:
            self.spare += max(0, most - answer.tries)
        for refusal in answer.refused:
            self.say.detail(refusal)
        return Exchange(prompt, answer)


def _skip_if_hopeless(prompt: Prompt, refused: Exchange) -> Exchange | None:
    """What a request came to that is refused for what another one was; None when it may be asked."""
    if refused.less_may_pass and prompt.tokens < refused.prompt.tokens * FULL_SHARE:
        return None
    return Exchange(prompt, failure=refused.failure, spared=True)


def _count_tries(one: Exchange) -> int:
    if one.answer is not None:
        return one.answer.tries
    return 0 if one.spared or isinstance(one.failure, ContextExceededError) else 1


def _describe_exchange(one: Exchange) -> str:
    if one.answer is not None and isinstance(one.answer.result, Review):
        return format_count(len(one.answer.result.findings), "finding")
    return str(one.failure) if one.failure else "the answer could not be used"


def _describe_failure(one: Exchange) -> str:
    return str(one.failure) if one.failure else "the answer was cut off"


def _build_nothing_fits_error(prompt: Prompt, room: Limits) -> NothingFitsError:
    too_many = any(omission.reason is Reason.LINES for omission in prompt.excerpt.omissions)
    tokens = f"{room.tokens} prompt tokens (IQUEST_MAX_TOKENS)"
    what = f"{room.lines} lines (IQUEST_MAX_LINES)" if too_many else tokens
    return NothingFitsError(f"no part of the change fits into {what}", prompt.excerpt)


def _choose_model_name(served: ServedModel) -> str:
    """What answered: the name it is served by, or that of its weights where the first hides an IQuest-Coder."""
    weights = served.root.rstrip("/").rsplit("/", 1)[-1]  # not the path: it is the server's own business
    return weights if "iquest-coder" in weights.lower() and "iquest" not in served.model.lower() else served.model
