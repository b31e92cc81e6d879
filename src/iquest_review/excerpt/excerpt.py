"""What fits: file diffs -> an excerpt within lines and tokens, and an omission for every changed line that does not.

Whole hunks, those first that are worth most for each row they take (`ranking`), among fewer unchanged lines where room
is short; of a large hunk that does not fit the beginning is shown. What only moved, or changes white space only, takes
one row. In the excerpt code stands first, then tests, then the rest, each in the diff's order: that order is the
alphabet's, which puts the documents first. Same input, same excerpt.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from iquest_review.diff.diff import FileDiff, Hunk, LineKind
from iquest_review.excerpt.cutting import Room
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.folding import HunkPlace
from iquest_review.excerpt.numbered_rows import (
    FoldedHunk,
    count_bytes,
    count_hidden_lines,
    count_shown_rows,
    render_file_row,
    render_hunk_row,
    render_line_rows,
)
from iquest_review.excerpt.packing import pack_hunks
from iquest_review.excerpt.ranking import get_reading_order

BYTES_PER_TOKEN = Fraction(12, 5)  # numbered diffs measured 2.6 to 3.3 characters a token; the rest is reserve
ASIDE_SHARE, MAX_ASIDE_BYTES = (
    Fraction(1, 8),
    6_000,
)  # share of a prompt, and bytes, for what is not the diff: see `aside`


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request shows."""

    lines: int  # diff lines
    tokens: int  # of the diff in `fit`, of the whole prompt in `fitting.fill`


@dataclass(frozen=True, slots=True)
class Part:
    """The hunks of one file that are shown, in the file's order; none for a rename without changed lines. Those that
    are Folded stand for lines that are not shown."""

    file: FileDiff
    hunks: tuple[Hunk, ...]
    wide: tuple[Hunk, ...] | None = None  # the same changed lines among more unchanged ones; None: as they are

    @property
    def written(self) -> tuple[Hunk, ...]:
        """The hunks as a prompt shows them."""
        return self.hunks if self.wide is None else self.wide


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
    left: tuple[Part, ...] = field(default=(), repr=False)  # what was left out for want of room; see `rest`

    @property
    def lines(self) -> int:
        """Diff lines shown; what is folded counts as one."""
        return sum(count_shown_rows(hunk) for part in self.parts for hunk in part.written)

    @property
    def over_budget(self) -> bool:
        """Whether something was left out for want of room, not for what it is."""
        return any(omission.reason in (Reason.LINES, Reason.TOKENS) for omission in self.omissions)

    def compute_coverage(self) -> tuple[Coverage, ...]:
        """The ledger of what is shown, a row a file."""
        return tuple(
            Coverage(
                part.file.path,
                _merge_ranges(shown for hunk in part.written if (shown := _find_new_range(hunk))),
                part.file.changed_lines,
                sum(hunk.changed_lines - count_hidden_lines(hunk) for hunk in part.hunks),
            )
            for part in self.parts
        )


def estimate_tokens(text: str) -> int:
    """Tokens a text takes, on the safe side, without a tokenizer."""
    return math.ceil(count_bytes(text) / BYTES_PER_TOKEN)


def fit_excerpt(
    files: Sequence[FileDiff],
    limits: Limits,
    screened: Sequence[Omission] = (),
    past: Mapping[str, tuple[int, int]] | None = None,
) -> Excerpt:
    """As much of the files as the limits allow, the best hunks first; `screened` is what was left out before, `past`
    tells of a path how many commits of late changed it, and how many of them were fixes."""
    room = Room(limits.lines, math.floor(limits.tokens * BYTES_PER_TOKEN))
    packing = pack_hunks(files, room, past or {})
    shown, left = _group_by_file(packing.shown), _group_by_file(packing.left)
    parts, omissions, kept = list[Part](), list(screened), list[Part]()
    for index, file in enumerate(files):
        missing = _count_unshown(shown.get(index, ())) | packing.missing.get(index, {})
        omissions += [Omission(file.path, reason, lines) for reason, lines in missing.items() if lines]
        if index in packing.opened:
            parts.append(Part(file, tuple(shown.get(index, ()))))
        elif not any(missing.values()):
            omissions.append(Omission(file.path, Reason.TOKENS, 0))
        if index in left or index not in packing.opened:
            kept.append(Part(file, tuple(left.get(index, file.hunks))))
    parts.sort(key=lambda part: get_reading_order(part.file.path))
    return Excerpt(tuple(parts), tuple(omissions), tuple(kept))


def list_left_out(files: Sequence[FileDiff], excerpt: Excerpt) -> tuple[FileDiff, ...]:
    """What an excerpt of these files left out for want of room: files with the hunks, and the slices of cut hunks, that
    it does not show. What one request has no room for is what the next one is filled with."""
    left = {id(part.file): part.hunks for part in excerpt.left}
    kept = ((file, left[id(file)]) for file in files if id(file) in left)
    return tuple(file if hunks == file.hunks else replace(file, hunks=hunks) for file, hunks in kept)


def _group_by_file(chosen: Mapping[HunkPlace, Sequence[Hunk]]) -> dict[int, list[Hunk]]:
    """Hunks by the number of their file, in its order."""
    hunks = dict[int, list[Hunk]]()
    for index, number in sorted(chosen):
        hunks.setdefault(index, []).extend(chosen[index, number])
    return hunks


def _count_unshown(hunks: Sequence[Hunk]) -> dict[Reason, int]:
    """Changed lines of hunks in an excerpt that are not shown, or not whole."""
    missing = {Reason.MINIFIED: 0, Reason.MOVED: 0, Reason.WHITESPACE: 0}
    for hunk in hunks:
        reason = Reason.MINIFIED
        if isinstance(hunk, FoldedHunk):
            reason = Reason.WHITESPACE if hunk.other is None else Reason.MOVED
        missing[reason] += count_hidden_lines(hunk)
    return missing


def _merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The ranges in order, those that overlap as one: two requests may show the same unchanged lines."""
    joined = list[tuple[int, int]]()
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return tuple(joined)


def _find_new_range(hunk: Hunk) -> tuple[int, int] | None:
    """First and last new-file line of a hunk; None when it only removes, or is folded."""
    numbers = [
        line.new_line for line in hunk.iter_lines() if line.kind is not LineKind.REMOVED and line.new_line is not None
    ]
    return (numbers[0], numbers[-1]) if numbers else None


def render_diff_rows(excerpt: Excerpt) -> Iterator[str]:
    """The diff as the model sees it."""
    for part in excerpt.parts:
        yield render_file_row(part.file)
        for hunk in part.written:
            yield render_hunk_row(hunk)
            yield from render_line_rows(hunk)


def compute_aside_bytes(tokens: int) -> int:
    """Bytes that the description and the list of omissions may each take of a prompt of so many tokens."""
    return min(math.floor(tokens * BYTES_PER_TOKEN * ASIDE_SHARE), MAX_ASIDE_BYTES)
