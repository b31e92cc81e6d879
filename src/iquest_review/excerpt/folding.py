"""Changed lines that say nothing new: hunks that change only white space, and the old place of blocks that moved.

Each becomes a FoldedHunk, which is shown as one row. A block that moved is shown at its new place, with a mark:
reviewers do comment on moved lines, and code in another place may act differently. Both are compared line by line: a
line that is joined or broken is a change, since after // it decides what runs. If indentation has a meaning in the
language, it is compared like any other text.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from iquest_review.code.languages import has_free_indent, is_test
from iquest_review.diff.diff import FileDiff, Hunk
from iquest_review.excerpt import whitespace
from iquest_review.excerpt.cutting import slice_hunk
from iquest_review.excerpt.numbered_rows import FoldedHunk, MarkedHunk, MovedBlock, mark_moved_blocks
from iquest_review.excerpt.whitespace import WhitespaceChange

MIN_MOVED_LINES = 3  # of a block, with words in them; fewer are often equal by chance
MAX_CANDIDATES = 8  # places that are tried for a line that is removed at many places
MAX_SEARCHED_ROWS = 1_000_000  # a larger diff is not searched for moved blocks

_SAYS = re.compile(rb"\w\W*\w\W*\w")
_RUN = re.compile(b"-{%d,}|[+]{%d,}" % (MIN_MOVED_LINES, MIN_MOVED_LINES))

LineKey = bytes  # a line without its marker and the white space at its end
HunkPlace = tuple[int, int]  # indexes of a file, and of a hunk in it

RowRange = tuple[int, int, str]  # the first row, the one after the last, and the file at the other end of the move


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive removed or added lines."""

    place: HunkPlace
    removed: bool
    start: int  # index of the first row in the hunk
    keys: tuple[LineKey, ...]

    @property
    def end(self) -> int:
        """Index of the row after the last."""
        return self.start + len(self.keys)


def fold_hunks(files: Sequence[FileDiff]) -> dict[HunkPlace, tuple[Hunk, ...]]:
    """Return the hunks that are folded, in pieces, and those that blocks moved into, with marks.

    The result does not contain hunks that stay as they are.
    """
    folded = dict[HunkPlace, tuple[Hunk, ...]]()
    for file_index, file in enumerate(files):
        indented = not has_free_indent(file.path)
        for number, hunk in enumerate(file.hunks):
            if not isinstance(hunk, FoldedHunk) and (change := whitespace.find_whitespace_change(hunk, indented)):
                folded[file_index, number] = (_fold(hunk, None, endings=change is WhitespaceChange.ENDINGS),)
    gone, come = defaultdict[HunkPlace, list[RowRange]](list), defaultdict[HunkPlace, list[RowRange]](list)
    for old, new in _find_moved_runs(files, folded):
        gone[old.place].append((old.start, old.end, files[new.place[0]].path))
        come[new.place].append((new.start, new.end, files[old.place[0]].path))
    for place in sorted(gone.keys() | come.keys()):
        hunk = _add_moved_marks(files[place[0]].hunks[place[1]], sorted(come.get(place, ())))
        folded[place] = tuple(_fold_ranges(hunk, sorted(gone[place]))) if place in gone else (hunk,)
    return folded


# -- moved blocks


def _find_moved_runs(files: Sequence[FileDiff], done: Container[HunkPlace]) -> Iterator[tuple[_Run, _Run]]:
    """Yield blocks of removed rows, each with the added rows that it became."""
    if sum(len(hunk.rows) for file in files for hunk in file.hunks) > MAX_SEARCHED_ROWS:
        return
    groups = defaultdict[object, list[int]](list)
    for index, file in enumerate(files):
        # Code that came from a document or a test was not reviewed as what it is now, so kinds of files stay apart.
        groups[is_test(file.path), file.path.rpartition(".")[2]].append(index)
    for group in groups.values():
        if any(files[index].removed for index in group):
            removed, added = list[_Run](), list[_Run]()
            for run in _find_runs(files, group, done):
                (removed if run.removed else added).append(run)
            yield from _match_runs(removed, added)


