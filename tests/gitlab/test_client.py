"""The adapter against a GitLab that keeps GitLab's rules."""

import dataclasses
import gzip
from pathlib import Path

import pytest

from iquest_review.errors import GitLabError
from iquest_review.gitlab import client
from iquest_review.gitlab.client import MAX_ATTEMPTS, MAX_DIFF_REFS_POLLS, GitLab
from iquest_review.gitlab.existing import Thread
from iquest_review.gitlab.transport import MAX_FILE_BYTES
from iquest_review.merge_request import DiffRefs, Intent, MergeRequest
from iquest_review.note import summary
from iquest_review.note.summary import SUMMARY_MARKER
from iquest_review.note.thread import compose_thread
from iquest_review.note.words import select_words
from iquest_review.reasons.review import NothingToReview
from tests.support.connections import (
    DISCUSSIONS,
    IID,
    PATH,
    PROJECT,
    REFS,
    TOKEN,
    Recorder,
    Waits,
    asked,
    connect,
    posted,
    publish,
    review,
    stored,
)
from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import GitLabDouble
from tests.support.outcomes import AROUND, failed, finding, full

# --- the facts ---


def test_the_facts_are_what_gitlab_says(waits: Waits) -> None:
    with GitLabDouble() as server:
        server.add_user("reviewer", token=TOKEN)
        server.add_project(PROJECT, PATH)
        server.add_merge_request(
            *(PROJECT, IID),
            title="Draft: Average",
            description="As asked.\n\n/close",
            labels=["bug", "two words"],
            draft=True,
            diff_refs=REFS,
            source_branch="feature/x",
            target_branch="release",
        )
        facts = connect(server, waits).fetch_facts()

    assert facts.merge_request == MergeRequest("7", IID)
    assert facts.refs == DiffRefs("1" * 40, "2" * 40, "3" * 40)
    assert facts.intent == Intent(
        "Draft: Average", "As asked.\n\n/close", ("bug", "two words"), "feature/x", "release", True
    )
    assert (facts.state, facts.source_is_fork) == ("opened", False)
    assert facts.project_url == "https://gitlab.example.com/group/app"


@pytest.mark.parametrize("state", ["opened", "closed", "merged", "locked"])
def test_a_merge_request_in_any_state_has_facts(server: GitLabDouble, waits: Waits, state: str) -> None:
    server.add_merge_request(PROJECT, 9, state=state, diff_refs=REFS)
    assert connect(server, waits, iid=9).fetch_facts().state == state


def test_a_source_branch_in_another_project_means_a_fork(server: GitLabDouble, waits: Waits) -> None:
    server.add_merge_request(PROJECT, 9, source_project=8, diff_refs=REFS)
    assert connect(server, waits, iid=9).fetch_facts().source_is_fork


def test_what_gitlab_leaves_null_is_empty(server: GitLabDouble, gitlab: GitLab) -> None:
    refs = {"base_sha": "a", "start_sha": "b", "head_sha": "c"}
    answer = {"title": "x", "description": None, "web_url": None, "diff_refs": refs}
    server.fail("GET", "merge_requests/4$", status=200, body=answer)

    facts = gitlab.fetch_facts()

    assert (facts.intent, facts.project_url) == (Intent(title="x"), "")


@pytest.mark.parametrize("polls", [1, 3, MAX_DIFF_REFS_POLLS - 1])
def test_a_diff_that_is_not_there_yet_is_waited_for(server: GitLabDouble, waits: Waits, polls: int) -> None:
    server.add_merge_request(PROJECT, 9, diff_refs=REFS, diff_refs_after=polls)

    assert connect(server, waits, iid=9).fetch_facts().refs.head_sha == "3" * 40
    assert len(waits) == polls
    assert waits[0] == 1


def test_a_diff_that_does_not_come_is_not_waited_for_for_ever(server: GitLabDouble, waits: Waits) -> None:
    server.add_merge_request(PROJECT, 9, diff_refs=REFS, diff_refs_after=1000)

    with pytest.raises(GitLabError, match="has not made the diff of 7!9 yet; run the job again in a minute"):
        connect(server, waits, iid=9).fetch_facts()

    assert len(server.requests) == MAX_DIFF_REFS_POLLS
    assert 20 < sum(waits) < 60


