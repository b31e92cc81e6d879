"""The job's own secrets, found by their values: as they are, or encoded.

A value is recognised in base64 of either alphabet at any of its three alignments (so also in `user:value` of basic
authentication), wrapped or encoded twice, percent-encoded, escaped as in JSON, HTML or C, and as hexadecimal digits.
Of a value of several lines, or of JSON, the random parts are recognised as well. What a text that may be posted does to
a value besides, see `disguises`.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from urllib.parse import quote, quote_plus

from iquest_review.redaction.disguises import Disguise, DisguisedValues
from iquest_review.redaction.heuristics import PLAIN_WORDS, is_password, is_random
from iquest_review.redaction.token_formats import KEY_END, Span

ALWAYS_SECRET = frozenset(("IQUEST_API_KEY", "GITLAB_API_TOKEN", "CI_JOB_TOKEN"))  # certain, whatever they look like
_MIN_VALUE_CHARS = 6  # a shorter value may be part of ordinary words
_MIN_PART_CHARS = 12  # of a value of several lines
_MIN_HALF_CHARS = 10  # of a value in base64
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
_AROUND = b" \t\r\"'`,;\\"  # what may surround a line of wrapped base64
_MAX_NEIGHBOUR_CHARS = 400  # of base64 that are replaced along with a value, on either side
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
OWN_SECRET = "own-secret"  # noqa: S105 - a kind, as in a placeholder


class KnownValues:
    """The searched forms (needles) of the job's own secrets; built once."""

    def __init__(self, own: Mapping[str, str]) -> None:
        values: dict[bytes, bool] = {}  # and whether the value certainly is a secret
        for name, value in own.items():
            for part in _extract_parts(value):
                plain = part.encode("utf-8", "surrogateescape")
                values[plain] = (
                    values.get(plain, False) or name in ALWAYS_SECRET or is_random(plain) or is_password(plain)
                )
        self._values = values
        exact = {form: sure for plain, sure in values.items() for form in _spell_value(plain)}
        wide = {half: (core, sure) for plain, sure in values.items() for half, core in _encode_base64(plain)}
        low = {form: sure for plain, sure in values.items() for form in _encode_hex(plain)}
        self._exact = dict(sorted(exact.items(), key=lambda item: (-len(item[0]), item[0])))
        self._wide = dict(sorted(wide.items()))  # each half with the text it belongs to
        self._low = dict(sorted(low.items()))

    def __bool__(self) -> bool:
        return bool(self._exact)

    def find_needles(self, text: bytes, low: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the needles in a text, each with the form of the text it is in; `low` is the text in lower case."""
        yield from ((needle, text) for needle in (*self._exact, *self._wide) if needle in text)
        yield from ((needle, low) for needle in self._low if needle in low)

    def find_disguises(self, text: str) -> list[Disguise]:
        """Return where own secrets are broken over lines, spaced out or encoded otherwise."""
        return self._disguises.find_disguises(text)

    @cached_property
    def _disguises(self) -> DisguisedValues:
        return DisguisedValues(self._values)  # many runs print nothing that could be in disguise

    def can_be_wrapped(self, needle: bytes) -> bool:
        """Return whether the rest of this needle's value may be on the lines around it."""
        return needle in self._wide

    def find_cut_value(self, text: bytes) -> Span | None:
        """Return the beginning of an own secret, six or more characters, at the end of a cut text, or None."""
        for needle, sure in self._exact.items():
            start = text.rfind(needle[:_MIN_VALUE_CHARS], -len(needle) - 1)
            if start >= 0 and needle.startswith(text[start:]):
                return Span(start, len(text), OWN_SECRET, sure)
        return None

    def find_spans(self, text: bytes, low: bytes, needles: Iterable[bytes]) -> Iterator[Span]:
        """Yield the places of these needles in a line; base64 together with what is encoded along with it."""
        for needle in needles:
            if needle in self._wide:
                core, sure = self._wide[needle]
                places = [(start, start + len(needle)) for start in _find_all(needle, text)] or _find_wrapped_ends(
                    core, text
                )
                yield from (_widen_span(text, start, end, certain=sure) for start, end in places)
            if needle in self._exact:
                yield from (
                    Span(start, start + len(needle), OWN_SECRET, self._exact[needle])
                    for start in _find_all(needle, text)
                )
            if needle in self._low:
                yield from (
                    Span(start, start + len(needle), OWN_SECRET, self._low[needle]) for start in _find_all(needle, low)
                )


def _widen_span(text: bytes, first: int, end: int, *, certain: bool) -> Span:
    """Return a span of base64 with the base64 on either side of it."""
    before, after = text[max(0, first - _MAX_NEIGHBOUR_CHARS) : first], text[end : end + _MAX_NEIGHBOUR_CHARS]
    before, after = before.rpartition(KEY_END)[2], after.partition(KEY_END)[0]
    start = first - len(before) + len(before.rstrip(_ALPHABET))
    return Span(start, end + len(after) - len(after.lstrip(_ALPHABET + b"=")), OWN_SECRET, certain)


def _find_wrapped_ends(core: bytes, line: bytes) -> list[tuple[int, int]]:
    """Find where a line ends in the beginning of wrapped base64, or begins with its end.

    Four characters are enough: fewer would match by chance.
    """
    last, first = len(line.rstrip(_AROUND)), len(line) - len(line.lstrip(_AROUND))
    sizes = range(len(core) - 1, 3, -1)
    tail = next((size for size in sizes if line.endswith(core[:size], 0, last)), 0)
    head = next((size for size in sizes if line.startswith(core[-size:], first)), 0)
    return [place for place in ((last - tail, last), (first, first + head)) if place[0] < place[1]]


def _extract_parts(value: str) -> Iterator[str]:
    """Yield a value and, if it has several lines or is JSON, its random parts: a text is searched line by line."""
    value = value.strip()
    if len(value) < _MIN_VALUE_CHARS or len(set(value)) <= 2 or value.lower() in _COMMON or _VARIABLE.fullmatch(value):
        return
    yield value
    if "\n" in value or value.startswith(("{", "[")):
        for part in _BETWEEN_PARTS.split(value):
            if len(part) >= _MIN_PART_CHARS and is_random(part.encode("utf-8", "surrogateescape")):
                yield part


def _spell_value(value: bytes) -> Iterable[bytes]:
    """Return the value and its spellings in text formats."""
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
    """Yield every byte as hexadecimal digits in lower case: plain, percent-encoded, and as in strings of C."""
    digits = value.hex()
    pairs = [digits[index : index + 2] for index in range(0, len(digits), 2)]
    yield from (b"".join(before + pair.encode() for pair in pairs) for before in (b"", b"%", rb"\x"))


def _encode_base64(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield what is the same in base64 of every text that contains the value, and in base64 of that.

    A long one is split into halves, each with the whole: wherever a line is broken, one half stays intact.
    """
    for core in _encode_at_offsets(value):
        half = len(core) // 2
        if half >= _MIN_HALF_CHARS:
            yield core[:half], core
            yield core[half:], core
        else:
            yield core, core
        yield from ((twice, twice) for twice in _encode_at_offsets(core))


def _encode_at_offsets(value: bytes) -> Iterator[bytes]:
    """Yield what is the same in base64 of every text that contains the value, at each of three alignments."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + value)
        core = encoded[-(-offset * 8 // 6) : (offset + len(value)) * 8 // 6]
        yield from {core, core.translate(_URL_SAFE)}


def _find_all(needle: bytes, text: bytes) -> Iterator[int]:
    position = text.find(needle)
    while position >= 0:
        yield position
        position = text.find(needle, position + len(needle))
