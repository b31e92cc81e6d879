"""HTTP for the double: requests are recorded, faults injected, replies sent over a real socket."""

import json
import socket
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.gitlab.faults import Troubles


@dataclass(frozen=True)
class Request:
    """A request as it came in; the path is still percent-encoded, header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    query_string: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> "Response":
        return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    @staticmethod
    def text(value: str | bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> "Response":
        body = value.encode() if isinstance(value, str) else value
        return Response(status, body, {"Content-Type": "text/plain", **(headers or {})})


class Refused(Exception):
    """A request that GitLab answers with an error; carries the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status, response.body)
        self.response = response


class Server(ThreadingHTTPServer):
    """Answers every request through one function, on a free port of the loopback interface."""

    daemon_threads = False  # server_close then joins them, so that no test leaves a thread behind
    block_on_close = True

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.troubles = Troubles()
        self.crashes: list[str] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        for connection in list(self.connections):
            _hang_up(connection)
        self.server_close()
        self.thread.join()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is its own business; anything else is a bug of the double, told at the end."""
        trace = traceback.format_exc()
        if "ConnectionResetError" not in trace and "BrokenPipeError" not in trace:
            self.crashes.append(trace)

    def reply(self, request: Request) -> Response | None:
        """None stands for a connection that breaks off without an answer."""
        with self.lock:
            self.requests.append(request)
        if not self.troubles.alive():
            return None
        fault = self.troubles.take_fault(request)
        if fault is None:
            return self.checked_answer(request)
        self.closing.wait(fault.delay)
        undisturbed = fault.status is None and not fault.drop
        if undisturbed or fault.after_store:
            stored = self.checked_answer(request)
            if undisturbed:
                return stored
        return None if fault.drop else Response(fault.status or 500, fault.body, fault.headers)

    def checked_answer(self, request: Request) -> Response:
        try:
            self.troubles.interrupt(request)
            return self.answer(request)
        except Refused as refused:
            return refused.response
        except Exception:  # noqa: BLE001 - a bug, here or in an interlude, must fail the test
            self.crashes.append(traceback.format_exc())
            return Response.of({"message": "500 Internal Server Error"}, 500)


class _Exchange(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "nginx"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Nothing: the requests are recorded instead."""

    def exchange(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, query, headers, self.read_body(headers), parts.query)
        response = self.server.reply(request)
        if response is None:
            self.close_connection = True
            _hang_up(self.connection)
            return
        self.send(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = exchange

    def read_body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        empty = response.status in (204, 304)
        if not empty:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if not empty and self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
