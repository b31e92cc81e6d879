"""Check a finding against the diff: the file, the line and the quote it cites must be there.

A wrong place is corrected by the quote. A finding that cannot be corrected is never dropped: it goes to the note with
the reason.

Models miscount lines and copy them well: the quote decides, the number breaks ties between lines of the same text.
A quote that is not in the hunks may be between them: GitLab accepts any unchanged line of a changed file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from iquest_review.diff.diff import Diff, FileDiff, Line
from iquest_review.diff.identity_key import IdentityKey
from iquest_review.excerpt.numbered_rows import render_line_text
from iquest_review.findings import file_names, quotes
from iquest_review.findings.finding import Finding
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.telling import count_whole_quotes, is_telling

MAX_FINDING_LINES = 100  # a longer range does not show a reader where the problem is


@dataclass(frozen=True, slots=True)
class VerifiedFinding:
    """A finding with the diff's path, line and side; `problem` says why it has no line.

    `file` is its file diff: the unfolded one when its line is outside the hunks. `lines` are those from the finding's
    line to its end line, on its side.
    """

    finding: Finding
    problem: PlacementReason | None = None
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
        problem = PlacementReason.NO_FILE if finding.path else PlacementReason.NO_PATH
        return VerifiedFinding(replace(finding, line=None, end_line=None), problem)
    quote = quotes.list_quote_rows(finding.quote)
    place = quotes.find_quote(quote, finding.line, files) if quote else quotes.find_by_number(finding.line, files)
    if place and len(quote) > 1 and not is_telling(quote[:1]) and not any(count_whole_quotes(quote, f) for f in files):
        place = None if _find_other_file(finding, diff, files) else place  # only its first row is here
    if place is None and quote:
        place = quotes.find_outside_hunks(quote, finding.line, files, read_file)
        if place is None and (others := _find_other_file(finding, diff, files)):
            place, files = quotes.find_quote(quote, finding.line, others), others
        place = place or quotes.find_near_match(quote, finding.line, files)
    if place is None:
        nowhere = PlacementReason.NO_ANCHOR if finding.line is None else PlacementReason.NO_LINE
        problem = PlacementReason.NO_QUOTE if quote else nowhere
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
    """Return the file diffs that a cited path means; a series of patches has several of one path.

    The exact name counts first: two files may differ in nothing but the case or the Unicode form of their names.
    """
    index = _build_index(IdentityKey(diff))
    if not finding.path:  # an answer in the seed's form names no file: its quote may identify it
        one_file = len({file.path for file in diff.files}) == 1
        return list(diff.files) if one_file else _select_by_quote(finding, diff.files, index)
    spellings = file_names.list_spellings(finding.path)  # the exact name comes first
    for cited in spellings:
        for named in (index.new, index.old):
            if files := named.get(cited):
                return files
    folded = list(dict.fromkeys(map(file_names.fold, spellings)))
    for cited in folded:
        if files := index.folded.get(cited):
            return _choose(finding, files, index)
    return (
        _find_by_tail(finding, diff, index, spellings, index.keys)
        or _find_by_tail(finding, diff, index, folded, {name: file_names.fold(name) for name in index.keys})
        or _select_by_quote(finding, _find_by_letters(diff, spellings), index)
        or _select_by_telling_quote(finding, diff.files, index)
    )


def _find_by_letters(diff: Diff, spellings: Sequence[str]) -> list[FileDiff]:
    """Return the files whose names, or their ends, differ from a spelling only in punctuation or in the suffix."""
    wanted = {file_names.keep_letters(form) for path in spellings for form in (path, path + ".")} - {""}
    return [
        file
        for file in diff.files
        if any(
            file_names.keep_letters(tail) in wanted for path in (file.path, file.old_path) for tail in _list_tails(path)
        )
    ]


def _list_tails(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[index:]) for index in range(len(parts))]


def _find_other_file(finding: Finding, diff: Diff, files: Sequence[FileDiff]) -> list[FileDiff]:
    """Return the only other file with the quote, as a telling quote outweighs a name."""
    paths = {file.path for file in files}
    index = _build_index(IdentityKey(diff))
    return _select_by_telling_quote(finding, [file for file in diff.files if file.path not in paths], index)


def _choose(finding: Finding, files: Sequence[FileDiff], index: "_Index") -> list[FileDiff]:
    """Return the files if they are of one path, else those that have the quote."""
    return list(files) if len({file.path for file in files}) == 1 else _select_by_quote(finding, files, index)


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


def _select_by_telling_quote(finding: Finding, files: Sequence[FileDiff], index: "_Index") -> list[FileDiff]:
    """Return the files of the only path that has the whole quote; none where the quote may be in any file."""
    quote = quotes.list_quote_rows(finding.quote)
    if not is_telling(quote):
        return []
    # A cheap test first: to look for the quote in every reading takes much longer.
    probe = max((quotes.strip_escapes(quotes.strip_row_label(quotes.strip_row_marker(row))) for row in quote), key=len)
    counts = [
        (file, count)
        for file in files
        if probe in index.texts[id(file)][0] and (count := count_whole_quotes(quote, file))
    ]
    return [counts[0][0]] if len(counts) == 1 and counts[0][1] == 1 else []


class _Index(NamedTuple):
    """An index of a whole diff for all its findings: files by path, and their texts by the file's id().

    `folded` has the files by the loose form of their names, `keys` the name that the prompt shows of each name.
    """

    new: dict[str, list[FileDiff]]
    old: dict[str, list[FileDiff]]
    folded: dict[str, list[FileDiff]]
    texts: dict[int, tuple[str, frozenset[str]]]
    keys: dict[str, str]


@lru_cache(maxsize=1)
def _build_index(diff: IdentityKey[Diff]) -> _Index:
    index = _Index({}, {}, {}, {}, {})
    for file in diff.value.files:
        for name, known in ((file.new_path, index.new), (file.old_path, index.old)):
            index.keys[name] = file_names.normalize_blanks(name)
            known.setdefault(index.keys[name], []).append(file)
        for name in {
            file_names.fold(form) for path in (file.new_path, file.old_path) for form in (path, index.keys[path])
        }:
            index.folded.setdefault(name, []).append(file)
        rows = [quotes.strip_escapes(render_line_text(line)) for line in file.iter_lines()]
        index.texts[id(file)] = ("\n".join(rows), frozenset(rows))
    return index


def _find_by_tail(
    finding: Finding, diff: Diff, index: _Index, spellings: Sequence[str], keys: Mapping[str, str]
) -> list[FileDiff]:
    """Return the files whose path is the end of the cited path, or ends with it.

    `keys` has the form of each path that is compared. Of several files the longest match counts, or the one that has
    the quote.
    """
    for path in spellings:
        inside = sorted((name for name, key in keys.items() if path.endswith("/" + key)), key=len)
        beyond = [name for name, key in keys.items() if file_names.is_tail(path, key)]
        if wanted := set(inside[-1:] or beyond):
            return _choose(finding, [file for file in diff.files if {file.path, file.old_path} & wanted], index)
    return []
