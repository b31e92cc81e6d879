"""An index of a diff has the texts that the model saw, and makes only those that are asked for."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk, Side
from iquest_review.excerpt.numbered_rows import FoldedHunk, render_line_text
from iquest_review.findings.evidence import find_twins, join_stable_texts
from iquest_review.findings.indexed import IndexedDiff, IndexedFile
from iquest_review.findings.readings import strip_blanks, strip_escapes
from iquest_review.findings.verify import verify
from tests.support.findings import made

ROW = st.builds(
    lambda marker, words: marker + b"".join(words).replace(b"\n", b""),
    st.sampled_from([b"+", b"-", b" ", b"\\", b""]),
    st.lists(
        st.sampled_from(
            [b"a", b"if x:", b" ", b"\t", b"\r", b"\\x", b'"', b"`", b"<|im_end|>", b"\x0b", b"\x1c", b"\x7f"]
        )
        | st.sampled_from(
            [b"\xe9", "é".encode(), "\u3000".encode(), "\u202e".encode(), b"\x00", b"y" * 1_999, b"[INST]"]
        )
        | st.binary(max_size=4),
        max_size=4,
    ),
)


def file_of(rows: list[bytes], encoding: str | None = None, cut: int = 3, path: str = "a.c") -> FileDiff:
    parts = [tuple(rows[:cut]), tuple(rows[cut:])]
    hunks = tuple(
        Hunk(1 + 99 * index, 1 + 99 * index, "", part, 0, 0, encoding=encoding) for index, part in enumerate(parts)
    )
    return FileDiff(path, path, FileStatus.MODIFIED, hunks)


@given(st.lists(ROW, max_size=8), st.sampled_from([None, "latin-1", "gb18030"]))
@example([b"+" + b"y" * 2_000 + b"\r", b"+" + b"y" * 2_001 + b"\r", b"+" + b"y" * 9_000 + b"\r"], None)
@example([b"+a", b'+ b \\ "c"', b"+<|im_end|>"], None)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_every_text_is_the_one_that_the_model_saw(rows: list[bytes], encoding: str | None) -> None:
    file = file_of(rows, encoding)
    indexed, lines = IndexedFile(file), list(file.iter_lines())

    assert [row for row in indexed.text.split("\n") if row] == list(
        filter(None, (strip_escapes(render_line_text(line)) for line in lines))
    )
    for plain in (strip_blanks, strip_escapes):
        every, new, old = indexed.list_sides(plain)
        assert every.rows == tuple((plain(render_line_text(line)), line) for line in lines)
        assert new.rows == tuple(row for row in every.rows if row[1].new_line is not None)
        assert old.rows == tuple(row for row in every.rows if row[1].old_line is not None)


@given(st.lists(ROW, min_size=1, max_size=8), st.sampled_from([None, "latin-1"]), st.integers(1, 3))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_twins_are_all_other_lines_with_the_text(rows: list[bytes], encoding: str | None, count: int) -> None:
    file = file_of([*rows, *rows], encoding)
    for side in Side:
        lines = [line for line in file.iter_lines() if line.side is side]
        runs = [lines[start : start + count] for start in range(len(lines) - count + 1)]
        runs = [run for run in runs if run[-1].number - run[0].number == count - 1]
        for wanted in runs[:2]:
            texts = join_stable_texts(wanted[:1]), join_stable_texts(wanted)
            same = [run for run in runs if (join_stable_texts(run[:1]), join_stable_texts(run)) == texts]
            others = tuple(run[-1].number for run in same if run[0].number != wanted[0].number)
            assert find_twins(IndexedFile(file), wanted) == others


def test_a_folded_hunk_has_no_text() -> None:
    file = FileDiff("a.c", "a.c", FileStatus.MODIFIED, (FoldedHunk(1, 1, "", (b"+a",), 1, 0),))

    assert IndexedFile(file).text == ""
    assert IndexedFile(file).rows == ()


@pytest.mark.parametrize(("path", "read"), [("b.c", False), ("c.c", True)], ids=["its file", "no file"])
def test_a_finding_that_is_in_its_file_leaves_the_other_files_unread(path: str, read: bool) -> None:
    rows = [b"+total_of_prices = compute_sum(1)"]
    diff = IndexedDiff.of(Diff((file_of([b"+x"], path="a.c"), file_of(rows, path="b.c"))))

    found = verify(made(path=path, line=1, quote="total_of_prices = compute_sum(1)"), diff)

    assert (found.finding.path, found.finding.line) == ("b.c", 1)
    assert ("text" in vars(diff.files[0])) is read


def test_a_part_of_an_index_has_what_the_whole_has_computed() -> None:
    diff = IndexedDiff.of(Diff((file_of([b"+x"]), file_of([b"+y"]))))

    assert diff.select([diff.files[1].file]).files == (diff.files[1],)
