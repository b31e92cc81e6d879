"""Models say the same thing twice. Said once it is enough, but nothing that says something else is lost."""

import random
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Side
from iquest_review.findings.duplicates import gather_repeats, has_overlap, merge_duplicates
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import digest
from iquest_review.findings.placed import MAX_PLACES, OtherPlace, PlacedFinding, Placement
from iquest_review.findings.position import Unplaced
from iquest_review.findings.similarity import is_same_sentence
from tests.support.outcomes import finding

ZERO = "An empty list of prices divides by zero here."
ZERO_LONGER = "Divides by zero for an empty list of prices, and every cart starts with an empty list."
OTHER = "The currency of each price is ignored, so sums mix euros with dollars."


def on(line: int | None = 3, **changed: Any) -> PlacedFinding:
    """A finding with an identity of its own, unless another is given."""
    return finding(**{"line": line, "fingerprint": digest(f"{line} {changed}"), "fix": None, **changed})


# --- which findings have a line in common ---


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (on(3), on(3), True),
        (on(3), on(4), False),
        (on(3, end_line=5), on(5), True),
        (on(5), on(3, end_line=5), True),
        (on(3, end_line=5), on(5, end_line=9), True),
        (on(3, end_line=5), on(6, end_line=9), False),
        (on(3), on(3, side=Side.OLD), False),
        (on(3), on(3, path="b.py"), False),
        (on(None), on(None), True),
        (on(None), on(3), False),
        (on(3), on(None), False),
    ],
)
def test_findings_share_a_line_or_do_not(one: PlacedFinding, other: PlacedFinding, shared: bool) -> None:
    assert has_overlap(one, other) is shared


# --- merging ---


def test_the_same_remark_on_the_same_line_is_said_once() -> None:
    findings = [on(description=ZERO), on(description=ZERO_LONGER, category=Category.CONVENTION)]

    assert len(merge_duplicates(findings)) == 1


def test_the_worse_of_two_stays_with_the_fuller_words() -> None:
    [both] = merge_duplicates(
        [
            on(description=ZERO_LONGER, title="long", severity=Severity.LOW, category=Category.OTHER),
            on(description=ZERO, title="short", severity=Severity.HIGH, category=Category.BUG),
        ]
    )

    assert (both.severity, both.category, both.description, both.title) == (
        Severity.HIGH,
        Category.BUG,
        ZERO_LONGER,
        "long",
    )


def test_the_worse_finding_keeps_its_text_when_both_are_equally_long() -> None:
    [both] = merge_duplicates([on(description=ZERO.upper(), severity=Severity.LOW), on(description=ZERO)])

    assert both.description == ZERO


def test_another_remark_on_the_same_line_stays() -> None:
    findings = [on(description=ZERO), on(description=OTHER)]

    assert merge_duplicates(findings) == findings


def test_twins_on_neighbouring_lines_stay_two() -> None:
    findings = [
        on(3, description="A password in the code."),
        on(4, description="A password in the code."),
    ]

    assert merge_duplicates(findings) == findings


def test_twins_with_one_identity_on_two_lines_stay_two() -> None:
    findings = [on(line, fingerprint="0" * 16, description=ZERO) for line in (3, 9)]

    assert merge_duplicates(findings) == findings


def test_related_remarks_of_one_category_are_one_that_says_both() -> None:
    texts = (
        "The result of the query is not checked for an error before it is used.",
        "The query result is used without checking whether it failed.",
    )

    [both] = merge_duplicates([on(description=text) for text in texts])

    assert both.description == "\n\n".join(texts)
    assert len(merge_duplicates([on(description=texts[0]), on(description=texts[1], category=Category.OTHER)])) == 2


def test_the_very_same_short_remark_is_not_said_twice() -> None:
    [both] = merge_duplicates([on(fingerprint="0" * 16, description="Wrong.") for _ in range(3)])

    assert both.description == "Wrong."


def test_a_fix_is_not_lost_with_the_finding_that_brought_it() -> None:
    fixed = on(description=ZERO, severity=Severity.LOW, quote="q", fix="f", replacement="r")

    [both] = merge_duplicates([on(description=ZERO, severity=Severity.HIGH, quote="p"), fixed])

    assert (both.severity, both.quote, both.fix, both.replacement) == (Severity.HIGH, "q", "f", "r")


def test_a_fix_for_other_lines_is_not_taken_over() -> None:
    wider = on(3, end_line=6, description=ZERO, severity=Severity.LOW, quote="q", fix="f", replacement="r")

    [both] = merge_duplicates([on(3, description=ZERO, severity=Severity.HIGH, quote="p"), wider])

    assert (both.quote, both.fix, both.replacement) == ("p", None, None)


