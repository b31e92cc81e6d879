"""What the body of an error says, in whatever form a server writes it, and why a connection broke."""

import json
import re
from collections.abc import Callable
from typing import Any

from iquest_review.reasons.connection import BrokenBy, RootCause
from iquest_review.text import shorten_to_line

MIN_SECRET_CHARS = 4  # shorter keys are placeholders such as "none"
MAX_ERROR_BYTES = 64 * 1024  # of an error's body that are read
MAX_QUOTED_CHARS = 300  # characters of a server's own words in a message
MAX_SEARCHED_CHARS = 4_000  # characters of a page without JSON: routers put their own words first


def parse_integer(digits: str) -> int | None:
    """Parse an integer of less than 20 digits; return None for a longer one, which counts nothing."""
    return int(digits) if len(digits) < 20 else None  # Python raises an error of its own for 5,000 digits


def load_json(content: bytes) -> Any:
    """Parse the JSON of a body; return None if it is not JSON."""
    text = content.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except RecursionError:  # nested deeper than any answer: treated as not JSON
        return None
    except ValueError:
        return _load_huge_numbers(text)


def _load_huge_numbers(text: str) -> Any:
    """Parse JSON with numbers of thousands of digits, which Python refuses.

    Only then: a function that reads each number slows down every other answer.
    """
    try:
        return json.loads(text, parse_int=parse_integer)
    except (ValueError, RecursionError):  # not JSON
        return None


def extract_error_message(content: bytes, limit: int = MAX_QUOTED_CHARS) -> str:
    """Return the words of an error on one line of at most `limit` characters; empty for none.

    They are found in any form that servers use: error.message, error, detail, message, or plain text.
    """
    value = load_json(content)
    for key in ("error", "detail", "message"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    if isinstance(value, str):
        text = value
    elif value is not None:
        text = json.dumps(value)
    else:
        text = re.sub(r"<[^<>]*>", " ", content[: 4 * MAX_SEARCHED_CHARS].decode("utf-8", "replace"))
    return shorten_to_line(text, limit)


def redact_error_body(content: bytes, redact: Callable[[str], str]) -> bytes:
    """Return the body of an error without secrets, cut to the part that messages are made from.

    `redact` takes secrets out of a text. A server that knows a secret of the job may repeat it; the secrets are
    replaced before anything is shortened, since a shortened one is no longer recognised.
    """
    text = content[:MAX_ERROR_BYTES].decode("utf-8", "replace")
    if len(content) > MAX_ERROR_BYTES:
        text = text.rpartition(" ")[0]  # the cut word may be the beginning of a secret
    elif (value := load_json(content)) is not None:
        text = json.dumps(value, ensure_ascii=False)  # a secret may be escaped in JSON, in several ways
    return redact(text).encode("utf-8", "replace")


def mask_key(content: bytes, key: str | None) -> bytes:
    """Return the content with the key replaced by ***: some servers echo a request's headers.

    The key is recognised however its characters are escaped: in JSON, in JSON within JSON, in a URL.
    """
    if not key or len(key) < MIN_SECRET_CHARS:
        return content
    forms = (rf"(?:\\{{0,8}}{re.escape(c)}|\\{{1,8}}u00(?i:{ord(c):02x})|%(?i:{ord(c):02x}))" for c in key)
    return re.sub("".join(forms).encode(), b"***", content)


_BROKEN_BY = re.compile(f"({'|'.join(map(re.escape, BrokenBy))})(?:: (\\d+))?")


def find_root_cause(error: Exception) -> RootCause:
    """Return why a request had no answer: what the innermost error says, without addresses of objects."""
    said = _BROKEN_BY.search(str(error))
    if not said:
        return RootCause(None, type(error).__name__)
    by = BrokenBy.TLS_END if is_tls_eof(error) else BrokenBy(said[1])
    return RootCause(by, said[2] or "" if by is BrokenBy.TUNNEL else "")


def is_tls_eof(error: Exception) -> bool:
    """Return whether a connection ended inside TLS, which says nothing about certificates.

    Servers and proxies that crash do that; so does a server that asks for a client certificate, when its alert comes
    too late to be read.
    """
    return "EOF occurred" in str(error)
