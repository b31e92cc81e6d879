"""Discussions: threads of notes, on a line or on the whole merge request, that can be resolved.

Sources: GitLab's lib/api/discussions.rb, app/models/concerns/resolvable_discussion.rb, app/policies/note_policy.rb.
"""

from tests.support.gitlab.http import Refused, Response
from tests.support.gitlab.note_model import answered, create_note, note_json, reply_to, resolve
from tests.support.gitlab.notes import find_note, remove, update, writable
from tests.support.gitlab.positions import position_params
from tests.support.gitlab.routes import MERGE_REQUEST, Call, bad_request, invalid, message, paginate, route
from tests.support.gitlab.state import Discussion, Json, MergeRequest
from tests.support.gitlab.tracer import place

DISCUSSION = MERGE_REQUEST + "/discussions/:discussion_id"


def discussion_json(merge_request: MergeRequest, discussion: Discussion) -> Json:
    notes = [note_json(merge_request, note) for note in discussion.notes]
    return {"id": discussion.id, "individual_note": discussion.individual_note, "notes": notes}


def find_discussion(call: Call, merge_request: MergeRequest) -> Discussion:
    wanted = call.arguments["discussion_id"]
    for discussion in merge_request.discussions:
        if discussion.id == wanted and discussion.readable:
            return discussion
    raise Refused(message("404 Discussion Not Found", 404))


@route("GET", MERGE_REQUEST + "/discussions")
def list_discussions(call: Call) -> Response:
    merge_request = call.merge_request()
    return paginate(
        call, [discussion_json(merge_request, d) if d.readable else None for d in merge_request.discussions]
    )


@route("GET", DISCUSSION)
def get_discussion(call: Call) -> Response:
    merge_request = call.merge_request()
    return Response.of(discussion_json(merge_request, find_discussion(call, merge_request)))


@route("GET", DISCUSSION + "/notes")
def list_discussion_notes(call: Call) -> Response:
    """All at once: this list has no pages."""
    merge_request = call.merge_request()
    return Response.of(discussion_json(merge_request, find_discussion(call, merge_request))["notes"])


@route("GET", DISCUSSION + "/notes/:note_id")
def get_discussion_note(call: Call) -> Response:
    merge_request = call.merge_request()
    return Response.of(note_json(merge_request, find_note(call, find_discussion(call, merge_request).notes)))


@route("POST", MERGE_REQUEST + "/discussions")
def post_discussion(call: Call) -> Response:
    """With a position a DiffNote, without one a DiscussionNote: either way a thread that can be resolved."""
    body, position = _discussion_params(call)
    merge_request = writable(call)
    anchor = place(call.instance, merge_request, position) if position else None

    def create() -> Response:
        kind = "DiffNote" if anchor else "DiscussionNote"
        create_note(call.instance, merge_request, call.user, body, type=kind, anchor=anchor)
        return Response.of(discussion_json(merge_request, merge_request.discussions[-1]), 201)

    return answered(call, create)


def _discussion_params(call: Call) -> tuple[str, Json | None]:
    """Grape names everything that is missing in one answer."""
    faults: list[str] = []
    # Here the lines within line_range are declared as text, in draft notes as numbers.
    position = position_params(call.instance, call.params.get("position"), faults, range_lines=str)
    if call.params.get("body") is None:
        faults.append("body is missing")
    if faults:
        raise Refused(invalid(", ".join(faults)))
    return str(call.params["body"]), position


@route("POST", DISCUSSION + "/notes")
def reply(call: Call) -> Response:
    body = call.required_text("body")
    merge_request = writable(call)
    discussion = find_discussion(call, merge_request)
    if discussion.notes[0].system:  # one further down tells that the line changed, and stops nobody
        raise Refused(bad_request("Discussion can not be replied to."))

    def create() -> Response:
        note = reply_to(call.instance, merge_request, discussion, call.user, body)
        return Response.of(note_json(merge_request, note), 201)

    return answered(call, create)


@route("PUT", DISCUSSION + "/notes/:note_id")
def put_discussion_note(call: Call) -> Response:
    """Exactly one of body and resolved."""
    merge_request = call.merge_request()
    discussion = find_discussion(call, merge_request)
    sent = [name for name in ("body", "resolved") if call.params.get(name) is not None]
    if len(sent) != 1:
        fault = "are mutually exclusive" if sent else "are missing, exactly one parameter must be provided"
        raise Refused(invalid(f"body, resolved {fault}"))
    if sent == ["body"]:
        return update(call, merge_request, discussion.notes)
    note = find_note(call, discussion.notes)
    if not (note.author is call.user or _may_resolve(call, merge_request)):
        raise Refused(message("403 Forbidden", 403))
    if not note.resolvable:
        raise Refused(bad_request("Note is not resolvable"))
    resolve(call.instance, note, call.user, bool(call.flag("resolved")))
    return Response.of(note_json(merge_request, note))


@route("PUT", DISCUSSION)
def put_discussion(call: Call) -> Response:
    """Resolving a thread takes a developer or the merge request's author; having started it is not enough."""
    merge_request = call.merge_request()
    resolved = call.flag("resolved")
    if resolved is None:
        raise Refused(invalid("resolved is missing"))
    discussion = find_discussion(call, merge_request)
    if not discussion.resolvable or not _may_resolve(call, merge_request):
        raise Refused(message("403 Forbidden", 403))
    for note in discussion.notes:
        resolve(call.instance, note, call.user, resolved)
    return Response.of(discussion_json(merge_request, discussion))


def _may_resolve(call: Call, merge_request: MergeRequest) -> bool:
    return merge_request.author is call.user or call.may("developer", merge_request)


@route("DELETE", DISCUSSION + "/notes/:note_id")
def delete_discussion_note(call: Call) -> Response:
    merge_request = call.merge_request()
    return remove(call, merge_request, find_discussion(call, merge_request).notes)
