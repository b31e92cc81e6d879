"""A review on its way to a merge request, on a GitLab that keeps GitLab's rules."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iquest_review.errors import GitLabError
from iquest_review.findings.finding import Severity
from iquest_review.findings.placed import InThread, OtherPlace, PlacedFinding, Placement
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position
from iquest_review.note import memory
from iquest_review.note.thread import compose_thread
from iquest_review.note.words import select_words
from iquest_review.outcome import Outcome, ReviewStatus, SettledFinding, SettledReason
from iquest_review.publish.publish import recall_memory
from iquest_review.publish.threads import MAX_ROUNDS, MAX_TRIES
from iquest_review.reports import review_file, stored_review
from tests.support.board import BOT, DIVIDES, LOCKS, SECRET, TWICE, Board, Change, failed
from tests.support.connections import IID, PROJECT
from tests.support.gitlab.http import Response
from tests.support.gitlab.routes import message

DRAFTS, DISCUSSIONS, NOTES, PUBLISH = r"/draft_notes(\?|$)", r"/discussions$", r"/notes$", "/bulk_publish$"
A_DRAFT = "<!-- iquest-review:finding ffffffffffffffff anchor=aaaaaaaaaaaaaaaa:1:new high bug -->\n\nOld."
AT_TOTAL, AT_STORE, AT_SECRET, AT_ROWS = (
    f"app/total.py:4 {DIVIDES}",
    f"app/store.py:2 {LOCKS}",
    f"app/store.py:43 {SECRET}",
    f"docs/rows.md:file {TWICE}",
)


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> Change:
    return Change.made(tmp_path_factory.mktemp("change") / "repository")


@pytest.fixture
def board(change: Change) -> Iterator[Board]:
    with Board(change) as made:
        yield made
        assert made.double.executed == []


def three(change: Change) -> Outcome:
    return change.review([change.divides(), change.locks(), change.secret()])


def misplaced(finding: PlacedFinding, line: int = 9000) -> PlacedFinding:
    """On a line that is not there."""
    path = finding.path
    return dataclasses.replace(finding, line=line, end_line=None, place=Position(path, path, None, line))


def told(board: Board) -> dict[str, str | None]:
    """The findings that stand in the note in full, and why they are not on a line."""
    known = memory.parse_memory(board.note)
    assert known is not None
    return {finding.description: finding.placement_reason for finding in known.findings}


def person(board: Board) -> None:
    """The token is a person's own."""
    board.double.add_user(BOT, token=board.token, bot=False)


def draft(board: Board, text: str, **position: Any) -> int:
    """A draft of the token's user, made by something else."""
    made: dict[str, int] = (
        board.gitlab()
        ._request("post", f"/projects/{PROJECT}/merge_requests/{IID}/draft_notes", post_data={"note": text, **position})
        .json()
    )
    return made["id"]


# --- new threads ---


def test_several_new_threads_come_with_one_notification(board: Board, change: Change) -> None:
    published = board.publish(change.review([change.divides(), change.locks(), change.secret(), change.rows()]))

    assert board.threads == [AT_TOTAL, AT_STORE, AT_SECRET, AT_ROWS, "note"]
    assert board.mails == [4, 1]
    assert (board.drafts, board.waits, published.wrote) == ([], [], True)


def test_a_single_new_thread_needs_no_draft(board: Board, change: Change) -> None:
    board.publish(change.review([change.locks()]))

    assert board.threads == [AT_STORE, "note"]
    assert "POST discussions" in board.asked
    assert "POST draft_notes" not in board.asked


def test_a_review_without_findings_is_a_note_alone(board: Board, change: Change) -> None:
    board.publish(change.review())
    assert board.threads == ["note"]


def test_a_thread_stands_on_all_lines_of_its_finding(board: Board, change: Change) -> None:
    board.publish(change.review([change.locks()]))
    position = board.double.notes(PROJECT, IID)[0]["position"]
    codes = [position["line_range"][end]["line_code"].partition("_")[2] for end in ("start", "end")]
    assert codes == ["1_1", "1_2"]


