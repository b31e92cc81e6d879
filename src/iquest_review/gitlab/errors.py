"""What GitLab's refusals mean, and what helps."""

from iquest_review.errors import GitLabError


def describe_status(status: int, reason: str) -> str:
    """Return a status with GitLab's own words, which often begin with the status, too."""
    words = reason.removeprefix(str(status)).lstrip(" :-")
    return f"{status}: {words or 'no reason given'}"


def build_refusal_error(status: int, name: str, reason: str, *, scope: bool = False) -> GitLabError:
    """Return the error for a request about the merge request `name` that GitLab refused.

    `status` is 0 for an answer that is not HTTP; `reason` are GitLab's own words; `scope` says that GitLab finds the
    token's scope too small.
    """
    match status:
        case 401:
            cure = (
                "GITLAB_API_TOKEN is wrong, expired or revoked; create a project access token with scope api and role "
                "Reporter"
            )
            return GitLabError(f"GitLab refuses the token ({describe_status(status, reason)}): {cure}", status)
        case 403 if scope:
            return GitLabError(
                "the scope of GITLAB_API_TOKEN is too small (403): it needs `api`; `read_api` only reads", status
            )
        case 403:
            cure = "its user needs the role Reporter, and the discussion must not be locked"
            return GitLabError(
                f"GITLAB_API_TOKEN is not allowed to do this in {name} ({describe_status(status, reason)}): {cure}",
                status,
            )
        case 404:
            cure = "check project and number; a project that the token's user cannot see gives the same answer"
            return GitLabError(f"GitLab has no {name} ({describe_status(status, reason)}): {cure}", status)
    if 300 <= status < 400:
        return GitLabError(f"GitLab redirects {name}: the project or the server moved; use the new path or URL", status)
    return GitLabError(
        f"GitLab answered {status or 'nothing usable'} for {name}: {reason or 'no reason given'}", status or None
    )
