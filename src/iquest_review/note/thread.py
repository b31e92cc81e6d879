"""One finding as people read it: the body of a thread on its line, or a row of the summary note."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from textwrap import dedent

from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import Mark, format_marker
from iquest_review.findings.placed import PlacedFinding
from iquest_review.note import markdown
from iquest_review.note.words import CHINESE, ENGLISH, Words
from iquest_review.text import JOINER, escape_invisible

MAX_LINE_CHARS, MAX_TEXT_CHARS = 2_000, 20_000  # characters, as they came
_SYMBOLS = {Severity.HIGH: "🔴", Severity.MEDIUM: "🟠", Severity.LOW: "🔵"}


def compose_thread(finding: PlacedFinding, text: Words) -> str:
    """The body of the first note of a finding's thread, its identity hidden on the first line.

    The code it cites is what it stands on, and not shown again.
    """
    heading = f"{format_severity(finding.severity, text)} · {text.categories[finding.category]}"
    shown = format_code_and_fix(finding, text) if finding.line is None else [_format_fix(finding, text)]
    parts = [
        format_marker(build_mark(finding)),
        heading,
        markdown.escape_prose(truncate_for_note(finding.description, MAX_TEXT_CHARS, text)),
        *shown,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def build_mark(finding: PlacedFinding) -> Mark:
    """What is to be remembered of a finding."""
    return Mark(finding.fingerprint, finding.anchor, finding.anchored, finding.side, finding.severity, finding.category)


def format_severity(value: Severity, text: Words) -> str:
    """A severity with its colour."""
    return f"{_SYMBOLS[value]} **{text.severities[value]}**"


def format_severity_counts(counts: dict[Severity, int], text: Words) -> str:
    """How many findings of each severity; nothing for none."""
    return " · ".join(f"{_SYMBOLS[value]} {n:,} {text.severities[value]}" for value, n in counts.items() if n)


def format_finding_row(finding: PlacedFinding, where: str, text: Words) -> str:
    """The finding as an item of the note's list; `where` is markdown already."""
    heading = " · ".join([format_severity(finding.severity, text), text.categories[finding.category], where])
    parts = [
        markdown.escape_prose(truncate_for_note(finding.description, MAX_TEXT_CHARS, text)),
        *format_code_and_fix(finding, text),
    ]
    return f"- {heading}\n\n" + markdown.indent_item("\n\n".join(part for part in parts if part))


def format_thread_row(value: Severity, category: Category, where: str, title: str, text: Words) -> str:
    """A finding that has a thread of its own, as an item of the note's list."""
    heading = " · ".join([format_severity(value, text), text.categories[category], where])
    said = markdown.escape_line(truncate_for_note(title, MAX_LINE_CHARS, text))
    return f"- {heading}: {said}" if said else f"- {heading}"


def format_code_and_fix(finding: PlacedFinding, text: Words) -> Iterator[str]:
    """The cited code and what should stand there: one diff where the code is cited in full, else a block each."""
    old = truncate_for_note(finding.quote, MAX_TEXT_CHARS, text).strip("\n")
    new = truncate_for_note(finding.fix or "", MAX_TEXT_CHARS, text).strip("\n")
    cited = finding.end_line - finding.line + 1 if finding.end_line and finding.line else 1
    if new and old and old.count("\n") + 1 == cited:
        yield markdown.format_code_block(_build_diff(old, new), "diff")
        return
    if old:
        yield markdown.format_code_block(dedent(old), _guess_language(finding))
    if new:
        yield f"{text.fix}\n\n{markdown.format_code_block(dedent(new), _guess_language(finding))}"


def truncate_for_note(content: str, most: int, text: Words) -> str:
    """The text up to so many characters, and how many are left."""
    content = escape_invisible(
        content.replace("\r\n", "\n")
    )  # first: an escape takes more room than what it stands for
    if len(content) <= most:
        return content
    return f"{content[:most]}\n{text.more_characters.format(count=f'{len(content) - most:,}')}"


def _format_fix(finding: PlacedFinding, text: Words) -> str:
    """The fix: a click where it fits the lines, else code."""
    if finding.replacement is not None and finding.line is not None:
        above = (finding.end_line or finding.line) - finding.line
        if offered := markdown.format_suggestion(finding.replacement, above):
            return offered
    new = truncate_for_note(finding.fix or "", MAX_TEXT_CHARS, text).strip("\n")
    return f"{text.fix}\n\n{markdown.format_code_block(dedent(new), _guess_language(finding))}" if new else ""


def _build_diff(old: str, new: str) -> str:
    """Both, without the indentation they share. Models quote the first line without its own."""
    margin = "" if old[0] in " \t" else new[: len(new) - len(new.lstrip(" \t"))]
    aligned = dedent(f"{margin}{old}\n{new}").split("\n")
    first = old.count("\n") + 1
    return "\n".join([*(f"-{line}" for line in aligned[:first]), *(f"+{line}" for line in aligned[first:])])


def _guess_language(finding: PlacedFinding) -> str:
    return PurePosixPath(finding.path).suffix.removeprefix(".")


_BLOCK = re.compile(r"\n*^ ?(`{3,})[^\n]*\n.*?^ ?\1$\n*", re.MULTILINE | re.DOTALL)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def extract_thread_text(body: str) -> str:
    """A thread's text as it was before it became markdown, without the marker, the heading, and code."""
    text = _BLOCK.sub("\n\n", "".join(body.replace(JOINER, "").split("\n\n", 2)[2:])).rstrip()
    for words in (ENGLISH, CHINESE):
        text = text.removesuffix(words.fix)
    return _ESCAPE.sub(r"\1", text).replace("&lt;", "<").replace("&gt;", ">").strip()


def is_same_body(sent: str, stored: str) -> bool:
    """Whether a stored body is the one that was sent: GitLab drops carriage returns, and what is blank at the end."""
    return sent.replace("\r", "").rstrip() == stored.rstrip()


def has_lost_lines(sent: str, stored: str) -> bool:
    """Whether lines of what was sent are missing: GitLab takes out those that it runs as commands."""
    lines = iter(sent.replace("\r", "").rstrip().split("\n"))
    return not is_same_body(sent, stored) and all(line in lines for line in stored.rstrip().split("\n"))
