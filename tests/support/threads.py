"""Findings to be posted on their lines, and the threads that they have."""

from typing import Any

from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.findings.position import Position
from iquest_review.gitlab.existing import Thread
from iquest_review.note.thread import build_mark, compose_thread
from iquest_review.note.words_en import ENGLISH
from tests.support import outcomes


def inline_finding(**changed: Any) -> PlacedFinding:
    """A finding on line 3 of app/total.py, to be posted there."""
    place = Position("app/total.py", "app/total.py", None, 3)
    return outcomes.finding(
        **{"placement": Placement.INLINE, "position": place, "anchor": "a" * 16, "anchored": 1, **changed}
    )


def thread_of(finding: PlacedFinding, **changed: Any) -> Thread:
    """The thread of a finding, where it was posted."""
    fields: dict[str, Any] = {
        "id": "d" * 40,
        "note": 60,
        "mark": build_mark(finding),
        "body": compose_thread(finding, ENGLISH),
        "path": finding.path,
        "line": finding.end_line or finding.line,
        "head": "h",
        "resolved": False,
    }
    return Thread(**{**fields, **changed})
