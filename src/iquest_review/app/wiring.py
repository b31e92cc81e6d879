"""From settings to adapters to the review. The only module that knows every adapter."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

from iquest_review.app import settings, source, trusted_files
from iquest_review.app.ci import parse_origin
from iquest_review.app.run import Run
from iquest_review.app.variables import find_unknown_variables
from iquest_review.context.sources import ContextKind
from iquest_review.errors import GitLabError, UsageError
from iquest_review.excerpt.excerpt import Excerpt
from iquest_review.findings.finding import Severity
from iquest_review.findings.fingerprint import digest
from iquest_review.gitlab.client import GitLab
from iquest_review.llm.ask import StructuredOutput
from iquest_review.llm.client import ModelClient, Sampling
from iquest_review.merge_request import MergeRequest
from iquest_review.net.address import Address
from iquest_review.net.deadline import NO_DEADLINE, Deadline
from iquest_review.note import summary
from iquest_review.note.memory import NoteMemory
from iquest_review.outcome import Outcome, PromptUsed, ReviewStatus, SettledReason
from iquest_review.prompt.fitting import Prompt
from iquest_review.prompt.templates import Templates
from iquest_review.publish.publish import publish_review
from iquest_review.reasons.review import ForkPipeline
from iquest_review.redaction.environment import make_cleaner
from iquest_review.reports import review_file, stored_review
from iquest_review.review.delivery import Publish, compute_exit_code, deliver
from iquest_review.review.review import preview, review
from iquest_review.review.terms import Terms
from iquest_review.review.work import ChangeToReview, Options, has_no_waiver
from iquest_review.stand_in import MODEL_NAME

TIMEOUTS_PER_REQUEST = 2  # all attempts at a request together may take so many times IQUEST_TIMEOUT

_CANNOT_POST = (
    "no GITLAB_API_TOKEN: posting needs a project access token with scope api and role Reporter, as a masked CI/CD "
    "variable"
)
_CANNOT_READ = "no GITLAB_API_TOKEN: it is needed to read the merge request"


def run_review(run: Run, deadline: Deadline = NO_DEADLINE) -> tuple[Outcome, str, int]:
    """Review, and return the outcome, its note and the exit code."""
    gitlab = None if run.is_local else _find_gitlab(run, deadline)
    if gitlab is None and run.ci.is_fork and not run.is_local and not run.settings.api_url:
        return _skip_fork(run)
    model_url = _choose_model_url(run)
    if run.is_local:
        review_file.prepare_folder(Path(run.arguments.output))  # before the model is asked: could its answer be kept?
    with ExitStack() as stack:
        change, links, run = source.load_change(run, gitlab, stack)
        options, publisher = _build_options(run, links, change), _make_publisher(run, gitlab, links, change)
        model = stack.enter_context(_open_model(run, model_url, deadline))
        has_waiver = gitlab.has_waiver if gitlab else has_no_waiver
        outcome, body = review(change, model, options, has_waiver, partial(_keep, run), publisher, run.progress)
    code = compute_exit_code(outcome, options.fail_on)
    if code == 1:
        run.progress.say(f"exit code 1: an open finding is {options.fail_on} or worse (IQUEST_FAIL_ON)")
    return outcome, body, code


def run_preview(run: Run, deadline: Deadline = NO_DEADLINE) -> tuple[tuple[Prompt, ...], Excerpt]:
    """Return what a model would be shown, and what is left out. No model is asked."""
    with ExitStack() as stack:
        change, links, run = source.load_change(run, None if run.is_local else _find_gitlab(run, deadline), stack)
        if change.unread:
            raise change.unread
        return preview(change, _build_options(run, links, change), run.progress)


def run_publish(run: Run, deadline: Deadline = NO_DEADLINE) -> str:
    """Post a stored review and return its note."""
    outcome = stored_review.load_review(Path(run.arguments.review_file))
    merge_request = _choose_merge_request(run, outcome)
    token = run.settings.gitlab_token
    if token is None and not run.arguments.dry_run:
        raise UsageError(_CANNOT_POST)
    gitlab = _connect(run, merge_request, token, deadline) if token else None
    project_url = ""
    if gitlab is not None:
        facts = gitlab.fetch_facts()
        project_url = facts.project_url
        if outcome.diff_refs and facts.refs.head_sha != outcome.diff_refs.head_sha:
            now, then = facts.refs.head_sha[:12], outcome.diff_refs.head_sha[:12]
            run.progress.say(f"the merge request is at {now} now; the note names {then}, which was reviewed")
    links = summary.NoteLinks(project_url, run.ci.job_url)
    _, body = deliver(outcome, links, lambda *_: None, _make_publisher(run, gitlab, links))
    return body


def _choose_merge_request(run: Run, outcome: Outcome) -> MergeRequest:
    """Return the merge request to post a stored review on.

    The file comes from a job that read hostile text, so it cannot overrule the command line or the pipeline.
    Raises UsageError if none is named, or the review is one of another merge request.
    """
    asked, stored = run.resolve_merge_request(), outcome.merge_request
    if asked is None:
        if stored is None:
            raise UsageError(f"{run.arguments.review_file} names no merge request; use --project and --merge-request")
        return stored
    if stored is None:
        if run.settings.merge_request is None:
            raise UsageError(
                f"{run.arguments.review_file} is not a review of a merge request; --merge-request says where to post it"
            )
        return asked
    numbers = asked.project.isdecimal() and stored.project.isdecimal()
    if asked.iid != stored.iid or (numbers and asked.project != stored.project):
        raise UsageError(
            f"{run.arguments.review_file} is a review of !{stored.iid}, not of !{asked.iid}; post it from there"
        )
    return asked


def _find_gitlab(run: Run, deadline: Deadline) -> GitLab | None:
    """Return the connection to the merge request; None without a token, if a review is possible without one.

    Raises UsageError if nothing is to be reviewed, or if the review could not be posted.
    """
    merge_request = run.resolve_merge_request()
    if merge_request is None:
        if run.settings.project:
            raise UsageError("--project needs --merge-request, the number of the merge request (IQUEST_MERGE_REQUEST)")
        raise UsageError(
            "nothing to review: this is not a merge-request pipeline; use --project and --merge-request, or "
            "--diff FILE, or --base BRANCH"
        )
    if run.settings.gitlab_token is not None:
        return _connect(run, merge_request, run.settings.gitlab_token, deadline)
    in_its_pipeline = run.settings.merge_request is None
    if in_its_pipeline and (run.ci.is_fork or run.arguments.dry_run):
        return None
    raise UsageError(_CANNOT_READ if run.arguments.dry_run else f"{_CANNOT_POST}; --dry-run reviews without posting")


def _connect(run: Run, merge_request: MergeRequest, token: settings.SecretValue, deadline: Deadline) -> GitLab:
    value = token.reveal()
    if value.startswith("glcbt-") or value == run.ci.job_token.reveal():
        raise UsageError(
            "GITLAB_API_TOKEN is the CI_JOB_TOKEN, which can only read; create a project access token with scope api "
            "and role Reporter"
        )
    if not run.ci.api_url:
        raise UsageError("CI_API_V4_URL is not set: outside a pipeline, set it to your GitLab: https://HOST/api/v4")
    if parse_origin(run.ci.api_url) is None:
        raise UsageError("CI_API_V4_URL should look like https://HOST/api/v4")
    if run.ci.is_misled:
        raise UsageError(
            "CI_API_V4_URL names another server than CI_SERVER_URL and CI_SERVER_HOST, so the token is not sent there; "
            "was one of them set by hand?"
        )
    return GitLab(
        run.ci.api_url,
        value,
        merge_request,
        tls=run.tls,
        sleep=deadline.sleep,
        tell=run.progress.say,
        warn=run.progress.warn,
        clean=make_cleaner(run.variables),
    )


def _choose_model_url(run: Run) -> str:
    """Return the address of the model. Only a run outside CI that posts nothing may use the stand-in instead."""
    if run.settings.api_url:
        return run.settings.api_url
    if run.ci.ci or not (run.is_local or run.arguments.dry_run):
        raise UsageError("no IQUEST_API_URL: set it to your model server, http://HOST:8000/v1, or to stand-in")
    run.progress.say("no IQUEST_API_URL: the built-in rules (stand-in) answer instead of a model")
    return settings.STAND_IN


@contextmanager
def _open_model(run: Run, url: str, deadline: Deadline) -> Iterator[ModelClient]:
    if url == settings.STAND_IN:
        from iquest_review.stand_in.server import StandIn  # noqa: PLC0415 - a review by a model needs no rules

        with StandIn() as server:
            yield _build_model_client(run, server.url, MODEL_NAME, None, deadline)
        return
    key = run.settings.api_key.reveal() if run.settings.api_key else None
    yield _build_model_client(run, url, run.settings.model, key, deadline)


def _build_model_client(run: Run, url: str, model: str | None, key: str | None, deadline: Deadline) -> ModelClient:
    wanted = run.settings
    return ModelClient(
        Address.parse(url),
        model=model,
        key=key,
        sampling=Sampling(wanted.temperature, wanted.top_p, wanted.max_output_tokens),
        timeout=wanted.timeout,
        retry_seconds=TIMEOUTS_PER_REQUEST * wanted.timeout,
        deadline=deadline,
        tls=run.tls,
        tell=run.progress.say,
        clean=make_cleaner(run.variables),
    )


def _build_options(run: Run, links: summary.NoteLinks, change: ChangeToReview | None = None) -> Options:
    wanted, folder = run.settings, Path(run.settings.prompts_dir or _find_shipped_prompts())
    checkout = "" if run.is_local or not wanted.prompts_dir else run.ci.directory
    files, lookup = (change.diff.files, change.lookup) if change else ((), None)
    read = trusted_files.choose_template_reader(folder, checkout, wanted.language, files, lookup)
    templates = Templates.load(folder, wanted.language, read)
    return Options(
        templates=templates,
        terms=Terms(
            wanted.max_lines,
            wanted.max_tokens,
            wanted.max_requests,
            StructuredOutput(wanted.structured_output),
            wanted.concurrency,
            wanted.timeout,
        ),
        max_findings=wanted.max_findings,
        nonce=secrets.token_hex(8),
        links=links,
        settings=digest("\0".join((templates.digest, wanted.language, wanted.model or "")))[:12],
        full=run.arguments.full,
        fail_on=None if wanted.fail_on == "never" else Severity(wanted.fail_on),
        context=frozenset(map(ContextKind, wanted.context)),
        steering=trusted_files.find_steering_paths(files, trusted_files.locate_in_checkout(folder.resolve(), checkout)),
        ignored_settings=find_unknown_variables(run.variables),
    )


def _find_shipped_prompts() -> Path:
    """Return the folder of the shipped templates: in the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "prompts"
    return installed if installed.is_dir() else package.parent.parent / "prompts"