def test_incomplete_diff_refs_are_polled_again(server: GitLabDouble, gitlab: GitLab) -> None:
    half = {"diff_refs": {"base_sha": None, "start_sha": "b", "head_sha": "c"}}
    server.fail("GET", "merge_requests/4$", status=200, body=half, times=2)

    assert gitlab.fetch_facts().refs.base_sha == "1" * 40


@pytest.mark.parametrize(
    ("project", "sent"),
    [
        ("group/sub/app", "group%2Fsub%2Fapp"),
        ("a b/ü+ö/x.y", "a%20b%2F%C3%BC%2B%C3%B6%2Fx.y"),
        ("a?b#c/d%2F", "a%3Fb%23c%2Fd%252F"),
    ],
)
def test_a_project_may_be_named_by_any_path(server: GitLabDouble, waits: Waits, project: str, sent: str) -> None:
    server.add_project(70, project)
    server.add_merge_request(70, 1, diff_refs=REFS)

    facts = connect(server, waits, project=project, iid=1).fetch_facts()

    assert facts.merge_request == MergeRequest(project, 1)
    assert server.requests[0].path == f"/api/v4/projects/{sent}/merge_requests/1"


@pytest.mark.parametrize("url", ["{}/api/v4", "{}/api/v4/", "{}"])
def test_the_api_is_found_by_any_spelling_of_its_url(server: GitLabDouble, waits: Waits, url: str) -> None:
    GitLab(url.format(server.url), TOKEN, MergeRequest("7", IID), sleep=waits).fetch_facts()
    assert asked(server) == ["GET /projects/7/merge_requests/4"]


def test_a_gitlab_below_a_path_keeps_it(server: GitLabDouble, waits: Waits) -> None:
    with pytest.raises(GitLabError):
        GitLab(f"{server.url}/gitlab/api/v4", TOKEN, MergeRequest("7", IID), sleep=waits).fetch_facts()
    assert server.requests[0].path == "/gitlab/api/v4/projects/7/merge_requests/4"


# --- diff and files ---


def test_the_raw_diff_is_bytes_as_they_are(server: GitLabDouble, waits: Waits) -> None:
    server.add_merge_request(PROJECT, 9, diff_refs=REFS, raw_diff=b"diff --git a/x b/x\n+\xff\r\n")
    assert connect(server, waits, iid=9).fetch_raw_diff() == b"diff --git a/x b/x\n+\xff\r\n"


def test_an_older_gitlab_gives_no_raw_diff_and_the_cure_is_a_clone(server: GitLabDouble, gitlab: GitLab) -> None:
    server.instance.raw_diffs = False
    with pytest.raises(GitLabError, match=r"came with 17\.9\); run inside a clone of the project") as caught:
        gitlab.fetch_raw_diff()
    assert caught.value.status == 404


def test_a_refused_raw_diff_is_not_a_missing_one(server: GitLabDouble, gitlab: GitLab) -> None:
    server.fail("GET", "/raw_diffs", status=403, body={"message": "403 Forbidden"})
    with pytest.raises(GitLabError, match="not allowed to do this"):
        gitlab.fetch_raw_diff()


def test_a_file_is_read_at_its_commit(server: GitLabDouble, waits: Waits, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "repository")
    first = checkout.commit({".iquest-review.yml": "max_lines: 1\n", "a b/ü.txt": b"\xff"})
    second = checkout.commit({".iquest-review.yml": None})
    server.add_project(70, "group/other", checkout.path)
    gitlab = connect(server, waits, project="70")

    assert gitlab.fetch_file(".iquest-review.yml", first) == b"max_lines: 1\n"
    assert gitlab.fetch_file("a b/ü.txt", first) == b"\xff"
    assert gitlab.fetch_file(".iquest-review.yml", second) is None
    assert gitlab.fetch_file(".iquest-review.yml", "0" * 40) is None


