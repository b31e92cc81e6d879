"""Parts of a hunk that does not fit as it is: with fewer unchanged lines, or only its beginning."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from iquest_review.diff.diff import Hunk
from iquest_review.excerpt.numbered_rows import FoldedHunk

LARGE_ROWS, LARGE_BYTES = 200, 8_000  # a larger hunk is cut if it does not fit
MIN_SHOWN_ROWS, MIN_SHOWN_BYTES = 20, 2_000  # the least of a cut hunk that is shown, unless nothing else is shown
CONTEXT_LINES, MIN_CONTEXT_LINES = 3, 1  # unchanged lines around a change when more of them do not fit
MIN_ROW_BYTES = 5  # marker, a digit, "| " and LF; a CR is not shown


def is_large(hunk: Hunk) -> bool:
    """Return whether a hunk is large enough to be cut."""
    return len(hunk.rows) > LARGE_ROWS or sum(map(len, hunk.rows)) > LARGE_BYTES


def narrow_context(hunk: Hunk, context: int) -> Sequence[Hunk]:
    """Return the hunks that git would make with so many lines around a change; only the first has the heading."""
    if isinstance(hunk, FoldedHunk) or len(hunk.rows) - hunk.changed_lines <= context:
        return (hunk,)
    ranges: list[tuple[int, int]] = []
    for index, row in enumerate(hunk.rows):
        if row[:1] in (b"+", b"-", b"\\"):
            start, end = max(0, index - context), min(len(hunk.rows), index + context + 1)
            if ranges and start <= ranges[-1][1] + 1:  # one row takes no more room than the heading of another hunk
                start, _ = ranges.pop()
            ranges.append((start, end))
    if ranges == [(0, len(hunk.rows))]:
        return (hunk,)
    pieces = tuple(slice_hunk(hunk, ranges))
    return (*pieces[:1], *(replace(piece, heading="") for piece in pieces[1:]))


def trim_before_change(hunk: Hunk, context: int) -> Hunk:
    """Return the hunk with at most so many unchanged lines before its first change."""
    first = next((index for index, row in enumerate(hunk.rows) if row[:1] in (b"+", b"-")), 0)
    start = max(0, first - context)
    return next(slice_hunk(hunk, [(start, len(hunk.rows))])) if start else hunk


def slice_hunk(hunk: Hunk, ranges: Sequence[tuple[int, int]]) -> Iterator[Hunk]:
    """Yield parts of a hunk by ranges of rows (start, end after the last), which are in order."""
    old, new, position = hunk.old_start, hunk.new_start, 0
    for start, end in ranges:
        added, removed, context = _count_lines(hunk.rows[position:start])
        old, new, position = old + removed + context, new + added + context, end
        added, removed, context = _count_lines(hunk.rows[start:end])
        yield replace(hunk, old_start=old, new_start=new, rows=hunk.rows[start:end], added=added, removed=removed)
        old, new = old + removed + context, new + added + context


def find_seam(rows: Sequence[bytes], most: int) -> int:
    """Return the number of rows, at most `most`, after which to cut.

    Preferably not between a removed line and its replacement, then after a blank line, then before the line with the
    least indentation, then as late as possible.
    """

    def roughness(index: int) -> tuple[bool, bool, int, int]:
        before, after = rows[index - 1], rows[index][1:]
        indentation = len(after) - len(after.lstrip()) if after.strip() else LARGE_BYTES
        return before[:1] == b"-", bool(before[1:].strip()), indentation, -index

    places = range(most, max(most // 2, most - LARGE_ROWS), -1)
    return min((index for index in places if rows[index][:1] != b"\\"), key=roughness, default=0)


def _count_lines(rows: Sequence[bytes]) -> tuple[int, int, int]:
    """Count added, removed and context lines."""
    added, removed, marks = (sum(row[:1] == marker for row in rows) for marker in (b"+", b"-", b"\\"))
    return added, removed, len(rows) - added - removed - marks
