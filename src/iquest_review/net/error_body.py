"""What the body of an error says, in whatever form a server writes it, and what a broken connection means."""

import json
import re
from collections.abc import Callable
from typing import Any

from iquest_review.text import shorten_to_line

MIN_SECRET_CHARS = 4  # characters from which a key is worth hiding; shorter ones stand for "none"
MAX_ERROR_BYTES = 64 * 1024  # bytes of an error's body that are looked at
LONGEST = 300  # characters of a server's own words in a message
SEARCHED = 4_000  # characters of them that are looked at: routers put theirs in front


def parse_integer(digits: str) -> int | None:
    """A number that is one of something; None for what only fills a line."""
    return int(digits) if len(digits) < 20 else None  # Python refuses 5,000 digits with an error of its own


def load_json(content: bytes) -> Any:
    """The JSON of a body; None for what is none."""
    text = content.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except RecursionError:
        return None
    except ValueError:
        return _load_huge_numbers(text)


def _load_huge_numbers(text: str) -> Any:
    """JSON with numbers of thousands of digits, which Python refuses; to look at each takes time with sound answers."""
    try:
        return json.loads(text, parse_int=parse_integer)
    except (ValueError, RecursionError):
        return None


def extract_error_message(content: bytes, limit: int = LONGEST) -> str:
    """The words of an error, in any envelope servers use: error.message, error, detail, message, or plain text."""
    value = load_json(content)
    for key in ("error", "detail", "message"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    if isinstance(value, str):
        text = value
    elif value is not None:
        text = json.dumps(value)
    else:
        text = re.sub(r"<[^<>]*>", " ", content[: 4 * SEARCHED].decode("utf-8", "replace"))
    return shorten_to_line(text, limit) or "no reason given"


def redact_error_body(content: bytes, redact: Callable[[str], str]) -> bytes:
    """What an error's body says, as far as people may read it, without secrets: a server that knows one of the job's
    may say it, and who cuts its words first no longer knows it."""
    text = content[:MAX_ERROR_BYTES].decode("utf-8", "replace")
    if len(content) > MAX_ERROR_BYTES:
        text = text.rpartition(" ")[0]  # the beginning of a secret is none that is known
    elif (value := load_json(content)) is not None:
        text = json.dumps(value, ensure_ascii=False)  # a secret may be written in escapes, each in another way
    return redact(text).encode("utf-8", "replace")


def mask_key(content: bytes, key: str | None) -> bytes:
    """What a server says without the key, which some echo with a request's headers, however its characters are
    escaped: in JSON, in JSON in JSON, in a URL."""
    if not key or len(key) < MIN_SECRET_CHARS:
        return content
    forms = (rf"(?:\\{{0,8}}{re.escape(c)}|\\{{1,8}}u00(?i:{ord(c):02x})|%(?i:{ord(c):02x}))" for c in key)
    return re.sub("".join(forms).encode(), b"***", content)


def find_root_cause(error: Exception) -> str:
    """The innermost reason of a request that had no answer, without addresses of objects."""
    reason = re.search(
        r"Connection refused|Name or service not known|Temporary failure in name resolution|nodename nor servname"
        r"|timed out|Connection reset by peer|No route to host|Network is unreachable"
        r"|EOF occurred in violation of protocol|Remote end closed connection|Tunnel connection failed: \d+",
        str(error),
    )
    if reason and is_tls_eof(error):
        return "the connection ended inside TLS; a server that wants, or refuses, IQUEST_CLIENT_CERT may do that"
    return shorten_to_line(reason[0], 120) if reason else type(error).__name__


def is_tls_eof(error: Exception) -> bool:
    """Whether a connection ended inside TLS, which says nothing of certificates: servers and proxies that die do that.

    So does a server that wants a client's certificate, when its word on that comes too late to be read.
    """
    return "EOF occurred" in str(error)
