"""The job's own secrets, wherever their very values stand: as they are, or as an encoding of them.

A value is known in base64 of either alphabet at any of its three alignments (so in `user:value` of basic
authentication, too), wrapped or encoded twice as well, percent-encoded, escaped as in JSON, HTML or C, and as
hexadecimal digits. Of a value of several lines, or of JSON, its random parts are known, too.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from iquest_review.redaction.heuristics import PLAIN_WORDS, is_password, is_random
from iquest_review.redaction.token_formats import KEY_END, Span

ALWAYS_SECRET = frozenset(("IQUEST_API_KEY", "GITLAB_API_TOKEN", "CI_JOB_TOKEN"))  # certain, whatever they look like
_MIN_VALUE_CHARS = 6  # characters; a shorter value stands in ordinary words
_MIN_PART_CHARS = 12  # characters of a part of a value
_MIN_HALF_CHARS = 10  # characters of half a value in base64
_COMMON = PLAIN_WORDS | frozenset(
    "master develop development production staging default docker gitlab github runner service session database"
    " enabled disabled system public private server client github-actions localhost password1 password123 secret123"
    " ollama lm-studio lmstudio not-needed no-key-required sk-no-key-required token-abc123 sk-1234 sk-123456 unused"
    " foobar iquest none-needed dummy dummy-key empty api-key apikey your-api-key vllm sglang llama localai"
    " changeit changeme 123456 1234567 12345678 123456789 1234567890 qwerty123 undefined placeholder".split()
)
_VARIABLE = re.compile(r"\$\{?\w+\}?")
_BETWEEN_PARTS = re.compile(r"[\s\"',;{}\[\]()]+|\\+[nrt]|[:=](?![=\s]|$)")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_AROUND = b" \t\r\"'`,;\\"  # what may stand around a line of wrapped base64
_MAX_NEIGHBOUR_CHARS = 400  # characters of base64 that are taken along on either side
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_KIND = "own-secret"


class KnownValues:
    """The needles of all own secrets; made once."""

    def __init__(self, own: Mapping[str, str]) -> None:
        values: dict[bytes, bool] = {}  # and whether it certainly is a secret
        for name, value in own.items():
            for part in _extract_parts(value):
                plain = part.encode("utf-8", "surrogateescape")
                values[plain] = (
                    values.get(plain, False) or name in ALWAYS_SECRET or is_random(plain) or is_password(plain)
                )
        exact = {form: sure for plain, sure in values.items() for form in _spell_value(plain)}
        wide = {half: (core, sure) for plain, sure in values.items() for half, core in _encode_base64(plain)}
        low = {form: sure for plain, sure in values.items() for form in _encode_hex(plain)}
        self._exact = dict(sorted(exact.items(), key=lambda item: (-len(item[0]), item[0])))
        self._wide = dict(sorted(wide.items()))  # with the text that each is of
        self._low = dict(sorted(low.items()))

    def __bool__(self) -> bool:
        return bool(self._exact)

    def find_needles(self, text: bytes, low: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The needles that a text holds, each with the form of the text that holds it; `low` is it in lower case."""
        yield from ((needle, text) for needle in (*self._exact, *self._wide) if needle in text)
        yield from ((needle, low) for needle in self._low if needle in low)

    def can_be_wrapped(self, needle: bytes) -> bool:
        """Whether the lines around one with this needle may hold the rest of what it is of."""
        return needle in self._wide

    def find_cut_value(self, text: bytes) -> Span | None:
        """The beginning of an own secret that a cut text ends in, of at least six characters."""
        for needle, sure in self._exact.items():
            start = text.rfind(needle[:_MIN_VALUE_CHARS], -len(needle) - 1)
            if start >= 0 and needle.startswith(text[start:]):
                return Span(start, len(text), _KIND, sure)
        return None

    def find_spans(self, text: bytes, low: bytes, needles: Iterable[bytes]) -> Iterator[Span]:
        """Where these needles stand in a line; base64 with what is encoded along with it."""
        for needle in needles:
            if needle in self._wide:
                core, sure = self._wide[needle]
                places = [(start, start + len(needle)) for start in _find_all(needle, text)] or _find_wrapped_ends(
                    core, text
                )
                yield from (_widen_span(text, start, end, certain=sure) for start, end in places)
            if needle in self._exact:
                yield from (
                    Span(start, start + len(needle), _KIND, self._exact[needle]) for start in _find_all(needle, text)
                )
            if needle in self._low:
                yield from (
                    Span(start, start + len(needle), _KIND, self._low[needle]) for start in _find_all(needle, low)
                )


