"""A merge request: its identity, the commits of its diff, and what its author writes about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """The identity of a merge request: its project (number or full path) and its iid, counted from 1 per project."""

    project: str
    iid: int


@dataclass(frozen=True, slots=True)
class DiffRefs:
    """The three commits of a merge request's diff, as GitLab's API names them.

    `start_sha` and `base_sha` differ once the target branch has new commits.
    """

    base_sha: str  # the merge base, where the diff starts
    start_sha: str  # the target branch's head when the diff was made
    head_sha: str  # the source branch's head


@dataclass(frozen=True, slots=True)
class Intent:
    """What the author writes about the change; all empty for a saved diff.

    This is untrusted text, like the change itself.
    """

    title: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    source_branch: str = ""
    target_branch: str = ""
    draft: bool = False
