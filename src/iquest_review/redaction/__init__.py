"""Secrets, and how they are replaced in a text before anything else sees it."""
