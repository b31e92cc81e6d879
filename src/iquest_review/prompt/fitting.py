"""One request that fits: the excerpt is grown or shrunk until its messages fill the token limit and no more."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iquest_review.context.rows import NO_FRAME, NO_SIDE_ROWS, Frame, SideRows
from iquest_review.diff.diff import FileDiff
from iquest_review.errors import ContextExceededError
from iquest_review.excerpt.excerpt import (
    ASIDE_SHARE,
    BYTES_PER_TOKEN,
    Excerpt,
    Limits,
    compute_aside_bytes,
    estimate_tokens,
    fit_excerpt,
    render_diff_rows,
)
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.merge_request import Intent
from iquest_review.prompt.templates import Message, Templates

if TYPE_CHECKING:
    from iquest_review.context.context import Context

TokenCounter = Callable[[list[Message]], int | None]  # the server's own count of tokens; None where it does not tell

FULL_SHARE = 0.9  # share of the limit that counts as filled
AIM_SHARE = 0.96  # share of the limit that is aimed at once the server has counted
MESSAGE_TOKENS = 8  # what the chat template adds to a message
MAX_TRIES = 4  # how often the server is asked to count, at most
LIST_RESERVE_BYTES = 200  # bytes: what introduces the list of omissions, and its last row
MIN_CONTEXT_TOKENS = 100  # less room than that is left empty
MAX_FITS = 3  # how often the diff is fitted anew around a list of omissions that grew


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


def fill_prompt(material: Material, limits: Limits, count: TokenCounter) -> Prompt:
    """The request that shows the most within `limits`, whose tokens are those of the whole prompt.

    Raises ContextExceeded when not even the instructions fit.
    """
    material = add_frame(material, limits)
    best, least, last, ratio, counts = None, 0, None, 1.0, False
    room = limits.tokens  # what the estimate may come to: the server's tokens are `ratio` times as many
    for _ in range(MAX_TRIES):
        draft = _draft_prompt(material, limits.lines, room)
        if last is not None and draft.messages == last.messages:
            break  # what is left out is too large to fill the rest
        last = draft
        counted = _count_tokens(draft, limits, count)
        if counted:
            ratio, counts = counted / draft.tokens, True
        prompt = Prompt(draft.messages, draft.excerpt, counted or math.ceil(draft.tokens * ratio))
        least = prompt.tokens
        if prompt.tokens <= limits.tokens:
            if best is None or prompt.excerpt.lines >= best.excerpt.lines:
                best = prompt
            if not counts or not _is_short_of_tokens(prompt) or prompt.tokens >= FULL_SHARE * limits.tokens:
                break
        room = int(draft.tokens * AIM_SHARE * limits.tokens / prompt.tokens)
    if best is None:
        raise ContextExceededError(
            f"{limits.tokens} prompt tokens (IQUEST_MAX_TOKENS) do not hold the instructions ({least}); allow more"
        )
    if not best.excerpt.parts and material.frame not in (None, NO_FRAME):
        return fill_prompt(replace(material, frame=NO_FRAME, context=None), limits, count)  # the diff comes first
    return _add_context(material, material.context, best, limits, ratio, count) if material.context else best


def _add_context(
    material: Material, context: "Context", bare: Prompt, limits: Limits, ratio: float, count: TokenCounter
) -> Prompt:
    """The prompt with what there is room for beside the diff. Where the server finds it too long then, with half."""
    lines = limits.lines - bare.excerpt.lines
    spare = math.floor((AIM_SHARE * limits.tokens - bare.tokens) / ratio)
    for tokens in (spare, spare // 2):
        if tokens < MIN_CONTEXT_TOKENS or not bare.excerpt.parts:
            break
        excerpt, beside = context.surround(bare.excerpt, Limits(lines, tokens), limits.tokens)
        rich = _write_prompt(material, excerpt, limits.tokens, beside)
        if rich.messages == bare.messages:
            break
        tokens_now = _count_tokens(rich, limits, count) or math.ceil(rich.tokens * ratio)
        prompt = Prompt(rich.messages, excerpt, tokens_now)
        if prompt.tokens <= limits.tokens:
            return prompt
    return bare


def _count_tokens(prompt: Prompt, limits: Limits, count: TokenCounter) -> int | None:
    """The server's count of a prompt. A token takes a byte at least: below that, no count can be over the limit."""
    return count(prompt.messages) if prompt.tokens * BYTES_PER_TOKEN > limits.tokens else None


def add_frame(material: Material, limits: Limits) -> Material:
    """The material with what all its requests begin with: of what the instructions leave, a small part."""
    if material.frame is not None or material.context is None:
        return material
    left = measure_room(material, limits).tokens
    most = min(compute_aside_bytes(limits.tokens), math.floor(left * BYTES_PER_TOKEN * ASIDE_SHARE))
    return replace(material, frame=material.context.build_frame(most))


def _drop_room_omissions(excerpt: Excerpt) -> Excerpt:
    """The excerpt of one request of several without what had no room in it: other requests may show that."""
    omissions = (one for one in excerpt.omissions if one.reason not in (Reason.LINES, Reason.TOKENS))
    return replace(excerpt, omissions=tuple(omissions))


def measure_room(material: Material, limits: Limits) -> Limits:
    """What one request has room for beside the instructions and the author's texts, by the estimate."""
    bare = _write_prompt(material, Excerpt((), tuple(material.screened)), limits.tokens)
    return Limits(limits.lines, max(limits.tokens - bare.tokens, 0))


def _draft_prompt(material: Material, lines: int, room: int) -> Prompt:
    """The prompt that shows the most and whose estimate is at most `room`; the instructions alone may be more."""
    bare = _write_prompt(material, Excerpt((), tuple(material.screened)), room)
    left = room - bare.tokens
    for _ in range(MAX_FITS):
        draft = _write_prompt(material, fit_material(material, Limits(lines, max(left, 0))), room)
        if draft.tokens <= room:
            return draft
        left = min(left, estimate_tokens("\n".join(render_diff_rows(draft.excerpt)))) - (draft.tokens - room)
    list_tokens = math.ceil((compute_aside_bytes(room) + LIST_RESERVE_BYTES) / BYTES_PER_TOKEN)
    left = max(room - bare.tokens - list_tokens, 0)  # room for the longest list there is
    return _write_prompt(material, fit_material(material, Limits(lines, left)), room)


def fit_material(material: Material, limits: Limits) -> Excerpt:
    """What of the files fits, the best first."""
    return fit_excerpt(material.files, limits, material.screened, material.context.churn if material.context else None)


def _write_prompt(material: Material, excerpt: Excerpt, room: int, beside: SideRows = NO_SIDE_ROWS) -> Prompt:
    frame = material.frame or NO_FRAME
    shown = _drop_room_omissions(excerpt) if frame.overview else excerpt
    messages = material.templates.render_messages(material.intent, shown, material.nonce, room, frame, beside)
    return Prompt(messages, excerpt, sum(estimate_tokens(message["content"]) + MESSAGE_TOKENS for message in messages))


def _is_short_of_tokens(prompt: Prompt) -> bool:
    return any(omission.reason is Reason.TOKENS for omission in prompt.excerpt.omissions)
