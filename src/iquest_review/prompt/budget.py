"""What fits: file diffs -> an excerpt within lines and tokens, and an omission for every changed line that does not.

Whole hunks, small files first, code before tests before the rest, then deleted files, then those in which no line
changes. Of a large hunk that does not fit the beginning is shown. Same input, same excerpt.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from iquest_review.change.diff import FileDiff, Hunk, Kind, Status
from iquest_review.prompt.rows import CUT, file_row, hunk_row, line_rows, overlong
from iquest_review.prompt.screen import Omission, Reason

BYTES_PER_TOKEN = Fraction(12, 5)  # numbered diffs measured 2.6 to 3.3 characters a token; the rest is reserve
LARGE_ROWS, LARGE_BYTES = 200, 8_000  # a hunk that is larger, and does not fit, is cut
WORTH_ROWS, WORTH_BYTES = 20, 2_000  # the least that is shown of a cut hunk
CONTEXT = 3  # lines left around a change where more of them do not fit

_TESTS = re.compile(
    r"(^|/)(tests?|spec|specs|__tests__|testing|testdata|fixtures)/|(^|/)(test_|conftest\.)[^/]*$|[._-](test|spec)s?\.\w+$|Tests?\.\w+$"
)
_CODE = re.compile(
    r"\.(py|pyi|js|jsx|mjs|cjs|ts|tsx|vue|svelte|java|kt|kts|scala|groovy|go|rs|c|h|cc|cpp|cxx|hh|hpp|cs|fs|vb|rb|php|swift|m|mm"
    r"|dart|lua|pl|pm|r|jl|ex|exs|erl|hs|ml|clj|sh|bash|zsh|ps1|sql|proto|graphql|tf|sol|zig|nim)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request shows."""

    lines: int  # diff lines
    tokens: int  # of the diff in `fit`, of the whole prompt in `fitting.fill`


@dataclass(frozen=True, slots=True)
class Part:
    """The hunks of one file that are shown, in the file's order; none for a rename without changed lines."""

    file: FileDiff
    hunks: tuple[Hunk, ...]
    wide: tuple[Hunk, ...] | None = None  # the same changed lines among more unchanged ones; None: as they are


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a file was shown. `shown` holds [first, last] of new-file lines."""

    path: str
    shown: tuple[tuple[int, int], ...]
    changed_lines: int
    shown_changed_lines: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What of a diff is shown and what is not: every changed line is in exactly one of the two."""

    parts: tuple[Part, ...]
    omissions: tuple[Omission, ...]

    @property
    def lines(self) -> int:
        """Diff lines shown."""
        return sum(len(hunk.rows) for part in self.parts for hunk in part.hunks)

    @property
    def over_budget(self) -> bool:
        """Whether something was left out for want of room, not for what it is."""
        return any(omission.reason in (Reason.LINES, Reason.TOKENS) for omission in self.omissions)

    def coverage(self) -> tuple[Coverage, ...]:
        """The ledger of what is shown, a row a file."""
        return tuple(
            Coverage(
                part.file.path,
                tuple(shown for hunk in part.hunks if (shown := _new_lines(hunk))),
                part.file.changed_lines,
                sum(hunk.changed_lines - overlong(hunk) for hunk in part.hunks),
            )
            for part in self.parts
        )


def estimate(text: str) -> int:
    """Tokens a text takes, on the safe side, without a tokenizer."""
    return math.ceil(_bytes(text) / BYTES_PER_TOKEN)


def fit(files: Sequence[FileDiff], limits: Limits, screened: Sequence[Omission] = ()) -> Excerpt:
    """As much of the files as the limits allow; `screened` is what was left out before."""
    order = sorted(range(len(files)), key=lambda index: (*_rank(files[index]), index))
    room = _Room(limits.lines, math.floor(limits.tokens * BYTES_PER_TOKEN))
    parts, omissions = dict[int, Part](), list(screened)
    for index in order:
        part, left_out, room = _fit_file(files[index], room)
        omissions += left_out
        if part is not None:
            parts[index] = part
    return Excerpt(tuple(parts[index] for index in sorted(parts)), tuple(omissions))


def _rank(file: FileDiff) -> tuple[int, int]:
    """Sorting key: what is read first comes first. A folder that is moved is thousands of files without a change."""
    if not file.changed_lines:
        return 4, 0
    if file.status is Status.DELETED:
        return 3, file.changed_lines
    if _TESTS.search(file.path):
        return 1, file.changed_lines
    return (0 if _CODE.search(file.path) else 2), file.changed_lines


@dataclass(frozen=True, slots=True)
class _Room:
    """What may still be shown."""

    lines: int
    bytes: int

    def less(self, lines: int, size: int) -> "_Room":
        return _Room(self.lines - lines, self.bytes - size)


def _fit_file(file: FileDiff, room: _Room) -> tuple[Part | None, list[Omission], _Room]:
    """What of one file fits the room, what does not, and the room that is left."""
    left, shown = room.less(0, _bytes(file_row(file)) + 1), list[Hunk]()
    missing = dict.fromkeys((Reason.MINIFIED, Reason.LINES, Reason.TOKENS), 0)
    for hunk in file.hunks:
        for piece in _narrowed(hunk) if is_large(hunk) and _excess(hunk, left) else (hunk,):
            first, size, reason = _beginning(piece, left)
            missing[reason] += piece.changed_lines
            if first is not None:
                shown.append(first)
                left = left.less(len(first.rows), size)
                missing[reason] -= first.changed_lines
                missing[Reason.MINIFIED] += overlong(first)
    omissions = [Omission(file.path, reason, lines) for reason, lines in missing.items() if lines]
    if shown or (not file.changed_lines and left.bytes >= 0):
        return Part(file, tuple(shown)), omissions, left
    return None, omissions or [Omission(file.path, Reason.TOKENS, 0)], room


