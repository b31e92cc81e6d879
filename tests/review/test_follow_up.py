"""The main path once more, in the light of what stands on the merge request already."""

from dataclasses import replace
from typing import Any

import pytest

from iquest_review.diff import patch
from iquest_review.errors import ModelUnreachableError
from iquest_review.excerpt.exclusions import Reason
from iquest_review.findings.finding import Severity
from iquest_review.findings.fingerprint import parse_marker
from iquest_review.findings.placed import PlacedFinding, Placement, demote
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Unplaced
from iquest_review.gitlab.existing import ExistingThreads, SummaryNote, Thread, ThreadReply
from iquest_review.note.memory import NoteMemory
from iquest_review.note.summary import SUMMARY_MARKER
from iquest_review.note.thread import compose_thread
from iquest_review.note.words import ENGLISH
from iquest_review.outcome import HeldBackReason, ReviewStatus, SettledFinding, SettledReason
from iquest_review.review.delivery import compute_exit_code
from iquest_review.review.work import ChangeToReview
from tests.support.prompts import ids
from tests.support.reasons import DOWN
from tests.support.reviews import (
    CLEAN,
    PATCH,
    REFS,
    SECOND,
    SETTINGS,
    Desk,
    FakeModel,
    answer,
    change,
    issue,
    reviewed,
)


def known(text: bytes, **changed: Any) -> NoteMemory:
    """What the note remembers, when all of this patch was reviewed."""
    hunks = tuple(identity for file in patch.parse_patch(text).files for identity in ids(file))
    fields: dict[str, Any] = {"settings": SETTINGS, "hunks": hunks, "model": "qwen", "summary": "As it was."}
    return NoteMemory(REFS.head_sha, REFS.head_sha, **{**fields, **changed})


def thread(finding: PlacedFinding, **changed: Any) -> Thread:
    """The thread of a finding, as GitLab tells it."""
    body = compose_thread(finding, ENGLISH)
    mark = parse_marker(body)
    assert mark is not None
    fields: dict[str, Any] = {"id": "d" * 40, "note": 1, "path": finding.path, "line": finding.line, "resolved": False}
    return Thread(**{**fields, "mark": mark, "body": body, "head": REFS.head_sha, **changed})


@pytest.fixture
def first() -> PlacedFinding:
    """The finding of the first push."""
    [finding] = reviewed(FakeModel([answer(issue())])).findings
    return finding


CHANGED = PATCH.replace(b"+two", b"+2")


def later(text: bytes, *threads: Thread, known: NoteMemory | None) -> ChangeToReview:
    """A push after the first, by which a.py is what CHANGED makes of it or, else, what PATCH does."""
    head = b"one\n2\nthree\n" if text == CHANGED else b"one\ntwo\nthree\n"
    existing = ExistingThreads(1, threads, (SummaryNote(9, "n", SUMMARY_MARKER),))
    return change(text, refs=REFS, existing=existing, known=known, text=lambda _: head)


def test_a_later_push_shows_only_what_is_new() -> None:
    model = FakeModel([CLEAN])

    outcome = reviewed(model, later(PATCH + SECOND, known=known(PATCH)))

    assert "five" in model.asked[0]
    assert "two" not in model.asked[0].replace("Add two", "")
    assert [(o.path, o.reason) for o in outcome.omissions] == [("a.py", Reason.SEEN)]
    assert outcome.status is ReviewStatus.REVIEWED
    assert outcome.reviewed is not None
    assert (outcome.reviewed.whole, outcome.reviewed.afresh) == (True, False)


@pytest.mark.parametrize("changes", [{"full": True}, {"settings": "0" * 8}])
def test_other_settings_and_a_full_review_show_everything_again(changes: dict[str, Any]) -> None:
    model = FakeModel([CLEAN])

    outcome = reviewed(model, later(PATCH + SECOND, known=known(PATCH)), **changes)

    assert "two" in model.asked[0].replace("Add two", "")
    assert outcome.reviewed is not None
    assert outcome.reviewed.afresh


