"""The summary note as a reader takes it in: its headline, its rows, and what it counts."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

PREVIOUS = "<!-- iquest-review:previous -->"
SYMBOLS = {"🔴": "high", "🟠": "medium", "🔵": "low"}
OVER_THE_CAP = "IQUEST_MAX_FINDINGS"  # in the heading of the section that counts what has no thread for that reason
NOWHERE = "Without a line in the change"  # the section of findings that nobody can check: they do not count

_COUNT = re.compile(r"(🔴|🟠|🔵) ([\d,]+)")
_ITEM = re.compile(r"^- (?:🔴|🟠|🔵) \*\*(?P<severity>\w+)\*\* · (?P<category>\w+)(?: · (?P<rest>.*))?$")
_NOTE_URL = re.compile(r"#note_(\d+)>\)(?:: (?P<title>.*))?")
_DETAILS = re.compile(r"<details>.*?</details>", re.DOTALL)
_TO_RESOLVE = re.compile(r"(\d+) [^·\n]*?please resolve")
_HELD_BACK = re.compile(r"(\d+) [^·\n]*?(?:not raised|held back)")


@dataclass(frozen=True)
class Item:
    """A finding as the note lists it; `note` is the number of the thread's first note where it links to one."""

    severity: str
    category: str
    heading: str  # of the section
    place: str
    title: str
    text: str  # what stands below it
    note: int | None

    @property
    def has_place(self) -> bool:
        """Whether it has a thread or a line."""
        return self.note is not None or not self.heading.startswith(NOWHERE)


@dataclass(frozen=True)
class NoteReading:
    """The note's own part, and below it the last review where this one failed."""

    own: str
    previous: str

    @property
    def headline(self) -> str:
        """The first heading."""
        return next((row for row in self.own.splitlines() if row.startswith("## ")), "")

    @property
    def counts(self) -> Counter[str]:
        """How many findings the headline tells, by severity."""
        return Counter({SYMBOLS[sign]: int(count.replace(",", "")) for sign, count in _COUNT.findall(self.headline)})

    @property
    def says_no_findings(self) -> bool:
        """Whether the headline tells that nothing is wrong."""
        return "No findings" in self.headline

    @property
    def items(self) -> list[Item]:
        """The findings it lists, those with a thread and those without."""
        return list(_read_items(self.unfolded))

    @property
    def unfolded(self) -> str:
        """What is seen without a click."""
        return _DETAILS.sub("", self.own)

    @property
    def folded(self) -> Counter[str]:
        """How many findings it only counts, because there are enough threads, by severity."""
        headings = (row for row in self.own.splitlines() if row.startswith("### ") and OVER_THE_CAP in row)
        return Counter(
            {SYMBOLS[sign]: int(count.replace(",", "")) for row in headings for sign, count in _COUNT.findall(row)}
        )

    @property
    def listed(self) -> list[Item]:
        """The items that stand for one finding each and count; some of those that it folds are named as well."""
        return [item for item in self.items if item.has_place and OVER_THE_CAP not in item.heading]

    @property
    def named(self) -> list[Item]:
        """The items of those that it folds."""
        return [item for item in self.items if OVER_THE_CAP in item.heading]

    @property
    def to_resolve(self) -> int:
        """How many open threads it asks people to resolve."""
        return sum(int(count) for count in _TO_RESOLVE.findall(self.own))

    @property
    def held_back(self) -> int:
        """How many findings it says were not raised."""
        return sum(int(count) for count in _HELD_BACK.findall(self.own))


def read_note(body: str) -> NoteReading:
    """Return a note's body, read."""
    own, marker, previous = body.partition(PREVIOUS)
    return NoteReading(_drop_hidden(own), _drop_hidden(previous) if marker else "")


def _drop_hidden(text: str) -> str:
    return "\n".join(row for row in text.splitlines() if not row.startswith("<!-- ")).strip()


def _read_items(text: str) -> Iterator[Item]:
    heading, found, below = "", None, list[str]()
    for row in [*text.splitlines(), "# end"]:
        opened = _ITEM.match(row)
        if found is not None and row.strip() and not row.startswith(" "):
            yield _build_item(found, heading, below)
            found, below = None, []
        if row.startswith("### "):
            heading = row.removeprefix("### ")
        if opened:
            found = opened
        elif found is not None:
            below.append(row)


def _build_item(found: re.Match[str], heading: str, below: list[str]) -> Item:
    rest = found["rest"] or ""
    link = _NOTE_URL.search(rest)
    title = (link["title"] or "") if link else ""
    return Item(
        found["severity"], found["category"], heading, rest, title, "\n".join(below), int(link[1]) if link else None
    )
