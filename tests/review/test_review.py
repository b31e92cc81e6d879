"""The main path with a model, a keeper, a publisher and a merge request of the test's own."""

import json

import pytest

from iquest_review.errors import ContextExceededError, GitLabError, ModelUnreachableError
from iquest_review.findings.finding import Severity
from iquest_review.findings.placed import Placement
from iquest_review.findings.position import Position
from iquest_review.outcome import ReviewStatus
from iquest_review.progress import Progress
from iquest_review.reports.review_file import OutputFolderError
from iquest_review.review.delivery import GateKeptError, compute_exit_code
from iquest_review.review.review import preview, review
from iquest_review.review.work import has_no_waiver
from tests.support.reasons import DOWN, TOO_LONG
from tests.support.reviews import (
    CLEAN,
    PATCH,
    SECOND,
    Desk,
    FakeModel,
    answer,
    big,
    change,
    issue,
    options,
    reviewed,
)

# --- keeping and publishing ---


def test_a_review_is_kept_before_and_after_it_is_published() -> None:
    desk = Desk()

    _, body = review(
        change(), FakeModel([CLEAN]), options(), has_no_waiver, desk.keep, desk.publish, Progress(verbosity=-1)
    )

    assert desk.did == ["kept", "published", "kept"]
    assert "## Review: No findings" in str(desk.events[0][1])
    assert desk.events[2][1] == body == "the note as posted"


def test_a_review_that_cannot_be_published_was_kept() -> None:
    desk = Desk(refusal=GitLabError("down"))

    with pytest.raises(GitLabError):
        reviewed(FakeModel([CLEAN]), desk=desk)

    assert desk.did == ["kept", "published"]


def test_a_review_that_cannot_be_kept_is_published() -> None:
    desk = Desk(full=OutputFolderError("the folder cannot be written"))

    with pytest.raises(OutputFolderError):
        reviewed(FakeModel([CLEAN]), desk=desk)

    assert desk.did == ["kept", "published"]


@pytest.mark.parametrize("desk", [Desk(full=OutputFolderError("disk full")), Desk(refusal=GitLabError("down"))])
def test_a_finding_that_fails_the_job_fails_it_whatever_else_goes_wrong(desk: Desk) -> None:
    with pytest.raises(GateKeptError, match=r"^(disk full|down)$") as raised:
        reviewed(FakeModel([answer(issue(severity="high"))]), desk=desk, fail_on=Severity.HIGH)

    assert raised.value.exit_code == 1


@pytest.mark.parametrize("desk", [Desk(full=OutputFolderError("disk full")), Desk(refusal=GitLabError("down"))])
def test_an_error_keeps_its_exit_code_when_no_finding_fails_the_job(desk: Desk) -> None:
    with pytest.raises((OutputFolderError, GitLabError)) as raised:
        reviewed(FakeModel([answer(issue(severity="low"))]), desk=desk, fail_on=Severity.HIGH)

    assert raised.value.exit_code == 4


def test_the_kept_note_is_not_replaced_when_a_newer_run_published() -> None:
    desk = Desk(posted=None)

    _, body = review(
        change(), FakeModel([CLEAN]), options(), has_no_waiver, desk.keep, desk.publish, Progress(verbosity=-1)
    )

    assert desk.did == ["kept", "published"]
    assert body == desk.events[0][1]


# --- what the model's answer comes to ---


def test_a_clean_answer_is_a_review_without_findings() -> None:
    outcome = reviewed(FakeModel([CLEAN]))

    assert (outcome.status, outcome.findings, outcome.reason) == (ReviewStatus.REVIEWED, (), None)
    assert compute_exit_code(outcome, Severity.LOW) == 0


def test_a_prompt_too_long_for_the_server_is_halved() -> None:
    model = FakeModel([ContextExceededError(TOO_LONG), CLEAN])

    outcome = reviewed(model, big(900), max_requests=1)

    assert len(model.asked[1]) < 0.7 * len(model.asked[0])
    assert outcome.status is ReviewStatus.PARTIAL
    assert sum(entry.shown_changed_lines for entry in outcome.coverage) < 900


def test_a_prompt_is_halved_twice_at_the_most() -> None:
    model = FakeModel([ContextExceededError(TOO_LONG)])

    outcome = reviewed(model, big(900), max_requests=1)

    assert len(model.asked) == 3
    assert outcome.status is ReviewStatus.NOT_REVIEWED
    assert compute_exit_code(outcome, None) == 3


def test_a_model_that_is_down_is_an_outcome_that_says_so() -> None:
    outcome = reviewed(FakeModel([ModelUnreachableError(DOWN)]))

    assert outcome.status is ReviewStatus.NOT_REVIEWED
    assert outcome.reason == "model:8000 cannot be reached: Connection refused"


@pytest.mark.parametrize("text", ["", "{}", '{"issues": []}', "<think>so", '{"issues": [{"line": 3}], "summary": "x"}'])
def test_an_unusable_answer_never_becomes_a_clean_review(text: str) -> None:
    outcome = reviewed(FakeModel([text]))

    assert outcome.status in (ReviewStatus.NOT_REVIEWED, ReviewStatus.RAW)
    assert compute_exit_code(outcome, None) == 3


