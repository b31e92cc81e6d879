"""What a change removes or gives another signature is known by name; what it leaves or only moves is not."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.code.signatures import find_changed_signatures, parse_defined_name
from tests.support.prompts import hunk


def names(*rows: str) -> tuple[str, ...]:
    only = hunk(*rows)
    return find_changed_signatures([only], [only])


@pytest.mark.parametrize(
    "row",
    [
        "def wanted(x):",
        "class wanted(Base):",
        "class wanted:",
        "class wanted",
        "    async def wanted(self) -> None:",
        "func wanted(x int) error {",
        "func (r *Receiver) wanted(x int) error {",
        "export const wanted = (x) => x",
        "export default function wanted(x) {",
        "pub(crate) fn wanted<T>(x: T) -> T {",
        "type wanted struct {",
        "static int wanted(int x)",
        "    public static <T> List<T> wanted(T x) {",
        "void Thing::wanted(int x) {",
        "#define wanted(x) x",
        "  def self.wanted",
        "fun String.wanted(x: Int): Int = x",
        "wanted = lambda x: x",
        "  wanted: async function (x) {",
        "  wanted(x: number): string {",
        "export interface wanted extends Other {",
        "abstract class wanted<T> implements Other {",
        "enum wanted { A }",
    ],
)
def test_definitions_are_recognized_in_many_languages(row: str) -> None:
    assert parse_defined_name(row) == "wanted"
    assert names(f"-{row}") == ("wanted",)
    assert names(f" {row}", "-  x", "+  y") == names(f"+{row}") == ()


@pytest.mark.parametrize(
    "row",
    [
        "    x = wanted(3)",
        "wanted(3);",
        "    return wanted(x)",
        "from a import wanted",
        "# def wanted(x):",
        "// function wanted(x)",
        '    """The class wanted.',
        "if (wanted(x)) {",
        "if (x) {",
        "} else if (wanted) {",
        "describe(wanted, () => {",
        "the class of things that are wanted",
        "wanted = 3",
        "const wanted = read(x);",
        "        and wanted(x)",
        "    with wanted(x) as y:",
        "int wanted(int x);",
    ],
)
def test_a_use_or_declaration_is_not_a_definition(row: str) -> None:
    assert parse_defined_name(row) == ""


def test_a_changed_signature_is_found() -> None:
    assert names("-def f(x):", "+def f(x, y):", "     pass") == ("f",)
    assert names("-def f(x):", "+def g(x):", "     pass") == ("f",)
    assert names(" def f(", "     a,", "+    b,", " ):", "+    pass") == ("f",)
    assert names(" def f(", "-    a,", " ):") == ("f",)


def test_a_reformatted_signature_is_unchanged() -> None:
    assert names("-def f(x):", "+    def f(x):") == ()
    assert names("-def f(x):", "+def f(x):  # noqa") == ()
    assert names("-const f = (x) => x + 1", "+const f = (x) => x + 2") == ()
    assert names(" def f(", "     a,", " ):", "-    pass", "+    return 1") == ()


def test_a_definition_that_moves_within_a_file_is_unchanged() -> None:
    here, there = hunk("-def f(", "-    a,", "-):", "-    pass"), hunk("+def f(", "+    a,", "+):", "+    pass", new=90)

    assert find_changed_signatures([here], [here, there]) == ()
    assert find_changed_signatures([here], [here]) == ("f",)


def test_only_shown_hunks_count_and_each_name_once() -> None:
    one, other = hunk("-def f(x):", "-def g(x):", "-def f(y):"), hunk("-def h(x):", old=50)

    assert find_changed_signatures([one], [one, other]) == ("f", "g")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=80))
def test_any_row_can_be_parsed(text: str) -> None:
    name = parse_defined_name(text)

    assert name in text
    assert name == "" or name.isidentifier()


@pytest.mark.timed
@pytest.mark.parametrize(
    "text",
    ["a " * 500, "class " * 160, "f(" * 490, "<" * 990, "let " + "x" * 990, " " * 999, "f(" + ")" * 990, "a(a) " * 190],
)
def test_no_row_is_slow_to_parse(text: str) -> None:
    started = time.process_time()
    for _ in range(100):
        parse_defined_name(text + "!")
    assert time.process_time() - started < 2
