"""What GitLab's own variables say of the job, read once, from a mapping handed in."""

from collections.abc import Mapping
from typing import NamedTuple

from iquest_review.settings import Secret


class Pipeline(NamedTuple):
    """What GitLab's own variables say of the job; all empty on a laptop."""

    ci: bool
    api_url: str
    project_id: str
    project_path: str
    directory: str
    repository_url: str
    job_token: Secret
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

    @property
    def is_fork(self) -> bool:
        """Whether this is a fork's pipeline for a merge request of the parent project."""
        return bool(self.merge_request_project) and self.merge_request_project != self.project_id


def pipeline(environ: Mapping[str, str]) -> Pipeline:
    """The job's facts."""

    def value(name: str) -> str:
        return environ.get(name, "").strip()

    return Pipeline(
        ci=value("CI").lower() in ("1", "true", "yes"),
        api_url=value("CI_API_V4_URL"),
        project_id=value("CI_PROJECT_ID"),
        project_path=value("CI_PROJECT_PATH"),
        directory=value("CI_PROJECT_DIR"),
        repository_url=value("CI_REPOSITORY_URL"),
        job_token=Secret(value("CI_JOB_TOKEN")),
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
    )
