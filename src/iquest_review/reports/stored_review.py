"""review.json, read back for `publish`: strictly, by the types of the outcome."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from iquest_review.errors import UsageError
from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.outcome import Outcome
from iquest_review.reports.review_file import OUTCOME, SCHEMA_VERSION
from iquest_review.text import shorten_to_line

MAX_VERSION_CHARS = 40
MAX_REVIEW_BYTES = 64 * 2**20  # bytes; one of a thousand files has two


@dataclass(frozen=True, slots=True)
class _Header:
    """What says how to read the rest."""

    schema_version: int | str | None = None


_HEADER = TypeAdapter(_Header)


def load_review(path: Path) -> Outcome:
    """The outcome a review.json holds.

    Raises UsageError when the file is missing, no review.json, or of another version.
    """
    content = _load_content(path)
    _check_version(path, content)
    try:
        outcome = OUTCOME.validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is not a review.json: {place}: {first['msg']}") from error
    if not math.isfinite(outcome.usage.seconds):  # JSON has no such numbers; the parser takes them
        raise UsageError(f"{path} is not a review.json: usage.seconds: Input should be a finite number")
    for name, findings in (("findings", outcome.findings), ("kept", outcome.kept)):
        for index, finding in enumerate(findings):
            if not all(map(_DIGEST.fullmatch, (finding.fingerprint, finding.anchor or finding.fingerprint))):
                raise UsageError(f"{path} is not a review.json: {name}.{index}: it has a digest that is none")
    return replace(outcome, findings=tuple(map(_demote_unknown_place, outcome.findings)))


def _load_content(path: Path) -> bytes:
    if path.parent.is_symlink():
        raise UsageError(f"{path.parent} is a symbolic link, which no review is kept behind")
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe or a device may have no end
            raise UsageError(f"{path} is no file")
        with path.open("rb") as file:
            content = file.read(MAX_REVIEW_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); `iquest-review review` writes it") from error
    if len(content) > MAX_REVIEW_BYTES:
        raise UsageError(f"{path} is larger than {MAX_REVIEW_BYTES // 2**20} MiB")
    return content


def _check_version(path: Path, content: bytes) -> None:
    try:
        version = _HEADER.validate_json(content, strict=True).schema_version
    except ValidationError as error:
        not_json = any(entry["type"] == "json_invalid" for entry in error.errors(include_input=False))
        raise UsageError(f"{path} is not JSON" if not_json else f"{path} is not a review.json") from error
    if not version:
        raise UsageError(f"{path} is not a review.json: it has no schema_version")
    if version != SCHEMA_VERSION:
        shown = shorten_to_line(repr(version), MAX_VERSION_CHARS)
        raise UsageError(f"{path} has schema_version {shown}; this iquest-review reads version {SCHEMA_VERSION}")


_DIGEST = re.compile("[0-9a-f]{16}")  # it goes into a hidden line of a note, where no text of others may stand


def _demote_unknown_place(finding: PlacedFinding) -> PlacedFinding:
    """The finding; in the note if it is said to be on a line and nobody knows which: it may have a thread there."""
    known = finding.position is not None and finding.anchor
    return finding if known else replace(finding, placement=Placement.SUMMARY)
