"""What the model's answers come to: findings with their places, one summary, and what nobody has seen."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace

from iquest_review.diff.diff import Diff
from iquest_review.excerpt.already_reviewed import list_shown_ids
from iquest_review.excerpt.excerpt import Coverage, Excerpt
from iquest_review.excerpt.exclusions import Reason
from iquest_review.findings.finding import Finding
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.rules import deceptive_text
from iquest_review.findings.verify import verify
from iquest_review.llm.ask_summary import merge_reviews
from iquest_review.llm.reply import Review, UnusableReply
from iquest_review.net.retry import NoTimeLeftError
from iquest_review.outcome import Outcome, ReviewStatus
from iquest_review.progress import Progress
from iquest_review.prompt import batches
from iquest_review.review.asking import Exchange, Inquiry, ReviewModel, sum_usage
from iquest_review.review.work import Work
from iquest_review.text import format_count

NOT_EVERYTHING_FITS = "part of the change did not fit into the prompt"


def assemble_outcome(base: Outcome, work: Work, inquiry: Inquiry, model: ReviewModel, say: Progress) -> Outcome:
    """The outcome that asking came to; `base` says what is known without it."""
    base = replace(base, model=inquiry.model)
    if inquiry.left_out and work.known and work.known.hunks:
        # The rest of the change was reviewed before, and that stands.
        base = replace(base, summary=work.known.summary, suggestions=work.known.suggestions)
        return replace(
            base, status=ReviewStatus.PARTIAL, reason=NOT_EVERYTHING_FITS, omissions=inquiry.left_out.omissions
        )
    usable = [one for one in inquiry.asked if one.usable]
    if usable:
        return _assemble_review(base, work, inquiry, usable, model, say)
    texts = [one.answer.result for one in inquiry.asked if one.answer and isinstance(one.answer.result, UnusableReply)]
    if not texts:
        return _assemble_failure(base, work, inquiry, say)
    excerpt = _merge_excerpts(work, [one for one in inquiry.asked if one.answer], inquiry.asked)
    base = _add_coverage(base, work, inquiry, excerpt)
    why = f"the model's answer could not be used: {texts[0].why}"
    say.say(why)
    raw = "\n\n".join(unparsed.text for unparsed in texts if unparsed.text)
    if raw:
        return replace(base, status=ReviewStatus.RAW, reason=texts[0].why, raw=work.change.redact(raw))
    return replace(base, status=ReviewStatus.NOT_REVIEWED, reason=why)


def _assemble_failure(base: Outcome, work: Work, inquiry: Inquiry, say: Progress) -> Outcome:
    failure = inquiry.failure
    if failure is None:
        failure = next(str(one.failure) for one in inquiry.asked if one.failure)
        say.say(f"not reviewed: {failure}")
    unseen = tuple(Coverage(file.path, (), file.changed_lines, 0) for file in work.fresh)
    return replace(base, status=ReviewStatus.NOT_REVIEWED, reason=failure, coverage=unseen)


def _assemble_review(
    base: Outcome, work: Work, inquiry: Inquiry, usable: Sequence[Exchange], model: ReviewModel, say: Progress
) -> Outcome:
    excerpt = _merge_excerpts(work, usable, inquiry.asked)
    said = [one.answer.result for one in usable if one.answer and isinstance(one.answer.result, Review)]
    reviews = [_redact_review(review, work.change.redact) for review in said]
    with say.show_wait(f"asking for one summary of {len(reviews)} parts") if len(reviews) > 1 else nullcontext():
        whole = merge_reviews(model, work.options.templates, reviews, work.options.nonce)
    found, findings = _place_findings(_find_by_rule(work), whole.review.findings, work)
    lost = _describe_losses(whole.review)
    problems = [
        *lost,
        *_describe_failed_parts(usable, inquiry.asked),
        *([NOT_EVERYTHING_FITS] if excerpt.over_budget else []),
    ]
    say.say("; ".join([format_count(len(findings), "finding"), *problems]))
    return replace(
        _add_coverage(base, work, inquiry, excerpt),
        status=ReviewStatus.PARTIAL if problems else ReviewStatus.REVIEWED,
        reason="; ".join(problems) or None,
        summary=whole.review.summary,
        suggestions=whole.review.suggestions,
        findings=tuple(findings),
        merged=len(found) - len(findings),
        reviewed=work.collect_reviewed_hunks(() if lost else list_shown_ids(work.fresh, excerpt)),
        usage=sum_usage([*inquiry.replies, *whole.replies]),
    )


def _redact_review(review: Review, redact: Callable[[str], str]) -> Review:
    """The review without secrets that the model made up, or knew from elsewhere."""
    findings = tuple(
        replace(
            finding,
            title=redact(finding.title),
            description=redact(finding.description),
            quote=redact(finding.quote),
            fix=None if finding.fix is None else redact(finding.fix),
        )
        for finding in review.findings
    )
    suggestions = tuple(map(redact, review.suggestions))
    return replace(review, findings=findings, summary=redact(review.summary), suggestions=suggestions)


def _describe_losses(review: Review) -> list[str]:
    """What of the answers is missing."""
    return [
        *(["the model's answer is incomplete"] if review.partial else []),
        *([f"{review.dropped} of the model's findings could not be read"] if review.dropped else []),
    ]


def _describe_failed_parts(usable: Sequence[Exchange], asked: Sequence[Exchange]) -> list[str]:
    """Which requests had no usable answer."""
    failed = [one for one in asked if one not in usable]
    if not failed:
        return []
    why = next((str(one.failure) for one in failed if one.failure), "the answer could not be used")
    return [f"{len(failed)} of {len(asked)} parts not reviewed: {why}"]


def _merge_excerpts(work: Work, answered: Sequence[Exchange], asked: Sequence[Exchange]) -> Excerpt:
    """What the answers are about; the rest is left out."""
    unanswered = [(one.prompt.excerpt, _choose_omission_reason(one)) for one in asked if one not in answered]
    return batches.merge_excerpts(work.fresh, work.omissions, [one.prompt.excerpt for one in answered], unanswered)


def _choose_omission_reason(unanswered: Exchange) -> Reason:
    return Reason.TIME if isinstance(unanswered.failure, NoTimeLeftError) else Reason.UNANSWERED


def _add_coverage(base: Outcome, work: Work, inquiry: Inquiry, excerpt: Excerpt) -> Outcome:
    """With the ledger of what is shown; lines that were reviewed before count as the file's as well."""
    changed = {file.path: file.changed_lines for file in work.files}
    coverage = tuple(replace(entry, changed_lines=changed[entry.path]) for entry in excerpt.compute_coverage())
    return replace(base, coverage=coverage, omissions=excerpt.omissions, usage=sum_usage(inquiry.replies))


