"""The client and a GitLab that breaks as GitLab breaks, or refuses as it refuses."""

from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from iquest_review.errors import GitLabError, UsageError
from iquest_review.gitlab import client, transport
from iquest_review.gitlab.client import MAX_ATTEMPTS, MAX_RETRY_SECONDS, GitLab
from iquest_review.merge_request import MergeRequest
from iquest_review.note import summary
from iquest_review.note.summary import SUMMARY_MARKER
from tests.support.connections import (
    API,
    FACTS,
    IID,
    MERGE_REQUEST,
    NOTES,
    PATH,
    PROJECT,
    REFS,
    TOKEN,
    Recorder,
    Waits,
    connect,
    failure,
    posted,
    publish,
    review,
    stored,
)
from tests.support.gitlab.double import GitLabDouble
from tests.support.outcomes import AROUND

# --- what may pass ---

AFTERWARDS: dict[str, dict[str, Any]] = {
    "500 but stored": {"status": 500, "after_store": True},
    "502 but stored": {"status": 502, "after_store": True, "body": "<html>Bad Gateway</html>"},
    "connection lost after it was stored": {"drop": True, "after_store": True},
    "connection lost before": {"drop": True},
    "502": {"status": 502, "body": "<html>Bad Gateway</html>"},
    "503": {"status": 503},
    "a lock": {"status": 409, "body": {"message": "409 Conflict: Resource lock"}},
    "a limit": {"status": 429, "body": "Retry later\n", "headers": {"Retry-After": "3"}},
}


@pytest.mark.parametrize("fault", AFTERWARDS.values(), ids=AFTERWARDS.keys())
def test_a_post_that_fails_leaves_exactly_one_note(
    server: GitLabDouble, gitlab: GitLab, waits: Waits, fault: dict[str, Any]
) -> None:
    server.fail("POST", NOTES, **fault)

    published = publish(gitlab, review())

    assert stored(server) == posted(published)
    assert (published.wrote, len(waits)) == (True, 1)


@pytest.mark.parametrize("fault", AFTERWARDS.values(), ids=AFTERWARDS.keys())
def test_an_update_that_fails_is_made_once(
    server: GitLabDouble, gitlab: GitLab, waits: Waits, fault: dict[str, Any]
) -> None:
    publish(gitlab, review())
    server.fail("PUT", "/notes/", **fault)

    published = publish(gitlab, review("The second."))

    assert stored(server) == posted(published)
    assert "The second." in stored(server)[0]
    assert (published.wrote, len(waits)) == (True, 1)


def test_a_failure_that_is_stored_in_spite_of_its_answer_keeps_one_review(server: GitLabDouble, gitlab: GitLab) -> None:
    good = publish(gitlab, review()).body or ""
    server.fail("PUT", "/notes/", status=500, after_store=True)

    published = publish(gitlab, failure())

    assert (
        stored(server)
        == [summary.append_previous_review(summary.compose_note(failure(), AROUND), good).rstrip()]
        == posted(published)
    )


def test_a_note_that_is_stored_at_the_last_attempt_counts(server: GitLabDouble, gitlab: GitLab) -> None:
    server.fail("POST", NOTES, status=502, times=MAX_ATTEMPTS - 1)
    server.fail("POST", NOTES, status=502, after_store=True)

    published = publish(gitlab, review())
    assert stored(server) == posted(published)


def test_a_gitlab_that_stays_down_is_given_up(server: GitLabDouble, gitlab: GitLab, waits: Waits) -> None:
    server.fail("POST", NOTES, status=502, times=99)

    with pytest.raises(GitLabError, match=r"GitLab at 127\.0\.0\.1:\d+ answered 502") as caught:
        publish(gitlab, review())

    assert caught.value.status == 502
    assert waits == [2, 4, 8, 16, 32][: len(waits)]
    assert sum(request.method == "POST" for request in server.requests) == MAX_ATTEMPTS


