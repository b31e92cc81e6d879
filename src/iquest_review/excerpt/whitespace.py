"""Hunks that change white space only, and whether they may be folded: not where white space may be part of a text, nor
where it makes a line look as if it belonged to another.

A string that is open all through a hunk cannot be told from code; one that begins or ends in it can.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from iquest_review.diff.diff import Hunk

LineKey = bytes  # of a line, without the white space that does not count


class WhitespaceChange(StrEnum):
    """What alone changes."""

    ENDINGS = "line endings"
    SPACE = "white space"


_QUOTED = re.compile(rb"(\\.|\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+')")
_BLANKS = re.compile(rb"\s+")
# Opens or closes a text of several lines: template literals, Python's and Java's text blocks, heredocs, raw strings of
# C++, Ruby's and Perl's quotes, PostgreSQL's, and elements of HTML that keep white space.
_TEXT = re.compile(
    rb"`|\"\"\"|\'\'\'|<<[-~<]?[\"\'\\]?[A-Za-z_]|R\"[^()\\\s]{0,16}\(|%[qQwWiI]?[({\[<|]\S|\bq[qw]?[{(\[|]|\$\$|<pre\b|<textarea\b"
    rb"|xml:space|\[=*\[\s*$|^.\s*\]=*\]",
    re.MULTILINE,
)
# A carriage return ends a comment of JavaScript, a backslash makes the next line part of one of C.
_SPLICE = re.compile(rb"[\r\v\f](?!\Z)|(?:\\|\?\?/)\s*\Z")
# Where white space may mean something: what is quoted, also by a quote that a regular expression holds, and words that
# end a heredoc, a comment of Ruby's or a program.
_NOT_PLAIN = re.compile(rb"[\"\'`\\]|^\s*(?:=\w|__[A-Z]+__|[A-Z_]{2,}\s*\Z)")
# The head of a statement that takes the next one without braces.
_HEAD = re.compile(
    rb"^[\s}]*(?:(?:else\s+if|elseif|if|for|foreach|while|using|lock|fixed|with|synchronized)\b\s*(?:constexpr\s*)?\(.*[^\s{;}]|(?:else|do))\s*$"
)
_REMARK = re.compile(rb"(?://.*|/\*(?:(?!\*/).)*\*/\s*)$")
_MAX_ROWS_BELOW = 20  # rows below a head that are looked at


def normalize_row(row: bytes, indented: bool) -> LineKey:
    """A row without its marker and without the white space that says nothing; that of a text in quotes counts."""
    if indented:
        return row[1:].rstrip()
    if b'"' not in row and b"'" not in row:
        return b" ".join(row[1:].split())
    parts = _QUOTED.split(row[1:].strip())
    parts[::2] = [_BLANKS.sub(b" ", part) for part in parts[::2]]
    return b"".join(parts)


def find_whitespace_change(hunk: Hunk, indented: bool) -> WhitespaceChange | None:
    """What alone a hunk changes, where that may be folded; None for all other hunks. `indented`: the indentation of a
    line means something."""
    removed, added = _find_first_key(hunk, b"-", indented), _find_first_key(hunk, b"+", indented)
    if removed != added or _list_keys(hunk, b"-", indented) != _list_keys(hunk, b"+", indented):
        return None  # nearly all hunks: what costs more is asked below
    if any(_SPLICE.search(row) for row in hunk.rows):
        return None
    if _has_only_endings(hunk):
        return WhitespaceChange.ENDINGS
    plain = not any(_NOT_PLAIN.search(row[1:]) for row in hunk.rows if row[:1] in (b"+", b"-"))
    return (
        WhitespaceChange.SPACE
        if plain and not can_hold_text(hunk) and not _has_misleading_indent(hunk, indented)
        else None
    )


def can_hold_text(hunk: Hunk) -> bool:
    """Whether a text of several lines may begin or end in a hunk: in doubt it does."""
    if _TEXT.search(hunk.heading.encode("utf-8", "replace")) or _TEXT.search(b"\n".join(hunk.rows)):
        return True
    return any(_has_open_quote(row) for row in hunk.rows if b'"' in row or b"'" in row)


def _has_open_quote(row: bytes) -> bool:
    """Whether a quote in a row has no other."""
    return any(b'"' in part or b"'" in part for part in _QUOTED.split(row[1:])[::2])


def _find_first_key(hunk: Hunk, marker: bytes, indented: bool) -> LineKey:
    """The first changed line of one side that is not blank: for nearly all hunks the two differ."""
    for row in hunk.rows:
        if row[:1] == marker and (key := normalize_row(row, indented)):
            return key
    return b""


def _list_keys(hunk: Hunk, marker: bytes, indented: bool) -> list[LineKey]:
    """The lines of one side that are not blank. A backslash at the end of a line joins it to the next, or does not."""
    keys = [(normalize_row(row, indented), row) for row in _select_side(hunk, marker)]
    return [key + row[1:] if key.endswith(b"\\") else key for key, row in keys if key]


def _select_side(hunk: Hunk, marker: bytes) -> Iterator[bytes]:
    return (row for row in hunk.rows if row[:1] in (marker, b" "))


def _has_only_endings(hunk: Hunk) -> bool:
    removed, added = ([row[1:] for row in hunk.rows if row[:1] == marker] for marker in (b"-", b"+"))
    if removed == added or len(removed) != len(added):
        return False
    return [line.removesuffix(b"\r") for line in removed] == [line.removesuffix(b"\r") for line in added]


# -- indentation that misleads: https://www.imperialviolet.org/2014/02/22/applebug.html


def _has_misleading_indent(hunk: Hunk, indented: bool) -> bool:
    """Whether a line is indented anew below an `if` without braces: it looks to belong to it, or not to, and nothing
    has changed. Where both are indented anew alike, nothing looks otherwise."""
    if indented:
        return False
    old, new = ([row for row in _select_side(hunk, marker) if row[1:].strip()] for marker in (b"-", b"+"))
    return any(
        _HEAD.match(_REMARK.sub(b"", row[1:]))
        and _has_other_owner(old[index : index + _MAX_ROWS_BELOW], new[index : index + _MAX_ROWS_BELOW])
        for index, row in enumerate(new)
    )


def _has_other_owner(old: Sequence[bytes], new: Sequence[bytes]) -> bool:
    """Whether what stands below a head, the first row, looks to belong to something else than before."""
    stays = _get_indentation(old[0]) == _get_indentation(new[0])
    for before, after in zip(old[1:], new[1:], strict=True):
        was, is_now = _compare_depth(before, old[0]), _compare_depth(after, new[0])
        if was != is_now or (stays and any(was) and _get_indentation(before) != _get_indentation(after)):
            return True
        if not any(was):
            return False
    return False


def _compare_depth(row: bytes, head: bytes) -> tuple[bool, ...]:
    """Whether a row is indented more than another, whatever a tab is worth."""
    return tuple(
        len(_get_indentation(row).expandtabs(tab)) > len(_get_indentation(head).expandtabs(tab)) for tab in (4, 8)
    )


def _get_indentation(row: bytes) -> bytes:
    return row[1 : len(row) - len(row[1:].lstrip())]
