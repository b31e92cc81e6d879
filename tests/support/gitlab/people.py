"""What people do on a merge request, straight into the state of the double: push, comment, answer, resolve, apply.

Sources: GitLab's app/services/merge_requests/refresh_service.rb, app/models/merge_request.rb,
app/services/discussions/update_diff_position_service.rb, app/services/system_notes/merge_requests_service.rb.
"""

import threading
from typing import Any

from tests.support.gitlab.discussions import discussion_json
from tests.support.gitlab.note_model import create_note, create_system_note, delete, note_json, reply_to, resolve
from tests.support.gitlab.notes import award
from tests.support.gitlab.state import DiffRefs, Discussion, Instance, Json, MergeRequest, Note, Notification, User
from tests.support.gitlab.suggestions import commit, inapplicable
from tests.support.gitlab.tracer import Tracer, paths_of


class People:
    """The part of the double that acts for everybody but the client; each call is one step, as a request is."""

    def __init__(self) -> None:
        self.instance = Instance()
        self.lock = threading.RLock()

    def merge_request(self, project: int, iid: int) -> MergeRequest:
        return self.instance.projects[project].merge_requests[iid]

    def push(self, project: int, iid: int, diff_refs: Any, *, author: str | None = None) -> None:
        """A new version of the diff, pushed by the merge request's author unless told otherwise.

        The positions of the threads move along; a line that is gone keeps its thread at the old position, outdated.
        Like GitLab this does not follow a file that the push itself renames: see `Instance.traces_renames`.
        """
        with self.lock:
            merge_request = self.merge_request(project, iid)
            pusher = self.instance.user(author) if author else merge_request.author
            push(self.instance, merge_request, pusher, refs_of(diff_refs))

    def add_note(
        self,
        project: int,
        iid: int,
        body: str,
        *,
        author: str = "author",
        system: bool = False,
        thread: bool = False,
        readable: bool = True,
    ) -> int:
        """Someone else's note; returns its id. readable=False is counted by the pages and shown to nobody."""
        with self.lock:
            merge_request, user = self.merge_request(project, iid), self.instance.user(author)
            if system:
                note = create_system_note(self.instance, merge_request, user, body)
            else:
                kind = "DiscussionNote" if thread else None
                note = create_note(self.instance, merge_request, user, body, type=kind)
            merge_request.discussions[-1].readable = readable
            return note.id

    def reply(self, project: int, iid: int, discussion_id: str, body: str, *, author: str = "author") -> int:
        """Returns the reply's id."""
        with self.lock:
            merge_request, discussion = self._discussion(project, iid, discussion_id)
            return reply_to(self.instance, merge_request, discussion, self.instance.user(author), body).id

    def resolve(
        self, project: int, iid: int, discussion_id: str, *, author: str = "author", resolved: bool = True
    ) -> None:
        with self.lock:
            _, discussion = self._discussion(project, iid, discussion_id)
            if not discussion.resolvable:
                raise ValueError(f"discussion {discussion_id} can not be resolved")
            for note in discussion.notes:
                resolve(self.instance, note, self.instance.user(author), resolved)

    def award(self, project: int, iid: int, note_id: int, name: str, *, author: str = "author") -> int:
        """An emoji on a note; returns the id of the award."""
        with self.lock:
            number: int = award(
                self.instance, self.stored_note(project, iid, note_id), self.instance.user(author), name
            )["id"]
            return number

    def delete_note(self, project: int, iid: int, note_id: int) -> None:
        with self.lock:
            delete(self.merge_request(project, iid), self.stored_note(project, iid, note_id))

    def apply_suggestion(self, project: int, iid: int, note_id: int, *, author: str = "author", index: int = 0) -> None:
        """Press "Apply suggestion": the page applies it, which is a push, and then resolves the thread.

        GitLab: submitSuggestion of app/assets/javascripts/notes/stores/actions.js. Raises ValueError with GitLab's
        reason when it can not be applied.
        """
        with self.lock:
            merge_request, note = self.merge_request(project, iid), self.stored_note(project, iid, note_id)
            if reason := apply(self.instance, merge_request, note, index, self.instance.user(author)):
                raise ValueError(reason)
            for one in next(d for d in merge_request.discussions if note in d.notes).notes:
                resolve(self.instance, one, self.instance.user(author), True)

    # --- what is there ---

    def notes(self, project: int, iid: int) -> list[Json]:
        """The stored notes as the API shows them, oldest first."""
        with self.lock:
            merge_request = self.merge_request(project, iid)
            return [note_json(merge_request, note) for note in merge_request.notes]

    def discussions(self, project: int, iid: int) -> list[Json]:
        with self.lock:
            merge_request = self.merge_request(project, iid)
            return [discussion_json(merge_request, discussion) for discussion in merge_request.discussions]

    def stored_note(self, project: int, iid: int, number: int) -> Note:
        return next(note for note in self.merge_request(project, iid).notes if note.id == number)

    @property
    def notifications(self) -> list[Notification]:
        """The mails that notes caused: one a note, one for a whole published review; edits cause none."""
        return self.instance.notifications

    def _discussion(self, project: int, iid: int, number: str) -> tuple[MergeRequest, Discussion]:
        merge_request = self.merge_request(project, iid)
        return merge_request, next(one for one in merge_request.discussions if one.id == number)


def refs_of(given: Any) -> DiffRefs:
    """Anything with base, start and head."""
    return DiffRefs(str(given.base), str(given.start), str(given.head))


def push(instance: Instance, merge_request: MergeRequest, pusher: User, new: DiffRefs) -> None:
    """First the threads move to the new version, then a system note tells of the commits."""
    current = [d for d in merge_request.discussions if merge_request.is_current(d.notes[0].position)]
    paths, old = paths_of(d.notes[0].position or {} for d in current), merge_request.diff_refs
    merge_request.versions.insert(0, new)
    merge_request.version_times.insert(0, instance.now())
    tracer = Tracer(instance, merge_request, old, paths)
    for discussion in current if new != old else []:
        _move(instance, tracer, discussion, pusher)
    create_system_note(instance, merge_request, pusher, "added 1 commit")


def _move(instance: Instance, tracer: Tracer, discussion: Discussion, pusher: User) -> None:
    """Neither updated_at changes, nor does anybody hear of it but through the system note in an outdated thread."""
    merge_request = tracer.merge_request
    anchor = tracer.trace(discussion.notes[0].position or {})
    if anchor:
        for note in discussion.notes:
            note.position, note.line_code = anchor.position, anchor.line_code
        return
    for note in discussion.notes:
        note.outdated = True
        if merge_request.project.resolve_outdated:
            resolve(instance, note, pusher, True)
    what = "line" if (discussion.notes[0].position or {})["position_type"] == "text" else "file"
    body = f"changed this {what} in version {len(merge_request.versions)} of the diff"
    create_system_note(instance, merge_request, pusher, body, discussion)


def apply(instance: Instance, merge_request: MergeRequest, note: Note, index: int, user: User) -> str | None:
    """Apply a suggestion of a note: a commit on top of the head. Returns why not, in GitLab's words."""
    suggestion = note.suggestions[index]
    if reason := inapplicable(merge_request, note, suggestion):
        return reason
    head = commit(merge_request, note, suggestion, user.name)
    suggestion.applied = True
    if head:
        refs = merge_request.diff_refs
        push(instance, merge_request, user, DiffRefs(refs.base, refs.start, head))
    return None
