"""What is done on a merge request, given what is there."""

from dataclasses import replace
from typing import Any

import pytest

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.findings.position import Position
from iquest_review.gitlab.existing import ExistingThreads, SummaryNote, Thread, ThreadReply
from iquest_review.note import summary
from iquest_review.note.summary import SUMMARY_MARKER
from iquest_review.note.thread import build_mark, has_lost_lines
from iquest_review.outcome import SettledFinding, SettledReason
from iquest_review.publish import plan
from iquest_review.publish.plan import (
    Create,
    Delete,
    Leave,
    Reopen,
    Resolve,
    Write,
    find_duplicate_threads,
    match_thread,
    plan_actions,
)
from tests.support import outcomes
from tests.support.outcomes import AROUND, failed, full

BODY = f"{SUMMARY_MARKER}\n\n## Review\n"
OLDER_NOTE = SummaryNote(50, "a" * 40, f"{SUMMARY_MARKER}\n\n## An older review")
OTHER = "The connection to the shop is opened a second time and stays open."


def finding(**changed: Any) -> PlacedFinding:
    """A finding on line 3 of app/total.py, to be posted there."""
    place = Position("app/total.py", "app/total.py", None, 3)
    return outcomes.finding(
        **{"placement": Placement.INLINE, "position": place, "anchor": "a" * 16, "anchored": 1, **changed}
    )


def thread(of: PlacedFinding | None = None, **changed: Any) -> Thread:
    """The thread of a finding, where it was posted."""
    said = of or finding()
    fields: dict[str, Any] = {
        "id": "d" * 40,
        "note": 60,
        "mark": build_mark(said),
        "body": said.description,
        "path": said.path,
        "line": said.end_line or said.line,
        "head": "h",
        "resolved": False,
    }
    return Thread(**{**fields, **changed})


def planned(findings: list[PlacedFinding], *threads: Thread, **rest: Any) -> list[plan.Action]:
    settled = rest.pop("settled", ())
    return list(plan_actions(findings, settled, ExistingThreads(1, threads), **rest))


def gone(one: Thread) -> SettledFinding:
    return SettledFinding(one.id, SettledReason.GONE)


# --- threads ---


def test_a_finding_without_a_thread_gets_one() -> None:
    assert planned([finding()]) == [Create(finding())]


def test_a_finding_of_the_note_gets_no_thread() -> None:
    assert planned([finding(placement=Placement.SUMMARY)]) == []


def test_a_finding_that_has_its_thread_is_left() -> None:
    assert planned([finding()], thread()) == [Leave(finding(), thread())]


def test_a_finding_planned_for_the_note_keeps_the_thread_it_has() -> None:
    told = finding(placement=Placement.SUMMARY)
    assert planned([told], thread()) == [Leave(told, thread())]


def test_a_thread_that_the_bot_resolved_is_opened_when_the_finding_is_back() -> None:
    resolved = thread(resolved=True, resolved_by_us=True)
    assert planned([finding()], resolved) == [Reopen(finding(), resolved)]


def test_a_resolve_that_only_the_note_remembers_counts_as_the_bots() -> None:
    resolved = thread(resolved=True)
    assert planned([finding()], resolved, resolved=[resolved.id]) == [Reopen(finding(), resolved)]


def test_a_persons_resolve_is_never_undone() -> None:
    resolved = thread(resolved=True)
    assert planned([finding()], resolved) == [Leave(finding(), resolved)]
    assert planned([finding()], resolved, resolved=["e" * 40]) == [Leave(finding(), resolved)]


def test_a_thread_whose_finding_is_settled_is_resolved() -> None:
    assert planned([], thread(), settled=[gone(thread())]) == [Resolve(thread())]


def test_a_thread_is_not_resolved_because_a_run_does_not_repeat_it() -> None:
    assert planned([], thread()) == []


def test_a_settled_thread_that_a_finding_still_has_is_left() -> None:
    assert planned([finding()], thread(), settled=[gone(thread())]) == [Leave(finding(), thread())]


def test_a_thread_that_somebody_resolved_meanwhile_is_not_resolved_again() -> None:
    assert planned([], thread(resolved=True), settled=[gone(thread())]) == []


