"""Turn the model's answers into an outcome: findings with their places, one summary, and what was not reviewed."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace

from iquest_review.code.edit_worker import examine_edits
from iquest_review.excerpt.already_reviewed import list_shown_ids
from iquest_review.excerpt.excerpt import Coverage, Excerpt
from iquest_review.excerpt.exclusions import Reason
from iquest_review.findings.duplicates import gather_repeats, merge_duplicates
from iquest_review.findings.finding import Finding, derive_title
from iquest_review.findings.fixes.one_click import ExamineAll, check_replacements
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.placement import assign_place
from iquest_review.findings.rules.deceptive_text import find_deceptive_text
from iquest_review.findings.rules.leaked_secrets import find_leaked_secrets
from iquest_review.findings.verify import verify
from iquest_review.llm.ask_summary import merge_reviews
from iquest_review.llm.reply import Review, UnusableReply
from iquest_review.net.deadline import NoTimeLeftError
from iquest_review.note.memory import NoteMemory
from iquest_review.outcome import Outcome, PromptUsed, ReviewStatus
from iquest_review.progress import Progress
from iquest_review.prompt import batches
from iquest_review.reasons.model_server import ModelProblem
from iquest_review.reasons.prompt import PromptCut
from iquest_review.reasons.review import (
    AnswerIncomplete,
    AnswerUnusable,
    FindingsDropped,
    NotEverythingFits,
    NothingNew,
    NothingToReview,
    NoUsableAnswer,
    OutcomeReason,
    PartsNotReviewed,
)
from iquest_review.review.asking import Inquiry
from iquest_review.review.exchange import (
    Answered,
    Exchange,
    Failed,
    Spared,
    Unusable,
    explain_unread,
    get_cut,
    sum_usage,
)
from iquest_review.review.terms import ReviewModel
from iquest_review.review.work import Work
from iquest_review.text import format_count


def assemble_outcome(work: Work, inquiry: Inquiry, model: ReviewModel, progress: Progress) -> Outcome:
    """Return the outcome of asking, or of having nothing to ask about."""
    if not work.fresh:
        return _build_unasked_outcome(work, progress)
    base = replace(_build_outcome(work), model=inquiry.model)
    if inquiry.left_out and work.known and work.known.hunks:
        # The rest of the change was reviewed before, and that review still counts.
        base = replace(recall_summary(base, work.known), suggestions=work.known.suggestions)
        return replace(
            base, status=ReviewStatus.PARTIAL, reasons=(NotEverythingFits(),), omissions=inquiry.left_out.omissions
        )
    usable = [exchange for exchange in inquiry.asked if isinstance(exchange, Answered)]
    if usable:
        return _assemble_review(base, work, inquiry, usable, model, progress)
    read = [exchange for exchange in inquiry.asked if isinstance(exchange, Unusable) and not get_cut(exchange)]
    texts = [exchange.answer.result for exchange in read if isinstance(exchange.answer.result, UnusableReply)]
    if not texts:
        return _assemble_failure(base, work, inquiry, progress)
    excerpt = _merge_excerpts(work, read, inquiry.asked)
    base = _add_coverage(base, work, inquiry, excerpt)
    why = AnswerUnusable(texts[0].why)
    progress.say(str(why))
    raw = "\n\n".join(unparsed.text for unparsed in texts if unparsed.text)
    if raw:
        return replace(base, status=ReviewStatus.RAW, reasons=(texts[0].why,), raw=work.change.redact(raw))
    return replace(base, status=ReviewStatus.NOT_REVIEWED, reasons=(why,))


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


def recall_summary(outcome: Outcome, known: NoteMemory) -> Outcome:
    """Return the outcome with the summary that the note remembers; one of another commit stays one of that commit."""
    if known.summary_head in ("", outcome.head):
        return replace(outcome, summary=known.summary)
    return replace(outcome, before=known.summary, before_head=known.summary_head)


def _assemble_failure(base: Outcome, work: Work, inquiry: Inquiry, progress: Progress) -> Outcome:
    failure: ModelProblem | PromptCut | None = inquiry.failure
    if failure is None:
        failure = next(why for exchange in inquiry.asked if (why := explain_unread(exchange)))
        progress.say(f"not reviewed: {failure}")
    unseen = tuple(Coverage(file.path, (), file.changed_lines, 0) for file in work.fresh)
    usage = sum_usage(inquiry.replies)
    return replace(base, status=ReviewStatus.NOT_REVIEWED, reasons=(failure,), coverage=unseen, usage=usage)


def _assemble_review(
    base: Outcome, work: Work, inquiry: Inquiry, usable: Sequence[Answered], model: ReviewModel, progress: Progress
) -> Outcome:
    excerpt = _merge_excerpts(work, [exchange for exchange in usable if not get_cut(exchange)], inquiry.asked)
    reviews = [_redact_review(exchange.review, work.change.redact) for exchange in usable]
    with progress.show_wait(f"asking for one summary of {len(reviews)} parts") if len(reviews) > 1 else nullcontext():
        whole = merge_reviews(model, work.options.templates, reviews, work.options.nonce)
    placed, findings = place_findings(_find_by_rule(work), whole.review.findings, work, progress)
    lost = _list_losses(whole.review)
    problems: list[OutcomeReason] = [
        *lost,
        *_explain_failed_parts(inquiry.asked),
        *([NotEverythingFits()] if excerpt.over_budget else []),
    ]
    progress.say("; ".join([format_count(len(findings), "finding"), *map(str, problems)]))
    return replace(
        _add_coverage(base, work, inquiry, excerpt),
        status=ReviewStatus.PARTIAL if problems else ReviewStatus.REVIEWED,
        reasons=tuple(problems),
        summary=whole.review.summary,
        suggestions=whole.review.suggestions,
        findings=tuple(findings),
        merged=len(placed) - len(findings),
        reviewed=work.collect_reviewed_hunks(() if lost else list_shown_ids(work.fresh, excerpt)),
        usage=sum_usage([*inquiry.replies, *whole.replies]),
    )


def _redact_review(review: Review, redact: Callable[[str], str]) -> Review:
    """Remove secrets from a review: the model may invent one, or know one from elsewhere."""
    findings = tuple(_redact_finding(finding, redact) for finding in review.findings)
    suggestions = tuple(map(redact, review.suggestions))
    return replace(review, findings=findings, summary=redact(review.summary), suggestions=suggestions)


def _redact_finding(finding: Finding, redact: Callable[[str], str]) -> Finding:
    """Remove secrets from a finding.

    A title made of the description is made again: its one line may hold half of a secret.
    """
    description = redact(finding.description)
    made = finding.title == derive_title(finding.description)
    return replace(
        finding,
        title=derive_title(description) if made else redact(finding.title),
        description=description,
        quote=redact(finding.quote),
        fix=None if finding.fix is None else redact(finding.fix),
    )


def _list_losses(review: Review) -> list[OutcomeReason]:
    """Return what is missing in the answers."""
    return [
        *([AnswerIncomplete()] if review.partial else []),
        *([FindingsDropped(review.dropped)] if review.dropped else []),
    ]


def _explain_failed_parts(asked: Sequence[Exchange]) -> list[OutcomeReason]:
    """Return how many requests had no usable answer, and the first reason."""
    failed = [exchange for exchange in asked if not isinstance(exchange, Answered) or get_cut(exchange)]
    if not failed:
        return []
    why = next((why for exchange in failed if (why := explain_unread(exchange))), NoUsableAnswer())
    return [why] if len(asked) == 1 else [PartsNotReviewed(len(failed), len(asked), why)]


def _merge_excerpts(work: Work, answered: Sequence[Exchange], asked: Sequence[Exchange]) -> Excerpt:
    """Return the excerpt that the answers are about; the rest is in its omissions."""
    unanswered = [
        (exchange.prompt.excerpt, _choose_omission_reason(exchange)) for exchange in asked if exchange not in answered
    ]
    return batches.merge_excerpts(
        work.fresh, work.omissions, [exchange.prompt.excerpt for exchange in answered], unanswered
    )


def _choose_omission_reason(unanswered: Exchange) -> Reason:
    no_time = isinstance(unanswered, Failed | Spared) and isinstance(unanswered.error, NoTimeLeftError)
    return Reason.TIME if no_time else Reason.UNANSWERED


def _add_coverage(base: Outcome, work: Work, inquiry: Inquiry, excerpt: Excerpt) -> Outcome:
    """Add what was shown and what was not. A file's changed lines include those reviewed before."""
    changed = {file.path: file.changed_lines for file in work.files}
    coverage = tuple(replace(entry, changed_lines=changed[entry.path]) for entry in excerpt.compute_coverage())
    return replace(base, coverage=coverage, omissions=excerpt.omissions, usage=sum_usage(inquiry.replies))


