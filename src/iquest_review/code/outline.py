"""Find the functions, classes and the like of a file, and the one around a line.

Python, JavaScript, TypeScript, Go, Java, Kotlin, C, C++, C#, Rust, Ruby, PHP, Bash and Scala are parsed (grammars.py).
Any other file, and one that cannot be parsed, is cut into sections where git assumes that a function begins: at a line
whose first character is a letter, _ or $ (xdiff/xemit.c, def_ff).
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_PARSED_BYTES, MAX_PARSED_LINES = 1_000_000, 20_000  # larger files are not parsed
MAX_DEFINITIONS = 20_000
MAX_BROKEN_SHARE = 0.25  # of the lines, that may be inside errors of the parser
MAX_SIGNATURE_CHARS, MAX_NAME_CHARS = 300, 100

_BOM = b"\xef\xbb\xbf"
_KINDS_WITH_METHODS = frozenset(("class", "interface", "struct", "enum", "trait", "impl", "object", "record"))
_SECTION = re.compile(rb"^[A-Za-z_$][^\n]*", re.MULTILINE)
_SECTION_NAME = re.compile(r"[^{:=<(]*?([\w$.-]+) ?(?:[{:=<(]|$)")


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, a class or similar.

    Lines are those of the new file, counted from 1. Decorators and attributes belong to the definition.
    """

    name: str  # "" for a definition without a name
    kind: str  # function, method, callback, class, interface, struct, ...; section where the file was not parsed
    first: int
    last: int
    signature: str  # the text before the body, on one row


def outline_file(path: str, text: bytes) -> tuple[Definition, ...]:
    """Return the definitions of a file, nested ones too: by first line, outer ones before inner ones."""
    small = len(text) <= MAX_PARSED_BYTES and text.count(b"\n") <= MAX_PARSED_LINES
    definitions = _parse_definitions(path, _recode_utf8(text)) if small else None
    return tuple(_find_sections(text) if definitions is None else definitions)


def find_enclosing_definition(definitions: Sequence[Definition], line: int, most: int = 200) -> Definition | None:
    """Return the innermost definition that contains a line of the new file.

    Returns None when no definition contains it, or when the definition is longer than `most` lines: a class of 500
    lines is more than a reader needs.
    """
    index = bisect_right(definitions, line, key=lambda definition: definition.first) - 1
    while index >= 0 and definitions[index].first > line - most:  # a definition that begins earlier is too long
        definition = definitions[index]
        if definition.last >= line:
            return definition if definition.last - definition.first < most else None
        index -= 1
    return None


# -- files with a parser


@dataclass(frozen=True, slots=True)
class _Match:
    """A match of a query. Two patterns may find the same definition, one of them with its decorators."""

    definition: Definition
    start: int  # byte offsets of the definition, of its body, and of its end
    body: int
    end: int


def _parse_definitions(path: str, text: bytes) -> list[Definition] | None:
    """Return the definitions of a text in UTF-8; None when it cannot be parsed."""
    from iquest_review.code import grammars  # noqa: PLC0415 - tree-sitter is heavy; runs without outlines skip it

    matches = grammars.run_query(path, text) if grammars.is_known(path) else None
    if matches is None:
        return None
    matches_by_name, leads, errors = dict[int, _Match](), dict[int, tuple[int, int]](), list[Definition]()
    for captures in matches:
        kind = next(name for name in captures if name not in ("name", "body"))
        node = captures[kind][0]
        first, last = _locate_rows(node)
        if kind == "error":
            errors.append(Definition("", kind, first, last, ""))
        elif kind == "lead":
            leads[last] = (_find_lead_line(first, node.start_byte, leads, text), node.end_byte)
        else:
            _add_match(matches_by_name, _convert_match(kind, captures, text))
    if len(matches_by_name) > MAX_DEFINITIONS:
        return None
    in_order = sorted(matches_by_name.values(), key=lambda match: (match.start, -match.end))
    outline = sorted(_label_methods(_include_lead(match, leads, text) for match in in_order), key=_get_order)
    return None if _is_broken(outline, errors, text.count(b"\n") + 1) else outline


