"""A later push: a review in the light of what stands on the merge request already."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from iquest_review.change.characters import counted
from iquest_review.inquiry import Inquiry, Model, usage
from iquest_review.merge_request import earlier
from iquest_review.merge_request.alike import alike
from iquest_review.merge_request.earlier import Open
from iquest_review.merge_request.outcome import Outcome, Why
from iquest_review.merge_request.placing import limited
from iquest_review.merge_request.standing import Thread
from iquest_review.model.endpoint import Reply
from iquest_review.model.finding import Severity
from iquest_review.model.fixed import ask_fixed
from iquest_review.model.reply import MOST_SUGGESTIONS
from iquest_review.progress import Progress
from iquest_review.task import Options, Task


class Board(Protocol):
    """The merge request, as far as a review asks it anything."""

    def waived(self, thread: Thread) -> bool: ...


def with_earlier(
    outcome: Outcome, task: Task, inquiry: Inquiry, model: Model, board: Board | None, say: Progress
) -> Outcome:
    """The outcome in the light of what stands already: what is not raised again, what stays, what is settled."""
    change, options = task.change, task.options

    def waived(thread: Thread) -> bool:
        return board is not None and board.waived(thread)

    known, asked = task.known, inquiry.answer is not None
    before = earlier.look(change.standing, known.findings if known else (), change.diff, change.text, asked=asked)
    named = earlier.with_names(outcome.findings, before.open, change.diff)
    raised = earlier.raised(named, change.standing, change.known, waived)
    taken, again = raised.threads | raised.spared, {finding.fingerprint for finding in raised.findings}
    still = [
        one
        for one in before.open
        if not (one.thread and one.thread.id in taken) and not (one.finding and one.finding.fingerprint in again)
    ]
    fixed, replies = _fixed(still, task, inquiry, model, say)
    still = [one for one in still if one not in fixed]
    gone = [entry for entry in before.gone if entry.thread not in raised.threads | _left(task)]
    settled = (*gone, *(one.settled(Why.FIXED) for one in fixed))
    if settled:
        say.say(f"{counted(len(settled), 'earlier finding')} settled")
    return replace(
        outcome,
        findings=tuple(limited(raised.findings, options.max_findings)),
        waived=len(outcome.findings) - len(raised.findings),
        before=known.summary if known and asked else "",
        suggestions=_together(outcome.suggestions, known.suggestions if known else ()),
        kept=tuple(one.finding for one in still if one.finding),
        standing=tuple(_severities([one.thread for one in still if one.thread], options, waived)),
        settled=settled,
        usage=usage([*(inquiry.answer.replies if inquiry.answer else ()), *replies]),
    )


def _severities(threads: Sequence[Thread], options: Options, waived: Callable[[Thread], bool]) -> Iterator[Severity]:
    """Of the threads that stay open. Whether one is waived is asked only as long as the exit code hangs on it."""
    fails = False
    for thread in threads:
        severity = thread.mark.severity
        reaches = options.fail_on is not None and severity.reaches(options.fail_on)
        if reaches and not fails and waived(thread):
            continue
        fails = fails or reaches
        yield severity


def _left(task: Task) -> frozenset[str]:
    """Threads that GitLab did not let us resolve at this very head: asking again would change nothing."""
    known, refs = task.change.known, task.change.refs
    return frozenset(known.left) if known and refs and known.head == refs.head_sha else frozenset()


def _together(new: Sequence[str], old: Sequence[str]) -> tuple[str, ...]:
    """Suggestions on the whole change, of this review and of earlier ones."""
    again = [other for other in old if not any(other == one or alike(other, one) for one in new)]
    return tuple([*new, *again][:MOST_SUGGESTIONS])


def _fixed(
    still: Sequence[Open], task: Task, inquiry: Inquiry, model: Model, say: Progress
) -> tuple[list[Open], tuple[Reply, ...]]:
    """Those of the earlier findings that the model, asked about exactly them, says are fixed."""
    candidates = list(earlier.askable(still, {file.path for file in task.fresh}))
    requests = len(inquiry.answer.replies) if inquiry.answer else 0
    if not candidates or inquiry.limits is None or requests >= task.options.terms.max_requests:
        return [], ()
    paths = {one.here.path for one in candidates}
    files = [file for file in task.change.diff.files if file.path in paths]
    with say.waiting(f"asking whether {counted(len(candidates), 'earlier finding')} may be fixed"):
        remarks = [one.remark for one in candidates]
        answer = ask_fixed(model, task.options.templates, remarks, files, inquiry.limits, task.options.nonce)
    return [candidates[number] for number in sorted(answer.numbers)], answer.replies
