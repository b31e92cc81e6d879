"""The stand-in: a small rule-based reviewer behind the HTTP API of a model server, for machines without a GPU.

Its answers hold what its rules found, and say that no model judged the change. It does not stream. It listens on the
loopback interface only.
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
from iquest_review.stand_in.fixed import judge_remarks
from iquest_review.stand_in.review import review_by_rules
from iquest_review.stand_in.summary import summarize_parts

WINDOW_TOKENS = 131_072
MAX_REQUEST_BYTES = 32 * 1024 * 1024
BYTES_PER_TOKEN = 3  # without a tokenizer, a count that is easy to predict

Json = dict[str, Any]


class BadRequestError(ValueError):
    """A request that cannot be answered; the message says why."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


class StandIn:
    """The server: a context manager that serves in a thread; a command line uses `serve_forever`."""

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
        """Serve in this thread until the process is interrupted."""
        try:
            self._server.serve_forever()
        except KeyboardInterrupt:
            return
        finally:
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection open must not delay the end


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = MODEL_NAME
    timeout = 60

    def do_GET(self) -> None:
        match self._parse_path():
            case "/v1/models":
                self._send(HTTPStatus.OK, _list_models())
            case "/health":
                self._send(HTTPStatus.OK, {"status": "ok"})
            case _:
                self._fail(HTTPStatus.NOT_FOUND, "Not Found")

    def do_POST(self) -> None:
        try:
            body = self._load_body()
            reply = _POST.get(self._parse_path(), _reject_unknown_path)(body)
        except BadRequestError as error:
            self._fail(error.status, str(error))
        else:
            self._send(HTTPStatus.OK, reply)

    def _parse_path(self) -> str:
        return self.path.partition("?")[0]

    def _load_body(self) -> Json:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_REQUEST_BYTES:
            self.close_connection = True  # the rest of the request stays unread
            raise BadRequestError(f"send a Content-Length, and a body of at most {MAX_REQUEST_BYTES} bytes", _TOO_LARGE)
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise BadRequestError(f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise BadRequestError("the body is not a JSON object")
        return body

    def _fail(self, status: HTTPStatus, message: str) -> None:
        kind = "NotFoundError" if status is HTTPStatus.NOT_FOUND else "BadRequestError"
        self._send(status, {"error": {"message": message, "type": kind, "param": None, "code": int(status)}})

    def _send(self, status: HTTPStatus, answer: Json) -> None:
        content = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing: a request line is foreign text, which does not belong in the job log."""


_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _list_models() -> Json:
    model = {
        "id": MODEL_NAME,
        "object": "model",
        "created": 0,
        "owned_by": "iquest-review",
        "max_model_len": WINDOW_TOKENS,
    }
    return {"object": "list", "data": [model]}


def _reject_unknown_path(body: Json) -> Json:  # noqa: ARG001 - the signature of all in _POST
    raise BadRequestError("Not Found", HTTPStatus.NOT_FOUND)


def _reject_stream(body: Json) -> None:
    if body.get("stream") is True:
        raise BadRequestError("stream is not supported; send stream: false")


def _complete_chat(body: Json) -> Json:
    _reject_stream(body)
    messages = _parse_messages(body)
    system = "\n".join(text for role, text in messages if role in ("system", "developer"))
    prompt = "\n".join(text for role, text in messages if role != "assistant")
    text, usage, reason = _fit_answer(_answer_prompt(prompt, system or None), prompt, body)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return _build_reply("chatcmpl", "chat.completion", choice, usage)


def _complete_text(body: Json) -> Json:
    _reject_stream(body)
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise BadRequestError("prompt must be a string")
    text, usage, reason = _fit_answer(_answer_prompt(prompt, None), prompt, body)
    return _build_reply("cmpl", "text_completion", {"index": 0, "text": text, "finish_reason": reason}, usage)


def _tokenize(body: Json) -> Json:
    prompt = body.get("prompt")
    text = prompt if isinstance(prompt, str) else "\n".join(text for _, text in _parse_messages(body))
    return {"count": _count_tokens(text), "max_model_len": WINDOW_TOKENS}


_POST: dict[str, Callable[[Json], Json]] = {
    "/v1/chat/completions": _complete_chat,
    "/v1/completions": _complete_text,
    "/tokenize": _tokenize,
}


def _parse_messages(body: Json) -> list[tuple[str, str]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages must be a list with at least one message")
    return [_parse_message(message) for message in messages]


def _parse_message(message: object) -> tuple[str, str]:
    match message:
        case {"role": str(role), "content": str(text)}:
            return role, text
        case {"role": str(role), "content": list(parts)}:
            return role, "".join(
                part["text"] for part in parts if isinstance(part, dict) and type(part.get("text")) is str
            )
    raise BadRequestError("each message must have a role and text as its content")


def _answer_prompt(prompt: str, instructions: str | None) -> Json:
    """Return what the prompt asks for: verdicts on earlier remarks, one summary of several parts, or a review."""
    return {**(judge_remarks(prompt) or summarize_parts(prompt) or review_by_rules(prompt, instructions))}


def _fit_answer(answer: Json, prompt: str, body: Json) -> tuple[str, Json, str]:
    """Return the answer's text, its usage of tokens, and why it ends.

    To fit the window and max_tokens, whole entries are left out, so the text stays valid JSON.
    """
    prompt_tokens = _count_tokens(prompt)
    if prompt_tokens > WINDOW_TOKENS:
        raise BadRequestError(
            f"This model's maximum context length is {WINDOW_TOKENS} tokens, and the prompt has {prompt_tokens} tokens."
        )
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or WINDOW_TOKENS
    if not isinstance(limit, int) or limit < 1:
        raise BadRequestError("max_tokens must be a positive integer")
    text, reason = json.dumps(answer, ensure_ascii=False), "stop"
    entries = answer["remarks" if "remarks" in answer else "issues"]
    while _count_tokens(text) > limit and entries:
        entries.pop()
        text, reason = json.dumps(answer, ensure_ascii=False), "length"
    tokens = _count_tokens(text)
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": tokens,
        "total_tokens": prompt_tokens + tokens,
    }
    return text, usage, reason


def _count_tokens(text: str) -> int:
    return -(-len(text.encode(errors="surrogatepass")) // BYTES_PER_TOKEN)


def _build_reply(prefix: str, kind: str, choice: Json, usage: Json) -> Json:
    return {
        "id": f"{prefix}-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL_NAME,
        "choices": [choice],
        "usage": usage,
    }
