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
from iquest_review.note.memory import NoteMemory
from iquest_review.note.thread import (
    MAX_LINE_CHARS,
    MAX_TEXT_CHARS,
    format_finding_row,
    format_severity_counts,
    format_thread_row,
    truncate_for_note,
)
from iquest_review.note.words import CHINESE, ENGLISH, Words, choose_plural, format_number, format_plural, select_words
from iquest_review.outcome import Outcome, ReviewStatus, SettledReason
from iquest_review.stand_in import MODEL_NAME

SUMMARY_MARKER = "<!-- iquest-review:summary -->"
NOTHING_TO_REVIEW = "there is nothing to review"  # why an outcome is one without a review
PREVIOUS_MARKER = "<!-- iquest-review:previous -->"  # below it stands what was there before a review failed

# Characters of each part. GitLab takes a million in all (lib/gitlab/database.rb), people far less; there must be room
# for what a note remembers, and for the note of a failure above it.
MAX_RAW_CHARS = 100_000  # as they came
MAX_STEERING_PATHS = 10  # paths
COUNTED_REASONS = (Reason.SEEN, Reason.MOVED, Reason.WHITESPACE)  # omissions that are told in a number alone
MAX_FINDINGS_CHARS, MAX_ROWS_CHARS, MAX_SUGGESTIONS_CHARS, MAX_OMISSIONS_CHARS = (
    240_000,
    60_000,
    40_000,
    80_000,
)  # as they are written


class NoteLinks(NamedTuple):
    """What a note links to; empty where there is nothing."""

    project_url: str = ""  # the project's page
    job_url: str = ""


class ThreadRow(NamedTuple):
    """A finding that has an open thread, as the note lists it."""

    severity: Severity
    category: Category
    path: str
    line: int | None
    end_line: int | None
    side: Side
    title: str
    url: str


class PostedState(NamedTuple):
    """What the merge request holds beside the note, and what the note remembers."""

    rows: Sequence[ThreadRow]
    ledger: NoteMemory


def compose_note(outcome: Outcome, around: NoteLinks, posted: PostedState | None = None) -> str:
    """The note's body, with the hidden marker on its first line. Never empty, never larger than GitLab takes.

    Findings that have a thread are listed in a row each, the others are told in full. Nothing is posted: all are.
    """
    text = select_words(outcome.prompt.language)
    remembered = f"\n{memory.format_memory(posted.ledger)}" if posted else ""
    findings = posted.ledger.findings if posted else (*outcome.findings, *outcome.kept)
    rows = posted.rows if posted else ()
    sections = [
        SUMMARY_MARKER + remembered,
        *_render_sections(outcome, findings, rows, around, text),
        _render_footer(outcome, around, text),
    ]
    if outcome.failed:
        sections.append(PREVIOUS_MARKER)
    return "\n\n".join(section for section in sections if section) + "\n"


def strip_hidden_lines(body: str) -> str:
    """A note without the lines that nobody is shown."""
    rows = (row for row in body.split("\n") if not row.startswith("<!-- iquest-review:"))
    return "\n".join(rows).lstrip("\n")


def append_previous_review(body: str, earlier: str) -> str:
    """A note about a review that failed, followed by the last one that did not: its findings may still hold."""
    _, _, review = earlier.partition(PREVIOUS_MARKER if PREVIOUS_MARKER in earlier else SUMMARY_MARKER)
    if not review.strip():
        return body
    text = CHINESE if CHINESE.title.partition("{")[0] in body else ENGLISH
    failure = body.partition(PREVIOUS_MARKER)[0].rstrip()
    inert = re.sub(r"^(?=/)", " ", review.strip(), flags=re.MULTILINE)  # whoever edited the note meanwhile
    return f"{failure}\n\n---\n\n**{text.previous}**\n\n{PREVIOUS_MARKER}\n\n{inert}\n"


