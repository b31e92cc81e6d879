"""Where the lines of an earlier finding are now.

That a run does not repeat a finding proves nothing. That its lines are gone does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iquest_review.diff.diff import FileStatus, Line, Side
from iquest_review.excerpt.numbered_rows import render_stable_text
from iquest_review.findings.fingerprint import Mark, digest, join_words
from iquest_review.findings.indexed import IndexedDiff, IndexedFile


@dataclass(frozen=True, slots=True)
class Location:
    """The file of an earlier finding and its first line; no line where it is about the whole file."""

    path: str
    line: int | None


def find_marked_lines(mark: Mark, path: str, line: int | None, diff: IndexedDiff) -> Location | None:
    """Return where the marked lines are now, or None when they are gone.

    They are looked for in their own file first, nearest to their last known line. When that file is gone, they are
    looked for in added and renamed files. Where the rest of the file cannot be read, the lines count as still there.
    """
    entry = diff.find_file(path)
    if not mark.lines:
        return Location(entry.file.path, None) if entry else None
    if entry is None or (entry.file.status is FileStatus.DELETED and mark.side is Side.NEW):
        return _find_elsewhere(mark, diff)
    file = entry.file
    if numbers := list(_find_mark(mark, entry)):
        return Location(file.path, _pick_nearest(numbers, line))
    if mark.side is Side.OLD:
        return None
    if file.status is FileStatus.ADDED or not file.hunks:
        return None  # the hunks show the whole file, or none of its lines differ any more
    if entry.unfolded is None:
        return Location(file.path, line)
    numbers = list(_find_mark(mark, entry.unfolded))
    return Location(file.path, _pick_nearest(numbers, line)) if numbers else None


def _find_elsewhere(mark: Mark, diff: IndexedDiff) -> Location | None:
    others = (other for other in diff.files if other.file.status in (FileStatus.ADDED, FileStatus.RENAMED))
    return next((Location(other.file.path, number) for other in others for number in _find_mark(mark, other)), None)


def _find_mark(mark: Mark, file: IndexedFile) -> Iterator[int]:
    """Yield the first line number of each place where the marked number of lines in a row have the marked digest."""
    numbers, words = file.list_words(mark.side)
    for index in range(len(words) - mark.lines + 1):
        in_a_row = numbers[index + mark.lines - 1] - numbers[index] == mark.lines - 1
        if in_a_row and digest(" ".join(filter(None, words[index : index + mark.lines]))) == mark.anchor:
            yield numbers[index]


def find_twins(file: IndexedFile, lines: Sequence[Line]) -> tuple[int, ...]:
    """Return the last line numbers of the other places in the file with the same text as these lines of one side."""
    first, count = lines[0], len(lines)
    begin, text = join_stable_texts(lines[:1]), join_stable_texts(lines)
    rows, starts = file.list_starts(first)
    runs = ([line for _, line in rows[start : start + count]] for start in starts)
    return tuple(
        run[-1].number
        for run in runs
        if len(run) == count
        and run[0].number != first.number
        and run[-1].number - run[0].number == count - 1
        and join_stable_texts(run[:1]) == begin
        and join_stable_texts(run) == text
    )


def join_stable_texts(lines: Sequence[Line]) -> str:
    """Return the words of the lines, as identities need them: without a guess at the encoding."""
    return join_words([render_stable_text(line) for line in lines])


def _pick_nearest(numbers: list[int], line: int | None) -> int:
    return min(numbers, key=lambda number: abs(number - line)) if line else numbers[0]
