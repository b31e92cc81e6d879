"""One chat completion of an OpenAI-compatible server -> a reply, or a named failure.

The prompt and the key go to this host and to no other: redirects are off, and only a header holds the key. A request
that failed is repeated when the failure may pass and the retry budget allows it. llm.wire reads an answer, llm.errors
classifies a failure.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from tenacity import Retrying, retry_if_exception_type

from iquest_review.errors import ContextExceededError, ModelError, ModelRefusedError, ModelUnreachableError, UsageError
from iquest_review.excerpt.excerpt import estimate_tokens
from iquest_review.llm import wire
from iquest_review.llm.errors import (
    AccessDeniedError,
    ModelNotServedError,
    NoRouteError,
    ParameterRefusedError,
    RequestContext,
    TransientModelError,
    classify_failure,
    explain_non_json,
)
from iquest_review.llm.prompt_cut import SentPrompts
from iquest_review.llm.token_counters import list_counters
from iquest_review.llm.wire import ModelReply, ServedModel
from iquest_review.net.address import Address
from iquest_review.net.deadline import NO_DEADLINE, Deadline, NoTimeLeftError
from iquest_review.net.error_body import find_root_cause, load_json, mask_key, redact_error_body
from iquest_review.net.retry import RetryBudget, backoff, log_retry
from iquest_review.net.session import (
    create_session,
    describe_route,
    explain_permanent_failure,
    explain_unfinished_answer,
    find_proxy,
)
from iquest_review.net.time_limit import TimeLimit, receive_body
from iquest_review.net.tls import DEFAULT_TLS, Tls
from iquest_review.prompt.templates import Message
from iquest_review.reasons.connection import AnswerTooLarge, CannotBeAsked, NoAnswerInTime, Unreachable
from iquest_review.reasons.model_server import ModelListFailed

MAX_ATTEMPTS = 6
MAX_WAIT_SECONDS = 20.0  # between two attempts, unless the server asks for another time
MIN_TIMEOUT_SECONDS = 1.0  # of an attempt when the retry budget is nearly spent
MAX_ANSWER_BYTES = 8 * 1024 * 1024
CONNECT_TIMEOUT_SECONDS = 10.0
_BUSY_STATUSES = frozenset({429, 503, 529})  # 529: Anthropic's and some routers' "overloaded"
SIDE_TIMEOUT_SECONDS = 30.0  # of a request other than a completion: the list of models, a count of tokens

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling parameters of a completion; `max_tokens` bounds the answer."""

    temperature: float
    top_p: float
    max_tokens: int


