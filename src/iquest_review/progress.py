"""What a run writes to stderr while it works: plain lines, and on a terminal a spinner while a model thinks."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from iquest_review.text import escape_invisible


class Progress:
    """A log of one line per step, with the seconds since the start.

    A text stays on its line and its invisible characters are written out, so hostile text cannot imitate other lines.
    """

    def __init__(self, stream: TextIO | None = None, *, verbosity: int = 0, clean: Callable[[str], str] = str) -> None:
        self._stream: TextIO | None = stream or sys.stderr  # None: whoever started this process closed stderr
        self._verbosity = verbosity
        self._clean = clean  # takes secrets out: a text may quote what a server answered
        self._started = time.monotonic()

    def warn(self, text: str) -> None:
        """Write a problem; those who asked for quiet see it, too."""
        self._write(text)

    def say(self, text: str) -> None:
        """Write that a step is done, or a fact worth knowing."""
        if self._verbosity >= 0:
            self._write(text)

    def detail(self, text: str) -> None:
        """Write a detail for those who ask for details."""
        if self._verbosity > 0:
            self._write(text)

    @contextmanager
    def show_wait(self, text: str) -> Iterator[None]:
        """Say what is under way during a slow `with` block."""
        self.say(text)
        yield

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            print(f"{time.monotonic() - self._started:6.1f} s  {self._render(text)}", file=self._stream, flush=True)
        except OSError:  # the disk is full or the reader is gone: the review goes on without a log
            self._stream = None

    def _render(self, text: str) -> str:
        return escape_invisible(self._clean(text)).replace("\n", " ")


class TerminalProgress(Progress):
    """The same lines, and a spinner with a running clock while something slow is under way."""

    @contextmanager
    def show_wait(self, text: str) -> Iterator[None]:
        """Show a spinner during a slow `with` block, then write its line."""
        # Imported here, because only a terminal needs rich.
        from rich import console, progress  # noqa: PLC0415

        text_column = progress.TextColumn("{task.description}", markup=False)
        columns = (progress.SpinnerColumn(), progress.TimeElapsedColumn(), text_column)
        with progress.Progress(*columns, console=console.Console(file=self._stream), transient=True) as bar:
            bar.add_task(self._render(text), total=None)
            yield
        self.say(text)


def create_progress(verbosity: int, clean: Callable[[str], str] = str) -> Progress:
    """Return the log that fits stderr: with a spinner on a terminal, else plain lines.

    `verbosity` is -1 (quiet), 0, or 1 (details).
    """
    on_terminal = sys.stderr and sys.stderr.isatty() and verbosity >= 0
    return (TerminalProgress if on_terminal else Progress)(verbosity=verbosity, clean=clean)
