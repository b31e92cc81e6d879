"""Outcomes to write notes of."""

from dataclasses import replace
from typing import Any

from iquest_review.diff.diff import Side
from iquest_review.excerpt.excerpt import Coverage
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import digest
from iquest_review.findings.placed import PlacedFinding, Placement, StoredFinding
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.merge_request import DiffRefs, MergeRequest
from iquest_review.note import summary
from iquest_review.note.memory import NoteMemory
from iquest_review.note.summary import NoteLinks, PostedState, ThreadRow
from iquest_review.outcome import (
    HeldBackFinding,
    HeldBackReason,
    OpenThread,
    Outcome,
    PromptUsed,
    ReviewStatus,
    SettledFinding,
    SettledReason,
    Usage,
    hold_back,
)
from iquest_review.reasons.connection import BrokenBy, RootCause, Unreachable
from iquest_review.reasons.review import OutcomeReason

REFS = DiffRefs("1111111111111111111111111111111111111111", "2" * 40, "3333333333333333333333333333333333333333")
AROUND = NoteLinks("https://gitlab.example.com/shop/app", "https://gitlab.example.com/shop/app/-/jobs/81")
MODEL = "IQuestLab/IQuest-Coder-V1-40B-Instruct"


def finding(**changed: Any) -> PlacedFinding:
    """A finding on line 3 of app/total.py."""
    fields: dict[str, Any] = {
        "path": "app/total.py",
        "line": 3,
        "end_line": None,
        "side": Side.NEW,
        "severity": Severity.HIGH,
        "category": Category.BUG,
        "title": "An empty list divides by zero.",
        "description": "An empty list divides by zero. Every cart starts empty.",
        "quote": "return sum(prices) / len(prices)",
        "fix": "    return sum(prices) / len(prices) if prices else 0",
        "fingerprint": "0123456789abcdef",
        "placement": Placement.SUMMARY,
        "placement_reason": None,
    }
    place = changed.pop("place", None)
    made = PlacedFinding.restore(StoredFinding(**{**fields, **changed}))
    return made if place is None else replace(made, place=place)


def held_back(of: PlacedFinding, why: HeldBackReason = HeldBackReason.WAIVED) -> HeldBackFinding:
    """A finding that people settled before."""
    return hold_back(of, of.thread, why)


def fingerprint(of: object) -> str:
    """A fingerprint for tests: the same for the same."""
    return digest(str(of))


def outcome(**changed: Any) -> Outcome:
    """A review by a model, without findings."""
    fields: dict[str, Any] = {
        "status": ReviewStatus.REVIEWED,
        "merge_request": MergeRequest("7", 4),
        "diff_refs": REFS,
        "model": MODEL,
        "prompt": PromptUsed("en", "41cabdce86dd"),
        "usage": Usage(1, 2054, 478, 12.4),
    }
    return Outcome(**{**fields, **changed})


def full(language: str = "en") -> Outcome:
    """One of everything a review may find and leave out."""
    return outcome(
        prompt=PromptUsed(language, "41cabdce86dd"),
        summary="Carts get an average price. The boundary of an *empty* cart is open:\n\n- `total` divides by zero\n"
        "- `#12` asked for 0\n\n```python\nassert total([]) == 0\n```",
        suggestions=("Add a test with an empty cart.", "Name the unit of `price`, see @anna and #12."),
        findings=(
            finding(
                path="app/price list.py",
                line=40,
                end_line=42,
                severity=Severity.MEDIUM,
                category=Category.PERFORMANCE,
                description="The same rows are read once an item. Read them once.",
                quote="for item in items:",
                fix="rows = read()\nfor item in items:\n    item.price = rows[item.id]",
            ),
            finding(),
            finding(
                line=9,
                side=Side.OLD,
                severity=Severity.LOW,
                category=Category.SECURITY,
                description="The check of the currency went away; nothing else makes it.",
                quote="",
                fix=None,
            ),
            finding(
                line=None,
                severity=Severity.MEDIUM,
                category=Category.OTHER,
                path="setup.cfg",
                placement_reason=PlacementReason.NO_FILE,
                description="The version is still the old one.",
                quote="version = 1",
                fix="version = 2",
            ),
        ),
        coverage=(Coverage("app/total.py", ((1, 9),), 9, 9), Coverage("app/price list.py", ((38, 44),), 1207, 3)),
        omissions=(
            Omission("package-lock.json", Reason.LOCK, 1),
            Omission("logo.png", Reason.BINARY, 0),
            Omission("app/price list.py", Reason.LINES, 1204),
        ),
    )


def later(language: str = "en") -> tuple[Outcome, PostedState]:
    """A later push: findings in threads and in the note, old and new, and some that are settled."""
    refused, over = (
        finding(placement_reason=PlacementReason.REFUSED, line=7, fix=None),
        finding(
            path="app/price list.py",
            line=40,
            severity=Severity.LOW,
            placement_reason=PlacementReason.OVER_LIMIT,
            fix=None,
        ),
    )
    nowhere = finding(
        path="setup.cfg", line=None, severity=Severity.LOW, placement_reason=PlacementReason.NO_FILE, quote="", fix=None
    )
    new = finding(line=30, placement=Placement.INLINE)
    made = replace(
        full(language),
        summary="The *empty* cart is seen to.",
        suggestions=(),
        findings=(new, refused),
        kept=(over, nowhere),
        still_open=(
            OpenThread("a" * 40, Severity.HIGH, "app/total.py", 9),
            OpenThread("b" * 40, Severity.MEDIUM, "b.py", None),
        ),
        settled=(
            SettledFinding("d" * 40, SettledReason.GONE),
            SettledFinding("", SettledReason.GONE),
            SettledFinding("e" * 40, SettledReason.FIXED),
        ),
        held_back=(held_back(finding(line=50, severity=Severity.LOW, thread="f" * 40)),),
        merged=2,
        omissions=(Omission("app/price list.py", Reason.SEEN, 1204), Omission("go.sum", Reason.LOCK, 12)),
    )
    thread = f"{AROUND.project_url}/-/merge_requests/4#note_"
    rows = (
        ThreadRow(
            Severity.MEDIUM,
            Category.CONVENTION,
            "app/price list.py",
            None,
            None,
            Side.NEW,
            "No row says its `unit`.",
            f"{thread}12",
        ),
        ThreadRow(Severity.HIGH, Category.BUG, "app/total.py", 30, None, Side.NEW, new.title, f"{thread}31"),
        ThreadRow(Severity.HIGH, Category.SECURITY, "app/total.py", 9, None, Side.OLD, "", f"{thread}11"),
    )
    remembers = NoteMemory(
        REFS.head_sha, REFS.head_sha, "5e771465", ("0123456789ab",), findings=(refused, over, nowhere)
    )
    return made, PostedState(rows, remembers)


TIMED_OUT = Unreachable("model.example.com:8000", RootCause(BrokenBy.TIME))


TIMED_OUT = Unreachable("model.example.com:8000", RootCause(BrokenBy.TIME))


def failed(
    language: str = "en",
    reason: OutcomeReason = TIMED_OUT,
    head: str = "4" * 40,
) -> str:
    """The note of a review that failed."""
    refs = DiffRefs(REFS.base_sha, REFS.start_sha, head)
    prompt = PromptUsed(language, "41cabdce86dd")
    made = outcome(status=ReviewStatus.NOT_REVIEWED, reasons=(reason,), diff_refs=refs, prompt=prompt, usage=Usage())
    return summary.compose_note(made, AROUND)
