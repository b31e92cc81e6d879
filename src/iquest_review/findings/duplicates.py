"""Whether two remarks are one: models say the same thing twice, in other words, or as another kind of mistake.

Only remarks on the same line can be one. Those on lines next to each other may be twins: two passwords, two lines.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from iquest_review.findings.placed import PlacedFinding
from iquest_review.text import JOINER

# Share of the shorter text's words that the other one has, too. Of 62 pairs of remarks on the same lines (aacr-bench)
# none has it; two have half, and say different things. A finding that is lost costs more than one that is said twice.
MIN_COMMON_WORD_RATIO = 0.6
MIN_WORDS = 4  # shorter texts say too little to be told apart by their words

_HAN = r"[\u3040-\u30ff\u3400-\u9fff]"  # without blanks between the words: each character counts as one
_WORD = re.compile(rf"{_HAN}|[0-9]+|(?!{_HAN})[^\W\d_](?:(?!{_HAN})\w){{2,}}")
_STOP_WORDS = frozenset(
    "the this that and for with are was not can may will has have when which its from into but".split()
)


def is_similar_text(one: str, other: str) -> bool:
    """Whether two texts say about the same thing."""
    first, second = _extract_words(one), _extract_words(other)
    fewer = min(len(first), len(second))
    return fewer >= MIN_WORDS and len(first & second) >= MIN_COMMON_WORD_RATIO * fewer


def merge_duplicates(findings: Sequence[PlacedFinding]) -> list[PlacedFinding]:
    """The findings without their near-duplicates, worst first. What cannot be told apart later, since it has one
    identity on one place, is one finding that says both."""
    kept = list[PlacedFinding]()
    for finding in sorted(findings, key=lambda finding: finding.severity.rank):
        for index, earlier in enumerate(kept):
            close = has_overlap(earlier, finding) and is_similar_text(earlier.description, finding.description)
            if close or is_same_finding(earlier, finding):
                kept[index] = _merge_pair(earlier, finding)
                break
        else:
            kept.append(finding)
    return kept


def _merge_pair(one: PlacedFinding, other: PlacedFinding) -> PlacedFinding:
    """One finding for two: of two wordings the fuller one, of two remarks both; with the fix of either."""
    if one.fix is None and (one.line, one.end_line) == (other.line, other.end_line):
        one = replace(one, fix=other.fix, quote=other.quote, replacement=other.replacement)
    if one.description == other.description:
        return one
    if not is_similar_text(one.description, other.description):
        return replace(one, description=f"{one.description}\n\n{other.description}")
    if len(_extract_words(other.description)) <= len(_extract_words(one.description)):
        return one
    return replace(one, title=other.title, description=other.description)


def is_same_finding(one: PlacedFinding, other: PlacedFinding) -> bool:
    """Whether two findings are one and the same: by their identity, and on a line they both stand on."""
    return one.fingerprint == other.fingerprint and has_overlap(one, other)


def has_overlap(one: PlacedFinding, other: PlacedFinding) -> bool:
    """Whether two findings have a line in common, or are both about a whole file."""
    if (one.path, one.side) != (other.path, other.side):
        return False
    if one.line is None or other.line is None:
        return one.line is other.line
    return one.line <= (other.end_line or other.line) and other.line <= (one.end_line or one.line)


def _extract_words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.replace(JOINER, "").lower())) - _STOP_WORDS
