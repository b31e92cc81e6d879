"""Ask the model about a change, in as many requests as it needs and the settings allow.

A request that was too large for the server is asked again in two halves. What is unanswered after that is listed as not
reviewed.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from iquest_review.net.deadline import NoTimeLeftError
from iquest_review.outcome import Usage
from iquest_review.progress import Progress
from iquest_review.prompt import batches, fitting
from iquest_review.prompt.fitting import FULL_SHARE, Material, Prompt, TokenCounter
from iquest_review.prompt.templates import Message
from iquest_review.reasons.model_server import ModelProblem
from iquest_review.reasons.prompt import NothingFits, PromptCut
from iquest_review.reasons.review import NoUsableAnswer
from iquest_review.text import format_count

DEFAULT_PROMPT_TOKENS = 32_000  # when the server does not report its context window
SHRINK_FACTOR = 0.5  # applied to the tokens of a prompt that exceeded the window
# Applied to what a prompt shows when its answer took too long: a half, and some room to cut between two lines.
HALVING_FACTOR = 0.55
MAX_SHRINK_ROUNDS = 2  # when the server reports no context window, or a wrong one
LENGTH_FINISH_REASON = "length"  # the finish_reason of an answer that reached max_tokens


class ReviewModel(ask.ChatModel, Protocol):
    """A model that a review can ask."""

    @property
    def host(self) -> str:
        """The server's host and port, for the log."""

    def select_model(self) -> ServedModel:
        """Return the model that will answer. Raises ModelError when there is none."""

    def count_tokens(self, messages: list[Message]) -> int | None:
        """Return the tokens of a prompt; None when the server does not count them."""


@dataclass(frozen=True)
class Terms:
    """How much to ask, and how."""

    max_lines: int
    max_tokens: int | None  # None: what the server's context window allows
    max_requests: int
    structured_output: StructuredOutput
    concurrency: int = 1


@dataclass(frozen=True)
class Exchange:
    """One request that shows a part of the change: its answer, or why it has none."""

    prompt: Prompt
    answer: Answer | None = None
    failure: ModelError | None = None
    spared: bool = False  # not asked, because a request of at most its size failed

    @property
    def usable(self) -> bool:
        """Whether the answer is a review: of what the server read, or with findings all the same."""
        result = self.answer.result if self.answer else None
        return isinstance(result, Review) and (self.cut is None or bool(result.findings))

    @property
    def cut(self) -> PromptCut | None:
        """How the server cut the prompt; None where it read all of it, as far as its count tells."""
        return self.answer.cut if self.answer else None

    @property
    def why_unread(self) -> ModelProblem | PromptCut | None:
        """Why nobody can say what the model thinks of the shown code; None for an answer, whether usable or not."""
        return self.failure.problem if self.failure else self.cut

    @property
    def less_may_pass(self) -> bool:
        """Whether two halves of this request may be answered."""
        if self.answer is not None:
            return (
                not self.cut
                and not self.usable
                and all(reply.finish_reason == LENGTH_FINISH_REASON for reply in self.answer.replies)
            )
        return self.failure is not None and self.failure.less_may_pass


@dataclass(frozen=True)
class Inquiry:
    """The answers of the model; `model` is its name."""

    model: str | None = None
    asked: tuple[Exchange, ...] = ()
    limits: Limits | None = None  # for one prompt
    failure: ModelProblem | None = None  # why nothing was asked
    left_out: Excerpt | None = None  # set when no part of the change fits into a prompt; lists what was not shown

    @property
    def replies(self) -> list[ModelReply]:
        """All replies of the model, in the order of the requests."""
        return [reply for exchange in self.asked if exchange.answer for reply in exchange.answer.replies]


class NothingFitsError(ContextExceededError):
    """The smallest part of the change does not fit into a prompt, so nothing was asked."""

    def __init__(self, problem: NothingFits, excerpt: Excerpt) -> None:
        """Keep the empty excerpt, which lists its omissions."""
        super().__init__(problem)
        self.excerpt = excerpt


