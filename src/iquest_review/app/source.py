"""Where the change comes from: a saved diff, a local branch, the merge request, or the variables of a pipeline."""

import os
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from iquest_review.app import settings
from iquest_review.app.run import Run
from iquest_review.diff import patch
from iquest_review.diff.diff import Diff
from iquest_review.diff.encoding import mark_encodings
from iquest_review.errors import GitError, GitLabError, PatchError, UsageError
from iquest_review.git.command import Remote
from iquest_review.git.repository import OpenClone, Repository
from iquest_review.gitlab.client import GitLab
from iquest_review.gitlab.existing import ExistingThreads
from iquest_review.gitlab.facts import Facts
from iquest_review.gitlab.transport import MAX_FILE_BYTES, TransientGitLabError
from iquest_review.merge_request import DiffRefs, Intent
from iquest_review.note.summary import NoteLinks
from iquest_review.progress import Progress
from iquest_review.publish import publish
from iquest_review.redaction.environment import collect_secrets
from iquest_review.redaction.redactor import Redactor
from iquest_review.review.work import ChangeToReview

MAX_PATCH_BYTES = 128 * 1024**2


def load_change(run: Run, gitlab: GitLab | None, stack: ExitStack) -> tuple[ChangeToReview, NoteLinks, Run]:
    """Return what to review, what its note links to, and the run with the settings of the target branch.

    The change holds no known secret, and nothing that looks like one. An opened clone is closed with the stack.
    """
    links, redactor = NoteLinks(job_url=run.ci.job_url), Redactor(collect_secrets(run.variables))
    if run.arguments.diff is not None:
        return _redact_change(_load_saved_diff(run.arguments.diff, run.progress), redactor, run.progress), links, run
    if run.arguments.base is not None:
        change, file = _load_branch(run, redactor, stack)
        return change, links, run.apply_settings_file(file)
    if gitlab is None:
        return _load_ci_change(run, redactor, stack), links, run
    facts = gitlab.fetch_facts()
    existing, unread = _fetch_existing_threads(run, gitlab)
    name = f"{facts.merge_request.project}!{facts.merge_request.iid}"
    run.progress.say(f"merge request {name} at {facts.refs.head_sha[:12]}, {facts.state}, on {gitlab.host}")
    run = run.apply_settings_file(gitlab.fetch_file(settings.SETTINGS_FILE, facts.refs.start_sha))
    diff, clone = _load_merge_request_diff(run, gitlab, facts, stack)
    change = ChangeToReview(
        diff,
        facts.intent,
        origin="git" if clone else "GitLab's raw diff",
        merge_request=facts.merge_request,
        refs=facts.refs,
        existing=existing,
        unread=unread,
        known=publish.recall_memory(existing),
        text=cache(partial(_fetch_text, gitlab, redactor, facts.refs.head_sha)),
    )
    return _redact_change(change, redactor, run.progress, clone), NoteLinks(facts.project_url, run.ci.job_url), run


def _fetch_existing_threads(run: Run, gitlab: GitLab) -> tuple[ExistingThreads, GitLabError | None]:
    """Return the threads of the merge request, or none and why: the change can be reviewed without them.

    A lasting failure is raised: address or permissions are wrong, and asking the model would be in vain.
    """
    try:
        return gitlab.fetch_existing_threads(), None
    except TransientGitLabError as error:
        run.progress.warn(f"the threads of the merge request cannot be read, so nothing will be posted: {error}")
        return ExistingThreads(), error


def _redact_change(
    change: ChangeToReview, redactor: Redactor, progress: Progress, clone: OpenClone | None = None
) -> ChangeToReview:
    """Return the change without its secrets and, if there is a clone, with what the clone tells besides the diff."""
    files, secrets = redactor.redact_diff(change.diff.files)
    intent, refs = change.intent, change.refs

    def redact(text: str) -> str:
        return redactor.redact_text(text).text

    lookup = change.lookup
    if clone is not None and refs is not None:
        from iquest_review.context.clone import Clone  # noqa: PLC0415 - a saved diff has none

        lookup = Clone(clone, refs.base_sha, refs.head_sha, files, redactor, progress.say)
    intent = replace(
        intent,
        title=redact(intent.title),
        description=redact(intent.description),
        labels=tuple(map(redact, intent.labels)),
    )
    files = mark_encodings(files, change.text)
    return replace(change, diff=Diff(files), intent=intent, lookup=lookup, secrets=secrets, redact=redact)


