"""The stand-in: a small rule-based reviewer behind the same HTTP API as a model server, for machines without a GPU.

It answers what its rules know and says that no model judged the change. It listens on the loopback interface only.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from iquest_review.stand_in import MODEL_NAME
from iquest_review.stand_in.fixed import fixed
from iquest_review.stand_in.review import review
from iquest_review.stand_in.summary import summary

__all__ = ["MODEL", "StandIn", "review"]

MODEL = MODEL_NAME
WINDOW = 131_072
LARGEST_REQUEST = 32 * 1024 * 1024
BYTES_PER_TOKEN = 3  # there is no tokenizer here: a count that is plain to predict

Json = dict[str, Any]


class BadRequest(ValueError):
    """What the request asks cannot be answered; the text says why."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


class StandIn:
    """The server: a context manager that serves in a thread, or `serve_forever` for a command line."""

    def __init__(self, port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address to give as the model's API, ending in /v1."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._thread:
            self._thread.join()

    def serve_forever(self) -> None:
        """Serve in this thread until it is interrupted."""
        try:
            self._server.serve_forever()
        except KeyboardInterrupt:
            return
        finally:
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection open must not hold up the end


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = MODEL
    timeout = 60

    def do_GET(self) -> None:
        match self._path():
            case "/v1/models":
                self._send(HTTPStatus.OK, _models())
            case "/health":
                self._send(HTTPStatus.OK, {"status": "ok"})
            case _:
                self._fail(HTTPStatus.NOT_FOUND, "Not Found")

    def do_POST(self) -> None:
        try:
            body = self._body()
            reply = _POST.get(self._path(), _unknown)(body)
        except BadRequest as error:
            self._fail(error.status, str(error))
            return
        if body.get("stream") is True:
            self._stream(reply)
        else:
            self._send(HTTPStatus.OK, reply)

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _body(self) -> Json:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_REQUEST:
            self.close_connection = True  # the rest of the request stays unread
            raise BadRequest(f"a body of at most {LARGEST_REQUEST} bytes with its Content-Length is needed", _TOO_LARGE)
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise BadRequest("the body is not a JSON object")
        return body

    def _fail(self, status: HTTPStatus, message: str) -> None:
        kind = "NotFoundError" if status is HTTPStatus.NOT_FOUND else "BadRequestError"
        self._send(status, {"error": {"message": message, "type": kind, "param": None, "code": int(status)}})

    def _send(self, status: HTTPStatus, answer: Json) -> None:
        self._write(status, "application/json", json.dumps(answer, ensure_ascii=False).encode())

    def _stream(self, reply: Json) -> None:
        events = [json.dumps(event, ensure_ascii=False) for event in _events(reply)]
        text = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
        self._write(HTTPStatus.OK, "text/event-stream; charset=utf-8", text.encode())

    def _write(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: a request line is text of somebody else's, and the job log is not the place for it."""


_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _models() -> Json:
    model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "iquest-review", "max_model_len": WINDOW}
    return {"object": "list", "data": [model]}


def _unknown(body: Json) -> Json:  # noqa: ARG001 - one of several that answer a body
    raise BadRequest("Not Found", HTTPStatus.NOT_FOUND)


def _chat(body: Json) -> Json:
    messages = _messages(body)
    system = "\n".join(text for role, text in messages if role in ("system", "developer"))
    asked = "\n".join(text for role, text in messages if role != "assistant")
    text, usage, reason = _fitted(_answer(asked, system or None), asked, body)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return _reply("chatcmpl", "chat.completion", choice, usage)


def _completion(body: Json) -> Json:
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise BadRequest("prompt must be a string")
    text, usage, reason = _fitted(_answer(prompt, None), prompt, body)
    return _reply("cmpl", "text_completion", {"index": 0, "text": text, "finish_reason": reason}, usage)


def _tokenize(body: Json) -> Json:
    prompt = body.get("prompt")
    text = prompt if isinstance(prompt, str) else "\n".join(text for _, text in _messages(body))
    return {"count": _tokens(text), "max_model_len": WINDOW}


_POST: dict[str, Callable[[Json], Json]] = {
    "/v1/chat/completions": _chat,
    "/v1/completions": _completion,
    "/tokenize": _tokenize,
}


def _messages(body: Json) -> list[tuple[str, str]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages must be a list with at least one message")
    return [_message(message) for message in messages]


def _message(message: object) -> tuple[str, str]:
    match message:
        case {"role": str(role), "content": str(text)}:
            return role, text
        case {"role": str(role), "content": list(parts)}:
            return role, "".join(
                part["text"] for part in parts if isinstance(part, dict) and type(part.get("text")) is str
            )
    raise BadRequest("a message must have a role and a text as its content")


def _answer(asked: str, instructions: str | None) -> Json:
    """The verdicts on earlier remarks or the one summary of several parts, where that is asked for, else the review."""
    return {**(fixed(asked) or summary(asked) or review(asked, instructions))}


def _fitted(answer: Json, asked: str, body: Json) -> tuple[str, Json, str]:
    """The answer's text within the window and max_tokens: entries are left out whole, so it stays valid JSON."""
    prompt = _tokens(asked)
    if prompt > WINDOW:
        raise BadRequest(f"This model's maximum context length is {WINDOW} tokens, and the prompt has {prompt} tokens.")
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or WINDOW
    if not isinstance(limit, int) or limit < 1:
        raise BadRequest("max_tokens must be a positive integer")
    text, reason = json.dumps(answer, ensure_ascii=False), "stop"
    entries = answer["remarks" if "remarks" in answer else "issues"]
    while _tokens(text) > limit and entries:
        entries.pop()
        text, reason = json.dumps(answer, ensure_ascii=False), "length"
    said = _tokens(text)
    return text, {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}, reason


def _tokens(text: str) -> int:
    return -(-len(text.encode(errors="surrogatepass")) // BYTES_PER_TOKEN)


def _reply(prefix: str, kind: str, choice: Json, usage: Json) -> Json:
    identity = f"{prefix}-{uuid.uuid4().hex}"
    made = int(time.time())
    return {"id": identity, "object": kind, "created": made, "model": MODEL, "choices": [choice], "usage": usage}


def _events(reply: Json) -> list[Json]:
    """The chunks of a streamed answer: it is known at once, so the text is one chunk."""
    choice = reply["choices"][0]
    head = {key: reply[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    delta = choice.get("message") or {"content": choice["text"]}
    said = {"index": 0, "delta": delta, "finish_reason": None}
    ended = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    return [head | {"choices": [said]}, head | {"choices": [ended]}, head | {"choices": [], "usage": reply["usage"]}]
