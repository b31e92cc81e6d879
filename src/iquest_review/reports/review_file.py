"""review.json, version 1: an outcome as a file, enough for a later `publish`."""

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
    """The folder cannot be written, or the disk is full: a later `publish` has nothing to read."""

    exit_code = 4


def dump_review(outcome: Outcome) -> bytes:
    """The file's content. What is no UTF-8 stands in it as its escape."""
    head = {"schema_version": SCHEMA_VERSION, "tool": {"name": "iquest-review", "version": __version__}}
    value = {**head, **OUTCOME.dump_python(outcome, mode="json")}
    for name in ("findings", "kept"):
        value[name] = [{"fingerprint": finding["fingerprint"], **finding} for finding in value[name]]
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    return (_SURROGATE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text) + "\n").encode()


def write_review(folder: Path, outcome: Outcome, note: str) -> None:
    """Writes review.json and note.md into the folder, each whole or not at all.

    In a job the folder lies in the checkout, where a merge request's author can have put links: none is followed.
    Raises Unkept when the folder cannot be written.
    """
    prepare_folder(folder)
    try:
        for name, content in (
            (REVIEW_FILENAME, dump_review(outcome)),
            (NOTE_FILENAME, note.encode("utf-8", "replace")),
        ):
            _replace_file(folder / name, content)
    except OSError as error:
        raise _build_folder_error(folder, error) from None


def prepare_folder(folder: Path) -> None:
    """Makes the folder. Raises Unkept when that cannot be."""
    if folder.is_symlink():
        raise OutputFolderError(
            f"{folder.absolute()} is a symbolic link: nothing is written through it; choose another with --output"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _build_folder_error(folder, error) from None


def remove_earlier_review(folder: Path) -> None:
    """Takes an earlier review away. The author of a merge request may have put one where the job's is expected: what
    ends before it is written must not leave theirs for `publish`. No link is followed."""
    if not folder.is_symlink():
        for name in (REVIEW_FILENAME, NOTE_FILENAME):
            with suppress(OSError):  # it is no file, or not ours to remove: then nothing can be written there either
                (folder / name).unlink()


def _replace_file(path: Path, content: bytes) -> None:
    """Puts the content where the path is, whatever is there, in one step; nothing else is left, whatever happens."""
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
