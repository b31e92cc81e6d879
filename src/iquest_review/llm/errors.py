"""An HTTP answer without a reply -> the failure it means.

vLLM, SGLang, llama.cpp, transformers serve and the routers in front of them use different statuses and words for the
same failure. What each of them means is written down here, with the server where it was seen.
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
from iquest_review.net.error_body import MAX_QUOTED_CHARS, MAX_SEARCHED_CHARS, extract_error_message, load_json
from iquest_review.net.proxy import Proxy
from iquest_review.net.retry import TransientError, parse_retry_after
from iquest_review.reasons.connection import ConnectionProblem, ServerWithTls
from iquest_review.reasons.model_server import (
    ContextExceeded,
    ErrorStatus,
    FormatRefused,
    KeylessRefused,
    KeyRefused,
    KeyWanted,
    ModelNotServed,
    NoChoice,
    NoRoute,
    NothingAnswered,
    NotJson,
    ParameterRefused,
    Redirected,
    RequestRefused,
    ServerProblem,
)
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
# LiteLLM, SGLang, LM Studio; a 404 that speaks of a model is vLLM's and Ollama's
_NO_MODEL = re.compile(
    r"(?:invalid|unknown|no such) model\b|model[^.\n]{0,200}(?:not found|does not exist|not available|not loaded)",
    re.IGNORECASE,
)
_DISPENSABLE = re.compile(r"\b(?:temperature|top_p|max_tokens)\b")
# nginx and Go's net/http say so to a client that does not speak TLS.
_TO_TLS = re.compile(r"plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server", re.IGNORECASE)
MAX_FIRST_WORDS_CHARS = 80  # of an answer that is not JSON


class TransientModelError(TransientError, ModelUnreachableError):
    """A failure that may pass. `status` is the server's; None when there was no answer at all.

    `less_may_pass` says that a smaller prompt may succeed: the server broke over this one, or ran out of time.
    """

    def __init__(
        self,
        problem: ConnectionProblem | ServerProblem,
        wait: float | None = None,
        status: int | None = None,
        *,
        in_time: bool = True,
    ) -> None:
        super().__init__(problem)
        self.problem: ConnectionProblem | ServerProblem = problem
        self.wait = wait
        self.status = status
        self.less_may_pass = not in_time or status in _BROKEN_STATUSES


class ParameterRefusedError(ModelRefusedError):
    """The server refuses a parameter, or its value; it may answer without it."""

    def __init__(self, problem: ParameterRefused) -> None:
        super().__init__(problem)
        self.name = problem.name


class NoRouteError(ModelRefusedError):
    """The server has no such path."""

    problem: NoRoute

    def __init__(self, problem: NoRoute) -> None:
        super().__init__(problem)


class AccessDeniedError(ModelRefusedError):
    """The server answers 401 or 403."""

    problem: ServerProblem

    def __init__(self, problem: ServerProblem) -> None:
        super().__init__(problem)


class ModelNotServedError(ModelRefusedError):
    """The server does not have the model."""

    problem: ModelNotServed

    def __init__(self, problem: ModelNotServed) -> None:
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The request, for the message. `form` is the type of its response_format, None where none was sent."""

    host: str
    path: str
    model: str | None
    form: str | None
    has_key: bool = True
    proxy: Proxy | None = None


def classify_failure(request: RequestContext, status: int, headers: Mapping[str, str], content: bytes) -> ModelError:
    """Return the failure that an answer means: any status but 200, or a 200 without a reply in its body."""
    host, words = request.host, extract_error_message(content, MAX_SEARCHED_CHARS)
    short = shorten_to_line(words, MAX_QUOTED_CHARS)
    by_proxy = bool(request.proxy) and status >= 400 and load_json(content) is None
    if 300 <= status < 400:
        target = _find_redirect_host(headers.get("Location", ""))
        return ModelRefusedError(Redirected(host, target))
    if request.proxy and status == 407:
        return ModelRefusedError(request.proxy.explain_refusal(host, status, short))
    if status in (401, 403):
        return AccessDeniedError(_explain_denied_access(request, status, short, by_proxy=by_proxy))
    if _TO_TLS.search(words) and status == 400:
        return ModelRefusedError(ServerWithTls(host, "IQUEST_API_URL"))
    return _classify_refused_request(request, status, words, is_error=status != 200 or _is_error(content)) or (
        _classify_status(request, status, short, parse_retry_after(headers.get("Retry-After")), by_proxy=by_proxy)
    )


def _classify_refused_request(request: RequestContext, status: int, words: str, *, is_error: bool) -> ModelError | None:
    """Return the failure that a smaller or simpler request may avoid; None for any other."""
    host, short = request.host, shorten_to_line(words, MAX_QUOTED_CHARS)
    if status == 413 or (is_error and status in (200, 400, 422, 500) and _CONTEXT.search(words)):
        return ContextExceededError(ContextExceeded(host, short))
    if request.form and is_error and status in (200, 400, 422, 500, 501) and _FORMAT.search(words):
        return FormatRefusedError(FormatRefused(host, request.form, status, short))
    if status in (400, 422) and _UNKNOWN.search(words) and (named := _DISPENSABLE.search(words)):
        return ParameterRefusedError(ParameterRefused(host, named[0], status, short))
    if (status == 404 and "model" in words.lower()) or (status in (400, 422) and _NO_MODEL.search(words)):
        model = shorten_to_line(str(request.model), 100)
        return ModelNotServedError(ModelNotServed(host, model, short))
    return None


def _classify_status(
    request: RequestContext, status: int, short: str, wait: float | None, *, by_proxy: bool
) -> ModelError:
    """Return the failure that a status means by itself. `wait` is the time the server asks for, in seconds."""
    host = request.host
    if status in _ABSENT_STATUSES:
        return NoRouteError(NoRoute(host, shorten_to_line(request.path, 100), status, short if by_proxy else None))
    if status in _PASSING_STATUSES:
        return TransientModelError(ErrorStatus(host, status, short, by_proxy, wait), wait, status)
    if status == 200:
        return TransientModelError(NoChoice(host, short), status=status)
    return ModelRefusedError(RequestRefused(host, status, short, by_proxy))


def _explain_denied_access(
    request: RequestContext, status: int, short: str, *, by_proxy: bool
) -> RequestRefused | KeyRefused | KeyWanted | KeylessRefused:
    """Explain a 401 or 403. The words of a server that has the key are left out: some echo it."""
    if by_proxy:
        return RequestRefused(request.host, status, short, by_proxy)
    if request.has_key:
        return KeyRefused(request.host, status)
    return KeyWanted(request.host, status) if status == 401 else KeylessRefused(request.host, status, short)


def explain_non_json(host: str, content: bytes) -> NothingAnswered | NotJson:
    """Return what an answer is that is not JSON, with its first words."""
    if not content.strip():
        return NothingAnswered(host)
    page = re.match(rb"\s*<", content) is not None  # a sign-in page, or another program's
    return NotJson(host, extract_error_message(content, MAX_FIRST_WORDS_CHARS), page)


def _is_error(content: bytes) -> bool:
    """Return whether an answer of 200 reports an error: a list of models may speak of the context window as well."""
    value = load_json(content)
    return isinstance(value, dict) and any(value.get(key) for key in ("error", "detail", "message"))


def _find_redirect_host(location: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:  # an address that cannot be parsed, with one bracket of two
        host = None
    return shorten_to_line(host or "another address", 80)
