"""The list of what was not reviewed, folded at the end of the summary note."""

from collections.abc import Sequence

from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.note.lengths import MAX_OMISSIONS_CHARS, fold_section, render_name, truncate_list
from iquest_review.note.words import Words, choose_plural, format_number, format_plural
from iquest_review.outcome import Outcome, ReviewStatus

COUNTED_REASONS = (Reason.SEEN, Reason.MOVED, Reason.WHITESPACE)  # the note counts these lines and does not list them


def render_omitted_files(outcome: Outcome, words: Words) -> str:
    """Return the list as markdown, a row for each file with the reasons; nothing where everything was reviewed."""
    omissions = [omission for omission in outcome.omissions if omission.reason not in COUNTED_REASONS]
    if not omissions or outcome.status is ReviewStatus.NOT_REVIEWED:
        return ""
    by_path = dict[str, list[Omission]]()
    for omission in omissions:
        by_path.setdefault(omission.path, []).append(omission)
    files = len({omission.path for omission in outcome.omissions} | {entry.path for entry in outcome.coverage})
    lines = sum(omission.changed_lines for omission in omissions)
    title = choose_plural(words.omitted_lines if lines else words.omitted_files, files).format(
        files=format_number(len(by_path)), all=format_number(files), lines=format_plural(words.changed_lines, lines)
    )
    partly = {entry.path: entry.changed_lines for entry in outcome.coverage if entry.shown_changed_lines}
    written = (_render_file(path, entries, partly.get(path), words) for path, entries in by_path.items())
    rows = truncate_list(written, len(by_path), MAX_OMISSIONS_CHARS, words)
    return fold_section(title, "\n".join(rows))


def _render_file(path: str, omissions: Sequence[Omission], partly_of: int | None, words: Words) -> str:
    """Return the row of one file; `partly_of` counts the changed lines of a file that was reviewed in part."""
    reasons = []
    for omission in omissions:
        lines = format_plural(words.changed_lines, omission.changed_lines)
        if partly_of:
            count, total = format_number(omission.changed_lines), format_number(partly_of)
            lines = words.some_lines.format(count=count, all=total)
        reasons.append(words.reasons[omission.reason] + (words.comma + lines if omission.changed_lines else ""))
    return f"- {render_name(path, words)}: {'; '.join(reasons)}"
