"""A merge request over a real repository, findings on its lines, and reviews that are published on it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, Line, LineKind, Side
from iquest_review.findings.evidence import find_twins
from iquest_review.findings.finding import Category, Finding, Severity
from iquest_review.findings.indexed import IndexedFile
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.placement import assign_place
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.verify import InFile, Nowhere, OnLines, VerifiedFinding
from iquest_review.gitlab.client import GitLab
from iquest_review.gitlab.existing import ExistingThreads
from iquest_review.merge_request import DiffRefs, MergeRequest
from iquest_review.note import memory
from iquest_review.note.memory import NoteMemory
from iquest_review.note.summary import SUMMARY_MARKER, NoteLinks
from iquest_review.outcome import Outcome, ReviewedScope, ReviewStatus
from iquest_review.publish.publish import Published, publish_review
from tests.support.connections import IID, PATH, PROJECT, TOKEN, Waits
from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs as Commits
from tests.support.gitlab.double import GitLabDouble
from tests.support.outcomes import outcome
from tests.support.reasons import DOWN

BOT = "reviewer"
AROUND = NoteLinks("https://gitlab.example.com/group/app")
DIVIDES, LOCKS, SECRET, TWICE = (
    "An empty cart divides by zero.",
    "The lock is never given back when saving fails.",
    "The password stands in the source for everybody to read.",
    "Each row is read twice.",
)

_TOTAL = "def total(items):\n    # of all prices\n    return 0\n"
_AVERAGE = "def total(items):\n    # of all prices\n    prices = [one.price for one in items]\n{}\n"
_FILLING = "".join(f"row_{number} = {number}\n" for number in range(40))


@dataclass(frozen=True)
class Change:
    """Three commits of a branch: the second fixes the division, the third puts it back."""

    checkout: Path
    base: str
    heads: tuple[str, str, str]

    @classmethod
    def made(cls, folder: Path) -> Self:
        checkout = Checkout(folder)
        base = checkout.commit({"app/total.py": _TOTAL, "app/store.py": _FILLING, "setup.cfg": "version = 1\n"})
        store = f"lock.acquire()\nsave()\n{_FILLING}password = 'tulip'\n"
        files = {"app/total.py": _AVERAGE.format("    return sum(prices) / len(prices)"), "app/store.py": store}
        first = checkout.commit({**files, "docs/rows.md": "rows\n"})
        fixed = _AVERAGE.format("    return sum(prices) / max(1, len(prices))")
        second = checkout.commit({"app/total.py": fixed, "app/store.py": f"import lock\n\n{store}"})
        return cls(folder, base, (first, second, checkout.commit({"app/total.py": files["app/total.py"]})))

    def commits(self, push: int = 0) -> Commits:
        return Commits(self.base, self.base, self.heads[push])

    def refs(self, push: int = 0) -> DiffRefs:
        return DiffRefs(self.base, self.base, self.heads[push])

    @cached_property
    def diffs(self) -> list[Diff]:
        checkout = Checkout.__new__(Checkout)
        checkout.path = self.checkout
        return [patch.parse_patch(checkout.git("diff", self.base, head).encode() + b"\n") for head in self.heads]

    def finding(self, path: str, quote: str, said: str, *, push: int = 0, **changed: Any) -> PlacedFinding:
        """What a model found on the lines of the quote; without a quote, in the file."""
        given: dict[str, Any] = {"severity": Severity.HIGH, "category": Category.BUG, "fix": None, **changed}
        title = said.partition(".")[0] + "."
        lines = self._lines(path, quote, push)
        ends = (lines[0].number, lines[-1].number if len(lines) > 1 else None) if lines else (None, None)
        found = Finding(
            path=path,
            line=ends[0],
            end_line=ends[1],
            side=Side.NEW,
            title=title,
            description=said,
            quote=quote,
            **given,
        )
        file = self.diffs[push].find_file(path)
        if file is None:
            return assign_place(VerifiedFinding(found, Nowhere(PlacementReason.NO_FILE)))
        if not lines:
            return assign_place(VerifiedFinding(found, InFile(file, PlacementReason.NO_ANCHOR)))
        return assign_place(VerifiedFinding(found, OnLines(file, lines, find_twins(IndexedFile(file), lines))))

    def _lines(self, path: str, quote: str, push: int) -> tuple[Line, ...]:
        """The added lines of the quote, where it stands first."""
        file, wanted = self.diffs[push].find_file(path), quote.split("\n")
        added = [line for line in file.iter_lines() if line.kind is LineKind.ADDED] if file and quote else []
        texts = [line.text for line in added]
        starts = [start for start in range(len(texts)) if texts[start : start + len(wanted)] == wanted]
        return tuple(added[starts[0] : starts[0] + len(wanted)]) if starts else ()

    def divides(self, push: int = 0) -> PlacedFinding:
        return self.finding("app/total.py", "    return sum(prices) / len(prices)", DIVIDES, push=push)

    def locks(self, push: int = 0) -> PlacedFinding:
        return self.finding("app/store.py", "lock.acquire()\nsave()", LOCKS, push=push, category=Category.PERFORMANCE)

    def secret(self, push: int = 0) -> PlacedFinding:
        return self.finding("app/store.py", "password = 'tulip'", SECRET, push=push, category=Category.SECURITY)

    def rows(self, push: int = 0) -> PlacedFinding:
        """On the whole of a file."""
        return self.finding("docs/rows.md", "", TWICE, push=push, severity=Severity.LOW)

    def nowhere(self, push: int = 0) -> PlacedFinding:
        """In the note: its file is no part of the change."""
        return self.finding("other.py", "x", "Nothing tests this.", push=push, severity=Severity.LOW)

    def review(self, findings: Iterable[PlacedFinding] = (), *, push: int = 0, **changed: Any) -> Outcome:
        reviewed = ReviewedScope("abcdef", (f"{push:012x}",), whole=True, afresh=False)
        given = {"findings": tuple(findings), "diff_refs": self.refs(push), "reviewed": reviewed, **changed}
        return outcome(merge_request=MergeRequest(str(PROJECT), IID), **given)


@dataclass
class Board:
    """The merge request on a GitLab that keeps GitLab's rules, and the bot's connection to it."""

    change: Change
    double: GitLabDouble = field(default_factory=GitLabDouble)
    waits: Waits = field(default_factory=Waits)
    said: list[str] = field(default_factory=list)
    token: str = TOKEN

    def __post_init__(self) -> None:
        self.double.add_user(BOT, token=TOKEN)
        self.double.add_user("somebody", token="glpat-of-somebody", bot=False)
        self.double.add_project(PROJECT, PATH, self.change.checkout)
        self.double.add_merge_request(PROJECT, IID, diff_refs=self.change.commits())

    def __enter__(self) -> Self:
        self.double.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self.double.__exit__(*raised)

    def gitlab(self, sleep: Callable[[float], None] | None = None) -> GitLab:
        merge_request = MergeRequest(str(PROJECT), IID)
        return GitLab(self.double.api_url, self.token, merge_request, sleep=sleep or self.waits, tell=self.said.append)

    def publish(
        self, outcome: Outcome, *, known: NoteMemory | None = None, sleep: Callable[[float], None] | None = None
    ) -> Published:
        return publish_review(self.gitlab(sleep), outcome, AROUND, known, self.said.append)

    def push(self, push: int) -> None:
        self.double.push(PROJECT, IID, self.change.commits(push))

    def existing(self) -> ExistingThreads:
        return self.gitlab().fetch_existing_threads()

    def thread(self, said: str) -> str:
        """The discussion that says so."""
        [found] = [thread.id for thread in self.existing().threads if said in thread.body]
        return found

    def first_note(self, said: str) -> int:
        [found] = [thread.note for thread in self.existing().threads if said in thread.body]
        return found

    @property
    def threads(self) -> list[str]:
        """What the open threads say, each by its first sentence, and where."""
        return [self._told(one) for one in self._discussions if not _resolved(one)]

    @property
    def resolved(self) -> list[str]:
        return [self._told(one) for one in self._discussions if _resolved(one)]

    @property
    def _discussions(self) -> list[dict[str, Any]]:
        """Those that somebody wrote."""
        return [one for one in self.double.discussions(PROJECT, IID) if not one["notes"][0]["system"]]

    def _told(self, discussion: dict[str, Any]) -> str:
        first = discussion["notes"][0]
        if not first.get("position"):
            return "note" if first["body"].startswith(SUMMARY_MARKER) else first["body"].partition("\n")[0]
        place = first["position"]
        said = first["body"].split("\n\n")[2] if "\n\n" in first["body"] else first["body"]
        return f"{place['new_path']}:{place['new_line'] or place['old_line'] or 'file'} {said.strip()}"

    @property
    def note(self) -> str:
        """The one summary note."""
        [body] = self.notes
        return body

    @property
    def notes(self) -> list[str]:
        return [one["body"] for one in self.double.notes(PROJECT, IID) if one["body"].startswith(SUMMARY_MARKER)]

    @property
    def drafts(self) -> list[str]:
        return [draft.note for draft in self.double.merge_request(PROJECT, IID).draft_notes]

    @property
    def asked(self) -> list[str]:
        """The requests about the merge request, shortened."""
        start = f"/api/v4/projects/{PROJECT}/merge_requests/{IID}/"
        return [f"{one.method} {one.path.removeprefix(start)}" for one in self.double.requests if start in one.path]

    @property
    def mails(self) -> list[int]:
        """How many notes each mail told of."""
        return [len(mail.note_ids) for mail in self.double.notifications if mail.author == BOT]

    @property
    def state(self) -> dict[str, Any]:
        """All that people see and later runs read, numbers that GitLab gives out aside."""
        discussions = self._discussions
        names = {one["id"]: self._told(one) for one in discussions}
        memories = [memory.parse_memory(body) for body in self.notes]
        return {
            "threads": sorted(
                (names[one["id"]], _resolved(one), [note["body"] for note in one["notes"] if not note["system"]])
                for one in discussions
                if names[one["id"]] != "note"
            ),
            "notes": [_without_numbers(body) for body in self.notes],
            "remembered": [
                m
                and replace(m, resolved=tuple(sorted(names[one] for one in m.resolved)), titles=tuple(sorted(m.titles)))
                for m in memories
            ],
            "drafts": self.drafts,
            "executed": self.double.executed,
        }


def _resolved(discussion: dict[str, Any]) -> bool:
    notes = [note for note in discussion["notes"] if note["resolvable"]]
    return bool(notes) and all(note["resolved"] for note in notes)


def _without_numbers(body: str) -> str:
    return re.sub(r"#note_\d+|data=\S+", "", body)


def failed(change: Change, push: int = 0) -> Outcome:
    """A review that came to nothing."""
    return change.review(push=push, status=ReviewStatus.NOT_REVIEWED, reasons=(DOWN,), reviewed=None)
