"""Which functions and classes a change removes or gives another signature: who uses them elsewhere may break.

The old file is not at hand whole, so its rows tell it by how they look, as in `definitions`.
"""

import re
from collections.abc import Iterable, Iterator

from iquest_review.code.definitions import FUNCTION, MAX_LINE_CHARS, NO_TYPE, USE
from iquest_review.diff.diff import Hunk, Line, LineKind

_NAME = r"([^\W\d]\w{0,99})"
_KEYWORD = (
    r"(?:def|class|func|function|fn|fun|struct|enum|union|interface|trait|type|module|namespace|object|record|protocol"
    r"|macro_rules!|\#\s*define|sub|defn)(?:\s*\*)?"
)
# A receiver, type parameters or an owner may stand before the name; prose, which goes on with any word, is none.
_NAMED = rf"(?:\([^()]{{0,100}}\)\s*)?(?:<[^<>]{{0,100}}>\s*)?(?:\w{{1,100}}\.)?{_NAME}"
_AFTER = r"(?=\s*(?:[(<:{\[=;]|$)|\s+(?:extends|implements|with|where|for|is|struct|interface)\b)"
_DEFINITION = re.compile(
    rf"\s{{0,200}}(?:"
    rf"(?:[\w()]{{1,30}}\s+){{0,6}}?{_KEYWORD}\s+{_NAMED}{_AFTER}"
    rf"|(?:(?:export|default|const|let|var|val|static|public|private|readonly)\s+){{0,4}}{_NAME}"
    rf"\s*(?::[^=]{{0,100}})?(?::=|=(?!=)|:(?!:))\s*{FUNCTION}"
    rf"|(?:{NO_TYPE}[\w:<>,*&\[\]?.]{{1,100}}\s+){{1,8}}[*&]*(?:\w{{1,100}}::)?{_NAME}\s*\([^;]*$"
    # as methods stand in a class of JavaScript
    rf"|(?!(?:if|for|while|switch|catch|with|function|constructor)\b){_NAME}\s*\([^;]*\)[^;()=]{{0,100}}\{{\s*$"
    rf")"
)
_REMARK = re.compile(r"\s(?:#|//).*|=>.*")  # what follows a signature on its row


def find_changed_signatures(shown: Iterable[Hunk], whole: Iterable[Hunk]) -> tuple[str, ...]:
    """The names of functions, classes and the like that shown hunks of a file no longer define as before, in order of
    appearance. `whole` are all hunks of the file: what only moves within it stays what it was."""
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
    """The names in the order of the lines; rows that are the `same` before and after change nothing."""
    begun, depth = "", 0  # the definition whose parameters go on in the next line of the old file, its open brackets
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
    """The name of the function, class or the like whose definition begins in a line; "" where none does."""
    match = None if USE.match(text) else _DEFINITION.match(text)
    return next((name for name in match.groups() if name), "") if match else ""


def _decode_row(raw: bytes) -> str:
    return raw[:MAX_LINE_CHARS].decode("utf-8", "replace")


def _normalize_signature(text: str) -> str:
    """A row without what may change in it without changing a signature."""
    return " ".join(_REMARK.sub("", text).split())
