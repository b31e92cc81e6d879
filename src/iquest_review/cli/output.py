"""What a command prints: its result on standard output, one line for a failure on standard error."""

import os
import sys
from contextlib import suppress
from typing import TextIO

from iquest_review.redaction.environment import make_cleaner
from iquest_review.text import shorten_to_line

MAX_MESSAGE_CHARS = 2_000
MAX_SEARCHED_CHARS = 20_000  # for secrets: a cause or a traceback may quote a body of megabytes


def print_result(text: str, code: int) -> int:
    """Print the result and return the exit code: `code`, or 4 if the result cannot be printed and `code` is 0."""
    if sys.stdout is None:
        return report_failure("standard output is closed: nothing could be printed", code or 4)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        flush(sys.stdout)
    except OSError as error:
        flush(sys.stdout)
        return report_failure(f"cannot write standard output: {error.strerror}", code or 4)
    return code


def report_failure(message: str, code: int) -> int:
    """Print one line on standard error, without secrets, and return the exit code."""
    if len(message) > MAX_SEARCHED_CHARS:  # without the word that is cut: half of a secret is not known as one
        message = message[:MAX_SEARCHED_CHARS].rpartition(" ")[0]
    message = make_cleaner(os.environ)(message)
    if sys.stderr is not None:
        with suppress(OSError):  # nobody can be told: the exit code has to say it
            print(f"iquest-review: {shorten_to_line(message, MAX_MESSAGE_CHARS)}", file=sys.stderr)
    return code


def report_causes(error: BaseException) -> None:
    """Print what caused an error, a line for each exception of its chain."""
    seen = {id(error)}
    while (cause := error.__cause__) is not None and id(cause) not in seen:
        report_failure(f"caused by {type(cause).__name__}: {cause}", 0)
        seen.add(id(cause))
        error = cause


def append_notes(words: str, error: BaseException) -> str:
    """Return the words, followed by the notes that were added to the error: what to do about it."""
    return "; ".join([words, *getattr(error, "__notes__", ())])


def flush(stream: TextIO | None) -> None:
    """Flush a stream for the last time. If it fails, point it at nothing, or Python would fail as it exits."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
