"""What may go wrong on the way to the double, or happen just before it answers."""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Target(Protocol):
    """What of a request a fault is chosen by."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query_string(self) -> str: ...


def _matches(method: str, path: re.Pattern[str], request: Target) -> bool:
    target = f"{request.path}?{request.query_string}" if request.query_string else request.path
    return method in ("*", request.method) and bool(path.search(target))


@dataclass
class Fault:
    """Something that goes wrong with a matching request, `times` times."""

    method: str
    path: re.Pattern[str]
    status: int | None
    body: bytes
    headers: Mapping[str, str]
    times: int
    after_store: bool
    drop: bool
    delay: float


@dataclass
class Interlude:
    """Something that happens once, just before the first matching request is handled. `ran` says that it did."""

    method: str
    path: re.Pattern[str]
    action: Callable[[], None]
    ran: bool = False


@dataclass
class Troubles:
    """All that is planned to go wrong; safe to ask from many threads."""

    faults: list[Fault] = field(default_factory=list)
    interludes: list[Interlude] = field(default_factory=list)
    lives: int | None = None  # how many requests are still handled; None: all
    lock: threading.Lock = field(default_factory=threading.Lock)

    def alive(self) -> bool:
        """Whether this request is still handled."""
        with self.lock:
            if self.lives is None:
                return True
            self.lives -= 1
            return self.lives >= 0

    def interrupt(self, request: Target) -> None:
        """Run what is to happen before this request. No lock is held: an action may send requests of its own."""
        with self.lock:
            due = [one for one in self.interludes if not one.ran and _matches(one.method, one.path, request)]
            for one in due:
                one.ran = True
        for one in due:
            one.action()

    def take_fault(self, request: Target) -> Fault | None:
        with self.lock:
            fault = next((f for f in self.faults if f.times > 0 and _matches(f.method, f.path, request)), None)
            if fault:
                fault.times -= 1
            return fault
