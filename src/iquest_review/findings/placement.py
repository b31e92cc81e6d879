"""Where each verified finding is shown: on its line while the limit allows it, else in the note with the reason."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from iquest_review.findings.evidence import join_stable_texts
from iquest_review.findings.finding import Finding
from iquest_review.findings.fingerprint import compute_fingerprint, digest
from iquest_review.findings.fixes import suggestion
from iquest_review.findings.indexed import FileReader, provide_no_text
from iquest_review.findings.placed import PlacedFinding, Placement, demote
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position, locate
from iquest_review.findings.verify import OnLines, VerifiedFinding
from iquest_review.redaction.redactor import PLACEHOLDER_START


def assign_place(verified: VerifiedFinding, read_file: FileReader = provide_no_text) -> PlacedFinding:
    """Return the finding with its identity and its position, and the replacement of its lines where its fix fits.

    `read_file` returns a file at the head commit, None when it cannot be read.
    """
    finding, place, lines = verified.finding, verified.place, verified.lines
    position, text = locate(place), join_stable_texts(lines)
    fields = {name: getattr(finding, name) for name in Finding.__dataclass_fields__}
    # What is redacted depends on the job's variables: a redacted line that reads differently is not proved to be gone.
    anchored = 0 if isinstance(position, Position) and PLACEHOLDER_START in text else len(lines)
    return PlacedFinding(
        **fields,
        fingerprint=compute_fingerprint(finding, text),
        place=position,
        anchor=digest(text),
        anchored=anchored,
        twins=place.twins if isinstance(place, OnLines) else (),
        replacement=suggestion.build_replacement(verified, read_file),
    )


def limit_inline(
    findings: Sequence[PlacedFinding], most: int, open_threads: Collection[str] = ()
) -> list[PlacedFinding]:
    """Return the findings, at most `most` of them inline: the worst. The others move to the summary note.

    Those in `open_threads` come first: they keep their thread.
    """
    inline = [finding for finding in findings if finding.placement is Placement.INLINE]
    over = sorted(inline, key=lambda finding: (finding.thread not in open_threads, finding.severity.rank))
    over = [finding for finding in over[max(most, 0) :] if finding.thread not in open_threads]
    return [
        replace(finding, place=demote(finding.place, PlacementReason.OVER_LIMIT)) if finding in over else finding
        for finding in findings
    ]