def inquire(material: Material, model: ReviewModel, terms: Terms, progress: Progress) -> Inquiry:
    """Ask the model about what fits. A failure of the model is part of the result and not raised."""
    inquiry = Inquiry()
    try:
        served = model.select_model()
        room = compute_prompt_limits(terms, served.window, model.max_tokens)
        inquiry = replace(inquiry, model=_choose_model_name(served), limits=room)
        prompts = plan_prompts(material, room, terms, model.count_tokens, progress)
        if not prompts[0].excerpt.parts:
            raise _build_nothing_fits_error(prompts[0], room)
    except ModelError as error:
        progress.say(f"not reviewed: {error}")
        left_out = error.excerpt if isinstance(error, NothingFitsError) else None
        return replace(inquiry, failure=error.problem, left_out=left_out)
    return replace(
        inquiry, asked=tuple(_RequestRunner(material, model, terms, progress, served.model).run(prompts, room))
    )


def plan_prompts(
    material: Material, room: Limits, terms: Terms, count: TokenCounter, progress: Progress
) -> tuple[Prompt, ...]:
    """Return the requests that show a change; log which team rules they do not show.

    Raises ContextExceededError when not even the instructions fit.
    """
    prompts = batches.build_prompts(material, room, terms.max_requests, count)
    for problem in material.context.problems if material.context else ():
        progress.say(f"the team's rules: {problem}")
    return prompts


