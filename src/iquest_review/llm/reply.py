"""The text of a model's reply -> a review, or the reason why it cannot be used.

ReplyBody and ReplyIssue say what a model should write: the JSON schema sent to servers and the lenient reading of an
answer both come from them. A finding that cannot be read is dropped alone and counted. An unusable answer never becomes
"no findings": an empty list counts only beside a summary, in an answer that is whole and says nothing else.
"""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, OnErrorOmit, model_validator
from pydantic.json_schema import SkipJsonSchema

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Finding, Severity, derive_title
from iquest_review.llm.repair import FENCE, JsonAnswer, TooBrokenError, find_json_answers, is_review
from iquest_review.llm.spellings import (
    MAX_LINE_NUMBER,
    LineRange,
    parse_category,
    parse_fix,
    parse_line,
    parse_line_range,
    parse_path_field,
    parse_quote,
    parse_severity,
    parse_text,
    parse_texts,
)
from iquest_review.llm.thinking import drop_thoughts, find_answer_texts
from iquest_review.reasons.reply import FindingsUnreadable, FlawedReply, ReplyFlaw, ReplyProblem, ReplyTooLong

MAX_ANSWER_CHARS = 256 * 1024  # of an answer that is read at all
MAX_REPLY_CHARS = 4 * MAX_ANSWER_CHARS  # with the thinking around it
MAX_REQUESTED_ISSUES = 20  # what a server may let the model write; without its help models write more
MAX_FINDINGS, MAX_SUGGESTIONS = 100, 10
MAX_SURROUNDING_CHARS = 40  # around a review without findings, fences not counted; a quoted review has more around it


# -- the form of an answer


def _drop_names(schema: dict[str, Any]) -> None:
    """Take out the titles and the docstring that pydantic adds: they cost tokens and enforce nothing."""
    schema.pop("title")
    schema.pop("description", None)
    for field in schema["properties"].values():
        field.pop("title", None)


class _ReplyModel(BaseModel):
    """Strict for the schema; for reading, other members are left out and missing ones are null.

    A field's BeforeValidator reads any value. Where that is more than a model should write, `json_schema_input_type`
    is what the schema asks for.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", json_schema_extra=_drop_names)

    @model_validator(mode="before")
    @classmethod
    def _select_fields(cls, members: object) -> object:
        return {name: members.get(name) for name in cls.model_fields} if isinstance(members, dict) else members


class ReplyIssue(_ReplyModel):
    """One remark, its fields in the order of thinking: where, what is cited, how bad, why, and how to fix it."""

    file: Annotated[str, BeforeValidator(parse_path_field)]
    line: Annotated[
        LineRange,
        BeforeValidator(
            parse_line_range, json_schema_input_type=Annotated[int, Field(strict=True, ge=1, le=MAX_LINE_NUMBER)]
        ),
    ]
    end_line: SkipJsonSchema[Annotated[int | None, BeforeValidator(parse_line)]]  # not asked for, but written by some
    quote: Annotated[str, BeforeValidator(parse_quote)]
    type: Annotated[
        Category,
        BeforeValidator(
            parse_category,
            json_schema_input_type=Literal[
                Category.BUG, Category.SECURITY, Category.PERFORMANCE, Category.CONVENTION, Category.SIMPLIFICATION
            ],
        ),
    ]
    severity: Annotated[
        Severity,
        BeforeValidator(parse_severity, json_schema_input_type=Literal[Severity.HIGH, Severity.MEDIUM, Severity.LOW]),
    ]
    description: Annotated[str, Field(min_length=1), BeforeValidator(parse_text, json_schema_input_type=str)]
    suggestion: Annotated[str | None, BeforeValidator(parse_fix)]


def _take_findings(entries: list[object]) -> list[object]:
    return entries[:MAX_FINDINGS]


def _take_suggestions(entries: object) -> list[str]:
    return parse_texts(entries)[:MAX_SUGGESTIONS]


class ReplyBody(_ReplyModel):
    """A whole answer. An issue that cannot be read is omitted alone."""

    issues: Annotated[
        list[OnErrorOmit[ReplyIssue]],
        BeforeValidator(
            _take_findings,
            json_schema_input_type=Annotated[list[ReplyIssue], Field(max_length=MAX_REQUESTED_ISSUES)],
        ),
    ]
    summary: Annotated[str, BeforeValidator(parse_text)]
    suggestions: Annotated[
        list[str],
        BeforeValidator(
            _take_suggestions, json_schema_input_type=Annotated[list[str], Field(max_length=MAX_SUGGESTIONS)]
        ),
    ]


def build_reply_schema() -> dict[str, Any]:
    """Return the JSON schema of an answer, for servers that enforce one: bounded, and flat for small grammars."""
    schema = ReplyBody.model_json_schema()
    return _replace_references(schema, schema.pop("$defs"))


def _replace_references(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _replace_references(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {
        name: _replace_references(value, definitions) if isinstance(value, dict) else value
        for name, value in schema.items()
    }


# -- the reading of a reply


@dataclass(frozen=True, slots=True)
class Review:
    """A reply that can be used. `partial` when its end is missing; `dropped` findings could not be read."""

    findings: tuple[Finding, ...]
    summary: str
    suggestions: tuple[str, ...]
    partial: bool = False
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class UnusableReply:
    """A reply that cannot be used, with the reason; `text` is the reply without its reasoning."""

    text: str
    why: ReplyProblem


def parse_reply(text: str, finish_reason: str = "stop") -> Review | UnusableReply:
    """Return the review a reply holds. `finish_reason` is the server's: "length" means that the end is missing."""
    if len(text) > MAX_REPLY_CHARS:
        return UnusableReply("", ReplyTooLong(len(text)))
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written anywhere
    candidates = find_answer_texts(text)
    if not candidates:
        return _reject("", ReplyFlaw.INSIDE_REASONING if text.strip() else ReplyFlaw.EMPTY)
    results = [_parse_answer(answer, finish_reason) for answer in candidates]
    review = next((result for result in results if isinstance(result, Review)), None)
    if review is not None:
        return review
    unparsed = results[-1]
    assert isinstance(unparsed, UnusableReply)  # noqa: S101 - no result is a Review
    if not (shown := drop_thoughts(unparsed.text)):
        return _reject("", ReplyFlaw.INSIDE_REASONING)
    if finish_reason == "length" and not unparsed.text.startswith(("{", "[", "`", "~")):
        # It may be reasoning that a chat template began, without a tag in the reply: nobody may be shown that.
        return _reject("", ReplyFlaw.BEFORE_REVIEW)
    return UnusableReply(shown, unparsed.why)


