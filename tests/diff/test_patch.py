"""Patch text, byte by byte: what counts as a line, and what is no diff."""

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, FileStatus, LineKind
from iquest_review.errors import PatchError
from tests.support.checkout import only, shape

HEAD = b"diff --git a/x b/x\nindex 1111111..2222222 100644\n--- a/x\n+++ b/x\n"


# --- lines ---


def test_a_hunk_is_bounded_by_its_counts_so_header_look_alikes_are_lines() -> None:
    rows = b"--- a/y\n+++ b/y\n+@@ -1 +1 @@\n-diff --git a/z b/z\n"
    file = only(patch.parse_patch(HEAD + b"@@ -1,2 +1,2 @@\n" + rows))
    assert [line.raw for line in file.iter_lines()] == [b"-- a/y", b"++ b/y", b"@@ -1 +1 @@", b"diff --git a/z b/z"]
    assert (file.added, file.removed) == (2, 2)


def test_a_count_left_out_is_one() -> None:
    assert shape(only(patch.parse_patch(HEAD + b"@@ -3 +5 @@\n-a\n+b\n"))) == [
        ("-", 3, None, b"a"),
        ("+", None, 5, b"b"),
    ]


def test_a_side_without_lines_counts_on_from_the_line_before() -> None:
    added = only(patch.parse_patch(HEAD + b"@@ -4,0 +5,2 @@\n+a\n+b\n"))
    assert shape(added) == [("+", None, 5, b"a"), ("+", None, 6, b"b")]
    assert added.hunks[0].old_start == 5
    removed = only(patch.parse_patch(HEAD + b"@@ -4,2 +3,0 @@\n-a\n-b\n"))
    assert shape(removed) == [("-", 4, None, b"a"), ("-", 5, None, b"b")]
    assert removed.hunks[0].new_start == 4


@pytest.mark.parametrize(
    "inside", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r", "\x00"], ids=ascii
)
def test_only_lf_ends_a_line(inside: str) -> None:
    row = f"a{inside}b".encode()
    file = only(patch.parse_patch(HEAD + b"@@ -1 +1,2 @@\n-a\n+" + row + b"\n+c\n"))
    assert shape(file) == [("-", 1, None, b"a"), ("+", None, 1, row), ("+", None, 2, b"c")]


def test_crlf_and_invalid_utf_8_stay_as_they_are() -> None:
    file = only(patch.parse_patch(HEAD + b"@@ -1,2 +1,2 @@\n-a\r\n-caf\xe9\n+a\n+caf\xc3\xa9\n"))
    assert [line.raw for line in file.iter_lines()] == [b"a\r", b"caf\xe9", b"a", b"caf\xc3\xa9"]


def test_marks_of_a_missing_newline_are_no_lines_on_either_side() -> None:
    mark = b"\\ No newline at end of file\n"
    file = only(patch.parse_patch(HEAD + b"@@ -1,2 +1,2 @@\n a\n-b\n" + mark + b"+c\n" + mark))
    assert [(line.raw, line.newline) for line in file.iter_lines()] == [(b"a", True), (b"b", False), (b"c", False)]
    assert (file.added, file.removed) == (1, 1)


def test_an_empty_context_line_may_have_lost_its_blank() -> None:
    for end in (b"\n", b"\r\n"):
        file = only(patch.parse_patch((HEAD + b"@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n").replace(b"\n", end)))
        assert [line.number for line in file.iter_lines()] == [1, 2, 3, 3]
        assert [line.text for line in file.iter_lines()] == ["a", "", "b", "c"]


def test_the_heading_of_a_hunk_is_kept() -> None:
    assert (
        only(patch.parse_patch(HEAD + b"@@ -1 +1 @@ def caf\xe9():\r\n-a\n+b\n")).hunks[0].heading == "def caf\\xe9():"
    )


