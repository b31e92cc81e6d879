"""The summary note: an outcome -> the markdown that is posted. Every text that is not ours passes `markdown`."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from iquest_review.change.diff import Side
from iquest_review.merge_request import markdown
from iquest_review.merge_request.outcome import Outcome, PlacedFinding, Status
from iquest_review.merge_request.words import Words, words
from iquest_review.model.stand_in import MODEL as STAND_IN
from iquest_review.prompt.screen import Omission

MARKER = "<!-- iquest-review:summary -->"
PREVIOUS = "<!-- iquest-review:previous -->"
LARGEST = 500_000  # characters; GitLab takes a million (lib/gitlab/database.rb), people far less
MOST_OMISSIONS = 1_000  # named one by one
_SYMBOLS = {"high": "🔴", "medium": "🟠", "low": "🔵"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a note links to; empty where there is nothing."""

    project_url: str = ""  # the project's page
    job_url: str = ""


def compose(outcome: Outcome, around: Surroundings) -> str:
    """The note's body, with the hidden marker on its first line. Never empty, never larger than GitLab takes."""
    text = words(outcome.prompt.language)
    sections = [section for section in _sections(outcome, around, text) if section]
    size = 0
    kept: list[str] = []
    for section in sections:
        size += len(section) + 2
        if size > LARGEST:
            kept.append(text.more.format(count=len(sections) - len(kept)))
            break
        kept.append(section)
    return "\n\n".join([MARKER, *kept, _footer(outcome, around, text)]) + "\n"


def with_previous(body: str, earlier: str) -> str:
    """A note about a review that failed, followed by the last one that did not: its findings may still hold."""
    _, _, review = earlier.partition(PREVIOUS if PREVIOUS in earlier else MARKER)
    return f"{body.rstrip()}\n\n{PREVIOUS}\n\n{review.strip()}\n"


def _sections(outcome: Outcome, around: Surroundings, text: Words) -> Iterator[str]:
    yield f"## {text.title}: {_verdict(outcome, text)}"
    if outcome.status is Status.PARTIAL:
        yield f"⚠️ {text.partial.format(reason=markdown.line(outcome.reason or ''))}"
    if outcome.status is Status.NOT_REVIEWED:
        yield f"⚠️ {text.not_reviewed.format(reason=markdown.line(outcome.reason or ''))}"
    if outcome.status is Status.RAW:
        yield f"⚠️ {text.raw.format(reason=markdown.line(outcome.reason or ''))}"
        yield markdown.block(outcome.raw or "")
    yield markdown.prose(outcome.summary)
    yield from _findings(outcome, around, text)
    if outcome.suggestions:
        listed = "\n".join(f"- {markdown.line(suggestion)}" for suggestion in outcome.suggestions)
        yield f"### {text.suggestions}\n\n{listed}"
    yield _omissions(outcome, text)


def _verdict(outcome: Outcome, text: Words) -> str:
    if outcome.status in (Status.NOT_REVIEWED, Status.RAW):
        return "⚠️"
    if outcome.reason and outcome.status is Status.REVIEWED:
        return text.nothing if outcome.omissions else text.nothing_changed
    counts = [
        f"{_SYMBOLS[severity]} {count} {text.severities[severity]}"
        for severity, count in outcome.counts.items()
        if count
    ]
    return " · ".join(counts) or text.no_findings


def _findings(outcome: Outcome, around: Surroundings, text: Words) -> Iterator[str]:
    """A section a file, worst findings first; those without a line of the change come last."""
    placed = [finding for finding in outcome.findings if finding.line is not None]
    by_file = sorted(placed, key=lambda f: (min(o.severity.rank for o in placed if o.path == f.path), f.path))
    for path, group in groupby(by_file, key=lambda finding: finding.path):
        ordered = sorted(group, key=lambda finding: (finding.severity.rank, finding.line))
        yield "\n\n".join(
            [f"### {markdown.code(path)}", *(_finding(finding, outcome, around, text) for finding in ordered)]
        )
    unplaced = sorted((f for f in outcome.findings if f.line is None), key=lambda finding: finding.severity.rank)
    if unplaced:
        yield "\n\n".join(
            [f"### {text.elsewhere}", *(_finding(finding, outcome, around, text) for finding in unplaced)]
        )


