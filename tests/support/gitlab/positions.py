"""Where a diff note may stand: GitLab's rules for positions, judged by diffs that git computes.

Sources: GitLab's lib/gitlab/diff/position.rb, formatters/*.rb, app/models/diff_note.rb,
app/models/concerns/diff_positionable_note.rb, app/validators/json_schemas/position.json.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.support.gitlab.http import Refused
from tests.support.gitlab.lines import diff_file, find_line, line_code
from tests.support.gitlab.routes import integer
from tests.support.gitlab.state import Instance, Json, MergeRequest

NO_LINE_CODE = {"line_code": ["can't be blank", "must be a valid line code"]}
SHAS = ("base_sha", "start_sha", "head_sha")


@dataclass
class Anchor:
    """A judged position: what GitLab would store, or the errors it would name."""

    position: Json | None
    line_code: str | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)
    outdated: bool = False


# --- parameters -----------------------------------------------------------------------------------------------------


def position_params(instance: Instance, value: Any, faults: list[str], *, range_lines: type = int) -> Json | None:
    """What Grape makes of the position parameter; adds what it would complain about to the faults."""
    if value is None:
        return None
    if not isinstance(value, dict):
        faults.append("position is invalid")
        return None
    position = dict(value)
    faults += [f"position[{name}] is missing" for name in (*SHAS, "position_type") if position.get(name) is None]
    if position.get("position_type") not in (None, *instance.position_types):
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


def judge(instance: Instance, merge_request: MergeRequest, position: Json, number: int) -> Anchor:
    """What the models make of a position in one version of the diff."""
    anchor = Anchor(stored(position))
    text = position["position_type"] == "text"
    if text:
        file = diff_file(merge_request, position, number)
        line = find_line(instance, merge_request, file, position, number) if file else None
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


def stored(position: Json) -> Json:
    """With every key the API shows."""
    names = ("base_sha", "start_sha", "head_sha", "old_path", "new_path", "position_type", "old_line", "new_line")
    kept = {name: position.get(name) for name in names}
    if position["position_type"] == "image":
        kept |= {name: position.get(name) for name in ("x", "y", "width", "height")}
    return {**kept, "line_range": position.get("line_range")}
