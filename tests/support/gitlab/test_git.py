"""That git itself can fetch from the double, and who is kept out."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs, GitLabDouble


@pytest.fixture
def gitlab(checkout: Checkout) -> Iterator[GitLabDouble]:
    with GitLabDouble() as double:
        double.add_user("reviewer", token="secret", job_token="job")
        double.add_project(7, "group/app", checkout.path)
        yield double


def fetch(
    gitlab: GitLabDouble, into: Path, commit: str, password: str, path: str = "group/app"
) -> subprocess.CompletedProcess[str]:
    subprocess.run(["git", "init", "--quiet", str(into)], check=True)
    url = gitlab.url.replace("://", f"://gitlab-ci-token:{password}@") + f"/{path}.git"
    argv = ["git", "-c", "core.askPass=true", "fetch", "--quiet", "--depth=1", url, commit]
    return subprocess.run(argv, cwd=into, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("password", ["secret", "job"])
def test_git_fetches_one_commit_with_a_token(
    gitlab: GitLabDouble, refs: DiffRefs, tmp_path: Path, password: str
) -> None:
    clone = tmp_path / "clone"
    assert fetch(gitlab, clone, refs.base, password).returncode == 0
    shown = subprocess.run(["git", "show", f"{refs.base}:src/a.txt"], cwd=clone, capture_output=True, text=True)
    assert shown.stdout == "a\nb\n"
    paths = {request.path for request in gitlab.requests}
    assert paths == {"/group/app.git/info/refs", "/group/app.git/git-upload-pack"}
    assert subprocess.run(["git", "rev-list", "--all"], cwd=clone, capture_output=True).stdout == b""


def test_git_is_refused_without_a_good_token(gitlab: GitLabDouble, refs: DiffRefs, tmp_path: Path) -> None:
    gitlab.add_user("reader", token="reads", scopes={"read_api"})
    gitlab.add_user("stranger", token="strange", role="none")
    denied, unknown = "Authentication failed", "not found"
    for password, path, said in (
        ("wrong", "group/app", denied),
        ("reads", "group/app", denied),
        ("strange", "group/app", unknown),
        ("secret", "group/none", unknown),
    ):
        answer = fetch(gitlab, tmp_path / f"{password}-clone", refs.base, password, path)
        assert (answer.returncode, said in answer.stderr) == (128, True), answer.stderr


def test_git_knows_no_commit_that_is_not_there_and_takes_no_push(
    gitlab: GitLabDouble, checkout: Checkout, refs: DiffRefs, tmp_path: Path
) -> None:
    assert fetch(gitlab, tmp_path / "clone", "f" * 40, "secret").returncode == 128
    url = gitlab.url.replace("://", "://oauth2:secret@") + "/group/app.git"
    push = subprocess.run(["git", "push", url, "HEAD:other"], cwd=checkout.path, capture_output=True, text=True)
    assert "403" in push.stderr