def test_the_note_lists_each_thread_with_a_link(board: Board, change: Change) -> None:
    board.publish(three(change))
    for said in (DIVIDES, LOCKS, SECRET):
        assert f"https://gitlab.example.com/group/app/-/merge_requests/4#note_{board.first_note(said)}" in board.note
        assert said in board.note


def test_a_finding_without_a_line_is_in_the_note_with_the_reason(board: Board, change: Change) -> None:
    board.publish(change.review([change.nowhere()]))
    assert told(board) == {"Nothing tests this.": "this file is not part of the reviewed change"}


def test_a_review_of_a_saved_diff_stands_in_the_note(board: Board, change: Change) -> None:
    published = board.publish(dataclasses.replace(three(change), diff_refs=None))

    assert board.threads == ["note"]
    assert told(board) == {DIVIDES: None, LOCKS: None, SECRET: None}
    assert {finding.placement for finding in published.outcome.findings} == {Placement.SUMMARY}


def test_a_saved_diffs_review_replaces_a_note_whatever_commit_that_is_about(board: Board, change: Change) -> None:
    board.publish(change.review())
    board.publish(change.review(diff_refs=None, summary="By hand."))
    assert "By hand." in board.note


def test_what_stands_already_is_not_posted_again(board: Board, change: Change) -> None:
    board.publish(three(change))
    here = board.double.mark()
    published = board.publish(three(change))

    assert not published.wrote
    assert {request.method for request in board.double.requests_since(here)} == {"GET"}


def test_only_what_is_new_gets_a_thread(board: Board, change: Change) -> None:
    board.publish(change.review([change.divides()]))
    board.publish(three(change))
    assert board.threads == [AT_TOTAL, "note", AT_STORE, AT_SECRET]


# --- drafts ---


def test_the_drafts_of_a_job_that_died_are_removed(board: Board, change: Change) -> None:
    draft(board, A_DRAFT)
    draft(board, A_DRAFT.replace("\n", "\r\n"))
    board.publish(three(change))

    assert board.threads == [AT_TOTAL, AT_STORE, AT_SECRET, "note"]
    assert board.drafts == []


@pytest.mark.parametrize("findings", [0, 1])
def test_they_are_removed_by_a_run_without_drafts_of_its_own(board: Board, change: Change, findings: int) -> None:
    draft(board, A_DRAFT)
    board.publish(change.review([change.divides()][:findings]))
    assert board.drafts == []


def test_a_persons_own_drafts_are_neither_published_nor_removed(board: Board, change: Change) -> None:
    person(board)
    draft(board, A_DRAFT)
    draft(board, f"As I said:\n{A_DRAFT}")
    board.publish(three(change))

    assert board.drafts == [f"As I said:\n{A_DRAFT}"]
    assert board.threads == [AT_TOTAL, AT_STORE, AT_SECRET, "note"]
    assert board.mails == [1, 1, 1, 1]


def test_a_draft_on_a_line_gitlab_does_not_know_is_told_in_the_note(board: Board, change: Change) -> None:
    published = board.publish(change.review([change.divides(), misplaced(change.secret()), change.locks()]))

    assert board.threads == [AT_TOTAL, AT_STORE, "note"]
    assert told(board) == {SECRET: PlacementReason.REFUSED}
    assert board.mails == [2, 1]
    reasons = [finding.placement_reason for finding in published.outcome.findings]
    assert reasons == [None, PlacementReason.REFUSED, None]


def test_nothing_is_published_when_gitlab_knows_none_of_the_lines(board: Board, change: Change) -> None:
    board.publish(change.review([misplaced(change.divides()), misplaced(change.secret())]))

    assert board.threads == ["note"]
    assert told(board) == {DIVIDES: PlacementReason.REFUSED, SECRET: PlacementReason.REFUSED}
    assert "POST draft_notes/bulk_publish" not in board.asked


