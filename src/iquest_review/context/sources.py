"""The kinds of context beside the diff, and the repository that provides them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a review without a repository, as of a saved diff, loads none of these
    from iquest_review.code.mentions import Mentions
    from iquest_review.code.outline import Definition
    from iquest_review.git.history import History

OutlinedFile = tuple[bytes, "Sequence[Definition]"]  # a file's text, and what it defines


class ContextKind(StrEnum):
    """A kind of context. The value is its name in IQUEST_CONTEXT."""

    DEFINITIONS = "definitions"
    CALLS = "calls"
    CALLERS = "callers"
    RULES = "rules"
    COMMITS = "commits"
    TOUCHED = "touched"
    TOGETHER = "together"
    CHURN = "churn"
    RECENT = "recent"


ALL_KINDS = frozenset(ContextKind)


class Lookup(Protocol):
    """The repository of a change. What cannot be read is empty, never an error; no text holds a secret."""

    def load_outlines(self, paths: Sequence[str]) -> Mapping[str, OutlinedFile]:
        """Return these files at the head, by path, with their definitions."""

    def load_rules(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return these files on the target branch, by path."""

    def find_mentions(self, names: Sequence[str]) -> "Mapping[str, Mentions]":
        """Return the lines of the head that define these names or use them in code; a name may be missing."""

    def load_history(self) -> "History":
        """Return the history of the change."""
