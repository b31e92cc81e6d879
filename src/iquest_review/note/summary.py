"""The summary note: an outcome as the markdown that is posted. Every text that is not ours passes `markdown`."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

from iquest_review.diff.diff import Side
from iquest_review.excerpt.exclusions import Reason
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import PlacedFinding, Placement
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.note import markdown, memory
from iquest_review.note.footer import render_footer
from iquest_review.note.lengths import (
    MAX_CONTROL_PATHS,
    MAX_FINDINGS_CHARS,
    MAX_OVER_LIMIT_ROWS,
    MAX_RAW_CHARS,
    MAX_ROWS_CHARS,
    MAX_SUGGESTIONS_CHARS,
    fold_section,
    render_line,
    render_name,
    render_prose,
    truncate_for_note,
    truncate_list,
)
from iquest_review.note.memory import NoteMemory
from iquest_review.note.omitted import render_omitted_files
from iquest_review.note.thread import format_finding_row, format_lines, format_severity_counts, format_thread_row
from iquest_review.note.words import CHINESE, ENGLISH, Words, choose_plural, format_number, format_plural, select_words
from iquest_review.outcome import Outcome, ReviewStatus, SettledReason

SUMMARY_MARKER = "<!-- iquest-review:summary -->"
PREVIOUS_MARKER = "<!-- iquest-review:previous -->"  # below it: the last review before one failed


class NoteLinks(NamedTuple):
    """The pages a note links to; empty where there is none."""

    project_url: str = ""
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
    """The open threads of the merge request, and what the note remembers."""

    rows: Sequence[ThreadRow]
    note_memory: NoteMemory


def compose_note(outcome: Outcome, links: NoteLinks, posted: PostedState | None = None) -> str:
    """Return the note's body, with the hidden marker on its first line. It is never larger than GitLab takes.

    A finding that has a thread is listed in one row, any other is shown in full. Without `posted` nothing has a thread.
    """
    words = select_words(outcome.prompt.language)
    remembered = f"\n{memory.format_memory(posted.note_memory)}" if posted else ""
    findings = posted.note_memory.findings if posted else (*outcome.findings, *outcome.kept)
    rows = posted.rows if posted else ()
    sections = [
        SUMMARY_MARKER + remembered,
        *_render_sections(outcome, findings, rows, links, words),
        render_footer(outcome, links.job_url, words),
    ]
    if outcome.failed:
        sections.append(PREVIOUS_MARKER)
    return "\n\n".join(section for section in sections if section) + "\n"


def strip_hidden_lines(body: str) -> str:
    """Return a note without its hidden lines."""
    rows = (row for row in body.split("\n") if not row.startswith("<!-- iquest-review:"))
    return "\n".join(rows).lstrip("\n")


def append_previous_review(body: str, earlier: str) -> str:
    """Return the note of a failed review, followed by the last review that succeeded: its findings may still hold."""
    _, _, review = earlier.partition(PREVIOUS_MARKER if PREVIOUS_MARKER in earlier else SUMMARY_MARKER)
    if not review.strip():
        return body
    words = CHINESE if CHINESE.title.partition("{")[0] in body else ENGLISH
    remembered = memory.parse_memory(earlier)
    commit = markdown.format_code_span(remembered.head[:12]) if remembered else ""
    title = words.previous_at.format(sha=commit) if commit else words.previous
    failure = body.partition(PREVIOUS_MARKER)[0].rstrip()
    # Somebody may have edited the note: no line of it may begin like a quick action.
    inert = re.sub(r"^(?=/)", " ", review.strip(), flags=re.MULTILINE)
    return f"{failure}\n\n---\n\n**{title}**\n\n{PREVIOUS_MARKER}\n\n{inert}\n"


def _render_sections(
    outcome: Outcome, findings: Sequence[PlacedFinding], rows: Sequence[ThreadRow], links: NoteLinks, words: Words
) -> Iterator[str]:
    """Yield everything between the hidden lines and the footer; a section may be empty."""
    yield "## " + words.title.format(verdict=_render_verdict(outcome, words))
    yield from _render_status(outcome, words)
    yield render_prose(outcome.summary, words)
    yield from _render_thread_rows(rows, words)
    # Without any thread the note is the only place to read them.
    is_threaded = bool(rows) or any(finding.placement is Placement.INLINE for finding in outcome.findings)
    over = [finding for finding in findings if is_threaded and finding.placement_reason is PlacementReason.OVER_LIMIT]
    yield from _render_findings([finding for finding in findings if finding not in over], outcome, links, words)
    yield _render_over_limit(over, outcome, links, words)
    if outcome.before and outcome.before != outcome.summary:
        yield _render_earlier_summary(outcome, words)
    if outcome.suggestions:
        items = (f"- {render_line(suggestion, words)}" for suggestion in outcome.suggestions)
        shown = truncate_list(items, len(outcome.suggestions), MAX_SUGGESTIONS_CHARS, words)
        yield f"### {words.suggestions}\n\n" + "\n".join(shown)
    yield _render_since_last_run(outcome, words)
    yield _render_control_files(outcome, words)
    yield _render_ignored_settings(outcome, words)
    yield words.hint if rows else ""
    yield render_omitted_files(outcome, words)


def _render_verdict(outcome: Outcome, words: Words) -> str:
    """Return what the headline says: how many findings of each severity count for `fail_on`."""
    match outcome.status:
        case ReviewStatus.NOT_REVIEWED:
            return words.failed
        case ReviewStatus.RAW:
            return words.unchecked
        case ReviewStatus.REVIEWED if outcome.nothing_to_review and not (outcome.severities or outcome.unplaced):
            return words.nothing
    no_findings = words.no_findings_partly if outcome.status is ReviewStatus.PARTIAL else words.no_findings
    counts = format_severity_counts(Counter(outcome.severities), words) or no_findings
    unplaced = words.without_place.format(count=format_number(outcome.unplaced)) if outcome.unplaced else ""
    return " · ".join(filter(None, (counts, unplaced)))


def _render_status(outcome: Outcome, words: Words) -> Iterator[str]:
    """Yield why the review is not a whole one, and the model's answer where it could not be read."""
    reason = render_line(words.semicolon.join(map(words.outcome_reason, outcome.reasons)), words)
    match outcome.status:
        case ReviewStatus.PARTIAL:
            yield words.partial.format(reason=reason)
        case ReviewStatus.NOT_REVIEWED:
            yield words.not_reviewed.format(reason=reason)
        case ReviewStatus.RAW:
            yield words.raw.format(reason=reason)
            answer = markdown.format_code_block(truncate_for_note(outcome.raw or "", MAX_RAW_CHARS, words))
            yield fold_section(words.raw_answer, answer)
        case ReviewStatus.REVIEWED if outcome.nothing_to_review:
            yield words.nothing_left if outcome.omissions else words.nothing_changed


