"""Commits that the clone of a CI job lacks are fetched: exactly those, and without telling anybody the password."""

import base64
import gzip
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from iquest_review.diff.diff import Diff, LineKind
from iquest_review.errors import GitError
from iquest_review.git.command import Remote
from iquest_review.git.repository import Repository
from tests.support.checkout import Checkout, Executable, git, only, put, texts
from tests.support.fast_import import History
from tests.support.gitlab.double import GitLabDouble

PASSWORD = "job-token-7fcf1a"
LINES = b"".join(b"line %d\n" % number for number in range(1, 31))


LARGE = b"kept\n" * 5_000


class Project(NamedTuple):
    """A project on GitLab whose feature branch left the target branch long ago."""

    history: History
    base: str
    tip: str

    @property
    def path(self) -> Path:
        return self.history.path


@pytest.fixture
def project() -> Iterator[Project]:
    trees = [
        {"x": LINES, "large": LARGE},
        *({"x": LINES, "large": LARGE, "y": b"%d\n" % number} for number in range(30)),
    ]
    trees += [{"x": LINES.replace(b"line 9\n", b"nine\n"), "large": LARGE, "y": b"29\n"}]
    with History([{"x": b"older\n"}, *trees]) as history:
        base, tip = history.git("rev-parse", "c1", "c32").decode().split()
        yield Project(history, base, tip)


@pytest.fixture
def gitlab(project: Project) -> Iterator[GitLabDouble]:
    with GitLabDouble() as double:
        double.add_user("reviewer", job_token=PASSWORD)
        double.add_project(7, "group/app", project.path)
        yield double


@pytest.fixture
def remote(gitlab: GitLabDouble) -> Remote:
    return Remote(f"{gitlab.url}/group/app.git", "gitlab-ci-token", PASSWORD)