def _locate_rows(node: "Node") -> tuple[int, int]:
    """Return the first and the last line of a node; one that ends with a line feed ends on that line."""
    first, last = node.start_point.row + 1, node.end_point.row + 1
    return first, last - (node.end_point.column == 0 and last > first)


def _convert_match(kind: str, captures: "dict[str, list[Node]]", text: bytes) -> tuple[int, _Match]:
    """Return the match, and the byte at which its name starts; without a name, its body."""
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
    """Return the name in a node; in C it is inside nested declarators."""
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


def _add_match(matches: dict[int, _Match], match: tuple[int, _Match]) -> None:
    """Keep a match; merge it with a match whose name is at the same place."""
    key, new = match
    old = matches.setdefault(key, new)
    if old is not new:
        inner, first = (
            max(old, new, key=lambda match: (match.start, -match.body)),
            min(old.definition.first, new.definition.first),
        )
        matches[key] = replace(inner, definition=replace(inner.definition, first=first))


def _find_lead_line(first: int, start: int, leads: dict[int, tuple[int, int]], text: bytes) -> int:
    """Return the first line of a definition with its lead, given the line and the byte at which it begins itself."""
    above = leads.get(first - 1)
    return first if above is None or text[above[1] : start].strip() else above[0]


def _include_lead(match: _Match, leads: dict[int, tuple[int, int]], text: bytes) -> _Match:
    definition = match.definition
    first = _find_lead_line(definition.first, match.start, leads, text)
    return match if first == definition.first else replace(match, definition=replace(definition, first=first))


def _get_order(definition: Definition) -> tuple[int, int]:
    return definition.first, -definition.last


def _is_broken(outline: Iterable[Definition], errors: Iterable[Definition], lines: int) -> bool:
    """Return whether too many lines are errors.

    The lines of a definition inside an error are good, those of an error inside a definition are bad.
    """
    bad = bytearray(lines + 1)
    for part in sorted([*errors, *outline], key=_get_order):
        bad[part.first : part.last + 1] = (b"\1" if part.kind == "error" else b"\0") * (part.last - part.first + 1)
    return sum(bad) > MAX_BROKEN_SHARE * lines


def _label_methods(matches: Iterable[_Match]) -> Iterator[Definition]:
    """Return the definitions; functions directly inside a class become methods."""
    outer = list[_Match]()
    for match in matches:
        while outer and outer[-1].end < match.end:
            outer.pop()
        around = outer[-1].definition.kind if outer else ""
        is_method = match.definition.kind == "function" and around in _KINDS_WITH_METHODS
        outer.append(match)
        yield replace(match.definition, kind="method") if is_method else match.definition


def _recode_utf8(text: bytes) -> bytes:
    """Return the text in UTF-8 without a byte order mark, as the parsers need it; lines stay the same."""
    text = text.removeprefix(_BOM)
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text


# -- files without a parser


def _find_sections(text: bytes) -> Iterator[Definition]:
    """Return a section for each line that begins with a letter, _ or $; it ends before the next such line."""
    text = text.removeprefix(_BOM)
    lines = text.count(b"\n") + (not text.endswith(b"\n") and bool(text))
    first, start, row = 1, 0, b""
    for match in islice(_SECTION.finditer(text), MAX_DEFINITIONS):
        line = first + text.count(b"\n", start, match.start())
        if row:
            yield _make_section(row, first, line - 1)
        first, start, row = line, match.start(), match[0][: 4 * MAX_SIGNATURE_CHARS]
    if row:
        yield _make_section(row, first, lines)


def _make_section(row: bytes, first: int, last: int) -> Definition:
    signature = _decode_row(row, MAX_SIGNATURE_CHARS)
    name = _SECTION_NAME.match(signature)
    return Definition(name[1][:MAX_NAME_CHARS] if name else "", "section", first, last, signature)
