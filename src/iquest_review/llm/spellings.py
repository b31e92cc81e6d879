"""The many ways models write one value -> the value: a text, code, a line, a severity, a category.

Each function takes any JSON value and never raises: what cannot be read becomes the field's value for "not given".
"""

import re

from iquest_review.findings.finding import Category, Severity
from iquest_review.text import escape_invisible, shorten_to_line

MAX_LINE_NUMBER = 10_000_000
MAX_TEXT_CHARS = 4_000
MAX_PATH_CHARS = 1_000
MAX_LINE_TEXT_CHARS = 60  # of a text that names a line, often followed by the line itself

LineRange = tuple[int | None, int | None]  # first and last line; the last is None for one line

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
_FENCED = re.compile(r"\s*```[\w+-]*\n(.*?)\n?```\s*", re.DOTALL)


def parse_text(value: object) -> str:
    """Return a text of at most MAX_TEXT_CHARS, every character visible; empty for a value that is not a text."""
    if isinstance(value, list):
        value = "\n".join(entry for entry in value if isinstance(entry, str))
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return escape_invisible(value.replace("\r\n", "\n")).strip()[:MAX_TEXT_CHARS] if isinstance(value, str) else ""


def parse_texts(value: object) -> list[str]:
    """Return the texts of a list, without the empty ones; none for a value that is not a list."""
    return [text for entry in value if (text := parse_text(entry))] if isinstance(value, list) else []


def parse_path_field(value: object) -> str:
    """Return a path on one line, of at most MAX_PATH_CHARS; empty when the value names none."""
    return shorten_to_line(parse_text(value), MAX_PATH_CHARS)


def parse_severity(value: object) -> Severity:
    """Return the severity that a value names; medium when it names none."""
    return _SEVERITIES.get(_find_first_word(value), Severity.MEDIUM)


def parse_category(value: object) -> Category:
    """Return the category that a value names; "other" when it names none."""
    return _CATEGORIES.get(_find_first_word(value), Category.OTHER)


def _find_first_word(value: object) -> str:
    """Return the first word, in lower case: models write "High (data loss)" and "bug/boundary"."""
    word = re.search(r"[^\W_]+", parse_text(value))
    return word[0].lower() if word else ""


def parse_line_range(value: object) -> LineRange:
    """Return the lines a value names: 12, 12.0, "12", "L12", "12-14", [12, 13, 14], "+12| text"."""
    if isinstance(value, list) and value:
        entries = [entry for entry in value if not isinstance(entry, list)]
        numbers = [number for entry in entries for number in parse_line_range(entry) if number is not None]
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


def parse_line(value: object) -> int | None:
    """Return the first line a value names; None when it names none."""
    return parse_line_range(value)[0]


def parse_code(value: object) -> str | None:
    """Return code as it was written, without a fence around it; None for the ways models say that there is none."""
    if isinstance(value, list):
        value = "\n".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str) or value.strip().lower() in ("", "null", "none", "n/a"):
        return None
    code = value.replace("\r\n", "\n")
    if fenced := _FENCED.fullmatch(code):
        code = fenced[1]
    return escape_invisible(code) or None


def parse_quote(value: object) -> str:
    """Return quoted code, of at most MAX_TEXT_CHARS; empty when there is none."""
    return (parse_code(value) or "")[:MAX_TEXT_CHARS]


def parse_fix(value: object) -> str | None:
    """Return the code of a fix; None when there is none, or when it is too long: cut, it would look whole."""
    code = parse_code(value)
    return code if code is None or len(code) <= MAX_TEXT_CHARS else None
