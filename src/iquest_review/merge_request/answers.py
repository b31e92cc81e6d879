"""What GitLab's API answers, as far as it is read: parsed once, here. Whatever else stands in an answer is ignored.

The schemas are pydantic-core's own: pydantic's classes would take longer to load than a review's requests to answer.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic_core import CoreSchema, SchemaValidator, ValidationError, core_schema

from iquest_review.errors import GitLabError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class User:
    """GET /user, and the author of a note."""

    id: int


@dataclass(frozen=True)
class Note:
    """A note of a merge request."""

    id: int
    author: User
    body: str


@dataclass(frozen=True)
class Stored:
    """What a written note comes back as. One that was nothing but commands has no id: GitLab ran it."""

    id: int | None = None
    body: str | None = None


@dataclass(frozen=True)
class Refs:
    """The diff's commits; GitLab computes them after it has made the merge request."""

    base_sha: str | None
    start_sha: str | None
    head_sha: str | None


@dataclass(frozen=True)
class MergeRequest:
    """A merge request."""

    diff_refs: Refs | None
    title: str | None
    description: str | None
    labels: list[str]
    source_branch: str | None
    target_branch: str | None
    draft: bool
    state: str
    web_url: str | None
    source_project_id: int | None
    target_project_id: int | None


class Parser(Generic[Answer]):
    """Reads one kind of answer."""

    def __init__(self, schema: CoreSchema) -> None:
        self._validator = SchemaValidator(schema)

    def read(self, content: bytes, host: str) -> Answer:
        """The answer. Raises GitLabError for one that is not GitLab's."""
        try:
            answer: Answer = self._validator.validate_json(content)
        except ValidationError:
            raise GitLabError(f"{host} answered something that is not GitLab's API; is CI_API_V4_URL right?") from None
        return answer


def _record(kind: type[Any], **fields: CoreSchema) -> CoreSchema:
    arguments = [core_schema.dataclass_field(name, schema) for name, schema in fields.items()]
    return core_schema.dataclass_schema(kind, core_schema.dataclass_args_schema(kind.__name__, arguments), list(fields))


def _or(default: Any, schema: CoreSchema) -> CoreSchema:
    return core_schema.with_default_schema(schema, default=default)


_INT, _STR = core_schema.int_schema(), core_schema.str_schema()
_MAYBE_INT = _or(None, core_schema.nullable_schema(_INT))
_MAYBE_STR = _or(None, core_schema.nullable_schema(_STR))
_USER = _record(User, id=_INT)
_REFS = _record(Refs, base_sha=_MAYBE_STR, start_sha=_MAYBE_STR, head_sha=_MAYBE_STR)

USER = Parser[User](_USER)
NOTES = Parser[list[Note]](core_schema.list_schema(_record(Note, id=_INT, author=_USER, body=_STR)))
STORED = Parser[Stored](_record(Stored, id=_MAYBE_INT, body=_MAYBE_STR))
MERGE_REQUEST = Parser[MergeRequest](
    _record(
        MergeRequest,
        diff_refs=_or(None, core_schema.nullable_schema(_REFS)),
        title=_MAYBE_STR,
        description=_MAYBE_STR,
        labels=_or([], core_schema.list_schema(_STR)),
        source_branch=_MAYBE_STR,
        target_branch=_MAYBE_STR,
        draft=_or(False, core_schema.bool_schema()),
        state=_or("", _STR),
        web_url=_MAYBE_STR,
        source_project_id=_MAYBE_INT,
        target_project_id=_MAYBE_INT,
    )
)