def test_drafts_that_vanish_when_they_are_published_are_posted_one_by_one(board: Board, change: Change) -> None:
    board.double.before("POST", PUBLISH, board.double.merge_request(PROJECT, IID).draft_notes.clear)
    board.publish(three(change))

    assert board.threads == [AT_TOTAL, AT_STORE, AT_SECRET, "note"]
    assert board.asked.count("POST draft_notes/bulk_publish") == 1


def test_one_draft_that_vanishes_costs_no_other(board: Board, change: Change) -> None:
    def lose() -> None:
        board.double.merge_request(PROJECT, IID).draft_notes.pop(1)

    board.double.before("POST", PUBLISH, lose)
    board.publish(three(change))
    assert sorted(board.threads) == sorted([AT_TOTAL, AT_STORE, AT_SECRET, "note"])


def test_an_older_gitlab_without_drafts_gets_discussions(board: Board, change: Change) -> None:
    board.double.instance.draft_notes = False
    board.publish(three(change))
    assert board.threads == [AT_TOTAL, AT_STORE, AT_SECRET, "note"]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 422])
@pytest.mark.parametrize("where", [DRAFTS, PUBLISH])
def test_drafts_that_gitlab_refuses_become_discussions(board: Board, change: Change, status: int, where: str) -> None:
    board.double.fail("POST", where, status=status, body={"message": "no"}, times=99)
    board.publish(three(change))

    assert board.threads == [AT_TOTAL, AT_STORE, AT_SECRET, "note"]
    assert board.drafts == []


@pytest.mark.parametrize(("method", "where"), [("POST", DRAFTS), ("POST", PUBLISH), ("GET", DRAFTS)])
def test_drafts_that_gitlab_cannot_handle_become_discussions(
    board: Board, change: Change, method: str, where: str
) -> None:
    board.double.fail(method, where, status=500, times=99)
    board.publish(three(change))

    assert board.threads == [AT_TOTAL, AT_STORE, AT_SECRET, "note"]
    assert board.drafts == []


def test_drafts_that_cannot_be_seen_are_not_published(board: Board, change: Change) -> None:
    """What lies there might be a person's."""
    person(board)
    draft(board, "My own words.")
    board.double.fail("GET", DRAFTS, status=500, times=99)
    board.publish(three(change))

    assert board.drafts == ["My own words."]
    assert board.threads == [AT_TOTAL, AT_STORE, AT_SECRET, "note"]


def test_a_draft_that_gitlab_ran_in_part_is_a_security_failure(change: Change) -> None:
    with Board(change) as board:

        def tamper() -> None:
            first = board.double.merge_request(PROJECT, IID).draft_notes[0]
            first.note = first.note.replace(DIVIDES, "/close")

        board.double.before("POST", PUBLISH, tamper)
        with pytest.raises(GitLabError, match="stored a text that differs from the one sent"):
            board.publish(three(change))
        assert board.double.executed


def test_a_concurrent_runs_draft_may_have_another_text(board: Board, change: Change) -> None:
    other = dataclasses.replace(change.divides(), description="Nobody thought of an empty cart.")
    board.double.before("POST", DRAFTS, lambda: again(board, other))
    board.publish(three(change))
    assert len(board.threads) == 4


# --- lines that GitLab does not take ---


def test_a_gitlab_that_knows_no_files_as_places_gets_the_note(board: Board, change: Change) -> None:
    board.double.instance.file_positions = False
    board.publish(change.review([change.rows(), change.divides(), change.locks()]))

    assert board.threads == [AT_TOTAL, AT_STORE, "note"]
    assert board.mails == [2, 1]
    assert told(board) == {TWICE: PlacementReason.REFUSED}


