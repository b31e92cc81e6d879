"""What users see when something is down, wrong or missing: one line, the right exit code, and nothing lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import command
from tests.support.gitlab.double import GitLabDouble
from tests.support.model.double import EMPTY_REVIEW, Fault, ModelDouble
from tests.support.pipeline import IID, JOB_TOKEN, PROJECT, Run, bodies, summaries, threads

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens


def last_line(err: str) -> str:
    return err.strip().splitlines()[-1]


def test_a_model_that_is_down_is_told_in_the_note(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    finished = run("review", environ={**job, "IQUEST_API_URL": f"{NOWHERE}/v1", "IQUEST_TIMEOUT": "0.5"})

    assert finished.code == 3
    assert finished.review["status"] == "not_reviewed"
    assert "Not reviewed, because 127.0.0.1:9 cannot be reached" in bodies(gitlab)[0].replace("\\", "")
    assert "No findings" not in bodies(gitlab)[0]


def test_a_gitlab_that_is_down_costs_no_question_to_the_model(
    run: Run, job: dict[str, str], model: ModelDouble
) -> None:
    run.before = command.briefly  # else fifteen seconds

    finished = run("review", environ={**job, "CI_API_V4_URL": f"{NOWHERE}/api/v4"})

    assert finished.code == 4
    assert "cannot be reached" in last_line(finished.err)
    assert model.requests == []


def test_a_review_that_cannot_be_posted_is_kept(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    gitlab.fail("POST", "/notes", status=403, body={"message": "403 Forbidden"})

    finished = run("review", environ=job)

    assert finished.code == 4
    assert len(finished.review["findings"]) == 1
    assert "An empty list divides by zero" in (finished.folder / "iquest-review/note.md").read_text()


@pytest.mark.parametrize("path", ["/discussions", "/user$"])
@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_a_review_is_kept_when_the_threads_cannot_be_read(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, path: str, arguments: list[str]
) -> None:
    run.before = command.briefly
    gitlab.fail("GET", path, status=500, times=99)

    finished = run("review", *arguments, environ=job)

    assert finished.code == 4
    assert "answered 500; the review is kept, and `iquest-review publish" in last_line(finished.err)
    assert len(finished.review["findings"]) == 1
    assert "An empty list divides by zero" in (finished.folder / "iquest-review/note.md").read_text()
    assert bodies(gitlab) == []


def test_a_preview_needs_the_threads(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    run.before = command.briefly
    gitlab.fail("GET", "/discussions", status=500, times=99)

    assert run("preview", environ=job).code == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1/group/app.git",
        "https://gitlab-ci-token:x@[/group/app.git",
        "http://]/group/app.git",
        "http://gitlab\u2100.example/group/app.git",
        "http://[no address]/group/app.git",
        "[",
        "git@gitlab.example.org:group/app.git",
    ],
)
def test_an_unreadable_repository_url_is_not_fetched_from(run: Run, job: dict[str, str], url: str) -> None:
    finished = run("review", environ={**job, "CI_REPOSITORY_URL": url})

    assert finished.code == 0, finished.err
    assert "internal error" not in finished.err


def test_a_token_with_too_small_a_scope_is_told_the_cure(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    gitlab.add_user("reader", token="glpat-reader", scopes=("read_api",))

    finished = run("review", environ={**job, "GITLAB_API_TOKEN": "glpat-reader"})

    assert finished.code == 4
    assert "needs `api`" in last_line(finished.err)


def test_a_wrong_token_is_found_before_the_model_is_asked(run: Run, job: dict[str, str], model: ModelDouble) -> None:
    finished = run("review", environ={**job, "GITLAB_API_TOKEN": "glpat-wrong"})

    assert finished.code == 4
    assert "GITLAB_API_TOKEN is wrong, expired or revoked" in last_line(finished.err)
    assert "scope api and role Reporter" in last_line(finished.err)
    assert model.requests == []


def test_no_token_is_a_setting_to_make(run: Run, job: dict[str, str], model: ModelDouble) -> None:
    finished = run("review", environ={**job, "GITLAB_API_TOKEN": ""})

    assert finished.code == 2
    assert "no GITLAB_API_TOKEN" in last_line(finished.err)
    assert model.requests == []


def test_the_job_token_can_only_read(run: Run, job: dict[str, str]) -> None:
    finished = run("review", environ={**job, "GITLAB_API_TOKEN": JOB_TOKEN})

    assert finished.code == 2
    assert "CI_JOB_TOKEN, which can only read" in last_line(finished.err)


def test_a_merge_request_that_is_not_there(run: Run, job: dict[str, str]) -> None:
    finished = run("review", environ={**job, "CI_MERGE_REQUEST_IID": "99"})

    assert finished.code == 4
    assert f"GitLab has no {PROJECT}!99" in last_line(finished.err)


def test_a_wrong_gitlab_url_is_named(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    finished = run("review", environ={**job, "CI_API_V4_URL": f"{gitlab.url}/sub/api/v4"})

    assert finished.code == 4


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"IQUEST_MODEL": "other"}, "it serves: IQuestLab/IQuest-Coder-V1-40B-Instruct"),
        ({"IQUEST_API_KEY": "sk-wrong"}, "check IQUEST_API_KEY"),
    ],
)
def test_a_model_that_refuses_says_why(run: Run, job: dict[str, str], variables: dict[str, str], words: str) -> None:
    with ModelDouble(api_key="sk-right") as model:
        key = {"IQUEST_API_KEY": "sk-right"}
        finished = run("review", environ={**job, "IQUEST_API_URL": model.url, **key, **variables})

    assert finished.code == 3
    assert words in finished.err
    assert words in finished.review["reason"]
    assert "sk-" not in finished.err


@pytest.mark.parametrize(
    ("variables", "arguments", "words"),
    [
        ({"IQUEST_MAX_LINES": "many"}, [], "IQUEST_MAX_LINES is 'many'; it must be a whole number from 1 to"),
        ({}, ["--fail-on", "hihg"], "--fail-on is 'hihg'; it must be one of: never, low, medium, high"),
        ({"IQUEST_API_URL": ""}, [], "no IQUEST_API_URL"),
        ({"IQUEST_API_URL": "file:///etc/passwd"}, [], "it should look like http://host:8000/v1"),
        ({"IQUEST_API_URL": "http://user:sk-secret@host/v1"}, [], "set the key in IQUEST_API_KEY"),
        ({"IQUEST_MERGE_REQUEST": "1/../2"}, [], "IQUEST_MERGE_REQUEST is '1/../2'; it must be a whole number"),
        ({"IQUEST_PROMPTS_DIR": "/nowhere"}, [], "no template system.j2 in /nowhere"),
        ({}, ["--diff", "x.diff", "--base", "main"], "--diff and --base name different changes"),
        ({}, ["--diff", "nowhere.diff"], "cannot read nowhere.diff: No such file or directory"),
        ({}, ["--repo", "."], "--repo needs --base"),
        ({"CI_MERGE_REQUEST_IID": ""}, [], "nothing to review: this is not a merge-request pipeline"),
    ],
)
def test_a_wrong_setting_is_one_line_that_says_what_is_right(
    run: Run, job: dict[str, str], variables: dict[str, str], arguments: list[str], words: str
) -> None:
    finished = run("review", *arguments, environ={**job, **variables})

    assert finished.code == 2
    assert words in last_line(finished.err)
    assert "sk-secret" not in finished.err


@pytest.mark.parametrize("command", ["review", "preview"])
def test_an_unknown_setting_is_a_warning_that_quiet_shows_too(run: Run, job: dict[str, str], command: str) -> None:
    unknown = {"IQUEST_FAILON": "sk-secret", "IQUEST_MODEL_SERVICE_HOST": "10.43.7.21", "IQUEST_LOOKS": "2"}

    finished = run(command, "-q", environ={**job, **unknown})

    assert finished.code == 0
    assert "unknown setting IQUEST_FAILON is ignored; did you mean IQUEST_FAIL_ON?" in finished.err
    assert "SERVICE_HOST" not in finished.err
    assert "sk-secret" not in finished.err
    if command == "review":
        assert "Unknown settings were ignored: `IQUEST_FAILON`, `IQUEST_LOOKS`" in finished.out
        assert finished.review["ignored_settings"] == ["IQUEST_FAILON", "IQUEST_LOOKS"]


@pytest.mark.parametrize("arguments", [["--failon", "high"], ["--looks=2"], ["--fail"]])
def test_an_unknown_option_stays_an_error(run: Run, job: dict[str, str], arguments: list[str]) -> None:
    assert run("review", *arguments, environ=job).code == 2


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (b"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n", "malformed diff, line 4"),
        (b"nothing that resembles a diff\n", "malformed diff, line 1"),
        ("diff --git".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_malformed_diff_is_named_by_its_line(run: Run, patch: bytes, words: str) -> None:
    finished = run("review", "--diff", "-", stdin=patch)

    assert finished.code == 2
    assert words in last_line(finished.err)


def test_an_output_folder_that_cannot_be_written(run: Run, job: dict[str, str]) -> None:
    Path(run.folder, "taken").write_text("a file")

    finished = run("review", "--output", "taken", environ=job)

    assert finished.code == 4
    assert "taken cannot be written" in last_line(finished.err)


def test_an_interrupted_run_says_so(tmp_path: Path, job: dict[str, str]) -> None:
    with ModelDouble(replies=[Fault(delay=20)]) as model:
        process = subprocess.Popen(
            [sys.executable, "-c", "from iquest_review.cli.main import main; main()", "review"],
            env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **job, "IQUEST_API_URL": model.url},
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while not model.completions and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert last_line(err.decode()).endswith("interrupted")


def test_no_command_is_usage(run: Run) -> None:
    finished = run()

    assert finished.code == 2
    assert "usage: iquest-review" in finished.err


def test_the_number_of_notes_stays_one_when_gitlab_answers_an_error_to_what_it_stored(
    run: Run, job: dict[str, str], gitlab: GitLabDouble
) -> None:
    run.before = command.briefly
    gitlab.fail("POST", rf"/merge_requests/{IID}/notes", status=500, after_store=True)

    assert run("review", environ=job).code == 0
    assert len(summaries(gitlab)) == 1


def test_the_number_of_threads_stays_one_when_gitlab_answers_an_error_to_what_it_stored(
    run: Run, job: dict[str, str], gitlab: GitLabDouble
) -> None:
    run.before = command.briefly
    gitlab.fail("POST", rf"/merge_requests/{IID}/discussions", status=500, after_store=True)

    assert run("review", environ=job).code == 0
    assert len(threads(gitlab)) == 1


def test_waiting_for_a_server_is_told(run: Run, job: dict[str, str]) -> None:
    with ModelDouble(replies=[Fault(status=503), EMPTY_REVIEW]) as model:
        finished = run("review", environ={**job, "IQUEST_API_URL": model.url})

    assert finished.code == 0
    assert "answered 503" in finished.err
    assert "; trying again in 1 s" in finished.err


def test_https_to_a_server_without_tls_is_told_as_such(run: Run, job: dict[str, str], model: ModelDouble) -> None:
    finished = run("review", environ={**job, "IQUEST_API_URL": model.url.replace("http:", "https:")})

    assert finished.code == 3
    assert "does not speak TLS: should IQUEST_API_URL begin with http://?" in finished.review["reason"]
