r"""The job's own secrets in disguise: broken over lines, spaced out, put together from strings, encoded in other ways.

A model that was told a value, or an error that quotes one, can spell it in a way that its reader undoes. A value is
looked for in the readings of a text (see `readings`), as its letters and digits alone: as they are, backwards, in
rot13, base64, base32 and hexadecimal digits. Only values that look random are: the letters of words meet by chance.
"""

import base64
import codecs
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from iquest_review.redaction.heuristics import is_password, is_random
from iquest_review.redaction.readings import Reading, locate_readings, read_text

_MIN_NEEDLE_CHARS = 8  # letters and digits of a spelling
_MIN_NAMED_CHARS = 12  # of a value with words, known to be a secret
_MIN_CASELESS_CHARS = 12  # where upper and lower case are one
MAX_READ_CHARS = 1_000_000  # of a text; nothing so long is posted


class Disguise(NamedTuple):
    """A place of a disguised value in a text: characters from `start` to `end` of one line."""

    start: int
    end: int
    certain: bool


class DisguisedValues:
    """The spellings of the job's own secrets, as letters and digits alone."""

    def __init__(self, values: Mapping[bytes, bool]) -> None:
        exact, caseless = dict[str, bool](), dict[str, bool]()
        for value, certain in values.items():
            if _can_be_disguised(value, certain=certain):
                exact |= dict.fromkeys(_spell(value), certain)
                caseless |= dict.fromkeys(_spell_caseless(value), certain)
        self._exact = {needle: sure for needle, sure in exact.items() if len(needle) >= _MIN_NEEDLE_CHARS}
        self._caseless = {needle: sure for needle, sure in caseless.items() if len(needle) >= _MIN_CASELESS_CHARS}

    def find_disguises(self, text: str) -> list[Disguise]:
        """Return where own secrets are in disguise, in order; each line of a broken one has its own place."""
        if not self._exact or len(text) > MAX_READ_CHARS:
            return []
        if not any(map(self._is_in, read_text(text))):
            return []
        return sorted({place for reading in locate_readings(text) for place in self._find_in_reading(reading, text)})

    def _is_in(self, reading: str) -> bool:
        low = reading.lower()
        return any(needle in reading for needle in self._exact) or any(needle in low for needle in self._caseless)

    def _find_in_reading(self, reading: Reading, text: str) -> Iterator[Disguise]:
        for needles, searched in ((self._exact, reading.text), (self._caseless, reading.text.lower())):
            for needle, certain in needles.items():
                first = searched.find(needle)
                while first >= 0:
                    yield from _split_by_line(reading, first, first + len(needle), text, certain=certain)
                    first = searched.find(needle, first + len(needle))


def _can_be_disguised(value: bytes, *, certain: bool) -> bool:
    """Return whether a value is unlike words: only then its letters cannot meet by chance."""
    plain = _keep(value)
    has_both = any(map(str.isdigit, plain)) and any(map(str.isalpha, plain))
    return len(plain) >= _MIN_NEEDLE_CHARS and (
        is_random(value) or is_password(value) or (certain and has_both and len(plain) >= _MIN_NAMED_CHARS)
    )


def _keep(value: bytes) -> str:
    return "".join(chr(byte) for byte in value if byte < 0x80 and chr(byte).isalnum())


def _spell(value: bytes) -> Iterator[str]:
    plain = _keep(value)
    yield from (plain, plain[::-1], codecs.encode(plain, "rot13"))
    for core in _encode_at_offsets(value, base64.b64encode, 3, 6):
        yield _keep(core)
        yield from (_keep(twice) for twice in _encode_at_offsets(core, base64.b64encode, 3, 6))


def _spell_caseless(value: bytes) -> Iterator[str]:
    plain = _keep(value).lower()
    yield from (plain, plain[::-1], codecs.encode(plain, "rot13"), value.hex(), value[::-1].hex())
    yield from (_keep(core).lower() for core in _encode_at_offsets(value, base64.b32encode, 5, 5))


def _encode_at_offsets(value: bytes, encode: Callable[[bytes], bytes], offsets: int, bits: int) -> Iterator[bytes]:
    """Yield what is the same in every encoded text that contains the value; a character encodes so many bits."""
    for offset in range(offsets):
        encoded = encode(b"\0" * offset + value)
        yield encoded[-(-offset * 8 // bits) : (offset + len(value)) * 8 // bits]


def _split_by_line(reading: Reading, first: int, end: int, text: str, *, certain: bool) -> Iterator[Disguise]:
    start, last = reading.starts[first], reading.ends[first]
    for index in range(first + 1, end):
        if text.find("\n", last, reading.starts[index]) >= 0:
            yield Disguise(start, last, certain)
            start = reading.starts[index]
        last = max(last, reading.ends[index])
    yield Disguise(start, last, certain)
