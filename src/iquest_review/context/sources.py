"""What can be looked up beside the diff, and where: kinds of context, and the repository that gives them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # what has no repository, as a saved diff, loads none of it
    from iquest_review.code.outline import Definition
    from iquest_review.git.history import History

Hit = tuple[str, int, str]  # path, line and text
Outlined = tuple[bytes, "Sequence[Definition]"]  # a file's text, and what it defines


class Kind(StrEnum):
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


ALL = frozenset(Kind)


class Lookup(Protocol):
    """The repository a change is made in. What cannot be had is empty, never an error; no secret is in it."""

    def outlines(self, paths: Sequence[str]) -> Mapping[str, Outlined]:
        """Files as they stand at the head: their texts, with what they define."""

    def rules(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Files as they stand on the target branch."""

    def defined(self, names: Sequence[str], most: int) -> Sequence[tuple[str, int, str]]:
        """Lines of the head that define these names, as (path, line, text)."""

    def used(self, names: Sequence[str], most: int) -> Sequence[tuple[str, int, str]]:
        """Lines of the head that define these names or use them in code, of the latter at most so many for each, as
        (path, line, text)."""

    def history(self) -> "History":
        """How the change came to be."""
