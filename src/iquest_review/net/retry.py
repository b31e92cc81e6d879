"""How long to wait for a server that may recover.

As long as it asks for, otherwise twice as long each time, and never past the end of the job.
"""

import email.utils
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from tenacity import RetryCallState

from iquest_review.errors import GitLabError, ModelUnreachableError

MAX_RETRY_AFTER_SECONDS = 1e9  # more is nonsense
# Parts of a job's time: in seconds, and the largest share of it. GitLab limits notes by the minute, and posting needs
# two of those at worst. The time after the command belongs to after_script and the upload of artifacts.
POSTING_RESERVE, SHUTDOWN_RESERVE = (120.0, 1 / 5), (30.0, 1 / 20)
MIN_REQUEST_TIME = (15.0, 1 / 20)  # a request with less time is not worth starting


class NoTimeLeftError(ModelUnreachableError):
    """The job ends before an answer can arrive."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a job has to be done: never, if made without arguments.

    `seconds` is the time of the whole job. By `clock`, the last answer must have arrived at `asking`, and everything
    must be posted and written at `end`. A request needs at least `useful` seconds.
    """

    seconds: float = math.inf
    asking: float = math.inf
    end: float = math.inf
    useful: float = 0.0
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def for_job(cls, seconds: float, spent: float = 0.0, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Return the deadline of a job that may take `seconds`, of which `spent` are over."""
        posting, after, useful = (
            min(most, share * seconds) for most, share in (POSTING_RESERVE, SHUTDOWN_RESERVE, MIN_REQUEST_TIME)
        )
        end = clock() + seconds - spent - after
        return cls(seconds, end - posting, end, useful, clock)

    def __str__(self) -> str:
        return f"no time left: the job may take {self.seconds:g} s (CI_JOB_TIMEOUT)"

    def grant_seconds(self, wanted: float) -> float:
        """Return how many of the wanted seconds a request may take. Raises NoTimeLeftError if too few are left."""
        left = self.asking - self.clock()
        if left < min(wanted, self.useful):
            raise NoTimeLeftError(str(self))
        return min(wanted, left)

    def can_wait(self, wait: float) -> bool:
        """Return whether there is time for a request after waiting `wait` seconds."""
        return self.clock() + wait + self.useful <= self.asking

    def sleep(self, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait for GitLab with `sleep`. Raises GitLabError instead if the job would end meanwhile."""
        if self.clock() + seconds >= self.end:
            raise GitLabError(f"{self}, and waiting for GitLab would exceed it ({seconds:.0f} s)")
        sleep(seconds)


NO_DEADLINE = Deadline()


class TransientError(Exception):
    """Mixed into a failure that may pass; `wait` is the seconds that the server asks for, None if it asks for none."""

    wait: float | None = None


class RetryBudget:
    """Seconds that failed attempts and the waits between them may take, for all requests that share it.

    Only failed attempts and waits are charged. The budget limits what an unreliable server can cost, never a healthy
    one. `should_stop` is a stop condition of tenacity.
    """

    def __init__(self, seconds: float, deadline: Deadline = NO_DEADLINE) -> None:
        self.left = seconds
        self._until = deadline

    def charge(self, seconds: float) -> None:
        """Charge the seconds that a failed attempt took."""
        self.left -= seconds

    def should_stop(self, state: RetryCallState) -> bool:
        """Return whether the next wait exceeds the budget or the job's time; if not, charge it."""
        if state.upcoming_sleep >= self.left or not self._until.can_wait(state.upcoming_sleep):
            return True
        self.left -= state.upcoming_sleep
        return False


def backoff(first: float, longest: float, *, honour_retry_after: bool = False) -> Callable[[RetryCallState], float]:
    """Return a function for tenacity that gives the seconds before the next attempt, at most `longest`.

    With `honour_retry_after`, a wait that the server asks for is not shortened, since a client that comes back earlier
    is refused again. The caller's stop condition then decides whether to wait that long.
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
    """Return a function for tenacity that tells, before each wait, what failed and when it is tried again."""

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        tell(f"{error}; trying again in {state.upcoming_sleep:.0f} s")

    return before_sleep


def parse_retry_after(header: str | None) -> float | None:
    """Parse a Retry-After header (RFC 9110, 10.2.3): a number of seconds or a date.

    Returns seconds from now, or None if there is no header or it makes no sense.
    """
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:  # not a number: perhaps a date
        try:
            date = email.utils.parsedate_to_datetime(header)
            # A date without a zone is in UTC, as the standard says, not in the runner's own time.
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time()
        except (ValueError, OverflowError):  # neither: the server asked for nothing that can be followed
            return None
    return seconds if 0 <= seconds <= MAX_RETRY_AFTER_SECONDS else None
