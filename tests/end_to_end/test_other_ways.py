"""By hand, from a laptop, from a fork, with a person in between, and without GitLab at all."""

import json
import subprocess
from pathlib import Path

import pytest

from iquest_review.note.summary import strip_hidden_lines
from tests.support.gitlab.double import GitLabDouble
from tests.support.model.double import ModelDouble
from tests.support.pipeline import (
    ANSWER,
    IID,
    PATH,
    PROJECT,
    TOKEN,
    Project,
    Run,
    bodies,
    commit,
    git,
    summaries,
    summary,
    threads,
)

EXAMPLES = Path(__file__).parents[2] / "examples/diffs"


@pytest.fixture
def manual(job: dict[str, str], project: Project) -> dict[str, str]:
    """A pipeline started by hand on the default branch: nothing of a merge request in its variables."""
    variables = {name: value for name, value in job.items() if not name.startswith("CI_MERGE_REQUEST_")}
    return {**variables, "CI_PIPELINE_SOURCE": "web", "CI_COMMIT_SHA": project.start}


def test_a_manual_pipeline_reviews_the_merge_request_it_is_given(
    run: Run, manual: dict[str, str], gitlab: GitLabDouble
) -> None:
    finished = run("review", environ={**manual, "IQUEST_MERGE_REQUEST": str(IID)})

    assert finished.code == 0, finished.err
    assert "changed lines from git" in finished.err
    assert (len(summaries(gitlab)), len(threads(gitlab))) == (1, 1)


def test_flags_beat_variables(run: Run, manual: dict[str, str], gitlab: GitLabDouble, project: Project) -> None:
    gitlab.add_merge_request(PROJECT, 8, diff_refs=project.refs)

    run("review", "--merge-request", "8", "--project", PATH, environ={**manual, "IQUEST_MERGE_REQUEST": str(IID)})

    assert (len(summaries(gitlab, 8)), len(threads(gitlab, 8))) == (1, 1)
    assert bodies(gitlab) == []


def test_a_laptop_outside_any_clone_takes_gitlabs_raw_diff(run: Run, gitlab: GitLabDouble, model: ModelDouble) -> None:
    environ = {"CI_API_V4_URL": gitlab.api_url, "GITLAB_API_TOKEN": TOKEN}
    arguments = ("--project", PATH, "--merge-request", str(IID), "--api-url", model.url)

    finished = run("review", *arguments, environ=environ)

    assert finished.code == 0, finished.err
    assert "GitLab's raw diff" in finished.err
    assert len(summaries(gitlab)) == 1
    assert [(thread.path, thread.line) for thread in threads(gitlab)] == [("app/total.py", 3)]


def test_rules_do_not_answer_for_a_model_on_a_merge_request_unless_named(run: Run, gitlab: GitLabDouble) -> None:
    environ = {"CI_API_V4_URL": gitlab.api_url, "GITLAB_API_TOKEN": TOKEN}

    finished = run("review", "--project", PATH, "--merge-request", str(IID), environ=environ)

    assert finished.code == 2
    assert "no IQUEST_API_URL" in finished.err


def test_a_fork_without_a_token_keeps_its_review_as_an_artifact(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project
) -> None:
    fork = {**job, "CI_PROJECT_ID": "70", "CI_PROJECT_PATH": "someone/app", "GITLAB_API_TOKEN": ""}

    finished = run("review", environ=fork)

    assert finished.code == 0, finished.err
    assert "kept as an artifact and not posted" in finished.err
    assert finished.review["diff_refs"]["head_sha"] == project.head
    assert len(finished.review["findings"]) == 1
    assert bodies(gitlab) == []


def test_a_fork_without_any_variables_is_told_who_can_run_it(run: Run, job: dict[str, str]) -> None:
    fork = {**job, "CI_PROJECT_ID": "70", "GITLAB_API_TOKEN": "", "IQUEST_API_URL": ""}

    finished = run("review", environ=fork)

    assert finished.code == 0
    assert finished.review["status"] == "not_reviewed"
    assert "a member of the project can run it there" in finished.err


def test_a_person_may_stand_between_the_model_and_the_merge_request(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, model: ModelDouble
) -> None:
    dry = run("review", "--dry-run", environ=job)
    asked = len(model.requests)

    finished = run("publish", "iquest-review/review.json", environ=job)

    assert (dry.code, finished.code) == (0, 0), finished.err
    assert len(model.requests) == asked, "publish asks no model"
    assert "An empty list divides by zero" in summary(gitlab)
    assert strip_hidden_lines(summary(gitlab)).strip() == finished.out.strip()
    assert "An empty list divides by zero" in dry.out


