"""Where the lines of an earlier finding are now.

That a run does not repeat a finding proves nothing. That its lines are gone does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Line, LineKind, Side
from iquest_review.diff.full_file import unfold_file
from iquest_review.diff.identity_key import IdentityKey
from iquest_review.excerpt.numbered_rows import render_stable_text
from iquest_review.findings.fingerprint import Mark, digest, join_words

FileReader = Callable[[str], bytes | None]  # a file's content at the head commit; None when it cannot be read


@dataclass(frozen=True, slots=True)
class Location:
    """The file of an earlier finding and its first line; no line where it is about the whole file."""

    path: str
    line: int | None


def find_marked_lines(mark: Mark, path: str, line: int | None, diff: Diff, read_file: FileReader) -> Location | None:
    """Return where the marked lines are now, or None when they are gone.

    They are looked for in their own file first, nearest to their last known line. When that file is gone, they are
    looked for in added and renamed files. Where the rest of the file cannot be read, the lines count as still there.
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
        return None  # the hunks show the whole file, or none of its lines differ any more
    content = read_file(file.path)
    if content is None or (opened := unfold_file(file, content)) is file:
        return Location(file.path, line)
    numbers = list(_find_mark(mark, opened))
    return Location(file.path, _pick_nearest(numbers, line)) if numbers else None


def find_anchors(anchor: str, count: int, side: Side, file: FileDiff, first: str | None = None) -> Iterator[int]:
    """Yield the first line number of each place where `count` lines in a row have the digest `anchor`.

    `first` is the text of the first line, if known: it only makes the search faster.
    """
    numbers, words = _index_lines(IdentityKey(file), side)
    for index in range(len(words) - count + 1):
        if first is not None and words[index] != first:
            continue
        in_a_row = numbers[index + count - 1] - numbers[index] == count - 1
        if in_a_row and digest(" ".join(filter(None, words[index : index + count]))) == anchor:
            yield numbers[index]


@lru_cache(maxsize=16)  # many findings and threads in turn search the same few files
def _index_lines(file: IdentityKey[FileDiff], side: Side) -> tuple[list[int], list[str]]:
    """Return the line numbers of one side, and the words of each line."""
    lines = [line for line in file.value.iter_lines() if _is_on_side(line, side)]
    return [line.number for line in lines], [join_words([render_stable_text(line)]) for line in lines]


def _find_mark(mark: Mark, file: FileDiff) -> Iterator[int]:
    return find_anchors(mark.anchor, mark.lines, mark.side, file)


def _is_on_side(line: Line, side: Side) -> bool:
    return line.kind is LineKind.REMOVED if side is Side.OLD else line.kind is not LineKind.REMOVED


def _pick_nearest(numbers: list[int], line: int | None) -> int:
    return min(numbers, key=lambda number: abs(number - line)) if line else numbers[0]
