"""Publish a review: first its threads, then the one summary note of the merge request.

Nothing is written before the merge request is read: GitLab may answer 500, or not at all, to a request whose content it
stored (gitlab-org/gitlab issue 27946). After any failure the merge request is read and planned again. The note comes
last, so that it remembers only what is done.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from iquest_review.errors import GitLabError
from iquest_review.findings.finding import derive_title
from iquest_review.findings.placed import Placement
from iquest_review.gitlab.client import GitLab
from iquest_review.gitlab.existing import ExistingThreads, SummaryNote, Thread
from iquest_review.gitlab.transport import TransientGitLabError
from iquest_review.note import memory, summary
from iquest_review.note.memory import NoteMemory
from iquest_review.note.summary import NoteLinks, PostedState, ThreadRow
from iquest_review.note.thread import extract_thread_text
from iquest_review.outcome import OpenThread, Outcome, SettledReason
from iquest_review.publish import plan
from iquest_review.publish.threads import MAX_ROUNDS, Threads


@dataclass(frozen=True)
class Published:
    """What is on the merge request now; `body` is None when a newer run has published, and this run wrote no note."""

    outcome: Outcome
    body: str | None
    wrote: bool = False  # whether the note had to be written


def publish_review(
    gitlab: GitLab, outcome: Outcome, around: NoteLinks, known: NoteMemory | None, tell: Callable[[str], object]
) -> Published:
    """Publish the outcome on the merge request.

    `known` is what the note remembered when the review began. Raises GitLabError when publishing fails in the end.
    """
    gitlab.allow_links(around.project_url, around.job_url)
    existing = gitlab.fetch_existing_threads()
    before, overtaken = recall_memory(existing), _build_overtaken_check(gitlab, outcome, known, tell)
    if overtaken(existing):
        return Published(outcome, None)
    if outcome.failed:
        return _publish_note(gitlab, existing, Published(outcome, summary.compose_note(outcome, around)), overtaken)
    threads = Threads(gitlab, outcome, before.resolved if before else (), tell)
    existing = threads.settle(existing)
    outcome = threads.build_outcome(existing)
    if overtaken(existing):
        return Published(outcome, None)
    before = recall_memory(existing)
    left = {entry.thread for entry in outcome.settled if entry.why is SettledReason.LEFT}
    titles = _collect_titles(outcome, existing.open_threads, before)
    rows = _build_rows(outcome, [thread for thread in existing.open_threads if thread.id not in left], titles, around)
    posted = PostedState(rows, _build_memory(outcome, existing, before, titles, threads.resolved))
    return _publish_note(gitlab, existing, Published(outcome, summary.compose_note(outcome, around, posted)), overtaken)


def recall_memory(existing: ExistingThreads) -> NoteMemory | None:
    """Return what the note remembers, with the threads that a job resolved before it died without writing its note."""
    remembered = memory.parse_memory(existing.notes[0].body) if existing.notes else None
    if remembered is None:
        return None
    ours = [thread.id for thread in existing.threads if thread.resolved_by_us and thread.id not in remembered.resolved]
    if ours:  # that job may have reviewed a later state: the hunks that the note remembers are older
        remembered = replace(remembered, hunks=(), reviewed="")
    return replace(remembered, resolved=(*remembered.resolved, *ours))


def _build_overtaken_check(
    gitlab: GitLab, outcome: Outcome, known: NoteMemory | None, tell: Callable[[str], object]
) -> Callable[[ExistingThreads], bool]:
    """Build the check whether the existing note is about a later commit than this outcome. Such a note is kept."""
    head = outcome.head
    older = ["", head, known.head if known else ""]

    def overtaken(existing: ExistingThreads) -> bool:
        other = memory.parse_memory(existing.notes[0].body) if existing.notes else None
        if not head or other is None or other.head in older:
            return False
        if not gitlab.is_newer(other.head, head):
            older.append(other.head)
            return False
        tell(f"a newer run has reviewed {other.head[:12]}: its note is kept, and no note is posted for {head[:12]}")
        return True

    return overtaken


def _collect_titles(outcome: Outcome, threads: Sequence[Thread], before: NoteMemory | None) -> dict[str, str]:
    """Return the threads' titles by fingerprint; the first sentence of the text for a thread without a known title."""
    titles = {thread.mark.fingerprint: derive_title(extract_thread_text(thread.body)) for thread in threads}
    new = {finding.fingerprint: finding.title for finding in outcome.findings}
    return {**titles, **dict(before.titles if before else ()), **new}


