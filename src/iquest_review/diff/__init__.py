"""What changed: diffs, their files, hunks and lines, as values."""