def test_a_run_over_what_stands_already_asks_and_writes_nothing() -> None:
    model, desk = FakeModel([CLEAN]), Desk()

    outcome = reviewed(model, later(PATCH, known=known(PATCH)), desk)

    assert model.asked == []
    assert desk.events == [("kept", SUMMARY_MARKER)]
    assert (outcome.summary, outcome.model) == ("As it was.", "qwen")


def test_a_lost_answers_part_does_not_count_as_reviewed() -> None:
    outcome = reviewed(FakeModel([answer(issue(), {"line": "?"})]), max_requests=1)

    assert outcome.status is ReviewStatus.PARTIAL
    assert outcome.reviewed is not None
    assert (outcome.reviewed.hunks, outcome.reviewed.whole) == ((), False)


def test_a_finding_whose_lines_are_there_still_stands(first: PlacedFinding) -> None:
    outcome = reviewed(FakeModel([CLEAN]), later(PATCH + SECOND, thread(first), known=known(PATCH)))

    [stands] = outcome.still_open
    assert (stands.severity, stands.path, stands.line) == (Severity.MEDIUM, "a.py", 2)
    assert outcome.settled == ()
    assert compute_exit_code(outcome, Severity.MEDIUM) == 1


def test_a_finding_whose_lines_are_gone_is_settled(first: PlacedFinding) -> None:
    outcome = reviewed(FakeModel([CLEAN]), later(CHANGED, thread(first), known=known(PATCH)))

    assert (outcome.still_open, outcome.settled) == ((), (SettledFinding("d" * 40, SettledReason.GONE),))
    assert compute_exit_code(outcome, Severity.LOW) == 0


def test_a_finding_of_the_note_is_kept_until_its_lines_are_gone(first: PlacedFinding) -> None:
    told = replace(first, place=demote(first.place, PlacementReason.REFUSED))
    before = known(PATCH, findings=(told,))

    stays = reviewed(FakeModel([CLEAN]), later(PATCH + SECOND, known=before))
    goes = reviewed(FakeModel([CLEAN]), later(CHANGED, known=before))

    assert [finding.fingerprint for finding in stays.kept] == [first.fingerprint]
    assert compute_exit_code(stays, Severity.MEDIUM) == 1
    assert (goes.kept, goes.settled) == ((), (SettledFinding("", SettledReason.GONE),))


def test_a_finding_that_was_waived_is_not_raised_again(first: PlacedFinding) -> None:
    made = later(PATCH, thread(first), known=None)

    outcome = reviewed(FakeModel([answer(issue())]), made, has_waiver=lambda thread: thread.id == "d" * 40)

    assert (outcome.findings, outcome.still_open) == ((), ())
    [held_back] = outcome.held_back
    assert (held_back.title, held_back.line, held_back.why) == (first.title, 2, HeldBackReason.WAIVED)
    assert outcome.settled == (SettledFinding("d" * 40, SettledReason.WAIVED),)


def test_an_open_thread_that_is_waived_does_not_fail_the_job(first: PlacedFinding) -> None:
    asked = list[Thread]()
    made = later(PATCH + SECOND, thread(first), known=known(PATCH))

    def has_waiver(thread: Thread) -> bool:
        asked.append(thread)
        return True

    outcome = reviewed(FakeModel([CLEAN]), made, has_waiver=has_waiver, fail_on=Severity.LOW)

    assert compute_exit_code(outcome, Severity.LOW) == 0
    assert len(asked) == 1


def test_a_thread_a_person_resolved_stays_resolved(first: PlacedFinding) -> None:
    made = later(PATCH, thread(first, resolved=True), known=None)

    assert reviewed(FakeModel([answer(issue())]), made).findings == ()


BESIDE = PATCH.replace(b"@@ -1,2 +1,3 @@", b"@@ -1,2 +1,4 @@").replace(b" three\n", b"+2 again\n three\n")
YES = '{"remarks": [{"number": 1, "evidence": "+2 again", "fixed": true}]}'


