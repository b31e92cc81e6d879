"""The endpoints about people: who is a member, and applying a suggestion.

Sources: GitLab's lib/api/members.rb, lib/api/suggestions.rb, app/policies/suggestion_policy.rb.
"""

from tests.support.gitlab.http import Refused, Response
from tests.support.gitlab.people import apply
from tests.support.gitlab.routes import Call, message, paginate, route
from tests.support.gitlab.state import CREATED, Json, MergeRequest, Note, Project, User
from tests.support.gitlab.suggestions import suggestion_json

MEMBERS = "/projects/:id/members/all"


def _member(project: Project, user: User) -> Json:
    facts = {"access_level": user.level(project), "created_at": CREATED, "expires_at": None}
    return {**user.json(), **facts, "membership_state": "active"}


def _members(call: Call, project: Project) -> list[User]:
    return [user for user in call.instance.users.values() if user.level(project)]


@route("GET", MEMBERS)
def list_members(call: Call) -> Response:
    project = call.project()
    return paginate(call, [_member(project, user) for user in _members(call, project)])


@route("GET", MEMBERS + "/:user_id")
def get_member(call: Call) -> Response:
    project, number = call.project(), call.number("user_id")
    for user in _members(call, project):
        if user.id == number:
            return Response.of(_member(project, user))
    raise Refused(message("404 Not found", 404))


@route("PUT", "/suggestions/:suggestion_id/apply")
def apply_suggestion(call: Call) -> Response:
    """A push in the caller's name. The thread stays as it is: the page of GitLab resolves it with a second request."""
    merge_request, note, index = _suggestion(call)
    if not (merge_request.author is call.user or call.may("developer", merge_request)):
        raise Refused(message("403 Forbidden", 403))
    if reason := apply(call.instance, merge_request, note, index, call.user):
        raise Refused(message(reason, 400))
    return Response.of(suggestion_json(merge_request, note, note.suggestions[index]))


def _suggestion(call: Call) -> tuple[MergeRequest, Note, int]:
    for project in call.instance.projects.values():
        for merge_request in project.merge_requests.values():
            for note in merge_request.notes:
                for index, suggestion in enumerate(note.suggestions):
                    if str(suggestion.id) == call.arguments["suggestion_id"]:
                        return merge_request, note, index
    raise Refused(message("404 Not found", 404))
