"""GitLab, through python-gitlab: the facts of one merge request, its threads and its note.

Reads are asked again when that may help. A write never is without looking first: GitLab may answer 500, or nothing, to
a note that it stored (gitlab-org/gitlab issue 27946).
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from gitlab.exceptions import GitlabError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay

from iquest_review.errors import GitLabError
from iquest_review.gitlab import schema
from iquest_review.gitlab.errors import build_refusal_error
from iquest_review.gitlab.existing import ExistingThreads, Thread, collect_existing_threads
from iquest_review.gitlab.facts import Facts, parse_diff_refs, parse_facts
from iquest_review.gitlab.transport import MAX_REASON_CHARS, MAX_WAIT_SECONDS, Client, TransientGitLabError
from iquest_review.merge_request import MergeRequest
from iquest_review.net.retry import backoff, log_retry
from iquest_review.net.tls import DEFAULT_TLS, Tls
from iquest_review.note.thread import is_same_body
from iquest_review.text import shorten_to_line

MAX_ATTEMPTS = 5
MAX_RETRY_SECONDS = 120.0  # seconds for all attempts at one thing
MAX_DIFF_REFS_POLLS = 12  # GitLab computes them after the merge request is made: issue 386562 saw 1 to 5 seconds
ENTRIES_PER_PAGE = 100  # the most GitLab gives
MAX_MEMBER_LOOKUPS = 50  # people: whether they are members
MIN_ACCESS_LEVEL = 10  # of access: Guest; below it are those who were only invited (lib/gitlab/access.rb)
MAX_PAGES = 500  # a merge request holds 5,000 notes, not counting those that GitLab itself writes

_REPORT = "please report this text as a security problem"
BODY_CHANGED = f"GitLab stored another text than was sent; {_REPORT}"
HELD_BACK = "a fault of iquest-review: a text that was to be posted would do more than to be read"
_RAN_AS_COMMANDS = f"GitLab ran the note as commands instead of storing it; {_REPORT}"

_Answer = TypeVar("_Answer")


class GitLab:
    """One merge request of one GitLab. `api_url` is CI_API_V4_URL: https://gitlab.example/api/v4."""

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
        self._client = Client(api_url.rstrip("/").removesuffix("/api/v4"), token, tls, clean)
        self.host = self._client.host
        project = quote(merge_request.project, safe="")
        self._project = f"/projects/{project}"
        self._path = f"{self._project}/merge_requests/{merge_request.iid}"
        self._own: schema.TokenUser | None = None
        self._members: dict[int, bool] = {}
        self._waived: dict[str, bool] = {}
        self._links = ("", "")

    def fetch_facts(self) -> Facts:
        """The merge request as it stands, once its diff is there.

        Raises GitLabError when it cannot be read, or its diff does not come.
        """
        for poll in range(MAX_DIFF_REFS_POLLS):
            if poll:
                self._sleep(min((1 + poll) / 2, 5))
            response = self._read(self._path)
            answer = self._parse_answer(schema.MERGE_REQUEST, response)
            if refs := parse_diff_refs(answer.diff_refs):
                return parse_facts(self._merge_request, refs, answer)
            if (
                answer.diff_refs is None and self._parse_answer(schema.STORED_NOTE, response).id is None
            ):  # each one has an id
                raise GitLabError(f"{self.host} answered something that is not GitLab's API; is CI_API_V4_URL right?")
            if not poll:
                self._tell(f"waiting for GitLab to make the diff of {self._name}")
        raise GitLabError(f"GitLab has not made the diff of {self._name} yet; run the job again in a minute")

    def fetch_raw_diff(self) -> bytes:
        """The whole diff as GitLab shows it (since 17.9)."""
        try:
            return self._read(f"{self._path}/raw_diffs").content
        except GitLabError as error:
            if error.status != 404:
                raise
            raise GitLabError(
                f"this GitLab gives no raw diff of {self._name} (it came with 17.9); run inside a clone of the project",
                404,
            ) from None

    def fetch_file(self, path: str, ref: str) -> bytes | None:
        """A file of the repository at a commit or branch; None where there is none, or the token may not read it.

        Of one larger than LARGEST_TEXT the beginning, which is larger as well.
        """
        try:
            return self._read(f"{self._project}/repository/files/{quote(path, safe='')}/raw", True, ref=ref).content
        except GitLabError as error:
            if error.status in (403, 404):
                return None
            raise

    def fetch_existing_threads(self) -> ExistingThreads:
        """What of the bot's own is on the merge request."""
        if self._own is None:
            self._own = self._parse_answer(schema.TOKEN_USER, self._read("/user"))
        discussions = self._fetch_pages(schema.DISCUSSIONS, f"{self._path}/discussions")
        return collect_existing_threads(discussions, self._own.id, bot=self._own.bot)

    def has_waiver(self, thread: Thread) -> bool:
        """Whether a member of the project does not want this finding raised: by a reply, or a thumbs-down."""
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
            return False  # the note was deleted meanwhile
        return any(award.name.startswith("thumbsdown") and self._is_member(award.user.id) for award in awards)

    def is_newer(self, head: str, than: str) -> bool:
        """Whether a version of the diff with this head came after the last one with the other head."""
        versions = self._fetch_pages(schema.VERSIONS, f"{self._path}/versions")
        order = [version.head_commit_sha for version in versions]  # the newest first
        return head in order and (than not in order or order.index(head) < order.index(than))

    def allow_links(self, project_url: str, job_url: str) -> None:
        """Says where the links of what is going to be sent may lead; until then to no page."""
        self._links = (project_url, job_url)

    def guard(self, body: str) -> str:
        """The body as it is sent: another one, and loudly, where this one would do more than to be read."""
        from iquest_review.note.guard import LinkTargets, guard_body  # noqa: PLC0415 - reading needs no parser

        sent, fault = guard_body(body, LinkTargets(*self._links, self._merge_request.iid))
        if fault:
            self._warn(f"{HELD_BACK}: {fault}; it is sent as a block of code; {_REPORT}")
        return sent

    def start_thread(self, body: str, position: dict[str, Any]) -> None:
        """Starts a thread on a line or a file. Raises GitLabError with status 400 for a line GitLab does not know."""
        body = self.guard(body)
        sent = {"body": body, "position": position}
        try:
            response = self._request("post", f"{self._path}/discussions", post_data=sent)
        except GitLabError as error:
            # Older GitLabs answer so when they have run a discussion as commands: issue 505100.
            raise (
                GitLabError(_RAN_AS_COMMANDS) if error.status == 400 and str(error).endswith("Note {}") else error
            ) from None
        for note in self._parse_write_answer(schema.DISCUSSION, response).notes[:1]:
            self._check(body, note.id, note.body)

    def list_drafts(self) -> list[schema.Draft]:
        """The draft notes of the token's own user. Raises GitLabError with status 404 where GitLab has none."""
        return list(self._fetch_pages(schema.DRAFTS, f"{self._path}/draft_notes"))

    def create_draft(self, body: str, position: dict[str, Any]) -> schema.Draft:
        """Makes a draft of a thread. GitLab takes it whatever its line is, and loses it later: see its line code."""
        sent = {"note": self.guard(body), "position": position}
        return self._parse_answer(schema.DRAFT, self._request("post", f"{self._path}/draft_notes", post_data=sent))

    def discard(self, draft: int) -> None:
        """Deletes a draft note, if it is still there."""
        self._request_if_present("delete", f"{self._path}/draft_notes/{draft}")

    def publish_drafts(self) -> None:
        """Publishes all draft notes of the token's user, with one notification."""
        self._request("post", f"{self._path}/draft_notes/bulk_publish")

    def resolve(self, thread: Thread, *, resolved: bool = True) -> None:
        """Resolves a thread, or opens it again; one that was deleted meanwhile is let be.

        As the thread's author where nobody else wrote in it: that takes no role. Else as a developer.
        """
        path = f"{self._path}/discussions/{thread.id}" + ("" if thread.replies else f"/notes/{thread.note}")
        self._request_if_present("put", path, post_data={"resolved": resolved})

    def delete(self, note: int) -> None:
        """Deletes a note, if it is still there."""
        self._request_if_present("delete", f"{self._path}/notes/{note}")

    def write_note(self, body: str, note: int | None = None) -> None:
        """Posts the summary note, or puts another body into it.

        Raises GitLabError when GitLab takes the note for commands, or stores another text than was sent.
        """
        verb, path = ("post", "") if note is None else ("put", f"/{note}")
        body = self.guard(body)
        response = self._request(verb, f"{self._path}/notes{path}", post_data={"body": body})
        stored = self._parse_write_answer(schema.STORED_NOTE, response)
        self._check(body, stored.id, stored.body)

    def pause(self, failure: TransientGitLabError, attempt: int) -> None:
        """Waits before what failed is looked at again."""
        wait = failure.wait if failure.wait is not None else min(2.0 ** (attempt + 1), MAX_WAIT_SECONDS)
        self._tell(f"{failure}; looking again in {wait:.0f} s")
        self._sleep(wait)

    @property
    def _name(self) -> str:
        return f"{self._merge_request.project}!{self._merge_request.iid}"

    def _parse_write_answer(self, parser: schema.Parser[_Answer], response: requests.Response) -> _Answer:
        """What GitLab stored. Raises GitLabError for 202: it ran the text, and stored nothing of it."""
        if response.status_code == 202:
            raise GitLabError(_RAN_AS_COMMANDS)
        return self._parse_answer(parser, response)

    def _check(self, sent: str, stored: int | None, body: str | None) -> None:
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

    def _fetch_pages(self, parser: schema.Parser[list[_Answer]], path: str) -> Iterator[_Answer]:
        """All entries, page by page. The Link header is not followed: it names the configured host, not this one."""
        page, pages = "1", 0
        while page:
            pages += 1
            if pages > MAX_PAGES:
                raise GitLabError(f"GitLab does not come to an end of the notes of {self._name}")
            response = self._read(path, page=page, per_page=ENTRIES_PER_PAGE)
            yield from self._parse_answer(parser, response)
            page = response.headers.get("x-next-page", "")

    def _parse_answer(self, parser: schema.Parser[_Answer], response: requests.Response) -> _Answer:
        return parser.parse(response.content, self.host)

    def _read(self, path: str, streamed: bool = False, **query: Any) -> requests.Response:
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
        try:
            response = self._client.http_request(verb, path, **rest)
        except GitlabError as error:
            said = shorten_to_line(_decode_message(error.error_message), MAX_REASON_CHARS)
            scope = "insufficient_scope" in f"{error.error_message}{error.response_body!r}"
            raise build_refusal_error(error.response_code or 0, self._name, said, scope=scope) from None
        except (RecursionError, ValueError):  # python-gitlab reads an error's JSON, however it is made
            raise GitLabError(f"GitLab answered for {self._name} what cannot be read") from None
        if "text/html" in response.headers.get("content-type", ""):
            raise GitLabError(f"{self.host} answered with a web page: GitLab's API, or a sign-in page?")
        return response


def _decode_message(said: object) -> str:
    """An error's own words: text, the bytes of a body, or a structure of both."""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
