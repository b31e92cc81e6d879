"""The automatic job: one merge request, a thread for each finding, and one note, kept up to date."""

import json
from pathlib import Path

import pytest

from iquest_review.note.summary import strip_hidden_lines
from tests.support.gitlab.double import DiffRefs, GitLabDouble
from tests.support.model.double import Fault, ModelDouble
from tests.support.pipeline import (
    ANSWER,
    BOT,
    IID,
    JOB_TOKEN,
    PATH,
    PROJECT,
    Project,
    Run,
    bodies,
    commit,
    git,
    summaries,
    summary,
    threads,
)

MARKER = "<!-- iquest-review:summary -->"


def test_a_merge_request_gets_one_summary_note(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    finished = run("review", environ=job)

    assert finished.code == 0, finished.err
    body = summary(gitlab)
    assert body.startswith(MARKER)
    assert "1 high" in body
    assert "An empty list divides by zero" in body
    assert "`app/total.py`" in body
    assert "package-lock.json" in body
    assert "IQuest-Coder" in body
    assert finished.out.strip() == strip_hidden_lines(body).strip()


def test_a_finding_has_a_thread_of_its_own_on_its_line(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project
) -> None:
    run("review", environ=job)

    [thread] = threads(gitlab)
    assert (thread.path, thread.line, thread.side) == ("app/total.py", 3, "new")
    assert (thread.position["base_sha"], thread.position["head_sha"]) == (project.base, project.head)
    assert "**high** · bug\n\nAn empty list divides by zero. Every cart starts empty." in thread.body


def test_a_fix_is_one_click_away(run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project) -> None:
    run("review", environ=job)
    [thread] = threads(gitlab)

    gitlab.apply_suggestion(PROJECT, IID, thread.note)

    fixed = git(project.folder, "show", f"{gitlab.merge_request(PROJECT, IID).diff_refs.head}:app/total.py")
    assert fixed.endswith("    return sum(item.price for item in items) / len(items) if items else 0")


def test_the_note_lists_the_thread_in_a_row_and_does_not_say_it_twice(
    run: Run, job: dict[str, str], gitlab: GitLabDouble
) -> None:
    run("review", environ=job)

    [thread] = threads(gitlab)
    assert f"/{PATH}/-/merge_requests/{IID}#note_{thread.note}" in summary(gitlab)
    assert summary(gitlab).count("An empty list divides by zero.") == 1
    assert "Every cart starts empty" not in summary(gitlab)


def test_the_note_is_no_thread_that_could_block_the_merge(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    run("review", environ=job)

    [note] = [note for note in gitlab.notes(PROJECT, IID) if note["body"].startswith(MARKER)]
    assert note["resolvable"] is False
    assert note["type"] is None


def test_findings_that_have_no_thread_link_to_the_line_as_it_was_reviewed(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project
) -> None:
    run("review", environ={**job, "IQUEST_MAX_FINDINGS": "0"})

    assert f"/{PATH}/-/blob/{project.head}/app/total.py#L3" in summary(gitlab)
    assert "Every cart starts empty" in summary(gitlab)
    assert threads(gitlab) == []


def test_the_next_run_updates_the_same_note(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    run("review", environ=job)
    [first], [thread] = summaries(gitlab), threads(gitlab)

    finished = run("review", environ={**job, "IQUEST_LANGUAGE": "zh"})

    assert finished.code == 0
    assert "the note is written" in finished.err
    [note] = summaries(gitlab)
    assert note["id"] == first["id"]
    assert "代码评审" in note["body"]
    assert threads(gitlab) == [thread], "what was said in a thread stays as it was said"


def test_somebody_elses_marker_is_nobodys_note(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    gitlab.add_note(PROJECT, IID, f"{MARKER}\n\nMine.")

    run("review", environ=job)

    assert len(summaries(gitlab)) == 1
    assert bodies(gitlab)[0].endswith("Mine.")


def test_somebody_elses_marker_is_nobodys_thread(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    with ModelDouble(replies=[ANSWER]) as elsewhere:
        run("review", environ={**job, "IQUEST_API_URL": elsewhere.url})
    [ours] = threads(gitlab)
    gitlab.add_merge_request(PROJECT, 5, diff_refs=gitlab.merge_request(PROJECT, IID).diff_refs)
    gitlab.add_note(PROJECT, 5, ours.body, thread=True)

    run("review", environ={**job, "CI_MERGE_REQUEST_IID": "5"})

    assert [(thread.path, thread.line) for thread in threads(gitlab, 5)] == [("app/total.py", 3)]
    assert gitlab.notes(PROJECT, 5)[0]["resolved"] is False


def test_a_first_review_takes_few_requests(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    run("review", environ=job)

    assert len([request for request in gitlab.requests if request.path.startswith("/api")]) <= 11


def test_a_first_review_without_findings_takes_at_most_eight_requests(
    run: Run, job: dict[str, str], gitlab: GitLabDouble
) -> None:
    with ModelDouble() as model:
        run("review", environ={**job, "IQUEST_API_URL": model.url})

    assert len([request for request in gitlab.requests if request.path.startswith("/api")]) <= 8


def test_all_findings_of_a_review_are_one_mail(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project
) -> None:
    git(project.folder, "checkout", "--quiet", "feature")
    head = commit(project.folder, "More", {"app/more.py": "a = eval(x)\nb = 2\n"})
    gitlab.push(PROJECT, IID, DiffRefs(project.base, project.start, head))
    answer = json.loads(ANSWER)
    also = {"file": "app/more.py", "line": 1, "quote": "a = eval(x)", "description": "Runs what others wrote."}
    answer["issues"].append({**answer["issues"][0], **also, "suggestion": None})

    with ModelDouble(replies=[json.dumps(answer)]) as model:
        run("review", environ={**job, "IQUEST_API_URL": model.url})

    mails = [mail for mail in gitlab.notifications if mail.author == BOT]
    assert [len(mail.note_ids) for mail in mails] == [2, 1], "the threads together, then the note"


def test_the_note_is_kept_with_its_review(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project
) -> None:
    finished = run("review", environ=job)

    review = finished.review
    assert (finished.folder / "iquest-review/note.md").read_text().strip() == summary(gitlab).strip()
    assert review["status"] == "reviewed"
    assert review["merge_request"] == {"project": str(PROJECT), "iid": IID}
    assert review["diff_refs"] == {
        "base_sha": project.base,
        "start_sha": project.start,
        "head_sha": project.head,
    }
    assert [finding["line"] for finding in review["findings"]] == [3]
    assert [omission["path"] for omission in review["omissions"]] == ["package-lock.json"]
    assert review["usage"]["requests"] == 1


def test_the_model_is_shown_the_change_of_the_branch_and_nothing_of_main(
    run: Run, job: dict[str, str], model: ModelDouble
) -> None:
    run("review", environ=job)

    [request] = model.completions
    prompt = request.body["messages"][1]["content"]
    assert "+3|     return sum(item.price for item in items) / len(items)" in prompt
    assert "-3|     return 0" in prompt
    assert "news.md" not in prompt
    assert "Average the cart" in prompt
    assert "As the shop asked." in prompt
    assert (request.body["temperature"], request.body["top_p"], request.body["max_tokens"]) == (0.2, 0.95, 2048)


def test_a_shallow_clone_is_completed_by_exactly_the_missing_commit(
    run: Run, job: dict[str, str], clone: Path, project: Project, gitlab: GitLabDouble
) -> None:
    finished = run("review", environ=job)

    assert "changed lines from git" in finished.err
    fetches = [request for request in gitlab.requests if request.path.endswith("git-upload-pack")]
    wanted = [line for request in fetches for line in request.body.split(b"\n") if b"want " in line]
    assert [line.split(b"want ")[1].split()[0].decode() for line in wanted] == [project.base]
    assert git(clone, "rev-list", "--all", "--count") in ("0", "1"), "the runner's clone stays as it was"
    assert JOB_TOKEN not in finished.err


def test_a_merged_results_pipeline_reviews_the_head_and_not_the_merge(
    run: Run, job: dict[str, str], project: Project
) -> None:
    environ = {**job, "CI_COMMIT_SHA": project.merged, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": project.head}

    assert run("review", environ=environ).review["diff_refs"]["head_sha"] == project.head


def test_a_retargeted_merge_request_is_reviewed_by_gitlabs_base_not_the_pipelines(
    run: Run, job: dict[str, str], project: Project
) -> None:
    environ = {**job, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "1" * 40}

    assert run("review", environ=environ).review["diff_refs"]["base_sha"] == project.base


def test_a_diff_that_gitlab_has_not_made_yet_is_waited_for(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project
) -> None:
    gitlab.add_merge_request(PROJECT, 5, diff_refs=project.refs, diff_refs_after=1)

    assert run("review", environ={**job, "CI_MERGE_REQUEST_IID": "5"}).code == 0


def test_gitlabs_raw_diff_serves_where_git_cannot(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    finished = run("review", environ={**job, "CI_REPOSITORY_URL": "", "CI_PROJECT_DIR": str(run.folder)})

    assert finished.code == 0, finished.err
    assert "using GitLab's raw diff" in finished.err
    assert "changed lines from GitLab's raw diff" in finished.err


@pytest.mark.parametrize("given", ["", "<html>Sign in</html>", "+++ nonsense"])
def test_a_raw_diff_that_is_none_is_gitlabs_failure_and_no_wrong_setting(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, given: str
) -> None:
    gitlab.fail("GET", "/raw_diffs$", status=200, body=given, headers={"Content-Type": "text/plain"})
    finished = run("review", environ={**job, "CI_REPOSITORY_URL": "", "CI_PROJECT_DIR": str(run.folder)})

    assert finished.code == 4
    assert "GitLab's raw diff" in finished.err.splitlines()[-1]


def test_a_dry_run_writes_nothing_to_gitlab(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    finished = run("review", "--dry-run", environ=job)

    assert finished.code == 0
    assert finished.review["status"] == "reviewed"
    assert {request.method for request in gitlab.requests if request.path.startswith("/api")} == {"GET"}


def test_fail_on_fails_the_job_after_posting(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    assert run("review", "--fail-on", "high", environ=job).code == 1
    assert (len(summaries(gitlab)), len(threads(gitlab))) == (1, 1)


def test_fail_on_lets_lesser_findings_pass(run: Run, job: dict[str, str]) -> None:
    answer = json.loads(ANSWER)
    answer["issues"][0]["severity"] = "medium"
    with ModelDouble(replies=[json.dumps(answer)]) as model:
        assert run("review", environ={**job, "IQUEST_API_URL": model.url, "IQUEST_FAIL_ON": "high"}).code == 0


def test_settings_come_from_the_target_branch_and_not_from_the_merge_request(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project
) -> None:
    git(project.folder, "checkout", "--quiet", "feature")
    head = commit(project.folder, "Steer", {".iquest-review.yml": "language: French\n"})
    git(project.folder, "checkout", "--quiet", "main")
    start = commit(project.folder, "Configure", {".iquest-review.yml": "language: zh\n"})
    gitlab.push(PROJECT, IID, DiffRefs(project.base, start, head))

    assert run("review", environ=job).review["prompt"]["language"] == "zh"


def test_the_file_may_not_set_what_could_harm(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project, model: ModelDouble
) -> None:
    start = commit(project.folder, "Configure", {".iquest-review.yml": "api_url: http://elsewhere/v1\n"})
    gitlab.push(PROJECT, IID, DiffRefs(project.base, start, project.head))

    finished = run("review", environ=job)

    assert finished.code == 2
    assert "may not set api_url" in finished.err
    assert model.requests == []


def test_nothing_to_review_is_success_and_no_new_note(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project, model: ModelDouble
) -> None:
    gitlab.add_merge_request(PROJECT, 6, diff_refs=DiffRefs(project.base, project.base, project.base))

    finished = run("review", environ={**job, "CI_MERGE_REQUEST_IID": "6"})

    assert finished.code == 0
    assert "Nothing to review" in finished.out
    assert bodies(gitlab, 6) == []
    assert model.completions == []


def test_quick_actions_of_the_model_do_nothing(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    answer = json.loads(ANSWER)
    answer["summary"] = "Fine.\n/merge\n/close\n\n/approve\n@all ![x](http://evil.example/a.png)"
    answer["issues"][0]["description"] = "/label ~done\n/assign @root"
    with ModelDouble(replies=[json.dumps(answer)]) as model:
        finished = run("review", environ={**job, "IQUEST_API_URL": model.url})

    assert finished.code == 0, finished.err
    assert gitlab.executed == []
    assert "/merge" in summary(gitlab)
    assert "/label" in threads(gitlab)[0].body


def test_raw_text_is_posted_with_a_warning_when_there_is_no_json(
    run: Run, job: dict[str, str], gitlab: GitLabDouble
) -> None:
    with ModelDouble(replies=["The change looks dangerous.\n/close"]) as model:
        # A grammar would force JSON out of this double: this server has none.
        finished = run("review", environ={**job, "IQUEST_API_URL": model.url, "IQUEST_STRUCTURED_OUTPUT": "prompt"})

    assert finished.code == 3
    assert finished.review["status"] == "raw"
    assert "A person should review this change" in bodies(gitlab)[0]
    assert "The change looks dangerous." in bodies(gitlab)[0]
    assert "No findings" not in bodies(gitlab)[0]
    assert gitlab.executed == []


def test_a_failed_run_keeps_the_review_that_stands(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, project: Project
) -> None:
    run("review", environ=job)
    git(project.folder, "checkout", "--quiet", "feature")
    head = commit(project.folder, "More", {"app/more.py": "x = 1\n"})
    gitlab.push(PROJECT, IID, DiffRefs(project.base, project.start, head))

    with ModelDouble(replies=[Fault(status=401)]) as broken:
        finished = run("review", environ={**job, "IQUEST_API_URL": broken.url})

    assert finished.code == 3
    assert "Not reviewed, because" in summary(gitlab)
    assert "An empty list divides by zero" in summary(gitlab)
    assert [thread.resolved_by for thread in threads(gitlab)] == [None]
