"""Which fixes can be applied with one click.

GitLab replaces whole lines of the new file by the text of the block without reading it
(lib/gitlab/diff/suggestions_parser.rb, lib/gitlab/suggestions/file_suggestion.rb). So a fix is offered only where the
model saw those lines exactly as they are, quoted all of them, and wrote code that can replace them. Any other fix is
shown as code, for a person to read.
"""

import re
import unicodedata
from collections.abc import Sequence

from iquest_review.diff.diff import FileDiff, Side
from iquest_review.excerpt.numbered_rows import NO_NEWLINE, render_line_text
from iquest_review.findings.fixes.prose import is_sentence
from iquest_review.findings.fixes.utf8_file import is_utf8_file
from iquest_review.findings.indexed import FileReader, provide_no_text
from iquest_review.findings.position import is_contiguous
from iquest_review.findings.verify import OnLines, VerifiedFinding
from iquest_review.redaction.redactor import PLACEHOLDER_START
from iquest_review.text import escape_invisible

MAX_REPLACED_LINES = 100  # GitLab silently limits a block to 100 lines above its anchor
NOTEBOOK_SUFFIX = ".ipynb"  # GitLab applies no suggestions to notebooks (app/models/suggestion.rb)


def build_replacement(verified: VerifiedFinding, read_file: FileReader = provide_no_text) -> str | None:
    """Return the text that replaces exactly the finding's lines, or None when the fix may only be shown as code.

    Rows are separated by LF. `read_file` returns a file at the head commit, None when it cannot be read.
    """
    finding, place = verified.finding, verified.place
    if finding.fix is None or not isinstance(place, OnLines) or not _is_replaceable(place):
        return None
    file, old = place.file, [render_line_text(line) for line in place.lines]
    if any(PLACEHOLDER_START in text for text in (finding.fix, *old)):
        return None  # a placeholder would overwrite the secret that the file has there
    quoted = [row for row in finding.quote.split("\n") if row.strip()]
    replaced = [row for row in old if row.strip()]
    if not quoted or [_remove_whitespace(row) for row in quoted] != [_remove_whitespace(row) for row in replaced]:
        return None
    if finding.quote.startswith("\n") or finding.quote.endswith("\n\n"):
        return None  # the quote covers empty lines that are not lines of the finding
    if finding.fix.endswith("\n") != finding.quote.endswith("\n"):
        return None  # unclear whether the last LF ends the last row or is an empty row
    rows = finding.fix.removesuffix("\n").split("\n")
    if not _is_code(rows, old):
        return None
    indented = _restore_indentation(rows, quoted, replaced)
    if indented is None or indented == old or not _has_same_indentation(indented, old, file):
        return None
    if not is_utf8_file(file, read_file):
        return None
    return "\n".join(indented)


def _is_replaceable(place: OnLines) -> bool:
    """Return whether the lines are in the new file and are, byte for byte, what the model was shown."""
    file, lines = place.file, place.lines
    if file.is_symlink or file.is_submodule or file.path.endswith(NOTEBOOK_SUFFIX):
        return False
    if not 0 < len(lines) <= MAX_REPLACED_LINES or lines[0].side is not Side.NEW or not is_contiguous(lines):
        return False
    shown = [render_line_text(line) for line in lines]
    return bool(shown[0].strip() and shown[-1].strip()) and all(
        line.raw == text.encode() for line, text in zip(lines, shown, strict=True)
    )


# -- whether the fix is code

