"""Lines that define a name, among those that only use it: told by how they look, in the languages people write."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

MAX_NAMES = 50
MAX_LINE_CHARS = 1_000  # characters; minified code defines nothing anybody would look up

_NAME = re.compile(r"[^\W\d]\w{0,99}")
_HIT = re.compile(rb"[0-9a-f]+:([^\0]+)\0(\d+)\0([^\n]*)\n")
# What may stand before the name of a definition: a keyword, anywhere before it where no expression has begun yet.
_KEYWORD = (
    r"(?:def|class|func|function|fn|fun|struct|enum|union|interface|trait|impl|type|typedef|module|mod|namespace"
    r"|const|let|var|val|static|object|record|protocol|extension|macro|macro_rules!|\#\s*define|define|sub|proc|defn"
    r"|CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|VIEW|FUNCTION|PROCEDURE)(?:\s+IF\s+NOT\s+EXISTS)?)"
)
# What nearly all uses are, told at once: the value of something, which is no function itself.
_CALL = re.compile(rb"\s*+[\w.\[\]]++\s*+=\s*+[\w.]++\([^=>]*+$")
# What begins a comment, a text (as that of a Python docstring), or a statement that defines nothing.
USE = re.compile(
    r"\s*(?://|/?\*|--|#(?!\s*define)|[rbfuRBFU]{0,2}[\"'`]|(?:return|if|else|elif|while|for|await|yield|throw|raise|new|case|import|from|assert|not)\b)"
)


# What begins a row that is no code.
_NO_CODE = re.compile(r"\s*(?://|/?\*|--|#(?!\s*(?:define|if|elif))|[rbfuRBFU]{0,2}[\"'`])")
# What stands before a call as a type would before a definition: `and wanted(x)`, `y for y in wanted(x)`.
NO_TYPE = (
    r"(?!(?:and|or|not|in|is|if|else|elif|for|with|as|del|print|echo|do|await|yield|return|throw|new|lambda|when|unless"
    r"|until|while)\s)"
)

# A name that is given a value is a definition only where the value is something to call.
FUNCTION = (
    r"(?:async\b|function\b|func\b|fn\b|lambda\b|class\b|struct\b|partial\(|proc\b|->"
    r"|(?:\([^()]*\)|\w+)\s*(?::[^=]{0,50})?=>)"
)


def filter_identifiers(names: Iterable[str]) -> list[str]:
    """Those of the names that are identifiers, each once: nothing else is looked for."""
    return [name for name in dict.fromkeys(names) if _NAME.fullmatch(name)][:MAX_NAMES]


def parse_definition_hits(printed: bytes, names: Sequence[str]) -> list[tuple[str, int, str]]:
    """The definitions in what `git grep -n -z` printed for a commit, as (path, line, text): by the order of the names,
    then as printed. A row that is cut off is not read."""
    ranked = list[tuple[int, str, int, str]]()
    for path, line, text in _parse_hits(printed, _CALL):
        looked = (rank for rank, name in enumerate(names) if has_definition(text, name))
        if (rank := next(looked, None)) is not None:
            ranked.append((rank, path, line, text))
    return [(path, line, text) for _, path, line, text in sorted(ranked, key=lambda hit: hit[0])]


def has_definition(text: str, name: str) -> bool:
    """Whether a line looks like the definition of a name, and does more than mention it."""
    return name in text and not USE.match(text) and _compile_definition(name).search(text) is not None


def parse_usage_hits(printed: bytes, names: Sequence[str], most: int) -> list[tuple[str, int, str]]:
    """The lines in what `git grep -n -z` printed for a commit that define these names, and those that call, import or
    otherwise use them in code, as (path, line, text), in the order printed: of the latter for each name its first
    `most`."""
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
    """Whether a line uses a name as code does, not as prose or a variable of that name: calls or imports it, decorates
    with it; of a class, which begins with a capital, what stands by a mark counts, too."""
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
    at = 0
    while match := _HIT.match(printed, at):
        at = match.end()
        if len(match[3]) <= MAX_LINE_CHARS and not (without and without.match(match[3])):
            path = match[1].decode("utf-8", "backslashreplace")
            yield path, int(match[2]), match[3].removesuffix(b"\r").decode("utf-8", "backslashreplace")


@lru_cache(256)
def _compile_definition(name: str) -> re.Pattern[str]:
    """A keyword before the name, or a function that is assigned to it; or, as in C and Java, a type before it and a
    parameter list after it that no semicolon ends."""
    word = rf"\b{re.escape(name)}\b"
    value = rf"\s*(?::[^=]{{0,100}})?(?:=(?![=>])|:=)\s*+(?!{FUNCTION})"
    return re.compile(
        rf"(?:^|[\s;{{(]){_KEYWORD}\s+(?:\([^()]{{0,100}}\)\s*)?[^=;(\"'`]{{0,200}}?{word}(?!{value})"
        rf"|^\s{{0,200}}(?:export\s+)?{word}\s*(?::[^=]{{0,100}})?(?::=|=(?!=)|:(?!:))\s*{FUNCTION}"
        rf"|^\s{{0,200}}(?:{NO_TYPE}[\w:<>,*&\[\]?.]{{1,100}}\s+){{1,8}}[*&]*(?:\w{{1,100}}::)?{word}\s*\([^;]*$",
        re.IGNORECASE if name.isupper() else 0,
    )
