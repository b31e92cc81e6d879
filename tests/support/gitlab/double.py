"""A strict double of GitLab that speaks real HTTP on 127.0.0.1.

    with GitLabDouble() as gitlab:
        gitlab.add_user("reviewer", token="glpat-x")
        gitlab.add_project(7, "group/app", repository)
        gitlab.add_merge_request(7, 1, diff_refs=DiffRefs(base, start, head))

It enforces what GitLab enforces and does what GitLab does with a note, quick actions included; what it does not know
it answers with 404. Its rules stand in the gitlab_*.py modules next to it, each with its source.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.gitlab import drafts, git, people_api, routes  # these bring in every endpoint
from tests.support.gitlab.faults import Fault, Interlude
from tests.support.gitlab.http import Request, Response, Server
from tests.support.gitlab.people import People, refs_of
from tests.support.gitlab.state import DiffRefs, Executed, Limits, MergeRequest, Notification, Token

__all__ = ["DiffRefs", "Executed", "GitLabDouble", "Limits", "Notification", "Request"]

NO_COMMITS = DiffRefs("0" * 40, "0" * 40, "0" * 40)
ENDPOINTS = (drafts, people_api)


class GitLabDouble(People):
    """GitLab in a thread; its whole state is at hand."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server(self._answer)

    def __enter__(self) -> Self:
        self.server.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.close()
        if self.server.crashes and error is None:
            raise AssertionError("the double itself failed:\n" + "\n".join(self.server.crashes))

    def _answer(self, request: Request) -> Response:
        if git.serves(request):
            return git.serve(self.instance, request)
        if not request.path.startswith("/api/v4/"):
            return Response(404, b"<!DOCTYPE html><h1>404: Page not found</h1>", {"Content-Type": "text/html"})
        with self.lock:
            return routes.dispatch(self.instance, request)

    # --- where it is and what it saw ---

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/v4"

    @property
    def requests(self) -> list[Request]:
        """Every request in the order it came, those that failed too."""
        return self.server.requests

    def mark(self) -> int:
        """Here and now, for `requests_since`."""
        return len(self.server.requests)

    def requests_since(self, mark: int) -> list[Request]:
        return self.server.requests[mark:]

    @property
    def executed(self) -> list[Executed]:
        """Every quick action that ran. A reviewer's should be none."""
        return self.instance.executed

    @property
    def limits(self) -> Limits:
        return self.instance.limits

    @property
    def ruby(self) -> str:
        return self.instance.ruby

    @ruby.setter
    def ruby(self, version: str) -> None:
        """ "3.3" or "3.4": the text of a failed validation differs."""
        self.instance.ruby = version

    # --- what it holds ---

    def add_user(
        self,
        name: str,
        *,
        token: str | None = None,
        scopes: Iterable[str] = ("api",),
        role: str = "reporter",
        bot: bool = True,
        job_token: str | None = None,
        roles: Mapping[int, str] | None = None,
    ) -> None:
        """A user with one role everywhere, but for the projects named in `roles`."""
        user = self.instance.user(name)
        user.role, user.bot, user.roles = role, bot, dict(roles or {})
        if token:
            number = self.instance.next_id()
            self.instance.tokens[token] = Token(user, token, frozenset(scopes), number)
        if job_token:
            self.instance.tokens[job_token] = Token(user, job_token, frozenset(), kind="job")

    def refuse_token(
        self, token: str, because: str = "Token was revoked. You have to re-authorize from the user."
    ) -> None:
        """Let a token be revoked or expired."""
        self.instance.tokens[token].refused_because = because

    def add_project(self, id: int, path: str, repository: Path | None = None, *, public: bool = False) -> None:  # noqa: A002
        """A project and the git repository it serves; without one its merge requests need a raw_diff."""
        self.instance.add_project(id, path, repository, public)

    def move_project(self, id: int, path: str) -> None:  # noqa: A002
        project = self.instance.projects[id]
        project.old_paths.append(project.path)
        project.path = path

    def add_merge_request(
        self,
        project: int,
        iid: int,
        *,
        title: str = "Change things",
        description: str = "",
        labels: Iterable[str] = (),
        draft: bool = False,
        state: str = "opened",
        diff_refs: Any = NO_COMMITS,
        diff_refs_after: int = 0,
        source_branch: str = "feature",
        target_branch: str = "main",
        source_project: int | None = None,
        author: str = "author",
        raw_diff: bytes | None = None,
        locked: bool = False,
    ) -> None:
        """`diff_refs` is anything with base, start and head; they are null for `diff_refs_after` polls."""
        owner = self.instance.projects[project]
        owner.merge_requests[iid] = MergeRequest(
            owner,
            iid,
            self.instance.next_id(),
            title,
            description,
            list(labels),
            draft,
            state,
            self.instance.user(author),
            source_branch,
            target_branch,
            source_project if source_project is not None else project,
            [refs_of(diff_refs)],
            diff_refs_after,
            raw_diff,
            locked,
        )

    # --- what goes wrong ---

    def fail(
        self,
        method: str,
        path_regex: str,
        *,
        status: int | None = None,
        body: str | bytes | dict[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
        times: int = 1,
        after_store: bool = False,
        drop: bool = False,
        delay: float = 0,
    ) -> Fault:
        """Disturb the next `times` requests whose path and query match ("*" is any method).

        status, body, headers: answer this. after_store: do what was asked first. drop: break the connection instead.
        delay: wait so many seconds; alone, the true answer follows.
        """
        text = json.dumps(body) if isinstance(body, dict) else body
        content = text.encode() if isinstance(text, str) else text
        kind = "application/json" if isinstance(body, dict) else "text/html"
        sent = {"Content-Type": kind, **(headers or {})}
        fault = Fault(method, re.compile(path_regex), status, content, sent, times, after_store, drop, delay)
        self.server.troubles.faults.append(fault)
        return fault

    def die_after(self, requests: int) -> None:
        """Handle so many more requests; every later one is recorded, but its connection breaks off unhandled."""
        self.server.troubles.lives = requests

    def revive(self) -> None:
        self.server.troubles.lives = None

    def before(self, method: str, path_regex: str, action: Callable[[], None]) -> Interlude:
        """Run the action once, just before the next matching request is handled ("*" is any method).

        It may push, comment, or send requests of its own. What it raises fails the test when the double closes.
        """
        interlude = Interlude(method, re.compile(path_regex), action)
        self.server.troubles.interludes.append(interlude)
        return interlude
