"""The answers of GitLab's API, each parsed once, here. Fields that are not declared are ignored."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from iquest_review.errors import GitLabError

Parsed = TypeVar("Parsed")

# The answer's text stays out of errors: it may be confidential.
_CONFIG = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Answer(BaseModel):
    model_config = _CONFIG


class User(_Answer):
    """A user, as the author of a note."""

    id: int


class TokenUser(_Answer):
    """GET /user: the token's own user.

    `bot`: the user belongs to a project, a group or a service account, not to a person
    (app/models/concerns/has_user_type.rb).
    """

    id: int
    bot: bool | None = False


class NotePosition(_Answer):
    """The place of a note; GitLab carries it along with the lines from push to push."""

    old_path: str | None = None
    new_path: str | None = None
    old_line: int | None = None
    new_line: int | None = None
    head_sha: str | None = None


class DiscussionNote(_Answer):
    """A note of a discussion. GitLab sends `resolved` only for a note that can be resolved."""

    id: int
    author: User
    body: str
    system: bool | None = False
    resolved: bool | None = False
    resolved_by: User | None = None
    position: NotePosition | None = None


class Discussion(_Answer):
    """A thread, or a single note."""

    id: str
    notes: tuple[DiscussionNote, ...]


class Draft(_Answer):
    """A draft note of the token's own user. GitLab computes a line code only for a line it finds."""

    id: int
    note: str | None = None
    line_code: str | None = None


class Award(_Answer):
    """An emoji on a note, and the user who gave it."""

    name: str
    user: User


class Member(_Answer):
    """A member of a project, and what the member may do there."""

    access_level: int
    state: str = "active"


class Version(_Answer):
    """A version of the merge request's diff."""

    head_commit_sha: str | None = None


class StoredNote(_Answer):
    """The answer to a written note. A note of nothing but commands has no id: GitLab ran it."""

    id: int | None = None
    body: str | None = None


class DiffRefsAnswer(_Answer):
    """The commits of the diff; GitLab computes them after the merge request is created."""

    base_sha: str | None = None
    start_sha: str | None = None
    head_sha: str | None = None


class MergeRequestAnswer(_Answer):
    """A merge request."""

    id: int | None = None
    diff_refs: DiffRefsAnswer | None = None
    title: str | None = None
    description: str | None = None
    labels: tuple[str, ...] = ()
    source_branch: str | None = None
    target_branch: str | None = None
    draft: bool = False
    state: str = ""
    web_url: str | None = None
    source_project_id: int | None = None
    target_project_id: int | None = None
    changes_count: str | None = None  # "1000+" where GitLab stops counting


TOKEN_USER = TypeAdapter(TokenUser)
DISCUSSION = TypeAdapter(Discussion)
DISCUSSIONS = TypeAdapter(list[Discussion], config=_CONFIG)
DRAFT = TypeAdapter(Draft)
DRAFTS = TypeAdapter(list[Draft], config=_CONFIG)
AWARDS = TypeAdapter(list[Award], config=_CONFIG)
MEMBER = TypeAdapter(Member)
VERSIONS = TypeAdapter(list[Version], config=_CONFIG)
STORED_NOTE = TypeAdapter(StoredNote)
MERGE_REQUEST = TypeAdapter(MergeRequestAnswer)


def build_foreign_answer_error(host: str) -> GitLabError:
    """Return the error for an answer that does not come from GitLab's API."""
    return GitLabError(f"{host} answered something that is not GitLab's API; is CI_API_V4_URL right?")


def parse_answer(kind: TypeAdapter[Parsed], content: bytes, host: str) -> Parsed:
    """Return the answer in the JSON of a body. Raises GitLabError for one that is not GitLab's."""
    try:
        return kind.validate_json(content)
    except ValidationError as error:
        raise build_foreign_answer_error(host) from error
