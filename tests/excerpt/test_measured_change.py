"""What is packed again, for another request, keeps what is known about it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Diff, FileDiff
from iquest_review.excerpt.measured_change import MeasuredFile, measure_change
from iquest_review.excerpt.measured_hunk import Room
from iquest_review.excerpt.packing import pack_hunks
from tests.support.prompts import added, changed, diffs, hunk, lines, modified


def list_files(measured: list[MeasuredFile]) -> list[FileDiff]:
    return [entry.file for entry in measured]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(diffs(), st.integers(0, 60), st.integers(0, 4_000))
def test_what_is_shown_and_what_is_left_are_the_whole_change(diff: Diff, rows: int, size: int) -> None:
    room = Room(rows, size)
    packing = pack_hunks(measure_change(diff.files, room), room)

    shown, left = list_files(packing.list_shown()), list_files(packing.list_left())
    assert changed(shown) + changed(left) == changed(diff.files)


def test_a_part_of_a_change_is_not_measured_again() -> None:
    files = [modified("a.py", hunk("+one"), hunk(" x", "+two", new=90)), added("b.py", *lines(50))]
    change = measure_change(files, Room(9, 1_000))
    packing = pack_hunks(change, Room(9, 1_000))
    first, second = change.files[0].hunks

    (shown,) = packing.list_shown()
    assert shown.hunks[0][0] is first[0]
    assert shown.values == [change.values[0, 0], change.values[0, 1]]
    assert second[0].hunk in shown.file.hunks
    assert [entry.path for entry in packing.list_left()] == ["b.py"]
