"""An HTTP answer that is no reply -> the failure it means, by its name.

vLLM, SGLang, llama.cpp, transformers serve and the routers in front of them agree on none of it: which status and
which words mean what is written down here, where it was seen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from iquest_review.errors import (
    ContextExceededError,
    FormatRefusedError,
    ModelError,
    ModelRefusedError,
    ModelUnreachableError,
)
from iquest_review.net.error_body import LONGEST, SEARCHED, extract_error_message, load_json
from iquest_review.net.proxy import MAY_BE_THE_PROXY, Proxy
from iquest_review.net.retry import TransientError, parse_retry_after
from iquest_review.text import shorten_to_line

_PASSING_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_BROKEN_STATUSES = frozenset({408, 500, 504, 524})
_ABSENT_STATUSES = frozenset({404, 405, 501})
# Wordings of vLLM 0.2 to 0.32, SGLang, llama.cpp, Ollama, LM Studio, OpenAI, LiteLLM; the last line is TGI's.
_CONTEXT = re.compile(
    r"context[ _-]?(?:length|size|window)|maximum (?:sequence|model) length|too many tokens|max_model_len"
    r"|(?:prompt|input) (?:is )?too long|contains \d+ characters \(more than"
    r"|`?inputs`? (?:tokens \+|must have less than)",
    re.IGNORECASE,
)
# llama-cpp-python answers 500 with a validation error for json_schema; it must not be retried as a server's bad day.
_FORMAT = re.compile(
    r"response_format|json[_ ]?schema|json_object|grammar|guidance|structured.?output|Unexpected fields", re.IGNORECASE
)
# LiteLLM, OpenAI's own newer models, servers that forbid what their request does not list.
_UNKNOWN = re.compile(
    r"unrecognized|unknown|unexpected|unsupported|not support|not (?:permitted|allowed)", re.IGNORECASE
)
_DISPENSABLE = re.compile(r"\b(?:temperature|top_p|max_tokens)\b")
# nginx, and net/http of Go: both tell who asks without TLS.
_TO_TLS = re.compile(r"plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server", re.IGNORECASE)
MAX_FIRST_WORDS_CHARS = 80  # characters of what is no answer at all


class TransientModelError(TransientError, ModelUnreachableError):
    """A failure that may pass. `status` is the server's; None when there was no answer at all.

    A server that breaks over a prompt, or is not done in time, may manage a smaller one.
    """

    def __init__(
        self, message: str, wait: float | None = None, status: int | None = None, *, in_time: bool = True
    ) -> None:
        super().__init__(message)
        self.wait = wait
        self.status = status
        self.less_may_pass = not in_time or status in _BROKEN_STATUSES


class ParameterRefusedError(ModelRefusedError):
    """The server does not know a parameter, or not this value of it, without which it may answer."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class NoRouteError(ModelRefusedError):
    """The server has no such path."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What was asked, for the message. `form` is the response_format's type, None where none was sent."""

    host: str
    path: str
    model: str | None
    form: str | None
    has_key: bool = True
    proxy: Proxy | None = None


def classify_failure(asked: RequestContext, status: int, headers: Mapping[str, str], content: bytes) -> ModelError:
    """What an answer means that holds no reply: any status but 200, or 200 with an error in its body."""
    host, words = asked.host, extract_error_message(content, SEARCHED)
    short = shorten_to_line(words, LONGEST)
    is_error = status != 200 or _is_error(content)
    if 300 <= status < 400:
        target = _find_redirect_host(headers.get("Location", ""))
        return ModelRefusedError(f"{host} redirects to {target}: set IQUEST_API_URL to the final address")
    if asked.proxy and status == 407:
        return ModelRefusedError(f"{host}: {asked.proxy.describe_refusal(status, short)}")
    doubt = MAY_BE_THE_PROXY if asked.proxy and status >= 400 and load_json(content) is None else ""
    if status in (401, 403):
        return ModelRefusedError(f"{host} {_explain_denied_access(asked, status, short, doubt)}")
    if _TO_TLS.search(words) and status == 400:
        return ModelRefusedError(f"{host} speaks TLS: should IQUEST_API_URL begin with https://?")
    if status == 413 or (is_error and status in (200, 400, 422, 500) and _CONTEXT.search(words)):
        return ContextExceededError(f"{host}: {short}")
    if asked.form and is_error and status in (200, 400, 422, 500, 501) and _FORMAT.search(words):
        return FormatRefusedError(f"{host} refuses {asked.form} ({status}): {short}")
    if status in (400, 422) and _UNKNOWN.search(words) and (named := _DISPENSABLE.search(words)):
        return ParameterRefusedError(f"{host} refuses {named[0]} ({status}): {short}", named[0])
    if status == 404 and "model" in words.lower():
        return ModelRefusedError(f"{host} does not serve the model {shorten_to_line(str(asked.model), 100)!r}: {short}")
    if status in _ABSENT_STATUSES:
        cure = f"{short}{doubt}" if doubt else "IQUEST_API_URL should end in /v1"
        return NoRouteError(f"{host} has no {shorten_to_line(asked.path, 100)} ({status}): {cure}")
    if status in _PASSING_STATUSES:
        wait = parse_retry_after(headers.get("Retry-After"))
        later = f" (it asks to come back in {wait:.0f} s)" if wait else ""
        return TransientModelError(f"{host} answered {status}: {short}{doubt}{later}", wait, status)
    if status == 200:
        return TransientModelError(f"{host} answered without a choice: {short}", status=status)
    return ModelRefusedError(f"{host} refuses the request ({status}): {short}{doubt}")


def _explain_denied_access(asked: RequestContext, status: int, short: str, doubt: str) -> str:
    """What 401 and 403 mean. The words of a server that has the key are not told: some echo it."""
    if doubt:
        return f"refuses the request ({status}): {short}{doubt}"
    if asked.has_key:
        return f"refuses the key ({status}): check IQUEST_API_KEY"
    if status == 401:
        return f"asks for a key ({status}): set IQUEST_API_KEY"
    return f"refuses a request without a key ({status}): {short}; is IQUEST_API_KEY to be set?"


def describe_non_json(content: bytes) -> str:
    """What came where JSON was meant to, with its first words."""
    if not content.strip():
        return "answered nothing"
    page = re.match(rb"\s*<", content)  # a sign-in page, or another program's
    hint = "; does IQUEST_API_URL name the model server?" if page else ""
    return f"answered something that is not JSON: {extract_error_message(content, MAX_FIRST_WORDS_CHARS)}{hint}"


def _is_error(content: bytes) -> bool:
    """Whether an answer of 200 tells an error. That of another route, say a list of models, may speak of the context
    window as well."""
    value = load_json(content)
    return isinstance(value, dict) and any(value.get(key) for key in ("error", "detail", "message"))


def _find_redirect_host(location: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:  # a bracket without its other half
        host = None
    return shorten_to_line(host or "another address", 80)
