"""What a prompt shows beside the diff: enclosing functions, references, history, guidelines."""
