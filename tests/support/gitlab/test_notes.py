"""What the double does with notes and discussions, and that python-gitlab gets along with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitlab as python_gitlab
import pytest
import requests

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs, Executed, GitLabDouble

ROLES = {"reviewer": "reporter", "developer": "developer", "maintainer": "maintainer", "author": "reporter"}


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[GitLabDouble]:
    checkout = Checkout(tmp_path / "repository")
    base, head = checkout.commit({"a.txt": "a\nb\n"}), checkout.commit({"a.txt": "a\nc\n"})
    with GitLabDouble() as double:
        for name, role in ROLES.items():
            double.add_user(name, token=f"of-{name}", role=role)
        double.add_project(7, "group/app", checkout.path)
        double.add_merge_request(7, 1, diff_refs=DiffRefs(base, base, head), author="author")
        yield double


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


class Caller:
    def __init__(self, gitlab: GitLabDouble, session: requests.Session) -> None:
        self.gitlab, self.session = gitlab, session

    def __call__(self, method: str, path: str, body: Any = None, *, user: str = "reviewer") -> requests.Response:
        url = f"{self.gitlab.api_url}/projects/7/merge_requests/1/{path}"
        return self.session.request(method, url, json=body, headers={"PRIVATE-TOKEN": f"of-{user}"}, timeout=10)

    def thread(self, body: str = "a thread", *, user: str = "reviewer") -> str:
        return str(self("POST", "discussions", {"body": body}, user=user).json()["id"])

    def position(self, **lines: int) -> dict[str, Any]:
        refs = self.gitlab.merge_request(7, 1).diff_refs.json()
        return {**refs, "position_type": "text", "old_path": "a.txt", "new_path": "a.txt", **lines}


@pytest.fixture
def call(gitlab: GitLabDouble, session: requests.Session) -> Caller:
    return Caller(gitlab, session)


# --- bodies ---


def test_a_note_is_stored_as_sent_but_for_cr_and_the_end(call: Caller) -> None:
    answer = call("POST", "notes", {"body": "one\r\n  two \r\n\r\n"})
    assert answer.status_code == 201
    assert answer.json()["body"] == "one\n  two"
    assert (answer.json()["type"], answer.json()["resolvable"]) == (None, False)


def test_the_same_body_twice_is_two_notes(call: Caller) -> None:
    assert len({call("POST", "notes", {"body": "same"}).json()["id"] for _ in range(2)}) == 2


@pytest.mark.parametrize("path", ["notes", "discussions"])
def test_an_empty_body_passes_the_parameters_and_fails_the_model(call: Caller, path: str) -> None:
    assert call("POST", path, {}).json() == {"error": "body is missing"}
    expected = {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'}
    assert call("POST", path, {"body": " \n"}).json() == expected


def test_a_body_may_hold_a_million_characters_and_no_more(call: Caller) -> None:
    assert call("POST", "notes", {"body": "ü" * 1_000_000}).status_code == 201
    too_long = call("POST", "notes", {"body": "ü" * 1_000_001})
    assert "is too long (maximum is 1000000 characters)" in too_long.json()["message"]


@pytest.mark.parametrize("body", ["a\0b", "a\ud800b"])
def test_a_body_that_postgres_could_not_store_is_refused_in_plain_text(call: Caller, body: str) -> None:
    answer = call("POST", "notes", {"body": body})
    assert (answer.status_code, answer.headers["Content-Type"], answer.text) == (400, "text/plain", "Bad Request")


def test_a_body_that_only_spells_an_escape_is_fine(call: Caller) -> None:
    assert call("POST", "notes", {"body": r"\u0000"}).json()["body"] == r"\u0000"


def test_bytes_that_are_no_utf8_are_refused(gitlab: GitLabDouble, session: requests.Session) -> None:
    headers = {"PRIVATE-TOKEN": "of-reviewer", "Content-Type": "application/json"}
    url = f"{gitlab.api_url}/projects/7/merge_requests/1/notes"
    assert session.post(url, data=b'{"body": "\xff"}', headers=headers, timeout=10).status_code == 400
    assert session.post(url, data=b'{"body": ', headers=headers, timeout=10).status_code == 400


def test_a_merge_request_is_full_one_day(gitlab: GitLabDouble, call: Caller) -> None:
    gitlab.limits.notes_per_merge_request = 1
    gitlab.add_note(7, 1, "added 1 commit", system=True)
    assert call("POST", "notes", {"body": "first"}).status_code == 201
    assert "Maximum number of comments exceeded" in call("POST", "discussions", {"body": "second"}).json()["message"]


def test_a_position_sent_with_a_plain_note_is_ignored(call: Caller) -> None:
    answer = call("POST", "notes", {"body": "x", "position": call.position(new_line=2)}).json()
    assert (answer["type"], "position" in answer) == (None, False)


# --- quick actions ---


@pytest.mark.parametrize("path", ["notes", "discussions"])
def test_quick_actions_run_and_leave_the_body(gitlab: GitLabDouble, call: Caller, path: str) -> None:
    answer = call("POST", path, {"body": "remark\n/close\n/label ~bug"})
    note = answer.json() if path == "notes" else answer.json()["notes"][0]
    assert (answer.status_code, note["body"]) == (201, "remark")
    assert gitlab.executed == [Executed("reviewer", 7, 1, command) for command in ("close", "label ~bug")]


def test_a_body_of_commands_makes_no_note_and_has_no_id(gitlab: GitLabDouble, call: Caller) -> None:
    answer = call("POST", "discussions", {"body": "/approve"})
    assert (answer.status_code, "id" in answer.json(), gitlab.notes(7, 1)) == (202, False, [])
    gitlab.instance.commands_fail_in_discussions = True
    assert call("POST", "discussions", {"body": "/approve"}).json() == {"message": "400 Bad request - Note {}"}
    assert [run.command for run in gitlab.executed] == ["approve", "approve"]


def test_what_is_refused_runs_nothing(gitlab: GitLabDouble, call: Caller) -> None:
    sent = {"body": "x\n/close", "position": call.position(new_line=9)}
    assert call("POST", "discussions", sent).status_code == 400
    assert gitlab.executed == []


def test_an_edit_runs_them_again_and_may_delete_the_note(gitlab: GitLabDouble, call: Caller) -> None:
    number = call("POST", "notes", {"body": "remark"}).json()["id"]
    assert call("PUT", f"notes/{number}", {"body": "more\n/todo"}).json()["body"] == "more"
    assert call("PUT", f"notes/{number}", {"body": "/done"}).status_code == 202
    assert gitlab.notes(7, 1) == []
    assert [run.command for run in gitlab.executed] == ["todo", "done"]


# --- edits and deletions ---


def test_only_the_author_and_maintainers_edit_a_note(gitlab: GitLabDouble, call: Caller) -> None:
    number = call("POST", "notes", {"body": "mine"}).json()["id"]
    assert call("PUT", f"notes/{number}", {"body": "theirs"}, user="developer").status_code == 403
    assert call("PUT", f"notes/{number}", {"body": "theirs"}, user="maintainer").status_code == 200
    assert call("PUT", f"notes/{number}", {"body": " "}).status_code == 400
    assert call("PUT", "notes/1", {"body": "x"}).json() == {"message": "404 Not found"}
    assert [note["body"] for note in gitlab.notes(7, 1)] == ["theirs"]


def test_system_notes_can_not_be_edited_resolved_or_answered(gitlab: GitLabDouble, call: Caller) -> None:
    number = gitlab.add_note(7, 1, "added 1 commit", system=True)
    thread = gitlab.discussions(7, 1)[0]["id"]
    assert call("PUT", f"notes/{number}", {"body": "x"}, user="maintainer").status_code == 403
    assert call("PUT", f"discussions/{thread}", {"resolved": True}, user="maintainer").status_code == 403
    answer = call("POST", f"discussions/{thread}/notes", {"body": "x"})
    assert answer.json() == {"message": "400 Bad request - Discussion can not be replied to."}


def test_replies_outlive_the_first_note(gitlab: GitLabDouble, call: Caller) -> None:
    thread = call.thread()
    call("POST", f"discussions/{thread}/notes", {"body": "reply"})
    first = gitlab.notes(7, 1)[0]["id"]
    assert call("DELETE", f"notes/{first}").status_code == 204
    assert [note["body"] for note in gitlab.discussions(7, 1)[0]["notes"]] == ["reply"]


def test_a_locked_merge_request_hears_members_only(
    gitlab: GitLabDouble, call: Caller, session: requests.Session
) -> None:
    gitlab.add_user("stranger", token="of-stranger", role="none")
    gitlab.instance.projects[7].public = True
    assert call("POST", "notes", {"body": "x"}, user="stranger").status_code == 201
    gitlab.merge_request(7, 1).locked = True
    assert call("POST", "notes", {"body": "x"}, user="stranger").json() == {"message": "403 Forbidden"}
    assert call("POST", "notes", {"body": "x"}).status_code == 201


# --- threads ---


def test_a_thread_resolves_for_developers_and_the_author_of_the_change(call: Caller) -> None:
    thread = call.thread()
    path = f"discussions/{thread}"
    assert call("PUT", path, {"resolved": True}).json() == {"message": "403 Forbidden"}
    for user in ("developer", "author"):
        for _ in range(2):
            answer = call("PUT", path, {"resolved": True}, user=user)
            assert (answer.status_code, answer.json()["notes"][0]["resolved"]) == (200, True)
        assert not call("PUT", path, {"resolved": False}, user=user).json()["notes"][0]["resolved"]
    assert call("PUT", path, {}, user="author").json() == {"error": "resolved is missing"}


def test_the_author_of_a_note_may_resolve_the_note(gitlab: GitLabDouble, call: Caller) -> None:
    thread, number = call.thread(), gitlab.notes(7, 1)[0]["id"]
    path = f"discussions/{thread}/notes/{number}"
    assert call("PUT", path, {"resolved": True}).json()["resolved_by"]["username"] == "reviewer"
    assert call("PUT", path, {"resolved": True, "body": "x"}).status_code == 400
    assert call("PUT", path, {}).status_code == 400
    assert call("PUT", path, {"body": "edited"}).json()["body"] == "edited"


def test_a_plain_note_is_no_thread_until_someone_replies(gitlab: GitLabDouble, call: Caller) -> None:
    call("POST", "notes", {"body": "note"})
    (plain,) = gitlab.discussions(7, 1)
    assert plain["individual_note"]
    assert call("PUT", f"discussions/{plain['id']}", {"resolved": True}, user="developer").status_code == 403
    assert call("POST", f"discussions/{plain['id']}/notes", {"body": "reply"}).status_code == 201
    (thread,) = gitlab.discussions(7, 1)
    assert (thread["individual_note"], [note["resolvable"] for note in thread["notes"]]) == (False, [True, True])


def test_a_reply_to_a_resolved_thread_leaves_it_resolved(gitlab: GitLabDouble, call: Caller) -> None:
    thread = call.thread()
    call("PUT", f"discussions/{thread}", {"resolved": True}, user="developer")
    assert call("POST", f"discussions/{thread}/notes", {"body": "reply"}).json()["resolved"]
    assert gitlab.merge_request(7, 1).discussions[0].resolved
    assert call("POST", f"discussions/{'0' * 40}/notes", {"body": "x"}).json() == {
        "message": "404 Discussion Not Found"
    }


def test_emoji_refuse_what_they_do_not_know_as_not_found(gitlab: GitLabDouble, call: Caller) -> None:
    number = call("POST", "notes", {"body": "x"}).json()["id"]
    path = f"notes/{number}/award_emoji"
    award = call("POST", path, {"name": "thumbsup"})
    assert award.status_code == 201
    assert "has already been taken" in call("POST", path, {"name": "thumbsup"}).json()["message"]
    assert call("POST", path, {"name": ":eyes:"}).status_code == 404
    assert call("DELETE", f"{path}/{award.json()['id']}", user="developer").status_code == 401
    assert call("DELETE", f"{path}/{award.json()['id']}").status_code == 204
    assert call("GET", path).json() == []


# --- through python-gitlab ---


def test_python_gitlab_reads_and_writes_threads(gitlab: GitLabDouble, call: Caller) -> None:
    with python_gitlab.Gitlab(gitlab.url, private_token="of-developer") as client:
        merge_request = client.projects.get("group/app").mergerequests.get(1)
        position = call.position(new_line=2)
        thread = merge_request.discussions.create({"body": "look", "position": position})
        thread.notes.create({"body": "reply"})
        thread.resolved = True
        thread.save()
        note = merge_request.notes.create({"body": "summary"})
        note.body = "summary, edited"
        note.save()
        shown = merge_request.discussions.list(get_all=True)
        assert [d.attributes["individual_note"] for d in shown] == [False, True]
        assert all(n["resolved"] for n in shown[0].attributes["notes"])
        merge_request.draft_notes.create({"note": "draft"})
        merge_request.draft_notes.bulk_publish()
        bodies = [note.body for note in merge_request.notes.list(iterator=True, sort="asc")]
        assert bodies == ["look", "reply", "summary, edited", "draft"]
        with pytest.raises(python_gitlab.GitlabCreateError, match="valid line code"):
            merge_request.discussions.create({"body": "x", "position": {**position, "new_line": 9}})
