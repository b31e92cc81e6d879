"""Which earlier remarks are fixed: one question about all of them, and only a plain yes counts.

A thread that stays open costs its author a click; one that is closed wrongly costs them the mistake. So nothing is
mended here, unlike in a review: what is not JSON as asked for, cites no row that was shown, or contradicts itself,
leaves the remark open. So does a model that cannot be asked: the review does not depend on this.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from iquest_review.diff.diff import FileDiff, LineKind
from iquest_review.errors import ModelError
from iquest_review.excerpt.excerpt import Excerpt, Limits, estimate_tokens, fit_excerpt
from iquest_review.excerpt.numbered_rows import render_line_text
from iquest_review.llm.ask import ChatModel
from iquest_review.llm.repair import is_cut_off
from iquest_review.llm.reply import MAX_ANSWER_CHARS, MAX_REPLY_CHARS, find_answer_texts
from iquest_review.llm.wire import ModelReply
from iquest_review.net.error_body import parse_integer
from iquest_review.prompt.fitting import MESSAGE_TOKENS
from iquest_review.prompt.remarks import Remark, render_remarks
from iquest_review.prompt.templates import Message, Templates

NEARBY_LINES = 10  # lines: a remark farther than that from every row shown is not asked about
MIN_EVIDENCE_CHARS = 6  # characters from which a part of a row is evidence
MAX_EVIDENCE_ROWS = 20  # of evidence; one is asked for


@dataclass(frozen=True, slots=True)
class FixedRemarks:
    """The remarks the model says are fixed, as indexes from 0; what it answered, nothing when it was not heard."""

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
    """Which of the remarks are fixed, by what the model is shown: as much as the limits allow of the files they are in.

    `limits.tokens` holds for the whole prompt: the last remarks are left out where it is too small. One request at
    most; none when nothing can be asked. A ModelError fixes nothing. Raises UsageError when the template fails.
    """
    question = _build_question(templates, remarks, files, limits, nonce)
    if question is None:
        return FixedRemarks()
    try:
        reply = model.complete(question.messages, None)
    except ModelError:
        return FixedRemarks()  # the threads stay open, as they were; the review says itself when the model is down
    said = _find_fixed_numbers(reply, [remarks[index] for index in question.asked], question.excerpt)
    return FixedRemarks(frozenset(question.asked[number - 1] for number in said), (reply,))


# -- the question


@dataclass(frozen=True, slots=True)
class _Question:
    messages: list[Message]
    excerpt: Excerpt
    asked: tuple[int, ...]  # the remarks it is about, by index, in the order of their numbers


def _build_question(
    templates: Templates, remarks: Sequence[Remark], files: Sequence[FileDiff], limits: Limits, nonce: str
) -> _Question | None:
    """The question about as many of the remarks as fit, the first ones first; None when that is none."""

    def written(asked: Sequence[int], excerpt: Excerpt) -> list[Message]:
        return templates.render_remarks_question([remarks[index] for index in asked], excerpt, nonce) or []

    known = {file.path for file in files}
    asked = [index for index, remark in enumerate(remarks) if remark.path in known]
    bare = written([], Excerpt((), ()))
    if not asked or not bare:
        return None
    room = limits.tokens - _estimate_tokens(bare)
    sizes = accumulate(estimate_tokens("\n".join(render_remarks([remarks[index]])) + "\n") for index in asked)
    asked = [index for index, size in zip(asked, sizes, strict=True) if 2 * size <= room]  # half of it is the code's
    paths = {remarks[index].path for index in asked}
    left = max(limits.tokens - _estimate_tokens(written(asked, Excerpt((), ()))), 0)
    excerpt = fit_excerpt([file for file in files if file.path in paths], Limits(limits.lines, left))
    asked = [index for index in asked if _is_shown(remarks[index], excerpt)]
    messages = written(asked, excerpt)
    fits = _estimate_tokens(messages) <= limits.tokens  # unless a template of one's own writes the diff twice
    return _Question(messages, excerpt, tuple(asked)) if asked and fits else None


def _estimate_tokens(messages: Sequence[Message]) -> int:
    return sum(estimate_tokens(message["content"]) + MESSAGE_TOKENS for message in messages)


def _is_shown(remark: Remark, excerpt: Excerpt) -> bool:
    """Whether the place of a remark is shown, not only its file: what is not seen looks as if it were gone."""
    hunks = [hunk for part in excerpt.parts if part.file.path == remark.path for hunk in part.hunks]
    if remark.line is None:
        return bool(hunks)
    lengths = [len(hunk.rows) - hunk.removed for hunk in hunks]
    return any(
        hunk.new_start - NEARBY_LINES <= remark.line < hunk.new_start + length + NEARBY_LINES
        for hunk, length in zip(hunks, lengths, strict=True)
    )


# -- the answer


def _build_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; nothing of one that says something twice, as two entries do that lost the bracket between them."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else {}


_DECODER = json.JSONDecoder(object_pairs_hook=_build_members, parse_int=parse_integer, strict=False)
_OPENING = re.compile(r'\{\s*+"remarks"\s*+:\s*+\[')
_FENCE = re.compile(r"^(?:```|~~~)\w{0,10}$", re.MULTILINE)
_BETWEEN = re.compile(r"[\s,]*+")
_PRINTED = re.compile(r"^\s*(?:[-+]?\s*\d+\||[-+])")  # marker and number, which are no part of a row's text


def _build_validator() -> SchemaValidator:
    """What an entry of the answer must be. Each is strict by itself: a strict object alone lets "yes" be true."""
    schemas = {
        "number": core_schema.int_schema(strict=True),
        "evidence": core_schema.str_schema(strict=True),
        "fixed": core_schema.bool_schema(strict=True),
    }
    fields = {name: core_schema.typed_dict_field(schema, required=True) for name, schema in schemas.items()}
    return SchemaValidator(core_schema.typed_dict_schema(fields, strict=True))


_ENTRY = _build_validator()


def _find_fixed_numbers(reply: ModelReply, asked: Sequence[Remark], excerpt: Excerpt) -> frozenset[int]:
    """The numbers, from 1 on, to which the reply says yes every time it names them, and shows why."""
    shown, verdicts = [_collect_evidence(remark, excerpt) for remark in asked], dict[int, bool]()
    for entry in _parse_entries(reply):
        named = entry.get("number") if isinstance(entry, dict) else None
        if isinstance(named, int) and 1 <= named <= len(asked):
            verdicts[named] = verdicts.get(named, True) and _is_yes(entry, shown[named - 1])
    return frozenset(named for named, yes in verdicts.items() if yes)


def _is_yes(entry: object, shown: str) -> bool:
    try:
        checked = _ENTRY.validate_python(entry)
    except ValidationError:
        return False
    rows = [row for row in checked["evidence"].split("\n") if row.strip()]
    return checked["fixed"] and 0 < len(rows) <= MAX_EVIDENCE_ROWS and all(_is_shown_row(row, shown) for row in rows)


def _collect_evidence(remark: Remark, excerpt: Excerpt) -> str:
    """The rows that can show a remark to be fixed, white space aside, each between line feeds: those that change in its
    file, but for the very row it is about."""
    hunks = (hunk for part in excerpt.parts if part.file.path == remark.path for hunk in part.hunks)
    lines = (line for hunk in hunks for line in hunk.iter_lines() if line.kind is not LineKind.CONTEXT)
    texts = (
        _strip_blanks(render_line_text(line)) for line in lines if line.new_line is None or line.new_line != remark.line
    )
    return "\n" + "\n".join(texts) + "\n"


def _is_shown_row(row: str, shown: str) -> bool:
    """Whether it is one of the rows, or enough of one."""
    readings = {_strip_blanks(row), _strip_blanks(_PRINTED.sub("", row, count=1))} - {""}
    return any(f"\n{text}\n" in shown or (len(text) >= MIN_EVIDENCE_CHARS and text in shown) for text in readings)


def _strip_blanks(text: str) -> str:
    return "".join(text.split())


def _parse_entries(reply: ModelReply) -> list[Any]:
    """The entries of a reply; none when it is not one object, as asked for. A server whose reasoning parser took the
    whole answer for reasoning has put it there, as in asking."""
    text, broke_off = reply.text, reply.finish_reason == "length"
    if not text.strip() and not broke_off and reply.reasoning.lstrip().startswith(("{", "```")):
        text = reply.reasoning
    possible = find_answer_texts(text) if len(text) <= MAX_REPLY_CHARS else []
    found = (_parse_object(answer, broke_off) for answer in possible if len(answer) <= MAX_ANSWER_CHARS)
    return next((entries for entries in found if entries), [])


def _parse_object(answer: str, broke_off: bool) -> list[Any]:
    """The entries of the one object an answer holds: at its beginning or its end, for in the midst of words it may be
    a quote. Of one that breaks off those that are whole."""
    opening = _OPENING.search(answer)
    if opening is None:
        return []
    before = _FENCE.sub("", answer[: opening.start()]).strip()
    if before and broke_off:
        return []  # it may be thinking whose tags the server's template has taken, and a draft in it
    try:
        value, end = _DECODER.raw_decode(answer, opening.start())
    except (ValueError, RecursionError):
        return (
            []
            if before or not is_cut_off(answer, opening.start())
            else list(_iterate_whole_entries(answer, opening.end()))
        )
    after = _FENCE.sub("", answer[end:]).strip()
    if (before and after) or _OPENING.search(after) or "</think" in after.lower():
        return []
    entries = value.get("remarks")
    return entries if isinstance(entries, list) else []


def _iterate_whole_entries(text: str, at: int) -> Iterator[Any]:
    """The entries of a list, up to the first that is not whole."""
    while (gap := _BETWEEN.match(text, at)) and text[gap.end() : gap.end() + 1] == "{":
        try:
            value, at = _DECODER.raw_decode(text, gap.end())
        except (ValueError, RecursionError):
            return
        yield value
