"""Whether two texts say the same."""

import time

import pytest

from iquest_review.findings.similarity import is_covered_text, is_related_text, is_same_sentence, is_similar_text
from iquest_review.note.markdown import escape_prose

ZERO = "An empty list of prices divides by zero here."
ZERO_LONGER = "Divides by zero for an empty list of prices, and every cart starts with an empty list."
OTHER = "The currency of each price is ignored, so sums mix euros with dollars."


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
        ("Wrong.", "Wrong, too."),
        ("This is not what it was for.", "That was not what this is for."),
    ],
)
def test_another_remark_about_the_same_line_is_not_alike(one: str, other: str) -> None:
    assert not is_similar_text(one, other)
    assert not is_similar_text(other, one)


@pytest.mark.parametrize(("other", "same"), [("one two three six seven", True), ("one two five six seven", False)])
def test_three_of_five_words_are_enough(other: str, same: bool) -> None:
    assert is_similar_text("one two three nine ten", other) is same


@pytest.mark.parametrize(("other", "same"), [("One  two three", True), ("one three two", False), ("one two", False)])
def test_shorter_texts_must_be_equal(other: str, same: bool) -> None:
    assert is_similar_text("one two three", other) is same


def test_a_text_is_alike_to_itself_as_markdown() -> None:
    text = "See #12: `a_b` is 0 where `*args` is <empty>, and 3*x is nothing then."

    assert is_similar_text(text, escape_prose(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "The result of the query is not checked for an error before it is used.",
            "The query result is used without checking whether it failed.",
        ),
    ],
)
def test_a_related_text_shares_about_half_of_its_words(one: str, other: str) -> None:
    assert is_related_text(one, other)
    assert not is_similar_text(one, other)


def test_a_text_that_says_more_is_similar_but_not_covered() -> None:
    waived = "This may cause issues if the input is null."
    more = "If the input is null, this may cause issues for all: anybody can delete a customer's rows."

    assert is_similar_text(more, waived)
    assert not is_covered_text(more, waived)
    assert is_covered_text("May cause issues when the input is null.", waived)


# --- one sentence about many places ---


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "The variable `a` is assigned but its value is never used.",
            "The variable `total` is assigned but its value is never used.",
        ),
        ("Line 14 lacks a docstring for the public function.", "Line 203 lacks a docstring for the public function."),
        ("Use of os.system() with a string from the user.", "Use of subprocess.call() with a string from the user."),
        ("Magic number 42.", "Magic number 86400."),
        ("变量 `a` 已赋值但从未使用。", "变量 `b` 已赋值但从未使用。"),
        ("Consider adding error handling here.", "Consider adding error handling here."),
    ],
)
def test_a_sentence_is_the_same_with_other_names_and_numbers(one: str, other: str) -> None:
    assert is_same_sentence(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ZERO, ZERO_LONGER),
        ("The variable `a` is assigned but never used.", "The variable `a` is used before it is assigned."),
        ("Magic number 42.", "Wrong number 42."),
        (
            "The password shows all visitors what only its owner should see.",
            "The balance shows all visitors what only its owner should see.",
        ),
        ("", ""),
        ("`a`", "`b`"),
    ],
)
def test_another_sentence_is_not_the_same(one: str, other: str) -> None:
    assert not is_same_sentence(one, other)


@pytest.mark.parametrize("part", ["a", "a_", "a.", "1", "'", "`", "x ", "中"])
def test_long_texts_are_compared_in_linear_time(part: str) -> None:
    text = part * (20_000 // len(part))
    start = time.monotonic()

    is_same_sentence(text, f"{text} and one more word")
    is_similar_text(text, f"{text} and one more word")

    assert time.monotonic() - start < 2
