"""What a prompt shows beside the diff: the functions around it, those it calls, how it came to be, the team's rules.

The frame is the same in every request of a review, so that servers can cache it; the rest belongs to what one request
shows, and takes the room that the diff leaves. Each kind can be left out, so that its worth can be measured.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

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

MAX_HEADED_LINES = 5_000  # lines of a definition that is named above a hunk; a hunk may stand in a large class


@dataclass
class Context:
    """What can be shown beside these files, which are the whole change; asked for once, and only where it is wanted."""

    files: Sequence[FileDiff]
    lookup: Lookup
    kinds: frozenset[ContextKind] = ALL_KINDS
    _problems: dict[str, None] = field(default_factory=dict)  # of the team's rules, in order
    _outlines: dict[str, Outline | None] = field(default_factory=dict)

    def build_frame(self, most: int) -> Frame:
        """What all requests begin with: the rules in at most so many bytes, the commits in half of that."""
        commits = render_history_rows(self.history, most // 2, self._list_unwanted(ContextKind.COMMITS))
        return Frame(tuple(commits), self._select_rules(most) if ContextKind.RULES in self.kinds else ())

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the team's rules the frames made so far do not show, or not as it was meant, and why: a sentence
        each, on one line, that begins with the file."""
        return tuple(self._problems)

    def surround(self, excerpt: Excerpt, spare: Limits, tokens: int) -> tuple[Excerpt, SideRows]:
        """The excerpt among the functions that it changes, and what else there is room for in a prompt of so many
        tokens; `spare` is what the diff left."""
        left, most = math.floor(spare.tokens * BYTES_PER_TOKEN), compute_aside_bytes(tokens)
        if ContextKind.DEFINITIONS in self.kinds:
            before = count_row_bytes(render_diff_rows(excerpt))
            excerpt = self._widen(excerpt, spare.lines, before, left)
            left -= count_row_bytes(render_diff_rows(excerpt)) - before
        calls = list(take_first_rows(self._list_calls(excerpt), min(most, left)))
        left -= count_row_bytes(calls)
        callers = list(take_first_rows(self._list_callers(excerpt), min(most, left)))
        left -= count_row_bytes(callers)
        shown = {part.file.path for part in excerpt.parts}
        past = render_history_rows(
            _select_history(self.history, shown),
            min(most, left),
            self._list_unwanted(*HISTORY_KINDS - {ContextKind.COMMITS}),
        )
        return excerpt, SideRows(tuple(calls), tuple(past), tuple(callers))

    def _widen(self, excerpt: Excerpt, lines: int, size: int, left: int) -> Excerpt:
        """The excerpt, whose rows are `size` bytes, with at most so many more lines of the functions around, and so
        many more bytes."""
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
        """How the change came to be, as far as any of it is wanted."""
        return self.lookup.load_history() if self.kinds & HISTORY_KINDS else History()

    @cached_property
    def churn(self) -> dict[str, tuple[int, int]]:
        """For each file how many of the last commits changed it, and how many of them were repairs."""
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
        """Of the files shown what can be widened, with their definitions. Each file is read and parsed once."""
        whole = {make_file_key(file): file for file in self.files}
        asked = [
            file
            for part in excerpt.parts
            if (file := whole.get(make_file_key(part.file))) is not None
            and file.path not in self._outlines
            and file.hunks
            and file.status not in (FileStatus.ADDED, FileStatus.DELETED)
        ]
        found = self.lookup.load_outlines([file.path for file in asked]) if asked else {}
        for file in asked:
            self._outlines[file.path] = _build_outline(file, *found[file.path]) if file.path in found else None
        shown = {part.file.path for part in excerpt.parts}
        return {path: outline for path, outline in self._outlines.items() if outline and path in shown}

    def _list_calls(self, excerpt: Excerpt) -> Iterator[str]:
        if ContextKind.CALLS in self.kinds:
            known = {path: outline for path, outline in self._outlines.items() if outline}
            yield from self._references.list_calls(excerpt, known)

    def _list_callers(self, excerpt: Excerpt) -> Iterator[str]:
        if ContextKind.CALLERS in self.kinds:
            yield from self._references.list_uses(excerpt, self.files)

    @cached_property
    def _references(self) -> References:
        return References(self.lookup)


def _build_outline(file: FileDiff, text: bytes, definitions: Sequence[Definition]) -> Outline | None:
    whole = unfold_file(file, text)
    return (whole, definitions) if whole is not file else None


def _correct_headings(part: Part, outline: Outline | None) -> Part:
    """The part with the headings of its hunks as its outline has them. git's is the last function that begins above
    the hunk, though it may have ended there (xdiff/xemit.c, get_func_line)."""
    if outline is None:
        return part
    hunks = tuple(
        hunk if isinstance(hunk, FoldedHunk) else replace(hunk, heading=_find_signature(hunk, outline[1]))
        for hunk in part.written
    )
    return part if hunks == part.written else replace(part, wide=hunks)


def _find_signature(hunk: Hunk, definitions: Sequence[Definition]) -> str:
    """The signature of the definition in which the first change stands, where the hunk itself does not show it."""
    unchanged = 0
    for row in hunk.rows:
        if row[:1] in (b"+", b"-"):
            break
        unchanged += row[:1] != b"\\"
    around = find_enclosing_definition(definitions, hunk.new_start + unchanged, MAX_HEADED_LINES)
    return around.signature if around and around.first < hunk.new_start else ""


def _select_history(history: History, paths: Collection[str]) -> History:
    """What of a history concerns these files."""
    return History(
        history.commits,
        tuple(fact for fact in history.touched if fact.path in paths),
        tuple(fact for fact in history.recent if fact.path in paths),
        tuple(fact for fact in history.together if fact.along in paths),
        tuple(fact for fact in history.churn if fact.path in paths),
    )
