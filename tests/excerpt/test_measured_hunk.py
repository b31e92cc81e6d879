"""The numbers of a hunk are those of the rows that are written later."""

from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Diff
from iquest_review.excerpt.cutting import slice_hunk
from iquest_review.excerpt.exclusions import Reason
from iquest_review.excerpt.measured_hunk import MeasuredHunk, Room, reserve_room
from iquest_review.excerpt.numbered_rows import FoldedHunk, render_hunk_row, render_line_rows
from tests.support.prompts import diffs, hunk


def measured(diff: Diff) -> list[MeasuredHunk]:
    return [MeasuredHunk(own) for file in diff.files for own in file.hunks]


def written(piece: MeasuredHunk) -> int:
    """Return the bytes that the rows of a piece take in a prompt."""
    rows = [render_hunk_row(piece.hunk), *render_line_rows(piece.hunk)]
    return len("\n".join([*rows, ""]).encode("utf-8", "replace"))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(diffs())
def test_the_size_of_a_hunk_is_that_of_its_rows(diff: Diff) -> None:
    for piece in measured(diff):
        assert piece.size == written(piece)
        assert [form.size for form in piece.narrow] == list(map(written, piece.narrow))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(diffs(), st.integers(0, 40), st.integers(0, 2_000))
def test_what_certainly_exceeds_a_room_fits_in_no_form(diff: Diff, lines: int, size: int) -> None:
    room = Room(lines, size)
    for piece in measured(diff):
        fits = piece.rows <= lines and written(piece) <= size
        assert (piece.find_excess(room) is None) == fits
        if piece.find_certain_excess(room):
            assert not isinstance(reserve_room(piece.narrow, room), Room)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(diffs(), st.integers(1, 60), st.integers(10, 4_000))
def test_the_beginning_of_a_hunk_fits(diff: Diff, lines: int, size: int) -> None:
    for piece in measured(diff):
        first, _ = piece.take_start(Room(lines, size), at_any_rate=True)
        if first is not None:
            assert first.rows <= lines
            assert written(first) <= size
            assert first.hunk.rows == piece.hunk.rows[: first.rows]


def test_a_folded_hunk_takes_one_row() -> None:
    fold = MeasuredHunk(FoldedHunk(1, 1, "", (b"-a", b"+ a"), 1, 1))

    assert fold.rows == 1
    assert fold.find_excess(Room(0, 1_000)) is Reason.LINES
    assert fold.find_certain_excess(Room(1, 10)) is Reason.TOKENS
    assert fold.take_start(Room(1, 1_000))[0] is fold


def test_a_form_is_found_once() -> None:
    piece = MeasuredHunk(hunk(" a", " b", " c", "+d", " e"))

    assert piece.narrow is piece.narrow
    assert [form.hunk for form in piece.narrow] == list(slice_hunk(piece.hunk, [(2, 5)]))
