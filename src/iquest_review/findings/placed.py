"""A finding with its identity and its place."""

from dataclasses import dataclass
from enum import StrEnum

from iquest_review.findings.finding import Finding
from iquest_review.findings.position import Position

OVER_LIMIT = "over IQUEST_MAX_FINDINGS"
REFUSED = "GitLab takes no thread there"


class Placement(StrEnum):
    """Where a finding stands."""

    INLINE = "inline"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFinding(Finding):
    """A finding with its identity and its place; `placement_reason` says why it is not on a line.

    `anchor` is the digest of the text it stands on, of `anchored` lines; `twins` are the last lines of the other places
    with that text; `replacement` is a fix that fits those lines letter by letter.
    """

    fingerprint: str
    placement: Placement
    placement_reason: str | None = None
    anchor: str = ""
    anchored: int = 0
    twins: tuple[int, ...] = ()
    names: tuple[str, ...] = ()  # other names of its file, that earlier threads may have
    position: Position | None = None
    replacement: str | None = None
