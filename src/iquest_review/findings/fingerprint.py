"""A finding's identity: the file, the text it stands on and its category. Line numbers move, text seldom does.

It is hidden in the thread's first note, with what later runs need to find its lines again. Anybody can copy a marker:
it counts only in a note of the bot's own user.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Finding, Severity

_DIGITS = 16  # hexadecimal: 64 bits


class Mark(NamedTuple):
    """What a thread's marker says."""

    fingerprint: str
    anchor: str  # digest of the anchored lines' text
    lines: int  # how many they are; 0: the thread is about the whole file
    side: Side
    severity: Severity
    category: Category


def join_words(lines: Sequence[str]) -> str:
    """The lines' words; white space, blank lines among it, says nothing about identity."""
    return " ".join(" ".join(lines).split())


def digest(text: str) -> str:
    """16 hexadecimal digits of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def compute_fingerprint(finding: Finding, anchor: str) -> str:
    """16 hexadecimal digits; `anchor` is the text of the lines the finding stands on, its white space aside."""
    return digest("\0".join((finding.path, join_words([anchor or finding.title]), finding.category)))


def format_marker(mark: Mark) -> str:
    """The hidden first line of a thread's first note."""
    anchor = f"{mark.anchor}:{mark.lines}:{mark.side}"
    return f"<!-- iquest-review:finding {mark.fingerprint} anchor={anchor} {mark.severity} {mark.category} -->"


_MARKER = re.compile(
    r"<!-- iquest-review:finding (?P<fingerprint>[0-9a-f]{16}) anchor=(?P<anchor>[0-9a-f]{16}):(?P<lines>\d{1,8})"
    rf":(?P<side>{'|'.join(Side)}) (?P<severity>{'|'.join(Severity)}) (?P<category>{'|'.join(Category)}) -->\n"
)


def parse_marker(body: str) -> Mark | None:
    """The mark of a note's body; None when it does not begin with one."""
    found = _MARKER.match(body.replace("\r", ""))
    if not found:
        return None
    return Mark(
        found["fingerprint"],
        found["anchor"],
        int(found["lines"]),
        Side(found["side"]),
        Severity(found["severity"]),
        Category(found["category"]),
    )
