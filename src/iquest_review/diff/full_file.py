"""A file diff with the unchanged lines between its hunks.

GitLab lets a reader unfold every unchanged line of a changed file and accepts comments on them. The file must be a text
file, neither new nor deleted, and have a hunk (lib/gitlab/diff/lines_unfolder.rb).
"""

from dataclasses import replace

from iquest_review.diff.diff import FileDiff, FileStatus, Hunk

_NO_NEWLINE = b"\\ No newline at end of file"


def unfold_file(file: FileDiff, text: bytes) -> FileDiff:
    """Return the file diff as one hunk that holds every unchanged line too; `text` is the whole new file.

    The file diff is returned as it is when it cannot be unfolded, or when the text does not match the hunks.
    """
    if not file.hunks or file.binary or file.is_submodule or file.status in (FileStatus.ADDED, FileStatus.DELETED):
        return file
    lines = text.split(b"\n")
    open_end = bool(lines.pop())  # what follows the last LF is not a line
    if open_end:
        lines.append(text[text.rfind(b"\n") + 1 :])
    rows: list[bytes] = []
    old = new = 0  # lines of each side that are done
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
    return replace(
        file, hunks=(Hunk(1, 1, "", tuple(rows), file.added, file.removed, encoding=file.hunks[0].encoding),)
    )


def _list_new_lines(hunk: Hunk) -> list[bytes]:
    """Return the lines of the hunk that the new file has."""
    return [row[1:] for row in hunk.rows if row[:1] not in (b"-", b"\\")]


def _has_open_end(hunk: Hunk) -> bool:
    """Return whether the new file ends inside the hunk without a newline."""
    rows = hunk.rows
    return any(row[:1] == b"\\" and rows[index - 1][:1] != b"-" for index, row in enumerate(rows) if index)
