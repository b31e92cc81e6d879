"""How long to wait for a server that may come back: what it asks for, else twice as long each time, and never past the
end of the job."""

import email.utils
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from tenacity import RetryCallState

from iquest_review.errors import GitLabError, ModelUnreachableError

MAX_RETRY_AFTER_SECONDS = 1e9  # seconds that a server may ask for; more is nonsense
# Of a job's time, in seconds and at most as a share of it. GitLab's limit on notes is by the minute: to post takes two
# of those at worst. What is left after the command belongs to after_script and the upload of artifacts.
POSTING_RESERVE, SHUTDOWN_RESERVE = (120.0, 1 / 5), (30.0, 1 / 20)
MIN_REQUEST_TIME = (15.0, 1 / 20)  # a request that would have less is not worth beginning


class NoTimeLeftError(ModelUnreachableError):
    """The job ends before an answer could be had."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a job of so many seconds has to be done: `asking` is when the last answer has to be there, `end` when all is
    posted and written, both by `clock`. Without arguments, never."""

    seconds: float = math.inf
    asking: float = math.inf
    end: float = math.inf
    useful: float = 0.0
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def for_job(cls, seconds: float, spent: float = 0.0, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Of a job that may take so many seconds, and has taken some of them."""
        posting, after, useful = (
            min(most, share * seconds) for most, share in (POSTING_RESERVE, SHUTDOWN_RESERVE, MIN_REQUEST_TIME)
        )
        end = clock() + seconds - spent - after
        return cls(seconds, end - posting, end, useful, clock)

    def __str__(self) -> str:
        return f"no time left: the job may take {self.seconds:g} s (CI_JOB_TIMEOUT)"

    def grant_seconds(self, wanted: float) -> float:
        """The seconds that a request may take of those it wants. Raises NoTimeLeft where too few are left."""
        left = self.asking - self.clock()
        if left < min(wanted, self.useful):
            raise NoTimeLeftError(str(self))
        return min(wanted, left)

    def can_wait(self, wait: float) -> bool:
        """Whether there is time for a request after so many seconds."""
        return self.clock() + wait + self.useful <= self.asking

    def sleep(self, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Waits for GitLab. Raises GitLabError instead where the job would end meanwhile."""
        if self.clock() + seconds >= self.end:
            raise GitLabError(f"{self}, and GitLab would have to be waited for ({seconds:.0f} s)")
        sleep(seconds)


NO_DEADLINE = Deadline()


class TransientError(Exception):
    """Mixed into a failure that may pass; `wait` is what the server asked for, in seconds, None for nothing."""

    wait: float | None = None


class RetryBudget:
    """Seconds that failed attempts and the waits between them may take, for all requests that share it.

    What succeeds costs nothing: a purse bounds what a bad server can cost a whole job, and not what a good one may
    take. `spent` is a stop condition of tenacity.
    """

    def __init__(self, seconds: float, deadline: Deadline = NO_DEADLINE) -> None:
        self.left = seconds
        self._until = deadline

    def charge(self, seconds: float) -> None:
        """Takes out what a failed attempt took."""
        self.left -= seconds

    def should_stop(self, state: RetryCallState) -> bool:
        """Whether the next wait is more than what is left, or than what the job has; if not, it is paid for."""
        if state.upcoming_sleep >= self.left or not self._until.can_wait(state.upcoming_sleep):
            return True
        self.left -= state.upcoming_sleep
        return False


def backoff(first: float, longest: float, *, honour_retry_after: bool = False) -> Callable[[RetryCallState], float]:
    """For tenacity: seconds before the next attempt, never over `longest`.

    With `obey`, what the server asks for is not cut short: whoever comes back earlier is refused again. The caller's
    stop condition then decides whether that is worth waiting for.
    """

    def seconds(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        requested = error.wait if isinstance(error, TransientError) else None
        if requested is not None:
            return requested if honour_retry_after else min(requested, longest)
        jitter = 0.75 + 0.5 * (time.monotonic() % 1)  # two jobs that fail together should not come back together
        return float(min(jitter * first * 2 ** (state.attempt_number - 1), longest))

    return seconds


def log_retry(tell: Callable[[str], object]) -> Callable[[RetryCallState], None]:
    """For tenacity, before it sleeps: says what failed, and when it is tried again."""

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        tell(f"{error}; trying again in {state.upcoming_sleep:.0f} s")

    return before_sleep


def parse_retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, given as a number or a date; None for none or nonsense."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            date = email.utils.parsedate_to_datetime(header)
            # Without a zone it is meant in UTC, as the standard has it, and not in the runner's own time.
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return seconds if 0 <= seconds <= MAX_RETRY_AFTER_SECONDS else None
