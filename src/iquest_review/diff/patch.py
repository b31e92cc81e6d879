"""Parse unified diff text into a `Diff`.

Reads what `git diff`, `git show`, `git log -p`, `git format-patch` (one or several) and GitLab's .diff and .patch
downloads contain, and plain `diff -u`. The counts in its header bound a hunk, so a removed line `-- a/x` is a line, not
a header. Text is split on LF only: VT, FF, NEL and U+2028 are part of a line.
"""

import re
from dataclasses import dataclass, field

from iquest_review.diff import header_paths, series
from iquest_review.diff.diff import SUBMODULE_MODE, Diff, FileDiff, FileStatus, Hunk
from iquest_review.errors import PatchError

_NUMBER = rb"(\d{1,10})"  # no file has more lines than that
_COUNTED = _NUMBER + rb"(?:," + _NUMBER + rb")?"
_HUNK = re.compile(rb"@@ -" + _COUNTED + rb" \+" + _COUNTED + rb" @@ ?(.*)")
_SUBMODULE = re.compile(rb"Submodule (.+) ([0-9a-f]{7,64})\.{2,3}([0-9a-f]{7,64})(?: \(.*\))?:?\r?$")
_BINARY = re.compile(rb"Binary files (.+?) and (.+) differ\r?$")
_MAX_NAMES_LINE_BYTES = 10_000  # of a line with two names; searching a longer one would take long
_INDEX = re.compile(rb"([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})\b")
_COMMIT = re.compile(rb"(From|commit) [0-9a-f]{7,64}\b")  # starts a patch of a series: in a mailbox, or in `git log -p`
_PATCH_START = re.compile(rb"^(?:From|commit) [0-9a-f]{7,64}\b", re.MULTILINE)
_EMPTY_FILE = (
    b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    b"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)


def parse_patch(patch: bytes) -> Diff:
    """Return the diff in a patch text; blank text gives a diff without files.

    Raises PatchError, with the line, for text that is not a diff or contradicts itself.
    """
    if patch.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PatchError(
            1, "the text is UTF-16, as PowerShell's `>` writes it; save the diff with `git diff --output=FILE`"
        )
    lines = patch.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()  # what follows the last LF is not a line
    return _Reader(lines).parse_diff()


def count_patches(patch: bytes) -> int:
    """Count the patches of a series: mails of `git format-patch`, or commits of `git log -p`."""
    return sum(1 for _ in _PATCH_START.finditer(patch))


@dataclass(slots=True)
class _Header:
    """What the lines before the first hunk say about a file."""

    index: int  # of its first line
    git: bytes = b""  # the rest of the `diff --git` line
    old: bytes | None = None  # as on the --- line
    new: bytes | None = None
    renamed: tuple[bytes, bytes] | None = None
    status: FileStatus = FileStatus.MODIFIED
    old_mode: str | None = None
    new_mode: str | None = None
    ids: tuple[bytes, bytes] | None = None
    binary: bool = False
    hunks: list[Hunk] = field(default_factory=list)

    def build_file_diff(self) -> FileDiff:
        """Return the file diff with everything that was read."""
        old, new = map(
            header_paths.decode_path, self.renamed or header_paths.resolve_paths(self.old, self.new, self.git)
        )
        status = self.status
        if status is FileStatus.MODIFIED and self.old == header_paths.DEV_NULL:
            status = FileStatus.ADDED
        elif status is FileStatus.MODIFIED and self.new == header_paths.DEV_NULL:
            status = FileStatus.DELETED
        return FileDiff(old, new, status, tuple(self.hunks), self.old_mode, self.new_mode, self.binary)

    def is_missing_lines(self, *, at_end: bool) -> bool:
        """Return whether hunks should follow the header but do not.

        Renames and changes of mode without hunks are complete, even when the ids say that the content differs:
        `git diff --ignore-all-space` leaves out hunks that change only blanks. At the end of the text, such a header
        means that the text was cut off.
        """
        if self.binary or self.hunks or self.status is FileStatus.DELETED:  # `git diff --irreversible-delete`
            return False
        if self.status is FileStatus.ADDED:
            return self.ids is not None and not any(empty.startswith(self.ids[1]) for empty in _EMPTY_FILE)
        if self.renamed is None and self.old_mode == self.new_mode:
            return True
        return at_end and self.ids is not None


class _Reader:
    """A parser that walks over the lines of a patch; `index` is that of the current line."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.index = 0
        self.steps: list[series.Step] = []
        self.git_files = any(line.startswith(b"diff --git ") for line in lines)  # else plain `diff` wrote them
        self.patches: list[bytes] = []  # the word each patch of a series starts with

    def parse_diff(self) -> Diff:
        """Return the diff of all lines; raise PatchError for what cannot be read."""
        while self.index < len(self.lines):
            line = self.lines[self.index]
            if line.startswith(b"diff --git "):
                self._parse_git_file()
            elif line.startswith(b"--- ") and self._is_plain_file_start():
                self._parse_file(_Header(self.index))
            elif line.startswith((b"diff --cc ", b"diff --combined ", b"@@@ ")):
                raise self._make_error(
                    "this is a combined diff of a merge; use `git diff BASE...HEAD` or `git show -m --first-parent`"
                )
            elif line.startswith(b"\x1b["):
                raise self._make_error("the text contains colour codes; save it with `git diff --no-color`")
            elif _HUNK.match(line):
                raise self._make_error("the --- and +++ lines are missing before this hunk")
            else:
                self._parse_line_between_files(line)
                self.index += 1
        if not self.steps and any(line.strip() for line in self.lines):
            raise PatchError(1, "this text contains no diff; `git diff --output=FILE` writes one")
        if len(self.patches) > 1:
            return Diff(series.combine_steps(self.steps, newest_first=self.patches[0] == b"commit"))
        return Diff(tuple(step.file for step in self.steps))

    def _parse_line_between_files(self, line: bytes) -> None:
        """Read a line outside any file; most of them say nothing about the change."""
        if match := _COMMIT.match(line):
            self.patches.append(match[1])
        elif match := _SUBMODULE.match(line):  # `git diff --submodule=log` writes no `diff --git` line
            path, (old, new) = header_paths.decode_path(match[1]), match.groups()[1:]
            status = (
                FileStatus.DELETED
                if not new.strip(b"0")
                else FileStatus.MODIFIED
                if old.strip(b"0")
                else FileStatus.ADDED
            )
            self._add_step(FileDiff(path, path, status, (), SUBMODULE_MODE, SUBMODULE_MODE), self.index, (old, new))
        elif len(line) < _MAX_NAMES_LINE_BYTES and (match := _BINARY.match(line)):  # of plain `diff -u`
            self._add_plain_binary(match[1], match[2])
        elif not self.git_files and not self.patches and (names := header_paths.find_binary_names(line)):
            self._add_plain_binary(*names)

    def _add_plain_binary(self, old: bytes, new: bytes) -> None:
        header = _Header(self.index, old=header_paths.parse_path(old), new=header_paths.parse_path(new), binary=True)
        self._add_step(header.build_file_diff(), header.index, None)

    def _add_step(self, file: FileDiff, index: int, ids: tuple[bytes, bytes] | None) -> None:
        self.steps.append(series.Step(file, len(self.patches), index + 1, ids))

    def _parse_git_file(self) -> None:
        header = _Header(self.index, self.lines[self.index][len(b"diff --git ") :].rstrip(b"\r"))
        self.index += 1
        self._parse_extended_header(header)
        self._parse_file(header)

    def _parse_extended_header(self, header: _Header) -> None:
        origin = b""
        while self.index < len(self.lines):
            key, value = _parse_header_line(self.lines[self.index])
            match key:
                case b"old mode" | b"new mode" | b"new file mode" | b"deleted file mode":
                    _parse_mode_line(key, value, header)
                case b"rename from" | b"copy from":
                    origin = header_paths.unquote_path(value)
                case b"rename to" | b"copy to" if origin:
                    header.renamed, origin = (origin, header_paths.unquote_path(value)), b""
                    header.status = FileStatus.RENAMED if key == b"rename to" else FileStatus.COPIED
                case b"index":
                    _parse_index_line(value, header)
                case b"similarity index" | b"dissimilarity index":
                    pass
                case _:
                    break
            self.index += 1
        if origin:
            raise self._make_error("one of the two names of a renamed or copied file is missing")

    def _parse_file(self, header: _Header) -> None:
        line = self._peek_line()
        if line.startswith((b"Binary files ", b"GIT binary patch")):
            header.binary = True
            self.index += 1
        elif line.startswith(b"--- "):
            self._parse_names(header)
            while self._peek_line().startswith(b"@@ "):
                header.hunks.append(self._parse_hunk())
            self._check_hunk_end()
        elif line.startswith(b"@@ "):
            raise self._make_error("the --- and +++ lines are missing before this hunk")
        if header.is_missing_lines(at_end=self.index >= len(self.lines)):
            raise PatchError(header.index + 1, "the changes that the header of this file announces are missing")
        self._add_step(header.build_file_diff(), header.index, header.ids)

    def _parse_names(self, header: _Header) -> None:
        header.old = header_paths.parse_path(self.lines[self.index][4:])
        self.index += 1
        if not self._peek_line().startswith(b"+++ "):
            raise self._make_error("a +++ line must follow the --- line")
        header.new = header_paths.parse_path(self.lines[self.index][4:])
        self.index += 1
        if not self._peek_line().startswith(b"@@ "):
            raise self._make_error("a hunk (@@ -1,2 +1,2 @@) must follow the +++ line")

    def _parse_hunk(self) -> Hunk:
        match = _HUNK.match(self.lines[self.index])
        if not match:
            raise self._make_error("this hunk header cannot be read")
        old_start, old, new_start, new = (1 if count is None else int(count) for count in match.groups()[:4])
        first = self.index + 1
        context = self._walk_hunk(first, old, new)
        # A side without lines has the number of the line before it (0 in a new file): the hunk starts at the next one.
        return Hunk(
            old_start if old else old_start + 1,
            new_start if new else new_start + 1,
            match[5].strip().decode("utf-8", "backslashreplace"),
            tuple(self.lines[first : self.index]),
            added=new - context,
            removed=old - context,
        )

    def _walk_hunk(self, first: int, old: int, new: int) -> int:
        """Move behind the hunk and return its number of context lines.

        Every line of a patch passes this loop, so it is kept plain.
        """
        lines, index, context, header = self.lines, first, 0, self.index
        try:
            while old > 0 or new > 0:
                line = lines[index]
                marker = line[:1]
                if marker == b"+":
                    new -= 1
                elif marker == b"-":
                    old -= 1
                elif marker == b" " or line in (b"", b"\r"):  # editors strip the blank of an empty context line
                    old, new, context = old - 1, new - 1, context + 1
                elif marker != b"\\":
                    raise PatchError(index + 1, "a line inside a hunk must start with a blank, + or -")
                index += 1
        except IndexError as error:
            raise PatchError(header + 1, "the diff ends before the last line that this hunk announces") from error
        if old < 0 or new < 0:
            raise PatchError(header + 1, "the number of lines differs from what the header of this hunk announces")
        if index < len(lines) and lines[index][:1] == b"\\":
            index += 1
        self.index = index
        return context

    def _check_hunk_end(self) -> None:
        """Raise PatchError when a hunk goes on behind its announced lines: nobody would see these changes.

        Unchanged lines hide nothing. Git ignores them too.
        """
        index = self.index
        while index < len(self.lines) and (self.lines[index] in (b"", b"\r") or self.lines[index][:1] in (b" ", b"\\")):
            index += 1
        line = self.lines[index] if index < len(self.lines) else b""
        if line[:1] not in (b"+", b"-"):
            return
        signature = line.rstrip() == b"--"  # format-patch signs with "-- " and git's version
        if not signature and not line.startswith(b"-----") and not self._is_plain_file_start(index):
            raise PatchError(index + 1, "the hunk above has more lines than it announces")

    def _is_plain_file_start(self, index: int | None = None) -> bool:
        start = self.index if index is None else index
        rows = self.lines[start : start + 3]
        return [row[:4] for row in rows] == [b"--- ", b"+++ ", b"@@ -"]

    def _peek_line(self) -> bytes:
        return self.lines[self.index] if self.index < len(self.lines) else b""

    def _make_error(self, problem: str) -> PatchError:
        return PatchError(self.index + 1, problem)


_KEYS = (
    *(b"old mode", b"new mode", b"new file mode", b"deleted file mode"),
    *(b"rename from", b"rename to", b"copy from", b"copy to"),
    *(b"similarity index", b"dissimilarity index", b"index"),
)


def _parse_header_line(line: bytes) -> tuple[bytes, bytes]:
    """Split an extended header line into key and value; return two empty ones for any other line."""
    for key in _KEYS:
        if line.startswith(key + b" "):
            return key, line[len(key) + 1 :].rstrip(b"\r")
    return b"", b""


def _parse_mode_line(key: bytes, value: bytes, header: _Header) -> None:
    mode = value.decode("ascii", "replace")
    if key in (b"old mode", b"deleted file mode"):
        header.old_mode = mode
    else:
        header.new_mode = mode
    if key == b"new file mode":
        header.status = FileStatus.ADDED
    elif key == b"deleted file mode":
        header.status = FileStatus.DELETED


def _parse_index_line(value: bytes, header: _Header) -> None:
    if match := _INDEX.match(value):
        header.ids = (match[1], match[2])
    if b" " in value:
        header.old_mode = header.new_mode = value.rsplit(b" ", 1)[1].decode("ascii", "replace")
