"""Which lines of a commit define a name, and which use it in code."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.code.definitions import MAX_LINE_CHARS
from iquest_review.code.mentions import (
    MAX_DEFINITIONS,
    MAX_LINES,
    MAX_USES,
    Mentions,
    SourceLine,
    sort_mentions,
    write_alternation,
)

DEFINED = {
    "py": "def wanted(x):",
    "py class": "class wanted(Base):",
    "async": "    async def wanted(self) -> None:",
    "go": "func wanted(x int) error {",
    "method": "func (r *Receiver) wanted(x int) error {",
    "js": "export const wanted = (x) => x",
    "js function": "export default function wanted(x) {",
    "rust": "pub(crate) fn wanted<T>(x: T) -> T {",
    "type": "type wanted struct {",
    "c": "static int wanted(int x)",
    "java": "    public static <T> List<T> wanted(T x) {",
    "cpp": "void Thing::wanted(int x) {",
    "macro": "#define wanted(x) x",
    "ruby": "  def self.wanted",
    "lambda": "wanted = lambda x: x",
    "label": "  wanted: async function (x) {",
    "typed": "const wanted: Handler = async (x) => {",
    "sql": "CREATE TABLE IF NOT EXISTS wanted (",
    "enum": "enum wanted { A }",
}
USED = {
    "call": "    x = wanted(3)",
    "statement": "wanted(3);",
    "return": "    return wanted(x)",
    "import": "from a import wanted",
    "comparison": "wanted == 3",
    "comment": "# def wanted(x):",
    "slashes": "// function wanted(x)",
    "longer": "def wanted_more(x):",
    "other": "def unwanted(x):",
    "argument": "def other(wanted):",
    "if": "if (wanted(x)) {",
    "text": "the wanted thing",
    "constant": "wanted = 3",
    "annotated": "wanted: int = 3",
    "variable": "const wanted = read(x);",
    "field": "    wanted: str",
    "docstring": '    """The type wanted (and no other)',
    "raw": '    r"""The class wanted.',
    "condition": "        and wanted(x)",
    "loop": "        y for y in wanted(x)",
    "block": "    with wanted(x) as y:",
}


def printed(*hits: SourceLine) -> bytes:
    """What `git grep -n -z` prints for these lines."""
    return b"".join(b"%s:%s\0%d\0%s\n" % (b"1" * 40, path.encode(), line, text.encode()) for path, line, text in hits)


def sort_line(text: str, name: str = "wanted") -> Mentions:
    return sort_mentions(printed(("x", 2, text)), [name])[name]


@pytest.mark.parametrize("text", DEFINED.values(), ids=DEFINED)
def test_a_definition_is_recognized_in_many_languages(text: str) -> None:
    assert sort_line(text) == Mentions([("x", 2, text)], [])


@pytest.mark.parametrize(("kind", "text"), USED.items(), ids=USED)
def test_a_use_is_code_that_calls_or_imports(kind: str, text: str) -> None:
    is_use = kind in ("call", "statement", "return", "import", "if", "condition", "loop", "block")

    assert sort_line(text) == Mentions([], [("x", 2, text)] if is_use else [])


@pytest.mark.parametrize(
    "text",
    [
        "x: Wanted",
        "[Wanted]",
        "new Wanted",
        "class A extends Wanted {",
        "Wanted.of(x)",
        "A(Wanted):",
        "@Wanted",
        "Wanted()",
    ],
)
def test_a_class_is_used_by_its_name(text: str) -> None:
    assert sort_line(text, "Wanted").uses


@pytest.mark.parametrize("text", ['"Wanted by many"', "as is. Wanted, too", "the Wanted thing", "unWanted()"])
def test_prose_uses_no_class(text: str) -> None:
    assert sort_line(text, "Wanted") == Mentions()


def test_a_line_defines_its_first_name_alone() -> None:
    hit = ("a", 1, "class First extends Second {")

    assert sort_mentions(printed(hit), ["Second", "First"]) == {
        "First": Mentions([hit], []),
        "Second": Mentions([], [hit]),
    }


def test_a_name_that_a_line_mentions_twice_has_it_once() -> None:
    assert sort_line("wanted(wanted(1))").uses == [("x", 2, "wanted(wanted(1))")]


def test_each_name_has_its_first_lines() -> None:
    rows = [("a", number, text) for number in range(99) for text in ("def one():", "one(1)")]
    last = ("b", 1, "two(one(2))")

    found = sort_mentions(printed(*rows, last), ["one", "two"])

    assert (len(found["one"].definitions), len(found["one"].uses)) == (MAX_DEFINITIONS, MAX_USES)
    assert found["one"].uses[0] == ("a", 0, "one(1)")
    assert found["two"].uses == [last]


def test_a_name_that_is_everywhere_has_no_mentions() -> None:
    everywhere = [("a", number, "one(two(1))") for number in range(MAX_LINES + 1)]

    assert sort_mentions(printed(("a", 0, "def one():"), *everywhere), ["one"]) == {"one": Mentions()}
    found = sort_mentions(printed(("a", 0, "def three(): one()"), *everywhere), ["one", "three"])
    assert found == {"one": Mentions(), "three": Mentions([("a", 0, "def three(): one()")], [])}


def test_minified_code_mentions_nothing() -> None:
    row = "def wanted(" + "x" * MAX_LINE_CHARS

    assert sort_line(row) == Mentions()
    assert sort_line(row[:MAX_LINE_CHARS]).definitions


def test_a_carriage_return_is_no_part_of_a_line() -> None:
    assert sort_line("def wanted():\r").definitions == [("x", 2, "def wanted():")]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=100) | st.text("ab:\0\n1 def", max_size=100).map(str.encode), st.integers(0, 60))
def test_only_whole_rows_of_any_output_are_read(noise: bytes, cut: int) -> None:
    hit = ("a/b", 3, "def known():")
    row = printed(hit)

    assert sort_mentions(row + noise, ["known"])["known"].definitions[:1] == [hit]
    assert sort_mentions((row + row)[: len(row) + cut], ["known"])["known"].definitions == [hit] * (
        1 + (cut == len(row))
    )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.from_regex(r"[abé_][abé_1]{0,5}", fullmatch=True), min_size=1, max_size=12))
def test_the_alternation_matches_these_names_and_no_other(names: list[str]) -> None:
    either = re.compile(write_alternation(names))

    assert all(either.fullmatch(name) for name in names)
    others = {name[:-1] for name in names} | {name + "a" for name in names}
    assert not [name for name in others - set(names) if either.fullmatch(name)]


@pytest.mark.timed
@pytest.mark.parametrize("text", ["a " * 500, "class " * 160, "known(" * 160, "<" * 990, "let " + "x" * 990, " " * 999])
def test_no_line_makes_the_reading_slow(text: str) -> None:
    row = printed(("a", 3, text[:990] + " known"))
    started = time.process_time()
    sort_mentions(row * 100, ["known"])
    assert time.process_time() - started < 1
