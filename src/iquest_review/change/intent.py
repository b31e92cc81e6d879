"""What the author says of the change: hostile text like the change itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Intent:
    """The words a merge request comes with; all empty for a bare diff."""

    title: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    source_branch: str = ""
    target_branch: str = ""
    draft: bool = False
