"""What the double of GitLab remembers: users and tokens, projects, merge requests, notes, limits."""

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.gitlab.repository import Repository

Json = dict[str, Any]
ROLES = {"none": 0, "guest": 10, "reporter": 20, "developer": 30, "maintainer": 40, "owner": 50}
EXTERNAL_URL = "https://gitlab.example.com"
CREATED = "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class DiffRefs:
    """The three commits a diff is made of; start is the target branch's head and may differ from the merge base."""

    base: str
    start: str
    head: str

    def json(self) -> Json:
        return {"base_sha": self.base, "head_sha": self.head, "start_sha": self.start}


@dataclass(eq=False)
class User:
    id: int
    name: str
    role: str
    bot: bool = False
    roles: dict[int, str] = field(default_factory=dict)  # where it differs from the general one, by project id

    def level(self, project: "Project") -> int:
        return ROLES[self.roles.get(project.id, self.role)]

    def may_read(self, project: "Project", role: str = "guest") -> bool:
        return project.public or self.level(project) >= ROLES[role]

    def json(self) -> Json:
        web_url = f"{EXTERNAL_URL}/{self.name}"
        return {"id": self.id, "username": self.name, "name": self.name, "state": "active", "web_url": web_url}


@dataclass(eq=False)
class Token:
    user: User
    secret: str
    scopes: frozenset[str]
    id: int = 0
    kind: str = "access"  # or "job": what CI_JOB_TOKEN holds
    refused_because: str = ""  # of an expired or revoked token


@dataclass(eq=False)
class Project:
    id: int
    path: str
    repository: Repository | None
    public: bool = False
    old_paths: list[str] = field(default_factory=list)
    resolve_outdated: bool = False  # "Automatically resolve merge request diff threads when they become outdated"
    merge_requests: dict[int, "MergeRequest"] = field(default_factory=dict)

    def json(self) -> Json:
        return {
            "id": self.id,
            "name": self.path.rsplit("/", 1)[-1],
            "path": self.path.rsplit("/", 1)[-1],
            "path_with_namespace": self.path,
            "default_branch": "main",
            "visibility": "public" if self.public else "private",
            "web_url": f"{EXTERNAL_URL}/{self.path}",
            "http_url_to_repo": f"{EXTERNAL_URL}/{self.path}.git",
        }


@dataclass(eq=False)
class Suggestion:
    """Lines of the new file that a note offers to replace; the numbers follow the note's line."""

    id: int
    above: int
    below: int
    from_content: str
    to_content: str
    applied: bool = False


@dataclass(eq=False)
class Note:
    id: int
    author: User
    body: str
    type: str | None
    created_at: str
    updated_at: str
    system: bool = False
    internal: bool = False
    position: Json | None = None
    line_code: str | None = None
    outdated: bool = False
    resolved: bool = False
    resolved_by: User | None = None
    resolved_at: str | None = None
    suggestions: list[Suggestion] = field(default_factory=list)
    commands_changes: Json = field(default_factory=dict)
    awards: list[Json] = field(default_factory=list)

    @property
    def resolvable(self) -> bool:
        return self.type is not None and not self.system


@dataclass(eq=False)
class Discussion:
    id: str
    notes: list[Note]
    readable: bool = True  # False: counted by the pages, shown to nobody

    @property
    def individual_note(self) -> bool:
        return len(self.notes) == 1 and self.notes[0].type is None

    @property
    def resolvable(self) -> bool:
        return any(note.resolvable for note in self.notes)

    @property
    def resolved(self) -> bool:
        return self.resolvable and all(note.resolved for note in self.notes if note.resolvable)


@dataclass(eq=False)
class DraftNote:
    id: int
    author: User
    note: str
    position: Json | None = None
    discussion_id: str | None = None
    resolve_discussion: bool = False
    commit_id: str | None = None
    line_code: str | None = None


