"""The part of a diff that fits into lines and tokens, and an omission for every changed line that does not.

Whole hunks are shown, those first that are worth most for each row (`ranking`), with fewer unchanged lines if room is
short; of a large hunk that does not fit, the beginning is shown. Blocks that only moved and changes of white space take
one row. In the excerpt code comes first, then tests, then the rest, each in the diff's order; the diff itself is in
alphabetical order, which often puts documents first. The same input gives the same excerpt.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from iquest_review.diff.diff import FileDiff, Hunk, LineKind
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.folding import HunkPlace
from iquest_review.excerpt.measured_change import MeasuredChange, measure_change
from iquest_review.excerpt.measured_hunk import Pieces, Room
from iquest_review.excerpt.numbered_rows import (
    FoldedHunk,
    count_bytes,
    count_hidden_lines,
    count_shown_rows,
    render_file_rows,
    render_hunk_row,
    render_line_rows,
)
from iquest_review.excerpt.packing import Packing, pack_hunks
from iquest_review.excerpt.ranking import get_reading_order

BYTES_PER_TOKEN = Fraction(12, 5)  # numbered diffs have 2.6 to 3.3 characters per token; the rest is reserve
# The part of a prompt for each text beside the diff, see `compute_aside_bytes`.
ASIDE_SHARE, MAX_ASIDE_BYTES = Fraction(1, 8), 6_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request shows."""

    lines: int  # diff lines
    tokens: int  # of the diff in `fit_excerpt`, of the whole prompt in `prompt.fitting`


@dataclass(frozen=True, slots=True)
class Part:
    """The hunks of one file that are shown, in the file's order; none for a rename without changed lines.

    A FoldedHunk stands for lines that are not shown.
    """

    file: FileDiff
    hunks: tuple[Hunk, ...]
    wide: tuple[Hunk, ...] | None = None  # the same changes with more unchanged lines; None: like `hunks`

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
    """The shown part of a diff and the omissions: every changed line is in exactly one of the two."""

    parts: tuple[Part, ...]
    omissions: tuple[Omission, ...]
    left: tuple[Part, ...] = field(default=(), repr=False)  # left out because there was no room

    @property
    def lines(self) -> int:
        """Diff lines shown; a folded hunk counts as one."""
        return sum(count_shown_rows(hunk) for part in self.parts for hunk in part.written)

    @property
    def over_budget(self) -> bool:
        """Whether something was left out because there was no room, not because of its kind."""
        return any(omission.reason in (Reason.LINES, Reason.TOKENS) for omission in self.omissions)

    def compute_coverage(self) -> tuple[Coverage, ...]:
        """Return which lines are shown, one record per file."""
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
    """Estimate the tokens of a text without a tokenizer: rather too many than too few."""
    return math.ceil(count_bytes(text) / BYTES_PER_TOKEN)


def fit_excerpt(
    files: Sequence[FileDiff],
    limits: Limits,
    screened: Sequence[Omission] = (),
    past: Mapping[str, tuple[int, int]] | None = None,
) -> Excerpt:
    """Measure files and pack as much of them as the limits allow, for those who do it once."""
    return pack_excerpt(measure_files(files, limits, past), limits, screened).excerpt


def measure_files(
    files: Sequence[FileDiff], most: Limits, past: Mapping[str, tuple[int, int]] | None = None
) -> MeasuredChange:
    """Measure files, which are then packed as often as needed, into at most these limits.

    `past` gives for a path how many recent commits changed it, and how many of them were fixes.
    """
    return measure_change(files, _build_room(most), past)


@dataclass(frozen=True, eq=False)
class PackedExcerpt:
    """An excerpt, how it was packed, and the bytes of its text."""

    excerpt: Excerpt
    packing: Packing
    size: int


def pack_excerpt(change: MeasuredChange, limits: Limits, screened: Sequence[Omission] = ()) -> PackedExcerpt:
    """Pack as much of a change as the limits allow, the best hunks first; `screened` are the omissions made before."""
    room = _build_room(limits)
    packing = pack_hunks(change, room)
    size = room.bytes - packing.room.bytes  # each row with its line end; the last has none
    return PackedExcerpt(_build_excerpt(packing, screened), packing, max(0, size - 1))


def _build_excerpt(packing: Packing, screened: Sequence[Omission]) -> Excerpt:
    files = [file.file for file in packing.change.files]
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


def _build_room(limits: Limits) -> Room:
    return Room(limits.lines, math.floor(limits.tokens * BYTES_PER_TOKEN))


def _group_by_file(chosen: Mapping[HunkPlace, Pieces]) -> dict[int, list[Hunk]]:
    """Group hunks by the index of their file, in the file's order."""
    hunks = dict[int, list[Hunk]]()
    for index, number in sorted(chosen):
        hunks.setdefault(index, []).extend(piece.hunk for piece in chosen[index, number])
    return hunks


def _count_unshown(hunks: Sequence[Hunk]) -> dict[Reason, int]:
    """Count the changed lines of an excerpt's hunks that are not shown completely, by reason."""
    missing = {Reason.MINIFIED: 0, Reason.MOVED: 0, Reason.WHITESPACE: 0}
    for hunk in hunks:
        reason = Reason.MINIFIED
        if isinstance(hunk, FoldedHunk):
            reason = Reason.WHITESPACE if hunk.other is None else Reason.MOVED
        missing[reason] += count_hidden_lines(hunk)
    return missing


def _merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Merge ranges that overlap, in order: two requests may show the same unchanged lines."""
    joined = list[tuple[int, int]]()
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return tuple(joined)


def _find_new_range(hunk: Hunk) -> tuple[int, int] | None:
    """Find the first and last new-file line of a hunk; None if it only removes lines or is folded."""
    numbers = [
        line.new_line for line in hunk.iter_lines() if line.kind is not LineKind.REMOVED and line.new_line is not None
    ]
    return (numbers[0], numbers[-1]) if numbers else None


def render_diff_rows(excerpt: Excerpt) -> Iterator[str]:
    """Yield the rows of the diff as the model sees them."""
    for part in excerpt.parts:
        yield render_file_rows(part.file)
        for hunk in part.written:
            yield render_hunk_row(hunk)
            yield from render_line_rows(hunk)


def compute_aside_bytes(tokens: int) -> int:
    """Compute the bytes that the description and the list of omissions may each take of a prompt of so many tokens."""
    return min(math.floor(tokens * BYTES_PER_TOKEN * ASIDE_SHARE), MAX_ASIDE_BYTES)
