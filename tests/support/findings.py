"""A finding as a model makes one, for tests that are about something else."""

from dataclasses import replace
from typing import Any

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Finding, Severity

_PLAIN = Finding(
    path="a.py",
    line=None,
    end_line=None,
    side=Side.NEW,
    severity=Severity.HIGH,
    category=Category.BUG,
    title="It fails.",
    description="It fails.",
    quote="",
    fix=None,
)


def made(**changed: Any) -> Finding:
    """A finding without a line or a quote, but for what is given."""
    return replace(_PLAIN, **changed)
