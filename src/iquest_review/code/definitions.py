"""Recognize lines that define a name and lines that use it, by patterns that cover the common languages."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

MAX_NAMES = 50
MAX_LINE_CHARS = 1_000  # longer lines are minified code, which defines nothing that anybody would look up

_NAME = re.compile(r"[^\W\d]\w{0,99}")
_HIT = re.compile(rb"[0-9a-f]+:([^\0]+)\0(\d+)\0([^\n]*)\n")
# A keyword that comes somewhere before the name in a definition; no expression may begin between them.
_KEYWORD = (
    r"(?:def|class|func|function|fn|fun|struct|enum|union|interface|trait|impl|type|typedef|module|mod|namespace"
    r"|const|let|var|val|static|object|record|protocol|extension|macro|macro_rules!|\#\s*define|define|sub|proc|defn"
    r"|CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|VIEW|FUNCTION|PROCEDURE)(?:\s+IF\s+NOT\s+EXISTS)?)"
)
# Most uses look like this and are skipped quickly: a call whose value is assigned; the value is not a function.
_ASSIGNED_CALL = re.compile(rb"\s*+[\w.\[\]]++\s*+=\s*+[\w.]++\([^=>]*+$")
# The beginning of a comment, of a string (such as a Python docstring), or of a statement that defines nothing.
USE = re.compile(
    r"\s*(?://|/?\*|--|#(?!\s*define)|[rbfuRBFU]{0,2}[\"'`]|(?:return|if|else|elif|while|for|await|yield|throw|raise|new|case|import|from|assert|not)\b)"
)
# The beginning of a row that is not code.
_NO_CODE = re.compile(r"\s*(?://|/?\*|--|#(?!\s*(?:define|if|elif))|[rbfuRBFU]{0,2}[\"'`])")
# Words before a call that are not types, although a type would be there in a definition: `and wanted(x)`,
# `y for y in wanted(x)`.
NO_TYPE = (
    r"(?!(?:and|or|not|in|is|if|else|elif|for|with|as|del|print|echo|do|await|yield|return|throw|new|lambda|when|unless"
    r"|until|while)\s)"
)
# A name with an assigned value is a definition only if the value can be called.
FUNCTION = (
    r"(?:async\b|function\b|func\b|fn\b|lambda\b|class\b|struct\b|partial\(|proc\b|->"
    r"|(?:\([^()]*\)|\w+)\s*(?::[^=]{0,50})?=>)"
)


def filter_identifiers(names: Iterable[str]) -> list[str]:
    """Return the names that are identifiers, each once, at most MAX_NAMES: nothing else is searched for."""
    return [name for name in dict.fromkeys(names) if _NAME.fullmatch(name)][:MAX_NAMES]


def parse_definition_hits(printed: bytes, names: Sequence[str]) -> list[tuple[str, int, str]]:
    """Return the definitions in the output of `git grep -n -z` for a commit, as (path, line, text).

    They are in the order of the names, then in the order of the output. A row that is cut off is ignored.
    """
    ranked = list[tuple[int, str, int, str]]()
    for path, line, text in _parse_hits(printed, _ASSIGNED_CALL):
        ranks = (rank for rank, name in enumerate(names) if has_definition(text, name))
        if (rank := next(ranks, None)) is not None:
            ranked.append((rank, path, line, text))
    return [(path, line, text) for _, path, line, text in sorted(ranked, key=lambda hit: hit[0])]


def has_definition(text: str, name: str) -> bool:
    """Return whether a line looks like the definition of a name, not only like a mention of it."""
    return name in text and not USE.match(text) and _compile_definition(name).search(text) is not None


def parse_usage_hits(printed: bytes, names: Sequence[str], most: int) -> list[tuple[str, int, str]]:
    """Return the lines in the output of `git grep -n -z` for a commit that define or use these names in code.

    They are (path, line, text), in the order of the output. Of the lines that use a name, only the first `most` are
    returned.
    """
    kept, counted = dict[tuple[str, int, str], None](), Counter[str]()
    for path, line, text in _parse_hits(printed):
        if _NO_CODE.match(text):
            continue
        for name in [name for name in names if name in text]:
            is_definition = has_definition(text, name)
            if is_definition or (counted[name] < most and has_usage(text, name)):
                counted[name] += not is_definition
                kept[path, line, text] = None
    return list(kept)


def has_usage(text: str, name: str) -> bool:
    """Return whether a line uses a name in code: calls it, imports it, decorates or extends a class with it.

    A word in prose and a variable of that name do not count. The name of a class, which begins with a capital, also
    counts next to a bracket or an operator.
    """
    return name in text and _compile_usage(name).search(text) is not None


@lru_cache(256)
def _compile_usage(name: str) -> re.Pattern[str]:
    word = rf"(?<![\w$-]){re.escape(name)}(?![\w$-])"
    marked = rf"|[\[(,:|<>&*=]\s*{word}\s*(?:[\](),:|<>&*{{.=;]|$)|{word}\.\w" if name[:1].isupper() else ""
    return re.compile(
        rf"{word}[!?]?\s*(?:<[^<>()]{{0,100}}>)?\("
        rf"|^\s*(?:import|from|use|pub use|using|require|export|include)\b.*{word}|@{word}"
        rf"|\b(?:new|extends|implements|instanceof)\s+{word}{marked}"
    )


def _parse_hits(printed: bytes, without: re.Pattern[bytes] | None = None) -> Iterator[tuple[str, int, str]]:
    """Parse the rows of `git grep`, less overlong ones and those that match `without`."""
    index = 0
    while match := _HIT.match(printed, index):
        index = match.end()
        if len(match[3]) <= MAX_LINE_CHARS and not (without and without.match(match[3])):
            path = match[1].decode("utf-8", "backslashreplace")
            yield path, int(match[2]), match[3].removesuffix(b"\r").decode("utf-8", "backslashreplace")


@lru_cache(256)
def _compile_definition(name: str) -> re.Pattern[str]:
    """Compile the pattern of a line that defines a name.

    It has a keyword before the name, or assigns a function to it, or, as in C and Java, has a type before it and a
    parameter list after it without a semicolon.
    """
    word = rf"\b{re.escape(name)}\b"
    value = rf"\s*(?::[^=]{{0,100}})?(?:=(?![=>])|:=)\s*+(?!{FUNCTION})"
    return re.compile(
        rf"(?:^|[\s;{{(]){_KEYWORD}\s+(?:\([^()]{{0,100}}\)\s*)?[^=;(\"'`]{{0,200}}?{word}(?!{value})"
        rf"|^\s{{0,200}}(?:export\s+)?{word}\s*(?::[^=]{{0,100}})?(?::=|=(?!=)|:(?!:))\s*{FUNCTION}"
        rf"|^\s{{0,200}}(?:{NO_TYPE}[\w:<>,*&\[\]?.]{{1,100}}\s+){{1,8}}[*&]*(?:\w{{1,100}}::)?{word}\s*\([^;]*$",
        re.IGNORECASE if name.isupper() else 0,
    )
