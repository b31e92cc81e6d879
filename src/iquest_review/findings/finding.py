"""A finding: one remark on one place in the change."""

import re
from dataclasses import dataclass
from enum import StrEnum

from iquest_review.diff.diff import Side
from iquest_review.text import shorten_to_line

MAX_TITLE_CHARS = 100


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """The position in the order of severities; 0 is the worst."""
        return list(Severity).index(self)

    def is_at_least(self, threshold: "Severity") -> bool:
        """Return whether this severity is as bad as the threshold, or worse."""
        return self.rank <= threshold.rank


class Category(StrEnum):
    """What kind of problem a finding is about."""

    BUG = "bug"
    SECURITY = "security"
    PERFORMANCE = "performance"
    CONVENTION = "convention"
    SIMPLIFICATION = "simplification"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A remark by the model or by a built-in rule. Until it is verified, path, line and quote are unchecked."""

    path: str  # empty when the model named no file
    line: int | None  # counts from 1 on `side`; None when the model named no line
    end_line: int | None
    side: Side
    severity: Severity
    category: Category
    title: str  # one line
    description: str
    quote: str  # the cited code; may be empty
    fix: str | None  # code that should replace the cited lines


def derive_title(description: str) -> str:
    """Return the first sentence of a description on one line, at most MAX_TITLE_CHARS characters."""
    return shorten_to_line(re.split(r"(?<=[.!?])\s|(?<=[。！？])|\n", description, maxsplit=1)[0], MAX_TITLE_CHARS)
