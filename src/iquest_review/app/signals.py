"""How a run stops from outside: Ctrl-C, a cancelled job, the end of the job's time.

Each of them raises Interrupted in the main thread, wherever it is, so that every `with` and `finally` on the way out
runs: temporary folders and half-written files are removed. Child processes are ended first, or a `finally` would wait
for them. GitLab's runner kills a cancelled job that does not end by itself.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self

CHILD_EXIT_SECONDS = 1.0  # for a child process to end before it is killed
EXIT_SECONDS = 5.0  # for the way out
RAISE_AGAIN_SECONDS = 0.02  # after which an interruption that a destructor swallowed is raised again


class Interrupted(KeyboardInterrupt):
    """The run has to end now. It is a KeyboardInterrupt, so code that cleans up at Ctrl-C cleans up here, too."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.words = words
        self.code = code


class Signals:
    """Within this context, the first signal interrupts the run; `fired` is that interruption.

    Afterwards, a run that is the whole `process` ignores signals: Python takes a while to exit, and the work is done.
    """

    def __init__(self, *, process: bool) -> None:
        self.fired: Interrupted | None = None
        self._whole = process
        self._armed = True
        self._late = ""  # the message for when the time is over
        self._process = os.getpid()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # only there Python lets signals be handled
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:  # nohup, or a shell's `&`
                    self._before[number] = before
                    signal.signal(number, self._handle)
            self._hook, sys.unraisablehook = sys.unraisablehook, self._handle_unraisable
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.unraisablehook = self._hook
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._whole else before)

    def end_in(self, seconds: float, words: str) -> None:
        """Interrupt the run after so many seconds, with these words, if it is still running then."""
        if seconds < threading.TIMEOUT_MAX and signal.SIGALRM in self._before:
            self._late = words
            signal.setitimer(signal.ITIMER_REAL, max(seconds, RAISE_AGAIN_SECONDS))

    def disarm(self) -> None:
        """Ignore signals from now on: the run is done."""
        self._armed = False

    def leave(self, code: int) -> None:
        """Exit at once if a thread would keep the process waiting for an answer that nobody needs any more."""
        if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
            os._exit(code)

    def _handle(self, number: int, *_: object) -> None:
        if os.getpid() != self._process:  # a fork of ours
            os._exit(0)
        if not self._armed or self.fired:
            return
        match number:
            case signal.SIGINT:
                self.fired = Interrupted("interrupted", 130)
            case signal.SIGTERM:
                self.fired = Interrupted("stopped by SIGTERM (the job was cancelled)", 143)
            case _:
                self.fired = Interrupted(self._late, 4)
        self._arm_alarm(EXIT_SECONDS, self._give_up)
        _end_children()
        raise self.fired

    def _arm_alarm(self, seconds: float, handler: Callable[[int, object], object]) -> None:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _raise_again(self, *_: object) -> None:
        self._arm_alarm(EXIT_SECONDS, self._give_up)
        if self._armed and self.fired:
            raise self.fired

    def _handle_unraisable(self, lost: Any) -> None:
        """Raise an interruption again that Python dropped in a destructor or in a callback."""
        if isinstance(lost.exc_value, Interrupted):
            self._arm_alarm(RAISE_AGAIN_SECONDS, self._raise_again)
        else:
            self._hook(lost)

    def _give_up(self, *_: object) -> NoReturn:
        words, code = (self.fired.words, self.fired.code) if self.fired else ("", 4)
        with suppress(OSError):
            os.write(2 if sys.stderr else -1, f"iquest-review: {words}\n".encode())
        _signal_children(signal.SIGKILL)
        os._exit(code)


def _end_children() -> None:
    """End all child processes and wait until they are gone: git writes into folders that are about to be removed."""
    _signal_children(signal.SIGTERM)
    end = time.monotonic() + CHILD_EXIT_SECONDS
    while any(_is_alive(child) for child in _list_children()):
        if time.monotonic() > end:
            _signal_children(signal.SIGKILL)
            return
        time.sleep(0.005)


def _signal_children(number: int) -> None:
    for child in list(_list_children()):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, number)


def _list_children(parent: str = "self") -> Iterator[int]:
    """Yield the ids of the processes below one, from the kernel's list; nothing if there is no such list."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208
            for child in _load_kernel_file(f"/proc/{parent}/task/{thread}/children").split():
                yield int(child)
                yield from _list_children(child)


def _is_alive(child: int) -> bool:
    """Return whether a process still runs; the code that started it reaps it later."""
    status = _load_kernel_file(f"/proc/{child}/stat").rpartition(")")[2].split()
    return bool(status) and status[0] not in "ZX"


def _load_kernel_file(path: str) -> str:
    """Return the text of a file of the kernel; empty if there is none. `open` spares `--help` the import of pathlib."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""
