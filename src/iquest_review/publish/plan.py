"""Plan what to do on the merge request: compare wanted findings with existing threads. Nothing here has effects."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from iquest_review.findings.duplicates import is_similar_text
from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.gitlab.existing import ExistingThreads, SummaryNote, Thread
from iquest_review.note.summary import append_previous_review
from iquest_review.note.thread import is_same_body
from iquest_review.outcome import SettledFinding, SettledReason


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
class Resolve:
    """Resolve a thread whose finding is settled."""

    thread: Thread


@dataclass(frozen=True)
class Delete:
    """Delete a thread that repeats another one: two runs posted at the same time."""

    thread: Thread


Action = Create | Leave | Reopen | Resolve | Delete


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
) -> Iterator[Action]:
    """Yield the actions that the threads need.

    `resolved` are the discussions that the bot resolved itself and whose threads do not show it: only such threads are
    opened again, never one that a person resolved. `head` is the commit whose line numbers the findings have.
    """
    duplicates, own = list(find_duplicate_threads(existing)), frozenset(resolved)
    yield from map(Delete, duplicates)
    threads = [thread for thread in existing.threads if thread not in duplicates]
    taken = _assign_threads(findings, threads, head)
    for finding, thread in zip(findings, taken, strict=True):
        if thread is not None:
            again = thread.resolved and not thread.is_settled_by_person(own)
            yield Reopen(finding, thread) if again else Leave(finding, thread)
        elif finding.placement is Placement.INLINE:
            yield Create(finding)
    to_resolve = {entry.thread for entry in settled if entry.why is not SettledReason.LEFT}.difference(
        thread.id for thread in taken if thread
    )
    yield from (
        Resolve(thread) for thread in threads if thread.id in to_resolve and not thread.resolved and not thread.disputed
    )


def match_thread(finding: PlacedFinding, threads: Iterable[Thread]) -> Thread | None:
    """Return the thread that a finding already has, or None.

    A thread matches by identity, or by line and similar text. Of several an open one is preferred, then the nearest.
    """
    same = [thread for thread in threads if _has_same_identity(finding, thread) or _has_similar_text(finding, thread)]
    line = finding.line or 0
    return min(same, key=lambda thread: (thread.resolved, abs((thread.line or line) - line)), default=None)


def _assign_threads(findings: Sequence[PlacedFinding], threads: Iterable[Thread], head: str) -> list[Thread | None]:
    """Return the thread of each finding, or None.

    The line numbers of a thread at another commit do not rule it out: a thread that was posted while somebody pushed
    may be on a line where another line with the same text was before.
    """
    left, taken = list(threads), list[Thread | None]()
    for finding in findings:
        taken.append(match_thread(finding, left))
        left = [thread for thread in left if thread is not taken[-1]]
    elsewhere = [thread for thread in left if head and thread.head != head]
    for index, finding in enumerate(findings):
        if taken[index] is None and finding.twins:
            taken[index] = match_thread(replace(finding, twins=()), elsewhere)
            elsewhere = [thread for thread in elsewhere if thread is not taken[index]]
    return taken


def is_thread_of(thread: Thread, finding: PlacedFinding) -> bool:
    """Return whether a finding that the note lists has this thread: the same finding on the same line."""
    if thread.mark.fingerprint != finding.fingerprint:
        return False
    if thread.line is None or finding.line is None:
        return True
    return finding.line <= thread.line <= (finding.end_line or finding.line)


def find_duplicate_threads(existing: ExistingThreads) -> Iterator[Thread]:
    """Yield open threads that repeat another one on the same lines.

    Of several, the one that stays has replies; if none has, the oldest stays.
    """
    seen = set[tuple[object, ...]]()
    for thread in sorted(existing.threads, key=lambda thread: (not thread.replies, thread.note)):
        key = (thread.mark.fingerprint, thread.mark.anchor, thread.path, thread.line, thread.head)
        if thread.resolved:
            continue
        if key in seen and not thread.replies:
            yield thread
        seen.add(key)


def plan_note(notes: Sequence[SummaryNote], body: str, *, failure: bool = False, idle: bool = False) -> Write | None:
    """Return the action that makes `body` the summary note, or None when nothing needs to be written.

    A `failure` keeps the last review below it. An `idle` review, which had nothing to review, posts no first note.
    """
    if not notes:
        return None if idle else Write(body)
    body = append_previous_review(body, notes[0].body) if failure else body
    return None if is_same_body(body, notes[0].body) else Write(body, notes[0].id)


def _has_same_identity(finding: PlacedFinding, thread: Thread) -> bool:
    """Return whether finding and thread have the same fingerprint, or the same anchor in a renamed file.

    A thread on another line with the same text does not count.
    """
    mark = thread.mark
    moved = (mark.anchor, mark.category, mark.lines) == (finding.anchor, finding.category, finding.anchored)
    renamed = moved and mark.lines and thread.path in (finding.path, *finding.names)
    if mark.fingerprint != finding.fingerprint and not renamed:
        return False
    return thread.line not in finding.twins


def _has_similar_text(finding: PlacedFinding, thread: Thread) -> bool:
    """Return whether a thread has a similar text on the same line, perhaps as another category."""
    if thread.resolved or thread.path != finding.path or thread.mark.side is not finding.side:
        return False
    if thread.line is None or finding.line is None or thread.line in finding.twins:
        return False
    inside = finding.line <= thread.line <= (finding.end_line or finding.line)
    if not inside:
        return False
    return is_similar_text(thread.body, finding.description)