def _beginning(hunk: Hunk, room: _Room) -> tuple[Hunk | None, int, Reason]:
    """The hunk or, if it is too large for that, as much of its beginning as fits; its bytes; what the rest exceeds."""
    excess = _excess(hunk, room)
    if not hunk.changed_lines or (excess and not is_large(hunk)):
        return None, 0, excess or Reason.TOKENS
    sizes, excess = _sizes(hunk, room)
    if excess is None:
        return hunk, sizes[-1], Reason.TOKENS
    rows = _seam(hunk.rows, len(sizes) - 1) if is_large(hunk) else 0
    if rows < WORTH_ROWS and sizes[rows] < WORTH_BYTES:
        return None, 0, excess
    first = next(slices(hunk, [(0, rows)]))
    return (first if first.changed_lines else None), sizes[rows], excess


def _excess(hunk: Hunk, room: _Room) -> Reason | None:
    """What a hunk certainly exceeds, told without writing it; None when it may fit."""
    if len(hunk.rows) > room.lines:
        return Reason.LINES
    left = room.bytes - 3 * hunk.changed_lines  # a digit, "| " and LF, less a CR that is not shown
    if sum(map(len, hunk.rows)) <= left:  # the quick look does for nearly all hunks there are
        return None
    if max(map(len, hunk.rows), default=0) <= CUT:
        return Reason.TOKENS
    return Reason.TOKENS if sum(min(len(row), CUT) for row in hunk.rows) > left else None


def is_large(hunk: Hunk) -> bool:
    return len(hunk.rows) > LARGE_ROWS or sum(map(len, hunk.rows)) > LARGE_BYTES


def _sizes(hunk: Hunk, room: _Room) -> tuple[list[int], Reason | None]:
    """Bytes the first 0, 1, 2 ... rows take with the hunk's heading, as far as they fit, and what ends them."""
    sizes, texts = [_bytes(hunk_row(hunk)) + 1], line_rows(hunk)
    for number, row in enumerate(hunk.rows, 1):
        size = sizes[-1] if row[:1] == b"\\" else sizes[-1] + _bytes(next(texts)) + 1  # counted with its line
        if number > room.lines:
            return sizes, Reason.LINES
        if size > room.bytes:
            return sizes, Reason.TOKENS
        sizes.append(size)
    return sizes, None


def _seam(rows: Sequence[bytes], most: int) -> int:
    """Where to cut, behind at most `most` rows: not between a removed line and what replaces it, then behind a blank
    line, then before the line that is indented least, then late."""

    def roughness(at: int) -> tuple[bool, bool, int, int]:
        before, after = rows[at - 1], rows[at][1:]
        indentation = len(after) - len(after.lstrip()) if after.strip() else LARGE_BYTES
        return before[:1] == b"-", bool(before[1:].strip()), indentation, -at

    places = range(most, max(most // 2, most - LARGE_ROWS), -1)
    return min((at for at in places if rows[at][:1] != b"\\"), key=roughness, default=0)


def _narrowed(hunk: Hunk) -> Iterator[Hunk]:
    """The hunks git would have made of it with CONTEXT lines around a change."""
    if len(hunk.rows) - hunk.changed_lines <= 2 * CONTEXT:
        return iter((hunk,))
    ranges: list[tuple[int, int]] = []
    for index, row in enumerate(hunk.rows):
        if row[:1] in (b"+", b"-", b"\\"):
            start, end = max(0, index - CONTEXT), min(len(hunk.rows), index + CONTEXT + 1)
            if ranges and start <= ranges[-1][1]:
                start, _ = ranges.pop()
            ranges.append((start, end))
    return slices(hunk, ranges)


def slices(hunk: Hunk, ranges: Sequence[tuple[int, int]]) -> Iterator[Hunk]:
    """Parts of a hunk, by first and last but one index of their rows, in order. Every row is looked at once."""
    old, new, at = hunk.old_start, hunk.new_start, 0
    for start, end in ranges:
        added, removed, context = _counts(hunk.rows[at:start])
        old, new, at = old + removed + context, new + added + context, end
        added, removed, context = _counts(hunk.rows[start:end])
        yield replace(hunk, old_start=old, new_start=new, rows=hunk.rows[start:end], added=added, removed=removed)
        old, new = old + removed + context, new + added + context


def _counts(rows: Sequence[bytes]) -> tuple[int, int, int]:
    """Added, removed and context lines."""
    added, removed, marks = (sum(row[:1] == marker for row in rows) for marker in (b"+", b"-", b"\\"))
    return added, removed, len(rows) - added - removed - marks


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _new_lines(hunk: Hunk) -> tuple[int, int] | None:
    """First and last new-file line of a hunk; None when it only removes."""
    numbers = [line.new_line for line in hunk.lines() if line.kind is not Kind.REMOVED and line.new_line is not None]
    return (numbers[0], numbers[-1]) if numbers else None
