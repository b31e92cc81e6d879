"""Where the lines of an earlier finding are now. That a run does not repeat a finding proves nothing; that its lines
are gone does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Line, LineKind, Side
from iquest_review.diff.full_file import unfold_file
from iquest_review.diff.identity_key import IdentityKey
from iquest_review.excerpt.numbered_rows import render_line_text
from iquest_review.findings.fingerprint import Mark, digest, join_words

FileReader = Callable[[str], bytes | None]  # a file as it stands at the head; None: not to be had


@dataclass(frozen=True, slots=True)
class Location:
    """Where they are; `line` is the first of them."""

    path: str
    line: int | None


def find_marked_lines(mark: Mark, path: str, line: int | None, diff: Diff, text: FileReader) -> Location | None:
    """The marked lines: in their file, nearest to where they were last seen; where that is gone, in one that came new
    or under a new name. None: they are gone.

    What cannot be known, since the rest of the file is not to be had, counts as still there.
    """
    file = diff.find_file(path)
    if not mark.lines:
        return Location(file.path, None) if file else None
    if file is None or (file.status is FileStatus.DELETED and mark.side is Side.NEW):
        others = (other for other in diff.files if other.status in (FileStatus.ADDED, FileStatus.RENAMED))
        return next((Location(other.path, number) for other in others for number in _find_mark(mark, other)), None)
    if numbers := list(_find_mark(mark, file)):
        return Location(file.path, _pick_nearest(numbers, line))
    if mark.side is Side.OLD:
        return None
    if file.status is FileStatus.ADDED or not file.hunks:
        return None  # all of it has been looked at, or nothing of it changes any more
    whole = text(file.path)
    if whole is None or (opened := unfold_file(file, whole)) is file:
        return Location(file.path, line)
    numbers = list(_find_mark(mark, opened))
    return Location(file.path, _pick_nearest(numbers, line)) if numbers else None


def find_anchors(anchor: str, count: int, side: Side, file: FileDiff, first: str | None = None) -> Iterator[int]:
    """The first line of each place in the file where so many lines have the text of this digest. Who knows the text of
    the first of them says so, and has it sooner."""
    numbers, words = _index_lines(IdentityKey(file), side)
    for index in range(len(words) - count + 1):
        if first is not None and words[index] != first:
            continue
        in_a_row = numbers[index + count - 1] - numbers[index] == count - 1
        if in_a_row and digest(" ".join(filter(None, words[index : index + count]))) == anchor:
            yield numbers[index]


@lru_cache(maxsize=16)  # a finding, or a thread, after the other asks about the same few files
def _index_lines(file: IdentityKey[FileDiff], side: Side) -> tuple[list[int], list[str]]:
    """The numbers of the lines of a side, and their words."""
    lines = [line for line in file.value.iter_lines() if _is_on_side(line, side)]
    return [line.number for line in lines], [join_words([render_line_text(line)]) for line in lines]


def _find_mark(mark: Mark, file: FileDiff) -> Iterator[int]:
    return find_anchors(mark.anchor, mark.lines, mark.side, file)


def _is_on_side(line: Line, side: Side) -> bool:
    return line.kind is LineKind.REMOVED if side is Side.OLD else line.kind is not LineKind.REMOVED


def _pick_nearest(numbers: list[int], line: int | None) -> int:
    return min(numbers, key=lambda number: abs(number - line)) if line else numbers[0]
