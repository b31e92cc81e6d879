"""review.json, read back for `publish`: strictly, by the types of the outcome."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from iquest_review.errors import UsageError
from iquest_review.merge_request.outcome import Outcome
from iquest_review.reports.review_file import SCHEMA_VERSION

_OUTCOME = TypeAdapter(Outcome)
_ANY = TypeAdapter(Any)


def load(path: Path) -> Outcome:
    """The outcome a review.json holds.

    Raises UsageError when the file is missing, no review.json, or of another version.
    """
    try:
        value = _ANY.validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); `iquest-review review` writes it") from None
    except ValidationError:
        raise UsageError(f"{path} is not JSON") from None
    version = value.pop("schema_version", None) if isinstance(value, dict) else None
    if version != SCHEMA_VERSION:
        raise UsageError(f"{path} is not a review.json of version {SCHEMA_VERSION}, but of {version!r}")
    value.pop("tool", None)
    try:
        return _OUTCOME.validate_json(_ANY.dump_json(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is not a review.json: {place}: {first['msg']}") from None
