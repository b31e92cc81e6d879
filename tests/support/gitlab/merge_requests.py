"""The reading half of the double: who one is, the merge request, its versions, diffs, commits, and files.

Sources: GitLab's lib/api/merge_requests.rb, merge_request_diffs.rb, files.rb, entities/diff.rb and
doc/administration/diff_limits.md.
"""

from tests.support.gitlab.http import Refused, Response
from tests.support.gitlab.repository import ChangedFile, split_patch
from tests.support.gitlab.routes import MERGE_REQUEST, Call, integer, message, paginate, route
from tests.support.gitlab.state import CREATED, EXTERNAL_URL, Instance, Json, MergeRequest


@route("GET", "/user", scopes=frozenset({"read_user"}))
def current_user(call: Call) -> Response:
    return Response.of({**call.user.json(), "bot": call.user.bot})


@route("GET", "/version", scopes=frozenset({"read_user"}))
def version(call: Call) -> Response:
    return Response.of({"version": call.instance.version, "revision": "0123abcdef0"})


ANY_SCOPE = frozenset({"read_user", "read_repository", "write_repository", "self_rotate"})


@route("GET", "/personal_access_tokens/self", scopes=ANY_SCOPE)
def own_token(call: Call) -> Response:
    token = call.token
    facts = {"id": token.id, "name": "review", "revoked": False, "active": True, "created_at": CREATED}
    return Response.of({**facts, "scopes": sorted(token.scopes), "user_id": call.user.id, "expires_at": "2027-01-01"})


@route("GET", "/projects/:id")
def project(call: Call) -> Response:
    return Response.of(call.project().json())


@route("GET", "/projects/:id/merge_requests", job_token=True)
def merge_requests(call: Call) -> Response:
    found = call.project().merge_requests.values()
    state, branch = call.params.get("state", "all"), call.params.get("source_branch")
    kept = [mr for mr in found if state in ("all", mr.state) and branch in (None, mr.source_branch)]
    return paginate(call, [_merge_request(call.instance, mr) for mr in reversed(kept)])


@route("GET", MERGE_REQUEST, job_token=True)
def merge_request(call: Call) -> Response:
    shown = call.merge_request()
    answer = _merge_request(call.instance, shown)
    # GitLab computes the diff after it made the merge request: the first polls may find none.
    shown.polls_until_ready = max(0, shown.polls_until_ready - 1)
    return Response.of(answer)


def _merge_request(instance: Instance, shown: MergeRequest) -> Json:
    ready = shown.polls_until_ready == 0
    return {
        "id": shown.id,
        "iid": shown.iid,
        "project_id": shown.project.id,
        "title": shown.title,
        "description": shown.description,
        "state": shown.state,
        "labels": shown.labels,
        "draft": shown.draft,
        "work_in_progress": shown.draft,
        "author": shown.author.json(),
        "sha": shown.diff_refs.head,
        "source_branch": shown.source_branch,
        "target_branch": shown.target_branch,
        "source_project_id": shown.source_project_id,
        "target_project_id": shown.project.id,
        "web_url": f"{EXTERNAL_URL}/{shown.project.path}/-/merge_requests/{shown.iid}",
        "created_at": CREATED,
        "updated_at": CREATED,
        "prepared_at": CREATED if ready else None,
        "diff_refs": shown.diff_refs.json() if ready else None,
        "changes_count": _changes_count(instance, shown) if ready else None,
        "user_notes_count": sum(not note.system for note in shown.notes),
        "discussion_locked": shown.locked,
        "references": {"full": f"{shown.project.path}!{shown.iid}", "short": f"!{shown.iid}"},
    }


def _changes_count(instance: Instance, shown: MergeRequest, number: int = 0) -> str:
    count, most = len(changed_files(shown, number)), instance.limits.files
    return f"{most}+" if count > most else str(count)


# --- versions, diffs, commits ---------------------------------------------------------------------------------------


def changed_files(shown: MergeRequest, number: int = 0) -> list[ChangedFile]:
    """The files of one version of the merge request; without a repository, those of its raw diff."""
    refs = shown.versions[number]
    if shown.project.repository:
        return shown.project.repository.changed_files(refs.base, refs.head)
    return [_from_patch(patch) for patch in split_patch(shown.raw_diff or b"")]


def _from_patch(patch: bytes) -> ChangedFile:
    head = patch.decode(errors="replace").split("\n@@ ")[0].splitlines()
    names = head[0].removeprefix("diff --git a/").partition(" b/")
    status = {"new file": "A", "deleted ": "D", "similari": "R"}.get(head[1][:8] if len(head) > 1 else "", "M")
    return ChangedFile(names[0], names[2], "100644", "100644", status, patch)


