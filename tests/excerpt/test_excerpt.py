"""What fits is shown, the rest is omitted with its reason: no changed line is lost between the two, or in both."""

import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk
from iquest_review.excerpt.cutting import LARGE_ROWS
from iquest_review.excerpt.excerpt import (
    Coverage,
    Excerpt,
    Limits,
    estimate_tokens,
    fit_excerpt,
    measure_files,
    pack_excerpt,
    render_diff_rows,
)
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.numbered_rows import FoldedHunk
from tests.support.prompts import accounted, added, changed, deleted, diffs, hunk, lines, modified, renamed

PLENTY = Limits(100_000, 1_000_000)
LIMITS = st.builds(
    Limits, st.sampled_from([0, 1, 7, 25, 60, 300, 100_000]), st.sampled_from([0, 10, 40, 200, 900, 5_000, 10**6])
)


def paths(excerpt: Excerpt) -> list[str]:
    return [part.file.path for part in excerpt.parts]


def list_left(files: Sequence[FileDiff], limits: Limits) -> list[FileDiff]:
    """List what these limits leave for the next request."""
    return [left.file for left in pack_excerpt(measure_files(files, limits), limits).packing.list_left()]


@settings(max_examples=50, deadline=None)
@given(diffs(), LIMITS)
def test_every_changed_line_is_either_shown_or_omitted(diff: Diff, limits: Limits) -> None:
    assert +accounted(fit_excerpt(diff.files, limits)) == changed(diff.files)


@settings(max_examples=50, deadline=None)
@given(diffs(), LIMITS)
def test_an_excerpt_is_never_over_its_lines_or_tokens(diff: Diff, limits: Limits) -> None:
    excerpt = fit_excerpt(diff.files, limits)

    assert excerpt.lines <= limits.lines
    assert estimate_tokens("\n".join(render_diff_rows(excerpt))) <= limits.tokens


@pytest.mark.parametrize("tokens", range(100, 340, 7))
def test_room_is_used_to_the_last_token_and_not_beyond(tokens: int) -> None:
    files = [modified(f"{name}.py", *(hunk("+x", new=at) for at in range(1, 900, 40))) for name in "abc"]
    used = estimate_tokens("\n".join(render_diff_rows(fit_excerpt(files, Limits(2_000, tokens)))))

    assert tokens - 20 <= used <= tokens


@settings(max_examples=50, deadline=None)
@given(diffs(), LIMITS)
def test_shown_lines_are_lines_of_the_diff_with_their_numbers(diff: Diff, limits: Limits) -> None:
    for part in fit_excerpt(diff.files, limits).parts:
        own = {(line.kind, line.old_line, line.new_line, line.raw) for line in part.file.iter_lines()}
        shown = [line for hunk in part.hunks for line in hunk.iter_lines()]

        assert {(line.kind, line.old_line, line.new_line, line.raw) for line in shown} <= own
        whole = [hunk for hunk in part.hunks if not isinstance(hunk, FoldedHunk)]
        assert sum(hunk.changed_lines for hunk in whole) == sum(line.kind != " " for line in shown)


@settings(max_examples=20, deadline=None)
@given(diffs(), LIMITS)
def test_the_same_diff_gives_the_same_excerpt(diff: Diff, limits: Limits) -> None:
    assert fit_excerpt(diff.files, limits) == fit_excerpt(diff.files, limits)


def test_a_fitting_diff_is_shown_code_first_then_tests() -> None:
    test, document = added("tests/test_a.py", *lines(9)), added("README.md", *lines(300))
    code = [deleted("z.py", *lines(3, "old")), added("a.py", *lines(3_000))]
    excerpt = fit_excerpt([document, code[0], test, code[1]], PLENTY)

    assert paths(excerpt) == ["z.py", "a.py", "tests/test_a.py", "README.md"]
    assert [part.hunks for part in excerpt.parts] == [file.hunks for file in (*code, test, document)]
    assert not excerpt.omissions
    assert not excerpt.over_budget


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (added("b.py", *lines(10)), added("a.py", *lines(300))),
        (added("b.py", *lines(10)), added("tests/test_a.py", *lines(5))),
        (added("src/a.go", *lines(10)), added("src/a_test.go", *lines(5))),
        (added("src/Foo.java", *lines(10)), added("src/FooTest.java", *lines(5))),
        (added("ui/App.tsx", *lines(10)), added("ui/App.spec.tsx", *lines(5))),
        (added("tests/test_a.py", *lines(10)), added("README.md", *lines(5))),
        (added("README.md", *lines(10)), deleted("a.py", *lines(5))),
    ],
    ids=[
        *("small before large", "code before tests", "code before go tests", "code before java tests"),
        *("code before specs", "tests before the rest", "all before deletions"),
    ],
)
def test_the_better_hunk_is_shown_first_when_room_is_short(first: FileDiff, second: FileDiff) -> None:
    assert paths(fit_excerpt([second, first], Limits(10, 10_000))) == [first.path]


