"""Where a quote stands in a file's lines: letter by letter but for white space, else in part, else nearly.

Models miscount lines and copy them well: the quote decides, the number breaks ties between lines of the same text.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from iquest_review.diff.diff import FileDiff, Line, Side
from iquest_review.diff.full_file import unfold_file
from iquest_review.diff.identity_key import IdentityKey
from iquest_review.excerpt.numbered_rows import render_line_text
from iquest_review.findings.finding import Finding

MIN_PART_CHARS = 6  # characters from which a part of a line is enough to know it by
MIN_RATIO_AT_NUMBER = 0.8  # of a line's text is right: it is the line, when the number says so, too
MIN_RATIO_ANYWHERE = 0.95  # of a line's text is right: it is the line
MAX_COMPARED_LINES = 500  # lines that a misquoted one is compared with, the nearest first

_Place = tuple[FileDiff, Line, int | None]  # the first line, and the number of the last one where it is another
_ROW_LABEL = re.compile(r"^\s*[-+ ]?\d+\|")
_MARKER = re.compile(r"^[-+]")


def list_quote_rows(quote: str) -> tuple[str, ...]:
    """The quote's rows that say something."""
    return tuple(row for row in quote.split("\n") if strip_blanks(row))


def strip_blanks(text: str) -> str:
    """Without white space, which models do not copy."""
    return "".join(text.split())


def strip_escapes(text: str) -> str:
    """Without what JSON in JSON adds or takes."""
    return re.sub(r"[\s\\\"'`]", "", text)


def strip_row_label(text: str) -> str:
    """Without the marker and number that were printed before it."""
    return strip_blanks(_ROW_LABEL.sub("", text))


def strip_row_marker(text: str) -> str:
    return strip_blanks(_MARKER.sub("", text.lstrip()))


_READINGS = (
    (strip_blanks, strip_blanks),
    (strip_row_label, strip_blanks),
    (strip_row_marker, strip_blanks),
    (strip_escapes, strip_escapes),
)


def find_quote(quote: Sequence[str], number: int | None, files: Sequence[FileDiff]) -> _Place | None:
    """Where the quote stands: its rows one after another, on lines of the same text but for white space."""
    if not quote:
        return None
    for reading, plain in _READINGS:
        wanted = [text for row in quote if (text := reading(row))]
        sides = [(file, side) for file in files for side in get_sides(file, plain)]
        for skipped in range(min(len(wanted), 3)):  # its first rows may be a heading or dots
            if place := _find_run(wanted[skipped:], number, sides, quote[skipped]):
                return place
    return _find_part(strip_blanks(quote[0]), number, files)


def find_outside_hunks(
    quote: Sequence[str], number: int | None, files: Sequence[FileDiff], text: Callable[[str], bytes | None]
) -> _Place | None:
    """Where the quote stands in the file but not in its hunks: all of it, or one row that is part of a single line.

    What the model was not shown it quotes from memory, so nothing less will do.
    """
    whole = "".join(map(strip_blanks, quote))
    head = text(files[0].path) if len(files) == 1 and len(whole) >= MIN_PART_CHARS else None
    longest = max(re.findall(r"\w+", " ".join(quote)), key=len, default="")
    if head is None or longest.encode() not in head or (file := unfold_file(files[0], head)) is files[0]:
        return None
    sides = {plain: build_sides(file, plain)[1] for plain in (strip_blanks, strip_escapes)}
    for reading, plain in _READINGS:
        wanted = [row for quoted in quote if (row := reading(quoted))]
        place = _find_run(wanted, number, [(file, sides[plain])], quote[0]) if wanted else None
        if place and (len(wanted) == 1 or place[2] is not None):
            return place
    parts = [line for row, line in sides[strip_blanks].rows if whole in row]
    return (file, parts[0], None) if len(parts) == 1 else None


def _find_run(
    wanted: Sequence[str], number: int | None, sides: Sequence[tuple[FileDiff, "_Rows"]], written: str
) -> _Place | None:
    """The best place whose first line has the text wanted first: most rows matched, then the same indentation as
    `written`, where it kept one, then the likeliest by number."""
    best: tuple[tuple[int, bool, bool, bool, int], _Place] | None = None
    indented = written.rstrip() if written[:1].isspace() else None
    for file, side in sides:
        for index in side.places.get(wanted[0], ()):
            line, matched = side.rows[index][1], _match_lines(wanted, side.rows, index)
            moved = indented is not None and render_line_text(line).rstrip() != indented
            rank = (-len(matched), line.number != number and moved, *_measure_distance(line, number))
            if best is None or rank < best[0]:
                last = matched[-1]
                whole = len(matched) == len(wanted) and last.side is line.side and last.number > line.number
                best = (rank, (file, line, last.number if whole else None))
    return best[1] if best else None