def _find_by_rule(work: Work) -> list[Finding]:
    """What no model has to see to say so: lines that would give secrets away, and lines that deceive their readers."""
    secrets, language = work.change.secrets, work.options.templates.language
    read = {file.path for file in work.files}
    screened = [file for file in work.change.diff.files if file.path not in read]
    found = [
        *deceptive_text.find_deceptive_text(work.fresh, language),
        *deceptive_text.find_deceptive_text(screened, language, shown=False),
    ]
    if not secrets:
        return found
    from iquest_review.findings.rules.leaked_secrets import find_leaked_secrets  # noqa: PLC0415 - most changes hold none

    return [
        *find_leaked_secrets(secrets, work.fresh, language),
        *find_leaked_secrets(secrets, screened, language, sure=True),
        *found,
    ]


def _place_findings(
    by_rule: Sequence[Finding], said: Sequence[Finding], work: Work
) -> tuple[list[PlacedFinding], list[PlacedFinding]]:
    """The findings with their places, and those that are left when near-duplicates are one. A secret may stand in a
    file that no model is shown; what a model says can only be about the others."""
    if not by_rule and not said:
        return [], []
    from iquest_review.findings.duplicates import merge_duplicates  # noqa: PLC0415 - many reviews find nothing
    from iquest_review.findings.placement import assign_place  # noqa: PLC0415

    shown, text = Diff(work.files), work.change.text
    found = [assign_place(verify(finding, work.change.diff, text)) for finding in by_rule]
    found += [assign_place(verify(finding, shown, text)) for finding in said]
    return found, merge_duplicates(found)