@pytest.mark.parametrize(
    "fault",
    [
        *({"status": status} for status in (500, 502, 503, 504, 429)),
        {"body": requests.ConnectionError("Remote end closed connection without response")},
    ],
)
def test_a_read_is_asked_again(
    api: responses.RequestsMock, remote: GitLab, waits: Waits, fault: dict[str, Any]
) -> None:
    for _ in range(MAX_ATTEMPTS - 1):
        api.get(MERGE_REQUEST, **fault)
    api.get(MERGE_REQUEST, json=FACTS)

    assert remote.fetch_facts().state == "opened"
    assert len(waits) == MAX_ATTEMPTS - 1


def test_a_read_is_not_asked_for_ever(api: responses.RequestsMock, remote: GitLab, waits: Waits) -> None:
    api.get(MERGE_REQUEST, status=503)

    with pytest.raises(GitLabError, match="answered 503"):
        remote.fetch_facts()

    api.assert_call_count(MERGE_REQUEST, MAX_ATTEMPTS)
    assert waits == sorted(waits)
    assert sum(waits) < MAX_RETRY_SECONDS


def test_a_read_is_not_waited_for_beyond_its_deadline(
    api: responses.RequestsMock, remote: GitLab, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_RETRY_SECONDS", 45)
    api.get(MERGE_REQUEST, status=429, headers={"Retry-After": "50"})

    with pytest.raises(GitLabError, match="answered 429"):
        remote.fetch_facts()

    api.assert_call_count(MERGE_REQUEST, 1)
    assert waits == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422])
def test_what_does_not_pass_is_asked_once(
    api: responses.RequestsMock, remote: GitLab, waits: Waits, status: int
) -> None:
    api.get(MERGE_REQUEST, status=status, json={"message": "no"})

    with pytest.raises(GitLabError, match=str(status)) as caught:
        remote.fetch_facts()

    assert caught.value.status == status
    api.assert_call_count(MERGE_REQUEST, 1)
    assert waits == []


def test_nobody_there_is_told_by_the_host(waits: Waits) -> None:
    with pytest.raises(GitLabError, match=r"GitLab at 127\.0\.0\.1:9 cannot be reached \(Connection refused\)"):
        GitLab("http://127.0.0.1:9/api/v4", TOKEN, MergeRequest("7", IID), sleep=waits).fetch_facts()
    assert len(waits) == MAX_ATTEMPTS - 1


def test_a_server_that_does_not_answer_is_told_apart(
    server: GitLabDouble, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_SECONDS", 0.05)
    gitlab = connect(server, waits)
    server.fail("GET", "", delay=0.1, times=99)

    with pytest.raises(GitLabError, match=r"cannot be reached \(timed out\)"):
        gitlab.fetch_facts()


# --- limits ---


def test_the_limit_on_notes_is_waited_for_as_long_as_it_asks(
    server: GitLabDouble, gitlab: GitLab, waits: Waits
) -> None:
    gitlab.fetch_facts()
    server.limits.notes_per_minute = 0

    with pytest.raises(GitLabError, match="429"):
        publish(gitlab, review())

    assert waits == [60.0] * MAX_ATTEMPTS


def test_an_older_limit_on_notes_that_names_no_time_is_given_a_minute(
    server: GitLabDouble, gitlab: GitLab, waits: Waits
) -> None:
    server.limits.notes_per_minute, server.limits.notes_retry_after = 0, False

    with pytest.raises(GitLabError, match="429"):
        publish(gitlab, review())

    assert sum(waits[: MAX_ATTEMPTS - 1]) >= 60


def test_a_limit_that_passes_lets_the_note_through(server: GitLabDouble) -> None:
    waits: list[float] = []
    server.limits.notes_per_minute = 0

    def lift(seconds: float) -> None:
        waits.append(seconds)
        server.limits.notes_per_minute = 10

    published = publish(GitLab(server.api_url, TOKEN, MergeRequest("7", IID), sleep=lift), review())

    assert (stored(server), waits) == (posted(published), [60.0])


def test_a_limit_of_an_hour_is_not_waited_for(server: GitLabDouble, gitlab: GitLab, waits: Waits) -> None:
    server.limits.requests_per_period = 0

    with pytest.raises(GitLabError, match="answered 429 and asks to wait 3600 s, which is too long"):
        gitlab.fetch_facts()

    assert (len(server.requests), waits) == (1, [])


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("0", 0),
        ("7", 7),
        ("7.5", 7.5),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 20),
        ("soon", 20),
        ("-3", 20),
        ("nan", 20),
        ("", 20),
    ],
)
def test_any_retry_after_is_understood(
    api: responses.RequestsMock, remote: GitLab, waits: Waits, header: str, wait: float
) -> None:
    api.get(MERGE_REQUEST, status=429, body="Retry later\n", headers={"Retry-After": header})
    api.get(MERGE_REQUEST, json=FACTS)

    remote.fetch_facts()

    assert waits == [wait]


