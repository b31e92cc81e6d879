"""The model's text -> a review, or the reason why it is none.

From strict to lenient: JSON values that stand in the text, then a repair of what is broken. Whatever comes out passes a
strict border, one finding at a time: a bad one is dropped and counted, never the others with it. Nothing here turns an
unusable answer into "no findings": an empty list counts only beside a summary.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import json_repair
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from iquest_review.change.characters import one_line, visible
from iquest_review.change.diff import Side
from iquest_review.model.finding import Category, Finding, Severity

LARGEST = 256 * 1024  # characters of an answer that is read at all
MOST_FINDINGS, MOST_SUGGESTIONS = 100, 10
LONGEST_TEXT, TITLE = 4_000, 100  # characters of one text, of a title
_TRIES = 200  # brackets looked at in a text that is no JSON


@dataclass(frozen=True, slots=True)
class Review:
    """A reply that could be used. `partial` when its end is missing; `dropped` findings could not be read."""

    findings: tuple[Finding, ...]
    summary: str
    suggestions: tuple[str, ...]
    partial: bool = False
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A reply that could not be used, with the reason; `text` has the reasoning taken out."""

    text: str
    why: str


class _Issue(BaseModel):
    """One entry of `issues`, as asked for. Pydantic stands guard: strict types, bounded numbers."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    file: str = ""
    line: int | None = Field(default=None, ge=1, le=10_000_000)
    end_line: int | None = Field(default=None, ge=1, le=10_000_000)
    quote: str = ""
    type: str = ""
    severity: Severity = Severity.MEDIUM
    description: str = Field(min_length=1)
    suggestion: str | None = None


def schema() -> dict[str, Any]:
    """The JSON schema of an answer, for servers that enforce one. Flat, bounded, in the order of thinking."""
    text: dict[str, Any] = {"type": "string"}
    issue = {
        "file": text,
        "line": {"type": "integer", "minimum": 1, "maximum": 10_000_000},
        "quote": text,
        "type": {"type": "string", "enum": [category.value for category in Category if category is not Category.OTHER]},
        "severity": {"type": "string", "enum": [severity.value for severity in Severity]},
        "description": text,
        "suggestion": {"anyOf": [text, {"type": "null"}]},
    }
    return _object(
        {
            "issues": {"type": "array", "maxItems": 20, "items": _object(issue)},
            "summary": text,
            "suggestions": {"type": "array", "maxItems": MOST_SUGGESTIONS, "items": text},
        }
    )


def parse(text: str, finish_reason: str = "stop") -> Review | Unparsed:
    """The review a reply holds. `finish_reason` is the server's: "length" means that the end is missing."""
    answer, problem = without_reasoning(text)
    if problem:
        return Unparsed("", problem)
    if not answer:
        return Unparsed("", "it is empty")
    if len(answer) > LARGEST:
        return Unparsed(answer[:LARGEST], f"it has {len(answer)} characters")
    values = list(_values(answer))
    if not values:
        return _repaired(answer, finish_reason)
    reviews = [value for value in values if _is_review(value)]
    if not reviews and all(_is_issue(value) for value in values):
        reviews = [values]  # one object a line
    if len({json.dumps(review, sort_keys=True) for review in reviews}) > 1:
        return Unparsed(answer, "it holds more than one review")
    if not reviews:
        return _repaired(answer, finish_reason)
    return _review(answer, reviews[0], partial=False)


def without_reasoning(text: str) -> tuple[str, str]:
    """The text behind the model's thinking, and the problem when there is none: thinking that never ended."""
    head, closed, rest = text.rpartition("</think>")
    if closed and "{" not in head.split("<think>")[0]:  # the tag inside an answer's strings is not the model's own
        text = rest
    elif text.lstrip().startswith("<think>"):
        return "", "it ends inside its reasoning"
    return text.strip(), ""


def _values(text: str) -> Iterator[Any]:
    """The JSON values that stand in the text on their own: objects and lists, outermost first."""
    decoder = json.JSONDecoder(parse_constant=lambda _: None)  # NaN and Infinity are no JSON
    at, tries = 0, 0
    while (bracket := _BRACKET.search(text, at)) and tries < _TRIES:
        tries += 1
        try:
            value, at = decoder.raw_decode(text, bracket.start())
        except (ValueError, RecursionError):
            at = bracket.end()
            continue
        if _is_review(value) or _is_issue(value):
            yield value


_BRACKET = re.compile(r"[{\[]")


def _is_review(value: object) -> bool:
    if isinstance(value, dict):
        return isinstance(value.get("issues"), list)
    return isinstance(value, list) and bool(value) and all(_is_issue(entry) for entry in value)


def _is_issue(value: object) -> bool:
    return isinstance(value, dict) and "description" in value and ("severity" in value or "line" in value)