def _render_sections(
    outcome: Outcome, findings: Sequence[PlacedFinding], rows: Sequence[ThreadRow], around: NoteLinks, text: Words
) -> Iterator[str]:
    severities = [*(finding.severity for finding in findings), *(row.severity for row in rows)]
    yield "## " + text.title.format(verdict=_render_verdict(outcome, severities, text))
    reason = markdown.escape_line(truncate_for_note(text.reason(outcome.reason or ""), MAX_LINE_CHARS, text))
    match outcome.status:
        case ReviewStatus.PARTIAL:
            yield text.partial.format(reason=reason)
        case ReviewStatus.NOT_REVIEWED:
            yield text.not_reviewed.format(reason=reason)
        case ReviewStatus.RAW:
            yield text.raw.format(reason=reason)
            yield markdown.format_code_block(truncate_for_note(outcome.raw or "", MAX_RAW_CHARS, text))
        case ReviewStatus.REVIEWED if outcome.reason == NOTHING_TO_REVIEW:
            yield text.nothing_left if outcome.omissions else text.nothing_changed
    yield markdown.escape_prose(truncate_for_note(outcome.summary, MAX_TEXT_CHARS, text))
    if outcome.before and outcome.before != outcome.summary:
        yield f"{text.before}\n\n{markdown.escape_prose(truncate_for_note(outcome.before, MAX_TEXT_CHARS, text))}"
    yield from _render_thread_rows(rows, text)
    yield from _render_findings(findings, outcome, around, text)
    if outcome.suggestions:
        said = (
            f"- {markdown.escape_line(truncate_for_note(suggestion, MAX_LINE_CHARS, text))}"
            for suggestion in outcome.suggestions
        )
        yield f"### {text.suggestions}\n\n" + "\n".join(
            _limit_rows(said, len(outcome.suggestions), MAX_SUGGESTIONS_CHARS, text)
        )
    yield _render_since_last_run(outcome, text)
    yield _render_steering_files(outcome, text)
    yield text.hint if rows else ""
    yield _render_omissions(outcome, text)


def _render_verdict(outcome: Outcome, severities: Sequence[Severity], text: Words) -> str:
    match outcome.status:
        case ReviewStatus.NOT_REVIEWED:
            return text.failed
        case ReviewStatus.RAW:
            return text.unchecked
        case ReviewStatus.REVIEWED if outcome.reason == NOTHING_TO_REVIEW and not severities:
            return text.nothing
    counts = {severity: severities.count(severity) for severity in Severity}
    none = text.no_findings_partly if outcome.status is ReviewStatus.PARTIAL else text.no_findings
    return format_severity_counts(counts, text) or none


def _render_thread_rows(rows: Sequence[ThreadRow], text: Words) -> Iterator[str]:
    """A row for each open thread, worst first."""
    ordered = sorted(rows, key=lambda row: (row.severity.rank, row.path, row.line or 0))
    written = (
        format_thread_row(
            row.severity, row.category, markdown.format_link(_render_row_place(row, text), row.url), row.title, text
        )
        for row in ordered
    )
    if ordered:
        yield f"### {text.threads}\n\n" + "\n".join(_limit_rows(written, len(ordered), MAX_ROWS_CHARS, text))


def _render_row_place(row: ThreadRow, text: Words) -> str:
    path = _render_path(row.path, text) or text.elsewhere
    pattern = text.old_line if row.side is Side.OLD else text.lines if row.end_line else text.line
    return f"{path} {pattern.format(line=row.line, end_line=row.end_line)}" if row.line else path