# --- refusals, and what helps ---


@pytest.mark.parametrize(
    "because",
    [
        "Token is expired. You can either do re-authorization or token refresh.",
        "Token was revoked. You have to re-authorize.",
    ],
)
def test_a_dead_token_says_so_and_names_the_cure(server: GitLabDouble, gitlab: GitLab, because: str) -> None:
    server.refuse_token(TOKEN, because)
    with pytest.raises(GitLabError, match=r"401.*create a project access token with scope api and role Reporter"):
        publish(gitlab, review())
    assert stored(server) == []


@pytest.mark.parametrize("token", ["glpat-unknown", "glcbt-job"])
def test_a_token_of_another_kind_is_refused(server: GitLabDouble, waits: Waits, token: str) -> None:
    with pytest.raises(GitLabError, match="GitLab refuses the token"):
        publish(connect(server, waits, token), review())


def test_a_token_that_only_reads_is_told_its_scope(server: GitLabDouble, waits: Waits) -> None:
    server.add_user("reader", token="glpat-reader", scopes=["read_api"])
    gitlab = connect(server, waits, "glpat-reader")

    assert gitlab.fetch_facts().state == "opened"
    with pytest.raises(GitLabError, match=r"scope of GITLAB_API_TOKEN is too small .403.: it needs `api`") as caught:
        publish(gitlab, review())
    assert caught.value.status == 403


def test_a_guest_of_a_private_project_is_told_that_it_may_not_see_it(server: GitLabDouble, waits: Waits) -> None:
    server.add_user("guest", token="glpat-guest", role="guest")
    with pytest.raises(GitLabError, match=r"GitLab has no 7!4 .404.*cannot see gives the same answer"):
        connect(server, waits, "glpat-guest").fetch_facts()


def test_a_locked_discussion_is_told_with_the_role(server: GitLabDouble, waits: Waits) -> None:
    server.add_project(70, "group/open", public=True)
    server.add_merge_request(70, 1, diff_refs=REFS, locked=True)
    server.add_user("outsider", token="glpat-outsider", role="none")
    with pytest.raises(
        GitLabError, match=r"not allowed to do this in 70!1 .403.*role Reporter, and the discussion must not be locked"
    ):
        publish(connect(server, waits, "glpat-outsider", project="70", iid=1), review())


@pytest.mark.parametrize(("project", "iid"), [("7", 99), ("group/none", IID), ("8", IID)])
def test_what_is_not_there_is_named(server: GitLabDouble, waits: Waits, project: str, iid: int) -> None:
    with pytest.raises(GitLabError, match=f"GitLab has no {project}!{iid} .404.*check project and number"):
        connect(server, waits, project=project, iid=iid).fetch_facts()


