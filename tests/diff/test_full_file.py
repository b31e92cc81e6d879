"""Between the hunks stand the unchanged lines of the new file, under both their numbers."""

import difflib
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff import patch
from iquest_review.diff.diff import SUBMODULE_MODE, FileDiff, FileStatus, Hunk, LineKind, Side
from iquest_review.diff.full_file import unfold_file


def numbered(count: int) -> list[str]:
    return [f"line {number}" for number in range(1, count + 1)]


def text(rows: list[str], *, newline: bool = True) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()[: None if newline or not rows else -1]


def changed(before: bytes, after: bytes, context: int = 3) -> FileDiff:
    """The diff of two texts of one file, with git's mark of a missing last newline."""
    old, new = (side.decode().splitlines(keepends=True) for side in (before, after))
    rows = list(difflib.unified_diff(old, new, "a/a.txt", "b/a.txt", n=context))
    body = "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)
    return patch.parse_patch(body.encode()).files[0]


BEFORE = numbered(40)
AFTER = [*BEFORE[:4], "five", *BEFORE[5:19], *BEFORE[20:30], "added", *BEFORE[30:]]
FILE = changed(text(BEFORE), text(AFTER))
FILE_OPEN = changed(text(BEFORE, newline=False), text(AFTER, newline=False))


def test_the_lines_between_the_hunks_have_both_numbers() -> None:
    whole = {line.text: (line.old_line, line.new_line) for line in unfold_file(FILE, text(AFTER)).iter_lines()}

    assert len(FILE.hunks) == 3
    assert whole["line 1"] == (1, 1)
    assert whole["line 12"] == (12, 12)
    assert whole["line 25"] == (25, 24)
    assert whole["line 40"] == (40, 40)


def test_unfolding_keeps_the_changes() -> None:
    whole = unfold_file(FILE, text(AFTER))

    assert [line for line in whole.iter_lines() if line.kind is not LineKind.CONTEXT] == [
        line for line in FILE.iter_lines() if line.kind is not LineKind.CONTEXT
    ]
    assert (whole.added, whole.removed, whole.path) == (FILE.added, FILE.removed, FILE.path)


def test_a_file_that_ends_without_a_newline_still_does() -> None:
    whole = unfold_file(FILE_OPEN, text(AFTER, newline=False))

    assert [line.text for line in whole.iter_lines() if not line.newline] == ["line 40"]
    assert [row for row in unfold_file(changed(b"a\n", b"a\nb"), b"a\nb").hunks[0].rows if row[:1] == b"\\"] == [
        b"\\ No newline at end of file"
    ]


@pytest.mark.parametrize(
    "other",
    [
        text(BEFORE),
        text(AFTER[1:]),
        text(AFTER[:20]),
        text(["new at the top", *AFTER]),
        b"",
        text(AFTER).replace(b"\n", b"\r\n"),
        b"\x00",
    ],
    ids=["the old one", "its first line gone", "cut", "a line more", "empty", "CRLF", "binary"],
)
def test_a_text_that_contradicts_the_hunks_unfolds_nothing(other: bytes) -> None:
    assert unfold_file(FILE, other) is FILE


def test_a_last_newline_that_contradicts_the_hunks_unfolds_nothing() -> None:
    open_end = changed(b"a\nb", b"a\nc")

    assert unfold_file(open_end, b"a\nc") is not open_end
    assert unfold_file(open_end, b"a\nc\n") is open_end
    closed = changed(b"a\nb\n", b"a\nc\n")
    assert unfold_file(closed, b"a\nc") is closed


def test_hunks_that_contradict_each_other_unfold_nothing() -> None:
    first, *others = FILE.hunks
    for hunks in (
        (first, first, *others),
        (*others, first),
        (replace(first, old_start=first.old_start + 1), *others),
        (*FILE.hunks, Hunk(100, 100, "", (b"-beyond",), 0, 1)),
    ):
        file = replace(FILE, hunks=hunks)
        assert unfold_file(file, text(AFTER)) is file


@pytest.mark.parametrize(
    "file",
    [
        replace(FILE, status=FileStatus.ADDED),
        replace(FILE, status=FileStatus.DELETED),
        replace(FILE, hunks=()),
        replace(FILE, binary=True),
        replace(FILE, new_mode=SUBMODULE_MODE),
    ],
    ids=["new", "deleted", "without hunks", "binary", "submodule"],
)
def test_what_gitlab_does_not_unfold_stays_folded(file: FileDiff) -> None:
    assert unfold_file(file, text(AFTER)) is file


def test_a_renamed_file_is_unfolded() -> None:
    renamed = replace(FILE, old_path="old.txt", status=FileStatus.RENAMED)

    assert len(list(unfold_file(renamed, text(AFTER)).iter_lines())) == len(AFTER) + FILE.removed


ROWS = st.lists(st.sampled_from(["a", "b", "}", "", "-x", "+y", "\\ No", " "]), max_size=30)


@given(ROWS, ROWS, st.booleans(), st.booleans(), st.integers(0, 4))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_an_unfolded_file_holds_both_files(
    old: list[str], new: list[str], old_newline: bool, new_newline: bool, context: int
) -> None:
    before, after = text(old, newline=old_newline), text(new, newline=new_newline)
    if before == after:
        return
    file = changed(before, after, context)
    whole = unfold_file(file, after)

    assert whole is not file
    for side, wanted in ((Side.OLD, before), (Side.NEW, after)):
        lines = [
            line for line in whole.iter_lines() if (line.new_line if side is Side.NEW else line.old_line) is not None
        ]
        numbers = [line.new_line if side is Side.NEW else line.old_line for line in lines]
        assert numbers == list(range(1, len(lines) + 1))
        assert b"".join(line.raw + (b"\n" if line.newline else b"") for line in lines) == wanted


@pytest.mark.timed
def test_a_large_file_is_unfolded_quickly() -> None:
    rows = numbered(200_000)
    after = text([*rows[:100_000], "new", *rows[100_000:]])
    file = patch.parse_patch(b"--- a/a\n+++ b/a\n@@ -100000,2 +100000,3 @@\n line 100000\n+new\n line 100001\n").files[
        0
    ]
    started = time.process_time()

    assert len(unfold_file(file, after).hunks[0].rows) == 200_001
    assert time.process_time() - started < 0.5
