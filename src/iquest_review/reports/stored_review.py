"""review.json, read back for `publish`: strictly, by the types of the outcome."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from iquest_review.errors import UsageError
from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.outcome import Outcome
from iquest_review.reports.review_file import SCHEMA_VERSION

_OUTCOME = TypeAdapter(Outcome)
_ANY = TypeAdapter(Any)
MAX_REVIEW_BYTES = 64 * 2**20  # bytes; one of a thousand files has two


def load_review(path: Path) -> Outcome:
    """The outcome a review.json holds.

    Raises UsageError when the file is missing, no review.json, or of another version.
    """
    try:
        value = _ANY.validate_json(_load_content(path))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); `iquest-review review` writes it") from None
    except ValidationError:
        raise UsageError(f"{path} is not JSON") from None
    version = value.pop("schema_version", None) if isinstance(value, dict) else None
    if version != SCHEMA_VERSION:
        kind = f"of version {version!r}, and this program reads {SCHEMA_VERSION}" if version else "no review.json"
        raise UsageError(f"{path} is {kind}")
    value.pop("tool", None)
    try:
        outcome = _OUTCOME.validate_json(_ANY.dump_json(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is not a review.json: {place}: {first['msg']}") from None
    for name, findings in (("findings", outcome.findings), ("kept", outcome.kept)):
        for index, finding in enumerate(findings):
            if not all(map(_DIGEST.fullmatch, (finding.fingerprint, finding.anchor or finding.fingerprint))):
                raise UsageError(f"{path} is not a review.json: {name}.{index}: it has a digest that is none")
    return replace(outcome, findings=tuple(map(_demote_unknown_place, outcome.findings)))


def _load_content(path: Path) -> bytes:
    if path.parent.is_symlink():
        raise UsageError(f"{path.parent} is a symbolic link, which no review is kept behind")
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe or a device may have no end
        raise UsageError(f"{path} is no file")
    with path.open("rb") as file:
        content = file.read(MAX_REVIEW_BYTES + 1)
    if len(content) > MAX_REVIEW_BYTES:
        raise UsageError(f"{path} is larger than {MAX_REVIEW_BYTES // 2**20} MiB")
    return content


_DIGEST = re.compile("[0-9a-f]{16}")  # it goes into a hidden line of a note, where no text of others may stand


def _demote_unknown_place(finding: PlacedFinding) -> PlacedFinding:
    """The finding; in the note if it is said to be on a line and nobody knows which: it may have a thread there."""
    known = finding.position is not None and finding.anchor
    return finding if known else replace(finding, placement=Placement.SUMMARY)
