"""The last line of the summary note: who reviewed which commit, with what, and what it took."""

from collections.abc import Iterator

from iquest_review.note import markdown
from iquest_review.note.lengths import render_line, render_name
from iquest_review.note.words import Words, format_number
from iquest_review.outcome import Outcome, ReviewStatus
from iquest_review.stand_in import MODEL_NAME


def render_footer(outcome: Outcome, job_url: str, words: Words) -> str:
    """Return the footer as markdown, with a link to the job where its URL is known."""
    return "---\n\n" + " · ".join(part for part in _render_parts(outcome, job_url, words) if part)


def _render_parts(outcome: Outcome, job_url: str, words: Words) -> Iterator[str]:
    usage = outcome.usage
    yield _render_reviewer(outcome, words)
    if outcome.diff_refs:
        yield words.head.format(sha=markdown.format_code_span(outcome.diff_refs.head_sha[:12]))
    if usage.prompt_tokens:
        prompt, completion = format_number(usage.prompt_tokens), format_number(usage.completion_tokens)
        yield words.tokens.format(prompt=prompt, completion=completion)
    if usage.seconds:
        yield words.seconds.format(seconds=f"{usage.seconds:.{0 if usage.seconds >= 10 else 1}f}")
    yield words.language.format(language=render_line(outcome.prompt.language, words))
    yield words.prompt.format(digest=render_name(outcome.prompt.digest, words))
    if job_url:
        yield markdown.format_link(words.job, job_url)


def _render_reviewer(outcome: Outcome, words: Words) -> str:
    """Return which model answered. The licence of IQuest-Coder asks for its name to be shown."""
    if not outcome.model:
        return ""
    if outcome.model == MODEL_NAME:
        return words.footer_rules
    name = render_name(outcome.model, words)
    iquest = "iquest" in outcome.model.lower() and "coder" in outcome.model.lower()
    pattern = words.footer_asked if outcome.status is ReviewStatus.NOT_REVIEWED else words.footer_model
    return pattern.format(model=f"**IQuest-Coder** ({name})" if iquest else name)
