"""The stand-in's answer to a prompt: the rules that match the added lines of its diff."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict

from iquest_review.code.languages import is_test
from iquest_review.stand_in.rules import BRACES, PY, Rule, Shape, View
from iquest_review.stand_in.rules_mistakes import MISTAKES
from iquest_review.stand_in.rules_security import SECURITY

RULES: tuple[Rule, ...] = (*SECURITY, *MISTAKES)
MAX_LINE_CHARS = 2_000  # longer lines are minified code or data; the rules skip them
LINES_BEFORE = 8  # that may show that a line is sound
MAX_ISSUES = 10  # the number that the prompts ask for; the summary counts the rest

_OPENING = re.compile(r"<<<(\S+) (diff|parts)")
_FILE = re.compile(r"=== file: (.+)$")
_LINE = re.compile(r"([ +-])\s{0,8}(\d{1,9})\| ?(.*)$")
_CJK = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[A-Za-z]+")
_STRING = r'"(?:[^"\\]|\\.)*+"?|\'(?:[^\'\\]|\\.)*+\'?|`[^`]*+`?'
_SLASHES = re.compile(rf"({_STRING})|//.*|/\*.*?(?:\*/|$)")
_HASHES = re.compile(rf"({_STRING})|(?:(?<=\s)|^)#.*")
_KNOWN_TO_AUTHOR = re.compile(  # marks by which a linter's finding is accepted
    r"#\s?(?:noqa|nosec)\b|#\s?pylint: ?disable|"
    r"//\s?(?:nolint|NOLINT|NOSONAR)|eslint-disable|noinspection|rubocop:disable|phpcs:ignore"
)
_MEANT = re.compile(r"(?:#|//).{0,80}\b(?i:intentional(?:ly)?|on purpose|deliberate(?:ly)?)\b")
_UNREAD = ((">>> ", "... "), ("* ", "*/"))  # examples in a docstring; the middle of a block comment
_DOCUMENT = (".md", ".rst", ".txt", ".adoc")
_RANK = {"high": 0, "medium": 1, "low": 2}


class Issue(TypedDict):
    """One finding, with the keys that the prompt asks for."""

    file: str
    line: int
    quote: str
    type: str
    severity: str
    description: str
    suggestion: str | None


class StandInAnswer(TypedDict):
    """The whole answer."""

    issues: list[Issue]
    summary: str
    suggestions: list[str]


@dataclass(frozen=True)
class ShownLine:
    """A line of the new file as the prompt shows it; `text` and `code` as in rules.View."""

    number: int
    added: bool
    raw: str
    text: str = ""
    code: str = ""
    before: str = ""  # the code of the lines before it in the hunk


@dataclass(frozen=True)
class Place:
    """A line with what is around it: the next line, the rows of its hunk, and its index among them."""

    line: ShownLine
    following: ShownLine | None
    rows: Sequence[str]
    index: int


@dataclass
class FileSection:
    """The lines shown of one file, one list for each hunk."""

    path: str
    hunks: list[list[ShownLine]] = field(default_factory=lambda: [[]])


def review_by_rules(prompt: str, instructions: str | None = None) -> StandInAnswer:
    """Return the findings of the rules in the diff of a prompt, in the language of its instructions.

    The instructions are the system message, or the text before the first file where there is no system message.
    """
    sections = parse_sections(_extract_diff(prompt))
    chinese = _is_chinese(prompt.partition("=== file: ")[0] if instructions is None else instructions)
    issues = [issue for section in sections for issue in find_issues(section, chinese)]
    issues.sort(key=lambda issue: _RANK[issue["severity"]])
    summary = _summarize(sections, len(issues), chinese)
    return {"issues": issues[:MAX_ISSUES], "summary": summary, "suggestions": []}


def _is_chinese(instructions: str) -> bool:
    """Return whether there are more Chinese characters than Latin words (keys of JSON are Latin in any language)."""
    return len(_CJK.findall(instructions)) > len(_WORD.findall(instructions))


def _extract_diff(prompt: str) -> str:
    """Return the text in the prompt's fence of the diff; the whole prompt where it has no fence."""
    nonce = find_nonce(prompt)
    diff = extract_fence(prompt, nonce, "diff") if nonce else None
    return prompt if diff is None else diff


