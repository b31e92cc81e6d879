"""A finding that a rule of ours makes, and no model: one for a file and what is wrong, on the first such line."""

from collections.abc import Sequence

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Finding, Severity

MAX_FINDINGS_PER_RULE = 20  # findings of one kind of rule: whoever commits a hundred such files knows after the first
_MORE, _MORE_ZH = " The same holds for {count} more of its lines.", "该文件中还有 {count} 行也是如此。"


def is_chinese(language: str) -> bool:
    """Whether what a rule says is said in Chinese; in English for any other language."""
    return language.lower().startswith("zh")


def build_finding_by_rule(
    path: str, lines: Sequence[int], quote: str, severity: Severity, title: str, description: str, language: str
) -> Finding:
    """The finding on the first of these added lines, which is quoted; without lines, on the file."""
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
