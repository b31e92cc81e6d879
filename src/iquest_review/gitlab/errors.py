"""What GitLab's refusals mean, and what helps."""

from iquest_review.errors import GitLabError


def describe_status(status: int, said: str) -> str:
    """A status and GitLab's own words, which often begin with it."""
    words = said.removeprefix(str(status)).lstrip(" :-")
    return f"{status}: {words or 'no reason given'}"


def build_refusal_error(status: int, name: str, said: str, *, scope: bool = False) -> GitLabError:
    """The failure of a request about a merge request, `name`. `status` is 0 for an answer that is no HTTP; `said` are
    GitLab's own words; `scope`: it finds the token's scope too small."""
    match status:
        case 401:
            cure = (
                "GITLAB_API_TOKEN is wrong, expired or revoked; make a project access token: scope api, role Reporter"
            )
            return GitLabError(f"GitLab refuses the token ({describe_status(status, said)}): {cure}", status)
        case 403 if scope:
            return GitLabError(
                "the scope of GITLAB_API_TOKEN is too small (403): it needs `api`; `read_api` only reads", status
            )
        case 403:
            cure = "its user needs the role Reporter, and a discussion that is not locked"
            return GitLabError(
                f"GITLAB_API_TOKEN may not do this in {name} ({describe_status(status, said)}): {cure}", status
            )
        case 404:
            cure = "check project and number; a project the token's user may not see answers the same"
            return GitLabError(f"GitLab has no {name} ({describe_status(status, said)}): {cure}", status)
    if 300 <= status < 400:
        return GitLabError(f"GitLab redirects {name}: the project or the server moved; use the new path or URL", status)
    return GitLabError(
        f"GitLab answered {status or 'nothing usable'} for {name}: {said or 'no reason given'}", status or None
    )
