"""Where a quote is found in a file's lines: exactly except for white space, else as a part of a line, else nearly.

Models miscount lines and copy them well: the quote decides, the number breaks ties between lines of the same text.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from iquest_review.diff.decoding import is_utf8
from iquest_review.diff.diff import FileDiff, Line, Side
from iquest_review.diff.full_file import unfold_file
from iquest_review.diff.identity_key import IdentityKey
from iquest_review.excerpt.numbered_rows import render_line_text
from iquest_review.findings.finding import Finding

MIN_PART_CHARS = 6  # a shorter part does not identify a line
MIN_RATIO_AT_NUMBER = 0.8  # similarity that is enough for a line with the cited number
MIN_RATIO_ANYWHERE = 0.95  # similarity that is enough for any other line
MAX_COMPARED_LINES = 500  # compared with a misquoted line, the nearest first

_Place = tuple[FileDiff, Line, int | None]  # the first line, and the number of the last line of a range
_ROW_LABEL = re.compile(r"^\s*[-+ ]?\d+\|")
_MARKER = re.compile(r"^[-+]")


def list_quote_rows(quote: str) -> tuple[str, ...]:
    """Return the quote's rows that are not blank."""
    return tuple(row for row in quote.split("\n") if strip_blanks(row))


def strip_blanks(text: str) -> str:
    """Remove white space: models do not copy it reliably."""
    return "".join(text.split())


def strip_escapes(text: str) -> str:
    """Remove white space, backslashes and quotation marks: JSON in JSON adds or drops them."""
    return re.sub(r"[\s\\\"'`]", "", text)


def strip_row_label(text: str) -> str:
    """Remove the marker and number that the prompt prints before a row, and white space."""
    return strip_blanks(_ROW_LABEL.sub("", text))


def strip_row_marker(text: str) -> str:
    """Remove a diff's + or - before a row, and white space."""
    return strip_blanks(_MARKER.sub("", text.lstrip()))


READINGS = (
    (strip_blanks, strip_blanks),
    (strip_row_label, strip_blanks),
    (strip_row_marker, strip_blanks),
    (strip_escapes, strip_escapes),
)


def find_quote(quote: Sequence[str], number: int | None, files: Sequence[FileDiff]) -> _Place | None:
    """Return the place of the quote in the diff, or None.

    Its rows must follow one another on lines of the same text, white space aside. Where they do not, its first row may
    be a part of one line.
    """
    if not quote:
        return None
    for reading, plain in READINGS:
        wanted = [text for row in quote if (text := reading(row))]
        sides = [(file, side) for file in files for side in get_sides(file, plain)]
        for skipped in range(min(len(wanted), 3)):  # the first rows may be a heading or dots
            if place := _find_run(wanted[skipped:], number, sides, quote[skipped]):
                return place
    return _find_part(strip_blanks(quote[0]), number, files)


def find_outside_hunks(
    quote: Sequence[str], number: int | None, files: Sequence[FileDiff], read_file: Callable[[str], bytes | None]
) -> _Place | None:
    """Return the place of the quote in the file outside its hunks, or None.

    The model was not shown these lines and quotes them from memory. So all rows must match, or one row must be a part
    of exactly one line.
    """
    whole = "".join(map(strip_blanks, quote))
    head = read_file(files[0].path) if len(files) == 1 and len(whole) >= MIN_PART_CHARS else None
    longest = max(re.findall(r"\w+", " ".join(quote)), key=len, default="")
    if head is None or longest.encode() not in head or (file := unfold_file(files[0], head)) is files[0]:
        return None
    sides = {plain: build_sides(file, plain)[1] for plain in (strip_blanks, strip_escapes)}
    for reading, plain in READINGS:
        wanted = [row for quoted in quote if (row := reading(quoted))]
        place = _find_run(wanted, number, [(file, sides[plain])], quote[0]) if wanted else None
        if place and (len(wanted) == 1 or place[2] is not None):
            return place
    parts = [line for row, line in sides[strip_blanks].rows if whole in row]
    return (file, parts[0], None) if len(parts) == 1 else None


def _find_run(
    wanted: Sequence[str], number: int | None, sides: Sequence[tuple[FileDiff, "_Rows"]], written: str
) -> _Place | None:
    """Return the best place whose first line has the first wanted text, or None.

    The best place matches the most rows, then has the same indentation as `written` (the row as the model wrote it, if
    it is indented), then is nearest to the number.
    """
    best: tuple[tuple[int, bool, bool, bool, int], _Place] | None = None
    indented = written.rstrip() if written[:1].isspace() else None
    for file, side in sides:
        for index in side.places.get(wanted[0], ()):
            line, matched = side.rows[index][1], match_lines(wanted, side.rows, index)
            moved = indented is not None and render_line_text(line).rstrip() != indented
            rank = (-len(matched), line.number != number and moved, *_measure_distance(line, number))
            if best is None or rank < best[0]:
                last = matched[-1]
                whole = len(matched) == len(wanted) and last.side is line.side and last.number > line.number
                best = (rank, (file, line, last.number if whole else None))
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


