"""Check a finding against the diff: the file, the line and the quote it cites must be there.

A wrong place is corrected by the quote. A finding that cannot be corrected is never dropped: it goes to the note with
the reason.

Models miscount lines and copy them well: the quote decides, the number breaks ties between lines of the same text.
A quote that is not in the hunks may be between them: GitLab accepts any unchanged line of a changed file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from iquest_review.diff.diff import FileDiff, Line
from iquest_review.findings import file_names, quotes
from iquest_review.findings.evidence import find_twins
from iquest_review.findings.finding import Finding
from iquest_review.findings.indexed import IndexedDiff, IndexedFile
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.quotes import Place
from iquest_review.findings.readings import (
    list_quote_rows,
    strip_blanks,
    strip_escapes,
    strip_row_label,
    strip_row_marker,
)
from iquest_review.findings.telling import count_whole_quotes, is_telling

MAX_FINDING_LINES = 100  # a longer range does not show a reader where the problem is


@dataclass(frozen=True, slots=True)
class OnLines:
    """The lines of a finding in its file, which is unfolded when they are outside the hunks.

    `twins` are the last line numbers of other places in the file with the same text.
    """

    file: FileDiff
    lines: tuple[Line, ...]  # one at least, all of one side
    twins: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class InFile:
    """The file of a finding whose lines are unknown, and why they are."""

    file: FileDiff
    problem: PlacementReason


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Why a finding has no file in the change."""

    problem: PlacementReason


@dataclass(frozen=True, slots=True)
class VerifiedFinding:
    """A finding with the diff's path, line and side, and what was found of its place."""

    finding: Finding
    place: OnLines | InFile | Nowhere

    @property
    def lines(self) -> tuple[Line, ...]:
        """Its lines; none where they are unknown."""
        return self.place.lines if isinstance(self.place, OnLines) else ()

    @property
    def problem(self) -> PlacementReason | None:
        """Why its lines are unknown; None where they are known."""
        return None if isinstance(self.place, OnLines) else self.place.problem


def verify(finding: Finding, diff: IndexedDiff) -> VerifiedFinding:
    """Return the finding with its place corrected, or with the problem why it has none.

    A file is read, at most once, only when the quote is not in the diff.
    """
    files = _find_files(finding, diff)
    if not files:
        problem = PlacementReason.NO_FILE if finding.path else PlacementReason.NO_PATH
        return VerifiedFinding(replace(finding, line=None, end_line=None), Nowhere(problem))
    quote = list_quote_rows(finding.quote)
    place, files = _find_place(finding, quote, files, diff)
    if place is not None:
        return _build_verified(finding, place)
    nowhere = PlacementReason.NO_ANCHOR if finding.line is None else PlacementReason.NO_LINE
    problem = PlacementReason.NO_QUOTE if quote else nowhere
    file = files[0].file
    return VerifiedFinding(replace(finding, path=file.path, line=None, end_line=None), InFile(file, problem))


def _find_place(
    finding: Finding, quote: Sequence[str], files: Sequence[IndexedFile], diff: IndexedDiff
) -> tuple[Place | None, Sequence[IndexedFile]]:
    """Return the place of a finding in its files or in the only other file with the quote, and those files."""
    if not quote:
        return quotes.find_by_number(finding.line, files), files
    place = quotes.find_quote(quote, finding.line, files)
    if place and len(quote) > 1 and not is_telling(quote[:1]) and not any(count_whole_quotes(quote, f) for f in files):
        place = None if _find_other_file(finding, diff, files) else place  # only its first row is here
    place = place or quotes.find_outside_hunks(quote, finding.line, files)
    if place is None and (others := _find_other_file(finding, diff, files)):
        place, files = quotes.find_quote(quote, finding.line, others), others
    return place or quotes.find_near_match(quote, finding.line, files), files


def _build_verified(finding: Finding, place: Place) -> VerifiedFinding:
    first = place.first
    lines = [line for _, line in place.file.rows if line.side is first.side and line.number >= first.number]
    last = quotes.find_range_end(finding, first, lines) if place.last is None else place.last
    last = min(last, first.number + MAX_FINDING_LINES - 1) if last is not None else None
    placed = replace(finding, path=place.file.file.path, line=first.number, end_line=last, side=first.side)
    shown = tuple(line for line in lines if line.number <= (last or first.number))
    return VerifiedFinding(placed, OnLines(place.file.file, shown, find_twins(place.file, shown)))


# -- the file


