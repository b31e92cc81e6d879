"""A finding's identity, and the marker that carries it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import (
    Mark,
    compute_fingerprint,
    digest,
    format_marker,
    join_words,
    parse_marker,
)
from iquest_review.note import markdown
from tests.support.gitlab import quick_actions
from tests.support.outcomes import finding

ANCHOR = "    return sum(prices) / len(prices)"


def test_a_fingerprint_never_changes() -> None:
    assert compute_fingerprint(finding(), ANCHOR) == "1aefffd3cb324ea9"


def test_a_fingerprint_is_sixteen_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{16}", compute_fingerprint(finding(), ""))


@pytest.mark.parametrize(
    "changed",
    [{"line": 30}, {"end_line": 5}, {"severity": Severity.LOW}, {"category": Category.SECURITY}, {"fix": None}],
)
def test_a_fingerprint_survives_moved_lines_and_another_category(changed: dict[str, Any]) -> None:
    assert compute_fingerprint(finding(**changed), ANCHOR) == compute_fingerprint(finding(), ANCHOR)


@pytest.mark.parametrize("anchor", [ANCHOR.strip(), "\t" + ANCHOR, ANCHOR + "  ", ANCHOR.replace(" / ", "  /  ")])
def test_a_fingerprint_survives_another_indentation(anchor: str) -> None:
    assert compute_fingerprint(finding(), anchor) == compute_fingerprint(finding(), ANCHOR)


@pytest.mark.parametrize("changed", [{"path": "app/other.py"}, {"description": "Another remark."}])
def test_a_fingerprint_differs_by_file_and_words(changed: dict[str, Any]) -> None:
    assert compute_fingerprint(finding(**changed), ANCHOR) != compute_fingerprint(finding(), ANCHOR)


def test_a_fingerprint_differs_by_the_text_of_its_lines() -> None:
    assert compute_fingerprint(finding(), ANCHOR) != compute_fingerprint(finding(), ANCHOR + " + 1")


def test_a_path_that_is_not_utf8_has_a_fingerprint() -> None:
    assert compute_fingerprint(finding(path="a\udc80"), ANCHOR) != compute_fingerprint(finding(path="a\udc81"), ANCHOR)


# --- the marker ---

MARK = Mark("0123456789abcdef", "fedcba9876543210", 3, Side.NEW, Severity.HIGH, Category.BUG)
MARKS = st.builds(
    Mark,
    fingerprint=st.text("0123456789abcdef", min_size=16, max_size=16),
    anchor=st.text("0123456789abcdef", min_size=16, max_size=16),
    lines=st.integers(0, 99_999_999),
    side=st.sampled_from(Side),
    severity=st.sampled_from(Severity),
    category=st.sampled_from(Category),
    also=st.lists(
        st.tuples(st.text("0123456789abcdef", min_size=16, max_size=16), st.integers(0, 99_999_999)), max_size=30
    ).map(tuple),
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(mark=MARKS)
def test_every_mark_comes_back_as_it_was(mark: Mark) -> None:
    body = f"{format_marker(mark)}\n\n🔴 **high** · bug\n"

    assert parse_marker(body) == mark
    assert quick_actions.strip(body) == body.rstrip()
    assert "iquest" not in quick_actions.HTML_COMMENT.sub("", quick_actions.rendered(body))


def test_a_marker_reads_the_same_for_ever() -> None:
    assert format_marker(MARK) == (
        "<!-- iquest-review:finding 0123456789abcdef anchor=fedcba9876543210:3:new high bug -->"
    )


def test_carriage_returns_do_not_matter() -> None:
    assert parse_marker(f"{format_marker(MARK)}\r\n\r\ntext") == MARK


WHOLE = format_marker(MARK) + "\n"


@pytest.mark.parametrize(
    "body",
    [
        "",
        f" {WHOLE}",
        f"\n{WHOLE}",
        f"> {WHOLE}",
        f"As I said:\n\n{WHOLE}",
        WHOLE.removesuffix("\n"),
        WHOLE.replace("\n", " more\n"),
        WHOLE.replace("finding ", "finding  "),
        WHOLE.replace("finding", "summary"),
        WHOLE.replace("abcdef", "ABCDEF"),
        WHOLE.replace("0123456789abcdef", "0123456789abcde"),
        WHOLE.replace("0123456789abcdef", "0123456789abcdef0"),
        WHOLE.replace(":3:", "::"),
        WHOLE.replace(":3:", ":-3:"),
        WHOLE.replace(":3:", ":123456789:"),
        WHOLE.replace("new", "left"),
        WHOLE.replace("high", "critical"),
        WHOLE.replace("bug", "style"),
        WHOLE.replace(" bug", ""),
    ],
)
def test_a_damaged_marker_is_ignored(body: str) -> None:
    assert parse_marker(body) is None


@settings(max_examples=100, deadline=None, derandomize=True)
@given(at=st.integers(0, len(WHOLE) - 1), new=st.characters())
def test_a_marker_with_a_changed_character_raises_nothing(at: int, new: str) -> None:
    mark = parse_marker(WHOLE[:at] + new + WHOLE[at + 1 :])

    assert mark is None or mark.lines >= 0


def test_a_marker_in_a_text_of_others_is_ignored() -> None:
    for text in (
        markdown.escape_prose(WHOLE),
        markdown.format_code_block(WHOLE),
        markdown.escape_line(WHOLE),
        markdown.format_suggestion(WHOLE, 0),
    ):
        assert parse_marker(text) is None
        assert format_marker(MARK) not in text


# --- text ---


@pytest.mark.parametrize("lines", [["a  b", "", "\tc "], ["a b c"], ["", "a", "b", "c", ""]])
def test_white_space_and_blank_lines_say_nothing(lines: list[str]) -> None:
    assert join_words(lines) == "a b c"


def test_a_digest_is_the_same_for_ever() -> None:
    assert digest("a b c") == "0e9f64031fcb2bc7"
    assert len(digest("\udc80")) == 16
