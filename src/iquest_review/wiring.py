"""Settings -> the real adapters -> review.review(...). The only module that knows every adapter."""

import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from iquest_review import review, settings
from iquest_review.change import patch
from iquest_review.change.diff import Diff
from iquest_review.change.intent import Intent
from iquest_review.change.repository import Remote, Repository
from iquest_review.errors import GitError, GitLabError, UsageError
from iquest_review.merge_request import note
from iquest_review.merge_request.gitlab import Facts, GitLab
from iquest_review.merge_request.outcome import Outcome
from iquest_review.merge_request.plan import Create, Leave, Wanted
from iquest_review.merge_request.refs import DiffRefs, MergeRequest
from iquest_review.model.asking import StructuredOutput
from iquest_review.model.endpoint import Address, Endpoint, Sampling
from iquest_review.model.finding import Severity
from iquest_review.progress import Progress
from iquest_review.prompt.budget import Excerpt
from iquest_review.prompt.fitting import Prompt
from iquest_review.prompt.render import Templates
from iquest_review.reports import review_file
from iquest_review.review import Change, Options
from iquest_review.settings import Pipeline, Settings

DEADLINES = 2  # of one answer's timeout: what all attempts at a request may take together
LARGEST_PATCH = 1024**3  # bytes


class Arguments(NamedTuple):
    """What the command line says beside the settings."""

    diff: str | None = None
    repo: str | None = None
    base: str | None = None
    head: str = "HEAD"
    dry_run: bool = False
    output: str = "iquest-review"
    review_file: str = "iquest-review/review.json"


class Job(NamedTuple):
    """One run: everything that was read from outside, once."""

    arguments: Arguments
    flags: Mapping[str, Any]
    variables: Mapping[str, str]  # the environment
    settings: Settings
    pipeline: Pipeline
    progress: Progress


def job(arguments: Arguments, flags: Mapping[str, Any], environ: Mapping[str, str], progress: Progress) -> Job:
    """The run that arguments and environment ask for. Raises UsageError for what cannot be meant."""
    sources = [name for name, value in (("--diff", arguments.diff), ("--base", arguments.base)) if value]
    sources += ["--merge-request"] if flags.get("merge_request") else []
    if len(sources) > 1:
        raise UsageError(f"{' and '.join(sources)} name different changes; give one of them")
    if arguments.repo and not arguments.base:
        raise UsageError("--repo needs --base, the branch the change is meant for: --base main")
    return Job(arguments, flags, environ, settings.read(flags, environ), settings.pipeline(environ), progress)


def run_review(job: Job) -> tuple[Outcome, str, int]:
    """Reviews; returns the outcome, its note, and the exit code."""
    gitlab = None if _is_local(job) else _gitlab(job)
    if gitlab is None and not _is_local(job) and not job.settings.api_url and job.pipeline.is_fork:
        return _unconfigured_fork(job)
    model_url = _model_url(job)
    change, around, job = _change(job, gitlab)
    notes: list[str] = []

    def keep(outcome: Outcome, body: str) -> None:
        notes.append(body)
        review_file.write(Path(job.arguments.output), outcome, body)
        job.progress.detail(f"kept in {Path(job.arguments.output) / review_file.REVIEW}")

    with _model(job, model_url) as model:
        options = _options(job, around)
        outcome = review.review(change, model, options, keep, _publisher(job, gitlab), job.progress)
    threshold = None if job.settings.fail_on == "never" else Severity(job.settings.fail_on)
    return outcome, notes[-1], review.exit_code(outcome, threshold)


def run_preview(job: Job) -> tuple[Prompt | None, Excerpt]:
    """What a model would be shown, and what not."""
    change, around, job = _change(job, None if _is_local(job) else _gitlab(job))
    return review.preview(change, _options(job, around))


def run_publish(job: Job) -> str:
    """Posts a stored review; returns its note."""
    outcome = review_file.load(Path(job.arguments.review_file))
    here = _merge_request(job)
    merge_request = outcome.merge_request or here
    if merge_request is None:
        raise UsageError(f"{job.arguments.review_file} names no merge request; give --project and --merge-request")
    if job.settings.gitlab_token is None and not job.arguments.dry_run:
        raise UsageError(_CANNOT_POST)
    notes: list[str] = []
    around = note.Surroundings(job_url=job.pipeline.job_url)
    if job.settings.gitlab_token is None:
        review.deliver(outcome, around, lambda _, body: notes.append(body), None)
        return notes[-1]
    gitlab = _connect(job, merge_request, job.settings.gitlab_token)
    facts = gitlab.facts()
    if outcome.diff_refs and facts.refs.head_sha != outcome.diff_refs.head_sha:
        job.progress.say(
            "the merge request has moved on since this review; its note names the commit that was reviewed"
        )
    around = note.Surroundings(facts.project_url, job.pipeline.job_url)
    review.deliver(outcome, around, lambda _, body: notes.append(body), _publisher(job, gitlab))
    return notes[-1]