def _finding(finding: PlacedFinding, outcome: Outcome, around: Surroundings, text: Words) -> str:
    severity = f"{_SYMBOLS[finding.severity]} **{text.severities[finding.severity]}**"
    heading = " · ".join([severity, _where(finding, outcome, around, text), text.categories[finding.category]])
    parts = [markdown.prose(finding.description)]
    if finding.quote:
        parts.append(markdown.block(finding.quote))
    if finding.fix:
        parts.append(f"{text.fix}\n\n{markdown.block(finding.fix)}")
    return f"- {heading}\n\n" + markdown.indented("\n\n".join(parts))


def _where(finding: PlacedFinding, outcome: Outcome, around: Surroundings, text: Words) -> str:
    if finding.line is None:
        reason = finding.placement_reason or ""
        name = f"{markdown.code(finding.path)}: " if finding.path else ""
        return name + text.problems.get(reason, reason)
    pattern = text.old_line if finding.side is Side.OLD else text.lines if finding.end_line else text.line
    label = pattern.format(line=finding.line, end_line=finding.end_line)
    url = _url(finding, outcome, around)
    return f"[{label}](<{url}>)" if url else label


def _url(finding: PlacedFinding, outcome: Outcome, around: Surroundings) -> str:
    """The line in the file as it was reviewed. Both commits are reachable in the target project, for forks as well."""
    if not (around.project_url and outcome.diff_refs):
        return ""
    sha = outcome.diff_refs.base_sha if finding.side is Side.OLD else outcome.diff_refs.head_sha
    last = f"-{finding.end_line}" if finding.end_line else ""
    return f"{around.project_url}/-/blob/{sha}/{quote(finding.path)}#L{finding.line}{last}"


def _omissions(outcome: Outcome, text: Words) -> str:
    if not outcome.omissions:
        return ""
    rows = [_omission(omission, text) for omission in outcome.omissions[:MOST_OMISSIONS]]
    if len(outcome.omissions) > MOST_OMISSIONS:
        rows.append(f"- {text.more.format(count=len(outcome.omissions) - MOST_OMISSIONS)}")
    files = {omission.path for omission in outcome.omissions}
    title = text.omitted.format(
        files=len(files),
        all=len(files | {entry.path for entry in outcome.coverage}),
        lines=_number(sum(omission.changed_lines for omission in outcome.omissions)),
    )
    return "\n\n".join([f"<details>\n<summary>{title}</summary>", "\n".join(rows), "</details>"])


def _omission(omission: Omission, text: Words) -> str:
    changed = text.omitted_part.format(lines=_number(omission.changed_lines))
    return f"- {markdown.code(omission.path)}: {text.reasons[omission.reason]}, {changed}"


def _footer(outcome: Outcome, around: Surroundings, text: Words) -> str:
    parts = [_answered_by(outcome, text)]
    if outcome.diff_refs:
        parts.append(text.head.format(sha=markdown.code(outcome.diff_refs.head_sha[:12])))
    if outcome.usage.prompt_tokens:
        prompt, completion = _number(outcome.usage.prompt_tokens), _number(outcome.usage.completion_tokens)
        parts.append(text.tokens.format(prompt=prompt, completion=completion))
    if outcome.usage.seconds:
        parts.append(text.seconds.format(seconds=f"{outcome.usage.seconds:.0f}"))
    parts.append(text.language.format(language=markdown.line(outcome.prompt.language)))
    parts.append(text.prompt.format(digest=markdown.code(outcome.prompt.digest)))
    if around.job_url:
        parts.append(f"[{text.job}](<{around.job_url}>)")
    return "---\n\n" + " · ".join(part for part in parts if part)


def _answered_by(outcome: Outcome, text: Words) -> str:
    """Who answered. IQuest-Coder's licence asks for its name to be shown."""
    if not outcome.model:
        return ""
    if outcome.model == STAND_IN:
        return text.footer_rules
    name = markdown.code(outcome.model)
    iquest = "iquest" in outcome.model.lower() and "coder" in outcome.model.lower()
    return text.footer_model.format(model=f"**IQuest-Coder** ({name})" if iquest else name)


def _number(number: int) -> str:
    return f"{number:,}"
