"""One request that fits: the excerpt grows or shrinks until its messages fill the token limit without exceeding it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from iquest_review.context.rows import NO_FRAME, NO_SIDE_ROWS, Frame, SideRows
from iquest_review.diff.diff import FileDiff
from iquest_review.errors import ContextExceededError
from iquest_review.excerpt.excerpt import (
    ASIDE_SHARE,
    BYTES_PER_TOKEN,
    Excerpt,
    Limits,
    PackedExcerpt,
    compute_aside_bytes,
    estimate_tokens,
    measure_files,
    pack_excerpt,
)
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.measured_change import MeasuredChange
from iquest_review.excerpt.numbered_rows import count_bytes, count_row_bytes
from iquest_review.excerpt.packing import Packing
from iquest_review.merge_request import Intent
from iquest_review.prompt.templates import Message, Templates, render_omissions
from iquest_review.reasons.prompt import InstructionsTooLong

if TYPE_CHECKING:
    from iquest_review.context.context import Context

TokenCounter = Callable[[list[Message]], int | None]  # the server's own count of tokens, or None if it gives none

FULL_SHARE = 0.9  # of the limit; a prompt this large counts as full
AIM_SHARE = 0.96  # of the limit; the aim once the server has counted
MESSAGE_TOKENS = 8  # the chat template adds these to a message
MAX_TRIES = 4  # requests to the server to count
LIST_RESERVE_BYTES = 200  # for the words before the list of omissions, and its last row
CONTEXT_TRIES = 2  # of them, that show more than the diff
MIN_CONTEXT_TOKENS = 100  # less room than this stays empty
MAX_FITS = 3  # times the diff is fitted again because the list of omissions grew


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages of one request; `tokens` is the server's count if it gave one, else the estimate."""

    messages: list[Message]
    excerpt: Excerpt
    tokens: int
    packing: Packing | None = field(default=None, repr=False, compare=False)  # how the excerpt was chosen


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


@dataclass
class Gauge:
    """The server's own count of tokens, and its ratio to the estimate, with which the next request begins."""

    count: TokenCounter
    ratio: float = 1.0
    counts: bool = False  # whether the server has counted

    def aim(self, limit: int) -> int:
        """Return the estimated tokens that a prompt may have."""
        aim = int(AIM_SHARE * limit / self.ratio)
        return max(aim, limit) if self.ratio <= 1 else aim

    def measure(self, draft: Prompt, limit: int) -> Prompt:
        """Return the draft with the server's count, which is asked for only where it may exceed the limit."""
        # A token has at least one byte.
        counted = self.count(draft.messages) if draft.tokens * BYTES_PER_TOKEN > limit else None
        if counted:
            self.ratio, self.counts = counted / draft.tokens, True
        return replace(draft, tokens=counted or math.ceil(draft.tokens * self.ratio))


def fill_prompt(material: Material, limits: Limits, count: TokenCounter) -> Prompt:
    """Return one request alone, as `fill_request` does."""
    change = measure_material(material, limits)
    if material.context:
        material.context.prepare(pack_excerpt(change, limits).excerpt)
    return fill_request(material, change, limits, Gauge(count))


def fill_request(material: Material, change: MeasuredChange, limits: Limits, gauge: Gauge) -> Prompt:
    """Return the request that shows the most within `limits`: the first draft, unless the server counts otherwise.

    Its tokens are those of the whole prompt. Raises ContextExceededError if not even the instructions fit.
    """
    material = add_frame(material, limits)
    best, last, least = None, None, 0
    room = gauge.aim(limits.tokens)
    for number in range(MAX_TRIES):
        bare = material if number < CONTEXT_TRIES else replace(material, context=None)
        draft = _draft_prompt(bare, change, limits.lines, room)
        if last is not None and draft.messages == last.messages:
            break  # every hunk left out is too large for the rest
        last, prompt = draft, gauge.measure(draft, limits.tokens)
        least = prompt.tokens
        if prompt.tokens <= limits.tokens:
            if best is None or prompt.excerpt.lines >= best.excerpt.lines:
                best = prompt
            if not gauge.counts or not _is_full(draft, room) or prompt.tokens >= FULL_SHARE * limits.tokens:
                break
        room = int(draft.tokens * AIM_SHARE * limits.tokens / prompt.tokens)
    if best is None:
        raise ContextExceededError(InstructionsTooLong(least, limits.tokens))
    if not best.excerpt.parts and material.frame not in (None, NO_FRAME):
        without = replace(material, frame=NO_FRAME, context=None)  # the diff comes first
        return fill_request(without, change, limits, gauge)
    return best


def add_frame(material: Material, limits: Limits) -> Material:
    """Return the material with its frame, which gets a small part of the room that the instructions leave."""
    if material.frame is not None or material.context is None:
        return material
    left = measure_room(material, limits).tokens
    most = min(compute_aside_bytes(limits.tokens), math.floor(left * BYTES_PER_TOKEN * ASIDE_SHARE))
    return replace(material, frame=material.context.build_frame(most))


def _select_listed(material: Material, omissions: Sequence[Omission]) -> Sequence[Omission]:
    """Return the omissions that a prompt lists: not those for lack of room, if other requests may show the lines."""
    if not (material.frame and material.frame.overview):
        return omissions
    return [omission for omission in omissions if omission.reason not in (Reason.LINES, Reason.TOKENS)]