def _repaired(answer: str, finish_reason: str) -> Review | Unparsed:
    """The review of a text that is no JSON but meant to be: json-repair on what begins with its first bracket."""
    bracket = re.search(r"\{|\[\s*\{", answer)
    if not bracket:
        return Unparsed(answer, "it holds no JSON")
    broken = answer[bracket.start() :].split("\n```", maxsplit=1)[0].rstrip()
    try:
        value = json_repair.loads(broken, skip_json_loads=True)
    except (ValueError, RecursionError):
        return Unparsed(answer, "its JSON is broken")
    if isinstance(value, list) and len(value) == 1 and _is_review(value[0]):
        value = value[0]
    cut = finish_reason == "length" or not broken.endswith(("}", "]"))
    if cut:
        value = _without_last(value)
    return _review(answer, value, partial=cut) if _is_review(value) else Unparsed(answer, "its JSON is not a review")


def _without_last(value: Any) -> Any:
    """What is whole of a value whose end is missing: the last entry is dropped when the text broke off among them."""
    if isinstance(value, list):
        return value[:-1]
    if isinstance(value, dict) and value and next(reversed(value)) == "issues" and isinstance(value["issues"], list):
        return {**value, "issues": value["issues"][:-1]}
    return value


def _review(answer: str, value: Any, *, partial: bool) -> Review | Unparsed:
    entries = value if isinstance(value, list) else value["issues"]
    rest = {} if isinstance(value, list) else value
    findings = [finding for entry in entries[:MOST_FINDINGS] if (finding := _finding(entry))]
    summary = _text(rest.get("summary"))
    if not findings and entries:
        return Unparsed(answer, f"none of its {len(entries)} findings can be read")
    if not findings and not summary:
        return Unparsed(answer, "it has no findings and no summary")
    if not findings and partial:
        return Unparsed(answer, "it breaks off before its first finding")
    listed = rest.get("suggestions")
    suggestions = [text for entry in listed if (text := _text(entry))] if isinstance(listed, list) else []
    return Review(
        tuple(findings), summary, tuple(suggestions[:MOST_SUGGESTIONS]), partial, len(entries) - len(findings)
    )


def _finding(entry: object) -> Finding | None:
    """The finding of one entry; None when it cannot be used."""
    if not isinstance(entry, dict):
        return None
    first, last = _line_range(entry.get("line"))
    try:
        issue = _Issue(
            file=_text(entry.get("file")),
            line=first,
            end_line=last,
            quote=_text(entry.get("quote")),
            type=_text(entry.get("type")).lower(),
            severity=_SEVERITIES.get(_text(entry.get("severity")).lower(), Severity.MEDIUM),
            description=_text(entry.get("description")),
            suggestion=_code(entry.get("suggestion")),
        )
    except ValidationError:
        return None
    return Finding(
        path=one_line(issue.file, 1_000),
        line=issue.line,
        end_line=issue.end_line,
        side=Side.NEW,
        severity=issue.severity,
        category=_CATEGORIES.get(issue.type.split("/")[0].split()[0] if issue.type else "", Category.OTHER),
        title=_title(issue.description),
        description=issue.description,
        quote=issue.quote,
        fix=issue.suggestion,
    )


_SEVERITIES = {
    **{severity.value: severity for severity in Severity},
    **dict.fromkeys(("critical", "blocker", "major", "error", "高", "严重"), Severity.HIGH),
    **dict.fromkeys(("moderate", "warning", "中"), Severity.MEDIUM),
    **dict.fromkeys(("minor", "info", "trivial", "nit", "低", "轻微"), Severity.LOW),
}
_CATEGORIES = {
    **{category.value: category for category in Category},
    **dict.fromkeys(("boundary", "correctness", "logic", "error", "缺陷"), Category.BUG),
    **dict.fromkeys(("vulnerability", "安全"), Category.SECURITY),
    **dict.fromkeys(("leak", "memory", "性能"), Category.PERFORMANCE),
    **dict.fromkeys(("style", "naming", "comment", "comments", "规范"), Category.CONVENTION),
    **dict.fromkeys(("refactoring", "refactor", "simplify", "简化"), Category.SIMPLIFICATION),
}
_NUMBERS = re.compile(r"\s*[Ll]?(?:ine)?\s*[+-]?(\d{1,8})(?:\s*[-–:,]\s*[Ll]?(\d{1,8}))?\s*$")


def _line_range(value: object) -> tuple[int | None, int | None]:
    """First and last line of what models write for one: 12, 12.0, "12", "L12", "12-14"."""
    if isinstance(value, bool):
        return None, None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return (value, None) if 1 <= value <= 10_000_000 else (None, None)
    match = _NUMBERS.match(value) if isinstance(value, str) else None
    if not match or not int(match[1]):
        return None, None
    first = int(match[1])
    return first, int(match[2]) if match[2] and int(match[2]) > first else None


def _text(value: object) -> str:
    """A text as it may go on: bounded, every character visible; nothing for what is no text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return visible(value.replace("\r\n", "\n")).strip()[:LONGEST_TEXT] if isinstance(value, str) else ""


def _code(value: object) -> str | None:
    """Replacement code, its indentation kept; None for the ways models say that there is none."""
    if isinstance(value, list):
        value = "\n".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str) or value.strip().lower() in ("", "null", "none", "n/a"):
        return None
    return visible(value.replace("\r\n", "\n")).strip("\n")[:LONGEST_TEXT]


def _title(description: str) -> str:
    """The first sentence, on one line."""
    return one_line(re.split(r"(?<=[.!?])\s|(?<=[。！？])|\n", description, maxsplit=1)[0], TITLE)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
