"""The order of severities, and the title of a finding."""

import pytest

from iquest_review.findings.finding import MAX_TITLE_CHARS, Severity, derive_title


@pytest.mark.parametrize(
    ("severity", "reached"),
    [
        (Severity.HIGH, {Severity.HIGH, Severity.MEDIUM, Severity.LOW}),
        (Severity.MEDIUM, {Severity.MEDIUM, Severity.LOW}),
        (Severity.LOW, {Severity.LOW}),
    ],
)
def test_a_severity_reaches_those_that_are_not_worse(severity: Severity, reached: set[Severity]) -> None:
    assert {threshold for threshold in Severity if severity.is_at_least(threshold)} == reached


def test_findings_sort_worst_first() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == [Severity.HIGH, Severity.MEDIUM, Severity.LOW]


@pytest.mark.parametrize(
    ("description", "title"),
    [
        ("An empty list divides by zero. Every cart starts empty.", "An empty list divides by zero."),
        ("Potential issue. All errors are swallowed here.", "All errors are swallowed here."),
        ("There is a potential problem with this code.\n\n`total` may be None.", "`total` may be None."),
        ("I noticed an issue here! The lock is never released.", "The lock is never released."),
        ("Please review this change. Note: the token is logged.", "Note: the token is logged."),
        ("这里可能存在问题。空列表会导致除以零。", "空列表会导致除以零。"),
        ("这段代码有潜在的风险。密码被写入日志。", "密码被写入日志。"),
        ("This may cause issues if the input is null.", "This may cause issues if the input is null."),
    ],
)
def test_a_title_is_the_first_sentence_that_says_something(description: str, title: str) -> None:
    assert derive_title(description) == title


@pytest.mark.parametrize("description", ["Potential issue.", "This could be improved. Please consider it."])
def test_a_description_of_fillers_gives_its_first_sentence(description: str) -> None:
    assert derive_title(description) == description.partition(". ")[0].rstrip(".") + "."


def test_a_title_is_one_line_of_bounded_length() -> None:
    title = derive_title("word " * 500_000)

    assert len(title) == MAX_TITLE_CHARS
    assert "\n" not in derive_title("a name\nof two lines")
    assert derive_title("") == ""
