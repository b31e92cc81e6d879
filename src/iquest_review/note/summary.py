"""The summary note: an outcome -> the markdown that is posted. Every text that is not ours passes `markdown`."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

from iquest_review.diff.diff import Side
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.note import markdown, memory
from iquest_review.note.memory import Ledger
from iquest_review.note.thread import LONGEST_LINE, LONGEST_TEXT, compose_line_row, compose_row, count_by_severity, cut
from iquest_review.note.words import CHINESE, ENGLISH, Words, counted, number, plural, words
from iquest_review.outcome import Outcome, Status, Why
from iquest_review.stand_in import MODEL_NAME

MARKER = "<!-- iquest-review:summary -->"
NOTHING = "there is nothing to review"  # why an outcome is one without a review
PREVIOUS = "<!-- iquest-review:previous -->"  # below it stands what was there before a review failed

# Characters of each part. GitLab takes a million in all (lib/gitlab/database.rb), people far less; there must be room
# for what a note remembers, and for the note of a failure above it.
LONGEST_RAW = 100_000  # as they came
MOST_STEERING = 10  # paths
COUNTED = (Reason.SEEN, Reason.MOVED, Reason.WHITESPACE)  # omissions that are told in a number alone
MOST_FINDINGS, MOST_ROWS, MOST_SUGGESTIONS, MOST_OMISSIONS = 240_000, 60_000, 40_000, 80_000  # as they are written


class Surroundings(NamedTuple):
    """What a note links to; empty where there is nothing."""

    project_url: str = ""  # the project's page
    job_url: str = ""


class Row(NamedTuple):
    """A finding that has an open thread, as the note lists it."""

    severity: Severity
    category: Category
    path: str
    line: int | None
    end_line: int | None
    side: Side
    title: str
    url: str


class Posted(NamedTuple):
    """What the merge request holds beside the note, and what the note remembers."""

    rows: Sequence[Row]
    ledger: Ledger


def compose(outcome: Outcome, around: Surroundings, posted: Posted | None = None) -> str:
    """The note's body, with the hidden marker on its first line. Never empty, never larger than GitLab takes.

    Findings that have a thread are listed in a row each, the others are told in full. Nothing is posted: all are.
    """
    text = words(outcome.prompt.language)
    remembered = f"\n{memory.marker(posted.ledger)}" if posted else ""
    findings = posted.ledger.findings if posted else (*outcome.findings, *outcome.kept)
    rows = posted.rows if posted else ()
    sections = [MARKER + remembered, *_sections(outcome, findings, rows, around, text), _footer(outcome, around, text)]
    if outcome.failed:
        sections.append(PREVIOUS)
    return "\n\n".join(section for section in sections if section) + "\n"


def readable(body: str) -> str:
    """A note without the lines that nobody is shown."""
    rows = (row for row in body.split("\n") if not row.startswith("<!-- iquest-review:"))
    return "\n".join(rows).lstrip("\n")


def with_previous(body: str, earlier: str) -> str:
    """A note about a review that failed, followed by the last one that did not: its findings may still hold."""
    _, _, review = earlier.partition(PREVIOUS if PREVIOUS in earlier else MARKER)
    if not review.strip():
        return body
    text = CHINESE if CHINESE.title.partition("{")[0] in body else ENGLISH
    failure = body.partition(PREVIOUS)[0].rstrip()
    inert = re.sub(r"^(?=/)", " ", review.strip(), flags=re.MULTILINE)  # whoever edited the note meanwhile
    return f"{failure}\n\n---\n\n**{text.previous}**\n\n{PREVIOUS}\n\n{inert}\n"


def _sections(
    outcome: Outcome, findings: Sequence[PlacedFinding], rows: Sequence[Row], around: Surroundings, text: Words
) -> Iterator[str]:
    severities = [*(finding.severity for finding in findings), *(row.severity for row in rows)]
    yield "## " + text.title.format(verdict=_verdict(outcome, severities, text))
    reason = markdown.line(cut(text.reason(outcome.reason or ""), LONGEST_LINE, text))
    match outcome.status:
        case Status.PARTIAL:
            yield text.partial.format(reason=reason)
        case Status.NOT_REVIEWED:
            yield text.not_reviewed.format(reason=reason)
        case Status.RAW:
            yield text.raw.format(reason=reason)
            yield markdown.block(cut(outcome.raw or "", LONGEST_RAW, text))
        case Status.REVIEWED if outcome.reason == NOTHING:
            yield text.nothing_left if outcome.omissions else text.nothing_changed
    yield markdown.prose(cut(outcome.summary, LONGEST_TEXT, text))
    if outcome.before and outcome.before != outcome.summary:
        yield f"{text.before}\n\n{markdown.prose(cut(outcome.before, LONGEST_TEXT, text))}"
    yield from _rows(rows, text)
    yield from _findings(findings, outcome, around, text)
    if outcome.suggestions:
        said = (f"- {markdown.line(cut(suggestion, LONGEST_LINE, text))}" for suggestion in outcome.suggestions)
        yield f"### {text.suggestions}\n\n" + "\n".join(_within(said, len(outcome.suggestions), MOST_SUGGESTIONS, text))
    yield _since(outcome, text)
    yield _steering(outcome, text)
    yield text.hint if rows else ""
    yield _omissions(outcome, text)


def _verdict(outcome: Outcome, severities: Sequence[Severity], text: Words) -> str:
    match outcome.status:
        case Status.NOT_REVIEWED:
            return text.failed
        case Status.RAW:
            return text.unchecked
        case Status.REVIEWED if outcome.reason == NOTHING and not severities:
            return text.nothing
    counts = {severity: severities.count(severity) for severity in Severity}
    none = text.no_findings_partly if outcome.status is Status.PARTIAL else text.no_findings
    return count_by_severity(counts, text) or none


def _rows(rows: Sequence[Row], text: Words) -> Iterator[str]:
    """A row for each open thread, worst first."""
    ordered = sorted(rows, key=lambda row: (row.severity.rank, row.path, row.line or 0))
    written = (
        compose_line_row(row.severity, row.category, markdown.link(_place(row, text), row.url), row.title, text)
        for row in ordered
    )
    if ordered:
        yield f"### {text.threads}\n\n" + "\n".join(_within(written, len(ordered), MOST_ROWS, text))


def _place(row: Row, text: Words) -> str:
    path = _path(row.path, text) or text.elsewhere
    pattern = text.old_line if row.side is Side.OLD else text.lines if row.end_line else text.line
    return f"{path} {pattern.format(line=row.line, end_line=row.end_line)}" if row.line else path


def _since(outcome: Outcome, text: Words) -> str:
    """What earlier reviews spared this one, and what it settled."""
    lines = Counter[Reason]()
    for omission in outcome.omissions:
        lines[omission.reason] += omission.changed_lines
    counts = {
        text.seen: lines[Reason.SEEN],
        text.unchanged: lines[Reason.MOVED] + lines[Reason.WHITESPACE],
        text.gone: sum(entry.why is Why.GONE for entry in outcome.settled),
        text.fixed: sum(entry.why is Why.FIXED for entry in outcome.settled),
        text.left: sum(entry.why is Why.LEFT for entry in outcome.settled),
        text.unplaced: sum(entry.why is Why.UNPLACED for entry in outcome.settled),
        text.waived: outcome.waived,
    }
    since = " · ".join(counted(forms, count) for forms, count in counts.items() if count)
    merged = counted(text.merged, outcome.merged) if outcome.merged else ""
    return " · ".join(part for part in (since and f"{text.since} {since}", merged) if part)


def _steering(outcome: Outcome, text: Words) -> str:
    """Which changed files steer reviews: a person should look at them."""
    paths = [_path(path, text) for path in outcome.steering[:MOST_STEERING]]
    more = len(outcome.steering) - len(paths)
    paths += [text.more.format(count=number(more))] if more else []
    return text.steering.format(paths=text.comma.join(paths)) if paths else ""


def _findings(findings: Sequence[PlacedFinding], outcome: Outcome, around: Surroundings, text: Words) -> Iterator[str]:
    """A heading a file, worst findings first; those without a line of the change come last."""
    ordered = sorted(findings, key=lambda finding: (finding.severity.rank, finding.path, finding.line or 0))
    files: dict[str, list[PlacedFinding]] = {}
    for finding in ordered:
        if finding.line is not None:
            files.setdefault(finding.path, []).append(finding)
    rows = [(_path(path, text), finding) for path, group in files.items() for finding in group]
    rows += [(text.elsewhere, finding) for finding in ordered if finding.line is None]
    yield from _within(_headed(rows, outcome, around, text), len(rows), MOST_FINDINGS, text)


def _headed(
    rows: Iterable[tuple[str, PlacedFinding]], outcome: Outcome, around: Surroundings, text: Words
) -> Iterator[str]:
    """The findings, the first of each heading below it."""
    last = ""
    for heading, finding in rows:
        written = compose_row(finding, _where(finding, outcome, around, text), text)
        yield written if heading == last else f"### {heading}\n\n{written}"
        last = heading


def _where(finding: PlacedFinding, outcome: Outcome, around: Surroundings, text: Words) -> str:
    if finding.line is None:
        reason = text.problems.get(finding.placement_reason or "") or markdown.line(
            cut(finding.placement_reason or "", LONGEST_LINE, text)
        )
        return ": ".join(part for part in (_path(finding.path, text), reason) if part)
    pattern = text.old_line if finding.side is Side.OLD else text.lines if finding.end_line else text.line
    place = markdown.link(pattern.format(line=finding.line, end_line=finding.end_line), _url(finding, outcome, around))
    why = text.problems.get(finding.placement_reason or "", "") if finding.placement is Placement.SUMMARY else ""
    return f"{place} ({why})" if why else place


def _url(finding: PlacedFinding, outcome: Outcome, around: Surroundings) -> str:
    """The line in the file as it was reviewed. Both commits are reachable in the target project, for forks as well."""
    if not (around.project_url and outcome.diff_refs):
        return ""
    sha = outcome.diff_refs.base_sha if finding.side is Side.OLD else outcome.diff_refs.head_sha
    last = f"-{finding.end_line}" if finding.end_line else ""
    path = quote(f"{sha}/{finding.path}", errors="replace")
    return f"{around.project_url}/-/blob/{path}#L{finding.line}{last}"


def _omissions(outcome: Outcome, text: Words) -> str:
    omissions = [omission for omission in outcome.omissions if omission.reason not in COUNTED]
    if not omissions or outcome.status is Status.NOT_REVIEWED:
        return ""
    omitted = {omission.path for omission in omissions}
    files = len({omission.path for omission in outcome.omissions} | {entry.path for entry in outcome.coverage})
    lines = sum(omission.changed_lines for omission in omissions)
    title = plural(text.omitted_lines if lines else text.omitted_files, files).format(
        files=number(len(omitted)), all=number(files), lines=_changed(lines, text)
    )
    partly = {entry.path: entry.changed_lines for entry in outcome.coverage if entry.shown_changed_lines}
    by_path = dict[str, list[Omission]]()
    for one in omissions:
        by_path.setdefault(one.path, []).append(one)
    written = (_omitted(path, some, partly.get(path), text) for path, some in by_path.items())
    rows = _within(written, len(by_path), MOST_OMISSIONS, text)
    return "\n\n".join([f"<details>\n<summary>{title}</summary>", "\n".join(rows), "</details>"])


def _omitted(path: str, omissions: Sequence[Omission], partly_of: int | None, text: Words) -> str:
    """One row a file; `partly_of` are the changed lines of a file of which others were shown."""
    reasons = []
    for one in omissions:
        changed = _changed(one.changed_lines, text)
        if partly_of:
            changed = text.some_lines.format(count=number(one.changed_lines), all=number(partly_of))
        reasons.append(text.reasons[one.reason] + (text.comma + changed if one.changed_lines else ""))
    return f"- {_path(path, text)}: {'; '.join(reasons)}"


def _footer(outcome: Outcome, around: Surroundings, text: Words) -> str:
    parts = [_answered_by(outcome, text)]
    if outcome.diff_refs:
        parts.append(text.head.format(sha=markdown.code(outcome.diff_refs.head_sha[:12])))
    if outcome.usage.prompt_tokens:
        prompt, completion = number(outcome.usage.prompt_tokens), number(outcome.usage.completion_tokens)
        parts.append(text.tokens.format(prompt=prompt, completion=completion))
    if outcome.usage.seconds:
        parts.append(
            text.seconds.format(seconds=f"{outcome.usage.seconds:.{0 if outcome.usage.seconds >= 10 else 1}f}")
        )
    parts.append(text.language.format(language=markdown.line(cut(outcome.prompt.language, LONGEST_LINE, text))))
    parts.append(text.prompt.format(digest=markdown.code(cut(outcome.prompt.digest, LONGEST_LINE, text))))
    if around.job_url:
        parts.append(markdown.link(text.job, around.job_url))
    return "---\n\n" + " · ".join(part for part in parts if part)


def _answered_by(outcome: Outcome, text: Words) -> str:
    """Who answered. IQuest-Coder's licence asks for its name to be shown."""
    if not outcome.model:
        return ""
    if outcome.model == MODEL_NAME:
        return text.footer_rules
    name = markdown.code(cut(outcome.model, LONGEST_LINE, text))
    iquest = "iquest" in outcome.model.lower() and "coder" in outcome.model.lower()
    pattern = text.footer_asked if outcome.status is Status.NOT_REVIEWED else text.footer_model
    return pattern.format(model=f"**IQuest-Coder** ({name})" if iquest else name)


def _within(rows: Iterable[str], count: int, most: int, text: Words) -> Iterator[str]:
    """The rows until they take `most` characters, and how many are left."""
    for shown, row in enumerate(rows):
        most -= len(row)
        if most < 0:
            yield f"- {text.more.format(count=number(count - shown))}"
            return
        yield row


def _path(path: str, text: Words) -> str:
    return markdown.code(cut(path, LONGEST_LINE, text))


def _changed(lines: int, text: Words) -> str:
    return counted(text.changed_lines, lines)