@pytest.mark.parametrize("packed", [False, True])
def test_of_a_huge_file_only_the_beginning_is_read(server: GitLabDouble, gitlab: GitLab, packed: bool) -> None:
    content, headers = b"x" * 20 * MAX_FILE_BYTES, {"Content-Type": "text/plain"}
    if packed:
        content, headers = gzip.compress(content), {**headers, "Content-Encoding": "gzip"}
    server.fail("GET", "/files/", status=200, body=content, headers=headers)

    assert MAX_FILE_BYTES < len(gitlab.fetch_file("x", "main") or b"") < MAX_FILE_BYTES + 2**20


def test_a_file_the_token_may_not_read_is_none(server: GitLabDouble, gitlab: GitLab) -> None:
    server.fail("GET", "/files/", status=403, body={"message": "403 Forbidden"})
    assert gitlab.fetch_file("x", "main") is None


def test_a_failed_read_of_a_file_is_an_error(server: GitLabDouble, gitlab: GitLab) -> None:
    server.fail("GET", "/files/", status=500, times=99)
    with pytest.raises(GitLabError, match="500"):
        gitlab.fetch_file("x", "main")


# --- who resolved, who waived ---


def thread(server: GitLabDouble, gitlab: GitLab) -> Thread:
    """A thread of a finding, on no line."""
    server.add_note(
        PROJECT, IID, compose_thread(finding(anchor="a" * 16), select_words("en")), author="reviewer", thread=True
    )
    return gitlab.fetch_existing_threads().threads[0]


def test_a_member_waives_a_finding_by_a_reply(server: GitLabDouble, gitlab: GitLab) -> None:
    server.reply(PROJECT, IID, thread(server, gitlab).id, "ignore: it is never empty", author="author")
    assert gitlab.has_waiver(gitlab.fetch_existing_threads().threads[0])


def test_a_non_member_waives_nothing(server: GitLabDouble, gitlab: GitLab) -> None:
    server.add_user("visitor", role="none")
    found = thread(server, gitlab)
    server.reply(PROJECT, IID, found.id, "ignore: it is never empty", author="visitor")
    server.award(PROJECT, IID, found.note, "thumbsdown", author="visitor")
    assert not gitlab.has_waiver(gitlab.fetch_existing_threads().threads[0])


def test_a_members_thumbs_down_waives_a_finding(server: GitLabDouble, gitlab: GitLab) -> None:
    found = thread(server, gitlab)
    server.award(PROJECT, IID, found.note, "thumbsup", author="author")
    server.award(PROJECT, IID, found.note, "thumbsdown", author="author")
    assert gitlab.has_waiver(found)


def test_a_thumbs_up_waives_nothing(server: GitLabDouble, gitlab: GitLab) -> None:
    found = thread(server, gitlab)
    server.award(PROJECT, IID, found.note, "thumbsup", author="author")
    assert not gitlab.has_waiver(found)


def test_a_waiver_is_looked_up_once(server: GitLabDouble, gitlab: GitLab) -> None:
    found = thread(server, gitlab)
    gitlab.has_waiver(found)
    before = len(server.requests)
    gitlab.has_waiver(found)
    assert len(server.requests) == before


def test_a_thumbs_down_in_any_colour_counts(server: GitLabDouble, gitlab: GitLab) -> None:
    found = thread(server, gitlab)
    server.award(PROJECT, IID, found.note, "thumbsdown_tone3", author="author")
    assert gitlab.has_waiver(found)


def test_a_thumbs_down_is_found_on_any_page(server: GitLabDouble, gitlab: GitLab) -> None:
    found = thread(server, gitlab)
    for number in range(120):
        server.award(PROJECT, IID, found.note, "thumbsup", author=f"friend {number}")
    server.award(PROJECT, IID, found.note, "thumbsdown", author="author")
    assert gitlab.has_waiver(found)


@pytest.mark.parametrize("status", [403, 404])
def test_an_invisible_member_waives_nothing(server: GitLabDouble, gitlab: GitLab, status: int) -> None:
    found = thread(server, gitlab)
    server.reply(PROJECT, IID, found.id, "ignore: x", author="author")
    server.fail("GET", "/members/all/", status=status, body={"message": "no"})
    assert not gitlab.has_waiver(gitlab.fetch_existing_threads().threads[0])


