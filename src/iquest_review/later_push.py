"""A later push: a review in the light of what stands on the merge request already."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from iquest_review.change.characters import counted
from iquest_review.inquiry import Inquiry, Model, usage
from iquest_review.merge_request import earlier
from iquest_review.merge_request.earlier import Open
from iquest_review.merge_request.outcome import Outcome, Why
from iquest_review.merge_request.standing import Thread
from iquest_review.model.endpoint import Reply
from iquest_review.model.fixed import ask_fixed
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

    told = task.known.findings if task.known else ()
    before = earlier.look(change.standing, told, change.diff, change.text)
    named = earlier.with_names(outcome.findings, before.open, change.diff)
    findings, taken = earlier.raised(named, change.standing, change.known, waived)
    again = {finding.fingerprint for finding in findings}
    still = [
        one
        for one in before.open
        if not (one.thread and one.thread.id in taken) and not (one.finding and one.finding.fingerprint in again)
    ]
    fixed, replies = _fixed(still, task, inquiry, model, say)
    still = [one for one in still if one not in fixed]
    severities = [one.thread.mark.severity for one in still if one.thread and not _spared(one.thread, options, waived)]
    settled = (*before.gone, *(one.settled(Why.FIXED) for one in fixed))
    if settled:
        say.say(f"{counted(len(settled), 'earlier finding')} settled")
    return replace(
        outcome,
        findings=tuple(findings),
        waived=len(outcome.findings) - len(findings),
        kept=tuple(one.finding for one in still if one.finding),
        standing=tuple(severities),
        settled=settled,
        usage=usage([*(inquiry.answer.replies if inquiry.answer else ()), *replies]),
    )


def _spared(thread: Thread, options: Options, waived: Callable[[Thread], bool]) -> bool:
    """Whether an open thread is waived; asked only where the exit code hangs on it."""
    return bool(options.fail_on and thread.mark.severity.reaches(options.fail_on) and waived(thread))


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
