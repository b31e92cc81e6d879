"""Private keys in PEM (RFC 7468) over several lines: which lines are the body of a key, even without its ends.

The body may be quoted, commented out or indented. A hunk may show only a part of a key: lines after its first line,
lines before its last line, and a hunk that consists only of base64 as wide as a key's are treated as a body.
"""

import re
from collections.abc import Sequence

from iquest_review.redaction.heuristics import compile_pattern

MARKER = b"private key"
_BEGIN = rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_END = rb"-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
# No backtracking (atomic groups, possessive quantifiers): a hostile line would take hours.
_BODY = rb"(?:[^A-Za-z0-9=]*[^A-Za-z0-9=+/])?+([A-Za-z0-9+/=]++)(?:\\++[rn]|[\s\"'`+,;.\\)&*|-])*+"
_BLANK = rb"(?:\\++[rn]|[\s\"'`+,;.\\)(&*|#/-])*+"
_HEADER = rb"[^A-Za-z]{0,40}[A-Z][A-Za-z-]{2,30}: [^\n]{0,200}"
_FULL_WIDTH_CHARS = 32  # a line so wide belongs to a key even if the end is not shown; keys have 64, 70 or 76
_MIN_BODY_CHARS = 32
_ALONE = rb"\s*([A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76})\s*"
_LAST = rb"\s*[A-Za-z0-9+/]{1,76}={0,2}\s*"
_MIN_BARE_LINES = 3
_MAX_LINE_BYTES = 20_000  # a whole key may be on one line

KeyBlock = tuple[int, ...]  # the indexes of the lines that are the body of one key


def find_key_blocks(lines: Sequence[bytes]) -> list[KeyBlock]:
    """Return the bodies of the private keys that begin or end in these lines."""
    blocks: list[KeyBlock] = []
    first_free = 0  # the first line that is not part of a key yet
    for index, line in enumerate(lines):
        if index < first_free or MARKER.upper() not in line:
            continue
        begins = [match.start() for match in compile_pattern(_BEGIN).finditer(line)]
        ends = [match.start() for match in compile_pattern(_END).finditer(line)]
        if ends and (not begins or ends[0] < begins[0]):
            blocks.append(_find_block_before(lines, index, first_free))
        if begins and (not ends or ends[-1] < begins[-1]):
            block, first_free = _find_block_after(lines, index + 1)
            blocks.append(block)
    return [block for block in blocks if block]


def is_bare_body(lines: Sequence[bytes]) -> bool:
    """Return whether the lines of a hunk are only base64 as wide as in a key: the middle of a key or certificate."""
    wide = (
        len(lines) >= _MIN_BARE_LINES
        and all(compile_pattern(_ALONE).fullmatch(line) for line in lines[:-1])
        and compile_pattern(_LAST).fullmatch(lines[-1])
    )
    return bool(wide) and _is_mixed(b"".join(lines))


def can_be_bare_body(line: bytes) -> bool:
    """Return whether a hunk with this first line may be a bare body: a quick test before `is_bare_body`."""
    return bool(compile_pattern(_ALONE).fullmatch(line))


def has_key_boundary(line: bytes) -> bool:
    """Return whether a key begins or ends in the line."""
    return MARKER.upper() in line and bool(compile_pattern(_BEGIN).search(line) or compile_pattern(_END).search(line))


def is_key_line(text: bytes) -> bool:
    """Return whether a text is a line of a key, perhaps cut, as in git's heading of a hunk within a key."""
    return bool(re.fullmatch(rb"[A-Za-z0-9+/]{60,80}", text)) and _is_mixed(text)


def find_base64(line: bytes) -> tuple[int, int] | None:
    """Return start and end of the base64 in a line of a body; None if there is none."""
    match = compile_pattern(_BODY).fullmatch(line) if len(line) <= _MAX_LINE_BYTES else None
    return match.span(1) if match else None


def _is_blank(line: bytes) -> bool:
    return len(line) <= _MAX_LINE_BYTES and bool(compile_pattern(_BLANK).fullmatch(line))


def _is_mixed(text: bytes) -> bool:
    return all(re.search(kind, text) for kind in (rb"[a-z]", rb"[A-Z]", rb"[0-9]"))


def _find_block_after(lines: Sequence[bytes], first: int) -> tuple[KeyBlock, int]:
    """Return the body that starts at a line, and the index of the line after it, which may begin another key."""
    body: list[int] = []
    index = first
    while index < len(lines) and not compile_pattern(_END).search(lines[index]):
        if find_base64(lines[index]):
            body.append(index)
        elif not (_is_blank(lines[index]) or (not body and compile_pattern(_HEADER).fullmatch(lines[index]))):
            return _select_certain_lines(lines, body), index
        index += 1
    if index < len(lines):
        return (tuple(body) if _count_characters(lines, body) >= _MIN_BODY_CHARS else ()), index
    return (tuple(body) if body and _measure_width(lines[body[0]]) >= _FULL_WIDTH_CHARS else ()), index


def _find_block_before(lines: Sequence[bytes], end: int, first: int) -> KeyBlock:
    """Return the body that ends before a line; its last line may be short."""
    body: list[int] = []
    index = end - 1
    while index >= first and (find_base64(lines[index]) or _is_blank(lines[index])):
        width = _measure_width(lines[index])
        if (
            width and width < _FULL_WIDTH_CHARS and body and _measure_width(lines[body[-1]]) != 5
        ):  # PGP ends in a checksum: =, four characters
            break
        if width:
            body.append(index)
        index -= 1
    return (
        tuple(reversed(body)) if _count_characters(lines, body) >= _MIN_BODY_CHARS or (body and index < first) else ()
    )


def _select_certain_lines(lines: Sequence[bytes], body: list[int]) -> KeyBlock:
    """Select the lines that certainly are a body: the wide ones at its start, and a short one after them."""
    certain = next(
        (count for count, index in enumerate(body) if _measure_width(lines[index]) < _FULL_WIDTH_CHARS), len(body)
    )
    if certain and certain < len(body) and _is_mixed(lines[body[certain]]):
        certain += 1
    return tuple(body[:certain])


def _count_characters(lines: Sequence[bytes], body: list[int]) -> int:
    return sum(_measure_width(lines[index]) for index in body)


def _measure_width(line: bytes) -> int:
    span = find_base64(line)
    return span[1] - span[0] if span else 0
