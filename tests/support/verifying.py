"""Findings and marks that are looked for in a diff which is searched once."""

from iquest_review.diff.diff import Diff
from iquest_review.findings import evidence
from iquest_review.findings import verify as verifying
from iquest_review.findings.evidence import Location
from iquest_review.findings.finding import Finding
from iquest_review.findings.fingerprint import Mark
from iquest_review.findings.indexed import FileReader, IndexedDiff, provide_no_text
from iquest_review.findings.verify import VerifiedFinding


def verify(finding: Finding, diff: Diff | IndexedDiff, read_file: FileReader = provide_no_text) -> VerifiedFinding:
    """The finding with its place in the diff."""
    indexed = diff if isinstance(diff, IndexedDiff) else IndexedDiff.of(diff, read_file)
    return verifying.verify(finding, indexed)


def find_marked_lines(mark: Mark, path: str, line: int | None, diff: Diff, read_file: FileReader) -> Location | None:
    """Where the marked lines are in the diff."""
    return evidence.find_marked_lines(mark, path, line, IndexedDiff.of(diff, read_file))
