"""One finding as people read it: the body of a thread on its line, or a row of the summary note."""

import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from textwrap import dedent

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import Mark, format_marker
from iquest_review.findings.placed import MAX_PLACES, OtherPlace, PlacedFinding
from iquest_review.note import markdown
from iquest_review.note.lengths import MAX_TEXT_CHARS, render_line, render_prose, truncate_for_note
from iquest_review.note.words import CHINESE, ENGLISH, Words
from iquest_review.text import JOINER

TAIL_MARKER = "<!-- iquest-review:tail -->"  # above what a thread says beside its text
Place = tuple[str, int]  # the anchor of lines, and how many they are

_SYMBOLS = {Severity.HIGH: "🔴", Severity.MEDIUM: "🟠", Severity.LOW: "🔵"}


def compose_thread(finding: PlacedFinding, words: Words, head: str = "", also: tuple[Place, ...] = ()) -> str:
    """Return the first note of a finding's thread, with the finding's identity hidden on the first line.

    The code it cites is not repeated where the thread is on that very code. Further places are listed as they are at
    the commit `head`; `also` are places that earlier runs listed.
    """
    heading = f"{format_severity(finding.severity, words)} · {words.categories[finding.category]}"
    shown = format_code_and_fix(finding, words) if finding.line is None else [_format_fix(finding, words)]
    parts = [
        format_marker(add_places(build_mark(finding), also)),
        heading,
        render_prose(finding.description, words),
        *shown,
        TAIL_MARKER,
        _format_other_places(finding.other_places, finding.side, words, head),
        words.waive,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def build_mark(finding: PlacedFinding) -> Mark:
    """Return the identity of a finding, as its thread hides it."""
    places = ((place.anchor, place.anchored) for place in finding.other_places)
    return Mark(
        finding.fingerprint,
        finding.anchor,
        finding.anchored,
        finding.side,
        finding.severity,
        finding.category,
        tuple(dict.fromkeys(place for place in places if place != (finding.anchor, finding.anchored))),
    )


def list_places(mark: Mark) -> frozenset[Place]:
    """Return the places of a thread whose lines can be found again."""
    return frozenset((anchor, lines) for anchor, lines in ((mark.anchor, mark.lines), *mark.also) if lines)


def add_places(mark: Mark, places: Iterable[Place]) -> Mark:
    """Return the mark with further places, MAX_PLACES at most."""
    known = dict.fromkeys((*mark.also, *places))
    known.pop((mark.anchor, mark.lines), None)
    return mark._replace(also=tuple(known)[:MAX_PLACES])


def revise_thread(body: str, mark: Mark, finding: PlacedFinding, words: Words, head: str) -> str:
    """Return the first note of a thread, written anew for a finding that got worse or is found at further places.

    The text stays where the finding did not get worse: people may have replied to it.
    """
    if finding.severity.rank < mark.severity.rank:
        return compose_thread(finding, words, head, tuple(list_places(mark)))
    places = list_places(build_mark(finding))
    fresh = tuple(
        place for place in _list_numbered_places(finding) if (place.anchor, place.anchored) not in list_places(mark)
    )
    _, _, rest = body.replace("\r", "").partition("\n")
    text, _, tail = rest.partition(TAIL_MARKER)
    listed = tail.strip()
    for known in (ENGLISH, CHINESE):
        listed = listed.removesuffix(known.waive).rstrip()
    parts = [
        format_marker(add_places(mark, sorted(places))),
        text.strip("\n"),
        TAIL_MARKER,
        listed,
        _format_other_places(fresh, finding.side, words, head),
        words.waive,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _list_numbered_places(finding: PlacedFinding) -> Iterator[OtherPlace]:
    """Yield all places of a finding that have a line number."""
    if finding.line is not None:
        yield OtherPlace(finding.line, finding.end_line, finding.anchor, finding.anchored)
    yield from finding.other_places


def _format_other_places(places: Sequence[OtherPlace], side: Side, words: Words, head: str) -> str:
    """Return a row that lists the places by line number, with the commit that has these numbers."""
    if not places:
        return ""
    shown = sorted(places, key=lambda place: place.line)[:MAX_PLACES]
    lines = [format_lines(side, place.line, place.end_line, words) for place in shown]
    commit = markdown.format_code_span(head[:12])
    pattern = words.also_here_at if commit else words.also_here
    return pattern.format(lines=words.comma.join(lines), sha=commit)


def format_lines(side: Side, line: int, end_line: int | None, words: Words) -> str:
    """Return line numbers in words; of several removed lines the first."""
    pattern = words.old_line if side is Side.OLD else words.lines if end_line else words.line
    return pattern.format(line=line, end_line=end_line)


def format_severity(value: Severity, words: Words) -> str:
    """Return a severity with its symbol."""
    return f"{_SYMBOLS[value]} **{words.severities[value]}**"


def format_severity_counts(counts: Mapping[Severity, int], words: Words) -> str:
    """Return how many findings each severity has, worst first, without those that have none; empty for no findings."""
    shown = ((value, counts.get(value, 0)) for value in Severity)
    return " · ".join(f"{_SYMBOLS[value]} {count:,} {words.severities[value]}" for value, count in shown if count)


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


_FENCE = re.compile(r" ?(`{3,})")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


@lru_cache(4_096)  # a thread is compared with many findings
def extract_thread_text(body: str) -> str:
    """Return a thread's text as it was before it became markdown, without marker, heading and code."""
    # The marker first: the one that code has is no marker as long as the joiner is in it.
    content = body.partition(TAIL_MARKER)[0].replace(JOINER, "")
    text = _drop_code_blocks("".join(content.split("\n\n", 2)[2:])).rstrip()
    for words in (ENGLISH, CHINESE):
        text = text.removesuffix(words.fix)
    return _ESCAPE.sub(r"\1", text).replace("&lt;", "<").replace("&gt;", ">").strip()


def _drop_code_blocks(text: str) -> str:
    """Return the text with an empty line in place of each code block. One that is never closed stays."""
    rows = text.split("\n")
    closing = defaultdict[int, list[int]](list)  # the rows that close a block, by their number of backticks
    for index, row in enumerate(rows):
        if fence := _FENCE.fullmatch(row):
            closing[len(fence[1])].append(index)
    parts, start, index = list[str](), 0, 0
    while index < len(rows):
        opening = _FENCE.match(rows[index])
        end = _find_closing_row(closing, index, len(opening[1])) if opening else None
        if end is not None:
            parts.append("\n".join(rows[start:index]))
            start = index = end + 1
        else:
            index += 1
    parts.append("\n".join(rows[start:]))
    first, *rest = parts
    kept = [first, *(part.lstrip("\n") for part in rest)]
    return "\n\n".join([*(part.rstrip("\n") for part in kept[:-1]), kept[-1]])


def _find_closing_row(closing: Mapping[int, Sequence[int]], opening: int, backticks: int) -> int | None:
    """Return the first row behind the opening one that closes it: with as many backticks, or else with fewer."""
    for count in range(backticks, 2, -1):
        rows = closing.get(count, ())
        if (at := bisect(rows, opening)) < len(rows):
            return rows[at]
    return None


def is_same_body(sent: str, stored: str) -> bool:
    """Return whether a stored body is the one that was sent.

    GitLab drops carriage returns, and white space at the end.
    """
    return sent.replace("\r", "").rstrip() == stored.rstrip()


def has_lost_lines(sent: str, stored: str) -> bool:
    """Return whether lines of a sent body are missing in the stored one: GitLab removes lines it runs as commands."""
    lines = iter(sent.replace("\r", "").rstrip().split("\n"))
    return not is_same_body(sent, stored) and all(line in lines for line in stored.rstrip().split("\n"))
