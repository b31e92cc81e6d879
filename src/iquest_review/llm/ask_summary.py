"""One summary for a change that was shown in several requests: a short question about the reviews of its parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from iquest_review.errors import ModelError
from iquest_review.excerpt.chat_tokens import defuse_tokens
from iquest_review.excerpt.numbered_rows import render_path
from iquest_review.llm.ask import ChatModel
from iquest_review.llm.reply import MAX_SUGGESTIONS, Review, parse_reply
from iquest_review.llm.wire import ModelReply
from iquest_review.prompt.templates import Templates
from iquest_review.text import shorten_to_line

MAX_SUMMARY_CHARS = 1_000  # of a part's summary
MAX_ROW_TITLE_CHARS = 200  # of a finding
MAX_TITLES_PER_PART = 10  # the worst findings


@dataclass(frozen=True, slots=True)
class MergedReview:
    """The one review made of several, and the replies that its summary took."""

    review: Review
    replies: tuple[ModelReply, ...] = ()


def merge_reviews(model: ChatModel, templates: Templates, reviews: Sequence[Review], nonce: str) -> MergedReview:
    """Return the findings of all parts, with one summary.

    Where the model does not write it, the parts' own summaries follow each other: no review is lost for a summary.
    """
    suggestions = tuple(dict.fromkeys(text for review in reviews for text in review.suggestions))
    whole = Review(
        tuple(finding for review in reviews for finding in review.findings),
        "\n\n".join(review.summary for review in reviews if review.summary),
        suggestions[:MAX_SUGGESTIONS],
        partial=any(review.partial for review in reviews),
        dropped=sum(review.dropped for review in reviews),
    )
    messages = templates.render_summary_question(list(_render_rows(reviews)), nonce) if len(reviews) > 1 else None
    if not messages:
        return MergedReview(whole)
    try:
        reply = model.complete(messages, None)
    except ModelError:
        return MergedReview(whole)  # the parts were reviewed; their own summaries serve
    answer = parse_reply(reply.text, reply.finish_reason)
    if isinstance(answer, Review) and answer.summary and not answer.partial and not reply.cut:
        whole = replace(whole, summary=answer.summary, suggestions=answer.suggestions or whole.suggestions)
    return MergedReview(whole, (reply,))


def _render_rows(reviews: Sequence[Review]) -> Iterator[str]:
    """Yield what was said of each part, in rows: line breaks that the model wrote make no new row."""
    for number, review in enumerate(reviews, 1):
        yield f"part {number}: {defuse_tokens(shorten_to_line(review.summary, MAX_SUMMARY_CHARS)) or 'no summary'}"
        worst = sorted(review.findings, key=lambda finding: finding.severity.rank)[:MAX_TITLES_PER_PART]
        for finding in worst:
            path = shorten_to_line(render_path(finding.path), MAX_ROW_TITLE_CHARS)
            title = defuse_tokens(shorten_to_line(finding.description, MAX_ROW_TITLE_CHARS))
            yield f"    {finding.severity} in {path}: {title}"
        for text in review.suggestions:
            yield f"    suggestion: {defuse_tokens(shorten_to_line(text, MAX_ROW_TITLE_CHARS))}"
