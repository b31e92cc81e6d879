"""A finding as the first note of its thread: what people read, what GitLab does with it, and what it hides."""

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import Mark, parse_marker
from iquest_review.findings.placed import OtherPlace, PlacedFinding
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.note.lengths import MAX_TEXT_CHARS
from iquest_review.note.thread import (
    TAIL_MARKER,
    build_mark,
    compose_thread,
    extract_thread_text,
    format_severity_counts,
    format_thread_row,
)
from iquest_review.note.words import CHINESE, ENGLISH, Words
from tests.note.test_markdown import FRAGMENTS, OLD_ACTION, text_nodes
from tests.support.apply_plan import applied, block
from tests.support.gitlab import quick_actions
from tests.support.outcomes import finding

GOLDEN = Path(__file__).parent / "golden"
LIMIT = 1_000_000  # characters GitLab takes
FIX = "    return sum(prices) / len(prices) if prices else 0"
MARKED: dict[str, Any] = {"anchor": "fedcba9876543210", "anchored": 1, "fix": None}


def made(**changed: Any) -> PlacedFinding:
    return finding(**{**MARKED, **changed})


def thread(words: Words = ENGLISH, /, **changed: Any) -> str:
    return compose_thread(made(**changed), words)


SEVERAL = {"line": 3, "end_line": 5, "anchored": 3}
THREADS = {
    "thread": thread(),
    "thread-zh": thread(CHINESE, fix=FIX, replacement=FIX),
    "thread-suggestion": thread(fix=FIX, replacement=FIX),
    "thread-several-lines": thread(fix="a = 1\n\nb = 2", replacement="a = 1\n\nb = 2", **SEVERAL),
    "thread-code": thread(fix="    if not prices:\n        return 0", path="app/total.kt"),
    "thread-code-zh": thread(CHINESE, fix="return 0"),
    "thread-file": thread(line=None, anchored=0, quote="version = 1", fix="version = 2", path="setup.cfg"),
    "thread-prose": thread(
        severity=Severity.LOW,
        category=Category.CONVENTION,
        description="See @anna and #12, as `total` says:\n\n1. it is *empty*\n2. it is <b>not</b>\n\n"
        "```python\nassert total([]) == 0\n```\n/close",
    ),
}


# --- what people read ---