def test_a_patch_converted_to_crlf_has_the_same_names_modes_and_numbers() -> None:
    text = (
        b"diff --git a/a b b/a b\nold mode 100644\nnew mode 100755\nindex 1111111..2222222\n--- a/a b\t\n+++ b/a b\t\n"
        b"@@ -1,2 +1,2 @@ f\n \n-a\n+b\n\\ No newline at end of file\n"
        b"diff --git a/c b/d\nsimilarity index 100%\nrename from c\nrename to d\n"
    )
    for one, other in zip(
        patch.parse_patch(text).files, patch.parse_patch(text.replace(b"\n", b"\r\n")).files, strict=True
    ):
        assert (one.old_path, one.new_path, one.status) == (other.old_path, other.new_path, other.status)
        assert (one.old_mode, one.new_mode) == (other.old_mode, other.new_mode)
        assert [(line.kind, line.number, line.text, line.newline) for line in one.iter_lines()] == [
            (line.kind, line.number, line.text, line.newline) for line in other.iter_lines()
        ]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert only(patch.parse_patch(b"\xef\xbb\xbf" + HEAD + b"@@ -1 +1 @@\n-a\n+b\n")).path == "x"


# --- names ---


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (b"a/x y", b"b/x y", "x y"),
        (b"a/a/x", b"b/a/x", "a/x"),
        (b'"a/t\\tq\\"b\\\\n\\n"', b'"b/t\\tq\\"b\\\\n\\n"', 't\tq"b\\n\n'),
        (b'"a/\\303\\251"', b'"b/\\303\\251"', "é"),
        (b'"a/caf\\351"', b'"b/caf\\351"', "caf\\xe9"),
        (b"a/\xc3\xa9", b"b/\xc3\xa9", "é"),  # core.quotePath=false
        (b'"a/\\777"', b'"b/\\777"', "\\xff"),  # no byte has so large a number
        (b"a/-x", b"b/-x", "-x"),
        (b"i/x", b"w/x", "x"),  # diff.mnemonicPrefix
        (b"1/x", b"2/x", "x"),
        (b"x", b"x", "x"),  # diff.noprefix
        (b"a/x", b"a/x", "a/x"),
        (b"b b/b", b"b b/b", "b b/b"),
        (b"old/x", b"new/x", "x"),  # diff.srcPrefix, diff.dstPrefix
        (b"old/a/x", b"new/a/x", "a/x"),
        (b"a/x", b"new/x", "x"),
        (b"v 1/x y", b"v 2/x y", "x y"),
        (b"left/tree/s/x", b"right/tree2/s/x", "s/x"),
        (b'"old/\\303\\251"', b'"new/\\303\\251"', "é"),
        (b'"o\\303\\251/x"', b"new/x", "x"),
    ],
)
def test_a_name_is_read_with_and_without_its_hunks(old: bytes, new: bytes, path: str) -> None:
    git = b"diff --git " + old + b" " + new + b"\n"
    names = b"--- " + old + b"\t\n+++ " + new + b"\t\n"
    nowhere = b"--- /dev/null\n+++ " + new + b"\n"
    for text in (
        git + b"index 1..2\n" + names + b"@@ -1 +1 @@\n-a\n+b\n",
        git + b"new file mode 100644\n" + nowhere + b"@@ -0,0 +1 @@\n+b\n",
        git + b"old mode 100644\nnew mode 100755\n",
        git + b"index 1111..2222\nBinary files differ\n",
    ):
        file = only(patch.parse_patch(text))
        assert (file.old_path, file.new_path) == (path, path)


def test_prefixes_swapped_by_reverse_are_prefixes_still() -> None:
    file = only(patch.parse_patch(b"diff --git b/x a/x\n--- b/x\n+++ a/x\n@@ -1 +1 @@\n-a\n+b\n"))
    assert (file.old_path, file.new_path) == ("x", "x")


def test_a_rename_tells_its_names_itself() -> None:
    text = b'diff --git "a/o \\303\\251" b/n w\nsimilarity index 90%\nrename from "o \\303\\251"\nrename to n w\n'
    file = only(patch.parse_patch(text))
    assert (file.old_path, file.new_path, file.status) == ("o é", "n w", FileStatus.RENAMED)


