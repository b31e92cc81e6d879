"""A scripted model server on 127.0.0.1: it keeps one server's rules and says what the test wrote for it.

    with ModelDouble(server="vllm", replies=[Fault(status=503), '{"issues": []}']) as double:
        ask(double.url)
    assert double.requests[1].body["max_tokens"] == 512

A request that breaks a rule of the server is refused as that server refuses it, and uses up no reply. Neither does
the question which earlier remarks are fixed: `fixed` answers it, and `asked_fixed` lists it; nor that for one summary
of several parts: `summary` answers it, and `asked_summary` lists it. A failure inside the
double itself is raised when the `with` ends.
"""

import json
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

from tests.support.model.other_servers import LlamaCppPython, LlamaServer, Ollama, Transformers
from tests.support.model.rules import Answer, Json, Refusal, Reply, Tokens, say, three_bytes_a_token
from tests.support.model.servers import COMPLETIONS, Server, Vllm

__all__ = ["EMPTY_REVIEW", "NOTHING_FIXED", "Fault", "ModelDouble", "Reply", "Request", "Scripted", "ServerName"]

ServerName = Literal["vllm", "llama-server", "llama-cpp-python", "transformers", "ollama"]
SERVERS: dict[ServerName, type[Server]] = {
    "vllm": Vllm,
    "llama-server": LlamaServer,
    "llama-cpp-python": LlamaCppPython,
    "transformers": Transformers,
    "ollama": Ollama,
}
EMPTY_REVIEW = '{"issues": [], "summary": "Nothing to remark.", "suggestions": []}'
NOTHING_FIXED = '{"remarks": []}'
ONE_SUMMARY = '{"issues": [], "summary": "All parts together.", "suggestions": []}'
MODEL = "IQuestLab/IQuest-Coder-V1-40B-Instruct"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: closing sends RST instead of FIN


@dataclass(frozen=True)
class Fault:
    """An answer that is no reply: what a proxy, a dying server or a bad line makes of it."""

    status: int = 200
    body: str | bytes | Json | None = None  # None: the server's own envelope for this status
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False  # close the connection in the middle of the body
    reset: bool = False  # the same with a TCP reset
    delay: float = 0  # seconds before the status line
    stall: float = 0  # seconds in the middle of the body
    content_type: str | None = None


Scripted = str | Reply | Fault | Callable[[Json], "str | Reply | Fault"]


@dataclass(frozen=True)
class Request:
    """What was sent; the names of headers are lower case, a body that is not JSON is its text."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class ModelDouble:
    """The server. `routes` replaces whole paths by a fault, `tokens` counts, `thinking` is a reasoning parser."""

    def __init__(
        self,
        server: ServerName = "vllm",
        model: str = MODEL,
        window: int = 32_768,
        api_key: str | None = None,
        thinking: bool = False,
        replies: Sequence[Scripted] = (EMPTY_REVIEW,),
        routes: Mapping[str, Fault] | None = None,
        tokens: Tokens = three_bytes_a_token,
        fixed: Scripted = NOTHING_FIXED,
        summary: Scripted = ONE_SUMMARY,
    ) -> None:
        self.requests: list[Request] = []
        self.failures: list[BaseException] = []
        self.closing = threading.Event()
        self._server = SERVERS[server](model, window, tokens, thinking)
        self._tokens, self._api_key = tokens, api_key
        self._replies, self._routes, self._fixed = list(replies), dict(routes or {}), fixed
        self._summary = summary
        self._lock = threading.Lock()
        self._http = _Http(self)

    @property
    def url(self) -> str:
        """The API's address, ending in /v1."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @property
    def completions(self) -> list[Request]:
        """The requests that asked for a completion."""
        return [request for request in self.requests if request.path in COMPLETIONS]

    @property
    def asked_fixed(self) -> list[Request]:
        """Those of them that asked which earlier remarks are fixed."""
        return [request for request in self.completions if asks_fixed(request.body)]

    @property
    def asked_summary(self) -> list[Request]:
        """Those of them that asked for one summary of several parts."""
        return [request for request in self.completions if asks_summary(request.body)]

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        if self.failures and error is None:
            raise self.failures[0]

    def answer(self, method: str, path: str, headers: dict[str, str], content: bytes) -> Answer | Fault:
        """What the server answers to a request, which is recorded first."""
        text = content.decode(errors="replace")
        try:
            body: Any = json.loads(text) if text else None
            malformed = False
        except ValueError:
            body, malformed = text, True
        with self._lock:
            self.requests.append(Request(method, path, headers, body))
        if path in self._routes:
            return self._routes[path]
        try:
            self._admit(path, headers)
            return self._get(path) if method == "GET" else self._post(path, headers, body, malformed, text)
        except Refusal as refusal:
            return refusal.answer

    def default_fault(self, status: int) -> Answer:
        """The server's own envelope for a status."""
        if status == HTTPStatus.UNAUTHORIZED:
            return self._server.unauthorized()
        return self._server.error(status, HTTPStatus(status).phrase)

    def _admit(self, path: str, headers: dict[str, str]) -> None:
        guarded = self._api_key is not None and self._server.guards(path)
        if guarded and headers.get("authorization") != f"Bearer {self._api_key}":
            raise Refusal(self._server.unauthorized())
        if refused := self._server.bad_header(headers):
            raise Refusal(refused)

    def _get(self, path: str) -> Answer:
        if path in self._server.posts:
            return self._server.wrong_method()
        return self._server.get(path) or self._server.unknown_path()

    def _post(self, path: str, headers: dict[str, str], body: Any, malformed: bool, text: str) -> Answer | Fault:
        if path not in self._server.posts:
            return self._server.wrong_method() if self._server.get(path) else self._server.unknown_path()
        if malformed or not isinstance(body, dict):
            return self._server.bad_json(text)
        if path not in COMPLETIONS:
            return self._server.post(path, body)
        return self._complete(path, headers, body)

    def _complete(self, path: str, headers: dict[str, str], body: Json) -> Answer | Fault:
        asked = self._server.read(body, chat=path == "/v1/chat/completions")
        asked = replace(asked, request_id=headers.get("x-request-id", asked.request_id))
        reply = self._next(body)
        if isinstance(reply, Fault):
            return reply
        said = say(reply, asked, self._tokens, parser=self._server.reasoning_key is not None)
        if not asked.stream:
            return Answer(200, self._server.envelope(asked, said))
        events = [json.dumps(chunk, ensure_ascii=False) for chunk in self._server.chunks(asked, said)]
        return Answer(200, [*events, "[DONE]"] if self._server.ends_with_done else events)

    def _next(self, body: Json) -> Reply | Fault:
        scripted = self._summary if asks_summary(body) else self._fixed
        if not asks_fixed(body) and not asks_summary(body):
            with self._lock:
                scripted = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if callable(scripted):
            scripted = scripted(body)
        return Reply(scripted) if isinstance(scripted, str) else scripted


