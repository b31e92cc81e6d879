"""Where a quote is found in a file's lines: exactly except for white space, else as a part of a line, else nearly.

Models miscount lines and copy them well: the quote decides, the number breaks ties between lines of the same text.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from iquest_review.diff.decoding import is_utf8
from iquest_review.diff.diff import Line, Side
from iquest_review.excerpt.numbered_rows import render_line_text
from iquest_review.findings.finding import Finding
from iquest_review.findings.indexed import IndexedFile, Rows
from iquest_review.findings.readings import (
    READINGS,
    strip_blanks,
    strip_escapes,
    strip_row_label,
    strip_row_marker,
)

MIN_PART_CHARS = 6  # a shorter part does not identify a line
MIN_RATIO_AT_NUMBER = 0.8  # similarity that is enough for a line with the cited number
MIN_RATIO_ANYWHERE = 0.95  # similarity that is enough for any other line
MAX_COMPARED_LINES = 500  # compared with a misquoted line, the nearest first


class Place(NamedTuple):
    """Where a quote is: its first line, and the number of the last line when it is a range."""

    file: IndexedFile
    first: Line
    last: int | None


def find_quote(quote: Sequence[str], number: int | None, files: Sequence[IndexedFile]) -> Place | None:
    """Return the place of the quote in the diff, or None.

    Its rows must follow one another on lines of the same text, white space aside. Where they do not, its first row may
    be a part of one line.
    """
    if not quote:
        return None
    for reading, plain in READINGS:
        wanted = [text for row in quote if (text := reading(row))]
        sides = [(file, side) for file in files for side in file.list_sides(plain)]
        for skipped in range(min(len(wanted), 3)):  # the first rows may be a heading or dots
            if place := _find_run(wanted[skipped:], number, sides, quote[skipped]):
                return place
    return _find_part(strip_blanks(quote[0]), number, files)


def find_outside_hunks(quote: Sequence[str], number: int | None, files: Sequence[IndexedFile]) -> Place | None:
    """Return the place of the quote in the file outside its hunks, or None.

    The model was not shown these lines and quotes them from memory. So all rows must match, or one row must be a part
    of exactly one line.
    """
    whole = "".join(map(strip_blanks, quote))
    head = files[0].head if len(files) == 1 and len(whole) >= MIN_PART_CHARS else None
    longest = max(re.findall(r"\w+", " ".join(quote)), key=len, default="")
    file = files[0].unfolded if head is not None and longest.encode() in head else None
    if file is None:
        return None
    for reading, plain in READINGS:
        wanted = [row for quoted in quote if (row := reading(quoted))]
        new = file.list_sides(plain)[1]
        place = _find_run(wanted, number, [(file, new)], quote[0]) if wanted else None
        if place and (len(wanted) == 1 or place.last is not None):
            return place
    parts = [line for row, line in file.rows if line.new_line is not None and whole in row]
    return Place(file, parts[0], None) if len(parts) == 1 else None


def _find_run(
    wanted: Sequence[str], number: int | None, sides: Sequence[tuple[IndexedFile, Rows]], written: str
) -> Place | None:
    """Return the best place whose first line has the first wanted text, or None.

    The best place matches the most rows, then has the same indentation as `written` (the row as the model wrote it, if
    it is indented), then is nearest to the number.
    """
    best: tuple[tuple[int, bool, bool, bool, int], Place] | None = None
    indented = written.rstrip() if written[:1].isspace() else None
    for file, side in sides:
        for index in side.find(wanted[0]):
            line, matched = side.rows[index][1], match_lines(wanted, side.rows, index)
            moved = indented is not None and render_line_text(line).rstrip() != indented
            rank = (-len(matched), line.number != number and moved, *_measure_distance(line, number))
            if best is None or rank < best[0]:
                last = matched[-1]
                whole = len(matched) == len(wanted) and last.side is line.side and last.number > line.number
                best = (rank, Place(file, line, last.number if whole else None))
    return best[1] if best else None


def match_lines(wanted: Sequence[str], lines: Sequence[tuple[str, Line]], start: int) -> list[Line]:
    """Return the lines from `start` on that have the wanted texts in order; blank lines between them are skipped."""
    matched: list[Line] = []
    for index in range(start, len(lines)):
        text, line = lines[index]
        if len(matched) == len(wanted):
            break
        if text == wanted[len(matched)]:
            matched.append(line)
        elif text:
            break
    return matched


def _find_part(wanted: str, number: int | None, files: Sequence[IndexedFile]) -> Place | None:
    """Return the line that contains the quote, or that the quote begins with: the only one, or the nearest."""
    if len(wanted) < MIN_PART_CHARS:
        return None
    places = [
        Place(file, line, None)
        for file in files
        for index, (text, line) in enumerate(file.rows)
        if wanted in text
        or (
            wanted.startswith(text)
            and len(text) >= 2 * MIN_PART_CHARS
            and _is_plausible_start(wanted, file.rows, index)
        )
    ]
    if not places or (number is None and len(places) > 1):
        return None
    return min(places, key=lambda place: _measure_distance(place.first, number))


def _is_plausible_start(wanted: str, rows: Sequence[tuple[str, Line]], index: int) -> bool:
    """Return whether a quote that begins with a line is mostly that line, or continues with one of the next lines."""
    rest = wanted[len(rows[index][0]) :]
    following = rows[index + 1 : index + 4]
    return len(rest) <= len(rows[index][0]) or any(text and rest.startswith(text) for text, _ in following)


def _measure_distance(line: Line, number: int | None) -> tuple[bool, bool, int]:
    """Return a sort key for a line of the right text: how far it is from the cited number.

    Code that was only moved or indented is on both sides. The new line is meant, unless the number is exactly that of
    the old one.
    """
    away = abs(line.number - number) if number is not None else 0
    return away != 0, line.side is Side.OLD, away


def find_by_number(number: int | None, files: Sequence[IndexedFile]) -> Place | None:
    """Return the line with the cited number: in the new file, else a removed line; None when there is neither."""
    for side in (Side.NEW, Side.OLD):
        if place := next((place for place in _find_lines_at(number, files) if place.first.side is side), None):
            return place
    return None


def find_near_match(quote: Sequence[str], number: int | None, files: Sequence[IndexedFile]) -> Place | None:
    """Return the line most similar to the quote's first row, or None. The cited number lowers the similarity needed."""
    if place := _find_other_encoding(quote[0], number, files):
        return place
    wanted, best = strip_blanks(quote[0])[:1_000], list[tuple[float, tuple[bool, bool, int], Place]]()
    matcher, half = SequenceMatcher(None, b=wanted), max(len(wanted) // 2, 1)
    # One slip leaves the first or the second half intact. Comparing every line of a large file takes too long.
    alike = [
        (text[:1_000], Place(file, line, None))
        for file in files
        for text, line in file.rows
        if line.number == number or text[:half] == wanted[:half] or text[-half:] == wanted[-half:]
    ]
    for text, place in sorted(alike, key=lambda row: _measure_distance(row[1].first, number))[:MAX_COMPARED_LINES]:
        matcher.set_seq1(text)
        least = MIN_RATIO_AT_NUMBER if place.first.number == number else MIN_RATIO_ANYWHERE
        if matcher.real_quick_ratio() >= least and (ratio := matcher.ratio()) >= least:
            best.append((-ratio, _measure_distance(place.first, number), place))
    return min(best, key=lambda candidate: candidate[:2])[2] if best else None


def _find_other_encoding(row: str, number: int | None, files: Sequence[IndexedFile]) -> Place | None:
    """Return the line with the cited number if it is not UTF-8 and the row has the same ASCII characters, or None.

    A model can only approximate bytes that it saw as escapes, or letters of a wrong guess.
    """
    for place in _find_lines_at(number, files):
        if not is_utf8(place.first.raw):
            shown = _list_ascii_parts(render_line_text(place.first))
            if any(_list_ascii_parts(reading(row)) == shown for reading in (str, strip_row_label, strip_row_marker)):
                return place
    return None


def _list_ascii_parts(text: str) -> str:
    """Return the ASCII characters of a text without its white space and the escapes of bytes."""
    plain = re.sub(r"\\x[89a-f][0-9a-f]", "", text)
    return strip_escapes("".join(character for character in plain if character.isascii()))


def _find_lines_at(number: int | None, files: Sequence[IndexedFile]) -> Iterator[Place]:
    """Return the lines of both sides that have the number."""
    return (Place(file, line, None) for file in files for _, line in file.rows if line.number == number)


def find_range_end(finding: Finding, first: Line, lines: Sequence[Line]) -> int | None:
    """Return the last line number of a range as long as the cited one; None when it is a single line.

    The range ends before the first line that the diff does not show.
    """
    if finding.line is None or finding.end_line is None:
        return None
    shown, end = {line.number for line in lines}, first.number
    while end - first.number < finding.end_line - finding.line and end + 1 in shown:
        end += 1
    return end if end != first.number else None
