"""How long to wait for a server that may come back: what it asks for, else twice as long each time."""

import email.utils
import time
from collections.abc import Callable
from datetime import UTC

from tenacity import RetryCallState

LONGEST = 1e9  # seconds that a server may ask for; more is nonsense


class Passing(Exception):
    """Mixed into a failure that may pass; `wait` is what the server asked for, in seconds, None for nothing."""

    wait: float | None = None


class Purse:
    """Seconds that failed attempts and the waits between them may take, for all requests that share it.

    What succeeds costs nothing: a purse bounds what a bad server can cost a whole job, and not what a good one may
    take. `spent` is a stop condition of tenacity.
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def pay(self, seconds: float) -> None:
        """Takes out what a failed attempt took."""
        self.left -= seconds

    def spent(self, state: RetryCallState) -> bool:
        """Whether the next wait is more than what is left; if not, it is paid for."""
        if state.upcoming_sleep >= self.left:
            return True
        self.left -= state.upcoming_sleep
        return False


def waiting(first: float, longest: float, *, obey: bool = False) -> Callable[[RetryCallState], float]:
    """For tenacity: seconds before the next attempt, never over `longest`.

    With `obey`, what the server asks for is not cut short: whoever comes back earlier is refused again. The caller's
    stop condition then decides whether that is worth waiting for.
    """

    def seconds(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, Passing) else None
        if asked is not None:
            return asked if obey else min(asked, longest)
        jitter = 0.75 + 0.5 * (time.monotonic() % 1)  # two jobs that fail together should not come back together
        return float(min(jitter * first * 2 ** (state.attempt_number - 1), longest))

    return seconds


def telling(tell: Callable[[str], object]) -> Callable[[RetryCallState], None]:
    """For tenacity, before it sleeps: says what failed, and when it is tried again."""

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        tell(f"{error}; trying again in {state.upcoming_sleep:.0f} s")

    return before_sleep


def retry_after(header: str | None) -> float | None:
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
    return seconds if 0 <= seconds <= LONGEST else None
