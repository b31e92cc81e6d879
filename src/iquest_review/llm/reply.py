"""The model's text -> a review, or the reason why it is none.

Whatever JSON can be had from the text passes a strict border, one finding at a time: a bad one is dropped and counted,
never the others with it. Nothing here turns an unusable answer into "no findings": an empty list counts only beside a
summary, in an answer that is whole, and that has nothing else to say.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Finding, Severity, derive_title
from iquest_review.llm.repair import JsonAnswer, TooBrokenError, find_json_answers, is_review
from iquest_review.text import escape_invisible, shorten_to_line

MAX_ANSWER_CHARS = 256 * 1024  # characters of an answer that is read at all
MAX_REPLY_CHARS = 4 * MAX_ANSWER_CHARS  # with the thinking around it
MAX_LINE_NUMBER = 10_000_000
MAX_FINDINGS, MAX_SUGGESTIONS = 100, 10
MAX_TEXT_CHARS = 4_000  # characters of one text
MAX_SURROUNDING_CHARS = (
    40  # characters around a review without findings, fences apart; one quoted from the diff stands in more
)


@dataclass(frozen=True, slots=True)
class Review:
    """A reply that could be used. `partial` when its end is missing; `dropped` findings could not be read."""

    findings: tuple[Finding, ...]
    summary: str
    suggestions: tuple[str, ...]
    partial: bool = False
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class UnusableReply:
    """A reply that could not be used, with the reason; `text` has the reasoning taken out."""

    text: str
    why: str


def _build_validator() -> SchemaValidator:
    """What an entry of `issues` must be once its loose spellings are read: strict types, bounded numbers. The schema is
    pydantic-core's own: pydantic's classes would take longer to load than anything else of a review."""
    text, number = core_schema.str_schema(strict=True), core_schema.int_schema(strict=True, ge=1, le=MAX_LINE_NUMBER)
    fields = {
        "path": text,
        "line": core_schema.nullable_schema(number),
        "end_line": core_schema.nullable_schema(number),
        "severity": core_schema.enum_schema(Severity, list(Severity)),
        "category": core_schema.enum_schema(Category, list(Category)),
        "description": core_schema.str_schema(min_length=1),
        "quote": text,
        "fix": core_schema.nullable_schema(text),
    }
    required = {name: core_schema.typed_dict_field(schema, required=True) for name, schema in fields.items()}
    return SchemaValidator(core_schema.typed_dict_schema(required, strict=True))


_ISSUE = _build_validator()


def build_reply_schema() -> dict[str, Any]:
    """The JSON schema of an answer, for servers that enforce one. Flat, bounded, in the order of thinking."""
    text: dict[str, Any] = {"type": "string"}
    issue = {
        "file": text,
        "line": {"type": "integer", "minimum": 1, "maximum": MAX_LINE_NUMBER},
        "quote": text,
        "type": {"type": "string", "enum": [category.value for category in Category if category is not Category.OTHER]},
        "severity": {"type": "string", "enum": [severity.value for severity in Severity]},
        "description": text,
        "suggestion": {"anyOf": [text, {"type": "null"}]},
    }
    return _build_object_schema(
        {
            "issues": {"type": "array", "maxItems": 20, "items": _build_object_schema(issue)},
            "summary": text,
            "suggestions": {"type": "array", "maxItems": MAX_SUGGESTIONS, "items": text},
        }
    )


def parse_reply(text: str, finish_reason: str = "stop") -> Review | UnusableReply:
    """The review a reply holds. `finish_reason` is the server's: "length" means that the end is missing."""
    if len(text) > MAX_REPLY_CHARS:
        return UnusableReply("", f"it has {len(text)} characters")
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair can be written nowhere
    possible = find_answer_texts(text)
    if not possible:
        return UnusableReply("", "it ends inside its reasoning" if text.strip() else "it is empty")
    results = [_parse_answer(answer, finish_reason) for answer in possible]
    review = next((result for result in results if isinstance(result, Review)), None)
    if review is not None:
        return review
    unparsed = results[-1]
    assert isinstance(unparsed, UnusableReply)  # noqa: S101 - no result is a Review
    if finish_reason == "length" and not unparsed.text.startswith(("{", "[", "`", "~")):
        # It may be thinking whose tags the server's template has taken: nobody may be shown that.
        return UnusableReply("", "it breaks off before it comes to a review")
    return unparsed


