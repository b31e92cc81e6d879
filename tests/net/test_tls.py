"""Certificates and proxies: the same files and the same variables for GitLab and for the model server."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import certifi
import pytest

from iquest_review.app.run import Arguments, Run, create_run
from iquest_review.errors import GitLabError, ModelRefusedError, ReviewError, UsageError
from iquest_review.gitlab.client import GitLab
from iquest_review.llm.client import ModelClient, Sampling
from iquest_review.merge_request import MergeRequest
from iquest_review.net.address import Address
from iquest_review.net.session import describe_route
from iquest_review.net.tls import NamedFile, Tls
from iquest_review.progress import create_progress
from tests.support.certificates import Patient, behind_tls, self_signed

MESSAGES = [{"role": "user", "content": "Well?"}]


class Handler(BaseHTTPRequestHandler):
    """Answers as both servers would."""

    def do_POST(self) -> None:
        body = b'{"choices": [{"message": {"content": "Fine."}}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("client"), "runner")


def asked(**environ: str) -> Run:
    return create_run(Arguments(), {}, environ, create_progress(-1))


def model_says(port: int, tls: Tls) -> str:
    address, sampling = Address.parse(f"https://localhost:{port}/v1"), Sampling(0.2, 0.9, 64)
    endpoint = ModelClient(address, model="m", key=None, sampling=sampling, timeout=5, retry_seconds=0, tls=tls)
    return endpoint.complete(MESSAGES, None).text


def gitlab_says(port: int, tls: Tls) -> str:
    gitlab = GitLab(f"https://localhost:{port}/api/v4", "t", MergeRequest("7", 1), tls=tls, sleep=lambda _: None)
    return (gitlab.fetch_file("x", "main") or b"").decode()


BOTH = pytest.mark.parametrize(("ask", "words"), [(model_says, "Fine."), (gitlab_says, "Fine.")])


@BOTH
@pytest.mark.parametrize("variable", ["IQUEST_CA_FILE", "CI_SERVER_TLS_CA_FILE"])
def test_an_own_authority_is_trusted_for_both_servers(ask, words: str, variable: str, server: Path) -> None:  # type: ignore[no-untyped-def]
    with behind_tls(Patient(("127.0.0.1", 0), Handler), server) as port:
        assert words in ask(port, asked(**{variable: str(server / "cert.pem")}).tls)


@BOTH
def test_one_authority_does_not_replace_another(ask, words: str, server: Path, client: Path) -> None:  # type: ignore[no-untyped-def]
    """One file is the runner's, for GitLab; the other ours, for a model server that another authority vouches for."""
    tls = asked(IQUEST_CA_FILE=str(server / "cert.pem"), CI_SERVER_TLS_CA_FILE=str(client / "cert.pem")).tls
    with behind_tls(Patient(("127.0.0.1", 0), Handler), server) as port:
        assert words in ask(port, tls)


@BOTH
def test_the_usual_authorities_stay_trusted(  # type: ignore[no-untyped-def]
    ask, words: str, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server / "cert.pem"))
    with behind_tls(Patient(("127.0.0.1", 0), Handler), server) as port:
        assert words in ask(port, asked(IQUEST_CA_FILE=certifi.where()).tls)


