"""Patches as the tools people use write them, taken from the real tools."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, FileStatus, LineKind
from iquest_review.errors import PatchError
from tests.support.checkout import Checkout, Executable, Link, Tree, git, only, put, shape, texts

LINES = b"".join(b"line %d\n" % number for number in range(1, 31))
EDITED = LINES.replace(b"line 15\n", b"line fifteen\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


def change(checkout: Checkout, old: Tree, new: Tree) -> None:
    checkout.commit(old)
    checkout.commit(new)


def named(diff: Diff) -> set[tuple[str, str, str]]:
    return {(file.status.value, file.old_path, file.new_path) for file in diff.files}


def assert_one_edit(diff: Diff, path: str = "x") -> None:
    file = only(diff)
    assert (file.old_path, file.new_path, file.status) == (path, path, FileStatus.MODIFIED)
    assert texts(file, LineKind.REMOVED) == ["line 15"]
    assert texts(file, LineKind.ADDED) == ["line fifteen"]
    assert [line.number for line in file.iter_lines() if line.kind is LineKind.ADDED] == [15]


# --- what can happen to a file ---


def test_every_kind_of_change_is_read(checkout: Checkout) -> None:
    old: Tree = {
        "edited": LINES,
        "moved": LINES,
        "moved and edited": LINES + b"a\n",
        "source": LINES + b"b\n",
        "mode": b"#!/bin/sh\n",
        "gone": b"nothing like it\n",
        "link": Link(b"edited"),
        "was file": b"text\n",
    }
    new: Tree = {
        "edited": EDITED,
        "moved there": LINES,
        "moved and edited there": EDITED + b"a\n",
        "source": EDITED + b"b\n",
        "copy": LINES + b"b\n",
        "mode": Executable(b"#!/bin/sh\n"),
        "born": b"a\nb",
        "born empty": b"",
        "link": Link(b"mode"),
        "was file": Link(b"edited"),
    }
    change(checkout, old, new)
    diff = patch.parse_patch(checkout.diff("--find-copies", "--find-copies-harder"))
    assert named(diff) == {
        ("modified", "edited", "edited"),
        ("renamed", "moved", "moved there"),
        ("renamed", "moved and edited", "moved and edited there"),
        ("modified", "source", "source"),
        ("copied", "source", "copy"),
        ("modified", "mode", "mode"),
        ("deleted", "gone", "gone"),
        ("added", "born", "born"),
        ("modified", "link", "link"),
        ("deleted", "was file", "was file"),
        ("added", "was file", "was file"),
        ("added", "born empty", "born empty"),
    }
    mode, link, born = diff.find_file("mode"), diff.find_file("link"), diff.find_file("born")
    assert mode
    assert (mode.old_mode, mode.new_mode, mode.changed_lines) == ("100644", "100755", 0)
    assert link
    assert (link.is_symlink, [line.text for line in link.iter_lines()]) == (True, ["edited", "mode"])
    assert born
    assert (born.old_mode, born.new_mode) == (None, "100644")
    assert [(line.raw, line.newline) for line in born.iter_lines()] == [(b"a", True), (b"b", False)]


def test_a_deleted_empty_file_is_read(checkout: Checkout) -> None:
    change(checkout, {"x": b""}, {})
    file = only(patch.parse_patch(checkout.diff()))
    assert (file.status, file.hunks, file.old_mode) == (FileStatus.DELETED, (), "100644")


@pytest.mark.parametrize("options", [(), ("--binary",), ("--full-index",)])
def test_binary_files_are_listed_and_hide_no_other_file(checkout: Checkout, options: tuple[str, ...]) -> None:
    old: Tree = {"a.bin": b"\x00a" * 100, "gone.bin": b"\x00b", "z": LINES}
    change(checkout, old, {"a.bin": b"\x00c" * 99, "new.bin": b"\x00" + os.urandom(3000), "z": EDITED})
    diff = patch.parse_patch(checkout.diff(*options))
    assert [(file.path, file.binary, file.status.value) for file in diff.files] == [
        ("a.bin", True, "modified"),
        ("gone.bin", True, "deleted"),
        ("new.bin", True, "added"),
        ("z", False, "modified"),
    ]
    assert diff.changed_lines == 2


def test_a_submodule_is_read_in_all_forms(checkout: Checkout, tmp_path: Path) -> None:
    inner = Checkout(tmp_path / "inner")
    first, second = inner.commit({"f": b"a\n"}), inner.commit({"f": b"b\n"})
    checkout.commit({})
    for commit in (first, second, None):
        if commit:
            checkout.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub mod")
        else:
            checkout.git("rm", "--quiet", "--cached", "sub mod")
        checkout.git("commit", "--quiet", "--message", "Move the submodule")
    steps = [("HEAD~3", FileStatus.ADDED), ("HEAD~2", FileStatus.MODIFIED), ("HEAD~1", FileStatus.DELETED)]
    for number, (base, status) in enumerate(steps):
        for form in ("short", "log", "diff"):
            head = f"HEAD~{2 - number}"
            text = checkout.git("diff", f"--submodule={form}", base, head)
            told = [(file.path, file.status, file.is_submodule) for file in patch.parse_patch(text).files]
            assert told == [("sub mod", status, True)], text


def test_a_submodule_shown_with_its_files_is_read_with_them() -> None:
    text = (
        b"Submodule sub 1111111..2222222:\ndiff --git a/sub/f b/sub/f\n--- a/sub/f\n+++ b/sub/f\n@@ -1 +1 @@\n-a\n+b\n"
    )
    assert [(file.path, file.is_submodule) for file in patch.parse_patch(text).files] == [
        ("sub", True),
        ("sub/f", False),
    ]


def test_a_deletion_without_its_lines_is_a_deletion(checkout: Checkout) -> None:
    change(checkout, {"x": LINES}, {})
    assert only(patch.parse_patch(checkout.diff("--irreversible-delete"))).status is FileStatus.DELETED


def test_ignored_blanks_are_not_missing_lines(checkout: Checkout) -> None:
    change(checkout, {"x": LINES, "y": LINES}, {"x": Executable(LINES.replace(b" ", b"  ")), "y": EDITED})
    diff = patch.parse_patch(checkout.diff("--ignore-all-space"))
    assert [(file.path, file.new_mode, file.changed_lines) for file in diff.files] == [
        ("x", "100755", 0),
        ("y", "100644", 2),
    ]


# --- odd names ---


ODD = [
    *(b"with blank", b" leading", b"trailing ", b"tab\there", b"new\nline", b'quote"d', b"back\\slash", b"-dash"),
    *("ünïcode 中文".encode(), b"latin\xe9", b"\x1b[31mred", b"a/b b/c", b"b b", b"cr\r", b"...", b"\\303", b"#"),
    *(b"x" * 250, b"dir/" * 40 + b"deep", b"+++ b/x", b"--- a/y", b"diff --git a b", b"@@ -1 +1 @@", b"~", b"'"),
]


@pytest.mark.parametrize("quote", ["true", "false"])
@pytest.mark.parametrize("form", [(), ("--no-prefix",), ("--src-prefix=i/", "--dst-prefix=w/"), ("-R",)], ids=str)
def test_odd_names_are_read_exactly(checkout: Checkout, quote: str, form: tuple[str, ...]) -> None:
    checkout.git("config", "core.quotePath", quote)
    for old, new in ((b"a\n", b"b\n"), (None, b"new\n"), (b"gone\n", None), (b"\x00", b"\x01\x00")):
        change(
            checkout,
            {name: old for name in ODD if old is not None} | {"keep": b""},
            {name: new for name in ODD if new is not None} | {"keep": b""},
        )
        diff = patch.parse_patch(checkout.diff("--no-renames", *form))
        expected = {name.decode("utf-8", "backslashreplace") for name in ODD}
        assert {file.old_path for file in diff.files} == {file.new_path for file in diff.files} == expected
        assert len(diff.files) == len(ODD)


def test_odd_names_survive_a_rename_and_a_change_of_mode(checkout: Checkout) -> None:
    change(
        checkout,
        {name: b"%d\n" % number + LINES for number, name in enumerate(ODD)},
        {name + b".to": b"%d\n" % number + LINES for number, name in enumerate(ODD)},
    )
    text = [name.decode("utf-8", "backslashreplace") for name in ODD]
    assert named(patch.parse_patch(checkout.diff())) == {("renamed", name, name + ".to") for name in text}
    checkout.commit({name + b".to": Executable(b"%d\n" % number + LINES) for number, name in enumerate(ODD)})
    assert named(patch.parse_patch(checkout.diff())) == {("modified", name + ".to", name + ".to") for name in text}


# --- who writes it ---


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"diff.noprefix": "true"},
        {"diff.mnemonicPrefix": "true"},
        {"diff.srcPrefix": "old/", "diff.dstPrefix": "new/"},
        {"diff.srcPrefix": "trees/old/", "diff.dstPrefix": "trees/new one/"},
        {"diff.srcPrefix": "b/", "diff.dstPrefix": "a/"},
        {"diff.suppressBlankEmpty": "true"},
        {"diff.context": "0"},
        {"diff.interHunkContext": "99"},
        {"diff.algorithm": "patience"},
        {"core.abbrev": "4"},
        {"diff.submodule": "diff"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["x", "a/x", "sp ace/b/é"])
def test_the_writers_configuration_does_not_matter(
    checkout: Checkout, configuration: dict[str, str], name: str
) -> None:
    checkout.commit({name: LINES})
    for key, value in configuration.items():
        checkout.git("config", key, value)
    checkout.write({name: EDITED})
    assert_one_edit(patch.parse_patch(checkout.git("diff")), name)
    checkout.git("add", "--all")
    assert_one_edit(patch.parse_patch(checkout.git("diff", "--cached")), name)
    checkout.git("commit", "--quiet", "--message", "Edit")
    for arguments in (("show",), ("log", "-p", "-1"), ("format-patch", "--stdout", "-1"), ("diff", "HEAD~1", "HEAD")):
        assert_one_edit(patch.parse_patch(checkout.git(*arguments)), name)


@pytest.mark.parametrize(
    "arguments",
    [
        ("show",),
        ("show", "--stat", "-p"),
        ("show", "--format=%s"),
        ("show", "--pretty=fuller", "--show-notes"),
        ("log", "-p", "--oneline", "-1"),
        ("log", "-p", "--raw", "-1"),
        ("format-patch", "--stdout", "-1"),
        ("format-patch", "--stdout", "-1", "--no-stat", "--zero-commit"),
        ("format-patch", "--stdout", "-1", "--attach"),
        ("format-patch", "--stdout", "-1", "--inline"),
        ("format-patch", "--stdout", "-1", "--cover-letter"),
        ("format-patch", "--stdout", "-1", "--signature=- \n+not a change"),
        ("format-patch", "--stdout", "-1", "--no-signature"),
        ("diff-tree", "-p", "HEAD"),
        ("diff", "--function-context", "HEAD~1", "HEAD"),
        ("diff", "--patch-with-raw", "HEAD~1", "HEAD"),
        ("diff", "--compact-summary", "-p", "HEAD~1", "HEAD"),
    ],
    ids=" ".join,
)
def test_text_around_a_diff_is_ignored(checkout: Checkout, arguments: tuple[str, ...]) -> None:
    checkout.commit({"x": LINES})
    checkout.write({"x": EDITED})
    message = "Edit\n\n- a point\n+ another\n a third\n\n--- and\n+++ so\n on\n"
    checkout.git("commit", "--quiet", "--all", "--message", message)
    assert_one_edit(patch.parse_patch(checkout.git(*arguments)))


def test_no_index_compares_folders_and_files(tmp_path: Path) -> None:
    for name, content in {"old/x": LINES, "old/gone": b"a\n", "new/x": EDITED, "new/born": b"a\n"}.items():
        put(tmp_path, name, content)
    for arguments in ((), ("--no-prefix",), ("-c", "diff.mnemonicPrefix=true")):
        options = arguments if arguments[:1] != ("-c",) else ()
        settings = arguments if arguments[:1] == ("-c",) else ()
        text = git(tmp_path, *settings, "diff", "--no-index", "--no-renames", *options, "old", "new", status=1)
        edited = ("x", "x") if arguments == ("--no-prefix",) else ("old/x", "new/x")
        assert named(patch.parse_patch(text)) == {
            ("modified", *edited),
            ("deleted", "old/gone", "old/gone"),
            ("added", "new/born", "new/born"),
        }


@pytest.mark.skipif(shutil.which("diff") is None, reason="there is no diff program")
def test_plain_diff_is_read(tmp_path: Path) -> None:
    for name, content in {
        "a/x": LINES,
        "a/b b": b"a",
        "b/x": EDITED,
        "b/b b": b"b\n",
        "a/p": b"\0",
        "b/p": b"\1\0",
    }.items():
        put(tmp_path, name, content)
    ran = subprocess.run(["diff", "-ru", "a", "b"], cwd=tmp_path, capture_output=True)
    diff = patch.parse_patch(ran.stdout)
    assert [(file.path, file.binary) for file in diff.files] == [("b b", False), ("p", True), ("x", False)]
    assert [line.newline for line in diff.files[0].iter_lines()] == [False, True]
    ran = subprocess.run(["diff", "-u", "a/x", "b/x"], cwd=tmp_path, capture_output=True)
    assert_one_edit(patch.parse_patch(ran.stdout))


def test_a_merge_commit_shown_combined_is_refused_and_its_cure_works(checkout: Checkout) -> None:
    checkout.commit({"x": LINES})
    checkout.git("checkout", "--quiet", "-b", "side")
    checkout.commit({"x": LINES.replace(b"line 15\n", b"line side\n")})
    checkout.git("checkout", "--quiet", "main")
    checkout.commit({"x": EDITED})
    checkout.git("merge", "--quiet", "side", status=1)
    checkout.write({"x": LINES.replace(b"line 15\n", b"line both\n")})
    with pytest.raises(PatchError, match="combined") as raised:
        patch.parse_patch(checkout.git("diff"))
    assert raised.value.line == 1
    checkout.git("commit", "--quiet", "--all", "--message", "Merge")
    with pytest.raises(PatchError, match="combined"):
        patch.parse_patch(checkout.git("show"))
    assert only(patch.parse_patch(checkout.git("show", "-m", "--first-parent"))).changed_lines == 2


def test_utf_16_text_from_powershell_is_named_as_such(checkout: Checkout) -> None:
    change(checkout, {"x": LINES}, {"x": EDITED})
    for encoding in ("utf-16", "utf-16-be"):
        text = checkout.diff().decode().replace("\n", "\r\n")
        mark = "\ufeff" if encoding == "utf-16-be" else ""
        with pytest.raises(PatchError, match="UTF-16"):
            patch.parse_patch((mark + text).encode(encoding))


def test_several_diffs_of_one_file_without_a_commit_between_stay_apart(checkout: Checkout) -> None:
    change(checkout, {"x": LINES}, {"x": EDITED})
    diff = patch.parse_patch(checkout.diff() + checkout.diff("-R"))
    assert [file.path for file in diff.files] == ["x", "x"]
    assert shape(diff.files[0]) != shape(diff.files[1])
