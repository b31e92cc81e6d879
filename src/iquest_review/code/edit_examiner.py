"""What an edit does to a file: whether the file parses as before, and what the edit changes besides white space.

It runs in a child process (edit_worker.py): a text can be made to hang or crash a parser.
"""

import ast
import json
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from xml.parsers import expat

import yaml

from iquest_review.code import grammars
from iquest_review.code.edit import Edit, EditFacts
from iquest_review.code.languages import identify_language
from iquest_review.code.rough_tokens import Token, find_tokens, is_balanced

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

MAX_NODES = 500_000  # visited in one tree
MAX_EDITED_BYTES = 1_000_000  # a larger file is not parsed

_STRINGS = ("string", "char_literal", "character_literal", "rune_literal", "heredoc", "nowdoc", "regex")
_RAW = frozenset(("preproc_arg", "jsx_text", "text"))  # text that the grammar does not look into


def examine_edit(edit: Edit) -> EditFacts | None:
    """Return what an edit does, or None when the file cannot be parsed."""
    if not edit.is_whole and edit.path.lower().endswith(".php") and b"<?" not in edit.text:
        edit = edit._replace(text=b"<?php\n" + edit.text, first=edit.first + 1, last=edit.last + 1)
    old_rows = edit.text.split(b"\n")
    new = "\n".join(edit.rows).encode()
    head, tail = old_rows[: edit.first - 1], old_rows[edit.last :]
    replaced = b"\n".join(old_rows[edit.first - 1 : edit.last])
    after = b"\n".join([*head, new, *tail])
    if max(len(edit.text), len(after)) > MAX_EDITED_BYTES:
        return None
    start = sum(len(row) + 1 for row in head)
    if grammars.is_known(edit.path):
        facts = _examine_trees(edit, after, (start, start + len(replaced)), (start, start + len(new)))
    else:
        sound = is_balanced(replaced.decode(), new.decode(), edit.path)
        facts = EditFacts(sound, find_tokens(replaced.decode(), edit.path), find_tokens(new.decode(), edit.path))
    if facts is None or not facts.is_sound or not edit.is_whole:
        return facts
    return facts._replace(is_sound=not _breaks_reader(edit.path, edit.text, after))


# -- with a grammar


def _examine_trees(edit: Edit, after: bytes, old: tuple[int, int], new: tuple[int, int]) -> EditFacts | None:
    trees = _parse(edit.path, edit.text), _parse(edit.path, after)
    if trees[0] is None or trees[1] is None:
        return None
    errors = _list_errors(trees[0]), _list_errors(trees[1])
    if errors[0] is None or errors[1] is None:
        return None
    replaced, rows = edit.text[slice(*old)].decode(), after[slice(*new)].decode()
    sound = _has_no_new_error(errors[0], errors[1], old, new)
    # An error that the rows have, or that surrounds them, hides others.
    left = any(not edit.is_whole or (start <= new[1] and end >= new[0]) for start, end in errors[1])
    if sound and left:
        sound = is_balanced(replaced, rows, edit.path)
    tokens = _list_tokens(trees[0], edit.text, old), _list_tokens(trees[1], after, new)
    return None if tokens[0] is None or tokens[1] is None else EditFacts(sound, tokens[0], tokens[1])


@lru_cache(maxsize=8)  # several edits of one file
def _parse(path: str, text: bytes) -> "Tree | None":
    return grammars.parse_source(path, text)


def _walk(tree: "Tree", enter: "Callable[[Node], bool]") -> "Iterator[Node]":
    """Yield the nodes in order, without the children of nodes that are not to be entered."""
    waiting = [tree.root_node]
    while waiting:
        node = waiting.pop()
        yield node
        if enter(node):
            waiting.extend(reversed(node.children))


def _list_errors(tree: "Tree") -> list[tuple[int, int]] | None:
    """Return the first and the last byte of each error and missing node; None where there are too many nodes."""
    nodes = list(islice(_walk(tree, lambda node: node.has_error and not node.is_error), MAX_NODES))
    found = [(node.start_byte, node.end_byte) for node in nodes if node.is_error or node.is_missing]
    return found if len(nodes) < MAX_NODES else None


def _has_no_new_error(
    before: list[tuple[int, int]], after: list[tuple[int, int]], old: tuple[int, int], new: tuple[int, int]
) -> bool:
    """Return whether each error was there before; those at the edit may have become fewer and shorter."""
    shift = new[1] - old[1]
    apart = Counter((s, e) for s, e in before if e < old[0]) + Counter(
        (s + shift, e + shift) for s, e in before if s > old[1]
    )
    here = [(start, end) for start, end in before if end >= old[0] and start <= old[1]]
    added = list((Counter(after) - apart).elements())
    return len(added) <= len(here) and _measure(added) <= _measure(here) + max(0, shift)


def _measure(spans: list[tuple[int, int]]) -> int:
    return sum(end - start for start, end in spans)


def _list_tokens(tree: "Tree", text: bytes, region: tuple[int, int]) -> tuple[Token, ...] | None:
    """Return the tokens of a region; strings and comments are one token each."""
    first, last = region
    nodes = list(
        islice(
            _walk(tree, lambda node: node.start_byte < last and node.end_byte > first and not _classify(node)),
            MAX_NODES,
        )
    )
    if len(nodes) == MAX_NODES:
        return None
    top = text.count(b"\n", 0, first)
    spans = [
        (node, max(node.start_byte, first), min(node.end_byte, last))
        for node in nodes
        if node.child_count == 0 or _classify(node)
    ]
    return tuple(
        Token(_classify(node) or "code", text[start:end].decode("utf-8", "replace"), max(node.start_point.row - top, 0))
        for node, start, end in spans
        if text[start:end].strip()
    )


def _classify(node: "Node") -> str:
    """Return whether a node is a comment or a string; an empty text for any other."""
    kind = node.type
    if "comment" in kind:
        return "comment"
    if kind in _RAW or (node.is_named and (kind.endswith("string") or any(word in kind for word in _STRINGS))):
        return "string"
    return ""


# -- with the reader of a format


def _read_python(text: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes and comparisons in the code that is read
        ast.parse(text)


def _read_yaml(text: bytes) -> None:
    for _ in yaml.parse(text, Loader=yaml.BaseLoader):
        pass  # events: aliases are not followed


def _read_xml(text: bytes) -> None:
    if b"<!DOCTYPE" not in text:
        expat.ParserCreate().Parse(text, True)


# A grammar is lenient: tree-sitter's for Python takes any indentation.
_READERS: dict[str, Callable[[bytes], object]] = {
    "Python": _read_python,
    "JSON": json.loads,
    "TOML": lambda text: tomllib.loads(text.decode()),
    "YAML": _read_yaml,
    "XML": _read_xml,
    "SVG": _read_xml,
}
_READ_ERRORS = (ValueError, SyntaxError, RecursionError, MemoryError, yaml.YAMLError, expat.ExpatError)


def _breaks_reader(path: str, before: bytes, after: bytes) -> bool:
    """Return whether the format's own reader takes the file before the edit and not after it."""
    language = identify_language(path)
    name = "TOML" if path.lower().endswith(".toml") else language.name if language else ""
    read = _READERS.get(name)
    return read is not None and _can_read(read, before) and not _can_read(read, after)


def _can_read(read: Callable[[bytes], object], text: bytes) -> bool:
    try:
        read(text)
    except _READ_ERRORS:
        return False
    return True
