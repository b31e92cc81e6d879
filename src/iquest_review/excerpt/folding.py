"""Changed lines that say nothing new: hunks that change white space only, and the old place of blocks that only moved.
Each becomes a Folded, which is shown as one row.

A block that moved is shown where it stands now, with a mark: reviewers do comment on moved lines, and what runs in
another place is another thing. Both are told line by line: a line that is joined to another, or broken, is a change,
since behind // it decides what runs. Where indentation means something, it is compared like any text.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from iquest_review.code.languages import has_free_indent
from iquest_review.diff.diff import FileDiff, Hunk
from iquest_review.excerpt import whitespace
from iquest_review.excerpt.cutting import slice_hunk
from iquest_review.excerpt.numbered_rows import FoldedHunk, MarkedHunk, MovedBlock, mark_moved_blocks
from iquest_review.excerpt.ranking import is_test
from iquest_review.excerpt.whitespace import LineKey, WhitespaceChange

MIN_MOVED_LINES = 3  # lines of a block that say something; fewer are alike by chance
MAX_CANDIDATES = 8  # places that are tried for a line that is removed at many
MAX_SEARCHED_ROWS = 1_000_000  # of a diff that is searched for moved blocks

_SAYS = re.compile(rb"\w\W*\w\W*\w")

HunkPlace = tuple[int, int]  # numbers of a file, and of a hunk in it

RowRange = tuple[int, int, str]  # the first row, the one behind the last, and the file at the other end


@dataclass(frozen=True, slots=True)
class _Run:
    """Removed or added lines without a line between them."""

    place: HunkPlace
    start: int  # index of the first row in the hunk
    keys: tuple[LineKey, ...]

    @property
    def end(self) -> int:
        """Index of the row behind the last."""
        return self.start + len(self.keys)


def fold_hunks(files: Sequence[FileDiff]) -> dict[HunkPlace, tuple[Hunk, ...]]:
    """The hunks of which something is folded, in pieces, and those that blocks moved into, with their marks; all others
    stay as they are."""
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


def _find_moved_runs(files: Sequence[FileDiff], done: Mapping[HunkPlace, object]) -> Iterator[tuple[_Run, _Run]]:
    """Blocks of removed rows with the added ones they are now."""
    if sum(len(hunk.rows) for file in files for hunk in file.hunks) > MAX_SEARCHED_ROWS:
        return
    groups = defaultdict[object, list[int]](list)
    for index, file in enumerate(files):
        # Code that comes out of a document, or of a test, was not read as what it is now.
        groups[is_test(file.path), file.path.rpartition(".")[2]].append(index)
    for group in groups.values():
        if any(files[index].removed for index in group) and any(files[index].added for index in group):
            for old, new in _match_runs(files, group, done):
                if _strip_rows(files, old) == _strip_rows(
                    files, new
                ):  # letter by letter: indentation may mislead, or be of a text
                    yield old, new


def _strip_rows(files: Sequence[FileDiff], run: _Run) -> list[bytes]:
    """The rows of a run without their markers and what cannot be seen behind them."""
    rows = files[run.place[0]].hunks[run.place[1]].rows
    return [row[1:].rstrip() for row in rows[run.start : run.end]]


def _match_runs(
    files: Sequence[FileDiff], group: Sequence[int], done: Mapping[HunkPlace, object]
) -> Iterator[tuple[_Run, _Run]]:
    """Removed blocks with the added ones that are alike, the longest where there are several; no line is in two."""
    removed = [run for file_index in group for run in _find_runs(files[file_index], file_index, b"-", done)]
    added = (
        [run for file_index in group for run in _find_runs(files[file_index], file_index, b"+", done)]
        if removed
        else []
    )
    common = {key for run in removed for key in run.keys} & {key for run in added for key in run.keys}
    telling = {key for key in common if _SAYS.search(key)}
    candidates = defaultdict[LineKey, list[tuple[int, int]]](list)
    for number, run in enumerate(removed):
        for index, key in enumerate(run.keys):
            if key in telling and len(candidates[key]) < MAX_CANDIDATES:
                candidates[key].append((number, index))
    used = defaultdict[int, set[int]](set)  # rows of removed runs
    for run in added if candidates else ():
        index = 0
        while index < len(run.keys):
            lengths = (
                (_count_alike(removed[number].keys, begin, run.keys, index, used[number]), number, begin)
                for number, begin in candidates.get(run.keys[index], ())
            )
            length, number, begin = max(lengths, default=(0, 0, 0), key=lambda candidate: candidate[0])
            if sum(key in telling for key in run.keys[index : index + length]) < MIN_MOVED_LINES:
                index += 1
                continue
            used[number].update(range(begin, begin + length))
            yield _slice_run(removed[number], begin, length), _slice_run(run, index, length)
            index += length


def _find_runs(file: FileDiff, file_index: int, marker: bytes, done: Mapping[HunkPlace, object]) -> Iterator[_Run]:
    """The runs of a file that may hold a block."""
    indented = not has_free_indent(file.path)
    for number, hunk in enumerate(file.hunks):
        lines = hunk.removed if marker == b"-" else hunk.added
        if lines < MIN_MOVED_LINES or (file_index, number) in done or isinstance(hunk, FoldedHunk | MarkedHunk):
            continue
        keys, start = list[LineKey](), 0
        for index, row in enumerate((*hunk.rows, b" ")):
            if row[:1] == marker:
                if not keys:
                    start = index
                keys.append(whitespace.normalize_row(row, indented))
            elif keys:
                if len(keys) >= MIN_MOVED_LINES:
                    yield _Run((file_index, number), start, tuple(keys))
                keys = []


def _count_alike(
    keys: Sequence[LineKey], start: int, other_keys: Sequence[LineKey], other_start: int, used: Container[int]
) -> int:
    """How many lines are the same from here on, the last of them not blank; none that is used."""
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
    return _Run(run.place, run.start + start, run.keys[start : start + length])


# -- pieces


def _fold(hunk: Hunk, other: str | None, endings: bool = False) -> FoldedHunk:
    return FoldedHunk(hunk.old_start, hunk.new_start, hunk.heading, hunk.rows, hunk.added, hunk.removed, other, endings)


def _add_moved_marks(hunk: Hunk, moved: Sequence[RowRange]) -> Hunk:
    """A hunk with the marks of these ranges of added rows, which have moved there from files."""
    if not moved:
        return hunk
    numbers = list(accumulate((row[:1] not in (b"-", b"\\") for row in hunk.rows), initial=hunk.new_start))
    return mark_moved_blocks(
        hunk, [MovedBlock(numbers[start], numbers[end] - 1, source) for start, end, source in moved]
    )


def _fold_ranges(hunk: Hunk, moved: Sequence[RowRange]) -> Iterator[Hunk]:
    """A hunk with these ranges of rows folded; what is between them, if a line of it changes, as hunks of their own."""
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
