"""THE MAIN PATH: one review, from a change to what stands on the merge request. Eight steps, as the README tells them.

What touches the world is handed in: a source of the change, a model, a place to keep the review, and the merge request
it goes to.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from iquest_review.errors import ModelError, ReviewError
from iquest_review.excerpt.excerpt import Excerpt
from iquest_review.findings.finding import Severity
from iquest_review.gitlab.existing import ExistingThreads
from iquest_review.note import summary
from iquest_review.note.memory import NoteMemory
from iquest_review.note.summary import NoteLinks
from iquest_review.outcome import Outcome, PromptUsed, ReviewStatus, SettledReason
from iquest_review.progress import Progress
from iquest_review.prompt import batches
from iquest_review.prompt.fitting import Prompt
from iquest_review.publish import plan
from iquest_review.review.asking import Inquiry, ReviewModel, compute_prompt_limits, inquire, plan_prompts
from iquest_review.review.assembling import assemble_outcome
from iquest_review.review.work import ChangeToReview, Options, Waivers, Work
from iquest_review.text import format_count

UNCHANGED = "nothing has changed since the last review"


class GateKeptError(ReviewError):
    """A finding that stands reaches `fail_on`, and the review of it could not be kept or posted. A job may be allowed
    to fail for that, but not for the finding: whoever can spoil the folder would open the gate."""

    exit_code = 1


Keep = Callable[[Outcome, str], None]  # takes an outcome and its note
Publish = Callable[[Outcome], tuple[Outcome, str | None]]  # what was posted; no note where a newer run has spoken


def review(
    change: ChangeToReview,
    model: ReviewModel,
    options: Options,
    board: Waivers | None,
    keep: Keep,
    publish: Publish | None,
    say: Progress,
) -> tuple[Outcome, str]:
    """Reviews the change, keeps the outcome and publishes it; returns it with its note. Model failures are an outcome,
    not an error.

    Raises GitLabError when it cannot be published; the outcome is kept all the same. Raises GateKept instead of
    anything of the kind where a finding reaches `fail_on`.
    """
    started = time.monotonic()
    files, lines = (
        format_count(len(change.diff.files), "changed file"),
        format_count(change.diff.changed_lines, "changed line"),
    )
    say.say(f"{files}, {lines} from {change.origin}")
    work = Work.of(change, options)
    if work.fresh:
        inquiry = inquire(work.build_material(), model, options.terms, say)
        outcome = assemble_outcome(_build_outcome(work), work, inquiry, model, say)
    else:
        inquiry, outcome = Inquiry(), _build_unasked_outcome(work, say)
    if outcome.findings or change.known or change.existing.threads:
        from iquest_review.review import follow_up  # noqa: PLC0415 - nothing found and nothing there: nothing to compare

        outcome = follow_up.reconcile(outcome, work, inquiry, model, board, say)
    reason = change.redact(outcome.reason) if outcome.reason else None  # it may hold what a server says
    outcome = replace(
        outcome, reason=reason, usage=replace(outcome.usage, seconds=round(time.monotonic() - started, 1))
    )
    try:
        if _has_nothing_new(outcome, change):
            body = change.existing.notes[0].body
            keep(outcome, body)
            return outcome, body
        return deliver(outcome, options.surroundings, keep, publish)
    except ReviewError as error:
        if compute_exit_code(outcome, options.fail_on) == GateKeptError.exit_code:
            raise GateKeptError("; ".join([str(error), *getattr(error, "__notes__", ())])) from None
        raise


def deliver(outcome: Outcome, around: NoteLinks, keep: Keep, publish: Publish | None) -> tuple[Outcome, str]:
    """Keeps an outcome with its note, publishes it, and keeps what came of that; returns it with its note.

    A review is never lost to a failing GitLab, nor to a folder that cannot be written: the author of a merge request
    may have seen to that.
    """
    body = summary.compose_note(outcome, around)
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


def preview(change: ChangeToReview, options: Options, say: Progress) -> tuple[tuple[Prompt, ...], Excerpt]:
    """What a model would be shown, and what not; no prompt when nothing is left to show. Asks nobody."""
    work = Work.of(change, options)
    if not work.fresh:
        return (), Excerpt((), work.omissions)
    terms = options.terms
    prompts = plan_prompts(work.build_material(), compute_prompt_limits(terms, None, 0), terms, lambda _: None, say)
    return prompts, batches.merge_excerpts(work.fresh, work.omissions, [prompt.excerpt for prompt in prompts])


def compute_exit_code(outcome: Outcome, fail_on: Severity | None) -> int:
    """0 reviewed, 1 a finding as bad as `fail_on` stands, be there a new review or not, 3 no usable review."""
    if fail_on is not None and any(severity.is_at_least(fail_on) for severity in outcome.severities):
        return 1
    return ModelError.exit_code if outcome.failed else 0


def _build_outcome(work: Work, reason: str | None = None) -> Outcome:
    change, templates = work.change, work.options.templates
    return Outcome(
        status=ReviewStatus.REVIEWED,
        reason=reason,
        merge_request=change.merge_request,
        diff_refs=change.refs,
        prompt=PromptUsed(templates.language, templates.digest),
        reviewed=work.collect_reviewed_hunks(),
        omissions=work.omissions,
        steering=work.options.steering,
    )


def _build_unasked_outcome(work: Work, say: Progress) -> Outcome:
    """Nothing is new, or nothing is there to be reviewed."""
    if not work.files or not work.known:
        return _build_outcome(work, reason=summary.NOTHING_TO_REVIEW)
    say.say(UNCHANGED)
    known = work.known
    outcome = _build_outcome(work, reason=UNCHANGED)
    return replace(outcome, model=known.model, summary=known.summary, suggestions=known.suggestions)


def _has_nothing_new(outcome: Outcome, change: ChangeToReview) -> bool:
    """Whether all that would be posted is there."""
    known, existing = change.known, change.existing
    return (
        outcome.reason == UNCHANGED
        and known is not None
        and known.head == known.reviewed == outcome.head
        and all(entry.why is SettledReason.LEFT for entry in outcome.settled)
        and len(existing.notes) == 1
        and summary.PREVIOUS_MARKER not in existing.notes[0].body
        and not any(plan.find_duplicate_threads(existing))
        and _has_same_threads(known, existing)
    )


def _has_same_threads(known: NoteMemory, existing: ExistingThreads) -> bool:
    """Whether the note lists the threads that are open, and nobody has waived one since."""
    still_open = [thread for thread in existing.threads if not thread.resolved]
    new_waivers = any(thread.id not in known.waived and any(thread.waivers) for thread in still_open)
    listed = sorted(fingerprint for fingerprint, _ in known.titles)
    return not new_waivers and listed == sorted(thread.mark.fingerprint for thread in still_open)
