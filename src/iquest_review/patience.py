"""How long to wait for a server that may come back: what it asks for, else twice as long each time."""

import email.utils
import time
from collections.abc import Callable

from tenacity import RetryCallState


class Passing(Exception):
    """Mixed into a failure that may pass; `wait` is what the server asked for, in seconds, None for nothing."""

    wait: float | None = None


def waiting(first: float, longest: float) -> Callable[[RetryCallState], float]:
    """For tenacity: seconds before the next attempt, never over `longest`."""

    def seconds(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, Passing) else None
        jitter = 0.75 + 0.5 * (time.monotonic() % 1)  # two jobs that fail together should not come back together
        return min(asked if asked is not None else jitter * first * 2 ** (state.attempt_number - 1), longest)

    return seconds


def retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, given as a number or a date; None for none or nonsense."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return seconds if 0 <= seconds < float("inf") else None
