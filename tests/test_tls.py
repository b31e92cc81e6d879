"""Certificates and proxies: the same files and the same variables for GitLab and for the model server."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path

import certifi
import pytest

from iquest_review.errors import GitLabError, ModelRefused, ReviewError, UsageError
from iquest_review.job import Arguments, Job, job
from iquest_review.merge_request.gitlab import GitLab
from iquest_review.merge_request.refs import MergeRequest
from iquest_review.model.endpoint import Address, Endpoint, Sampling
from iquest_review.model.session import reached
from iquest_review.progress import progress
from iquest_review.tls import Named, Tls
from tests.certificates import Patient, behind_tls, self_signed

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


def asked(**environ: str) -> Job:
    return job(Arguments(), {}, environ, progress(-1))


def model_says(port: int, tls: Tls) -> str:
    address, sampling = Address.parse(f"https://localhost:{port}/v1"), Sampling(0.2, 0.9, 64)
    endpoint = Endpoint(address, model="m", key=None, sampling=sampling, timeout=5, deadline=0, tls=tls)
    return endpoint.complete(MESSAGES, None).text


def gitlab_says(port: int, tls: Tls) -> str:
    gitlab = GitLab(f"https://localhost:{port}/api/v4", "t", MergeRequest("7", 1), tls=tls, sleep=lambda _: None)
    return (gitlab.file("x", "main") or b"").decode()


BOTH = pytest.mark.parametrize(("ask", "words"), [(model_says, "Fine."), (gitlab_says, "Fine.")])


@BOTH
@pytest.mark.parametrize("variable", ["IQUEST_CA_FILE", "CI_SERVER_TLS_CA_FILE"])
def test_an_authority_of_ones_own_vouches_for_both_servers(ask, words: str, variable: str, server: Path) -> None:  # type: ignore[no-untyped-def]
    with behind_tls(Patient(("127.0.0.1", 0), Handler), server) as port:
        assert words in ask(port, asked(**{variable: str(server / "cert.pem")}).tls)


@BOTH
def test_no_authority_takes_another_away(ask, words: str, server: Path, client: Path) -> None:  # type: ignore[no-untyped-def]
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
def test_a_server_that_asks_in_vain_names_the_setting(  # type: ignore[no-untyped-def]
    ask, words: str, server: Path, client: Path
) -> None:
    """Its word on that may come too late to be read: then the connection just ends."""
    with (
        behind_tls(Patient(("127.0.0.1", 0), Handler), server, clients=client) as port,
        pytest.raises(ReviewError, match=r"(asks for a|wants).*IQUEST_CLIENT_CERT"),
    ):
        ask(port, asked(IQUEST_CA_FILE=str(server / "cert.pem")).tls)


@pytest.mark.parametrize(("ask", "error"), [(model_says, ModelRefused), (gitlab_says, GitLabError)])
def test_an_authority_nobody_knows_names_the_setting(ask, error: type[Exception], server: Path) -> None:  # type: ignore[no-untyped-def]
    with (
        behind_tls(Patient(("127.0.0.1", 0), Handler), server) as port,
        pytest.raises(error, match=r"the certificate is not accepted.*IQUEST_CA_FILE"),
    ):
        ask(port, Tls())


def test_where_nothing_is_named_nothing_is_added() -> None:
    assert asked().tls.context() is None


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    """GitLab Runner leaves one where it has no chain to give."""
    (tmp_path / "empty.pem").write_text("")

    assert asked(CI_SERVER_TLS_CA_FILE=str(tmp_path / "empty.pem")).tls.context() is None


@pytest.mark.parametrize("variable", ["IQUEST_CA_FILE", "CI_SERVER_TLS_CA_FILE", "IQUEST_CLIENT_CERT"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("missing.pem", "No such file"),
        ("wrong.pem", "(holds no certificate in|is not) PEM"),
        ("-----BEGIN CERTIFICATE-----\nMIIsecret", "should be of the type File"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_wrong_setting(
    variable: str, value: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.pem").write_text("no certificate")

    with pytest.raises(UsageError, match=f"{variable}.*{why}") as caught:
        asked(**{variable: value}).tls.context()

    assert "MIIsecret" not in str(caught.value)


def test_an_encrypted_key_is_an_error_and_asks_nobody_for_its_password(tmp_path: Path) -> None:
    self_signed(tmp_path, password="locked")
    tls = Tls((), Named("IQUEST_CLIENT_CERT", str(tmp_path / "cert.pem")), Named("K", str(tmp_path / "key.pem")))

    with pytest.raises(UsageError, match=r"IQUEST_CLIENT_CERT .* and K .*: it is not PEM, or its key is encrypted"):
        tls.context()


def test_the_way_to_a_server_is_told_with_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example.org")

    assert reached("https://gpu.example.org:8000/v1") == "gpu.example.org:8000 through the proxy proxy.example.org:3128"
    assert reached("https://gpu.inside.example.org/v1") == "gpu.inside.example.org"
    assert reached("http://gpu.example.org/v1") == "gpu.example.org"


@pytest.mark.parametrize(
    ("proxy", "named"),
    [
        ("proxy.example.org:3128", "proxy.example.org:3128"),
        ("http://user:pass@[", "["),
        ("user:p@ss@host", "host"),
        ("http://user:p/w@host:1/", "host:1"),
        ("\x1b[2J\nJob succeeded", "\\x1b[2J Job succeeded"),
    ],
)
def test_a_proxy_of_any_form_is_told_on_one_line(proxy: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy)

    assert reached("https://gpu/v1") == f"gpu through the proxy {named}"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://localhost:1/v1", "http://[::1]:1/v1"])
def test_no_proxy_stands_between_this_machine_and_itself(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")

    assert "proxy" not in reached(url)