def find_answer_texts(text: str) -> list[str]:
    """What may be the answer behind the model's thinking, the likeliest first and the shortest last.

    The tag of thinking's end may stand in an answer's strings, and a template may have written that of its beginning.
    """
    starts = [0] if not _THINK.match(text) else []
    starts += [tag.end() for tag in _THINK_END.finditer(text)]
    parts = [text[start:].strip() for start in starts[:1] + starts[1:][-8:]]
    parts = [rest for part in parts if (rest := _drop_open_thoughts(part))]
    ready = [part for part in parts if part.startswith(("{", "[", "```", "~~~"))]
    last = parts[-1:]
    return [*ready, *last] if last and last != ready[-1:] else ready


_THINK = re.compile(r"\s*<(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_THINK_BEGIN = re.compile(r"<(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_THINK_END = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)


def _drop_open_thoughts(text: str) -> str:
    """The text up to a thinking that never ends, unless its tag stands inside of an answer."""
    ended = max((tag.start() for tag in _THINK_END.finditer(text)), default=0)
    tag = _THINK_BEGIN.search(text, ended)
    return text[: tag.start()].strip() if tag and "{" not in text[: tag.start()] else text


def _parse_answer(answer: str, finish_reason: str) -> Review | UnusableReply:
    if len(answer) > MAX_ANSWER_CHARS:
        return UnusableReply(answer[:MAX_ANSWER_CHARS], f"it has {len(answer)} characters")
    try:
        values = find_json_answers(answer)
    except TooBrokenError:
        return UnusableReply(answer, "its JSON is broken, and too long to be mended")
    reviews = [value for value in values if is_review(value.value)]
    if not reviews and values:
        # One object a line: no bracket behind them says that there are no more.
        cut = finish_reason == "length" or any(value.cut for value in values)
        lost = sum(value.lost for value in values)
        reviews = [JsonAnswer([value.value for value in values], cut, lost, length=len(answer))]
    if not reviews:
        return UnusableReply(
            answer, "its JSON is not a review" if re.search(r"\{\s*[\"']", answer) else "it holds no JSON"
        )
    results = [_build_review(answer, review) for review in reviews]
    usable = [result for result in results if isinstance(result, Review)]
    if any(result != usable[0] for result in usable):
        return UnusableReply(answer, "it holds more than one review")
    if usable and not usable[0].findings and _count_surrounding_chars(answer, reviews) > MAX_SURROUNDING_CHARS:
        return UnusableReply(answer, "it has no findings, but much to say beside them")
    if usable and (usable[0].findings or len(usable) == len(results)):
        return usable[0]
    return next(result for result in results if isinstance(result, UnusableReply))


def _count_surrounding_chars(answer: str, reviews: list[JsonAnswer]) -> int:
    """Characters of the words around the reviews."""
    fences = sum(len(fence) + 1 for fence in _FENCE.findall(answer)[:2])
    return len(answer) - sum(review.length for review in reviews) - fences


_FENCE = re.compile(r"^(?:```|~~~)\w{0,10}$", re.MULTILINE)


def _build_review(answer: str, review: JsonAnswer) -> Review | UnusableReply:
    entries = review.value if isinstance(review.value, list) else review.value["issues"]
    rest = {} if isinstance(review.value, list) else review.value
    sure = [_drop_guess(entry, answer) for entry in entries] if review.mended else entries
    findings = [finding for entry in sure[:MAX_FINDINGS] if (finding := _parse_issue(entry))]
    summary = _parse_text(rest.get("summary"))
    if not findings and entries:
        return UnusableReply(answer, f"none of its {len(entries)} findings can be read")
    if not findings and review.cut:
        return UnusableReply(answer, "it breaks off before its first finding")
    if not findings and not summary:
        return UnusableReply(answer, "it has no findings and no summary")
    listed = rest.get("suggestions")
    suggestions = [text for entry in listed if (text := _parse_text(entry))] if isinstance(listed, list) else []
    return Review(
        tuple(findings),
        summary,
        tuple(suggestions[:MAX_SUGGESTIONS]),
        review.cut,
        len(entries) - len(findings) + review.lost,
    )


def _drop_guess(entry: object, answer: str) -> object:
    """The entry of a mended answer; without its fix when that does not stand in the answer just so, with an end."""
    fix = entry.get("suggestion") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(fix, str):
        return entry
    spelt = (json.dumps(fix, ensure_ascii=False)[1:-1], json.dumps(fix)[1:-1], fix)
    ends = (re.escape(spelling) + r"[\"'`]\s*(?:[,}\]]|$)" for spelling in spelt)
    return entry if any(re.search(end, answer) for end in ends) else {**entry, "suggestion": None}


def _parse_issue(entry: object) -> Finding | None:
    """The finding of one entry; None when it cannot be used."""
    if not isinstance(entry, dict):
        return None
    first, last = _parse_line_range(entry.get("line"))
    if last is None and first is not None:
        last = _parse_line_range(entry.get("end_line"))[0]
        last = last if last is not None and last > first else None
    fix = _parse_code(entry.get("suggestion"))
    issue = {
        "path": shorten_to_line(_parse_text(entry.get("file")), 1_000),
        "line": first,
        "end_line": last,
        "severity": _SEVERITIES.get(_find_first_word(entry.get("severity")), Severity.MEDIUM),
        "category": _CATEGORIES.get(_find_first_word(entry.get("type")), Category.OTHER),
        "description": _parse_text(entry.get("description")),
        "quote": (_parse_code(entry.get("quote")) or "")[:MAX_TEXT_CHARS],
        "fix": fix if fix is None or len(fix) <= MAX_TEXT_CHARS else None,  # cut, it would look whole
    }
    try:
        checked = _ISSUE.validate_python(issue)
    except ValidationError:
        return None
    return Finding(**checked, side=Side.NEW, title=derive_title(checked["description"]))


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
_NUMBERS = re.compile(
    r"[A-Za-z]{0,5}+\s*+[+~-]?\s*+(\d{1,8}+)(?:\s*+(?:[-–—,]|to|\.\.++|至|到)\s*+L?(\d{1,8}+))?\s*+(?:[|:].*+)?$",
    re.DOTALL,
)
MAX_LINE_TEXT_CHARS = 60  # characters of a text that says a line


def _parse_line_range(value: object) -> tuple[int | None, int | None]:
    """First and last line of what models write for one: 12, 12.0, "12", "L12", "12-14", [12, 13, 14], "+12| text"."""
    if isinstance(value, list) and value:
        plain = [entry for entry in value if not isinstance(entry, list)]
        numbers = [number for entry in plain for number in _parse_line_range(entry) if number is not None]
        return (numbers[0], max(numbers) if max(numbers) > numbers[0] else None) if numbers else (None, None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, None) if 1 <= value <= MAX_LINE_NUMBER else (None, None)
    match = _NUMBERS.match(value.strip()[:MAX_LINE_TEXT_CHARS]) if isinstance(value, str) else None
    if not match or not 1 <= int(match[1]) <= MAX_LINE_NUMBER:
        return None, None
    first, last = int(match[1]), int(match[2] or 0)
    return first, last if first < last <= MAX_LINE_NUMBER else None


def _parse_text(value: object) -> str:
    """A text as it may go on: bounded, every character visible; nothing for what is no text."""
    if isinstance(value, list):
        value = "\n".join(entry for entry in value if isinstance(entry, str))
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return escape_invisible(value.replace("\r\n", "\n")).strip()[:MAX_TEXT_CHARS] if isinstance(value, str) else ""


def _find_first_word(value: object) -> str:
    """What names a severity or a category, where models say more: "High (data loss)", "bug/boundary"."""
    word = re.search(r"[^\W_]+", _parse_text(value))
    return word[0].lower() if word else ""


def _parse_code(value: object) -> str | None:
    """Code as it was written, but for a fence around it; None for the ways models say that there is none."""
    if isinstance(value, list):
        value = "\n".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str) or value.strip().lower() in ("", "null", "none", "n/a"):
        return None
    code = value.replace("\r\n", "\n")
    if fenced := _FENCED.fullmatch(code):
        code = fenced[1]
    return escape_invisible(code) or None


_FENCED = re.compile(r"\s*```[\w+-]*\n(.*?)\n?```\s*", re.DOTALL)


def _build_object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
