"""Notes of a merge request and the emoji on them.

Sources: GitLab's lib/api/notes.rb, award_emoji.rb, app/services/notes/update_service.rb.
"""

import time

from tests.support.gitlab.http import Refused, Response
from tests.support.gitlab.note_model import CommandsOnly, answered, check, create_note, delete, execute, note_json
from tests.support.gitlab.routes import MERGE_REQUEST, Call, message, paginate, route, ruby_hash
from tests.support.gitlab.state import Instance, Json, MergeRequest, Note, User
from tests.support.gitlab.suggestions import suggestions

TOO_MANY_NOTES = {"error": "This endpoint has been requested too many times. Try again later."}


def writable(call: Call) -> MergeRequest:
    merge_request = call.merge_request()
    if merge_request.locked and not call.may("guest", merge_request):  # locked is for members only
        raise Refused(message("403 Forbidden", 403))
    return merge_request


def find_note(call: Call, notes: list[Note]) -> Note:
    number = call.number("note_id")
    for note in notes:
        if note.id == number:
            return note
    raise Refused(message("404 Not found", 404))


def own_note(call: Call, merge_request: MergeRequest, notes: list[Note]) -> Note:
    note = find_note(call, notes)
    if note.system or not (note.author is call.user or call.may("maintainer", merge_request)):
        raise Refused(message("403 Forbidden", 403))
    return note


@route("GET", MERGE_REQUEST + "/notes", job_token=True)
def list_notes(call: Call) -> Response:
    merge_request = call.merge_request()
    readable = {note.id: d.readable for d in merge_request.discussions for note in d.notes}
    notes = [n for n in merge_request.notes if not (call.params.get("activity_filter") == "only_comments" and n.system)]
    if call.params.get("order_by") == "updated_at":
        notes.sort(key=lambda note: note.updated_at)
    if call.params.get("sort", "desc") == "desc":
        notes.reverse()
    return paginate(call, [note_json(merge_request, note) if readable[note.id] else None for note in notes])


@route("GET", MERGE_REQUEST + "/notes/:note_id", job_token=True)
def get_note(call: Call) -> Response:
    merge_request = call.merge_request()
    return Response.of(note_json(merge_request, find_note(call, merge_request.notes)))


@route("POST", MERGE_REQUEST + "/notes")
def post_note(call: Call) -> Response:
    """A position sent here is ignored, and the same body twice makes two notes."""
    body = call.required_text("body")
    merge_request = writable(call)
    _limit_notes(call)

    def create() -> Response:
        note = create_note(call.instance, merge_request, call.user, body)
        note.internal = bool(call.flag("internal") or call.flag("confidential"))
        return Response.of(note_json(merge_request, note), 201)

    return answered(call, create)


def _limit_notes(call: Call) -> None:
    """Counted for POST .../notes alone; older releases say nothing of when to come back."""
    limits, now = call.instance.limits, time.monotonic()
    times = [moment for moment in call.instance.note_times.get(call.user.id, []) if now - moment < 60]
    call.instance.note_times[call.user.id] = [*times, now]
    if len(times) >= limits.notes_per_minute:
        headers = {"Retry-After": "60"} if limits.notes_retry_after else {}
        raise Refused(Response.of({"message": TOO_MANY_NOTES}, 429, headers))


@route("PUT", MERGE_REQUEST + "/notes/:note_id")
def put_note(call: Call) -> Response:
    merge_request = call.merge_request()
    return update(call, merge_request, merge_request.notes)


def update(call: Call, merge_request: MergeRequest, notes: list[Note]) -> Response:
    """Quick actions of the new body run again; one of nothing else deletes the note."""
    note = own_note(call, merge_request, notes)
    body = str(call.params.get("body") or "")

    def change() -> Response:
        check(call.instance, body)
        try:
            text = execute(call.instance, merge_request, call.user, body)
        except CommandsOnly:
            delete(merge_request, note)
            raise
        note.body, note.updated_at = text, call.instance.now()
        note.suggestions = suggestions(call.instance, merge_request, note)
        return Response.of(note_json(merge_request, note))

    return answered(call, change)


@route("DELETE", MERGE_REQUEST + "/notes/:note_id")
def delete_note(call: Call) -> Response:
    merge_request = call.merge_request()
    return remove(call, merge_request, merge_request.notes)


def remove(call: Call, merge_request: MergeRequest, notes: list[Note]) -> Response:
    note = own_note(call, merge_request, notes)
    if "if-unmodified-since" in call.request.headers:
        raise Refused(message("412 Precondition Failed", 412))  # every note is younger than any time a test may send
    delete(merge_request, note)
    return Response(204)


# --- award emoji ---

AWARDS = MERGE_REQUEST + "/notes/:note_id/award_emoji"
EMOJI = frozenset(
    {"thumbsup", "thumbsdown", "eyes", "heart", "rocket", "tada", "robot", "white_check_mark", "warning", "x"}
)


@route("GET", AWARDS)
def list_awards(call: Call) -> Response:
    return paginate(call, [*find_note(call, call.merge_request().notes).awards])


@route("POST", AWARDS)
def post_award(call: Call) -> Response:
    """A name GitLab does not know, or one given twice, reads as not found."""
    name = call.required_text("name")
    note = find_note(call, call.merge_request().notes)
    fault = "is not a valid emoji name" if name not in EMOJI else ""
    if any(one["name"] == name and one["user"]["id"] == call.user.id for one in note.awards):
        fault = "has already been taken"
    if fault:
        raise Refused(message(f"404 Award Emoji {ruby_hash({'name': [fault]}, call.instance.ruby)} Not Found", 404))
    return Response.of(award(call.instance, note, call.user, name), 201)


def award(instance: Instance, note: Note, user: User, name: str) -> Json:
    now, given = instance.now(), {"id": instance.next_id(), "name": name, "user": user.json()}
    note.awards.append(
        {**given, "created_at": now, "updated_at": now, "awardable_id": note.id, "awardable_type": "Note"}
    )
    return note.awards[-1]


@route("DELETE", AWARDS + "/:award_id")
def delete_award(call: Call) -> Response:
    note, number = find_note(call, call.merge_request().notes), call.number("award_id")
    found = next((one for one in note.awards if one["id"] == number), None)
    if found is None:
        raise Refused(message("404 Not found", 404))
    if found["user"]["id"] != call.user.id:
        raise Refused(message("401 Unauthorized", 401))
    note.awards.remove(found)
    return Response(204)
