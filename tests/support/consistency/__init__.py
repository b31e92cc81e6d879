"""What readers of a merge request are told, read back and compared: note, threads, log, exit code and review.json."""
