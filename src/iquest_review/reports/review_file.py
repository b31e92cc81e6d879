"""review.json, version 1: an outcome as a file, enough for a later `publish`."""

import json
import re
import tempfile
from pathlib import Path

from pydantic_core import to_jsonable_python

from iquest_review import __version__
from iquest_review.errors import UsageError
from iquest_review.merge_request.outcome import Outcome

SCHEMA_VERSION = 1
REVIEW, NOTE = "review.json", "note.md"

_SURROGATE = re.compile("[\ud800-\udfff]")


def dump(outcome: Outcome) -> bytes:
    """The file's content. What is no UTF-8 stands in it as its escape."""
    head = {"schema_version": SCHEMA_VERSION, "tool": {"name": "iquest-review", "version": __version__}}
    value = {**head, **to_jsonable_python(outcome)}
    value["findings"] = [{"fingerprint": finding["fingerprint"], **finding} for finding in value["findings"]]
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    return (_SURROGATE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text) + "\n").encode()


def write(folder: Path, outcome: Outcome, note: str) -> None:
    """Writes review.json and note.md into the folder, each whole or not at all.

    In a job the folder lies in the checkout, where a merge request's author can have put links: none is followed.
    Raises UsageError when the folder cannot be written.
    """
    if folder.is_symlink():
        raise UsageError(f"{folder} is a symbolic link: nothing is written through it (--output names another folder)")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in ((REVIEW, dump(outcome)), (NOTE, note.encode("utf-8", "replace"))):
            with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}.", delete=False) as unfinished:
                unfinished.write(content)
            Path(unfinished.name).chmod(0o644)
            Path(unfinished.name).replace(folder / name)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror} (--output names another folder)") from None