def measure_room(material: Material, limits: Limits) -> Limits:
    """Return the estimated room of one request beside the instructions and the author's texts."""
    bare = _write_prompt(material, Excerpt((), tuple(material.screened)), limits.tokens)
    return Limits(limits.lines, max(limits.tokens - bare.tokens, 0))


@dataclass(frozen=True, slots=True)
class _Blank:
    """The sizes of a prompt without a diff and without the list of omissions."""

    tokens: int  # of all messages but the last, and what the chat template adds to all
    size: int  # bytes of the last message
    list_frame: int  # bytes that stand around the list if there is one

    def estimate(self, diff_size: int, list_size: int) -> int:
        """Estimate the tokens of the prompt with a diff and a list of these sizes."""
        size = self.size + diff_size + (list_size + self.list_frame if list_size else 0)
        return self.tokens + math.ceil(size / BYTES_PER_TOKEN)


def _measure_blank(material: Material, room: int) -> _Blank:
    """Measure what a prompt of `room` tokens takes without a diff, by writing two small ones."""
    probe = (Omission("", Reason.SEEN, 0),)
    bare, listed = (_write_prompt(material, Excerpt((), omissions), room) for omissions in ((), probe))
    size, with_list = (count_bytes(prompt.messages[-1]["content"]) for prompt in (bare, listed))
    rest = bare.tokens - math.ceil(size / BYTES_PER_TOKEN)
    return _Blank(rest, size, with_list - size - _measure_list(probe, room))


def _measure_list(omissions: Sequence[Omission], room: int) -> int:
    """Return the bytes of a list of omissions in a prompt of `room` tokens."""
    return max(0, count_row_bytes(render_omissions(omissions, compute_aside_bytes(room))) - 1)


def _draft_prompt(material: Material, change: MeasuredChange, lines: int, room: int) -> Prompt:
    """Return the prompt that shows the most with an estimate of at most `room` tokens.

    The instructions alone may be larger. Only a template that writes the diff in its own way needs a second draft.
    """
    blank, aim = _measure_blank(material, room), room
    for _ in range(MAX_FITS):
        packed, tokens = _pack_material(material, change, blank, Limits(lines, aim))
        draft = _write_with_context(material, packed.excerpt, tokens, Limits(lines, room))
        if draft.tokens <= room or not packed.excerpt.parts:
            break
        aim = tokens * room // draft.tokens
    return replace(draft, packing=packed.packing)


def _pack_material(
    material: Material, change: MeasuredChange, blank: _Blank, limits: Limits
) -> tuple[PackedExcerpt, int]:
    """Return the excerpt that fits into a prompt beside the rest, and the tokens of this prompt, without writing it."""

    def pack(tokens: int) -> tuple[PackedExcerpt, int]:
        packed = pack_excerpt(change, Limits(limits.lines, max(tokens, 0)), material.screened)
        listed = _measure_list(_select_listed(material, packed.excerpt.omissions), limits.tokens)
        return packed, blank.estimate(packed.size, listed)

    bare = blank.estimate(0, _measure_list(_select_listed(material, material.screened), limits.tokens))
    left = limits.tokens - bare
    for _ in range(MAX_FITS):
        packed, tokens = pack(left)
        if tokens <= limits.tokens:
            return packed, tokens
        left = min(left, math.ceil(packed.size / BYTES_PER_TOKEN)) - (tokens - limits.tokens)
    list_tokens = math.ceil((compute_aside_bytes(limits.tokens) + LIST_RESERVE_BYTES) / BYTES_PER_TOKEN)
    return pack(limits.tokens - bare - list_tokens)  # leaves room for the longest possible list


def _write_with_context(material: Material, excerpt: Excerpt, tokens: int, limits: Limits) -> Prompt:
    """Return the prompt of an excerpt, with the context there is room for beside so many tokens."""
    spare = math.floor(AIM_SHARE * limits.tokens) - tokens
    for most in (spare, spare // 2):
        if material.context is None or most < MIN_CONTEXT_TOKENS or not excerpt.parts:
            break
        room = Limits(limits.lines - excerpt.lines, most)
        wide, beside = material.context.surround(excerpt, room, limits.tokens)
        draft = _write_prompt(material, wide, limits.tokens, beside)
        if draft.tokens <= limits.tokens:
            return draft
    return _write_prompt(material, excerpt, limits.tokens)


def measure_material(material: Material, limits: Limits) -> MeasuredChange:
    """Return the files with the numbers of their hunks, for packing them into at most these limits."""
    return measure_files(material.files, limits, material.context.churn if material.context else None)


def _write_prompt(material: Material, excerpt: Excerpt, room: int, beside: SideRows = NO_SIDE_ROWS) -> Prompt:
    shown = replace(excerpt, omissions=tuple(_select_listed(material, excerpt.omissions)))
    frame = material.frame or NO_FRAME
    messages = material.templates.render_messages(material.intent, shown, material.nonce, room, frame, beside)
    return Prompt(messages, excerpt, sum(estimate_tokens(message["content"]) + MESSAGE_TOKENS for message in messages))


def _is_full(draft: Prompt, room: int) -> bool:
    """Return whether a draft might show more if it had more room than this."""
    short = any(omission.reason is Reason.TOKENS for omission in draft.excerpt.omissions)
    return short or draft.tokens >= FULL_SHARE * room
