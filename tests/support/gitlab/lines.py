"""The rows of a diff, and which of them GitLab finds for a pair of line numbers.

Sources: GitLab's lib/gitlab/diff/file.rb, line.rb, parser.rb, lines_unfolder.rb, line_mapper.rb, lib/gitlab/git.rb.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Literal

from tests.support.gitlab.merge_requests import changed_files
from tests.support.gitlab.repository import ChangedFile
from tests.support.gitlab.state import DiffRefs, Instance, Json, MergeRequest

HUNK = re.compile(rb"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True)
class DiffLine:
    """A row of a diff with both running counters; which of them count depends on what kind of row it is."""

    kind: str  # "new", "old", "" for context, "match" for a hunk's header
    old_pos: int
    new_pos: int

    @property
    def old_line(self) -> int | None:
        return None if self.kind == "new" else self.old_pos

    @property
    def new_line(self) -> int | None:
        return None if self.kind == "old" else self.new_pos


def line_code(path: str, old_pos: int, new_pos: int) -> str:
    """GitLab: lib/gitlab/git.rb, diff_line_code."""
    return f"{hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()}_{old_pos}_{new_pos}"


def diff_file(merge_request: MergeRequest, position: Json, number: int) -> ChangedFile | None:
    """The first file of the diff from start to head, restricted to the paths of the position."""
    paths = [path for path in (position.get("old_path"), position.get("new_path")) if path]
    if not paths:
        return None
    repository, refs = merge_request.project.repository, merge_request.versions[number]
    if repository is None:
        found = [
            file for file in changed_files(merge_request) if [file.old_path, file.new_path] == [paths[0], paths[-1]]
        ]
    else:
        found = compare(merge_request, refs, *paths)
    return found[0] if found else None


def compare(merge_request: MergeRequest, refs: DiffRefs, *paths: str) -> list[ChangedFile]:
    """The files of the diff from where the branches parted to the head, which is not always the named base."""
    repository = merge_request.project.repository
    if repository is None:
        return changed_files(merge_request)
    base = refs.start if refs.base == refs.start else repository.merge_base(refs.start, refs.head)
    return repository.changed_files(base, refs.head, *paths)


def diff_lines(file: ChangedFile) -> list[DiffLine]:
    """GitLab: lib/gitlab/diff/parser.rb. Headers stay in as "match"; what git says of missing newlines is no line."""
    lines, old, new = [], 0, 0
    for row in file.hunks.split(b"\n")[:-1]:
        if header := HUNK.match(row):
            old, new = int(header[1]), int(header[2])
            lines.append(DiffLine("match", old, new))
            continue
        kind = {b"+": "new", b"-": "old", b"\\": "nonewline"}.get(row[:1], "")
        if kind != "nonewline":
            lines.append(DiffLine(kind, old, new))
            old, new = old + (kind != "new"), new + (kind != "old")
    return lines


def find_line(
    instance: Instance, merge_request: MergeRequest, file: ChangedFile, position: Json, number: int
) -> DiffLine | None:
    if len(file.hunks) > instance.limits.patch_bytes:  # too large: an empty diff
        return None
    lines, pair = diff_lines(file), (position.get("old_line"), position.get("new_line"))
    for line in lines:
        if line.kind != "match" and (line.old_line, line.new_line) == pair:
            return line
    if not lines or file.status in "AD" or None in pair:
        return None
    return _unfolded(merge_request, file, lines, pair, number)


def _unfolded(
    merge_request: MergeRequest, file: ChangedFile, lines: list[DiffLine], pair: tuple[Any, Any], number: int
) -> DiffLine | None:
    """An unchanged line outside the hunks, when both numbers agree with the gap it lies in."""
    old_line, new_line = pair
    repository = merge_request.project.repository
    if repository:
        blob = repository.blob(merge_request.versions[number].base, file.old_path) or b""
        if old_line > blob.count(b"\n") + (blob[-1:] not in (b"", b"\n")):
            return None
    gap = next((line for line in lines if line.kind == "match" and line.old_pos > old_line), None)
    inside = any(line.kind in ("", "old") and line.old_pos == old_line for line in lines)
    if inside or old_line < 1:
        return None
    nearest = gap or lines[-1]
    offset = nearest.new_pos - nearest.old_pos
    return DiffLine("", old_line, new_line) if new_line == old_line + offset else None


def mapped(file: ChangedFile | None, number: int, way: Literal["old to new", "new to old"]) -> int | None:
    """The number of a line on the other side of a diff; None when it is not there. A file not in the diff is unchanged.

    GitLab: lib/gitlab/diff/line_mapper.rb. It counts from the first row at or below the line, else from the last row.
    """
    rows = [line for line in diff_lines(file) if line.kind != "match"] if file else []
    pairs = [(row.old_line, row.new_line) if way == "old to new" else (row.new_line, row.old_line) for row in rows]
    if not pairs:
        return number
    source, target = next((pair for pair in pairs if pair[0] is not None and pair[0] >= number), pairs[-1])
    return None if source is None or target is None else target - (source - number)
