"""Which lines a suggestion replaces, when it can be applied, and what comes of it."""

from collections.abc import Iterator

import pytest

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.story import Story, text

SUGGESTION = "better:\n\n```suggestion:-0+1\nnew text\n```\n"


@pytest.fixture
def story(checkout: Checkout) -> Iterator[Story]:
    with Story(checkout) as story:
        yield story


@pytest.mark.parametrize(
    ("fence", "first", "last"),
    [
        ("```suggestion", 7, 7),
        ("```suggestion:-2+1", 5, 8),
        ("```suggestion:-99+0", 1, 7),
        ("````suggestion:+3", 7, 10),
    ],
)
def test_a_suggestion_names_the_lines_it_replaces(story: Story, fence: str, first: int, last: int) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    body = f"better:\n\n{fence}\nnew text\n{fence[: fence.index('s')]}\n"
    (suggestion,) = story.shown(story.thread((None, 7), body=body))[0]["suggestions"]
    assert (suggestion["from_line"], suggestion["to_line"]) == (first, last)
    assert (suggestion["to_content"], suggestion["applied"], suggestion["appliable"]) == ("new text\n", False, True)
    assert suggestion["from_content"] == "".join(text("7=x").splitlines(keepends=True)[first - 1 : last])


def test_a_removed_line_and_a_plain_note_suggest_nothing(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7-")})
    body = "```suggestion\nx\n```"
    assert story.shown(story.thread((7, None), body=body))[0]["suggestions"] == []
    assert story("POST", "notes", {"body": body}).json()["suggestions"] == []


def test_a_suggestion_inside_other_code_is_that_code(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    body = "````py\n```suggestion:-0+0\nx\n```\n````"
    assert story.shown(story.thread((None, 7), body=body))[0]["suggestions"] == []


def test_an_edit_makes_new_suggestions(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    (note,) = story.shown(story.thread((None, 7), body=SUGGESTION))
    edited = story("PUT", f"notes/{note['id']}", {"body": "```suggestion\nother\n```"}).json()
    assert [suggestion["to_content"] for suggestion in edited["suggestions"]] == ["other\n"]
    assert edited["suggestions"][0]["id"] != note["suggestions"][0]["id"]


def test_an_applied_suggestion_is_a_push_and_the_page_resolves_the_thread(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    thread = story.thread((None, 7), body=SUGGESTION)
    (note,) = story.shown(thread)
    story.gitlab.apply_suggestion(7, 1, note["id"], author="developer")
    head = story("GET", "/projects/7/merge_requests/1").json()["sha"]
    file = story("GET", f"/projects/7/repository/files/a.txt/raw?ref={head}").text
    assert file == text("7=new text", "8-")
    remark, told = story.shown(thread)
    assert (remark["resolved"], remark["resolved_by"]["username"]) == (True, "developer")
    assert (remark["suggestions"][0]["applied"], remark["suggestions"][0]["appliable"]) == (True, False)
    assert told["body"] == "changed this line in version 2 of the diff"
    with pytest.raises(ValueError, match="Can't apply this suggestion"):
        story.gitlab.apply_suggestion(7, 1, note["id"])


def test_applying_by_the_api_leaves_the_thread_open(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    thread = story.thread((None, 7), body=SUGGESTION)
    number = story.shown(thread)[0]["suggestions"][0]["id"]
    path = f"/suggestions/{number}/apply"
    assert story("PUT", path).json() == {"message": "403 Forbidden"}
    assert story("PUT", "/suggestions/1/apply").json() == {"message": "404 Not found"}
    assert story("PUT", path, user="author").json()["applied"] is True
    assert story.shown(thread)[0]["resolved"] is False
    answer = story("PUT", path, user="author")
    assert (answer.status_code, answer.json()) == (400, {"message": "Can't apply this suggestion."})


def test_a_suggestion_follows_its_line_until_the_line_changes(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    thread = story.thread((None, 7), body=SUGGESTION)
    story.pushes({"a.txt": text("0+y", "7=x")})
    (suggestion,) = story.shown(thread)[0]["suggestions"]
    assert (suggestion["from_line"], suggestion["to_line"], suggestion["appliable"]) == (8, 9, True)
    story.pushes({"a.txt": text("0+y", "7=x", "8=changed")})
    assert story.stands(thread) == ("a.txt", None, 8)
    assert story.shown(thread)[0]["suggestions"][0]["appliable"] is False
    answer = story("PUT", f"/suggestions/{suggestion['id']}/apply", user="developer")
    assert answer.json() == {"message": "Can't apply as these lines were changed in a more recent version."}


def test_a_suggestion_on_a_line_that_is_gone_can_not_be_applied(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    thread = story.thread((None, 7), body="```suggestion\nother\n```")
    story.pushes({"a.txt": text("7=y")})
    note = story.shown(thread)[0]
    assert note["suggestions"][0]["appliable"] is False
    with pytest.raises(ValueError, match="Can't apply as this line was changed in a more recent version"):
        story.gitlab.apply_suggestion(7, 1, note["id"])


@pytest.mark.parametrize(("state", "why"), [("merged", "was merged"), ("closed", "is closed")])
def test_nothing_is_applied_to_a_merge_request_that_is_over(story: Story, state: str, why: str) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    (note,) = story.shown(story.thread((None, 7), body=SUGGESTION))
    story.gitlab.merge_request(7, 1).state = state
    with pytest.raises(ValueError, match=why):
        story.gitlab.apply_suggestion(7, 1, note["id"])


def test_a_suggestion_of_what_is_there_already_is_not_appliable(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    (note,) = story.shown(story.thread((None, 7), body="```suggestion\nx\n```"))
    with pytest.raises(ValueError, match="already matches its content"):
        story.gitlab.apply_suggestion(7, 1, note["id"])
