"""The rows of a prompt beside the diff, and the part of the prompt that each belongs to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows that are the same in every request of a review.

    They are its commits, the team's rules and, in a review of several requests, an overview of all files.
    """

    commits: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    overview: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SideRows:
    """Rows that belong to the code of one request.

    They are signatures of functions it calls, its history, and lines that use what it removes or redefines.
    """

    calls: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()


NO_FRAME, NO_SIDE_ROWS = Frame(), SideRows()
