"""Models say the same thing twice. Said once it is enough, but nothing that says something else is lost."""

from typing import Any

import pytest

from iquest_review.diff.diff import Side
from iquest_review.findings.duplicates import has_overlap, is_similar_text, merge_duplicates
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.fingerprint import digest
from iquest_review.findings.placed import PlacedFinding
from iquest_review.note.markdown import escape_prose
from tests.support.outcomes import finding

ZERO = "An empty list of prices divides by zero here."
ZERO_LONGER = "Divides by zero for an empty list of prices, and every cart starts with an empty list."
OTHER = "The currency of each price is ignored, so sums mix euros with dollars."


def on(line: int | None = 3, **changed: Any) -> PlacedFinding:
    """A finding with an identity of its own, unless another is given."""
    return finding(**{"line": line, "fingerprint": digest(f"{line} {changed}"), "fix": None, **changed})


# --- whether two texts say the same ---


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ZERO, ZERO_LONGER),
        (ZERO, ZERO.upper()),
        (
            "Division by zero when the list is empty.",
            "An empty list makes len(xs) zero: a division by zero.",
        ),
        (
            "verify=False disables TLS certificate verification, exposing the connection to man-in-the-middle attacks.",
            "TLS certificate verification is disabled (verify=False). This allows man-in-the-middle attacks.",
        ),
        (
            "Mutable default argument: the list is shared between calls.",
            "The default argument is a mutable list that is shared across all calls of the function.",
        ),
        ("空列表会导致除以零错误。", "当列表为空时，len(xs) 为 0，会引发除零错误。"),
        ("密码被硬编码在源代码中，应改为从环境变量读取。", "源代码中存在硬编码的密码，建议使用环境变量。"),
        ("Здесь пустой список приводит к делению на ноль.", "Пустой список приводит к ошибке: деление на ноль здесь."),
    ],
)
def test_the_same_in_other_words_is_alike(one: str, other: str) -> None:
    assert is_similar_text(one, other)
    assert is_similar_text(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ZERO, OTHER),
        ("user may be None here, which raises an AttributeError.", "user is logged here with the password, a leak."),
        ("The loop reads one past the end of the array.", "The loop copies the whole array in each round: quadratic."),
        ("The function does not check the value read() returns.", "The function does not close the file it reads."),
        (
            "The URL is computed once, so choosing another locale or avatar does not change it.",
            "The URL is computed on every render although locale and avatar seldom change: memoise it.",
        ),
        ("这个函数没有处理空值的情况，可能会导致崩溃。", "这个函数没有关闭文件，可能会导致资源泄漏。"),
        ("空列表会导致除以零错误。", "返回值的类型应为浮点数，而不是整数。"),
        ("", ""),
        ("Wrong.", "Wrong."),
        ("This is not what it was for.", "That was not what this is for."),
    ],
)
def test_another_remark_about_the_same_line_is_not_alike(one: str, other: str) -> None:
    assert not is_similar_text(one, other)
    assert not is_similar_text(other, one)


@pytest.mark.parametrize(("other", "same"), [("one two three six seven", True), ("one two five six seven", False)])
def test_three_of_five_words_are_enough(other: str, same: bool) -> None:
    assert is_similar_text("one two three nine ten", other) is same


@pytest.mark.parametrize(("text", "enough"), [("one two three four", True), ("one two three", False)])
def test_shorter_texts_say_too_little(text: str, enough: bool) -> None:
    assert is_similar_text(text, text) is enough


def test_a_text_is_alike_to_itself_as_markdown() -> None:
    text = "See #12: `a_b` is 0 where `*args` is <empty>, and 3*x is nothing then."

    assert is_similar_text(text, escape_prose(text))


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


def test_two_remarks_with_one_identity_on_one_line_are_one_that_says_both() -> None:
    [both] = merge_duplicates([on(fingerprint="0" * 16, description=text) for text in (ZERO, OTHER)])

    assert both.description == f"{ZERO}\n\n{OTHER}"


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
