"""What makes a hunk the same hunk after a rebase: its lines, those around the changed ones included, not their numbers.
git calls the same of a whole commit its patch id. The same lines in another place may mean something else."""

import hashlib
from collections.abc import Iterator, Sequence

from iquest_review.diff.diff import FileDiff, Hunk

FileKey = tuple[str, str, str]  # old path, new path, status

_ID_DIGITS = 12  # hexadecimal: 48 bits tell 10,000 hunks of one merge request apart


def compute_hunk_id(file: FileDiff, hunk: Hunk) -> str:
    """12 hexadecimal digits of a hunk's rows, and of the file's names, modes and status."""
    return _digest(_encode_header(file) + b"".join(b"\n" + row for row in hunk.rows))


def compute_prefix_ids(file: FileDiff, rows: Sequence[bytes]) -> Iterator[str]:
    """For each row the identity that a hunk of these rows up to and with this one would have."""
    hashed = hashlib.sha256(_encode_header(file))
    for row in rows:
        hashed.update(b"\n" + row)
        yield hashed.copy().hexdigest()[:_ID_DIGITS]


def compute_bare_id(file: FileDiff) -> str:
    """The same for a file of which no line changes: a rename, another mode."""
    return _digest(_encode_header(file))


def make_file_key(file: FileDiff) -> FileKey:
    """What tells a file diff from the others of its change, whatever part of its hunks it holds."""
    return file.old_path, file.new_path, file.status


def _encode_header(file: FileDiff) -> bytes:
    said = "\0".join(map(str, (file.old_path, file.new_path, file.status, file.old_mode, file.new_mode, "")))
    return said.encode("utf-8", "surrogatepass")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_ID_DIGITS]
