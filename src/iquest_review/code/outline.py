"""Which function or class a line stands in, and which functions added lines call.

Python, JavaScript, TypeScript, Go, Java, Kotlin, C, C++, C#, Rust, Ruby, PHP, Bash and Scala are parsed (grammars.py).
Anything else, and what does not parse, is cut where git would say that a function begins: at a line whose first
character is a letter, _ or $ (xdiff/xemit.c, def_ff).
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import islice
from typing import TYPE_CHECKING

from iquest_review.diff.diff import Kind, Line

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_BYTES, MOST_LINES = 1_000_000, 20_000  # of a file that is parsed
MOST_DEFINITIONS = 20_000
MOST_BROKEN = 0.25  # the share of lines that may be errors of the parser's
LONGEST_SIGNATURE, LONGEST_NAME = 300, 100  # characters
LONGEST_CALLING = 1_000  # bytes of a line that is looked through for calls
LONGEST_IMPORT = 50  # lines of one statement

_BOM = b"\xef\xbb\xbf"
_BODIES_OF_METHODS = frozenset(("class", "interface", "struct", "enum", "trait", "impl", "object", "record"))
_SECTION = re.compile(rb"^[A-Za-z_$][^\n]*", re.MULTILINE)
_SECTION_NAME = re.compile(r"[^{:=<(]*?([\w$.-]+) ?(?:[{:=<(]|$)")
_CALL = re.compile(r"(?<![\w$@])([A-Za-z_$][\w$]*)[!?]?\(")
_DEFINES = re.compile(r"\b(?:def|function|func|fun|fn|class|struct|record|interface|new)\s+\*?$")
_OWNER = re.compile(r"(?<!\.\.)(?:([\w$]+)(\(\))?|)\s*(?:[?&]?\.|\??->)\s*$")  # before a call; ...spread() has none
_SELF = frozenset(("self", "this", "$this", "cls", "super", "Self", "parent", "base"))
_IMPORT = re.compile(
    rb"\s*(?:import|from|use|pub use|using|require|require_relative|\#\s*include|export\s[^=]*\sfrom)\b"
    rb"|\s*(?:const|let|var)\s[^=]{0,200}=\s*require\("
)
_FROM = re.compile(rb"\s*from\s+\S+\s+import\b")  # gives Python no name
_WORD = re.compile(rb"[A-Za-z_]\w*")
_KEYWORDS = frozenset(
    "alignof and array as assert await case catch checked constructor decltype def default defer defined delete "
    "do echo elif else empty except exit fixed fn for foreach from fun func function guard if impl import in "
    "is isset lambda let list lock match nameof new not or print pub raise require return select sizeof "
    "static_assert super switch synchronized this throw try typeid typeof unchecked unless unset until using val "
    "var when where while with yield".split()
)


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, a class or the like. Lines are those of the new file, from 1, decorators and attributes included."""

    name: str  # "" where it has none
    kind: str  # function, method, callback, class, interface, struct, ... ; section where nothing was parsed
    first: int
    last: int
    signature: str  # one row: what stands before the body


def definitions(path: str, text: bytes) -> tuple[Definition, ...]:
    """The definitions of a file, nested ones too: by first line, outer ones before inner ones."""
    small = len(text) <= MOST_BYTES and text.count(b"\n") <= MOST_LINES
    found = _parsed(path, _utf8(text)) if small else None
    return tuple(_sections(text) if found is None else found)


def enclosing(definitions: Sequence[Definition], line: int, most: int = 200) -> Definition | None:
    """The innermost definition that holds a line of the new file; None where there is none, and when it is longer than
    `most` lines: a class of 500 lines is not what a reader needs to see."""
    at = bisect_right(definitions, line, key=lambda definition: definition.first) - 1
    while at >= 0 and definitions[at].first > line - most:  # one that begins earlier is too long if it holds the line
        if definitions[at].last >= line:
            return definitions[at] if definitions[at].last - definitions[at].first < most else None
        at -= 1
    return None