def _load_saved_diff(name: str, progress: Progress) -> ChangeToReview:
    try:
        if name == "-":
            text: bytes | None = sys.stdin.buffer.read(MAX_PATCH_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                size = os.fstat(file.fileno()).st_size  # 0 for a pipe
                text = file.read(MAX_PATCH_BYTES + 1) if size <= MAX_PATCH_BYTES else None
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    name = "standard input" if name == "-" else name
    if text is None or len(text) > MAX_PATCH_BYTES:
        raise UsageError(f"{name} is larger than {MAX_PATCH_BYTES // 1024**2} MiB")
    diff, patches = patch.parse_patch(text), patch.count_patches(text)
    if patches > 1:  # merges are left out of a series, so nothing in it tells that its base moved
        progress.warn(
            f"{name} holds {patches} patches: if the branch merged its target between them, line numbers are wrong; "
            "save GitLab's .diff instead"
        )
    return ChangeToReview(diff, Intent(), name)


def _load_branch(run: Run, redactor: Redactor, stack: ExitStack) -> tuple[ChangeToReview, bytes | None]:
    """Return the local change, and the settings file of the branch that it is meant for."""
    directory = Path(run.arguments.repo or ".")
    if not directory.is_dir():
        raise UsageError(f"--repo {directory} is not a folder")
    repository, base, head = Repository(directory), str(run.arguments.base), run.arguments.head
    merge_base, start_sha, head_sha = repository.find_merge_base(base, head)
    clone = stack.enter_context(repository.open_clone())
    intent = Intent(source_branch=head, target_branch=base)
    refs = DiffRefs(merge_base, start_sha, head_sha)
    change = ChangeToReview(
        clone.diff(merge_base, head_sha),
        intent,
        f"git ({base}...{head})",
        refs=refs,
        text=cache(partial(_load_text, clone, redactor, head_sha)),
    )
    return _redact_change(change, redactor, run.progress, clone), clone.load_blob(start_sha, settings.SETTINGS_FILE)


def _load_ci_change(run: Run, redactor: Redactor, stack: ExitStack) -> ChangeToReview:
    """Return the merge request as the CI variables describe it: all that is known without a token."""
    here = run.ci
    base, head = here.merge_request_base_sha, here.merge_request_head_sha or here.commit_sha
    run.progress.say("no GITLAB_API_TOKEN: the review is kept as an artifact and not posted")
    if not base:
        raise UsageError(
            "CI_MERGE_REQUEST_DIFF_BASE_SHA is empty, and without GITLAB_API_TOKEN nobody can ask GitLab for it"
        )
    clone = stack.enter_context(Repository(Path(here.directory or ".")).open_clone(_find_remote(run)))
    labels = tuple(label for label in here.merge_request_labels.split(",") if label)
    intent = Intent(here.merge_request_title, here.merge_request_description, labels)
    # The variables do not tell start_sha. The merge base takes its place: nothing is posted without a token.
    refs = DiffRefs(base, base, head)
    change = ChangeToReview(
        clone.diff(base, head),
        intent,
        "git",
        run.resolve_merge_request(),
        refs,
        text=cache(partial(_load_text, clone, redactor, head)),
    )
    return _redact_change(change, redactor, run.progress, clone)


def _load_merge_request_diff(run: Run, gitlab: GitLab, facts: Facts, stack: ExitStack) -> tuple[Diff, OpenClone | None]:
    """Return the diff as GitLab shows it: from the clone if it is one of this project, else GitLab's raw diff."""
    here = run.ci
    same = facts.merge_request.project in (here.project_id, here.project_path, here.merge_request_project)
    directory = Path(here.directory or ".")
    if (same and here.directory) or (directory / ".git").exists():
        try:
            clone = stack.enter_context(Repository(directory).open_clone(_find_remote(run) if same else None))
            return clone.diff(facts.refs.base_sha, facts.refs.head_sha), clone
        except GitError as error:
            run.progress.say(f"git cannot give the diff ({error}); using GitLab's raw diff")
    return _fetch_raw_diff(gitlab, facts), None


def _fetch_raw_diff(gitlab: GitLab, facts: Facts) -> Diff:
    """Return GitLab's raw diff. Raises GitLabError if it cannot be read: no setting is wrong then."""
    try:
        diff = patch.parse_patch(gitlab.fetch_raw_diff())
    except PatchError as error:
        raise GitLabError(f"cannot read GitLab's raw diff: {error}") from error
    if not diff.files and facts.changed_files:
        raise GitLabError(f"GitLab's raw diff is empty, but the merge request changes {facts.changed_files} files")
    return diff


def _fetch_text(gitlab: GitLab, redactor: Redactor, head: str, path: str) -> bytes | None:
    """Return a file at the head without its secrets; None if it is missing or larger than MAX_FILE_BYTES."""
    content = gitlab.fetch_file(path, head)
    return redactor.redact_bytes(content) if content is not None and len(content) <= MAX_FILE_BYTES else None


def _load_text(clone: OpenClone, redactor: Redactor, head: str, path: str) -> bytes | None:
    """Return a file at the head without its secrets; None if the clone has no such file of at most 1 MiB."""
    with suppress(GitError):
        content = clone.load_blobs(head, [path]).get(path)
        return redactor.redact_bytes(content) if content is not None else None
    return None


def _find_remote(run: Run) -> Remote | None:
    """Return where the job's clone came from. User and token move from the URL to a header."""
    here = run.ci
    try:
        parts = urlsplit(here.repository_url)
    except ValueError:  # a bracket without its other half, or a letter that is read as part of the address
        run.progress.say("CI_REPOSITORY_URL cannot be read: nothing is fetched")
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    host = parts.netloc.rpartition("@")[2]
    if here.is_elsewhere(urlunsplit((parts.scheme, host, "", "", ""))):
        run.progress.say(f"CI_REPOSITORY_URL names another server than CI_SERVER_URL: nothing is fetched from {host}")
        return None
    password = here.job_token.reveal() or parts.password or ""
    url = urlunsplit((parts.scheme, host, parts.path, "", ""))
    user, wanted = parts.username or "gitlab-ci-token", run.settings
    ca_file = here.ca_file or wanted.ca_file  # the runner's own clone was made with the first
    return Remote(url, user, password, ca_file or None, wanted.client_cert, wanted.client_key)