def _render_since_last_run(outcome: Outcome, text: Words) -> str:
    """What earlier reviews spared this one, and what it settled."""
    lines = Counter[Reason]()
    for omission in outcome.omissions:
        lines[omission.reason] += omission.changed_lines
    counts = {
        text.seen: lines[Reason.SEEN],
        text.unchanged: lines[Reason.MOVED] + lines[Reason.WHITESPACE],
        text.gone: sum(entry.why is SettledReason.GONE for entry in outcome.settled),
        text.fixed: sum(entry.why is SettledReason.FIXED for entry in outcome.settled),
        text.left: sum(entry.why is SettledReason.LEFT for entry in outcome.settled),
        text.unplaced: sum(entry.why is SettledReason.UNPLACED for entry in outcome.settled),
        text.waived: outcome.waived,
    }
    since = " · ".join(format_plural(forms, count) for forms, count in counts.items() if count)
    merged = format_plural(text.merged, outcome.merged) if outcome.merged else ""
    return " · ".join(part for part in (since and text.since.format(changes=since), merged) if part)


def _render_steering_files(outcome: Outcome, text: Words) -> str:
    """Which changed files steer reviews: a person should look at them."""
    paths = [_render_path(path, text) for path in outcome.steering[:MAX_STEERING_PATHS]]
    more = len(outcome.steering) - len(paths)
    paths += [text.more.format(count=format_number(more))] if more else []
    return text.steering.format(paths=text.comma.join(paths)) if paths else ""


def _render_findings(
    findings: Sequence[PlacedFinding], outcome: Outcome, around: NoteLinks, text: Words
) -> Iterator[str]:
    """A heading a file, worst findings first; those without a line of the change come last."""
    ordered = sorted(findings, key=lambda finding: (finding.severity.rank, finding.path, finding.line or 0))
    files: dict[str, list[PlacedFinding]] = {}
    for finding in ordered:
        if finding.line is not None:
            files.setdefault(finding.path, []).append(finding)
    rows = [(_render_path(path, text), finding) for path, group in files.items() for finding in group]
    rows += [(text.elsewhere, finding) for finding in ordered if finding.line is None]
    yield from _limit_rows(_add_headings(rows, outcome, around, text), len(rows), MAX_FINDINGS_CHARS, text)


def _add_headings(
    rows: Iterable[tuple[str, PlacedFinding]], outcome: Outcome, around: NoteLinks, text: Words
) -> Iterator[str]:
    """The findings, the first of each heading below it."""
    last = ""
    for heading, finding in rows:
        written = format_finding_row(finding, _render_place(finding, outcome, around, text), text)
        yield written if heading == last else f"### {heading}\n\n{written}"
        last = heading


def _render_place(finding: PlacedFinding, outcome: Outcome, around: NoteLinks, text: Words) -> str:
    if finding.line is None:
        reason = text.problems.get(finding.placement_reason or "") or markdown.escape_line(
            truncate_for_note(finding.placement_reason or "", MAX_LINE_CHARS, text)
        )
        return ": ".join(part for part in (_render_path(finding.path, text), reason) if part)
    pattern = text.old_line if finding.side is Side.OLD else text.lines if finding.end_line else text.line
    place = markdown.format_link(
        pattern.format(line=finding.line, end_line=finding.end_line), _build_line_url(finding, outcome, around)
    )
    why = text.problems.get(finding.placement_reason or "", "") if finding.placement is Placement.SUMMARY else ""
    return f"{place} ({why})" if why else place


def _build_line_url(finding: PlacedFinding, outcome: Outcome, around: NoteLinks) -> str:
    """The line in the file as it was reviewed. Both commits are reachable in the target project, for forks as well."""
    if not (around.project_url and outcome.diff_refs):
        return ""
    sha = outcome.diff_refs.base_sha if finding.side is Side.OLD else outcome.diff_refs.head_sha
    last = f"-{finding.end_line}" if finding.end_line else ""
    path = quote(f"{sha}/{finding.path}", errors="replace")
    return f"{around.project_url}/-/blob/{path}#L{finding.line}{last}"


