"""A finding: one remark on one place of the change."""

import re
from dataclasses import dataclass
from enum import StrEnum

from iquest_review.diff.diff import Side
from iquest_review.text import shorten_to_line

MAX_TITLE_CHARS = 100  # characters


class Severity(StrEnum):
    """How bad it is, worst first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)

    def is_at_least(self, threshold: "Severity") -> bool:
        """Whether this is as bad as the threshold, or worse."""
        return self.rank <= threshold.rank


class Category(StrEnum):
    """What kind of remark it is."""

    BUG = "bug"
    SECURITY = "security"
    PERFORMANCE = "performance"
    CONVENTION = "convention"
    SIMPLIFICATION = "simplification"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the model remarks. Before it is verified, path, line and quote are the model's words."""

    path: str  # empty when the model named none
    line: int | None  # counts from 1 on `side`; None when the model named none
    end_line: int | None
    side: Side
    severity: Severity
    category: Category
    title: str  # one line
    description: str
    quote: str  # the code it cites, or nothing
    fix: str | None  # code to stand in place of the cited lines


def derive_title(description: str) -> str:
    """The first sentence of a description, on one line."""
    return shorten_to_line(re.split(r"(?<=[.!?])\s|(?<=[。！？])|\n", description, maxsplit=1)[0], MAX_TITLE_CHARS)