@pytest.mark.parametrize("path", ["src/latest.py", "contest.py", "attestation.go", "spectrum.py", "Latest.java"])
def test_a_name_that_merely_contains_test_is_code(path: str) -> None:
    assert paths(fit_excerpt([added("README.md", *lines(9)), added(path, *lines(10))], Limits(10, 10_000))) == [path]


def test_a_moved_folder_does_not_take_the_room_of_a_change() -> None:
    moved = [renamed(f"old/{number}.py", f"new/{number}.py") for number in range(1_000)]
    excerpt = fit_excerpt([*moved, added("tests/test_a.py", *lines(10))], Limits(2_000, 1_000))

    assert "tests/test_a.py" in paths(excerpt)
    assert len(excerpt.parts) + len(excerpt.omissions) == 1_001


def test_a_small_hunk_is_never_cut() -> None:
    file = modified("a.py", hunk(*["+x"] * 6), hunk(*["+y"] * 6, new=50), hunk(*["+z"] * 3, new=90))
    excerpt = fit_excerpt([file], Limits(10, 10_000))

    assert excerpt.parts[0].hunks == (file.hunks[0], file.hunks[2])
    assert excerpt.omissions == (Omission("a.py", Reason.LINES, 6),)


def test_the_reason_names_the_limit_that_was_exceeded() -> None:
    files = [added("a.py", *lines(50)), added("b.py", "x")]

    assert fit_excerpt(files, Limits(10, 10_000)).omissions == (Omission("a.py", Reason.LINES, 50),)
    assert fit_excerpt(files, Limits(2_000, 100)).omissions == (Omission("a.py", Reason.TOKENS, 50),)
    assert fit_excerpt(files, Limits(2_000, 100)).over_budget


def test_a_large_hunk_that_does_not_fit_shows_its_beginning() -> None:
    excerpt = fit_excerpt([added("a.py", *lines(1_000))], Limits(300, 100_000))

    assert excerpt.lines == 300
    assert excerpt.omissions == (Omission("a.py", Reason.LINES, 700),)
    assert excerpt.compute_coverage() == (Coverage("a.py", ((1, 300),), 1_000, 300),)


def test_a_large_hunk_is_cut_after_a_blank_line() -> None:
    function = ["def f():", "    a = 1", "", "    return a", ""]
    (part,) = fit_excerpt([added("a.py", *function * 100)], Limits(98, 100_000)).parts

    assert part.hunks[0].rows[-2:] == (b"+    return a", b"+")
    assert len(part.hunks[0].rows) == 95


def test_a_removed_line_is_not_parted_from_what_replaces_it() -> None:
    pairs = [row for number in range(200) for row in (f"-old {number}", f"+new {number}")]
    (part,) = fit_excerpt([modified("a.py", hunk(*pairs))], Limits(101, 100_000)).parts

    assert part.hunks[0].rows[-1] == b"+new 49"


@pytest.mark.parametrize("most", [30, 31, 32, 33])
def test_a_mark_of_a_missing_newline_stays_with_its_line(most: int) -> None:
    file = modified("a.py", hunk(*["+    a", "\\ No newline at end of file"] * LARGE_ROWS))
    (part,) = fit_excerpt([file], Limits(most, 100_000)).parts

    assert part.hunks[0].rows[-1].startswith(b"\\")


def test_a_few_rows_of_a_large_hunk_are_not_shown() -> None:
    other = modified("b.py", hunk("-x", "+y"))

    assert paths(fit_excerpt([added("a.py", *lines(1_000)), other], Limits(10, 100_000))) == ["b.py"]


@pytest.mark.parametrize("rows", [30, 1_000])
@pytest.mark.parametrize("most", [1, 2, 5, 20])
def test_the_best_hunk_shows_its_first_rows_when_nothing_fits(most: int, rows: int) -> None:
    files = [added("README.md", *lines(rows)), added("a.py", *lines(rows)), added("tests/test_a.py", *lines(rows))]
    excerpt = fit_excerpt(files, Limits(most, 100_000))

    assert excerpt.compute_coverage() == (Coverage("a.py", ((1, most),), rows, most),)
    assert +accounted(excerpt) == changed(files)


