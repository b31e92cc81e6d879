"""The main path: one review, from a change to threads on the merge request, in the eight steps of ARCHITECTURE.md.

Everything that touches the world is an argument: the change, the model, where to keep the review, how to publish it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from iquest_review.errors import ModelError, ReviewError
from iquest_review.excerpt.excerpt import Excerpt
from iquest_review.findings.finding import Severity
from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.gitlab.existing import ExistingThreads
from iquest_review.note import summary
from iquest_review.note.memory import NoteMemory
from iquest_review.note.summary import NoteLinks
from iquest_review.outcome import Outcome, PromptUsed, ReviewStatus, SettledReason
from iquest_review.progress import Progress
from iquest_review.prompt import batches
from iquest_review.prompt.fitting import Prompt
from iquest_review.publish import plan
from iquest_review.reasons.review import NothingNew, NothingToReview, OutcomeReason
from iquest_review.review.asking import Inquiry, ReviewModel, compute_prompt_limits, inquire, plan_prompts
from iquest_review.review.assembling import assemble_outcome, recall_summary
from iquest_review.review.follow_up import reconcile
from iquest_review.review.work import ChangeToReview, HasWaiver, Options, Work
from iquest_review.text import format_count


class GateKeptError(ReviewError):
    """An open finding reaches `fail_on`, and the review could not be kept or posted.

    Jobs often allow exit code 4. Without this error, anyone who makes the output folder unwritable could bypass
    `fail_on`.
    """

    exit_code = 1


Keep = Callable[[Outcome, str], None]  # receives an outcome and its note
# Returns what was posted; no note when a newer run has published.
Publish = Callable[[Outcome], tuple[Outcome, str | None]]


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
    files = format_count(len(change.diff.files), "changed file")
    lines = format_count(change.diff.changed_lines, "changed line")
    progress.say(f"{files}, {lines} from {change.origin}")
    work = Work.of(change, options)
    if work.fresh:
        inquiry = inquire(work.build_material(), model, options.terms, progress)
        outcome = assemble_outcome(_build_outcome(work), work, inquiry, model, progress)
    else:
        inquiry, outcome = Inquiry(), _build_unasked_outcome(work, progress)
    if outcome.findings or change.known or change.existing.threads:
        outcome = reconcile(outcome, work, inquiry, model, has_waiver, progress)
    reasons = tuple(reason.redact(change.redact) for reason in outcome.reasons)  # they may quote a server
    outcome = replace(
        outcome, reasons=reasons, usage=replace(outcome.usage, seconds=round(time.monotonic() - started, 1))
    )
    try:
        if _has_nothing_new(outcome, change):
            body = change.existing.notes[0].body
            keep(outcome, body)
            return outcome, body
        return deliver(outcome, options.links, keep, publish)
    except ReviewError as error:
        if compute_exit_code(outcome, options.fail_on) == GateKeptError.exit_code:
            raise GateKeptError("; ".join([str(error), *getattr(error, "__notes__", ())])) from error
        raise


def deliver(outcome: Outcome, links: NoteLinks, keep: Keep, publish: Publish | None) -> tuple[Outcome, str]:
    """Keep an outcome with its note, publish it, keep what was published, and return both.

    A review is not lost when GitLab fails, nor when the folder cannot be written: the author of a merge request may
    have caused either.
    """
    body = summary.compose_note(outcome, links)
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


def compute_exit_code(outcome: Outcome, fail_on: Severity | None) -> int:
    """Return 1 when an open finding reaches `fail_on`, even if the review failed; else 3 if it failed, else 0."""
    if fail_on is not None and any(severity.is_at_least(fail_on) for severity in outcome.severities):
        return 1
    return ModelError.exit_code if outcome.failed else 0


def _build_outcome(work: Work, *reasons: OutcomeReason) -> Outcome:
    change, templates = work.change, work.options.templates
    return Outcome(
        status=ReviewStatus.REVIEWED,
        reasons=reasons,
        merge_request=change.merge_request,
        diff_refs=change.refs,
        prompt=PromptUsed(templates.language, templates.digest),
        reviewed=work.collect_reviewed_hunks(),
        omissions=work.omissions,
        steering=work.options.steering,
        ignored_settings=work.options.ignored_settings,
    )


def _build_unasked_outcome(work: Work, progress: Progress) -> Outcome:
    """Return the outcome when nothing is new, or nothing can be reviewed."""
    if not work.files or not work.known:
        return _build_outcome(work, NothingToReview())
    progress.say(str(NothingNew()))
    known = work.known
    outcome = _build_outcome(work, NothingNew())
    outcome = recall_summary(outcome, known)
    return replace(outcome, model=known.model, suggestions=known.suggestions, held_back=known.held_back)


def _has_nothing_new(outcome: Outcome, change: ChangeToReview) -> bool:
    """Return whether the merge request already shows everything that would be posted."""
    known, existing = change.known, change.existing
    return (
        NothingNew() in outcome.reasons
        and known is not None
        and known.head == known.reviewed == outcome.head
        and all(entry.why is SettledReason.LEFT for entry in outcome.settled)
        and len(existing.notes) == 1
        and summary.PREVIOUS_MARKER not in existing.notes[0].body
        and not any(plan.find_duplicate_threads(existing))
        and _has_same_threads(known, existing)
        and _has_same_notes(known, outcome)
    )


def _has_same_threads(known: NoteMemory, existing: ExistingThreads) -> bool:
    """Return whether the note lists exactly the open threads."""
    still_open = sorted(thread.mark.fingerprint for thread in existing.open_threads)
    return sorted(fingerprint for fingerprint, _ in known.titles) == still_open


def _has_same_notes(known: NoteMemory, outcome: Outcome) -> bool:
    """Return whether the note shows the findings without a thread, and counts those that people settled."""
    noted = [*(finding for finding in outcome.findings if finding.placement is Placement.SUMMARY), *outcome.kept]
    return _list_fingerprints(known.findings) == _list_fingerprints(noted) and (
        _list_fingerprints(known.held_back) == _list_fingerprints(outcome.held_back)
    )


def _list_fingerprints(findings: Sequence[PlacedFinding]) -> list[str]:
    return sorted(finding.fingerprint for finding in findings)
