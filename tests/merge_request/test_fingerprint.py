"""A finding's identity."""

import re
from typing import Any

import pytest

from iquest_review.merge_request.fingerprint import fingerprint
from iquest_review.model.finding import Category, Severity
from tests.merge_request.making import finding

ANCHOR = "    return sum(prices) / len(prices)"


def test_it_is_the_same_for_ever() -> None:
    assert fingerprint(finding(), ANCHOR) == "ae08be7938f11ebc"


def test_it_is_sixteen_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{16}", fingerprint(finding(), ""))


@pytest.mark.parametrize(
    "changed",
    [{"line": 30}, {"end_line": 5}, {"severity": Severity.LOW}, {"description": "Another wording."}, {"fix": None}],
)
def test_it_survives_lines_that_move_and_words_that_change(changed: dict[str, Any]) -> None:
    assert fingerprint(finding(**changed), ANCHOR) == fingerprint(finding(), ANCHOR)


@pytest.mark.parametrize("anchor", [ANCHOR.strip(), "\t" + ANCHOR, ANCHOR + "  ", ANCHOR.replace(" / ", "  /  ")])
def test_it_survives_another_indentation(anchor: str) -> None:
    assert fingerprint(finding(), anchor) == fingerprint(finding(), ANCHOR)


@pytest.mark.parametrize("changed", [{"path": "app/other.py"}, {"category": Category.SECURITY}])
def test_it_differs_by_file_and_category(changed: dict[str, Any]) -> None:
    assert fingerprint(finding(**changed), ANCHOR) != fingerprint(finding(), ANCHOR)


def test_it_differs_by_the_text_it_stands_on() -> None:
    assert fingerprint(finding(), ANCHOR) != fingerprint(finding(), ANCHOR + " + 1")


def test_without_a_line_the_title_stands_for_it() -> None:
    assert fingerprint(finding(), "") == fingerprint(finding(description="x"), "")
    assert fingerprint(finding(), "") != fingerprint(finding(title="Another one."), "")


def test_a_path_that_is_no_text_has_one_too() -> None:
    assert fingerprint(finding(path="a\udc80"), ANCHOR) != fingerprint(finding(path="a\udc81"), ANCHOR)
