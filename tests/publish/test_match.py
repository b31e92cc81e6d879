"""Which thread a finding has: place and words must agree."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import OtherPlace, PlacedFinding
from iquest_review.gitlab.existing import Thread
from iquest_review.publish.match import match_findings
from tests.support import outcomes
from tests.support.threads import inline_finding, thread_of

NULL = "This may cause issues if the input is null."
INVOICES = "One customer reads the invoices of all others: the query does not filter by owner."


def finding(**changed: Any) -> PlacedFinding:
    """A finding on line 3 of app/total.py, with an identity of its own."""
    return inline_finding(**{"fix": None, "fingerprint": outcomes.fingerprint(changed), **changed})


def thread(of: PlacedFinding | None = None, **changed: Any) -> Thread:
    return thread_of(of or finding(), **changed)


def match(
    findings: PlacedFinding | Sequence[PlacedFinding], *threads: Thread, head: str = "", settled: bool = False
) -> list[Thread | None]:
    wanted = [findings] if isinstance(findings, PlacedFinding) else findings
    return match_findings(wanted, threads, lambda _: settled, head)


def test_a_twin_on_another_line_does_not_take_the_thread_that_a_person_resolved() -> None:
    upper, lower = finding(line=10, twins=(20,)), finding(line=20, twins=(10,))
    resolved = thread(upper, head="older", resolved=True)

    assert match([upper, lower], resolved, head="h") == [resolved, None]
    assert match([lower, upper], resolved, head="h") == [None, resolved]


def test_another_remark_on_the_line_of_a_thread_is_new() -> None:
    low = finding(description=NULL, severity=Severity.LOW)
    high = finding(description=INVOICES)

    for settled in (False, True):
        assert match(high, thread(low), settled=settled) == [None]
        assert match([high, low], thread(low), settled=settled) == [None, thread(low)]


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "If the input is null, this may cause issues.",
        "May cause issues when the input is null or missing.",
        "This may cause issues if the `input` is null.",
        NULL.upper(),
        f"{NULL} Check it first.",
    ],
)
def test_the_same_remark_in_other_words_has_the_thread(text: str, settled: bool) -> None:
    made = thread(finding(description=NULL))

    assert match(finding(description=text, category=Category.OTHER), made, settled=settled) == [made]


def test_a_related_remark_has_an_open_thread_but_not_a_settled_one() -> None:
    one = finding(description="The result of the query is not checked for an error before it is used.")
    related = finding(description="The query result is used without checking whether it failed.")
    made = thread(one)

    assert match(related, made) == [made]
    assert match(related, made, settled=True) == [None]
    assert match(related, thread(one, resolved=True)) == [None]
    assert match(replace(related, category=Category.OTHER), made) == [None]
    assert match(related, thread(replace(one, severity=Severity.LOW))) == [None]


def test_a_thread_with_the_same_place_and_text_matches_on_any_line() -> None:
    assert match(finding(), thread(line=77)) == [thread(line=77)]
    assert match(finding(), thread(line=None)) == [thread(line=None)]


@pytest.mark.parametrize(
    "changed",
    [
        {"anchor": "b" * 16, "line": 70},
        {"description": INVOICES},
        {"path": "app/other.py"},
        {"anchored": 2, "line": 70},
        {"side": Side.OLD},
    ],
    ids=["lines", "words", "file", "number of lines", "side"],
)
def test_a_thread_about_something_else_does_not_match(changed: dict[str, Any]) -> None:
    assert match(finding(**changed), thread()) == [None]


def test_a_thread_in_a_file_with_a_former_name_matches() -> None:
    renamed = finding(path="lib/total.py", names=("app/total.py",))

    assert match(renamed, thread()) == [thread()]
    assert match(replace(renamed, names=()), thread()) == [None]


def test_a_thread_on_a_whole_file_matches_by_its_words() -> None:
    whole = finding(anchored=0, line=None, description=NULL)

    assert match(whole, thread(whole)) == [thread(whole)]
    assert match(replace(whole, description=INVOICES, fingerprint="f" * 16), thread(whole)) == [None]


def test_lines_that_changed_match_while_the_thread_is_on_them() -> None:
    changed = finding(anchor="b" * 16)

    assert match(changed, thread()) == [thread()]
    assert match(changed, thread(line=4)) == [None]
    assert match(replace(changed, end_line=5), thread(line=5)) == [thread(line=5)]


def test_of_two_lines_with_one_text_each_finding_keeps_its_own_thread() -> None:
    upper, lower = finding(line=3, twins=(9,)), finding(line=9, twins=(3,))
    at_3, at_9 = thread(line=3), thread(line=9, id="e" * 40, note=61)

    assert match(upper, at_9) == [None]
    assert match([lower, upper], at_3, at_9) == [at_9, at_3]
    assert match([upper, lower], at_3) == [at_3, None]


def test_a_thread_at_another_commit_matches_on_a_twins_line() -> None:
    """Somebody pushed two lines on top while it was posted."""
    upper, lower = finding(line=3, twins=(5,)), finding(line=5, twins=(3,))
    at_5, at_7 = thread(line=5, head="newer"), thread(line=7, head="newer", id="e" * 40, note=61)

    assert match([upper, lower], at_5, at_7, head="h") == [at_7, at_5]
    assert match(upper, at_5, head="h") == [at_5]
    assert match(upper, at_5._replace(head="h"), head="h") == [None]


def test_the_nearest_open_thread_matches() -> None:
    far, near = thread(line=90, note=1), thread(line=5, note=2, id="e" * 40)
    done = thread(line=3, note=3, id="f" * 40, resolved=True)

    assert match(finding(), far, near, done) == [near]
    assert match(finding(), done, far) == [far]


def test_one_thread_serves_one_finding() -> None:
    twice = [finding(line=3), finding(line=4)]

    assert match(twice, thread()) == [thread(), None]


def test_a_thread_that_lists_several_places_serves_as_many_findings() -> None:
    other = OtherPlace(20, None, "b" * 16, 1)
    made = thread(finding(other_places=(other,)))
    at_20 = finding(line=20, anchor="b" * 16)

    assert match([finding(), at_20, finding(line=70, anchor="c" * 16)], made) == [made, made, None]


def test_a_finding_keeps_the_thread_it_was_given() -> None:
    near, given = thread(), thread(line=90, id="e" * 40)

    assert match(finding(thread="e" * 40), near, given) == [given]
    assert match(finding(thread="e" * 40), near) == [near]
