"""What can be looked up beside the diff, and where: kinds of context, and the repository that gives them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # what has no repository, as a saved diff, loads none of it
    from iquest_review.code.outline import Definition
    from iquest_review.git.history import History

SourceLine = tuple[str, int, str]  # path, line and text
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
    """The repository a change is made in. What cannot be had is empty, never an error; no secret is in it."""

    def load_outlines(self, paths: Sequence[str]) -> Mapping[str, OutlinedFile]:
        """Files as they stand at the head: their texts, with what they define."""

    def load_rules(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Files as they stand on the target branch."""

    def find_defining_lines(self, names: Sequence[str], most: int) -> Sequence[tuple[str, int, str]]:
        """Lines of the head that define these names, as (path, line, text)."""

    def find_using_lines(self, names: Sequence[str], most: int) -> Sequence[tuple[str, int, str]]:
        """Lines of the head that define these names or use them in code, of the latter at most so many for each, as
        (path, line, text)."""

    def load_history(self) -> "History":
        """How the change came to be."""
