"""Hunks into a room: in which order they are tried, which are taken, what of them is left."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from iquest_review.diff.diff import FileDiff, Hunk
from iquest_review.diff.identity_key import Same
from iquest_review.excerpt import ranking
from iquest_review.excerpt.cutting import (
    CONTEXT,
    LEAST_CONTEXT,
    LEAST_ROW,
    Room,
    beginning,
    exceeded,
    from_change,
    is_large,
    narrowed,
    slices,
    whole,
)
from iquest_review.excerpt.exclusions import Reason
from iquest_review.excerpt.folding import Place, folded
from iquest_review.excerpt.numbered_rows import Folded, file_row, height, hunk_row, size_of

MOST_MISSES = 1_000  # hunks in a row that do not fit; the others are not tried then
LOOKED_AT, MOST_READ = 6, 4_000  # times the room, and hunks: what is read to be ranked; the rest by size and file
ENDLESS = Room(10**12, 10**12)

Hunks = tuple[Hunk, ...]


class Change:
    """The files of a change, with what of them is folded, and what is known of their hunks without reading them."""

    def __init__(self, files: Sequence[FileDiff]) -> None:
        self.files = files
        self.folds = folded(files)
        self.lines, self.size = 0, 0  # that all of it takes; bytes at least
        self.headings = [size_of(file_row(file)) + 1 for file in files]  # bytes
        self.changed = ranking.changed(files)
        self.glances = dict[Place, float]()

    @classmethod
    def of(cls, files: Sequence[FileDiff]) -> "Change":
        """The change with all its hunks looked at."""
        change = cls(files)
        for at, file in enumerate(files):
            lines = change.changed[file.path]
            for number in range(len(file.hunks)):
                pieces = change.pieces((at, number))
                change.lines += sum(map(height, pieces))
                change.size += sum(map(_least_size, pieces))
                change.glances[at, number] = max(ranking.glance(file, piece, lines) for piece in pieces)
        return change

    def pieces(self, place: Place) -> Hunks:
        """The hunk at a place or, where some of it is folded, its pieces."""
        return self.folds.get(place) or (self.files[place[0]].hunks[place[1]],)


def _least_size(hunk: Hunk) -> int:
    return 0 if isinstance(hunk, Folded) else sum(map(len, hunk.rows))


@lru_cache(maxsize=2)
def _change(files: Same[tuple[FileDiff, ...]]) -> Change:
    """The same files are fitted many times until a prompt is full."""
    return Change.of(files.value)


def packed(files: Sequence[FileDiff], room: Room, past: Mapping[str, tuple[int, int]]) -> "Packing":
    """What of the files is shown in a room: everything as it is or, where that is too much, the best hunks first."""
    change = _change(Same(files)) if isinstance(files, tuple) else Change.of(files)
    packing = Packing(change, room)
    if change.lines <= room.lines and change.size <= room.bytes and packing.all_fits():
        return packing
    packing, order = Packing(change, room), ranked(change, room, past)
    packing.pack(order)
    if not packing.shows_a_line():
        packing = Packing(change, room)
        packing.begin(order)
        packing.pack(order)
    packing.widen()
    return packing


def ranked(change: Change, room: Room, past: Mapping[str, tuple[int, int]]) -> list[Place]:
    """The hunks, those that are worth most first. Only so many are read as might be shown."""
    values = dict(change.glances)
    order = sorted(values, key=values.__getitem__, reverse=True)  # equal ones keep their order
    read, lines, size = list[Place](), LOOKED_AT * room.lines, LOOKED_AT * room.bytes
    for place in order:
        if lines <= 0 or size <= 0 or len(read) == MOST_READ:
            break
        read.append(place)
        for piece in change.pieces(place):
            lines, size = lines - height(piece), size - _least_size(piece)
    repeated = ranking.repeated(piece for place in read for piece in change.pieces(place))
    around = ranking.Around(change.changed, past, repeated)
    for place in read:
        file = change.files[place[0]]
        values[place] = max(ranking.score(file, piece, around).value for piece in change.pieces(place))
    return sorted(order, key=values.__getitem__, reverse=True)


class Packing:
    """What is shown so far and what is not, by place."""

    def __init__(self, change: Change, room: Room) -> None:
        self.change = change
        self.room = room
        self.shown = dict[Place, Hunks]()  # in the order they were chosen
        self.left = dict[Place, Hunks]()  # for want of room
        self.missing = defaultdict[int, dict[Reason, int]](
            lambda: {Reason.LINES: 0, Reason.TOKENS: 0}
        )  # lines of a file
        self.opened = set[int]()  # files whose heading is shown

    def all_fits(self) -> bool:
        """Takes everything as it is; False when it does not fit."""
        for place in self.change.glances:
            pieces = self.change.pieces(place)
            if not any(piece.changed_lines for piece in pieces):
                continue  # as only a hostile patch has it: there is nothing to see
            beside = whole(pieces, self._beside_heading(place[0]))
            if not isinstance(beside, Room):
                return False
            self._take(place, pieces, beside)
        return self._open_bare()

    def shows_a_line(self) -> bool:
        """Whether a line is shown, not only what is folded."""
        return not all(isinstance(hunk, Folded) for hunks in self.shown.values() for hunk in hunks)

    def begin(self, order: Sequence[Place]) -> None:
        """Takes the first rows of the best hunk, however few, since nothing fits whole."""
        for place in order[:MOST_MISSES]:
            beside = self._beside_heading(place[0])
            for context in (LEAST_CONTEXT, 0):
                if not self.shown and beside.lines > 0 and beside.bytes > LEAST_ROW:
                    self._begin(place, beside, context)

    def _begin(self, place: Place, beside: Room, context: int) -> None:
        parts = [part for piece in self.change.pieces(place) for part in narrowed(piece, CONTEXT)]
        at = next((at for at, part in enumerate(parts) if part.changed_lines and not isinstance(part, Folded)), None)
        if at is None:
            return
        part = from_change(parts[at], context)
        first, size, reason = beginning(part, beside, at_any_rate=True)
        if first is not None:
            rest = _behind(part, first)
            left = [*parts[:at], *([rest] if rest.changed_lines else []), *parts[at + 1 :]]
            self._take(place, (first,), beside.less(height(first), size))
            self.missing[place[0]][reason] += sum(part.changed_lines for part in left)
            if left:
                self.left[place] = tuple(left)

    def pack(self, order: Iterable[Place]) -> None:
        """Takes what fits, in this order, among as few unchanged lines as need be; what is too large is cut."""
        misses, excess = 0, None
        for place in order:
            pieces, beside = self.change.pieces(place), self._beside_heading(place[0])
            if place in self.shown or not any(piece.changed_lines for piece in pieces):
                continue
            if excess and misses > MOST_MISSES:
                self._leave(place, pieces, excess)
                continue
            excess = next((found for piece in pieces if (found := exceeded(piece, beside, changed_alone=True))), None)
            if excess is None:
                narrow = tuple(part for piece in pieces for part in narrowed(piece, LEAST_CONTEXT))
                left = whole(narrow, beside)
                if isinstance(left, Room):
                    self._take(place, narrow, left)
                    misses, excess = 0, None
                    continue
                excess = left
            misses += 1
            self._cut(place, pieces, beside, excess)
        self._open_bare()

    def widen(self) -> None:
        """Gives the best of what is shown its unchanged lines back, as far as there is room."""
        for place, narrow in self.shown.items():
            if self.room.lines <= 0 or self.room.bytes <= LEAST_ROW:
                return
            wide = tuple(part for piece in self.change.pieces(place) for part in narrowed(piece, CONTEXT))
            more = sum(map(height, wide)) - sum(map(height, narrow))
            if place in self.left or not 0 < more <= self.room.lines:
                continue
            with_it = whole(wide, Room(ENDLESS.lines, self.room.bytes + _size(narrow)))
            if isinstance(with_it, Room):
                self.room = Room(self.room.lines - more, with_it.bytes)
                self.shown[place] = wide

    def _beside_heading(self, at: int) -> Room:
        """The room beside a file's heading, if it has none yet."""
        return self.room if at in self.opened else self.room.less(0, self.change.headings[at])

    def _take(self, place: Place, hunks: Hunks, left: Room) -> None:
        self.shown[place], self.room = hunks, left
        self.opened.add(place[0])

    def _cut(self, place: Place, pieces: Hunks, beside: Room, excess: Reason) -> None:
        """Shows of a hunk that does not fit what can be shown of it, if it is large; the rest is left."""
        if beside.lines <= 0 or beside.bytes <= LEAST_ROW or not any(map(is_large, pieces)):
            self._leave(place, pieces, excess)
            return
        shown, left = list[Hunk](), list[Hunk]()
        for part in (part for piece in pieces for part in narrowed(piece, CONTEXT)):
            first, size, reason = _first(part, beside)
            if first is not None:
                shown.append(first)
                beside = beside.less(height(first), size)
            if first is not part:
                rest = _behind(part, first)
                left += [rest] if rest.changed_lines else []
                self.missing[place[0]][reason] += rest.changed_lines
        if shown:
            self._take(place, tuple(shown), beside)
        if left:
            self.left[place] = tuple(left)

    def _leave(self, place: Place, pieces: Hunks, excess: Reason) -> None:
        self.left[place] = pieces
        self.missing[place[0]][excess] += sum(piece.changed_lines for piece in pieces)

    def _open_bare(self) -> bool:
        """Takes the files in which no line changes, which are shown by their headings; False when one does not fit."""
        bare = [at for at, file in enumerate(self.change.files) if at not in self.opened and not file.changed_lines]
        for at in bare:
            beside = self._beside_heading(at)
            if beside.bytes >= 0:
                self.room = beside
                self.opened.add(at)
        return self.opened.issuperset(bare)


def _first(piece: Hunk, room: Room) -> tuple[Hunk | None, int, Reason]:
    """What of a piece fits, its bytes, and what the rest exceeds."""
    if isinstance(piece, Folded):
        excess = exceeded(piece, room)
        return (None, 0, excess) if excess else (piece, size_of(hunk_row(piece)) + 1, Reason.TOKENS)
    return beginning(piece, room)


def _behind(piece: Hunk, first: Hunk | None) -> Hunk:
    """What is left of a piece behind its beginning."""
    return piece if first is None else next(slices(piece, [(len(first.rows), len(piece.rows))]))


def _size(hunks: Hunks) -> int:
    """Bytes that hunks which fit take."""
    left = whole(hunks, ENDLESS)
    assert isinstance(left, Room)  # noqa: S101 - nothing exceeds that
    return ENDLESS.bytes - left.bytes
