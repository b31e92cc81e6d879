"""Who gets into the double of GitLab, and what they read there."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs, GitLabDouble

TOO_MANY = {"message": {"error": "This endpoint has been requested too many times. Try again later."}}
SCOPE_TEXT = "The request requires higher privileges than provided by the access token."
MR = "projects/7/merge_requests/1"


class Caller:
    def __init__(self, gitlab: GitLabDouble, session: requests.Session) -> None:
        self.gitlab, self.session = gitlab, session

    def __call__(
        self, path: str, *, method: str = "GET", token: str = "secret", body: Any = None, **headers: str
    ) -> requests.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()} or {"PRIVATE-TOKEN": token}
        url = f"{self.gitlab.api_url}/{path}"
        return self.session.request(method, url, json=body, headers=sent, timeout=10, allow_redirects=False)

    def note(self, **more: Any) -> requests.Response:
        return self(f"{MR}/notes", method="POST", body={"body": "remark"}, **more)


@pytest.fixture
def gitlab(checkout: Checkout, refs: DiffRefs) -> Iterator[GitLabDouble]:
    with GitLabDouble() as double:
        double.add_user("reviewer", token="secret", job_token="job")
        double.add_project(7, "group/app", checkout.path)
        double.add_merge_request(7, 1, title="Draft: x", draft=True, labels=["bug"], diff_refs=refs, author="someone")
        yield double


@pytest.fixture
def call(gitlab: GitLabDouble) -> Iterator[Caller]:
    with requests.Session() as session:
        yield Caller(gitlab, session)


# --- access ---


def test_the_token_says_who_one_is(gitlab: GitLabDouble, call: Caller) -> None:
    assert call("user").json()["username"] == "reviewer"
    assert call("user", Authorization="Bearer secret").json()["bot"] is True
    assert call("version").json()["version"] == "18.6.0"
    assert call("personal_access_tokens/self").json()["scopes"] == ["api"]


@pytest.mark.parametrize(
    "headers", [{"PRIVATE_TOKEN": "no"}, {"Authorization": "Bearer no"}, {"X": "y"}, {"JOB_TOKEN": "secret"}]
)
def test_an_unknown_token_is_unauthorized(call: Caller, headers: dict[str, str]) -> None:
    answer = call(MR, **headers)
    assert (answer.status_code, answer.json()) == (401, {"message": "401 Unauthorized"})


def test_a_revoked_token_is_told_so(gitlab: GitLabDouble, call: Caller) -> None:
    gitlab.refuse_token("secret", "Token is expired. You can either do re-authorization or token refresh.")
    answer = call(MR)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.json()["error_description"].startswith("Token is expired.")


def test_a_job_token_reads_the_merge_request_and_its_notes_only(call: Caller) -> None:
    assert [call(path, JOB_TOKEN="job").status_code for path in (MR, f"{MR}/notes")] == [200, 200]
    for path in (
        f"{MR}/discussions",
        f"{MR}/diffs",
        f"{MR}/versions",
        f"{MR}/draft_notes",
        f"{MR}/raw_diffs",
        "projects/7",
    ):
        assert call(path, JOB_TOKEN="job").json() == {"message": "401 Unauthorized"}
    assert call.note(JOB_TOKEN="job").status_code == 401
    assert call(MR, PRIVATE_TOKEN="job").status_code == 401


def test_read_api_does_not_write(gitlab: GitLabDouble, call: Caller) -> None:
    gitlab.add_user("reader", token="reads", scopes={"read_api"})
    assert call(MR, token="reads").status_code == 200
    answer = call.note(token="reads")
    expected = {"error": "insufficient_scope", "error_description": SCOPE_TEXT, "scope": "api"}
    assert (answer.status_code, answer.json()) == (403, expected)
    assert "WWW-Authenticate" not in answer.headers
    gitlab.add_user("cloner", token="clones", scopes={"read_repository"})
    assert call(MR, token="clones").status_code == 403


def test_without_access_nothing_exists(gitlab: GitLabDouble, call: Caller) -> None:
    gitlab.add_user("stranger", token="strange", role="none")
    gitlab.add_user("guest", token="guest", role="guest")
    gitlab.add_user("elsewhere", token="elsewhere", role="none", roles={7: "developer"})
    assert call(MR, token="strange").json() == {"message": "404 Project Not Found"}
    assert call("projects/8/merge_requests/1").json() == {"message": "404 Project Not Found"}
    assert call(MR, token="guest").json() == {"message": "404 Not found"}
    assert call(MR, token="elsewhere").status_code == 200


def test_unknown_routes_and_bad_numbers(gitlab: GitLabDouble, call: Caller) -> None:
    assert call("projects/7/merge_requests/1/changes").json() == {"error": "404 Not Found"}
    assert call("projects/group/app/merge_requests/1").json() == {"error": "404 Not Found"}
    assert call(MR, method="DELETE").status_code == 404
    assert call("projects/7/merge_requests/one").json() == {"error": "merge_request_iid is invalid"}
    assert call(f"projects/7/merge_requests/{gitlab.merge_request(7, 1).id}").status_code == 404
    assert requests.get(f"{gitlab.url}/group/app", timeout=10).status_code == 404


def test_a_moved_project_redirects_readers_only(gitlab: GitLabDouble, call: Caller) -> None:
    gitlab.move_project(7, "group/renamed")
    answer = call("projects/group%2Fapp/merge_requests/1")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{gitlab.api_url}/{MR}")
    assert call("projects/group%2Fapp/merge_requests/1/notes", method="POST", body={"body": "x"}).status_code == 405
    assert call("projects/group%2Frenamed/merge_requests/1").status_code == 200


# --- reading ---


def test_a_merge_request_shows_its_facts(gitlab: GitLabDouble, call: Caller, refs: DiffRefs) -> None:
    shown = call("projects/group%2Fapp/merge_requests/1").json()
    assert shown["diff_refs"] == {"base_sha": refs.base, "start_sha": refs.start, "head_sha": refs.head}
    assert (shown["title"], shown["draft"], shown["labels"], shown["sha"]) == ("Draft: x", True, ["bug"], refs.head)
    assert (shown["author"]["username"], shown["changes_count"], shown["state"]) == ("someone", "1", "opened")
    assert shown["web_url"] == "https://gitlab.example.com/group/app/-/merge_requests/1"
    (listed,) = call("projects/7/merge_requests?state=opened&source_branch=feature").json()
    assert listed["iid"] == 1
    assert call("projects/7/merge_requests?state=merged").json() == []


def test_diff_refs_come_late(gitlab: GitLabDouble, call: Caller, refs: DiffRefs) -> None:
    gitlab.add_merge_request(7, 2, diff_refs=refs, diff_refs_after=2)
    polls = [call("projects/7/merge_requests/2").json() for _ in range(3)]
    for name in ("diff_refs", "changes_count", "prepared_at"):
        assert [poll[name] is None for poll in polls] == [True, True, False]


def test_versions_are_listed_newest_first(
    gitlab: GitLabDouble, call: Caller, checkout: Checkout, refs: DiffRefs
) -> None:
    newer = DiffRefs(refs.base, refs.start, checkout.commit({"src/b.txt": "b\n"}))
    gitlab.push(7, 1, newer)
    versions = call(f"{MR}/versions").json()
    assert [version["head_commit_sha"] for version in versions] == [newer.head, refs.head]
    old = call(f"{MR}/versions/{versions[1]['id']}").json()
    assert ([diff["new_path"] for diff in old["diffs"]], old["real_size"]) == (["src/a.txt"], "1")
    assert call(f"{MR}/versions/9").status_code == 404
    assert [note["system"] for note in gitlab.notes(7, 1)] == [True]
    assert [commit["title"] for commit in call(f"{MR}/commits").json()] == ["Change", "Change b"]


def test_diffs_hold_hunks_and_flags(call: Caller) -> None:
    (diff,) = call(f"{MR}/diffs").json()
    assert diff["diff"] == "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    assert (diff["a_mode"], diff["new_file"], diff["too_large"], diff["collapsed"]) == ("100644", False, False, False)


def test_an_empty_diff_is_not_no_change(gitlab: GitLabDouble, call: Caller, checkout: Checkout) -> None:
    before: dict[str, str | bytes | None] = {
        "mode": "a\n",
        "binary": b"\0\1",
        "old": "x\n" * 9,
        "gone": "g\n",
        "big": "",
    }
    base = checkout.commit(before)
    after: dict[str, str | bytes | None] = {"binary": b"\0\2", "old": None, "renamed": "x\n" * 9, "gone": None}
    head = checkout.commit({**after, "big": "y\n" * 99, "new": "n\n" * 9}, executable="mode")
    gitlab.add_merge_request(7, 2, diff_refs=DiffRefs(base, base, head))
    gitlab.limits.patch_bytes = 290
    diffs = {diff["new_path"]: diff for diff in call("projects/7/merge_requests/2/diffs").json()}
    assert diffs["binary"]["diff"] == "Binary files a/binary and b/binary differ\n"
    assert (diffs["mode"]["b_mode"], diffs["mode"]["diff"]) == ("100755", "")
    assert (diffs["renamed"]["renamed_file"], diffs["renamed"]["old_path"], diffs["renamed"]["diff"]) == (
        True,
        "old",
        "",
    )
    assert (diffs["gone"]["deleted_file"], diffs["new"]["new_file"]) == (True, True)
    assert (diffs["big"]["too_large"], diffs["big"]["diff"]) == (True, "")
    assert (diffs["new"]["collapsed"], diffs["new"]["diff"]) == (True, "")


def test_diffs_come_thirty_a_page_and_overflow(gitlab: GitLabDouble, call: Caller, checkout: Checkout) -> None:
    base = checkout.commit({})
    head = checkout.commit({f"f{number:02}": "x\n" for number in range(45)})
    gitlab.add_merge_request(7, 2, diff_refs=DiffRefs(base, base, head))
    first = call("projects/7/merge_requests/2/diffs?per_page=100")
    assert (len(first.json()), first.headers["X-Next-Page"], first.headers["X-Per-Page"]) == (30, "2", "30")
    assert len(call("projects/7/merge_requests/2/diffs?per_page=100&page=2").json()) == 15
    assert call("projects/7/merge_requests/2/diffs?page=0").status_code == 500
    gitlab.limits.files = 40
    assert call("projects/7/merge_requests/2").json()["changes_count"] == "40+"
    assert call("projects/7/merge_requests/2/versions").json()[0]["state"] == "overflow"


def test_raw_diffs_are_what_git_says(gitlab: GitLabDouble, call: Caller, checkout: Checkout, refs: DiffRefs) -> None:
    answer = call(f"{MR}/raw_diffs")
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.text == checkout.git("diff", "--full-index", refs.base, refs.head) + "\n"
    gitlab.merge_request(7, 1).raw_diff = b"given"
    assert call(f"{MR}/raw_diffs").content == b"given"
    gitlab.instance.raw_diffs = False
    assert call(f"{MR}/raw_diffs").json() == {"error": "404 Not Found"}


def test_files_are_served_at_a_commit(call: Caller, refs: DiffRefs) -> None:
    path = "projects/7/repository/files/src%2Fa.txt/raw"
    assert call(f"{path}?ref={refs.base}").text == "a\nb\n"
    assert call(path).text == "a\nc\n"
    assert call(f"{path}?ref=nowhere").json() == {"message": "404 Commit Not Found"}
    assert call("projects/7/repository/files/none/raw").json() == {"message": "404 File Not Found"}


# --- limits ---


@pytest.mark.parametrize("retry_after", ["60", None])
def test_notes_per_minute(gitlab: GitLabDouble, call: Caller, retry_after: str | None) -> None:
    gitlab.limits.notes_per_minute, gitlab.limits.notes_retry_after = 2, retry_after is not None
    answers = [call.note() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].json() == TOO_MANY
    assert answers[2].headers.get("Retry-After") == retry_after
    assert "RateLimit-Limit" not in answers[2].headers
    assert call(f"{MR}/discussions", method="POST", body={"body": "not counted"}).status_code == 201


def test_the_limit_of_all_requests_answers_in_plain_text(gitlab: GitLabDouble, call: Caller) -> None:
    gitlab.limits.requests_per_period = 1
    assert call(MR).status_code == 200
    answer = call(MR)
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (429, "Retry later\n", "3600")
    assert answer.headers["RateLimit-Remaining"] == "0"


def test_every_request_is_recorded(gitlab: GitLabDouble, call: Caller) -> None:
    call(f"{MR}/notes?sort=asc")
    (request,) = gitlab.requests
    assert (request.method, request.path, request.query) == ("GET", f"/api/v4/{MR}/notes", {"sort": "asc"})
    assert request.headers["private-token"] == "secret"


def test_a_bug_of_the_double_fails_the_test() -> None:
    double = GitLabDouble()
    double.__enter__()
    double.add_user("reviewer", token="secret", role="no such role")
    double.add_project(7, "group/app")
    answer = requests.get(f"{double.api_url}/projects/7", headers={"PRIVATE-TOKEN": "secret"}, timeout=10)
    assert answer.status_code == 500
    with pytest.raises(AssertionError, match="the double itself failed"):
        double.__exit__(None, None, None)