@BOTH
def test_a_bundle_that_is_missing_is_named(ask, words: str, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with pytest.raises(ReviewError, match="REQUESTS_CA_BUNDLE"):
        ask(1, Tls())


@BOTH
def test_a_server_that_asks_for_a_clients_certificate_gets_it(  # type: ignore[no-untyped-def]
    ask, words: str, server: Path, client: Path
) -> None:
    known = {"IQUEST_CA_FILE": str(server / "cert.pem"), "IQUEST_CLIENT_CERT": str(client / "cert.pem")}
    with behind_tls(Patient(("127.0.0.1", 0), Handler), server, clients=client) as port:
        assert words in ask(port, asked(**known, IQUEST_CLIENT_KEY=str(client / "key.pem")).tls)


@BOTH
def test_a_missing_client_certificate_names_the_setting(  # type: ignore[no-untyped-def]
    ask, words: str, server: Path, client: Path
) -> None:
    """Its word on that may come too late to be read: then the connection just ends."""
    with (
        behind_tls(Patient(("127.0.0.1", 0), Handler), server, clients=client) as port,
        pytest.raises(ReviewError, match=r"(asks for a|may require).*IQUEST_CLIENT_CERT"),
    ):
        ask(port, asked(IQUEST_CA_FILE=str(server / "cert.pem")).tls)


@pytest.mark.parametrize(("ask", "error"), [(model_says, ModelRefusedError), (gitlab_says, GitLabError)])
def test_an_unknown_authority_names_the_setting(ask, error: type[Exception], server: Path) -> None:  # type: ignore[no-untyped-def]
    with (
        behind_tls(Patient(("127.0.0.1", 0), Handler), server) as port,
        pytest.raises(error, match=r"the certificate is not accepted.*IQUEST_CA_FILE"),
    ):
        ask(port, Tls())


@contextmanager
def demanding(server: Path, clients: Path) -> Iterator[int]:
    """The port of a server that looks at the client's certificate within the handshake, as TLS 1.2 does: its word on
    that is always read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server / "cert.pem", server / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(clients / "cert.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(2)


@BOTH
def test_a_refused_client_certificate_names_its_own_setting(  # type: ignore[no-untyped-def]
    ask, words: str, server: Path, client: Path
) -> None:
    known = {"IQUEST_CA_FILE": str(server / "cert.pem"), "IQUEST_CLIENT_CERT": str(server / "cert.pem")}
    with demanding(server, clients=client) as port, pytest.raises(ReviewError) as caught:
        ask(port, asked(**known, IQUEST_CLIENT_KEY=str(server / "key.pem")).tls)

    assert str(caught.value) == (
        f"localhost:{port}: the server refuses the certificate of IQUEST_CLIENT_CERT: alert unknown ca"
    )


@BOTH
def test_a_handshake_that_fails_without_a_certificate_may_want_one(  # type: ignore[no-untyped-def]
    ask, words: str, server: Path, client: Path
) -> None:
    with demanding(server, clients=client) as port, pytest.raises(ReviewError) as caught:
        ask(port, asked(IQUEST_CA_FILE=str(server / "cert.pem")).tls)

    assert str(caught.value) == (
        f"localhost:{port}: TLS fails, perhaps because the server asks for a client certificate: "
        "alert handshake failure (set IQUEST_CLIENT_CERT to its file)"
    )


@pytest.mark.parametrize(("ask", "variable"), [(model_says, "IQUEST_API_URL"), (gitlab_says, "CI_API_V4_URL")])
def test_a_certificate_of_another_name_asks_for_that_name(ask, variable: str, client: Path) -> None:  # type: ignore[no-untyped-def]
    """The one of the fixture is made out to "runner"."""
    with behind_tls(Patient(("127.0.0.1", 0), Handler), client) as port, pytest.raises(ReviewError) as caught:
        ask(port, asked(IQUEST_CA_FILE=str(client / "cert.pem")).tls)

    assert str(caught.value) == (
        f"localhost:{port}: the certificate is not accepted: certificate verify failed: Hostname mismatch, certificate "
        f"is not valid for 'localhost' ({variable} must use a name that the certificate contains)"
    )


AUTHORITY = " (set IQUEST_CA_FILE to"


@pytest.mark.parametrize(
    ("openssl", "without", "with_one"),
    [
        ("certificate verify failed: unable to get local issuer certificate", AUTHORITY, AUTHORITY),
        ("certificate verify failed: self-signed certificate in certificate chain", AUTHORITY, AUTHORITY),
        (
            "certificate verify failed: certificate has expired",
            "expired (the server needs a new certificate)",
            "needs a new certificate)",
        ),
        ("certificate verify failed: certificate is not yet valid", "valid (check the clock", "(check the clock of"),
        ("certificate verify failed: CA cert does not include key usage", "key usage", "key usage"),
        ("tlsv13 alert certificate required", "asks for a client certificate: alert", "the server refuses the"),
        ("sslv3 alert certificate expired", "asks for a client", "IQUEST_CLIENT_CERT: alert certificate expired"),
        ("sslv3 alert bad certificate", "asks for a client", "IQUEST_CLIENT_CERT: alert bad certificate"),
        ("sslv3 alert certificate revoked", "asks for a client", "IQUEST_CLIENT_CERT: alert certificate revoked"),
        ("sslv3 alert handshake failure", "perhaps because the server asks", "perhaps because the server refuses"),
        ("tlsv1 alert protocol version", "TLS fails: alert protocol version", "TLS fails: alert protocol version"),
        ("wrong version number", "does not speak TLS: should X_URL begin", "does not speak TLS: should X_URL begin"),
    ],
)
def test_every_tls_failure_names_only_what_helps(openssl: str, without: str, with_one: str) -> None:
    code = openssl.partition(":")[0].upper().replace(" ", "_")
    inner = ssl.SSLError(1, f"[SSL: {code}] {openssl} (_ssl.c:1006)")
    error = OSError(f"Pool(host='h', port=1): Max retries exceeded with url: / (Caused by SSLError({inner!r}))")

    for tls, words in ((Tls(), without), (Tls((), NamedFile("IQUEST_CLIENT_CERT", "c.pem")), with_one)):
        told = str(tls.explain_failure("h:1", error, "X_URL"))
        assert words in told
        assert "_ssl" not in told
        assert told.count("(") == told.count(")")
        assert ("IQUEST_CA_FILE" in told) == (words == AUTHORITY)


def test_tls_without_files_builds_no_context() -> None:
    assert asked().tls.build_context() is None


def test_an_empty_authority_file_is_ignored(tmp_path: Path) -> None:
    """GitLab Runner leaves one where it has no chain to give."""
    (tmp_path / "empty.pem").write_text("")

    assert asked(CI_SERVER_TLS_CA_FILE=str(tmp_path / "empty.pem")).tls.build_context() is None


@pytest.mark.parametrize("variable", ["IQUEST_CA_FILE", "CI_SERVER_TLS_CA_FILE", "IQUEST_CLIENT_CERT"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("missing.pem", "No such file"),
        ("wrong.pem", "(contains no|is not a) PEM"),
        ("-----BEGIN CERTIFICATE-----\nMIIsecret", "must be of the type File"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_wrong_setting(
    variable: str, value: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.pem").write_text("no certificate")

    with pytest.raises(UsageError, match=f"{variable}.*{why}") as caught:
        asked(**{variable: value}).tls.build_context()

    assert "MIIsecret" not in str(caught.value)


def test_an_encrypted_key_is_an_error_and_asks_nobody_for_its_password(tmp_path: Path) -> None:
    self_signed(tmp_path, password="locked")
    tls = Tls(
        (), NamedFile("IQUEST_CLIENT_CERT", str(tmp_path / "cert.pem")), NamedFile("K", str(tmp_path / "key.pem"))
    )

    with pytest.raises(
        UsageError, match=r"IQUEST_CLIENT_CERT .* and K .*: it is not a PEM file, or its key is encrypted"
    ):
        tls.build_context()


def test_a_key_of_another_certificate_is_named(server: Path, client: Path) -> None:
    pair = asked(IQUEST_CLIENT_CERT=str(client / "cert.pem"), IQUEST_CLIENT_KEY=str(server / "key.pem"))

    with pytest.raises(UsageError, match=r"IQUEST_CLIENT_KEY .*: the key does not belong to the certificate$"):
        pair.tls.build_context()


def test_a_certificate_without_a_key_says_where_the_key_is_set(client: Path) -> None:
    with pytest.raises(UsageError, match=r"IQUEST_CLIENT_CERT .*: it contains no key: set IQUEST_CLIENT_KEY$"):
        asked(IQUEST_CLIENT_CERT=str(client / "cert.pem")).tls.build_context()


def test_a_key_file_that_holds_no_key_is_named(client: Path) -> None:
    certificate = str(client / "cert.pem")

    with pytest.raises(UsageError, match=r"IQUEST_CLIENT_KEY contains no key$"):
        asked(IQUEST_CLIENT_CERT=certificate, IQUEST_CLIENT_KEY=certificate).tls.build_context()


def test_a_key_without_a_certificate_is_a_wrong_setting(client: Path) -> None:
    alone = asked(IQUEST_CLIENT_KEY=str(client / "key.pem"))

    with pytest.raises(UsageError, match="IQUEST_CLIENT_KEY is set without its certificate: set IQUEST_CLIENT_CERT"):
        _ = alone.tls


@pytest.mark.parametrize("variable", ["IQUEST_CA_FILE", "IQUEST_CLIENT_CERT"])
def test_a_certificate_file_in_the_checkout_is_refused(variable: str, tmp_path: Path) -> None:
    inside, outside = {variable: str(tmp_path / "app/ca.pem")}, {variable: str(tmp_path / "app.tmp/ca.pem")}
    here = {"CI_PROJECT_DIR": str(tmp_path / "app")}

    with pytest.raises(UsageError, match=r"is in the checkout.*of the type File"):
        asked(**inside, **here).tls.build_context()
    (tmp_path / "link").symlink_to(tmp_path / "app")
    for spelling in (f"/{tmp_path}/app/ca.pem", f"{tmp_path}/x/../app/ca.pem", f"{tmp_path}/link/ca.pem"):
        with pytest.raises(UsageError, match="is in the checkout"):
            asked(**{variable: spelling}, **here).tls.build_context()
    assert variable in str(asked(**outside, **here).tls)


def test_the_way_to_a_server_is_told_with_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example.org")

    assert (
        describe_route("https://gpu.example.org:8000/v1")
        == "gpu.example.org:8000 through the proxy proxy.example.org:3128"
    )
    assert describe_route("https://gpu.inside.example.org/v1") == "gpu.inside.example.org"
    assert describe_route("http://gpu.example.org/v1") == "gpu.example.org"


@pytest.mark.parametrize(
    ("proxy", "named"),
    [
        ("proxy.example.org:3128", "proxy.example.org:3128"),
        ("http://user:pass@[", "["),
        ("user:p@ss@host", "host"),
        ("http://", "HTTPS_PROXY"),
        ("http://user:p/w@host:1/", "host:1"),
        ("\x1b[2J\nJob succeeded", "\\x1b[2J Job succeeded"),
    ],
)
def test_a_proxy_of_any_form_is_told_on_one_line(proxy: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy)

    assert describe_route("https://gpu/v1") == f"gpu through the proxy {named}"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://localhost:1/v1", "http://[::1]:1/v1"])
def test_this_machine_is_reached_without_a_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")

    assert "proxy" not in describe_route(url)