def test_the_first_changed_row_is_shown_when_its_context_does_not_fit() -> None:
    file = modified("a.py", hunk(" 1", " 2", " 3", "-old", "+new", " 4", old=7, new=7))
    (left,) = list_left([file], Limits(1, 10_000))

    assert [line.raw for line in fit_excerpt([file], Limits(1, 10_000)).parts[0].hunks[0].iter_lines()] == [b"old"]
    assert [(line.kind, line.number, line.raw) for line in left.iter_lines()] == [("+", 10, b"new"), (" ", 11, b"4")]


def test_the_first_rows_of_the_best_hunk_go_before_what_is_folded() -> None:
    excerpt = fit_excerpt([modified("a.go", hunk("-a b", "+a  b")), added("b.go", *lines(9))], Limits(3, 10_000))

    assert paths(excerpt) == ["b.go"]
    assert excerpt.lines == 3


@settings(max_examples=60, deadline=None, derandomize=True)
@given(diffs())
def test_more_room_never_shows_less(diff: Diff) -> None:
    """Of what is short. Where a cut falls, and which headings are shown, may make a few rows of difference."""
    lines_shown = [fit_excerpt(diff.files, Limits(most, 10**6)).lines for most in range(0, 250, 5)]
    bytes_shown = [
        estimate_tokens("\n".join(render_diff_rows(fit_excerpt(diff.files, Limits(10**6, most)))))
        for most in range(0, 1_000, 25)
    ]

    assert all(more >= less - 3 for less, more in pairwise(lines_shown))
    assert all(more >= less - 40 for less, more in pairwise(bytes_shown))


def test_a_hunk_of_few_long_lines_is_cut_like_one_of_many() -> None:
    excerpt = fit_excerpt([added("a.py", *["x" * 1_500] * 30)], Limits(2_000, 5_000))

    assert [entry.shown for entry in excerpt.compute_coverage()] == [((1, 7),)]


def test_a_diff_with_whole_files_as_context_is_shown_around_its_changes() -> None:
    rows = [f"{'+' if number == 3_000 else ' '}{number}" for number in range(6_000)]
    excerpt = fit_excerpt([modified("a.py", hunk(*rows))], Limits(2_000, 32_000))

    assert excerpt.compute_coverage() == (Coverage("a.py", ((2_998, 3_004),), 1, 1),)
    assert [line.raw for line in excerpt.parts[0].hunks[0].iter_lines() if line.new_line == 3_001] == [b"3000"]


def test_every_part_of_a_diff_with_whole_files_has_its_numbers() -> None:
    rows = [f"{'-+'[number % 2] if number % 1_000 < 2 else ' '}{number}" for number in range(6_000)]
    file = modified("a.py", hunk(*rows, old=11, new=51))
    (part,) = fit_excerpt([file], Limits(2_000, 32_000)).parts
    own = {(line.old_line, line.new_line, line.raw) for line in file.iter_lines()}

    assert len(part.hunks) == 6
    assert {(line.old_line, line.new_line, line.raw) for hunk in part.hunks for line in hunk.iter_lines()} < own


def test_whole_files_as_context_are_kept_if_they_fit() -> None:
    file = modified("a.py", hunk(*[" x"] * 500, "+y", *[" x"] * 500))

    assert fit_excerpt([file], Limits(2_000, 32_000)).parts[0].hunks == file.hunks


def test_a_line_that_is_cut_counts_as_not_shown() -> None:
    excerpt = fit_excerpt([added("a.py", "LOGO = '" + "A" * 9_000 + "'", "x = 1")], PLENTY)

    assert excerpt.compute_coverage() == (Coverage("a.py", ((1, 2),), 2, 1),)
    assert excerpt.omissions == (Omission("a.py", Reason.MINIFIED, 1),)
    assert not excerpt.over_budget


def test_coverage_lists_new_lines_but_no_removed_ones() -> None:
    file = modified("a.py", hunk(" a", "+b", " c", old=7, new=8), hunk("-d", old=90, new=92))
    gone = deleted("b.py", *lines(4))

    assert fit_excerpt([file, gone], PLENTY).compute_coverage() == (
        Coverage("a.py", ((8, 10),), 2, 2),
        Coverage("b.py", (), 4, 4),
    )


def test_screened_files_stay_among_the_omissions() -> None:
    screened = Omission("go.sum", Reason.LOCK, 9)

    assert fit_excerpt([added("a.py", "x")], PLENTY, [screened]).omissions == (screened,)