def _find_runs(files: Sequence[FileDiff], group: Sequence[int], done: Container[HunkPlace]) -> Iterator[_Run]:
    """Yield the runs of removed or added rows that may contain a block."""
    for file_index in group:
        for number, hunk in enumerate(files[file_index].hunks):
            place = file_index, number
            if hunk.changed_lines < MIN_MOVED_LINES or place in done or isinstance(hunk, FoldedHunk | MarkedHunk):
                continue
            markers = b"".join([row[:1] or b" " for row in hunk.rows])
            for found in _RUN.finditer(markers):
                start, end = found.span()
                # Letter by letter: other indentation may mislead, or be part of a text.
                yield _Run(
                    place, found[0][:1] == b"-", start, tuple([row[1:].rstrip() for row in hunk.rows[start:end]])
                )


def _match_runs(removed: Sequence[_Run], added: Sequence[_Run]) -> Iterator[tuple[_Run, _Run]]:
    """Yield removed blocks with equal added ones, the longest if there are several; no line is in two blocks."""
    common = {key for run in removed for key in run.keys} & {key for run in added for key in run.keys}
    telling = {key for key in common if _SAYS.search(key)}
    candidates = defaultdict[LineKey, list[tuple[int, int]]](list)
    for number, run in enumerate(removed if telling else ()):
        for index, key in enumerate(run.keys):
            if key in telling and len(candidates[key]) < MAX_CANDIDATES:
                candidates[key].append((number, index))
    used = defaultdict[int, set[int]](set)  # rows of removed runs
    for run in added if candidates else ():
        end = 0
        for index, key in enumerate(run.keys):
            if index < end or key not in telling:
                continue
            lengths = (
                (_count_alike(removed[number].keys, begin, run.keys, index, used[number]), number, begin)
                for number, begin in candidates[key]
            )
            length, number, begin = max(lengths, key=lambda candidate: candidate[0])
            if length < MIN_MOVED_LINES:
                continue
            if sum(key in telling for key in run.keys[index : index + length]) >= MIN_MOVED_LINES:
                end = index + length
                used[number].update(range(begin, begin + length))
                yield _slice_run(removed[number], begin, length), _slice_run(run, index, length)


def _count_alike(
    keys: Sequence[LineKey], start: int, other_keys: Sequence[LineKey], other_start: int, used: Container[int]
) -> int:
    """Count the unused lines that are equal from here on; the last of them is not blank."""
    length = last = 0
    while (
        start + length < len(keys)
        and other_start + length < len(other_keys)
        and keys[start + length] == other_keys[other_start + length]
        and start + length not in used
    ):
        length += 1
        if keys[start + length - 1]:
            last = length
    return last


def _slice_run(run: _Run, start: int, length: int) -> _Run:
    return _Run(run.place, run.removed, run.start + start, run.keys[start : start + length])


# -- pieces


def _fold(hunk: Hunk, other: str | None, endings: bool = False) -> FoldedHunk:
    own = hunk.old_start, hunk.new_start, hunk.heading, hunk.rows, hunk.added, hunk.removed
    return FoldedHunk(*own, other, endings, encoding=hunk.encoding)


def _add_moved_marks(hunk: Hunk, moved: Sequence[RowRange]) -> Hunk:
    """Return a hunk with marks at these ranges of added rows, which moved there from other files."""
    if not moved:
        return hunk
    numbers = list(accumulate((row[:1] not in (b"-", b"\\") for row in hunk.rows), initial=hunk.new_start))
    return mark_moved_blocks(
        hunk, [MovedBlock(numbers[start], numbers[end] - 1, source) for start, end, source in moved]
    )


def _fold_ranges(hunk: Hunk, moved: Sequence[RowRange]) -> Iterator[Hunk]:
    """Yield a hunk with these ranges of rows folded; changed lines between them become hunks of their own."""
    ranges, others, position = list[tuple[int, int]](), list[str | None](), 0
    for start, stop, other in moved:
        # The mark of a missing newline stays with its line.
        end = stop + (stop < len(hunk.rows) and hunk.rows[stop][:1] == b"\\")
        ranges += [(position, start), (start, end)]
        others += [None, other]
        position = end
    for piece, path in zip(slice_hunk(hunk, [*ranges, (position, len(hunk.rows))]), [*others, None], strict=True):
        if path is not None:
            yield _fold(piece, path)
        elif piece.changed_lines:
            yield piece
