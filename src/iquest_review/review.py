"""THE MAIN PATH: one review, from a change to what stands on the merge request. Eight steps, as the README tells them.

What touches the world is handed in: a source of the change, a model, a place to keep the review, and the merge request
it goes to.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from iquest_review.change.characters import counted
from iquest_review.change.diff import Diff
from iquest_review.errors import ModelError, ReviewError
from iquest_review.inquiry import Inquiry, Model, Terms, inquire, limits, usage
from iquest_review.merge_request import note, plan
from iquest_review.merge_request.ledger import Ledger
from iquest_review.merge_request.note import Surroundings
from iquest_review.merge_request.outcome import Outcome, PlacedFinding, PromptUsed, Status, Why
from iquest_review.merge_request.standing import Standing
from iquest_review.model.finding import Severity
from iquest_review.model.reply import Review
from iquest_review.model.verify import verify
from iquest_review.progress import Progress
from iquest_review.prompt import fitting
from iquest_review.prompt.budget import Coverage, Excerpt
from iquest_review.prompt.fitting import Prompt
from iquest_review.prompt.seen import shown_ids
from iquest_review.task import Board, Change, Options, Task

__all__ = [
    "Board",
    "Change",
    "Keep",
    "Model",
    "Options",
    "Publish",
    "Terms",
    "deliver",
    "exit_code",
    "preview",
    "review",
]

NOT_ALL = "not everything fitted into the prompt"
UNCHANGED = "nothing has changed since the last review"


Keep = Callable[[Outcome, str], None]  # takes an outcome and its note
Publish = Callable[[Outcome], tuple[Outcome, str | None]]  # what was posted; no note where a newer run has spoken


def review(
    change: Change,
    model: Model,
    options: Options,
    board: Board | None,
    keep: Keep,
    publish: Publish | None,
    say: Progress,
) -> tuple[Outcome, str]:
    """Reviews the change, keeps the outcome and publishes it; returns it with its note. Model failures are an outcome,
    not an error.

    Raises GitLabError when it cannot be published; the outcome is kept all the same.
    """
    started = time.monotonic()
    files, lines = counted(len(change.diff.files), "changed file"), counted(change.diff.changed_lines, "changed line")
    say.say(f"{files}, {lines} from {change.origin}")
    task = Task.of(change, options)
    if task.fresh:
        inquiry = inquire(task.material(), model, options.terms, say)
        outcome = _answered(task, inquiry, say)
    else:
        inquiry, outcome = Inquiry(), _unasked(task, say)
    if outcome.findings or change.known or change.standing.threads:
        from iquest_review import later_push  # noqa: PLC0415 - nothing found and nothing there: nothing to compare

        outcome = later_push.compared(outcome, task, inquiry, model, board, say)
    outcome = replace(outcome, usage=replace(outcome.usage, seconds=round(time.monotonic() - started, 1)))
    if _nothing_new(outcome, change):
        body = change.standing.notes[0].body
        keep(outcome, body)
        return outcome, body
    return deliver(outcome, options.surroundings, keep, publish)


def deliver(outcome: Outcome, around: Surroundings, keep: Keep, publish: Publish | None) -> tuple[Outcome, str]:
    """Keeps an outcome with its note, publishes it, and keeps what came of that; returns it with its note.

    A review is never lost to a failing GitLab, nor to a folder that cannot be written: the author of a merge request
    may have seen to that.
    """
    body = note.compose(outcome, around)
    try:
        keep(outcome, body)
    except ReviewError:
        if publish is not None:
            publish(outcome)
        raise
    if publish is None:
        return outcome, body
    outcome, posted = publish(outcome)
    if posted is None:
        return outcome, body
    keep(outcome, posted)
    return outcome, posted


def preview(change: Change, options: Options) -> tuple[Prompt | None, Excerpt]:
    """What a model would be shown, and what not; no prompt when nothing is left to show. Asks nobody."""
    task = Task.of(change, options)
    if not task.fresh:
        return None, Excerpt((), task.omissions)
    prompt = fitting.fill(task.material(), limits(options.terms, None, 0), lambda _: None)
    return prompt, prompt.excerpt


def exit_code(outcome: Outcome, fail_on: Severity | None) -> int:
    """0 reviewed, 1 a finding as bad as `fail_on` stands, be there a new review or not, 3 no usable review."""
    if fail_on is not None and any(severity.reaches(fail_on) for severity in outcome.severities):
        return 1
    return ModelError.exit_code if outcome.failed else 0


def _outcome(task: Task, reason: str | None = None) -> Outcome:
    change, templates = task.change, task.options.templates
    return Outcome(
        status=Status.REVIEWED,
        reason=reason,
        merge_request=change.merge_request,
        diff_refs=change.refs,
        prompt=PromptUsed(templates.language, templates.digest),
        reviewed=task.reviewed(),
        omissions=task.omissions,
    )


def _unasked(task: Task, say: Progress) -> Outcome:
    """Nothing is new, or nothing is there to be reviewed."""
    if not task.files or not task.known:
        return _outcome(task, reason=note.NOTHING)
    say.say(UNCHANGED)
    known = task.known
    outcome = _outcome(task, reason=UNCHANGED)
    return replace(outcome, model=known.model, summary=known.summary, suggestions=known.suggestions)


def _answered(task: Task, inquiry: Inquiry, say: Progress) -> Outcome:
    """What the model's answer comes to."""
    base = replace(_outcome(task), model=inquiry.model)
    if inquiry.prompt and inquiry.answer is None and task.known and task.known.hunks:
        # The rest of the change was reviewed before, and that stands.
        base = replace(base, summary=task.known.summary, suggestions=task.known.suggestions)
        return replace(base, status=Status.PARTIAL, reason=NOT_ALL, omissions=inquiry.prompt.excerpt.omissions)
    if inquiry.prompt is None or inquiry.answer is None:
        unseen_files = tuple(Coverage(file.path, (), file.changed_lines, 0) for file in task.fresh)
        return replace(base, status=Status.NOT_REVIEWED, reason=inquiry.failure, coverage=unseen_files)
    excerpt, result = inquiry.prompt.excerpt, inquiry.answer.result
    base = replace(
        base,
        coverage=_coverage(task, excerpt),
        omissions=excerpt.omissions,
        usage=usage(inquiry.answer.replies),
    )
    if isinstance(result, Review):
        return _with_findings(base, task, result, excerpt, say)
    why = f"the model's answer could not be used: {result.why}"
    say.say(why)
    if result.text:
        return replace(base, status=Status.RAW, reason=result.why, raw=result.text)
    return replace(base, status=Status.NOT_REVIEWED, reason=why)


