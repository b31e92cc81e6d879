"""One chat completion of an OpenAI-compatible server -> a reply, or a named failure.

vLLM, SGLang, llama.cpp, transformers serve and Ollama agree on the request and on little else: which errors mean what
is written down here, where it was seen. What may pass is asked again within one deadline; nothing else is.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay

from iquest_review.change.characters import one_line
from iquest_review.errors import ContextExceeded, FormatRefused, ModelRefused, ModelUnreachable, UsageError
from iquest_review.patience import Passing, retry_after, waiting
from iquest_review.prompt.render import Message

ATTEMPTS = 6
LONGEST_WAIT = 20.0  # seconds between two attempts, whatever the server asks for
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes
CONNECT_TIMEOUT = 10.0  # seconds

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
# Wordings of vLLM 0.10 to 0.32, llama.cpp, OpenAI and the routers in front of them.
_CONTEXT = re.compile(
    r"maximum context length|context_length_exceeded|exceed_context_size|model's context length|available context size"
    r"|too many tokens|max_model_len|context window|ContextWindowExceeded",
    re.IGNORECASE,
)
# llama-cpp-python answers 500 with a validation error for json_schema; it must not be retried as a server's bad day.
_FORMAT = re.compile(
    r"response_format|json_schema|json_object|grammar|xgrammar|guidance|Unexpected fields", re.IGNORECASE
)


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


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is: `base` ends in /v1, `root` is what comes before it."""

    base: str
    chat: bool

    @property
    def root(self) -> str:
        return self.base.removesuffix("/v1")

    @classmethod
    def parse(cls, url: str) -> "Address":
        """From http://host:8000/v1, with or without /chat/completions or /completions behind it.

        Raises UsageError for anything that is not a plain http or https address.
        """
        parts = urlsplit(url.strip())
        problem = ""
        if parts.scheme not in ("http", "https") or not parts.hostname:
            problem = "it should look like http://host:8000/v1"
        elif "@" in parts.netloc or parts.query or parts.fragment:
            problem = "user names, keys and parameters do not belong in it; the key goes to IQUEST_API_KEY"
        elif re.search(r"[\s\\\x00-\x1f]", url.strip()):
            problem = "it holds blanks or control characters"
        if problem:
            raise UsageError(f"IQUEST_API_URL {one_line(parts.hostname or url, 80)!r}: {problem}")
        path = parts.path.rstrip("/")
        chat = not path.endswith("/completions") or path.endswith("/chat/completions")
        path = path.removesuffix("/completions").removesuffix("/chat")
        return cls(f"{parts.scheme}://{parts.netloc}{path or '/v1'}", chat)