def test_a_rename_without_a_changed_line_is_shown_by_its_heading() -> None:
    excerpt = fit_excerpt([renamed("a.py", "b.py")], Limits(0, 50))

    assert list(render_diff_rows(excerpt)) == ["=== file: b.py\n=== status: renamed from a.py"]
    assert fit_excerpt([renamed("a.py", "b.py")], Limits(0, 5)).omissions == (Omission("b.py", Reason.TOKENS, 0),)


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("x", 1), ("x" * 12, 5), ("x" * 13, 6), ("变" * 4, 5), ("x" * 12_000_000, 5_000_000)]
)
def test_the_estimate_is_by_bytes_and_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@pytest.mark.timed
def test_a_hunk_of_half_a_million_lines_takes_no_time() -> None:
    row = (b"+value = compute(other)",)
    file = FileDiff("a.py", "a.py", FileStatus.ADDED, (Hunk(1, 1, "", row * 500_000, 500_000, 0),))
    started = time.process_time()
    excerpt = fit_excerpt([file], Limits(2_000, 100_000))

    assert excerpt.lines == 2_000
    assert time.process_time() - started < 2


@pytest.mark.timed
def test_twenty_thousand_files_take_no_time() -> None:
    files = [added(f"f{number % 300}/{number}.py", *["value = compute(other)"] * 10) for number in range(20_000)]
    started = time.process_time()
    excerpt = fit_excerpt(files, Limits(2_000, 32_000))

    assert +accounted(excerpt) == changed(files)
    assert time.process_time() - started < 3


@pytest.mark.timed
def test_the_same_many_small_hunks_take_no_time() -> None:
    rows = [" a", " b", " c", "-    value = compute(other)", "+    value = recompute(other)", " d", " e", " f"]
    files = tuple(modified(f"{at}.py", *(hunk(*rows, new=10 * n) for n in range(20))) for at in range(500))
    started = time.process_time()
    excerpt = fit_excerpt(files, Limits(2_000, 32_000))

    assert +accounted(excerpt) == changed(files)
    assert time.process_time() - started < 2


# --- ranked ---


def test_the_best_hunk_of_a_later_file_goes_before_the_others_of_the_first() -> None:
    dull = [hunk(*[f"+# note {at}"] * 8, new=40 * at) for at in range(1, 4)]
    files = [modified("a.py", *dull), modified("b.py", hunk("-if a:", *["+if a or not token:"] * 7))]
    excerpt = fit_excerpt(files, Limits(16, 10_000))

    assert [(part.file.path, len(part.hunks)) for part in excerpt.parts] == [("a.py", 1), ("b.py", 1)]
    assert excerpt.omissions == (Omission("a.py", Reason.LINES, 16),)


def test_a_file_that_was_often_mended_goes_first() -> None:
    files = [modified(path, hunk("+x = y", "+return x")) for path in ("a.py", "b.py")]

    assert paths(fit_excerpt(files, Limits(2, 10_000))) == ["a.py"]
    assert paths(fit_excerpt(files, Limits(2, 10_000), past={"b.py": (9, 4)})) == ["b.py"]


# --- narrowed ---

ONE = [" 1", " 2", " 3", "-old", "+new", " 4", " 5", " 6"]


def test_unchanged_lines_go_first_when_room_is_short() -> None:
    files = [modified(f"{name}.py", hunk(*ONE, new=50)) for name in "abcd"]

    assert [len(part.hunks[0].rows) for part in fit_excerpt(files, Limits(16, 10_000)).parts] == [4] * 4
    assert fit_excerpt(files, Limits(16, 10_000)).compute_coverage()[0] == Coverage("a.py", ((52, 54),), 2, 2)
    assert [len(part.hunks[0].rows) for part in fit_excerpt(files, Limits(32, 10_000)).parts] == [8] * 4


def test_remaining_room_goes_to_lines_around_the_best_hunks() -> None:
    better = ["  token", " 2", " 3", "-if old:", "+if new(token):", " 4", " 5", " 6"]
    files = [modified("a.py", hunk(*ONE)), modified("b.py", hunk(*better))]

    assert [len(part.hunks[0].rows) for part in fit_excerpt(files, Limits(13, 10_000)).parts] == [4, 8]


def test_one_unchanged_line_is_always_left_on_each_side() -> None:
    far = ["+first", *[" same"] * 6, "+second"]
    (part,) = fit_excerpt([modified("a.py", hunk(*far, new=7))], Limits(5, 10_000)).parts

    assert [(piece.new_start, piece.rows) for piece in part.hunks] == [
        (7, (b"+first", b" same")),
        (13, (b" same", b"+second")),
    ]


# --- folded ---

BLOCK = ["total = sum(items)", "if total > limit:", "    raise TooMuch(total)"]


