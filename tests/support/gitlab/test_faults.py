"""How the double breaks, and what can be made to happen at the worst moment."""

import time
from collections.abc import Iterator

import pytest
import requests

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import GitLabDouble
from tests.support.gitlab.story import MR, Story, text


@pytest.fixture
def story(checkout: Checkout) -> Iterator[Story]:
    with Story(checkout) as story:
        story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
        yield story


def note(story: Story) -> requests.Response:
    return story("POST", "notes", {"body": "remark"})


# --- faults ---


def test_a_fault_hits_as_often_as_told_and_only_where_told(story: Story) -> None:
    story.gitlab.fail("GET", r"/merge_requests/1$", status=502, body="<html>Bad Gateway</html>", times=2)
    assert story("GET", "notes").status_code == 200
    answers = [story("GET", f"/{MR}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [502, 502, 200]
    assert (answers[0].text, answers[0].headers["Content-Type"]) == ("<html>Bad Gateway</html>", "text/html")


def test_an_error_may_hide_a_stored_note(story: Story) -> None:
    story.gitlab.fail("POST", "/notes", status=500, body={"message": "500 Internal Server Error"}, after_store=True)
    assert note(story).json() == {"message": "500 Internal Server Error"}
    story.gitlab.fail("POST", "/notes", status=500)
    assert note(story).status_code == 500
    assert len(story.gitlab.notes(7, 1)) == 1


@pytest.mark.parametrize("stored", [0, 1])
def test_a_connection_may_break_before_or_after_storing(story: Story, stored: int) -> None:
    story.gitlab.fail("POST", "/notes", drop=True, after_store=bool(stored))
    with pytest.raises(requests.ConnectionError):
        note(story)
    assert len(story.gitlab.notes(7, 1)) == stored
    assert [request.json for request in story.gitlab.requests] == [{"body": "remark"}]


def test_an_answer_may_come_late(story: Story) -> None:
    story.gitlab.fail("*", "/user", delay=0.2)
    start = time.monotonic()
    assert story("GET", "/user").status_code == 200
    assert time.monotonic() - start >= 0.2


def test_any_answer_can_be_put_in_its_place(story: Story) -> None:
    story.gitlab.fail("GET", "/version", status=200, headers={"X-Proxy": "yes"}, body="<html>Sign in</html>")
    assert story("GET", "/version").headers["X-Proxy"] == "yes"
    story.gitlab.fail("POST", "/notes", status=201, body="<html>Sign in</html>")
    assert note(story).text == "<html>Sign in</html>"


# --- death ---


def test_a_dead_server_handles_nothing_until_it_is_revived(story: Story) -> None:
    assert note(story).status_code == 201
    mark = story.gitlab.mark()
    story.gitlab.die_after(1)
    assert note(story).status_code == 201
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            note(story)
    assert len(story.gitlab.notes(7, 1)) == 2
    story.gitlab.revive()
    assert note(story).status_code == 201
    assert [request.method for request in story.gitlab.requests_since(mark)] == ["POST"] * 4
    assert story.gitlab.requests_since(story.gitlab.mark()) == []


def test_it_may_be_dead_from_the_start(story: Story) -> None:
    story.gitlab.die_after(0)
    with pytest.raises(requests.ConnectionError):
        story("GET", "/user")


# --- the worst moment ---


def test_a_push_may_come_just_before_a_thread_is_posted(story: Story) -> None:
    old = story.refs
    pushed = story.gitlab.before("POST", r"/discussions$", lambda: story.pushes({"a.txt": text("0+y", "7=x")}))
    assert story("GET", "discussions").json() == []
    assert not pushed.ran
    thread = story.thread((None, 7))
    assert pushed.ran
    assert old.head != story.refs.head
    assert story.stands(thread) == ("a.txt", None, 8)
    story.thread((None, 8))
    assert len(story("GET", "versions").json()) == 2


def test_another_run_may_post_at_that_very_moment(story: Story) -> None:
    def other_run() -> None:
        assert requests.post(url, json={"body": "other"}, headers={"PRIVATE-TOKEN": "of-reviewer"}, timeout=5).ok

    url = f"{story.gitlab.api_url}/{MR}/notes"
    story.gitlab.before("*", r"/notes$", other_run)
    assert note(story).status_code == 201
    assert [one["body"] for one in story.gitlab.notes(7, 1)] == ["other", "remark"]


def test_nothing_happens_before_a_request_that_is_not_handled(story: Story) -> None:
    happened: list[int] = []
    story.gitlab.fail("POST", "/notes", status=502)
    story.gitlab.before("POST", "/notes", lambda: happened.append(1))
    assert note(story).status_code == 502
    assert happened == []
    assert note(story).status_code == 201
    assert note(story).status_code == 201
    assert happened == [1]


def test_an_action_that_fails_fails_the_test() -> None:
    def action() -> None:
        double.push(7, 1, None)

    double = GitLabDouble()
    double.__enter__()
    double.before("GET", "/version", action)
    assert requests.get(f"{double.api_url}/version", timeout=5).status_code == 500
    with pytest.raises(AssertionError, match="KeyError: 7"):
        double.__exit__(None, None, None)
