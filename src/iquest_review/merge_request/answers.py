"""What GitLab's API answers, as far as it is read: parsed once, here. Whatever else stands in an answer is ignored."""

from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from iquest_review.errors import GitLabError

Answer = TypeVar("Answer")


class User(BaseModel):
    """GET /user, and the author of a note."""

    id: int


class Note(BaseModel):
    """A note of a merge request."""

    id: int
    author: User
    body: str


class Stored(BaseModel):
    """What a written note comes back as. One that was nothing but commands has no id: GitLab ran it."""

    id: int | None = None
    body: str | None = None


class Refs(BaseModel):
    """The diff's commits; GitLab computes them after it has made the merge request."""

    base_sha: str | None = None
    start_sha: str | None = None
    head_sha: str | None = None


class MergeRequest(BaseModel):
    """A merge request."""

    diff_refs: Refs | None = None
    title: str | None = None
    description: str | None = None
    labels: list[str] = []
    source_branch: str | None = None
    target_branch: str | None = None
    draft: bool = False
    state: str = ""
    web_url: str | None = None
    source_project_id: int | None = None
    target_project_id: int | None = None


USER, NOTES = TypeAdapter(User), TypeAdapter(list[Note])
STORED, MERGE_REQUEST = TypeAdapter(Stored), TypeAdapter(MergeRequest)


def read(adapter: TypeAdapter[Answer], content: bytes, host: str) -> Answer:
    """The answer. Raises GitLabError for one that is not GitLab's."""
    try:
        return adapter.validate_json(content)
    except ValidationError:
        raise GitLabError(f"{host} answered something that is not GitLab's API; is CI_API_V4_URL right?") from None
