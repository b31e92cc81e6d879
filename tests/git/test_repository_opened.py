"""A clone opened for a whole run: one borrowed directory, fetched into once; many files."""

import os
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from iquest_review.errors import GitError
from iquest_review.git import objects
from iquest_review.git.command import GitTimeoutError, Output, Remote
from iquest_review.git.repository import Repository
from tests.support.checkout import Checkout, Executable, Link, git, put
from tests.support.gitlab.double import GitLabDouble

import_module("git.cmd")  # its first import asks git for its version, and a git of a test's own may not answer
PASSWORD = "job-token-7fcf1a"
LINES = b"".join(b"line %d\n" % number for number in range(1, 31))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


def blobs(checkout: Checkout, commit: str, *paths: str) -> dict[str, bytes]:
    with Repository(checkout.path).open_clone() as opened:
        return opened.load_blobs(commit, paths)


# --- a run ---


class Far(NamedTuple):
    """A clone that has none of the commits, and the project that has them."""

    clone: Repository
    base: str
    head: str
    gitlab: GitLabDouble
    remote: Remote


@pytest.fixture
def far(checkout: Checkout, tmp_path: Path) -> Iterator[Far]:
    checkout.commit({"x": b"older\n"})
    base = checkout.commit({"x": LINES, "y": b"y\n"}, "Base")
    head = checkout.commit({"x": b"def found():\n" + LINES, "y": b"y\n"}, "Head")
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    with GitLabDouble() as double:
        double.add_user("reviewer", job_token=PASSWORD)
        double.add_project(7, "group/app", checkout.path)
        remote = Remote(f"{double.url}/group/app.git", "gitlab-ci-token", PASSWORD)
        yield Far(Repository(tmp_path / "empty"), base, head, double, remote)


def test_a_commit_fetched_for_the_diff_serves_everything_else(far: Far) -> None:
    with far.clone.open_clone(far.remote) as opened:
        files = opened.diff(far.base, far.head).files
        asked = len(far.gitlab.requests)
        assert asked > 0
        assert opened.diff(far.base, far.head).files == files
        assert opened.load_blobs(far.head, ["x", "y", "z"]) == {"x": b"def found():\n" + LINES, "y": b"y\n"}
        assert opened.load_blob(far.base, "x") == LINES
        assert opened.find_mentions(far.head, ["found"])["found"].definitions == [("x", 1, "def found():")]
        history = opened.load_history(far.base, far.head, files)
    assert [commit.subject for commit in history.commits] == []  # both ends are cut off: who knows what lies between
    assert len(far.gitlab.requests) == asked


def test_files_and_definitions_of_a_commit_that_is_not_here_are_fetched_too(far: Far) -> None:
    with far.clone.open_clone(far.remote) as opened:
        assert opened.load_blobs(far.head, ["y"]) == {"y": b"y\n"}
    with far.clone.open_clone(far.remote) as opened:
        assert opened.find_mentions(far.head, ["found"])["found"].definitions == [("x", 1, "def found():")]
    with far.clone.open_clone(far.remote) as opened:
        assert opened.load_blob(far.head, "y") == b"y\n"


def test_a_commit_that_cannot_be_fetched_is_an_error(far: Far) -> None:
    with far.clone.open_clone() as opened:
        for ask in (
            lambda: opened.load_blobs(far.head, ["x"]),
            lambda: opened.find_mentions(far.head, ["found"]),
        ):
            with pytest.raises(GitError, match=f"does not contain commit {far.head}; .*GIT_DEPTH: 0"):
                ask()


def test_a_history_fetches_nothing(far: Far) -> None:
    with far.clone.open_clone(far.remote) as opened:
        opened.load_history(far.base, far.head, ())
    assert far.gitlab.requests == []


def test_nothing_is_left_when_the_clone_is_closed(checkout: Checkout) -> None:
    checkout.commit({"x": LINES})
    with Repository(checkout.path).open_clone() as opened:
        home = opened.directory.own
        assert home.is_dir()
    assert not home.exists()


def test_a_folder_without_a_repository_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="is not a git repository"), Repository(tmp_path).open_clone():
        pass


def test_one_opened_clone_serves_both_kinds_of_ids(tmp_path: Path) -> None:
    new = Checkout(tmp_path / "new", "--object-format=sha256")
    base, head = new.commit({"x": LINES}), new.commit({"x": b"def found():\n"})
    with Repository(new.path).open_clone() as opened:
        assert opened.load_blobs(head, ["x"]) == {"x": b"def found():\n"}
        assert opened.find_mentions(head, ["found"])["found"].definitions == [("x", 1, "def found():")]
        assert len(opened.diff(base, head).files) == 1


# --- many files ---


def test_many_files_are_those_of_the_commit_in_the_order_asked(checkout: Checkout) -> None:
    odd = ("new\nline", "-dash", "--output=canary", ":(top)x", "*.py", "sp ace", "ünï", 'quo"te', "a/b/c", "tab\there")
    commit = checkout.commit(
        {**{name: name.encode() for name in odd}, "empty": b"", "run": Executable(b"r"), "z": b"z"}
    )
    checkout.commit({"x": b"later\n"})
    asked = (*reversed(odd), "empty", "run")

    found = blobs(checkout, commit, *asked, *asked)

    assert found == {**{name: name.encode() for name in asked}, "empty": b"", "run": b"r"}
    assert tuple(found) == asked


