"""One chat completion of an OpenAI-compatible server -> a reply, or a named failure.

What may pass is asked again while patience lasts; nothing else is. What an answer other than a reply means is refusal's
to say.
"""

import json
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from urllib3.util import create_urllib3_context

from iquest_review.change.characters import one_line
from iquest_review.errors import ContextExceeded, ModelRefused, ModelUnreachable, UsageError
from iquest_review.model.address import Address
from iquest_review.model.refusal import Asked, NoRoute, Passes, failure, loaded
from iquest_review.patience import Purse, waiting
from iquest_review.prompt.budget import estimate
from iquest_review.prompt.render import Message

__all__ = ["Address", "Endpoint", "Reply", "Sampling", "Served"]

ATTEMPTS = 6
LONGEST_WAIT = 20.0  # seconds between two attempts, where the server does not ask for another time
LEAST_TIMEOUT = 1.0  # seconds an attempt is given when patience is nearly out
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes
CONNECT_TIMEOUT = 10.0  # seconds
SIDE_TIMEOUT = 30.0  # seconds for what is no completion: the list of models, a count of tokens
NAMED = 20  # models listed in a message
SECRET = 4  # characters from which a key is worth hiding; EMPTY and the like are words of the language

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Served:
    """What the server serves: the model's id, what its weights are called, and its context window in tokens."""

    model: str
    root: str
    window: int | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `reasoning` is what the server parted from the text; it is never shown to anybody."""

    text: str
    reasoning: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the answer is drawn."""

    temperature: float
    top_p: float
    max_tokens: int


