"""The merge-request reviewer for teams that run their own GitLab and their own model."""

__version__ = "0.1.0"