def test_a_failed_lookup_of_a_member_is_an_error(server: GitLabDouble, gitlab: GitLab) -> None:
    found = thread(server, gitlab)
    server.reply(PROJECT, IID, found.id, "ignore: x", author="author")
    server.fail("GET", "/members/all/", status=500, times=99)
    with pytest.raises(GitLabError, match="500"):
        gitlab.has_waiver(gitlab.fetch_existing_threads().threads[0])


def test_a_member_is_looked_up_once(server: GitLabDouble, gitlab: GitLab) -> None:
    found = thread(server, gitlab)
    server.reply(PROJECT, IID, found.id, "ignore: x", author="author")
    existing = gitlab.fetch_existing_threads().threads[0]
    assert [gitlab.has_waiver(existing) for _ in range(3)] == [True] * 3
    assert sum("/members/all/" in request.path for request in server.requests) == 1


def test_a_deleted_thread_is_not_waived(server: GitLabDouble, gitlab: GitLab) -> None:
    found = thread(server, gitlab)
    server.delete_note(PROJECT, IID, found.note)
    assert not gitlab.has_waiver(found)


@pytest.mark.parametrize(("bot", "ours"), [(True, True), (False, False)])
def test_a_resolve_is_the_bots_only_with_a_bots_token(
    server: GitLabDouble, waits: Waits, bot: bool, ours: bool
) -> None:
    server.add_user("reviewer", token=TOKEN, bot=bot)
    gitlab = connect(server, waits)
    gitlab.resolve(thread(server, gitlab))

    [found] = gitlab.fetch_existing_threads().threads
    assert (found.resolved, found.resolved_by_us) == (True, ours)


# --- versions ---


def test_a_version_that_came_later_is_newer(server: GitLabDouble, gitlab: GitLab) -> None:
    server.push(PROJECT, IID, dataclasses.replace(REFS, head="4" * 40))
    assert gitlab.is_newer("4" * 40, "3" * 40)
    assert not gitlab.is_newer("3" * 40, "4" * 40)
    assert not gitlab.is_newer("3" * 40, "3" * 40)


def test_a_commit_pushed_again_is_as_new_as_its_last_push(server: GitLabDouble, gitlab: GitLab) -> None:
    for head in ("4" * 40, "3" * 40):
        server.push(PROJECT, IID, dataclasses.replace(REFS, head=head))
    assert gitlab.is_newer("3" * 40, "4" * 40)
    assert not gitlab.is_newer("4" * 40, "3" * 40)


def test_an_unknown_commit_is_never_newer(server: GitLabDouble, gitlab: GitLab) -> None:
    assert not gitlab.is_newer("9" * 40, "3" * 40)
    assert gitlab.is_newer("3" * 40, "9" * 40)


# --- the note ---


def test_a_first_review_looks_before_it_writes_and_after(server: GitLabDouble, gitlab: GitLab) -> None:
    gitlab.fetch_facts()

    published = publish(gitlab, review())

    assert (stored(server), published.wrote) == (posted(published), True)
    merge_request = "/projects/7/merge_requests/4"
    assert asked(server) == [
        f"GET {merge_request}",
        "GET /user",
        f"GET {merge_request}/discussions",
        f"GET {merge_request}/draft_notes",
        f"POST {merge_request}/notes",
        f"GET {merge_request}/discussions",
    ]


def test_a_second_review_updates_the_note_in_place(server: GitLabDouble, gitlab: GitLab) -> None:
    publish(gitlab, review())
    [first] = server.notes(PROJECT, IID)

    published = publish(gitlab, review("The second."))

    assert stored(server) == posted(published)
    assert server.notes(PROJECT, IID)[0]["id"] == first["id"]


def test_the_same_review_again_writes_nothing(server: GitLabDouble, gitlab: GitLab) -> None:
    publish(gitlab, review())
    before = len(server.requests)

    assert not publish(gitlab, review()).wrote
    assert {request.method for request in server.requests[before:]} == {"GET"}


