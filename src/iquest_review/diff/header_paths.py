"""File names in the headers of a patch: unquoted, and without the prefixes a/ and b/."""

import re

DEV_NULL = b"/dev/null"

_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)")
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_PREFIX = re.compile(rb"[a-z12]/")


def parse_path(token: bytes) -> bytes:
    """Return the path of a --- or +++ line, unquoted.

    A TAB ends the path: git adds one after a name with blanks, and `diff` writes a time stamp behind it.
    """
    return unquote_path(token) if token.startswith(b'"') else token.split(b"\t", 1)[0].rstrip(b"\r")


def unquote_path(token: bytes) -> bytes:
    """Undo git's C-style quoting; return other text as it is."""
    match = _QUOTED.match(token)
    return _ESCAPE.sub(_decode_escape, match[1]) if match else token


def resolve_paths(old: bytes | None, new: bytes | None, git: bytes) -> tuple[bytes, bytes]:
    """Return the old and the new path of a file.

    They come from the --- and +++ lines, or without these from `git`, the rest of the `diff --git` line. For a side
    that does not exist, the name of the other side is used.
    """
    left, right = _parse_git_line(git)
    if old is None or new is None:
        return _strip_prefixes(left, right, (left, right))
    before, after = _strip_prefixes(old, new, (left, right))
    return (after, after) if old == DEV_NULL else (before, before) if new == DEV_NULL else (before, after)


def decode_path(path: bytes) -> str:
    r"""Return the path for people and models; bytes that are not UTF-8 become \xNN."""
    return path.decode("utf-8", "backslashreplace")


def _decode_escape(match: re.Match[bytes]) -> bytes:
    value = match[1]
    octal = b"0" <= value[:1] <= b"7"  # git writes \303; a patch of another tool may contain \8
    return bytes([int(value, 8) & 0xFF]) if octal else _ESCAPES.get(value, value)


def _strip_prefixes(old: bytes, new: bytes, git: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return both paths without a/ and b/ (or i/ and w/ ...: diff.mnemonicPrefix).

    Without prefixes (diff.noprefix) the two names on the `diff --git` line are equal; with prefixes they never are.
    """
    left = git[0] if old == DEV_NULL else old
    right = git[1] if new == DEV_NULL else new
    prefixed = left != right and _PREFIX.match(left) and _PREFIX.match(right) and left[:1] != right[:1]
    if not git[0]:  # plain `diff -u`: only git's own pair, a/ and b/, is a prefix
        prefixed = old.startswith((b"a/", DEV_NULL)) and new.startswith((b"b/", DEV_NULL))
    return (
        old[2:] if prefixed and old != DEV_NULL else old,
        new[2:] if prefixed and new != DEV_NULL else new,
    )


def _parse_git_line(git: bytes) -> tuple[bytes, bytes]:
    """Return the two names of a `diff --git` line.

    Unquoted names with blanks can be separated only when they are equal except for the prefix. In all other cases
    the names are on other lines too.
    """
    if quoted := _QUOTED.findall(git):
        first, last = _QUOTED.match(git), git.rstrip().endswith(b'"')
        left = unquote_path(git) if first else git.split(b' "', 1)[0]
        right = _ESCAPE.sub(_decode_escape, quoted[-1]) if last else git.rsplit(b" ", 1)[-1]
        return left, right
    middle = len(git) // 2
    return git[:middle], git[middle + 1 :]
