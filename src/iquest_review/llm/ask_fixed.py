"""Which earlier remarks are fixed: one question about all of them, and only a plain yes counts.

A thread that stays open costs its author a click; a thread that is closed wrongly costs them the mistake. So nothing is
mended here, unlike in a review: an answer that is not JSON as asked for, cites no row that was shown, or contradicts
itself leaves the remark open. So does a model that cannot be asked: the review does not depend on this.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, OnErrorOmit, StrictBool, StrictInt, ValidationError, WrapValidator

from iquest_review.diff.diff import FileDiff, LineKind
from iquest_review.errors import ModelError
from iquest_review.excerpt.excerpt import Excerpt, Limits, estimate_tokens, fit_excerpt
from iquest_review.excerpt.numbered_rows import render_line_text
from iquest_review.llm.ask import ChatModel
from iquest_review.llm.repair import find_sole_object
from iquest_review.llm.reply import MAX_ANSWER_CHARS, MAX_REPLY_CHARS
from iquest_review.llm.thinking import find_answer_texts
from iquest_review.llm.wire import ModelReply
from iquest_review.prompt.fitting import MESSAGE_TOKENS
from iquest_review.prompt.remarks import Remark, render_remarks
from iquest_review.prompt.templates import Message, Templates

NEARBY_LINES = 10  # a remark farther than that from every row shown is not asked about
MIN_EVIDENCE_CHARS = 6  # a shorter part of a row is not evidence
MAX_EVIDENCE_ROWS = 20  # one is asked for

_PRINTED = re.compile(r"^\s*(?:[-+]?\s*\d+\||[-+])")  # marker and number, which do not belong to a row's text


@dataclass(frozen=True, slots=True)
class FixedRemarks:
    """The remarks the model says are fixed, as indexes from 0, and its reply, if there is one."""

    numbers: frozenset[int] = frozenset()
    replies: tuple[ModelReply, ...] = ()


def ask_fixed(
    model: ChatModel,
    templates: Templates,
    remarks: Sequence[Remark],
    files: Sequence[FileDiff],
    limits: Limits,
    nonce: str,
) -> FixedRemarks:
    """Return which of the remarks are fixed. The model is shown as much of their files as the limits allow.

    `limits.tokens` bounds the whole prompt: the last remarks are left out where it is too small. At most one request is
    made, none when nothing can be asked. A ModelError fixes nothing. Raises UsageError when the template fails.
    """
    question = _build_question(templates, remarks, files, limits, nonce)
    if question is None:
        return FixedRemarks()
    try:
        reply = model.complete(question.messages, None)
    except ModelError:
        return FixedRemarks()  # the threads stay open, as before; the review itself reports a model that is down
    if reply.cut:
        return FixedRemarks(replies=(reply,))  # the code that it speaks of may be what it did not read
    numbers = _find_fixed_numbers(reply, [remarks[index] for index in question.asked], question.excerpt)
    return FixedRemarks(frozenset(question.asked[number - 1] for number in numbers), (reply,))


# -- the question


@dataclass(frozen=True, slots=True)
class _Question:
    messages: list[Message]
    excerpt: Excerpt
    asked: tuple[int, ...]  # the remarks it is about, by index, in the order of their numbers


def _build_question(
    templates: Templates, remarks: Sequence[Remark], files: Sequence[FileDiff], limits: Limits, nonce: str
) -> _Question | None:
    """Return the question about as many of the remarks as fit, the first ones first; None when none fits."""

    def render(asked: Sequence[int], excerpt: Excerpt) -> list[Message]:
        return templates.render_remarks_question([remarks[index] for index in asked], excerpt, nonce) or []

    known = {file.path for file in files}
    asked = [index for index, remark in enumerate(remarks) if remark.path in known]
    bare = render([], Excerpt((), ()))
    if not asked or not bare:
        return None
    room = limits.tokens - _estimate_tokens(bare)
    sizes = accumulate(estimate_tokens("\n".join(render_remarks([remarks[index]])) + "\n") for index in asked)
    asked = [index for index, size in zip(asked, sizes, strict=True) if 2 * size <= room]  # half is for the code
    paths = {remarks[index].path for index in asked}
    left = max(limits.tokens - _estimate_tokens(render(asked, Excerpt((), ()))), 0)
    excerpt = fit_excerpt([file for file in files if file.path in paths], Limits(limits.lines, left))
    asked = [index for index in asked if _is_shown(remarks[index], excerpt)]
    messages = render(asked, excerpt)
    fits = _estimate_tokens(messages) <= limits.tokens  # a user's own template may write the diff twice
    return _Question(messages, excerpt, tuple(asked)) if asked and fits else None


def _estimate_tokens(messages: Sequence[Message]) -> int:
    return sum(estimate_tokens(message["content"]) + MESSAGE_TOKENS for message in messages)


def _is_shown(remark: Remark, excerpt: Excerpt) -> bool:
    """Return whether the place of a remark is shown, not only its file: lines that are not shown look removed."""
    hunks = [hunk for part in excerpt.parts if part.file.path == remark.path for hunk in part.hunks]
    if remark.line is None:
        return bool(hunks)
    lengths = [len(hunk.rows) - hunk.removed for hunk in hunks]
    return any(
        hunk.new_start - NEARBY_LINES <= remark.line < hunk.new_start + length + NEARBY_LINES
        for hunk, length in zip(hunks, lengths, strict=True)
    )


# -- the answer


T = TypeVar("T")


def _default_on_error(default: T) -> WrapValidator:
    """Return an annotation that reads a wrong value as the default: it can only take a yes away."""

    def read(value: object, read_strictly: Callable[[object], T]) -> T:
        try:
            return read_strictly(value)
        except ValidationError:
            return default

    return WrapValidator(read)


class _Verdict(BaseModel):
    """What an entry says of one remark. Without its number it says nothing; without the rest it says no."""

    model_config = ConfigDict(strict=True, frozen=True)

    number: StrictInt | StrictBool  # true is 1 in Python: read, so that it contradicts a yes, and never counts as one
    evidence: Annotated[str, _default_on_error("")] = ""
    fixed: Annotated[bool, _default_on_error(False)] = False


class _Verdicts(BaseModel):
    """The answer that is asked for."""

    model_config = ConfigDict(strict=True, frozen=True)

    remarks: list[OnErrorOmit[_Verdict]]


def _find_fixed_numbers(reply: ModelReply, asked: Sequence[Remark], excerpt: Excerpt) -> frozenset[int]:
    """Return the numbers, from 1 on, to which the reply says yes every time it names them, with evidence."""
    shown, verdicts = [_collect_evidence(remark, excerpt) for remark in asked], dict[int, bool]()
    for verdict in _parse_verdicts(reply):
        if 1 <= verdict.number <= len(asked):
            is_yes = verdicts.get(verdict.number, True) and _is_yes(verdict, shown[verdict.number - 1])
            verdicts[verdict.number] = is_yes
    return frozenset(number for number, is_yes in verdicts.items() if is_yes)


def _parse_verdicts(reply: ModelReply) -> list[_Verdict]:
    """Return the entries of a reply; none unless it is one object, as asked for."""
    text, broke_off = reply.answer, reply.finish_reason == "length"
    for candidate in find_answer_texts(text) if len(text) <= MAX_REPLY_CHARS else []:
        if len(candidate) > MAX_ANSWER_CHARS:
            continue
        answer = find_sole_object(candidate, "remarks", broke_off=broke_off)
        if answer and answer.value.get("remarks"):
            return _Verdicts.model_validate(answer.value).remarks
    return []


def _is_yes(verdict: _Verdict, shown: str) -> bool:
    rows = [row for row in verdict.evidence.split("\n") if row.strip()]
    is_evidence = 0 < len(rows) <= MAX_EVIDENCE_ROWS and all(_is_shown_row(row, shown) for row in rows)
    return verdict.fixed and not isinstance(verdict.number, bool) and is_evidence


def _collect_evidence(remark: Remark, excerpt: Excerpt) -> str:
    """Return the rows that can show a remark to be fixed, without white space, each between line feeds.

    These are the rows that change in its file, except the very row it is about.
    """
    hunks = (hunk for part in excerpt.parts if part.file.path == remark.path for hunk in part.hunks)
    lines = (line for hunk in hunks for line in hunk.iter_lines() if line.kind is not LineKind.CONTEXT)
    texts = (
        _strip_blanks(render_line_text(line)) for line in lines if line.new_line is None or line.new_line != remark.line
    )
    return "\n" + "\n".join(texts) + "\n"


def _is_shown_row(row: str, shown: str) -> bool:
    """Return whether it is one of the rows, or a long enough part of one."""
    readings = {_strip_blanks(row), _strip_blanks(_PRINTED.sub("", row, count=1))} - {""}
    return any(f"\n{text}\n" in shown or (len(text) >= MIN_EVIDENCE_CHARS and text in shown) for text in readings)


def _strip_blanks(text: str) -> str:
    return "".join(text.split())