def _find_files(finding: Finding, diff: IndexedDiff) -> Sequence[IndexedFile]:
    """Return the file diffs that a cited path means; a series of patches has several of one path.

    The exact name counts first: two files may differ in nothing but the case or the Unicode form of their names.
    """
    if not finding.path:  # an answer in the seed's form names no file: its quote may identify it
        return _choose(finding, diff.files)
    spellings = file_names.list_spellings(finding.path)  # the exact name comes first
    for cited in spellings:
        for named in (diff.by_new_name, diff.by_old_name):
            if files := named.get(cited):
                return files
    folded = list(dict.fromkeys(map(file_names.fold, spellings)))
    for cited in folded:
        if files := diff.by_loose_name.get(cited):
            return _choose(finding, files)
    return (
        _find_by_tail(finding, diff, spellings, diff.shown_names)
        or _find_by_tail(finding, diff, folded, diff.loose_names)
        or _select_by_quote(finding, _find_by_letters(diff, spellings))
        or _select_by_telling_quote(finding, diff.files)
    )


def _find_by_letters(diff: IndexedDiff, spellings: Sequence[str]) -> list[IndexedFile]:
    """Return the files whose names, or their ends, differ from a spelling only in punctuation or in the suffix."""
    wanted = {file_names.keep_letters(form) for path in spellings for form in (path, path + ".")} - {""}
    ends = tuple(wanted)
    return [
        entry
        for entry in diff.files
        for names in [{entry.file.new_path, entry.file.old_path}]
        # A cheap test first: the letters of a name end with those of each of its ends.
        if any(diff.letters[name].endswith(ends) and not wanted.isdisjoint(_list_letters(name)) for name in names)
    ]


def _list_letters(path: str) -> list[str]:
    """Return the letters of a path, and of each of its ends."""
    parts = path.split("/")
    return [file_names.keep_letters("/".join(parts[index:])) for index in range(len(parts))]


def _find_other_file(finding: Finding, diff: IndexedDiff, files: Sequence[IndexedFile]) -> list[IndexedFile]:
    """Return the only other file with the quote, as a telling quote outweighs a name."""
    paths = {entry.file.path for entry in files}
    return _select_by_telling_quote(finding, [entry for entry in diff.files if entry.file.path not in paths])


def _choose(finding: Finding, files: Sequence[IndexedFile]) -> Sequence[IndexedFile]:
    """Return the files if they are of one path, else those that have the quote."""
    return files if len({entry.file.path for entry in files}) == 1 else _select_by_quote(finding, files)


def _select_by_quote(finding: Finding, files: Sequence[IndexedFile]) -> list[IndexedFile]:
    """Return the files of the only path that has the quote; none when several paths have it."""
    quote, held = list_quote_rows(finding.quote), set[str]()
    probes = {
        plain
        for row in quote[:6]
        for reading in (strip_blanks, strip_row_label, strip_row_marker)
        if (plain := strip_escapes(reading(row)))
    }
    heads = {plain[:end] for plain in (strip_escapes(row) for row in quote[:1]) for end in range(1, len(plain) + 1)}
    for entry in files:
        # A cheap test first: to look for the quote in every reading takes much longer.
        if (any(probe in entry.text for probe in probes) or not heads.isdisjoint(entry.texts)) and quotes.find_quote(
            quote, finding.line, [entry]
        ):
            held.add(entry.file.path)
            if len(held) > 1:
                return []
    return [entry for entry in files if entry.file.path in held]


def _select_by_telling_quote(finding: Finding, files: Sequence[IndexedFile]) -> list[IndexedFile]:
    """Return the files of the only path that has the whole quote; none where the quote may be in any file."""
    quote = list_quote_rows(finding.quote)
    if not is_telling(quote):
        return []
    # A cheap test first: to look for the quote in every reading takes much longer.
    probe = max((strip_escapes(strip_row_label(strip_row_marker(row))) for row in quote), key=len)
    counts = [(file, count) for file in files if probe in file.text and (count := count_whole_quotes(quote, file))]
    return [counts[0][0]] if len(counts) == 1 and counts[0][1] == 1 else []


def _find_by_tail(
    finding: Finding, diff: IndexedDiff, spellings: Sequence[str], keys: Mapping[str, str]
) -> Sequence[IndexedFile]:
    """Return the files whose path is the end of the cited path, or ends with it.

    `keys` has the form of each path that is compared. Of several files the longest match counts, or the one that has
    the quote.
    """
    for path in spellings:
        inside = sorted((name for name, key in keys.items() if path.endswith("/" + key)), key=len)
        beyond = [name for name, key in keys.items() if file_names.is_tail(path, key)]
        if wanted := set(inside[-1:] or beyond):
            named = [entry for entry in diff.files if {entry.file.path, entry.file.old_path} & wanted]
            return _choose(finding, named)
    return []
