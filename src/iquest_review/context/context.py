"""What a prompt shows beside the diff: the functions around it and those it calls, its history, the team's rules.

The frame is the same in every request of a review, so that servers can cache it. The rest belongs to the code of one
request and takes the room that the diff leaves. Each kind can be left out, so that its worth can be measured.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from iquest_review.code.calls import find_imports
from iquest_review.code.languages import is_test
from iquest_review.code.outline import Definition, find_enclosing_definition
from iquest_review.context.enclosing import Outline, widen_excerpt
from iquest_review.context.guidelines import list_guideline_paths, select_guidelines
from iquest_review.context.history_rows import HISTORY_KINDS, render_history_rows
from iquest_review.context.references import References
from iquest_review.context.rows import Frame, SideRows
from iquest_review.context.sources import ALL_KINDS, ContextKind, Lookup
from iquest_review.diff.diff import FileDiff, FileStatus, Hunk
from iquest_review.diff.full_file import unfold_file
from iquest_review.diff.hunk_id import make_file_key
from iquest_review.excerpt.excerpt import BYTES_PER_TOKEN, Excerpt, Limits, Part, compute_aside_bytes, render_diff_rows
from iquest_review.excerpt.numbered_rows import FoldedHunk, count_row_bytes, take_first_rows
from iquest_review.git.history import History

MIN_ROW_BYTES = 40  # with less room, nothing is looked up for a row
MAX_HEADED_LINES = 5_000  # of a definition named above a hunk; a class can be large


@dataclass
class Context:
    """What can be shown beside these files, the whole change. Each thing is looked up once, and only if wanted."""

    files: Sequence[FileDiff]
    lookup: Lookup
    kinds: frozenset[ContextKind] = ALL_KINDS
    _problems: dict[str, None] = field(default_factory=dict)  # with the team's rules, in order
    _outlines: dict[str, Outline | None] = field(default_factory=dict)
    _imports: dict[str, Collection[str]] = field(default_factory=dict)

    def build_frame(self, most: int) -> Frame:
        """Return what all requests begin with: the rules in at most `most` bytes, the commits in half of that."""
        commits = render_history_rows(self.history, most // 2, self._list_unwanted(ContextKind.COMMITS))
        return Frame(tuple(commits), self._select_rules(most) if ContextKind.RULES in self.kinds else ())

    @property
    def problems(self) -> tuple[str, ...]:
        """Problems with the team's rules in the frames built so far: each a sentence that begins with the file."""
        return tuple(self._problems)

    def prepare(self, excerpt: Excerpt) -> None:
        """Look up at once what the requests that show this excerpt will need."""
        if ContextKind.DEFINITIONS in self.kinds:
            self._find_outlines(excerpt.parts)
        self._references.prepare(excerpt, self._imports, self.kinds)

    def surround(self, excerpt: Excerpt, spare: Limits, tokens: int) -> tuple[Excerpt, SideRows]:
        """Return the excerpt widened to the functions it changes, and the other rows there is room for.

        `spare` is what the diff leaves of a prompt of `tokens` tokens.
        """
        left, most = math.floor(spare.tokens * BYTES_PER_TOKEN), compute_aside_bytes(tokens)
        if ContextKind.DEFINITIONS in self.kinds:
            before = count_row_bytes(render_diff_rows(excerpt))
            excerpt = self._widen(excerpt, spare.lines, before, left)
            left -= count_row_bytes(render_diff_rows(excerpt)) - before
        calls = list(take_first_rows(self._list_calls(excerpt), min(most, left))) if left > MIN_ROW_BYTES else []
        left -= count_row_bytes(calls)
        callers = list(take_first_rows(self._list_callers(excerpt), min(most, left))) if left > MIN_ROW_BYTES else []
        left -= count_row_bytes(callers)
        shown = {part.file.path for part in excerpt.parts}
        past = render_history_rows(
            _select_history(self.history, shown),
            min(most, left),
            self._list_unwanted(*HISTORY_KINDS - {ContextKind.COMMITS}),
        )
        return excerpt, SideRows(tuple(calls), tuple(past), tuple(callers))

    def _widen(self, excerpt: Excerpt, lines: int, size: int, left: int) -> Excerpt:
        """Return the excerpt, whose rows take `size` bytes, with the functions around its hunks.

        At most `lines` lines and `left` bytes are added.
        """
        outlines = self._load_outlines(excerpt)
        if lines > 0:
            room = Limits(excerpt.lines + lines, math.floor((size + left) / BYTES_PER_TOKEN))
            excerpt = widen_excerpt(excerpt, outlines, room)
        headed = replace(
            excerpt, parts=tuple(_correct_headings(part, outlines.get(part.file.path)) for part in excerpt.parts)
        )
        return headed if count_row_bytes(render_diff_rows(headed)) <= size + left else excerpt

    @cached_property
    def history(self) -> History:
        """The history of the change; empty if no kind of it is wanted."""
        return self.lookup.load_history() if self.kinds & HISTORY_KINDS else History()

    @cached_property
    def churn(self) -> dict[str, tuple[int, int]]:
        """For each path, how many of the last commits changed the file, and how many of those were fixes."""
        return {fact.path: (fact.commits, fact.fixes) for fact in self.history.churn}

    def _list_unwanted(self, *wanted: ContextKind) -> Collection[ContextKind]:
        return HISTORY_KINDS - (self.kinds & set(wanted))

    def _select_rules(self, most: int) -> tuple[str, ...]:
        found = select_guidelines(self._rule_files, [file.path for file in self.files], most)
        self._problems |= dict.fromkeys(found.problems)
        return found.rows

    @cached_property
    def _rule_files(self) -> Mapping[str, bytes]:
        return self.lookup.load_rules(list_guideline_paths([file.path for file in self.files]))

    def _load_outlines(self, excerpt: Excerpt) -> dict[str, Outline]:
        """Return the shown files that can be widened, with their definitions."""
        self._find_outlines(excerpt.parts)
        shown = {part.file.path for part in excerpt.parts}
        return {path: outline for path, outline in self._outlines.items() if outline and path in shown}

    def _find_outlines(self, parts: Sequence[Part]) -> None:
        """Read and parse the files of these parts, each once, code before tests."""
        whole = {make_file_key(file): file for file in self.files}
        wanted = {
            file.path: file
            for part in sorted(parts, key=lambda part: is_test(part.file.path))
            if (file := whole.get(make_file_key(part.file))) is not None
            and file.path not in self._outlines
            and file.hunks
            and file.status not in (FileStatus.ADDED, FileStatus.DELETED)
        }
        found = self.lookup.load_outlines(list(wanted)) if wanted else {}
        for path, file in wanted.items():
            self._outlines[path] = _build_outline(file, *found[path]) if path in found else None
            if path in found:
                self._imports[path] = find_imports(found[path][0])

    def _list_calls(self, excerpt: Excerpt) -> Iterator[str]:
        if ContextKind.CALLS in self.kinds:
            yield from self._references.list_calls(excerpt, self._imports)

    def _list_callers(self, excerpt: Excerpt) -> Iterator[str]:
        if ContextKind.CALLERS in self.kinds:
            yield from self._references.list_uses(excerpt)

    @cached_property
    def _references(self) -> References:
        return References(self.lookup, self.files)