def test_a_part_that_does_not_fit_makes_the_review_partial() -> None:
    outcome = reviewed(FakeModel([CLEAN]), big(900), max_lines=500, max_requests=1)

    shown = sum(entry.shown_changed_lines for entry in outcome.coverage)
    assert outcome.status is ReviewStatus.PARTIAL
    assert shown + sum(omission.changed_lines for omission in outcome.omissions) == 900


def test_only_files_left_out_are_nothing_to_review() -> None:
    model = FakeModel([CLEAN])

    outcome = reviewed(model, PATCH.replace(b"a.py", b"yarn.lock"))

    assert model.asked == []
    assert outcome.reason == "there is nothing to review"
    assert compute_exit_code(outcome, None) == 0


def test_a_seed_answer_without_files_is_used() -> None:
    seed = {
        "issues": [{"type": "bug", "line": 2, "description": "Two is wrong.", "severity": "high"}],
        "summary": "A fix.",
    }

    [finding] = reviewed(FakeModel([json.dumps(seed)])).findings

    assert (finding.path, finding.line, finding.severity) == ("a.py", 2, Severity.HIGH)


def test_a_finding_goes_on_its_line() -> None:
    [finding] = reviewed(FakeModel([answer(issue(line=77))])).findings

    assert (finding.line, finding.placement, finding.placement_reason) == (2, Placement.INLINE, None)
    assert isinstance(finding.place, Position)
    assert (finding.place.old_line, finding.place.new_line) == (None, 2)


def test_a_finding_about_an_unknown_file_is_shown_with_the_reason() -> None:
    [finding] = reviewed(FakeModel([answer(issue(file="z.py", quote=""))])).findings

    assert (finding.line, finding.placement) == (None, Placement.SUMMARY)
    assert finding.placement_reason == "this file is not part of the reviewed change"


def test_no_more_findings_than_allowed_go_on_lines() -> None:
    low, high = issue(severity="low"), issue(file="b.py", quote="five", severity="high", description="Five is four.")

    outcome = reviewed(FakeModel([answer(low, high)]), PATCH + SECOND, max_findings=1)

    assert [(f.path, f.placement) for f in outcome.findings] == [
        ("b.py", Placement.INLINE),
        ("a.py", Placement.SUMMARY),
    ]


def test_a_repeated_finding_is_raised_once() -> None:
    outcome = reviewed(FakeModel([answer(issue(), issue(type="convention"))]))

    assert len(outcome.findings) == outcome.merged == 1


def test_one_request_allows_no_second_try() -> None:
    model = FakeModel(["no json", CLEAN])

    assert reviewed(model, max_requests=1).status is ReviewStatus.RAW
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("name", "root", "shown"),
    [
        ("reviewer", "/models/IQuest-Coder-V1-7B-Instruct", "IQuest-Coder-V1-7B-Instruct"),
        ("IQuest-Coder-V1", "/srv/models/weights", "IQuest-Coder-V1"),
        ("qwen", "/srv/models/qwen", "qwen"),
    ],
)
def test_the_note_names_what_answered(name: str, root: str, shown: str) -> None:
    assert reviewed(FakeModel([CLEAN], name=name, root=root)).model == shown


def test_the_window_leaves_room_for_the_answer() -> None:
    model = FakeModel([CLEAN], window=8192)

    reviewed(model, big(1500))

    assert len(model.asked[0]) / 2.4 < 8192 - 2048


def test_preview_asks_nobody_and_shows_the_same_excerpt() -> None:
    model = FakeModel([CLEAN])
    review(change(), model, options(), has_no_waiver, Desk().keep, None, Progress(verbosity=-1))

    (prompt,), excerpt = preview(change(), options(), Progress(verbosity=-1))

    assert prompt.messages[1]["content"] == model.asked[0]
    assert excerpt.lines == 3


@pytest.mark.parametrize(
    ("threshold", "code"), [(None, 0), (Severity.HIGH, 0), (Severity.MEDIUM, 1), (Severity.LOW, 1)]
)
def test_the_exit_code_tells_the_worst_finding(threshold: Severity | None, code: int) -> None:
    assert compute_exit_code(reviewed(FakeModel([answer(issue())])), threshold) == code


def test_a_model_is_not_asked_about_nothing() -> None:
    model = FakeModel([CLEAN])

    wide = big(900).replace(b"+value_", b"+" + b"x" * 1_500 + b"_")

    outcome = reviewed(model, wide, max_lines=1, max_tokens=2_100)

    assert model.asked == []
    assert outcome.status is ReviewStatus.NOT_REVIEWED
    assert compute_exit_code(outcome, None) == 3


def test_an_unseen_part_is_listed_as_not_shown() -> None:
    outcome = reviewed(FakeModel([ModelUnreachableError(DOWN)]))

    assert [(entry.path, entry.changed_lines, entry.shown_changed_lines) for entry in outcome.coverage] == [
        ("a.py", 1, 0)
    ]


def test_what_a_model_says_of_a_secret_is_redacted_in_every_text() -> None:
    said = issue(description="The key s3cr3t leaks.", suggestion="two = 's3cr3t'")
    text = json.dumps({"issues": [said], "summary": "It has s3cr3t.", "suggestions": ["Drop s3cr3t."]})
    made = change(redact=lambda text: text.replace("s3cr3t", "[REDACTED:own-secret]"))

    one, raw = reviewed(FakeModel([text]), made), reviewed(FakeModel(["s3cr3t, and no JSON"]), made)

    assert "[REDACTED:own-secret]" in one.summary
    assert "s3cr3t" not in repr((one, raw))