def test_two_names_under_one_folder_have_no_prefixes() -> None:
    file = only(patch.parse_patch(b"diff --git a/x a/y\n--- a/x\n+++ a/y\n@@ -1 +1 @@\n-a\n+b\n"))
    assert (file.old_path, file.new_path) == ("a/x", "a/y")


# --- plain diff -u ---


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ("a/x", "b/x", ("x", "x")),
        ("b/x", "a/x", ("x", "x")),
        ("old/a.py", "new/a.py", ("a.py", "a.py")),
        ("old/src/a.py", "new/src/a.py", ("src/a.py", "src/a.py")),
        ("tree/one/x", "tree/two/x", ("x", "x")),
        ("v1.0/lib/x", "work/trees/v1.1/lib/x", ("lib/x", "lib/x")),
        ("a/x", "a/x", ("a/x", "a/x")),
        ("b/a/x", "b/a/x", ("b/a/x", "b/a/x")),
        ("x.orig", "x", ("x.orig", "x")),
        ("src/x", "x", ("src/x", "x")),
        ("lib/one.py", "src/two.py", ("lib/one.py", "src/two.py")),
    ],
)
def test_a_plain_diff_loses_what_its_names_differ_in(old: str, new: str, paths: tuple[str, str]) -> None:
    file = only(patch.parse_patch(f"--- {old}\n+++ {new}\n@@ -1 +1 @@\n-a\n+b\n".encode()))
    assert (file.old_path, file.new_path) == paths


def test_plain_diff_files_follow_each_other_without_a_diff_line() -> None:
    one = b"--- a/x\t2026-01-01 10:00:00.000000000 +0000\n+++ b/x\t2026-01-02 10:00:00 +0000\n@@ -1 +1 @@\n-a\n+b\n"
    diff = patch.parse_patch(one + b"--- old.py\n+++ new.py\n@@ -1 +1 @@\n-a\n+b\n")
    assert [(file.old_path, file.new_path) for file in diff.files] == [("x", "x"), ("old.py", "new.py")]


def test_a_binary_file_of_a_plain_diff_is_listed() -> None:
    diff = patch.parse_patch(b"Binary files a/x.png and b/x.png differ\nOnly in b: y\n")
    assert (only(diff).path, only(diff).binary) == ("x.png", True)


@pytest.mark.parametrize(
    "line",
    [
        "Binärdateien a/x.png und b/x.png sind verschieden.",
        "Les fichiers binaires a/x.png et b/x.png sont différents",
        "Los archivos binarios a/x.png y b/x.png son distintos",
        "Двоичные файлы a/x.png и b/x.png различаются",
        "二进制文件 a/x.png 和 b/x.png 不同",
        "バイナリーファイル a/x.png と b/x.png は異なります",
    ],
)
def test_a_binary_file_of_a_plain_diff_is_listed_in_any_language(line: str) -> None:
    text = f"diff -ru a/y b/y\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n{line}\nNur in b: z\n"
    files = patch.parse_patch(text.encode()).files
    assert [(file.path, file.binary) for file in files] == [("y", False), ("x.png", True)]


@pytest.mark.parametrize(
    "line",
    [
        "Die Binärdatei a/x.png fehlt",
        "die binären Dateien a/x.png und b/other.png",
        "move src/x.png to lib/x.png",
        "diff -ru a/binar/x b/binar/x",
    ],
)
def test_other_text_names_no_binary_file(line: str) -> None:
    text = f"{line}\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n"
    assert only(patch.parse_patch(text.encode())).path == "y"


def test_the_patches_of_a_series_are_counted() -> None:
    mail = b"From %s Mon Sep 17 00:00:00 2001\nSubject: [PATCH] x\n\n" % (b"1" * 40)
    assert patch.count_patches(mail + HEAD + mail) == 2
    assert patch.count_patches(HEAD + b"@@ -1 +1 @@\n-From 1111111\n+commit 1111111\n") == 0


# --- text that is not a diff ---


