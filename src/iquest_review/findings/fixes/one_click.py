"""Which replacements leave the file in order: they are applied and parsed before one click may do it.

A fix that breaks the code, puts a note in the place of a statement or changes nothing is not offered. What a person can
read something out of is shown as code, a sentence is part of the finding's text.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from iquest_review.code.edit import Edit, EditFacts, Late
from iquest_review.code.edit_worker import examine_edits
from iquest_review.code.languages import Kind, identify_language
from iquest_review.code.rough_tokens import Token
from iquest_review.diff.diff import FileStatus, LineKind
from iquest_review.findings.finding import Category
from iquest_review.findings.fixes.prose import has_spoilt_rows, is_empty_answer, is_note_to_do, is_order, is_prose
from iquest_review.findings.fixes.utf8_file import is_utf8_text
from iquest_review.findings.indexed import FileReader
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.verify import OnLines, VerifiedFinding

ExamineAll = Callable[[Sequence[Edit]], Sequence[EditFacts | Late | None]]
_WORD = re.compile(r"[a-z]{4,}|[\u3040-\u9fff\uac00-\ud7af]|[^\W\d_a-z]{3,}")
MAX_ORDER_ROWS = 2  # of comments; a longer one explains the code
_FILLERS = frozenset(("pass", ";", "...", "{", "}", "nop", "unit", "()"))


class CheckedFixes(NamedTuple):
    """Findings with only those replacements that leave their files in order; `late` were not examined in time."""

    findings: list[PlacedFinding]
    late: list[PlacedFinding]


def check_replacements(
    verified: Sequence[VerifiedFinding],
    placed: Sequence[PlacedFinding],
    read_file: FileReader,
    examine: ExamineAll = examine_edits,
) -> CheckedFixes:
    """Return the placed findings, with only those replacements that leave their files in order.

    `placed` has a finding for each verified one. `read_file` returns a file of the change at the head commit, None when
    it cannot be read.
    """
    edits = [
        _build_edit(known, finding, read_file) if finding.replacement is not None else None
        for known, finding in zip(verified, placed, strict=True)
    ]
    facts = iter(examine([edit for edit in edits if edit]))
    checked, late = list[PlacedFinding](), list[PlacedFinding]()
    for known, finding, edit in zip(verified, placed, edits, strict=True):
        found = next(facts) if edit else None
        offered = edit and isinstance(found, EditFacts) and is_worth_a_click(edit, found, finding.category)
        checked.append(finding if offered else _tidy_fix(known, replace(finding, replacement=None)))
        if isinstance(found, Late):
            late.append(checked[-1])
    return CheckedFixes(checked, late)


def _build_edit(verified: VerifiedFinding, finding: PlacedFinding, read_file: FileReader) -> Edit | None:
    """Return the edit of the file, or of the lines of it that the diff shows; None where it is another file's text."""
    place = verified.place
    if not isinstance(place, OnLines) or finding.replacement is None:
        return None
    file, lines = place.file, place.lines
    first, last, rows = lines[0].number, lines[-1].number, tuple(finding.replacement.split("\n"))
    text = read_file(file.path)
    if text is not None:
        if not is_utf8_text(text):
            return None
        same = text.split(b"\n")[first - 1 : last] == [line.raw for line in lines]
        return Edit(file.path, text, first, last, rows) if same else None
    shown = [line for line in file.iter_lines() if line.kind is not LineKind.REMOVED]
    middle = next((index for index, line in enumerate(shown) if line.number == first), 0)
    start, end = middle, middle
    while start > 0 and shown[start - 1].number == shown[start].number - 1:
        start -= 1
    while end + 1 < len(shown) and shown[end + 1].number == shown[end].number + 1:
        end += 1
    part = b"".join(line.raw + b"\n" for line in shown[start : end + 1])
    offset = shown[start].number - 1
    return Edit(file.path, part, first - offset, last - offset, rows, file.status is FileStatus.ADDED)


# -- what is offered


