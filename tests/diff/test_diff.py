"""What the types of a diff say."""

import pytest

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk, Line, LineKind, Side
from tests.support.checkout import only, shape

HUNK = Hunk(
    7, 9, "def f():", (b" a", b"-b", b"\\ No newline at end of file", b"+c\r", b"\\ No newline at end of file"), 1, 1
)


def test_a_context_line_carries_both_line_numbers_and_a_changed_line_its_own() -> None:
    assert shape(FileDiff("x", "x", FileStatus.MODIFIED, (HUNK,))) == [
        (" ", 7, 9, b"a"),
        ("-", 8, None, b"b"),
        ("+", None, 10, b"c\r"),
    ]


def test_a_line_is_cited_on_the_new_side_unless_it_is_gone_from_there() -> None:
    cited = [(line.side, line.number) for line in HUNK.iter_lines()]
    assert cited == [(Side.NEW, 9), (Side.OLD, 8), (Side.NEW, 10)]


def test_a_missing_newline_belongs_to_the_line_before_the_mark() -> None:
    assert [line.newline for line in HUNK.iter_lines()] == [True, False, False]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\r", "a"),  # its line ending
        (b"a\r\r", "a\r"),
        (b"a\rb", "a\rb"),
        ("é\u2028\x0c".encode(), "é\u2028\x0c"),
        (b"caf\xe9", "caf\\xe9"),
        (b"", ""),
    ],
)
def test_text_is_for_reading_and_raw_is_what_changed(raw: bytes, text: str) -> None:
    line = Line(LineKind.ADDED, None, 1, raw)
    assert (line.text, line.raw) == (text, raw)


def test_latin_1_utf_8_and_crlf_versions_of_a_line_differ_in_raw() -> None:
    before, after = "é".encode("latin-1"), "é".encode()
    lines = list(Hunk(1, 1, "", (b"-" + before, b"+" + after + b"\r"), 1, 1).iter_lines())
    assert [line.raw for line in lines] == [b"\xe9", b"\xc3\xa9\r"]
    assert [line.text for line in lines] == ["\\xe9", "é"]


def test_counts_add_up_from_hunks_to_files_to_the_diff() -> None:
    file = FileDiff("x", "x", FileStatus.MODIFIED, (HUNK, HUNK))
    assert (file.added, file.removed, file.changed_lines) == (2, 2, 4)
    assert Diff((file, file)).changed_lines == 8


def test_a_file_is_found_by_its_new_name_before_its_old_one() -> None:
    moved, other = FileDiff("a", "b", FileStatus.RENAMED), FileDiff("c", "a", FileStatus.RENAMED)
    diff = Diff((moved, other))
    assert (diff.find_file("a"), diff.find_file("b"), diff.find_file("c"), diff.find_file("d")) == (
        other,
        moved,
        other,
        None,
    )


@pytest.mark.parametrize(("mode", "submodule", "symlink"), [("160000", True, False), ("120000", False, True)])
def test_modes_tell_submodules_and_symbolic_links(mode: str, submodule: bool, symlink: bool) -> None:
    for modes in ((mode, None), (None, mode), (mode, "100644")):
        file = FileDiff("x", "x", FileStatus.MODIFIED, (), *modes)
        assert (file.is_submodule, file.is_symlink) == (submodule, symlink)
    assert not FileDiff("x", "x", FileStatus.MODIFIED).is_submodule


def test_lines_of_the_whole_file_come_in_the_order_of_its_hunks() -> None:
    file = only(patch.parse_patch(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n@@ -9,0 +10,2 @@\n+c\n+d\n"))
    assert shape(file) == [("-", 1, None, b"a"), ("+", None, 1, b"b"), ("+", None, 10, b"c"), ("+", None, 11, b"d")]
