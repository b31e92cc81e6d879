"""Whether two remarks are one: models say the same thing twice, in other words, or as another kind of mistake.

Only remarks on the same line can be one. Those on lines next to each other may be twins: two passwords, two lines.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from iquest_review.merge_request.markdown import JOINER
from iquest_review.merge_request.outcome import PlacedFinding

ALIKE = 0.5  # share of the shorter text's words that the other one has, too
LEAST_WORDS = 4  # shorter texts say too little to be told apart by their words

_WORD = re.compile(r"[a-z]\w{2,}|[0-9]+|[\u4e00-\u9fff\u3040-\u30ff]")
_IDLE = frozenset("the this that and for with are was not can may will has have when which its from into but".split())


def alike(one: str, other: str) -> bool:
    """Whether two texts say about the same thing."""
    first, second = _words(one), _words(other)
    fewer = min(len(first), len(second))
    return fewer >= LEAST_WORDS and len(first & second) >= ALIKE * fewer


def merged(findings: Sequence[PlacedFinding]) -> list[PlacedFinding]:
    """The findings without their near-duplicates, worst first. What cannot be told apart later, since it has one
    identity on one place, is one finding that says both."""
    kept = list[PlacedFinding]()
    for finding in sorted(findings, key=lambda finding: finding.severity.rank):
        for index, earlier in enumerate(kept):
            same = earlier.fingerprint == finding.fingerprint
            if overlap(earlier, finding) and (same or alike(earlier.description, finding.description)):
                if not alike(earlier.description, finding.description) and earlier.description != finding.description:
                    kept[index] = replace(earlier, description=f"{earlier.description}\n\n{finding.description}")
                break
        else:
            kept.append(finding)
    return kept


def overlap(one: PlacedFinding, other: PlacedFinding) -> bool:
    """Whether two findings have a line in common, or are both about a whole file."""
    if (one.path, one.side) != (other.path, other.side):
        return False
    if one.line is None or other.line is None:
        return one.line is other.line
    return one.line <= (other.end_line or other.line) and other.line <= (one.end_line or one.line)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.replace(JOINER, "").lower())) - _IDLE
