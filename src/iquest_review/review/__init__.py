"""The main path: from a change to a published review."""