def beside(*threads: Thread, **remembered: Any) -> ChangeToReview:
    """A push that adds a line below the finding's own."""
    made = later(BESIDE, *threads, known=known(PATCH, **remembered))
    return replace(made, text=lambda _: b"one\ntwo\n2 again\nthree\n")


def test_the_model_is_asked_about_a_finding_beside_which_something_is_new(first: PlacedFinding) -> None:
    model = FakeModel([CLEAN, YES])

    outcome = reviewed(model, beside(thread(first)))

    assert len(model.asked) == outcome.usage.requests == 2
    assert first.description in model.asked[1]
    assert (outcome.still_open, outcome.settled) == ((), (SettledFinding("d" * 40, SettledReason.FIXED),))


def test_a_finding_of_the_note_can_be_fixed_as_well(first: PlacedFinding) -> None:
    told = replace(first, place=demote(first.place, PlacementReason.REFUSED))

    outcome = reviewed(FakeModel([CLEAN, YES]), beside(findings=(told,)))

    assert (outcome.kept, outcome.settled) == ((), (SettledFinding("", SettledReason.FIXED),))


@pytest.mark.parametrize("unsure", [YES.replace("true", "false"), YES.replace("again", "elsewhere"), "yes", ""])
def test_an_unsure_verdict_keeps_the_finding_open(first: PlacedFinding, unsure: str) -> None:
    outcome = reviewed(FakeModel([CLEAN, unsure]), beside(thread(first)))

    [stands] = outcome.still_open
    assert (stands.severity, stands.path, stands.line) == (Severity.MEDIUM, "a.py", 2)
    assert outcome.settled == ()


def test_a_disputed_finding_is_left_to_people(first: PlacedFinding) -> None:
    model = FakeModel([CLEAN, YES])

    outcome = reviewed(model, beside(thread(first, replies=(ThreadReply(2, "No, it must be two."),))))

    assert len(model.asked) == 1
    assert outcome.settled == ()


def test_a_finding_raised_again_is_not_asked_about(first: PlacedFinding) -> None:
    model = FakeModel([answer(issue()), YES])

    outcome = reviewed(model, beside(thread(first)))

    assert len(model.asked) == 1
    assert ([finding.fingerprint for finding in outcome.findings], outcome.settled) == ([first.fingerprint], ())


def test_without_a_request_left_nothing_is_asked(first: PlacedFinding) -> None:
    model = FakeModel([CLEAN, YES])

    assert reviewed(model, beside(thread(first)), max_requests=1).settled == ()
    assert len(model.asked) == 1


def test_a_review_that_failed_settles_nothing(first: PlacedFinding) -> None:
    made = later(CHANGED, thread(first), known=known(PATCH))

    outcome = reviewed(FakeModel([ModelUnreachableError(DOWN)]), made)

    assert (outcome.status, outcome.settled) == (ReviewStatus.NOT_REVIEWED, ())


# --- what is not believed ---

BINARY = b"diff --git a/a.py b/a.py\nindex 1..2 100644\nBinary files a/a.py and b/a.py differ\n"


def test_an_unreadable_file_loses_no_findings(first: PlacedFinding) -> None:
    outcome = reviewed(FakeModel([CLEAN]), later(BINARY + SECOND, thread(first), known=known(PATCH)))

    assert outcome.settled == ()
    assert [stands.path for stands in outcome.still_open] == ["a.py"]


def test_a_file_shown_in_part_loses_no_findings(first: PlacedFinding) -> None:
    more = b"".join(b"+line %d\n" % number for number in range(30))
    padded = CHANGED.replace(b"@@ -1,2 +1,3 @@", b"@@ -1,2 +1,33 @@").rstrip(b"\n") + b"\n" + more
    outcome = reviewed(FakeModel([CLEAN]), later(padded + SECOND, thread(first), known=known(PATCH)), max_lines=10)

    assert SettledReason.GONE not in [entry.why for entry in outcome.settled]