def test_a_project_that_moved_is_not_followed(server: GitLabDouble, waits: Waits) -> None:
    server.move_project(PROJECT, "group/new")
    with pytest.raises(GitLabError, match="redirects group/app!4: the project or the server moved") as caught:
        connect(server, waits, project=PATH).fetch_facts()
    assert (caught.value.status, len(server.requests)) == (301, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_redirect_takes_the_token_to_another_host(
    server: GitLabDouble, gitlab: GitLab, recorder: Recorder, status: int, method: str
) -> None:
    server.fail(method, "", status=status, headers={"Location": f"{recorder.url}/api/v4/user"}, times=99)

    with pytest.raises(GitLabError, match="redirects"):
        publish(gitlab, review())

    assert recorder.calls == []
    assert stored(server) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_after_one_request(api: responses.RequestsMock, remote: GitLab, status: int) -> None:
    elsewhere = {"Location": f"{API}/projects/8/merge_requests/{IID}"}
    api.get(MERGE_REQUEST, status=status, headers=elsewhere)
    api.post(f"{MERGE_REQUEST}/notes", status=status, headers=elsewhere)

    with pytest.raises(GitLabError, match="redirects 7!4") as caught:
        remote.fetch_facts()
    with pytest.raises(GitLabError, match="redirects 7!4"):
        remote.write_note(SUMMARY_MARKER)

    assert (caught.value.status, len(api.calls)) == (status, 2)


PAGE: dict[str, Any] = {"body": "<!DOCTYPE html><title>Sign in</title>", "content_type": "text/html; charset=utf-8"}
IS_A_PAGE = "answered with a web page, perhaps to sign in, instead of GitLab's API; is CI_API_V4_URL right"


@pytest.mark.parametrize("status", [200, 201])
def test_a_web_page_is_no_answer(api: responses.RequestsMock, remote: GitLab, status: int) -> None:
    api.get(MERGE_REQUEST, status=status, **PAGE)
    api.post(f"{MERGE_REQUEST}/notes", status=status, **PAGE)

    with pytest.raises(GitLabError, match=IS_A_PAGE):
        remote.fetch_facts()
    with pytest.raises(GitLabError, match=IS_A_PAGE):
        remote.write_note(SUMMARY_MARKER)


@pytest.mark.parametrize("body", ["", "[", "{}", "[1]", "null", '"x"', '[{"id": 1}]', '{"id": "x"}', "\ufeff{}"])
def test_an_answer_that_is_not_gitlabs_is_told_as_such(api: responses.RequestsMock, remote: GitLab, body: str) -> None:
    foreign = "answered something that is not GitLab's API; is CI_API_V4_URL right"
    api.get(f"{API}/user", body=body, content_type="application/json")
    with pytest.raises(GitLabError, match=foreign):
        remote.fetch_existing_threads()

    api.replace("GET", f"{API}/user", json={"id": 1})
    api.get(f"{MERGE_REQUEST}/discussions", body=body, content_type="application/json")
    with pytest.raises(GitLabError, match=foreign):
        remote.fetch_existing_threads()


def test_what_gitlab_refuses_of_a_note_is_said_in_its_words(server: GitLabDouble, gitlab: GitLab) -> None:
    server.limits.note_characters = 100
    for ruby in ("3.3", "3.4"):
        server.ruby = ruby
        with pytest.raises(GitLabError, match=r"GitLab answered 400 for 7!4: 400 Bad request - Note .*is too long"):
            gitlab.write_note(SUMMARY_MARKER + "x" * 100)


def test_a_merge_request_that_is_full_says_so(server: GitLabDouble, gitlab: GitLab) -> None:
    server.limits.notes_per_merge_request = 0
    with pytest.raises(GitLabError, match="Maximum number of comments exceeded"):
        publish(gitlab, review())


# --- text that does more than to be read ---


RAN = r"ran the note as commands.*report this text as a security problem"
COMMANDS_ONLY: dict[str, Any] = {"status": 202, "json": {"commands_changes": {}, "summary": ["Closed."]}}


def test_a_note_that_gitlab_ran_is_a_security_failure(api: responses.RequestsMock, remote: GitLab) -> None:
    api.post(f"{MERGE_REQUEST}/notes", **COMMANDS_ONLY)
    with pytest.raises(GitLabError, match=RAN) as failed:
        remote.write_note(SUMMARY_MARKER)
    assert failed.value.exit_code == 4


def test_an_accepted_note_was_run_whatever_the_answer_holds(api: responses.RequestsMock, remote: GitLab) -> None:
    api.post(f"{MERGE_REQUEST}/notes", status=202, json={"id": 5, "body": SUMMARY_MARKER})
    with pytest.raises(GitLabError, match=RAN):
        remote.write_note(SUMMARY_MARKER)


def test_an_update_that_gitlab_ran_is_a_security_failure(api: responses.RequestsMock, remote: GitLab) -> None:
    api.put(f"{MERGE_REQUEST}/notes/5", **COMMANDS_ONLY)
    with pytest.raises(GitLabError, match=RAN):
        remote.write_note(f"{SUMMARY_MARKER}\n\nmore", 5)


@pytest.mark.parametrize(
    "answer",
    [COMMANDS_ONLY, {"status": 400, "json": {"message": "400 Bad request - Note {}"}}],
    ids=["now", "before (issue 505100)"],
)
def test_a_thread_that_gitlab_ran_is_a_security_failure(
    api: responses.RequestsMock, remote: GitLab, answer: dict[str, Any]
) -> None:
    api.post(f"{MERGE_REQUEST}/discussions", **answer)
    with pytest.raises(GitLabError, match=RAN) as failed:
        remote.start_thread(SUMMARY_MARKER, {})
    assert failed.value.status is None, "not a refused line"


def test_a_note_that_comes_back_changed_is_a_security_failure(api: responses.RequestsMock, remote: GitLab) -> None:
    api.post(f"{MERGE_REQUEST}/notes", status=201, json={"id": 5, "body": "less"})
    with pytest.raises(GitLabError, match="stored a text that differs from the one sent"):
        remote.write_note(f"{SUMMARY_MARKER}\n\nmore")


def test_an_update_that_comes_back_changed_is_a_security_failure(api: responses.RequestsMock, remote: GitLab) -> None:
    api.put(f"{MERGE_REQUEST}/notes/5", json={"id": 5, "body": "less"})
    with pytest.raises(GitLabError, match="stored a text that differs from the one sent"):
        remote.write_note(f"{SUMMARY_MARKER}\n\nmore", 5)


# --- the token ---


def test_the_token_goes_to_gitlab_alone_and_as_private_token(
    api: responses.RequestsMock, remote: GitLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine gitlab.example.com login gitlab-ci-token password glcbt-of-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    api.get(MERGE_REQUEST, json=FACTS)
    api.post(f"{MERGE_REQUEST}/notes", status=201, json={"id": 5, "body": SUMMARY_MARKER})

    remote.fetch_facts()
    remote.write_note(SUMMARY_MARKER)

    assert len(api.calls) == 2
    for call in api.calls:
        assert call.request.headers["PRIVATE-TOKEN"] == TOKEN
        assert "Authorization" not in call.request.headers
        assert "Job-Token" not in call.request.headers
        assert TOKEN not in str(call.request.url)


def test_an_empty_address_never_means_gitlab_com(api: responses.RequestsMock, waits: Waits) -> None:
    with pytest.raises(UsageError, match="CI_API_V4_URL names no server"):
        GitLab("/api/v4", TOKEN, MergeRequest("7", IID), sleep=waits)


def test_a_proxy_is_used_where_the_job_has_one(
    waits: Waits, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", recorder.url)
    with pytest.raises(GitLabError, match="not GitLab's API"):
        GitLab("http://gitlab.invalid/api/v4", TOKEN, MergeRequest("7", IID), sleep=waits).fetch_facts()
    assert [call["host"] for call in recorder.calls] == ["gitlab.invalid"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 500])
def test_the_token_is_in_no_message(api: responses.RequestsMock, remote: GitLab, status: int) -> None:
    echo = {"message": f"bad header PRIVATE-TOKEN: {TOKEN}", "error": f"{TOKEN}"}
    api.get(MERGE_REQUEST, status=status, json=echo, headers={"X-Token": TOKEN})
    api.post(f"{MERGE_REQUEST}/notes", status=status, json=echo, headers={"X-Token": TOKEN})

    with pytest.raises(GitLabError) as read:
        remote.fetch_facts()
    with pytest.raises(GitLabError) as written:
        remote.write_note(SUMMARY_MARKER)

    for caught in (read, written):
        assert TOKEN not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize("token", [f"{TOKEN}\nX: y", f"{TOKEN}\u2026"])
def test_a_token_that_cannot_be_a_header_is_in_no_cause(server: GitLabDouble, waits: Waits, token: str) -> None:
    with pytest.raises(GitLabError) as caught:
        connect(server, waits, token).fetch_facts()

    assert TOKEN not in f"{caught.value} {caught.value.__cause__}"


def test_what_gitlab_says_stands_on_one_visible_line(api: responses.RequestsMock, remote: GitLab) -> None:
    api.get(MERGE_REQUEST, status=400, json={"message": "no\nJob succeeded\x1b[2J" + "x" * 1000})

    with pytest.raises(GitLabError) as caught:
        remote.fetch_facts()

    assert "no Job succeeded\\x1b[2Jxxx" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 300