def test_a_name_that_is_no_utf_8_is_found_by_its_bytes(checkout: Checkout) -> None:
    commit = checkout.commit({b"caf\xe9": b"1", "x": b"2"})
    name = os.fsdecode(b"caf\xe9")

    assert blobs(checkout, commit, name, "x") == {name: b"1", "x": b"2"}


def test_only_regular_files_of_the_commit_are_returned(checkout: Checkout) -> None:
    commit = checkout.commit({"x": b"x", "a/b": b"b", "link": Link(b"x"), "folder": Link(b"a")})
    checkout.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    checkout.git("commit", "--quiet", "--message", "Add a submodule")
    put(checkout.path, "untracked", b"u")
    names = ["link", "folder", "folder/b", "sub", "a", "a/", "untracked", "nope", "", ".", "/", "./x", "a//b", "a/../x"]
    names += ["../repository/x", "/etc/passwd", "x\0y", "\ud800", "x" * 10_000, "..", "a/.", "x/", "a/b/.."]

    assert blobs(checkout, checkout.head(), *names, "x") == {"x": b"x"}
    with Repository(checkout.path).open_clone() as opened:
        assert {opened.load_blob(checkout.head(), name) for name in names} == {None}


def test_files_with_the_same_content_are_all_returned(checkout: Checkout) -> None:
    commit = checkout.commit({"a": b"same\n", "b": b"same\n", "c": b"blob 3\n\n"})

    assert blobs(checkout, commit, "c", "b", "a") == {"c": b"blob 3\n\n", "b": b"same\n", "a": b"same\n"}


def test_files_that_are_too_large_are_left_out(checkout: Checkout) -> None:
    just = b"x" * objects.MAX_FILE_BYTES
    commit = checkout.commit({"just": just, "over": just + b"x", "small": b"s"})

    assert blobs(checkout, commit, "over", "just", "small") == {"just": just, "small": b"s"}
    with Repository(checkout.path).open_clone() as opened:
        assert opened.load_blob(commit, "over") == just + b"x"


def test_files_that_are_too_large_together_are_left_out(checkout: Checkout) -> None:
    names = [f"f{number}" for number in range(10)]
    commit = checkout.commit({**{name: name[1:].encode() * objects.MAX_FILE_BYTES for name in names}, "last": b"l"})
    most = objects.MAX_TOTAL_BYTES // objects.MAX_FILE_BYTES
    with Repository(checkout.path).open_clone() as opened:
        git = opened.prepare_git(commit)
        found = objects.list_entries(git, commit, [*names, "last"])
        many = {f"{name} {copy}": entry for copy in range(7) for name, entry in found.items() if name != "last"}
        read = objects.load_contents(git, {**many, "last": found["last"]})
    assert len(read) == most
    assert "last" not in read


def test_more_names_than_a_command_line_takes_are_asked_for(checkout: Checkout) -> None:
    names = [f"folder/{'n' * 240}{number}" for number in range(10_000)]
    commit = checkout.commit({names[0]: b"first", names[-1]: b"last"})

    assert sum(map(len, names)) > 2 * 1024**2
    assert blobs(checkout, commit, *names) == {names[0]: b"first", names[-1]: b"last"}


def test_a_file_that_a_partial_clone_lacks_is_left_out(checkout: Checkout, tmp_path: Path) -> None:
    commit = checkout.commit({"x": LINES, "y": b"y"})
    checkout.git("config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--bare", "--filter=blob:none", f"file://{checkout.path}", "partial")
    with Repository(tmp_path / "partial").open_clone() as opened:
        assert opened.load_blobs(commit, ["x", "y"]) == {}


def test_no_paths_give_no_files(checkout: Checkout) -> None:
    assert blobs(checkout, checkout.commit({"x": b"x"})) == {}


# --- a glimpse ---


def test_a_hanging_command_is_killed(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.commit({"x": b"x"})
    put(tmp_path, "bin/git", Executable(b"#!/bin/sh\necho so far\nexec sleep 30\n"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    started = time.monotonic()
    with (
        Repository(checkout.path).open_clone() as opened,
        pytest.raises(GitTimeoutError, match="`git log` took longer"),
    ):
        opened.directory.run_bounded("log", seconds=0.2, most=100)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        ("echo all", Output(b"all\n", 0)),
        ("echo half; exit 1", Output(b"half\n", 1)),
        ("yes", Output(b"y\n" * 50, None)),
    ],
)
def test_a_bounded_run_says_whether_its_output_is_complete(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, seen: Output
) -> None:
    checkout.commit({"x": b"x"})
    put(tmp_path, "bin/git", Executable(f"#!/bin/sh\n{script}\n".replace("; yes", "; exec yes").encode()))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    with Repository(checkout.path).open_clone() as opened:
        assert opened.directory.run_bounded("log", seconds=9, most=100) == seen


def test_a_bounded_run_without_git_is_an_error(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.commit({"x": b"x"})
    monkeypatch.setenv("PATH", "/nonexistent")
    with Repository(checkout.path).open_clone() as opened, pytest.raises(GitError, match="git is not installed"):
        opened.directory.run_bounded("log", seconds=1, most=1)
