"""A finding against the diff: the file, line and quote it cites must be there. What can be corrected is, by the quote;
the rest is demoted with a reason, never dropped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from iquest_review.change.diff import Diff, FileDiff, Line, Side
from iquest_review.model.finding import Finding
from iquest_review.prompt.render import shown_text

NO_FILE = "the file it names is not part of the change"
NO_LINE = "the line it names is not in the diff"
NO_ANCHOR = "it names no line"


@dataclass(frozen=True, slots=True)
class Verified:
    """A finding whose path, line and side are the diff's; `problem` says why it has no line there."""

    finding: Finding
    problem: str | None = None


def verify(finding: Finding, diff: Diff) -> Verified:
    """The finding with its place corrected. The quote decides, the number breaks ties: models miscount lines but copy
    them well."""
    file = _file(finding.path, diff)
    if file is None:
        return Verified(replace(finding, line=None, end_line=None), NO_FILE)
    lines = list(file.lines())
    line = _quoted(finding, lines) or _numbered(finding, lines)
    if line is None:
        problem = NO_ANCHOR if finding.line is None else NO_LINE
        return Verified(replace(finding, path=file.path, line=None, end_line=None), problem)
    length = 0 if finding.end_line is None or finding.line is None else finding.end_line - finding.line
    end = line.number + length if length and line.number + length <= _last(lines, line.side) else None
    return Verified(replace(finding, path=file.path, line=line.number, end_line=end, side=line.side))


def _file(cited: str, diff: Diff) -> FileDiff | None:
    """The file diff a cited path means: new or old name, with a/ or b/ before it, or the end of an absolute one."""
    if not cited:
        return diff.files[0] if len(diff.files) == 1 else None
    path = cited.strip("`'\" ").removeprefix("./")
    for candidate in (path, path.removeprefix("a/"), path.removeprefix("b/")):
        if file := diff.find(candidate):
            return file
    tails = [file for file in diff.files if path.endswith("/" + file.path) or file.path.endswith("/" + path)]
    return tails[0] if len(tails) == 1 else None


def _quoted(finding: Finding, lines: Sequence[Line]) -> Line | None:
    """The line whose text is the quote's first, nearest to the number; white space does not count."""
    first = next((row for row in finding.quote.splitlines() if row.strip()), "")
    quote = "".join(first.split())
    if not quote:
        return None
    same = [line for line in lines if "".join(shown_text(line).split()) == quote]
    return _nearest(finding, same)


def _numbered(finding: Finding, lines: Sequence[Line]) -> Line | None:
    """The line with the cited number: the new file's, or a removed line's where the new file shows none."""
    same = [line for line in lines if line.number == finding.line]
    return next((line for line in same if line.side is Side.NEW), same[0] if same else None)


def _nearest(finding: Finding, lines: Sequence[Line]) -> Line | None:
    wanted = finding.line or 0
    return min(lines, key=lambda line: (abs(line.number - wanted), line.side is Side.OLD), default=None)


def _last(lines: Sequence[Line], side: Side) -> int:
    return max(line.number for line in lines if line.side is side)
