"""A file diff with what stands between its hunks.

GitLab lets a reader unfold every unchanged line of a changed file, and takes remarks on them: of a text file that is
neither new nor deleted and that has a hunk (lib/gitlab/diff/lines_unfolder.rb).
"""

from dataclasses import replace

from iquest_review.diff.diff import FileDiff, FileStatus, Hunk

_NO_NEWLINE = b"\\ No newline at end of file"


def unfold_file(file: FileDiff, text: bytes) -> FileDiff:
    """The file diff in one hunk with every unchanged line of the new file's text.

    The very same file diff when it cannot be unfolded, or when the text is not the one the hunks lead to.
    """
    if not file.hunks or file.binary or file.is_submodule or file.status in (FileStatus.ADDED, FileStatus.DELETED):
        return file
    lines = text.split(b"\n")
    open_end = bool(lines.pop())  # what stands after the last LF is no line
    if open_end:
        lines.append(text[text.rfind(b"\n") + 1 :])
    rows: list[bytes] = []
    old = new = 0  # how many lines of either side are behind us
    for hunk in file.hunks:
        gap = hunk.new_start - 1 - new
        after = _list_new_lines(hunk)
        end = new + gap + len(after)
        if gap < 0 or hunk.old_start - 1 - old != gap or lines[new + gap : end] != after or end > len(lines):
            return file
        if _has_open_end(hunk) != (open_end and end == len(lines)):
            return file
        rows += [b" " + line for line in lines[new : new + gap]]
        rows += hunk.rows
        old, new = old + gap + len(after) - hunk.added + hunk.removed, end
    rows += [b" " + line for line in lines[new:]]
    if open_end and new < len(lines):
        rows.append(_NO_NEWLINE)
    return replace(file, hunks=(Hunk(1, 1, "", tuple(rows), file.added, file.removed),))


def _list_new_lines(hunk: Hunk) -> list[bytes]:
    """The hunk's lines as the new file has them."""
    return [row[1:] for row in hunk.rows if row[:1] not in (b"-", b"\\")]


def _has_open_end(hunk: Hunk) -> bool:
    """Whether the new file ends in the hunk without a newline."""
    rows = hunk.rows
    return any(row[:1] == b"\\" and rows[at - 1][:1] != b"-" for at, row in enumerate(rows) if at)