def is_worth_a_click(edit: Edit, facts: EditFacts, category: Category) -> bool:
    """Return whether an edit leaves the file in order, changes it, and puts code in the place of code."""
    language = identify_language(edit.path)
    if not facts.is_sound:
        return False
    if language is not None and language.kind is Kind.PROSE:
        return True
    old = _get_old_rows(edit)
    if is_empty_answer("\n".join(edit.rows)) or has_spoilt_rows(old, edit.rows):
        return False
    if category is not Category.CONVENTION and _changes_nothing(edit, facts):
        return False
    if not _list_new_code(edit, facts) and not _shares_word(old, edit.rows):
        return False  # other words in a comment or a string
    return not _leaves_work(edit, facts) and not any(map(is_prose, _list_new_code(edit, facts)))


def _shares_word(old: Sequence[str], rows: Sequence[str]) -> bool:
    """Return whether new rows have a word of the rows that they replace; True where they replace none."""
    gone, added = (
        {word[:4] for row in some if row not in others for word in _WORD.findall(row.casefold())}
        for some, others in ((old, rows), (rows, old))
    )
    return not gone or not added or not gone.isdisjoint(added)


def _leaves_work(edit: Edit, facts: EditFacts) -> bool:
    """Return whether comments tell a person to write what the edit should have written."""
    comments = Counter(_list_comments(facts.new)) - Counter(_list_comments(facts.old))
    if any(map(is_note_to_do, comments)):
        return True
    if not comments or any(row not in _FILLERS for row in _list_new_code(edit, facts)):
        return False
    old, new = _list_code_rows(_get_old_rows(edit), facts.old), _list_code_rows(edit.rows, facts.new)
    if Counter(old) - Counter(new):
        return True  # comments in the place of code
    is_remark = comments.total() <= MAX_ORDER_ROWS and not _list_comments(facts.old)
    return is_remark and any(map(is_order, comments))


def _list_new_code(edit: Edit, facts: EditFacts) -> list[str]:
    old = _list_code_rows(_get_old_rows(edit), facts.old)
    return [row for row in _list_code_rows(edit.rows, facts.new) if row not in old]


def _changes_nothing(edit: Edit, facts: EditFacts) -> bool:
    """Return whether an edit only changes white space that has no meaning."""
    if [token.text.split() for token in facts.old] != [token.text.split() for token in facts.new]:
        return False
    language = identify_language(edit.path)
    if language is not None and language.free_indent:
        return True
    old = _get_old_rows(edit)
    return [_indent_of(row) for row in old if row.strip()] == [_indent_of(row) for row in edit.rows if row.strip()]


def _indent_of(row: str) -> str:
    return row[: len(row) - len(row.lstrip())]


def _get_old_rows(edit: Edit) -> list[str]:
    return edit.text.decode().split("\n")[edit.first - 1 : edit.last]


def _list_comments(tokens: Sequence[Token]) -> list[str]:
    rows = (row for token in tokens if token.kind == "comment" for row in token.text.split("\n"))
    return [" ".join(row.split()) for row in rows if row.strip()]


def _list_code_rows(rows: Sequence[str], tokens: Sequence[Token]) -> list[str]:
    """Return the rows that have code, with a mark for each string and without comments."""
    left = list(rows)
    for token in tokens:
        for number, part in enumerate(token.text.split("\n") if token.kind != "code" else (), token.row):
            if number < len(left) and part.strip():
                left[number] = left[number].replace(part, '""' if token.kind == "string" else "", 1)
    return [" ".join(row.split()) for row in left if row.strip()]


# -- what is shown of the others


def _tidy_fix(verified: VerifiedFinding, finding: PlacedFinding) -> PlacedFinding:
    """Return the finding without a fix that is the line itself, and with a fix that is a sentence in its text."""
    fix = (finding.fix or "").strip()
    if not fix:
        return finding
    rows = [row.strip() for row in fix.split("\n") if row.strip()]
    if rows == [line.raw.decode("utf-8", "replace").strip() for line in verified.lines if line.raw.strip()]:
        return replace(finding, fix=None)
    language = identify_language(finding.path)
    is_code = language is None or language.kind is not Kind.PROSE
    if is_code and all(is_prose(row) for row in rows):
        known = finding.description and fix in finding.description
        return replace(
            finding, fix=None, description=finding.description if known else f"{finding.description}\n\n{fix}"
        )
    return finding
