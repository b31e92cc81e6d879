"""Publishing a review: its threads, then the one note of the merge request.

Nothing is written without having looked: GitLab may answer 500, or nothing, to what it stored (gitlab-org/gitlab issue
27946). After any failure the merge request is read and planned again. The note comes last: what it remembers moves only
when all before it is done.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from iquest_review.errors import GitLabError
from iquest_review.findings.finding import title
from iquest_review.findings.placed import Placement
from iquest_review.gitlab.client import GitLab
from iquest_review.gitlab.existing import Standing, Thread
from iquest_review.gitlab.transport import PassingGitLabError
from iquest_review.note import memory, summary
from iquest_review.note.memory import Ledger
from iquest_review.note.summary import NOTHING, Posted, Row, Surroundings
from iquest_review.note.thread import said
from iquest_review.outcome import Outcome, Stands, Status, Why
from iquest_review.publish import plan
from iquest_review.publish.threads import ROUNDS, Threads


@dataclass(frozen=True)
class Published:
    """What the merge request holds now. No body: a newer run has spoken, and this one kept still."""

    outcome: Outcome
    body: str | None
    wrote: bool = False  # whether the note had to be written


def publish_outcome(
    gitlab: GitLab, outcome: Outcome, around: Surroundings, known: Ledger | None, tell: Callable[[str], object]
) -> Published:
    """Makes the merge request say what the outcome does. `known` is what the note remembered when the review began.

    Raises GitLabError when it does not in the end.
    """
    gitlab.may_link(around.project_url, around.job_url)
    standing = found = gitlab.standing()
    before, overtaken = remembered(standing), _overtaken(gitlab, outcome, known, tell)
    if overtaken(standing):
        return Published(outcome, None)
    if outcome.failed:
        return _noted(gitlab, standing, Published(outcome, summary.compose(outcome, around)), overtaken)
    threads = Threads(gitlab, outcome, before.resolved if before else (), tell)
    standing = threads.settle(standing)
    outcome = threads.outcome(standing)
    if overtaken(standing):
        return Published(outcome, None)
    before, new = remembered(standing), {thread.id for thread in standing.threads} - {t.id for t in found.threads}
    left = {entry.thread for entry in outcome.settled if entry.why is Why.LEFT}
    still_open = [thread for thread in standing.threads if not thread.resolved]
    stands, titles = [thread for thread in still_open if thread.id not in left], _titles(outcome, still_open, before)
    waived = [thread for thread in stands if thread.id not in new and gitlab.waived(thread)]
    rows = _rows(outcome, [thread for thread in stands if thread not in waived], titles, around)
    posted = Posted(rows, _ledger(outcome, standing, before, titles, threads.resolved, waived))
    return _noted(gitlab, standing, Published(outcome, summary.compose(outcome, around, posted)), overtaken)


def remembered(standing: Standing) -> Ledger | None:
    """What the note remembers, and what a job that died before it wrote its note did not come to say."""
    found = memory.read(standing.notes[0].body) if standing.notes else None
    if found is None:
        return None
    ours = [thread.id for thread in standing.threads if thread.resolved_by_us and thread.id not in found.resolved]
    if ours:  # it may have died at a state that nobody has reviewed: what the note remembers of hunks is older
        found = replace(found, hunks=(), reviewed="")
    return replace(found, resolved=(*found.resolved, *ours))


def _overtaken(
    gitlab: GitLab, outcome: Outcome, known: Ledger | None, tell: Callable[[str], object]
) -> Callable[[Standing], bool]:
    """Whether the note that stands is about a later commit than this outcome: then it stays as it is."""
    head = outcome.head
    older = ["", head, known.head if known else ""]

    def overtaken(standing: Standing) -> bool:
        other = memory.read(standing.notes[0].body) if standing.notes else None
        if not head or other is None or other.head in older:
            return False
        if not gitlab.is_newer(other.head, head):
            older.append(other.head)
            return False
        tell(f"a newer run has reviewed {other.head[:12]}: its note stays, and none is posted for {head[:12]}")
        return True

    return overtaken


def _titles(outcome: Outcome, threads: Sequence[Thread], before: Ledger | None) -> dict[str, str]:
    """The threads' titles by fingerprint; of one that no run has said it of, the beginning of its text."""
    titles = {thread.mark.fingerprint: title(said(thread.body)) for thread in threads}
    told = {finding.fingerprint: finding.title for finding in outcome.findings}
    return {**titles, **dict(before.titles if before else ()), **told}