_CANNOT_POST = (
    "no GITLAB_API_TOKEN: posting needs a project access token with scope api and role Reporter, as a masked CI/CD "
    "variable; --dry-run reviews without posting"
)


def _is_local(job: Job) -> bool:
    """Whether the change is a saved diff or a local branch: nothing is read from or sent to GitLab then."""
    return job.arguments.diff is not None or job.arguments.base is not None


def _merge_request(job: Job) -> MergeRequest | None:
    """The merge request that is meant: by flag or setting, else the pipeline's own."""
    if job.settings.merge_request is not None:
        project = job.settings.project or job.pipeline.merge_request_project or job.pipeline.project_id
        if not project:
            raise UsageError("--merge-request needs --project, its number or full path (IQUEST_PROJECT)")
        return MergeRequest(project, job.settings.merge_request)
    if job.pipeline.merge_request_iid.isdecimal() and job.pipeline.merge_request_project:
        return MergeRequest(job.pipeline.merge_request_project, int(job.pipeline.merge_request_iid))
    return None


def _gitlab(job: Job) -> GitLab | None:
    """The connection to the merge request; None without a token, where a review is possible all the same.

    Raises UsageError when there is nothing to review, or no way to post what is to be posted.
    """
    merge_request = _merge_request(job)
    if merge_request is None:
        raise UsageError(
            "nothing to review: this is no merge-request pipeline; give --project and --merge-request, or --diff FILE, "
            "or --base BRANCH"
        )
    if job.settings.gitlab_token is not None:
        return _connect(job, merge_request, job.settings.gitlab_token)
    in_pipeline = job.settings.merge_request is None
    if in_pipeline and (job.pipeline.is_fork or job.arguments.dry_run):
        return None
    raise UsageError(
        _CANNOT_POST if not job.arguments.dry_run else "no GITLAB_API_TOKEN: it is needed to read the merge request"
    )


def _connect(job: Job, merge_request: MergeRequest, token: settings.Secret) -> GitLab:
    value = token.reveal()
    if value.startswith("glcbt-") or value == job.pipeline.job_token.reveal():
        raise UsageError(
            "GITLAB_API_TOKEN holds CI_JOB_TOKEN, which can only read; create a project access token "
            "with scope api and role Reporter"
        )
    url = job.pipeline.api_url
    if not url:
        raise UsageError("CI_API_V4_URL is not set: outside a pipeline it names your GitLab, https://HOST/api/v4")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise UsageError("CI_API_V4_URL should look like https://HOST/api/v4")
    return GitLab(url, value, merge_request, ca_file=job.pipeline.ca_file or None)


def _change(job: Job, gitlab: GitLab | None) -> tuple[Change, note.Surroundings, Job]:
    """What is to be reviewed, what its note links to, and the job with the target branch's settings in force."""
    job_url = job.pipeline.job_url
    if job.arguments.diff is not None:
        diff, origin = _saved_diff(job.arguments.diff)
        return Change(diff, Intent(), origin), note.Surroundings(job_url=job_url), job
    if job.arguments.base is not None:
        return _branch(job), note.Surroundings(job_url=job_url), _with_file(job, _branch_file(job))
    if gitlab is None:
        return _pipeline_change(job), note.Surroundings(job_url=job_url), job
    facts = gitlab.facts()
    name = f"{facts.merge_request.project}!{facts.merge_request.iid}"
    job.progress.say(f"merge request {name} at {facts.refs.head_sha[:12]}, {facts.state}")
    job = _with_file(job, gitlab.file(settings.FILE, facts.refs.start_sha))
    diff, origin = _merge_request_diff(job, gitlab, facts)
    change = Change(diff, facts.intent, origin, facts.merge_request, facts.refs)
    return change, note.Surroundings(facts.project_url, job_url), job


def _saved_diff(name: str) -> tuple[Diff, str]:
    try:
        text = sys.stdin.buffer.read(LARGEST_PATCH + 1) if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    if len(text) > LARGEST_PATCH:
        raise UsageError(f"{name} is larger than {LARGEST_PATCH // 1024**2} MiB")
    return patch.parse(text), "standard input" if name == "-" else name


def _branch(job: Job) -> Change:
    repository = _local_repository(job)
    base, head = str(job.arguments.base), job.arguments.head
    merge_base, start_sha, head_sha = repository.merge_base(base, head)
    diff = repository.diff(merge_base, head_sha)
    intent = Intent(source_branch=head, target_branch=base)
    return Change(diff, intent, f"git ({base}...{head})", refs=DiffRefs(merge_base, start_sha, head_sha))


def _branch_file(job: Job) -> bytes | None:
    repository = _local_repository(job)
    _, start_sha, _ = repository.merge_base(str(job.arguments.base), job.arguments.head)
    return repository.blob(start_sha, settings.FILE)


def _local_repository(job: Job) -> Repository:
    directory = Path(job.arguments.repo or ".")
    if not directory.is_dir():
        raise UsageError(f"--repo {directory} is no folder")
    return Repository(directory)