MALFORMED = [
    (b"hello\nworld\n", 1, "no diff"),
    ("diff --git a/x b/x".encode("utf-16"), 1, "UTF-16"),
    (b"\x1b[1mdiff --git a/x b/x\x1b[m\n", 1, "colour codes"),
    (HEAD + b"@@ -1,3 +1,3 @@\n a\n-b\n", 5, "ends before"),
    (HEAD + b"@@ -1,2 +1,2 @@\n a\n-b\ndiff --git a/y b/y\n", 8, "must start with a blank"),
    (HEAD + b"@@ -1,2 +1,2 @@\n a\n-b\n-c\n+d\n", 5, "differs from what the header"),
    (HEAD + b"@@ -1 +1 @@\n-a\n+b\n+c\n", 8, "more lines"),
    (HEAD + b"@@ -1 +1 @@\n-a\n+b\n c\n+d\n", 9, "more lines"),
    (HEAD + b"@@ -1 +1 @@\n-a\n+b\n c\n \n-d\n", 10, "more lines"),
    (HEAD + b"@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n c\r\n\n+d\n", 11, "more lines"),
    (HEAD + b"@@ -1 +1 @@\n-a\n+b\n c\n@@ -9 +9 @@\n-c\n+d\n", 9, "missing before this hunk"),
    (HEAD + b"@@ -1 +1 @@\n-a\n+b\n-- c\n", 8, "more lines"),
    (HEAD + b"@@ -1 +1 @@\n-a\n+b\n\n+c\n", 9, "more lines"),
    (HEAD + b"@@ -1 +1 @@\n-a\n+b\nnoise\n@@ -9 +9 @@\n-c\n+d\n", 9, "missing before this hunk"),
    (HEAD + b"@@ -1 +1 @@\n\rx\n-a\n+b\n", 6, "must start with a blank"),
    (HEAD + b"@@ -a,b +c,d @@\n", 5, "cannot be read"),
    (HEAD + b"@@ -" + b"9" * 5000 + b" +1 @@\n-a\n+b\n", 5, "cannot be read"),
    (HEAD + b"@@ -1,9999999999 +1 @@\n-a\n", 5, "ends before"),
    (HEAD[: -len(b"+++ b/x\n")] + b"@@ -1 +1 @@\n-a\n+b\n", 4, "+++"),
    (HEAD, 5, "hunk"),
    (HEAD[: -len(b"--- a/x\n+++ b/x\n")], 1, "missing"),
    (HEAD[: -len(b"--- a/x\n+++ b/x\n")] + b"@@ -1 +1 @@\n-a\n+b\n", 3, "missing before this hunk"),
    (b"diff --git a/x b/x\n", 1, "missing"),
    (b"diff --git a/x b/x\nnew file mode 100644\nindex 0000000..1111111\n", 1, "missing"),
    (b"diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\nindex 1111..2222 100644\n", 1, "missing"),
    (b"diff --git a/x b/y\nsimilarity index 90%\nrename from x\n", 4, "two names"),
    (b"diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1,1 -1,1 +1,1 @@@\n", 1, "combined"),
    (b"diff --combined x\nindex 1,2..3\n", 1, "combined"),
    (b"@@@ -1 -1 +1 @@@\n", 1, "combined"),
    (b"@@ -1 +1 @@\n-a\n+b\n", 1, "missing before this hunk"),
    (b"*** a/x\n--- b/x\n***************\n*** 1 ****\n! a\n", 1, "no diff"),
]


@pytest.mark.parametrize(("text", "line", "says"), MALFORMED)
def test_a_malformed_diff_is_an_error_at_its_line(text: bytes, line: int, says: str) -> None:
    with pytest.raises(PatchError) as raised:
        patch.parse_patch(text)
    assert raised.value.line == line
    assert says in str(raised.value)
    assert f"line {line}:" in str(raised.value)


@pytest.mark.parametrize("blank", [b"", b"\n", b" \n\r\n", b"\xef\xbb\xbf"])
def test_blank_text_is_an_empty_diff(blank: bytes) -> None:
    assert patch.parse_patch(blank) == Diff()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b"-- \n2.39.5\n\n", b"\n\n--------------2.39.5--\n\n"])
