"""The work of one review: a change, how to review it, and which parts no model has seen."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from iquest_review.context.context import Context
from iquest_review.context.sources import ALL_KINDS, ContextKind, Lookup
from iquest_review.diff.diff import Diff, FileDiff
from iquest_review.errors import GitLabError
from iquest_review.excerpt.already_reviewed import compute_known_ids, select_unseen
from iquest_review.excerpt.exclusions import Omission, screen
from iquest_review.findings.finding import Severity
from iquest_review.findings.indexed import IndexedDiff, provide_no_text
from iquest_review.gitlab.existing import ExistingThreads, Thread
from iquest_review.merge_request import DiffRefs, Intent, MergeRequest
from iquest_review.note.memory import NoteMemory
from iquest_review.note.summary import NoteLinks
from iquest_review.outcome import ReviewedScope
from iquest_review.prompt.fitting import Material
from iquest_review.prompt.templates import Templates
from iquest_review.redaction.redactor import SecretFound
from iquest_review.review.terms import Terms


@dataclass(frozen=True)
class ChangeToReview:
    """A change, where it comes from, and what its merge request already has."""

    diff: Diff
    intent: Intent
    origin: str  # where it comes from, for the log
    merge_request: MergeRequest | None = None
    refs: DiffRefs | None = None
    existing: ExistingThreads = field(default_factory=ExistingThreads)
    unread: GitLabError | None = None  # why `existing` is unknown; the review is kept then, and not posted
    known: NoteMemory | None = None  # what the summary note remembers
    text: Callable[[str], bytes | None] = (
        provide_no_text  # reads a file at the head commit; None when it cannot be read
    )
    lookup: Lookup | None = None  # the repository around the diff
    secrets: tuple[SecretFound, ...] = ()  # removed from the diff
    redact: Callable[[str], str] = str  # removes secrets from any other text

    @cached_property
    def indexed(self) -> IndexedDiff:
        """The diff to search, with the files at the head commit."""
        return IndexedDiff.of(self.diff, self.text)


@dataclass(frozen=True)
class Options:
    """How to review a change."""

    templates: Templates
    terms: Terms
    max_findings: int  # shown inline, on their lines
    nonce: str
    links: NoteLinks
    settings: str = ""  # digest of the settings that affect the answers
    full: bool = False  # whether to review again what was reviewed before
    fail_on: Severity | None = None
    context: frozenset[ContextKind] = ALL_KINDS  # what to show beside the diff
    steering: tuple[str, ...] = ()  # changed files that affect reviews: settings, rules, prompts
    ignored_settings: tuple[str, ...] = ()  # variables that look like misspelled settings


HasWaiver = Callable[[Thread], bool]  # whether somebody who may do so waived the finding of a thread


def has_no_waiver(_: Thread) -> bool:
    """Return False: without a merge request nobody can waive a finding."""
    return False


@dataclass(frozen=True)
class Work:
    """A change, and the parts of it to ask about now."""

    change: ChangeToReview
    options: Options
    known: NoteMemory | None  # what earlier reviews saw; None if it does not count for this review
    files: tuple[FileDiff, ...]  # that a model may be shown
    fresh: tuple[FileDiff, ...]  # the parts of `files` that no model has seen
    omissions: tuple[Omission, ...]  # what is not in `fresh`

    @classmethod
    def of(cls, change: ChangeToReview, options: Options) -> "Work":
        """Select what to ask about: screen the files, and take out what earlier reviews saw."""
        files, screened = screen(change.diff)
        known = change.known if change.known and change.known.settings == options.settings else None
        known = None if options.full else known
        fresh, seen = select_unseen(files, known.hunks if known else ())
        return cls(change, options, known, tuple(files), fresh, (*screened, *seen))

    def collect_reviewed_hunks(self, shown: Iterable[str] = ()) -> ReviewedScope:
        """Return what counts as reviewed after the hunks with these identities were shown."""
        hunks, files = compute_known_ids(self.files, self.known.hunks if self.known else (), shown)
        whole = all(file.path in files for file in self.files)
        return ReviewedScope(self.options.settings, hunks, whole, afresh=self.known is None)

    def build_material(self) -> Material:
        """Return the material of the prompts."""
        options, change = self.options, self.change
        material = Material(self.fresh, self.omissions, change.intent, options.templates, options.nonce)
        if change.lookup is None or not options.context:
            return material
        return replace(material, context=Context(self.files, change.lookup, options.context))