def test_a_disputed_thread_is_left_to_people() -> None:
    disputed = thread(replies=(ThreadReply(9, "No, this is wrong."),))
    agreed = thread(replies=(ThreadReply(9, "Fixed in the next commit."),))
    assert planned([], disputed, settled=[gone(disputed)]) == []
    assert planned([], agreed, settled=[gone(agreed)]) == [Resolve(agreed)]


# --- which thread a finding has ---


def test_a_thread_with_the_same_identity_matches_on_any_line() -> None:
    assert match_thread(finding(), [thread(line=77)])
    assert match_thread(finding(), [thread(line=None)])


@pytest.mark.parametrize(
    "changed",
    [
        {"fingerprint": "f" * 16, "anchor": "b" * 16, "description": OTHER},
        {"fingerprint": "f" * 16, "category": Category.SECURITY, "description": OTHER},
        {"fingerprint": "f" * 16, "path": "app/other.py"},
        {"fingerprint": "f" * 16, "anchored": 2, "description": OTHER},
    ],
    ids=["text", "category", "file", "lines"],
)
def test_a_thread_about_something_else_does_not_match(changed: dict[str, Any]) -> None:
    assert match_thread(finding(**changed), [thread()]) is None


def test_a_thread_moved_to_a_renamed_file_matches_by_text() -> None:
    renamed = finding(path="lib/total.py", fingerprint="f" * 16, description=OTHER)
    assert match_thread(renamed, [thread(path="lib/total.py", body="Something.")])
    assert match_thread(renamed, [thread(path="app/total.py", body="Something.")]) is None


def test_a_thread_on_a_whole_file_does_not_match_by_text() -> None:
    whole = finding(anchored=0, line=None)
    other = finding(anchored=0, line=None, fingerprint="f" * 16, description=OTHER)
    assert match_thread(other, [thread(whole)]) is None


def test_similar_text_on_the_same_line_matches_in_another_category() -> None:
    other = finding(fingerprint="f" * 16, anchor="b" * 16, category=Category.OTHER)
    assert match_thread(other, [thread()])
    assert match_thread(other, [thread(line=4)]) is None
    assert match_thread(replace(other, end_line=5), [thread(line=5)])
    assert match_thread(other, [thread(resolved=True)]) is None
    assert match_thread(replace(other, side=Side.OLD), [thread()]) is None


def test_of_two_lines_with_one_text_each_finding_keeps_its_own_thread() -> None:
    upper, lower = finding(line=3, twins=(9,)), finding(line=9, twins=(3,))
    at_3, at_9 = thread(line=3), thread(line=9, id="e" * 40, note=61)
    assert planned([upper], at_9) == [Create(upper)]
    assert planned([lower, upper], at_3, at_9) == [Leave(lower, at_9), Leave(upper, at_3)]
    assert planned([upper, lower], at_3) == [Leave(upper, at_3), Create(lower)]


def test_a_thread_at_another_commit_matches_on_a_twins_line() -> None:
    """Somebody pushed two lines on top while it was posted."""
    upper, lower = finding(line=3, twins=(5,)), finding(line=5, twins=(3,))
    at_5, at_7 = thread(line=5, head="newer"), thread(line=7, head="newer", id="e" * 40, note=61)
    assert planned([upper, lower], at_5, at_7, head="h") == [Leave(upper, at_7), Leave(lower, at_5)]
    assert planned([upper], at_5, head="h") == [Leave(upper, at_5)]
    assert planned([upper], at_5._replace(head="h"), head="h") == [Create(upper)]


def test_the_nearest_open_thread_matches() -> None:
    far, near = thread(line=90, note=1), thread(line=5, note=2, id="e" * 40)
    done = thread(line=3, note=3, id="f" * 40, resolved=True)
    assert match_thread(finding(), [far, near, done]) == near
    assert match_thread(finding(), [done, far]) == far


def test_one_thread_serves_one_finding() -> None:
    twice = [finding(line=3), finding(line=4, description=OTHER)]
    assert planned(twice, thread()) == [Leave(twice[0], thread()), Create(twice[1])]


# --- two runs that met ---


def test_the_younger_of_two_threads_that_say_the_same_is_deleted() -> None:
    older, younger = thread(note=60), thread(note=70, id="e" * 40)
    assert planned([finding()], younger, older) == [Delete(younger), Leave(finding(), older)]