class Calling(IntEnum):
    """How a function is called, the surest last: as a method of something, of oneself or of what is imported, bare."""

    METHOD = 0
    OWN = 1
    BARE = 2


def called(lines: Iterable[Line], imports: Collection[str] = (), most: int = 50) -> dict[str, Calling]:
    """The names of at most `most` functions that added lines call, in order of appearance, each with the surest way it
    is called in; those of methods without what stands before the dot. `imports` are names of modules and classes."""
    names = dict[str, Calling]()
    for line in lines:
        if line.kind is not Kind.ADDED:
            continue
        text = line.raw[:LONGEST_CALLING].decode("utf-8", "replace")
        for match in _CALL.finditer(text):
            if match[1] not in _KEYWORDS and not _DEFINES.search(text, max(0, match.start() - 20), match.start()):
                names[match[1]] = max(names.get(match[1], Calling.METHOD), _calling(text, match.start(), imports))
                if len(names) >= most:
                    return names
    return names


def _calling(text: str, start: int, imports: Collection[str]) -> Calling:
    """How the name that starts there is called."""
    owner = _OWNER.search(text, max(0, start - LONGEST_NAME), start)
    if owner is None:
        return Calling.BARE
    name, call = owner[1], owner[2]
    is_own = name == "super" if call else name in _SELF or name in imports
    return Calling.OWN if is_own else Calling.METHOD


def imported(rows: Iterable[bytes]) -> set[str]:
    """The words in the statements among these lines that import something."""
    names, depth, left = set[str](), 0, 0
    for row in rows:
        if not (depth > 0 and left) and not _IMPORT.match(row):
            depth = 0
            continue
        depth, left = (depth, left - 1) if depth > 0 and left else (0, LONGEST_IMPORT)
        depth += sum(row.count(mark) for mark in (b"(", b"{")) - sum(row.count(mark) for mark in (b")", b"}"))
        named = _FROM.sub(b"", row[:LONGEST_CALLING])
        names.update(word.decode("ascii") for word in _WORD.findall(named))
    return names


# -- what is parsed


@dataclass(frozen=True, slots=True)
class _Found:
    """A match of a query; two patterns may find the same definition, one of them with its decorators."""

    definition: Definition
    start: int  # bytes
    body: int
    end: int


def _parsed(path: str, text: bytes) -> list[Definition] | None:
    """The definitions of a text in UTF-8; None when it cannot be parsed."""
    from iquest_review.code import grammars  # noqa: PLC0415 - tree-sitter: not for runs that need no outline

    matches = grammars.matches(path, text) if grammars.is_known(path) else None
    if matches is None:
        return None
    found, leads, errors = dict[int, _Found](), dict[int, tuple[int, int]](), list[Definition]()
    for captures in matches:
        kind = next(name for name in captures if name not in ("name", "body"))
        node = captures[kind][0]
        first, last = _rows(node)
        if kind == "error":
            errors.append(Definition("", kind, first, last, ""))
        elif kind == "lead":
            leads[last] = (_led(first, node.start_byte, leads, text), node.end_byte)
        else:
            _add(found, _match(kind, captures, text))
    if len(found) > MOST_DEFINITIONS:
        return None
    led = (_with_lead(one, leads, text) for one in sorted(found.values(), key=lambda one: (one.start, -one.end)))
    outline = sorted(_with_methods(led), key=_order)
    return None if _broken(outline, errors, text.count(b"\n") + 1) else outline


def _rows(node: "Node") -> tuple[int, int]:
    """First and last line; a node that ends with a line feed ends on that line."""
    first, last = node.start_point.row + 1, node.end_point.row + 1
    return first, last - (node.end_point.column == 0 and last > first)


def _match(kind: str, captures: "dict[str, list[Node]]", text: bytes) -> tuple[int, _Found]:
    """A definition, and the byte its name (or its body, where it has none) starts at."""
    node, names, bodies = captures[kind][0], captures.get("name"), captures.get("body")
    start = node.start_byte
    line_end = text.find(b"\n", start)
    body = bodies[0].start_byte if bodies else (line_end if line_end >= 0 else len(text))
    signature = _row(text[start : min(body, start + 4 * LONGEST_SIGNATURE)], LONGEST_SIGNATURE)
    name = _name(names[0], text) if names else ""
    first, last = _rows(node)
    return names[0].start_byte if names else body, _Found(
        Definition(name, kind, first, last, signature), start, body, node.end_byte
    )


