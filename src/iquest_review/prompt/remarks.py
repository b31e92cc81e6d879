"""Earlier remarks -> the rows a model is shown, when it is asked which of them are fixed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iquest_review.excerpt.numbered_rows import inert, shown_path
from iquest_review.text import one_line

LONGEST_TEXT, LONGEST_PATH = 1_000, 300  # characters of one remark


@dataclass(frozen=True, slots=True)
class Remark:
    """What was said of a place earlier. Its text is hostile: it came from a model that read hostile code."""

    path: str  # in the new file as it is now, as is the line
    line: int | None
    text: str


def remark_rows(remarks: Sequence[Remark]) -> Iterator[str]:
    """Two rows for each remark: number (from 1), path and line; then its text, indented and on one row, so that no
    remark can write the first row of another."""
    for number, remark in enumerate(remarks, 1):
        place = "no line" if remark.line is None else f"line {remark.line}"
        yield f"remark {number}: {_path(remark.path)} ({place})"
        yield f"    {one_line(inert(remark.text), LONGEST_TEXT)}"


def _path(path: str) -> str:
    """The path, or the end of one that no file system holds."""
    shown = shown_path(path)
    return shown if len(shown) <= LONGEST_PATH else "…" + shown[1 - LONGEST_PATH :]
