"""Check a finding against the diff: the file, the line and the quote it cites must be there.

A wrong place is corrected by the quote. A finding that cannot be corrected is never dropped: it goes to the note with
the reason.

Models miscount lines and copy them well: the quote decides, the number breaks ties between lines of the same text.
A quote that is not in the hunks may be between them: GitLab accepts any unchanged line of a changed file.
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

MAX_FINDING_LINES = 100  # a longer range does not show a reader where the problem is

NO_PATH = "the finding names no file"
NO_FILE = "this file is not part of the reviewed change"
NO_LINE = "the line is not in the diff"
NO_QUOTE = "the quoted code is not in the diff"
NO_ANCHOR = "the finding names no line"


@dataclass(frozen=True, slots=True)
class VerifiedFinding:
    """A finding with the diff's path, line and side; `problem` says why it has no line.

    `file` is its file diff: the unfolded one when its line is outside the hunks. `lines` are those from the finding's
    line to its end line, on its side.
    """

    finding: Finding
    problem: str | None = None
    file: FileDiff | None = None
    lines: tuple[Line, ...] = ()


def provide_no_text(_: str) -> bytes | None:
    """Return None: without a repository no file can be read."""
    return None


def verify(finding: Finding, diff: Diff, read_file: Callable[[str], bytes | None] = provide_no_text) -> VerifiedFinding:
    """Return the finding with its place corrected, or with the problem why it has none.

    `read_file` returns a file of the change at the head commit, None when it cannot be read. It is called at most once,
    and only when the quote is not in the diff.
    """
    files = _find_files(finding, diff)
    if not files:
        return VerifiedFinding(replace(finding, line=None, end_line=None), NO_FILE if finding.path else NO_PATH)
    quote = quotes.list_quote_rows(finding.quote)
    place = quotes.find_quote(quote, finding.line, files) if quote else quotes.find_by_number(finding.line, files)
    if place is None and quote:
        place = quotes.find_outside_hunks(quote, finding.line, files, read_file) or quotes.find_near_match(
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
    """Return the file diffs that a cited path means; a series of patches has several of one path."""
    index = _build_index(IdentityKey(diff))
    if not finding.path:  # an answer in the seed's form names no file: its quote may identify it
        one_file = len({file.path for file in diff.files}) == 1
        return list(diff.files) if one_file else _select_by_quote(finding, diff.files, index)
    for cited in _list_spellings(finding.path):
        for named in (index.new, index.old):
            if files := named.get(cited):
                return files
    return _find_by_tail(finding, diff, index)


def _select_by_quote(finding: Finding, files: Sequence[FileDiff], index: "_Index") -> list[FileDiff]:
    """Return the files of the only path that has the quote; none when several paths have it."""
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
        # A cheap test first: to look for the quote in every reading takes much longer.
        if (any(probe in text for probe in probes) or not heads.isdisjoint(rows)) and quotes.find_quote(
            quote, finding.line, [file]
        ):
            held.add(file.path)
            if len(held) > 1:
                return []
    return [file for file in files if file.path in held]


class _Index(NamedTuple):
    """An index of a whole diff for all its findings: files by path, and their texts by the file's id()."""

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
    """Yield the path as cited, then without what models and diffs add to it."""
    path = _normalize_path(cited)
    yield path
    path = path.strip("`'\"<>* ").removeprefix("./").replace("\\", "/")
    path = re.sub(r"(?::\d+(?:[-:]\d+)?|#L\d+.*)$", "", path)
    yield path
    yield from (path[2:] for prefix in ("a/", "b/") if path.startswith(prefix))


def _find_by_tail(finding: Finding, diff: Diff, index: _Index) -> list[FileDiff]:
    """Return the files whose path is the end of the cited path, or ends with it.

    Of several files the longest match counts, or the one that has the quote.
    """
    *_, path = _list_spellings(finding.path)
    inside = sorted((name for name, key in index.keys.items() if path.endswith("/" + key)), key=len)
    beyond = [name for name, key in index.keys.items() if key.endswith("/" + path)]
    wanted = set(inside[-1:] or beyond)
    files = [file for file in diff.files if file.path in wanted or file.old_path in wanted]
    return _select_by_quote(finding, files, index) if len({file.path for file in files}) > 1 else files


def _normalize_path(path: str) -> str:
    """Return a path as the model saw it, with single blanks."""
    return " ".join(render_path(path).split())