@dataclass(eq=False)
class MergeRequest:
    project: Project
    iid: int
    id: int
    title: str
    description: str
    labels: list[str]
    draft: bool
    state: str
    author: User
    source_branch: str
    target_branch: str
    source_project_id: int
    versions: list[DiffRefs]  # newest first
    polls_until_ready: int = 0
    raw_diff: bytes | None = None
    locked: bool = False
    discussions: list[Discussion] = field(default_factory=list)
    draft_notes: list[DraftNote] = field(default_factory=list)
    version_times: list[str] = field(default_factory=lambda: [CREATED])  # of the versions, newest first

    @property
    def diff_refs(self) -> DiffRefs:
        return self.versions[0]

    def is_current(self, position: Json | None) -> bool:
        """Whether a position names the newest version; one that does not is outdated."""
        return position is not None and _named(position) == self.diff_refs

    def version_of(self, position: Json) -> int | None:
        """The version a position names, 0 the newest; None: none of them."""
        named = _named(position)
        return self.versions.index(named) if named in self.versions else None

    @property
    def notes(self) -> list[Note]:
        return sorted((note for d in self.discussions for note in d.notes), key=lambda note: note.id)


def _named(position: Json) -> DiffRefs:
    return DiffRefs(position["base_sha"], position["start_sha"], position["head_sha"])


@dataclass(frozen=True)
class Executed:
    """A quick action that ran: whose, where, and which. The double does not judge whether it was permitted."""

    user: str
    project_id: int
    iid: int
    command: str


@dataclass(frozen=True)
class Notification:
    """One mail to those who follow the merge request: who wrote, and the notes it tells of."""

    author: str
    note_ids: tuple[int, ...]


@dataclass
class Limits:
    """GitLab's defaults on an instance of one's own; lower them to meet them."""

    note_characters: int = 1_000_000
    notes_per_merge_request: int = 5000
    notes_per_minute: int = 300
    notes_retry_after: bool = True  # older releases send no Retry-After with this one
    requests_per_period: int | None = None
    period_seconds: int = 3600
    patch_bytes: int = 200 * 1024
    files: int = 1000
    rows_with_total: int = 10_000


@dataclass
class Instance:
    """All of one GitLab."""

    ruby: str = "3.3"
    version: str = "18.6.0"
    raw_diffs: bool = True  # GET .../raw_diffs, from 17.9
    draft_notes: bool = True  # the endpoints of draft notes, from 15.9
    file_positions: bool = True  # position_type "file", from 16.4
    traces_renames: bool = False  # whether a thread follows a file that a later push renames: see gitlab_tracer
    commands_fail_in_discussions: bool = False
    limits: Limits = field(default_factory=Limits)
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    projects: dict[int, Project] = field(default_factory=dict)
    executed: list[Executed] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    note_times: dict[int, list[float]] = field(default_factory=dict)
    request_counts: dict[int, int] = field(default_factory=dict)
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1001))

    def next_id(self) -> int:
        return next(self.ids)

    def now(self) -> str:
        """A clock that moves a second with each look, so that orders by time are orders of arrival."""
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.next_id())
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    @property
    def position_types(self) -> tuple[str, ...]:
        return ("text", "image", "file") if self.file_positions else ("text", "image")

    def notify(self, author: User, notes: Iterable[Note]) -> None:
        ids = tuple(note.id for note in notes)
        if ids:
            self.notifications.append(Notification(author.name, ids))

    def discussion_id(self) -> str:
        return hashlib.sha1(str(self.next_id()).encode(), usedforsecurity=False).hexdigest()

    def user(self, name: str) -> User:
        if name not in self.users:
            self.users[name] = User(self.next_id(), name, "developer")
        return self.users[name]

    def add_project(self, number: int, path: str, repository: Path | None, public: bool) -> Project:
        project = Project(number, path, Repository(repository) if repository else None, public)
        self.projects[number] = project
        return project