def test_text_after_the_last_hunk_is_allowed(end: bytes) -> None:
    assert patch.parse_patch(HEAD + b"@@ -1 +1 @@\n-a\n+b\n" + end).changed_lines == 2


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b" \n", id="an empty line"),
        pytest.param(b" c\n", id="a line"),
        pytest.param(b" c\n \n d\n", id="several lines"),
        pytest.param(b" c\r\n\r\n", id="CRLF"),
        pytest.param(b" \n-- \n2.39.5\n", id="before a signature"),
        pytest.param(b" c\n\\ No newline at end of file\n", id="without a newline"),
        pytest.param(b"\\ No newline at end of file\n \n", id="after the end of the file"),
        pytest.param(b"\n \n\n", id="between blank lines"),
        pytest.param(b" c\n--- a/y\n+++ b/y\n@@ -1,0 +1 @@\n+y\n", id="before a plain file"),
        pytest.param(b" \ndiff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -1,0 +1 @@\n+y\n", id="before a file"),
    ],
)
def test_unchanged_lines_beyond_a_hunk_hide_nothing(rest: bytes) -> None:
    diff = patch.parse_patch(HEAD + b"@@ -1 +1 @@\n-a\n+b\n" + rest)
    assert (diff.files[0].changed_lines, len(diff.files)) == (2, 2 if b"/y" in rest else 1)
    assert [line.raw for line in diff.files[0].iter_lines()] == [b"a", b"b"]


ROWS = [*HEAD.splitlines(keepends=True), b"@@ -1 +1,2 @@\n", b"-a\n", b"+b\n", b" c\n", b"\\ N\n", b"\n"]


def parsed(text: bytes) -> Diff | PatchError:
    try:
        return patch.parse_patch(text)
    except PatchError as error:
        return error


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(ROWS)).map(b"".join) | st.binary(max_size=400))
@example(b"\xff")
def test_any_text_is_a_diff_that_adds_up_or_a_patch_error_in_it(text: bytes) -> None:
    diff = parsed(text)
    if isinstance(diff, PatchError):
        assert 1 <= diff.line <= text.count(b"\n") + 1
        return
    for file in diff.files:
        kinds = [line.kind for line in file.iter_lines()]
        assert (kinds.count(LineKind.ADDED), kinds.count(LineKind.REMOVED)) == (file.added, file.removed)


def test_a_line_taken_away_from_a_patch_is_never_a_quiet_loss() -> None:
    text = HEAD + b"@@ -1,4 +1,4 @@\n a\n-b\n+c\n d\n e\n@@ -10,2 +10,3 @@\n f\n+g\n h\n"
    lines = text.splitlines(keepends=True)
    for cut in range(3, len(lines)):  # the first three say nothing that the others do not
        with pytest.raises(PatchError):
            patch.parse_patch(b"".join(lines[:cut] + lines[cut + 1 :]))


def test_a_text_that_breaks_off_is_never_a_quiet_loss() -> None:
    text = HEAD + b"@@ -1,2 +1,2 @@\n a\n-b\n+c\n@@ -9,2 +9,2 @@\n d\n-e\n+f\n"
    lines = text.splitlines(keepends=True)
    whole_hunks = (len(HEAD.splitlines()) + 4, len(lines))
    for cut in range(1, len(lines)):
        if cut not in whole_hunks:
            with pytest.raises(PatchError):
                patch.parse_patch(b"".join(lines[:cut]))


# --- size ---


def test_memory_stays_within_five_times_the_diff() -> None:
    rows = b"".join(b"+    value_%d = compute(%d)\n" % (number, number) for number in range(20_000))
    text = HEAD + b"@@ -0,0 +1,20000 @@\n" + rows
    tracemalloc.start()
    try:
        diff = patch.parse_patch(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert diff.changed_lines == 20_000
    assert peak < 5 * len(text)


def test_an_escape_that_git_never_writes_is_read_as_its_character() -> None:
    (file,) = patch.parse_patch(b'diff --git a/x b/x\nsimilarity index 100%\nrename from "\\8"\nrename to y\n').files

    assert (file.old_path, file.new_path) == ("8", "y")
