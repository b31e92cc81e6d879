"""Where a diff note may stand: GitLab's rules for positions, judged by diffs that git computes.

Sources: GitLab's lib/gitlab/diff/position.rb, file.rb, line.rb, parser.rb, lines_unfolder.rb, app/models/diff_note.rb,
app/models/concerns/diff_positionable_note.rb, app/validators/json_schemas/position.json.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.gitlab_http import Refused
from tests.doubles.gitlab_merge_requests import changed_files
from tests.doubles.gitlab_repository import ChangedFile
from tests.doubles.gitlab_routes import integer, message
from tests.doubles.gitlab_state import DiffRefs, Instance, Json, MergeRequest

HUNK = re.compile(rb"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
NO_LINE_CODE = {"line_code": ["can't be blank", "must be a valid line code"]}
SHAS = ("base_sha", "start_sha", "head_sha")


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


@dataclass
class Anchor:
    """A judged position: what GitLab would store, or the errors it would name."""

    position: Json | None
    line_code: str | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)
    outdated: bool = False


# --- parameters -----------------------------------------------------------------------------------------------------


def position_params(value: Any, faults: list[str], *, range_lines: type = int) -> Json | None:
    """What Grape makes of the position parameter; adds what it would complain about to the faults."""
    if value is None:
        return None
    if not isinstance(value, dict):
        faults.append("position is invalid")
        return None
    position = dict(value)
    faults += [f"position[{name}] is missing" for name in (*SHAS, "position_type") if position.get(name) is None]
    if position.get("position_type") not in (None, "text", "image", "file"):
        faults.append("position[position_type] does not have a valid value")
    for name in ("old_line", "new_line", "width", "height"):
        _coerce(position, name, f"position[{name}]", int, faults)
    for end in ("start", "end"):
        inner = (position.get("line_range") or {}).get(end)
        if isinstance(inner, dict):
            position["line_range"] = {**position["line_range"], end: _range_end(inner, end, range_lines, faults)}
    return position


def _range_end(value: Json, end: str, range_lines: type, faults: list[str]) -> Json:
    inner = dict(value)
    for name in ("old_line", "new_line"):
        _coerce(inner, name, f"position[line_range][{end}][{name}]", range_lines, faults)
    return inner


def _coerce(values: Json, name: str, label: str, kind: type, faults: list[str]) -> None:
    value = values.get(name)
    if value is None:
        return
    if value == "" and kind is int:
        values[name] = None
        return
    try:
        values[name] = integer(value, label) if kind is int else str(value)
    except Refused:
        faults.append(f"{label} is invalid")


# --- the judgement --------------------------------------------------------------------------------------------------


def place(instance: Instance, merge_request: MergeRequest, position: Json) -> Anchor:
    """Judge a position as the models do when a diff note is created."""
    number = _version(merge_request, position)
    anchor = judge(instance, merge_request, position, number)
    if number and not anchor.errors:
        return _traced(instance, merge_request, anchor, number)
    return anchor


def _version(merge_request: MergeRequest, position: Json) -> int:
    """Which version of the diff the SHAs name. None: the position tracer meets nil, and GitLab answers 500."""
    named = DiffRefs(position["base_sha"], position["start_sha"], position["head_sha"])
    if named not in merge_request.versions:
        raise Refused(message("500 Internal Server Error", 500))  # gitlab-org/gitlab#585340, #281143
    return merge_request.versions.index(named)


def judge(instance: Instance, merge_request: MergeRequest, position: Json, number: int) -> Anchor:
    anchor = Anchor(_stored(position))
    text = position["position_type"] == "text"
    if text:
        file = _diff_file(merge_request, position, number)
        line = _line(instance, merge_request, file, position, number) if file else None
        if file and line:
            anchor.line_code = line_code(file.new_path, line.old_pos, line.new_pos)
        else:
            anchor.errors |= NO_LINE_CODE
    if not complete(position):
        # With a line but no path GitLab finds the position wanting; with neither line it misses the line code too.
        anchor.errors = {**(NO_LINE_CODE if text and _lineless(position) else {}), "position": ["is incomplete"]}
    elif not _fits_schema(position):
        anchor.errors["position"] = ["must be a valid json schema"]
    return anchor


def complete(position: Json) -> bool:
    """GitLab: lib/gitlab/diff/formatters/*.rb."""
    old_path, new_path = position.get("old_path"), position.get("new_path")
    if position["position_type"] == "text":
        return bool(old_path or new_path) and not _lineless(position)
    if position["position_type"] == "file":
        return bool(old_path and new_path)
    return all(position.get(name) is not None for name in ("x", "y", "width", "height"))


def _lineless(position: Json) -> bool:
    return position.get("old_line") is None and position.get("new_line") is None


def _fits_schema(position: Json) -> bool:
    short = all(len(str(position.get(name) or "")) <= 64 for name in SHAS)
    short = short and all(len(position.get(name) or "") <= 1000 for name in ("old_path", "new_path"))
    ends = [end for end in (position.get("line_range") or {}).values() if isinstance(end, dict)]
    return short and all(_end_fits(end) for end in ends)


def _end_fits(end: Json) -> bool:
    """The trap: POST .../discussions turns these lines to text, and the schema wants numbers."""
    code = end.get("line_code", "")
    known = set(end) <= {"line_code", "type", "old_line", "new_line"}
    lines = all(end.get(name) is None or isinstance(end[name], int) for name in ("old_line", "new_line"))
    return (
        known and lines and isinstance(code, str) and len(code) <= 100 and isinstance(end.get("type", ""), str | None)
    )


def _stored(position: Json) -> Json:
    names = ("base_sha", "start_sha", "head_sha", "old_path", "new_path", "position_type", "old_line", "new_line")
    stored = {name: position.get(name) for name in names}
    if position["position_type"] == "image":
        stored |= {name: position.get(name) for name in ("x", "y", "width", "height")}
    return {**stored, "line_range": position.get("line_range")}


# --- lines ----------------------------------------------------------------------------------------------------------


def line_code(path: str, old_pos: int, new_pos: int) -> str:
    """GitLab: lib/gitlab/git.rb, diff_line_code."""
    return f"{hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()}_{old_pos}_{new_pos}"


def _diff_file(merge_request: MergeRequest, position: Json, number: int) -> ChangedFile | None:
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
        straight = refs.base == refs.start
        base = refs.start if straight else repository.merge_base(refs.start, refs.head)
        found = repository.changed_files(base, refs.head, *paths)
    return found[0] if found else None


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


def _line(
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


# --- older versions -------------------------------------------------------------------------------------------------


def _traced(instance: Instance, merge_request: MergeRequest, anchor: Anchor, number: int) -> Anchor:
    """Carry a position of an older version to the current diff; one that is lost there is kept and outdated."""
    position = anchor.position or {}
    for pair in _candidates(merge_request, position, number):
        moved = {**position, **merge_request.diff_refs.json(), "old_line": pair[0], "new_line": pair[1]}
        traced = judge(instance, merge_request, moved, 0)
        if not traced.errors:
            return traced
    anchor.outdated = True
    return anchor


def _candidates(merge_request: MergeRequest, position: Json, number: int) -> list[tuple[int | None, int | None]]:
    old_line, new_line = position["old_line"], position["new_line"]
    repository = merge_request.project.repository
    if repository is None or position["position_type"] != "text" or new_line is None:
        return [(old_line, new_line)]
    old_head, head = merge_request.versions[number].head, merge_request.diff_refs.head
    files = repository.changed_files(old_head, head, position["new_path"] or position["old_path"])
    moved = _moved(diff_lines(files[0]), new_line) if files else new_line
    return [] if moved is None else [(old_line, moved)]


def _moved(lines: list[DiffLine], number: int) -> int | None:
    """The new number of a line after an edit, None when the edit took it."""
    offset = 0
    for line in lines:
        if line.kind == "old" and line.old_pos == number:
            return None
        if line.old_pos < number + (line.kind == "new") and line.kind in ("new", "old"):
            offset += 1 if line.kind == "new" else -1
    return number + offset
