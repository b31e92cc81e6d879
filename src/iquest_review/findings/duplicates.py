"""Whether two findings say the same: models repeat a remark in other words, or as another category.

Only findings that share a line can be duplicates. Those on neighbouring lines may be two of a kind: two passwords on
two lines.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from iquest_review.findings.placed import PlacedFinding
from iquest_review.text import JOINER

# The share of the shorter text's words that the other text has as well. None of 62 pairs of findings on the same lines
# (aacr-bench) reaches it; two pairs share half of their words and say different things. To lose a finding is worse
# than to show it twice.
MIN_COMMON_WORD_RATIO = 0.6
MIN_WORDS = 4  # shorter texts have too few words to compare

_HAN = r"[\u3040-\u30ff\u3400-\u9fff]"  # written without spaces between words: each character counts as a word
_WORD = re.compile(rf"{_HAN}|[0-9]+|(?!{_HAN})[^\W\d_](?:(?!{_HAN})\w){{2,}}")
_STOP_WORDS = frozenset(
    "the this that and for with are was not can may will has have when which its from into but".split()
)


def is_similar_text(text: str, other: str) -> bool:
    """Return whether two texts say about the same."""
    first, second = _extract_words(text), _extract_words(other)
    fewer = min(len(first), len(second))
    return fewer >= MIN_WORDS and len(first & second) >= MIN_COMMON_WORD_RATIO * fewer


def merge_duplicates(findings: Sequence[PlacedFinding]) -> list[PlacedFinding]:
    """Return the findings without near-duplicates, worst first.

    Two findings with the same identity and a common line could not be told apart in a later run: they become one
    finding with both texts.
    """
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


def _merge_pair(finding: PlacedFinding, other: PlacedFinding) -> PlacedFinding:
    """Merge two findings: keep the longer of two similar texts, or both texts, and the fix of either."""
    if finding.fix is None and (finding.line, finding.end_line) == (other.line, other.end_line):
        finding = replace(finding, fix=other.fix, quote=other.quote, replacement=other.replacement)
    if finding.description == other.description:
        return finding
    if not is_similar_text(finding.description, other.description):
        return replace(finding, description=f"{finding.description}\n\n{other.description}")
    if len(_extract_words(other.description)) <= len(_extract_words(finding.description)):
        return finding
    return replace(finding, title=other.title, description=other.description)


def is_same_finding(finding: PlacedFinding, other: PlacedFinding) -> bool:
    """Return whether two findings have the same identity and a line in common."""
    return finding.fingerprint == other.fingerprint and has_overlap(finding, other)


def has_overlap(finding: PlacedFinding, other: PlacedFinding) -> bool:
    """Return whether two findings have a line in common, or are both about the same whole file."""
    if (finding.path, finding.side) != (other.path, other.side):
        return False
    if finding.line is None or other.line is None:
        return finding.line is other.line
    return finding.line <= (other.end_line or other.line) and other.line <= (finding.end_line or finding.line)


def _extract_words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.replace(JOINER, "").lower())) - _STOP_WORDS
