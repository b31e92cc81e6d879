"""A hunk that does not fit as it is: its size, the hunk with fewer unchanged lines, its beginning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from iquest_review.diff.diff import Hunk
from iquest_review.diff.identity_key import IdentityKey
from iquest_review.excerpt.exclusions import Reason
from iquest_review.excerpt.numbered_rows import (
    CUT_LINE_CHARS,
    FoldedHunk,
    count_bytes,
    render_hunk_row,
    render_line_rows,
)

LARGE_ROWS, LARGE_BYTES = 200, 8_000  # a larger hunk is cut if it does not fit
MIN_SHOWN_ROWS, MIN_SHOWN_BYTES = 20, 2_000  # the least of a cut hunk that is shown, unless nothing else is shown
CONTEXT_LINES, MIN_CONTEXT_LINES = 3, 1  # unchanged lines around a change when more of them do not fit
MAX_CACHED_ROWS = 500  # of a hunk whose size and narrow form are remembered
MIN_ROW_BYTES = 5  # marker, a digit, "| " and LF; a CR is not shown


@dataclass(frozen=True, slots=True)
class Room:
    """How many lines and bytes may still be shown."""

    lines: int
    bytes: int

    def subtract(self, lines: int, size: int) -> "Room":
        """Return the room that is left after so many lines and bytes."""
        return Room(self.lines - lines, self.bytes - size)


def reserve_room(pieces: Sequence[Hunk], room: Room) -> Room | Reason:
    """Return the room that is left after all the pieces, or the limit that they exceed."""
    for piece in pieces:
        excess = find_excess(piece, room)
        if excess is not None:
            return excess
        if isinstance(piece, FoldedHunk):
            room = room.subtract(1, count_bytes(render_hunk_row(piece)) + 1)
            continue
        if len(piece.rows) <= MAX_CACHED_ROWS:
            size = _measure_hunk(IdentityKey(piece))
            if len(piece.rows) > room.lines or size > room.bytes:
                return Reason.LINES if len(piece.rows) > room.lines else Reason.TOKENS
        else:
            sizes, excess = _measure_rows(piece, room)
            if excess is not None:
                return excess
            size = sizes[-1]
        room = room.subtract(len(piece.rows), size)
    return room


@lru_cache(4096)  # the same hunks are fitted many times until a prompt is full
def _measure_hunk(hunk: IdentityKey[Hunk]) -> int:
    """Return the bytes of a hunk in the prompt."""
    rows = [render_hunk_row(hunk.value), *render_line_rows(hunk.value)]
    return sum(map(count_bytes, rows)) + len(rows)


def take_start(hunk: Hunk, room: Room, at_any_rate: bool = False) -> tuple[Hunk | None, int, Reason]:
    """Return as much of a hunk's beginning as fits, perhaps all of it; its bytes; and the limit that the rest exceeds.

    Without `at_any_rate`, a small hunk is not cut, and the beginning of a large one is not shown if it is only a few
    rows.
    """
    excess, may_cut = find_excess(hunk, room), at_any_rate or is_large(hunk)
    if not hunk.changed_lines or (excess and not may_cut):
        return None, 0, excess or Reason.TOKENS
    sizes, excess = _measure_rows(hunk, room)
    if excess is None:
        return hunk, sizes[-1], Reason.TOKENS
    rows = _find_seam(hunk.rows, len(sizes) - 1) if may_cut else 0
    if not rows or (rows < MIN_SHOWN_ROWS and sizes[rows] < MIN_SHOWN_BYTES and not at_any_rate):
        return None, 0, excess
    first = next(slice_hunk(hunk, [(0, rows)]))
    return (first if first.changed_lines else None), sizes[rows], excess


def find_excess(hunk: Hunk, room: Room, changed_alone: bool = False) -> Reason | None:
    """Return the limit that a hunk, or only its changed lines, certainly exceeds; None if it may fit.

    This is a quick estimate: the rows are not rendered.
    """
    if isinstance(hunk, FoldedHunk):
        return (
            Reason.LINES
            if room.lines < 1
            else Reason.TOKENS
            if room.bytes < count_bytes(render_hunk_row(hunk)) + 1
            else None
        )
    if (hunk.changed_lines if changed_alone else len(hunk.rows)) > room.lines:
        return Reason.LINES
    left = room.bytes - (MIN_ROW_BYTES - 2) * hunk.changed_lines  # a row includes its marker, and perhaps a CR
    if sum(map(len, hunk.rows)) <= left:  # enough for nearly all hunks
        return None
    if 2 * hunk.changed_lines > left:
        return Reason.TOKENS
    rows = [row for row in hunk.rows if row[:1] in (b"+", b"-")] if changed_alone else hunk.rows
    if max(map(len, rows), default=0) <= CUT_LINE_CHARS:
        return Reason.TOKENS if sum(map(len, rows)) > left else None
    return Reason.TOKENS if sum(min(len(row), CUT_LINE_CHARS) for row in rows) > left else None


def is_large(hunk: Hunk) -> bool:
    """Return whether a hunk is large enough to be cut."""
    return len(hunk.rows) > LARGE_ROWS or sum(map(len, hunk.rows)) > LARGE_BYTES


def narrow_context(hunk: Hunk, context: int = CONTEXT_LINES) -> Sequence[Hunk]:
    """Return the hunks that git would make with so many lines around a change; only the first has the heading."""
    return (
        _narrow_with_cache(IdentityKey(hunk), context) if len(hunk.rows) <= MAX_CACHED_ROWS else _narrow(hunk, context)
    )


@lru_cache(4096)
def _narrow_with_cache(hunk: IdentityKey[Hunk], context: int) -> Sequence[Hunk]:
    return _narrow(hunk.value, context)


def _narrow(hunk: Hunk, context: int) -> Sequence[Hunk]:
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


def _measure_rows(hunk: Hunk, room: Room) -> tuple[list[int], Reason | None]:
    """Return the bytes of the first 0, 1, 2 ... rows with the heading, as far as they fit, and what ends them."""
    sizes, texts = [count_bytes(render_hunk_row(hunk)) + 1], render_line_rows(hunk)
    for number, row in enumerate(hunk.rows, 1):
        size = sizes[-1] if row[:1] == b"\\" else sizes[-1] + count_bytes(next(texts)) + 1  # counted with its line
        if number > room.lines:
            return sizes, Reason.LINES
        if size > room.bytes:
            return sizes, Reason.TOKENS
        sizes.append(size)
    return sizes, None


def _find_seam(rows: Sequence[bytes], most: int) -> int:
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
