"""When a job has to be done, and what still fits into its time."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from iquest_review.errors import GitLabError, ModelUnreachableError
from iquest_review.reasons.connection import NoTimeLeft

# Parts of a job's time: in seconds, and the largest share of it. GitLab limits notes by the minute, and posting needs
# two of those at worst. The time after the command belongs to after_script and the upload of artifacts.
POSTING_RESERVE, SHUTDOWN_RESERVE = (120.0, 1 / 5), (30.0, 1 / 20)
MIN_REQUEST_TIME = (15.0, 1 / 20)  # a request with less time is not worth starting


class NoTimeLeftError(ModelUnreachableError):
    """The job ends before an answer can arrive."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a job has to be done: never, if made without arguments.

    `seconds` is the time of the whole job. By `clock`, the last answer must have arrived at `ask_until`, and everything
    must be posted and written at `end`. A request needs at least `min_request_seconds` seconds.
    """

    seconds: float = math.inf
    ask_until: float = math.inf
    end: float = math.inf
    min_request_seconds: float = 0.0
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def for_job(cls, seconds: float, spent: float = 0.0, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Return the deadline of a job that may take `seconds`, of which `spent` are over."""
        posting, after, min_request_seconds = (
            min(most, share * seconds) for most, share in (POSTING_RESERVE, SHUTDOWN_RESERVE, MIN_REQUEST_TIME)
        )
        end = clock() + seconds - spent - after
        return cls(seconds, end - posting, end, min_request_seconds, clock)

    def __str__(self) -> str:
        return str(self.explain_end())

    def explain_end(self, waited: float | None = None) -> NoTimeLeft:
        """Return that there is no time left; `waited` is how long the last request waited, in seconds."""
        return NoTimeLeft(self.seconds, waited)

    def grant_seconds(self, wanted: float) -> float:
        """Return how many of the wanted seconds a request may take. Raises NoTimeLeftError if too few are left."""
        left = self.ask_until - self.clock()
        if left < min(wanted, self.min_request_seconds):
            raise NoTimeLeftError(self.explain_end())
        return min(wanted, left)

    def can_wait(self, wait: float) -> bool:
        """Return whether there is time for a request after waiting `wait` seconds."""
        return self.clock() + wait + self.min_request_seconds <= self.ask_until

    def sleep(self, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait for GitLab with `sleep`. Raises GitLabError instead if the job would end meanwhile."""
        if self.clock() + seconds >= self.end:
            raise GitLabError(f"{self}, and waiting for GitLab would exceed it ({seconds:.0f} s)")
        sleep(seconds)


NO_DEADLINE = Deadline()
