"""Where the change comes from: a saved diff, a local branch, the merge request, or what a pipeline says of it."""

import sys
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from iquest_review import settings
from iquest_review.change import patch
from iquest_review.change.diff import Diff
from iquest_review.change.git_directory import Remote
from iquest_review.change.intent import Intent
from iquest_review.change.repository import Repository
from iquest_review.errors import GitError, UsageError
from iquest_review.job import Job
from iquest_review.merge_request import publishing
from iquest_review.merge_request.gitlab import Facts, GitLab
from iquest_review.merge_request.note import Surroundings
from iquest_review.merge_request.refs import DiffRefs
from iquest_review.review import Change
from iquest_review.settings import Pipeline

LARGEST_TEXT = 2 * 1024**2  # bytes of a file in which a quote is looked for outside the hunks
LARGEST_PATCH = 256 * 1024**2  # bytes


def change(job: Job, gitlab: GitLab | None) -> tuple[Change, Surroundings, Job]:
    """What is to be reviewed, what its note links to, and the job with the target branch's settings in force."""
    around = Surroundings(job_url=job.pipeline.job_url)
    if job.arguments.diff is not None:
        return _saved_diff(job.arguments.diff), around, job
    if job.arguments.base is not None:
        found, file = _branch(job)
        return found, around, job.with_file(file)
    if gitlab is None:
        return _pipeline(job), around, job
    facts, stands = gitlab.facts(), gitlab.standing()
    name = f"{facts.merge_request.project}!{facts.merge_request.iid}"
    job.progress.say(f"merge request {name} at {facts.refs.head_sha[:12]}, {facts.state}")
    job = job.with_file(gitlab.file(settings.FILE, facts.refs.start_sha))
    diff, origin = _merge_request(job, gitlab, facts)
    found = Change(
        diff,
        facts.intent,
        origin,
        facts.merge_request,
        facts.refs,
        stands,
        publishing.remembered(stands),
        cache(partial(_text, gitlab, facts.refs.head_sha)),
    )
    return found, Surroundings(facts.project_url, job.pipeline.job_url), job


def _saved_diff(name: str) -> Change:
    try:
        if name == "-":
            text = sys.stdin.buffer.read(LARGEST_PATCH + 1)
        else:
            with Path(name).open("rb") as file:
                text = file.read(LARGEST_PATCH + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    if len(text) > LARGEST_PATCH:
        raise UsageError(f"{name} is larger than {LARGEST_PATCH // 1024**2} MiB")
    return Change(patch.parse(text), Intent(), "standard input" if name == "-" else name)


def _branch(job: Job) -> tuple[Change, bytes | None]:
    """The local change, and the settings file of the branch it is meant for."""
    directory = Path(job.arguments.repo or ".")
    if not directory.is_dir():
        raise UsageError(f"--repo {directory} is no folder")
    repository, base, head = Repository(directory), str(job.arguments.base), job.arguments.head
    merge_base, start_sha, head_sha = repository.merge_base(base, head)
    diff = repository.diff(merge_base, head_sha)
    intent = Intent(source_branch=head, target_branch=base)
    found = Change(diff, intent, f"git ({base}...{head})", refs=DiffRefs(merge_base, start_sha, head_sha))
    return found, repository.blob(start_sha, settings.FILE)


def _pipeline(job: Job) -> Change:
    """The merge request as the pipeline's own variables tell it: all there is without a token."""
    here = job.pipeline
    base, head = here.merge_request_base_sha, here.merge_request_head_sha or here.commit_sha
    job.progress.say("no GITLAB_API_TOKEN: the review is kept as an artifact and not posted")
    if not base:
        raise UsageError(
            "CI_MERGE_REQUEST_DIFF_BASE_SHA is empty and there is no GITLAB_API_TOKEN to ask GitLab for it"
        )
    diff = Repository(Path(here.directory or ".")).diff(base, head, _remote(here))
    labels = tuple(label for label in here.merge_request_labels.split(",") if label)
    intent = Intent(here.merge_request_title, here.merge_request_description, labels)
    return Change(diff, intent, "git", job.merge_request(), DiffRefs(base, base, head))


def _merge_request(job: Job, gitlab: GitLab, facts: Facts) -> tuple[Diff, str]:
    """The diff as GitLab shows it: from the clone when it is one of this project, else as GitLab's raw diff."""
    here = job.pipeline
    same = facts.merge_request.project in (here.project_id, here.project_path, here.merge_request_project)
    directory = Path(here.directory or ".")
    if (same and here.directory) or (directory / ".git").exists():
        try:
            remote = _remote(here) if same else None
            return Repository(directory).diff(facts.refs.base_sha, facts.refs.head_sha, remote), "git"
        except GitError as error:
            job.progress.say(f"git cannot give the diff ({error}); taking GitLab's raw diff")
    return patch.parse(gitlab.raw_diff()), "GitLab's raw diff"


def _text(gitlab: GitLab, head: str, path: str) -> bytes | None:
    """A file as it stands at the head, unless it is too large to be looked through."""
    content = gitlab.file(path, head)
    return content if content is not None and len(content) <= LARGEST_TEXT else None


def _remote(here: Pipeline) -> Remote | None:
    """Where the job's clone came from; user and token leave the URL for a header."""
    parts = urlsplit(here.repository_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    host = parts.netloc.rpartition("@")[2]
    password = here.job_token.reveal() or parts.password or ""
    url = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return Remote(url, parts.username or "gitlab-ci-token", password, here.ca_file or None)