@pytest.mark.parametrize("alone", [True, False])
def test_a_range_that_is_refused_goes_to_its_last_line(board: Board, change: Change, alone: bool) -> None:
    refuse_ranges(board)
    board.publish(change.review([change.locks()] if alone else [change.locks(), change.divides()]))

    assert sorted(board.threads) == sorted([AT_STORE, "note"] + ([] if alone else [AT_TOTAL]))
    [position] = [one["position"] for one in board.double.notes(PROJECT, IID) if LOCKS in one["body"] and one["type"]]
    assert position["line_range"] is None


def refuse_ranges(board: Board) -> None:
    """A GitLab that takes no ranges, neither in drafts nor in discussions."""
    answering(board, b"line_range", message("400 Bad request - no range", 400))


def answering(board: Board, to: bytes, answer: Response) -> None:
    """What GitLab says to every body that holds this."""
    server = board.double.server
    true_answer = server.answer
    server.answer = lambda request: answer if to in request.body else true_answer(request)


def test_a_line_that_is_refused_goes_to_the_note_with_the_reason(board: Board, change: Change) -> None:
    board.publish(change.review([misplaced(change.secret())]))
    assert (board.threads, told(board)) == (["note"], {SECRET: PlacementReason.REFUSED})


def test_a_refused_line_costs_no_other_its_thread(board: Board, change: Change) -> None:
    board.double.instance.draft_notes = False
    board.publish(change.review([misplaced(change.divides()), change.locks(), misplaced(change.secret())]))

    assert board.threads == [AT_STORE, "note"]
    assert told(board) == {DIVIDES: PlacementReason.REFUSED, SECRET: PlacementReason.REFUSED}


@pytest.mark.parametrize("drafts", [True, False])
def test_a_line_that_gets_500_twice_goes_to_the_note(board: Board, change: Change, drafts: bool) -> None:
    board.double.instance.draft_notes = drafts
    marker = f"finding {change.secret().fingerprint}".encode()
    answering(board, marker, message("500 Internal Server Error", 500))
    board.publish(three(change))

    assert board.threads == [AT_TOTAL, AT_STORE, "note"]
    assert told(board) == {SECRET: PlacementReason.REFUSED}
    tried = [request for request in board.double.requests if marker in request.body]
    assert sum(request.path.endswith("/discussions") for request in tried) == MAX_TRIES


def test_all_lines_may_get_500(board: Board, change: Change) -> None:
    board.double.fail("POST", DRAFTS, status=500, times=99)
    board.double.fail("POST", DISCUSSIONS, status=500, times=99)
    board.publish(change.review([change.divides(), change.locks(), change.secret(), change.rows()]))

    assert board.threads == ["note"]
    assert told(board) == dict.fromkeys([DIVIDES, LOCKS, SECRET, TWICE], PlacementReason.REFUSED)


def test_a_commit_that_gitlab_does_not_know_sends_all_to_the_note(board: Board, change: Change) -> None:
    """Its own of a merged-results pipeline, as an older stored review has it: issue 585340."""
    refs = dataclasses.replace(change.refs(), head_sha="9" * 40)
    board.publish(dataclasses.replace(three(change), diff_refs=refs))
    assert (board.threads, len(told(board))) == (["note"], 3)


def test_a_full_merge_request_gets_all_findings_in_its_note(board: Board, change: Change) -> None:
    board.publish(change.review())
    board.double.limits.notes_per_merge_request = 1
    board.publish(three(change))

    assert board.threads == ["note"]
    assert told(board) == dict.fromkeys([DIVIDES, LOCKS, SECRET], PlacementReason.REFUSED)


def test_a_merge_request_that_is_full_before_the_first_review_fails_the_job(board: Board, change: Change) -> None:
    board.double.limits.notes_per_merge_request = 0
    with pytest.raises(GitLabError, match="Maximum number of comments exceeded"):
        board.publish(three(change))
    assert board.drafts == []


def test_a_stored_inline_finding_without_position_goes_to_the_note(board: Board, change: Change) -> None:
    board.publish(change.review([dataclasses.replace(change.divides(), place=InThread())]))
    assert (board.threads, told(board)) == (["note"], {DIVIDES: None})


