"""Hunks that change only white space, and whether they may be folded.

They may not if the white space may be part of a text, or makes a line look as if it belonged to another statement. A
string that begins or ends in a hunk is recognised; one that is open throughout the hunk looks like code.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from iquest_review.diff.diff import Hunk

LineKey = bytes  # a line without the white space that has no meaning


class WhitespaceChange(StrEnum):
    """The only thing that changes."""

    ENDINGS = "line endings"
    SPACE = "white space"


_QUOTED = re.compile(rb"(\\.|\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+')")
_BLANKS = re.compile(rb"\s+")
# Begins or ends a text of several lines: template literals, text blocks of Python and Java, heredocs, raw strings of
# C++, quotes of Ruby, Perl and PostgreSQL, and elements of HTML that keep white space.
_TEXT = re.compile(
    rb"`|\"\"\"|\'\'\'|<<[-~<]?[\"\'\\]?[A-Za-z_]|R\"[^()\\\s]{0,16}\(|%[qQwWiI]?[({\[<|]\S|\bq[qw]?[{(\[|]|\$\$|<pre\b|<textarea\b"
    rb"|xml:space|\[=*\[\s*$|^.\s*\]=*\]",
    re.MULTILINE,
)
# A carriage return ends a comment in JavaScript; a backslash continues a comment of C on the next line.
_SPLICE = re.compile(rb"[\r\v\f](?!\Z)|(?:\\|\?\?/)\s*\Z")
# White space may have a meaning here: quotes, also one within a regular expression, and words that end a heredoc, a
# comment of Ruby or a program.
_NOT_PLAIN = re.compile(rb"[\"\'`\\]|^\s*(?:=\w|__[A-Z]+__|[A-Z_]{2,}\s*\Z)")
# The head of a statement whose body is the next statement, without braces.
_HEAD = re.compile(
    rb"^[\s}]*(?:(?:else\s+if|elseif|if|for|foreach|while|using|lock|fixed|with|synchronized)\b\s*(?:constexpr\s*)?\(.*[^\s{;}]|(?:else|do))\s*$"
)
_REMARK = re.compile(rb"(?://.*|/\*(?:(?!\*/).)*\*/\s*)$")
_MAX_ROWS_BELOW = 20  # that are examined for one head


def normalize_row(row: bytes, indented: bool) -> LineKey:
    """Return a row without its marker and meaningless white space; white space in quotes stays."""
    if indented:
        return row[1:].rstrip()
    if b'"' not in row and b"'" not in row:
        return b" ".join(row[1:].split())
    parts = _QUOTED.split(row[1:].strip())
    parts[::2] = [_BLANKS.sub(b" ", part) for part in parts[::2]]
    return b"".join(parts)


def find_whitespace_change(hunk: Hunk, indented: bool) -> WhitespaceChange | None:
    """Return the only thing that a hunk changes if it may be folded; None for all other hunks.

    `indented` says that indentation has a meaning in the language.
    """
    if _find_first_text(hunk, b"-") != _find_first_text(hunk, b"+"):
        return None  # nearly all hunks: the slower checks follow
    if _list_keys(hunk, b"-", indented) != _list_keys(hunk, b"+", indented):
        return None
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
    """Return whether a text of several lines may begin or end in a hunk; True in doubt."""
    if _TEXT.search(hunk.heading.encode("utf-8", "replace")) or _TEXT.search(b"\n".join(hunk.rows)):
        return True
    return any(_has_open_quote(row) for row in hunk.rows if b'"' in row or b"'" in row)


def _has_open_quote(row: bytes) -> bool:
    """Return whether a quote in a row is not closed there."""
    return any(b'"' in part or b"'" in part for part in _QUOTED.split(row[1:])[::2])


def _find_first_text(hunk: Hunk, marker: bytes) -> bytes:
    """Return the first changed line of one side that is not blank, without white space."""
    return next((text for row in hunk.rows if row[:1] == marker and (text := b"".join(row[1:].split()))), b"")


def _list_keys(hunk: Hunk, marker: bytes, indented: bool) -> list[LineKey]:
    """List the lines of one side that are not blank.

    A line that ends in a backslash stays as it is: white space after the backslash decides whether it continues.
    """
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
    """Return whether the indentation of a line below an `if` without braces changes.

    The line then seems to belong to the `if`, or no longer does, though the code is the same. If the `if` and the line
    are indented in the same new way, nothing looks different.
    """
    if indented:
        return False
    old, new = ([row for row in _select_side(hunk, marker) if row[1:].strip()] for marker in (b"-", b"+"))
    return any(
        _HEAD.match(_REMARK.sub(b"", row[1:]))
        and _has_other_owner(old[index : index + _MAX_ROWS_BELOW], new[index : index + _MAX_ROWS_BELOW])
        for index, row in enumerate(new)
    )


def _has_other_owner(old: Sequence[bytes], new: Sequence[bytes]) -> bool:
    """Return whether rows below a head, the first row, seem to belong to another statement than before."""
    stays = _get_indentation(old[0]) == _get_indentation(new[0])
    for before, after in zip(old[1:], new[1:], strict=True):
        was, is_now = _compare_depth(before, old[0]), _compare_depth(after, new[0])
        if was != is_now or (stays and any(was) and _get_indentation(before) != _get_indentation(after)):
            return True
        if not any(was):
            return False
    return False


def _compare_depth(row: bytes, head: bytes) -> tuple[bool, ...]:
    """Return whether a row is indented more than another, with tabs of 4 and of 8 columns."""
    return tuple(
        len(_get_indentation(row).expandtabs(tab)) > len(_get_indentation(head).expandtabs(tab)) for tab in (4, 8)
    )


def _get_indentation(row: bytes) -> bytes:
    return row[1 : len(row) - len(row[1:].lstrip())]
