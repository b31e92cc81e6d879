"""A project on GitLab with one merge request, a clone of it as a runner has it, and a model: all over HTTP.

The two repositories are made once, which takes git twenty starts; each test has copies of its own.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.gitlab.double import GitLabDouble
from tests.support.gitlab.story import text
from tests.support.life import EVAL, ZERO, Inside, Life, life
from tests.support.model.double import ModelDouble
from tests.support.pipeline import ANSWER, BOT, IID, JOB_TOKEN, PATH, PROJECT, TOKEN, Project, Run, commit, git

__all__ = ["Run"]  # the rest of it is fixtures


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Where the first test makes what the others copy: git's settings are those of a test."""
    return Project(tmp_path_factory.mktemp("made") / "origin")


@pytest.fixture
def project(tmp_path: Path, made: Project) -> Project:
    if not made.merged:
        _make(made)
    folder = tmp_path / "origin"
    shutil.copytree(made.folder, folder, symlinks=True)
    return replace(made, folder=folder, files={})


def _make(made: Project) -> None:
    folder = made.folder
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "Begin", {"README.md": "An app.\n"})
    made.base = commit(folder, "Count", {"app/total.py": "def total(items):\n    # of all prices\n    return 0\n"})
    git(folder, "checkout", "--quiet", "-b", "feature")
    text = "def total(items):\n    # of all prices\n    return sum(item.price for item in items) / len(items)\n"
    made.head = commit(folder, "Average", {"app/total.py": text, "package-lock.json": '{"lockfileVersion": 3}\n'})
    git(folder, "checkout", "--quiet", "main")
    made.start = commit(folder, "Go on", {"docs/news.md": "Something else.\n"})
    git(folder, "checkout", "--quiet", "--detach", "main")
    git(folder, "merge", "--quiet", "--no-edit", "feature")
    merged = git(folder, "rev-parse", "HEAD")
    git(folder, "update-ref", "refs/pipelines/99", made.head)
    git(folder, "checkout", "--quiet", "main")
    _check_out(folder, folder.parent / "builds")
    made.merged = merged


def _check_out(origin: Path, folder: Path) -> None:
    """What a runner checks out of a merge request's pipeline: one commit, detached, no branch."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "fetch", "--quiet", "--depth=1", origin.as_uri(), "refs/pipelines/99")
    git(folder, "checkout", "--quiet", "--detach", "FETCH_HEAD")


@pytest.fixture
def gitlab(project: Project) -> Iterator[GitLabDouble]:
    with GitLabDouble() as double:
        double.add_user(BOT, token=TOKEN, job_token=JOB_TOKEN)
        double.add_project(PROJECT, PATH, project.folder)
        double.add_merge_request(
            PROJECT, IID, title="Average the cart", description="As the shop asked.", diff_refs=project.refs
        )
        yield double


@pytest.fixture
def model() -> Iterator[ModelDouble]:
    with ModelDouble(replies=[ANSWER]) as double:
        yield double


@pytest.fixture
def clone(tmp_path: Path, project: Project, made: Project) -> Path:
    """What a runner checks out of the merge request's pipeline."""
    return Path(shutil.copytree(made.folder.parent / "builds", tmp_path / "builds", symlinks=True))


@pytest.fixture
def job(gitlab: GitLabDouble, model: ModelDouble, clone: Path, project: Project) -> dict[str, str]:
    """The variables of a merge-request pipeline's job."""
    return {
        "CI": "true",
        "CI_API_V4_URL": gitlab.api_url,
        "CI_PROJECT_ID": str(PROJECT),
        "CI_PROJECT_PATH": PATH,
        "CI_PROJECT_DIR": str(clone),
        "CI_REPOSITORY_URL": gitlab.url.replace("//", f"//gitlab-ci-token:{JOB_TOKEN}@") + f"/{PATH}.git",
        "CI_JOB_TOKEN": JOB_TOKEN,
        "CI_JOB_URL": f"{gitlab.url}/{PATH}/-/jobs/1",
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_COMMIT_SHA": project.head,
        "CI_MERGE_REQUEST_IID": str(IID),
        "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(PROJECT),
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": project.base,
        "GITLAB_API_TOKEN": TOKEN,
        "IQUEST_API_URL": model.url,
        "IQUEST_TIMEOUT": "5",
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "work")


@pytest.fixture
def pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Life]:
    """A merge request that is not reviewed yet; of its one hunk, and of the next push, a row is wrong."""
    with life(tmp_path / "origin", Inside(tmp_path / "work", monkeypatch, capsys)) as made:
        made.reader.wrong("a / 0", ZERO, severity="high")
        made.reader.wrong("eval(text)", EVAL)
        made.opens({"a.txt": text(count=40), "b.txt": text(count=40)}, {"a.txt": text("10=a / 0", count=40)})
        yield made
