"""What a review is about: a change, how it is to be reviewed, and what of it no model has seen."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from iquest_review.context.sources import ALL_KINDS, ContextKind, Lookup
from iquest_review.diff.diff import Diff, FileDiff
from iquest_review.excerpt.already_reviewed import compute_known_ids, select_unseen
from iquest_review.excerpt.exclusions import Omission, screen
from iquest_review.findings.finding import Severity
from iquest_review.findings.verify import provide_no_text
from iquest_review.gitlab.existing import ExistingThreads, Thread
from iquest_review.merge_request import DiffRefs, Intent, MergeRequest
from iquest_review.note.memory import NoteMemory
from iquest_review.note.summary import NoteLinks
from iquest_review.outcome import ReviewedScope
from iquest_review.prompt.fitting import Material
from iquest_review.prompt.templates import Templates
from iquest_review.redaction.redactor import SecretFound
from iquest_review.review.asking import Terms


@dataclass(frozen=True)
class ChangeToReview:
    """What is reviewed, where it was taken from, and what stands on its merge request already."""

    diff: Diff
    intent: Intent
    origin: str  # in words, for the log
    merge_request: MergeRequest | None = None
    refs: DiffRefs | None = None
    existing: ExistingThreads = field(default_factory=ExistingThreads)
    known: NoteMemory | None = None  # what the note remembers
    text: Callable[[str], bytes | None] = provide_no_text  # a file as it stands at the head; None: not to be had
    lookup: Lookup | None = None  # the repository around it
    secrets: tuple[SecretFound, ...] = ()  # that were taken out of the diff
    redact: Callable[[str], str] = str  # takes them out of any other text


@dataclass(frozen=True)
class Options:
    """How to review."""

    templates: Templates
    terms: Terms
    max_findings: int  # on lines
    nonce: str
    surroundings: NoteLinks
    settings: str = ""  # digest of those that another answer could come from
    full: bool = False  # whether what was reviewed before is reviewed again
    fail_on: Severity | None = None
    context: frozenset[ContextKind] = ALL_KINDS  # what is shown beside the diff
    steering: tuple[str, ...] = ()  # the changed files that steer reviews


class Waivers(Protocol):
    """The merge request, as far as a review asks it anything."""

    def has_waiver(self, thread: Thread) -> bool: ...


@dataclass(frozen=True)
class Work:
    """A change, and what of it is to be asked about now."""

    change: ChangeToReview
    options: Options
    known: NoteMemory | None  # what earlier reviews may be believed for
    files: tuple[FileDiff, ...]  # worth a model's attention
    fresh: tuple[FileDiff, ...]  # of these what no model has seen
    omissions: tuple[Omission, ...]  # what is not fresh

    @classmethod
    def of(cls, change: ChangeToReview, options: Options) -> "Work":
        files, screened = screen(change.diff)
        known = change.known if change.known and change.known.settings == options.settings else None
        known = None if options.full else known
        fresh, seen = select_unseen(files, known.hunks if known else ())
        return cls(change, options, known, tuple(files), fresh, (*screened, *seen))

    def collect_reviewed_hunks(self, shown: Iterable[str] = ()) -> ReviewedScope:
        """What counts as reviewed once the hunks with these identities are."""
        hunks, files = compute_known_ids(self.files, self.known.hunks if self.known else (), shown)
        whole = all(file.path in files for file in self.files)
        return ReviewedScope(self.options.settings, hunks, whole, afresh=self.known is None)

    def build_material(self) -> Material:
        """What prompts are made of."""
        options, change = self.options, self.change
        material = Material(self.fresh, self.omissions, change.intent, options.templates, options.nonce)
        if change.lookup is None or not options.context:
            return material
        from iquest_review.context.context import Context  # noqa: PLC0415 - a saved diff has nothing beside it

        return replace(material, context=Context(self.files, change.lookup, options.context))
