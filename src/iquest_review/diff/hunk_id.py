"""The identity of a hunk across rebases: its rows, with the unchanged ones, but without their line numbers.

For a whole commit git calls this the patch id. The path belongs to the identity: the same lines in another file may
mean something else.
"""

import hashlib
from collections.abc import Iterator, Sequence

from iquest_review.diff.diff import FileDiff, Hunk

FileKey = tuple[str, str, str]  # old path, new path, status

_ID_DIGITS = 12  # hexadecimal: 48 bits are enough for the 10,000 hunks of a merge request


def compute_hunk_id(file: FileDiff, hunk: Hunk) -> str:
    """Return 12 hexadecimal digits over the rows of a hunk and the names, modes and status of its file."""
    return _digest(_encode_header(file) + b"".join(b"\n" + row for row in hunk.rows))


def compute_prefix_ids(file: FileDiff, rows: Sequence[bytes]) -> Iterator[str]:
    """Return for each row the id of the hunk that would end with it."""
    hashed = hashlib.sha256(_encode_header(file))
    for row in rows:
        hashed.update(b"\n" + row)
        yield hashed.copy().hexdigest()[:_ID_DIGITS]


def compute_bare_id(file: FileDiff) -> str:
    """Return the id of a file diff without changed lines: a rename, or a change of mode."""
    return _digest(_encode_header(file))


def make_file_key(file: FileDiff) -> FileKey:
    """Return what identifies a file diff within its diff, no matter which of its hunks are kept."""
    return file.old_path, file.new_path, file.status


def _encode_header(file: FileDiff) -> bytes:
    header = "\0".join(map(str, (file.old_path, file.new_path, file.status, file.old_mode, file.new_mode, "")))
    return header.encode("utf-8", "surrogatepass")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_ID_DIGITS]
