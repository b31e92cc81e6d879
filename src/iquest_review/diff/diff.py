"""What changed: a diff has file diffs, a file diff has hunks, a hunk has lines.

The text of a line stays bytes until it is shown: CRLF, Latin-1 and invalid UTF-8 are part of the change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from iquest_review.diff.decoding import decode_line

SUBMODULE_MODE = "160000"
SYMLINK_MODE = "120000"


class Side(StrEnum):
    """The file in which a line number counts: the one before the change (old) or after it (new)."""

    OLD = "old"
    NEW = "new"


class LineKind(StrEnum):
    """The kind of a line in the diff; the value is its marker."""

    CONTEXT = " "
    ADDED = "+"
    REMOVED = "-"


class FileStatus(StrEnum):
    """What happened to a file, in git's terms."""

    ADDED = "added"
    DELETED = "deleted"
    MODIFIED = "modified"
    RENAMED = "renamed"
    COPIED = "copied"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk.

    Numbers count from 1. An added line has no old number, a removed line no new one.
    """

    kind: LineKind
    old_line: int | None
    new_line: int | None
    raw: bytes  # without marker and LF; a CR before the LF is kept
    newline: bool = True  # False: the file ends here without a newline
    encoding: str | None = None  # of its file, for a line that is not UTF-8

    @property
    def text(self) -> str:
        r"""The line for people and models: without its line ending, bytes that no encoding explains as \xNN."""
        return decode_line(self.raw.removesuffix(b"\r"), self.encoding)

    @property
    def side(self) -> Side:
        """The side by which the line is cited: old for a removed line, else new."""
        return Side.OLD if self.kind is LineKind.REMOVED else Side.NEW

    @property
    def number(self) -> int:
        """The line's number on its side."""
        number = self.old_line if self.kind is LineKind.REMOVED else self.new_line
        assert number is not None  # noqa: S101 - every line has a number on its side
        return number


@dataclass(frozen=True, slots=True)
class Hunk:
    """Consecutive lines around a change.

    `rows` are the rows of the patch with their markers. `Line` values are built on demand: of 100,000 lines only
    about 2,000 are ever shown.
    """

    old_start: int
    new_start: int
    heading: str  # what git prints after the second @@: the enclosing function, or nothing
    rows: tuple[bytes, ...]
    added: int
    removed: int
    encoding: str | None = field(default=None, kw_only=True)  # of the lines that are not UTF-8

    @property
    def changed_lines(self) -> int:
        """The number of added and removed lines."""
        return self.added + self.removed

    def iter_lines(self) -> Iterator[Line]:
        r"""Return the numbered lines in order; a "\ No newline" row becomes a property of the line before it."""
        old, new = self.old_start, self.new_start
        for index, row in enumerate(self.rows):
            marker, raw = row[:1], row[1:]
            newline = not (index + 1 < len(self.rows) and self.rows[index + 1][:1] == b"\\")
            if marker == b"+":
                yield Line(LineKind.ADDED, None, new, raw, newline, self.encoding)
                new += 1
            elif marker == b"-":
                yield Line(LineKind.REMOVED, old, None, raw, newline, self.encoding)
                old += 1
            elif marker != b"\\":
                yield Line(LineKind.CONTEXT, old, new, raw, newline, self.encoding)
                old, new = old + 1, new + 1


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What happened to one file. Both paths are always set; they differ only for renames and copies."""

    old_path: str
    new_path: str
    status: FileStatus
    hunks: tuple[Hunk, ...] = ()
    old_mode: str | None = None  # git's octal file modes, where the patch gives them
    new_mode: str | None = None
    binary: bool = False

    @property
    def path(self) -> str:
        """The path by which the file is cited."""
        return self.new_path

    @property
    def added(self) -> int:
        """The number of added lines."""
        return sum(hunk.added for hunk in self.hunks)

    @property
    def removed(self) -> int:
        """The number of removed lines."""
        return sum(hunk.removed for hunk in self.hunks)

    @property
    def changed_lines(self) -> int:
        """The number of added and removed lines."""
        return sum(hunk.changed_lines for hunk in self.hunks)

    @property
    def is_submodule(self) -> bool:
        """Whether the entry is a commit of a submodule, not a file."""
        return SUBMODULE_MODE in (self.old_mode, self.new_mode)

    @property
    def is_symlink(self) -> bool:
        """Whether the entry is a symbolic link, whose only line is a path."""
        return SYMLINK_MODE in (self.old_mode, self.new_mode)

    def iter_lines(self) -> Iterator[Line]:
        """Return all lines of all hunks, in order."""
        for hunk in self.hunks:
            yield from hunk.iter_lines()


@dataclass(frozen=True, slots=True)
class Diff:
    """What a merge request, a branch or a saved patch changes, in the order of the patch."""

    files: tuple[FileDiff, ...] = ()

    @property
    def changed_lines(self) -> int:
        """The number of added and removed lines of all files."""
        return sum(file.changed_lines for file in self.files)

    def find_file(self, path: str) -> FileDiff | None:
        """Return the file diff with this new path, else the one with this old path; None without either."""
        return next(
            (file for file in self.files if file.new_path == path),
            next((file for file in self.files if file.old_path == path), None),
        )
