"""A GitLab with one merge request, and the client connected to it; or single answers, where the request matters."""

from collections.abc import Iterator

import pytest
import responses

from iquest_review.gitlab.client import GitLab
from iquest_review.merge_request import MergeRequest
from tests.support.connections import API, IID, PATH, PROJECT, REFS, TOKEN, Recorder, Waits, connect, recording
from tests.support.gitlab.double import GitLabDouble


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as server:
        yield server


@pytest.fixture
def server() -> Iterator[GitLabDouble]:
    with GitLabDouble() as made:
        made.add_user("reviewer", token=TOKEN, job_token="glcbt-job")
        made.add_project(PROJECT, PATH)
        made.add_merge_request(PROJECT, IID, diff_refs=REFS, raw_diff=b"diff --git a/x b/x\n")
        yield made


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    """Answers registered one by one; a request without one fails, and so does an answer without a request."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def remote(waits: Waits) -> GitLab:
    """The client of the GitLab that `api` answers for."""
    return GitLab(API, TOKEN, MergeRequest(str(PROJECT), IID), sleep=waits)


@pytest.fixture
def gitlab(server: GitLabDouble, waits: Waits) -> GitLab:
    return connect(server, waits)
