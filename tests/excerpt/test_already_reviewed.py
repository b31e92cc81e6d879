"""What was shown once is not shown again, and nothing else counts as shown."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Diff, FileDiff, Hunk
from iquest_review.excerpt.already_reviewed import compute_known_ids, list_shown_ids, select_unseen
from iquest_review.excerpt.excerpt import Limits, fit_excerpt
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.numbered_rows import FoldedHunk
from tests.support.prompts import added, changed, diffs, hunk, ids, lines, modified, omitted, renamed

PLENTY = Limits(10_000, 1_000_000)
FIRST, SECOND = hunk("+one", " two"), hunk(" five", "-six", "+6", old=40, new=41)


def known(*files: FileDiff) -> list[str]:
    return [identity for file in files for identity in ids(file)]


def hunks(files: Sequence[FileDiff]) -> list[tuple[str, Hunk]]:
    return [(file.path, hunk) for file in files for hunk in file.hunks]


# --- what is new ---


def test_without_a_memory_everything_is_new() -> None:
    files = (modified("a.py", FIRST, SECOND), renamed("b.py", "c.py"))

    assert select_unseen(files, ()) == (files, ())


def test_a_known_hunk_is_left_out_with_its_lines_counted() -> None:
    fresh, omissions = select_unseen([modified("a.py", FIRST, SECOND)], known(modified("a.py", SECOND)))

    assert fresh == (modified("a.py", FIRST),)
    assert omissions == (Omission("a.py", Reason.SEEN, 2),)


def test_a_file_that_is_known_whole_is_left_out() -> None:
    file = modified("a.py", FIRST, SECOND)

    assert select_unseen([file], known(file)) == ((), (Omission("a.py", Reason.SEEN, 3),))


def test_a_known_rename_is_left_out_and_has_no_lines_to_omit() -> None:
    file = renamed("b.py", "c.py")

    assert select_unseen([file], known(file)) == ((), ())


def test_two_equal_hunks_need_two_known_identities() -> None:
    twice = modified("a.py", FIRST, hunk("+one", " two", old=80, new=81))

    fresh, omissions = select_unseen([twice], known(modified("a.py", FIRST)))

    assert [len(file.hunks) for file in fresh] == [1]
    assert omissions == (Omission("a.py", Reason.SEEN, 1),)
    assert select_unseen([twice], known(twice))[0] == ()


def test_a_file_without_a_known_hunk_is_the_very_same_file() -> None:
    file = modified("a.py", FIRST)

    [fresh], _ = select_unseen([file], known(modified("b.py", FIRST)))

    assert fresh is file


def in_order(diff: Diff) -> tuple[FileDiff, ...]:
    """The files with their hunks one below the other, and a changed line in each, as git has them. No two rows are
    alike: where they repeat, one run of them looks like another, and some are shown once more."""
    files = list[FileDiff]()
    for file in diff.files:
        start, hunks = 1, list[Hunk]()
        for one in (one for one in file.hunks if one.changed_lines):
            rows = (row if row[:1] == b"\\" else b"%s %d" % (row, at) for at, row in enumerate(one.rows))
            hunks.append(replace(one, old_start=start, new_start=start, rows=tuple(rows)))
            start += len(one.rows) + 7
        files.append(replace(file, hunks=tuple(hunks)))
    return tuple(files)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(diff=diffs(), data=st.data())
def test_every_changed_line_is_either_new_or_omitted(diff: Diff, data: st.DataObject) -> None:
    remembered = [identity for identity in known(*diff.files) if data.draw(st.booleans())]

    fresh, omissions = select_unseen(diff.files, remembered)

    assert changed(fresh) + omitted(omissions) == changed(diff.files)
    assert {omission.reason for omission in omissions} <= {Reason.SEEN}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(diff=diffs(), limits=st.builds(Limits, st.integers(0, 400), st.integers(0, 9_000)))
def test_continued_reviews_end_with_everything_known(diff: Diff, limits: Limits) -> None:
    files, remembered = in_order(diff), tuple[str, ...]()
    for room in (limits, limits, PLENTY):
        fresh, _ = select_unseen(files, remembered)
        before = sum(file.changed_lines for file in fresh)
        excerpt = fit_excerpt(fresh, room)
        remembered = compute_known_ids(files, remembered, list_shown_ids(fresh, excerpt))[0]
        shown = sum(hunk.changed_lines for part in excerpt.parts for hunk in part.hunks)
        left = sum(file.changed_lines for file in select_unseen(files, remembered)[0])
        assert before - shown <= left <= before

    assert select_unseen(files, remembered)[0] == ()


def test_a_file_is_known_whole_once_all_its_hunks_are() -> None:
    both, other = modified("a.py", FIRST, SECOND), renamed("b.py", "c.py")

    assert compute_known_ids([both, other], known(modified("a.py", FIRST)), known(other))[1] == {"c.py"}
    assert compute_known_ids([both, other], known(both), ())[1] == {"a.py"}


# --- what was shown ---


def test_a_hunk_shown_whole_is_known() -> None:
    files = (modified("a.py", FIRST, SECOND), renamed("b.py", "c.py"), added("d.py", "x"))

    assert list(list_shown_ids(files, fit_excerpt(files, PLENTY))) == known(*files)


def test_the_rest_of_a_hunk_cut_by_the_budget_is_new() -> None:
    files = (added("a.py", *lines(500)),)
    excerpt = fit_excerpt(files, Limits(300, 1_000_000))
    remembered = compute_known_ids(files, (), list_shown_ids(files, excerpt))[0]

    (rest,), omissions = select_unseen(files, remembered)

    assert 0 < excerpt.lines < 500
    assert rest.hunks[0].new_start == excerpt.lines + 1
    assert rest.changed_lines == 500 - excerpt.lines == 500 - sum(entry.changed_lines for entry in omissions)


def test_a_hunk_in_many_parts_is_known_part_by_part() -> None:
    files, remembered, prompts = (added("a.py", *lines(1_000)),), tuple[str, ...](), 0
    while fresh := select_unseen(files, remembered)[0]:
        remembered = compute_known_ids(
            files, remembered, list_shown_ids(fresh, fit_excerpt(fresh, Limits(300, 1_000_000)))
        )[0]
        prompts += 1

    assert prompts == 4


def test_a_part_that_was_seen_and_has_changed_is_new_again() -> None:
    files = (added("a.py", *lines(500)),)
    remembered = compute_known_ids(files, (), list_shown_ids(files, fit_excerpt(files, Limits(300, 1_000_000))))[0]
    changed_file = added("a.py", "new first line", *lines(500))

    assert select_unseen((changed_file,), remembered)[0] == (changed_file,)


def test_a_hunk_that_did_not_fit_is_not_known_beside_one_that_did() -> None:
    large = hunk(*(f"+{line}" for line in lines(30)), old=90, new=91)
    files = (modified("a.py", FIRST, large),)

    assert list(list_shown_ids(files, fit_excerpt(files, Limits(10, 1_000_000)))) == known(modified("a.py", FIRST))


def test_a_hunk_shown_in_pieces_is_known_when_all_of_them_are_shown() -> None:
    far = [*(f"+{line}" for line in lines(10)), *[" same"] * 400, *(f"-{line}" for line in lines(10, "old"))]
    files = (modified("a.py", hunk(*far), hunk("+z", old=900, new=900)),)
    excerpt = fit_excerpt(files, Limits(60, 1_000_000))

    assert len(excerpt.parts[0].hunks) == 3  # git would have made two of the first
    assert list(list_shown_ids(files, excerpt)) == known(*files)


def test_the_missing_piece_of_a_hunk_is_new() -> None:
    far = [*(f"+{line}" for line in lines(10)), *[" same"] * 400, *(f"-{line}" for line in lines(30))]
    files = (modified("a.py", hunk(*far)),)
    excerpt = fit_excerpt(files, Limits(20, 1_000_000))

    assert [part.hunks[0].added for part in excerpt.parts] == [10]
    (rest,), _ = select_unseen(files, compute_known_ids(files, (), list_shown_ids(files, excerpt))[0])
    assert (rest.added, rest.removed) == (0, 30)


def test_a_file_that_is_not_shown_is_not_known() -> None:
    files = (modified("a.py", FIRST), renamed("b.py", "c.py"))

    assert list(list_shown_ids(files, fit_excerpt(files, Limits(0, 0)))) == []


# --- what is remembered ---


def test_an_identity_that_left_the_diff_is_forgotten() -> None:
    file = modified("a.py", FIRST)

    assert compute_known_ids([file], known(file, modified("a.py", SECOND)), ())[0] == tuple(known(file))


def test_an_unseen_hunk_is_not_remembered() -> None:
    file = modified("a.py", FIRST, SECOND)

    assert compute_known_ids([file], (), known(modified("a.py", SECOND)))[0] == tuple(known(modified("a.py", SECOND)))


def test_two_equal_hunks_are_both_remembered_once_shown() -> None:
    once, twice = modified("a.py", FIRST), modified("a.py", FIRST, FIRST)

    assert compute_known_ids([twice], known(once), known(once))[0] == tuple(known(twice))
    assert compute_known_ids([twice], known(once), ())[0] == tuple(known(once))
    assert compute_known_ids([once], known(twice), ())[0] == tuple(known(once))


def test_a_change_of_white_space_only_counts_as_seen() -> None:
    files = (modified("a.py", SECOND), modified("c.go", hunk("-a b", "+a  b")))
    excerpt = fit_excerpt(files, PLENTY)

    assert {omission.reason for omission in excerpt.omissions} == {Reason.WHITESPACE}
    assert list(list_shown_ids(files, excerpt)) == known(*files)


def test_a_hunk_shown_among_fewer_unchanged_lines_is_known() -> None:
    files = tuple(
        modified(f"{name}.py", hunk(" 1", " 2", " 3", "-a", "+b", " 4", " 5", " 6", new=20)) for name in "abc"
    )
    excerpt = fit_excerpt(files, Limits(12, 1_000_000))

    assert [len(part.hunks[0].rows) for part in excerpt.parts] == [4, 4, 4]
    assert list(list_shown_ids(files, excerpt)) == known(*files)


def test_lines_that_moved_away_are_not_seen_until_they_are_shown() -> None:
    """Their new place may be deleted at the next push, and then they were never looked at."""
    moved = [f"    check_{number}(user, right_{number})" for number in range(12)]
    old = modified("v.py", hunk(" def view(user):", *(f"-{row}" for row in moved), "     return 1", old=1, new=1))
    new = added("w.py", *moved)
    shown = fit_excerpt((old, new), PLENTY)

    assert any(isinstance(piece, FoldedHunk) for part in shown.parts for piece in part.hunks)
    assert set(ids(new)) <= set(list_shown_ids((old, new), shown))
    assert set(ids(old)).isdisjoint(list_shown_ids((old, new), shown))
    (again,), _ = select_unseen((old, new), ids(new))
    assert again is old
    assert set(list_shown_ids((old,), fit_excerpt((old,), PLENTY))) == set(ids(old))
