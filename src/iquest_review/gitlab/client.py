"""The client of GitLab, through python-gitlab: one merge request's facts, its threads and its note.

A read is repeated where that may help. A write is never repeated blindly: GitLab may answer 500, or nothing, to a note
that it stored (gitlab-org/gitlab issue 27946), so the caller checks first what is there.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from gitlab.exceptions import GitlabError
from pydantic import TypeAdapter
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay

from iquest_review.errors import GitLabError
from iquest_review.gitlab import schema
from iquest_review.gitlab.errors import build_refusal_error
from iquest_review.gitlab.existing import ExistingThreads, Thread, collect_existing_threads
from iquest_review.gitlab.facts import Facts, parse_diff_refs, parse_facts
from iquest_review.gitlab.transport import MAX_REASON_CHARS, MAX_WAIT_SECONDS, TransientGitLabError, create_client
from iquest_review.merge_request import MergeRequest
from iquest_review.net.retry import backoff, log_retry
from iquest_review.net.session import describe_route
from iquest_review.net.tls import DEFAULT_TLS, Tls
from iquest_review.note.thread import is_same_body
from iquest_review.text import shorten_to_line

MAX_ATTEMPTS = 5
MAX_RETRY_SECONDS = 120.0  # for all attempts at one read
MAX_DIFF_REFS_POLLS = 12  # GitLab computes the refs after the merge request is created: 1 to 5 s in issue 386562
ENTRIES_PER_PAGE = 100  # GitLab's own maximum
MAX_MEMBER_LOOKUPS = 50
MIN_ACCESS_LEVEL = 10  # Guest; users below it are only invited (lib/gitlab/access.rb)
MAX_PAGES = 500  # a merge request holds at most 5,000 notes, plus those that GitLab itself writes

_REPORT = "please report this text as a security problem"
BODY_CHANGED = f"GitLab stored a text that differs from the one sent; {_REPORT}"
HELD_BACK = "a bug in iquest-review: a text for GitLab would do more than be read"
_RAN_AS_COMMANDS = f"GitLab ran the note as commands instead of storing it; {_REPORT}"

_Parsed = TypeVar("_Parsed")


class GitLab:
    """One merge request of one GitLab.

    `api_url` is CI_API_V4_URL: https://gitlab.example/api/v4. `tell` reports waits and retries, `warn` a text that was
    held back; `clean` redacts secrets from GitLab's errors. Every method raises GitLabError for a request that fails.
    """

    def __init__(
        self,
        api_url: str,
        token: str,
        merge_request: MergeRequest,
        *,
        tls: Tls = DEFAULT_TLS,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], object] = lambda _: None,
        warn: Callable[[str], object] = lambda _: None,
        clean: Callable[[str], str] = str,
    ) -> None:
        self._merge_request = merge_request
        self._sleep = sleep
        self._tell, self._warn = tell, warn
        self._client = create_client(api_url.rstrip("/").removesuffix("/api/v4"), token, tls, clean)
        self.host = describe_route(self._client.url)
        project = quote(merge_request.project, safe="")
        self._project = f"/projects/{project}"
        self._path = f"{self._project}/merge_requests/{merge_request.iid}"
        self._own: schema.TokenUser | None = None
        self._members: dict[int, bool] = {}
        self._waived: dict[str, bool] = {}
        self._links = ("", "")

    def fetch_facts(self) -> Facts:
        """Return the facts of the merge request, once GitLab has computed its diff.

        Raises GitLabError when they cannot be read, or when the diff does not come.
        """
        for poll in range(MAX_DIFF_REFS_POLLS):
            if poll:
                self._sleep(min((1 + poll) / 2, 5))
            response = self._read(self._path)
            answer = self._parse_answer(schema.MERGE_REQUEST, response)
            if refs := parse_diff_refs(answer.diff_refs):
                return parse_facts(self._merge_request, refs, answer)
            if answer.diff_refs is None and answer.id is None:  # every merge request has an id
                raise schema.build_foreign_answer_error(self.host)
            if not poll:
                self._tell(f"waiting for GitLab to make the diff of {self._name}")
        raise GitLabError(f"GitLab has not made the diff of {self._name} yet; run the job again in a minute")

    def fetch_raw_diff(self) -> bytes:
        """Return the whole diff as GitLab shows it (since 17.9)."""
        try:
            return self._read(f"{self._path}/raw_diffs").content
        except GitLabError as error:
            if error.status != 404:
                raise
            raise GitLabError(
                f"this GitLab cannot send the raw diff of {self._name} (it came with 17.9); run inside a clone of the "
                "project",
                404,
            ) from error

    def fetch_file(self, path: str, ref: str) -> bytes | None:
        """Return a file of the repository at a commit or branch.

        Returns None for a file that does not exist or that the token may not read. Of a file larger than
        MAX_FILE_BYTES only the beginning is returned; it is longer than MAX_FILE_BYTES, too.
        """
        try:
            return self._read(f"{self._project}/repository/files/{quote(path, safe='')}/raw", True, ref=ref).content
        except GitLabError as error:
            if error.status in (403, 404):
                return None
            raise

    def fetch_existing_threads(self) -> ExistingThreads:
        """Return the threads and notes on the merge request that belong to the bot."""
        if self._own is None:
            self._own = self._parse_answer(schema.TOKEN_USER, self._read("/user"))
        discussions = self._fetch_pages(schema.DISCUSSIONS, f"{self._path}/discussions")
        return collect_existing_threads(discussions, self._own.id, bot=bool(self._own.bot))

    def has_waiver(self, thread: Thread) -> bool:
        """Return whether a member of the project rejected this finding, by a reply or by a thumbs-down."""
        if thread.id not in self._waived:
            self._waived[thread.id] = self._is_waived(thread)
        return self._waived[thread.id]

    def _is_waived(self, thread: Thread) -> bool:
        if any(self._is_member(user) for user in thread.waivers):
            return True
        try:
            awards = list(self._fetch_pages(schema.AWARDS, f"{self._path}/notes/{thread.note}/award_emoji"))
        except GitLabError as error:
            if error.status != 404:
                raise
            return False  # the note has been deleted since
        return any(award.name.startswith("thumbsdown") and self._is_member(award.user.id) for award in awards)

    def is_newer(self, head: str, than: str) -> bool:
        """Return whether a version of the diff with this head came after the last one with the other head."""
        versions = self._fetch_pages(schema.VERSIONS, f"{self._path}/versions")
        order = [version.head_commit_sha for version in versions]  # newest first
        return head in order and (than not in order or order.index(head) < order.index(than))

    def allow_links(self, project_url: str, job_url: str) -> None:
        """Allow links to pages of the project and the job in the texts to come; before, no link is allowed."""
        self._links = (project_url, job_url)

    def guard(self, body: str) -> str:
        """Return the body to send: a block of code, with a warning, where the body would do more than be read."""
        # The markdown parser (comrak) is loaded only by runs that write.
        from iquest_review.note.guard import LinkTargets, guard_body  # noqa: PLC0415

        sent, fault = guard_body(body, LinkTargets(*self._links, self._merge_request.iid))
        if fault:
            self._warn(f"{HELD_BACK}: {fault}; it is sent as a block of code; {_REPORT}")
        return sent

    def start_thread(self, body: str, position: dict[str, Any]) -> None:
        """Start a thread on a line or a file. Raises GitLabError with status 400 for a line GitLab does not know."""
        body = self.guard(body)
        sent = {"body": body, "position": position}
        try:
            response = self._request("post", f"{self._path}/discussions", post_data=sent)
        except GitLabError as error:
            # The answer of older GitLabs that ran a discussion as commands: issue 505100.
            if error.status == 400 and str(error).endswith("Note {}"):
                raise GitLabError(_RAN_AS_COMMANDS) from error
            raise
        for note in self._parse_write_answer(schema.DISCUSSION, response).notes[:1]:
            self._check_stored(body, note.id, note.body)

    def list_drafts(self) -> list[schema.Draft]:
        """Return the draft notes of the token's own user. Raises GitLabError with status 404 for an older GitLab."""
        return list(self._fetch_pages(schema.DRAFTS, f"{self._path}/draft_notes"))

    def create_draft(self, body: str, position: dict[str, Any]) -> schema.Draft:
        """Create a draft of a thread.

        GitLab accepts any line and later drops a draft whose line it does not find; such a draft has no line code.
        """
        sent = {"note": self.guard(body), "position": position}
        return self._parse_answer(schema.DRAFT, self._request("post", f"{self._path}/draft_notes", post_data=sent))

    def discard(self, draft: int) -> None:
        """Delete a draft note, if it is still there."""
        self._request_if_present("delete", f"{self._path}/draft_notes/{draft}")

    def publish_drafts(self) -> None:
        """Publish all draft notes of the token's user, with one notification."""
        self._request("post", f"{self._path}/draft_notes/bulk_publish")

    def resolve(self, thread: Thread, *, resolved: bool = True) -> None:
        """Resolve a thread, or open it again; nothing happens where it has been deleted.

        A thread without replies is resolved as its author, which needs no role; one with replies as a developer.
        """
        path = f"{self._path}/discussions/{thread.id}" + ("" if thread.replies else f"/notes/{thread.note}")
        self._request_if_present("put", path, post_data={"resolved": resolved})

    def delete(self, note: int) -> None:
        """Delete a note, if it is still there."""
        self._request_if_present("delete", f"{self._path}/notes/{note}")

    def write_note(self, body: str, note: int | None = None) -> None:
        """Post the summary note, or replace the body of the one with this number.

        Raises GitLabError when GitLab runs the note as commands, or stores a text that differs from the one sent.
        """
        verb, path = ("post", "") if note is None else ("put", f"/{note}")
        body = self.guard(body)
        response = self._request(verb, f"{self._path}/notes{path}", post_data={"body": body})
        stored = self._parse_write_answer(schema.STORED_NOTE, response)
        self._check_stored(body, stored.id, stored.body)

    def pause(self, failure: TransientGitLabError, attempt: int) -> None:
        """Wait before the next check of a write that failed."""
        wait = failure.wait if failure.wait is not None else min(2.0 ** (attempt + 1), MAX_WAIT_SECONDS)
        self._tell(f"{failure}; checking again in {wait:.0f} s")
        self._sleep(wait)

    @property
    def _name(self) -> str:
        return f"{self._merge_request.project}!{self._merge_request.iid}"

    def _parse_write_answer(self, kind: TypeAdapter[_Parsed], response: requests.Response) -> _Parsed:
        """Return what GitLab stored. Raises GitLabError for status 202: GitLab ran the text and stored nothing."""
        if response.status_code == 202:
            raise GitLabError(_RAN_AS_COMMANDS)
        return self._parse_answer(kind, response)

    def _check_stored(self, sent: str, stored: int | None, body: str | None) -> None:
        if stored is None:
            raise GitLabError(_RAN_AS_COMMANDS)
        if body is not None and not is_same_body(sent, body):
            raise GitLabError(BODY_CHANGED)

    def _is_member(self, user: int) -> bool:
        if user not in self._members:
            if len(self._members) >= MAX_MEMBER_LOOKUPS:
                return False
            try:
                member = self._parse_answer(schema.MEMBER, self._read(f"{self._project}/members/all/{user}"))
                self._members[user] = member.access_level >= MIN_ACCESS_LEVEL and member.state == "active"
            except GitLabError as error:
                if error.status not in (403, 404):
                    raise
                self._members[user] = False
        return self._members[user]

    def _request_if_present(self, verb: str, path: str, **rest: Any) -> None:
        try:
            self._request(verb, path, **rest)
        except GitLabError as error:
            if error.status != 404:
                raise

    def _fetch_pages(self, kind: TypeAdapter[list[_Parsed]], path: str) -> Iterator[_Parsed]:
        """Yield all entries, page by page.

        The Link header is not followed: it names the host of GitLab's own configuration, not the one of `api_url`.
        """
        page, pages = "1", 0
        while page:
            pages += 1
            if pages > MAX_PAGES:
                raise GitLabError(f"GitLab lists more than {MAX_PAGES} pages for {self._name}; reading stopped")
            response = self._read(path, page=page, per_page=ENTRIES_PER_PAGE)
            yield from self._parse_answer(kind, response)
            page = response.headers.get("x-next-page", "")

    def _parse_answer(self, kind: TypeAdapter[_Parsed], response: requests.Response) -> _Parsed:
        return schema.parse_answer(kind, response.content, self.host)

    def _read(self, path: str, streamed: bool = False, **query: Any) -> requests.Response:
        """Return the answer to a GET, which is repeated after a failure that may pass."""
        retrying = Retrying(
            retry=retry_if_exception_type(TransientGitLabError),
            stop=stop_before_delay(MAX_RETRY_SECONDS) | stop_after_attempt(MAX_ATTEMPTS),
            wait=backoff(1, MAX_WAIT_SECONDS),
            sleep=self._sleep,
            before_sleep=log_retry(self._tell),
            reraise=True,
        )
        return retrying(self._request, "get", path, query_data=query, streamed=streamed)

    def _request(self, verb: str, path: str, **rest: Any) -> requests.Response:
        """Return the answer to one request, which is sent once."""
        try:
            response = self._client.http_request(verb, path, obey_rate_limit=False, max_retries=0, **rest)
        except GitlabError as error:
            reason = shorten_to_line(_decode_message(error.error_message), MAX_REASON_CHARS)
            scope = "insufficient_scope" in f"{error.error_message}{error.response_body!r}"
            raise build_refusal_error(error.response_code or 0, self._name, reason, scope=scope) from error
        except (RecursionError, ValueError):  # python-gitlab parses an error's JSON, whatever is in it
            # No cause: Python's error about a token that cannot be a header holds the token.
            raise GitLabError(f"GitLab's answer for {self._name} cannot be read") from None
        if "text/html" in response.headers.get("content-type", ""):
            raise GitLabError(
                f"{self.host} answered with a web page, perhaps to sign in, instead of GitLab's API; "
                "is CI_API_V4_URL right?"
            )
        return response


def _decode_message(message: object) -> str:
    """Return an error's own words, which python-gitlab holds as text, as a body's bytes or as parsed JSON."""
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