def test_a_model_that_fails_leaves_what_stands_and_opens_no_gate(first: PlacedFinding) -> None:
    model = FakeModel([ModelUnreachableError(DOWN)])
    outcome = reviewed(model, later(PATCH + SECOND, thread(first), known=known(PATCH)))

    assert outcome.status is ReviewStatus.NOT_REVIEWED
    assert compute_exit_code(outcome, Severity.MEDIUM) == 1
    assert compute_exit_code(outcome, Severity.HIGH) == compute_exit_code(outcome, None) == 3


def test_a_thread_that_cannot_be_resolved_is_not_tried_again(first: PlacedFinding) -> None:
    left = known(CHANGED, left=("d" * 40,))
    outcome = reviewed(FakeModel([CLEAN]), later(CHANGED, thread(first), known=left))

    assert outcome.settled == (SettledFinding("d" * 40, SettledReason.LEFT),)
    assert outcome.severities == ()


def test_the_first_summary_and_suggestions_stay_beside_the_new_ones() -> None:
    was = known(PATCH, suggestions=("Name the unit of every price in the database.",))
    outcome = reviewed(FakeModel([CLEAN]), later(PATCH + SECOND, known=was))

    assert outcome.before == "As it was."
    assert "Name the unit of every price in the database." in outcome.suggestions


# --- the limit over the whole merge request ---


def over_limit(of: PlacedFinding) -> PlacedFinding:
    return replace(of, place=Unplaced(PlacementReason.OVER_LIMIT))


def test_a_free_place_goes_to_the_worst_finding_that_waits(first: PlacedFinding) -> None:
    before = known(PATCH, findings=(over_limit(first),))

    outcome = reviewed(FakeModel([CLEAN]), later(PATCH + SECOND, known=before))

    [promoted] = outcome.findings
    assert (promoted.placement, promoted.placement_reason, promoted.line) == (Placement.INLINE, None, first.line)
    assert promoted.fingerprint == first.fingerprint
    assert outcome.kept == ()


def test_a_finding_waits_while_all_places_are_taken(first: PlacedFinding) -> None:
    before = known(PATCH, findings=(over_limit(first),))

    outcome = reviewed(FakeModel([CLEAN]), later(PATCH + SECOND, known=before), max_findings=0)

    assert (outcome.findings, [finding.fingerprint for finding in outcome.kept]) == ((), [first.fingerprint])


def test_open_threads_of_earlier_runs_count_for_the_limit(first: PlacedFinding) -> None:
    made = later(PATCH + SECOND, thread(first), known=known(PATCH))
    other = issue(file="b.py", quote="five", line=2, description="Another remark about another file entirely.")

    outcome = reviewed(FakeModel([answer(other)]), made, max_findings=1)

    assert [finding.placement_reason for finding in outcome.findings] == [PlacementReason.OVER_LIMIT]


def test_a_waived_finding_of_the_note_is_held_back(first: PlacedFinding) -> None:
    before = known(PATCH, findings=(over_limit(first),))
    made = later(PATCH + SECOND, thread(first, resolved=True, resolved_by_us=True), known=before)

    outcome = reviewed(FakeModel([CLEAN]), made, has_waiver=lambda _: True)

    assert (outcome.findings, outcome.kept) == ((), ())
    assert [finding.why for finding in outcome.held_back] == [HeldBackReason.WAIVED]


# --- what never counts for the gate ---


def test_a_finding_outside_the_change_never_fails_the_job() -> None:
    outcome = reviewed(FakeModel([answer(issue(file="other.py", severity="high"))]))

    [finding] = outcome.findings
    assert (finding.severity, finding.line) == (Severity.HIGH, None)
    assert compute_exit_code(outcome, Severity.LOW) == 0
    assert (outcome.severities, outcome.unplaced) == ((), 1)