def moved() -> list[FileDiff]:
    there = modified("a.py", hunk(*[f"-{row}" for row in BLOCK], "+x = 1", old=20))
    return [there, modified("b.py", hunk(" top", *[f"+{row}" for row in BLOCK]))]


def test_a_moved_block_is_shown_at_its_new_place() -> None:
    excerpt = fit_excerpt(moved(), PLENTY)

    assert "\n".join(render_diff_rows(excerpt)).split("\n") == [
        *("=== file: a.py", "=== status: modified", "~ 3 lines moved to b.py, unchanged", "@@", "+1| x = 1"),
        *("=== file: b.py", "=== status: modified", "@@", " 1| top"),
        "~ the next 3 added lines are moved from a.py, unchanged",
        *(f"+{at}| {row}" for at, row in enumerate(BLOCK, 2)),
    ]
    assert excerpt.omissions == (Omission("a.py", Reason.MOVED, 3),)
    assert excerpt.compute_coverage()[0] == Coverage("a.py", ((1, 1),), 4, 1)
    assert excerpt.lines == 6
    assert not excerpt.over_budget


def test_a_change_of_white_space_takes_one_row() -> None:
    excerpt = fit_excerpt([modified("a.go", hunk("-if a {", "-  b()", "+if a {", "+", "+\tb()"))], PLENTY)

    assert list(render_diff_rows(excerpt)) == [
        "=== file: a.go\n=== status: modified",
        "~ 5 lines changed in white space only",
    ]
    assert excerpt.omissions == (Omission("a.go", Reason.WHITESPACE, 5),)
    assert excerpt.compute_coverage() == (Coverage("a.go", (), 5, 0),)
    assert not excerpt.over_budget


def test_a_folded_hunk_without_room_is_omitted() -> None:
    excerpt = fit_excerpt([modified("a.go", hunk("-a b", "+a  b"))], Limits(0, 100))

    assert excerpt.omissions == (Omission("a.go", Reason.LINES, 2),)
    assert excerpt.over_budget


# --- what is left for the next request ---


@settings(max_examples=100, deadline=None, derandomize=True)
@given(diffs(), LIMITS)
def test_what_is_left_is_what_had_no_room(diff: Diff, limits: Limits) -> None:
    excerpt, left = fit_excerpt(diff.files, limits), list_left(diff.files, limits)

    short = [omission for omission in excerpt.omissions if omission.reason in (Reason.LINES, Reason.TOKENS)]
    assert changed(left) == +accounted(Excerpt((), tuple(short)))
    own = {(line.kind, line.old_line, line.new_line, line.raw) for file in diff.files for line in file.iter_lines()}
    assert {(line.kind, line.old_line, line.new_line, line.raw) for file in left for line in file.iter_lines()} <= own


def test_continued_requests_show_every_line_once() -> None:
    files: Sequence[FileDiff] = (
        added("c.py", *lines(700)),
        modified("d.py", *(hunk(*ONE, old=40 * at, new=40 * at) for at in range(1, 30))),
        *moved(),
    )
    seen, requests = list[tuple[str, str, int]](), 0
    while files:
        excerpt = fit_excerpt(files, Limits(200, 100_000))
        for part in excerpt.parts:
            own = (line for piece in part.hunks for line in piece.iter_lines() if line.kind != " ")
            seen += [(part.file.path, line.kind, line.number) for line in own]
        files, requests = list_left(files, Limits(200, 100_000)), requests + 1

    assert len(seen) == len(set(seen)) == 700 + 29 * 2 + 1 + 3
    assert requests == 5


def test_a_fitting_diff_leaves_nothing_out() -> None:
    files = (added("a.py", *lines(30)), renamed("b.py", "c.py"), *moved())

    assert list_left(files, PLENTY) == []


def test_a_rename_that_had_no_room_is_left() -> None:
    files = (renamed("b.py", "c.py"), added("a.py", *lines(3)))

    assert list_left(files, Limits(0, 0)) == list(files)


def test_a_folded_hunk_stays_folded_in_the_next_request() -> None:
    files = [modified("a.py", hunk(*[f"-{row}" for row in BLOCK], *["+# x"] * 4)), moved()[1]]
    (left,) = list_left(files, Limits(4, 10_000))

    assert left.path == "a.py"
    assert [isinstance(piece, FoldedHunk) for piece in left.hunks] == [True, False]
    assert list(render_diff_rows(fit_excerpt([left], PLENTY)))[1:] == [
        *("~ 3 lines moved to b.py, unchanged", "@@"),
        *(f"+{at}| # x" for at in range(1, 5)),
    ]