# --- resolving and opening again ---


def settled(board: Board, said: str = DIVIDES) -> tuple[SettledFinding, ...]:
    return (SettledFinding(board.thread(said), SettledReason.GONE),)


def test_a_reporter_resolves_a_thread_of_its_own(board: Board, change: Change) -> None:
    board.publish(change.review([change.divides(), change.locks()]))
    board.push(1)
    published = board.publish(change.review([change.locks(1)], push=1, settled=settled(board)))

    assert board.resolved == [AT_TOTAL]
    assert len(published.outcome.settled) == 1
    assert "1 finding resolved" in board.note


def test_a_thread_with_agreeing_replies_takes_a_developer(board: Board, change: Change) -> None:
    board.publish(change.review([change.divides(), change.locks()]))
    board.double.reply(PROJECT, IID, board.thread(DIVIDES), "Fixed, thanks")
    board.double.add_user(BOT, token=board.token, role="developer")
    board.publish(change.review(settled=settled(board)))
    assert board.resolved == [AT_TOTAL]


def test_a_reporter_leaves_the_thread_open_and_logs_it_once(board: Board, change: Change) -> None:
    board.publish(change.review([change.divides()]))
    board.double.reply(PROJECT, IID, board.thread(DIVIDES), "Fixed, thanks")
    published = board.publish(change.review([change.locks(), change.secret()], settled=settled(board)))

    assert board.resolved == []
    assert board.threads == [AT_TOTAL, "note", AT_STORE, AT_SECRET]
    assert board.said == [
        "the thread on app/total.py was not changed: it has replies, "
        "and only the role Developer or above can resolve it"
    ]
    assert [entry.why for entry in published.outcome.settled] == [SettledReason.LEFT]
    assert "1 finding is settled, but its thread has replies: please resolve it" in board.note
    assert DIVIDES not in board.note, "it does not stand any more"


def test_a_thread_that_cannot_be_resolved_costs_nothing_else(board: Board, change: Change) -> None:
    board.publish(change.review([change.divides()]))
    board.double.fail("PUT", "/discussions/", status=500, times=99)
    board.publish(change.review([change.locks()], settled=settled(board)))

    assert board.threads == [AT_TOTAL, "note", AT_STORE]
    assert [line for line in board.said if "was not changed" in line]


def test_a_thread_that_was_deleted_meanwhile_needs_no_resolving(board: Board, change: Change) -> None:
    board.publish(change.review([change.divides(), change.locks()]))
    gone = board.first_note(DIVIDES)
    board.double.before("PUT", "/discussions/", lambda: board.double.delete_note(PROJECT, IID, gone))
    board.publish(change.review(settled=settled(board)))
    assert (board.threads, board.resolved) == ([AT_STORE, "note"], [])


def test_a_dispute_during_the_review_keeps_the_thread_open(board: Board, change: Change) -> None:
    board.publish(change.review([change.divides()]))
    review = change.review(settled=settled(board))
    board.double.reply(PROJECT, IID, board.thread(DIVIDES), "No, this can still happen.")
    board.publish(review)
    assert board.resolved == []


def test_a_thread_the_bot_resolved_is_opened_when_the_finding_is_back(board: Board, change: Change) -> None:
    resolved_by_us(board, change)
    board.publish(change.review([change.divides(), change.locks()]))
    assert (board.threads, board.resolved) == ([AT_TOTAL, AT_STORE, "note"], [])


def test_a_thread_that_cannot_be_reopened_is_in_the_note(board: Board, change: Change) -> None:
    resolved_by_us(board, change)
    board.double.reply(PROJECT, IID, resolved(board), "Thanks")
    board.publish(change.review([change.divides(), change.locks()]))

    assert board.resolved == [AT_TOTAL]
    assert told(board) == {DIVIDES: PlacementReason.REFUSED}


