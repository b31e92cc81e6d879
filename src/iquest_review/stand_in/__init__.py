"""The embedded reviewer: built-in rules behind an OpenAI-compatible server."""

MODEL_NAME = "iquest-review-stand-in"  # under which the built-in rules answer