def _widen_span(text: bytes, first: int, end: int, *, certain: bool) -> Span:
    before, after = text[max(0, first - _MAX_NEIGHBOUR_CHARS) : first], text[end : end + _MAX_NEIGHBOUR_CHARS]
    before, after = before.rpartition(KEY_END)[2], after.partition(KEY_END)[0]
    start = first - len(before) + len(before.rstrip(_ALPHABET))
    return Span(start, end + len(after) - len(after.lstrip(_ALPHABET + b"=")), _KIND, certain)


def _find_wrapped_ends(core: bytes, line: bytes) -> list[tuple[int, int]]:
    """Where a line ends in the beginning of wrapped base64, or begins with its end; four characters are no chance."""
    last, first = len(line.rstrip(_AROUND)), len(line) - len(line.lstrip(_AROUND))
    sizes = range(len(core) - 1, 3, -1)
    tail = next((size for size in sizes if line.endswith(core[:size], 0, last)), 0)
    head = next((size for size in sizes if line.startswith(core[-size:], first)), 0)
    return [place for place in ((last - tail, last), (first, first + head)) if place[0] < place[1]]


def _extract_parts(value: str) -> Iterator[str]:
    """A value, and each random part of one that has several: text is looked at line by line."""
    value = value.strip()
    if len(value) < _MIN_VALUE_CHARS or len(set(value)) <= 2 or value.lower() in _COMMON or _VARIABLE.fullmatch(value):
        return
    yield value
    if "\n" in value or value.startswith(("{", "[")):
        for part in _BETWEEN_PARTS.split(value):
            if len(part) >= _MIN_PART_CHARS and is_random(part.encode("utf-8", "surrogateescape")):
                yield part


def _spell_value(value: bytes) -> Iterable[bytes]:
    """The value and what text formats make of it."""
    text = value.decode("utf-8", "surrogateescape")
    escaped = {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    percent = {quote(value, safe=safe) for safe in ("", "/", "/:@!$&'()*+,;=~")} | {quote_plus(value)}
    percent |= {re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in percent}
    html = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    quotes = {
        html,
        html.replace('"', "&quot;").replace("'", "&#39;"),
        html.replace('"', "&#34;").replace("'", "&#x27;"),
    }
    slashes = {form.replace("/", "\\/") for form in escaped}
    forms = {text, text.replace("'", "\\'"), *escaped, *slashes, *percent, *quotes}
    return {form.encode("utf-8", "surrogateescape") for form in forms}


def _encode_hex(value: bytes) -> Iterator[bytes]:
    """Every byte as hexadecimal digits, in lower case: plain, percent-encoded, and as strings of C have them."""
    digits = value.hex()
    pairs = [digits[index : index + 2] for index in range(0, len(digits), 2)]
    yield from (b"".join(before + pair.encode() for pair in pairs) for before in (b"", b"%", rb"\x"))


def _encode_base64(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What is the same in base64 of every text that holds the value, and in base64 of that; halves of what is long,
    of which one is whole wherever a line is broken, each with what it is a half of."""
    for core in _encode_at_offsets(value):
        half = len(core) // 2
        if half >= _MIN_HALF_CHARS:
            yield core[:half], core
            yield core[half:], core
        else:
            yield core, core
        yield from ((twice, twice) for twice in _encode_at_offsets(core))


def _encode_at_offsets(value: bytes) -> Iterator[bytes]:
    """What is the same in base64 of every text that holds the value, at each of three alignments."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + value)
        core = encoded[-(-offset * 8 // 6) : (offset + len(value)) * 8 // 6]
        yield from {core, core.translate(_URL_SAFE)}


def _find_all(needle: bytes, text: bytes) -> Iterator[int]:
    position = text.find(needle)
    while position >= 0:
        yield position
        position = text.find(needle, position + len(needle))