def _with_findings(base: Outcome, task: Task, result: Review, excerpt: Excerpt, say: Progress) -> Outcome:
    found, findings = _placed(result, task) if result.findings else ([], [])
    lost = [
        *(["the answer breaks off"] if result.partial else []),
        *([f"{result.dropped} of the model's findings could not be read"] if result.dropped else []),
    ]
    problems = [*lost, *([NOT_ALL] if excerpt.over_budget else [])]
    say.say("; ".join([counted(len(findings), "finding"), *problems]))
    return replace(
        base,
        status=Status.PARTIAL if problems else Status.REVIEWED,
        reason="; ".join(problems) or None,
        summary=result.summary,
        suggestions=result.suggestions,
        findings=tuple(findings),
        merged=len(found) - len(findings),
        reviewed=task.reviewed(() if lost else shown_ids(task.fresh, excerpt)),
    )


def _placed(result: Review, task: Task) -> tuple[list[PlacedFinding], list[PlacedFinding]]:
    """The findings with their places, and those that are left when near-duplicates are one."""
    from iquest_review.merge_request.alike import merged  # noqa: PLC0415 - many reviews find nothing
    from iquest_review.merge_request.placing import placed  # noqa: PLC0415

    found = [placed(verify(finding, Diff(task.files), task.change.text)) for finding in result.findings]
    return found, merged(found)


def _nothing_new(outcome: Outcome, change: Change) -> bool:
    """Whether all that would be posted is there."""
    known, standing = change.known, change.standing
    return (
        outcome.reason == UNCHANGED
        and known is not None
        and known.head == known.reviewed == outcome.head
        and all(entry.why is Why.LEFT for entry in outcome.settled)
        and len(standing.notes) == 1
        and note.PREVIOUS not in standing.notes[0].body
        and not any(plan.duplicates(standing))
        and _same_threads(known, standing)
    )


def _same_threads(known: Ledger, standing: Standing) -> bool:
    """Whether the note lists the threads that are open, and nobody has waived one since."""
    still_open = [thread for thread in standing.threads if not thread.resolved]
    new_waivers = any(thread.id not in known.waived and any(thread.waivers) for thread in still_open)
    listed = sorted(fingerprint for fingerprint, _ in known.titles)
    return not new_waivers and listed == sorted(thread.mark.fingerprint for thread in still_open)


def _coverage(task: Task, excerpt: Excerpt) -> tuple[Coverage, ...]:
    """The ledger of what is shown; lines that were reviewed before count as the file's as well."""
    changed = {file.path: file.changed_lines for file in task.files}
    return tuple(replace(entry, changed_lines=changed[entry.path]) for entry in excerpt.coverage())