class _Passing(Passing, ModelUnreachable):
    """A failure of the model server that may pass."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class _Bearer(requests.auth.AuthBase):
    """The key in its header. It also keeps requests from looking for a password in ~/.netrc."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Endpoint:
    """A model server. `timeout` bounds one request, `deadline` all attempts at one together, both in seconds."""

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
        self._address = address
        self._model = model
        self._sampling = sampling
        self._timeout = timeout
        self._session = requests.Session()
        self._session.auth = _Bearer(key)
        if ca_file:
            self._session.verify = ca_file
        self._retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=stop_before_delay(deadline) | stop_after_attempt(ATTEMPTS),
            wait=waiting(1, LONGEST_WAIT),
            sleep=sleep,
            reraise=True,
        )

    @property
    def host(self) -> str:
        """Host and port, for people to read."""
        return urlsplit(self._address.base).netloc

    def served(self) -> Served:
        """The model that will answer: the one asked for, or the only one there is.

        Raises ModelRefused when it is not served, naming those that are.
        """
        listed = self._listed()
        names = [str(entry["id"]) for entry in listed]
        if self._model is None:
            if len({str(entry.get("root") or entry["id"]) for entry in listed}) != 1:
                raise ModelRefused(
                    f"{self.host} serves {len(names)} models; set IQUEST_MODEL to one of: {', '.join(names)}"
                    if names
                    else f"{self.host} does not say which model it serves; set IQUEST_MODEL"
                )
            self._model = names[0]
        if names and self._model not in names:
            raise ModelRefused(f"{self.host} does not serve the model {self._model!r}; it serves: {', '.join(names)}")
        entry = next((entry for entry in listed if entry["id"] == self._model), {})
        return Served(self._model, str(entry.get("root") or self._model), _window(entry))

    def count(self, messages: list[Message]) -> int | None:
        """Prompt tokens of the messages, counted by the server with its chat template; None where it cannot tell.

        vLLM and SGLang count messages. llama-server answers 200 with an empty list instead, which is no count.
        """
        body: dict[str, Any] = {"model": self._model}
        body |= {"messages": messages} if self._address.chat else {"prompt": _prompt(messages)}
        try:
            answer = self._json(self._send("POST", f"{self._address.root}/tokenize", body, min(self._timeout, 30)))
        except (ModelUnreachable, ModelRefused, ContextExceeded):
            return None
        count = answer.get("count") if isinstance(answer, dict) else None
        return count if isinstance(count, int) and count > 0 else None

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> Reply:
        """The model's reply.

        Raises FormatRefused, ContextExceeded, ModelRefused or ModelUnreachable.
        """
        body: dict[str, Any] = {
            "model": self._model,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "max_tokens": max_tokens or self._sampling.max_tokens,
        }
        body |= {"messages": messages} if self._address.chat else {"prompt": _prompt(messages)}
        if response_format is not None:
            body["response_format"] = response_format
        path = "/chat/completions" if self._address.chat else "/completions"
        return self._retrying(self._complete, f"{self._address.base}{path}", body)

    @property
    def max_tokens(self) -> int:
        """How long an answer may be, in tokens."""
        return self._sampling.max_tokens

    def _complete(self, url: str, body: dict[str, Any]) -> Reply:
        started = time.monotonic()
        answer = self._json(self._send("POST", url, body, self._timeout))
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if (
            not isinstance(answer, dict)
            or not isinstance(choices, list)
            or not choices
            or not isinstance(choices[0], dict)
        ):
            raise _Passing(f"{self.host} answered without a choice: {_said(answer)}")
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
            answer = self._retrying(lambda: self._json(self._send("GET", f"{self._address.base}/models", None, 30)))
        except (ModelRefused, ContextExceeded) as error:
            # A server that answers but keeps no list may still review, when the setting names the model.
            if self._model is None or "key" in str(error):
                raise
            return []
        entries = answer.get("data") if isinstance(answer, dict) else None
        return [entry for entry in entries or [] if isinstance(entry, dict) and isinstance(entry.get("id"), str)]

    def _send(self, method: str, url: str, body: dict[str, Any] | None, timeout: float) -> tuple[int, bytes]:
        """Status and body of the answer; redirects are not followed: the prompt goes nowhere but to this host."""
        ends = time.monotonic() + timeout
        try:
            with self._session.request(
                method,
                url,
                json=body,
                timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                stream=True,
                allow_redirects=False,
            ) as response:
                content = bytearray()
                for chunk in response.iter_content(65536):
                    content += chunk
                    if len(content) > LARGEST_ANSWER:
                        raise ModelRefused(f"{self.host} answered more than {LARGEST_ANSWER // 2**20} MiB")
                    if time.monotonic() > ends:
                        raise _Passing(
                            f"{self.host} had not finished its answer after {timeout:.0f} s (IQUEST_TIMEOUT)"
                        )
        except requests.exceptions.SSLError as error:
            raise ModelRefused(f"{self.host}: the certificate is not accepted: {_cause(error)}") from None
        except requests.exceptions.ReadTimeout:
            raise _Passing(f"{self.host} gave no answer within {timeout:.0f} s (IQUEST_TIMEOUT)") from None
        except requests.exceptions.RequestException as error:
            raise _Passing(f"{self.host} cannot be reached: {_cause(error)}") from None
        if response.status_code != 200:
            self._refuse(response, bytes(content), body or {})
        return response.status_code, bytes(content)

    def _refuse(self, response: requests.Response, content: bytes, body: dict[str, Any]) -> None:
        """Raises what an answer other than 200 means."""
        status, said = response.status_code, _said(_loaded(content))
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("Location", "")).netloc or "another address"
            raise ModelRefused(
                f"{self.host} redirects to {one_line(target, 80)}: set IQUEST_API_URL to the final address"
            )
        if status in (401, 403):
            raise ModelRefused(f"{self.host} refuses the key ({status}): check IQUEST_API_KEY")
        if status in (400, 413, 422, 500) and (_CONTEXT.search(said) or status == 413):
            raise ContextExceeded(f"{self.host}: {said}")
        if status in (400, 422, 500) and "response_format" in body and _FORMAT.search(said):
            raise FormatRefused(f"{self.host} refuses {body['response_format']['type']} ({status}): {said}")
        if status == 404 and "model" in said.lower():
            raise ModelRefused(f"{self.host} does not serve the model {self._model!r}: {said}")
        if status == 404:
            path = urlsplit(response.url).path
            raise ModelRefused(f"{self.host} has no {path} (404): IQUEST_API_URL should end in /v1")
        if status in _PASSING:
            raise _Passing(f"{self.host} answered {status}: {said}", retry_after(response.headers.get("Retry-After")))
        raise ModelRefused(f"{self.host} refuses the request ({status}): {said}")

    def _json(self, answer: tuple[int, bytes]) -> Any:
        value = _loaded(answer[1])
        if value is None:
            raise _Passing(f"{self.host} answered something that is not JSON")
        return value


def _prompt(messages: list[Message]) -> str:
    """Messages as one text, for /v1/completions, which knows no roles."""
    return "\n\n".join(message["content"] for message in messages) + "\n\n"


def _loaded(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _said(answer: Any) -> str:
    """The words of an error, in any envelope servers use: error.message, error, detail, message."""
    value = answer
    for key in ("error", "detail", "message"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    text = value if isinstance(value, str) else json.dumps(value) if value is not None else "no reason given"
    return one_line(text, 300)


def _cause(error: Exception) -> str:
    """The innermost reason of a requests failure, without addresses of objects."""
    text = str(error)
    reason = re.search(r"(Connection refused|Name or service not known|Temporary failure in name resolution|timed out|"
                       r"certificate verify failed[^)]*|Connection reset by peer|No route to host|"
                       r"Network is unreachable|Remote end closed connection|IncompleteRead)", text)  # fmt: skip
    return one_line(reason[1], 120) if reason else type(error).__name__


def _window(entry: dict[str, Any]) -> int | None:
    """The context window in tokens: vLLM's and SGLang's max_model_len, llama-server's meta.n_ctx."""
    meta = entry.get("meta")
    value = entry.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
    return value if isinstance(value, int) and value > 0 else None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
