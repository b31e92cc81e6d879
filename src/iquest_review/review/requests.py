"""Send the requests of a review: the first alone, then several at once as long as the server takes it.

The first request fills the server's cache with what all requests begin with. A request that was too large for the
server is asked again in two halves. What is unanswered after that is listed as not reviewed.
"""

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock

from iquest_review.errors import ContextExceededError, ModelError, ModelRefusedError
from iquest_review.excerpt.excerpt import Limits
from iquest_review.llm import ask
from iquest_review.net.deadline import NoTimeLeftError
from iquest_review.progress import Progress
from iquest_review.prompt import batches, fitting
from iquest_review.prompt.fitting import FULL_SHARE, Material, Prompt
from iquest_review.reasons.review import NoUsableAnswer
from iquest_review.review.exchange import (
    Answered,
    Exchange,
    Failed,
    Spared,
    Unusable,
    count_requests,
    explain_unread,
    get_cut,
    judge_answer,
    may_pass_in_halves,
)
from iquest_review.review.terms import ReviewModel, Terms
from iquest_review.text import format_count

MAX_TOGETHER = 4  # requests at once, where the settings do not say
# Of the time that a request may take: a server that answers one after the other makes the last of them wait for all.
MAX_WAITING_SHARE = 0.5
SHRINK_FACTOR = 0.5  # applied to the tokens of a prompt that exceeded the window
# Applied to what a prompt shows when its answer took too long: a half, and some room to cut between two lines.
HALVING_FACTOR = 0.55
MAX_SHRINK_ROUNDS = 2  # when the server reports no context window, or a wrong one


