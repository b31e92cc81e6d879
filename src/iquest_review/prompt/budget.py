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
from iquest_review.prompt.rows import file_row, hunk_row, line_rows, overlong
from iquest_review.prompt.screen import Omission, Reason

BYTES_PER_TOKEN = Fraction(12, 5)  # numbered diffs measured 2.6 to 3.3 characters a token; the rest is reserve
LARGE_ROWS, LARGE_BYTES = 100, 8_000  # a hunk that is larger, and does not fit, is cut
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
        for piece in _narrowed(hunk) if _is_large(hunk) and not _fits(hunk, left) else [hunk]:
            rows, size = _beginning(piece, left)
            first = piece if rows == len(piece.rows) else _cut(piece, rows)
            if rows and first.changed_lines:
                shown.append(first)
                missing[Reason.MINIFIED] += overlong(first)
                left = left.less(rows, size)
            reason = Reason.LINES if len(piece.rows) > left.lines + (rows if rows else 0) else Reason.TOKENS
            missing[reason] += piece.changed_lines - (first.changed_lines if rows else 0)
    omissions = [Omission(file.path, reason, lines) for reason, lines in missing.items() if lines]
    ...
