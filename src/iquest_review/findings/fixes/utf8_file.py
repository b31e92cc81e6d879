"""Whether the whole file of a finding is UTF-8, so that GitLab can rewrite it without loss.

To apply a suggestion, GitLab reads the whole file as text (lib/gitlab/git/blob.rb). It guesses the encoding of a file
that is not UTF-8 and drops the bytes that it does not understand (lib/gitlab/encoding_helper.rb): one click may
change lines that nobody looked at.
"""

import re
from collections.abc import Callable

from iquest_review.diff.decoding import is_utf8
from iquest_review.diff.diff import FileDiff

_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_NO_LINE = b"\\"  # the marker of "\ No newline at end of file"
# Git cuts the heading of a hunk at 80 bytes, so the last character of it may be half of one.
_BROKEN_HEADING = re.compile(r"\\x[89a-f][0-9a-f](?!(?:\\x[89a-f][0-9a-f]){0,2}$)")


def is_utf8_file(file: FileDiff, read_file: Callable[[str], bytes | None]) -> bool:
    """Return whether the whole file at the head is UTF-8 text, with or without a byte order mark.

    Where the file cannot be read, the rows of its hunks decide.
    """
    content = read_file(file.path)
    if content is not None:
        return is_utf8_text(content)
    rows = (row[1:] for hunk in file.hunks for row in hunk.rows if row[:1] != _NO_LINE)
    return is_utf8_text(b"\n".join(rows)) and not any(_BROKEN_HEADING.search(hunk.heading) for hunk in file.hunks)


def is_utf8_text(content: bytes) -> bool:
    """Return whether the bytes are UTF-8 text; UTF-16 and other bytes with NUL are not."""
    return b"\0" not in content and not content.startswith(_UTF_16_MARKS) and is_utf8(content)