class _Bearer(requests.auth.AuthBase):
    """The key in its header. It also keeps requests from looking for a password in ~/.netrc."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class _AlsoTrusting(HTTPAdapter):
    """Trusts the authorities of a file beside the usual ones. GitLab Runner sets CI_SERVER_TLS_CA_FILE to GitLab's own
    chain, which need not be that of the model server."""

    def __init__(self, ca_file: str) -> None:
        self._context = create_urllib3_context()
        try:
            self._context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"CI_SERVER_TLS_CA_FILE {one_line(ca_file, 200)} cannot be used: {error}") from None
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **kwargs, ssl_context=self._context)


class Endpoint:
    """A model server, for one review.

    `timeout` bounds one answer. `deadline` bounds what failed attempts and the waits between them take, all requests
    of the review together: a server that is down costs a job that much once, not once a request, and a server that
    answers slowly is not cut short because it was asked often. Both in seconds.
    """

    def __init__(
        self,
        address: Address,
        *,
        model: str | None,
        key: str | None,
        sampling: Sampling,
        timeout: float,
        deadline: float,
        ca_file: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if key and not re.fullmatch(r"[!-~]+", key):
            raise UsageError("IQUEST_API_KEY holds blanks or characters that no header carries")
        self._address = address
        self._model = model
        self._key = key
        self._sampling = sampling
        self._timeout = timeout
        self._window: int | None = None
        self._counts = True
        self._session = requests.Session()
        self._session.auth = _Bearer(key)
        if ca_file and address.base.startswith("https:") and _holds_something(ca_file):
            self._session.mount("https://", _AlsoTrusting(ca_file))
        self._purse = Purse(deadline)
        self._sleep = sleep

    @property
    def host(self) -> str:
        """Host and port, for people to read."""
        return self._address.host

    @property
    def max_tokens(self) -> int:
        """How long an answer may be, in tokens: as set, but never more than half of the window."""
        return min(self._sampling.max_tokens, self._window // 2) if self._window else self._sampling.max_tokens

    def served(self) -> Served:
        """The model that will answer: the one asked for, or the only one there is.

        Raises ModelRefused when it is not served, naming those that are.
        """
        listed = self._listed()
        names = [str(entry["id"]) for entry in listed]
        if self._model is None:
            if len({str(entry.get("root") or entry["id"]) for entry in listed}) != 1:
                raise ModelRefused(
                    f"{self.host} serves {len(names)} models; set IQUEST_MODEL to one of: {_listing(names)}"
                    if names
                    else f"{self.host} does not say which model it serves; set IQUEST_MODEL"
                )
            self._model = names[0]
        wanted = (self._model, f"{self._model}:latest")  # Ollama's way to name what has no tag
        entry = next((entry for entry in listed if entry["id"] in wanted), None)
        if names and entry is None:
            asked = one_line(self._model, 100)
            raise ModelRefused(f"{self.host} does not serve the model {asked!r}; it serves: {_listing(names)}")
        self._window = _window(entry or {})
        return Served(self._model, str((entry or {}).get("root") or self._model), self._window)

    def count(self, messages: list[Message]) -> int | None:
        """Prompt tokens of the messages, counted by the server with its chat template; None where it cannot tell.

        vLLM and SGLang count messages. llama-server answers 200 with an empty list instead, which is no count. A server
        that does not count is not asked a second time.
        """
        if not self._counts:
            return None
        body = {"model": self._model, **self._prompt(messages)}
        try:
            answer = self._json(self._send("POST", f"{self._address.root}/tokenize", body, self._side_timeout))
        except (ModelUnreachable, ModelRefused, ContextExceeded):
            answer = None
        count = _number(answer.get("count")) if isinstance(answer, dict) else 0
        self._counts = count > 0
        return count or None

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> Reply:
        """The model's reply, of at most `max_tokens` where the window holds that many.

        Raises FormatRefused, ContextExceeded, ModelRefused or ModelUnreachable.
        """
        body: dict[str, Any] = {
            "model": self._model,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "max_tokens": self._answer_tokens(messages, max_tokens),
            **self._prompt(messages),
        }
        if response_format is not None:
            body["response_format"] = response_format
        path = "/chat/completions" if self._address.chat else "/completions"
        return self._insist(lambda timeout: self._complete(f"{self._address.base}{path}", body, timeout), self._timeout)

    def _answer_tokens(self, messages: list[Message], wanted: int | None) -> int:
        """vLLM before 0.32 refuses a request whose prompt and answer together are larger than the window."""
        if wanted is None or self._window is None:
            return wanted or self.max_tokens
        prompt = self.count(messages) or sum(estimate(message["content"]) for message in messages)
        return max(self.max_tokens, min(wanted, self._window - prompt))

    def _prompt(self, messages: list[Message]) -> dict[str, Any]:
        """Messages, or one text for /completions, which knows no roles."""
        if self._address.chat:
            return {"messages": messages}
        return {"prompt": "\n\n".join(message["content"] for message in messages) + "\n\n"}

    @property
    def _side_timeout(self) -> float:
        return min(self._timeout, SIDE_TIMEOUT)

    def _complete(self, url: str, body: dict[str, Any], timeout: float) -> Reply:
        started = time.monotonic()
        content = self._send("POST", url, body, timeout)
        answer = self._json(content)
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise failure(self._asked(url, body), 200, {}, self._masked(content))
        choice, usage = choices[0], answer.get("usage")
        message = choice.get("message") if self._address.chat else {"content": choice.get("text")}
        message = message if isinstance(message, dict) else {}
        usage = usage if isinstance(usage, dict) else {}
        return Reply(
            text=_string(message.get("content")),
            reasoning=_string(message.get("reasoning")) or _string(message.get("reasoning_content")),
            finish_reason=_string(choice.get("finish_reason")),
            model=_string(answer.get("model")) or str(self._model),
            prompt_tokens=_number(usage.get("prompt_tokens")),
            completion_tokens=_number(usage.get("completion_tokens")),
            seconds=time.monotonic() - started,
        )

    def _listed(self) -> list[dict[str, Any]]:
        try:
            answer = self._insist(self._list, self._side_timeout)
        except NoRoute:
            if self._model is None:
                raise
            return []  # a server that keeps no list may still review, when the setting names the model
        entries = answer.get("data") if isinstance(answer, dict) else None
        entries = entries if isinstance(entries, list) else []
        return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]

    def _list(self, timeout: float) -> Any:
        try:
            return self._json(self._send("GET", f"{self._address.base}/models", None, timeout))
        except Passes as error:
            # transformers serve answers 500 without a cache folder, some routers with a page of HTML.
            if self._model is None or error.status not in (200, 500):
                raise
            return None

    def _insist(self, attempt: Callable[[float], T], timeout: float) -> T:
        """What the attempt comes to, which is handed its timeout; one that may pass is repeated while patience lasts."""
        for turn in Retrying(
            retry=retry_if_exception_type(Passes),
            stop=stop_after_attempt(ATTEMPTS) | self._purse.spent,
            wait=waiting(1, LONGEST_WAIT, obey=True),
            sleep=self._sleep,
            reraise=True,
        ):
            with turn:
                first = turn.retry_state.attempt_number == 1
                started = time.monotonic()
                try:
                    return attempt(timeout if first else min(timeout, max(self._purse.left, LEAST_TIMEOUT)))
                except Passes:
                    self._purse.pay(time.monotonic() - started)
                    raise
        raise AssertionError("the last turn returns or raises")

    def _send(self, method: str, url: str, body: dict[str, Any] | None, timeout: float) -> bytes:
        """The body of a 200; redirects are not followed: the prompt goes nowhere but to this host."""
        try:
            with self._session.request(
                method,
                url,
                json=body,
                timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                stream=True,
                allow_redirects=False,
            ) as response:
                content = self._read(response, time.monotonic() + timeout, timeout)
        except requests.exceptions.SSLError as error:
            raise ModelRefused(f"{self.host}: the certificate is not accepted: {_cause(error)}") from None
        except (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError):
            raise Passes(f"{self.host} gave no answer within {timeout:.0f} s (IQUEST_TIMEOUT)") from None
        except (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError) as error:
            raise Passes(f"{self.host} cannot be reached: {_cause(error)}") from None
        except requests.exceptions.RequestException as error:
            raise ModelRefused(f"{self.host} cannot be asked: {type(error).__name__}") from None
        if response.status_code != 200:
            raise failure(self._asked(url, body), response.status_code, response.headers, self._masked(content))
        return content

    def _read(self, response: requests.Response, ends: float, timeout: float) -> bytes:
        """The body, piece by piece as it comes: a timeout of the socket alone never ends a server that drips."""
        content = bytearray()
        while piece := response.raw.read1(65536, decode_content=True):
            content += piece
            if len(content) > LARGEST_ANSWER:
                raise ModelRefused(f"{self.host} answered more than {LARGEST_ANSWER // 2**20} MiB")
            if time.monotonic() > ends:
                raise Passes(f"{self.host} had not finished its answer after {timeout:.0f} s (IQUEST_TIMEOUT)")
        return bytes(content)

    def _json(self, content: bytes) -> Any:
        value = loaded(content)
        if value is None:
            raise Passes(f"{self.host} answered {'something that is not JSON' if content else 'nothing'}", status=200)
        return value

    def _asked(self, url: str, body: dict[str, Any] | None) -> Asked:
        form = (body or {}).get("response_format")
        return Asked(self.host, urlsplit(url).path, self._model, form["type"] if form else None)

    def _masked(self, content: bytes) -> bytes:
        """The body of an error without the key, which servers that echo a request's headers put there."""
        if self._key and len(self._key) >= SECRET:
            for form in (self._key, json.dumps(self._key)[1:-1], quote(self._key, safe="")):
                content = content.replace(form.encode(), b"***")
        return content


def _holds_something(ca_file: str) -> bool:
    path = Path(ca_file)
    return not path.is_file() or path.stat().st_size > 0  # a missing one is an error, an empty one says nothing


def _listing(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(one_line(name, 100) for name in names[:NAMED]) + more


def _cause(error: Exception) -> str:
    """The innermost reason of a failed request, without addresses of objects."""
    reason = re.search(
        r"Connection refused|Name or service not known|Temporary failure in name resolution|nodename nor servname"
        r"|timed out|certificate verify failed[^)]*|Connection reset by peer|No route to host|Network is unreachable"
        r"|Remote end closed connection|IncompleteRead|Tunnel connection failed: \d+",
        str(error),
    )
    return one_line(reason[0], 120) if reason else type(error).__name__


def _window(entry: dict[str, Any]) -> int | None:
    """The context window in tokens: vLLM's and SGLang's max_model_len, llama-server's meta.n_ctx."""
    meta = entry.get("meta")
    return _number(entry.get("max_model_len")) or (_number(meta.get("n_ctx")) if isinstance(meta, dict) else 0) or None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
