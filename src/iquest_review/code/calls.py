"""Find the functions that added lines call, and the names that a file imports."""

import re
from collections.abc import Collection, Iterable
from enum import IntEnum

from iquest_review.diff.diff import Line, LineKind

MAX_OWNER_CHARS = 100  # before a call
MAX_CALL_LINE_BYTES = 1_000  # of a line that are searched for calls
MAX_IMPORT_LINES = 50  # of one statement

_CALL = re.compile(r"(?<![\w$@])([A-Za-z_$][\w$]*)[!?]?\(")
_DEFINES = re.compile(r"\b(?:def|function|func|fun|fn|class|struct|record|interface|new)\s+\*?$")
_OWNER = re.compile(
    r"(?<!\.\.)(?:([\w$]+)(\(\))?|)\s*(?:[?&]?\.|\??->)\s*$"
)  # before a call; in ...spread() there is no owner
_SELF = frozenset(("self", "this", "$this", "cls", "super", "Self", "parent", "base"))
_IMPORT = re.compile(
    rb"\n[ \t]*(?:(?:import|from|use|pub use|using|require|require_relative|\#[ \t]*include|export\s[^=\n]*\sfrom)\b"
    rb"|(?:const|let|var)\s[^=]{0,200}=\s*require\()"
)  # it begins with a line feed and not with ^, which re would try at each character
_FROM = re.compile(rb"\s*from\s+\S+\s+import\b")  # the module name in this Python statement is not bound
_WORD = re.compile(rb"[A-Za-z_]\w*")
KEYWORDS = frozenset(
    "alignof and array as assert await case catch checked constructor decltype def default defer defined delete "
    "do echo elif else empty except exit fixed fn for foreach from fun func function guard if impl import in "
    "is isset lambda let list lock match nameof new not or print pub raise require return select sizeof "
    "static_assert super switch synchronized this throw try typeid typeof unchecked unless unset until using val "
    "var when where while with yield".split()
)


class CallKind(IntEnum):
    """How a function is called, the most certain kind last.

    METHOD is a method of some value, OWN one of the same object or of an imported name, BARE a plain function.
    """

    METHOD = 0
    OWN = 1
    BARE = 2


def find_calls(
    lines: Iterable[Line], imports: Collection[str] = (), most: int = 50, without: Collection[str] = ()
) -> dict[str, CallKind]:
    """Return the functions that added lines call, at most `most`, each with the most certain kind of its calls.

    They are in order of appearance, less those in `without`. A method's name does not include its owner. `imports` are
    the names of imported modules and classes.
    """
    names = dict[str, CallKind]()
    for line in lines:
        if line.kind is not LineKind.ADDED:
            continue
        text = line.raw[:MAX_CALL_LINE_BYTES].decode("utf-8", "replace")
        for match in _CALL.finditer(text):
            if match[1] in KEYWORDS or match[1] in without:
                continue
            if not _DEFINES.search(text, max(0, match.start() - 20), match.start()):
                names[match[1]] = max(
                    names.get(match[1], CallKind.METHOD), _classify_call(text, match.start(), imports)
                )
                if len(names) >= most:
                    return names
    return names


def _classify_call(text: str, start: int, imports: Collection[str]) -> CallKind:
    """Return how the name that starts at this index is called."""
    owner = _OWNER.search(text, max(0, start - MAX_OWNER_CHARS), start)
    if owner is None:
        return CallKind.BARE
    name, call = owner[1], owner[2]
    is_own = name == "super" if call else name in _SELF or name in imports
    return CallKind.OWN if is_own else CallKind.METHOD


def find_imports(text: bytes) -> set[str]:
    """Return all words in the import statements of a text."""
    names, end, text = set[str](), 0, b"\n" + text
    for match in _IMPORT.finditer(text):
        if match.start() >= end:
            end = _find_statement_end(text, match.start() + 1)
            rows = text[match.start() : end].split(b"\n")
            words = (word for row in rows for word in _WORD.findall(_FROM.sub(b"", row[:MAX_CALL_LINE_BYTES])))
            names.update(word.decode("ascii") for word in words)
    return names


def _find_statement_end(text: bytes, start: int) -> int:
    """Return the end of a statement: that of its line, or of the line that closes the last bracket."""
    depth = 0
    for _ in range(MAX_IMPORT_LINES):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        opened, closed = (sum(text.count(mark, start, end) for mark in marks) for marks in ((b"(", b"{"), (b")", b"}")))
        depth, start = depth + opened - closed, end + 1
        if depth <= 0 or start > len(text):
            break
    return end
