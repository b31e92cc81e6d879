"""Reconcile a review with the findings of earlier reviews of the same merge request."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache

from iquest_review.excerpt.already_reviewed import compute_known_ids
from iquest_review.excerpt.numbered_rows import count_hidden_lines
from iquest_review.findings.duplicates import is_same_finding
from iquest_review.findings.evidence import Location
from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.findings.placement import assign_place, limit_inline
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.similarity import is_similar_text
from iquest_review.findings.verify import verify
from iquest_review.gitlab.existing import ExistingThreads, Thread
from iquest_review.llm.ask_fixed import ask_fixed
from iquest_review.llm.reply import MAX_SUGGESTIONS
from iquest_review.llm.wire import ModelReply
from iquest_review.outcome import HeldBackFinding, HeldBackReason, OpenThread, Outcome, SettledFinding, SettledReason
from iquest_review.progress import Progress
from iquest_review.publish import earlier
from iquest_review.publish.earlier import EarlierFindings, FindingsToRaise, OpenFinding, OpenInNote, OpenInThread
from iquest_review.review.asking import Inquiry
from iquest_review.review.exchange import sum_usage
from iquest_review.review.terms import ReviewModel
from iquest_review.review.work import ChangeToReview, HasWaiver, Work
from iquest_review.text import format_count

SettledCheck = Callable[[Thread], HeldBackReason | None]  # why people settled a thread; None if they did not


def reconcile(
    outcome: Outcome, work: Work, inquiry: Inquiry, model: ReviewModel, has_waiver: HasWaiver, progress: Progress
) -> Outcome:
    """Return the outcome reconciled with earlier findings. A failed review leaves them as they are."""
    if not (outcome.findings or work.change.known or work.change.existing.threads):
        return outcome
    settled_by_people = _build_settled_check(work, has_waiver)
    if outcome.failed:
        return carry_over_earlier(outcome, work, settled_by_people)
    return merge_with_earlier(outcome, work, inquiry, model, settled_by_people, progress)


def _build_settled_check(work: Work, has_waiver: HasWaiver) -> SettledCheck:
    """Build the check why people settled a thread. GitLab is asked once for each thread that is looked at."""
    ours = frozenset(work.change.known.resolved if work.change.known else ())

    @cache
    def check(thread: Thread) -> HeldBackReason | None:
        if thread.is_settled_by_person(ours):
            return HeldBackReason.RESOLVED
        return HeldBackReason.WAIVED if has_waiver(thread) else None

    return check


def merge_with_earlier(
    outcome: Outcome,
    work: Work,
    inquiry: Inquiry,
    model: ReviewModel,
    settled_by_people: SettledCheck,
    progress: Progress,
) -> Outcome:
    """Return the outcome with what is not raised again, what stays open and what is settled."""
    known, asked = work.known, any(not reply.cut for reply in inquiry.replies)
    before = _classify_earlier(outcome, work, asked=asked)
    named = earlier.add_former_names(outcome.findings, before.open, work.change.diff)
    raised = earlier.select_findings_to_raise(named, work.change.existing, settled_by_people, outcome.head)
    left = _list_left(work) - raised.threads
    still, again = _list_unanswered(before, raised, left, work, settled_by_people, outcome.head)
    waived = [thread for thread in _list_open_threads(work, left) if settled_by_people(thread)]
    still = [entry for entry in still if not (isinstance(entry, OpenInThread) and entry.thread in waived)]
    fixed, replies = _find_fixed_findings(still, work, inquiry, model, progress)
    still = [entry for entry in still if entry not in fixed]
    silent = raised.threads | left | {thread.id for thread in waived}
    settled = (
        *(entry for entry in before.gone if entry.thread not in silent),
        *(entry.settle(SettledReason.FIXED) for entry in fixed),
        *(SettledFinding(thread.id, SettledReason.WAIVED) for thread in waived),
    )
    held_back = (*(raised.held_back if asked else outcome.held_back), *again)
    _log_changes(held_back, settled, progress)
    findings, kept = _apply_limit(raised.findings, still, work)
    return replace(
        outcome,
        findings=findings,
        held_back=held_back,
        before=known.summary if known and asked else outcome.before,
        before_head=known.summary_head if known and asked else outcome.before_head,
        suggestions=_merge_suggestions(outcome.suggestions, known.suggestions if known else ()),
        kept=kept,
        still_open=tuple(_describe_open_threads(still)),
        settled=(*settled, *(SettledFinding(thread, SettledReason.LEFT) for thread in sorted(left))),
        usage=outcome.usage + sum_usage(replies),
    )


def _classify_earlier(outcome: Outcome, work: Work, *, asked: bool) -> EarlierFindings:
    change = work.change
    noted = change.known.findings if change.known else ()
    was_seen = _build_seen_check(work, outcome)
    return earlier.classify(change.existing, noted, change.indexed, was_seen, asked=asked)


def _list_left(work: Work) -> frozenset[str]:
    """Return the open threads that are settled, but that GitLab did not let the bot resolve."""
    left = frozenset(work.change.known.left if work.change.known else ())
    return left & {thread.id for thread in work.change.existing.open_threads}


def _list_unanswered(
    before: EarlierFindings,
    raised: FindingsToRaise,
    left: Collection[str],
    work: Work,
    settled_by_people: SettledCheck,
    head: str,
) -> tuple[list[OpenFinding], tuple[HeldBackFinding, ...]]:
    """Return the earlier open findings that this review neither repeats nor holds back.

    The second value has those of the note that people settled in a thread.
    """
    taken = {*raised.threads, *raised.settled, *left}
    still = [entry for entry in before.open if not _is_repeated(entry, raised, taken)]
    return _drop_settled_notes(still, work.change.existing, settled_by_people, head)


def _is_repeated(entry: OpenFinding, raised: FindingsToRaise, taken: Collection[str]) -> bool:
    match entry:
        case OpenInThread(thread=thread):
            return thread.id in taken
        case OpenInNote(finding=noted):
            return any(is_same_finding(noted, finding) for finding in raised.findings)


def _apply_limit(
    raised: Sequence[PlacedFinding], still: Sequence[OpenFinding], work: Work
) -> tuple[tuple[PlacedFinding, ...], tuple[PlacedFinding, ...]]:
    """Return the findings to show on their lines as far as the limit allows it, and those that stay in the note."""
    open_threads = {thread.id for thread in work.change.existing.open_threads}
    room = work.options.max_findings - sum(isinstance(entry, OpenInThread) for entry in still)
    inline = sum(finding.placement is Placement.INLINE for finding in raised)
    kept = [entry.finding for entry in still if isinstance(entry, OpenInNote)]
    promoted = _promote_findings(kept, room - inline, work.change)
    findings = limit_inline([*raised, *promoted.values()], room, open_threads)
    return tuple(findings), tuple(finding for finding in kept if finding not in promoted)


def _drop_settled_notes(
    still: Sequence[OpenFinding], existing: ExistingThreads, settled_by_people: SettledCheck, head: str
) -> tuple[list[OpenFinding], tuple[HeldBackFinding, ...]]:
    """Return the open findings without those of the note that people settled in a thread, and these."""
    noted = [entry.finding for entry in still if isinstance(entry, OpenInNote)]
    held_back = earlier.select_findings_to_raise(noted, existing, settled_by_people, head).held_back
    settled = {finding.fingerprint for finding in held_back}
    rest = [entry for entry in still if isinstance(entry, OpenInThread) or entry.finding.fingerprint not in settled]
    return rest, held_back


def _promote_findings(
    kept: Sequence[PlacedFinding], room: int, change: ChangeToReview
) -> dict[PlacedFinding, PlacedFinding]:
    """Return the worst findings over the limit that there is room for now, each with its place on its lines."""
    waiting = [finding for finding in kept if finding.placement_reason is PlacementReason.OVER_LIMIT]
    waiting = sorted(waiting, key=lambda finding: finding.severity.rank)[: max(room, 0)]
    placed = {finding: assign_place(verify(finding, change.indexed), change.text) for finding in waiting}
    # Their fixes were checked against an older file: they are shown, not offered.
    return {old: replace(new, replacement=None) for old, new in placed.items() if new.placement is Placement.INLINE}


def _log_changes(held_back: Sequence[HeldBackFinding], settled: Sequence[SettledFinding], progress: Progress) -> None:
    """Log what people held back and what is settled, in the numbers that the note shows."""
    if held_back:
        progress.say(f"{format_count(len(held_back), 'finding')} not raised: waived or resolved before")
    if settled:
        progress.say(f"{format_count(len(settled), 'earlier finding')} settled")


def _list_open_threads(work: Work, left: Collection[str]) -> Iterator[Thread]:
    return (thread for thread in work.change.existing.open_threads if thread.id not in left)


def _build_seen_check(work: Work, outcome: Outcome) -> Callable[[str], bool]:
    """Build the check whether a model has seen all of a file, or the file is no longer part of the change.

    Only then lines can be gone from it.
    """

    @cache
    def unseen() -> frozenset[str]:
        hunks = outcome.reviewed.hunks if outcome.reviewed else ()
        _, whole = compute_known_ids(work.files, hunks, ())
        seen = {file.path for file in work.files if file.path in whole and not any(map(count_hidden_lines, file.hunks))}
        left = (file for file in work.change.diff.files if file.path not in seen)
        return frozenset(name for file in left for name in (file.new_path, file.old_path))

    return lambda path: path not in unseen()


def carry_over_earlier(outcome: Outcome, work: Work, settled_by_people: SettledCheck) -> Outcome:
    """Return the outcome of a failed review with all earlier findings still open, but for those that people waived."""
    known = work.change.known
    threads = [thread for thread in _list_open_threads(work, _list_left(work)) if not settled_by_people(thread)]
    still = [OpenInThread(Location(thread.path, thread.line), thread) for thread in threads]
    noted = (OpenThread("", entry.severity, entry.path, entry.line) for entry in (known.findings if known else ()))
    return replace(outcome, still_open=(*_describe_open_threads(still), *noted))


def _describe_open_threads(still: Sequence[OpenFinding]) -> Iterator[OpenThread]:
    for entry in still:
        if isinstance(entry, OpenInThread):
            yield OpenThread(entry.thread.id, entry.thread.mark.severity, entry.here.path, entry.here.line)


def _merge_suggestions(new: Sequence[str], old: Sequence[str]) -> tuple[str, ...]:
    """Return the suggestions of this review, then those of earlier ones that it does not repeat."""
    others = [text for text in old if not any(text == added or is_similar_text(text, added) for added in new)]
    return tuple([*new, *others][:MAX_SUGGESTIONS])


def _find_fixed_findings(
    still: Sequence[OpenFinding], work: Work, inquiry: Inquiry, model: ReviewModel, progress: Progress
) -> tuple[list[OpenFinding], tuple[ModelReply, ...]]:
    """Ask the model about earlier findings; return those that it says are fixed, and its replies."""
    candidates = list(earlier.select_askable(still, {file.path for file in work.fresh}))
    requests = len(inquiry.replies)
    if not candidates or inquiry.limits is None or requests >= work.options.terms.max_requests:
        return [], ()
    paths = {entry.here.path for entry in candidates}
    files = [file for file in work.change.diff.files if file.path in paths]
    with progress.show_wait(f"asking whether {format_count(len(candidates), 'earlier finding')} may be fixed"):
        remarks = [replace(entry.remark, text=work.change.redact(entry.remark.text)) for entry in candidates]
        answer = ask_fixed(model, work.options.templates, remarks, files, inquiry.limits, work.options.nonce)
    return [candidates[number] for number in sorted(answer.numbers)], answer.replies
