"""How the double makes, shows, answers and resolves notes.

Sources: GitLab's app/services/notes/*.rb, app/models/note.rb, lib/api/helpers/notes_helpers.rb, entities/note.rb.
"""

from collections.abc import Callable

from tests.support.gitlab import quick_actions
from tests.support.gitlab.http import Refused, Response
from tests.support.gitlab.positions import Anchor
from tests.support.gitlab.routes import Call, bad_request, ruby_hash
from tests.support.gitlab.state import Discussion, Executed, Instance, Json, MergeRequest, Note, User
from tests.support.gitlab.suggestions import suggestion_json, suggestions


class CommandsOnly(Exception):
    """A body of nothing but quick actions: they ran, and no note came of it."""

    def __init__(self, commands: list[str]) -> None:
        super().__init__(commands)
        self.commands = commands


class NotSaved(Exception):
    """A note that failed the model's validation, with Rails' errors."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


def create_note(
    instance: Instance,
    merge_request: MergeRequest,
    author: User,
    body: str,
    *,
    type: str | None = None,  # noqa: A002 - GitLab's name for it
    anchor: Anchor | None = None,
    discussion: Discussion | None = None,
    notify: bool = True,
) -> Note:
    """Validate, run the quick actions, store what is left, tell the others (a whole review does that itself).

    GitLab: app/services/notes/create_service.rb, post_process_service.rb.
    """
    count = sum(not note.system for note in merge_request.notes)
    if count >= instance.limits.notes_per_merge_request:
        raise NotSaved({"base": ["Maximum number of comments exceeded"]})
    check(instance, body, anchor)
    text = execute(instance, merge_request, author, body)
    now = instance.now()
    note = Note(instance.next_id(), author, text, type, now, now)
    if anchor:
        note.position, note.line_code, note.outdated = anchor.position, anchor.line_code, anchor.outdated
        note.suggestions = suggestions(instance, merge_request, note)
    if discussion is None:
        merge_request.discussions.append(Discussion(instance.discussion_id(), [note]))
    else:
        discussion.notes.append(note)
    if notify:
        instance.notify(author, [note])
    return note


def create_system_note(
    instance: Instance, merge_request: MergeRequest, author: User, body: str, discussion: Discussion | None = None
) -> Note:
    """What GitLab itself writes, in somebody's name: it runs nothing, counts for no limit, and tells nobody."""
    now, first = instance.now(), discussion.notes[0] if discussion else None
    note = Note(instance.next_id(), author, body, first.type if first else None, now, now, system=True)
    if discussion is None or first is None:
        merge_request.discussions.append(Discussion(instance.discussion_id(), [note]))
    else:
        note.position, note.line_code = first.position, first.line_code
        discussion.notes.append(note)
    return note


def execute(instance: Instance, merge_request: MergeRequest, author: User, body: str) -> str:
    """What is left of the body. Nobody is exempt: bots run quick actions too, and no parameter turns them off."""
    extraction = quick_actions.extract(body)
    project = merge_request.project.id
    instance.executed += [Executed(author.name, project, merge_request.iid, c) for c in extraction.commands]
    if extraction.commands and not extraction.body.strip():
        raise CommandsOnly(extraction.commands)
    return extraction.body


def check(instance: Instance, body: str, anchor: Anchor | None = None) -> None:
    """The validations, which come before the quick actions: what is refused ran nothing."""
    errors, most = dict(anchor.errors) if anchor else {}, instance.limits.note_characters
    if not body.strip():
        errors["note"] = ["can't be blank"]
    elif len(body) > most:
        errors["note"] = [f"is too long (maximum is {most} characters)"]
    if errors:
        raise NotSaved(errors)


def answered(call: Call, create: Callable[[], Response]) -> Response:
    """GitLab: process_note_creation_result of lib/api/helpers/notes_helpers.rb."""
    try:
        return create()
    except CommandsOnly as ran:
        if call.instance.commands_fail_in_discussions and "/discussions" in call.request.path:
            raise Refused(bad_request("Note {}")) from ran  # gitlab-org/gitlab#505100
        names = [command.split(" ")[0] for command in ran.commands]
        return Response.of({"commands_changes": {}, "summary": [f"Applied {name} command." for name in names]}, 202)
    except NotSaved as failed:
        raise Refused(bad_request(f"Note {ruby_hash(failed.errors, call.instance.ruby)}")) from failed


def note_json(merge_request: MergeRequest, note: Note) -> Json:
    shown: Json = {
        "id": note.id,
        "type": note.type,
        "body": note.body,
        "attachment": None,
        "author": note.author.json(),
        "created_at": note.created_at,
        "updated_at": note.updated_at,
        "system": note.system,
        "noteable_id": merge_request.id,
        "noteable_type": "MergeRequest",
        "noteable_iid": merge_request.iid,
        "project_id": merge_request.project.id,
        "resolvable": note.resolvable,
        "confidential": note.internal,
        "internal": note.internal,
        "commands_changes": note.commands_changes,
        "suggestions": [suggestion_json(merge_request, note, suggestion) for suggestion in note.suggestions],
    }
    if note.type == "DiffNote":
        shown |= {"commit_id": None, "position": note.position}
    if note.resolvable:
        resolver = note.resolved_by.json() if note.resolved_by else None
        shown |= {"resolved": note.resolved, "resolved_by": resolver, "resolved_at": note.resolved_at}
    return shown


def reply_to(
    instance: Instance,
    merge_request: MergeRequest,
    discussion: Discussion,
    author: User,
    body: str,
    notify: bool = True,
) -> Note:
    """A reply makes a thread of an individual note, and is resolved when its thread is."""
    first, resolved = discussion.notes[0], discussion.resolved
    kind = "DiffNote" if first.type == "DiffNote" else "DiscussionNote"
    anchor = Anchor(first.position, first.line_code, outdated=first.outdated) if first.type == "DiffNote" else None
    note = create_note(
        instance, merge_request, author, body, type=kind, anchor=anchor, discussion=discussion, notify=notify
    )
    first.type = kind
    if resolved:
        resolve(instance, note, author, True)
    return note


def resolve(instance: Instance, note: Note, user: User, resolved: bool) -> None:
    """Resolving twice keeps who did it first. GitLab: app/models/concerns/resolvable_note.rb."""
    if note.resolvable and note.resolved != resolved:
        note.resolved, note.resolved_by = resolved, user if resolved else None
        note.resolved_at = instance.now() if resolved else None


def delete(merge_request: MergeRequest, note: Note) -> None:
    """The replies outlive the first note of their thread."""
    for discussion in merge_request.discussions:
        discussion.notes = [kept for kept in discussion.notes if kept is not note]
    merge_request.discussions = [discussion for discussion in merge_request.discussions if discussion.notes]