def test_a_persons_resolve_is_never_undone(board: Board, change: Change) -> None:
    board.publish(three(change))
    board.double.resolve(PROJECT, IID, board.thread(DIVIDES))
    board.publish(three(change))

    assert board.resolved == [AT_TOTAL]
    assert DIVIDES not in board.note


def test_a_persons_own_token_remembers_in_the_note_what_it_resolved(board: Board, change: Change) -> None:
    person(board)
    resolved_by_us(board, change)
    board.double.resolve(PROJECT, IID, board.thread(LOCKS), author=BOT)
    board.publish(change.review([change.divides(), change.locks()]))

    assert (board.threads, board.resolved) == ([AT_TOTAL, "note"], [AT_STORE])


def test_a_thread_resolved_by_a_job_that_died_is_remembered(board: Board, change: Change) -> None:
    board.publish(change.review([change.divides()]))
    board.gitlab().resolve(board.existing().threads[0])

    known = recall_memory(board.existing())
    assert known is not None
    assert known.resolved == (resolved(board),)


def resolved_by_us(board: Board, change: Change) -> None:
    board.publish(change.review([change.divides(), change.locks()]))
    board.publish(change.review([change.locks()], settled=settled(board)))
    assert board.resolved == [AT_TOTAL]


def resolved(board: Board) -> str:
    [found] = [thread.id for thread in board.existing().threads if thread.resolved]
    return found


# --- two runs that met ---


def again(board: Board, finding: PlacedFinding) -> None:
    """Another run posts the same."""
    assert isinstance(finding.place, Position)
    board.gitlab().start_thread(
        compose_thread(finding, select_words("en")), finding.place.build_payload(board.change.refs())
    )


def test_of_two_threads_that_say_the_same_the_younger_is_deleted(board: Board, change: Change) -> None:
    board.publish(three(change))
    first = board.first_note(DIVIDES)
    again(board, change.divides())
    board.publish(three(change))

    assert board.threads == [AT_TOTAL, AT_STORE, AT_SECRET, "note"]
    assert board.first_note(DIVIDES) == first


def test_a_duplicate_with_a_reply_stays(board: Board, change: Change) -> None:
    board.publish(three(change))
    again(board, change.divides())
    younger = board.existing().threads[-1]
    board.double.reply(PROJECT, IID, younger.id, "Hm?")
    board.publish(three(change))
    assert board.first_note(DIVIDES) == younger.note


def test_of_two_notes_the_younger_is_deleted(board: Board, change: Change) -> None:
    board.publish(three(change))
    board.gitlab().write_note(board.note)
    board.publish(change.review(summary="Later."))

    assert "Later." in board.note


def test_a_younger_note_with_replies_stays(board: Board, change: Change) -> None:
    board.publish(change.review())
    board.gitlab().write_note(board.note)
    board.double.reply(PROJECT, IID, board.existing().notes[1].discussion, "Thanks")
    board.publish(change.review(summary="Later."))

    assert [("Later." in body) for body in board.notes] == [True, False]


def test_a_note_that_cannot_be_deleted_fails_no_job(board: Board, change: Change) -> None:
    board.publish(change.review())
    board.gitlab().write_note(board.note)
    board.double.fail("DELETE", "/notes/", status=502, times=99)
    board.publish(change.review(summary="Later."))
    assert len(board.notes) == 2


def test_two_first_runs_end_with_one_note(board: Board, change: Change) -> None:
    board.double.before("POST", NOTES, lambda: board.gitlab().write_note(other_note(change)))
    board.publish(change.review(summary="Mine."))
    assert "Mine." in board.note


def other_note(change: Change) -> str:
    with Board(change) as elsewhere:
        elsewhere.publish(change.review(summary="Theirs."))
        return elsewhere.note


# --- a head that moves ---


def test_a_push_while_it_is_published_moves_the_threads_along(board: Board, change: Change) -> None:
    board.double.before("POST", PUBLISH, lambda: board.push(1))
    board.publish(change.review([change.locks(), change.secret()]))

    assert board.threads == [f"app/store.py:4 {LOCKS}", f"app/store.py:45 {SECRET}", "note"]