def job_clone(project: Project, folder: Path, depth: int) -> Path:
    """A clone as GitLab Runner makes it for a merge-request pipeline: one ref, cut off, HEAD detached."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    refspec = "+refs/heads/c32:refs/pipelines/1"
    git(folder, "fetch", "--quiet", "--no-tags", f"--depth={depth}", f"file://{project.path}", refspec)
    git(folder, "checkout", "--quiet", "--detach", "refs/pipelines/1")
    return folder


class Watch:
    """A `git` before the real one on PATH: writes down what it is called with and which objects a fetch brings."""

    def __init__(self, folder: Path) -> None:
        self.calls, self.objects = folder / "calls", folder / "objects"
        real, written = shutil.which("git"), f"-type f >> '{self.objects}'"
        script = (
            f"#!/bin/sh\nprintf '%s\\n' \"$@\" >> '{self.calls}'\n'{real}' \"$@\"\nstatus=$?\n"
            f'case " $* " in *\' fetch \'*) find "$GIT_OBJECT_DIRECTORY" {written};; esac\nexit $status\n'
        )
        put(folder, "git", Executable(script.encode()))

    def fetched(self) -> set[str]:
        """The ids of the objects that came, all of them few enough to be unpacked."""
        parts = [Path(path).parts for path in self.objects.read_text().splitlines()]
        assert "pack" not in {part[-2] for part in parts}
        return {part[-2] + part[-1] for part in parts if len(part[-2]) == 2}


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    (tmp_path / "bin").mkdir()
    watch = Watch(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return watch


def posted(gitlab: GitLabDouble) -> bytes:
    bodies = [request.body for request in gitlab.requests if request.method == "POST"]
    return b"".join(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for body in bodies)


def assert_the_edit(diff: Diff) -> None:
    file = diff.find_file("x")
    assert file
    assert (texts(file, LineKind.REMOVED), texts(file, LineKind.ADDED)) == (["line 9"], ["nine"])
    assert [file.path for file in diff.files] == ["x", "y"]


@pytest.mark.parametrize("depth", [1, 20])
def test_a_missing_base_is_fetched_alone(
    project: Project, gitlab: GitLabDouble, remote: Remote, watch: Watch, tmp_path: Path, depth: int
) -> None:
    clone = job_clone(project, tmp_path / "clone", depth)
    before = git(clone, "count-objects", "-v") + git(clone, "for-each-ref")
    watch.objects.unlink()  # what the clone itself fetched
    assert_the_edit(Repository(clone).diff(project.base, project.tip, remote))
    assert git(clone, "count-objects", "-v") + git(clone, "for-each-ref") == before
    asked = posted(gitlab)
    assert set(re.findall(rb"want ([0-9a-f]{40})", asked)) == {project.base.encode()}
    assert project.tip.encode() in re.findall(rb"have ([0-9a-f]{40})", asked)
    assert b"deepen 1" in asked
    tree, large = project.history.git("rev-parse", "c1^{tree}", "c1:large").decode().split()
    came = watch.fetched()
    assert {project.base, tree} <= came
    assert large not in came  # the clone has it, and the server was told so
    assert len(came) <= 3


def test_a_clone_with_neither_commit_fetches_both(
    project: Project, gitlab: GitLabDouble, remote: Remote, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    assert_the_edit(Repository(tmp_path / "empty").diff(project.base, project.tip, remote))
    wanted = set(re.findall(rb"want ([0-9a-f]{40})", posted(gitlab)))
    assert wanted == {project.base.encode(), project.tip.encode()}


def test_a_clone_with_both_commits_asks_nobody(project: Project, gitlab: GitLabDouble, remote: Remote) -> None:
    assert_the_edit(Repository(project.path).diff(project.base, project.tip, remote))
    assert gitlab.requests == []


def test_a_sha_256_project_is_fetched_from(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "project", "--object-format=sha256")
    base, head = checkout.commit({"x": LINES}), checkout.commit({"x": b"new\n" + LINES})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{checkout.path}", "clone")
    with GitLabDouble() as gitlab:
        gitlab.add_user("reviewer", job_token=PASSWORD)
        gitlab.add_project(7, "group/app", checkout.path)
        remote = Remote(f"{gitlab.url}/group/app.git", "gitlab-ci-token", PASSWORD)
        assert only(Repository(tmp_path / "clone").diff(base, head, remote)).added == 1


def test_a_linked_work_tree_of_a_shallow_clone_is_completed(project: Project, remote: Remote, tmp_path: Path) -> None:
    clone = job_clone(project, tmp_path / "clone", 1)
    git(clone, "worktree", "add", "--quiet", "--detach", "../linked")
    assert_the_edit(Repository(tmp_path / "linked").diff(project.base, project.tip, remote))


# --- the password ---


def test_the_password_travels_in_a_header_alone(
    project: Project, gitlab: GitLabDouble, remote: Remote, watch: Watch, tmp_path: Path
) -> None:
    Repository(job_clone(project, tmp_path / "clone", 1)).diff(project.base, project.tip, remote)
    login = base64.b64encode(f"gitlab-ci-token:{PASSWORD}".encode()).decode()
    called = watch.calls.read_text()
    assert "fetch" in called
    assert PASSWORD not in called
    assert login not in called
    for request in gitlab.requests:
        assert request.headers["authorization"] == f"Basic {login}"
        assert PASSWORD not in request.path + request.query_string


def failing(project: Project, folder: Path, remote: Remote, commit: str | None = None) -> str:
    """What is said when the base cannot be fetched."""
    with pytest.raises(GitError) as raised:
        Repository(job_clone(project, folder, 1)).diff(commit or project.base, project.tip, remote)
    said = str(raised.value)
    login = base64.b64encode(f"{remote.user}:{remote.password}".encode()).decode()
    for word in (remote.password, login, "Authorization"):
        assert word not in said
        assert word not in repr(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)
    return said


def test_a_wrong_password_is_an_error_without_a_prompt(
    project: Project, gitlab: GitLabDouble, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    put(tmp_path, "ask", Executable(b"#!/bin/sh\ntouch '%s'\necho x\n" % os.fsencode(canary)))
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(tmp_path / "ask"))
    wrong = Remote(remote.url, "gitlab-ci-token", "wrong-7fcf1a")
    said = failing(project, tmp_path / "clone", wrong)
    assert said == f"127.0.0.1 does not send commit {project.base}: the user or the password was refused"
    assert len(gitlab.requests) == 1
    assert not canary.exists()


def test_a_missing_project_is_an_error(project: Project, gitlab: GitLabDouble, tmp_path: Path) -> None:
    said = failing(project, tmp_path / "clone", Remote(f"{gitlab.url}/group/none.git", "gitlab-ci-token", PASSWORD))
    assert "not found" in said


def test_a_commit_missing_on_the_server_is_an_error(project: Project, remote: Remote, tmp_path: Path) -> None:
    said = failing(project, tmp_path / "clone", remote, commit="1" * 40)
    assert said.startswith(f"127.0.0.1 does not send commit {'1' * 40}: ")
    assert "not our ref" in said or "no such" in said.lower() or "fatal" in said


def test_a_server_that_is_down_is_an_error(project: Project, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    said = failing(project, tmp_path / "clone", Remote(f"http://127.0.0.1:{port}/group/app.git", "u", PASSWORD))
    assert "Failed to connect" in said


@pytest.mark.parametrize("status", [500, 502, 403, 429])
def test_a_server_that_fails_is_an_error(
    project: Project, gitlab: GitLabDouble, remote: Remote, tmp_path: Path, status: int
) -> None:
    gitlab.fail("*", r"\.git/", status=status, times=9)
    assert str(status) in failing(project, tmp_path / "clone", remote)


def test_a_connection_that_breaks_off_is_an_error(
    project: Project, gitlab: GitLabDouble, remote: Remote, tmp_path: Path
) -> None:
    gitlab.fail("POST", r"git-upload-pack", drop=True, times=9)
    failing(project, tmp_path / "clone", remote)


def test_a_redirect_takes_the_password_nowhere(
    project: Project, gitlab: GitLabDouble, remote: Remote, tmp_path: Path
) -> None:
    with GitLabDouble() as thief:
        gitlab.fail("*", r"\.git/", status=302, headers={"Location": f"{thief.url}/group/app.git/info/refs"}, times=9)
        failing(project, tmp_path / "clone", remote)
        assert thief.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% canary",
        "file:///{project}",
        "ssh://host/x",
        "git://127.0.0.1/x",
        "--upload-pack=touch canary",
        "/{project}",
    ],
)
def test_no_other_protocol_is_spoken(project: Project, tmp_path: Path, url: str) -> None:
    remote = Remote(url.format(project=project.path), "u", PASSWORD)
    with pytest.raises(GitError):
        Repository(job_clone(project, tmp_path / "clone", 1)).diff(project.base, project.tip, remote)
    assert not list(tmp_path.rglob("*canary*"))


class Refusing(BaseHTTPRequestHandler):
    """Has nothing; who is told so has spoken with it."""

    def do_GET(self) -> None:
        self.send_error(418)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to make a certificate with")
def test_only_the_given_authority_vouches_for_the_server(project: Project, tmp_path: Path) -> None:
    request = "req -x509 -newkey rsa:2048 -nodes -keyout key -out own.pem -days 1 -subj /CN=own"
    argv = ["openssl", *request.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "key")
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"https://127.0.0.1:{server.server_port}/group/app.git"
        unknown = failing(project, tmp_path / "one", Remote(url, "u", PASSWORD))
        known = failing(project, tmp_path / "two", Remote(url, "u", PASSWORD, ca_file=str(tmp_path / "own.pem")))
        server.shutdown()
        thread.join()
    assert "certificate" in unknown
    assert "418" in known
