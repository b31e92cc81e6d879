"""Hunks widened to the functions around them, which a reviewer needs most and three lines of context do not show.

Only unchanged lines are added. A changed line that was left out stays out: the widened hunk ends before it, because the
review covers exactly the changed lines that hunks show.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from iquest_review.code.outline import Definition, find_enclosing_definition
from iquest_review.diff.diff import FileDiff, Hunk
from iquest_review.excerpt.cutting import slice_hunk
from iquest_review.excerpt.excerpt import BYTES_PER_TOKEN, Excerpt, Limits, Part
from iquest_review.excerpt.numbered_rows import (
    FoldedHunk,
    MarkedHunk,
    count_row_bytes,
    mark_moved_blocks,
    render_file_rows,
    render_hunk_row,
    render_line_rows,
)

MAX_ADDED_ROWS = 200  # to one hunk
MAX_ADDED_SHARE = 0.5  # of the excerpt's own rows
MAX_CLASS_ROWS = (
    60  # a longer class, enum or the like is not shown for changes of its own lines: functions explain more
)
FREE_ROWS = 200  # may be added to any excerpt, however small it is

_FUNCTIONS = frozenset(("function", "method", "callback", "section"))

# A file diff with all lines (diff/full_file.py), and the definitions of its new file.
Outline = tuple[FileDiff, Sequence[Definition]]
HunkOrder = Callable[[FileDiff, Hunk], float]  # hunks with higher values are widened first


def widen_part(part: Part, whole: FileDiff, definitions: Sequence[Definition], room_bytes: int) -> tuple[Hunk, ...]:
    """Return a part's hunks, each with the innermost definitions around its changed lines.

    The added rows take at most `room_bytes`. `whole` is the unfolded file diff, `definitions` are those of the new
    file. Where `whole` is not unfolded or does not hold the part's hunks, they are returned unchanged.
    """
    sheet = _build_sheet(part, whole, definitions)
    if sheet is None:
        return part.hunks
    for step in sheet.list_steps():
        room_bytes -= sheet.show(step, len(sheet.shown), room_bytes)[1]
    return sheet.build_hunks()


def widen_excerpt(
    excerpt: Excerpt, outlines: Mapping[str, Outline], limits: Limits, order: HunkOrder = lambda *_: 0
) -> Excerpt:
    """Return the excerpt with `wide` hunks in the parts whose path has an outline; it covers the same changed lines.

    Hunks are widened by `order`, until FREE_ROWS or MAX_ADDED_SHARE of its own rows are added, or the excerpt reaches
    `limits`, the ones it was fitted to.
    """
    sheets = dict[int, _Sheet]()
    for index, part in enumerate(excerpt.parts):
        sheet = _build_sheet(part, *outlines[part.file.path]) if part.file.path in outlines else None
        if sheet is not None:
            sheets[index] = sheet
    rows = min(max(FREE_ROWS, math.floor(MAX_ADDED_SHARE * excerpt.lines)), limits.lines - excerpt.lines)
    room = math.floor(limits.tokens * BYTES_PER_TOKEN) - sum(map(_measure_part, excerpt.parts))
    steps = [
        (-order(sheet.part.file, sheet.part.hunks[step.hunk]), sheet.count_missing(step), sheet, step)
        for sheet in sheets.values()
        for step in sheet.list_steps()
    ]
    for _, _, sheet, step in sorted(steps, key=lambda ranked: ranked[:2]):
        added, size = sheet.show(step, rows, room)
        rows, room = rows - added, room - size
    wide = {index: sheet.build_hunks() for index, sheet in sheets.items() if any(sheet.added)}
    parts = (replace(part, wide=wide.get(index)) for index, part in enumerate(excerpt.parts))
    return replace(excerpt, parts=tuple(parts))


@dataclass(frozen=True, slots=True)
class _Step:
    """The index of a hunk in its part, and the rows of it and of one definition around it."""

    hunk: int
    first: int
    end: int  # the row after the last


@dataclass(slots=True)
class _Sheet:
    """All rows of a file diff, and which of them are shown: 1 in `shown`."""

    part: Part
    whole: Hunk
    definitions: Sequence[Definition]
    new: list[int]  # for each row, the number of the next line of the new file
    spans: list[tuple[int, int]]  # the rows of the part's hunks
    shown: bytearray
    foreign: list[int]  # changed rows that the part does not show
    added: list[int]  # rows added to each hunk
    folds: tuple[FoldedHunk, ...] = ()  # hunks of the part that are shown as one row; they stay so

    def list_steps(self) -> Iterator[_Step]:
        """Yield what may be shown besides, in the order of the file."""
        for index, (start, end) in enumerate(self.spans):
            for definition in self._find_definitions(start, end):
                yield _Step(index, *self._find_range(definition, start, end))

    def count_missing(self, step: _Step) -> int:
        """Return how many rows of a step are not shown yet."""
        return self.shown.count(0, step.first, step.end)

    def show(self, step: _Step, most_rows: int, room_bytes: int) -> tuple[int, int]:
        """Show the missing rows of a step; return how many rows and bytes that adds, or 0 and 0 if it is too much."""
        missing = self.count_missing(step)
        if not missing or missing > min(most_rows, MAX_ADDED_ROWS - self.added[step.hunk]):
            return 0, 0
        gaps = self._find_runs(0, step.first, step.end)
        size = sum(_measure_hunk(Hunk(1, self.new[first], "", self.whole.rows[first:end], 0, 0)) for first, end in gaps)
        if size > room_bytes:
            return 0, 0
        self.shown[step.first : step.end] = b"\1" * (step.end - step.first)
        self.added[step.hunk] += missing
        return missing, size

    def build_hunks(self) -> tuple[Hunk, ...]:
        """Return what is shown now; a hunk to which nothing was added is the part's own."""
        own = dict(zip(self.spans, self.part.hunks, strict=True))
        ranges = list(self._find_runs(1, 0, len(self.shown)))
        pieces = zip(ranges, slice_hunk(self.whole, ranges), strict=True)
        moved = [block for hunk in self.part.hunks if isinstance(hunk, MarkedHunk) for block in hunk.list_blocks()]
        made = [
            own.get(span) or mark_moved_blocks(replace(piece, heading=self._find_signature(span[0], piece)), moved)
            for span, piece in pieces
        ]
        return tuple(sorted([*made, *self.folds], key=lambda hunk: hunk.old_start + hunk.new_start))

    def _find_runs(self, value: int, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the runs of rows that are shown (1) or not (0): the first row, and the row after the last."""
        while (start := self.shown.find(value, first, last)) >= 0:
            end = self.shown.find(1 - value, start, last)
            first = end if end >= 0 else last
            yield start, first

    def _find_definitions(self, start: int, end: int) -> Iterable[Definition]:
        """Return the innermost definitions that hold changed lines of a hunk, in order.

        Blank lines are skipped, and so are lines removed between two definitions, which were in neither.
        """
        found = dict[Definition, None]()
        for index in range(start, end):
            row, line = self.whole.rows[index], self.new[index]
            if row[:1] in (b"+", b"-") and row[1:].strip():
                definition = find_enclosing_definition(self.definitions, line - (row[:1] == b"-"), MAX_ADDED_ROWS)
                if definition and definition.last >= line and _should_show(definition):
                    found[definition] = None
        return found

    def _find_range(self, definition: Definition, start: int, end: int) -> tuple[int, int]:
        """Return the rows of a hunk and of a definition around it, up to the first changed row that stays out."""
        first, last = min(start, self._find_row(definition.first)), max(end, self._find_row(definition.last) + 1)
        index = bisect_left(self.foreign, start)
        if index:
            first = max(first, self.foreign[index - 1] + 1)
        if index < len(self.foreign):
            last = min(last, self.foreign[index])
        rows = self.whole.rows
        while first < start and rows[first][:1] == b"\\":  # it belongs to the row before it
            first += 1
        while last < len(rows) and rows[last][:1] == b"\\":
            last += 1
        return first, last

    def _find_row(self, line: int) -> int:
        """Return the row of a line of the new file, which comes after the rows removed before it."""
        return max(0, bisect_right(self.new, line) - 1)

    def _find_signature(self, start: int, piece: Hunk) -> str:
        """Return the heading git would print: the definition in whose middle the piece begins."""
        for (first, _), hunk in zip(self.spans, self.part.hunks, strict=True):
            if first == start:
                return hunk.heading
        above = bisect_left(self.definitions, piece.new_start, key=lambda definition: definition.first)
        holding = (
            self.definitions[index]
            for index in range(above - 1, -1, -1)
            if self.definitions[index].last >= piece.new_start
        )
        return next((definition.signature for definition in holding), "")


def _build_sheet(part: Part, whole: FileDiff, definitions: Sequence[Definition]) -> _Sheet | None:
    """Return the rows of a file diff, with those of a part shown; None if it is not unfolded or is another file's."""
    folds = tuple(hunk for hunk in part.hunks if isinstance(hunk, FoldedHunk))
    part = replace(part, hunks=tuple(hunk for hunk in part.hunks if not isinstance(hunk, FoldedHunk)))
    if len(whole.hunks) != 1 or not part.hunks or not definitions:
        return None
    (hunk,) = whole.hunks
    rows = hunk.rows
    new = list(accumulate((row[:1] not in (b"-", b"\\") for row in rows), initial=hunk.new_start))[:-1]
    both = list(accumulate((_count_steps(row) for row in rows), initial=hunk.old_start + hunk.new_start))[:-1]
    shown, spans, end = bytearray(len(rows)), list[tuple[int, int]](), 0
    for own in part.hunks:
        start = bisect_right(both, own.old_start + own.new_start) - 1
        if start < end or new[start] != own.new_start or rows[start : start + len(own.rows)] != own.rows:
            return None
        end = start + len(own.rows)
        shown[start:end] = b"\1" * (end - start)
        spans.append((start, end))
    foreign = [index for index, row in enumerate(rows) if row[:1] in (b"+", b"-") and not shown[index]]
    return _Sheet(part, hunk, definitions, new, spans, shown, foreign, [0] * len(spans), folds)


def _should_show(definition: Definition) -> bool:
    return definition.kind in _FUNCTIONS or definition.last - definition.first < MAX_CLASS_ROWS


def _count_steps(row: bytes) -> int:
    """Return how many of the two line numbers a row advances."""
    return 0 if row[:1] == b"\\" else 1 if row[:1] in (b"+", b"-") else 2


def _measure_part(part: Part) -> int:
    """Return the bytes that a part takes in a prompt."""
    headings = (render_file_rows(part.file), *map(render_hunk_row, part.hunks))
    return count_row_bytes(headings) + sum(map(_measure_hunk, part.hunks))


def _measure_hunk(hunk: Hunk) -> int:
    """Return the bytes that a hunk's lines take in a prompt."""
    return count_row_bytes(render_line_rows(hunk))