def test_notes_of_others_stay_as_they_are(server: GitLabDouble, gitlab: GitLab) -> None:
    server.add_note(PROJECT, IID, f"{SUMMARY_MARKER}\n\n## Review")
    server.add_note(PROJECT, IID, f"> {SUMMARY_MARKER}", author="reviewer")

    published = publish(gitlab, review())

    assert stored(server) == [f"{SUMMARY_MARKER}\n\n## Review", f"> {SUMMARY_MARKER}", *posted(published)]


def test_a_whole_note_is_stored_as_it_was_sent(server: GitLabDouble, gitlab: GitLab) -> None:
    gitlab.allow_links(*AROUND)
    for body in (summary.compose_note(full(), AROUND), summary.compose_note(full("zh"), AROUND)):
        gitlab.write_note(body)
        assert stored(server)[-1] == body.rstrip()
    gitlab.write_note(summary.append_previous_review(failed(), body), server.notes(PROJECT, IID)[-1]["id"])
    assert stored(server)[-1] == summary.append_previous_review(failed(), body).rstrip()
    assert server.executed == []


@pytest.mark.parametrize("unreadable", [0, 150])
def test_the_note_is_found_on_any_page(server: GitLabDouble, gitlab: GitLab, unreadable: int) -> None:
    for number in range(219):
        server.add_note(PROJECT, IID, f"note {number}", readable=number >= unreadable, system=number % 2 == 0)
    publish(gitlab, review())
    for number in range(20):
        server.add_note(PROJECT, IID, f"later {number}")
    before = server.mark()

    assert publish(gitlab, review("The second.")).wrote

    assert sum(body.startswith(SUMMARY_MARKER) for body in stored(server)) == 1
    assert [
        request.query["page"] for request in server.requests_since(before) if request.path.endswith("/discussions")
    ] == list("123")


def test_the_pages_of_another_host_are_not_followed(server: GitLabDouble, gitlab: GitLab, recorder: Recorder) -> None:
    link = f'<{recorder.url}/api/v4/projects/7/merge_requests/4/discussions?page=2>; rel="next"'
    headers = {"X-Next-Page": "2", "Link": link, "Content-Type": "application/json"}
    server.fail("GET", DISCUSSIONS, status=200, body=b"[]", headers=headers)

    published = publish(gitlab, review())

    assert recorder.calls == []
    assert stored(server) == posted(published)


def test_pages_without_an_end_are_given_up(
    server: GitLabDouble, gitlab: GitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_PAGES", 5)
    headers = {"X-Next-Page": "2", "Content-Type": "application/json"}
    server.fail("GET", DISCUSSIONS, status=200, body=b"[]", headers=headers, times=99)

    with pytest.raises(GitLabError, match="lists more than 5 pages for 7!4; reading stopped"):
        publish(gitlab, review())


def test_a_note_that_somebody_deletes_meanwhile_is_made_again(server: GitLabDouble, gitlab: GitLab) -> None:
    publish(gitlab, review())
    server.before("PUT", "/notes/", server.merge_request(PROJECT, IID).discussions.clear)

    published = publish(gitlab, review("The second."))

    assert stored(server) == posted(published)
    assert "The second." in stored(server)[0]


def test_a_note_that_is_deleted_again_and_again_is_given_up(server: GitLabDouble, gitlab: GitLab) -> None:
    publish(gitlab, review())
    server.fail("PUT", "/notes/", status=404, body={"message": "404 Not found"}, times=99)

    with pytest.raises(GitLabError, match="the summary note was deleted again and again"):
        publish(gitlab, review("The second."))

    assert sum(request.method == "PUT" for request in server.requests) == MAX_ATTEMPTS


def test_a_publish_says_whether_it_wrote(gitlab: GitLab) -> None:
    nothing = review("", reasons=(NothingToReview(),))
    assert [publish(gitlab, made).wrote for made in (nothing, review(), review(), nothing)] == [
        False,
        True,
        False,
        True,
    ]
