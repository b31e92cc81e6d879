"""Findings of built-in rules, made without a model: one per file and problem, on the first line that has it."""

from collections.abc import Sequence

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Finding, Severity

MAX_FINDINGS_PER_RULE = 20  # the author of a hundred such files knows the problem after the first ones
_MORE, _MORE_ZH = " The same applies to {count} more of the file's lines.", "该文件中还有 {count} 行也是如此。"


def is_chinese(language: str) -> bool:
    """Return whether a rule's texts are Chinese; for any other language they are English."""
    return language.lower().startswith("zh")


def build_finding_by_rule(
    path: str, lines: Sequence[int], quote: str, severity: Severity, title: str, description: str, language: str
) -> Finding:
    """Return a finding on the first of these added lines, or on the whole file when `lines` is empty.

    `quote` is the text of the first line. The number of further lines is added to the description.
    """
    more = (_MORE_ZH if is_chinese(language) else _MORE).format(count=len(lines) - 1) if len(lines) > 1 else ""
    return Finding(
        path=path,
        line=lines[0] if lines else None,
        end_line=None,
        side=Side.NEW,
        severity=severity,
        category=Category.SECURITY,
        title=title,
        description=description + more,
        quote=quote,
        fix=None,
    )
