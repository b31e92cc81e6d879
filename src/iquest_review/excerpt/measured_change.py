"""A change with the numbers of its hunks, measured once and packed as often as needed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from iquest_review.diff.diff import FileDiff
from iquest_review.excerpt import ranking
from iquest_review.excerpt.folding import HunkPlace, fold_hunks
from iquest_review.excerpt.measured_hunk import MeasuredHunk, Pieces, Room
from iquest_review.excerpt.numbered_rows import count_row_bytes, render_file_rows

# How much is read for the ranking, as a multiple of the room and in hunks; the rest is ranked by size and file.
MAX_READ_ROOMS, MAX_READ_HUNKS = 6, 4_000


@dataclass(frozen=True, eq=False)
class MeasuredChange:
    """The files of a change, and their hunks: a hunk has one piece, or several if a part of it is folded."""

    files: Sequence[FileDiff]
    pieces: Mapping[HunkPlace, Pieces]
    headings: Sequence[int]  # bytes of each file's heading
    room: Room  # the largest into which it is packed
    past: Mapping[str, tuple[int, int]]  # for a path, how many recent commits changed it, and how many were fixes

    @cached_property
    def size(self) -> Room:
        """The lines of the whole change, and at least how many bytes they take."""
        pieces = [piece for pieces in self.pieces.values() for piece in pieces]
        return Room(sum(piece.rows for piece in pieces), sum(piece.raw_bytes for piece in pieces))

    @cached_property
    def order(self) -> Sequence[HunkPlace]:
        """The hunks, the most valuable first. Only as many are read as might be shown."""
        changed = ranking.count_changed_lines(self.files)
        values = dict(self._estimate_values(changed))
        order = sorted(values, key=values.__getitem__, reverse=True)  # hunks of equal value keep their order
        read = self._select_read(order)
        repeated = ranking.count_repeated_edits(piece.hunk for place in read for piece in self.pieces[place])
        around = ranking.RankingContext(changed, self.past, repeated)
        for place in read:
            file, pieces = self.files[place[0]], self.pieces[place]
            values[place] = max(ranking.score_hunk(file, piece.hunk, around).value for piece in pieces)
        return sorted(order, key=values.__getitem__, reverse=True)

    def _estimate_values(self, changed: Mapping[str, int]) -> Iterator[tuple[HunkPlace, float]]:
        """Yield an estimate of each hunk, made without reading it."""
        for place, pieces in self.pieces.items():
            file = self.files[place[0]]
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


def measure_change(
    files: Sequence[FileDiff], room: Room, past: Mapping[str, tuple[int, int]] | None = None
) -> MeasuredChange:
    """Fold files and return their hunks with their numbers."""
    folds = fold_hunks(files)
    pieces = {
        (index, number): tuple(map(MeasuredHunk, folds.get((index, number), (hunk,))))
        for index, file in enumerate(files)
        for number, hunk in enumerate(file.hunks)
    }
    return MeasuredChange(
        files, pieces, [count_row_bytes([render_file_rows(file)]) for file in files], room, past or {}
    )
