"""One summary for a change that was shown in several requests: a short question about what was said of its parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from iquest_review.errors import ModelError
from iquest_review.excerpt.numbered_rows import defuse_tokens, render_path
from iquest_review.llm.ask import Model
from iquest_review.llm.client import Reply
from iquest_review.llm.reply import MOST_SUGGESTIONS, Review, parse
from iquest_review.prompt.templates import Templates
from iquest_review.text import one_line

LONGEST = 1_000  # characters of a part's summary
LONGEST_TITLE = 200  # characters of a finding
MOST_TITLES = 10  # of a part's findings, the worst


@dataclass(frozen=True, slots=True)
class Sum:
    """The one review that several came to, and what asking for its summary took."""

    review: Review
    replies: tuple[Reply, ...] = ()


def one_review(model: Model, templates: Templates, reviews: Sequence[Review], nonce: str) -> Sum:
    """The findings of all parts, with one summary. Where the model does not write it, the parts' own stand one after
    another: a summary is not worth losing a review over."""
    told = tuple(dict.fromkeys(text for review in reviews for text in review.suggestions))
    whole = Review(
        tuple(finding for review in reviews for finding in review.findings),
        "\n\n".join(review.summary for review in reviews if review.summary),
        told[:MOST_SUGGESTIONS],
        partial=any(review.partial for review in reviews),
        dropped=sum(review.dropped for review in reviews),
    )
    messages = templates.render_summary_question(list(_rows(reviews)), nonce) if len(reviews) > 1 else None
    if not messages:
        return Sum(whole)
    try:
        reply = model.complete(messages, None)
    except ModelError:
        return Sum(whole)
    said = parse(reply.text, reply.finish_reason)
    if isinstance(said, Review) and said.summary and not said.partial:
        whole = replace(whole, summary=said.summary, suggestions=said.suggestions or whole.suggestions)
    return Sum(whole, (reply,))


def _rows(reviews: Sequence[Review]) -> Iterator[str]:
    """What was said of each part; a row is one row, whatever the model wrote into it."""
    for number, review in enumerate(reviews, 1):
        yield f"part {number}: {defuse_tokens(one_line(review.summary, LONGEST)) or 'no summary'}"
        worst = sorted(review.findings, key=lambda finding: finding.severity.rank)[:MOST_TITLES]
        for finding in worst:
            said = defuse_tokens(one_line(finding.description, LONGEST_TITLE))
            yield f"    {finding.severity} in {one_line(render_path(finding.path), LONGEST_TITLE)}: {said}"
        for text in review.suggestions:
            yield f"    suggestion: {defuse_tokens(one_line(text, LONGEST_TITLE))}"
