"""The parts of a rule of the stand-in; the tables of rules are in rules_security.py and rules_mistakes.py.

A rule must be precise: it stays silent on sound code that only looks similar, so a pattern asks for the whole shape of
the mistake. Patterns see lines of at most a few thousand characters and have no repetition inside a repetition, so a
hostile line costs no more time than an honest one.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from iquest_review.code.languages import list_name_endings

View = Literal["raw", "text", "code"]
"""raw: the line as it is; text: without comments; code: without comments and with empty string literals."""

Confirm = Callable[[re.Match[str], Sequence[str], int], bool]
"""Whether the lines around a match agree: the match, the lines of its hunk, and the index of its line."""

ANY = ("",)
PY = list_name_endings("Python")
JS = list_name_endings("JavaScript", "TypeScript", "TSX", "Vue")
JAVA = list_name_endings("Java", "Kotlin", "Scala")
GO = list_name_endings("Go")
RUBY = list_name_endings("Ruby")
PHP = list_name_endings("PHP")
C = list_name_endings("C", "C++")
CS = list_name_endings("C#")
YAML = list_name_endings("YAML")
SHELL = (*list_name_endings("Shell", "Zsh", "Dockerfile", "Makefile"), *YAML)
BRACES = (*JS, *JAVA, *GO, *PHP, *C, *CS)


@dataclass(frozen=True)
class Shape:
    """One shape of a mistake in some languages; `then` must match the next line of the new file."""

    suffixes: tuple[str, ...]
    pattern: re.Pattern[str]
    view: View = "code"
    then: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None  # no match where it is in the first group of the match, or else in the line
    unless_test: re.Pattern[str] | None = None  # the same, in tests only; such a shape is silent in documents
    unless_before: re.Pattern[str] | None = None  # no match where it is in one of the lines before
    fix: tuple[str, str] | None = None  # a pattern and its replacement that correct the line
    confirm: Confirm | None = None  # no match where the lines around say otherwise


@dataclass(frozen=True)
class Rule:
    """A mistake: its shapes, how bad it is, and its description in English and in Chinese."""

    name: str
    severity: Literal["high", "medium", "low"]
    category: Literal["bug", "security", "performance", "convention", "simplification"]
    shapes: tuple[Shape, ...]
    en: str
    zh: str
    in_tests: bool = True


def compile_shape(
    suffixes: tuple[str, ...],
    pattern: str,
    view: View = "code",
    then: str | None = None,
    unless: str | None = None,
    unless_test: str | None = None,
    fix: tuple[str, str] | None = None,
    unless_before: str | None = None,
) -> Shape:
    """Return one shape with its patterns compiled."""
    second, unless_line, unless_value = (re.compile(text) if text else None for text in (then, unless, unless_test))
    before = re.compile(unless_before) if unless_before else None
    return Shape(suffixes, re.compile(pattern), view, second, unless_line, unless_value, before, fix)


def confirm_shapes(confirm: Confirm, *shapes: Shape) -> tuple[Shape, ...]:
    """Return the shapes, each of which the lines around have to confirm."""
    return tuple(replace(shape, confirm=confirm) for shape in shapes)
