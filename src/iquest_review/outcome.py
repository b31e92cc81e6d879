"""What one review came to: everything the note says and review.json keeps."""

from dataclasses import dataclass, field
from enum import StrEnum

from iquest_review.excerpt.excerpt import Coverage
from iquest_review.excerpt.exclusions import Omission
from iquest_review.findings.finding import Severity
from iquest_review.findings.placed import PlacedFinding
from iquest_review.merge_request import DiffRefs, MergeRequest


class ReviewStatus(StrEnum):
    """How far the review got."""

    REVIEWED = "reviewed"
    PARTIAL = "partial"  # the model saw or said less than all
    RAW = "raw"  # the model answered, but in no form that can be checked
    NOT_REVIEWED = "not_reviewed"


class SettledReason(StrEnum):
    """Why an earlier finding no longer stands."""

    GONE = "gone"  # its lines are no longer there
    FIXED = "fixed"  # the model, asked about exactly that, says so
    LEFT = "left"  # one of these, but GitLab does not let the bot resolve its thread
    UNPLACED = "unplaced"  # it never had a line, and a later review has not said it again


@dataclass(frozen=True)
class SettledFinding:
    """An earlier finding that no longer stands; `thread` is its discussion, empty for one of the note."""

    thread: str
    why: SettledReason


@dataclass(frozen=True)
class OpenThread:
    """An earlier finding that has an open thread, and where its lines are now."""

    thread: str
    severity: Severity
    path: str
    line: int | None


@dataclass(frozen=True)
class ReviewedScope:
    """What a later run may take as reviewed. `settings` is the digest of those it was done with."""

    settings: str
    hunks: tuple[str, ...]  # the identities of all hunks of the change that a model has seen
    whole: bool  # nothing of the change was left for want of room or of a usable answer
    afresh: bool  # earlier reviews were not taken into account


@dataclass(frozen=True)
class PromptUsed:
    """Which templates asked."""

    language: str
    digest: str


@dataclass(frozen=True)
class Usage:
    """What the review took; the tokens are the server's own count."""

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
    """One review. `reason` says why it is not `reviewed`, in words that may be shown."""

    status: ReviewStatus
    reason: str | None = None
    merge_request: MergeRequest | None = None
    diff_refs: DiffRefs | None = None
    model: str | None = None
    prompt: PromptUsed
    summary: str = ""
    before: str = ""  # the summary of the review that saw the whole change, where this one saw what is new
    suggestions: tuple[str, ...] = ()
    findings: tuple[PlacedFinding, ...] = ()
    kept: tuple[PlacedFinding, ...] = ()  # of the note, from earlier reviews
    still_open: tuple[OpenThread, ...] = ()  # threads from earlier reviews that stay open
    settled: tuple[SettledFinding, ...] = ()
    waived: int = 0  # findings not raised, since somebody waived them
    steering: tuple[str, ...] = ()  # changed files that steer reviews: settings, rules, prompts
    merged: int = 0  # findings that another one says as well
    reviewed: ReviewedScope | None = None
    raw: str | None = None
    coverage: tuple[Coverage, ...] = ()
    omissions: tuple[Omission, ...] = ()
    usage: Usage = field(default_factory=Usage)

    @property
    def failed(self) -> bool:
        """Whether there is no review that could be used."""
        return self.status in (ReviewStatus.NOT_REVIEWED, ReviewStatus.RAW)

    @property
    def head(self) -> str:
        """The commit it is about; empty where that is none of a merge request's."""
        return self.diff_refs.head_sha if self.diff_refs else ""

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Of everything that stands: found now, or earlier and not settled."""
        found = (finding.severity for finding in (*self.findings, *self.kept))
        return (*found, *(one.severity for one in self.still_open))
