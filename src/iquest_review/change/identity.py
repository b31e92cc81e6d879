"""What makes a hunk the same hunk after a rebase: the lines it adds and removes, not where they stand nor what is
around them. git calls the same of a whole commit its patch id."""

import hashlib
from collections.abc import Iterator

from iquest_review.change.diff import FileDiff, Hunk

_DIGITS = 12  # hexadecimal: 48 bits tell 10,000 hunks of one merge request apart


def hunk_id(file: FileDiff, hunk: Hunk) -> str:
    """12 hexadecimal digits of a hunk's changed rows, and of the file's name before the change: a rename of a file
    that was there before leaves it."""
    rows = b"\n".join(row for row in hunk.rows if row[:1] in (b"+", b"-", b"\\"))
    name = file.old_path.encode("utf-8", "surrogatepass")
    return hashlib.sha256(name + b"\0" + rows).hexdigest()[:_DIGITS]


def bare_id(file: FileDiff) -> str:
    """The same for a file of which no line changes: a rename, another mode."""
    said = f"{file.old_path}\0{file.new_path}\0{file.status}\0{file.old_mode}\0{file.new_mode}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def ids(file: FileDiff) -> Iterator[str]:
    """The identities of all that happened to a file, in order."""
    if not file.hunks:
        yield bare_id(file)
    for hunk in file.hunks:
        yield hunk_id(file, hunk)
