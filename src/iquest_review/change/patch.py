"""Unified diff text -> Diff.

Reads what `git diff`, `git show`, `git log -p`, `git format-patch` (one or several) and GitLab's .diff and .patch
downloads write, and plain `diff -u`. A hunk is bounded by the counts of its header, so that a removed line reading
`-- a/x` is a line and no header. Text is split on LF only: VT, FF, NEL and U+2028 are part of a line.
"""

import re
from dataclasses import dataclass, field

from iquest_review.change.diff import SUBMODULE_MODE, Diff, FileDiff, Hunk, Status
from iquest_review.errors import PatchError

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_SUBMODULE = re.compile(rb"Submodule (.+) [0-9a-f]{7,64}\.{2,3}[0-9a-f]{7,64}(?: \(.*\))?:?\r?$")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)")
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_PREFIX = re.compile(rb"[a-z12]/")
_NOWHERE = b"/dev/null"


def parse(patch: bytes) -> Diff:
    """The diff a patch text holds; no file diffs for blank text.

    Raises PatchError, with the line, for text that is no diff or contradicts itself.
    """
    if patch.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PatchError(1, "the text is UTF-16 (PowerShell's `>` writes it); save it with `git diff --output=FILE`")
    lines = patch.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()  # what stands after the last LF is no line
    return _Reader(lines).diff()


@dataclass(slots=True)
class _Header:
    """What the lines before the first hunk say of a file."""

    git: bytes = b""  # the rest of the `diff --git` line
    old: bytes | None = None  # as on the --- line
    new: bytes | None = None
    renamed: tuple[bytes, bytes] | None = None
    status: Status = Status.MODIFIED
    old_mode: str | None = None
    new_mode: str | None = None
    binary: bool = False
    hunks: list[Hunk] = field(default_factory=list)

    def file_diff(self) -> FileDiff:
        """The finished file diff."""
        old, new = self._paths()
        status = self.status
        if status is Status.MODIFIED and self.old == _NOWHERE:
            status = Status.ADDED
        elif status is Status.MODIFIED and self.new == _NOWHERE:
            status = Status.DELETED
        return FileDiff(_text(old), _text(new), status, tuple(self.hunks), self.old_mode, self.new_mode, self.binary)

    def _paths(self) -> tuple[bytes, bytes]:
        if self.renamed:
            return self.renamed
        if self.old is None or self.new is None:
            return _halves(self.git)
        old, new = _without_prefixes(self.old, self.new, _halves_raw(self.git))
        return (new, new) if self.old == _NOWHERE else (old, old) if self.new == _NOWHERE else (old, new)


class _Reader:
    """A walk over the lines of a patch; `at` is the index of the line being read."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.at = 0
        self.files: list[FileDiff] = []

    def diff(self) -> Diff:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith(b"diff --git "):
                self._git_file()
            elif line.startswith(b"--- ") and self._starts_plain_file():
                self._file(_Header())
            elif line.startswith((b"diff --cc ", b"diff --combined ", b"@@@ ")):
                raise self._error(
                    "a combined diff of a merge; use `git diff BASE...HEAD` or `git show -m --first-parent`"
                )
            else:
                self._submodule_summary(line)
                self.at += 1
        if not self.files and any(line.strip() for line in self.lines):
            raise PatchError(1, "there is no diff in this text")
        return Diff(tuple(self.files))

    def _git_file(self) -> None:
        header = _Header(git=self.lines[self.at][len(b"diff --git ") :].rstrip(b"\r"))
        self.at += 1
        self._extended_header(header)
        self._file(header)

    def _extended_header(self, header: _Header) -> None:
        origin = b""
        while self.at < len(self.lines):
            key, value = _key(self.lines[self.at])
            match key:
                case b"old mode":
                    header.old_mode = value.decode("ascii", "replace")
                case b"new mode":
                    header.new_mode = value.decode("ascii", "replace")
                case b"new file mode":
                    header.new_mode, header.status = value.decode("ascii", "replace"), Status.ADDED
                case b"deleted file mode":
                    header.old_mode, header.status = value.decode("ascii", "replace"), Status.DELETED
                case b"rename from" | b"copy from":
                    origin = _unquoted(value)
                case b"rename to" | b"copy to":
                    header.renamed = (origin, _unquoted(value))
                    header.status = Status.RENAMED if key == b"rename to" else Status.COPIED
                case b"index" if b" " in value:
                    header.old_mode = header.new_mode = value.rsplit(b" ", 1)[1].decode("ascii", "replace")
                case b"index" | b"similarity index" | b"dissimilarity index":
                    pass
                case _:
                    return
            self.at += 1

    def _file(self, header: _Header) -> None:
        line = self._line()
        if line.startswith((b"Binary files ", b"GIT binary patch")):
            header.binary = True
            self.at += 1
        elif line.startswith(b"--- "):
            self._names(header)
            while self._line().startswith(b"@@ "):
                header.hunks.append(self._hunk())
            self._nothing_left_over()
        elif line.startswith(b"@@ "):
            raise self._error("a hunk without the --- and +++ lines before it")
        self.files.append(header.file_diff())

    def _names(self, header: _Header) -> None:
        header.old = _name(self.lines[self.at][4:])
        self.at += 1
        if not self._line().startswith(b"+++ "):
            raise self._error("a +++ line should follow the --- line")
        header.new = _name(self.lines[self.at][4:])
        self.at += 1
        if not self._line().startswith(b"@@ "):
            raise self._error("a hunk (@@ -1,2 +1,2 @@) should follow the +++ line")

    def _hunk(self) -> Hunk:
        match = _HUNK.match(self.lines[self.at])
        if not match:
            raise self._error("a hunk header that cannot be read")
        old_start, old, new_start, new = (1 if count is None else int(count) for count in match.groups()[:4])
        first = self.at + 1
        context = self._walk(first, old, new)
        # A side without lines has the number of the line before it (0 in a new file); lines count from the next.
        return Hunk(
            old_start if old else old_start + 1,
            new_start if new else new_start + 1,
            match[5].strip().decode("utf-8", "backslashreplace"),
            tuple(self.lines[first : self.at]),
            added=new - context,
            removed=old - context,
        )

    def _walk(self, first: int, old: int, new: int) -> int:
        """Moves behind the hunk; returns its number of context lines. The loop every line of a patch passes."""
        lines, at, context, header = self.lines, first, 0, self.at
        try:
            while old > 0 or new > 0:
                marker = lines[at][:1]
                if marker == b"+":
                    new -= 1
                elif marker == b"-":
                    old -= 1
                elif marker in (b" ", b"", b"\r"):  # editors strip the blank of an empty context line
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

    def _nothing_left_over(self) -> None:
        """Lines behind a hunk's last announced one would be changes nobody sees."""
        line = self._line()
        if line[:1] not in (b"+", b"-", b" "):
            return
        signature = line.rstrip() == b"--"  # format-patch signs with "-- " and git's version
        if not signature and not (line.startswith(b"--- ") and self._starts_plain_file()):
            raise self._error("the hunk above has more lines than it announces")

    def _starts_plain_file(self) -> bool:
        following = self.lines[self.at + 1 : self.at + 3]
        return len(following) == 2 and following[0].startswith(b"+++ ") and following[1].startswith(b"@@ -")

    def _submodule_summary(self, line: bytes) -> None:
        """The form of `git diff --submodule=log`, which has no diff header."""
        if line.startswith(b"Submodule ") and (match := _SUBMODULE.match(line)):
            path = _text(match[1])
            self.files.append(FileDiff(path, path, Status.MODIFIED, (), SUBMODULE_MODE, SUBMODULE_MODE))

    def _line(self) -> bytes:
        return self.lines[self.at] if self.at < len(self.lines) else b""

    def _error(self, problem: str) -> PatchError:
        return PatchError(self.at + 1, problem)


