"""What GitLab's API answers, as far as it is read: parsed once, here. Whatever else stands in an answer is ignored.

The schemas are pydantic-core's own: pydantic's classes would take longer to load than a review's requests to answer.
"""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic_core import CoreSchema, SchemaValidator, ValidationError, core_schema

from iquest_review.errors import GitLabError

Answer = TypeVar("Answer")


class User(NamedTuple):
    """Somebody, as the author of a note."""

    id: int


class TokenUser(NamedTuple):
    """GET /user: whose the token is. `bot`: a project's, a group's or a service account's, and no person's
    (app/models/concerns/has_user_type.rb)."""

    id: int
    bot: bool


class NotePosition(NamedTuple):
    """Where a note stands; GitLab carries it along with the lines from push to push."""

    old_path: str | None
    new_path: str | None
    old_line: int | None
    new_line: int | None
    head_sha: str | None


class DiscussionNote(NamedTuple):
    """A note of a discussion. `resolved` is there where a note can be."""

    id: int
    author: User
    body: str
    system: bool
    resolved: bool
    resolved_by: User | None
    position: NotePosition | None


class Discussion(NamedTuple):
    """A thread, or a single note."""

    id: str
    notes: list[DiscussionNote]


class Draft(NamedTuple):
    """A draft note of the token's own user. GitLab computes a line code only for a line it finds."""

    id: int
    note: str | None
    line_code: str | None


class Award(NamedTuple):
    """An emoji on a note, and whose it is."""

    name: str
    user: User


class Member(NamedTuple):
    """What somebody is to a project."""

    access_level: int
    state: str


class Version(NamedTuple):
    """A version of the merge request's diff."""

    head_commit_sha: str | None


class StoredNote(NamedTuple):
    """What a written note comes back as. One that was nothing but commands has no id: GitLab ran it."""

    id: int | None = None
    body: str | None = None


class DiffRefsAnswer(NamedTuple):
    """The diff's commits; GitLab computes them after it has made the merge request."""

    base_sha: str | None
    start_sha: str | None
    head_sha: str | None


class MergeRequestAnswer(NamedTuple):
    """A merge request."""

    diff_refs: DiffRefsAnswer | None
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
    changes_count: str | None  # "1000+" where there are more than it counts


class Parser(Generic[Answer]):
    """Reads one kind of answer."""

    def __init__(self, schema: CoreSchema) -> None:
        self._schema = schema
        self._validator: SchemaValidator | None = None  # made when there is something to read: a run reads half of it

    def parse(self, content: bytes, host: str) -> Answer:
        """The answer. Raises GitLabError for one that is not GitLab's."""
        if self._validator is None:
            self._validator = SchemaValidator(self._schema)
        try:
            answer: Answer = self._validator.validate_json(content)
        except ValidationError:
            raise GitLabError(f"{host} answered something that is not GitLab's API; is CI_API_V4_URL right?") from None
        return answer


def _build_record(kind: Callable[..., Any], **fields: CoreSchema) -> CoreSchema:
    entries = {name: core_schema.typed_dict_field(schema) for name, schema in fields.items()}
    return core_schema.no_info_after_validator_function(
        lambda value: kind(**value), core_schema.typed_dict_schema(entries)
    )


def _add_default(default: Any, schema: CoreSchema) -> CoreSchema:
    return core_schema.with_default_schema(schema, default=default)


def _build_list(schema: CoreSchema) -> CoreSchema:
    return core_schema.list_schema(schema)


_INT, _STR = core_schema.int_schema(), core_schema.str_schema()
_MAYBE_INT = _add_default(None, core_schema.nullable_schema(_INT))
_MAYBE_STR = _add_default(None, core_schema.nullable_schema(_STR))
_USER = _build_record(User, id=_INT)
_FALSE = _add_default(False, core_schema.nullable_schema(core_schema.bool_schema()))
_NOTE_POSITION = _build_record(
    NotePosition,
    old_path=_MAYBE_STR,
    new_path=_MAYBE_STR,
    old_line=_MAYBE_INT,
    new_line=_MAYBE_INT,
    head_sha=_MAYBE_STR,
)
_NOTE = _build_record(
    DiscussionNote,
    id=_INT,
    author=_USER,
    body=_STR,
    system=_FALSE,
    resolved=_FALSE,
    resolved_by=_add_default(None, core_schema.nullable_schema(_USER)),
    position=_add_default(None, core_schema.nullable_schema(_NOTE_POSITION)),
)
_DISCUSSION = _build_record(Discussion, id=_STR, notes=_build_list(_NOTE))
_DRAFT = _build_record(Draft, id=_INT, note=_MAYBE_STR, line_code=_MAYBE_STR)
_REFS = _build_record(DiffRefsAnswer, base_sha=_MAYBE_STR, start_sha=_MAYBE_STR, head_sha=_MAYBE_STR)

TOKEN_USER = Parser[TokenUser](_build_record(TokenUser, id=_INT, bot=_FALSE))
DISCUSSION = Parser[Discussion](_DISCUSSION)
DISCUSSIONS = Parser[list[Discussion]](_build_list(_DISCUSSION))
DRAFT = Parser[Draft](_DRAFT)
DRAFTS = Parser[list[Draft]](_build_list(_DRAFT))
AWARDS = Parser[list[Award]](_build_list(_build_record(Award, name=_STR, user=_USER)))
MEMBER = Parser[Member](_build_record(Member, access_level=_INT, state=_add_default("active", _STR)))
VERSIONS = Parser[list[Version]](_build_list(_build_record(Version, head_commit_sha=_MAYBE_STR)))
STORED_NOTE = Parser[StoredNote](_build_record(StoredNote, id=_MAYBE_INT, body=_MAYBE_STR))
MERGE_REQUEST = Parser[MergeRequestAnswer](
    _build_record(
        MergeRequestAnswer,
        diff_refs=_add_default(None, core_schema.nullable_schema(_REFS)),
        title=_MAYBE_STR,
        description=_MAYBE_STR,
        labels=_add_default([], _build_list(_STR)),
        source_branch=_MAYBE_STR,
        target_branch=_MAYBE_STR,
        draft=_add_default(False, core_schema.bool_schema()),
        state=_add_default("", _STR),
        web_url=_MAYBE_STR,
        source_project_id=_MAYBE_INT,
        target_project_id=_MAYBE_INT,
        changes_count=_MAYBE_STR,
    )
)
