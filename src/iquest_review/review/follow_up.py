"""A later push: a review in the light of what stands on the merge request already."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from iquest_review.excerpt.already_reviewed import compute_known_ids
from iquest_review.excerpt.numbered_rows import count_hidden_lines
from iquest_review.findings.duplicates import is_same_finding, is_similar_text
from iquest_review.findings.evidence import Location
from iquest_review.findings.placement import limit_inline
from iquest_review.gitlab.existing import Thread
from iquest_review.llm.ask_fixed import ask_fixed
from iquest_review.llm.reply import MAX_SUGGESTIONS
from iquest_review.llm.wire import ModelReply
from iquest_review.outcome import OpenThread, Outcome, SettledFinding, SettledReason
from iquest_review.progress import Progress
from iquest_review.publish import earlier
from iquest_review.publish.earlier import OpenFinding
from iquest_review.review.asking import Inquiry, ReviewModel, sum_usage
from iquest_review.review.work import Options, Waivers, Work
from iquest_review.text import format_count


def reconcile(
    outcome: Outcome, work: Work, inquiry: Inquiry, model: ReviewModel, board: Waivers | None, say: Progress
) -> Outcome:
    """The outcome in the light of what stands already. One that is no review leaves all of it as it is."""
    if outcome.failed:
        return carry_over_earlier(outcome, work, board)
    return merge_with_earlier(outcome, work, inquiry, model, board, say)


def merge_with_earlier(
    outcome: Outcome, work: Work, inquiry: Inquiry, model: ReviewModel, board: Waivers | None, say: Progress
) -> Outcome:
    """The outcome in the light of what stands already: what is not raised again, what stays, what is settled."""
    change, options = work.change, work.options

    def waived(thread: Thread) -> bool:
        return board is not None and board.has_waiver(thread)

    known, asked = work.known, bool(inquiry.replies)
    told = change.known.findings if change.known else ()
    before = earlier.classify(
        change.existing, told, change.diff, change.text, _build_seen_check(work, outcome), asked=asked
    )
    named = earlier.add_former_names(outcome.findings, before.open, change.diff)
    raised = earlier.select_findings_to_raise(named, change.existing, change.known, waived)
    taken = raised.threads | raised.spared
    left = frozenset(change.known.left if change.known else ()) - raised.threads
    still = [
        one
        for one in before.open
        if not (one.thread and one.thread.id in taken | left)
        and not (one.finding and any(is_same_finding(one.finding, finding) for finding in raised.findings))
    ]
    fixed, replies = _find_fixed_findings(still, work, inquiry, model, say)
    still = [one for one in still if one not in fixed]
    gone = [entry for entry in before.gone if entry.thread not in raised.threads | left]
    settled = (*gone, *(one.settle(SettledReason.FIXED) for one in fixed))
    if settled:
        say.say(f"{format_count(len(settled), 'earlier finding')} settled")
    left &= {thread.id for thread in change.existing.threads if not thread.resolved}
    return replace(
        outcome,
        findings=tuple(limit_inline(raised.findings, options.max_findings)),
        waived=len(outcome.findings) - len(raised.findings),
        before=known.summary if known and asked else "",
        suggestions=_merge_suggestions(outcome.suggestions, known.suggestions if known else ()),
        kept=tuple(one.finding for one in still if one.finding),
        still_open=tuple(_list_still_open(still, options, waived)),
        settled=(*settled, *(SettledFinding(thread, SettledReason.LEFT) for thread in sorted(left))),
        usage=outcome.usage + sum_usage(replies),
    )


def _build_seen_check(work: Work, outcome: Outcome) -> Callable[[str], bool]:
    """Whether a model has seen all of a file, or the file is no longer part of the change: only then it can be told
    what is gone from it."""

    @cache
    def unread() -> frozenset[str]:
        hunks = outcome.reviewed.hunks if outcome.reviewed else ()
        _, whole = compute_known_ids(work.files, hunks, ())
        seen = {file.path for file in work.files if file.path in whole and not any(map(count_hidden_lines, file.hunks))}
        left = (file for file in work.change.diff.files if file.path not in seen)
        return frozenset(name for file in left for name in (file.new_path, file.old_path))

    return lambda path: path not in unread()


def carry_over_earlier(outcome: Outcome, work: Work, board: Waivers | None) -> Outcome:
    """An outcome that is no review: what stood before it stands on."""
    known, left = work.change.known, frozenset(work.change.known.left if work.change.known else ())
    threads = (thread for thread in work.change.existing.threads if not thread.resolved and thread.id not in left)
    still = [OpenFinding(Location(thread.path, thread.line), thread) for thread in threads]
    stands = _list_still_open(still, work.options, lambda thread: board is not None and board.has_waiver(thread))
    told = (OpenThread("", one.severity, one.path, one.line) for one in (known.findings if known else ()))
    return replace(outcome, still_open=(*stands, *told))


def _list_still_open(
    still: Sequence[OpenFinding], options: Options, waived: Callable[[Thread], bool]
) -> Iterator[OpenThread]:
    """The threads that stay open. Whether one is waived is asked only as long as the exit code hangs on it."""
    fails = False
    for one in still:
        if one.thread is not None:
            severity = one.thread.mark.severity
            reaches = options.fail_on is not None and severity.is_at_least(options.fail_on)
            if not (reaches and not fails and waived(one.thread)):
                fails = fails or reaches
                yield OpenThread(one.thread.id, severity, one.here.path, one.here.line)


def _merge_suggestions(new: Sequence[str], old: Sequence[str]) -> tuple[str, ...]:
    """Suggestions on the whole change, of this review and of earlier ones."""
    again = [other for other in old if not any(other == one or is_similar_text(other, one) for one in new)]
    return tuple([*new, *again][:MAX_SUGGESTIONS])


def _find_fixed_findings(
    still: Sequence[OpenFinding], work: Work, inquiry: Inquiry, model: ReviewModel, say: Progress
) -> tuple[list[OpenFinding], tuple[ModelReply, ...]]:
    """Those of the earlier findings that the model, asked about exactly them, says are fixed."""
    candidates = list(earlier.select_askable(still, {file.path for file in work.fresh}))
    requests = len(inquiry.replies)
    if not candidates or inquiry.limits is None or requests >= work.options.terms.max_requests:
        return [], ()
    paths = {one.here.path for one in candidates}
    files = [file for file in work.change.diff.files if file.path in paths]
    with say.show_wait(f"asking whether {format_count(len(candidates), 'earlier finding')} may be fixed"):
        remarks = [replace(one.remark, text=work.change.redact(one.remark.text)) for one in candidates]
        answer = ask_fixed(model, work.options.templates, remarks, files, inquiry.limits, work.options.nonce)
    return [candidates[number] for number in sorted(answer.numbers)], answer.replies
