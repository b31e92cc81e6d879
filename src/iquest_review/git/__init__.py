"""What the clone tells: objects, diffs and history, read through git."""