def find_nonce(prompt: str, name: str = "diff") -> str | None:
    """Return the nonce of the last fence of that name; None where there is no such fence.

    The last one counts: the description of the merge request comes before it, and may hold rows and fences of its own.
    """
    openings = (_OPENING.fullmatch(row.removesuffix("\r")) for row in reversed(prompt.split("\n")))
    return next((opening[1] for opening in openings if opening and opening[2] == name), None)


def extract_fence(prompt: str, nonce: str, name: str) -> str | None:
    """Return the text in the last fence of that name; None where there is no such fence."""
    rows = [row.removesuffix("\r") for row in prompt.split("\n")]
    first = next((index for index in range(len(rows) - 1, -1, -1) if rows[index] == f"<<<{nonce} {name}"), None)
    if first is None:
        return None
    last = next((index for index in range(first, len(rows)) if rows[index].rstrip() == f">>>{nonce}"), len(rows))
    return "\n".join(rows[first + 1 : last])


def parse_sections(prompt: str) -> list[FileSection]:
    """Return the files of the diff with the lines of their new side, without the removed lines."""
    sections: list[FileSection] = []
    for line in prompt.split("\n"):
        if header := _FILE.match(line):
            sections.append(FileSection(header[1]))
        elif sections and line.startswith("@@"):
            sections[-1].hunks.append([])
        elif sections and (shown := _LINE.match(line.removesuffix("\r"))) and shown[1] != "-":
            sections[-1].hunks[-1].append(ShownLine(int(shown[2]), shown[1] == "+", shown[3]))
    return sections


def find_issues(section: FileSection, chinese: bool) -> Iterator[Issue]:
    """Yield the findings of the rules in the added lines of a file."""
    for hunk in section.hunks:
        lines = _add_lines_before(list(_strip_comments(section.path, hunk)))
        rows = [line.raw for line in lines]
        for index in range(len(lines)):
            yield from _find_line_issues(section.path, lines, rows, index, chinese)


def _add_lines_before(lines: list[ShownLine]) -> list[ShownLine]:
    """Return the lines, each with the code before it; a brace in the first column ends a function."""
    found, before = [], list[str]()
    for line in lines:
        found.append(replace(line, before="\n".join(before[-LINES_BEFORE:])))
        before = [] if line.code.startswith("}") else [*before[-LINES_BEFORE:], line.code]
    return found


def _find_line_issues(
    path: str, lines: Sequence[ShownLine], rows: Sequence[str], index: int, chinese: bool
) -> Iterator[Issue]:
    line, following = lines[index], lines[index + 1] if index + 1 < len(lines) else None
    if following is not None and following.number != line.number + 1:
        following = None
    if not (line.added or (following and following.added)):
        return
    if _KNOWN_TO_AUTHOR.search(line.raw) or _MEANT.search("\n".join(rows[max(0, index - 1) : index + 1])):
        return
    for rule in RULES:
        shape = _find_matching_shape(rule, path, Place(line, following, rows, index))
        culprit = line if line.added or shape is None or shape.then is None else following
        if shape is not None and culprit is not None and culprit.added:
            yield _build_issue(rule, shape, path, culprit, chinese)


def _find_matching_shape(rule: Rule, path: str, place: Place) -> Shape | None:
    lenient = is_test(path) or path.endswith(_DOCUMENT)
    if lenient and not rule.in_tests:
        return None
    return next((shape for shape in rule.shapes if _is_match(shape, path, place, lenient)), None)