class ModelClient:
    """A model server, for one review.

    `timeout` bounds one answer. `retry_seconds` bounds failed attempts and the waits between them, for all requests of
    the review together: a server that is down costs a job that much once, not once a request, and a server that answers
    slowly is not cut short because it was asked often. Both are in seconds. `deadline` is the end of the job: a request
    that has no time for an answer is not sent. `clean` removes secrets from the server's words about a failure.

    Raises UsageError for a key that an HTTP header cannot carry, and for a file of `tls` that cannot be used.
    """

    def __init__(
        self,
        address: Address,
        *,
        model: str | None,
        key: str | None,
        sampling: Sampling,
        timeout: float,
        retry_seconds: float,
        deadline: Deadline = NO_DEADLINE,
        tls: Tls = DEFAULT_TLS,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], object] = lambda _: None,
        clean: Callable[[str], str] = str,
    ) -> None:
        if key and not re.fullmatch(r"[!-~]+", key):
            raise UsageError("IQUEST_API_KEY contains blanks or characters that an HTTP header cannot carry")
        self._address = address
        self._model = model
        self._sampling = sampling
        self._timeout, self._side_timeout = timeout, min(timeout, SIDE_TIMEOUT_SECONDS)
        self._window: int | None = None
        self._others = ""  # models that the server lists, where the one asked for is not among them
        self._counters = list_counters(lambda messages: {"model": self._model, **self._build_prompt_fields(messages)})
        self._is_busy = False
        self._sent = SentPrompts()
        self._refused = set[str]()  # parameters
        self._key = key
        self._tls = tls if address.base.startswith("https:") else DEFAULT_TLS
        self._session = create_session(key, self._tls)
        self._host = describe_route(address.base)
        self._budget, self._deadline = RetryBudget(retry_seconds, deadline), deadline
        self._sleep, self._clean = sleep, clean
        self._tell = tell

    @property
    def is_busy(self) -> bool:
        """Whether the server has said that it has too much to do."""
        return self._is_busy

    @property
    def host(self) -> str:
        """Host and port, and the proxy on the way, for people to read."""
        return self._host

    @property
    def max_tokens(self) -> int:
        """The longest answer in tokens: as set, but never more than half of the context window."""
        return min(self._sampling.max_tokens, self._window // 2) if self._window else self._sampling.max_tokens

    def select_model(self) -> ServedModel:
        """Return the model that will answer, from now on: the one asked for, or the only one served.

        The list of models is a hint: a completion decides whether the one asked for is served. Without one asked for,
        raises ModelRefusedError when the list does not name exactly one, and ModelUnreachableError.
        """
        served = wire.select_served_model(self._list_models(), self._model, self.host)
        self._model, self._window, self._others = served.model, served.window, served.others
        return served

    def count_tokens(self, messages: list[Message]) -> int | None:
        """Count the prompt tokens of the messages; None where the server cannot do that.

        A server that does not count in one way is not asked in that way again.
        """
        while self._counters:
            counter = self._counters[0]
            try:
                url, body = f"{self._address.root}{counter.path}", counter.build_body(messages)
                count = wire.parse_token_count(self._parse_json(self._send("POST", url, body, self._side_timeout)))
            except ModelUnreachableError:
                self._counters.clear()  # busy or slow: it would be so each time
                return None
            except (ModelRefusedError, ContextExceededError):
                count = None
            if count is not None:
                return count + counter.left_out * len(messages)
            del self._counters[0]
        return None

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> ModelReply:
        """Return the model's reply, of at most `max_tokens` where the window holds that many.

        Raises FormatRefusedError, ContextExceededError, ModelRefusedError or ModelUnreachableError.
        """
        body: dict[str, Any] = {
            "model": self._model,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "max_tokens": self._compute_answer_tokens(messages, max_tokens),
            **self._build_prompt_fields(messages),
        }
        if response_format is not None:
            body["response_format"] = response_format
        url = f"{self._address.base}{'/chat' if self._address.chat else ''}/completions"
        try:
            reply = self._retry(lambda timeout: self._complete(url, body, timeout), self._timeout)
        except ModelNotServedError as error:
            raise ModelNotServedError(replace(error.problem, served=self._others)) from error
        counted = reply.prompt_tokens and reply.prompt_tokens + reply.cached_tokens
        return replace(reply, cut=self._sent.find_cut(messages, counted))

    def _compute_answer_tokens(self, messages: list[Message], wanted: int | None) -> int:
        """Return how long the answer may be, in tokens.

        vLLM before 0.32 refuses a request whose prompt and answer together are larger than the window.
        """
        if wanted is None or self._window is None:
            return wanted or self.max_tokens
        prompt = self.count_tokens(messages) or sum(estimate_tokens(message["content"]) for message in messages)
        return max(self.max_tokens, min(wanted, self._window - prompt))

    def _build_prompt_fields(self, messages: list[Message]) -> dict[str, Any]:
        """Return the messages, or one text for /completions, which has no roles."""
        if self._address.chat:
            return {"messages": messages}
        return {"prompt": "\n\n".join(message["content"] for message in messages) + "\n\n"}

    def _complete(self, url: str, body: dict[str, Any], timeout: float) -> ModelReply:
        started = time.monotonic()
        sent = {name: value for name, value in body.items() if name not in self._refused}
        try:
            content = self._send("POST", url, sent, timeout)
        except ParameterRefusedError as refusal:
            if refusal.name not in sent:
                raise
            self._refused.add(refusal.name)
            self._tell(f"{refusal}; asking without it")
            return self._complete(url, body, timeout)
        reply = wire.parse_completion(
            self._parse_json(content), chat=self._address.chat, model=self._model, seconds=time.monotonic() - started
        )
        if reply is None:
            raise self._classify_answer(url, body, 200, {}, content)
        return reply

    def _list_models(self) -> Any:
        """Return the list of models; None where there is none and a model is set."""
        if self._model is not None:
            try:
                return self._fetch_models(self._side_timeout)
            except ModelError as error:
                self._tell(f"no list of models: {error}")
                return None
        try:
            return self._retry(self._fetch_models, self._side_timeout)
        except (NoRouteError, AccessDeniedError) as error:
            raise ModelRefusedError(ModelListFailed(error.problem, refused=True)) from error
        except TransientModelError as error:
            raise ModelUnreachableError(ModelListFailed(error.problem, refused=False)) from error

    def _fetch_models(self, timeout: float) -> Any:
        return self._parse_json(self._send("GET", f"{self._address.base}/models", None, timeout))

    def _retry(self, attempt: Callable[[float], T], timeout: float) -> T:
        """Return the result of `attempt(timeout)`, repeated after a failure that may pass while the budget lasts."""
        for turn in Retrying(
            retry=retry_if_exception_type(TransientModelError),
            stop=lambda state: state.attempt_number >= MAX_ATTEMPTS or self._budget.should_stop(state),
            wait=backoff(1, MAX_WAIT_SECONDS, honour_retry_after=True),
            sleep=self._sleep,
            before_sleep=log_retry(self._tell),
            reraise=True,
        ):
            with turn:
                first = turn.retry_state.attempt_number == 1
                started = time.monotonic()
                try:
                    return attempt(timeout if first else min(timeout, max(self._budget.left, MIN_TIMEOUT_SECONDS)))
                except TransientModelError as error:
                    self._is_busy = self._is_busy or error.status in _BUSY_STATUSES
                    self._budget.charge(time.monotonic() - started)
                    raise
        raise AssertionError("the last turn returns or raises")

    def _send(self, method: str, url: str, body: dict[str, Any] | None, timeout: float) -> bytes:
        """Return the body of a 200. Redirects are not followed: the prompt goes to this host alone."""
        seconds = self._deadline.grant_seconds(timeout)
        try:
            return self._send_once(method, url, body, seconds)
        except TransientModelError as error:
            if seconds < timeout and not self._deadline.can_wait(0):
                raise NoTimeLeftError(self._deadline.explain_end(seconds)) from error
            raise

    def _send_once(self, method: str, url: str, body: dict[str, Any] | None, timeout: float) -> bytes:
        request: dict[str, Any] = {
            "json": body,
            "timeout": (min(CONNECT_TIMEOUT_SECONDS, timeout), timeout),
            "stream": True,
        }
        with TimeLimit(timeout) as limit:
            try:
                with self._session.request(method, url, allow_redirects=False, **request) as response:
                    content = mask_key(self._receive_body(response, limit), self._key)
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                # Not `from error`: requests' own words may show the password of a proxy.
                raise self._classify_error(error, limit, timeout) from None
            if limit.over:  # a body without a length ends where its connection does
                raise self._classify_error(TimeoutError(), limit, timeout)
        if response.status_code != 200:
            headers = {name: mask_key(text.encode(), self._key).decode() for name, text in response.headers.items()}
            raise self._classify_answer(url, body, response.status_code, CaseInsensitiveDict(headers), content)
        return content

    def _classify_answer(
        self, url: str, body: dict[str, Any] | None, status: int, headers: Mapping[str, str], content: bytes
    ) -> ModelError:
        """Return the failure that an answer without a reply means."""
        form = (body or {}).get("response_format")
        model, name = (body or {}).get("model"), form["type"] if form else None
        request = RequestContext(self.host, urlsplit(url).path, model, name, bool(self._key), find_proxy(url))
        return classify_failure(request, status, headers, redact_error_body(content, self._clean))

    def _classify_error(self, error: Exception, limit: TimeLimit, timeout: float) -> ModelError:
        """Return the failure that an error of the connection means."""
        if limit.over or isinstance(error, requests.exceptions.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
            again = timeout < self._timeout  # the rest of the budget, for another attempt
            return TransientModelError(NoAnswerInTime(self.host, timeout, again), in_time=False)
        if lasting := explain_permanent_failure(error, self._address.base, "IQUEST_API_URL", self._tls):
            return ModelRefusedError(lasting)
        if unfinished := explain_unfinished_answer(error, self.host):
            return TransientModelError(unfinished)
        if isinstance(error, requests.exceptions.ConnectionError | urllib3.exceptions.HTTPError | TimeoutError):
            return TransientModelError(Unreachable(self.host, find_root_cause(error)))
        no_bundle = "CA certificate bundle" in str(error)
        return ModelRefusedError(CannotBeAsked(self.host, type(error).__name__, no_bundle))

    def _receive_body(self, response: requests.Response, limit: TimeLimit) -> bytes:
        content = receive_body(limit, response.raw, MAX_ANSWER_BYTES)
        if len(content) > MAX_ANSWER_BYTES:
            raise ModelRefusedError(AnswerTooLarge(self.host, MAX_ANSWER_BYTES // 2**20))
        return content

    def _parse_json(self, content: bytes) -> Any:
        value = load_json(content)
        if value is None:
            raise TransientModelError(explain_non_json(self.host, content), status=200)
        return value
