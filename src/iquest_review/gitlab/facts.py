"""The facts of a merge request: its commits, its author's words, and its project."""

from dataclasses import dataclass

from iquest_review.gitlab import schema
from iquest_review.merge_request import DiffRefs, Intent, MergeRequest


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a merge request. `source_is_fork`: its branch belongs to another project."""

    merge_request: MergeRequest
    refs: DiffRefs
    intent: Intent
    state: str  # opened, closed, locked or merged
    project_url: str
    source_is_fork: bool
    changed_files: str  # how many, in GitLab's words ("1000+"); empty for none, and before GitLab has counted


def parse_facts(merge_request: MergeRequest, refs: DiffRefs, answer: schema.MergeRequestAnswer) -> Facts:
    """Return the facts in GitLab's answer; null becomes empty."""
    return Facts(
        merge_request=merge_request,
        refs=refs,
        intent=Intent(
            title=answer.title or "",
            description=answer.description or "",
            labels=tuple(answer.labels),
            source_branch=answer.source_branch or "",
            target_branch=answer.target_branch or "",
            draft=answer.draft,
        ),
        state=answer.state,
        project_url=(answer.web_url or "").partition("/-/merge_requests/")[0],
        source_is_fork=answer.source_project_id != answer.target_project_id,
        changed_files="" if answer.changes_count == "0" else answer.changes_count or "",
    )


def parse_diff_refs(refs: schema.DiffRefsAnswer | None) -> DiffRefs | None:
    """Return all three commits; None until GitLab has computed them."""
    if refs is None or not (refs.base_sha and refs.start_sha and refs.head_sha):
        return None
    return DiffRefs(refs.base_sha, refs.start_sha, refs.head_sha)
