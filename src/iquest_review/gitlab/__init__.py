"""The merge request on GitLab: read through its API, and written to."""
