"""What one review came to: everything the note says and review.json keeps."""

from dataclasses import dataclass, field
from enum import StrEnum

from iquest_review.merge_request.refs import DiffRefs, MergeRequest
from iquest_review.model.finding import Finding, Severity
from iquest_review.prompt.budget import Coverage
from iquest_review.prompt.screen import Omission


class Status(StrEnum):
    """How far the review got."""

    REVIEWED = "reviewed"
    PARTIAL = "partial"  # the model saw or said less than all
    RAW = "raw"  # the model answered, but in no form that can be checked
    NOT_REVIEWED = "not_reviewed"


class Placement(StrEnum):
    """Where a finding stands."""

    INLINE = "inline"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFinding(Finding):
    """A finding with its identity and its place; `placement_reason` says why it is not on a line."""

    fingerprint: str
    placement: Placement
    placement_reason: str | None = None


@dataclass(frozen=True, slots=True)
class PromptUsed:
    """Which templates asked."""

    language: str
    digest: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the review took; the tokens are the server's own count."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One review. `reason` says why it is not `reviewed`, in words that may be shown."""

    status: Status
    reason: str | None = None
    merge_request: MergeRequest | None = None
    diff_refs: DiffRefs | None = None
    model: str | None = None
    prompt: PromptUsed
    summary: str = ""
    suggestions: tuple[str, ...] = ()
    findings: tuple[PlacedFinding, ...] = ()
    raw: str | None = None
    coverage: tuple[Coverage, ...] = ()
    omissions: tuple[Omission, ...] = ()
    usage: Usage = field(default_factory=Usage)

    @property
    def counts(self) -> dict[Severity, int]:
        """Findings by severity, worst first."""
        return {severity: sum(f.severity is severity for f in self.findings) for severity in Severity}
