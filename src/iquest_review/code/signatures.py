"""Find functions and classes that a change removes or whose signature it changes: their users elsewhere may break.

The old file is not available as a whole, so its rows are matched with patterns, as in `definitions`.
"""

import re
from collections.abc import Iterable, Iterator

from iquest_review.code.calls import KEYWORDS
from iquest_review.code.definitions import FUNCTION, MAX_LINE_CHARS, NO_TYPE, USE
from iquest_review.diff.diff import Hunk, Line, LineKind

_NAME = r"([^\W\d]\w{0,99})"
_KEYWORD = (
    r"(?:def|class|func|function|fn|fun|struct|enum|union|interface|trait|type|module|namespace|object|record|protocol"
    r"|macro_rules!|\#\s*define|sub|defn)(?:\s*\*)?"
)
# A receiver, type parameters or an owner may come before the name. _AFTER excludes prose, where any word may follow.
_NAMED = rf"(?:\([^()]{{0,100}}\)\s*)?(?:<[^<>]{{0,100}}>\s*)?(?:\w{{1,100}}\.)?{_NAME}"
_AFTER = r"(?=\s*(?:[(<:{\[=;]|$)|\s+(?:extends|implements|with|where|for|is|struct|interface)\b)"
_DEFINITION = re.compile(
    rf"\s{{0,200}}(?:"
    rf"(?:[\w()]{{1,30}}\s+){{0,6}}?{_KEYWORD}\s+{_NAMED}{_AFTER}"
    rf"|(?:(?:export|default|const|let|var|val|static|public|private|readonly)\s+){{0,4}}{_NAME}"
    rf"\s*(?::[^=]{{0,100}})?(?::=|=(?!=)|:(?!:))\s*{FUNCTION}"
    rf"|(?:{NO_TYPE}[\w:<>,*&\[\]?.]{{1,100}}\s+){{1,8}}[*&]*(?:\w{{1,100}}::)?{_NAME}\s*\([^;]*$"
    # a method in a class of JavaScript
    rf"|(?!(?:if|for|while|switch|catch|with|function|constructor)\b){_NAME}\s*\([^;]*\)[^;()=]{{0,100}}\{{\s*$"
    rf")"
)
_REMARK = re.compile(r"\s(?:#|//).*|=>.*")  # what may follow a signature on its row


def find_changed_signatures(shown: Iterable[Hunk], whole: Iterable[Hunk]) -> tuple[str, ...]:
    """Return the names whose definitions the shown hunks of a file remove or change, in order of appearance.

    `whole` are all hunks of the file: a definition that only moves within the file is not changed.
    """
    removed, added = set[str](), set[str]()
    for hunk in whole:
        for row in hunk.rows:
            if row[:1] in (b"+", b"-"):
                (added if row[:1] == b"+" else removed).add(_normalize_signature(_decode_row(row[1:])))
    names = dict[str, None]()
    for hunk in shown:
        names |= dict.fromkeys(_find_changes(hunk.iter_lines(), removed & added))
    return tuple(names)


def _find_changes(lines: Iterable[Line], same: set[str]) -> Iterator[str]:
    """Return the changed names in the order of the lines; rows in `same` are equal before and after.

    A definition is also changed when one of the lines of its parameter list is.
    """
    begun, depth = "", 0  # the definition whose parameter list is still open in the old file, and its open brackets
    for line in lines:
        text = _decode_row(line.raw)
        name = parse_defined_name(text) if line.kind is not LineKind.ADDED else ""
        if line.kind is not LineKind.CONTEXT and _normalize_signature(text) not in same:
            if name and line.kind is LineKind.REMOVED:
                yield name
            elif begun:
                yield begun
        if line.kind is not LineKind.ADDED:
            begun, depth = (name, 0) if name else (begun, depth)
            depth += text.count("(") - text.count(")")
            begun = begun if depth > 0 else ""


def parse_defined_name(text: str) -> str:
    """Return the name of the function, class or similar whose definition begins in a line; "" without one."""
    match = None if USE.match(text) else _DEFINITION.match(text)
    name = next((name for name in match.groups() if name), "") if match else ""
    return "" if name in KEYWORDS else name  # `defer func() {`


def _decode_row(raw: bytes) -> str:
    return raw[:MAX_LINE_CHARS].decode("utf-8", "replace")


def _normalize_signature(text: str) -> str:
    """Return a row without the parts that are not part of a signature: remarks, bodies and extra blanks."""
    return " ".join(_REMARK.sub("", text).split())
