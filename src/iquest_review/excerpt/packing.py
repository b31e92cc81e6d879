"""Packs hunks into the room of a prompt: in which order they are tried, which are taken, what is left."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from iquest_review.excerpt.cutting import (
    MIN_CONTEXT_LINES,
    MIN_ROW_BYTES,
    is_large,
    slice_hunk,
    trim_before_change,
)
from iquest_review.excerpt.exclusions import Reason
from iquest_review.excerpt.folding import HunkPlace
from iquest_review.excerpt.measured_change import MeasuredChange, MeasuredFile
from iquest_review.excerpt.measured_hunk import MeasuredHunk, Pieces, Room, reserve_room

MAX_MISSES = 1_000  # consecutive hunks that do not fit, after which no other is tried


def pack_hunks(change: MeasuredChange, room: Room) -> "Packing":
    """Pack a change into a room: everything as it is or, if that is too much, the best hunks first."""
    packing = Packing(change, room)
    if change.size.lines <= room.lines and change.size.bytes <= room.bytes and packing.take_all():
        return packing
    packing = Packing(change, room)
    packing.pack(change.order)
    if not packing.has_shown_line():
        packing = Packing(change, room)
        packing.begin(change.order)
        packing.pack(change.order)
    packing.widen()
    return packing


class Packing:
    """What is shown so far and what is left out, by place."""

    def __init__(self, change: MeasuredChange, room: Room) -> None:
        self.change = change
        self.room = room
        self.shown = dict[HunkPlace, Pieces]()  # in the order they were chosen
        self.left = dict[HunkPlace, Pieces]()  # because there is no room
        # Changed lines of each file that are left out.
        self.missing = defaultdict[int, dict[Reason, int]](lambda: {Reason.LINES: 0, Reason.TOKENS: 0})
        self.opened = set[int]()  # files whose heading is shown

    def take_all(self) -> bool:
        """Take everything as it is; return False if it does not fit."""
        for place, pieces in self.change.pieces.items():
            if not _count_changed_lines(pieces):
                continue  # only a hostile patch has such a hunk: there is nothing to see
            beside = reserve_room(pieces, self._get_room_in_file(place[0]))
            if not isinstance(beside, Room):
                return False
            self._take(place, pieces, beside)
        return self._open_unchanged_files()

    def has_shown_line(self) -> bool:
        """Return whether any line is shown, not only folded hunks."""
        return not all(piece.folded for pieces in self.shown.values() for piece in pieces)

    def list_shown(self) -> list[MeasuredFile]:
        """Return what is shown, for packing it again."""
        return list(self.change.select(self.shown, self.opened))

    def list_left(self) -> list[MeasuredFile]:
        """Return what had no room, for packing it again."""
        unopened = set(range(len(self.change.files))) - self.opened
        return list(self.change.select(self.left, unopened))

    def begin(self, order: Sequence[HunkPlace]) -> None:
        """Take the first rows of the best hunk, however few, since no hunk fits completely."""
        for place in order[:MAX_MISSES]:
            beside = self._get_room_in_file(place[0])
            for context in (MIN_CONTEXT_LINES, 0):
                if not self.shown and beside.lines > 0 and beside.bytes > MIN_ROW_BYTES:
                    self._begin_hunk(place, beside, context)

    def _begin_hunk(self, place: HunkPlace, beside: Room, context: int) -> None:
        parts = [part for piece in self.change.pieces[place] for part in piece.wide]
        index = next((index for index, part in enumerate(parts) if part.hunk.changed_lines and not part.folded), None)
        if index is None:
            return
        part = MeasuredHunk(trim_before_change(parts[index].hunk, context))
        first, reason = part.take_start(beside, at_any_rate=True)
        if first is not None:
            left = (*parts[:index], *_list_remainder(part, first), *parts[index + 1 :])
            self._take(place, (first,), beside.subtract(first.rows, first.size))
            self.missing[place[0]][reason] += _count_changed_lines(left)
            if left:
                self.left[place] = left

    def pack(self, order: Iterable[HunkPlace]) -> None:
        """Take what fits, in this order, with the fewest unchanged lines; cut what is too large."""
        misses, excess = 0, None
        for place in order:
            pieces, beside = self.change.pieces[place], self._get_room_in_file(place[0])
            if place in self.shown or not _count_changed_lines(pieces):
                continue
            if excess and misses > MAX_MISSES:
                self._leave(place, pieces, excess)
                continue
            excess = next((found for piece in pieces if (found := piece.find_certain_excess(beside))), None)
            if excess is None:
                narrow = tuple(part for piece in pieces for part in piece.narrow)
                left = reserve_room(narrow, beside)
                if isinstance(left, Room):
                    self._take(place, narrow, left)
                    misses = 0
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
            wide = tuple(part for piece in self.change.pieces[place] for part in piece.wide)
            lines = sum(part.rows for part in wide) - sum(part.rows for part in narrow)
            if place in self.left or lines <= 0:
                continue
            size = sum(part.size for part in narrow)
            left = reserve_room(wide, self.room.subtract(-sum(part.rows for part in narrow), -size))
            if isinstance(left, Room):
                self.room, self.shown[place] = left, wide

    def _get_room_in_file(self, file_index: int) -> Room:
        """Return the room for a hunk, less the file's heading if that is not shown yet."""
        return self.room if file_index in self.opened else self.room.subtract(0, self.change.files[file_index].heading)

    def _take(self, place: HunkPlace, pieces: Pieces, left: Room) -> None:
        self.shown[place], self.room = pieces, left
        self.opened.add(place[0])

    def _take_part(self, place: HunkPlace, pieces: Pieces, beside: Room, excess: Reason) -> None:
        """Take what fits of a hunk that is too large for the room, if it may be cut; leave the rest."""
        large = any(is_large(piece.hunk) for piece in pieces)
        if beside.lines <= 0 or beside.bytes <= MIN_ROW_BYTES or not large:
            self._leave(place, pieces, excess)
            return
        shown, left = list[MeasuredHunk](), list[MeasuredHunk]()
        for part in (part for piece in pieces for part in piece.wide):
            first, reason = part.take_start(beside)
            if first is not None:
                shown.append(first)
                beside = beside.subtract(first.rows, first.size)
            if first is not part:
                rest = _list_remainder(part, first)
                left += rest
                self.missing[place[0]][reason] += _count_changed_lines(rest)
        if shown:
            self._take(place, tuple(shown), beside)
        if left:
            self.left[place] = tuple(left)

    def _leave(self, place: HunkPlace, pieces: Pieces, excess: Reason) -> None:
        self.left[place] = pieces
        self.missing[place[0]][excess] += _count_changed_lines(pieces)

    def _open_unchanged_files(self) -> bool:
        """Take the headings of files in which no line changes; return False if one does not fit."""
        bare = [
            file_index
            for file_index, file in enumerate(self.change.files)
            if file_index not in self.opened and not file.file.changed_lines
        ]
        for file_index in bare:
            beside = self._get_room_in_file(file_index)
            if beside.bytes >= 0:
                self.room = beside
                self.opened.add(file_index)
        return self.opened.issuperset(bare)


def _count_changed_lines(pieces: Sequence[MeasuredHunk]) -> int:
    return sum(piece.hunk.changed_lines for piece in pieces)


def _list_remainder(piece: MeasuredHunk, first: MeasuredHunk | None) -> Sequence[MeasuredHunk]:
    """Return the rest of a piece after its beginning; nothing if no line changes there."""
    if first is None:
        return (piece,) if piece.hunk.changed_lines else ()
    (rest,) = slice_hunk(piece.hunk, [(len(first.hunk.rows), len(piece.hunk.rows))])
    return (MeasuredHunk(rest),) if rest.changed_lines else ()
