"""One request that fits: the excerpt grows or shrinks until its messages fill the token limit without exceeding it."""

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
    measure_files,
    pack_excerpt,
    render_diff_rows,
)
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.measured_change import MeasuredChange
from iquest_review.merge_request import Intent
from iquest_review.prompt.templates import Message, Templates
from iquest_review.reasons.prompt import InstructionsTooLong

if TYPE_CHECKING:
    from iquest_review.context.context import Context

TokenCounter = Callable[[list[Message]], int | None]  # the server's own count of tokens, or None if it gives none

FULL_SHARE = 0.9  # of the limit; a prompt this large counts as full
AIM_SHARE = 0.96  # of the limit; the aim once the server has counted
MESSAGE_TOKENS = 8  # the chat template adds these to a message
MAX_TRIES = 4  # requests to the server to count
LIST_RESERVE_BYTES = 200  # for the words before the list of omissions, and its last row
MIN_CONTEXT_TOKENS = 100  # less room than this stays empty
MAX_FITS = 3  # times the diff is fitted again because the list of omissions grew


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages of one request; `tokens` is the server's count if it gave one, else the estimate."""

    messages: list[Message]
    excerpt: Excerpt
    tokens: int


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a prompt is made of."""

    files: Sequence[FileDiff]
    screened: Sequence[Omission]
    intent: Intent
    templates: Templates
    nonce: str  # opens and closes the fences around the author's text
    context: "Context | None" = None  # what can be shown beside the diff
    frame: Frame | None = None  # what all requests begin with; None until it is known


@dataclass(frozen=True, slots=True)
class BarePrompt:
    """A request without the context of its code."""

    prompt: Prompt
    material: Material
    ratio: float = 1.0  # tokens that the server counts for each that we estimate


def fill_prompt(material: Material, limits: Limits, count: TokenCounter) -> Prompt:
    """Return the request that shows the most within `limits`, with the context of its code.

    Raises ContextExceededError if not even the instructions fit.
    """
    return surround_prompt(pack_prompt(material, limits, count), limits, count)


def pack_prompt(material: Material, limits: Limits, count: TokenCounter) -> BarePrompt:
    """Return the request that shows the most of the diff within `limits`.

    Raises ContextExceededError if not even the instructions fit.
    """
    material = add_frame(material, limits)
    change = measure_material(material, limits)
    best, least, last, ratio, counts = None, 0, None, 1.0, False
    room = limits.tokens  # limit of the estimate; the server counts `ratio` times as many tokens
    for _ in range(MAX_TRIES):
        draft = _draft_prompt(material, change, limits.lines, room)
        if last is not None and draft.messages == last.messages:
            break  # every hunk left out is too large for the rest
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
        raise ContextExceededError(InstructionsTooLong(least, limits.tokens))
    if not best.excerpt.parts and material.frame not in (None, NO_FRAME):
        return pack_prompt(replace(material, frame=NO_FRAME, context=None), limits, count)  # the diff comes first
    return BarePrompt(best, material, ratio)


def surround_prompt(packed: BarePrompt, limits: Limits, count: TokenCounter) -> Prompt:
    """Return the prompt with the context there is room for, or with half as much if the server finds it too long."""
    bare, context = packed.prompt, packed.material.context
    lines = limits.lines - bare.excerpt.lines
    spare = math.floor((AIM_SHARE * limits.tokens - bare.tokens) / packed.ratio)
    for tokens in (spare, spare // 2):
        if context is None or tokens < MIN_CONTEXT_TOKENS or not bare.excerpt.parts:
            break
        excerpt, beside = context.surround(bare.excerpt, Limits(lines, tokens), limits.tokens)
        rich = _write_prompt(packed.material, excerpt, limits.tokens, beside)
        if rich.messages == bare.messages:
            break
        tokens_now = _count_tokens(rich, limits, count) or math.ceil(rich.tokens * packed.ratio)
        prompt = Prompt(rich.messages, excerpt, tokens_now)
        if prompt.tokens <= limits.tokens:
            return prompt
    return bare


def _count_tokens(prompt: Prompt, limits: Limits, count: TokenCounter) -> int | None:
    """Return the server's count of a prompt, without asking where no count can exceed the limit.

    A token has at least one byte.
    """
    return count(prompt.messages) if prompt.tokens * BYTES_PER_TOKEN > limits.tokens else None


def add_frame(material: Material, limits: Limits) -> Material:
    """Return the material with its frame, which gets a small part of the room that the instructions leave."""
    if material.frame is not None or material.context is None:
        return material
    left = measure_room(material, limits).tokens
    most = min(compute_aside_bytes(limits.tokens), math.floor(left * BYTES_PER_TOKEN * ASIDE_SHARE))
    return replace(material, frame=material.context.build_frame(most))


def _drop_room_omissions(excerpt: Excerpt) -> Excerpt:
    """Return the excerpt without the omissions for lack of room, which other requests may show."""
    rest = (omission for omission in excerpt.omissions if omission.reason not in (Reason.LINES, Reason.TOKENS))
    return replace(excerpt, omissions=tuple(rest))


def measure_room(material: Material, limits: Limits) -> Limits:
    """Return the estimated room of one request beside the instructions and the author's texts."""
    bare = _write_prompt(material, Excerpt((), tuple(material.screened)), limits.tokens)
    return Limits(limits.lines, max(limits.tokens - bare.tokens, 0))


def _draft_prompt(material: Material, change: MeasuredChange, lines: int, room: int) -> Prompt:
    """Return the prompt that shows the most with an estimate of at most `room` tokens.

    The instructions alone may be larger.
    """
    bare = _write_prompt(material, Excerpt((), tuple(material.screened)), room)
    left = room - bare.tokens
    for _ in range(MAX_FITS):
        draft = _write_prompt(material, pack_excerpt(change, Limits(lines, max(left, 0)), material.screened), room)
        if draft.tokens <= room:
            return draft
        left = min(left, estimate_tokens("\n".join(render_diff_rows(draft.excerpt)))) - (draft.tokens - room)
    list_tokens = math.ceil((compute_aside_bytes(room) + LIST_RESERVE_BYTES) / BYTES_PER_TOKEN)
    left = max(room - bare.tokens - list_tokens, 0)  # leaves room for the longest possible list
    return _write_prompt(material, pack_excerpt(change, Limits(lines, left), material.screened), room)


def fit_material(material: Material, limits: Limits) -> Excerpt:
    """Return the part of the files that fits, the most important hunks first."""
    return pack_excerpt(measure_material(material, limits), limits, material.screened)


def measure_material(material: Material, limits: Limits) -> MeasuredChange:
    """Return the files with the numbers of their hunks, for packing them into at most these limits."""
    return measure_files(material.files, limits, material.context.churn if material.context else None)


def _write_prompt(material: Material, excerpt: Excerpt, room: int, beside: SideRows = NO_SIDE_ROWS) -> Prompt:
    frame = material.frame or NO_FRAME
    shown = _drop_room_omissions(excerpt) if frame.overview else excerpt
    messages = material.templates.render_messages(material.intent, shown, material.nonce, room, frame, beside)
    return Prompt(messages, excerpt, sum(estimate_tokens(message["content"]) + MESSAGE_TOKENS for message in messages))


def _is_short_of_tokens(prompt: Prompt) -> bool:
    return any(omission.reason is Reason.TOKENS for omission in prompt.excerpt.omissions)
