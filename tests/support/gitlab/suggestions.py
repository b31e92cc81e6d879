"""Suggestions: which lines of the new file a note offers to replace, with what, and whether that is still possible.

Sources: GitLab's lib/gitlab/diff/suggestions_parser.rb, app/models/concerns/suggestible.rb, app/models/suggestion.rb.
"""

import re
from html.parser import HTMLParser

from tests.support.gitlab.quick_actions import rendered
from tests.support.gitlab.state import Instance, Json, MergeRequest, Note, Suggestion

MOST_LINES = 100


def code_blocks(body: str) -> list[tuple[str, str]]:
    """The code blocks of a note as GitLab renders it, each with its info string: it looks for suggestions there."""
    return _Blocks(rendered(body)).found


class _Blocks(HTMLParser):
    """The code blocks of a page, each with its info string."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []
        self.info: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre":
            self.info = dict(attrs).get("lang") or ""
            self.found.append((self.info, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self.info = None

    def handle_data(self, data: str) -> None:
        if self.info is not None:
            self.found[-1] = (self.info, self.found[-1][1] + data)


def suggestions(instance: Instance, merge_request: MergeRequest, note: Note) -> list[Suggestion]:
    """Only a diff note on a text line that still exists can suggest anything; elsewhere the block is just code."""
    position = note.position or {}
    if note.type != "DiffNote" or position.get("position_type") != "text" or position.get("new_line") is None:
        return []
    found = []
    for info, content in code_blocks(note.body):
        kind, _, reach = info.partition(":")
        if kind != "suggestion":
            continue
        above, below = (_reach(reach, sign) for sign in "-+")
        suggestion = Suggestion(instance.next_id(), above, below, "", content)
        suggestion.from_content = _text(merge_request, note, suggestion)
        found.append(suggestion)
    return found


def suggestion_json(merge_request: MergeRequest, note: Note, suggestion: Suggestion) -> Json:
    first, last = _lines(note, suggestion)
    return {
        "id": suggestion.id,
        "from_line": first,
        "to_line": last,
        "applied": suggestion.applied,
        "appliable": inapplicable(merge_request, note, suggestion) is None,
        "from_content": suggestion.from_content,
        "to_content": suggestion.to_content,
    }


def inapplicable(merge_request: MergeRequest, note: Note, suggestion: Suggestion) -> str | None:
    """Why it can not be applied, in GitLab's words."""
    if suggestion.applied:
        return "Can't apply this suggestion."
    if merge_request.state != "opened":
        state = "was merged" if merge_request.state == "merged" else "is closed"
        return f"This merge request {state}. To apply this suggestion, edit this file directly."
    active = merge_request.is_current(note.position)
    if not active or _text(merge_request, note, suggestion) != suggestion.from_content:
        lines = "these lines were" if suggestion.above or suggestion.below else "this line was"
        return f"Can't apply as {lines} changed in a more recent version."
    if suggestion.from_content == suggestion.to_content:
        return "This suggestion already matches its content."
    if _path(note).endswith("ipynb"):
        return "This file was modified for readability, and can't accept suggestions. Edit it directly."
    return None


def commit(merge_request: MergeRequest, note: Note, suggestion: Suggestion, author: str) -> str | None:
    """Replace the lines in a commit on top of the head. Returns its SHA, None without a repository."""
    repository, path, head = merge_request.project.repository, _path(note), merge_request.diff_refs.head
    if repository is None:
        return None
    lines = (repository.blob(head, path) or b"").splitlines(keepends=True)
    first, last = _lines(note, suggestion)
    lines[first - 1 : last] = [suggestion.to_content.encode()]
    return repository.commit_file(head, path, b"".join(lines), "Apply 1 suggestion(s) to 1 file(s)", author)


def _path(note: Note) -> str:
    position = note.position or {}
    return str(position["new_path"] or position["old_path"])


def _lines(note: Note, suggestion: Suggestion) -> tuple[int, int]:
    line = (note.position or {})["new_line"]
    return max(1, line - suggestion.above), line + suggestion.below


def _reach(text: str, sign: str) -> int:
    found = re.search(re.escape(sign) + r"(\d+)", text)
    return min(MOST_LINES, int(found[1])) if found else 0


def _text(merge_request: MergeRequest, note: Note, suggestion: Suggestion) -> str:
    repository, (first, last) = merge_request.project.repository, _lines(note, suggestion)
    blob = repository.blob((note.position or {})["head_sha"], _path(note)) if repository else None
    lines = (blob or b"").decode(errors="replace").split("\n")
    return "".join(f"{line}\n" for line in lines[first - 1 : last])
