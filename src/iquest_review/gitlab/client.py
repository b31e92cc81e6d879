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
from iquest_review.gitlab.errors import refused
from iquest_review.gitlab.existing import Standing, Thread, standing
from iquest_review.gitlab.facts import Facts, diff_refs, read
from iquest_review.gitlab.transport import LONGEST_WAIT, LONGEST_WORDS, Client, PassingGitLabError
from iquest_review.merge_request import MergeRequest
from iquest_review.net.retry import telling, waiting
from iquest_review.net.tls import USUAL, Tls
from iquest_review.note.thread import same
from iquest_review.text import one_line

ATTEMPTS = 5
DEADLINE = 120.0  # seconds for all attempts at one thing
DIFF_REFS_POLLS = 12  # GitLab computes them after the merge request is made: issue 386562 saw 1 to 5 seconds
PAGE = 100  # the most GitLab gives
MOST_ASKED_ABOUT = 50  # people: whether they are members
LEAST_LEVEL = 10  # of access: Guest; below it are those who were only invited (lib/gitlab/access.rb)
MOST_PAGES = 500  # a merge request holds 5,000 notes, not counting those that GitLab itself writes

_REPORT = "please report this text as a security problem"
CHANGED = f"GitLab stored another text than was sent; {_REPORT}"
HELD_BACK = "a fault of iquest-review: a text that was to be posted would do more than to be read"
_RAN = f"GitLab ran the note as commands instead of storing it; {_REPORT}"

_Answer = TypeVar("_Answer")


