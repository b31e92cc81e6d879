"""The job's own secrets, wherever their very values stand: as they are, or as an encoding of them.

A value is known in base64 of either alphabet at any of its three alignments (so in `user:value` of basic
authentication, too), percent-encoded, escaped as in JSON or HTML, and as hexadecimal digits.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from iquest_review.prompt.secret_formats import Span
from iquest_review.prompt.secret_values import is_placeholder

_LEAST = 6  # characters; a shorter value stands in ordinary words
_COMMON = frozenset(
    "master develop development production staging default docker gitlab github runner service session database"
    " enabled disabled system public private server client github-actions localhost password1 password123 secret123"
    " changeit 123456 1234567 12345678 123456789 1234567890 qwerty123".split()
)
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_LONGEST = 400  # characters of base64 that are taken along on either side
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_KIND = "own-secret"


class OwnSecrets:
    """The needles of all own secrets; made once."""

    def __init__(self, own: Mapping[str, str]) -> None:
        values = {line for value in own.values() for line in _lines(value)}
        plain = [value.encode("utf-8", "surrogateescape") for value in values]
        self._exact = tuple(
            sorted({form for value in plain for form in _spelt(value)}, key=lambda form: (-len(form), form))
        )
        self._wide = tuple(sorted({form for value in plain for form in _base64(value)}))
        self._hex = tuple(sorted({value.hex().encode() for value in plain}))

    def __bool__(self) -> bool:
        return bool(self._exact)

    def needles_in(self, text: bytes, low: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The needles that a text holds, each with the form of the text that holds it; `low` is it in lower case."""
        yield from ((needle, text) for needle in (*self._exact, *self._wide) if needle in text)
        yield from ((needle, low) for needle in self._hex if needle in low)

    def begins_at_end_of(self, text: bytes) -> Span | None:
        """The beginning of an own secret that a cut text ends in, of at least six characters."""
        for needle in self._exact:
            at = text.rfind(needle[:_LEAST], -len(needle) - 1)
            if at >= 0 and needle.startswith(text[at:]):
                return Span(at, len(text), _KIND, True)
        return None

    def spans(self, text: bytes, low: bytes, needles: Iterable[bytes]) -> Iterator[Span]:
        """Where these needles stand in a line; base64 with what is encoded along with it."""
        for needle in needles:
            if needle in self._wide:
                yield from (_widened(text, at, at + len(needle)) for at in _all(needle, text))
            if needle in self._exact:
                yield from (Span(at, at + len(needle), _KIND, True) for at in _all(needle, text))
            if needle in self._hex:
                yield from (Span(at, at + len(needle), _KIND, True) for at in _all(needle, low))


def _widened(text: bytes, at: int, end: int) -> Span:
    before, behind = text[max(0, at - _LONGEST) : at], text[end : end + _LONGEST]
    start = at - len(before) + len(before.rstrip(_ALPHABET))
    return Span(start, end + len(behind) - len(behind.lstrip(_ALPHABET + b"=")), _KIND, True)


def _lines(value: str) -> Iterator[str]:
    """A value, or each long line of one that has several: text is looked at line by line."""
    value = value.strip()
    if len(value) >= _LEAST and not is_placeholder(value.encode("utf-8", "replace")) and value.lower() not in _COMMON:
        yield value
    if "\n" in value:
        yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= 20 and "-----" not in line)


def _spelt(value: bytes) -> Iterable[bytes]:
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


def _base64(value: bytes) -> Iterator[bytes]:
    """What is the same in base64 of every text that holds the value, at each of three alignments."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + value)
        core = encoded[-(-offset * 8 // 6) : (offset + len(value)) * 8 // 6]
        yield core
        yield core.translate(_URL_SAFE)


def _all(needle: bytes, text: bytes) -> Iterator[int]:
    at = text.find(needle)
    while at >= 0:
        yield at
        at = text.find(needle, at + len(needle))
