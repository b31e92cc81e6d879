"""What is done on a merge request, given what is there."""

import pytest

from iquest_review.merge_request import note
from iquest_review.merge_request.note import MARKER
from iquest_review.merge_request.plan import Create, Leave, Note, Update, Wanted, plan
from tests.merge_request.making import AROUND, failed, full

OWN, OTHER = 1, 2
BODY = f"{MARKER}\n\n## Review\n"
STANDING = Note(50, OWN, f"{MARKER}\n\n## An older review")


def test_a_merge_request_without_a_note_gets_one() -> None:
    assert plan([], OWN, Wanted(BODY)) == Create(BODY)


def test_the_note_that_is_there_is_updated() -> None:
    assert plan([STANDING], OWN, Wanted(BODY)) == Update(50, BODY)


@pytest.mark.parametrize("stored", [BODY, BODY.rstrip(), BODY + " \n", BODY.rstrip() + "\0\n".rstrip("\0\n")])
def test_a_note_that_says_the_same_already_is_left_alone(stored: str) -> None:
    assert plan([Note(50, OWN, stored)], OWN, Wanted(BODY)) == Leave()


def test_a_carriage_return_that_gitlab_dropped_makes_no_difference() -> None:
    assert plan([Note(50, OWN, BODY)], OWN, Wanted(BODY.replace("\n", "\r\n"))) == Leave()


@pytest.mark.parametrize(
    "foreign",
    [
        Note(9, OTHER, BODY),
        Note(9, OTHER, STANDING.body),
        Note(9, OWN, f"> {BODY}"),
        Note(9, OWN, f"Somebody wrote:\n{BODY}"),
        Note(9, OWN, f" {BODY}"),
        Note(9, OWN, ""),
        Note(9, OWN, "<!-- iquest-review:finding -->\n\nx"),
    ],
)
def test_only_a_note_of_our_own_that_begins_with_the_marker_counts(foreign: Note) -> None:
    assert plan([foreign], OWN, Wanted(BODY)) == Create(BODY)
    assert plan([foreign, STANDING], OWN, Wanted(BODY)) == Update(50, BODY)


def test_of_several_notes_after_a_race_the_oldest_is_updated() -> None:
    notes = [Note(70, OWN, BODY), Note(60, OWN, "something else"), STANDING, Note(55, OWN, BODY)]
    assert plan(notes, OWN, Wanted(BODY)) == Update(50, BODY)


def test_nothing_to_review_is_not_worth_a_note() -> None:
    assert plan([], OWN, Wanted(BODY, idle=True)) == Leave()
    assert plan([Note(9, OTHER, BODY)], OWN, Wanted(BODY, idle=True)) == Leave()


def test_nothing_left_to_review_updates_the_note_that_stands() -> None:
    assert plan([STANDING], OWN, Wanted(BODY, idle=True)) == Update(50, BODY)


def test_the_first_note_may_be_about_a_failure() -> None:
    assert plan([], OWN, Wanted(failed(), failure=True)) == Create(failed())


def test_a_failure_keeps_the_review_that_stands() -> None:
    good = note.compose(full(), AROUND)
    wanted = Wanted(failed(), failure=True)

    assert plan([Note(50, OWN, good.rstrip())], OWN, wanted) == Update(50, note.with_previous(failed(), good))


def test_the_same_failure_again_leaves_the_note_alone() -> None:
    body = note.with_previous(failed(), note.compose(full(), AROUND))
    assert plan([Note(50, OWN, body.rstrip())], OWN, Wanted(failed(), failure=True)) == Leave()


def test_a_review_replaces_a_failure_and_what_it_kept() -> None:
    body = note.with_previous(failed(), note.compose(full(), AROUND))
    assert plan([Note(50, OWN, body)], OWN, Wanted(BODY)) == Update(50, BODY)