def test_a_duplicate_that_somebody_replied_to_is_the_one_that_stays() -> None:
    older, younger = thread(note=60), thread(note=70, id="e" * 40, replies=(ThreadReply(9, "Hm?"),))
    assert list(find_duplicate_threads(ExistingThreads(1, (older, younger)))) == [older]


def test_duplicates_that_were_both_replied_to_stay() -> None:
    replies = (ThreadReply(9, "Hm?"),)
    both = (thread(note=60, replies=replies), thread(note=70, id="e" * 40, replies=replies))
    assert list(find_duplicate_threads(ExistingThreads(1, both))) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"line": 4},
        {"path": "app/other.py"},
        {"head": "older"},
        {"mark": build_mark(finding(fingerprint="f" * 16))},
        {"mark": build_mark(finding(anchor="b" * 16))},
        {"resolved": True},
    ],
    ids=["line", "file", "commit", "identity", "text", "resolved"],
)
def test_threads_that_differ_are_no_duplicates(changed: dict[str, Any]) -> None:
    assert (
        list(find_duplicate_threads(ExistingThreads(1, (thread(note=60), thread(note=70, id="e" * 40, **changed)))))
        == []
    )


def test_a_duplicate_may_have_another_severity() -> None:
    other = thread(finding(severity=Severity.LOW), note=70, id="e" * 40)
    assert list(find_duplicate_threads(ExistingThreads(1, (thread(note=60), other)))) == [other]


def test_one_of_three_duplicates_stays() -> None:
    three = [thread(note=number, id=str(number) * 20) for number in (60, 70, 80)]
    assert list(find_duplicate_threads(ExistingThreads(1, tuple(three)))) == three[1:]


# --- the note ---


def test_a_merge_request_without_a_note_gets_one() -> None:
    assert plan.plan_note([], BODY) == Write(BODY)


def test_the_note_that_is_there_is_updated() -> None:
    assert plan.plan_note([OLDER_NOTE], BODY) == Write(BODY, 50)


@pytest.mark.parametrize("stored", [BODY, BODY.rstrip(), BODY + " \n"])
def test_a_note_that_says_the_same_already_is_left_alone(stored: str) -> None:
    assert plan.plan_note([OLDER_NOTE._replace(body=stored)], BODY) is None


def test_a_carriage_return_that_gitlab_dropped_makes_no_difference() -> None:
    assert plan.plan_note([OLDER_NOTE._replace(body=BODY)], BODY.replace("\n", "\r\n")) is None


@pytest.mark.parametrize(
    ("stored", "missing"),
    [
        ("a\n\nc", True),
        ("a", True),
        ("a\n/b\n\nc", False),
        ("a\n/b\n\nc\n ", False),
        ("a\n/b\n\nd", False),
        ("c\na", False),
    ],
)
def test_a_body_is_shortened_when_lines_of_it_are_missing(stored: str, missing: bool) -> None:
    assert has_lost_lines("a\r\n/b\n\nc\n", stored) is missing


def test_of_several_notes_after_a_race_the_first_is_updated() -> None:
    assert plan.plan_note([OLDER_NOTE, SummaryNote(70, "b" * 40, BODY)], BODY) == Write(BODY, 50)


def test_nothing_to_review_is_not_worth_a_note() -> None:
    assert plan.plan_note([], BODY, idle=True) is None


def test_nothing_left_to_review_updates_the_note_that_stands() -> None:
    assert plan.plan_note([OLDER_NOTE], BODY, idle=True) == Write(BODY, 50)


def test_the_first_note_may_be_about_a_failure() -> None:
    assert plan.plan_note([], failed(), failure=True) == Write(failed())


def test_a_failure_keeps_the_review_that_stands() -> None:
    good = summary.compose_note(full(), AROUND)
    kept = plan.plan_note([OLDER_NOTE._replace(body=good.rstrip())], failed(), failure=True)

    assert kept == Write(summary.append_previous_review(failed(), good), 50)


def test_the_same_failure_again_leaves_the_note_alone() -> None:
    body = summary.append_previous_review(failed(), summary.compose_note(full(), AROUND))
    assert plan.plan_note([OLDER_NOTE._replace(body=body.rstrip())], failed(), failure=True) is None


def test_a_review_replaces_a_failure_and_what_it_kept() -> None:
    body = summary.append_previous_review(failed(), summary.compose_note(full(), AROUND))
    assert plan.plan_note([OLDER_NOTE._replace(body=body)], BODY) == Write(BODY, 50)