def _keep(run: Run, outcome: Outcome, body: str) -> None:
    review_file.write_review(Path(run.arguments.output), outcome, body)
    run.progress.detail(f"kept in {run.arguments.output}/{review_file.REVIEW_FILENAME}")


def _make_publisher(
    run: Run, gitlab: GitLab | None, links: summary.NoteLinks, change: ChangeToReview | None = None
) -> Publish | None:
    if gitlab is None:
        return None
    if change and change.unread:
        return partial(_refuse_to_publish, run, change.unread)
    if run.arguments.dry_run:
        run.progress.say("dry run: nothing is posted")
        return None
    return partial(_publish, run, gitlab, links, change.known if change else None)


def _refuse_to_publish(run: Run, unread: GitLabError, _: Outcome) -> NoReturn:
    """Raise the error that hides the threads: a finding that somebody has waived would be raised again."""
    _point_to_kept_review(run, unread)
    raise unread


def _publish(
    run: Run, gitlab: GitLab, links: summary.NoteLinks, known: NoteMemory | None, outcome: Outcome
) -> tuple[Outcome, str | None]:
    try:
        published = publish_review(gitlab, outcome, links, known, run.progress.say)
    except (GitLabError, KeyboardInterrupt) as error:
        _point_to_kept_review(run, error)
        raise
    outcome = published.outcome
    if published.body is not None:
        done = "the note is written" if published.wrote else "the note is unchanged"
        resolved = sum(entry.thread != "" and entry.why is not SettledReason.LEFT for entry in outcome.settled)
        still_open = len(outcome.severities)
        parts = ["1 finding is open" if still_open == 1 else f"{still_open} findings are open"]
        parts += [f"{resolved} resolved"] if resolved else []
        run.progress.say("; ".join([*parts, done]))
    return outcome, published.body


def _point_to_kept_review(run: Run, error: BaseException) -> None:
    kept = Path(run.arguments.output, review_file.REVIEW_FILENAME)
    if kept.is_file():
        error.add_note(f"the review is kept, and `iquest-review publish {kept}` posts what is missing")


def _skip_fork(run: Run) -> tuple[Outcome, str, int]:
    """Keep a note that says why nothing was reviewed: a fork's pipeline has none of the parent project's variables."""
    options = _build_options(run, summary.NoteLinks(job_url=run.ci.job_url))
    outcome = Outcome(
        status=ReviewStatus.NOT_REVIEWED,
        reasons=(ForkPipeline(),),
        merge_request=run.resolve_merge_request(),
        prompt=PromptUsed(options.templates.language, options.templates.digest),
    )
    _, body = deliver(outcome, options.links, partial(_keep, run), None)
    run.progress.say(f"not reviewed: {ForkPipeline()}")
    return outcome, body, 0