def asks_fixed(body: Any) -> bool:
    """Whether a request asks which earlier remarks are fixed: it has a fence of remarks with the diff's own nonce."""
    text = _text(body)
    fences = re.findall(r"^<<<(\S+) diff$", text, re.MULTILINE)
    return bool(fences) and f"\n<<<{fences[-1]} remarks\n" in f"\n{text}"


def asks_summary(body: Any) -> bool:
    """Whether a request asks for one summary: it has a fence of parts, and none of a diff."""
    text = _text(body)
    parts, diffs = (re.findall(rf"^<<<(\S+) {name}$", text, re.MULTILINE) for name in ("parts", "diff"))
    return bool(parts) and not diffs


def _text(body: Any) -> str:
    """All that a request says."""
    body = body if isinstance(body, dict) else {}
    messages = body.get("messages")
    messages = messages if isinstance(messages, list) else []
    texts = [message.get("content") for message in messages if isinstance(message, dict)]
    return "\n".join(text for text in [*texts, body.get("prompt")] if isinstance(text, str))


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, double: ModelDouble) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.double = double

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):  # a client may hang up as it likes
            self.double.failures.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart: else each answer waits 40 ms for a delayed ACK
    server: _Http

    def do_GET(self) -> None:
        self._respond(b"")

    def do_POST(self) -> None:
        self._respond(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _respond(self, content: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.double.answer(self.command, self.path.partition("?")[0], headers, content)
        self._send(answer) if isinstance(answer, Answer) else self._send_fault(answer)

    def _send(self, answer: Answer) -> None:
        content, kind = _encoded(answer)
        self._head(answer.status, kind, len(content), {})
        self.wfile.write(content)

    def _send_fault(self, fault: Fault) -> None:
        closing = self.server.double.closing
        closing.wait(fault.delay)
        answer = Answer(fault.status, "")
        content, kind = _encoded(self.server.double.default_fault(fault.status) if fault.body is None else answer)
        if isinstance(fault.body, dict):
            content, kind = json.dumps(fault.body).encode(), "application/json"
        elif fault.body is not None:
            content = fault.body if isinstance(fault.body, bytes) else fault.body.encode()
        self._head(fault.status, fault.content_type or kind, len(content), fault.headers)
        middle = len(content) // 2 if fault.drop or fault.reset or fault.stall else len(content)
        self.wfile.write(content[:middle])
        self.wfile.flush()
        closing.wait(fault.stall)
        if fault.drop or fault.reset:
            self._hang_up(fault.reset)
        else:
            self.wfile.write(content[middle:])

    def _hang_up(self, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.connection.close()

    def _head(self, status: int, kind: str | None, length: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        standard = {"Content-Length": str(length)} | ({"Content-Type": kind} if kind else {})
        for name, value in (standard | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: the requests are recorded."""


def _encoded(answer: Answer) -> tuple[bytes, str | None]:
    if isinstance(answer.body, dict):
        return json.dumps(answer.body, ensure_ascii=False).encode(), "application/json"
    if isinstance(answer.body, list):
        text = "".join(f"data: {event}\n\n" for event in answer.body)
        return text.encode(), "text/event-stream; charset=utf-8"
    return answer.body.encode(), "text/plain; charset=utf-8" if answer.body else None
