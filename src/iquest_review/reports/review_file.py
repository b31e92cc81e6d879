"""review.json, version 1: an outcome as a file, enough for a later `publish`."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from iquest_review import __version__
from iquest_review.errors import UsageError
from iquest_review.merge_request.outcome import Outcome

SCHEMA_VERSION = 1
REVIEW, NOTE = "review.json", "note.md"

_OUTCOME = TypeAdapter(Outcome)
_ANY = TypeAdapter(Any)
_SURROGATE = re.compile("[\ud800-\udfff]")


def dump(outcome: Outcome) -> bytes:
    """The file's content. What is no UTF-8 stands in it as its escape."""
    head = {"schema_version": SCHEMA_VERSION, "tool": {"name": "iquest-review", "version": __version__}}
    value = {**head, **_OUTCOME.dump_python(outcome, mode="json")}
    value["findings"] = [{"fingerprint": finding["fingerprint"], **finding} for finding in value["findings"]]
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    return (_SURROGATE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text) + "\n").encode()


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


def write(folder: Path, outcome: Outcome, note: str) -> None:
    """Writes review.json and note.md into the folder, each whole or not at all.

    Raises UsageError when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in ((REVIEW, dump(outcome)), (NOTE, note.encode("utf-8", "replace"))):
            unfinished = folder / f".{name}.part"
            unfinished.write_bytes(content)
            unfinished.replace(folder / name)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror} (--output names another folder)") from None
