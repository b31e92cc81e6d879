"""One request that fits: the excerpt is grown or shrunk until its messages fill the token limit and no more."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iquest_review.context.rows import NO_FRAME, NOTHING_BESIDE, Beside, Frame
from iquest_review.diff.diff import FileDiff
from iquest_review.errors import ContextExceeded
from iquest_review.excerpt.excerpt import ASIDE, BYTES_PER_TOKEN, Excerpt, Limits, aside, estimate, fit, rows
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.merge_request import Intent
from iquest_review.prompt.templates import Message, Templates

if TYPE_CHECKING:
    from iquest_review.context.context import Context

Count = Callable[[list[Message]], int | None]  # the server's own count of tokens; None where it does not tell

FULL = 0.9  # share of the limit that counts as filled
AIM = 0.96  # share of the limit that is aimed at once the server has counted
MESSAGE_TOKENS = 8  # what the chat template adds to a message
TRIES = 4  # how often the server is asked to count, at most
ONE_MORE_ROW = 200  # bytes: what introduces the list of omissions, and its last row
WORTH_TOKENS = 100  # less room than that is left empty
FITS = 3  # how often the diff is fitted anew around a list of omissions that grew


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
    context: "Context | None" = None  # what may stand beside the diff
    frame: Frame | None = None  # what all requests begin with; None: not known yet


def fill(material: Material, limits: Limits, count: Count) -> Prompt:
    """The request that shows the most within `limits`, whose tokens are those of the whole prompt.

    Raises ContextExceeded when not even the instructions fit.
    """
    material = framed(material, limits)
    best, least, last, ratio, counts = None, 0, None, 1.0, False
    room = limits.tokens  # what the estimate may come to: the server's tokens are `ratio` times as many
    for _ in range(TRIES):
        draft = _draft(material, limits.lines, room)
        if last is not None and draft.messages == last.messages:
            break  # what is left out is too large to fill the rest
        last = draft
        counted = _counted(draft, limits, count)
        if counted:
            ratio, counts = counted / draft.tokens, True
        prompt = Prompt(draft.messages, draft.excerpt, counted or math.ceil(draft.tokens * ratio))
        least = prompt.tokens
        if prompt.tokens <= limits.tokens:
            if best is None or prompt.excerpt.lines >= best.excerpt.lines:
                best = prompt
            if not counts or not _cut_for_tokens(prompt) or prompt.tokens >= FULL * limits.tokens:
                break
        room = int(draft.tokens * AIM * limits.tokens / prompt.tokens)
    if best is None:
        raise ContextExceeded(
            f"{limits.tokens} prompt tokens (IQUEST_MAX_TOKENS) do not hold the instructions ({least}); allow more"
        )
    if not best.excerpt.parts and material.frame not in (None, NO_FRAME):
        return fill(replace(material, frame=NO_FRAME, context=None), limits, count)  # the diff comes first
    return _with_context(material, material.context, best, limits, ratio, count) if material.context else best


def _with_context(
    material: Material, context: "Context", bare: Prompt, limits: Limits, ratio: float, count: Count
) -> Prompt:
    """The prompt with what there is room for beside the diff. Where the server finds it too long then, with half."""
    lines = limits.lines - bare.excerpt.lines
    spare = math.floor((AIM * limits.tokens - bare.tokens) / ratio)
    for tokens in (spare, spare // 2):
        if tokens < WORTH_TOKENS or not bare.excerpt.parts:
            break
        excerpt, beside = context.around(bare.excerpt, Limits(lines, tokens), limits.tokens)
        rich = _written(material, excerpt, limits.tokens, beside)
        if rich.messages == bare.messages:
            break
        tokens_now = _counted(rich, limits, count) or math.ceil(rich.tokens * ratio)
        prompt = Prompt(rich.messages, excerpt, tokens_now)
        if prompt.tokens <= limits.tokens:
            return prompt
    return bare


def _counted(prompt: Prompt, limits: Limits, count: Count) -> int | None:
    """The server's count of a prompt. A token takes a byte at least: below that, no count can be over the limit."""
    return count(prompt.messages) if prompt.tokens * BYTES_PER_TOKEN > limits.tokens else None


def framed(material: Material, limits: Limits) -> Material:
    """The material with what all its requests begin with: of what the instructions leave, a small part."""
    if material.frame is not None or material.context is None:
        return material
    left = room(material, limits).tokens
    most = min(aside(limits.tokens), math.floor(left * BYTES_PER_TOKEN * ASIDE))
    return replace(material, frame=material.context.frame(most))


def _of_a_part(excerpt: Excerpt) -> Excerpt:
    """The excerpt of one request of several without what had no room in it: other requests may show that."""
    omissions = (one for one in excerpt.omissions if one.reason not in (Reason.LINES, Reason.TOKENS))
    return replace(excerpt, omissions=tuple(omissions))


def room(material: Material, limits: Limits) -> Limits:
    """What one request has room for beside the instructions and the author's texts, by the estimate."""
    bare = _written(material, Excerpt((), tuple(material.screened)), limits.tokens)
    return Limits(limits.lines, max(limits.tokens - bare.tokens, 0))


def _draft(material: Material, lines: int, room: int) -> Prompt:
    """The prompt that shows the most and whose estimate is at most `room`; the instructions alone may be more."""
    bare = _written(material, Excerpt((), tuple(material.screened)), room)
    left = room - bare.tokens
    for _ in range(FITS):
        draft = _written(material, fitted(material, Limits(lines, max(left, 0))), room)
        if draft.tokens <= room:
            return draft
        left = min(left, estimate("\n".join(rows(draft.excerpt)))) - (draft.tokens - room)
    list_tokens = math.ceil((aside(room) + ONE_MORE_ROW) / BYTES_PER_TOKEN)
    left = max(room - bare.tokens - list_tokens, 0)  # room for the longest list there is
    return _written(material, fitted(material, Limits(lines, left)), room)


def fitted(material: Material, limits: Limits) -> Excerpt:
    """What of the files fits, the best first."""
    return fit(material.files, limits, material.screened, material.context.churn if material.context else None)


def _written(material: Material, excerpt: Excerpt, room: int, beside: Beside = NOTHING_BESIDE) -> Prompt:
    frame = material.frame or NO_FRAME
    shown = _of_a_part(excerpt) if frame.overview else excerpt
    messages = material.templates.messages(material.intent, shown, material.nonce, room, frame, beside)
    return Prompt(messages, excerpt, sum(estimate(message["content"]) + MESSAGE_TOKENS for message in messages))


def _cut_for_tokens(prompt: Prompt) -> bool:
    return any(omission.reason is Reason.TOKENS for omission in prompt.excerpt.omissions)