def _name(node: "Node", text: bytes) -> str:
    """The name in a node; in C it is inside a declarator, inside a pointer's, inside another."""
    for _ in range(20):
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type == "reference_declarator":
            inner = node.named_child(0)
        if inner is None:
            break
        node = inner
    return _row(text[node.start_byte : min(node.end_byte, node.start_byte + 4 * LONGEST_NAME)], LONGEST_NAME).strip(
        "\"'`:"
    )


def _row(raw: bytes, most: int) -> str:
    return b" ".join(raw.split()).decode("utf-8", "replace")[:most]


def _add(found: dict[int, _Found], match: tuple[int, _Found]) -> None:
    """Keeps a match, or makes one of it and of the one that has the same name at the same place."""
    key, new = match
    old = found.setdefault(key, new)
    if old is not new:
        inner, first = (
            max(old, new, key=lambda one: (one.start, -one.body)),
            min(old.definition.first, new.definition.first),
        )
        found[key] = replace(inner, definition=replace(inner.definition, first=first))


def _led(first: int, start: int, leads: dict[int, tuple[int, int]], text: bytes) -> int:
    """The line where what begins on this line and byte begins with all that stands directly above and belongs to it."""
    above = leads.get(first - 1)
    return first if above is None or text[above[1] : start].strip() else above[0]


def _with_lead(one: _Found, leads: dict[int, tuple[int, int]], text: bytes) -> _Found:
    first = _led(one.definition.first, one.start, leads, text)
    return one if first == one.definition.first else replace(one, definition=replace(one.definition, first=first))


def _order(definition: Definition) -> tuple[int, int]:
    return definition.first, -definition.last


def _broken(outline: Iterable[Definition], errors: Iterable[Definition], lines: int) -> bool:
    """Whether too many lines are errors; a definition inside an error is none, an error inside a definition is one."""
    bad = bytearray(lines + 1)
    for one in sorted([*errors, *outline], key=_order):
        bad[one.first : one.last + 1] = (b"\1" if one.kind == "error" else b"\0") * (one.last - one.first + 1)
    return sum(bad) > MOST_BROKEN * lines


def _with_methods(found: Iterable[_Found]) -> Iterator[Definition]:
    """The definitions, those functions called methods that stand directly in a class."""
    outer = list[_Found]()
    for one in found:
        while outer and outer[-1].end < one.end:
            outer.pop()
        around = outer[-1].definition.kind if outer else ""
        is_method = one.definition.kind == "function" and around in _BODIES_OF_METHODS
        outer.append(one)
        yield replace(one.definition, kind="method") if is_method else one.definition


def _utf8(text: bytes) -> bytes:
    """The text as the parsers want it; line feeds stay where they are."""
    text = text.removeprefix(_BOM)
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text


# -- what is not


def _sections(text: bytes) -> Iterator[Definition]:
    """A definition for each line that begins with a letter, _ or $, down to the line before the next one."""
    text = text.removeprefix(_BOM)
    lines = text.count(b"\n") + (not text.endswith(b"\n") and bool(text))
    first, at, row = 1, 0, b""
    for match in islice(_SECTION.finditer(text), MOST_DEFINITIONS):
        line = first + text.count(b"\n", at, match.start())
        if row:
            yield _section(row, first, line - 1)
        first, at, row = line, match.start(), match[0][: 4 * LONGEST_SIGNATURE]
    if row:
        yield _section(row, first, lines)


def _section(row: bytes, first: int, last: int) -> Definition:
    signature = _row(row, LONGEST_SIGNATURE)
    name = _SECTION_NAME.match(signature)
    return Definition(name[1][:LONGEST_NAME] if name else "", "section", first, last, signature)
