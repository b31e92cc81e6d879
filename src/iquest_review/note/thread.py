"""One finding as people read it: the body of a thread on its line, or a row of the summary note."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from textwrap import dedent

from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import Mark, marker
from iquest_review.findings.placed import PlacedFinding
from iquest_review.note import markdown
from iquest_review.note.words import CHINESE, ENGLISH, Words
from iquest_review.text import JOINER, visible

LONGEST_LINE, LONGEST_TEXT = 2_000, 20_000  # characters, as they came
_SYMBOLS = {Severity.HIGH: "🔴", Severity.MEDIUM: "🟠", Severity.LOW: "🔵"}


def compose_thread(finding: PlacedFinding, text: Words) -> str:
    """The body of the first note of a finding's thread, its identity hidden on the first line.

    The code it cites is what it stands on, and not shown again.
    """
    heading = f"{severity(finding.severity, text)} · {text.categories[finding.category]}"
    shown = code(finding, text) if finding.line is None else [_instead(finding, text)]
    parts = [marker(make_mark(finding)), heading, markdown.prose(cut(finding.description, LONGEST_TEXT, text)), *shown]
    return "\n\n".join(part for part in parts if part) + "\n"


def make_mark(finding: PlacedFinding) -> Mark:
    """What is to be remembered of a finding."""
    return Mark(finding.fingerprint, finding.anchor, finding.anchored, finding.side, finding.severity, finding.category)


def severity(value: Severity, text: Words) -> str:
    """A severity with its colour."""
    return f"{_SYMBOLS[value]} **{text.severities[value]}**"


def count_by_severity(counts: dict[Severity, int], text: Words) -> str:
    """How many findings of each severity; nothing for none."""
    return " · ".join(f"{_SYMBOLS[value]} {n:,} {text.severities[value]}" for value, n in counts.items() if n)


def compose_row(finding: PlacedFinding, where: str, text: Words) -> str:
    """The finding as an item of the note's list; `where` is markdown already."""
    heading = " · ".join([severity(finding.severity, text), text.categories[finding.category], where])
    parts = [markdown.prose(cut(finding.description, LONGEST_TEXT, text)), *code(finding, text)]
    return f"- {heading}\n\n" + markdown.indented("\n\n".join(part for part in parts if part))


def compose_line_row(value: Severity, category: Category, where: str, title: str, text: Words) -> str:
    """A finding that has a thread of its own, as an item of the note's list."""
    heading = " · ".join([severity(value, text), text.categories[category], where])
    said = markdown.line(cut(title, LONGEST_LINE, text))
    return f"- {heading}: {said}" if said else f"- {heading}"


def code(finding: PlacedFinding, text: Words) -> Iterator[str]:
    """The cited code and what should stand there: one diff where the code is cited in full, else a block each."""
    old = cut(finding.quote, LONGEST_TEXT, text).strip("\n")
    new = cut(finding.fix or "", LONGEST_TEXT, text).strip("\n")
    cited = finding.end_line - finding.line + 1 if finding.end_line and finding.line else 1
    if new and old and old.count("\n") + 1 == cited:
        yield markdown.block(_diff(old, new), "diff")
        return
    if old:
        yield markdown.block(dedent(old), _language(finding))
    if new:
        yield f"{text.fix}\n\n{markdown.block(dedent(new), _language(finding))}"


def cut(content: str, most: int, text: Words) -> str:
    """The text up to so many characters, and how many are left."""
    content = visible(content.replace("\r\n", "\n"))  # first: an escape takes more room than what it stands for
    if len(content) <= most:
        return content
    return f"{content[:most]}\n{text.more_characters.format(count=f'{len(content) - most:,}')}"


def _instead(finding: PlacedFinding, text: Words) -> str:
    """The fix: a click where it fits the lines, else code."""
    if finding.replacement is not None and finding.line is not None:
        above = (finding.end_line or finding.line) - finding.line
        if offered := markdown.suggestion(finding.replacement, above):
            return offered
    new = cut(finding.fix or "", LONGEST_TEXT, text).strip("\n")
    return f"{text.fix}\n\n{markdown.block(dedent(new), _language(finding))}" if new else ""


def _diff(old: str, new: str) -> str:
    """Both, without the indentation they share. Models quote the first line without its own."""
    margin = "" if old[0] in " \t" else new[: len(new) - len(new.lstrip(" \t"))]
    aligned = dedent(f"{margin}{old}\n{new}").split("\n")
    first = old.count("\n") + 1
    return "\n".join([*(f"-{line}" for line in aligned[:first]), *(f"+{line}" for line in aligned[first:])])


def _language(finding: PlacedFinding) -> str:
    return PurePosixPath(finding.path).suffix.removeprefix(".")


_BLOCK = re.compile(r"\n*^ ?(`{3,})[^\n]*\n.*?^ ?\1$\n*", re.MULTILINE | re.DOTALL)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def said(body: str) -> str:
    """A thread's text as it was before it became markdown, without the marker, the heading, and code."""
    text = _BLOCK.sub("\n\n", "".join(body.replace(JOINER, "").split("\n\n", 2)[2:])).rstrip()
    for words in (ENGLISH, CHINESE):
        text = text.removesuffix(words.fix)
    return _ESCAPE.sub(r"\1", text).replace("&lt;", "<").replace("&gt;", ">").strip()


def same(sent: str, stored: str) -> bool:
    """Whether a stored body is the one that was sent: GitLab drops carriage returns, and what is blank at the end."""
    return sent.replace("\r", "").rstrip() == stored.rstrip()


def shortened(sent: str, stored: str) -> bool:
    """Whether lines of what was sent are missing: GitLab takes out those that it runs as commands."""
    lines = iter(sent.replace("\r", "").rstrip().split("\n"))
    return not same(sent, stored) and all(line in lines for line in stored.rstrip().split("\n"))