def _render_thread_rows(rows: Sequence[ThreadRow], words: Words) -> Iterator[str]:
    """Yield the list of open threads, worst first."""
    if not rows:
        return
    ordered = sorted(rows, key=lambda row: (row.severity.rank, row.path, row.line or 0))
    written = (
        format_thread_row(
            row.severity, row.category, markdown.format_link(_render_row_place(row, words), row.url), row.title, words
        )
        for row in ordered
    )
    yield f"### {words.threads}\n\n" + "\n".join(truncate_list(written, len(ordered), MAX_ROWS_CHARS, words))


def _render_earlier_summary(outcome: Outcome, words: Words) -> str:
    """Return the summary of the last review of the whole change, folded, with the commit it is about."""
    commit = markdown.format_code_span(outcome.before_head[:12])
    parts = [words.before_at.format(sha=commit) if commit else "", render_prose(outcome.before, words)]
    return fold_section(words.before, "\n\n".join(filter(None, parts)))


def _render_over_limit(over: Sequence[PlacedFinding], outcome: Outcome, links: NoteLinks, words: Words) -> str:
    """Return how many findings got no thread because of IQUEST_MAX_FINDINGS, and the worst of them in a row each."""
    if not over:
        return ""
    ordered = sorted(over, key=lambda finding: (finding.severity.rank, finding.path, finding.line or 0))
    severities = format_severity_counts(Counter(finding.severity for finding in over), words)
    title = choose_plural(words.over_limit, len(over)).format(count=format_number(len(over)), severities=severities)
    rows = [
        format_thread_row(
            finding.severity,
            finding.category,
            markdown.format_link(_render_row_place(finding, words), _build_line_url(finding, outcome, links)),
            finding.title,
            words,
        )
        for finding in ordered[:MAX_OVER_LIMIT_ROWS]
    ]
    if left := len(over) - len(rows):
        rows.append(f"- {words.more.format(count=format_number(left))}")
    return f"### {title}\n\n" + "\n".join(rows)