def test_publish_needs_no_clone_and_no_model(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    run("review", "--dry-run", environ=job)
    bare = {name: value for name, value in job.items() if name not in ("IQUEST_API_URL", "CI_PROJECT_DIR")}

    assert run("publish", environ=bare).code == 0
    assert run("publish", environ=bare).code == 0
    assert (len(summaries(gitlab)), len(threads(gitlab))) == (1, 1)


def test_publish_of_an_older_state_says_so(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project
) -> None:
    run("review", "--dry-run", environ=job)
    git(project.folder, "checkout", "--quiet", "feature")
    head = commit(project.folder, "More", {"app/more.py": "x = 1\n"})
    gitlab.push(PROJECT, IID, type(project.refs)(project.base, project.start, head))

    finished = run("publish", environ=job)

    assert f"the merge request is at {head[:12]}" in finished.err
    assert project.head[:12] in summary(gitlab)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("not json", "is not JSON"),
        ('{"schema_version": 2}', "has schema_version 2; this iquest-review reads version 1"),
        ('{"schema_version": 1, "status": "reviewed"}', "is not a review.json: "),
    ],
)
def test_publish_refuses_what_is_no_review(run: Run, job: dict[str, str], content: str | None, words: str) -> None:
    if content is not None:
        Path(run.folder, "review.json").write_text(content)

    finished = run("publish", "review.json", environ=job)

    assert finished.code == 2
    assert words in finished.err


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.diff")))
def test_every_example_diff_is_reviewed_by_the_stand_in(run: Run, example: str) -> None:
    finished = run("review", "--diff", str(EXAMPLES / example))

    assert finished.code == 0, finished.err
    assert "the built-in rules (stand-in) answer instead of a model" in finished.err
    assert "not by a model" in finished.out
    assert finished.review["findings"]
    assert all(finding["line"] for finding in finished.review["findings"])


def test_a_diff_comes_from_standard_input_too(run: Run) -> None:
    finished = run("review", "--diff", "-", stdin=(EXAMPLES / "python.diff").read_bytes())

    assert finished.review["findings"]


def test_an_empty_diff_is_nothing_to_review(run: Run) -> None:
    finished = run("review", "--diff", "-", stdin=b"")

    assert finished.code == 0
    assert "Nothing to review" in finished.out


def test_what_git_prints_in_its_many_ways_is_the_same_review(run: Run, project: Project, model: ModelDouble) -> None:
    ways = [
        ["diff", f"{project.base}", project.head],
        ["show", project.head],
        ["format-patch", "--stdout", f"{project.base}..{project.head}"],
        ["-c", "diff.noprefix=true", "diff", project.base, project.head],
        ["-c", "diff.mnemonicPrefix=true", "diff", project.base, project.head],
    ]
    for way in ways:
        patch = subprocess.run(["git", *way], cwd=project.folder, check=True, capture_output=True).stdout
        finished = run("review", "--diff", "-", "--api-url", model.url, stdin=patch)
        assert finished.code == 0, (way, finished.err)
        assert [finding["line"] for finding in finished.review["findings"]] == [3], way


def test_a_local_branch_is_reviewed_from_its_merge_base(run: Run, project: Project, model: ModelDouble) -> None:
    arguments = ("--repo", str(project.folder), "--base", "main", "--head", "feature", "--api-url", model.url)

    finished = run("review", *arguments)

    assert finished.code == 0, finished.err
    assert finished.review["diff_refs"]["base_sha"] == project.base
    assert [finding["line"] for finding in finished.review["findings"]] == [3]
    assert "news.md" not in model.completions[0].body["messages"][1]["content"]


def test_a_branch_that_is_not_there_is_named(run: Run, project: Project) -> None:
    finished = run("review", "--repo", str(project.folder), "--base", "mian", "--head", "feature")

    assert finished.code == 2
    assert "'mian' is not a commit" in finished.err


def test_preview_shows_and_asks_nobody(run: Run) -> None:
    finished = run("preview", "--diff", str(EXAMPLES / "mixed.diff"))

    assert finished.code == 0
    assert "=== file: " in finished.out
    assert "lock file" in finished.out


def test_preview_is_json_for_programs(run: Run) -> None:
    shown = json.loads(run("preview", "--json", "--diff", str(EXAMPLES / "mixed.diff")).out)

    assert list(shown) == ["requests", "coverage", "omissions", "hunks"]
    assert [message["role"] for message in shown["requests"][0]["messages"]] == ["system", "user"]
    assert {"path", "reason", "changed_lines"} == set(shown["omissions"][0])


def test_the_output_is_the_note_alone(run: Run) -> None:
    finished = run("review", "--diff", str(EXAMPLES / "go.diff"), "--quiet")

    assert finished.err == ""
    assert finished.out.startswith("## Review: ")


def test_the_review_speaks_chinese(run: Run) -> None:
    finished = run("review", "--diff", str(EXAMPLES / "python.diff"), "--language", "zh")

    assert "代码评审" in finished.out
    assert any("\u4e00" <= character <= "\u9fff" for character in finished.review["findings"][0]["description"])


def test_version_and_help_are_there(run: Run) -> None:
    assert run("--version").out.startswith("iquest-review ")
    for command in ("review", "preview", "publish", "stand-in"):
        help_text = run(command, "--help").out
        assert "example" in help_text


def test_completions_are_asked_where_the_url_says_so(run: Run) -> None:
    with ModelDouble(replies=[ANSWER]) as model:
        finished = run("review", "--diff", str(EXAMPLES / "go.diff"), "--api-url", f"{model.url}/completions")

    assert finished.code == 0, finished.err
    assert [request.path for request in model.completions] == ["/v1/completions"]