def test_positions_name_the_commits_that_were_reviewed(board: Board, change: Change) -> None:
    board.push(1)
    board.publish(change.review([change.divides()]))

    posts = [one for one in board.double.requests if (one.method, one.path[-12:]) == ("POST", "/discussions")]
    [sent] = [one.json["position"] for one in posts]
    assert sent["head_sha"] == change.heads[0]
    assert board.threads == [AT_TOTAL, "note"], "the line is gone: the thread is outdated, and there"


def test_a_line_that_moves_to_its_twins_place_is_posted_once(board: Board, change: Change) -> None:
    """The head moves by as many lines as the twins are apart."""
    finding = dataclasses.replace(change.locks(), twins=(4, 6))
    board.double.before("POST", DISCUSSIONS, lambda: board.push(1))
    board.publish(change.review([finding]))
    assert board.threads == [f"app/store.py:4 {LOCKS}", "note"]


@pytest.mark.parametrize("status", [ReviewStatus.REVIEWED, ReviewStatus.NOT_REVIEWED])
def test_a_newer_runs_note_is_not_overwritten(board: Board, change: Change, status: ReviewStatus) -> None:
    board.push(1)
    board.publish(change.review(push=1, summary="Newer."))
    body = board.note
    review = three(change) if status is ReviewStatus.REVIEWED else failed(change)
    published = board.publish(review)

    assert (published.body, published.wrote, board.notes) == (None, False, [body])
    assert board.threads == ["note"]
    older, newer = (head[:12] for head in change.heads[:2])
    assert board.said == [f"a newer run has reviewed {newer}: its note is kept, and no note is posted for {older}"]


def test_a_newer_run_wins_while_threads_are_posted(board: Board, change: Change) -> None:
    def newer() -> None:
        board.push(1)
        board.publish(change.review(push=1, summary="Newer."))

    board.publish(change.review(summary="First."))
    board.double.before("POST", PUBLISH, newer)
    published = board.publish(change.review([change.locks(), change.secret()], summary="Older."))

    assert published.body is None
    assert "Newer." in board.note


def test_a_newer_run_wins_while_the_note_is_posted(board: Board, change: Change) -> None:
    def newer(seconds: float) -> None:
        board.push(1)
        board.publish(change.review(push=1, summary="Newer."))

    board.publish(change.review(summary="First."))
    board.double.fail("PUT", "/notes/", status=502)
    published = board.publish(change.review(summary="Older."), sleep=newer)

    assert published.body is None
    assert "Newer." in board.note


def test_an_older_runs_note_is_replaced(board: Board, change: Change) -> None:
    board.publish(change.review(summary="Older."))
    board.push(1)
    board.publish(change.review(push=1, summary="Newer."))
    assert "Newer." in board.note


def test_a_run_on_the_notes_own_commit_fetches_no_versions(board: Board, change: Change) -> None:
    board.publish(change.review(summary="Older."))
    known = recall_memory(board.existing())
    board.push(1)
    board.publish(change.review(push=1), known=known)
    assert not [one for one in board.asked if "versions" in one]


def test_a_failure_keeps_what_the_note_remembers(board: Board, change: Change) -> None:
    board.publish(three(change))
    before = memory.parse_memory(board.note)
    board.push(1)
    board.publish(failed(change, 1))

    assert memory.parse_memory(board.note) == before
    assert "cannot be reached" in board.note
    assert (
        board.threads == [AT_STORE.replace(":2", ":4"), AT_SECRET.replace("43", "45"), "note"]
        or len(board.threads) == 4
    )


# --- a stored review ---


def test_a_stored_review_is_published_as_the_run_itself_would_have(
    board: Board, change: Change, tmp_path: Path
) -> None:
    outcome = change.review([change.divides(), change.locks(), change.rows(), change.nowhere()])
    review_file.write_review(tmp_path / "kept", outcome, "the note")
    board.publish(stored_review.load_review(tmp_path / "kept" / review_file.REVIEW_FILENAME))

    with Board(change) as straight:
        straight.publish(outcome)
        assert board.state == straight.state


