"""The bot's own threads and notes that are already on the merge request, and what people replied to them."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from iquest_review.findings import fingerprint
from iquest_review.findings.fingerprint import Mark
from iquest_review.gitlab import schema
from iquest_review.note.summary import SUMMARY_MARKER

MAX_AGREEMENT_CHARS = 80  # a longer reply says more than that it agrees


class SummaryNote(NamedTuple):
    """A summary note of the bot's own user."""

    id: int
    discussion: str
    body: str
    replies: int = 0


class ThreadReply(NamedTuple):
    """A person's reply to a finding. The bot itself never replies."""

    author: int
    body: str


class Thread(NamedTuple):
    """A finding of the bot on the merge request.

    `path`, `line` and `head` are GitLab's: it carries a position along as long as the line exists, and leaves it at an
    older head when the line is gone.
    """

    id: str  # of the discussion: 40 hexadecimal digits
    note: int
    mark: Mark
    body: str
    path: str
    line: int | None
    head: str
    resolved: bool
    replies: tuple[ThreadReply, ...] = ()
    resolved_by_us: bool = False  # certain only for a bot's token: a person's own token resolves in that person's name
    resolved_by_other: bool = False

    def is_settled_by_person(self, ours: Collection[str]) -> bool:
        """Return whether a person resolved it; `ours` are the discussions that the bot is known to have resolved."""
        by_us = self.resolved_by_us or self.id in ours
        return self.resolved and (self.resolved_by_other or not by_us)

    @property
    def disputed(self) -> bool:
        """Whether a person replied anything else than a plain agreement."""
        return any(
            len(reply.body) > MAX_AGREEMENT_CHARS
            or not re.match(_AGREES, reply.body, re.IGNORECASE)
            or re.search(_BUT, reply.body, re.IGNORECASE)
            for reply in self.replies
        )

    @property
    def waivers(self) -> Iterator[int]:
        """The users who replied `ignore: reason`; GitLab knows whether they are allowed to."""
        return (reply.author for reply in self.replies if re.search(_IGNORE, reply.body, re.IGNORECASE | re.MULTILINE))


class ExistingThreads(NamedTuple):
    """All threads and summary notes of the bot, oldest first. `own` is the number of the bot's user."""

    own: int = 0
    threads: tuple[Thread, ...] = ()
    notes: tuple[SummaryNote, ...] = ()

    @property
    def open_threads(self) -> tuple[Thread, ...]:
        """The threads that nobody has resolved."""
        return tuple(thread for thread in self.threads if not thread.resolved)


# Compiled when somebody has replied: most runs do not need them.
_IGNORE = r"^[ \t]*(?:@\S+\s+)?[*_`]{0,2}(?:ignore|忽略)[*_`]{0,2}\s*[:：][*_`]{0,2}\s*\S"
_AGREES = (
    r"\s*(?:done|fixed|thanks|thank you|thx|good (?:catch|point|find)|agreed?\b|ok\b|okay|yes\b|right\b|applied"
    r"|addressed|resolved|will (?:do|fix)|:?\+1|:?thumbsup|👍|✅"
    r"|已经?(?:修|改|解决|处理|更新|完成|调整|采纳)|好的|谢谢|感谢|同意|收到|改了|修复)"
)
_BUT = (
    r"\b(?:not|no|never|but|however|wrong|false|disagree|why|leave|keep|until|wait|reopen|still|later|first)\b"
    r"|n['’]t\b|\?|不|没|未|但|错|？"
)


def collect_existing_threads(
    discussions: Iterable[schema.Discussion], own: int, *, bot: bool = False
) -> ExistingThreads:
    """Return the bot's own threads and notes among these discussions.

    A marker counts only in a note of the user `own`. `bot`: no person acts in that user's name.
    """
    threads, summaries = list[Thread](), list[SummaryNote]()
    for discussion in discussions:
        notes_of_users = [note for note in discussion.notes if not note.system]
        if not notes_of_users or notes_of_users[0].author.id != own:
            continue
        first, *rest = notes_of_users
        if first.body.startswith(SUMMARY_MARKER):
            summaries.append(SummaryNote(first.id, discussion.id, first.body, len(rest)))
        elif mark := fingerprint.parse_marker(first.body):
            threads.append(_build_thread(discussion.id, first, mark, rest, own, own if bot else None))
    threads.sort(key=lambda thread: thread.note)
    summaries.sort(key=lambda note: note.id)
    return ExistingThreads(own, tuple(threads), tuple(summaries))


def _build_thread(
    discussion: str,
    first: schema.DiscussionNote,
    mark: Mark,
    rest: Sequence[schema.DiscussionNote],
    own: int,
    bot: int | None,
) -> Thread:
    place = first.position or schema.NotePosition()
    resolved = all(note.resolved for note in (first, *rest))
    return Thread(
        id=discussion,
        note=first.id,
        mark=mark,
        body=first.body,
        path=place.new_path or place.old_path or "",
        line=place.new_line if place.new_line is not None else place.old_line,
        head=place.head_sha or "",
        resolved=resolved,
        replies=tuple(ThreadReply(note.author.id, note.body) for note in rest if note.body.strip()),
        resolved_by_us=resolved and first.resolved_by is not None and first.resolved_by.id == bot,
        resolved_by_other=resolved and first.resolved_by is not None and first.resolved_by.id != own,
    )
