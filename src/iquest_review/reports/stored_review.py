"""review.json, read back for `publish` and checked strictly against the types of the outcome."""

import math
import re
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator

from iquest_review.errors import UsageError
from iquest_review.findings.placed import Demoted, PlacedFinding, demote
from iquest_review.findings.position import Position
from iquest_review.outcome import Outcome
from iquest_review.reasons.review import (
    AnswerIncomplete,
    ForkPipeline,
    NotEverythingFits,
    NothingNew,
    NothingToReview,
    NoUsableAnswer,
    OtherReason,
    OutcomeReason,
)
from iquest_review.reports.review_file import SCHEMA_VERSION
from iquest_review.text import shorten_to_line

MAX_VERSION_CHARS = 40
MAX_REVIEW_BYTES = 64 * 2**20  # a review of a thousand files takes 2 MiB


@dataclass(frozen=True, slots=True)
class _Header:
    """The version, which says how to read the rest."""

    schema_version: int | str | None = None


@dataclass(frozen=True, kw_only=True)
class _StoredReview(Outcome):
    """The whole file, which is parsed once."""

    schema_version: int | str | None = None
    reason: str | None = None  # in words: all that other versions wrote


def _stop_at_first_error(schema: Any) -> Any:
    """Return a schema of pydantic whose lists end at their first wrong entry.

    It collects the errors of all entries otherwise: a million wrong findings take gigabytes.
    """
    if isinstance(schema, dict):
        rest = {key: _stop_at_first_error(value) for key, value in schema.items() if key != "metadata"}
        return {**schema, **rest, **({"fail_fast": True} if schema.get("type") in ("tuple", "list") else {})}
    return [_stop_at_first_error(value) for value in schema] if isinstance(schema, list) else schema


_HEADER = TypeAdapter(_Header)


@cache  # built by `publish` alone: no other command reads the file
def _build_validator() -> SchemaValidator:
    return SchemaValidator(_stop_at_first_error(TypeAdapter(_StoredReview).core_schema))


def load_review(path: Path) -> Outcome:
    """Return the outcome that a review.json holds.

    Raises UsageError if the file is missing, too large, not a review.json, or of another version.
    """
    content = _load_content(path)
    try:
        stored: _StoredReview = _build_validator().validate_json(content, strict=True)
    except ValidationError as error:
        _check_version(path, content)
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        # No cause: pydantic quotes values of the file, and cuts them so that a secret is no longer known as one.
        raise UsageError(f"{path} is not a review.json: {place}: {first['msg']}") from None
    if stored.schema_version != SCHEMA_VERSION:
        _check_version(path, content)
    outcome = Outcome(**{field.name: getattr(stored, field.name) for field in fields(Outcome)})
    if stored.reason and not outcome.reasons:
        outcome = replace(outcome, reasons=(_REASONS.get(stored.reason, OtherReason(stored.reason)),))
    if not math.isfinite(outcome.usage.seconds):  # JSON has no such numbers; the parser takes them
        raise UsageError(f"{path} is not a review.json: usage.seconds: Input should be a finite number")
    for name, findings in (("findings", outcome.findings), ("kept", outcome.kept)):
        for index, finding in enumerate(findings):
            if not all(map(_DIGEST.fullmatch, (finding.fingerprint, finding.anchor or finding.fingerprint))):
                problem = "fingerprint and anchor must have 16 hexadecimal digits"
                raise UsageError(f"{path} is not a review.json: {name}.{index}: {problem}")
    return replace(outcome, findings=tuple(map(_demote_unknown_place, outcome.findings)))


def _load_content(path: Path) -> bytes:
    """Return the file's bytes. Links, pipes and devices are not read: the author may have put one there."""
    if path.parent.is_symlink():
        raise UsageError(f"the folder {path.parent} is a symbolic link, which is not followed")
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe or a device may have no end
            raise UsageError(f"{path} is not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_REVIEW_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}; run `iquest-review review` first, which writes it"
        ) from error
    if len(content) > MAX_REVIEW_BYTES:
        raise UsageError(f"{path} is larger than {MAX_REVIEW_BYTES // 2**20} MiB")
    return content


def _check_version(path: Path, content: bytes) -> None:
    """Raise UsageError unless the content is JSON of the version that this program reads."""
    try:
        version = _HEADER.validate_json(content, strict=True).schema_version
    except ValidationError as error:
        not_json = any(entry["type"] == "json_invalid" for entry in error.errors(include_input=False))
        raise UsageError(f"{path} is not JSON" if not_json else f"{path} is not a review.json") from None  # as above
    if not version:
        raise UsageError(f"{path} is not a review.json: it has no schema_version")
    if version != SCHEMA_VERSION:
        shown = shorten_to_line(repr(version), MAX_VERSION_CHARS)
        raise UsageError(f"{path} has schema_version {shown}; this iquest-review reads version {SCHEMA_VERSION}")


_PLAIN_REASONS: tuple[OutcomeReason, ...] = (
    *(NothingToReview(), NothingNew(), ForkPipeline(), NotEverythingFits(), AnswerIncomplete(), NoUsableAnswer()),
)
_REASONS = {str(reason): reason for reason in _PLAIN_REASONS}
_DIGEST = re.compile("[0-9a-f]{16}")  # it goes into a hidden line of a note: no other text may get there


def _demote_unknown_place(finding: PlacedFinding) -> PlacedFinding:
    """Return the finding, moved to the summary note if the file does not say where its thread belongs."""
    known = isinstance(finding.place, Position | Demoted) and finding.anchor
    return finding if known else replace(finding, place=demote(finding.place, finding.placement_reason))