def _build_rows(
    outcome: Outcome, threads: Sequence[Thread], titles: Mapping[str, str], around: NoteLinks
) -> list[ThreadRow]:
    """Return the open threads as the note lists them."""
    merge_request = outcome.merge_request
    now = {entry.thread: entry for entry in outcome.still_open}
    page = f"{around.project_url}/-/merge_requests/{merge_request.iid}" if merge_request and around.project_url else ""
    return [
        ThreadRow(
            thread.mark.severity,
            thread.mark.category,
            *_find_thread_lines(thread, now.get(thread.id)),
            thread.mark.side,
            titles[thread.mark.fingerprint],
            f"{page}#note_{thread.note}" if page else "",
        )
        for thread in threads
    ]


def _find_thread_lines(thread: Thread, now: OpenThread | None) -> tuple[str, int | None, int | None]:
    """Return a thread's file, its first line, and its last line if it has several: the current ones where known."""
    more = thread.mark.lines - 1
    if now is not None and now.line is not None:
        return now.path, now.line, now.line + more if more > 0 else None
    if thread.line is None or more <= 0:
        return now.path if now else thread.path, thread.line, None
    return thread.path, thread.line - more, thread.line


def _build_memory(
    outcome: Outcome,
    existing: ExistingThreads,
    before: NoteMemory | None,
    titles: Mapping[str, str],
    ours: set[str],
) -> NoteMemory:
    """Return what the note must remember; `ours` are the discussions that this run resolved."""
    noted = [finding for finding in outcome.findings if finding.placement is Placement.SUMMARY]
    noted += outcome.kept
    reviewed, head = outcome.reviewed, outcome.head
    past = before if before and reviewed and not reviewed.afresh else None
    resolved = [thread for thread in existing.threads if thread.resolved]
    return NoteMemory(
        head=head,
        reviewed=head if reviewed and reviewed.whole else past.reviewed if past else "",
        settings=reviewed.settings if reviewed else "",
        hunks=reviewed.hunks if reviewed else (),
        model=outcome.model,
        summary=outcome.before or outcome.summary,
        summary_head=(outcome.before_head if outcome.before else "") or head,
        suggestions=outcome.suggestions,
        findings=tuple(noted),
        held_back=outcome.held_back,
        titles=tuple((thread.mark.fingerprint, titles[thread.mark.fingerprint]) for thread in existing.open_threads),
        resolved=tuple(t.id for t in resolved if t.resolved_by_us or t.id in ours),
        left=tuple(entry.thread for entry in outcome.settled if entry.why is SettledReason.LEFT),
    )


def _publish_note(
    gitlab: GitLab, existing: ExistingThreads, published: Published, overtaken: Callable[[ExistingThreads], bool]
) -> Published:
    """Make the body the only summary note, and delete younger copies of it.

    After a first note is posted, the merge request is read again: another first run may have posted one as well.
    Raises GitLabError when the note is not there after MAX_ROUNDS attempts.
    """
    outcome, body = published.outcome, gitlab.guard(published.body or "")
    published = replace(published, body=body)
    idle = outcome.nothing_to_review and not outcome.omissions
    failure, wrote = GitLabError("the summary note was deleted again and again while it was written"), False
    for attempt in range(MAX_ROUNDS):
        action = plan.plan_note(existing.notes, body, failure=outcome.failed, idle=idle and not existing.threads)
        copies = [note for note in existing.notes[1:] if not note.replies]
        if action is None and (not copies or attempt == MAX_ROUNDS - 1):
            current = existing.notes[0].body if existing.notes and outcome.failed else body
            return replace(published, body=current, wrote=wrote)
        if attempt == MAX_ROUNDS - 1:
            break
        try:
            wrote = wrote or action is not None  # before the request: its answer may be lost
            _write_note(gitlab, action, copies)
        except TransientGitLabError as error:
            failure = error
            gitlab.pause(error, attempt)
        except GitLabError as error:
            if error.status != 404 or action is None or action.note is None:  # somebody deleted the note meanwhile
                raise
        else:
            if action is not None and action.note is not None:
                return replace(published, body=action.body, wrote=True)
        existing = gitlab.fetch_existing_threads()
        if overtaken(existing):
            return Published(outcome, None)
    raise failure


def _write_note(gitlab: GitLab, action: plan.Write | None, copies: Sequence[SummaryNote]) -> None:
    if action is not None:
        gitlab.write_note(action.body, action.note)
    for copy in copies:
        gitlab.delete(copy.id)
