"""What to do on the merge request: a wanted note - what is already there -> one action. Pure; gitlab.py applies it."""

from collections.abc import Sequence
from dataclasses import dataclass

from iquest_review.merge_request.note import MARKER, with_previous


@dataclass(frozen=True, slots=True)
class Note:
    """One note of a merge request, as GitLab holds it."""

    id: int
    author_id: int
    body: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The note that should be there. A failure keeps the review that stands; an idle one is not worth a new note."""

    body: str
    failure: bool = False  # the review failed: say so, and keep what an earlier one found
    idle: bool = False  # there was nothing to review


@dataclass(frozen=True, slots=True)
class Create:
    """Post a new note."""

    body: str


@dataclass(frozen=True, slots=True)
class Update:
    """Put another body into a note."""

    note_id: int
    body: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing to do."""


Action = Create | Update | Leave


def plan(notes: Sequence[Note], own_id: int, wanted: Wanted) -> Action:
    """The action that makes `wanted` the one summary note. A marker counts only in a note by the bot's own user:
    anybody can copy a marker."""
    own = sorted(
        (note for note in notes if note.author_id == own_id and note.body.startswith(MARKER)), key=lambda n: n.id
    )
    if not own:
        return Leave() if wanted.idle else Create(wanted.body)
    body = with_previous(wanted.body, own[0].body) if wanted.failure else wanted.body
    return Leave() if same(body, own[0].body) else Update(own[0].id, body)


def same(sent: str, stored: str) -> bool:
    """Whether a stored body is the one that was sent: GitLab drops carriage returns, and what is blank at the end."""
    return sent.replace("\r", "").rstrip() == stored.rstrip()