def _is_match(shape: Shape, path: str, place: Place, lenient: bool) -> bool:
    line, following = place.line, place.following
    if not path.endswith(shape.suffixes) or (shape.unless_test and path.endswith(_DOCUMENT)):
        return False
    view = _select_view(line, shape.view)
    match = shape.pattern.search(view)
    if not match or (shape.then and not (following and shape.then.search(_select_view(following, shape.view)))):
        return False
    value = match[1] if match.re.groups else view
    if shape.unless and shape.unless.search(value):
        return False
    if shape.unless_before and shape.unless_before.search(line.before):
        return False
    if lenient and shape.unless_test and shape.unless_test.search(value):
        return False
    return shape.confirm is None or shape.confirm(match, place.rows, place.index)


def _select_view(line: ShownLine, view: View) -> str:
    return {"raw": line.raw, "text": line.text, "code": line.code}[view]


def _build_issue(rule: Rule, shape: Shape, path: str, line: ShownLine, chinese: bool) -> Issue:
    fixed = re.sub(*shape.fix, line.raw, count=1) if shape.fix else line.raw
    return {
        "file": path,
        "line": line.number,
        "quote": line.raw.strip(),
        "type": rule.category,
        "severity": rule.severity,
        "description": rule.zh if chinese else rule.en,
        "suggestion": fixed if fixed != line.raw else None,
    }


def _strip_comments(path: str, hunk: list[ShownLine]) -> Iterator[ShownLine]:
    """Yield the lines of a hunk with their `text` and `code`, both empty inside a block comment or a docstring.

    A hunk may begin inside a comment, which is not visible here; then the rules see too little rather than too much.
    """
    inside = False
    slashes = path.endswith(BRACES)
    for line in hunk:
        if len(line.raw) > MAX_LINE_CHARS:
            yield replace(line, raw="")
            continue
        was_inside, inside = inside, _is_inside_after(line.raw, path, inside)
        if was_inside or line.raw.lstrip().startswith(_UNREAD[slashes]):
            yield line
            continue
        comment = _SLASHES if slashes else _HASHES
        code = comment.sub(_drop_literal_text, line.raw)
        yield replace(line, text=comment.sub(lambda match: match[1] or "", line.raw), code=code)


def _drop_literal_text(match: re.Match[str]) -> str:
    return match[1][0] * 2 if match[1] else ""


def _is_inside_after(text: str, path: str, inside: bool) -> bool:
    """Return whether the next line is inside a block comment (or a triple-quoted string of Python)."""
    if path.endswith(PY):
        return inside ^ bool((text.count('"""') + text.count("'''")) % 2)
    if not path.endswith(BRACES):
        return False
    opened, closed = text.rfind("/*"), text.rfind("*/")
    return opened > closed if max(opened, closed) >= 0 else inside


def _summarize(sections: list[FileSection], found: int, chinese: bool) -> str:
    if not sections:
        return _NOTHING[chinese]
    lines = sum(line.added for section in sections for hunk in section.hunks for line in hunk)
    files = len({section.path for section in sections})
    return describe_rule_coverage(lines, files, found, chinese, max(0, found - MAX_ISSUES))


def describe_rule_coverage(lines: int, files: int, found: int, chinese: bool, unlisted: int = 0) -> str:
    """Return a sentence that says how much the rules looked at and how often they matched."""
    words = {
        "lines": _format_count(lines, ("added line", "行新增代码"), chinese),
        "files": _format_count(files, ("file", "个文件"), chinese),
        "found": _format_count(found, ("time", "处"), chinese),
        "left": _LEFT[chinese].format(unlisted) if unlisted else "",
    }
    return _LOOKED[chinese].format(**words)


def _format_count(number: int, noun: tuple[str, str], chinese: bool) -> str:
    return f"{number} {noun[chinese]}{'' if chinese or number == 1 else 's'}"


# English, Chinese
_NOTHING = (
    "The prompt has no diff that the built-in rules can read: nothing was looked at, and no model judged the change.",
    "提示中没有内置规则能读取的差异，因此什么都没有检查，也没有模型评判此变更。",
)
_LOOKED = (
    "Built-in rules looked at {lines} in {files} and matched {found}{left}. No model judged the change.",
    "内置规则检查了 {files}中的 {lines}，命中 {found}{left}。没有模型评判此变更。",
)
_LEFT = (" ({} not listed)", "（其中 {} 处未列出）")
