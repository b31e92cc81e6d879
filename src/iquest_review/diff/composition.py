"""The hunks from A to B and those from B to C -> the hunks from A to C.

Both meet in the lines of B, the middle state. What neither of them shows stays unknown.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

from iquest_review.diff.diff import Hunk, Line, LineKind

_MAX_BLOCK_ROWS = 1_000  # rows; finding what a block's two sides share takes quadratic time

_Span = tuple[int, int, str]  # first line, the one behind the last, heading
_Row = tuple[LineKind, bytes, bool]  # ..., text, whether a newline ends it


def compose_hunks(first: tuple[Hunk, ...], second: tuple[Hunk, ...]) -> tuple[Hunk, ...]:
    """The hunks that do what `first` and then `second` do.

    Raises ValueError when the two differ about a line of the middle state.
    """
    left, right = _View.from_hunks(first, outer=LineKind.REMOVED), _View.from_hunks(second, outer=LineKind.ADDED)
    hunks = []
    old_offset = new_offset = 0  # from a line's number in the middle state to that in A and in C
    for start, end, heading in _unite_spans(left.spans + right.spans):
        rows = list(_restore_context(_merge_rows(left, right, start, end)))
        kinds = Counter(row[0] for row in rows)
        added, removed = kinds[LineKind.ADDED], kinds[LineKind.REMOVED]
        if added or removed:
            texts = tuple(text for row in rows for text in _render_row(row))
            hunks.append(Hunk(start + old_offset, start + new_offset, heading, texts, added, removed))
        old_offset += kinds[LineKind.CONTEXT] + removed - (end - start)
        new_offset += kinds[LineKind.CONTEXT] + added - (end - start)
    return tuple(hunks)


@dataclass(frozen=True, slots=True)
class _View:
    """A diff as the middle state sees it."""

    lines: dict[int, Line]  # of the middle state, as far as the diff shows them
    beside: dict[int, list[_Row]]  # lines of the outer state alone, by the middle one's line they stand before
    spans: list[_Span]  # what the hunks show

    @classmethod
    def from_hunks(cls, hunks: tuple[Hunk, ...], outer: LineKind) -> "_View":
        view = cls({}, {}, [])
        for hunk in hunks:
            start = at = hunk.old_start if outer is LineKind.ADDED else hunk.new_start
            for line in hunk.iter_lines():
                if line.kind is outer:
                    view.beside.setdefault(at, []).append((line.kind, line.raw, line.newline))
                else:
                    view.lines[at] = line
                    at += 1
            view.spans.append((start, at, hunk.heading))
        return view


def _unite_spans(spans: list[_Span]) -> list[_Span]:
    """The stretches in order, those that touch made one."""
    united: list[_Span] = []
    for start, end, heading in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]), united[-1][2] or heading)
        else:
            united.append((start, end, heading))
    return united


def _merge_rows(left: _View, right: _View, start: int, end: int) -> Iterator[_Row]:
    """What becomes of a stretch of the middle state, and what A and C have there of their own."""
    for number in range(start, end + 1):
        yield from left.beside.get(number, ())
        yield from right.beside.get(number, ())
        came, went = left.lines.get(number), right.lines.get(number)
        if came and went and (came.raw, came.newline) != (went.raw, went.newline):
            raise ValueError(f"line {number}")
        added, removed = came and came.kind is LineKind.ADDED, went and went.kind is LineKind.REMOVED
        line = came or went
        if line and not (added and removed):
            kind = LineKind.ADDED if added else LineKind.REMOVED if removed else LineKind.CONTEXT
            yield kind, line.raw, line.newline


def _restore_context(rows: Iterator[_Row]) -> Iterator[_Row]:
    """The rows, less what is removed and added again: that is context."""
    for is_context, group in groupby(rows, key=lambda row: row[0] is LineKind.CONTEXT):
        block = list(group)
        old, new = ([row[1:] for row in block if row[0] is kind] for kind in (LineKind.REMOVED, LineKind.ADDED))
        if is_context or not old or not new or len(block) > _MAX_BLOCK_ROWS:
            yield from sorted(block, key=lambda row: row[0] is LineKind.ADDED)
            continue
        for same, low, high, start, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            kind = LineKind.CONTEXT if same == "equal" else LineKind.REMOVED
            yield from ((kind, *row) for row in old[low:high])
            if kind is LineKind.REMOVED:
                yield from ((LineKind.ADDED, *row) for row in new[start:stop])


def _render_row(row: _Row) -> tuple[bytes, ...]:
    text = row[0].value.encode() + row[1]
    return (text,) if row[2] else (text, b"\\ No newline at end of file")