_KEYS = (
    *(b"old mode", b"new mode", b"new file mode", b"deleted file mode"),
    *(b"rename from", b"rename to", b"copy from", b"copy to"),
    *(b"similarity index", b"dissimilarity index", b"index"),
)


def _key(line: bytes) -> tuple[bytes, bytes]:
    """An extended header line, parted: its key and its value; two empty ones for any other line."""
    for key in _KEYS:
        if line.startswith(key + b" "):
            return key, line[len(key) + 1 :].rstrip(b"\r")
    return b"", b""


def _name(token: bytes) -> bytes:
    """The path of a --- or +++ line: unquoted, without the TAB git puts behind blanks, or diff's time stamp."""
    return _unquoted(token) if token.startswith(b'"') else token.split(b"\t", 1)[0].rstrip(b"\r")


def _unquoted(token: bytes) -> bytes:
    """git's C-style quoting undone; other text as it is."""
    match = _QUOTED.match(token)
    return _ESCAPE.sub(_escaped, match[1]) if match else token


def _escaped(match: re.Match[bytes]) -> bytes:
    value = match[1]
    return bytes([int(value, 8) & 0xFF]) if value[:1].isdigit() else _ESCAPES.get(value, value)


def _without_prefixes(old: bytes, new: bytes, git: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Both paths less a/ and b/ (or i/ and w/ ...: diff.mnemonicPrefix). Without prefixes (diff.noprefix) both sides
    of the `diff --git` line read the same, with them they never do."""
    left = git[0] if old == _NOWHERE else old
    right = git[1] if new == _NOWHERE else new
    prefixed = left != right and _PREFIX.match(left) and _PREFIX.match(right) and left[:1] != right[:1]
    if not git[0]:  # plain `diff -u`: only git's own pair of letters is a prefix
        prefixed = old.startswith((b"a/", _NOWHERE)) and new.startswith((b"b/", _NOWHERE))
    return (
        old[2:] if prefixed and old != _NOWHERE else old,
        new[2:] if prefixed and new != _NOWHERE else new,
    )


def _halves_raw(git: bytes) -> tuple[bytes, bytes]:
    """The two names of a `diff --git` line. Unquoted names with blanks can be told apart only when they are equal
    but for the prefix, which is when nothing else tells the name."""
    if quoted := _QUOTED.findall(git):
        first, last = _QUOTED.match(git), git.rstrip().endswith(b'"')
        left = _unquoted(git) if first else git.split(b' "', 1)[0]
        right = _ESCAPE.sub(_escaped, quoted[-1]) if last else git.rsplit(b" ", 1)[-1]
        return left, right
    middle = len(git) // 2
    return git[:middle], git[middle + 1 :]


def _halves(git: bytes) -> tuple[bytes, bytes]:
    left, right = _halves_raw(git)
    return _without_prefixes(left, right, (left, right))


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