def _rows(outcome: Outcome, threads: Sequence[Thread], titles: Mapping[str, str], around: Surroundings) -> list[Row]:
    """The open threads, as the note lists them."""
    merge_request = outcome.merge_request
    now = {one.thread: one for one in outcome.standing}
    page = f"{around.project_url}/-/merge_requests/{merge_request.iid}" if merge_request and around.project_url else ""
    return [
        Row(
            thread.mark.severity,
            thread.mark.category,
            *_lines(thread, now.get(thread.id)),
            thread.mark.side,
            titles[thread.mark.fingerprint],
            f"{page}#note_{thread.note}" if page else "",
        )
        for thread in threads
    ]


def _lines(thread: Thread, now: Stands | None) -> tuple[str, int | None, int | None]:
    """A thread's file with its first line, and its last where that is another: where they are now, if that is known."""
    more = thread.mark.lines - 1
    if now is not None and now.line is not None:
        return now.path, now.line, now.line + more if more > 0 else None
    if thread.line is None or more <= 0:
        return now.path if now else thread.path, thread.line, None
    return thread.path, thread.line - more, thread.line


def _ledger(
    outcome: Outcome,
    standing: Standing,
    before: Ledger | None,
    titles: Mapping[str, str],
    ours: set[str],
    waived: Sequence[Thread],
) -> Ledger:
    """What the note is to remember. `ours` are the discussions this run has resolved."""
    open_threads = [thread for thread in standing.threads if not thread.resolved]
    told = [finding for finding in outcome.findings if finding.placement is Placement.SUMMARY]
    told += [one for one in outcome.kept if not any(plan.stands_in(thread, one) for thread in standing.threads)]
    reviewed, head = outcome.reviewed, outcome.head
    past = before if before and reviewed and not reviewed.afresh else None
    resolved = [thread for thread in standing.threads if thread.resolved]
    return Ledger(
        head=head,
        reviewed=head if reviewed and reviewed.whole else past.reviewed if past else "",
        settings=reviewed.settings if reviewed else "",
        hunks=reviewed.hunks if reviewed else (),
        model=outcome.model,
        summary=outcome.before or outcome.summary,
        suggestions=outcome.suggestions,
        findings=tuple(told),
        titles=tuple((thread.mark.fingerprint, titles[thread.mark.fingerprint]) for thread in open_threads),
        resolved=tuple(t.id for t in resolved if t.resolved_by_us or t.id in ours),
        left=tuple(entry.thread for entry in outcome.settled if entry.why is Why.LEFT),
        waived=tuple(thread.id for thread in waived),
    )


def _noted(
    gitlab: GitLab, standing: Standing, published: Published, overtaken: Callable[[Standing], bool]
) -> Published:
    """Makes the body the one summary note. Whoever posts a first one looks again: another first run may do the same."""
    outcome, body = published.outcome, gitlab.guarded(published.body or "")
    published = replace(published, body=body)
    idle = outcome.status is Status.REVIEWED and outcome.reason == NOTHING and not outcome.omissions
    failure, wrote = GitLabError("the note does not stay: it is deleted while it is written"), False
    for attempt in range(ROUNDS):
        action = plan.write(standing.notes, body, failure=outcome.failed, idle=idle and not standing.threads)
        twins = [twin for twin in standing.notes[1:] if not twin.replies]
        if action is None and (not twins or attempt == ROUNDS - 1):
            stands = standing.notes[0].body if standing.notes and outcome.failed else body
            return replace(published, body=stands, wrote=wrote)
        if attempt == ROUNDS - 1:
            break
        try:
            if action is not None:
                wrote = True
                gitlab.write_note(action.body, action.note)
            for twin in twins:
                gitlab.delete(twin.id)
        except PassingGitLabError as error:
            failure = error
            gitlab.pause(error, attempt)
        except GitLabError as error:
            if error.status != 404 or action is None or action.note is None:  # somebody deleted the note meanwhile
                raise
        else:
            if action is not None and action.note is not None:
                return replace(published, body=action.body, wrote=True)
        standing = gitlab.standing()
        if overtaken(standing):
            return Published(outcome, None)
    raise failure
