"""Private keys in PEM (RFC 7468) over several lines: which lines are the body of one, whether or not its ends are seen.

The body may stand in quotes, behind comment marks or indented. Of a key a hunk may show a part: what follows the first
line of one, what stands before the last, and a hunk of nothing but base64 as wide as a key's are taken for a body.
"""

import re
from collections.abc import Sequence

from iquest_review.redaction.heuristics import compiled

MARKER = b"private key"
_BEGIN = rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_END = rb"-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
# Nothing is given back to try again (atomic groups, possessive quantifiers): a hostile line would take hours.
_BODY = rb"(?:[^A-Za-z0-9=]*[^A-Za-z0-9=+/])?+([A-Za-z0-9+/=]++)(?:\\++[rn]|[\s\"'`+,;.\\)&*|-])*+"
_BLANK = rb"(?:\\++[rn]|[\s\"'`+,;.\\)(&*|#/-])*+"
_HEADER = rb"[^A-Za-z]{0,40}[A-Z][A-Za-z-]{2,30}: [^\n]{0,200}"
_FULL = 32  # characters of a line of which nobody needs to see where the key ends; keys have 64, 70 or 76
_LEAST = 32  # characters of a whole body; fewer are no key
_ALONE = rb"\s*([A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76})\s*"
_LAST = rb"\s*[A-Za-z0-9+/]{1,76}={0,2}\s*"
_LEAST_ALONE = 3
_LONGEST = 20_000  # bytes of a line: a whole key may stand on one

Block = tuple[int, ...]  # the indexes of the lines that are the body of one key


def blocks(lines: Sequence[bytes]) -> list[Block]:
    """The bodies of the private keys that begin or end in these lines."""
    found: list[Block] = []
    behind = 0  # the first line that belongs to no key yet
    for at, line in enumerate(lines):
        if at < behind or MARKER.upper() not in line:
            continue
        begins = [match.start() for match in compiled(_BEGIN).finditer(line)]
        ends = [match.start() for match in compiled(_END).finditer(line)]
        if ends and (not begins or ends[0] < begins[0]):
            found.append(_before(lines, at, behind))
        if begins and (not ends or ends[-1] < begins[-1]):
            block, behind = _after(lines, at + 1)
            found.append(block)
    return [block for block in found if block]


def is_alone(lines: Sequence[bytes]) -> bool:
    """Whether the lines of a hunk are nothing but base64 as wide as in a key: its middle, or a certificate's."""
    wide = (
        len(lines) >= _LEAST_ALONE
        and all(compiled(_ALONE).fullmatch(line) for line in lines[:-1])
        and compiled(_LAST).fullmatch(lines[-1])
    )
    return bool(wide) and _is_mixed(b"".join(lines))


def may_be_alone(line: bytes) -> bool:
    """Whether the first line of a hunk makes it worth while to ask `is_alone`."""
    return bool(compiled(_ALONE).fullmatch(line))


def is_end(line: bytes) -> bool:
    """Whether a key begins or ends in the line."""
    return MARKER.upper() in line and bool(compiled(_BEGIN).search(line) or compiled(_END).search(line))


def is_body(text: bytes) -> bool:
    """Whether a text is a line of a key, perhaps cut: as git's heading of a hunk that stands in one."""
    return bool(re.fullmatch(rb"[A-Za-z0-9+/]{60,80}", text)) and _is_mixed(text)


def core(line: bytes) -> tuple[int, int] | None:
    """Where the base64 stands in a line of a body; None in an empty one."""
    match = compiled(_BODY).fullmatch(line) if len(line) <= _LONGEST else None
    return match.span(1) if match else None


def _is_blank(line: bytes) -> bool:
    return len(line) <= _LONGEST and bool(compiled(_BLANK).fullmatch(line))


def _is_mixed(text: bytes) -> bool:
    return all(re.search(kind, text) for kind in (rb"[a-z]", rb"[A-Z]", rb"[0-9]"))


def _after(lines: Sequence[bytes], first: int) -> tuple[Block, int]:
    """The body that starts at a line, and the line after it: one that ends it may begin another."""
    body: list[int] = []
    at = first
    while at < len(lines) and not compiled(_END).search(lines[at]):
        if core(lines[at]):
            body.append(at)
        elif not (_is_blank(lines[at]) or (not body and compiled(_HEADER).fullmatch(lines[at]))):
            return _surely(lines, body), at
        at += 1
    if at < len(lines):
        return (tuple(body) if _size(lines, body) >= _LEAST else ()), at
    return (tuple(body) if body and _width(lines[body[0]]) >= _FULL else ()), at


def _before(lines: Sequence[bytes], end: int, first: int) -> Block:
    """The body that ends before a line: its last line may be short."""
    body: list[int] = []
    at = end - 1
    while at >= first and (core(lines[at]) or _is_blank(lines[at])):
        wide = _width(lines[at])
        if (
            wide and wide < _FULL and body and _width(lines[body[-1]]) != 5
        ):  # PGP ends in a checksum: =, four characters
            break
        if wide:
            body.append(at)
        at -= 1
    return tuple(reversed(body)) if _size(lines, body) >= _LEAST or (body and at < first) else ()


def _surely(lines: Sequence[bytes], body: list[int]) -> Block:
    """Of lines that only may be a body, those that are: the wide ones at its start, and a short one after them."""
    wide = next((index for index, at in enumerate(body) if _width(lines[at]) < _FULL), len(body))
    if wide and wide < len(body) and _is_mixed(lines[body[wide]]):
        wide += 1
    return tuple(body[:wide])


def _size(lines: Sequence[bytes], body: list[int]) -> int:
    return sum(_width(lines[at]) for at in body)


def _width(line: bytes) -> int:
    found = core(line)
    return found[1] - found[0] if found else 0
