"""What is read when the way to GitLab fails: the proxy on it is named, what cannot pass is not asked again."""

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import responses

from iquest_review.errors import GitLabError
from iquest_review.gitlab import transport
from iquest_review.gitlab.client import MAX_ATTEMPTS, GitLab
from iquest_review.merge_request import MergeRequest
from iquest_review.note.summary import SUMMARY_MARKER
from tests.support.connections import IID, MERGE_REQUEST, TOKEN, Waits, connect
from tests.support.gitlab.double import GitLabDouble

READ_ONLY = "You cannot perform write operations on a read-only instance"
Speak = Callable[[bytes], str]


@pytest.fixture
def speak() -> Iterator[Speak]:
    """Starts a server that answers with these bytes, whatever it is asked, and gives its host and port."""
    listening: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answer: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                try:
                    accepted, _ = server.accept()
                except OSError:  # the test is over
                    return
                with accepted:
                    accepted.recv(65536)
                    accepted.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        listening.append(server)
        threads.append(thread)
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
    for thread in threads:
        thread.join(2)


def refusal(host: str, waits: Waits, scheme: str = "http") -> str:
    with pytest.raises(GitLabError) as caught:
        GitLab(f"{scheme}://{host}/api/v4", TOKEN, MergeRequest("7", IID), sleep=waits).fetch_facts()
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def answer(status: str, body: str = "", kind: str = "text/html") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


