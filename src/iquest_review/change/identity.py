"""What makes a hunk the same hunk after a rebase: the lines it adds and removes, not where they stand nor what is
around them. git calls the same of a whole commit its patch id."""

import hashlib
from collections.abc import Iterator, Sequence

from iquest_review.change.diff import FileDiff, Hunk

CHANGED = (b"+", b"-", b"\\")
_DIGITS = 12  # hexadecimal: 48 bits tell 10,000 hunks of one merge request apart


def hunk_id(file: FileDiff, hunk: Hunk) -> str:
    """12 hexadecimal digits of a hunk's changed rows, and of the file's name before the change: a rename of a file
    that was there before leaves it."""
    rows = b"\0" + b"".join(b"\n" + row for row in hunk.rows if row[:1] in CHANGED)
    return hashlib.sha256(_name(file) + rows).hexdigest()[:_DIGITS]


def run_ids(file: FileDiff, rows: Sequence[bytes]) -> Iterator[str]:
    """For each row the identity that a hunk of these rows up to and with this one would have."""
    hashed = hashlib.sha256(_name(file) + b"\0")
    identity = hashed.hexdigest()[:_DIGITS]
    for row in rows:
        if row[:1] in CHANGED:
            hashed.update(b"\n" + row)
            identity = hashed.copy().hexdigest()[:_DIGITS]
        yield identity


def bare_id(file: FileDiff) -> str:
    """The same for a file of which no line changes: a rename, another mode."""
    said = f"{file.old_path}\0{file.new_path}\0{file.status}\0{file.old_mode}\0{file.new_mode}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _name(file: FileDiff) -> bytes:
    return file.old_path.encode("utf-8", "surrogatepass")