def _find_part(wanted: str, number: int | None, files: Sequence[FileDiff]) -> _Place | None:
    """Return the line that contains the quote, or that the quote begins with: the only one, or the nearest."""
    if len(wanted) < MIN_PART_CHARS:
        return None
    places = [
        (file, rows[index][1], None)
        for file in files
        for rows in [get_sides(file, strip_blanks)[0].rows]
        for index, (text, _) in enumerate(rows)
        if wanted in text
        or (wanted.startswith(text) and len(text) >= 2 * MIN_PART_CHARS and _is_plausible_start(wanted, rows, index))
    ]
    if not places or (number is None and len(places) > 1):
        return None
    return min(places, key=lambda place: _measure_distance(place[1], number))


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


class _Rows(NamedTuple):
    """Lines in order with their plain texts, and the indexes of each text."""

    rows: tuple[tuple[str, Line], ...]
    places: Mapping[str, list[int]]


def get_sides(file: FileDiff, plain: Callable[[str], str]) -> tuple[_Rows, ...]:
    """Return the file's lines three times: all in the diff's order, those of the new file, those of the old one.

    The result is cached: use `build_sides` for a file diff that is used once.
    """
    return _cache_sides(IdentityKey(file), plain)


@lru_cache(maxsize=2_048)
def _cache_sides(file: IdentityKey[FileDiff], plain: Callable[[str], str]) -> tuple[_Rows, ...]:
    return build_sides(file.value, plain)


def build_sides(file: FileDiff, plain: Callable[[str], str]) -> tuple[_Rows, ...]:
    """Return what `get_sides` does, without the cache; `plain` makes a line's text comparable."""
    rows = tuple((plain(render_line_text(line)), line) for line in file.iter_lines())
    new = tuple(row for row in rows if row[1].new_line is not None)
    old = tuple(row for row in rows if row[1].old_line is not None)
    return tuple(_Rows(side, _index_places(side)) for side in (rows, new, old))


def _index_places(rows: Sequence[tuple[str, Line]]) -> Mapping[str, list[int]]:
    places: dict[str, list[int]] = {}
    for index, (text, _) in enumerate(rows):
        places.setdefault(text, []).append(index)
    return places


def find_by_number(number: int | None, files: Sequence[FileDiff]) -> _Place | None:
    """Return the line with the cited number: in the new file, else a removed line; None when there is neither."""
    for side in (Side.NEW, Side.OLD):
        if place := next((place for place in _find_lines_at(number, files) if place[1].side is side), None):
            return place
    return None


def find_near_match(quote: Sequence[str], number: int | None, files: Sequence[FileDiff]) -> _Place | None:
    """Return the line most similar to the quote's first row, or None. The cited number lowers the similarity needed."""
    if place := _find_other_encoding(quote[0], number, files):
        return place
    wanted, best = strip_blanks(quote[0])[:1_000], list[tuple[float, tuple[bool, bool, int], _Place]]()
    matcher, half = SequenceMatcher(None, b=wanted), max(len(wanted) // 2, 1)
    # One slip leaves the first or the second half intact. Comparing every line of a large file takes too long.
    alike = [
        (text[:1_000], (file, line, None))
        for file in files
        for text, line in get_sides(file, strip_blanks)[0].rows
        if line.number == number or text[:half] == wanted[:half] or text[-half:] == wanted[-half:]
    ]
    for text, place in sorted(alike, key=lambda row: _measure_distance(row[1][1], number))[:MAX_COMPARED_LINES]:
        matcher.set_seq1(text)
        least = MIN_RATIO_AT_NUMBER if place[1].number == number else MIN_RATIO_ANYWHERE
        if matcher.real_quick_ratio() >= least and (ratio := matcher.ratio()) >= least:
            best.append((-ratio, _measure_distance(place[1], number), place))
    return min(best, key=lambda candidate: candidate[:2])[2] if best else None


def _find_other_encoding(row: str, number: int | None, files: Sequence[FileDiff]) -> _Place | None:
    """Return the line with the cited number if it is not UTF-8 and the row has the same ASCII characters, or None.

    A model can only approximate bytes that it saw as escapes, or letters of a wrong guess.
    """
    for place in _find_lines_at(number, files):
        if not is_utf8(place[1].raw):
            shown = _list_ascii_parts(render_line_text(place[1]))
            if any(_list_ascii_parts(reading(row)) == shown for reading in (str, strip_row_label, strip_row_marker)):
                return place
    return None


def _list_ascii_parts(text: str) -> str:
    """Return the ASCII characters of a text without its white space and the escapes of bytes."""
    plain = re.sub(r"\\x[89a-f][0-9a-f]", "", text)
    return strip_escapes("".join(character for character in plain if character.isascii()))


def _find_lines_at(number: int | None, files: Sequence[FileDiff]) -> Iterator[_Place]:
    """Return the lines of both sides that have the number."""
    return (
        (file, line, None)
        for file in files
        for _, line in get_sides(file, strip_blanks)[0].rows
        if line.number == number
    )


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
