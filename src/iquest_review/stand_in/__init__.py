"""The embedded reviewer: built-in rules behind an OpenAI-compatible server."""