def _pipeline_change(job: Job) -> Change:
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
    return Change(diff, intent, "git", _merge_request(job), DiffRefs(base, base, head))


def _merge_request_diff(job: Job, gitlab: GitLab, facts: Facts) -> tuple[Diff, str]:
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


def _remote(here: Pipeline) -> Remote | None:
    """Where the job's clone came from; user and token leave the URL for a header."""
    parts = urlsplit(here.repository_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    host = parts.hostname + (f":{parts.port}" if parts.port else "")
    password = here.job_token.reveal() or parts.password or ""
    url = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return Remote(url, parts.username or "gitlab-ci-token", password, here.ca_file or None)


def _with_file(job: Job, content: bytes | None) -> Job:
    """The job with the settings of the target branch's file."""
    if content is None:
        return job
    import yaml  # noqa: PLC0415 - only who has the file pays for it

    if len(content) > 64 * 1024:
        raise UsageError(f"{settings.FILE} is larger than 64 KiB")
    try:
        value = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UsageError(f"{settings.FILE} is not YAML" + (f", line {mark.line + 1}" if mark else "")) from None
    if value is not None and not isinstance(value, dict):
        raise UsageError(f"{settings.FILE} should hold `name: value` lines")
    return job._replace(settings=settings.read(job.flags, job.variables, value or {}))


def _model_url(job: Job) -> str:
    """Where the model is. Only a run that posts nothing, outside CI, may do without one."""
    if job.settings.api_url:
        return job.settings.api_url
    if job.pipeline.ci or not (_is_local(job) or job.arguments.dry_run):
        raise UsageError("no IQUEST_API_URL: set it to your model server, http://HOST:8000/v1, or to stand-in")
    job.progress.say("no IQUEST_API_URL: the built-in rules (stand-in) answer instead of a model")
    return settings.STAND_IN


@contextmanager
def _model(job: Job, url: str) -> Iterator[Endpoint]:
    if url == settings.STAND_IN:
        from iquest_review.model import stand_in  # noqa: PLC0415 - a review by a model needs no rules

        with stand_in.StandIn() as server:
            yield _endpoint(job, server.url, stand_in.MODEL, None)
        return
    key = job.settings.api_key.reveal() if job.settings.api_key else None
    yield _endpoint(job, url, job.settings.model, key)


def _endpoint(job: Job, url: str, model: str | None, key: str | None) -> Endpoint:
    wanted = job.settings
    return Endpoint(
        Address.parse(url),
        model=model,
        key=key,
        sampling=Sampling(wanted.temperature, wanted.top_p, wanted.max_output_tokens),
        timeout=wanted.timeout,
        deadline=DEADLINES * wanted.timeout,
        ca_file=job.pipeline.ca_file or None,
    )


def _options(job: Job, around: note.Surroundings) -> Options:
    wanted = job.settings
    folder = Path(wanted.prompts_dir) if wanted.prompts_dir else _shipped_prompts()
    return Options(
        templates=Templates.load(folder, wanted.language),
        max_lines=wanted.max_lines,
        max_tokens=wanted.max_tokens,
        max_requests=wanted.max_requests,
        structured_output=StructuredOutput(wanted.structured_output),
        nonce=secrets.token_hex(8),
        surroundings=around,
    )


def _shipped_prompts() -> Path:
    """The templates: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parent
    installed = package / "prompts"
    return installed if installed.is_dir() else package.parent.parent / "prompts"


def _publisher(job: Job, gitlab: GitLab | None) -> review.Publish | None:
    return None if gitlab is None or job.arguments.dry_run else partial(_publish, job.progress, gitlab)


def _publish(progress: Progress, gitlab: GitLab, wanted: Wanted) -> None:
    action = gitlab.publish(wanted)
    done = "posted" if isinstance(action, Create) else "left as it is" if isinstance(action, Leave) else "updated"
    progress.say(f"the note is {done}")


def _unconfigured_fork(job: Job) -> tuple[Outcome, str, int]:
    """A fork's pipeline has none of the parent project's variables: nothing can be asked, and nobody is to blame."""
    from iquest_review.merge_request.outcome import PromptUsed, Status  # noqa: PLC0415

    options = _options(job, note.Surroundings(job_url=job.pipeline.job_url))
    reason = "this pipeline runs in a fork, without the project's variables; a member of the project can run it there"
    prompt = PromptUsed(options.templates.language, options.templates.digest)
    outcome = Outcome(status=Status.NOT_REVIEWED, reason=reason, merge_request=_merge_request(job), prompt=prompt)
    body = note.compose(outcome, options.surroundings)
    review_file.write(Path(job.arguments.output), outcome, body)
    job.progress.say(f"not reviewed: {reason}")
    return outcome, body, 0


__all__ = ["Arguments", "GitLabError", "Job", "job", "run_preview", "run_publish", "run_review"]
