"""Earlier remarks as rows for a model that is asked which of them are fixed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iquest_review.excerpt.chat_tokens import defuse_tokens
from iquest_review.excerpt.numbered_rows import render_path
from iquest_review.text import shorten_to_line

MAX_TEXT_CHARS, MAX_PATH_CHARS = 1_000, 300  # of one remark


@dataclass(frozen=True, slots=True)
class Remark:
    """An earlier remark on a place. Its text is hostile: it came from a model that read hostile code."""

    path: str  # of the new file as it is now; so is the line
    line: int | None
    text: str


def render_remarks(remarks: Sequence[Remark]) -> Iterator[str]:
    """Yield two rows for each remark: its number (from 1), path and line; then its text.

    The text is indented and on one row, so that no remark can write the first row of another.
    """
    for number, remark in enumerate(remarks, 1):
        place = "no line" if remark.line is None else f"line {remark.line}"
        yield f"remark {number}: {_shorten_path(remark.path)} ({place})"
        yield f"    {shorten_to_line(defuse_tokens(remark.text), MAX_TEXT_CHARS)}"


def _shorten_path(path: str) -> str:
    """Return the path, or only its end where it is longer than any file system allows."""
    shown = render_path(path)
    return shown if len(shown) <= MAX_PATH_CHARS else "…" + shown[1 - MAX_PATH_CHARS :]