def _match_lines(wanted: Sequence[str], lines: Sequence[tuple[str, Line]], start: int) -> list[Line]:
    """The lines from `start` on that have the texts wanted, in a row; blank lines aside."""
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
    """The line that the quote is a part of, or that it begins with: the only one, or the nearest."""
    if len(wanted) < MIN_PART_CHARS:
        return None
    places = [
        (file, rows[at][1], None)
        for file in files
        for rows in [get_sides(file, strip_blanks)[0].rows]
        for at, (text, _) in enumerate(rows)
        if wanted in text
        or (wanted.startswith(text) and len(text) >= 2 * MIN_PART_CHARS and _is_plausible_start(wanted, rows, at))
    ]
    if not places or (number is None and len(places) > 1):
        return None
    return min(places, key=lambda place: _measure_distance(place[1], number))


def _is_plausible_start(wanted: str, rows: Sequence[tuple[str, Line]], at: int) -> bool:
    """Whether a quote that begins with a line is mostly that line, or goes on with the next one."""
    rest = wanted[len(rows[at][0]) :]
    return len(rest) <= len(rows[at][0]) or any(text and rest.startswith(text) for text, _ in rows[at + 1 : at + 4])


def _measure_distance(line: Line, number: int | None) -> tuple[bool, bool, int]:
    """How far a line of the right text is from the number. Code that was only moved or indented stands on both sides:
    it is the new one that is meant, unless the number says exactly the other."""
    away = abs(line.number - number) if number is not None else 0
    return away != 0, line.side is Side.OLD, away


class _Rows(NamedTuple):
    """Lines in order with their plain texts, and where each text stands among them."""

    rows: tuple[tuple[str, Line], ...]
    places: Mapping[str, list[int]]


def get_sides(file: FileDiff, plain: Callable[[str], str]) -> tuple[_Rows, ...]:
    """The file's lines: all in the diff's order, those of the new file, those of the old one."""
    return _cache_sides(IdentityKey(file), plain)


@lru_cache(maxsize=2_048)
def _cache_sides(file: IdentityKey[FileDiff], plain: Callable[[str], str]) -> tuple[_Rows, ...]:
    return build_sides(file.value, plain)


def build_sides(file: FileDiff, plain: Callable[[str], str]) -> tuple[_Rows, ...]:
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
    """The line with the cited number: the new file's, or a removed line's where the new file shows none."""
    for side in (Side.NEW, Side.OLD):
        if place := next((place for place in _find_lines_at(number, files) if place[1].side is side), None):
            return place
    return None


def find_near_match(quote: Sequence[str], number: int | None, files: Sequence[FileDiff]) -> _Place | None:
    """The line whose text the quote nearly is; less nearly, when it has the cited number."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - most quotes are right

    wanted, best = strip_blanks(quote[0])[:1_000], list[tuple[float, tuple[bool, bool, int], _Place]]()
    matcher, half = SequenceMatcher(None, b=wanted), max(len(wanted) // 2, 1)
    # One slip leaves the beginning or the end as it is; to compare every line of a large file takes too long.
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
    return min(best, key=lambda found: found[:2])[2] if best else None


def _find_lines_at(number: int | None, files: Sequence[FileDiff]) -> Iterator[_Place]:
    """The lines with the number, of both sides."""
    return (
        (file, line, None)
        for file in files
        for _, line in get_sides(file, strip_blanks)[0].rows
        if line.number == number
    )


def find_range_end(finding: Finding, first: Line, lines: Sequence[Line]) -> int | None:
    """The end of a range as long as the cited one, as far as the diff shows every line of it."""
    if finding.line is None or finding.end_line is None:
        return None
    shown, end = {line.number for line in lines}, first.number
    while end - first.number < finding.end_line - finding.line and end + 1 in shown:
        end += 1
    return end if end != first.number else None
