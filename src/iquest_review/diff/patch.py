"""Unified diff text -> Diff.

Reads what `git diff`, `git show`, `git log -p`, `git format-patch` (one or several) and GitLab's .diff and .patch
downloads write, and plain `diff -u`. A hunk is bounded by the counts of its header, so that a removed line reading
`-- a/x` is a line and no header. Text is split on LF only: VT, FF, NEL and U+2028 are part of a line.
"""

import re
from dataclasses import dataclass, field

from iquest_review.diff import header_paths, series
from iquest_review.diff.diff import SUBMODULE_MODE, Diff, FileDiff, FileStatus, Hunk
from iquest_review.errors import PatchError

_NUMBER = rb"(\d{1,10})"  # longer ones count no lines
_COUNTED = _NUMBER + rb"(?:," + _NUMBER + rb")?"
_HUNK = re.compile(rb"@@ -" + _COUNTED + rb" \+" + _COUNTED + rb" @@ ?(.*)")
_SUBMODULE = re.compile(rb"Submodule (.+) ([0-9a-f]{7,64})\.{2,3}([0-9a-f]{7,64})(?: \(.*\))?:?\r?$")
_BINARY = re.compile(rb"Binary files (.+?) and (.+) differ\r?$")
_MAX_NAMES_LINE_BYTES = 10_000  # bytes of a line with two names; a longer one would be looked through for long
_INDEX = re.compile(rb"([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})\b")
_COMMIT = re.compile(rb"(From|commit) [0-9a-f]{7,64}\b")  # a patch of a series starts: by mail, or in `git log -p`
_EMPTY_FILE = (
    b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    b"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)


def parse_patch(patch: bytes) -> Diff:
    """The diff a patch text holds; no file diffs for blank text.

    Raises PatchError, with the line, for text that is no diff or contradicts itself.
    """
    if patch.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PatchError(1, "the text is UTF-16 (PowerShell's `>` writes it); save it with `git diff --output=FILE`")
    lines = patch.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()  # what stands after the last LF is no line
    return _Reader(lines).parse_diff()


@dataclass(slots=True)
class _Header:
    """What the lines before the first hunk say of a file."""

    at: int  # its first line's index
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
        """The finished file diff."""
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
        """Whether the header, with no hunk below it, tells of another content. A rename or a change of mode may:
        `git diff --ignore-all-space` writes one that changes blanks besides. At the text's end it is a cut."""
        if self.binary or self.hunks or self.status is FileStatus.DELETED:  # `git diff --irreversible-delete`
            return False
        if self.status is FileStatus.ADDED:
            return self.ids is not None and not any(empty.startswith(self.ids[1]) for empty in _EMPTY_FILE)
        if self.renamed is None and self.old_mode == self.new_mode:
            return True
        return at_end and self.ids is not None


class _Reader:
    """A walk over the lines of a patch; `at` is the index of the line being read."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.at = 0
        self.steps: list[series.Step] = []
        self.patches: list[bytes] = []  # the word each patch of a series starts with

    def parse_diff(self) -> Diff:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith(b"diff --git "):
                self._parse_git_file()
            elif line.startswith(b"--- ") and self._is_plain_file_start():
                self._parse_file(_Header(self.at))
            elif line.startswith((b"diff --cc ", b"diff --combined ", b"@@@ ")):
                raise self._make_error(
                    "a combined diff of a merge; use `git diff BASE...HEAD` or `git show -m --first-parent`"
                )
            elif line.startswith(b"\x1b["):
                raise self._make_error("the text is coloured; save it with `git diff --no-color`")
            elif _HUNK.match(line):
                raise self._make_error("a hunk without the --- and +++ lines before it")
            else:
                self._parse_line_between_files(line)
                self.at += 1
        if not self.steps and any(line.strip() for line in self.lines):
            raise PatchError(1, "there is no diff in this text; `git diff --output=FILE` writes one")
        if len(self.patches) > 1:
            return Diff(series.combine_steps(self.steps, newest_first=self.patches[0] == b"commit"))
        return Diff(tuple(step.file for step in self.steps))

    def _parse_line_between_files(self, line: bytes) -> None:
        """A line outside any file: most say nothing of what changed."""
        if match := _COMMIT.match(line):
            self.patches.append(match[1])
        elif match := _SUBMODULE.match(line):  # `git diff --submodule=log` writes no diff header
            path, (old, new) = header_paths.decode_path(match[1]), match.groups()[1:]
            status = (
                FileStatus.DELETED
                if not new.strip(b"0")
                else FileStatus.MODIFIED
                if old.strip(b"0")
                else FileStatus.ADDED
            )
            self._add_step(FileDiff(path, path, status, (), SUBMODULE_MODE, SUBMODULE_MODE), self.at, (old, new))
        elif len(line) < _MAX_NAMES_LINE_BYTES and (match := _BINARY.match(line)):  # of plain `diff -u`
            header = _Header(
                self.at, old=header_paths.parse_path(match[1]), new=header_paths.parse_path(match[2]), binary=True
            )
            self._add_step(header.build_file_diff(), header.at, None)

    def _add_step(self, file: FileDiff, at: int, ids: tuple[bytes, bytes] | None) -> None:
        self.steps.append(series.Step(file, len(self.patches), at + 1, ids))

    def _parse_git_file(self) -> None:
        header = _Header(self.at, self.lines[self.at][len(b"diff --git ") :].rstrip(b"\r"))
        self.at += 1
        self._parse_extended_header(header)
        self._parse_file(header)

    def _parse_extended_header(self, header: _Header) -> None:
        origin = b""
        while self.at < len(self.lines):
            key, value = _parse_header_line(self.lines[self.at])
            match key:
                case b"old mode":
                    header.old_mode = value.decode("ascii", "replace")
                case b"new mode":
                    header.new_mode = value.decode("ascii", "replace")
                case b"new file mode":
                    header.new_mode, header.status = value.decode("ascii", "replace"), FileStatus.ADDED
                case b"deleted file mode":
                    header.old_mode, header.status = value.decode("ascii", "replace"), FileStatus.DELETED
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
            self.at += 1
        if origin:
            raise self._make_error("of the two names of a renamed or copied file one is missing")

    def _parse_file(self, header: _Header) -> None:
        line = self._peek_line()
        if line.startswith((b"Binary files ", b"GIT binary patch")):
            header.binary = True
            self.at += 1
        elif line.startswith(b"--- "):
            self._parse_names(header)
            while self._peek_line().startswith(b"@@ "):
                header.hunks.append(self._parse_hunk())
            self._check_hunk_end()
        elif line.startswith(b"@@ "):
            raise self._make_error("a hunk without the --- and +++ lines before it")
        if header.is_missing_lines(at_end=self.at >= len(self.lines)):
            raise PatchError(header.at + 1, "the lines that this file's header announces are missing")
        self._add_step(header.build_file_diff(), header.at, header.ids)

    def _parse_names(self, header: _Header) -> None:
        header.old = header_paths.parse_path(self.lines[self.at][4:])
        self.at += 1
        if not self._peek_line().startswith(b"+++ "):
            raise self._make_error("a +++ line should follow the --- line")
        header.new = header_paths.parse_path(self.lines[self.at][4:])
        self.at += 1
        if not self._peek_line().startswith(b"@@ "):
            raise self._make_error("a hunk (@@ -1,2 +1,2 @@) should follow the +++ line")

    def _parse_hunk(self) -> Hunk:
        match = _HUNK.match(self.lines[self.at])
        if not match:
            raise self._make_error("a hunk header that cannot be read")
        old_start, old, new_start, new = (1 if count is None else int(count) for count in match.groups()[:4])
        first = self.at + 1
        context = self._walk_hunk(first, old, new)
        # A side without lines has the number of the line before it (0 in a new file); lines count from the next.
        return Hunk(
            old_start if old else old_start + 1,
            new_start if new else new_start + 1,
            match[5].strip().decode("utf-8", "backslashreplace"),
            tuple(self.lines[first : self.at]),
            added=new - context,
            removed=old - context,
        )

    def _walk_hunk(self, first: int, old: int, new: int) -> int:
        """Moves behind the hunk; returns its number of context lines. The loop every line of a patch passes."""
        lines, at, context, header = self.lines, first, 0, self.at
        try:
            while old > 0 or new > 0:
                line = lines[at]
                marker = line[:1]
                if marker == b"+":
                    new -= 1
                elif marker == b"-":
                    old -= 1
                elif marker == b" " or line in (b"", b"\r"):  # editors strip the blank of an empty context line
                    old, new, context = old - 1, new - 1, context + 1
                elif marker != b"\\":
                    raise PatchError(at + 1, "inside a hunk a line starts with a blank, + or -")
                at += 1
        except IndexError:
            raise PatchError(header + 1, "the diff ends before the lines this hunk announces") from None
        if old < 0 or new < 0:
            raise PatchError(header + 1, "the hunk's lines do not add up to the counts it announces")
        if at < len(lines) and lines[at][:1] == b"\\":
            at += 1
        self.at = at
        return context

    def _check_hunk_end(self) -> None:
        """Lines behind a hunk's last announced one would be changes nobody sees."""
        at = self.at
        while at < len(self.lines) and self.lines[at] in (b"", b"\r"):  # an empty context line, or the patch's end
            at += 1
        line = self.lines[at] if at < len(self.lines) else b""
        if line[:1] not in (b"+", b"-", b" "):
            return
        signature = line.rstrip() == b"--"  # format-patch signs with "-- " and git's version
        if not signature and not line.startswith(b"-----") and not self._is_plain_file_start(at):
            raise PatchError(at + 1, "the hunk above has more lines than it announces")

    def _is_plain_file_start(self, at: int | None = None) -> bool:
        rows = self.lines[(at := self.at if at is None else at) : at + 3]
        return [row[:4] for row in rows] == [b"--- ", b"+++ ", b"@@ -"]

    def _peek_line(self) -> bytes:
        return self.lines[self.at] if self.at < len(self.lines) else b""

    def _make_error(self, problem: str) -> PatchError:
        return PatchError(self.at + 1, problem)


_KEYS = (
    *(b"old mode", b"new mode", b"new file mode", b"deleted file mode"),
    *(b"rename from", b"rename to", b"copy from", b"copy to"),
    *(b"similarity index", b"dissimilarity index", b"index"),
)


def _parse_header_line(line: bytes) -> tuple[bytes, bytes]:
    """An extended header line, parted: its key and its value; two empty ones for any other line."""
    for key in _KEYS:
        if line.startswith(key + b" "):
            return key, line[len(key) + 1 :].rstrip(b"\r")
    return b"", b""


def _parse_index_line(value: bytes, header: _Header) -> None:
    if match := _INDEX.match(value):
        header.ids = (match[1], match[2])
    if b" " in value:
        header.old_mode = header.new_mode = value.rsplit(b" ", 1)[1].decode("ascii", "replace")
