"""File names in the headers of a patch: unquoted, and without the prefixes a/ and b/."""

import re
from itertools import islice, takewhile

DEV_NULL = b"/dev/null"

_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)")
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
# What `diff -r` of another language says of binary files: a word for binary, and two names.
_BINARY_WORD = re.compile(
    "bin[aáæäâ]r|binaire|ikili|двоичн|бинарн|двійков|二进制|二進|バイナリ|이진|바이너리|nhị phân|bitar|δυαδικ",
    re.IGNORECASE,
)
_NAME = re.compile(r"[!-~]*/[!-~]+")
_MAX_NAMES_LINE_BYTES = 10_000  # searching a longer line would take long
_MAX_BLANKS = 100  # where two names may be separated
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


def find_binary_names(line: bytes) -> tuple[bytes, bytes] | None:
    """Return the two names in a line which says in any language that binary files differ; None for other lines."""
    if len(line) > _MAX_NAMES_LINE_BYTES or line[:1] in (b"+", b"-", b" ", b"@"):
        return None
    text = line.decode("utf-8", "replace")
    names = _NAME.findall(text) if _BINARY_WORD.search(_NAME.sub("", text)) else []
    if len(names) != 2 or names[0].rsplit("/", 1)[-1] != names[1].rsplit("/", 1)[-1] or names[0] == names[1]:
        return None
    return names[0].encode(), names[1].encode()


def decode_path(path: bytes) -> str:
    r"""Return the path for people and models; bytes that are not UTF-8 become \xNN."""
    return path.decode("utf-8", "backslashreplace")


def _decode_escape(match: re.Match[bytes]) -> bytes:
    value = match[1]
    octal = b"0" <= value[:1] <= b"7"  # git writes \303; a patch of another tool may contain \8
    return bytes([int(value, 8) & 0xFF]) if octal else _ESCAPES.get(value, value)


def _strip_prefixes(old: bytes, new: bytes, git: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return both paths without a/ and b/, i/ and w/ ... (diff.mnemonicPrefix), or diff.srcPrefix and diff.dstPrefix.

    Without prefixes (diff.noprefix) the two names are equal; with prefixes they never are, and what they have in common
    is the path.
    """
    left = git[0] if git[0] and old == DEV_NULL else old
    right = git[1] if git[1] and new == DEV_NULL else new
    if DEV_NULL in (left, right):  # plain `diff -u`: only git's own pair, a/ and b/, is surely a prefix
        cut = 2 if old.startswith((b"a/", DEV_NULL)) and new.startswith((b"b/", DEV_NULL)) else 0
        before = after = cut
    elif git[0] and left != right and _PREFIX.match(left) and _PREFIX.match(right) and left[:1] != right[:1]:
        before = after = 2
    else:
        before, after = _measure_prefixes(left, right)
    return old if old == DEV_NULL else old[before:], new if new == DEV_NULL else new[after:]


def _measure_prefixes(left: bytes, right: bytes) -> tuple[int, int]:
    """Return how many bytes of each name come before the whole folders and the file name that both end with.

    Both are 0 when the names are equal, or have nothing in common. A name that is the end of the other one has no
    prefix: a file was compared with one of a subfolder.
    """
    ours, theirs, count = left.split(b"/"), right.split(b"/"), _count_common_folders(left, right)
    if left == right or not count or count == min(len(ours), len(theirs)):
        return 0, 0
    return len(b"/".join(ours[:-count])) + 1, len(b"/".join(theirs[:-count])) + 1


def _parse_git_line(git: bytes) -> tuple[bytes, bytes]:
    """Return the two names of a `diff --git` line.

    Unquoted names with blanks can be separated only when they are equal except for the prefix: with prefixes of one
    length in the middle, else where the names have the longest end in common. In all other cases the names are on
    other lines too.
    """
    if quoted := _QUOTED.findall(git):
        first, last = _QUOTED.match(git), git.rstrip().endswith(b'"')
        left = unquote_path(git) if first else git.split(b' "', 1)[0]
        right = _ESCAPE.sub(_decode_escape, quoted[-1]) if last else git.rsplit(b" ", 1)[-1]
        return left, right
    middle = len(git) // 2
    left, right = git[:middle], git[middle + 1 :]
    if git[middle : middle + 1] != b" " or not _count_common_folders(left, right):
        blanks = [match.start() for match in islice(re.finditer(b" ", git), _MAX_BLANKS)]
        cuts = [(_count_common_folders(git[:at], git[at + 1 :]), at) for at in blanks]
        if cuts and max(cuts)[0]:
            at = max(cuts)[1]
            return git[:at], git[at + 1 :]
    return left, right


def _count_common_folders(left: bytes, right: bytes) -> int:
    """Return how many parts of two paths are the same, counted from the file name."""
    pairs = zip(reversed(left.split(b"/")), reversed(right.split(b"/")), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