_LABEL = re.compile(r"\s*[-+ ]?\d+\|")
_HEADER = re.compile(r"@@ |=== file: ")
_FENCE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)
_COMMENT = r"(?:\#+|//+|/\*+|\{/\*|--|;+|<!--|%+|\*|\"|'|rem\b)\s*[\[({<]?\s*"
_DOTS = r"(?:\.{3,}|…+)"
_PLACEHOLDER = re.compile(
    rf"""\s*(?:
        [\[({{]?{_DOTS}[\])}}]?(?:\s|$)                             # ...   [...]   ... rest of the code ...
      | {_COMMENT}{_DOTS}                                           # // ... existing code ...
      | {_COMMENT}(?:the\ |your\ |all\ )?(?:rest|remain\w+|existing|other|previous|original|same\ as|keep)\b
        .*\b(?:code|same|function|method|class|implementation|logic|body|here|before|above|lines?|file|imports)\b
      | {_COMMENT}(?:unchanged|omitted|no\ changes?)\b              # # (unchanged)
      | {_COMMENT}.*\b(?:unchanged|the\ same|goes\ here|code\ here|as\ before)\W*$
      | {_COMMENT}.*(?:其余|省略|剩余|保持不变|现有代码|原有代码|残り|変更なし|나머지|остальн|без\ изменений)
      | {_COMMENT}(?:der\ |le\ |el\ |o\ )?(?:rest(?:liche\w*)?|reste|resto|unverändert|inchangé|sin\ cambios)\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_NOT_CODE = re.compile(rf"{re.escape(NO_NEWLINE)}| \[cut: [\d,]+ bytes\]$")  # our own words in a prompt
_BLANK = frozenset(  # invisible, or shown as a blank, whatever their Unicode category
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
MAX_ROW_CHARS = 2_500  # more than the model is ever shown of one row
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`")


def _is_code(rows: Sequence[str], old: Sequence[str]) -> bool:
    """Return whether the rows are code that can replace the lines: complete, and nothing but code."""
    if not any(row.strip() for row in rows):
        return False  # no suggestion to delete lines: models write "" for "no fix"
    before = "\n".join(old)
    if any(_is_strange(character) for character in set("".join(rows)) - set(before)):
        return False
    known = {_remove_whitespace(row) for row in old}
    new = [row for row in rows if _remove_whitespace(row) not in known]
    odd = (_LABEL.match, _HEADER.match, _PLACEHOLDER.match, _NOT_CODE.search)
    return (
        not any(test(row[:MAX_ROW_CHARS]) for row in new for test in odd)
        and ("(...)" in before or "(...)" not in "".join(new).replace("catch (...)", ""))
        and not (_FENCE.search("\n".join(new)) and not _FENCE.search(before))
        and not _is_patch(rows, old)
        and not _is_escaped("\n".join(rows), before)
        and not any(row in new and is_sentence(row, before) for row in (rows[0], rows[-1]))
    )


def _is_strange(character: str) -> bool:
    """Return whether a reader cannot see a character, or takes it for a blank."""
    if character.isascii():
        return character not in "\t" and not character.isprintable()
    return character in _BLANK or unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")


def _is_patch(rows: Sequence[str], old: Sequence[str]) -> bool:
    """Return whether the rows have the markers of a diff that the old lines do not begin with."""
    full, marked = [row for row in rows if row.strip()], {row.lstrip()[:1] for row in old}
    if any(row[0] in "+-" and row[1:].strip() and row[1:] in old for row in full):
        return True  # a line of the file behind a marker
    markers = {row[0] for row in full}
    return markers <= {"+", "-"} and marked.isdisjoint(markers)


def _is_escaped(fix: str, before: str) -> bool:
    """Return whether the text has escapes in place of characters.

    They come from characters that a prompt made visible, or from JSON that was escaped twice.
    """
    for match in _ESCAPE.finditer(fix):
        code = int(match[1] or match[2] or match[3], 16)
        if match[0] not in before and (code > 0x10FFFF or escape_invisible(chr(code)) != chr(code)):
            return True
    for mark in "\"'":
        escaped = "\\" + mark
        if escaped in fix and escaped not in before and mark not in fix.replace(escaped, ""):
            return True
    return re.search(r"\\[nt]", _STRING.sub("", fix)) is not None and re.search(r"\\[nt]", before) is None


# -- indentation


def _restore_indentation(rows: list[str], quoted: Sequence[str], replaced: Sequence[str]) -> list[str] | None:
    """Return the fix with the indentation that the quote lost, on all rows or on the first one.

    None when it is unclear which of the two or how much is missing, and when only the fix lost it.
    """
    lost = [_find_lost_indentation(quote, line) for quote, line in zip(quoted, replaced, strict=True)]
    first, full = lost[0], [row for row in rows if row.strip()]
    if first is None or any(indent is None for indent in lost):
        return None
    kept = min(map(_measure_depth, full)) >= min(map(_measure_depth, replaced)) or _measure_depth(
        full[0]
    ) == _measure_depth(replaced[0])
    if not any(lost) or _measure_depth(full[0]) == _measure_depth(replaced[0]) != _measure_depth(quoted[0]):
        return rows if kept else None
    if _measure_depth(full[0]) != _measure_depth(quoted[0]):
        return None
    match _is_lost_as_block(full, first, lost[1:]):
        case True:
            return [first + row if row else row for row in rows]
        case False:
            index = rows.index(full[0])
            return [*rows[:index], first + full[0], *rows[index + 1 :]]
    return None


def _find_lost_indentation(quote: str, line: str) -> str | None:
    """Return the indentation that the quote lost; None when the quote's own is not the end of the line's."""
    full, kept = _extract_indentation(line), _extract_indentation(quote)
    return full[: len(full) - len(kept)] if full.endswith(kept) else None


def _is_lost_as_block(full: Sequence[str], first: str, others: Sequence[str | None]) -> bool | None:
    """Return whether all rows of the fix lost the indentation (True), or only the first row (False).

    None when that is unclear. A quote of one row does not show it; then the fix's second row may.
    """
    if not first:
        return None
    if others:
        return True if all(lost == first for lost in others) else None if any(others) else False
    row = full[0].rstrip()
    opens = row[-1] in ":{([=\\" or sum(map(row.count, "([{")) > sum(map(row.count, ")]}"))
    if len(full) == 1 or not all(row.startswith(first) for row in full[1:]):
        return True if len(full) == 1 or opens or not _measure_depth(full[1]) else None
    return None if _measure_depth(full[1]) > len(first) else opens


def _has_same_indentation(rows: Sequence[str], old: Sequence[str], file: FileDiff) -> bool:
    """Return whether the rows are indented with the same character as the lines, or else as their file."""
    kinds = {kind for row in old for kind in _extract_indentation(row)}
    kinds = kinds or {kind for line in file.iter_lines() for kind in _extract_indentation(render_line_text(line)[:1])}
    if len(kinds) != 1:
        return True
    strange = "\t" if " " in kinds else "  "  # a single blank is normal before the stars of a comment
    return not any(strange in _extract_indentation(row) for row in rows)


def _extract_indentation(row: str) -> str:
    return row[: len(row) - len(row.lstrip(" \t"))]


def _measure_depth(row: str) -> int:
    return len(_extract_indentation(row))


def _remove_whitespace(row: str) -> str:
    """Remove white space: models do not copy it reliably."""
    return "".join(row.split())
