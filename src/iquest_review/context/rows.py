"""The rows of a prompt that are not the diff, and in which part of it they stand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows that are the same in every request of a review: its commits, the rules of the team and, where there are
    several requests, all files."""

    commits: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    overview: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SideRows:
    """Rows that belong to what one request shows: signatures of what it calls, how its lines came to be, and lines that
    use what it removes or redefines."""

    calls: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()


NO_FRAME, NO_SIDE_ROWS = Frame(), SideRows()
