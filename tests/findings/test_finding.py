"""Severities are ordered, worst first."""

import pytest

from iquest_review.findings.finding import Severity


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
