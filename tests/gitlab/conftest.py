"""A GitLab with one merge request, and the adapter connected to it."""

from collections.abc import Iterator

import pytest

from iquest_review.gitlab.client import GitLab
from tests.support.connections import IID, PATH, PROJECT, REFS, TOKEN, Recorder, Waits, connect, recording
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
def gitlab(server: GitLabDouble, waits: Waits) -> GitLab:
    return connect(server, waits)
