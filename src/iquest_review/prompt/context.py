"""What a prompt shows beside the diff: the functions around it, those it calls, how it came to be, the team's rules.

The frame is the same in every request of a review, so that servers can cache it; the rest belongs to what one request
shows, and takes the room that the diff leaves. Each kind can be left out, so that its worth can be measured.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from iquest_review.change.characters import one_line
from iquest_review.change.diff import FileDiff, Status
from iquest_review.change.history import History
from iquest_review.change.identity import file_key
from iquest_review.change.outline import LONGEST_SIGNATURE, called, definitions
from iquest_review.change.unfold import unfolded
from iquest_review.prompt.budget import BYTES_PER_TOKEN, Excerpt, Limits
from iquest_review.prompt.past import past_rows
from iquest_review.prompt.render import Beside, Frame, aside, rows
from iquest_review.prompt.rows import inert, shown_path
from iquest_review.prompt.team_rules import rules, wanted
from iquest_review.prompt.widening import Outline, widen

MOST_CALLS, MOST_HITS = 20, 60  # signatures that are shown; defining lines that are looked at for them
AMBIGUOUS = 3  # definitions of one name from which on nobody knows which one is called

Hit = tuple[str, int, str]  # path, line and text


class Kind(StrEnum):
    """A kind of context. The value is its name in IQUEST_CONTEXT."""

    DEFINITIONS = "definitions"
    CALLS = "calls"
    RULES = "rules"
    COMMITS = "commits"
    TOUCHED = "touched"
    TOGETHER = "together"
    CHURN = "churn"
    RECENT = "recent"


ALL = frozenset(Kind)
PAST = frozenset((Kind.COMMITS, Kind.TOUCHED, Kind.TOGETHER, Kind.CHURN, Kind.RECENT))


class Lookup(Protocol):
    """The repository a change is made in. What cannot be had is empty, never an error; no secret is in it."""

    def texts(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Files as they stand at the head."""

    def rules(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Files as they stand on the target branch."""

    def defined(self, names: Sequence[str], most: int) -> Sequence[tuple[str, int, str]]:
        """Lines of the head that define these names, as (path, line, text)."""

    def history(self) -> History:
        """How the change came to be."""


class Nothing:
    """Of a saved diff there is nothing else to be known."""

    def texts(self, _: Sequence[str]) -> Mapping[str, bytes]:
        return {}

    def rules(self, _: Sequence[str]) -> Mapping[str, bytes]:
        return {}

    def defined(self, _: Sequence[str], __: int) -> Sequence[tuple[str, int, str]]:
        return ()

    def history(self) -> History:
        return History()


@dataclass
class Context:
    """What can be shown beside these files, which are the whole change; asked for once, and only where it is wanted."""

    files: Sequence[FileDiff]
    lookup: Lookup = field(default_factory=Nothing)
    kinds: frozenset[Kind] = ALL
    _frames: dict[int, Frame] = field(default_factory=dict)  # by the bytes that each part may take
    _outlines: dict[str, Outline | None] = field(default_factory=dict)

    def frame(self, tokens: int) -> Frame:
        """What all requests of so many tokens begin with."""
        most = aside(tokens)
        if most not in self._frames:
            commits = past_rows(self.history, most // 2, self._without(Kind.COMMITS))
            self._frames[most] = Frame(tuple(commits), self._rules(most) if Kind.RULES in self.kinds else ())
        return self._frames[most]

    def around(self, excerpt: Excerpt, spare: Limits, tokens: int) -> tuple[Excerpt, Beside]:
        """The excerpt among the functions that it changes, and what else there is room for in a prompt of so many
        tokens; `spare` is what the diff left."""
        left, most = math.floor(spare.tokens * BYTES_PER_TOKEN), aside(tokens)
        if Kind.DEFINITIONS in self.kinds and spare.lines > 0:
            before = _size(rows(excerpt))
            room = Limits(excerpt.lines + spare.lines, math.floor((before + left) / BYTES_PER_TOKEN))
            excerpt = widen(excerpt, self._outlined(excerpt), room)
            left -= _size(rows(excerpt)) - before
        calls = list(_within(self._calls(excerpt), min(most, left))) if Kind.CALLS in self.kinds else []
        left -= _size(calls)
        shown = {part.file.path for part in excerpt.parts}
        past = past_rows(_about(self.history, shown), min(most, left), self._without(*PAST - {Kind.COMMITS}))
        return excerpt, Beside(tuple(calls), tuple(past))

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
        paths = [file.path for file in self.files]
        return rules(self._rule_files, paths, most).rows

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
        texts = self.lookup.texts([file.path for file in asked]) if asked else {}
        for file in asked:
            text = texts.get(file.path)
            outline = _outline(file, text) if text is not None else None
            self._outlines[file.path] = outline
        shown = {part.file.path for part in excerpt.parts}
        return {path: outline for path, outline in self._outlines.items() if outline and path in shown}

    def _calls(self, excerpt: Excerpt) -> Iterator[str]:
        """The signatures of what added lines call, where it is defined in one place or two that are not shown."""
        lines = (line for part in excerpt.parts for hunk in part.hunks for line in hunk.lines())
        names = called(lines)
        hits = [hit for hit in self.lookup.defined(names, MOST_HITS) if not _is_shown(hit, excerpt)] if names else []
        places = dict[str, list[Hit]]()
        for hit in hits:
            name = next((name for name in names if name in hit[2]), "")
            places.setdefault(name, []).append(hit)
        found = [(name, hit) for name, some in places.items() if name and len(some) < AMBIGUOUS for hit in some]
        texts = self.lookup.texts(list(dict.fromkeys(path for _, (path, _, _) in found[:MOST_CALLS])))
        outlines = {path: definitions(path, text) for path, text in texts.items()}
        for name, (path, number, text) in found[:MOST_CALLS]:
            near = (one for one in outlines.get(path, ()) if one.name == name and one.first <= number <= one.last)
            signature = next((one.signature for one in near), text)
            yield f"{shown_path(path)}:{number}: {inert(one_line(signature.strip(), LONGEST_SIGNATURE))}"


def _outline(file: FileDiff, text: bytes) -> Outline | None:
    whole = unfolded(file, text)
    return (whole, definitions(file.path, text)) if whole is not file else None


def _is_shown(hit: Hit, excerpt: Excerpt) -> bool:
    """Whether a line is in what is shown."""
    path, number, _ = hit
    hunks = (hunk for part in excerpt.parts if part.file.path == path for hunk in part.wide or part.hunks)
    return any(hunk.new_start <= number < hunk.new_start + len(hunk.rows) - hunk.removed for hunk in hunks)


def _about(history: History, paths: Collection[str]) -> History:
    """What of a history concerns these files."""
    return History(
        history.commits,
        tuple(fact for fact in history.touched if fact.path in paths),
        tuple(fact for fact in history.recent if fact.path in paths),
        tuple(fact for fact in history.together if fact.along in paths),
        tuple(fact for fact in history.churn if fact.path in paths),
    )


def _size(rows: Iterable[str]) -> int:
    """Bytes of rows with their line ends."""
    return sum(len(row.encode("utf-8", "replace")) + 1 for row in rows)


def _within(rows: Iterable[str], most: int) -> Iterator[str]:
    """The first rows, as far as they take at most so many bytes."""
    for row in rows:
        most -= _size([row])
        if most < 0:
            return
        yield row
