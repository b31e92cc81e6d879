"""After the first review: what a later run shows the model, what it leaves alone, and what counts as reviewed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iquest_review.note.summary import strip_hidden_lines
from tests.support.gitlab.story import text
from tests.support.life import EVAL, PUSHED, ZERO, Life
from tests.support.model.double import Fault, Reply
from tests.support.pipeline import BOT, TOKEN, Run, bodies, summaries

# -- what is shown


def test_only_new_hunks_are_shown(pushed: Life) -> None:
    pushed.review()
    pushed.pushes(PUSHED)
    pushed.pushes({"a.txt": text("10=a / 0", "35=new here", count=40)})

    pushed.review()

    assert "+30| eval(text)" in pushed.prompt
    assert "+35| new here" in pushed.prompt
    assert "a / 0" not in pushed.prompt


def test_the_prompt_says_what_was_reviewed_before(pushed: Life) -> None:
    pushed.review()
    assert "reviewed at an earlier push" not in pushed.prompt
    pushed.pushes(PUSHED)

    pushed.review()

    assert "a.txt: reviewed at an earlier push, 2 changed lines" in pushed.prompt


def test_the_note_says_what_was_reviewed_before_and_what_stands(pushed: Life) -> None:
    pushed.review()
    pushed.pushes(PUSHED)

    pushed.review()

    assert "Review: 🔴 1 high · 🟠 1 medium" in pushed.note
    assert "This run: 2 changed lines were already reviewed" in pushed.note
    assert ZERO in pushed.note
    assert f"head `{pushed.refs.head[:12]}`" in pushed.note


def test_a_push_that_changes_nothing_new_asks_no_model_and_moves_the_note_to_its_head(pushed: Life) -> None:
    pushed.review()
    head = pushed.checkout.commit({})
    pushed.moves(pushed.refs.base, head)

    finished = pushed.review()

    assert len(pushed.reader.prompts) == 1
    assert "nothing has changed since the last review" in finished.err
    assert f"head `{head[:12]}`" in pushed.note
    assert ZERO in pushed.note


def test_the_same_again_writes_nothing(pushed: Life) -> None:
    pushed.review()
    before = bodies(pushed.gitlab)

    finished = pushed.review()

    assert pushed.written == []
    assert bodies(pushed.gitlab) == before
    assert finished.out.strip() == strip_hidden_lines(pushed.note).strip()
    assert len(pushed.reader.prompts) == 1


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({}, {"IQUEST_LANGUAGE": "zh"}),
        ({}, {"IQUEST_MODEL": "IQuestLab/IQuest-Coder-V1-40B-Instruct"}),
        ({"MODEL_NAME": "IQuestLab/IQuest-Coder-V1-40B-Instruct"}, {}),
    ],
)
def test_another_language_or_model_reviews_all_again(pushed: Life, first: dict[str, str], then: dict[str, str]) -> None:
    pushed.review(environ=first)

    pushed.review(environ=then)

    assert len(pushed.reader.prompts) == 2
    assert "+10| a / 0" in pushed.prompt
    assert len(pushed.threads) == 1, "what was said is not said twice"


def test_other_prompts_review_all_again(pushed: Life, tmp_path: Path) -> None:
    own = tmp_path / "prompts"
    own.mkdir()
    for name in ("system.j2", "user.j2", "again.j2", "fixed.j2"):
        shipped = Path(__file__).parents[2] / "prompts/en" / name
        (own / name).write_text(shipped.read_text("utf-8") + "\nBe strict.", "utf-8")
    pushed.review()

    pushed.review(IQUEST_PROMPTS_DIR=str(own))

    assert "+10| a / 0" in pushed.prompt
    assert pushed.prompt.endswith("Be strict.")
    assert len(pushed.threads) == 1


def test_a_larger_budget_is_no_reason_to_review_again(pushed: Life) -> None:
    pushed.review()

    pushed.review(IQUEST_MAX_LINES="5000", IQUEST_FAIL_ON="high", code=1)

    assert len(pushed.reader.prompts) == 1


def test_full_reviews_all_again_without_duplicates(pushed: Life) -> None:
    pushed.review()
    pushed.pushes(PUSHED)

    pushed.review("--full")

    assert "+10| a / 0" in pushed.prompt
    assert "+30| eval(text)" in pushed.prompt
    assert "reviewed at an earlier push" not in pushed.prompt
    assert [(thread.path, thread.line) for thread in pushed.threads] == [("a.txt", 10), ("b.txt", 30)]
    assert len(summaries(pushed.gitlab)) == 1


def test_a_push_that_takes_the_last_one_back_settles_what_only_that_one_had(pushed: Life) -> None:
    pushed.review()
    first = pushed.refs.head
    pushed.pushes(PUSHED)
    pushed.review()
    pushed.moves(pushed.refs.base, first)

    pushed.review()

    assert len(pushed.reader.prompts) == 2
    assert [(thread.path, thread.resolved_by) for thread in pushed.threads] == [("a.txt", None), ("b.txt", BOT)]
    assert EVAL not in pushed.note


# -- what counts as reviewed


BROKEN_OFF = '{"issues": [], "summary": "It beg'


@pytest.mark.parametrize(
    ("instead", "variables"),
    [
        (Fault(status=401), {}),
        ("No JSON at all.", {"IQUEST_STRUCTURED_OUTPUT": "prompt", "IQUEST_MAX_REQUESTS": "1"}),
        (Reply(BROKEN_OFF, finish_reason="length"), {"IQUEST_MAX_REQUESTS": "1"}),
    ],
    ids=["refused", "raw", "broken off"],
)
def test_a_run_that_failed_leaves_its_lines_to_the_next(
    pushed: Life, instead: Fault | str | Reply, variables: dict[str, str]
) -> None:
    pushed.review()
    pushed.pushes(PUSHED)
    pushed.reader.instead = instead
    pushed.review(code=3, environ=variables)
    assert "eval(text)" in pushed.prompt
    assert [thread.path for thread in pushed.threads] == ["a.txt"]

    pushed.review()

    assert "+30| eval(text)" in pushed.prompt
    assert "a / 0" not in pushed.prompt, "what was reviewed before the failure stays reviewed"
    assert [(thread.path, thread.line) for thread in pushed.threads] == [("a.txt", 10), ("b.txt", 30)]
    assert "Not reviewed" not in pushed.note


def test_a_review_that_broke_off_says_what_it_has_and_is_done_again(pushed: Life) -> None:
    found = {"file": "a.txt", "line": 10, "quote": "a / 0", "type": "bug", "severity": "high", "description": ZERO}
    pushed.pushes(PUSHED)
    whole = json.dumps({"issues": [found, found], "summary": "", "suggestions": []})
    pushed.reader.instead = Reply(whole[: whole.rindex("description")], finish_reason="length")
    pushed.review(IQUEST_MAX_REQUESTS="1")
    assert [thread.path for thread in pushed.threads] == ["a.txt"]
    assert "Partly reviewed: the model's answer is incomplete" in pushed.note

    pushed.review()

    assert "+10| a / 0" in pushed.prompt
    assert "+30| eval(text)" in pushed.prompt
    assert [(thread.path, thread.line) for thread in pushed.threads] == [("a.txt", 10), ("b.txt", 30)]
    assert "Partly reviewed" not in pushed.note


def test_a_first_run_that_failed_is_made_up_for(pushed: Life) -> None:
    pushed.reader.instead = Fault(status=401)
    pushed.review(code=3)

    pushed.review()

    assert "+10| a / 0" in pushed.prompt
    assert "Not reviewed" not in pushed.note
    assert len(pushed.threads) == 1


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/discussions"), ("PUT", r"/notes/\d+$")], ids=["thread", "note"]
)
def test_a_review_that_gitlab_did_not_take_is_done_again(pushed: Life, method: str, path: str) -> None:
    pushed.review()
    pushed.pushes(PUSHED)
    pushed.gitlab.fail(method, path, status=403, body={"message": "403 Forbidden"})
    pushed.review(code=4)

    pushed.review()

    assert "+30| eval(text)" in pushed.prompt
    assert [(thread.path, thread.line) for thread in pushed.threads] == [("a.txt", 10), ("b.txt", 30)]
    assert f"head `{pushed.refs.head[:12]}`" in pushed.note


@pytest.mark.parametrize("at", ["/draft_notes$", "/draft_notes/bulk_publish$", "/notes$"])
def test_a_job_that_is_killed_while_it_writes_leaves_no_duplicates_to_the_next(pushed: Life, at: str) -> None:
    """GitLab stores what the job sent last, and nobody hears of it."""
    pushed.pushes(PUSHED)
    command = [sys.executable, "-c", "from iquest_review.cli.main import main; main()", "review"]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **pushed.job}
    job = subprocess.Popen(command, cwd=pushed.run.folder, env=environment, stderr=subprocess.DEVNULL)

    def cancelled() -> None:
        job.kill()
        job.wait()

    pushed.gitlab.before("POST", at, cancelled)
    assert job.wait(timeout=20) < 0
    while pushed.gitlab.server.connections:
        time.sleep(0.01)

    pushed.review()

    assert [(thread.path, thread.line) for thread in pushed.threads] == [("a.txt", 10), ("b.txt", 30)]
    assert len(summaries(pushed.gitlab)) == 1


def test_lines_that_did_not_fit_come_with_the_next_run(pushed: Life) -> None:
    pushed.pushes({"b.txt": text("30=eval(text)", "31=2", "32=3", count=40)})

    pushed.review(IQUEST_MAX_LINES="9", IQUEST_MAX_REQUESTS="1")
    assert ("a / 0" in pushed.prompt) != ("eval(text)" in pushed.prompt), "one of them fits"
    assert "over the line budget" in pushed.note
    pushed.review(IQUEST_MAX_LINES="9", IQUEST_MAX_REQUESTS="1")

    assert len(pushed.reader.prompts) == 2
    assert ("a / 0" in pushed.reader.prompts[0]) != ("a / 0" in pushed.reader.prompts[1])
    assert [thread.path for thread in sorted(pushed.threads, key=lambda thread: thread.path)] == ["a.txt", "b.txt"]
    assert "over the line budget" not in pushed.note
    pushed.review(IQUEST_MAX_LINES="9", IQUEST_MAX_REQUESTS="1")
    assert len(pushed.reader.prompts) == 2, "nothing is left"


def test_a_failure_is_told_above_the_review_that_stands_and_forgets_nothing(pushed: Life) -> None:
    pushed.review()
    pushed.pushes(PUSHED)
    for _ in range(2):
        pushed.reader.instead = Fault(status=401)
        pushed.review(code=3)
        assert pushed.note.count("Not reviewed, because") == 1
        assert pushed.note.count(ZERO) == 1
        assert pushed.note.index("Not reviewed, because") < pushed.note.index(ZERO)

    pushed.review()

    assert "a.txt: reviewed at an earlier push" in pushed.prompt
    assert "Not reviewed" not in pushed.note


# -- where findings go


def test_no_more_findings_than_wanted_go_on_lines_the_worst_first(pushed: Life) -> None:
    pushed.pushes(PUSHED)

    pushed.review(IQUEST_MAX_FINDINGS="1")

    assert [thread.path for thread in pushed.threads] == ["a.txt"]
    assert EVAL in pushed.note
    assert "IQUEST_MAX_FINDINGS" in pushed.note


def test_findings_of_the_note_stay_there_until_their_lines_are_gone(pushed: Life) -> None:
    pushed.pushes(PUSHED)
    pushed.review(IQUEST_MAX_FINDINGS="0")
    pushed.pushes({"b.txt": text("0+above", "30=eval(text)", count=40)})

    pushed.review(IQUEST_MAX_FINDINGS="0")
    assert f"blob/{pushed.refs.head}/b.txt#L31" in pushed.note
    pushed.pushes({"b.txt": text("0+above", count=40)})
    pushed.review(IQUEST_MAX_FINDINGS="0")

    assert EVAL not in pushed.note
    assert ZERO in pushed.note
    assert "1 finding resolved because its lines are gone" in pushed.note
    assert pushed.threads == []


def test_a_dry_run_tells_what_a_later_push_comes_to_and_writes_nothing(pushed: Life) -> None:
    pushed.review()
    before = bodies(pushed.gitlab)
    pushed.pushes({"a.txt": text(count=40), **PUSHED})

    finished = pushed.review("--dry-run")

    assert pushed.written == []
    assert bodies(pushed.gitlab) == before
    assert EVAL in finished.out
    assert "1 finding resolved because its lines are gone" in finished.out
    assert "dry run: nothing is posted" in finished.err
    assert [thread.resolved_by for thread in pushed.threads] == [None]


def test_publish_posts_what_review_would_have_with_its_positions_and_asks_nobody(pushed: Life) -> None:
    pushed.pushes(PUSHED)
    pushed.review("--dry-run")
    asked = len(pushed.model.requests)
    bare = {"CI_API_V4_URL": pushed.gitlab.api_url, "GITLAB_API_TOKEN": TOKEN}

    finished = pushed.run("publish", environ=bare)

    assert finished.code == 0, finished.err
    assert len(pushed.model.requests) == asked
    assert [(thread.path, thread.line, thread.side) for thread in pushed.threads] == [
        ("a.txt", 10, "new"),
        ("b.txt", 30, "new"),
    ]
    assert {thread.position["head_sha"] for thread in pushed.threads} == {pushed.refs.head}
    assert finished.out.strip() == strip_hidden_lines(pushed.note).strip()


def test_what_publish_posted_counts_as_reviewed(pushed: Life) -> None:
    pushed.review("--dry-run")
    assert pushed.run("publish", environ=pushed.job).code == 0
    pushed.pushes(PUSHED)

    pushed.review()

    assert "+30| eval(text)" in pushed.prompt
    assert "a / 0" not in pushed.prompt


def test_publish_again_writes_nothing(pushed: Life) -> None:
    pushed.review("--dry-run")
    pushed.run("publish", environ=pushed.job)
    here = pushed.gitlab.mark()

    assert pushed.run("publish", environ=pushed.job).code == 0

    assert [request.method for request in pushed.gitlab.requests_since(here) if request.method != "GET"] == []


def test_publish_of_a_later_review_resolves_what_it_found_gone(pushed: Life) -> None:
    pushed.review()
    pushed.pushes({"a.txt": text(count=40), **PUSHED})
    pushed.review("--dry-run")

    assert pushed.run("publish", environ=pushed.job).code == 0

    assert [(thread.path, thread.resolved_by) for thread in pushed.threads] == [("a.txt", BOT), ("b.txt", None)]


# -- which language, and who else is at it


def test_it_all_works_in_chinese(pushed: Life) -> None:
    pushed.reader.finds.clear()
    pushed.reader.wrong("a / 0", "空列表会导致除以零。购物车一开始总是空的。", severity="high")
    pushed.reader.wrong("eval(text)", "会执行他人写的代码。")
    pushed.review(IQUEST_LANGUAGE="zh")
    assert "**高**" in pushed.thread("空列表会导致除以零").body
    pushed.says("不会发生", below="空列表会导致除以零")
    pushed.pushes({"a.txt": text("10=a / 0", "12=beside it", count=40), **PUSHED})

    pushed.review(IQUEST_LANGUAGE="zh")

    assert [(thread.path, thread.line) for thread in pushed.threads] == [("a.txt", 10), ("b.txt", 30)]
    assert "空列表会导致除以零。" in pushed.note
    pushed.says("忽略：由调用方保证", below="空列表会导致除以零")
    pushed.pushes({"a.txt": text("10=a / 0", "12=beside it, again", count=40)})
    pushed.review(IQUEST_LANGUAGE="zh", IQUEST_FAIL_ON="high")
    assert len(pushed.threads) == 2


@pytest.mark.parametrize("at", ["/draft_notes$", "/draft_notes/bulk_publish$", "/notes$"])
def test_two_runs_at_once_leave_each_finding_once(pushed: Life, tmp_path: Path, at: str) -> None:
    """The second one comes and goes where the first one is about to write."""
    pushed.pushes(PUSHED)
    other, codes = Run(tmp_path / "other"), list[int]()
    pushed.gitlab.before("POST", at, lambda: codes.append(other("review", environ=pushed.job).code))

    pushed.review()

    assert codes == [0]
    assert sorted((thread.path, thread.line) for thread in pushed.threads) == [("a.txt", 10), ("b.txt", 30)]
    pushed.review()  # of two first notes that crossed, one goes
    assert len(summaries(pushed.gitlab)) == 1
    pushed.review()
    assert pushed.written == []


def test_a_push_while_the_threads_are_written_moves_them_along(pushed: Life) -> None:
    pushed.pushes(PUSHED)
    shifted = {"a.txt": text("0+above", "10=a / 0", count=40)}
    pushed.gitlab.before("POST", "/bulk_publish$", lambda: pushed.pushes(shifted))
    pushed.review()

    pushed.review()

    assert [(thread.path, thread.line) for thread in pushed.threads] == [("a.txt", 11), ("b.txt", 30)]
    assert "+1| above" in pushed.prompt
    assert "+11| a / 0" not in pushed.prompt
    assert f"head `{pushed.refs.head[:12]}`" in pushed.note


def test_a_run_of_an_older_push_that_ends_last_keeps_still(pushed: Life, tmp_path: Path) -> None:
    """Pipelines of two pushes overtake each other: the slower one must not speak for an older head."""
    pushed.review()
    pushed.pushes(PUSHED)
    other, newer = Run(tmp_path / "other"), list[str]()

    def overtaken(body: object) -> str:
        pushed.pushes({"a.txt": text("10=a / 0", "35=eval(text)", count=40)})
        assert other("review", environ=pushed.job).code == 0
        newer.append(pushed.note)
        return json.dumps({"issues": [], "summary": "Of yesterday.", "suggestions": []})

    pushed.reader.instead = overtaken

    finished = pushed.review()

    assert newer == [pushed.note]
    assert "a newer run has reviewed" in finished.err
    assert [(thread.path, thread.line) for thread in pushed.threads] == [("a.txt", 10), ("a.txt", 35), ("b.txt", 30)]
