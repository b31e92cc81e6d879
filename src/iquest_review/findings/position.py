"""A finding's position on a merge request, as GitLab demands it: lib/gitlab/diff/position.rb, file.rb, line.rb."""

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from iquest_review.diff.diff import FileDiff, Line, LineKind
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.verify import InFile, Nowhere, OnLines
from iquest_review.merge_request import DiffRefs

MAX_PATH_CHARS = 1_000  # app/validators/json_schemas/position.json

# Bytes that are not UTF-8 are held as \xNN (diff/header_paths.py) and are 0x80 or above. A name that really contains
# the characters \xNN cannot be told from such a name.
_UNREADABLE = re.compile(r"\\x[89a-f][0-9a-f]|[\ud800-\udfff]")


@dataclass(frozen=True)
class RangeEnd:
    """The first or the last line of a range; `type` is "new" for an added line, else "old"."""

    line_code: str
    type: str


@dataclass(frozen=True)
class Position:
    """A line of the change, a range that ends in it, or, without a line, the whole file.

    An added line has a new number only, a removed line an old one only, an unchanged line both.
    """

    old_path: str
    new_path: str
    old_line: int | None
    new_line: int | None
    line_range: tuple[RangeEnd, RangeEnd] | None = None

    @property
    def has_line(self) -> bool:
        """Whether this is a line, not a whole file."""
        return self.old_line is not None or self.new_line is not None

    def build_payload(self, refs: DiffRefs) -> dict[str, Any]:
        """Return the `position` that POST discussions and POST draft_notes take. Whole files need GitLab 16.4."""
        lines = {"old_line": self.old_line, "new_line": self.new_line}
        payload: dict[str, Any] = {
            "base_sha": refs.base_sha,
            "start_sha": refs.start_sha,
            "head_sha": refs.head_sha,
            "position_type": "text" if self.has_line else "file",
            "old_path": self.old_path,
            "new_path": self.new_path,
            **{name: number for name, number in lines.items() if number is not None},
        }
        if self.line_range:
            # No line numbers: POST discussions (lib/api/discussions.rb) turns them into strings, which GitLab's own
            # schema of a position refuses; drafts did so, too (gitlab-org/gitlab#571619).
            ends = zip(("start", "end"), self.line_range, strict=True)
            payload["line_range"] = {name: {"line_code": end.line_code, "type": end.type} for name, end in ends}
        return payload

    def drop_range(self) -> "Position":
        """Return the position without its range."""
        return replace(self, line_range=None)


class Unplaced(NamedTuple):
    """A finding without a position, and the reason; None: nobody says why."""

    reason: PlacementReason | None


def locate(place: OnLines | InFile | Nowhere) -> Position | Unplaced:
    """Return the position of a verified finding's place, or the reason why it has none.

    The position is the finding's lines, or its whole file when it names no line.
    """
    if isinstance(place, Nowhere):
        return Unplaced(place.problem)
    file = place.file
    for path in (file.old_path, file.new_path):
        if len(path) > MAX_PATH_CHARS:
            return Unplaced(PlacementReason.LONG_PATH)
        if _UNREADABLE.search(path):
            return Unplaced(PlacementReason.UNREADABLE_PATH)
    whole = isinstance(place, InFile) and place.problem is PlacementReason.NO_ANCHOR
    if whole or not file.hunks or file.is_submodule:
        return Position(file.old_path, file.new_path, None, None)
    return Unplaced(place.problem) if isinstance(place, InFile) else _locate_lines(file, place.lines)


def _locate_lines(file: FileDiff, lines: tuple[Line, ...]) -> Position:
    first, last = lines[0], lines[-1]
    if first == last or not is_contiguous(lines):
        return Position(file.old_path, file.new_path, first.old_line, first.new_line)
    # GitLab attaches a range to its last line (app/models/concerns/diff_positionable_note.rb).
    ends = (_build_range_end(file, first), _build_range_end(file, last))
    return Position(file.old_path, file.new_path, last.old_line, last.new_line, ends)


def is_contiguous(lines: tuple[Line, ...]) -> bool:
    """Return whether the lines follow each other on one side."""
    return all(
        line.side is lines[0].side and line.number == lines[0].number + index for index, line in enumerate(lines)
    )


def compute_line_code(file: FileDiff, line: Line) -> str:
    """Return GitLab's line code: the hash of the file's path and the line numbers that both sides have reached.

    Source: lib/gitlab/git.rb, diff_line_code. Raises ValueError when the file diff does not have the line.
    """
    digest = hashlib.sha1(file.new_path.encode(), usedforsecurity=False).hexdigest()
    old, new = _compute_counters(file, line)
    return f"{digest}_{old}_{new}"


def _build_range_end(file: FileDiff, line: Line) -> RangeEnd:
    return RangeEnd(compute_line_code(file, line), "new" if line.kind is LineKind.ADDED else "old")


def _compute_counters(file: FileDiff, line: Line) -> tuple[int, int]:
    """Return the numbers of the next old and the next new line; 0 on a side without any lines."""
    for hunk in file.hunks:
        before, after = (line.old_line or 0) - hunk.old_start, (line.new_line or 0) - hunk.new_start
        if max(before, after) < 0 or max(before, after) >= len(hunk.rows):
            continue  # the line cannot be in this hunk: skip the walk
        old, new = hunk.old_start, hunk.new_start
        shown = list(hunk.iter_lines())
        # An empty side starts at 0 in git's hunk header, and at 1 in ours.
        no_old = old == 1 and all(other.old_line is None for other in shown)
        no_new = new == 1 and all(other.new_line is None for other in shown)
        for other in shown:
            if other == line:
                return (0 if no_old else old), (0 if no_new else new)
            old, new = old + (other.old_line is not None), new + (other.new_line is not None)
    raise ValueError("the line is not in the file diff")
