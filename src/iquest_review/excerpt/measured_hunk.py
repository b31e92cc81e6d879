"""A hunk with its numbers: the rows and bytes it takes in a prompt, and its forms with fewer unchanged lines.

Packing chooses by these numbers alone. Each is found when it is first asked for, and kept with the hunk: most hunks of
a large change are never written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from iquest_review.diff.diff import Hunk
from iquest_review.excerpt.cutting import (
    CONTEXT_LINES,
    MIN_CONTEXT_LINES,
    MIN_ROW_BYTES,
    MIN_SHOWN_BYTES,
    MIN_SHOWN_ROWS,
    find_seam,
    is_large,
    narrow_context,
    slice_hunk,
)
from iquest_review.excerpt.exclusions import Reason
from iquest_review.excerpt.numbered_rows import (
    CUT_LINE_CHARS,
    FoldedHunk,
    count_row_bytes,
    count_shown_rows,
    render_hunk_row,
    render_line_rows,
)


@dataclass(frozen=True, slots=True)
class Room:
    """How many lines and bytes may still be shown."""

    lines: int
    bytes: int

    def subtract(self, lines: int, size: int) -> "Room":
        """Return the room that is left after so many lines and bytes."""
        return Room(self.lines - lines, self.bytes - size)


@dataclass(frozen=True, eq=False)
class MeasuredHunk:
    """A hunk, or a piece of one, and its numbers."""

    hunk: Hunk

    @property
    def folded(self) -> bool:
        """Whether one row stands for it."""
        return isinstance(self.hunk, FoldedHunk)

    @cached_property
    def rows(self) -> int:
        """The diff lines that it takes."""
        return count_shown_rows(self.hunk)

    @cached_property
    def raw_bytes(self) -> int:
        """The bytes of its rows in the patch, about those in the prompt; 0 if it is folded."""
        return 0 if self.folded else sum(map(len, self.hunk.rows))

    @cached_property
    def size(self) -> int:
        """The bytes that it takes, with its heading."""
        return count_row_bytes([render_hunk_row(self.hunk), *render_line_rows(self.hunk)])

    @cached_property
    def narrow(self) -> "Pieces":
        """The pieces that it becomes with the fewest unchanged lines."""
        return self._narrow(MIN_CONTEXT_LINES)

    @cached_property
    def wide(self) -> "Pieces":
        """The pieces that it becomes with some unchanged lines: those that git makes."""
        return self._narrow(CONTEXT_LINES)

    def _narrow(self, context: int) -> "Pieces":
        hunks = narrow_context(self.hunk, context)
        return tuple(self if hunk is self.hunk else MeasuredHunk(hunk) for hunk in hunks)

    @cached_property
    def _least(self) -> int:
        """The bytes that it takes at least; nothing is rendered to know this."""
        return self.size if self.folded else _sum_least(self.hunk, self.hunk.rows)

    @cached_property
    def _least_changed(self) -> int:
        """The bytes that its changed lines alone take at least."""
        if self.folded:
            return self.size
        least = _sum_least(self.hunk, [row for row in self.hunk.rows if row[:1] in (b"+", b"-")])
        return max(least, MIN_ROW_BYTES * self.hunk.changed_lines)

    def find_excess(self, room: Room) -> Reason | None:
        """Return the limit that it exceeds; None if it fits."""
        if self.rows > room.lines:
            return Reason.LINES
        return Reason.TOKENS if self._least > room.bytes or self.size > room.bytes else None

    def find_certain_excess(self, room: Room) -> Reason | None:
        """Return the limit that it exceeds even without unchanged lines; None if it may fit."""
        if (1 if self.folded else self.hunk.changed_lines) > room.lines:
            return Reason.LINES
        return Reason.TOKENS if self._least > room.bytes and self._least_changed > room.bytes else None

    def take_start(self, room: Room, at_any_rate: bool = False) -> tuple["MeasuredHunk | None", Reason]:
        """Return as much of its beginning as fits, perhaps all of it, and the limit that the rest exceeds.

        Without `at_any_rate`, a small hunk is not cut, and the beginning of a large one is not shown if it is only a
        few rows.
        """
        excess = self.find_excess(room)
        if excess is None or self.folded or not (at_any_rate or is_large(self.hunk)):
            return (self if excess is None and self.hunk.changed_lines else None), excess or Reason.TOKENS
        sizes = _measure_rows(self.hunk, room)
        excess = Reason.LINES if len(sizes) > room.lines else Reason.TOKENS
        rows = find_seam(self.hunk.rows, len(sizes) - 1)
        if not rows or (rows < MIN_SHOWN_ROWS and sizes[rows] < MIN_SHOWN_BYTES and not at_any_rate):
            return None, excess
        first = next(slice_hunk(self.hunk, [(0, rows)]))
        return (MeasuredHunk(first) if first.changed_lines else None), excess


Pieces = tuple[MeasuredHunk, ...]


def reserve_room(pieces: Pieces, room: Room) -> Room | Reason:
    """Return the room that is left after all the pieces, or the limit that they exceed."""
    for piece in pieces:
        if excess := piece.find_excess(room):
            return excess
        room = room.subtract(piece.rows, piece.size)
    return room


def _sum_least(hunk: Hunk, rows: Sequence[bytes]) -> int:
    """Return the bytes that these rows of a hunk take at least: a marker is counted, perhaps also a CR."""
    lengths = list(map(len, rows))
    if max(lengths, default=0) > CUT_LINE_CHARS:
        lengths = [min(length, CUT_LINE_CHARS) for length in lengths]
    return (MIN_ROW_BYTES - 2) * hunk.changed_lines + sum(lengths)


def _measure_rows(hunk: Hunk, room: Room) -> list[int]:
    """Return the bytes of the first 0, 1, 2 ... rows with the heading, as far as they fit."""
    least = accumulate(min(len(row), CUT_LINE_CHARS) for row in hunk.rows[: max(0, room.lines)])
    end = next((index for index, size in enumerate(least) if size > room.bytes), room.lines)
    (start,) = slice_hunk(hunk, [(0, max(0, end))])
    sizes, texts = [count_row_bytes([render_hunk_row(hunk)])], render_line_rows(start)
    for row in start.rows:
        size = sizes[-1] if row[:1] == b"\\" else sizes[-1] + count_row_bytes([next(texts)])  # counted with its line
        if size > room.bytes:
            break
        sizes.append(size)
    return sizes
