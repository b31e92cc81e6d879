"""A change with the numbers of its hunks, measured once and packed as often as needed."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from iquest_review.diff.diff import FileDiff
from iquest_review.excerpt import ranking
from iquest_review.excerpt.folding import HunkPlace, fold_hunks
from iquest_review.excerpt.measured_hunk import MeasuredHunk, Pieces, Room
from iquest_review.excerpt.numbered_rows import count_row_bytes, render_file_rows

# How much is read for the ranking, as a multiple of the room and in hunks; the rest is ranked by size and file.
MAX_READ_ROOMS, MAX_READ_HUNKS = 6, 4_000


@dataclass(frozen=True, eq=False)
class MeasuredFile:
    """A file diff and its hunks: a hunk has one piece, or several if a part of it is folded."""

    file: FileDiff
    hunks: Sequence[Pieces]
    values: Sequence[float] | None = None  # of the hunks, for the ranking; None until the whole change is ranked

    @property
    def path(self) -> str:
        """The path by which the file is cited."""
        return self.file.path

    @cached_property
    def size(self) -> Room:
        """The lines of its hunks, and at least how many bytes they take."""
        pieces = [piece for pieces in self.hunks for piece in pieces]
        return Room(sum(piece.rows for piece in pieces), sum(piece.raw_bytes for piece in pieces))

    @cached_property
    def heading(self) -> int:
        """The bytes of its heading."""
        return count_row_bytes([render_file_rows(self.file)])


@dataclass(frozen=True, eq=False)
class MeasuredChange:
    """The files of a change, or of a part of it, with their numbers."""

    files: Sequence[MeasuredFile]
    room: Room  # the largest into which it is packed
    past: Mapping[str, tuple[int, int]]  # for a path, how many recent commits changed it, and how many were fixes

    @cached_property
    def pieces(self) -> Mapping[HunkPlace, Pieces]:
        """The pieces of each hunk."""
        return {
            (index, number): pieces for index, file in enumerate(self.files) for number, pieces in enumerate(file.hunks)
        }

    @cached_property
    def size(self) -> Room:
        """The lines of the whole change, and at least how many bytes they take."""
        return Room(sum(file.size.lines for file in self.files), sum(file.size.bytes for file in self.files))

    @cached_property
    def order(self) -> Sequence[HunkPlace]:
        """The hunks, the most valuable first; those of equal value keep their order."""
        return sorted(self.values, key=self.values.__getitem__, reverse=True)

    @cached_property
    def values(self) -> Mapping[HunkPlace, float]:
        """What each hunk is worth: as the whole change was ranked, if this is a part of it."""
        known = {
            (index, number): value
            for index, file in enumerate(self.files)
            for number, value in enumerate(file.values or ())
        }
        return known if len(known) == len(self.pieces) else self._rank()

    def _rank(self) -> dict[HunkPlace, float]:
        """Return the values of the hunks, of which only as many are read as might be shown; the best guess first."""
        changed = ranking.count_changed_lines(file.file for file in self.files)
        guesses = dict(self._estimate_values(changed))
        order = sorted(guesses, key=guesses.__getitem__, reverse=True)
        read = self._select_read(order)
        repeated = ranking.count_repeated_edits(piece.hunk for place in read for piece in self.pieces[place])
        around = ranking.RankingContext(changed, self.past, repeated)
        values = {place: guesses[place] for place in order}
        for place in read:
            file, pieces = self.files[place[0]].file, self.pieces[place]
            values[place] = max(ranking.score_hunk(file, piece.hunk, around).value for piece in pieces)
        return values

    def _estimate_values(self, changed: Mapping[str, int]) -> Iterator[tuple[HunkPlace, float]]:
        """Yield an estimate of each hunk, made without reading it."""
        for place, pieces in self.pieces.items():
            file = self.files[place[0]].file
            yield place, max(ranking.estimate_score(file, piece.hunk, changed[file.path]) for piece in pieces)

    def _select_read(self, order: Sequence[HunkPlace]) -> list[HunkPlace]:
        """Return the first hunks, those that are read."""
        read, lines, size = list[HunkPlace](), MAX_READ_ROOMS * self.room.lines, MAX_READ_ROOMS * self.room.bytes
        for place in order[:MAX_READ_HUNKS]:
            if lines <= 0 or size <= 0:
                break
            read.append(place)
            lines -= sum(piece.rows for piece in self.pieces[place])
            size -= sum(piece.raw_bytes for piece in self.pieces[place])
        return read

    def select(self, chosen: Mapping[HunkPlace, Pieces], whole: Container[int]) -> Iterator[MeasuredFile]:
        """Yield the files with these pieces of their hunks, each a hunk of its own with its numbers and its value.

        `whole` are the indexes of files that are kept even without any.
        """
        for index, file in enumerate(self.files):
            places = [(index, number) for number in range(len(file.hunks))]
            own = [(piece, self.values[place]) for place in places for piece in chosen.get(place, ())]
            if own or index in whole:
                diff = replace(file.file, hunks=tuple(piece.hunk for piece, _ in own))
                yield MeasuredFile(diff, [(piece,) for piece, _ in own], [value for _, value in own])


def measure_change(
    files: Sequence[FileDiff], room: Room, past: Mapping[str, tuple[int, int]] | None = None
) -> MeasuredChange:
    """Fold files and return their hunks with their numbers."""
    folds = fold_hunks(files)
    measured = [
        MeasuredFile(
            file,
            [tuple(map(MeasuredHunk, folds.get((index, number), (hunk,)))) for number, hunk in enumerate(file.hunks)],
        )
        for index, file in enumerate(files)
    ]
    return MeasuredChange(measured, room, past or {})
