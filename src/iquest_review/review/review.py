"""The main path: one review, from a change to threads on the merge request, in the steps of ARCHITECTURE.md.

Everything that touches the world is an argument: the change, the model, where to keep the review, how to publish it.
"""

import time
from dataclasses import replace

from iquest_review.excerpt.excerpt import Excerpt
from iquest_review.outcome import Outcome
from iquest_review.progress import Progress
from iquest_review.prompt import batches
from iquest_review.prompt.fitting import Prompt
from iquest_review.publish.nothing_new import has_nothing_new
from iquest_review.review.asking import Inquiry, compute_prompt_limits, inquire, plan_prompts
from iquest_review.review.assembling import assemble_outcome
from iquest_review.review.delivery import Keep, Publish, deliver, guard_gate
from iquest_review.review.follow_up import reconcile
from iquest_review.review.terms import ReviewModel
from iquest_review.review.work import ChangeToReview, HasWaiver, Options, Work
from iquest_review.text import format_count


def review(
    change: ChangeToReview,
    model: ReviewModel,
    options: Options,
    has_waiver: HasWaiver,
    keep: Keep,
    publish: Publish | None,
    progress: Progress,
) -> tuple[Outcome, str]:
    """Review the change, keep the outcome and publish it; return it with its note.

    A failure of the model is an outcome, not an error. Raises GitLabError when the outcome cannot be published; it is
    kept all the same. Raises GateKeptError in place of any such error when a finding reaches `fail_on`.
    """
    started = time.monotonic()
    _log_change(change, progress)
    work = Work.of(change, options)
    inquiry = inquire(work.build_material(), model, options.terms, progress) if work.fresh else Inquiry()
    outcome = assemble_outcome(work, inquiry, model, progress)
    outcome = reconcile(outcome, work, inquiry, model, has_waiver, progress)
    outcome = _finish_outcome(outcome, change, time.monotonic() - started)
    with guard_gate(outcome, options.fail_on):
        if has_nothing_new(outcome, change.known, change.existing):
            keep(outcome, change.existing.notes[0].body)
            return outcome, change.existing.notes[0].body
        return deliver(outcome, options.links, keep, publish)


def preview(change: ChangeToReview, options: Options, progress: Progress) -> tuple[tuple[Prompt, ...], Excerpt]:
    """Return the prompts a review would send and what they show, without asking; no prompts when nothing is new."""
    work = Work.of(change, options)
    if not work.fresh:
        return (), Excerpt((), work.omissions)
    terms = options.terms
    prompts = plan_prompts(
        work.build_material(), compute_prompt_limits(terms, None, 0), terms, lambda _: None, progress
    )
    return prompts, batches.merge_excerpts(work.fresh, work.omissions, [prompt.excerpt for prompt in prompts])


def _log_change(change: ChangeToReview, progress: Progress) -> None:
    files = format_count(len(change.diff.files), "changed file")
    lines = format_count(change.diff.changed_lines, "changed line")
    progress.say(f"{files}, {lines} from {change.origin}")


def _finish_outcome(outcome: Outcome, change: ChangeToReview, seconds: float) -> Outcome:
    """Return the outcome with the time it took, and without secrets in its reasons: they may quote a server."""
    reasons = tuple(reason.redact(change.redact) for reason in outcome.reasons)
    return replace(outcome, reasons=reasons, usage=replace(outcome.usage, seconds=round(seconds, 1)))
