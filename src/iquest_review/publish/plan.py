"""What to do on the merge request: what is wanted - what is there already -> actions. Pure; publishing applies them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

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
    """The finding has its thread."""

    finding: PlacedFinding
    thread: Thread


@dataclass(frozen=True)
class Reopen:
    """The finding has a thread, which the bot itself had resolved: what was gone is back."""

    finding: PlacedFinding
    thread: Thread


@dataclass(frozen=True)
class Resolve:
    """What the thread is about no longer stands."""

    thread: Thread


@dataclass(frozen=True)
class Delete:
    """The thread says what an older one says: two runs met."""

    thread: Thread


Action = Create | Leave | Reopen | Resolve | Delete


@dataclass(frozen=True)
class Write:
    """Post the summary note, or put another body into it."""

    body: str
    note: int | None = None


def plan_actions(
    findings: Sequence[PlacedFinding],
    settled: Iterable[SettledFinding],
    existing: ExistingThreads,
    resolved: Iterable[str] = (),
    head: str = "",
) -> Iterator[Action]:
    """What is to be done to the threads. `resolved` are those the bot has resolved itself, as far as the threads do
    not say so; nobody else's word is taken back. `head` is the commit whose lines the findings name."""
    twins, own = list(find_duplicate_threads(existing)), frozenset(resolved)
    yield from map(Delete, twins)
    threads = [thread for thread in existing.threads if thread not in twins]
    taken = _assign_threads(findings, threads, head)
    for finding, thread in zip(findings, taken, strict=True):
        if thread is not None:
            again = thread.resolved and not thread.is_settled_by_person(own)
            yield Reopen(finding, thread) if again else Leave(finding, thread)
        elif finding.placement is Placement.INLINE:
            yield Create(finding)
    gone = {entry.thread for entry in settled if entry.why is not SettledReason.LEFT}.difference(
        thread.id for thread in taken if thread
    )
    yield from (
        Resolve(thread) for thread in threads if thread.id in gone and not thread.resolved and not thread.disputed
    )


def match_thread(finding: PlacedFinding, threads: Iterable[Thread]) -> Thread | None:
    """The thread a finding has already: by its identity, else by its place and words; the nearest of several."""
    same = [thread for thread in threads if _has_same_identity(finding, thread) or _has_same_remark(finding, thread)]
    line = finding.line or 0
    return min(same, key=lambda thread: (thread.resolved, abs((thread.line or line) - line)), default=None)


def _assign_threads(findings: Sequence[PlacedFinding], threads: Iterable[Thread], head: str) -> list[Thread | None]:
    """The thread of each finding. A thread at another commit counts other lines, which prove nothing against it: what
    was posted while somebody pushed may come to stand where another line with its text had been."""
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
    """Whether a finding of the note has got a thread meanwhile: the same one on the same line."""
    if thread.mark.fingerprint != finding.fingerprint:
        return False
    if thread.line is None or finding.line is None:
        return True
    return finding.line <= thread.line <= (finding.end_line or finding.line)


def find_duplicate_threads(existing: ExistingThreads) -> Iterator[Thread]:
    """Open threads that say what an older one says on the very same place, and that nobody replied to."""
    seen = set[tuple[object, ...]]()
    for thread in sorted(existing.threads, key=lambda thread: (not thread.replies, thread.note)):
        key = (thread.mark.fingerprint, thread.mark.anchor, thread.path, thread.line, thread.head)
        if thread.resolved:
            continue
        if key in seen and not thread.replies:
            yield thread
        seen.add(key)


def plan_note(notes: Sequence[SummaryNote], body: str, *, failure: bool = False, idle: bool = False) -> Write | None:
    """What makes `body` the one summary note; None when it is that already. A failure keeps the review that stands; an
    idle review is not worth a first note."""
    if not notes:
        return None if idle else Write(body)
    body = append_previous_review(body, notes[0].body) if failure else body
    return None if is_same_body(body, notes[0].body) else Write(body, notes[0].id)


def _has_same_identity(finding: PlacedFinding, thread: Thread) -> bool:
    """The same identity, or what is left of it under the file's new name; not on a line of the same text elsewhere."""
    mark = thread.mark
    moved = (mark.anchor, mark.category, mark.lines) == (finding.anchor, finding.category, finding.anchored)
    renamed = moved and mark.lines and thread.path in (finding.path, *finding.names)
    if mark.fingerprint != finding.fingerprint and not renamed:
        return False
    return thread.line not in finding.twins


def _has_same_remark(finding: PlacedFinding, thread: Thread) -> bool:
    """The same remark on the same line, as another kind of mistake."""
    if thread.resolved or thread.path != finding.path or thread.mark.side is not finding.side:
        return False
    if thread.line is None or finding.line is None or thread.line in finding.twins:
        return False
    inside = finding.line <= thread.line <= (finding.end_line or finding.line)
    if not inside:
        return False
    from iquest_review.findings.duplicates import is_similar_text  # noqa: PLC0415 - seldom two remarks stand on one line

    return is_similar_text(thread.body, finding.description)
