"""review.json, version 1: an outcome as a file, with all that a later `publish` needs."""

import json
import re
import secrets
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from iquest_review import __version__
from iquest_review.errors import ReviewError
from iquest_review.outcome import Outcome

SCHEMA_VERSION = 1
REVIEW_FILENAME, NOTE_FILENAME = "review.json", "note.md"
OUTCOME = TypeAdapter(Outcome)  # it writes the file and reads it back
_SURROGATE = re.compile("[\ud800-\udfff]")


class OutputFolderError(ReviewError):
    """The output folder cannot be written, so that a later `publish` has nothing to read."""

    exit_code = 4


def dump_review(outcome: Outcome) -> bytes:
    """Return the file's content. A lone surrogate, which UTF-8 cannot hold, is written as its escape."""
    head = {"schema_version": SCHEMA_VERSION, "tool": {"name": "iquest-review", "version": __version__}}
    stored = OUTCOME.dump_python(outcome, mode="json")
    value = {**head, "status": stored["status"], "reason": outcome.reason, **stored}
    for name in ("findings", "kept"):
        value[name] = [{"fingerprint": finding["fingerprint"], **finding} for finding in value[name]]
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    return (_SURROGATE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text) + "\n").encode()


def write_review(folder: Path, outcome: Outcome, note: str) -> None:
    """Write review.json and note.md into the folder, each completely or not at all.

    In a job the folder is in the checkout, where the author of the merge request may have put links: none is followed.
    Raises OutputFolderError if the folder cannot be written.
    """
    prepare_folder(folder)
    try:
        for name, content in (
            (REVIEW_FILENAME, dump_review(outcome)),
            (NOTE_FILENAME, note.encode("utf-8", "replace")),
        ):
            _replace_file(folder / name, content)
    except OSError as error:
        raise _build_folder_error(folder, error) from error


def prepare_folder(folder: Path) -> None:
    """Create the folder. Raises OutputFolderError if it cannot be created, or is a symbolic link."""
    if folder.is_symlink():
        raise OutputFolderError(
            f"the folder {folder.absolute()} is a symbolic link, which is not followed; choose another with --output"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _build_folder_error(folder, error) from error


def remove_earlier_review(folder: Path) -> None:
    """Remove the review of an earlier run. No link is followed.

    The author of a merge request may have put a review.json into the checkout. If a run ends before it writes its own,
    `publish` must not find theirs.
    """
    if not folder.is_symlink():
        for name in (REVIEW_FILENAME, NOTE_FILENAME):
            with suppress(OSError):  # a folder, or not ours to remove: then writing fails as well, with a reason
                (folder / name).unlink()


def _replace_file(path: Path, content: bytes) -> None:
    """Write a file in one step: its path has the old content or the new one, and no other file is left behind."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
        unfinished.chmod(0o644)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _build_folder_error(folder: Path, error: OSError) -> OutputFolderError:
    return OutputFolderError(
        f"the folder {folder.absolute()} cannot be written: {error.strerror}; choose another with --output"
    )
