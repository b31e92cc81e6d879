"""The outcome of one review: everything that the note says and review.json keeps."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Annotated, ClassVar

from iquest_review.excerpt.excerpt import Coverage
from iquest_review.excerpt.exclusions import Omission
from iquest_review.findings.finding import Severity
from iquest_review.findings.placed import PlacedFinding, StoredFinding
from iquest_review.merge_request import DiffRefs, MergeRequest
from iquest_review.reasons.explanation import StoredByKind
from iquest_review.reasons.review import NothingToReview, OutcomeReason


class ReviewStatus(StrEnum):
    """How far the review got."""

    REVIEWED = "reviewed"
    PARTIAL = "partial"  # the model saw or answered only a part
    RAW = "raw"  # the model answered, but not in a form that can be checked
    NOT_REVIEWED = "not_reviewed"


class SettledReason(StrEnum):
    """Why an earlier finding is settled."""

    GONE = "gone"  # its lines no longer exist
    FIXED = "fixed"  # the model says so, asked about exactly this finding
    LEFT = "left"  # settled, but GitLab does not let the bot resolve its thread
    UNPLACED = "unplaced"  # it never had a line, and a later review did not repeat it
    WAIVED = "waived"  # a member of the project waived it


@dataclass(frozen=True)
class SettledFinding:
    """An earlier finding that is settled; `thread` is its discussion, empty for a finding of the note."""

    thread: str
    why: SettledReason


class HeldBackReason(StrEnum):
    """Why a finding is not raised again."""

    WAIVED = "waived"  # a member replied `ignore: reason`, or gave it a thumbs-down
    RESOLVED = "resolved"  # a person resolved its thread


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHeldBackFinding(StoredFinding):
    """A finding that people settled, as review.json holds it."""

    why: HeldBackReason


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBackFinding(PlacedFinding):
    """A finding of this review that is not raised again; `thread` is the discussion in which people settled it."""

    stored_form: ClassVar[type[StoredFinding]] = StoredHeldBackFinding

    why: HeldBackReason


def hold_back(finding: PlacedFinding, thread: str, why: HeldBackReason) -> HeldBackFinding:
    """Return the finding as one that people settled in this thread."""
    known = {field.name: getattr(finding, field.name) for field in fields(PlacedFinding)}
    return HeldBackFinding(**{**known, "thread": thread}, why=why)


@dataclass(frozen=True)
class OpenThread:
    """An earlier finding that is still open, and where its lines are now; `thread` is empty for one of the note."""

    thread: str
    severity: Severity
    path: str
    line: int | None

    @property
    def is_placed(self) -> bool:
        """Whether it has a thread, or is at least about known lines."""
        return bool(self.thread) or self.line is not None


@dataclass(frozen=True)
class ReviewedScope:
    """What a later run may take as reviewed; `settings` is the digest of the settings of this review."""

    settings: str
    hunks: tuple[str, ...]  # the identities of all hunks of the change that a model has seen
    whole: bool  # no part of the change is missing for lack of room or of a usable answer
    afresh: bool  # earlier reviews were ignored


@dataclass(frozen=True)
class PromptUsed:
    """The prompt templates that were used."""

    language: str
    digest: str


@dataclass(frozen=True)
class Usage:
    """What the review cost; the server counts the tokens."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One review.

    `reasons` say to users why its status is not `reviewed`, or why a review had nothing to do.
    """

    status: ReviewStatus
    reasons: tuple[Annotated[OutcomeReason, StoredByKind()], ...] = ()
    merge_request: MergeRequest | None = None
    diff_refs: DiffRefs | None = None
    model: str | None = None
    prompt: PromptUsed
    summary: str = ""
    before: str = ""  # the summary of the last review of the whole change, when this one saw only a part
    before_head: str = ""  # the commit which that review saw
    suggestions: tuple[str, ...] = ()
    findings: tuple[PlacedFinding, ...] = ()
    kept: tuple[PlacedFinding, ...] = ()  # findings of the note from earlier reviews
    still_open: tuple[OpenThread, ...] = ()  # threads from earlier reviews that stay open
    settled: tuple[SettledFinding, ...] = ()
    held_back: tuple[HeldBackFinding, ...] = ()  # not raised, because somebody waived or resolved them
    steering: tuple[str, ...] = ()  # changed files that steer reviews: settings, rules, prompts
    ignored_settings: tuple[str, ...] = ()  # variables that are no settings, but look like misspelled ones
    merged: int = 0  # findings that were merged into a duplicate
    reviewed: ReviewedScope | None = None
    raw: str | None = None
    coverage: tuple[Coverage, ...] = ()
    omissions: tuple[Omission, ...] = ()
    usage: Usage = field(default_factory=Usage)

    @property
    def reason(self) -> str | None:
        """The reasons in English, on one line."""
        return "; ".join(map(str, self.reasons)) or None

    @property
    def failed(self) -> bool:
        """Whether the review is unusable."""
        return self.status in (ReviewStatus.NOT_REVIEWED, ReviewStatus.RAW)

    @property
    def nothing_to_review(self) -> bool:
        """Whether no line of the change could be reviewed."""
        return self.status is ReviewStatus.REVIEWED and NothingToReview() in self.reasons

    @property
    def head(self) -> str:
        """The reviewed commit; empty when no merge request is known."""
        return self.diff_refs.head_sha if self.diff_refs else ""

    @property
    def severities(self) -> tuple[Severity, ...]:
        """The severities of all open findings that have a place, of this review and of earlier ones.

        They are what the note's headline counts and what `fail_on` looks at.
        """
        findings = (finding.severity for finding in (*self.findings, *self.kept) if finding.is_placed)
        return (*findings, *(thread.severity for thread in self.still_open if thread.is_placed))

    @property
    def unplaced(self) -> int:
        """How many findings have no place in the change. Nobody can check or waive them."""
        findings = sum(not finding.is_placed for finding in (*self.findings, *self.kept))
        return findings + sum(not thread.is_placed for thread in self.still_open)
