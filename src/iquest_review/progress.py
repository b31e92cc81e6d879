"""What a run says while it works, on stderr: plain lines in a job log, a spinner on a terminal while a model thinks."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from iquest_review.text import escape_invisible


class Progress(Protocol):
    """Who is told."""

    def warn(self, text: str) -> None:
        """Something is wrong that even those want to know who asked for quiet."""

    def say(self, text: str) -> None:
        """A step is done, or something is worth knowing."""

    def detail(self, text: str) -> None:
        """Something only those who ask for it want to know."""

    @contextmanager
    def show_wait(self, text: str) -> Iterator[None]:
        """Around something slow."""


class PlainProgress:
    """A line a step, with the seconds since the start. Texts of others are made visible: no line can pass for ours."""

    def __init__(self, stream: TextIO | None = None, *, verbosity: int = 0, clean: Callable[[str], str] = str) -> None:
        self._stream: TextIO | None = stream or sys.stderr  # None: closed by whoever started us
        self._verbosity = verbosity
        self._clean = clean  # takes secrets out: a server may say anything
        self._started = time.monotonic()

    def warn(self, text: str) -> None:
        self._write(text)

    def say(self, text: str) -> None:
        if self._verbosity >= 0:
            self._write(text)

    def detail(self, text: str) -> None:
        if self._verbosity > 0:
            self._write(text)

    @contextmanager
    def show_wait(self, text: str) -> Iterator[None]:
        self.say(text)
        yield

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        line = escape_invisible(self._clean(text)).replace("\n", " ")
        try:
            print(f"{time.monotonic() - self._started:6.1f} s  {line}", file=self._stream, flush=True)
        except OSError:  # the log is full, or its reader is gone: a review is not lost for want of one
            self._stream = None


class TerminalProgress(PlainProgress):
    """The same lines, and a spinner with a running clock while something slow is under way."""

    @contextmanager
    def show_wait(self, text: str) -> Iterator[None]:
        from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
        from rich.progress import Progress as Bar  # noqa: PLC0415
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
        with Bar(*columns, console=Console(file=self._stream), transient=True) as bar:
            bar.add_task(escape_invisible(self._clean(text)).replace("\n", " "), total=None)
            yield
        self.say(text)


def create_progress(verbosity: int, clean: Callable[[str], str] = str) -> Progress:
    """The display that fits where stderr leads; `verbosity` is -1 (quiet), 0 or 1 (details)."""
    kind = TerminalProgress if sys.stderr and sys.stderr.isatty() and verbosity >= 0 else PlainProgress
    return kind(verbosity=verbosity, clean=clean)
