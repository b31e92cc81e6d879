"""A finding against the diff: the file, line and quote it cites must be there. What can be corrected is, by the quote;
the rest is demoted with a reason, never dropped.

Models miscount lines and copy them well: the quote decides, the number breaks ties between lines of the same text.
A quote that stands nowhere in the hunks may stand between them: GitLab takes any unchanged line of a changed file.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from iquest_review.diff.diff import Diff, FileDiff, Line
from iquest_review.diff.identity_key import IdentityKey
from iquest_review.excerpt.numbered_rows import render_line_text, render_path
from iquest_review.findings import quotes
from iquest_review.findings.finding import Finding

MAX_FINDING_LINES = 100  # of one finding: what is longer is no place

NO_PATH = "it names no file"
NO_FILE = "the file it names is not part of what was reviewed"
NO_LINE = "the line it names is not in the diff"
NO_QUOTE = "the code it quotes is not in the diff"
NO_ANCHOR = "it names no line"


@dataclass(frozen=True, slots=True)
class VerifiedFinding:
    """A finding whose path, line and side are the diff's; `problem` says why it has no line there.

    `file` is the file diff it is in: the unfolded one, when its line stands outside the hunks. `lines` are those from
    the finding's line to its end line, of its side.
    """

    finding: Finding
    problem: str | None = None
    file: FileDiff | None = None
    lines: tuple[Line, ...] = ()


def provide_no_text(_: str) -> bytes | None:
    """The text of no file: there is no repository to read it from."""
    return None


def verify(finding: Finding, diff: Diff, text: Callable[[str], bytes | None] = provide_no_text) -> VerifiedFinding:
    """The finding with its place corrected. `text` gives a file of the change as it stands at the head, None when it
    is not to be had; it is asked once at most, and only when the quote stands nowhere in the diff."""
    files = _find_files(finding, diff)
    if not files:
        return VerifiedFinding(replace(finding, line=None, end_line=None), NO_FILE if finding.path else NO_PATH)
    quote = quotes.list_quote_rows(finding.quote)
    place = quotes.find_quote(quote, finding.line, files) if quote else quotes.find_by_number(finding.line, files)
    if place is None and quote:
        place = quotes.find_outside_hunks(quote, finding.line, files, text) or quotes.find_near_match(
            quote, finding.line, files
        )
    if place is None:
        problem = NO_QUOTE if quote else NO_ANCHOR if finding.line is None else NO_LINE
        return VerifiedFinding(replace(finding, path=files[0].path, line=None, end_line=None), problem, files[0])
    file, first, last = place
    rows = (quotes.get_sides if any(file is known for known in files) else quotes.build_sides)(
        file, quotes.strip_blanks
    )[0].rows
    lines = [line for _, line in rows if line.side is first.side and line.number >= first.number]
    last = quotes.find_range_end(finding, first, lines) if last is None else last
    last = min(last, first.number + MAX_FINDING_LINES - 1) if last is not None else None
    placed = replace(finding, path=file.path, line=first.number, end_line=last, side=first.side)
    return VerifiedFinding(placed, None, file, tuple(line for line in lines if line.number <= (last or first.number)))


# -- the file


def _find_files(finding: Finding, diff: Diff) -> list[FileDiff]:
    """The file diffs a cited path means; a series of patches holds several of one path."""
    index = _build_index(IdentityKey(diff))
    if not finding.path:  # the seed's form names no file: a quote that stands in one file alone does
        one = len({file.path for file in diff.files}) == 1
        return list(diff.files) if one else _select_by_quote(finding, diff.files, index)
    for cited in _list_spellings(finding.path):
        for named in (index.new, index.old):
            if files := named.get(cited):
                return files
    return _find_by_tail(finding, diff, index)


def _select_by_quote(finding: Finding, files: Sequence[FileDiff], index: "_Index") -> list[FileDiff]:
    """Of these files those of the one path that holds the quote; none when several do."""
    quote, held = quotes.list_quote_rows(finding.quote), set[str]()
    probes = {
        plain
        for row in quote[:6]
        for reading in (quotes.strip_blanks, quotes.strip_row_label, quotes.strip_row_marker)
        if (plain := quotes.strip_escapes(reading(row)))
    }
    heads = {
        plain[:end] for plain in (quotes.strip_escapes(row) for row in quote[:1]) for end in range(1, len(plain) + 1)
    }
    for file in files:
        text, rows = index.texts[id(file)]
        # Only where the quote can stand at all is it looked for in every reading, which takes much longer.
        if (any(probe in text for probe in probes) or not heads.isdisjoint(rows)) and quotes.find_quote(
            quote, finding.line, [file]
        ):
            held.add(file.path)
            if len(held) > 1:
                return []
    return [file for file in files if file.path in held]


class _Index(NamedTuple):
    """What of a whole diff is looked up for each finding: files by their path, and their lines by id."""

    new: dict[str, list[FileDiff]]
    old: dict[str, list[FileDiff]]
    texts: dict[int, tuple[str, frozenset[str]]]
    keys: dict[str, str]


@lru_cache(maxsize=1)
def _build_index(diff: IdentityKey[Diff]) -> _Index:
    index = _Index({}, {}, {}, {})
    for file in diff.value.files:
        for name, known in ((file.new_path, index.new), (file.old_path, index.old)):
            index.keys[name] = _normalize_path(name)
            known.setdefault(index.keys[name], []).append(file)
        rows = [quotes.strip_escapes(render_line_text(line)) for line in file.iter_lines()]
        index.texts[id(file)] = ("\n".join(rows), frozenset(rows))
    return index


def _list_spellings(cited: str) -> Iterator[str]:
    """The path as cited, then without what models and diffs put around it."""
    path = _normalize_path(cited)
    yield path
    path = path.strip("`'\"<>* ").removeprefix("./").replace("\\", "/")
    path = re.sub(r"(?::\d+(?:[-:]\d+)?|#L\d+.*)$", "", path)
    yield path
    yield from (path[2:] for prefix in ("a/", "b/") if path.startswith(prefix))


def _find_by_tail(finding: Finding, diff: Diff, index: _Index) -> list[FileDiff]:
    """The files an absolute path ends in, or whose path ends in the cited one; where there are several, the longest
    match, or the one that holds the quote."""
    *_, path = _list_spellings(finding.path)
    inside = sorted((name for name, key in index.keys.items() if path.endswith("/" + key)), key=len)
    beyond = [name for name, key in index.keys.items() if key.endswith("/" + path)]
    wanted = set(inside[-1:] or beyond)
    files = [file for file in diff.files if file.path in wanted or file.old_path in wanted]
    return _select_by_quote(finding, files, index) if len({file.path for file in files}) > 1 else files


def _normalize_path(path: str) -> str:
    """A path as the model saw it, blanks aside."""
    return " ".join(render_path(path).split())
