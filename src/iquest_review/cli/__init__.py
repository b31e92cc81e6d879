"""The commands: from arguments to an exit code."""
