"""How long to wait before a request is repeated, and when to stop.

The wait is as long as the server asks for, otherwise twice as long each time, and never past the end of the job. Which
failures may pass is known where they are classified: llm/errors.py and gitlab/transport.py.
"""

import email.utils
import time
from collections.abc import Callable
from datetime import UTC

from tenacity import RetryCallState

from iquest_review.net.deadline import NO_DEADLINE, Deadline

MAX_RETRY_AFTER_SECONDS = 1e9  # more is nonsense


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
        self._deadline = deadline

    def charge(self, seconds: float) -> None:
        """Charge the seconds that a failed attempt took."""
        self.left -= seconds

    def should_stop(self, state: RetryCallState) -> bool:
        """Return whether the next wait exceeds the budget or the job's time. If not, charge that wait."""
        if state.upcoming_sleep >= self.left or not self._deadline.can_wait(state.upcoming_sleep):
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
