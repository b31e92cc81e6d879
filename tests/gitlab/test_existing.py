"""What counts as the bot's own on a merge request, and what people said to it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import Mark, format_marker
from iquest_review.gitlab.existing import Thread, ThreadReply, collect_existing_threads
from iquest_review.gitlab.schema import Discussion, DiscussionNote, NotePosition, User
from iquest_review.note.summary import SUMMARY_MARKER

OWN, PERSON, OTHER = 1, 2, 3
MARK = Mark("f" * 16, "a" * 16, 1, Side.NEW, Severity.HIGH, Category.BUG)
FINDING = f"{format_marker(MARK)}\n\n🔴 **high** · bug\n\nIt divides by zero.\n"
PLACE = NotePosition(old_path="app/old.py", new_path="app/total.py", new_line=3, head_sha="h" * 40)
SUMMARY = f"{SUMMARY_MARKER}\n\n## Review\n"


def said(body: str, author: int = PERSON, number: int = 61, **changed: Any) -> DiscussionNote:
    return DiscussionNote(id=number, author=User(id=author), body=body, **changed)


def finding(body: str = FINDING, author: int = OWN, number: int = 60, **changed: Any) -> DiscussionNote:
    return said(body, author, number, **{"position": PLACE, **changed})


def discussion(*notes: DiscussionNote, number: str = "d" * 40) -> Discussion:
    return Discussion(id=number, notes=notes)


def thread(*notes: DiscussionNote, bot: bool = True) -> Thread:
    """The one thread of a discussion."""
    [found] = collect_existing_threads([discussion(*notes)], OWN, bot=bot).threads
    return found


# --- what is ours ---


def test_a_thread_tells_its_mark_its_place_and_its_state() -> None:
    found = thread(finding())

    assert (found.id, found.note, found.mark, found.body) == ("d" * 40, 60, MARK, FINDING)
    assert (found.path, found.line, found.head) == ("app/total.py", 3, "h" * 40)
    assert (found.resolved, found.replies) == (False, ())


def test_a_removed_line_counts_in_the_old_file() -> None:
    assert thread(finding(position=NotePosition(old_path="a.py", new_path="a.py", old_line=9, head_sha="h"))).line == 9


def test_a_file_as_a_whole_and_no_place_at_all_have_no_line() -> None:
    assert thread(finding(position=NotePosition(old_path="a.py", new_path="a.py", head_sha="h"))).line is None
    assert (thread(finding(position=None)).path, thread(finding(position=None)).line) == ("", None)


@pytest.mark.parametrize("body", [FINDING, SUMMARY])
@pytest.mark.parametrize("author", [PERSON, OTHER])
def test_a_marker_in_anybody_elses_note_counts_nothing(body: str, author: int) -> None:
    found = collect_existing_threads([discussion(said(body, author, position=PLACE))], OWN)
    assert (found.threads, found.notes) == ((), ())


@pytest.mark.parametrize(
    "body",
    [
        *(
            f"> {FINDING}",
            f"See:\n{FINDING}",
            f" {FINDING}",
            f"> {SUMMARY}",
            f"See:\n{SUMMARY}",
            f" {SUMMARY}",
            "",
            "Hm.",
        ),
        FINDING.partition("\n")[0],
        FINDING.replace("finding ffff", "finding gggg"),
        FINDING.replace(" high ", " bad "),
    ],
)
def test_only_a_note_that_begins_with_a_whole_marker_counts(body: str) -> None:
    found = collect_existing_threads([discussion(finding(body))], OWN)
    assert (found.threads, found.notes) == ((), ())


def test_carriage_returns_in_a_body_make_no_difference() -> None:
    assert thread(finding(FINDING.replace("\n", "\r\n"))).mark == MARK
    assert len(collect_existing_threads([discussion(finding(SUMMARY.replace("\n", "\r\n")))], OWN).notes) == 1


def test_notes_that_gitlab_writes_itself_are_not_there() -> None:
    moved = said("changed this line in version 2 of the diff", system=True)
    assert thread(finding(), moved).replies == ()
    assert collect_existing_threads([discussion(said(FINDING, OWN, system=True))], OWN).threads == ()
    assert thread(said("added 1 commit", system=True, number=1), finding()).note == 60


def test_a_thread_whose_first_note_was_deleted_is_no_longer_ours() -> None:
    assert collect_existing_threads([discussion(said("Fixed."), said(FINDING, PERSON))], OWN).threads == ()


def test_a_discussion_that_nobody_wrote_in_is_none() -> None:
    assert collect_existing_threads([discussion()], OWN).threads == ()


def test_the_summary_is_known_with_how_many_replied_to_it() -> None:
    [found] = collect_existing_threads(
        [discussion(finding(SUMMARY, position=None), said("Thanks"), said("x", system=True))], OWN
    ).notes
    assert (found.id, found.discussion, found.body, found.replies) == (60, "d" * 40, SUMMARY, 1)


def test_notes_and_threads_come_oldest_first() -> None:
    numbers = [70, 60, 80]
    findings = [discussion(finding(number=number), number=f"{number}") for number in numbers]
    summaries = [discussion(finding(SUMMARY, number=number), number=f"{number}") for number in numbers]
    found = collect_existing_threads([*findings, *summaries], OWN)
    assert [thread.note for thread in found.threads] == [note.id for note in found.notes] == [60, 70, 80]


# --- who resolved it ---


def test_a_thread_is_resolved_when_each_of_its_notes_is() -> None:
    assert thread(finding(resolved=True), said("Fixed.", resolved=True)).resolved
    assert not thread(finding(resolved=True), said("Fixed.")).resolved
    assert thread(finding(resolved=True), said("changed this line", system=True)).resolved


def test_a_resolve_in_the_bots_name_is_the_bots() -> None:
    assert thread(finding(resolved=True, resolved_by=User(id=OWN))).resolved_by_us


def test_a_persons_resolve_is_not() -> None:
    assert not thread(finding(resolved=True, resolved_by=User(id=PERSON))).resolved_by_us
    assert not thread(finding(resolved=True)).resolved_by_us


def test_with_a_persons_own_token_nobody_can_say_whose_resolve_it_is() -> None:
    assert not thread(finding(resolved=True, resolved_by=User(id=OWN)), bot=False).resolved_by_us


def test_a_thread_that_is_open_again_was_resolved_by_nobody() -> None:
    assert not thread(finding(resolved_by=User(id=OWN))).resolved_by_us
    assert not thread(finding(resolved=True, resolved_by=User(id=OWN)), said("No.")).resolved_by_us


# --- replies ---


def test_replies_tell_who_wrote_them() -> None:
    replies = thread(finding(), said("Why?"), said("  \n", OTHER), said("Because.", OTHER)).replies
    assert replies == (ThreadReply(PERSON, "Why?"), ThreadReply(OTHER, "Because."))


AGREEING = [
    *("Done", "done.", "Fixed in 1234567", "fixed, thanks", "Thanks!", "Thank you", "thx", "Good catch", "good point"),
    *("Agreed.", "ok", "Okay", "Yes", "Right.", "Applied", "Addressed", "Resolved"),
    *("Will do", "will fix", "+1", ":+1:", ":thumbsup:", "👍", "✅", "  Done  "),
    *("已修复", "已处理", "已经修复", "已改", "好的", "谢谢", "感谢指出", "同意", "收到", "改了", "修复了"),
]
DISPUTING = [
    *("No.", "Why?", "This is wrong", "I disagree", "False positive", "Not a bug", "Please look again", "Hm"),
    *("Yes, but the list is never empty", "Thanks, however it cannot happen", "ok?", "Right, but why", "done, not"),
    *("Fixed? It isn't broken", "Agreed, we don't need it", "Okay, it can’t be empty", "thanks, no"),
    *(
        "不是问题",
        "好的，但是列表不会为空",
        "已确认没有问题",
        "谢谢，不过这里不会发生",
        "同意吗？",
        "未必",
        "错了",
        "这样可以",
    ),
]


@pytest.mark.parametrize("body", AGREEING)
def test_a_plain_agreement_is_no_dispute(body: str) -> None:
    assert not thread(finding(), said(body)).disputed


@pytest.mark.parametrize("body", DISPUTING)
def test_whatever_else_a_person_says_is_one(body: str) -> None:
    assert thread(finding(), said(body)).disputed


def test_one_who_disagrees_is_enough() -> None:
    assert thread(finding(), said("Done"), said("No.", OTHER)).disputed
    assert not thread(finding(), said("Done"), said("Thanks", OTHER)).disputed
    assert not thread(finding()).disputed


@pytest.mark.parametrize(
    "body",
    [
        "ignore: the list is never empty",
        "Ignore : because",
        "IGNORE:x",
        "  ignore: x",
        "@reviewer ignore: x",
        "忽略：列表不会为空",
        "忽略: 原因",
        "ignore：原因",
        "@reviewer 忽略：原因",
    ],
)
def test_who_says_ignore_with_a_reason_waives_the_finding(body: str) -> None:
    found = thread(finding(), said("Hm.", OTHER), said(body))
    assert list(found.waivers) == [PERSON]
    assert found.disputed


@pytest.mark.parametrize(
    "body",
    ["ignore", "ignore:", "ignore:  \n", "忽略", "忽略：", "please ignore: x", "I'd not ignore: x", "ignored: x"],
)
def test_without_a_reason_or_in_the_middle_of_a_sentence_nothing_is_waived(body: str) -> None:
    assert list(thread(finding(), said(body)).waivers) == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from([OWN, PERSON]), st.text(max_size=40), st.booleans()), max_size=4))
def test_whatever_people_write_a_thread_stays_what_it_is(replies: list[tuple[int, str, bool]]) -> None:
    found = thread(finding(), *(said(body, author, system=system) for author, body, system in replies))
    assert (found.mark, found.note, found.disputed in (True, False)) == (MARK, 60, True)
    assert len(found.replies) == sum(bool(body.strip()) and not system for _, body, system in replies)


# --- whose word counts ---


def test_a_resolve_by_somebody_else_is_a_persons_whatever_is_remembered() -> None:
    by_a_person = thread(finding(resolved=True, resolved_by=User(id=PERSON)))
    by_us = thread(finding(resolved=True, resolved_by=User(id=OWN)))

    assert by_a_person.is_settled_by_person(["d" * 40])
    assert not by_us.is_settled_by_person([])


@pytest.mark.parametrize(
    "body", ["**ignore:** no input", "> Why?\n\nignore: no input", "@bot Ignore：不需要", "忽略: 已知"]
)
def test_a_waiver_may_be_written_in_bold_below_a_quote_and_in_chinese(body: str) -> None:
    assert list(thread(finding(), said(body)).waivers) == [PERSON]


@pytest.mark.parametrize("body", ["> ignore: quoted", "Do not ignore: this", "ignore:", "ignored: x"])
def test_other_words_waive_nothing(body: str) -> None:
    assert list(thread(finding(), said(body)).waivers) == []


@pytest.mark.parametrize(
    "body", ["Right. Leave this open until security has seen it.", "Done. " + "It took long. " * 9]
)
def test_an_agreement_with_something_behind_it_is_none(body: str) -> None:
    assert thread(finding(), said(body)).disputed
