"""What stays true of a note whatever a review holds."""

import re
import time
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Side
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.merge_request import DiffRefs
from iquest_review.note import memory, summary
from iquest_review.note.summary import SUMMARY_MARKER, NoteLinks, PostedState, ThreadRow
from iquest_review.outcome import Outcome, PromptUsed, ReviewStatus
from iquest_review.reasons.review import OtherReason
from tests.note.test_markdown import FRAGMENTS, OLD_ACTION, text_nodes
from tests.support.gitlab import quick_actions
from tests.support.outcomes import AROUND, failed, finding, full, later, outcome

LIMIT = 1_000_000  # characters GitLab takes
OURS = ("https://gitlab.example.com/shop/app/-/",)


def safe(body: str) -> None:
    """Fails when a note does more than to be read, or is not what it seems to be."""
    assert quick_actions.commands(body) == []
    assert OLD_ACTION.search(body) is None
    assert quick_actions.mentions(body) == quick_actions.references(body) == quick_actions.images(body) == []
    assert quick_actions.MENTION.search(text_nodes(body)) is None
    assert quick_actions.REFERENCE.search(text_nodes(body)) is None
    assert all(link.startswith(OURS) for link in quick_actions.links(body))
    details = ["<details>", "<summary>", "</summary>", "</details>"]
    tags = quick_actions.live_html(body)
    assert tags == details * (len(tags) // 4)
    assert quick_actions.strip(body) == body.rstrip()
    assert len(body) < LIMIT
    assert re.match(rf"{SUMMARY_MARKER}\n(?:<!-- iquest-review:reviewed [^\n]* -->\n)?\n## ", body)
    assert body.encode().decode() == body


SIDES, RANKS = st.sampled_from(Side), st.sampled_from(Severity)
FINDINGS = st.builds(
    finding,
    path=FRAGMENTS,
    line=st.none() | st.integers(1, 99),
    end_line=st.none() | st.integers(100, 103),
    side=SIDES,
    severity=RANKS,
    title=FRAGMENTS,
    description=FRAGMENTS,
    quote=FRAGMENTS,
    fix=st.none() | FRAGMENTS,
    placement_reason=st.none() | st.sampled_from(PlacementReason),
)
OUTCOMES = st.builds(
    outcome,
    status=st.sampled_from(ReviewStatus),
    reasons=st.lists(st.builds(OtherReason, FRAGMENTS), max_size=1).map(tuple),
    diff_refs=st.builds(DiffRefs, FRAGMENTS, FRAGMENTS, FRAGMENTS),
    model=st.none() | FRAGMENTS,
    prompt=st.builds(PromptUsed, FRAGMENTS, FRAGMENTS),
    summary=FRAGMENTS,
    before=FRAGMENTS,
    suggestions=st.lists(FRAGMENTS, max_size=2).map(tuple),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    raw=st.none() | FRAGMENTS,
    omissions=st.lists(st.builds(Omission, FRAGMENTS, st.sampled_from(Reason), st.integers(0, 9)), max_size=2).map(
        tuple
    ),
)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(made=OUTCOMES)
def test_no_review_makes_a_note_that_does_anything(made: Outcome) -> None:
    body = summary.compose_note(made, AROUND)

    safe(body)
    safe(summary.append_previous_review(failed(), body))


ROWS = st.builds(
    ThreadRow,
    severity=RANKS,
    category=st.sampled_from(Category),
    path=FRAGMENTS,
    line=st.none() | st.integers(1, 99),
    end_line=st.none() | st.integers(100, 103),
    side=SIDES,
    title=FRAGMENTS,
    url=st.just(OURS[0] + "x"),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows=st.lists(ROWS, max_size=3), findings=st.lists(FINDINGS, max_size=2).map(tuple))
def test_no_thread_makes_a_note_that_does_anything(rows: list[ThreadRow], findings: tuple[PlacedFinding, ...]) -> None:
    remembers = replace(later()[1].note_memory, findings=findings)

    body = summary.compose_note(later()[0], AROUND, PostedState(rows, remembers))

    safe(body)
    safe(summary.append_previous_review(failed(), body))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(project=FRAGMENTS, job=FRAGMENTS)
def test_no_url_makes_a_note_that_does_anything(project: str, job: str) -> None:
    for around in (NoteLinks(project, job), NoteLinks(OURS[0] + project, OURS[0] + job)):
        body = summary.compose_note(full(), around)
        links = quick_actions.links(body)
        assert all(link.startswith(("http://", "https://")) for link in links)
        assert len(links) <= 4
        assert quick_actions.commands(body) == quick_actions.mentions(body) == quick_actions.references(body) == []
        assert quick_actions.images(body) == []


HUGE: dict[str, dict[str, Any]] = {
    "findings": {
        "findings": tuple(finding(line=n, path=f"src/{n % 7}.py", description="x" * 4000) for n in range(1, 10_001))
    },
    "lines of findings": {
        "findings": (finding(description="@1\n" * 2_000_000, quote="`" * 3_000_000, fix="/close\n" * 500_000),)
    },
    "paths": {"findings": tuple(finding(line=n, path="&" * 4000 + str(n)) for n in range(1, 500))},
    "summary": {"summary": "<@" * 2_500_000},
    "raw": {"status": ReviewStatus.RAW, "reasons": (OtherReason("&" * 5_000_000),), "raw": "```\n/close\n" * 500_000},
    "escapes": {
        "status": ReviewStatus.RAW,
        "reasons": (OtherReason("x"),),
        "raw": "\U000e0001" * 200_000,
        "summary": "\U000e0001" * 200_000,
    },
    "omissions": {"omissions": tuple(Omission(f"{n}/" + "\0" * 4000, Reason.LOCK, 1) for n in range(20_000))},
    "suggestions": {"suggestions": ("\u202e" * 20_000,) * 20},
    "names": {"model": "`" * 1_000_000, "prompt": PromptUsed("@" * 1_000_000, "x" * 1_000_000)},
}
HUGE["all"] = {name: value for one in HUGE.values() for name, value in one.items()}


@pytest.mark.timed
@pytest.mark.parametrize("name", HUGE)
def test_a_note_of_any_size_fits(name: str) -> None:
    started = time.process_time()
    body = summary.compose_note(outcome(**HUGE[name]), AROUND)

    assert time.process_time() - started < 5
    safe(summary.append_previous_review(failed(), body))
    html = quick_actions.rendered(body)
    assert html.count("<details>") == html.count("</details>") == body.count("\n</details>\n")
    assert "Reviewed by" in html.rsplit("<hr />", 1)[1]


def noise(number: int) -> str:
    """4,000 characters that do not pack."""
    return "".join(f"{zlib.crc32(b'%d %d' % (number, at)):08x}" for at in range(500))


@pytest.mark.timed
def test_the_largest_note_has_room_below_a_failure() -> None:
    findings = tuple(finding(line=n + 1, description="@" * 4_000 + noise(n), fix=noise(n)) for n in range(30))
    rows = [
        ThreadRow(Severity.HIGH, Category.BUG, f"{n}/" + "<" * 500, n, None, Side.NEW, "~" * 2_000, f"{OURS[0]}{n}")
        for n in range(5_000)
    ]
    remembers = replace(
        later()[1].note_memory,
        hunks=tuple(noise(n)[:12] for n in range(5_000)),
        findings=findings,
        titles=tuple((f"{n:016x}", noise(n)[:200]) for n in range(500)),
    )
    huge = {**HUGE["all"], "status": ReviewStatus.PARTIAL}
    last = summary.compose_note(outcome(**HUGE["raw"] | {"raw": "/close\n" * 100_000}), AROUND)

    started = time.process_time()
    body = summary.append_previous_review(
        last, summary.compose_note(outcome(**huge), AROUND, PostedState(rows, remembers))
    )

    assert time.process_time() - started < 5
    assert 500_000 < len(body) < LIMIT
    assert quick_actions.commands(body) == []
    assert memory.parse_memory(body) is not None


def test_threads_that_do_not_fit_are_counted() -> None:
    rows = [
        ThreadRow(Severity.LOW, Category.BUG, "a.py", n + 1, None, Side.NEW, "x" * 500, f"{OURS[0]}{n}")
        for n in range(1_000)
    ]

    body = summary.compose_note(outcome(), AROUND, PostedState(rows, later()[1].note_memory))

    shown = len(re.findall(r"\[`a\.py` line", body))
    assert f"- and {1_000 - shown:,} more in review.json\n" in body
    assert shown > 50


def test_findings_that_do_not_fit_are_counted() -> None:
    body = summary.compose_note(outcome(**HUGE["findings"]), AROUND)

    shown = body.count("**high**")
    assert "🔴 10,000 high" in body
    assert f"- and {10_000 - shown:,} more in review.json\n" in body
    assert shown > 50


def test_omissions_that_do_not_fit_are_counted() -> None:
    omissions = tuple(Omission(f"vendor/{n}.py", Reason.VENDORED, 1) for n in range(20_000))
    body = summary.compose_note(outcome(omissions=omissions), AROUND)

    shown = body.count(": vendored file")
    assert "<summary>Not reviewed: 20,000 changed lines in 20,000 of 20,000 files</summary>" in body
    assert f"- and {20_000 - shown:,} more in review.json\n\n</details>\n" in body
    assert shown > 1000


def test_a_text_that_is_cut_says_by_how_much() -> None:
    assert "x\n… and 4,980,000 more characters in review.json\n" in summary.compose_note(
        outcome(summary="x" * 5_000_000), AROUND
    )
