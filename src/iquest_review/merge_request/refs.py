"""Which merge request, and between which commits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A merge request by its project (number or full path) and its iid, which counts from 1 in the project."""

    project: str
    iid: int


@dataclass(frozen=True, slots=True)
class DiffRefs:
    """The three commits of a merge request's diff, as GitLab's API names them. Start and base differ once the target
    branch has moved on."""

    base_sha: str  # merge base: what the diff starts from
    start_sha: str  # the target branch's head when the diff was made
    head_sha: str  # the source branch's head