# --- a proxy on the way ---


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password_says_where_it_belongs(
    speak: Speak, waits: Waits, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy, variable = speak(answer("407 Proxy Authentication Required")), f"{scheme}_proxy".upper()
    monkeypatch.setenv(variable, f"http://{proxy}")

    reason = refusal("gitlab.invalid", waits, scheme)

    way = f"gitlab.invalid through the proxy {proxy}"
    assert reason.endswith(f"{way}: the proxy asks for a user name and password: set them in {variable} (407)")
    assert waits == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_password_refused_by_the_proxy_is_not_shown(
    speak: Speak, waits: Waits, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy = speak(answer("407 Proxy Authentication Required"))
    monkeypatch.setenv("ALL_PROXY", f"http://somebody:hidden@{proxy}")

    reason = refusal("gitlab.invalid", waits, scheme)

    assert reason.endswith("the proxy does not accept the user name and password in ALL_PROXY (407)")
    assert "hidden" not in reason


def test_a_proxy_that_refuses_the_tunnel_is_not_asked_again(
    speak: Speak, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{speak(answer('403 Forbidden by policy'))}")

    reason = refusal("gitlab.invalid", waits, "https")

    assert reason.endswith("the proxy refuses to connect (403): Forbidden by policy")
    assert waits == []


def test_a_proxy_that_is_down_is_named_and_asked_again(waits: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    reason = refusal("gitlab.invalid", waits, "https")

    way = "gitlab.invalid through the proxy 127.0.0.1:9"
    assert reason == f"GitLab at {way} cannot be reached (Connection refused)"
    assert len(waits) == MAX_ATTEMPTS - 1


@pytest.mark.parametrize("status", [401, 403, 404, 418])
def test_a_refusal_that_is_not_gitlabs_may_be_the_proxys(
    api: responses.RequestsMock, waits: Waits, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    api.get(MERGE_REQUEST, status=status, body=f"<h1>Blocked</h1> {TOKEN}", content_type="text/html")

    reason = refusal("gitlab.example.com", waits, "https")

    assert f"refuses the request ({status}: Blocked ***); the answer may come from the proxy" in reason
    assert "role" not in reason


def test_a_refusal_in_gitlabs_own_words_is_gitlabs_behind_a_proxy_too(
    api: responses.RequestsMock, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    api.get(MERGE_REQUEST, status=403, json={"message": "403 Forbidden"})

    reason = refusal("gitlab.example.com", waits, "https")

    assert reason.startswith(
        "GITLAB_API_TOKEN is not allowed to do this in 7!4 (403: Forbidden): its user needs the role Reporter"
    )


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://", "HTTPS_PROXY cannot be used: it names no host"),
        ("http://user:hidden@", "HTTPS_PROXY cannot be used: it names no host"),
        ("user:hidden@", "HTTPS_PROXY cannot be used: it names no host"),
        ("@", "HTTPS_PROXY cannot be used: it names no host"),
        ("http://user:hidden@[::1", "HTTPS_PROXY cannot be used: its host or port cannot be read"),
        ("http://user:hidden@]:80", "HTTPS_PROXY cannot be used: its host or port cannot be read"),
        ("http://user:hidden@:80", "HTTPS_PROXY cannot be used: its host or port cannot be read"),
        ("socks5://proxy:1080", "HTTPS_PROXY cannot be used: socks proxies are not supported"),
        ("ftp://proxy", "HTTPS_PROXY cannot be used: it should begin with http://"),
        ("http://user:hidden@proxy:99999", "HTTPS_PROXY cannot be used: its host or port cannot be read"),
        ("http://user:hidden@.proxy:1", "HTTPS_PROXY cannot be used: its host or port cannot be read"),
    ],
)
def test_an_unusable_proxy_is_reported_by_its_variable(
    waits: Waits, monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)

    reason = refusal("gitlab.invalid", waits, "https")

    assert reason.endswith(f": {why}")
    assert "hidden" not in reason
    assert waits == []


# --- other servers, and half an answer ---


def test_plain_http_to_a_tls_port_is_explained(speak: Speak, waits: Waits) -> None:
    host = speak(b"\x15\x03\x01\x00\x02\x02\x46")

    assert refusal(host, waits) == f"{host} speaks TLS: should CI_API_V4_URL begin with https://?"
    assert waits == []


@pytest.mark.parametrize(
    "half", [b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"], ids=["length", "chunks"]
)
def test_an_answer_that_breaks_off_is_asked_for_again(speak: Speak, waits: Waits, half: bytes) -> None:
    host = speak(b"HTTP/1.1 200 OK\r\n" + half)

    assert refusal(host, waits) == f"GitLab at {host} broke off in the middle of its answer"
    assert len(waits) == MAX_ATTEMPTS - 1


def test_an_answer_that_cannot_be_unpacked_is_reported(speak: Speak, waits: Waits) -> None:
    host = speak(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")

    assert refusal(host, waits) == f"GitLab at {host} sent an answer that cannot be unpacked"


def test_a_server_of_empty_objects_is_not_gitlab(api: responses.RequestsMock, waits: Waits) -> None:
    api.get(MERGE_REQUEST, json={})

    reason = refusal("gitlab.example.com", waits, "https")

    assert reason.endswith("answered something that is not GitLab's API; is CI_API_V4_URL right?")
    assert waits == []


def test_the_wait_for_a_diff_is_reported_once(server: GitLabDouble, waits: Waits) -> None:
    told: list[str] = []
    server.add_merge_request(7, 9, diff_refs_after=3)

    GitLab(server.api_url, TOKEN, MergeRequest("7", 9), sleep=waits, tell=told.append).fetch_facts()

    assert told == ["waiting for GitLab to make the diff of 7!9"]
    assert len(waits) == 3


# --- a GitLab that only reads ---


@pytest.mark.parametrize("status", [403, 503])
def test_a_read_only_gitlab_is_not_blamed_on_the_role(
    api: responses.RequestsMock, remote: GitLab, waits: Waits, status: int
) -> None:
    api.post(f"{MERGE_REQUEST}/notes", status=status, json={"message": f"{status} {READ_ONLY}"})

    with pytest.raises(GitLabError) as caught:
        remote.write_note(SUMMARY_MARKER)

    assert str(caught.value) == (
        f"GitLab at gitlab.example.com is read-only now ({status}: {READ_ONLY}): "
        "post the review when it accepts writes again"
    )
    assert caught.value.status == status
    assert waits == []


def test_a_refusal_says_its_status_once(api: responses.RequestsMock, remote: GitLab) -> None:
    api.get(MERGE_REQUEST, status=403, json={"message": "403 Forbidden"})

    with pytest.raises(GitLabError, match=r"\(403: Forbidden\)"):
        remote.fetch_facts()


def test_a_refusal_without_a_word_says_so(api: responses.RequestsMock, remote: GitLab) -> None:
    api.get(MERGE_REQUEST, status=418, body="")

    with pytest.raises(GitLabError, match=r"^GitLab answered 418 for 7!4: no reason given$"):
        remote.fetch_facts()


class Dripping(BaseHTTPRequestHandler):
    """Sends a blank now and then, and is never done."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(b" ")
                time.sleep(0.05)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Nothing."""


def test_a_dripping_answer_ends_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_REQUEST_SECONDS", 0.2)
    with ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        gitlab = GitLab(
            f"http://127.0.0.1:{server.server_port}/api/v4", "t", MergeRequest("7", 1), sleep=lambda _: None
        )
        with pytest.raises(GitLabError, match=r"did not finish its answer within 0\.2 s"):
            gitlab.fetch_facts()
        server.shutdown()


def test_only_the_readable_part_of_an_error_is_read(server: GitLabDouble) -> None:
    """To read 24 MiB of it as JSON takes a gigabyte."""
    server.fail("*", "", status=400, body='{"message": [' + "{}," * 2_000_000 + "{}]}", times=99)
    tracemalloc.start()
    try:
        with pytest.raises(GitLabError, match="400"):
            connect(server, Waits()).fetch_facts()
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()
