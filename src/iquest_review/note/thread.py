"""One finding as people read it: the body of a thread on its line, or a row of the summary note."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from textwrap import dedent

from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import Mark, format_marker
from iquest_review.findings.placed import PlacedFinding
from iquest_review.note import markdown
from iquest_review.note.lengths import MAX_TEXT_CHARS, render_line, render_prose, truncate_for_note
from iquest_review.note.words import CHINESE, ENGLISH, Words
from iquest_review.text import JOINER

_SYMBOLS = {Severity.HIGH: "🔴", Severity.MEDIUM: "🟠", Severity.LOW: "🔵"}


def compose_thread(finding: PlacedFinding, words: Words) -> str:
    """Return the first note of a finding's thread, with the finding's identity hidden on the first line.

    The code it cites is not repeated where the thread is on that very code.
    """
    heading = f"{format_severity(finding.severity, words)} · {words.categories[finding.category]}"
    shown = format_code_and_fix(finding, words) if finding.line is None else [_format_fix(finding, words)]
    parts = [
        format_marker(build_mark(finding)),
        heading,
        render_prose(finding.description, words),
        *shown,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def build_mark(finding: PlacedFinding) -> Mark:
    """Return the identity of a finding, as its thread hides it."""
    return Mark(finding.fingerprint, finding.anchor, finding.anchored, finding.side, finding.severity, finding.category)


def format_severity(value: Severity, words: Words) -> str:
    """Return a severity with its symbol."""
    return f"{_SYMBOLS[value]} **{words.severities[value]}**"


def format_severity_counts(counts: dict[Severity, int], words: Words) -> str:
    """Return how many findings each severity has, without those that have none; empty for no findings."""
    return " · ".join(f"{_SYMBOLS[value]} {n:,} {words.severities[value]}" for value, n in counts.items() if n)


def format_finding_row(finding: PlacedFinding, where: str, words: Words) -> str:
    """Return a finding as an item of the note's list. `where` is markdown already."""
    heading = " · ".join([format_severity(finding.severity, words), words.categories[finding.category], where])
    parts = [
        render_prose(finding.description, words),
        *format_code_and_fix(finding, words),
    ]
    return f"- {heading}\n\n" + markdown.indent_item("\n\n".join(part for part in parts if part))


def format_thread_row(value: Severity, category: Category, where: str, title: str, words: Words) -> str:
    """Return a finding that has a thread as an item of the note's list. `where` is markdown already."""
    heading = " · ".join([format_severity(value, words), words.categories[category], where])
    shown = render_line(title, words)
    return f"- {heading}: {shown}" if shown else f"- {heading}"


def format_code_and_fix(finding: PlacedFinding, words: Words) -> Iterator[str]:
    """Yield the cited code and its fix: one diff where the code is cited in full, else a block each."""
    old = truncate_for_note(finding.quote, MAX_TEXT_CHARS, words).strip("\n")
    new = truncate_for_note(finding.fix or "", MAX_TEXT_CHARS, words).strip("\n")
    cited = finding.end_line - finding.line + 1 if finding.end_line and finding.line else 1
    if new and old and old.count("\n") + 1 == cited:
        yield markdown.format_code_block(_build_diff(old, new), "diff")
        return
    if old:
        yield markdown.format_code_block(dedent(old), _guess_language(finding))
    if new:
        yield f"{words.fix}\n\n{markdown.format_code_block(dedent(new), _guess_language(finding))}"


def _format_fix(finding: PlacedFinding, words: Words) -> str:
    """Return the fix as a suggestion that one click applies, or as code where it does not fit the lines."""
    if finding.replacement is not None and finding.line is not None:
        above = (finding.end_line or finding.line) - finding.line
        if suggestion := markdown.format_suggestion(finding.replacement, above):
            return suggestion
    new = truncate_for_note(finding.fix or "", MAX_TEXT_CHARS, words).strip("\n")
    return f"{words.fix}\n\n{markdown.format_code_block(dedent(new), _guess_language(finding))}" if new else ""


def _build_diff(old: str, new: str) -> str:
    """Return both as the rows of a diff, without common indentation.

    Models quote the first line without its indentation: it gets the one of the new code.
    """
    margin = "" if old[0] in " \t" else new[: len(new) - len(new.lstrip(" \t"))]
    aligned = dedent(f"{margin}{old}\n{new}").split("\n")
    first = old.count("\n") + 1
    return "\n".join([*(f"-{line}" for line in aligned[:first]), *(f"+{line}" for line in aligned[first:])])


def _guess_language(finding: PlacedFinding) -> str:
    return PurePosixPath(finding.path).suffix.removeprefix(".")


_BLOCK = re.compile(r"\n*^ ?(`{3,})[^\n]*\n.*?^ ?\1$\n*", re.MULTILINE | re.DOTALL)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def extract_thread_text(body: str) -> str:
    """Return a thread's text as it was before it became markdown, without marker, heading and code."""
    text = _BLOCK.sub("\n\n", "".join(body.replace(JOINER, "").split("\n\n", 2)[2:])).rstrip()
    for words in (ENGLISH, CHINESE):
        text = text.removesuffix(words.fix)
    return _ESCAPE.sub(r"\1", text).replace("&lt;", "<").replace("&gt;", ">").strip()


def is_same_body(sent: str, stored: str) -> bool:
    """Return whether a stored body is the one that was sent.

    GitLab drops carriage returns, and white space at the end.
    """
    return sent.replace("\r", "").rstrip() == stored.rstrip()


def has_lost_lines(sent: str, stored: str) -> bool:
    """Return whether lines of a sent body are missing in the stored one: GitLab removes lines it runs as commands."""
    lines = iter(sent.replace("\r", "").rstrip().split("\n"))
    return not is_same_body(sent, stored) and all(line in lines for line in stored.rstrip().split("\n"))
