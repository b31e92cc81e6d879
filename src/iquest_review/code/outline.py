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

from iquest_review.diff.diff import Line, LineKind

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_PARSED_BYTES, MAX_PARSED_LINES = 1_000_000, 20_000  # of a file that is parsed
MAX_DEFINITIONS = 20_000
MAX_BROKEN_SHARE = 0.25  # the share of lines that may be errors of the parser's
MAX_SIGNATURE_CHARS, MAX_NAME_CHARS = 300, 100  # characters
MAX_CALL_LINE_BYTES = 1_000  # bytes of a line that is looked through for calls
MAX_IMPORT_LINES = 50  # lines of one statement

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


def outline_file(path: str, text: bytes) -> tuple[Definition, ...]:
    """The definitions of a file, nested ones too: by first line, outer ones before inner ones."""
    small = len(text) <= MAX_PARSED_BYTES and text.count(b"\n") <= MAX_PARSED_LINES
    found = _parse_definitions(path, _recode_utf8(text)) if small else None
    return tuple(_find_sections(text) if found is None else found)


def find_enclosing_definition(definitions: Sequence[Definition], line: int, most: int = 200) -> Definition | None:
    """The innermost definition that holds a line of the new file; None where there is none, and when it is longer than
    `most` lines: a class of 500 lines is not what a reader needs to see."""
    at = bisect_right(definitions, line, key=lambda definition: definition.first) - 1
    while at >= 0 and definitions[at].first > line - most:  # one that begins earlier is too long if it holds the line
        if definitions[at].last >= line:
            return definitions[at] if definitions[at].last - definitions[at].first < most else None
        at -= 1
    return None


class CallKind(IntEnum):
    """How a function is called, the surest last: as a method of something, of oneself or of what is imported, bare."""

    METHOD = 0
    OWN = 1
    BARE = 2


def find_calls(lines: Iterable[Line], imports: Collection[str] = (), most: int = 50) -> dict[str, CallKind]:
    """The names of at most `most` functions that added lines call, in order of appearance, each with the surest way it
    is called in; those of methods without what stands before the dot. `imports` are names of modules and classes."""
    names = dict[str, CallKind]()
    for line in lines:
        if line.kind is not LineKind.ADDED:
            continue
        text = line.raw[:MAX_CALL_LINE_BYTES].decode("utf-8", "replace")
        for match in _CALL.finditer(text):
            if match[1] not in _KEYWORDS and not _DEFINES.search(text, max(0, match.start() - 20), match.start()):
                names[match[1]] = max(
                    names.get(match[1], CallKind.METHOD), _classify_call(text, match.start(), imports)
                )
                if len(names) >= most:
                    return names
    return names


def _classify_call(text: str, start: int, imports: Collection[str]) -> CallKind:
    """How the name that starts there is called."""
    owner = _OWNER.search(text, max(0, start - MAX_NAME_CHARS), start)
    if owner is None:
        return CallKind.BARE
    name, call = owner[1], owner[2]
    is_own = name == "super" if call else name in _SELF or name in imports
    return CallKind.OWN if is_own else CallKind.METHOD


def find_imports(rows: Iterable[bytes]) -> set[str]:
    """The words in the statements among these lines that import something."""
    names, depth, left = set[str](), 0, 0
    for row in rows:
        if not (depth > 0 and left) and not _IMPORT.match(row):
            depth = 0
            continue
        depth, left = (depth, left - 1) if depth > 0 and left else (0, MAX_IMPORT_LINES)
        depth += sum(row.count(mark) for mark in (b"(", b"{")) - sum(row.count(mark) for mark in (b")", b"}"))
        named = _FROM.sub(b"", row[:MAX_CALL_LINE_BYTES])
        names.update(word.decode("ascii") for word in _WORD.findall(named))
    return names


# -- what is parsed


@dataclass(frozen=True, slots=True)
class _Match:
    """A match of a query; two patterns may find the same definition, one of them with its decorators."""

    definition: Definition
    start: int  # bytes
    body: int
    end: int


def _parse_definitions(path: str, text: bytes) -> list[Definition] | None:
    """The definitions of a text in UTF-8; None when it cannot be parsed."""
    from iquest_review.code import grammars  # noqa: PLC0415 - tree-sitter: not for runs that need no outline

    matches = grammars.run_query(path, text) if grammars.is_known(path) else None
    if matches is None:
        return None
    found, leads, errors = dict[int, _Match](), dict[int, tuple[int, int]](), list[Definition]()
    for captures in matches:
        kind = next(name for name in captures if name not in ("name", "body"))
        node = captures[kind][0]
        first, last = _locate_rows(node)
        if kind == "error":
            errors.append(Definition("", kind, first, last, ""))
        elif kind == "lead":
            leads[last] = (_find_lead_line(first, node.start_byte, leads, text), node.end_byte)
        else:
            _add_match(found, _convert_match(kind, captures, text))
    if len(found) > MAX_DEFINITIONS:
        return None
    led = (_include_lead(one, leads, text) for one in sorted(found.values(), key=lambda one: (one.start, -one.end)))
    outline = sorted(_label_methods(led), key=_get_order)
    return None if _is_broken(outline, errors, text.count(b"\n") + 1) else outline


