r"""The ways in which a reader may read a text: without what stands between its characters, and with escapes decoded.

A reading consists of ASCII letters and digits, and knows for each where it was: `"ab" + "c\x64"` reads `abxcx64` and
`abcd`. The time is in proportion to the length of the text.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

_MAX_ROUNDS = 3  # of encodings in one another: %2541
_HEX = "[0-9A-Fa-f]"
_KEPT = re.compile("[0-9A-Za-z]+")
_WIDE = re.compile(r"[^\x00-\x7f]")
_TAGS = "a|b|br|code|del|div|em|font|h[1-6]|hr|i|ins|kbd|li|mark|ol|p|pre|s|small|span|strong|sub|sup|td|tr|tt|u|ul|wbr"
# What a text puts between the parts of a value: markup, colours, the number of a line, a soft line break.
_BETWEEN = re.compile(
    rf"</?(?:{_TAGS})(?:[ \t][^<>\n]{{0,100}})?/?>|(?:\x1b|\\x1b|\\033|\\e|\\u001b)\[[0-9;]{{0,20}}m|=\r?\n"
    r"|^[ \t>+*#|-]{0,40}[0-9]{1,6}[ \t]{0,4}[|.):]",
    re.MULTILINE,
)
_ENCODED = re.compile(
    rf"[%=](?P<hex>{_HEX}{{2}})|\\x(?P<c>{_HEX}{{2}})|0[xX](?P<list>{_HEX}{{2}})(?![0-9A-Za-z])"
    rf"|\\u(?P<u>{_HEX}{{4}})|\\U(?P<long>{_HEX}{{8}})|\\[ux]\{{(?P<braces>{_HEX}{{1,6}})\}}"
    r"|\\(?P<octal>[0-3]?[0-7]{2})|(?P<space>\\[abfnrtv])|(?P<entity>&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,20});?)"
)
_STRING = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|`[^`\n]*`")  # a = "ab"; b = "cd"; use(a + b)
_NUMBER = re.compile(r"(?<![\w.])(?P<binary>[01]{8})(?![\w.])|(?<![\w.])(?P<decimal>\d{2,3})(?![\w.])")


class Reading(NamedTuple):
    """A text, and where each of its characters begins and ends in the text that was read."""

    text: str
    starts: list[int]
    ends: list[int]


def read_text(text: str) -> list[str]:
    """Return the readings of a text, each once."""
    kept = (_replace(reading, _KEPT, _read_as_is, drop=True) for reading in _iter_readings(text, _replace))
    return list(dict.fromkeys(kept))


def locate_readings(text: str) -> Iterator[Reading]:
    """Yield the readings of a text with the places of their characters: ten times as slow as `read_text`."""
    places = Reading(text, list(range(len(text))), list(range(1, len(text) + 1)))
    for reading in _iter_readings(places, _replace_and_locate):
        yield _replace_and_locate(reading, _KEPT, _read_as_is, drop=True)


_Text = TypeVar("_Text", str, Reading)
_Read = Callable[[re.Match[str]], str]


def _iter_readings(text: _Text, replace: Callable[..., _Text]) -> Iterator[_Text]:
    text = replace(text, _WIDE, lambda match: unicodedata.normalize("NFKC", match[0]))
    yield text
    yield replace(text, _NUMBER, _decode_number, drop=True)
    yield replace(text, _STRING, _read_as_is, drop=True)
    for _ in range(_MAX_ROUNDS):
        before = text
        text = replace(replace(text, _BETWEEN, lambda _: " "), _ENCODED, _decode)
        if text == before:
            return
        yield text


def _replace(text: str, pattern: re.Pattern[str], read: _Read, *, drop: bool = False) -> str:
    """Return a text in which matches are replaced; with `drop` everything else is left out."""
    return "".join(map(read, pattern.finditer(text))) if drop else pattern.sub(read, text)


def _replace_and_locate(reading: Reading, pattern: re.Pattern[str], read: _Read, *, drop: bool = False) -> Reading:
    """Do what `_replace` does; a replacement of the same length keeps the places of its characters."""
    parts, starts, ends = list[str](), list[int](), list[int]()

    def copy(first: int, end: int) -> None:
        parts.append(reading.text[first:end])
        starts.extend(reading.starts[first:end])
        ends.extend(reading.ends[first:end])

    done = 0
    for match in pattern.finditer(reading.text):
        first, end = match.span()
        if not drop:
            copy(done, first)
        new = read(match)
        if len(new) == end - first:
            copy(first, end)
            parts[-1] = new
        else:
            parts.append(new)
            starts.extend([reading.starts[first]] * len(new))
            ends.extend([reading.ends[end - 1]] * len(new))
        done = end
    if not drop:
        copy(done, len(reading.text))
    return Reading("".join(parts), starts, ends)


def _read_as_is(match: re.Match[str]) -> str:
    return match[0]


def _decode(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "entity":
        return html.unescape(match[0])
    if kind == "space":
        return " "
    code = int(match[kind or 0], 8 if kind == "octal" else 16)
    return chr(code) if code <= 0x10FFFF else " "


def _decode_number(match: re.Match[str]) -> str:
    code = int(match[0], 2) if match.lastgroup == "binary" else int(match[0])
    return chr(code) if code < 0x7F else ""