def _render_omissions(outcome: Outcome, text: Words) -> str:
    omissions = [omission for omission in outcome.omissions if omission.reason not in COUNTED_REASONS]
    if not omissions or outcome.status is ReviewStatus.NOT_REVIEWED:
        return ""
    omitted = {omission.path for omission in omissions}
    files = len({omission.path for omission in outcome.omissions} | {entry.path for entry in outcome.coverage})
    lines = sum(omission.changed_lines for omission in omissions)
    title = choose_plural(text.omitted_lines if lines else text.omitted_files, files).format(
        files=format_number(len(omitted)), all=format_number(files), lines=_render_changed_lines(lines, text)
    )
    partly = {entry.path: entry.changed_lines for entry in outcome.coverage if entry.shown_changed_lines}
    by_path = dict[str, list[Omission]]()
    for one in omissions:
        by_path.setdefault(one.path, []).append(one)
    written = (_render_omitted_file(path, some, partly.get(path), text) for path, some in by_path.items())
    rows = _limit_rows(written, len(by_path), MAX_OMISSIONS_CHARS, text)
    return "\n\n".join([f"<details>\n<summary>{title}</summary>", "\n".join(rows), "</details>"])


def _render_omitted_file(path: str, omissions: Sequence[Omission], partly_of: int | None, text: Words) -> str:
    """One row a file; `partly_of` are the changed lines of a file of which others were shown."""
    reasons = []
    for one in omissions:
        changed = _render_changed_lines(one.changed_lines, text)
        if partly_of:
            changed = text.some_lines.format(count=format_number(one.changed_lines), all=format_number(partly_of))
        reasons.append(text.reasons[one.reason] + (text.comma + changed if one.changed_lines else ""))
    return f"- {_render_path(path, text)}: {'; '.join(reasons)}"


def _render_footer(outcome: Outcome, around: NoteLinks, text: Words) -> str:
    parts = [_render_reviewer(outcome, text)]
    if outcome.diff_refs:
        parts.append(text.head.format(sha=markdown.format_code_span(outcome.diff_refs.head_sha[:12])))
    if outcome.usage.prompt_tokens:
        prompt, completion = format_number(outcome.usage.prompt_tokens), format_number(outcome.usage.completion_tokens)
        parts.append(text.tokens.format(prompt=prompt, completion=completion))
    if outcome.usage.seconds:
        parts.append(
            text.seconds.format(seconds=f"{outcome.usage.seconds:.{0 if outcome.usage.seconds >= 10 else 1}f}")
        )
    parts.append(
        text.language.format(
            language=markdown.escape_line(truncate_for_note(outcome.prompt.language, MAX_LINE_CHARS, text))
        )
    )
    parts.append(
        text.prompt.format(
            digest=markdown.format_code_span(truncate_for_note(outcome.prompt.digest, MAX_LINE_CHARS, text))
        )
    )
    if around.job_url:
        parts.append(markdown.format_link(text.job, around.job_url))
    return "---\n\n" + " · ".join(part for part in parts if part)


def _render_reviewer(outcome: Outcome, text: Words) -> str:
    """Who answered. IQuest-Coder's licence asks for its name to be shown."""
    if not outcome.model:
        return ""
    if outcome.model == MODEL_NAME:
        return text.footer_rules
    name = markdown.format_code_span(truncate_for_note(outcome.model, MAX_LINE_CHARS, text))
    iquest = "iquest" in outcome.model.lower() and "coder" in outcome.model.lower()
    pattern = text.footer_asked if outcome.status is ReviewStatus.NOT_REVIEWED else text.footer_model
    return pattern.format(model=f"**IQuest-Coder** ({name})" if iquest else name)


def _limit_rows(rows: Iterable[str], count: int, most: int, text: Words) -> Iterator[str]:
    """The rows until they take `most` characters, and how many are left."""
    for shown, row in enumerate(rows):
        most -= len(row)
        if most < 0:
            yield f"- {text.more.format(count=format_number(count - shown))}"
            return
        yield row


def _render_path(path: str, text: Words) -> str:
    return markdown.format_code_span(truncate_for_note(path, MAX_LINE_CHARS, text))


def _render_changed_lines(lines: int, text: Words) -> str:
    return format_plural(text.changed_lines, lines)
