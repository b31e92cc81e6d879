"""The command in a process of its own, forked from one that has loaded the libraries: most of a short run is loading.

What is the user's own stays so: a process with its arguments, environment, folder, standard input and output, and its
exit code. Signals and the start of the interpreter itself are tried on `python -c` elsewhere.
"""

import io
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NoReturn

TIMEOUT = 60  # seconds
LOADED = [
    *(
        "iquest_review.cli.main",
        "iquest_review.cli.start",
        "iquest_review.app.wiring",
        "iquest_review.stand_in.server",
        "iquest_review.review.follow_up",
        "iquest_review.context.clone",
        "json_repair",
        "yaml",
    ),
    *("iquest_review.git.history", "iquest_review.code.signatures", "iquest_review.note.guard", "git"),
    *("iquest_review.context.enclosing", "iquest_review.context.references", "iquest_review.context.history_rows"),
]

Prelude = Callable[[], None]


@dataclass
class Ran:
    """What came of it."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(
    arguments: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    stdin: bytes = b"",
    *,
    before: Prelude | None = None,
    started: Callable[[int], object] = lambda _: None,
    timeout: float = TIMEOUT,
) -> Ran:
    """Runs `iquest-review` with these arguments in this folder, with this environment and no other.

    `before` is called in the new process first, which leads a group of its own; `started` is told its number. Raises
    TimeoutError, and ends the group, where it takes longer.
    """
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "0").write_bytes(stdin)
        process = _context().Process(target=_child, args=(list(arguments), str(folder), dict(environ), place, before))
        process.start()
        started(process.pid or 0)
        process.join(timeout)
        if process.exitcode is None:
            os.killpg(process.pid or 0, signal.SIGKILL)
            raise TimeoutError(f"{arguments} did not end in {timeout} s")
        code, out, err = process.exitcode, *((Path(place) / name).read_bytes() for name in "12")
        process.close()
        return Ran(code, out, err)


def briefly() -> None:
    """For `before`: a wait between two attempts takes a hundredth of what is told and reckoned with."""
    from iquest_review.llm.client import ModelClient  # noqa: PLC0415 - nothing here is meant for the tests' process
    from iquest_review.net.deadline import Deadline  # noqa: PLC0415

    def sleep(seconds: float) -> None:
        time.sleep(seconds / 100)

    defaults = ModelClient.__init__.__kwdefaults__ or {}
    assert (defaults["sleep"], Deadline.sleep.__defaults__) == (time.sleep, (time.sleep,))
    defaults["sleep"], Deadline.sleep.__defaults__ = sleep, (sleep,)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context


def _child(arguments: list[str], folder: str, environ: dict[str, str], place: str, before: Prelude | None) -> NoReturn:
    os.setsid()
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY | os.O_CREAT), (2, os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(f"{place}/{number}", flags, 0o600), number)
    sys.stdin, sys.stdout = _text(0, "rb"), _text(1, "wb")
    sys.stderr = _text(2, "wb")
    _forget_git(environ)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = ["iquest-review", *arguments]
    if before:
        before()
    from iquest_review.cli.main import main  # noqa: PLC0415 - as the command itself does it

    main()
    raise AssertionError("main leaves by SystemExit")


def _forget_git(environ: Mapping[str, str]) -> None:
    """GitPython looks for git, and reads settings, when it is loaded: with others than here it is loaded again."""
    if environ.get("PATH") == os.environ.get("PATH") and not any(name.startswith("GIT_PYTHON") for name in environ):
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "git"]:
        del sys.modules[name]


def _text(number: int, mode: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(os.fdopen(number, mode), encoding="utf-8", errors="surrogateescape", line_buffering=True)
