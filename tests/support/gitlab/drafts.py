"""Draft notes: a review held back until it is published.

Sources: GitLab's lib/api/draft_notes.rb, app/models/draft_note.rb, app/services/draft_notes/*.rb.
"""

import json

from tests.support.gitlab.http import Refused, Response
from tests.support.gitlab.note_model import CommandsOnly, NotSaved, create_note, reply_to, resolve
from tests.support.gitlab.notes import writable
from tests.support.gitlab.positions import complete, position_params, stored
from tests.support.gitlab.routes import MERGE_REQUEST, Call, bad_request, invalid, message, route
from tests.support.gitlab.state import DraftNote, Json, MergeRequest, Note
from tests.support.gitlab.tracer import place

DRAFTS = MERGE_REQUEST + "/draft_notes"
MOST_POSITION_BYTES = 100 * 1024
# What a draft on no line shows: doc/api/draft_notes.md.
NO_POSITION = {
    **dict.fromkeys(("base_sha", "start_sha", "head_sha", "old_path", "new_path")),
    "position_type": "text",
    **dict.fromkeys(("old_line", "new_line", "line_range")),
}


def _draft_json(merge_request: MergeRequest, draft: DraftNote) -> Json:
    return {
        "id": draft.id,
        "author_id": draft.author.id,
        "merge_request_id": merge_request.id,
        "note": draft.note,
        "resolve_discussion": draft.resolve_discussion,
        "discussion_id": draft.discussion_id,
        "commit_id": draft.commit_id,
        "line_code": draft.line_code,
        "position": draft.position or NO_POSITION,
    }


def _own(call: Call, merge_request: MergeRequest) -> list[DraftNote]:
    """Nobody sees anybody else's drafts."""
    return [draft for draft in merge_request.draft_notes if draft.author is call.user]


def _find(call: Call, merge_request: MergeRequest) -> DraftNote:
    number = call.number("draft_note_id")
    for draft in _own(call, merge_request):
        if draft.id == number:
            return draft
    raise Refused(message("404 Not found", 404))


def _position(call: Call) -> Json | None:
    faults: list[str] = []
    position = position_params(call.instance, call.params.get("position"), faults)
    if faults:
        raise Refused(invalid(", ".join(faults)))
    if position and len(json.dumps(position)) > MOST_POSITION_BYTES:
        raise Refused(message({"position": ["is too large"]}, 400))
    return stored(position) if position else None


@route("GET", DRAFTS)
def list_drafts(call: Call) -> Response:
    """All at once: this list has no pages."""
    merge_request = call.merge_request()
    return Response.of([_draft_json(merge_request, draft) for draft in _own(call, merge_request)])


@route("GET", DRAFTS + "/:draft_note_id")
def get_draft(call: Call) -> Response:
    merge_request = call.merge_request()
    return Response.of(_draft_json(merge_request, _find(call, merge_request)))


@route("POST", DRAFTS)
def post_draft(call: Call) -> Response:
    """The parameter is `note`. Neither it nor a line is checked: a bad one is found, and lost, when published."""
    text, position = call.required_text("note"), _position(call)
    merge_request = writable(call)
    draft = DraftNote(call.instance.next_id(), call.user, text, position)
    draft.resolve_discussion = bool(call.flag("resolve_discussion"))
    if thread := call.params.get("in_reply_to_discussion_id"):
        _attach(call, merge_request, draft, str(thread))
    draft.line_code = _line_code(call, merge_request, draft.position)
    merge_request.draft_notes.append(draft)
    return Response.of(_draft_json(merge_request, draft), 201)


def _line_code(call: Call, merge_request: MergeRequest, position: Json | None) -> str | None:
    try:
        return place(call.instance, merge_request, position).line_code if position and complete(position) else None
    except Refused:
        return None  # unknown SHAs trouble nobody before the publishing


def _attach(call: Call, merge_request: MergeRequest, draft: DraftNote, thread: str) -> None:
    """GitLab: app/services/draft_notes/create_service.rb; one draft an author and thread."""
    found = next((d for d in merge_request.discussions if d.id == thread and d.readable), None)
    if found is None:
        raise Refused(message({"base": ["Thread to reply to cannot be found"]}, 400))
    if found.notes[0].system:
        raise Refused(message({"base": ["Replies to system notes are not allowed"]}, 400))
    if draft.resolve_discussion and not (merge_request.author is call.user or call.may("developer", merge_request)):
        raise Refused(message({"base": ["User is not allowed to resolve thread"]}, 400))
    if any(other.discussion_id == thread for other in _own(call, merge_request)):
        raise Refused(message({"author_id": ["has already been taken"]}, 400))
    draft.discussion_id = thread


@route("PUT", DRAFTS + "/:draft_note_id")
def put_draft(call: Call) -> Response:
    """A change that does not repeat the position wipes it."""
    merge_request = call.merge_request()
    if "note" not in call.params:
        raise Refused(bad_request("Missing params to modify"))
    if not str(call.params["note"] or "").strip():
        raise Refused(invalid("note is empty"))
    draft, position = _find(call, merge_request), _position(call)
    draft.note, draft.position = str(call.params["note"]), position
    draft.line_code = _line_code(call, merge_request, draft.position)
    return Response.of(_draft_json(merge_request, draft))


@route("DELETE", DRAFTS + "/:draft_note_id")
def delete_draft(call: Call) -> Response:
    merge_request = call.merge_request()
    merge_request.draft_notes.remove(_find(call, merge_request))
    return Response(204)


@route("POST", DRAFTS + "/bulk_publish")
def bulk_publish(call: Call) -> Response:
    """204, also when notes were lost on the way: gitlab-org/gitlab#579609. One notification tells of them all."""
    merge_request = writable(call)
    drafts = _own(call, merge_request)
    call.instance.notify(call.user, [note for draft in drafts if (note := _publish(call, merge_request, draft))])
    for draft in drafts:
        merge_request.draft_notes.remove(draft)
    return Response(204)


@route("PUT", DRAFTS + "/:draft_note_id/publish")
def publish_one(call: Call) -> Response:
    merge_request = writable(call)
    draft = _find(call, merge_request)
    call.instance.notify(call.user, filter(None, [_publish(call, merge_request, draft)]))
    merge_request.draft_notes.remove(draft)
    return Response(204)


def _publish(call: Call, merge_request: MergeRequest, draft: DraftNote) -> Note | None:
    """A note that fails its validation is not saved, and nobody is told."""
    try:
        if draft.discussion_id:
            return _publish_reply(call, merge_request, draft)
        # An incomplete position silently makes a note without one.
        on_diff = draft.position if draft.position and complete(draft.position) else None
        anchor = place(call.instance, merge_request, on_diff) if on_diff else None
        kind = "DiffNote" if anchor else "DiscussionNote"
        return create_note(
            call.instance, merge_request, draft.author, draft.note, type=kind, anchor=anchor, notify=False
        )
    except (NotSaved, CommandsOnly):
        return None


def _publish_reply(call: Call, merge_request: MergeRequest, draft: DraftNote) -> Note | None:
    """Without resolve_discussion a reply opens a resolved thread again."""
    thread = next((thread for thread in merge_request.discussions if thread.id == draft.discussion_id), None)
    if thread is None:  # deleted in the meantime
        return None
    reply = reply_to(call.instance, merge_request, thread, draft.author, draft.note, notify=False)
    for note in thread.notes:
        resolve(call.instance, note, draft.author, draft.resolve_discussion)
    return reply
