"""What changed: diffs and their parts, as values."""
