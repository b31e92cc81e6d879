"""Packs hunks into the room of a prompt: in which order they are tried, which are taken, what is left."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from iquest_review.diff.diff import FileDiff, Hunk
from iquest_review.diff.identity_key import IdentityKey
from iquest_review.excerpt import ranking
from iquest_review.excerpt.cutting import (
    CONTEXT_LINES,
    MIN_CONTEXT_LINES,
    MIN_ROW_BYTES,
    Room,
    find_excess,
    is_large,
    narrow_context,
    reserve_room,
    slice_hunk,
    take_start,
    trim_before_change,
)
from iquest_review.excerpt.exclusions import Reason
from iquest_review.excerpt.folding import HunkPlace, fold_hunks
from iquest_review.excerpt.numbered_rows import (
    FoldedHunk,
    count_bytes,
    count_shown_rows,
    render_file_rows,
    render_hunk_row,
)

MAX_MISSES = 1_000  # consecutive hunks that do not fit, after which no other is tried
# How much is read for the ranking, as a multiple of the room and in hunks; the rest is ranked by size and file.
MAX_READ_ROOMS, MAX_READ_HUNKS = 6, 4_000
ENDLESS_ROOM = Room(10**12, 10**12)

Hunks = tuple[Hunk, ...]


class FoldedChange:
    """The files of a change with their folded hunks, and estimates of the hunks made without reading them."""

    def __init__(self, files: Sequence[FileDiff]) -> None:
        self.files = files
        self.folds = fold_hunks(files)
        self.lines, self.size = 0, 0  # of the whole change; at least so many bytes
        self.headings = [count_bytes(render_file_rows(file)) + 1 for file in files]  # bytes
        self.changed = ranking.count_changed_lines(files)
        self.glances = dict[HunkPlace, float]()

    @classmethod
    def from_files(cls, files: Sequence[FileDiff]) -> "FoldedChange":
        """Return the change with an estimate of each hunk."""
        change = cls(files)
        for file_index, file in enumerate(files):
            lines = change.changed[file.path]
            for number in range(len(file.hunks)):
                pieces = change.get_pieces((file_index, number))
                change.lines += sum(map(count_shown_rows, pieces))
                change.size += sum(map(_estimate_bytes, pieces))
                change.glances[file_index, number] = max(ranking.estimate_score(file, piece, lines) for piece in pieces)
        return change

    def get_pieces(self, place: HunkPlace) -> Hunks:
        """Return the hunk at a place or, if a part of it is folded, its pieces."""
        return self.folds.get(place) or (self.files[place[0]].hunks[place[1]],)


def _estimate_bytes(hunk: Hunk) -> int:
    return 0 if isinstance(hunk, FoldedHunk) else sum(map(len, hunk.rows))


@lru_cache(maxsize=2)
def _measure_change(files: IdentityKey[tuple[FileDiff, ...]]) -> FoldedChange:
    """Measure files once: the same ones are fitted many times until a prompt is full."""
    return FoldedChange.from_files(files.value)


def pack_hunks(files: Sequence[FileDiff], room: Room, past: Mapping[str, tuple[int, int]]) -> "Packing":
    """Pack files into a room: everything as it is or, if that is too much, the best hunks first."""
    change = _measure_change(IdentityKey(files)) if isinstance(files, tuple) else FoldedChange.from_files(files)
    packing = Packing(change, room)
    if change.lines <= room.lines and change.size <= room.bytes and packing.take_all():
        return packing
    packing, order = Packing(change, room), rank_hunks(change, room, past)
    packing.pack(order)
    if not packing.has_shown_line():
        packing = Packing(change, room)
        packing.begin(order)
        packing.pack(order)
    packing.widen()
    return packing


def rank_hunks(change: FoldedChange, room: Room, past: Mapping[str, tuple[int, int]]) -> list[HunkPlace]:
    """Rank the hunks, the most valuable first. Only as many are read as might be shown."""
    values = dict(change.glances)
    order = sorted(values, key=values.__getitem__, reverse=True)  # hunks of equal value keep their order
    read, lines, size = list[HunkPlace](), MAX_READ_ROOMS * room.lines, MAX_READ_ROOMS * room.bytes
    for place in order:
        if lines <= 0 or size <= 0 or len(read) == MAX_READ_HUNKS:
            break
        read.append(place)
        for piece in change.get_pieces(place):
            lines, size = lines - count_shown_rows(piece), size - _estimate_bytes(piece)
    repeated = ranking.count_repeated_edits(piece for place in read for piece in change.get_pieces(place))
    around = ranking.RankingContext(change.changed, past, repeated)
    for place in read:
        file = change.files[place[0]]
        values[place] = max(ranking.score_hunk(file, piece, around).value for piece in change.get_pieces(place))
    return sorted(order, key=values.__getitem__, reverse=True)


class Packing:
    """What is shown so far and what is left out, by place."""

    def __init__(self, change: FoldedChange, room: Room) -> None:
        self.change = change
        self.room = room
        self.shown = dict[HunkPlace, Hunks]()  # in the order they were chosen
        self.left = dict[HunkPlace, Hunks]()  # because there is no room
        # Changed lines of each file that are left out.
        self.missing = defaultdict[int, dict[Reason, int]](lambda: {Reason.LINES: 0, Reason.TOKENS: 0})
        self.opened = set[int]()  # files whose heading is shown

    def take_all(self) -> bool:
        """Take everything as it is; return False if it does not fit."""
        for place in self.change.glances:
            pieces = self.change.get_pieces(place)
            if not any(piece.changed_lines for piece in pieces):
                continue  # only a hostile patch has such a hunk: there is nothing to see
            beside = reserve_room(pieces, self._get_room_in_file(place[0]))
            if not isinstance(beside, Room):
                return False
            self._take(place, pieces, beside)
        return self._open_unchanged_files()

    def has_shown_line(self) -> bool:
        """Return whether any line is shown, not only folded hunks."""
        return not all(isinstance(hunk, FoldedHunk) for hunks in self.shown.values() for hunk in hunks)

    def begin(self, order: Sequence[HunkPlace]) -> None:
        """Take the first rows of the best hunk, however few, since no hunk fits completely."""
        for place in order[:MAX_MISSES]:
            beside = self._get_room_in_file(place[0])
            for context in (MIN_CONTEXT_LINES, 0):
                if not self.shown and beside.lines > 0 and beside.bytes > MIN_ROW_BYTES:
                    self._begin_hunk(place, beside, context)

    def _begin_hunk(self, place: HunkPlace, beside: Room, context: int) -> None:
        parts = [part for piece in self.change.get_pieces(place) for part in narrow_context(piece, CONTEXT_LINES)]
        index = next(
            (index for index, part in enumerate(parts) if part.changed_lines and not isinstance(part, FoldedHunk)), None
        )
        if index is None:
            return
        part = trim_before_change(parts[index], context)
        first, size, reason = take_start(part, beside, at_any_rate=True)
        if first is not None:
            rest = _get_remainder(part, first)
            left = [*parts[:index], *([rest] if rest.changed_lines else []), *parts[index + 1 :]]
            self._take(place, (first,), beside.subtract(count_shown_rows(first), size))
            self.missing[place[0]][reason] += sum(part.changed_lines for part in left)
            if left:
                self.left[place] = tuple(left)

    def pack(self, order: Iterable[HunkPlace]) -> None:
        """Take what fits, in this order, with the fewest unchanged lines; cut what is too large."""
        misses, excess = 0, None
        for place in order:
            pieces, beside = self.change.get_pieces(place), self._get_room_in_file(place[0])
            if place in self.shown or not any(piece.changed_lines for piece in pieces):
                continue
            if excess and misses > MAX_MISSES:
                self._leave(place, pieces, excess)
                continue
            excess = next(
                (piece_excess for piece in pieces if (piece_excess := find_excess(piece, beside, changed_alone=True))),
                None,
            )
            if excess is None:
                narrow = tuple(part for piece in pieces for part in narrow_context(piece, MIN_CONTEXT_LINES))
                left = reserve_room(narrow, beside)
                if isinstance(left, Room):
                    self._take(place, narrow, left)
                    misses, excess = 0, None
                    continue
                excess = left
            misses += 1
            self._take_part(place, pieces, beside, excess)
        self._open_unchanged_files()

    def widen(self) -> None:
        """Give the best hunks their unchanged lines back, as far as there is room."""
        for place, narrow in self.shown.items():
            if self.room.lines <= 0 or self.room.bytes <= MIN_ROW_BYTES:
                return
            wide = tuple(
                part for piece in self.change.get_pieces(place) for part in narrow_context(piece, CONTEXT_LINES)
            )
            more = sum(map(count_shown_rows, wide)) - sum(map(count_shown_rows, narrow))
            if place in self.left or not 0 < more <= self.room.lines:
                continue
            with_it = reserve_room(wide, Room(ENDLESS_ROOM.lines, self.room.bytes + _measure_hunks(narrow)))
            if isinstance(with_it, Room):
                self.room = Room(self.room.lines - more, with_it.bytes)
                self.shown[place] = wide

    def _get_room_in_file(self, file_index: int) -> Room:
        """Return the room for a hunk, less the file's heading if that is not shown yet."""
        return self.room if file_index in self.opened else self.room.subtract(0, self.change.headings[file_index])

    def _take(self, place: HunkPlace, hunks: Hunks, left: Room) -> None:
        self.shown[place], self.room = hunks, left
        self.opened.add(place[0])

    def _take_part(self, place: HunkPlace, pieces: Hunks, beside: Room, excess: Reason) -> None:
        """Take what fits of a hunk that is too large for the room, if it may be cut; leave the rest."""
        if beside.lines <= 0 or beside.bytes <= MIN_ROW_BYTES or not any(map(is_large, pieces)):
            self._leave(place, pieces, excess)
            return
        shown, left = list[Hunk](), list[Hunk]()
        for part in (part for piece in pieces for part in narrow_context(piece, CONTEXT_LINES)):
            first, size, reason = _begin_piece(part, beside)
            if first is not None:
                shown.append(first)
                beside = beside.subtract(count_shown_rows(first), size)
            if first is not part:
                rest = _get_remainder(part, first)
                left += [rest] if rest.changed_lines else []
                self.missing[place[0]][reason] += rest.changed_lines
        if shown:
            self._take(place, tuple(shown), beside)
        if left:
            self.left[place] = tuple(left)

    def _leave(self, place: HunkPlace, pieces: Hunks, excess: Reason) -> None:
        self.left[place] = pieces
        self.missing[place[0]][excess] += sum(piece.changed_lines for piece in pieces)

    def _open_unchanged_files(self) -> bool:
        """Take the headings of files in which no line changes; return False if one does not fit."""
        bare = [
            file_index
            for file_index, file in enumerate(self.change.files)
            if file_index not in self.opened and not file.changed_lines
        ]
        for file_index in bare:
            beside = self._get_room_in_file(file_index)
            if beside.bytes >= 0:
                self.room = beside
                self.opened.add(file_index)
        return self.opened.issuperset(bare)


def _begin_piece(piece: Hunk, room: Room) -> tuple[Hunk | None, int, Reason]:
    """Return the part of a piece that fits, its bytes, and the limit that the rest exceeds."""
    if isinstance(piece, FoldedHunk):
        excess = find_excess(piece, room)
        return (None, 0, excess) if excess else (piece, count_bytes(render_hunk_row(piece)) + 1, Reason.TOKENS)
    return take_start(piece, room)


def _get_remainder(piece: Hunk, first: Hunk | None) -> Hunk:
    """Return the rest of a piece after its beginning."""
    return piece if first is None else next(slice_hunk(piece, [(len(first.rows), len(piece.rows))]))


def _measure_hunks(hunks: Hunks) -> int:
    """Return the bytes of hunks that fit."""
    left = reserve_room(hunks, ENDLESS_ROOM)
    assert isinstance(left, Room)  # noqa: S101 - nothing exceeds this room
    return ENDLESS_ROOM.bytes - left.bytes
