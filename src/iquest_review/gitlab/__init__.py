"""How the merge request is read from GitLab and written to."""
