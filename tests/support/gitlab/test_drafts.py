"""Draft notes, row by row as GitLab keeps, loses and publishes them, and whom a review notifies."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import Notification
from tests.support.gitlab.story import Lines, Story, text

NOT_FOUND = {"error": "404 Not Found"}


@pytest.fixture
def story(checkout: Checkout) -> Iterator[Story]:
    with Story(checkout) as story:
        story.opens({"a.txt": text(), "binary": b"\0\1"}, {"a.txt": text("7+x"), "binary": b"\0\2"})
        yield story


def draft(story: Story, lines: Lines = (None, 8), *, note: str = "remark", **more: Any) -> Any:
    answer = story("POST", "draft_notes", {"note": note, "position": story.position(lines, **more)})
    assert answer.status_code == 201, answer.text
    return answer.json()


def bodies(story: Story) -> list[str]:
    return [note["body"] for note in story.gitlab.notes(7, 1)]


# --- creating ---


@pytest.mark.parametrize("lines", [(None, 8), (7, 7), (20, 21)], ids=str)
def test_a_draft_on_a_line_shows_its_line_code(story: Story, lines: Lines) -> None:
    shown = draft(story, lines)
    old, new = lines[0] or 8, lines[1]
    assert shown["line_code"].endswith(f"_{old}_{new}")
    assert (shown["position"]["old_line"], shown["position"]["new_line"]) == lines
    assert story("GET", f"draft_notes/{shown['id']}").json() == shown
    assert story.gitlab.notes(7, 1) == []


@pytest.mark.parametrize("lines", [(None, 9), (8, 8), (8, None)], ids=str)
def test_a_draft_on_a_wrong_line_is_taken_without_a_line_code(story: Story, lines: Lines) -> None:
    assert draft(story, lines)["line_code"] is None


def test_a_draft_on_a_file_has_no_line_code(story: Story) -> None:
    shown = draft(story, (None, None), path="binary", position_type="file")
    assert (shown["line_code"], shown["position"]["position_type"]) == (None, "file")
    assert story("POST", "draft_notes/bulk_publish").status_code == 204
    assert story.gitlab.notes(7, 1)[0]["position"]["new_path"] == "binary"


def test_the_parameters_are_named_as_for_threads(story: Story) -> None:
    assert story("POST", "draft_notes", {"body": "x"}).json() == {"error": "note is missing"}
    missing = story("POST", "draft_notes", {"note": "x", "position": {"new_line": 8}}).json()
    assert missing["error"].startswith("position[base_sha] is missing, ")
    large = {"note": "x", "position": story.position((None, 8), line_range={"start": {"type": "x" * 102_400}})}
    assert story("POST", "draft_notes", large).json() == {"message": {"position": ["is too large"]}}


def test_a_draft_without_a_line_becomes_a_thread_on_the_whole(story: Story) -> None:
    plain = story("POST", "draft_notes", {"note": "plain"}).json()
    assert (plain["position"]["position_type"], plain["position"]["new_path"]) == ("text", None)
    draft(story, (None, None), note="incomplete")
    assert story("POST", "draft_notes/bulk_publish").status_code == 204
    assert [(n["type"], n["body"]) for n in story.gitlab.notes(7, 1)] == [
        ("DiscussionNote", "plain"),
        ("DiscussionNote", "incomplete"),
    ]


def test_one_sees_one_s_own_drafts_only_and_all_at_once(story: Story) -> None:
    for number in range(25):
        draft(story, note=f"remark {number}")
    answer = story("GET", "draft_notes?per_page=5")
    assert len(answer.json()) == 25
    assert "X-Next-Page" not in answer.headers
    assert story("GET", "draft_notes", user="author").json() == []
    own = answer.json()[0]["id"]
    for method, path in (("GET", f"{own}"), ("PUT", f"{own}/publish"), ("DELETE", f"{own}")):
        assert story(method, f"draft_notes/{path}", user="author").status_code == 404
    assert story("POST", "draft_notes/bulk_publish", user="author").status_code == 204
    assert len(story("GET", "draft_notes").json()) == 25


# --- changing ---


def test_an_edit_that_does_not_repeat_the_position_wipes_it(story: Story) -> None:
    number = draft(story)["id"]
    kept = story("PUT", f"draft_notes/{number}", {"note": "y", "position": story.position((7, 7))}).json()
    assert (kept["note"], kept["position"]["old_line"]) == ("y", 7)
    wiped = story("PUT", f"draft_notes/{number}", {"note": "z"}).json()
    assert (wiped["position"]["new_path"], wiped["line_code"]) == (None, None)
    story("POST", "draft_notes/bulk_publish")
    assert [(note["type"], note["body"]) for note in story.gitlab.notes(7, 1)] == [("DiscussionNote", "z")]


def test_an_edit_needs_a_note(story: Story) -> None:
    path = f"draft_notes/{draft(story)['id']}"
    assert story("PUT", path, {}).json() == {"message": "400 Bad request - Missing params to modify"}
    assert story("PUT", path, {"note": " "}).json() == {"error": "note is empty"}


def test_a_deleted_draft_is_gone(story: Story) -> None:
    path = f"draft_notes/{draft(story)['id']}"
    assert [story(method, path).status_code for method in ("DELETE", "GET", "DELETE")] == [204, 404, 404]


# --- publishing ---


def test_a_bad_draft_is_lost_without_a_word(story: Story) -> None:
    draft(story, (None, 8), note="right")
    draft(story, (None, 9), note="wrong line")
    story("POST", "draft_notes", {"note": " "})
    draft(story, (None, 8), note="right too")
    assert story("POST", "draft_notes/bulk_publish").status_code == 204
    assert bodies(story) == ["right", "right too"]
    assert story("GET", "draft_notes").json() == []


def test_one_bad_draft_is_lost_when_it_is_published_alone(story: Story) -> None:
    good, bad = draft(story, note="good"), draft(story, (None, 9), note="bad")
    for one in (good, bad):
        assert story("PUT", f"draft_notes/{one['id']}/publish").status_code == 204
    assert bodies(story) == ["good"]
    assert story("GET", "draft_notes").json() == []


def test_a_draft_of_an_older_version_is_carried_along_or_outdated(story: Story) -> None:
    draft(story, (None, 8), note="kept")
    draft(story, (3, 3), note="gone")
    old = story.refs
    story.pushes({"a.txt": text("0+y", "1+y", "3-", "7+x")})
    story("POST", "draft_notes/bulk_publish")
    stand = {note["body"]: note["position"] for note in story.gitlab.notes(7, 1) if not note["system"]}
    assert {body: (at["head_sha"], at["new_line"]) for body, at in stand.items()} == {
        "kept": (story.refs.head, 9),
        "gone": (old.head, 3),
    }


def test_drafts_of_an_unknown_commit_fail_the_whole_review(story: Story) -> None:
    draft(story, head_sha="f" * 40)
    assert story("POST", "draft_notes/bulk_publish").status_code == 500
    assert len(story("GET", "draft_notes").json()) == 1


def test_quick_actions_in_drafts_run_when_they_are_published(story: Story) -> None:
    story("POST", "draft_notes", {"note": "/close"})
    assert story.gitlab.executed == []
    assert story("POST", "draft_notes/bulk_publish").status_code == 204
    assert [run.command for run in story.gitlab.executed] == ["close"]
    assert bodies(story) == []


# --- replies ---


def test_a_draft_reply_opens_a_resolved_thread_again(story: Story) -> None:
    thread = story.thread((None, 8))
    story.gitlab.resolve(7, 1, thread)
    sent = {"note": "reply", "in_reply_to_discussion_id": thread}
    assert story("POST", "draft_notes", sent).json()["discussion_id"] == thread
    assert story("POST", "draft_notes", sent).json() == {"message": {"author_id": ["has already been taken"]}}
    story("POST", "draft_notes/bulk_publish")
    assert [(note["body"], note["resolved"]) for note in story.shown(thread)] == [("remark", False), ("reply", False)]


def test_a_draft_that_resolves_needs_the_right_to(story: Story) -> None:
    thread = story.thread((None, 8))
    sent = {"note": "done", "in_reply_to_discussion_id": thread, "resolve_discussion": True}
    refused = story("POST", "draft_notes", sent)
    assert refused.json() == {"message": {"base": ["User is not allowed to resolve thread"]}}
    assert story("POST", "draft_notes", sent, user="developer").status_code == 201
    story("POST", "draft_notes/bulk_publish", user="developer")
    assert [note["resolved_by"]["username"] for note in story.shown(thread)] == ["developer", "developer"]


def test_a_draft_answers_threads_that_exist_and_no_system_notes(story: Story) -> None:
    story.gitlab.add_note(7, 1, "added 1 commit", system=True)
    system = story.gitlab.discussions(7, 1)[0]["id"]
    for thread, why in (
        ("0" * 40, "Thread to reply to cannot be found"),
        (system, "Replies to system notes are not allowed"),
    ):
        answer = story("POST", "draft_notes", {"note": "x", "in_reply_to_discussion_id": thread})
        assert (answer.status_code, answer.json()) == (400, {"message": {"base": [why]}})


def test_a_reply_to_a_thread_deleted_meanwhile_is_lost(story: Story) -> None:
    thread = story.thread((None, 8))
    story("POST", "draft_notes", {"note": "reply", "in_reply_to_discussion_id": thread})
    story.gitlab.delete_note(7, 1, story.shown(thread)[0]["id"])
    assert story("POST", "draft_notes/bulk_publish").status_code == 204
    assert bodies(story) == []


# --- notifications ---


def test_a_whole_review_notifies_once_and_single_notes_each(story: Story) -> None:
    one = story("POST", "notes", {"body": "summary"}).json()["id"]
    two = story.shown(story.thread((None, 8)))[0]["id"]
    assert story.gitlab.notifications == [Notification("reviewer", (one,)), Notification("reviewer", (two,))]
    for lines in ((None, 8), (None, 9), (7, 7)):
        draft(story, lines)
    story("PUT", f"notes/{one}", {"body": "summary, edited"})
    assert len(story.gitlab.notifications) == 2
    story("POST", "draft_notes/bulk_publish")
    published = tuple(note["id"] for note in story.gitlab.notes(7, 1)[2:])
    assert len(published) == 2
    assert story.gitlab.notifications[2:] == [Notification("reviewer", published)]


def test_a_draft_published_alone_notifies_and_a_lost_one_does_not(story: Story) -> None:
    for lines in ((None, 8), (None, 9)):
        story("PUT", f"draft_notes/{draft(story, lines)['id']}/publish")
    (note,) = story.gitlab.notes(7, 1)
    assert story.gitlab.notifications == [Notification("reviewer", (note["id"],))]


def test_pushes_resolving_and_emoji_notify_nobody_and_people_do(story: Story) -> None:
    thread = story.thread((None, 8))
    story.pushes({"a.txt": text()})
    story.gitlab.resolve(7, 1, thread)
    story.gitlab.award(7, 1, story.shown(thread)[0]["id"], "eyes")
    assert len(story.gitlab.notifications) == 1
    reply = story.gitlab.reply(7, 1, thread, "thanks")
    assert story.gitlab.notifications[1:] == [Notification("author", (reply,))]


# --- older GitLab ---


def test_an_old_gitlab_knows_no_drafts(story: Story) -> None:
    story.gitlab.instance.draft_notes = False
    for method, path in (("GET", "draft_notes"), ("POST", "draft_notes"), ("POST", "draft_notes/bulk_publish")):
        answer = story(method, path, {"note": "x"})
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_an_old_gitlab_knows_no_position_on_a_file(story: Story) -> None:
    story.gitlab.instance.file_positions = False
    position = story.position(path="binary", position_type="file")
    for path, name in (("discussions", "body"), ("draft_notes", "note")):
        answer = story("POST", path, {name: "x", "position": position})
        expected = {"error": "position[position_type] does not have a valid value"}
        assert (answer.status_code, answer.json()) == (400, expected)
