"""Compose two diffs of a file: the hunks from A to B and those from B to C become the hunks from A to C.

Both diffs describe lines of B, the middle state. Lines that neither of them shows stay unknown.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

from iquest_review.diff.diff import Hunk, Line, LineKind

_MAX_BLOCK_ROWS = 1_000  # comparing the two sides of a block takes quadratic time

_Span = tuple[int, int, str]  # first line, the line after the last one, heading
_Row = tuple[LineKind, bytes, bool]  # kind, text, whether a newline ends it


def compose_hunks(first: tuple[Hunk, ...], second: tuple[Hunk, ...]) -> tuple[Hunk, ...]:
    """Return the hunks that have the effect of `first` followed by `second`.

    Raises ValueError when the two disagree about a line of the middle state.
    """
    left, right = _View.from_hunks(first, outer=LineKind.REMOVED), _View.from_hunks(second, outer=LineKind.ADDED)
    hunks = []
    old_offset = new_offset = 0  # added to a line number of B: the line number in A, in C
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
    """One of the two diffs, indexed by line numbers of the middle state."""

    lines: dict[int, Line]  # lines of the middle state that the diff shows
    beside: dict[int, list[_Row]]  # lines of A or C only, by the line of B that follows them
    spans: list[_Span]  # the ranges that the hunks show

    @classmethod
    def from_hunks(cls, hunks: tuple[Hunk, ...], outer: LineKind) -> "_View":
        """Index hunks; `outer` is the kind of the lines that the middle state does not have."""
        view = cls({}, {}, [])
        for hunk in hunks:
            start = number = hunk.old_start if outer is LineKind.ADDED else hunk.new_start
            for line in hunk.iter_lines():
                if line.kind is outer:
                    view.beside.setdefault(number, []).append((line.kind, line.raw, line.newline))
                else:
                    view.lines[number] = line
                    number += 1
            view.spans.append((start, number, hunk.heading))
        return view


def _unite_spans(spans: list[_Span]) -> list[_Span]:
    """Return the ranges in order; those that touch are merged."""
    united: list[_Span] = []
    for start, end, heading in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]), united[-1][2] or heading)
        else:
            united.append((start, end, heading))
    return united


def _merge_rows(left: _View, right: _View, start: int, end: int) -> Iterator[_Row]:
    """Return the rows from A to C for a range of the middle state, with the lines that only A or C has there.

    Raises ValueError when the two diffs disagree about a line.
    """
    for number in range(start, end + 1):
        yield from left.beside.get(number, ())
        yield from right.beside.get(number, ())
        left_line, right_line = left.lines.get(number), right.lines.get(number)
        if left_line and right_line and (left_line.raw, left_line.newline) != (right_line.raw, right_line.newline):
            raise ValueError(f"line {number}")
        added = left_line and left_line.kind is LineKind.ADDED
        removed = right_line and right_line.kind is LineKind.REMOVED
        line = left_line or right_line
        if line and not (added and removed):
            kind = LineKind.ADDED if added else LineKind.REMOVED if removed else LineKind.CONTEXT
            yield kind, line.raw, line.newline


def _restore_context(rows: Iterator[_Row]) -> Iterator[_Row]:
    """Turn lines that are removed and added again into context."""
    for is_context, group in groupby(rows, key=lambda row: row[0] is LineKind.CONTEXT):
        block = list(group)
        old, new = ([row[1:] for row in block if row[0] is kind] for kind in (LineKind.REMOVED, LineKind.ADDED))
        if is_context or not old or not new or len(block) > _MAX_BLOCK_ROWS:
            yield from sorted(block, key=lambda row: row[0] is LineKind.ADDED)
            continue
        for operation, low, high, start, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            kind = LineKind.CONTEXT if operation == "equal" else LineKind.REMOVED
            yield from ((kind, *row) for row in old[low:high])
            if kind is LineKind.REMOVED:
                yield from ((LineKind.ADDED, *row) for row in new[start:stop])


def _render_row(row: _Row) -> tuple[bytes, ...]:
    text = row[0].value.encode() + row[1]
    return (text,) if row[2] else (text, b"\\ No newline at end of file")
