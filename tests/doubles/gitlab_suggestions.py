"""Suggestions: which lines of the new file a note offers to replace, and with what.

Sources: GitLab's lib/gitlab/diff/suggestions_parser.rb, app/models/concerns/suggestible.rb.
"""

import re

from tests.doubles.gitlab_state import Instance, Json, MergeRequest, Note

FENCE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})suggestion(?::(?P<range>\S*))?[ ]*\n(?P<content>.*?)^(?P=fence)[`~]*[ ]*$", re.M | re.S
)
MOST_LINES = 100


def suggestions(instance: Instance, merge_request: MergeRequest, note: Note) -> list[Json]:
    """Only a diff note on a text line that still exists can suggest anything; elsewhere the block is just code."""
    position = note.position or {}
    line = position.get("new_line")
    if note.type != "DiffNote" or position.get("position_type") != "text" or line is None:
        return []
    return [_suggestion(instance, merge_request, position, match) for match in FENCE.finditer(note.body)]


def _suggestion(instance: Instance, merge_request: MergeRequest, position: Json, match: re.Match[str]) -> Json:
    above, below = (_reach(match["range"] or "", sign) for sign in "-+")
    first, last = max(1, position["new_line"] - above), position["new_line"] + below
    old = _lines(merge_request, position, first, last)
    return {
        "id": instance.next_id(),
        "from_line": first,
        "to_line": last,
        "applied": False,
        "appliable": merge_request.state == "opened" and old != match["content"],
        "from_content": old,
        "to_content": match["content"],
    }


def _reach(text: str, sign: str) -> int:
    found = re.search(re.escape(sign) + r"(\d+)", text)
    return min(MOST_LINES, int(found[1])) if found else 0


def _lines(merge_request: MergeRequest, position: Json, first: int, last: int) -> str:
    repository = merge_request.project.repository
    blob = repository.blob(position["head_sha"], position["new_path"] or position["old_path"]) if repository else None
    lines = (blob or b"").decode(errors="replace").split("\n")
    return "".join(f"{line}\n" for line in lines[first - 1 : last])
