"""Lines of a commit that mention names, out of what `git grep` prints: which define a name, which use it in code."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from iquest_review.code.definitions import MAX_LINE_CHARS, is_code, is_defined, is_used, may_define

MAX_DEFINITIONS, MAX_USES = 50, 50  # lines kept for each name
MAX_LINES = 500  # that mention a name; on more, it is one that everybody knows, and reading them all takes a second

SourceLine = tuple[str, int, str]  # path, line and text

_NAME = re.compile(r"[^\W\d]\w{0,99}")
_HIT = re.compile(r"^[0-9a-f]+:([^\0]+)\0([0-9]+)\0([^\n]*)\n", re.MULTILINE)


@dataclass(slots=True)
class Mentions:
    """The first lines of a commit that define a name, and those that only use it in code, in the order of the paths."""

    definitions: list[SourceLine] = field(default_factory=list)
    uses: list[SourceLine] = field(default_factory=list)


def filter_identifiers(names: Iterable[str]) -> list[str]:
    """Return the names that are identifiers, each once: nothing else is searched for."""
    return [name for name in dict.fromkeys(names) if _NAME.fullmatch(name)]


def write_alternation(names: Iterable[str]) -> str:
    """Return an extended regular expression for any of these identifiers; common beginnings stand in it once.

    Alternatives are tried one by one at each word: of 200 names, side by side, that takes twice as long.
    """
    rests = defaultdict[str, list[str]](list)
    for name in names:
        rests[name[:1]].append(name[1:])
    is_whole = rests.pop("", None) is not None
    branches = "|".join(first + write_alternation(rest) for first, rest in sorted(rests.items()))
    if is_whole:
        return f"({branches})?" if branches else ""
    return f"({branches})" if len(rests) > 1 else branches


def sort_mentions(printed: bytes, names: Sequence[str]) -> dict[str, Mentions]:
    """Return the mentions of these identifiers in the output of `git grep -n -z` for a commit.

    A name that stands there more than MAX_LINES times has none. A line counts as the definition of one name: its first.
    A row that is cut off is ignored.
    """
    found, lines, everywhere = {name: Mentions() for name in names}, Counter[str](), set[str]()
    word = re.compile(rf"\b{write_alternation(names).replace('(', '(?:')}\b")
    for hit in _parse_hits(printed.decode("utf-8", "backslashreplace")):
        words = [match for match in word.finditer(hit[2]) if match[0] not in everywhere]
        if words and is_code(hit[2]):
            _keep_mentions(hit, words, found)
        for match in words:
            lines[match[0]] += 1
            if lines[match[0]] > MAX_LINES:
                everywhere.add(match[0])
    return {name: Mentions() if name in everywhere else mentions for name, mentions in found.items()}


def _keep_mentions(hit: SourceLine, words: Iterable[re.Match[str]], found: Mapping[str, Mentions]) -> None:
    may_be_first, seen = may_define(hit[2]), set[str]()
    for match in words:
        mentions, place = found[match[0]], match.span()
        if may_be_first and is_defined(hit[2], *place):
            may_be_first = False
            kept = mentions.definitions if len(mentions.definitions) < MAX_DEFINITIONS else None
        else:
            kept = mentions.uses if len(mentions.uses) < MAX_USES and is_used(hit[2], *place) else None
        if kept is not None and match[0] not in seen:
            seen.add(match[0])
            kept.append(hit)


def _parse_hits(printed: str) -> Iterator[SourceLine]:
    """Parse the rows of `git grep`, less overlong ones."""
    for match in _HIT.finditer(printed):
        if len(match[3]) <= MAX_LINE_CHARS:
            yield match[1], int(match[2]), match[3].removesuffix("\r")
