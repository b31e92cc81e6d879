"""A finding's identity: its file, the text of its lines, and what it says. Line numbers move, text seldom changes.

The category does not belong to it: models call the same remark a convention today and something else tomorrow. A marker
in the thread's first note holds it, with what later runs need to find the lines again. The marker is hidden from
readers, but anybody can copy it: it counts only in a note of the bot's own user.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Finding, Severity

_HEX_DIGITS = 16  # 64 bits


class Mark(NamedTuple):
    """The content of a thread's marker."""

    fingerprint: str
    anchor: str  # digest of the text of the anchored lines
    lines: int  # the number of anchored lines; 0: the thread is about the whole file
    side: Side
    severity: Severity
    category: Category
    also: tuple[tuple[str, int], ...] = ()  # anchor and number of lines of the further places it lists


def join_words(lines: Sequence[str]) -> str:
    """Return the words of the lines. White space and blank lines do not belong to the identity."""
    return " ".join(" ".join(lines).split())


def digest(text: str) -> str:
    """Return the first 16 hexadecimal digits of a text's SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HEX_DIGITS]


def compute_fingerprint(finding: Finding, anchor: str) -> str:
    """Return a finding's fingerprint, 16 hexadecimal digits.

    `anchor` is the text of the finding's lines. White space does not count, neither there nor in the description.
    """
    return digest("\0".join((finding.path, join_words([anchor]), join_words([finding.description]))))


def format_marker(mark: Mark) -> str:
    """Return the hidden first line of a thread's first note."""
    anchor = f"{mark.anchor}:{mark.lines}:{mark.side}"
    also = ",".join(f"{other}:{lines}" for other, lines in mark.also)
    places = f"anchor={anchor} also={also}" if also else f"anchor={anchor}"
    return f"<!-- iquest-review:finding {mark.fingerprint} {places} {mark.severity} {mark.category} -->"


_MARKER = re.compile(
    r"<!-- iquest-review:finding (?P<fingerprint>[0-9a-f]{16}) anchor=(?P<anchor>[0-9a-f]{16}):(?P<lines>\d{1,8})"
    rf":(?P<side>{'|'.join(Side)})(?: also=(?P<also>[0-9a-f:,]{{1,4000}}))?"
    rf" (?P<severity>{'|'.join(Severity)}) (?P<category>{'|'.join(Category)}) -->\n"
)
_ALSO = re.compile(r"\b([0-9a-f]{16}):(\d{1,8})\b")


def parse_marker(body: str) -> Mark | None:
    """Return the mark at the start of a note's body, or None when there is no valid marker."""
    match = _MARKER.match(body.replace("\r", ""))
    if not match:
        return None
    return Mark(
        match["fingerprint"],
        match["anchor"],
        int(match["lines"]),
        Side(match["side"]),
        Severity(match["severity"]),
        Category(match["category"]),
        tuple((anchor, int(lines)) for anchor, lines in _ALSO.findall(match["also"] or "")),
    )