def test_findings_come_worst_first_and_else_in_their_order() -> None:
    findings = [on(line, severity=rank) for line, rank in ((1, Severity.LOW), (9, Severity.HIGH), (5, Severity.LOW))]

    assert [finding.line for finding in merge_duplicates(findings)] == [9, 1, 5]


def test_remarks_about_a_whole_file_are_merged_by_their_words_alone() -> None:
    findings = [on(None, description=text) for text in (ZERO, OTHER, ZERO_LONGER)]

    assert [finding.description for finding in merge_duplicates(findings)] == [ZERO_LONGER, OTHER]


# --- one sentence at many places ---

UNUSED = "The variable `{}` is assigned but its value is never used."


def inline(line: int | None, **changed: Any) -> PlacedFinding:
    return on(line, **{"placement": Placement.INLINE, "anchor": digest(str(line)), "anchored": 1, **changed})


def test_one_sentence_at_ten_lines_is_one_finding_that_lists_the_others() -> None:
    ten = [inline(line, description=UNUSED.format(f"v{line}")) for line in range(3, 13)]

    [gathered] = gather_repeats(ten)

    assert (gathered.line, [place.line for place in gathered.other_places]) == (3, list(range(4, 13)))


def test_a_full_finding_leaves_further_lines_to_another_one() -> None:
    many = [inline(line, description=UNUSED.format(f"v{line}")) for line in range(1, 2 * MAX_PLACES)]

    first, second = gather_repeats(many)

    assert len(first.other_places) == MAX_PLACES
    assert second.line == MAX_PLACES + 2
    assert len(first.other_places) + len(second.other_places) + 2 == len(many)


@pytest.mark.timed
def test_many_findings_of_one_file_are_gathered_in_time() -> None:
    words = [f"{chr(97 + row % 26)}{chr(97 + row // 26)}word" for row in range(600)]
    many = [inline(line, description=" ".join(words[line : line + 300])) for line in range(1, 200)]
    start = time.monotonic()

    assert len(merge_duplicates(many)) == len(many)
    gather_repeats(many)

    assert time.monotonic() - start < 10  # 70 seconds where each pair reads both texts anew


@pytest.mark.timed
@pytest.mark.parametrize("same", [1, 40, 2_000])
def test_two_thousand_findings_of_one_file_are_compared_within_a_second(same: int) -> None:
    words = [f"{chr(97 + row % 26)}{chr(97 + row // 26)}word" for row in range(300)]
    chance = random.Random(1)
    texts = [" ".join(chance.sample(words, 12)) for _ in range(2_000 // same)]
    many = [inline(line, description=chance.choice(texts), fingerprint=str(line)) for line in range(1, 2_001)]
    start = time.process_time()

    gathered = gather_repeats(merge_duplicates(many))

    assert time.process_time() - start < 1  # 6 seconds where each is compared with each
    assert len(gathered) + sum(len(one.other_places) for one in gathered) == 2_000


@given(
    st.lists(
        st.builds(
            lambda words, line, path: (" ".join(words), line, path),
            st.lists(st.sampled_from([*"abcd", *ZERO.split(), "`name`", "缓存", "12"]), max_size=12),
            st.none() | st.integers(1, 9),
            st.sampled_from(["a.py", "b.py"]),
        ),
        max_size=12,
    )
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_each_finding_joins_the_first_that_says_the_same(told: list[tuple[str, int | None, str]]) -> None:
    many = [inline(line, description=text, path=path, fingerprint=str(n)) for n, (text, line, path) in enumerate(told)]
    expected = list[PlacedFinding]()
    for one in many:
        earlier = (
            place
            for place, kept in enumerate(expected)
            if kept.path == one.path and None not in (kept.line, one.line)
            if is_same_sentence(kept.description, one.description)
        )
        if (found := next(earlier, None)) is None:
            expected.append(one)
            continue
        listed = (*expected[found].other_places, OtherPlace(one.line or 0, one.end_line, one.anchor, one.anchored))
        expected[found] = replace(expected[found], other_places=listed)

    assert gather_repeats(many) == expected


@pytest.mark.parametrize(
    "changed",
    [{"path": "b.py"}, {"side": Side.OLD}, {"description": OTHER}, {"place": Unplaced(None)}, {"line": None}],
    ids=["file", "side", "sentence", "in the note", "no line"],
)
def test_other_findings_stay_apart(changed: dict[str, Any]) -> None:
    other = replace(inline(9, description=UNUSED.format("b")), **changed)
    both = [inline(3, description=UNUSED.format("a")), other]

    assert gather_repeats(both) == both


def test_lines_that_a_finding_lists_are_not_its_twins() -> None:
    [gathered] = gather_repeats(
        [inline(3, description=ZERO, twins=(9, 20)), inline(9, description=ZERO, twins=(3, 20))]
    )

    assert gathered.twins == (20,)
