"""A finding with its identity and its place, and how review.json holds it."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, GetCoreSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema

from iquest_review.findings.finding import Finding
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position, Unplaced

MAX_PLACES = 30  # further places that one thread lists


class Placement(StrEnum):
    """Where a finding is shown: on its line, or in the summary note."""

    INLINE = "inline"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class InThread:
    """The place of a finding whose thread exists, wherever in the change GitLab shows it."""


@dataclass(frozen=True, slots=True)
class Demoted:
    """The place of a finding that is in the summary note, although its position is known; None: nobody says why."""

    position: Position
    reason: PlacementReason | None


Place = Position | InThread | Demoted | Unplaced


def demote(place: Place, reason: PlacementReason | None) -> Demoted | Unplaced:
    """Return the place of a finding that moves to the summary note."""
    match place:
        case Position():
            return Demoted(place, reason)
        case Demoted():
            return Demoted(place.position, reason)
    return Unplaced(reason)


def promote(place: Place) -> Position | InThread:
    """Return the place of a finding that has a thread."""
    match place:
        case Position():
            return place
        case Demoted():
            return place.position
    return InThread()


@dataclass(frozen=True, slots=True)
class OtherPlace:
    """A further place of a finding in its file, which its thread lists. Its lines are on the finding's side."""

    line: int
    end_line: int | None
    anchor: str
    anchored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFinding(Finding):
    """A placed finding as review.json holds it, with its place in three values."""

    fingerprint: str
    placement: Placement
    placement_reason: PlacementReason | None = None
    anchor: str = ""
    anchored: int = 0
    twins: tuple[int, ...] = ()
    other_places: tuple[OtherPlace, ...] = ()
    thread: str = ""
    names: tuple[str, ...] = ()
    position: Position | None = None
    replacement: str | None = None

    def build_place(self) -> Place:
        """Return the place as one value."""
        if self.placement is Placement.INLINE:
            return self.position or InThread()
        return Demoted(self.position, self.placement_reason) if self.position else Unplaced(self.placement_reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFinding(Finding):
    """A finding with its identity and its place.

    `anchor` is the digest of the text of its lines, `anchored` how many lines that are; `twins` are the last lines of
    other places in the file with the same text; `replacement` is the exact text that a click can put in place of its
    lines; `thread` is the discussion that it has from an earlier run.
    """

    stored_form: ClassVar[type[StoredFinding]] = StoredFinding

    fingerprint: str
    place: Place
    anchor: str = ""
    anchored: int = 0
    twins: tuple[int, ...] = ()
    other_places: tuple[OtherPlace, ...] = ()  # where the file deserves the same sentence
    thread: str = ""
    names: tuple[str, ...] = ()  # former names of its file, under which earlier threads may be
    replacement: str | None = None

    @property
    def placement(self) -> Placement:
        """Where it is shown."""
        return Placement.INLINE if isinstance(self.place, Position | InThread) else Placement.SUMMARY

    @property
    def placement_reason(self) -> PlacementReason | None:
        """Why it is not on its line."""
        return self.place.reason if isinstance(self.place, Demoted | Unplaced) else None

    @property
    def position(self) -> Position | None:
        """Its position, wherever it is shown."""
        match self.place:
            case Position() as position:
                return position
            case Demoted(position):
                return position
        return None

    @property
    def is_placed(self) -> bool:
        """Whether it has a thread, can have one, or is at least about known lines of the change.

        Nobody can check, resolve or waive any other finding: it never counts for `fail_on`.
        """
        return self.placement is Placement.INLINE or self.line is not None

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the stored form."""
        # `return_type`: what is stored is a plain value, whose schema need not be made again.
        read, write = AfterValidator(cls.restore), PlainSerializer(_store, return_type=Any)
        return handler.generate_schema(Annotated[cls.stored_form, read, write])

    @classmethod
    def restore(cls, stored: StoredFinding) -> "PlacedFinding":
        """Return the finding that was stored."""
        names = {field.name for field in fields(cls)} - {"place"}
        return cls(**{name: getattr(stored, name) for name in names}, place=stored.build_place())


def _store(finding: PlacedFinding) -> StoredFinding:
    """Return the form in which review.json holds a finding."""
    form = finding.stored_form
    return form(**{field.name: getattr(finding, field.name) for field in fields(form)})