@dataclass
class Requests:
    """The requests of one review."""

    material: Material
    model: ReviewModel
    terms: Terms
    progress: Progress
    name: str  # of the model
    spent: int = 0  # requests used; one that was refused for its length does not count
    spare: int = 0  # requests that are left over in this round for second tries
    left: int = MAX_SHRINK_ROUNDS  # rounds that may still ask again with smaller requests
    lock: Lock = field(default_factory=Lock)
    turn: Lock = field(default_factory=Lock)  # held by the one request that a busy server is asked

    def ask_all(self, prompts: Sequence[Prompt], room: Limits) -> list[Exchange]:
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
        rounds = self.left > (0 if _is_too_long(exchange) else MAX_SHRINK_ROUNDS - 1)
        return may_pass_in_halves(exchange) and rounds and self.spent < self.terms.max_requests

    def _build_smaller_prompts(self, again: Sequence[Exchange], room: Limits) -> list[Prompt]:
        """Return prompts half as large that show the same, as far as requests are left."""
        self.progress.say(f"asking again in smaller parts: {_describe_failure(again[0])}")
        files = [file for exchange in again for file in batches.list_shown_files(exchange.prompt.excerpt)]
        # A context window limits the whole prompt; time and answer length depend on what it shows.
        overflows = any(map(_is_too_long, again))
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
        texts = dict(zip(map(id, prompts), self._describe_requests(prompts), strict=True))
        if self.terms.concurrency is not None:
            asked = self._ask(prompts, texts, None, self.terms.concurrency)
        else:
            started = time.monotonic()
            asked = self._ask(prompts[:1], texts, None, 1)
            together = self._choose_concurrency(asked[0], time.monotonic() - started)
            asked += self._ask(prompts[1:], texts, asked[0], together)
        self.spent += sum(map(count_requests, asked))
        return asked

    def _choose_concurrency(self, first: Exchange, seconds: float) -> int:
        """Return how many requests may run at once, after the first one took so many seconds."""
        if not isinstance(first, Answered | Unusable) or self.model.is_busy:
            return 1
        return max(1, min(MAX_TOGETHER, math.floor(MAX_WAITING_SHARE * self.terms.timeout / max(seconds, 0.001))))

    def _ask(
        self, prompts: Sequence[Prompt], texts: dict[int, str], before: Exchange | None, together: int
    ) -> list[Exchange]:
        """Ask so many at once, after another exchange of the round."""
        if min(together, len(prompts)) > 1:
            return self._ask_concurrently(prompts, texts, min(together, len(prompts)))
        return list(self._ask_in_turn(prompts, texts, before))

    def _ask_in_turn(
        self, prompts: Sequence[Prompt], texts: dict[int, str], before: Exchange | None
    ) -> Iterator[Exchange]:
        """Ask one request after the other.

        When one is refused or there is no time for it, the requests after it would fail as well and are spared.
        """
        failed = before if isinstance(before, Failed) and self._is_hopeless(before) else None
        for prompt in prompts:
            asked: Exchange | None = _spare_if_hopeless(prompt, failed) if failed else None
            if asked is None:
                with self.progress.show_wait(texts[id(prompt)]):
                    asked = self._ask_once(prompt)
                self._log_part(asked, list(texts))
            failed = asked if isinstance(asked, Failed) and self._is_hopeless(asked) else failed
            yield asked

    def _is_hopeless(self, failed: Failed) -> bool:
        return isinstance(failed.error, ModelRefusedError | NoTimeLeftError) or self._can_halve(failed)

    def _ask_concurrently(self, prompts: Sequence[Prompt], texts: dict[int, str], together: int) -> list[Exchange]:
        for prompt in prompts:
            self.progress.say(texts[id(prompt)])
        pool, asked = ThreadPoolExecutor(together), list[Exchange]()
        try:
            with self.progress.show_wait(f"{together} requests at a time"):
                for exchange in pool.map(self._ask_when_free, prompts):
                    self._log_part(exchange, list(texts))
                    asked.append(exchange)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # an interrupted run must not wait for answers
        return asked

    def _ask_when_free(self, prompt: Prompt) -> Exchange:
        """Ask; one after the other once the server has said that it is busy, unless the settings want more."""
        if self.terms.concurrency is None and self.model.is_busy:
            with self.turn:
                self.progress.say("the server is busy: one request at a time")
                return self._ask_once(prompt)
        return self._ask_once(prompt)

    def _log_part(self, asked: Exchange, round_ids: Sequence[int]) -> None:
        """Log the result of one request of several."""
        if len(round_ids) > 1:
            number = round_ids.index(id(asked.prompt)) + 1
            self.progress.say(f"part {number} of {len(round_ids)}: {_describe_exchange(asked)}")

    def _describe_requests(self, prompts: Sequence[Prompt]) -> Iterator[str]:
        for number, prompt in enumerate(prompts, 1):
            part = f"part {number} of {len(prompts)}, " if len(prompts) > 1 else ""
            lines = format_count(prompt.excerpt.lines, "line")
            yield f"asking {self.name} on {self.model.host}: {part}{lines}, {prompt.tokens:,} tokens"

    def _ask_once(self, prompt: Prompt) -> Exchange:
        form, templates = self.terms.structured_output, self.material.templates
        with self.lock:
            most = 1 + min(1, max(0, self.spare))
            self.spare -= most - 1
        try:
            answer = ask.ask_for_review(self.model, templates, prompt.messages, form, most)
        except ModelError as error:
            return Failed(prompt, error)
        with self.lock:
            self.spare += max(0, most - answer.tries)
        for refusal in answer.refused:
            self.progress.detail(refusal)
        return judge_answer(prompt, answer)


def _spare_if_hopeless(prompt: Prompt, failed: Failed) -> Spared | None:
    """Return the failure of another request as this one's; None when this one may be asked."""
    if failed.error.less_may_pass and prompt.tokens < failed.prompt.tokens * FULL_SHARE:
        return None
    return Spared(prompt, failed.error)


def _is_too_long(exchange: Exchange) -> bool:
    return isinstance(exchange, Failed | Spared) and isinstance(exchange.error, ContextExceededError)


def _describe_exchange(exchange: Exchange) -> str:
    if isinstance(exchange, Answered):
        found = format_count(len(exchange.review.findings), "finding")
        return f"{found}; {cut}" if (cut := get_cut(exchange)) else found
    return str(explain_unread(exchange) or NoUsableAnswer())


def _describe_failure(exchange: Exchange) -> str:
    return str(exchange.error) if isinstance(exchange, Failed | Spared) else "the answer was cut off"
