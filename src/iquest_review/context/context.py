"""What a prompt shows beside the diff: the functions around it, those it calls, how it came to be, the team's rules.

The frame is the same in every request of a review, so that servers can cache it; the rest belongs to what one request
shows, and takes the room that the diff leaves. Each kind can be left out, so that its worth can be measured.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from iquest_review.code.outline import Definition, enclosing
from iquest_review.context.enclosing import Outline, widen
from iquest_review.context.guidelines import rules, wanted
from iquest_review.context.history_rows import PAST, past_rows
from iquest_review.context.references import Elsewhere
from iquest_review.context.rows import Beside, Frame
from iquest_review.context.sources import ALL, Kind, Lookup
from iquest_review.diff.diff import FileDiff, Hunk, Status
from iquest_review.diff.full_file import unfolded
from iquest_review.diff.hunk_id import file_key
from iquest_review.excerpt.excerpt import BYTES_PER_TOKEN, Excerpt, Limits, Part, aside, rows
from iquest_review.excerpt.numbered_rows import Folded, first_within, size_of_rows
from iquest_review.git.history import History

LONGEST_HEADED = 5_000  # lines of a definition that is named above a hunk; a hunk may stand in a large class


@dataclass
class Context:
    """What can be shown beside these files, which are the whole change; asked for once, and only where it is wanted."""

    files: Sequence[FileDiff]
    lookup: Lookup
    kinds: frozenset[Kind] = ALL
    _problems: dict[str, None] = field(default_factory=dict)  # of the team's rules, in order
    _outlines: dict[str, Outline | None] = field(default_factory=dict)

    def frame(self, most: int) -> Frame:
        """What all requests begin with: the rules in at most so many bytes, the commits in half of that."""
        commits = past_rows(self.history, most // 2, self._without(Kind.COMMITS))
        return Frame(tuple(commits), self._rules(most) if Kind.RULES in self.kinds else ())

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the team's rules the frames made so far do not show, or not as it was meant, and why: a sentence
        each, on one line, that begins with the file."""
        return tuple(self._problems)

    def around(self, excerpt: Excerpt, spare: Limits, tokens: int) -> tuple[Excerpt, Beside]:
        """The excerpt among the functions that it changes, and what else there is room for in a prompt of so many
        tokens; `spare` is what the diff left."""
        left, most = math.floor(spare.tokens * BYTES_PER_TOKEN), aside(tokens)
        if Kind.DEFINITIONS in self.kinds:
            before = size_of_rows(rows(excerpt))
            excerpt = self._widened(excerpt, spare.lines, before, left)
            left -= size_of_rows(rows(excerpt)) - before
        calls = list(first_within(self._calls(excerpt), min(most, left)))
        left -= size_of_rows(calls)
        callers = list(first_within(self._callers(excerpt), min(most, left)))
        left -= size_of_rows(callers)
        shown = {part.file.path for part in excerpt.parts}
        past = past_rows(_about(self.history, shown), min(most, left), self._without(*PAST - {Kind.COMMITS}))
        return excerpt, Beside(tuple(calls), tuple(past), tuple(callers))

    def _widened(self, excerpt: Excerpt, lines: int, size: int, left: int) -> Excerpt:
        """The excerpt, whose rows are `size` bytes, with at most so many more lines of the functions around, and so
        many more bytes."""
        outlines = self._outlined(excerpt)
        if lines > 0:
            room = Limits(excerpt.lines + lines, math.floor((size + left) / BYTES_PER_TOKEN))
            excerpt = widen(excerpt, outlines, room)
        headed = replace(excerpt, parts=tuple(_headed(part, outlines.get(part.file.path)) for part in excerpt.parts))
        return headed if size_of_rows(rows(headed)) <= size + left else excerpt

    @cached_property
    def history(self) -> History:
        """How the change came to be, as far as any of it is wanted."""
        return self.lookup.history() if self.kinds & PAST else History()

    @cached_property
    def churn(self) -> dict[str, tuple[int, int]]:
        """For each file how many of the last commits changed it, and how many of them were repairs."""
        return {fact.path: (fact.commits, fact.fixes) for fact in self.history.churn}

    def _without(self, *wanted: Kind) -> Collection[Kind]:
        return PAST - (self.kinds & set(wanted))

    def _rules(self, most: int) -> tuple[str, ...]:
        found = rules(self._rule_files, [file.path for file in self.files], most)
        self._problems |= dict.fromkeys(found.problems)
        return found.rows

    @cached_property
    def _rule_files(self) -> Mapping[str, bytes]:
        return self.lookup.rules(wanted([file.path for file in self.files]))

    def _outlined(self, excerpt: Excerpt) -> dict[str, Outline]:
        """Of the files shown what can be widened, with their definitions. Each file is read and parsed once."""
        whole = {file_key(file): file for file in self.files}
        asked = [
            file
            for part in excerpt.parts
            if (file := whole.get(file_key(part.file))) is not None
            and file.path not in self._outlines
            and file.hunks
            and file.status not in (Status.ADDED, Status.DELETED)
        ]
        found = self.lookup.outlines([file.path for file in asked]) if asked else {}
        for file in asked:
            self._outlines[file.path] = _outline(file, *found[file.path]) if file.path in found else None
        shown = {part.file.path for part in excerpt.parts}
        return {path: outline for path, outline in self._outlines.items() if outline and path in shown}

    def _calls(self, excerpt: Excerpt) -> Iterator[str]:
        if Kind.CALLS in self.kinds:
            known = {path: outline for path, outline in self._outlines.items() if outline}
            yield from self._elsewhere.calls(excerpt, known)

    def _callers(self, excerpt: Excerpt) -> Iterator[str]:
        if Kind.CALLERS in self.kinds:
            yield from self._elsewhere.uses(excerpt, self.files)

    @cached_property
    def _elsewhere(self) -> Elsewhere:
        return Elsewhere(self.lookup)


def _outline(file: FileDiff, text: bytes, definitions: Sequence[Definition]) -> Outline | None:
    whole = unfolded(file, text)
    return (whole, definitions) if whole is not file else None


def _headed(part: Part, outline: Outline | None) -> Part:
    """The part with the headings of its hunks as its outline has them. git's is the last function that begins above
    the hunk, though it may have ended there (xdiff/xemit.c, get_func_line)."""
    if outline is None:
        return part
    hunks = tuple(
        hunk if isinstance(hunk, Folded) else replace(hunk, heading=_heading(hunk, outline[1])) for hunk in part.written
    )
    return part if hunks == part.written else replace(part, wide=hunks)


def _heading(hunk: Hunk, definitions: Sequence[Definition]) -> str:
    """The signature of the definition in which the first change stands, where the hunk itself does not show it."""
    unchanged = 0
    for row in hunk.rows:
        if row[:1] in (b"+", b"-"):
            break
        unchanged += row[:1] != b"\\"
    around = enclosing(definitions, hunk.new_start + unchanged, LONGEST_HEADED)
    return around.signature if around and around.first < hunk.new_start else ""


def _about(history: History, paths: Collection[str]) -> History:
    """What of a history concerns these files."""
    return History(
        history.commits,
        tuple(fact for fact in history.touched if fact.path in paths),
        tuple(fact for fact in history.recent if fact.path in paths),
        tuple(fact for fact in history.together if fact.along in paths),
        tuple(fact for fact in history.churn if fact.path in paths),
    )
