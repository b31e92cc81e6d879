"""What changed: a diff is file diffs, a file diff is hunks, a hunk is lines.

The text of a line stays bytes until somebody shows it: CRLF, Latin-1 and invalid UTF-8 are part of what changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

SUBMODULE_MODE = "160000"
SYMLINK_MODE = "120000"


class Side(StrEnum):
    """Which file a line number counts in: the one before the change (old) or after it (new)."""

    OLD = "old"
    NEW = "new"


class LineKind(StrEnum):
    """What a line is in the diff; the value is its marker."""

    CONTEXT = " "
    ADDED = "+"
    REMOVED = "-"


class FileStatus(StrEnum):
    """What happened to a file, in git's words."""

    ADDED = "added"
    DELETED = "deleted"
    MODIFIED = "modified"
    RENAMED = "renamed"
    COPIED = "copied"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk. Numbers count from 1; an added line has no old one, a removed line no new one."""

    kind: LineKind
    old_line: int | None
    new_line: int | None
    raw: bytes  # without marker and LF; a CR before the LF is kept
    newline: bool = True  # False: the file ends here without a newline

    @property
    def text(self) -> str:
        """The line for people and models: no line ending, bytes that are no UTF-8 as \\xNN."""
        return self.raw.removesuffix(b"\r").decode("utf-8", "backslashreplace")

    @property
    def side(self) -> Side:
        """The side the line is cited by: the new file's, unless it is gone from there."""
        return Side.OLD if self.kind is LineKind.REMOVED else Side.NEW

    @property
    def number(self) -> int:
        """The line's number on its side."""
        number = self.old_line if self.kind is LineKind.REMOVED else self.new_line
        assert number is not None  # noqa: S101 - every line is on its own side
        return number


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of lines around a change. `rows` are the patch's own, markers included: lines are made when asked for,
    since of 100,000 only some 2,000 are ever shown."""

    old_start: int
    new_start: int
    heading: str  # what git prints after the second @@: the enclosing function, or nothing
    rows: tuple[bytes, ...]
    added: int
    removed: int

    @property
    def changed_lines(self) -> int:
        """Added and removed lines."""
        return self.added + self.removed

    def iter_lines(self) -> Iterator[Line]:
        """The hunk's lines in order, numbered; "\\ No newline" rows are folded into the line before them."""
        old, new = self.old_start, self.new_start
        for index, row in enumerate(self.rows):
            marker, raw = row[:1], row[1:]
            newline = not (index + 1 < len(self.rows) and self.rows[index + 1][:1] == b"\\")
            if marker == b"+":
                yield Line(LineKind.ADDED, None, new, raw, newline)
                new += 1
            elif marker == b"-":
                yield Line(LineKind.REMOVED, old, None, raw, newline)
                old += 1
            elif marker != b"\\":
                yield Line(LineKind.CONTEXT, old, new, raw, newline)
                old, new = old + 1, new + 1


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What happened to one file. Both paths are always there; they differ in renames and copies only."""

    old_path: str
    new_path: str
    status: FileStatus
    hunks: tuple[Hunk, ...] = ()
    old_mode: str | None = None  # git's octal file modes, where the patch tells them
    new_mode: str | None = None
    binary: bool = False

    @property
    def path(self) -> str:
        """The name the file is cited by."""
        return self.new_path

    @property
    def added(self) -> int:
        """Added lines."""
        return sum(hunk.added for hunk in self.hunks)

    @property
    def removed(self) -> int:
        """Removed lines."""
        return sum(hunk.removed for hunk in self.hunks)

    @property
    def changed_lines(self) -> int:
        """Added and removed lines."""
        return sum(hunk.changed_lines for hunk in self.hunks)

    @property
    def is_submodule(self) -> bool:
        """Whether the entry is a submodule's commit, not a file."""
        return SUBMODULE_MODE in (self.old_mode, self.new_mode)

    @property
    def is_symlink(self) -> bool:
        """Whether the entry is a symbolic link: its one line of text is a path."""
        return SYMLINK_MODE in (self.old_mode, self.new_mode)

    def iter_lines(self) -> Iterator[Line]:
        """All lines of all hunks, in order."""
        for hunk in self.hunks:
            yield from hunk.iter_lines()


@dataclass(frozen=True, slots=True)
class Diff:
    """What a merge request, a branch or a saved patch changes, in the patch's order."""

    files: tuple[FileDiff, ...] = ()

    @property
    def changed_lines(self) -> int:
        """Added and removed lines of all files."""
        return sum(file.changed_lines for file in self.files)

    def find_file(self, path: str) -> FileDiff | None:
        """The file diff of a new or, failing that, an old path."""
        return next(
            (file for file in self.files if file.new_path == path),
            next((file for file in self.files if file.old_path == path), None),
        )