def _build_outline(file: FileDiff, text: bytes, definitions: Sequence[Definition]) -> Outline | None:
    whole = unfold_file(file, text)
    return (whole, definitions) if whole is not file else None


def _correct_headings(part: Part, outline: Outline | None) -> Part:
    """Return the part with headings from its outline.

    git's own heading is the last function that begins above the hunk, even if it ends there (xdiff/xemit.c,
    get_func_line).
    """
    if outline is None:
        return part
    hunks = tuple(
        hunk if isinstance(hunk, FoldedHunk) else replace(hunk, heading=_find_signature(hunk, outline[1]))
        for hunk in part.written
    )
    return part if hunks == part.written else replace(part, wide=hunks)


def _find_signature(hunk: Hunk, definitions: Sequence[Definition]) -> str:
    """Return the signature of the definition that holds the first change, unless the hunk itself shows it."""
    unchanged = 0
    for row in hunk.rows:
        if row[:1] in (b"+", b"-"):
            break
        unchanged += row[:1] != b"\\"
    around = find_enclosing_definition(definitions, hunk.new_start + unchanged, MAX_HEADED_LINES)
    return around.signature if around and around.first < hunk.new_start else ""


def _select_history(history: History, paths: Collection[str]) -> History:
    """Return the part of a history that concerns these files."""
    return History(
        history.commits,
        tuple(fact for fact in history.touched if fact.path in paths),
        tuple(fact for fact in history.recent if fact.path in paths),
        tuple(fact for fact in history.together if fact.along in paths),
        tuple(fact for fact in history.churn if fact.path in paths),
    )