def compute_prompt_limits(terms: Terms, window: int | None, answer_tokens: int) -> Limits:
    """Return the limits of one prompt: the settings, but at most what the window leaves beside the answer."""
    room = max(window - answer_tokens, window // 2) if window else None
    wanted = terms.max_tokens or room or DEFAULT_PROMPT_TOKENS
    return Limits(terms.max_lines, min(wanted, room) if room else wanted)


def sum_usage(replies: Sequence[ModelReply]) -> Usage:
    """Return what the replies cost, as counted by the server."""
    return Usage(
        requests=len(replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
    )


@dataclass
class _RequestRunner:
    """Runs the requests of one review, as many at once as the terms allow."""

    material: Material
    model: ReviewModel
    terms: Terms
    progress: Progress
    name: str
    spent: int = 0  # requests used; one that was refused for its length does not count
    spare: int = 0  # requests that are left over in this round for second tries
    left: int = MAX_SHRINK_ROUNDS  # rounds that may still ask again with smaller requests
    lock: Lock = field(default_factory=Lock)

    def run(self, prompts: Sequence[Prompt], room: Limits) -> list[Exchange]:
        """Ask all; ask again with smaller requests where one was too large. Return the final exchanges."""
        done = list[Exchange]()
        for left in range(MAX_SHRINK_ROUNDS, -1, -1):
            self.left = left
            asked = self._run_round(prompts)
            again = [exchange for exchange in asked if self._can_halve(exchange)]
            prompts = self._build_smaller_prompts(again, room) if again else []
            done += [exchange for exchange in asked if not prompts or exchange not in again]
            if not prompts:
                break
        return done

    def _can_halve(self, exchange: Exchange) -> bool:
        overflows = isinstance(exchange.failure, ContextExceededError)
        rounds = self.left > (0 if overflows else MAX_SHRINK_ROUNDS - 1)
        return exchange.less_may_pass and rounds and self.spent < self.terms.max_requests

    def _build_smaller_prompts(self, again: Sequence[Exchange], room: Limits) -> list[Prompt]:
        """Return prompts half as large that show the same, as far as requests are left."""
        self.progress.say(f"asking again in smaller parts: {_describe_failure(again[0])}")
        files = [file for exchange in again for file in batches.list_shown_files(exchange.prompt.excerpt)]
        # A context window limits the whole prompt; time and answer length depend on what it shows.
        overflows = any(isinstance(exchange.failure, ContextExceededError) for exchange in again)
        sizes = [exchange.prompt.tokens for exchange in again]
        largest = min(room.tokens, min(sizes) if overflows else max(sizes))
        fixed = 0 if overflows else room.tokens - fitting.measure_room(self.material, room).tokens
        tokens = fixed + int((largest - fixed) * (SHRINK_FACTOR if overflows else HALVING_FACTOR))
        left = self.terms.max_requests - self.spent
        most = left if overflows else min(left, 2 * len(again))
        try:
            prompts = batches.build_prompts(
                replace(self.material, files=files), replace(room, tokens=tokens), most, self.model.count_tokens
            )
        except ContextExceededError:  # not even the instructions fit: these requests stay unanswered
            return []
        return [prompt for prompt in prompts if prompt.excerpt.parts]

    def _run_round(self, prompts: Sequence[Prompt]) -> list[Exchange]:
        self.spare = self.terms.max_requests - self.spent - len(prompts)
        together = min(self.terms.concurrency, len(prompts))
        asked = list(self._ask_in_turn(prompts)) if together == 1 else self._ask_concurrently(prompts, together)
        self.spent += sum(_count_tries(exchange) for exchange in asked)
        return asked

    def _ask_in_turn(self, prompts: Sequence[Prompt]) -> Iterator[Exchange]:
        """Ask one request after the other.

        When one is refused or there is no time for it, the requests after it would fail as well and are skipped.
        """
        refused: Exchange | None = None
        for text, prompt in self._number_prompts(prompts):
            asked = _skip_if_hopeless(prompt, refused) if refused else None
            if asked is None:
                with self.progress.show_wait(text):
                    asked = self._ask(prompt)
                self._log_part(asked, prompts)
            failure = asked.failure
            hopeless = isinstance(failure, ModelRefusedError | NoTimeLeftError) or (failure and self._can_halve(asked))
            refused = asked if hopeless else refused
            yield asked

    def _ask_concurrently(self, prompts: Sequence[Prompt], together: int) -> list[Exchange]:
        for text, _ in self._number_prompts(prompts):
            self.progress.say(text)
        pool, asked = ThreadPoolExecutor(together), list[Exchange]()
        try:
            with self.progress.show_wait(f"{together} requests at a time"):
                for exchange in pool.map(self._ask, prompts):
                    self._log_part(exchange, prompts)
                    asked.append(exchange)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # an interrupted run must not wait for answers
        return asked

    def _log_part(self, asked: Exchange, prompts: Sequence[Prompt]) -> None:
        """Log the result of one request of several."""
        if len(prompts) > 1:
            number = next(number for number, prompt in enumerate(prompts, 1) if prompt is asked.prompt)
            self.progress.say(f"part {number} of {len(prompts)}: {_describe_exchange(asked)}")

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
            self.progress.detail(refusal)
        return Exchange(prompt, answer)


def _skip_if_hopeless(prompt: Prompt, refused: Exchange) -> Exchange | None:
    """Return the failure of another request as this one's; None when this one may be asked."""
    if refused.less_may_pass and prompt.tokens < refused.prompt.tokens * FULL_SHARE:
        return None
    return Exchange(prompt, failure=refused.failure, spared=True)


def _count_tries(exchange: Exchange) -> int:
    if exchange.answer is not None:
        return exchange.answer.tries
    return 0 if exchange.spared or isinstance(exchange.failure, ContextExceededError) else 1


def _describe_exchange(exchange: Exchange) -> str:
    if exchange.answer is not None and exchange.usable and isinstance(exchange.answer.result, Review):
        found = format_count(len(exchange.answer.result.findings), "finding")
        return f"{found}; {exchange.cut}" if exchange.cut else found
    return str(exchange.why_unread or NoUsableAnswer())


def _describe_failure(exchange: Exchange) -> str:
    return str(exchange.failure) if exchange.failure else "the answer was cut off"


def _build_nothing_fits_error(prompt: Prompt, room: Limits) -> NothingFitsError:
    too_many = any(omission.reason is Reason.LINES for omission in prompt.excerpt.omissions)
    return NothingFitsError(NothingFits(room.lines if too_many else room.tokens, lines=too_many), prompt.excerpt)


def _choose_model_name(served: ServedModel) -> str:
    """Return the name the model is served by, or its weights' name when only that shows an IQuest-Coder."""
    weights = served.root.rstrip("/").rsplit("/", 1)[-1]  # without the path, which is internal to the server
    return weights if "iquest-coder" in weights.lower() and "iquest" not in served.model.lower() else served.model