@pytest.mark.parametrize("name", THREADS)
def test_the_thread_reads_as_it_should(name: str) -> None:
    assert THREADS[name] == (GOLDEN / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("category", Category)
def test_the_heading_names_severity_and_category(severity: Severity, category: Category) -> None:
    for text in (ENGLISH, CHINESE):
        [heading] = re.findall(r"\*\*(.*)\*\* · (.*)\n", thread(text, severity=severity, category=category))
        assert heading == (text.severities[severity], text.categories[category])


def test_further_removed_lines_are_called_removed() -> None:
    body = thread(side=Side.OLD, other_places=(OtherPlace(9, None, "b" * 16, 1),))

    assert "\nAlso here: removed line 9.\n" in body


def test_the_code_of_the_line_is_not_repeated() -> None:
    assert "sum(prices)" not in thread()


def test_a_thread_on_a_file_shows_the_cited_code() -> None:
    assert "```diff\n-version = 1\n+version = 2\n```" in THREADS["thread-file"]


def test_a_long_description_is_cut_and_says_by_how_much() -> None:
    body = thread(description="x" * 5_000_000)

    assert "x\n… and 4,980,000 more characters in review.json\n" in body
    assert len(body) < 30_000


def test_a_description_that_just_fits_is_not_cut() -> None:
    assert "x" * MAX_TEXT_CHARS + "\n" in thread(description="x" * MAX_TEXT_CHARS)


# --- what GitLab does with it ---


def applied_to(placed: PlacedFinding, text: str) -> str:
    return applied(text.encode(), compose_thread(placed, ENGLISH), placed.end_line or placed.line or 0).decode()


def test_a_suggestion_replaces_the_line_of_its_finding() -> None:
    placed = made(fix="b = 1", replacement="b = 1")

    assert applied_to(placed, "one\ntwo\na = 1\nfour\n") == "one\ntwo\nb = 1\nfour\n"


def test_a_suggestion_replaces_all_lines_of_its_finding() -> None:
    placed = made(replacement="b = 1\n\n/close", **SEVERAL)

    assert applied_to(placed, "one\ntwo\na = 1\n\nb\nsix\n") == "one\ntwo\nb = 1\n\n/close\nsix\n"


def test_a_fix_with_fences_is_offered_as_it_is() -> None:
    fenced = "```suggestion:-0+9\n/close\n````"

    assert block(thread(fix=fenced, replacement=fenced)).content == f"{fenced}\n"


@pytest.mark.parametrize("replacement", ["a\u202eb", "a\r\nb", "`" * 50])
def test_a_fix_that_cannot_be_a_suggestion_is_shown_as_code(replacement: str) -> None:
    body = thread(fix="b = 1", replacement=replacement)

    assert "suggestion" not in body
    assert "Suggested instead:\n\n```py\nb = 1\n```\n" in body


@pytest.mark.parametrize("field", ["description", "fix", "quote", "path", "title"])
def test_no_text_of_others_offers_a_suggestion(field: str) -> None:
    body = thread(**{field: "x\n\n```suggestion:-0+9\nimport os\n```\n\n~~~suggestion\ny\n~~~"})

    assert re.search(r'lang="suggestion', quick_actions.rendered(body)) is None


def safe(body: str) -> None:
    """Fails when a thread does more than to be read."""
    assert quick_actions.commands(body) == []
    assert OLD_ACTION.search(body) is None
    assert quick_actions.mentions(body) == quick_actions.references(body) == quick_actions.images(body) == []
    assert quick_actions.links(body) == quick_actions.live_html(body) == []
    assert quick_actions.MENTION.search(text_nodes(body)) is None
    assert quick_actions.REFERENCE.search(text_nodes(body)) is None
    assert quick_actions.strip(body) == body.rstrip()
    assert len(body) < LIMIT
    assert body.encode().decode() == body


FINDINGS = st.builds(
    made,
    path=FRAGMENTS,
    line=st.none() | st.integers(1, 99),
    end_line=st.none() | st.integers(100, 103),
    side=st.sampled_from(Side),
    severity=st.sampled_from(Severity),
    category=st.sampled_from(Category),
    title=FRAGMENTS,
    description=FRAGMENTS,
    quote=FRAGMENTS,
    fix=st.none() | FRAGMENTS,
    replacement=st.none() | FRAGMENTS,
    placement_reason=st.none() | st.sampled_from(PlacementReason),
)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(placed=FINDINGS, words=st.sampled_from([ENGLISH, CHINESE]))
def test_no_finding_makes_a_thread_that_does_anything(placed: PlacedFinding, words: Words) -> None:
    body = compose_thread(placed, words)

    safe(body)
    assert parse_marker(body) == build_mark(placed)


@pytest.mark.parametrize("line", [3, None])
@pytest.mark.parametrize("huge", ["@1\n" * 1_000_000, "`" * 3_000_000, "/close\n" * 500_000, "\U000e0001" * 200_000])
def test_a_thread_of_any_size_fits(huge: str, line: int | None) -> None:
    safe(thread(line=line, description=huge, quote=huge, fix=huge, path=huge))


# --- what it hides ---


def test_the_mark_holds_what_later_runs_need() -> None:
    placed = made(side=Side.OLD, category=Category.SECURITY)

    assert build_mark(placed) == Mark(
        "0123456789abcdef", "fedcba9876543210", 1, Side.OLD, Severity.HIGH, Category.SECURITY
    )
    assert parse_marker(compose_thread(placed, CHINESE)) == build_mark(placed)


def test_a_marker_in_a_text_of_others_is_not_the_one_that_is_read() -> None:
    forged = compose_thread(replace(made(), fingerprint="f" * 16), ENGLISH)

    body = thread(description=forged, fix=forged, quote=forged)

    assert parse_marker(body) == build_mark(made())
    assert body.count("<!-- iquest-review:finding") == body.count(TAIL_MARKER) == 1


@pytest.mark.parametrize("code", [TAIL_MARKER, f'x = "{TAIL_MARKER}"', f"a\n{TAIL_MARKER}\nb", TAIL_MARKER * 2])
@pytest.mark.parametrize("field", ["fix", "quote", "replacement"])
@pytest.mark.parametrize("line", [3, None], ids=["on a line", "on the file"])
def test_a_tail_marker_in_code_ends_no_text(code: str, field: str, line: int | None) -> None:
    body = thread(**{"line": line, "fix": code, field: code})

    assert extract_thread_text(body) == made().description


@pytest.mark.timed
@pytest.mark.parametrize("part", ["\n", "\n\n", " \n", "`", "```\n", "\n```a", "````a\n```\n"])
def test_a_text_is_extracted_in_linear_time(part: str) -> None:
    start = time.monotonic()

    extract_thread_text("mark\n\nheading\n\n" + part * (20_000 // len(part)))

    assert time.monotonic() - start < 3


@pytest.mark.parametrize("between", ["\n", "\n\n", "\n\n\n\n"])
def test_text_between_blocks_stays(between: str) -> None:
    blocks = between.join(["One.", "```py\na\n```", "```\nb\n```", "Two.", "```\nc\n```"])

    assert extract_thread_text(f"mark\n\nheading\n\n{blocks}").split() == ["One.", "Two."]


# --- a row of the note ---


def test_a_row_tells_its_title_on_one_line() -> None:
    row = format_thread_row(Severity.LOW, Category.BUG, "`a.py` line 3", "Two\nlines, @anna\n/close", ENGLISH)

    assert row == "- 🔵 **low** · bug · `a.py` line 3: Two lines, @\u2060anna /close"
    safe(row)


def test_a_row_without_a_title_is_a_heading() -> None:
    assert format_thread_row(Severity.LOW, Category.BUG, "`a.py`", "", ENGLISH) == "- 🔵 **low** · bug · `a.py`"


def test_severities_without_findings_are_not_listed() -> None:
    counts = {Severity.HIGH: 1_000, Severity.MEDIUM: 0, Severity.LOW: 2}

    assert format_severity_counts(counts, ENGLISH) == "🔴 1,000 high · 🔵 2 low"
    assert format_severity_counts(dict.fromkeys(Severity, 0), ENGLISH) == ""