def _reject(text: str, flaw: ReplyFlaw) -> UnusableReply:
    return UnusableReply(text, FlawedReply(flaw))


def _parse_answer(answer: str, finish_reason: str) -> Review | UnusableReply:
    if len(answer) > MAX_ANSWER_CHARS:
        return UnusableReply(answer[:MAX_ANSWER_CHARS], ReplyTooLong(len(answer)))
    try:
        values = find_json_answers(answer)
    except TooBrokenError:
        return _reject(answer, ReplyFlaw.BROKEN_JSON)
    reviews = [value for value in values if is_review(value.value)]
    if not reviews and values:
        # One object a line: no closing bracket says that there are no more.
        cut = finish_reason == "length" or any(value.cut for value in values)
        lost = sum(value.lost for value in values)
        reviews = [JsonAnswer([value.value for value in values], cut, lost, length=len(answer))]
    if not reviews:
        is_json = re.search(r"\{\s*[\"']", answer)
        return _reject(answer, ReplyFlaw.NOT_A_REVIEW if is_json else ReplyFlaw.NO_JSON)
    results = [_build_review(answer, review) for review in reviews]
    usable = [result for result in results if isinstance(result, Review)]
    if any(result != usable[0] for result in usable):
        return _reject(answer, ReplyFlaw.SEVERAL_REVIEWS)
    if usable and not usable[0].findings and _count_surrounding_chars(answer, reviews) > MAX_SURROUNDING_CHARS:
        return _reject(answer, ReplyFlaw.OTHER_TEXT)
    if usable and (usable[0].findings or len(usable) == len(results)):
        return usable[0]
    return next(result for result in results if isinstance(result, UnusableReply))


def _count_surrounding_chars(answer: str, reviews: list[JsonAnswer]) -> int:
    """Return how many characters stand around the reviews, the two lines of a fence not counted."""
    fences = sum(len(fence) + 1 for fence in FENCE.findall(answer)[:2])
    return len(answer) - sum(review.length for review in reviews) - fences


def _build_review(answer: str, review: JsonAnswer) -> Review | UnusableReply:
    members = {"issues": review.value} if isinstance(review.value, list) else review.value
    entries = members["issues"]
    sure = [_drop_guessed_fix(entry, answer) for entry in entries] if review.mended else entries
    body = ReplyBody.model_validate({**members, "issues": sure})
    if not body.issues and entries:
        return UnusableReply(answer, FindingsUnreadable(len(entries)))
    if not body.issues and review.cut:
        return _reject(answer, ReplyFlaw.BEFORE_FINDING)
    if not body.issues and not body.summary:
        return _reject(answer, ReplyFlaw.NOTHING_SAID)
    findings = tuple(_build_finding(issue) for issue in body.issues)
    dropped = len(entries) - len(findings) + review.lost
    return Review(findings, body.summary, tuple(body.suggestions), review.cut, dropped)


def _drop_guessed_fix(entry: object, answer: str) -> object:
    """Return an entry of a mended answer, without its fix if the mending may have made up the fix's end."""
    fix = entry.get("suggestion") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(fix, str):
        return entry
    spellings = (json.dumps(fix, ensure_ascii=False)[1:-1], json.dumps(fix)[1:-1], fix)
    ends = (re.escape(spelling) + r"[\"'`]\s*(?:[,}\]]|$)" for spelling in spellings)
    return entry if any(re.search(end, answer) for end in ends) else {**entry, "suggestion": None}


def _build_finding(issue: ReplyIssue) -> Finding:
    first, last = issue.line
    if last is None and first is not None and issue.end_line is not None and issue.end_line > first:
        last = issue.end_line
    return Finding(
        path=issue.file,
        line=first,
        end_line=last,
        side=Side.NEW,
        severity=issue.severity,
        category=issue.type,
        title=derive_title(issue.description),
        description=issue.description,
        quote=issue.quote,
        fix=issue.suggestion,
    )
