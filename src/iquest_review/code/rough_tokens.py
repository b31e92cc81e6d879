"""Tokens of rows for which there is no parser: strings, comments, words and marks, as most languages write them."""

import re
from typing import NamedTuple

from iquest_review.code.languages import Kind, identify_language

_PAIRS = {")": "(", "]": "[", "}": "{"}
_STRING = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\\n])*`'
_SLASHES, _HASH, _DASHES = r"//[^\n]*|/\*.*?(?:\*/|\Z)", r"(?:(?<=\s)|^)#[^\n]*", r"(?:(?<=\s)|^)--(?=\s|$)[^\n]*"
_MARKUP, _PERCENT, _SEMICOLON = r"<!--.*?(?:-->|\Z)", r"(?:(?<=\s)|^)%[^\n]*", r"(?:(?<=\s)|^);[^\n]*"
_COMMENTS = {
    "SQL": (_DASHES, _SLASHES),
    "Lua": (_DASHES,),
    "Haskell": (_DASHES,),
    "HTML": (_MARKUP,),
    "XML": (_MARKUP,),
    "Vue": (_MARKUP, _SLASHES),
    "Svelte": (_MARKUP, _SLASHES),
    "TeX": (_PERCENT,),
    "Erlang": (_PERCENT,),
    "Clojure": (_SEMICOLON,),
}
_HASHES = frozenset(
    (
        "YAML",
        "Dockerfile",
        "Makefile",
        "R",
        "Perl",
        "PowerShell",
        "Zsh",
        "Julia",
        "Elixir",
        "Nim",
        "GraphQL",
        "Terraform",
    )
)


class Token(NamedTuple):
    """A part of the code, and its row counted from 0."""

    kind: str  # comment, string or code
    text: str
    row: int


def find_tokens(text: str, path: str) -> tuple[Token, ...]:
    """Return the tokens of rows of a file with this name."""
    return tuple(
        Token(match.lastgroup or "code", match[0], text.count("\n", 0, match.start()))
        for match in _get_pattern(path).finditer(text)
    )


def is_balanced(old: str, new: str, path: str) -> bool:
    """Return whether new rows open and close what the old ones do: brackets and quotation marks."""
    language = identify_language(path)
    if language is not None and language.kind is Kind.PROSE:
        return True
    return _count_open(old, path) == _count_open(new, path)


def _count_open(text: str, path: str) -> tuple[str, str, tuple[bool, ...]]:
    """Return the brackets that are closed from outside, those left open, and for each quotation mark if one is open."""
    closed, opened, marks = list[str](), list[str](), list[str]()
    for token in find_tokens(text, path):
        if token.kind != "code":
            continue
        if token.text in "([{":
            opened.append(token.text)
        elif token.text in ")]}":
            if opened and opened[-1] == _PAIRS[token.text]:
                opened.pop()
            else:
                closed.append(token.text)
        elif token.text in "\"'`":
            marks.append(token.text)
    return "".join(closed), "".join(opened), tuple(marks.count(mark) % 2 == 1 for mark in "\"'`")


def _get_pattern(path: str) -> re.Pattern[str]:
    language = identify_language(path)
    name = language.name if language else ""
    comments = _COMMENTS.get(name, (_HASH,) if name in _HASHES else (_SLASHES, _HASH))
    return re.compile(rf"(?P<comment>{'|'.join(comments)})|(?P<string>{_STRING})|\w+|[^\w\s]", re.MULTILINE | re.DOTALL)
