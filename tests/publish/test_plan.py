"""What is done on a merge request, given what is there."""

from typing import Any

import pytest

from iquest_review.findings.finding import Severity
from iquest_review.findings.fingerprint import parse_marker
from iquest_review.findings.placed import MAX_PLACES, OtherPlace, PlacedFinding, Placement
from iquest_review.gitlab.existing import ExistingThreads, SummaryNote, Thread, ThreadReply
from iquest_review.note import summary
from iquest_review.note.summary import SUMMARY_MARKER
from iquest_review.note.thread import build_mark, compose_thread, has_lost_lines, revise_thread
from iquest_review.note.words_en import ENGLISH
from iquest_review.outcome import SettledFinding, SettledReason
from iquest_review.publish import plan
from iquest_review.publish.plan import (
    Create,
    Delete,
    Leave,
    Reopen,
    Resolve,
    Update,
    Write,
    find_duplicate_threads,
    plan_actions,
)
from tests.support.outcomes import AROUND, failed, full
from tests.support.threads import inline_finding as finding
from tests.support.threads import thread_of

BODY = f"{SUMMARY_MARKER}\n\n## Review\n"
OLDER_NOTE = SummaryNote(50, "a" * 40, f"{SUMMARY_MARKER}\n\n## An older review")
OTHER = "The connection to the shop is opened a second time and stays open."


def thread(of: PlacedFinding | None = None, **changed: Any) -> Thread:
    return thread_of(of or finding(), **changed)


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


# --- a finding that got worse, or is found elsewhere too ---


def test_a_thread_whose_finding_got_worse_is_updated() -> None:
    mild = thread(finding(severity=Severity.LOW))
    assert planned([finding()], mild) == [Update(finding(), mild)]
    assert planned([finding(severity=Severity.LOW)], thread()) == [Leave(finding(severity=Severity.LOW), thread())]


def test_a_thread_that_lacks_a_place_is_updated() -> None:
    twice = finding(other_places=(OtherPlace(9, None, "b" * 16, 1),))
    assert planned([twice], thread()) == [Update(twice, thread())]
    assert planned([twice], thread(twice)) == [Leave(twice, thread(twice))]
    assert planned([finding()], thread(twice)) == [Leave(finding(), thread(twice))]


@pytest.mark.parametrize(
    ("listed", "found", "updates"),
    [(30, 40, 0), (20, 40, 1), (0, 31, 1), (29, 30, 1), (30, 30, 0), (0, 500, 1)],
    ids=["full", "filled up", "one too many", "just fits", "same", "hundreds"],
)
def test_a_thread_with_too_many_places_settles(listed: int, found: int, updates: int) -> None:
    places = tuple(OtherPlace(9 + row, None, f"{row:016x}", 1) for row in range(found))
    many, now = finding(other_places=places), thread(finding(other_places=places[:listed]))
    written = 0
    while (action := planned([many], now)[0]) == Update(many, now) and written < 3:
        body = revise_thread(now.body, now.mark, many, ENGLISH, "h")
        now, written = now._replace(body=body, mark=parse_marker(body) or now.mark), written + 1

    assert (action, written) == (Leave(many, now), updates)
    assert len(now.mark.also) == min(found, MAX_PLACES)


def test_a_thread_whose_finding_got_worse_is_opened_before_it_is_updated() -> None:
    mild = thread(finding(severity=Severity.LOW), resolved=True, resolved_by_us=True)
    assert planned([finding()], mild) == [Reopen(finding(), mild)]


def test_no_finding_gets_into_a_thread_that_people_settled() -> None:
    settled = thread(resolved=True)
    assert planned([finding()], settled, held_back=[settled.id]) == [Create(finding())]


def test_a_waived_thread_is_resolved_even_though_somebody_disagreed() -> None:
    waived = thread(replies=(ThreadReply(9, "ignore: the list is never empty"),))
    assert planned([], waived, settled=[SettledFinding(waived.id, SettledReason.WAIVED)]) == [Resolve(waived)]


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
        {
            "mark": build_mark(finding(fingerprint="f" * 16)),
            "body": compose_thread(finding(description=OTHER), ENGLISH),
        },
        {"mark": build_mark(finding(anchor="b" * 16))},
        {"resolved": True},
    ],
    ids=["line", "file", "commit", "words", "lines", "resolved"],
)
def test_threads_that_differ_are_no_duplicates(changed: dict[str, Any]) -> None:
    assert (
        list(find_duplicate_threads(ExistingThreads(1, (thread(note=60), thread(note=70, id="e" * 40, **changed)))))
        == []
    )


def test_a_duplicate_may_be_in_other_words() -> None:
    other = thread(
        finding(fingerprint="f" * 16, description="An empty list of a cart divides by zero."), note=70, id="e" * 40
    )
    assert list(find_duplicate_threads(ExistingThreads(1, (thread(note=60), other)))) == [other]


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
