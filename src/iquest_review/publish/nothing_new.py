"""Whether there is anything to publish: the note and the threads of a merge request, compared with an outcome."""

from collections.abc import Sequence

from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.gitlab.existing import ExistingThreads
from iquest_review.note.memory import NoteMemory
from iquest_review.note.summary import PREVIOUS_MARKER
from iquest_review.outcome import Outcome, SettledReason
from iquest_review.publish import plan
from iquest_review.reasons.review import NothingNew


def has_nothing_new(outcome: Outcome, known: NoteMemory | None, existing: ExistingThreads) -> bool:
    """Return whether the merge request already shows everything that would be posted."""
    return (
        NothingNew() in outcome.reasons
        and known is not None
        and known.head == known.reviewed == outcome.head
        and all(entry.why is SettledReason.LEFT for entry in outcome.settled)
        and len(existing.notes) == 1
        and PREVIOUS_MARKER not in existing.notes[0].body
        and not any(plan.find_duplicate_threads(existing))
        and _has_same_threads(known, existing)
        and _has_same_notes(known, outcome)
    )


def _has_same_threads(known: NoteMemory, existing: ExistingThreads) -> bool:
    """Return whether the note lists exactly the open threads."""
    still_open = sorted(thread.mark.fingerprint for thread in existing.open_threads)
    return sorted(fingerprint for fingerprint, _ in known.titles) == still_open


def _has_same_notes(known: NoteMemory, outcome: Outcome) -> bool:
    """Return whether the note shows the findings without a thread, and counts those that people settled."""
    noted = [*(finding for finding in outcome.findings if finding.placement is Placement.SUMMARY), *outcome.kept]
    return _list_fingerprints(known.findings) == _list_fingerprints(noted) and (
        _list_fingerprints(known.held_back) == _list_fingerprints(outcome.held_back)
    )


def _list_fingerprints(findings: Sequence[PlacedFinding]) -> list[str]:
    return sorted(finding.fingerprint for finding in findings)
