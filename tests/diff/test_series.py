"""A saved series of patches holds what its commits change together."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, FileDiff, FileStatus
from iquest_review.errors import PatchError
from tests.support.apply_patch import applied
from tests.support.checkout import Checkout, Executable, Link, Tree, only, shape
from tests.support.fast_import import Files, History, histories

LINES = b"".join(b"line %d\n" % number for number in range(1, 41))
FORMS = (
    ("format-patch", "--stdout"),
    ("format-patch", "--stdout", "--no-stat", "--unified=0", "--no-signature"),
    ("log", "-p", "--reverse"),
    ("log", "-p"),
    ("log", "-p", "--full-index", "--find-copies-harder", "--unified=0"),
    ("log", "-p", "--no-renames"),
)


def line(number: int, text: bytes, content: bytes = LINES) -> bytes:
    return content.replace(b"line %d\n" % number, text)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


def series(checkout: Checkout, *trees: Tree, form: Sequence[str] = FORMS[0]) -> Diff:
    commits = [checkout.commit(tree) for tree in trees]
    return patch.parse_patch(checkout.git(*form, f"{commits[0]}..{commits[-1]}"))


def changes(file: FileDiff) -> list[tuple[str, int | None, int | None, bytes]]:
    return [row for row in shape(file) if row[0] != " "]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_two_edits_of_a_file_are_one_file_diff_with_the_last_states_numbers(
    checkout: Checkout, form: tuple[str, ...]
) -> None:
    first = line(30, b"thirty\n")
    diff = series(checkout, {"x": LINES}, {"x": first}, {"x": b"new\nnewer\n" + first}, form=form)
    assert changes(only(diff)) == [
        ("+", None, 1, b"new"),
        ("+", None, 2, b"newer"),
        ("-", 30, None, b"line 30"),
        ("+", None, 32, b"thirty"),
    ]


def test_a_line_edited_twice_shows_its_first_and_its_last_text(checkout: Checkout) -> None:
    diff = series(checkout, {"x": LINES}, {"x": line(9, b"draft\n")}, {"x": line(9, b"final\n")})
    assert changes(only(diff)) == [("-", 9, None, b"line 9"), ("+", None, 9, b"final")]


def test_a_line_added_and_removed_again_disappears(checkout: Checkout) -> None:
    diff = series(checkout, {"x": LINES}, {"x": line(9, b"line 9\nprint()\n")}, {"x": LINES + b"end\n"})
    assert changes(only(diff)) == [("+", None, 41, b"end")]


def test_a_line_removed_and_added_again_is_context(checkout: Checkout) -> None:
    cut = line(9, b"").replace(b"line 10\n", b"ten\n")
    diff = series(checkout, {"x": LINES}, {"x": cut}, {"x": line(10, b"TEN\n")})
    assert changes(only(diff)) == [("-", 10, None, b"line 10"), ("+", None, 10, b"TEN")]


@pytest.mark.parametrize("form", FORMS[:4], ids=" ".join)
def test_commits_that_undo_each_other_leave_nothing(checkout: Checkout, form: tuple[str, ...]) -> None:
    trees: list[Tree] = [
        {"x": LINES, "mode": b"m"},
        {"x": line(9, b"draft\n"), "new": b"n", "mode": Executable(b"m")},
        {"x": LINES, "mode": b"m"},
    ]
    assert series(checkout, *trees, form=form) == Diff()


@pytest.mark.parametrize(
    ("trees", "expected"),
    [
        ([{"x": LINES}, {"y": LINES}, {"y": line(9, b"nine\n")}], (FileStatus.RENAMED, "x", "y", 2)),
        ([{"x": LINES}, {"x": line(9, b"nine\n")}, {"y": line(9, b"nine\n")}], (FileStatus.RENAMED, "x", "y", 2)),
        ([{"x": LINES}, {"y": LINES}, {"z": line(9, b"nine\n")}], (FileStatus.RENAMED, "x", "z", 2)),
        ([{"x": LINES}, {"y": line(9, b"nine\n")}, {"x": line(9, b"nine\n")}], (FileStatus.MODIFIED, "x", "x", 2)),
        ([{}, {"x": b"a\n"}, {"x": b"a\nb\n"}], (FileStatus.ADDED, "x", "x", 2)),
        ([{}, {"x": LINES}, {"y": LINES}], (FileStatus.ADDED, "y", "y", 40)),
        ([{"x": b"a\nb\n"}, {"x": b"a\n"}, {}], (FileStatus.DELETED, "x", "x", 2)),
        ([{"x": LINES}, {"y": LINES}, {}], (FileStatus.DELETED, "x", "x", 40)),
        ([{"x": b"a\nb\n"}, {}, {"x": b"a\nc\n"}], (FileStatus.MODIFIED, "x", "x", 2)),
        ([{"x": b"a\n"}, {"x": Executable(b"a\n")}, {"x": Executable(b"b\n")}], (FileStatus.MODIFIED, "x", "x", 2)),
        ([{"x": Link(b"a")}, {"x": Link(b"b")}, {"x": Link(b"c")}], (FileStatus.MODIFIED, "x", "x", 2)),
        ([{"x": b"\0a"}, {"x": b"\0b"}, {"x": b"\0c"}], (FileStatus.MODIFIED, "x", "x", 0)),
    ],
)
@pytest.mark.parametrize("form", [FORMS[0], FORMS[3]], ids=" ".join)
def test_the_status_of_a_file_is_combined_over_patches(
    checkout: Checkout, trees: list[Tree], expected: tuple[FileStatus, str, str, int], form: tuple[str, ...]
) -> None:
    file = only(series(checkout, *trees, form=form))
    assert (file.status, file.old_path, file.new_path, file.changed_lines) == expected


def test_modes_are_the_first_and_the_last(checkout: Checkout) -> None:
    file = only(series(checkout, {"x": b"a\n"}, {"x": Executable(b"a\n")}, {"x": Executable(b"b\n")}))
    assert (file.old_mode, file.new_mode) == ("100644", "100755")
    file = only(series(checkout, {}, {"y": b"a\n"}, {"y": Executable(b"a\n")}))
    assert (file.old_mode, file.new_mode) == (None, "100755")


def test_a_copy_starts_from_its_source_as_it_was_then(checkout: Checkout) -> None:
    edited = line(9, b"nine\n")
    trees: list[Tree] = [{"x": LINES}, {"x": edited}, {"x": edited, "y": edited}]
    diff = series(checkout, *trees, form=("log", "-p", "--find-copies-harder"))
    copy = diff.find_file("y")
    assert copy
    assert (copy.status, copy.old_path, changes(copy)) == (FileStatus.COPIED, "x", changes(diff.files[0]))


def test_a_binary_file_that_becomes_text_is_not_shown_in_part(checkout: Checkout) -> None:
    file = only(series(checkout, {"x": b"\0a"}, {"x": b"a\n"}, {"x": b"b\n"}))
    assert (file.binary, file.hunks) == (True, ())


def test_two_names_that_change_hands_are_followed(checkout: Checkout) -> None:
    other = LINES.replace(b"line", b"row")
    diff = series(checkout, {"x": LINES}, {"y": LINES}, {"y": LINES, "x": other})
    assert {(file.status, file.old_path, file.new_path) for file in diff.files} == {
        (FileStatus.RENAMED, "x", "y"),
        (FileStatus.ADDED, "x", "x"),
    }


OTHER = LINES.replace(b"line", b"row")
THIRD = LINES.replace(b"line", b"verse")


@pytest.mark.parametrize(
    "trees",
    [
        pytest.param([{"x": LINES, "y": OTHER}, {"y": OTHER}, {"x": OTHER}], id="a rename takes a deleted name"),
        pytest.param(
            [{"x": LINES, "y": OTHER}, {"y": OTHER}, {"x": OTHER}, {"x": OTHER + b"end\n"}], id="and is edited"
        ),
        pytest.param([{"x": LINES, "y": OTHER}, {"y": OTHER}, {"x": OTHER}, {}], id="and is deleted"),
        pytest.param(
            [{"x": LINES, "y": OTHER}, {"y": OTHER}, {"x": OTHER}, {"x": OTHER, "y": THIRD}, {"y": THIRD}],
            id="the name it left is taken before it is deleted",
        ),
        pytest.param([{"x": LINES}, {}, {"x": OTHER}], id="delete, then add"),
        pytest.param([{"x": LINES}, {"y": LINES}, {"y": LINES, "x": OTHER}], id="rename away, then a new file"),
        pytest.param(
            [{"x": LINES, "y": OTHER}, {"t": LINES, "y": OTHER}, {"t": LINES, "x": OTHER}, {"y": LINES, "x": OTHER}],
            id="a swap through a third name",
        ),
        pytest.param(
            [
                {"x": LINES, "y": OTHER, "z": THIRD},
                {"y": OTHER, "z": THIRD},
                {"x": OTHER, "z": THIRD},
                {"y": THIRD, "x": OTHER},
            ],
            id="two renames in a row",
        ),
        pytest.param(
            [
                {"x": LINES, "y": OTHER, "z": THIRD},
                {"y": OTHER, "z": THIRD},
                {"x": OTHER, "z": THIRD},
                {"z": THIRD},
                {"x": THIRD},
            ],
            id="a name deleted and taken twice",
        ),
    ],
)
@pytest.mark.parametrize("form", [FORMS[0], FORMS[1], FORMS[3]], ids=" ".join)
def test_a_deleted_name_is_free(checkout: Checkout, trees: list[Tree], form: tuple[str, ...]) -> None:
    diff = series(checkout, *trees, form=form)
    before, after = (
        {str(name): content for name, content in tree.items() if isinstance(content, bytes)}
        for tree in (trees[0], trees[-1])
    )
    assert applied(diff, before) == after
    assert {file.path for file in diff.files} >= {name for name in after if after[name] != before.get(name)}


def test_a_file_that_is_deleted_and_made_again_as_a_link_changes_its_mode(checkout: Checkout) -> None:
    file = only(series(checkout, {"x": LINES}, {}, {"x": Link(b"y")}))
    assert (file.status, file.old_mode, file.new_mode) == (FileStatus.MODIFIED, "100644", "120000")


def test_a_copy_may_take_a_deleted_name(checkout: Checkout) -> None:
    trees: list[Tree] = [{"x": LINES, "y": OTHER}, {"y": OTHER}, {"y": OTHER, "x": OTHER}]
    diff = series(checkout, *trees, form=("log", "-p", "--find-copies-harder"))
    assert {(file.status, file.old_path, file.new_path) for file in diff.files} == {
        (FileStatus.COPIED, "y", "x"),
        (FileStatus.DELETED, "x", "x"),
    }


def test_two_files_that_swap_names_are_followed(checkout: Checkout) -> None:
    one = b"".join(b"line %d of many\n" % number for number in range(99))
    other, edited = one.replace(b"line", b"this is row"), one.replace(b"line 9 ", b"line nine ")
    trees: list[Tree] = [{"x": one, "y": other}, {"x": edited, "y": other}, {"x": other, "y": edited}]
    diff = series(checkout, *trees, form=("log", "-p", "--break-rewrites", "--find-renames"))
    assert {(file.status, file.old_path, file.new_path, file.changed_lines) for file in diff.files} == {
        (FileStatus.RENAMED, "x", "y", 2),
        (FileStatus.RENAMED, "y", "x", 0),
    }


@pytest.mark.parametrize("form", [FORMS[0], FORMS[3]], ids=" ".join)
def test_an_edited_file_that_becomes_a_link_is_a_change_of_its_mode(checkout: Checkout, form: tuple[str, ...]) -> None:
    file = only(series(checkout, {"x": b"a\n"}, {"x": b"b\n"}, {"x": Link(b"target")}, form=form))
    assert (file.old_mode, file.new_mode) == ("100644", "120000")
    assert [row[::3] for row in changes(file)] == [("-", b"a"), ("+", b"target")]


def test_one_patch_is_as_it_was(checkout: Checkout) -> None:
    diff = series(checkout, {"x": b"file\n"}, {"x": Link(b"file")})
    assert [file.status for file in diff.files] == [FileStatus.DELETED, FileStatus.ADDED]


@pytest.mark.parametrize("ids", [True, False])
def test_patches_out_of_sequence_are_an_error_with_a_remedy(checkout: Checkout, ids: bool) -> None:
    for content in (LINES, line(9, b"nine\n"), line(9, b"NINE\n"), line(9, b"neuf\n")):
        checkout.commit({"x": content})
    text = checkout.git("format-patch", "--stdout", "-1", "HEAD~2") + checkout.git("format-patch", "--stdout", "-1")
    if not ids:
        text = b"".join(row for row in text.splitlines(keepends=True) if not row.startswith(b"index "))
    with pytest.raises(PatchError, match=r"git diff BASE\.\.\.HEAD") as raised:
        patch.parse_patch(text)
    second = [number for number, row in enumerate(text.split(b"\n"), 1) if row.startswith(b"diff --git ")][1]
    assert raised.value.line == second


def test_a_gap_between_patches_is_found_by_the_ids(checkout: Checkout) -> None:
    for content in (LINES, line(9, b"nine\n"), b"1\n2\n3\n" + line(9, b"nine\n")):
        checkout.commit({"x": content})
    checkout.commit({"x": b"1\n2\n3\n" + line(9, b"nine\n") + b"end\n"})
    for one, other in (("HEAD~2", "HEAD"), ("HEAD", "HEAD~2")):
        mails = [checkout.git("format-patch", "--stdout", "-1", commit) for commit in (one, other)]
        with pytest.raises(PatchError, match="contradicts"):
            patch.parse_patch(b"".join(mails))


def test_a_file_cannot_be_added_twice() -> None:
    mail = b"From " + b"1" * 40 + b" Mon Sep 17 00:00:00 2001\n\ndiff --git a/x b/x\nnew file mode 100644\n"
    text = mail + b"index 0000000..2222222\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+b\n"
    with pytest.raises(PatchError, match="contradicts"):
        patch.parse_patch(text + text)


def test_a_file_touched_twice_by_one_patch_keeps_both_changes(checkout: Checkout) -> None:
    checkout.commit({"x": LINES, "y": LINES})
    checkout.commit({"x": line(9, b"nine\n"), "y": LINES})
    mail = checkout.git("format-patch", "--stdout", "--no-signature", "-1")
    checkout.commit({"x": line(9, b"nine\n"), "y": LINES + b"end\n"})
    with pytest.raises(PatchError, match="contradicts"):
        patch.parse_patch(
            checkout.git("format-patch", "--stdout", "-1") + mail + checkout.git("diff", "-R", "HEAD~2", "HEAD~1")
        )


def summed(text: bytes) -> Diff | str:
    try:
        return patch.parse_patch(text)
    except PatchError as error:
        return str(error)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(histories(4), st.sampled_from(FORMS))
def test_a_series_does_to_the_first_tree_what_its_commits_did(trees: list[Files], form: tuple[str, ...]) -> None:
    with History(trees) as history:
        text = history.git(*form, "c0..c3")
        expected = history.git("diff", "--no-renames", "--name-only", "-z", "c0", "c3").decode().split("\0")[:-1]
    diff = summed(text)
    if isinstance(diff, str):
        # A name that one file leaves and another takes has no net diff; no other series may be refused.
        assert b"diff --git" not in text or ("contradicts" in diff and b"\nrename from" in text), diff
        return
    assert applied(diff, trees[0]) == trees[-1]
    assert {path for file in diff.files for path in (file.old_path, file.new_path)} >= set(expected)