def test_publishing_it_again_changes_nothing(board: Board, change: Change, tmp_path: Path) -> None:
    review_file.write_review(tmp_path / "kept", three(change), "the note")
    outcome = stored_review.load_review(tmp_path / "kept" / review_file.REVIEW_FILENAME)
    board.publish(outcome)
    state = board.state

    assert not board.publish(outcome).wrote
    assert board.state == state


# --- no end ---


def test_threads_that_never_stay_are_given_up(board: Board, change: Change) -> None:
    """Somebody deletes each as it comes."""
    board.double.fail("POST", DISCUSSIONS, status=201, body={"id": "d" * 40, "notes": []}, times=99)
    with pytest.raises(GitLabError, match="kept changing while they were written"):
        board.publish(change.review([change.divides()]))
    assert board.asked.count("POST discussions") == MAX_ROUNDS - 1


def test_a_gitlab_that_stays_down_is_told_and_nothing_is_remembered(board: Board, change: Change) -> None:
    board.double.fail("POST", "", status=503, times=99)
    with pytest.raises(GitLabError, match="answered 503"):
        board.publish(three(change))
    assert board.notes == []
    assert board.waits == [2, 4, 8, 16, 32]


def test_the_last_try_counts(board: Board, change: Change) -> None:
    board.double.fail("POST", DISCUSSIONS, status=502, times=MAX_ROUNDS - 2)
    board.double.fail("POST", DISCUSSIONS, status=502, after_store=True)
    board.publish(change.review([change.divides()]))
    assert board.threads == [AT_TOTAL, "note"]


# --- a finding that got worse, or is found elsewhere too ---

WORSE = "Every cart starts empty, so the first page of the shop divides by zero."


def worse(board: Board, change: Change) -> Outcome:
    """The finding of the only thread, raised by a level and in other words."""
    [thread] = board.existing().threads
    mild = change.divides()
    raised = dataclasses.replace(
        mild, severity=Severity.HIGH, description=WORSE, title=WORSE, thread=thread.id, fingerprint="f" * 16
    )
    return change.review([raised])


def test_a_finding_that_got_worse_updates_its_thread(board: Board, change: Change) -> None:
    board.publish(change.review([dataclasses.replace(change.divides(), severity=Severity.LOW)]))

    published = board.publish(worse(board, change))

    [thread] = board.existing().threads
    assert (thread.mark.severity, WORSE in thread.body, thread.mark.fingerprint) == (Severity.HIGH, True, "f" * 16)
    assert "Review: 🔴 1 high\n" in board.note
    assert published.outcome.severities == (Severity.HIGH,)


def test_a_thread_that_cannot_be_updated_is_told_in_the_note_as_well(board: Board, change: Change) -> None:
    board.publish(change.review([dataclasses.replace(change.divides(), severity=Severity.LOW)]))
    outcome = worse(board, change)
    answering(board, b"finding ffffffffffffffff", message("403 Forbidden", 403))

    published = board.publish(outcome)

    assert [finding.placement_reason for finding in published.outcome.findings] == [PlacementReason.REFUSED]
    assert "Review: 🔴 1 high · 🔵 1 low\n" in board.note


def test_a_thread_lists_the_places_that_later_runs_find(board: Board, change: Change) -> None:
    finding = change.divides()
    board.publish(change.review([finding]))
    [thread] = board.existing().threads
    place = OtherPlace(43, None, "b" * 16, 1)

    for _ in range(2):
        board.publish(change.review([dataclasses.replace(finding, thread=thread.id, other_places=(place,))]))

    [thread] = board.existing().threads
    assert thread.mark.also == (("b" * 16, 1),)
    assert thread.body.count("Also here: line 43 (at") == 1