class GitLab:
    """One merge request of one GitLab. `api_url` is CI_API_V4_URL: https://gitlab.example/api/v4."""

    def __init__(
        self,
        api_url: str,
        token: str,
        merge_request: MergeRequest,
        *,
        tls: Tls = USUAL,
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
        self._own: schema.Own | None = None
        self._members: dict[int, bool] = {}
        self._waived: dict[str, bool] = {}
        self._links = ("", "")

    def facts(self) -> Facts:
        """The merge request as it stands, once its diff is there.

        Raises GitLabError when it cannot be read, or its diff does not come.
        """
        for poll in range(DIFF_REFS_POLLS):
            if poll:
                self._sleep(min((1 + poll) / 2, 5))
            response = self._read(self._path)
            answer = self._answer(schema.MERGE_REQUEST, response)
            if refs := diff_refs(answer.diff_refs):
                return read(self._merge_request, refs, answer)
            if answer.diff_refs is None and self._answer(schema.STORED, response).id is None:  # each one has an id
                raise GitLabError(f"{self.host} answered something that is not GitLab's API; is CI_API_V4_URL right?")
            if not poll:
                self._tell(f"waiting for GitLab to make the diff of {self._name}")
        raise GitLabError(f"GitLab has not made the diff of {self._name} yet; run the job again in a minute")

    def raw_diff(self) -> bytes:
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

    def file(self, path: str, ref: str) -> bytes | None:
        """A file of the repository at a commit or branch; None where there is none, or the token may not read it.

        Of one larger than LARGEST_TEXT the beginning, which is larger as well.
        """
        try:
            return self._read(f"{self._project}/repository/files/{quote(path, safe='')}/raw", True, ref=ref).content
        except GitLabError as error:
            if error.status in (403, 404):
                return None
            raise

    def standing(self) -> Standing:
        """What of the bot's own is on the merge request."""
        if self._own is None:
            self._own = self._answer(schema.OWN, self._read("/user"))
        discussions = self._pages(schema.DISCUSSIONS, f"{self._path}/discussions")
        return standing(discussions, self._own.id, bot=self._own.bot)

    def waived(self, thread: Thread) -> bool:
        """Whether a member of the project does not want this finding raised: by a reply, or a thumbs-down."""
        if thread.id not in self._waived:
            self._waived[thread.id] = self._is_waived(thread)
        return self._waived[thread.id]

    def _is_waived(self, thread: Thread) -> bool:
        if any(self._is_member(user) for user in thread.waivers):
            return True
        try:
            awards = list(self._pages(schema.AWARDS, f"{self._path}/notes/{thread.note}/award_emoji"))
        except GitLabError as error:
            if error.status != 404:
                raise
            return False  # the note was deleted meanwhile
        return any(award.name.startswith("thumbsdown") and self._is_member(award.user.id) for award in awards)

    def is_newer(self, head: str, than: str) -> bool:
        """Whether a version of the diff with this head came after the last one with the other head."""
        versions = self._pages(schema.VERSIONS, f"{self._path}/versions")
        order = [version.head_commit_sha for version in versions]  # the newest first
        return head in order and (than not in order or order.index(head) < order.index(than))

    def may_link(self, project_url: str, job_url: str) -> None:
        """Says where the links of what is going to be sent may lead; until then to no page."""
        self._links = (project_url, job_url)

    def guarded(self, body: str) -> str:
        """The body as it is sent: another one, and loudly, where this one would do more than to be read."""
        from iquest_review.note.guard import Pages, checked  # noqa: PLC0415 - reading needs no parser

        sent, fault = checked(body, Pages(*self._links, self._merge_request.iid))
        if fault:
            self._warn(f"{HELD_BACK}: {fault}; it is sent as a block of code; {_REPORT}")
        return sent

    def start_thread(self, body: str, position: dict[str, Any]) -> None:
        """Starts a thread on a line or a file. Raises GitLabError with status 400 for a line GitLab does not know."""
        body = self.guarded(body)
        sent = {"body": body, "position": position}
        try:
            response = self._request("post", f"{self._path}/discussions", post_data=sent)
        except GitLabError as error:
            # Older GitLabs answer so when they have run a discussion as commands: issue 505100.
            raise GitLabError(_RAN) if error.status == 400 and str(error).endswith("Note {}") else error from None
        for note in self._stored(schema.DISCUSSION, response).notes[:1]:
            self._check(body, note.id, note.body)

    def drafts(self) -> list[schema.Draft]:
        """The draft notes of the token's own user. Raises GitLabError with status 404 where GitLab has none."""
        return list(self._pages(schema.DRAFTS, f"{self._path}/draft_notes"))

    def draft(self, body: str, position: dict[str, Any]) -> schema.Draft:
        """Makes a draft of a thread. GitLab takes it whatever its line is, and loses it later: see its line code."""
        sent = {"note": self.guarded(body), "position": position}
        return self._answer(schema.DRAFT, self._request("post", f"{self._path}/draft_notes", post_data=sent))

    def discard(self, draft: int) -> None:
        """Deletes a draft note, if it is still there."""
        self._if_there("delete", f"{self._path}/draft_notes/{draft}")

    def publish_drafts(self) -> None:
        """Publishes all draft notes of the token's user, with one notification."""
        self._request("post", f"{self._path}/draft_notes/bulk_publish")

    def resolve(self, thread: Thread, *, resolved: bool = True) -> None:
        """Resolves a thread, or opens it again; one that was deleted meanwhile is let be.

        As the thread's author where nobody else wrote in it: that takes no role. Else as a developer.
        """
        path = f"{self._path}/discussions/{thread.id}" + ("" if thread.replies else f"/notes/{thread.note}")
        self._if_there("put", path, post_data={"resolved": resolved})

    def delete(self, note: int) -> None:
        """Deletes a note, if it is still there."""
        self._if_there("delete", f"{self._path}/notes/{note}")

    def write_note(self, body: str, note: int | None = None) -> None:
        """Posts the summary note, or puts another body into it.

        Raises GitLabError when GitLab takes the note for commands, or stores another text than was sent.
        """
        verb, path = ("post", "") if note is None else ("put", f"/{note}")
        body = self.guarded(body)
        response = self._request(verb, f"{self._path}/notes{path}", post_data={"body": body})
        stored = self._stored(schema.STORED, response)
        self._check(body, stored.id, stored.body)

    def pause(self, failure: PassingGitLabError, attempt: int) -> None:
        """Waits before what failed is looked at again."""
        wait = failure.wait if failure.wait is not None else min(2.0 ** (attempt + 1), LONGEST_WAIT)
        self._tell(f"{failure}; looking again in {wait:.0f} s")
        self._sleep(wait)

    @property
    def _name(self) -> str:
        return f"{self._merge_request.project}!{self._merge_request.iid}"

    def _stored(self, parser: schema.Parser[_Answer], response: requests.Response) -> _Answer:
        """What GitLab stored. Raises GitLabError for 202: it ran the text, and stored nothing of it."""
        if response.status_code == 202:
            raise GitLabError(_RAN)
        return self._answer(parser, response)

    def _check(self, sent: str, stored: int | None, body: str | None) -> None:
        if stored is None:
            raise GitLabError(_RAN)
        if body is not None and not same(sent, body):
            raise GitLabError(CHANGED)

    def _is_member(self, user: int) -> bool:
        if user not in self._members:
            if len(self._members) >= MOST_ASKED_ABOUT:
                return False
            try:
                member = self._answer(schema.MEMBER, self._read(f"{self._project}/members/all/{user}"))
                self._members[user] = member.access_level >= LEAST_LEVEL and member.state == "active"
            except GitLabError as error:
                if error.status not in (403, 404):
                    raise
                self._members[user] = False
        return self._members[user]

    def _if_there(self, verb: str, path: str, **rest: Any) -> None:
        try:
            self._request(verb, path, **rest)
        except GitLabError as error:
            if error.status != 404:
                raise

    def _pages(self, parser: schema.Parser[list[_Answer]], path: str) -> Iterator[_Answer]:
        """All entries, page by page. The Link header is not followed: it names the configured host, not this one."""
        page, pages = "1", 0
        while page:
            pages += 1
            if pages > MOST_PAGES:
                raise GitLabError(f"GitLab does not come to an end of the notes of {self._name}")
            response = self._read(path, page=page, per_page=PAGE)
            yield from self._answer(parser, response)
            page = response.headers.get("x-next-page", "")

    def _answer(self, parser: schema.Parser[_Answer], response: requests.Response) -> _Answer:
        return parser.read(response.content, self.host)

    def _read(self, path: str, streamed: bool = False, **query: Any) -> requests.Response:
        retrying = Retrying(
            retry=retry_if_exception_type(PassingGitLabError),
            stop=stop_before_delay(DEADLINE) | stop_after_attempt(ATTEMPTS),
            wait=waiting(1, LONGEST_WAIT),
            sleep=self._sleep,
            before_sleep=telling(self._tell),
            reraise=True,
        )
        return retrying(self._request, "get", path, query_data=query, streamed=streamed)

    def _request(self, verb: str, path: str, **rest: Any) -> requests.Response:
        try:
            response = self._client.http_request(verb, path, **rest)
        except GitlabError as error:
            said = one_line(_text(error.error_message), LONGEST_WORDS)
            scope = "insufficient_scope" in f"{error.error_message}{error.response_body!r}"
            raise refused(error.response_code or 0, self._name, said, scope=scope) from None
        except (RecursionError, ValueError):  # python-gitlab reads an error's JSON, however it is made
            raise GitLabError(f"GitLab answered for {self._name} what cannot be read") from None
        if "text/html" in response.headers.get("content-type", ""):
            raise GitLabError(f"{self.host} answered with a web page: GitLab's API, or a sign-in page?")
        return response


def _text(said: object) -> str:
    """An error's own words: text, the bytes of a body, or a structure of both."""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
