"""What stands on the merge request, and in the job's log and artifact, after one run."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.consistency.note_reading import NoteReading, read_note
from tests.support.gitlab.state import ROLES, Instance
from tests.support.life import Life
from tests.support.pipeline import BOT, PROJECT, Finished, Thread

WAIVER = re.compile(r"^\s*(?:ignore|忽略)\s*[:：]\s*\S", re.IGNORECASE | re.MULTILINE)
_HEADING = re.compile(r"^\S+ \*\*(high|medium|low)\*\*", re.MULTILINE)
_MARKER = re.compile(r"<!-- iquest-review:finding \S+ .*?\b(high|medium|low)\b")


@dataclass(frozen=True)
class Waiver:
    """Who said that a thread's finding is not to be raised, and how."""

    person: str
    way: str  # "thumbs-down", "reply", or "resolved"


@dataclass(frozen=True)
class ShownThread:
    """A thread of the bot as people meet it."""

    thread: Thread
    waiver: Waiver | None

    @property
    def is_open(self) -> bool:
        """Whether it stops a merge that wants all threads resolved."""
        return self.thread.resolved_by is None

    @property
    def severity(self) -> str:
        """As its heading says."""
        found = _HEADING.search(self.thread.body)
        return found[1] if found else ""

    @property
    def marked_severity(self) -> str:
        """As its hidden marker says."""
        found = _MARKER.search(self.thread.body)
        return found[1] if found else ""

    @property
    def text(self) -> str:
        """What it says, without the hidden lines."""
        return "\n".join(row for row in self.thread.body.splitlines() if not row.startswith("<!-- "))

    @property
    def first_sentence(self) -> str:
        """Of what it says below its heading."""
        said = [part for part in self.text.strip().split("\n\n")[1:] if part.strip()]
        return said[0].partition(".")[0] if said else ""


@dataclass(frozen=True)
class Snapshot:
    """One run, and what it left. `files` are those of the head commit by path."""

    code: int
    log: str
    body: str
    threads: Sequence[ShownThread]
    review: Mapping[str, Any]
    fail_on: str
    most_open: int  # IQUEST_MAX_FINDINGS
    head: str
    earlier_heads: Sequence[str] = ()  # of the pushes before, oldest first
    earlier_summaries: Mapping[str, str] | None = None  # what the model said of the whole, by head
    files: Mapping[str, str] | None = None
    bot_role: str = "reporter"
    raw: str = ""  # the answer that was no review, where the model gave one

    @property
    def note(self) -> NoteReading:
        """The note, read."""
        return read_note(self.body)

    @property
    def failed(self) -> bool:
        """Whether review.json says that there was no usable review."""
        return self.review.get("status") in ("raw", "not_reviewed")

    @property
    def open_threads(self) -> list[ShownThread]:
        """Those that nobody has resolved."""
        return [shown for shown in self.threads if shown.is_open]


def take_snapshot(life: Life, finished: Finished, **known: Any) -> Snapshot:
    """Return what one run left on the merge request of a life."""
    listed = life.checkout.git("ls-tree", "-r", "--name-only", life.refs.head).split()
    files = {path: life.checkout.git("show", f"{life.refs.head}:{path}") + "\n" for path in listed}
    return Snapshot(
        code=finished.code,
        log=finished.err,
        body=life.note,
        threads=[ShownThread(thread, find_waiver(life.gitlab.instance, life, thread)) for thread in life.threads],
        review=finished.review,
        head=life.refs.head,
        files=files,
        bot_role=life.gitlab.instance.user(BOT).role,
        **known,
    )


def find_waiver(instance: Instance, life: Life, thread: Thread) -> Waiver | None:
    """Return who of the project's members waived a thread's finding."""
    if thread.resolved_by and thread.resolved_by != BOT:
        return Waiver(thread.resolved_by, "resolved")
    members = {
        user.name for user in instance.users.values() if user.level(instance.projects[PROJECT]) >= ROLES["guest"]
    }
    for shown in life.gitlab.discussions(PROJECT, 4):
        for note in shown["notes"]:
            if (
                shown["id"] == thread.id
                and note["author"]["username"] in members - {BOT}
                and WAIVER.search(note["body"])
            ):
                return Waiver(note["author"]["username"], "reply")
    awards = life.gitlab.stored_note(PROJECT, 4, thread.note).awards
    for award in awards:
        if award["name"].startswith("thumbsdown") and award["user"]["username"] in members:
            return Waiver(award["user"]["username"], "thumbs-down")
    return None