def _versions(shown: MergeRequest) -> list[int]:
    return [] if shown.polls_until_ready else list(range(len(shown.versions)))


def _version(call: Call, shown: MergeRequest, number: int) -> Json:
    refs, overflow = shown.versions[number], len(changed_files(shown, number)) > call.instance.limits.files
    state = "empty" if refs.base == refs.head else "overflow" if overflow else "collected"
    return {
        "id": len(shown.versions) - number,
        "merge_request_id": shown.id,
        "created_at": shown.version_times[number],
        "head_commit_sha": refs.head,
        "base_commit_sha": refs.base,
        "start_commit_sha": refs.start,
        "state": state,
        "real_size": _changes_count(call.instance, shown, number),
        "patch_id_sha": None,
    }


@route("GET", MERGE_REQUEST + "/versions")
def versions(call: Call) -> Response:
    shown = call.merge_request()
    return paginate(call, [_version(call, shown, number) for number in _versions(shown)])


@route("GET", MERGE_REQUEST + "/versions/:version_id")
def one_version(call: Call) -> Response:
    shown = call.merge_request()
    number = len(shown.versions) - call.number("version_id")
    if number not in _versions(shown):
        raise Refused(message("404 Not found", 404))
    diffs = [_diff(call.instance, file) for file in changed_files(shown, number)]
    return Response.of({**_version(call, shown, number), "commits": _commits(shown, number), "diffs": diffs})


@route("GET", MERGE_REQUEST + "/diffs")
def diffs(call: Call) -> Response:
    shown = call.merge_request()
    if integer(call.params.get("page", 1), "page") < 1:
        raise Refused(message("500 Internal Server Error", 500))  # gitlab-org/gitlab#414808
    files = [] if shown.polls_until_ready else changed_files(shown)[: call.instance.limits.files]
    return paginate(call, [_diff(call.instance, file) for file in files], maximum=30)


def _diff(instance: Instance, file: ChangedFile) -> Json:
    too_large = len(file.hunks) > instance.limits.patch_bytes
    collapsed = not too_large and len(file.hunks) > instance.limits.patch_bytes // 10
    text = file.hunks.decode(errors="replace")
    if file.binary:
        text = f"Binary files a/{file.old_path} and b/{file.new_path} differ\n"
    return {
        "old_path": file.old_path,
        "new_path": file.new_path,
        "a_mode": file.old_mode,
        "b_mode": file.new_mode,
        "diff": "" if too_large or collapsed else text,
        "collapsed": collapsed,
        "too_large": too_large,
        "new_file": file.status == "A",
        "renamed_file": file.status == "R",
        "deleted_file": file.status == "D",
        "generated_file": False,
    }


@route("GET", MERGE_REQUEST + "/raw_diffs")
def raw_diffs(call: Call) -> Response:
    shown = call.merge_request()
    if not call.instance.raw_diffs:  # before 17.9 there was no such route
        raise Refused(Response.of({"error": "404 Not Found"}, 404))
    if shown.polls_until_ready:
        return Response.text(b"")
    if shown.raw_diff is not None or not shown.project.repository:
        return Response.text(shown.raw_diff or b"")
    return Response.text(shown.project.repository.patch(shown.diff_refs.base, shown.diff_refs.head))


@route("GET", MERGE_REQUEST + "/commits")
def commits(call: Call) -> Response:
    return paginate(call, [*_commits(call.merge_request(), 0)])


def _commits(shown: MergeRequest, number: int) -> list[Json]:
    refs, repository = shown.versions[number], shown.project.repository
    rows = repository.commits(refs.base, refs.head) if repository else []
    return [_commit(*row) for row in rows]


def _commit(sha: str, parents: str, name: str, mail: str, date: str, text: str) -> Json:
    return {
        "id": sha,
        "short_id": sha[:8],
        "parent_ids": parents.split(),
        "title": text.split("\n", maxsplit=1)[0],
        "message": text,
        "author_name": name,
        "author_email": mail,
        "created_at": date,
        "committed_date": date,
    }


@route("GET", "/projects/:id/repository/files/:file_path/raw", scopes=frozenset({"read_repository"}))
def raw_file(call: Call) -> Response:
    repository, ref = call.project().repository, str(call.params.get("ref", "HEAD"))
    if repository is None or repository.commit(ref) is None:
        raise Refused(message("404 Commit Not Found", 404))
    blob = repository.blob(ref, call.arguments["file_path"])
    if blob is None:
        raise Refused(message("404 File Not Found", 404))
    return Response.text(blob, headers={"X-Gitlab-File-Path": call.request.path.split("/")[-2], "X-Gitlab-Ref": ref})