def _locate_rows(node: "Node") -> tuple[int, int]:
    """First and last line; a node that ends with a line feed ends on that line."""
    first, last = node.start_point.row + 1, node.end_point.row + 1
    return first, last - (node.end_point.column == 0 and last > first)


def _convert_match(kind: str, captures: "dict[str, list[Node]]", text: bytes) -> tuple[int, _Match]:
    """A definition, and the byte its name (or its body, where it has none) starts at."""
    node, names, bodies = captures[kind][0], captures.get("name"), captures.get("body")
    start = node.start_byte
    line_end = text.find(b"\n", start)
    body = bodies[0].start_byte if bodies else (line_end if line_end >= 0 else len(text))
    signature = _decode_row(text[start : min(body, start + 4 * MAX_SIGNATURE_CHARS)], MAX_SIGNATURE_CHARS)
    name = _extract_name(names[0], text) if names else ""
    first, last = _locate_rows(node)
    return names[0].start_byte if names else body, _Match(
        Definition(name, kind, first, last, signature), start, body, node.end_byte
    )


def _extract_name(node: "Node", text: bytes) -> str:
    """The name in a node; in C it is inside a declarator, inside a pointer's, inside another."""
    for _ in range(20):
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type == "reference_declarator":
            inner = node.named_child(0)
        if inner is None:
            break
        node = inner
    return _decode_row(
        text[node.start_byte : min(node.end_byte, node.start_byte + 4 * MAX_NAME_CHARS)], MAX_NAME_CHARS
    ).strip("\"'`:")


def _decode_row(raw: bytes, most: int) -> str:
    return b" ".join(raw.split()).decode("utf-8", "replace")[:most]


def _add_match(found: dict[int, _Match], match: tuple[int, _Match]) -> None:
    """Keeps a match, or makes one of it and of the one that has the same name at the same place."""
    key, new = match
    old = found.setdefault(key, new)
    if old is not new:
        inner, first = (
            max(old, new, key=lambda one: (one.start, -one.body)),
            min(old.definition.first, new.definition.first),
        )
        found[key] = replace(inner, definition=replace(inner.definition, first=first))


def _find_lead_line(first: int, start: int, leads: dict[int, tuple[int, int]], text: bytes) -> int:
    """The line where what begins on this line and byte begins with all that stands directly above and belongs to it."""
    above = leads.get(first - 1)
    return first if above is None or text[above[1] : start].strip() else above[0]


def _include_lead(one: _Match, leads: dict[int, tuple[int, int]], text: bytes) -> _Match:
    first = _find_lead_line(one.definition.first, one.start, leads, text)
    return one if first == one.definition.first else replace(one, definition=replace(one.definition, first=first))


def _get_order(definition: Definition) -> tuple[int, int]:
    return definition.first, -definition.last


def _is_broken(outline: Iterable[Definition], errors: Iterable[Definition], lines: int) -> bool:
    """Whether too many lines are errors; a definition inside an error is none, an error inside a definition is one."""
    bad = bytearray(lines + 1)
    for one in sorted([*errors, *outline], key=_get_order):
        bad[one.first : one.last + 1] = (b"\1" if one.kind == "error" else b"\0") * (one.last - one.first + 1)
    return sum(bad) > MAX_BROKEN_SHARE * lines


def _label_methods(found: Iterable[_Match]) -> Iterator[Definition]:
    """The definitions, those functions called methods that stand directly in a class."""
    outer = list[_Match]()
    for one in found:
        while outer and outer[-1].end < one.end:
            outer.pop()
        around = outer[-1].definition.kind if outer else ""
        is_method = one.definition.kind == "function" and around in _BODIES_OF_METHODS
        outer.append(one)
        yield replace(one.definition, kind="method") if is_method else one.definition


def _recode_utf8(text: bytes) -> bytes:
    """The text as the parsers want it; line feeds stay where they are."""
    text = text.removeprefix(_BOM)
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text


# -- what is not


def _find_sections(text: bytes) -> Iterator[Definition]:
    """A definition for each line that begins with a letter, _ or $, down to the line before the next one."""
    text = text.removeprefix(_BOM)
    lines = text.count(b"\n") + (not text.endswith(b"\n") and bool(text))
    first, at, row = 1, 0, b""
    for match in islice(_SECTION.finditer(text), MAX_DEFINITIONS):
        line = first + text.count(b"\n", at, match.start())
        if row:
            yield _make_section(row, first, line - 1)
        first, at, row = line, match.start(), match[0][: 4 * MAX_SIGNATURE_CHARS]
    if row:
        yield _make_section(row, first, lines)


def _make_section(row: bytes, first: int, last: int) -> Definition:
    signature = _decode_row(row, MAX_SIGNATURE_CHARS)
    name = _SECTION_NAME.match(signature)
    return Definition(name[1][:MAX_NAME_CHARS] if name else "", "section", first, last, signature)