def _find_by_rule(work: Work) -> list[Finding]:
    """Return findings of built-in rules: leaked secrets and deceptive characters."""
    secrets, language = work.change.secrets, work.options.templates.language
    reviewable = {file.path for file in work.files}
    screened = [file for file in work.change.diff.files if file.path not in reviewable]
    return [
        *find_leaked_secrets(secrets, work.fresh, language),
        *find_leaked_secrets(secrets, screened, language, sure=True),
        *find_deceptive_text(work.fresh, language),
        *find_deceptive_text(screened, language, shown=False),
    ]


def place_findings(
    by_rule: Sequence[Finding],
    by_model: Sequence[Finding],
    work: Work,
    progress: Progress,
    examine: ExamineAll = examine_edits,
) -> tuple[list[PlacedFinding], list[PlacedFinding]]:
    """Return all findings with their places, and the same without near-duplicates and repeated sentences.

    A rule may find something in any file of the change, a model only in the files that it may be shown.
    """
    diff, read_file = work.change.indexed, work.change.text
    shown = diff.select(work.files)
    verified = [*(verify(finding, diff) for finding in by_rule), *(verify(finding, shown) for finding in by_model)]
    assigned = [assign_place(entry, read_file) for entry in verified]
    placed, late = check_replacements(verified, assigned, read_file, examine)
    for finding in late:
        progress.say(f"{finding.path}:{finding.line}: its fix is shown, not offered: no time was left to check it")
    return placed, gather_repeats(merge_duplicates(placed))
