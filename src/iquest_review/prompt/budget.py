"""What fits: file diffs -> an excerpt within lines and tokens, and an omission for every changed line that does not.

Whole hunks, small files first, code before tests before the rest, deleted files last. Same input, same excerpt.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from iquest_review.change.diff import FileDiff, Hunk, Kind, Status
from iquest_review.prompt.screen import Omission, Reason

BYTES_PER_TOKEN = 2.4  # numbered diffs measured 2.6 to 3.3 characters a token; the rest is reserve
LABEL_BYTES = 8  # what a line's label adds: marker, number, "| " and the line's end
HEADING_BYTES = 60  # what the heading of a file or a hunk adds
LARGEST_HUNK = 200  # rows; a larger hunk is packed in pieces, cut before a blank line where there is one

_TESTS = re.compile(
    r"(^|/)(tests?|spec|specs|__tests__|testing|fixtures)/|(^|/)test_[^/]*$|[._-](test|spec)s?\.\w+$|Tests?\.\w+$"
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
    tokens: int  # tokens of the diff alone


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
                sum(hunk.changed_lines for hunk in part.hunks),
            )
            for part in self.parts
        )


def estimate(text: str) -> int:
    """Tokens a text takes, on the safe side, without a tokenizer."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def fit(files: Sequence[FileDiff], limits: Limits, screened: Sequence[Omission] = ()) -> Excerpt:
    """As much of the files as the limits allow; `screened` is what was left out before."""
    order = sorted(range(len(files)), key=lambda index: (*_rank(files[index]), index))
    room, parts, omissions = limits, dict[int, Part](), list(screened)
    for index in order:
        part, left_out, room = _fit_file(files[index], room)
        omissions += left_out
        if part is not None:
            parts[index] = part
    return Excerpt(tuple(parts[index] for index in sorted(parts)), tuple(omissions))


def _fit_file(file: FileDiff, room: Limits) -> tuple[Part | None, list[Omission], Limits]:
    """What of one file fits the room, what does not, and the room that is left."""
    shown: list[Hunk] = []
    missing = {Reason.LINES: 0, Reason.TOKENS: 0}
    left = replace(room, tokens=room.tokens - _tokens(len(file.path) + HEADING_BYTES))
    for piece in (piece for hunk in file.hunks for piece in _pieces(hunk)):
        cost = Limits(len(piece.rows), _tokens(_size(piece)))
        if cost.lines > left.lines:
            missing[Reason.LINES] += piece.changed_lines
        elif cost.tokens > left.tokens:
            missing[Reason.TOKENS] += piece.changed_lines
        else:
            shown.append(piece)
            left = Limits(left.lines - cost.lines, left.tokens - cost.tokens)
    omissions = [Omission(file.path, reason, lines) for reason, lines in missing.items() if lines]
    if shown or (not file.hunks and left.tokens >= 0):
        return Part(file, tuple(shown)), omissions, left
    return None, omissions or [Omission(file.path, Reason.TOKENS, 0)], room


def _rank(file: FileDiff) -> tuple[int, int]:
    """Sorting key: what is read first comes first."""
    if file.status is Status.DELETED:
        return 3, file.changed_lines
    if _TESTS.search(file.path):
        return 1, file.changed_lines
    return (0 if _CODE.search(file.path) else 2), file.changed_lines


def _tokens(size: int) -> int:
    return math.ceil(size / BYTES_PER_TOKEN)


def _size(hunk: Hunk) -> int:
    """Bytes a hunk takes in the prompt."""
    return sum(map(len, hunk.rows)) + LABEL_BYTES * len(hunk.rows) + HEADING_BYTES


def _pieces(hunk: Hunk) -> list[Hunk]:
    """The hunk, cut into hunks of at most LARGEST_HUNK rows."""
    pieces = []
    while len(hunk.rows) > LARGEST_HUNK:
        first, hunk = _cut(hunk)
        pieces.append(first)
    return [*pieces, hunk]


def _cut(hunk: Hunk) -> tuple[Hunk, Hunk]:
    """The hunk parted in two, before the last blank line of the second half of LARGEST_HUNK rows."""
    rows = hunk.rows
    blank = (at for at in range(LARGEST_HUNK, LARGEST_HUNK // 2, -1) if not rows[at][1:].strip())
    at = next(blank, LARGEST_HUNK)
    if rows[at][:1] == b"\\":  # it belongs to the line before it
        at -= 1
    first, rest = rows[:at], rows[at:]
    added, removed = (sum(row[:1] == marker for row in first) for marker in (b"+", b"-"))
    context = sum(row[:1] not in (b"+", b"-", b"\\") for row in first)
    return replace(hunk, rows=first, added=added, removed=removed), replace(
        hunk,
        old_start=hunk.old_start + removed + context,
        new_start=hunk.new_start + added + context,
        rows=rest,
        added=hunk.added - added,
        removed=hunk.removed - removed,
    )


def _new_lines(hunk: Hunk) -> tuple[int, int] | None:
    """First and last new-file line of a hunk; None when it only removes."""
    numbers = [line.new_line for line in hunk.lines() if line.kind is not Kind.REMOVED and line.new_line is not None]
    return (numbers[0], numbers[-1]) if numbers else None
