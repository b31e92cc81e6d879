"""What the tests of the GitLab client share: names, a recorder of waits, and servers that keep what they are sent."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from iquest_review.gitlab.client import GitLab
from iquest_review.merge_request import DiffRefs as ProductRefs
from iquest_review.merge_request import MergeRequest
from iquest_review.outcome import Outcome, ReviewStatus
from iquest_review.publish.publish import Published, publish_review
from iquest_review.reasons.review import OutcomeReason
from tests.support.gitlab.double import DiffRefs, GitLabDouble
from tests.support.outcomes import AROUND, outcome
from tests.support.reasons import DOWN

TOKEN = "glpat-of-the-reviewer"
PROJECT, PATH, IID = 7, "group/app", 4
REFS = DiffRefs("1" * 40, "2" * 40, "3" * 40)
NOTES, DISCUSSIONS = r"/notes$", r"/discussions(\?|$)"
API = "https://gitlab.example.com/api/v4"
MERGE_REQUEST = f"{API}/projects/{PROJECT}/merge_requests/{IID}"
FACTS = {
    "id": 1004,
    "state": "opened",
    "diff_refs": {"base_sha": REFS.base, "start_sha": REFS.start, "head_sha": REFS.head},
}


class Waits(list[float]):
    """Takes the place of time.sleep."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


class Recorder(ThreadingHTTPServer):
    """Keeps the headers it is sent, and answers with an empty list."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Record)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not like the certificate hangs up."""


class _Record(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        self.server.calls.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Nothing."""


@contextmanager
def recording(certificate: Path | None = None) -> Iterator[Recorder]:
    """A recorder that runs; behind TLS with a certificate, whose key lies next to it."""
    server = Recorder()
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def connect(server: GitLabDouble, waits: Waits, token: str = TOKEN, project: str = "7", iid: int = IID) -> GitLab:
    return GitLab(server.api_url, token, MergeRequest(project, iid), sleep=waits)


def stored(server: GitLabDouble) -> list[str]:
    return [note["body"] for note in server.notes(PROJECT, IID) if not note["system"]]


def asked(server: GitLabDouble) -> list[str]:
    return [f"{request.method} {request.path.removeprefix('/api/v4')}" for request in server.requests]


def review(summary: str = "The first review.", **changed: Any) -> Outcome:
    """A review that found nothing to put on a line."""
    return outcome(diff_refs=ProductRefs(REFS.base, REFS.start, REFS.head), summary=summary, **changed)


def failure(reason: OutcomeReason = DOWN) -> Outcome:
    return review("", status=ReviewStatus.NOT_REVIEWED, reasons=(reason,), model=None)


def publish(gitlab: GitLab, made: Outcome, tell: Callable[[str], object] = lambda _: None) -> Published:
    return publish_review(gitlab, made, AROUND, None, tell)


def posted(published: Published) -> list[str]:
    """The note as it is stored."""
    return [(published.body or "").rstrip()]