def _render_row_place(row: ThreadRow | PlacedFinding, words: Words) -> str:
    """Return file and lines."""
    path = render_name(row.path, words) or words.elsewhere
    return f"{path} {format_lines(row.side, row.line, row.end_line, words)}" if row.line else path


def _render_since_last_run(outcome: Outcome, words: Words) -> str:
    """Return what did not need a review again, and which earlier findings are settled, in numbers."""
    lines = Counter[Reason]()
    for omission in outcome.omissions:
        lines[omission.reason] += omission.changed_lines
    settled = Counter(entry.why for entry in outcome.settled)
    counts = {
        words.seen: lines[Reason.SEEN],
        words.unchanged: lines[Reason.MOVED] + lines[Reason.WHITESPACE],
        words.gone: settled[SettledReason.GONE],
        words.fixed: settled[SettledReason.FIXED],
        words.left: settled[SettledReason.LEFT],
        words.unplaced: settled[SettledReason.UNPLACED],
        words.waived: len(outcome.held_back),
        words.waivers: settled[SettledReason.WAIVED],
    }
    changes = " · ".join(format_plural(forms, count) for forms, count in counts.items() if count)
    merged = format_plural(words.merged, outcome.merged) if outcome.merged else ""
    return " · ".join(part for part in (changes and words.since.format(changes=changes), merged) if part)


def _render_control_files(outcome: Outcome, words: Words) -> str:
    """Return a warning that names the changed files that control reviews: a person should look at them."""
    return words.steering.format(paths=_join_names(outcome.steering, words)) if outcome.steering else ""


def _render_ignored_settings(outcome: Outcome, words: Words) -> str:
    """Return a warning that names the unknown settings: one of them may have been meant to block the merge."""
    names = outcome.ignored_settings
    return words.ignored_settings.format(names=_join_names(names, words)) if names else ""


def _join_names(names: Sequence[str], words: Words) -> str:
    """Return the first names of a warning as code spans, and how many more there are."""
    shown = [render_name(name, words) for name in names[:MAX_CONTROL_PATHS]]
    if more := len(names) - len(shown):
        shown.append(words.more.format(count=format_number(more)))
    return words.comma.join(shown)


def _render_findings(
    findings: Sequence[PlacedFinding], outcome: Outcome, links: NoteLinks, words: Words
) -> Iterator[str]:
    """Yield the findings, each file below its heading and worst first; those without a line come last."""
    ordered = sorted(findings, key=lambda finding: (finding.severity.rank, finding.path, finding.line or 0))
    files: dict[str, list[PlacedFinding]] = {}
    for finding in ordered:
        if finding.line is not None:
            files.setdefault(finding.path, []).append(finding)
    rows = [(render_name(path, words), finding) for path, group in files.items() for finding in group]
    rows += [(words.elsewhere, finding) for finding in ordered if finding.line is None]
    yield from truncate_list(_add_headings(rows, outcome, links, words), len(rows), MAX_FINDINGS_CHARS, words)


def _add_headings(
    rows: Iterable[tuple[str, PlacedFinding]], outcome: Outcome, links: NoteLinks, words: Words
) -> Iterator[str]:
    """Yield the findings as markdown, the heading above the first of each."""
    last = ""
    for heading, finding in rows:
        written = format_finding_row(finding, _render_place(finding, outcome, links, words), words)
        yield written if heading == last else f"### {heading}\n\n{written}"
        last = heading


def _render_place(finding: PlacedFinding, outcome: Outcome, links: NoteLinks, words: Words) -> str:
    """Return where a finding is, and why it has no thread there."""
    reason = words.placement_reason(finding.placement_reason) if finding.placement_reason else ""
    if finding.line is None:
        return ": ".join(part for part in (render_name(finding.path, words), reason) if part)
    lines = format_lines(finding.side, finding.line, finding.end_line, words)
    place = markdown.format_link(lines, _build_line_url(finding, outcome, links))
    return f"{place} ({reason})" if reason and finding.placement is Placement.SUMMARY else place


def _build_line_url(finding: PlacedFinding, outcome: Outcome, links: NoteLinks) -> str:
    """Return the URL of the line at the commit that was reviewed; the target project has it for forks as well."""
    if not (links.project_url and outcome.diff_refs):
        return ""
    sha = outcome.diff_refs.base_sha if finding.side is Side.OLD else outcome.diff_refs.head_sha
    last = f"-{finding.end_line}" if finding.end_line else ""
    path = quote(f"{sha}/{finding.path}", errors="replace")
    return f"{links.project_url}/-/blob/{path}#L{finding.line}{last}"
