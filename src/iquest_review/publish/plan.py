"""Plan what to do on the merge request: compare wanted findings with existing threads. Nothing here has effects."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.gitlab.existing import ExistingThreads, SummaryNote, Thread
from iquest_review.note.summary import append_previous_review
from iquest_review.note.thread import add_places, build_mark, is_same_body, list_places
from iquest_review.outcome import SettledFinding, SettledReason
from iquest_review.publish.match import is_same_thread, match_findings


@dataclass(frozen=True)
class Create:
    """Start a thread."""

    finding: PlacedFinding


@dataclass(frozen=True)
class Leave:
    """Change nothing: the finding has its thread."""

    finding: PlacedFinding
    thread: Thread


@dataclass(frozen=True)
class Reopen:
    """Open the thread of a finding again that the bot had resolved: the problem is back."""

    finding: PlacedFinding
    thread: Thread


@dataclass(frozen=True)
class Update:
    """Write the first note of a finding's thread anew: the finding got worse, or its thread lacks a place."""

    finding: PlacedFinding
    thread: Thread


@dataclass(frozen=True)
class Resolve:
    """Resolve a thread whose finding is settled."""

    thread: Thread


@dataclass(frozen=True)
class Delete:
    """Delete a thread that repeats another one: two runs posted at the same time."""

    thread: Thread


Action = Create | Leave | Reopen | Update | Resolve | Delete


@dataclass(frozen=True)
class Write:
    """Post the summary note, or replace the body of the note with this number."""

    body: str
    note: int | None = None


def plan_actions(
    findings: Sequence[PlacedFinding],
    settled: Iterable[SettledFinding],
    existing: ExistingThreads,
    resolved: Iterable[str] = (),
    head: str = "",
    held_back: Collection[str] = (),
) -> Iterator[Action]:
    """Yield the actions that the threads need.

    `resolved` are the discussions that the bot resolved itself and whose threads do not show it: only such threads are
    opened again, never one that a person resolved. `head` is the commit whose line numbers the findings have.
    `held_back` are the discussions in which people settled a finding of this review: no other finding gets into them.
    """
    duplicates, own = list(find_duplicate_threads(existing)), frozenset(resolved)
    yield from map(Delete, duplicates)
    threads = [thread for thread in existing.threads if thread not in duplicates]
    matched = match_findings(findings, [thread for thread in threads if thread.id not in held_back], head=head)
    for finding, thread in zip(findings, matched, strict=True):
        if thread is not None:
            yield from _plan_for_thread(finding, thread, own)
        elif finding.placement is Placement.INLINE:
            yield Create(finding)
    why = {entry.thread: entry.why for entry in settled if entry.why is not SettledReason.LEFT}
    raised = {thread.id for thread in matched if thread}
    for thread in threads:
        # A person who disagrees, but does not waive the finding, should close the discussion.
        lasting = thread.disputed and why.get(thread.id) is not SettledReason.WAIVED
        if thread.id in why and thread.id not in raised and not (thread.resolved or lasting):
            yield Resolve(thread)


def _plan_for_thread(finding: PlacedFinding, thread: Thread, own: Collection[str]) -> Iterator[Action]:
    """Yield what a thread needs; nothing for a finding of the note whose thread the bot has resolved."""
    if thread.resolved and not thread.is_settled_by_person(own):
        if finding.placement is Placement.INLINE:
            yield Reopen(finding, thread)
        return
    mark = build_mark(finding)
    worse = finding.severity.rank < thread.mark.severity.rank
    # A full thread takes no more places: to write it anew would change nothing, in this round and in the next.
    unlisted = add_places(thread.mark, list_places(mark)) != thread.mark
    yield Update(finding, thread) if not thread.resolved and (worse or unlisted) else Leave(finding, thread)


def find_duplicate_threads(existing: ExistingThreads) -> Iterator[Thread]:
    """Yield open threads that repeat another one on the same lines.

    Of several, the one that stays has replies; if none has, the oldest stays.
    """
    seen = list[Thread]()
    for thread in sorted(existing.threads, key=lambda thread: (not thread.replies, thread.note)):
        if thread.resolved:
            continue
        if not thread.replies and any(is_same_thread(thread, other) for other in seen):
            yield thread
        seen.append(thread)


def plan_note(notes: Sequence[SummaryNote], body: str, *, failure: bool = False, idle: bool = False) -> Write | None:
    """Return the action that makes `body` the summary note, or None when nothing needs to be written.

    A `failure` keeps the last review below it. An `idle` review, which had nothing to review, posts no first note.
    """
    if not notes:
        return None if idle else Write(body)
    body = append_previous_review(body, notes[0].body) if failure else body
    return None if is_same_body(body, notes[0].body) else Write(body, notes[0].id)
