"""What the adapter sends has passed the guard, whatever door let it through."""

import pytest

from iquest_review.findings import fingerprint
from iquest_review.gitlab.client import HELD_BACK, GitLab
from iquest_review.merge_request import MergeRequest
from iquest_review.note import markdown, thread
from iquest_review.note.summary import SUMMARY_MARKER
from tests.note.test_guard import inert
from tests.support.connections import IID, PROJECT, REFS, TOKEN, Waits, publish, review, stored
from tests.support.gitlab.double import GitLabDouble
from tests.support.outcomes import finding

MARK = fingerprint.format_marker(thread.build_mark(finding(anchor="fedcba9876543210", anchored=1)))
LET_THROUGH = "Looks good.\n\n/close\n\n@all ![a](http://evil.example/x)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def telling(server: GitLabDouble, waits: Waits, said: list[str]) -> GitLab:
    return GitLab(server.api_url, TOKEN, MergeRequest("7", IID), sleep=waits, warn=said.append)


def judged(server: GitLabDouble, said: list[str]) -> None:
    assert server.executed == []
    for body in stored(server):
        inert(body)
        assert "Looks good." in body, "the review is not lost"
    assert stored(server)
    assert [line for line in said if line.startswith(HELD_BACK)]


def test_a_note_the_door_let_through_is_caught(server: GitLabDouble, telling: GitLab, said: list[str]) -> None:
    telling.write_note(f"{SUMMARY_MARKER}\n\n{LET_THROUGH}")
    judged(server, said)
    telling.write_note(f"{SUMMARY_MARKER}\n\nAgain. {LET_THROUGH}", server.notes(PROJECT, IID)[0]["id"])
    judged(server, said)
    assert len(said) == 2


def test_a_thread_the_door_let_through_is_caught(server: GitLabDouble, telling: GitLab, said: list[str]) -> None:
    telling.start_thread(f"{MARK}\n\n{LET_THROUGH}", _position())
    judged(server, said)


def test_a_draft_the_door_let_through_is_caught(server: GitLabDouble, telling: GitLab, said: list[str]) -> None:
    telling.create_draft(f"{MARK}\n\n{LET_THROUGH}", _position())
    telling.publish_drafts()
    judged(server, said)


def _position() -> dict[str, str | int]:
    refs = {"base_sha": REFS.base, "start_sha": REFS.start, "head_sha": REFS.head}
    return {**refs, "position_type": "file", "old_path": "x", "new_path": "x"}


def test_a_whole_review_the_door_let_through_is_published_and_stays(
    server: GitLabDouble, telling: GitLab, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markdown, "escape_prose", str)  # a door that stands open

    published = publish(telling, review(LET_THROUGH))
    judged(server, said)
    again = publish(telling, review(LET_THROUGH))

    assert published.body is not None
    assert published.wrote
    assert [published.body.rstrip()] == stored(server)
    assert not again.wrote, "the same text is no reason to write again"
