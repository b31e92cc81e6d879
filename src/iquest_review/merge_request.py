"""Which merge request, between which commits, and what its author says of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A merge request by its project (number or full path) and its iid, which counts from 1 in the project."""

    project: str
    iid: int


@dataclass(frozen=True, slots=True)
class DiffRefs:
    """The three commits of a merge request's diff, as GitLab's API names them.

    Start and base differ once the target branch has moved on.
    """

    base_sha: str  # merge base: what the diff starts from
    start_sha: str  # the target branch's head when the diff was made
    head_sha: str  # the source branch's head


@dataclass(frozen=True, slots=True)
class Intent:
    """What the author says of the change; all empty for a bare diff. Hostile text, as the change itself is."""

    title: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    source_branch: str = ""
    target_branch: str = ""
    draft: bool = False
