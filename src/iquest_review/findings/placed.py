"""A finding with its identity and its place."""

from dataclasses import dataclass
from enum import StrEnum

from iquest_review.findings.finding import Finding
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position

MAX_PLACES = 30  # further places that one thread lists


class Placement(StrEnum):
    """Where a finding is shown: on its line, or in the summary note."""

    INLINE = "inline"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class OtherPlace:
    """A further place of a finding in its file, which its thread lists. Its lines are on the finding's side."""

    line: int
    end_line: int | None
    anchor: str
    anchored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFinding(Finding):
    """A finding with its identity and its place; `placement_reason` says why it is not on a line.

    `anchor` is the digest of the text of its lines, `anchored` how many lines that are; `twins` are the last lines of
    other places in the file with the same text; `replacement` is the exact text that a click can put in place of its
    lines; `thread` is the discussion that it has from an earlier run.
    """

    fingerprint: str
    placement: Placement
    placement_reason: PlacementReason | None = None
    anchor: str = ""
    anchored: int = 0
    twins: tuple[int, ...] = ()
    other_places: tuple[OtherPlace, ...] = ()  # where the file deserves the same sentence
    thread: str = ""
    names: tuple[str, ...] = ()  # former names of its file, under which earlier threads may be
    position: Position | None = None
    replacement: str | None = None

    @property
    def is_placed(self) -> bool:
        """Whether it has a thread, can have one, or is at least about known lines of the change.

        Nobody can check, resolve or waive any other finding: it never counts for `fail_on`.
        """
        return self.placement is Placement.INLINE or self.line is not None
