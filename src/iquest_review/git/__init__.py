"""The clone: its objects, diffs and history, read through git."""
