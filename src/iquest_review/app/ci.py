"""What GitLab's own variables say about the job. They are read once, from a mapping that is handed in."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from iquest_review.app.settings import SecretValue
from iquest_review.net.deadline import NO_DEADLINE, Deadline
from iquest_review.text import shorten_to_line

DEFAULT_JOB_SECONDS = 3600  # GitLab's default, for runners before 15.7, which do not set CI_JOB_TIMEOUT
MAX_JOB_SECONDS = 10**8  # a larger CI_JOB_TIMEOUT is a mistake
MAX_CLOCK_SKEW_SECONDS = 300.0  # between the clocks of GitLab and its runner, before it is logged


class CiJob(NamedTuple):
    """What GitLab's own variables say about the job; all are empty on a laptop."""

    ci: bool
    api_url: str
    server_url: str
    server_host: str
    project_id: str
    project_path: str
    directory: str
    repository_url: str
    job_token: SecretValue
    job_url: str
    ca_file: str
    commit_sha: str
    merge_request_iid: str
    merge_request_project: str  # the target project, also in a fork's pipeline
    merge_request_base_sha: str
    merge_request_head_sha: str  # in merged-results pipelines only; there CI_COMMIT_SHA is a merge commit
    merge_request_title: str
    merge_request_description: str
    merge_request_labels: str
    job_timeout: str = ""  # seconds, by the runner, which knows all limits that hold (15.7)
    job_started_at: str = ""  # ISO 8601: image and clone have taken their part since

    @property
    def is_misled(self) -> bool:
        """Whether the API and GitLab itself are said to be on different servers.

        Anyone who starts a pipeline by hand or by a trigger can set any variable, and could so send the token to a
        host of their own.
        """
        return self.is_elsewhere(self.api_url)

    def is_elsewhere(self, url: str) -> bool:
        """Return whether an address is on another server than GitLab's, as far as that is known."""
        here = parse_origin(url)
        elsewhere = self.server_url and here != parse_origin(self.server_url)
        return bool(elsewhere or (self.server_host and (here is None or here[1] != self.server_host.lower())))

    @property
    def is_fork(self) -> bool:
        """Whether this is a fork's pipeline for a merge request of the parent project."""
        return bool(self.merge_request_project) and self.merge_request_project != self.project_id


def parse_origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an address; None if it is not http or https, or contains a user name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)


def parse_ci_job(environ: Mapping[str, str]) -> CiJob:
    """Return what the environment says about the job."""

    def value(name: str) -> str:
        return environ.get(name, "").strip()

    return CiJob(
        ci=value("CI").lower() in ("1", "true", "yes"),
        api_url=value("CI_API_V4_URL"),
        server_url=value("CI_SERVER_URL"),
        server_host=value("CI_SERVER_HOST"),
        project_id=value("CI_PROJECT_ID"),
        project_path=value("CI_PROJECT_PATH"),
        directory=value("CI_PROJECT_DIR"),
        repository_url=value("CI_REPOSITORY_URL"),
        job_token=SecretValue(value("CI_JOB_TOKEN")),
        job_url=value("CI_JOB_URL"),
        ca_file=value("CI_SERVER_TLS_CA_FILE"),
        commit_sha=value("CI_COMMIT_SHA"),
        merge_request_iid=value("CI_MERGE_REQUEST_IID"),
        merge_request_project=value("CI_MERGE_REQUEST_PROJECT_ID"),
        merge_request_base_sha=value("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
        merge_request_head_sha=value("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"),
        merge_request_title=value("CI_MERGE_REQUEST_TITLE"),
        merge_request_description=value("CI_MERGE_REQUEST_DESCRIPTION"),
        merge_request_labels=value("CI_MERGE_REQUEST_LABELS"),
        job_timeout=value("CI_JOB_TIMEOUT"),
        job_started_at=value("CI_JOB_STARTED_AT"),
    )


def compute_deadline(
    here: CiJob, now: datetime, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic
) -> Deadline:
    """Return when the job has to be done: never on a laptop, unless CI_JOB_TIMEOUT is set.

    A value that makes no sense is logged and ignored.
    """
    seconds = _parse_timeout(here, tell)
    return (
        NO_DEADLINE
        if seconds is None
        else Deadline.for_job(seconds, _parse_elapsed_seconds(here, now, seconds, tell), clock)
    )


def _parse_timeout(here: CiJob, tell: Callable[[str], object]) -> int | None:
    """Return the seconds that the job may take; None if there is no limit."""
    text = here.job_timeout
    if text.isascii() and text.isdecimal() and len(text) < 10 and 0 < int(text) <= MAX_JOB_SECONDS:
        return int(text)
    if text:
        instead = f"using {DEFAULT_JOB_SECONDS}" if here.ci else "ignored"
        tell(f"CI_JOB_TIMEOUT is {shorten_to_line(text, 40)!r}, not a number of seconds: {instead}")
    return DEFAULT_JOB_SECONDS if here.ci else None


def _parse_elapsed_seconds(here: CiJob, now: datetime, seconds: int, tell: Callable[[str], object]) -> float:
    """Return the seconds since the job started; 0 if that is unknown."""
    if not here.job_started_at:
        return 0.0
    try:
        started = datetime.fromisoformat(here.job_started_at)
    except ValueError:
        spent = float("nan")
    else:
        spent = (now - (started if started.tzinfo else started.replace(tzinfo=UTC))).total_seconds()
    if -MAX_CLOCK_SKEW_SECONDS <= spent < seconds:
        return max(spent, 0.0)
    started_at = shorten_to_line(here.job_started_at, 40)
    tell(f"CI_JOB_STARTED_AT is {started_at!r}, but this job cannot have started then: ignored")
    return 0.0
