"""One request that fits: the excerpt is grown or shrunk until its messages fill the token limit and no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from iquest_review.change.diff import FileDiff
from iquest_review.change.intent import Intent
from iquest_review.errors import UsageError
from iquest_review.prompt.budget import Excerpt, Limits, estimate, fit
from iquest_review.prompt.render import Message, Templates
from iquest_review.prompt.screen import Omission, Reason

Count = Callable[[list[Message]], int | None]  # the server's own count of tokens; None where it does not tell

CLOSE = 0.75  # share of the limit from which the estimate is not trusted alone
FULL = 0.9  # share of the limit that counts as filled
MESSAGE_TOKENS = 8  # what the chat template adds to a message
TRIES = 4


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one request sends; `tokens` is the server's count where it gave one, else the estimate."""

    messages: list[Message]
    excerpt: Excerpt
    tokens: int


@dataclass(frozen=True, slots=True)
class Material:
    """All that a prompt is made of."""

    files: Sequence[FileDiff]
    screened: Sequence[Omission]
    intent: Intent
    templates: Templates
    nonce: str  # opens and closes the fences around the author's text


def fill(material: Material, limits: Limits, count: Count) -> Prompt:
    """The request that shows the most within `limits`, whose tokens are those of the whole prompt.

    Raises UsageError when not even the instructions fit.
    """
    room, best = float(limits.tokens), None
    for _ in range(TRIES):
        prompt = _prompt(material, Limits(limits.lines, int(room)), limits.tokens, count)
        if prompt.tokens <= limits.tokens:
            if best is None or prompt.excerpt.lines >= best.excerpt.lines:
                best = prompt
            if not _cut_for_tokens(prompt) or prompt.tokens >= FULL * limits.tokens:
                break
        # The instructions are part of `tokens` and not of `room`, so that this closes in on the limit from both sides.
        room += 0.97 * limits.tokens - prompt.tokens if prompt.tokens > limits.tokens else limits.tokens - prompt.tokens
        if room <= 0:
            break
    if best is None:
        best = _prompt(material, Limits(0, 0), limits.tokens, count)
        if best.tokens > limits.tokens:
            raise UsageError(
                f"{limits.tokens} prompt tokens (IQUEST_MAX_TOKENS) do not hold the instructions ({best.tokens})"
            )
    return best


def _prompt(material: Material, room: Limits, limit: int, count: Count) -> Prompt:
    excerpt = fit(material.files, room, material.screened)
    messages = material.templates.messages(material.intent, excerpt, material.nonce)
    tokens = sum(estimate(message["content"]) + MESSAGE_TOKENS for message in messages)
    if tokens > CLOSE * limit:
        tokens = count(messages) or tokens
    return Prompt(messages, excerpt, tokens)


def _cut_for_tokens(prompt: Prompt) -> bool:
    return any(omission.reason is Reason.TOKENS for omission in prompt.excerpt.omissions)
