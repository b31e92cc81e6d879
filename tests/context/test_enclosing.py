"""A hunk is shown with its function; what the budget left out stays out, and every row keeps its number."""

import difflib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.code.outline import Definition, outline_file
from iquest_review.context.enclosing import FREE_ROWS, MAX_ADDED_ROWS, widen_excerpt, widen_part
from iquest_review.diff import patch
from iquest_review.diff.diff import FileDiff, Hunk, Line, LineKind
from iquest_review.diff.full_file import unfold_file
from iquest_review.excerpt.excerpt import Excerpt, Limits, Part, estimate_tokens, fit_excerpt
from iquest_review.excerpt.numbered_rows import (
    MovedBlock,
    mark_moved_blocks,
    render_file_rows,
    render_hunk_row,
    render_line_rows,
)

PLENTY = Limits(100_000, 1_000_000)
ROOM = 1_000_000


def diff_of(before: str, after: str, path: str = "a.py", context: int = 3) -> FileDiff:
    rows = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}", n=context
    )
    body = "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)
    return patch.parse_patch(body.encode()).files[0]


def function(name: str, rows: int) -> str:
    return f"def {name}():\n" + "".join(f"    {name} = {number}\n" for number in range(1, rows))


def change(text: str, *names: str) -> str:
    """The text with these assignments, "f = 7", changed."""
    for name in names:
        assert f"    {name}\n" in text
        text = text.replace(f"    {name}\n", f"    {name} + 1\n")
    return text


def lines(hunks: tuple[Hunk, ...]) -> list[Line]:
    return [line for hunk in hunks for line in hunk.iter_lines()]


def new_lines(hunks: tuple[Hunk, ...]) -> list[tuple[int, int]]:
    """First and last line of the new file in each hunk."""
    numbers = [[line.new_line for line in hunk.iter_lines() if line.new_line is not None] for hunk in hunks]
    return [(own[0], own[-1]) for own in numbers]


def changed(hunks: tuple[Hunk, ...]) -> list[Line]:
    return [line for line in lines(hunks) if line.kind is not LineKind.CONTEXT]


def outline(file: FileDiff, after: str) -> tuple[FileDiff, tuple[Definition, ...]]:
    return unfold_file(file, after.encode()), outline_file(file.path, after.encode())


def widened_whole(before: str, after: str, room: int = ROOM) -> tuple[Hunk, ...]:
    file = diff_of(before, after)
    return widen_part(Part(file, file.hunks), *outline(file, after), room)


TWO = "import os\n\n\n" + function("f", 20) + "\n\n" + function("g", 20)  # f: 4-23, g: 26-45


def test_a_hunk_is_widened_to_its_function_and_no_further() -> None:
    hunks = widened_whole(TWO, change(TWO, "f = 10"))

    assert new_lines(hunks) == [(4, 23)]
    assert [line.text for line in changed(hunks)] == ["    f = 10", "    f = 10 + 1"]


def test_rows_keep_their_numbers_after_a_change_of_length() -> None:
    after = TWO.replace("import os\n", "import os\nimport sys\nimport re\n").replace("    g = 10\n", "")
    hunks = widened_whole(TWO, after)

    numbers = {line.text: (line.old_line, line.new_line) for line in lines(hunks)}
    assert numbers["def g():"] == (26, 28)
    assert numbers["    g = 19"] == (45, 46)
    assert new_lines(hunks) == [(1, 6), (28, 46)]


def test_hunks_in_one_function_become_one() -> None:
    hunks = widened_whole(TWO, change(TWO, "f = 3", "f = 17"))

    assert new_lines(hunks) == [(4, 24)]
    assert (hunks[0].added, hunks[0].removed) == (2, 2)


def test_hunks_in_separate_functions_stay_apart() -> None:
    assert new_lines(widened_whole(TWO, change(TWO, "f = 10", "g = 10"))) == [(4, 23), (26, 45)]


def test_lines_that_moved_into_a_function_keep_their_mark() -> None:
    after = TWO.replace("    f = 10\n", "    f = 10\n    first = 1\n    second = 2\n    third = 3\n")
    file = diff_of(TWO, after)
    part = Part(file, (mark_moved_blocks(file.hunks[0], [MovedBlock(15, 17, "b.py")]),))
    (hunk,) = widen_part(part, *outline(file, after), ROOM)
    shown = "\n".join(render_line_rows(hunk)).split("\n")

    assert len(hunk.rows) > len(file.hunks[0].rows)
    assert shown[shown.index("+15|     first = 1") - 1] == "~ the next 3 added lines are moved from b.py, unchanged"


def test_a_change_outside_functions_is_not_widened() -> None:
    file = diff_of(TWO, TWO.replace("import os", "import re"))

    assert widened_whole(TWO, TWO.replace("import os", "import re")) == file.hunks


def test_lines_removed_between_two_functions_widen_neither() -> None:
    before = TWO.replace("\n\ndef g", "\nx = 1\n\ndef g")
    file = diff_of(before, TWO)

    assert widened_whole(before, TWO) == file.hunks


def test_a_blank_line_widens_nothing() -> None:
    after = TWO.replace("    f = 10\n", "    f = 10\n\n")

    assert widened_whole(TWO, after) == diff_of(TWO, after).hunks


def test_a_function_of_more_than_200_lines_is_not_added() -> None:
    for rows, expected in ((MAX_ADDED_ROWS, [(1, MAX_ADDED_ROWS)]), (MAX_ADDED_ROWS + 1, [(97, 103)])):
        text = function("f", rows)
        assert new_lines(widened_whole(text, change(text, "f = 99"))) == expected


@pytest.mark.parametrize(("fields", "expected"), [(50, [(1, 51)]), (80, [(38, 44)])])
def test_only_a_short_class_is_shown_around_its_fields(fields: int, expected: list[tuple[int, int]]) -> None:
    text = "class A:\n" + "".join(f"    a{number} = 1\n" for number in range(1, fields + 1))

    assert new_lines(widened_whole(text, text.replace("a40 = 1", "a40 = 2"))) == expected


def test_a_hunk_gains_at_most_200_rows() -> None:
    text = function("f", 120) + function("g", 120)
    after = change(text, "f = 118", "g = 1")
    file = diff_of(text, after)
    assert len(file.hunks) == 1

    hunks = widen_part(Part(file, file.hunks), *outline(file, after), ROOM)

    assert new_lines(hunks) == [(1, 125)], "the second function would be too much"


def test_changed_lines_that_were_left_out_stay_out() -> None:
    after = change(TWO, "f = 3", "f = 17")
    file = diff_of(TWO, after)
    first, second = file.hunks

    for own, expected in ((first, (4, 20)), (second, (8, 24))):
        hunks = widen_part(Part(file, (own,)), *outline(file, after), ROOM)

        assert new_lines(hunks) == [expected]
        assert changed(hunks) == changed((own,))


def test_a_mark_of_a_missing_newline_stays_with_its_line() -> None:
    before, after = TWO.rstrip("\n"), TWO
    file = diff_of(before, change(after, "g = 5"))
    first, _ = file.hunks

    hunks = widen_part(Part(file, (first,)), *outline(file, change(after, "g = 5")), ROOM)

    assert new_lines(hunks) == [(26, 44)]
    assert not any(row.startswith(b"\\") for row in hunks[0].rows)
    open_end = change(TWO, "g = 5").rstrip("\n")
    hunks = widened_whole(TWO.rstrip("\n"), open_end)
    assert [line.text for line in lines(hunks) if not line.newline] == ["    g = 19"]


def test_rows_that_do_not_fit_are_not_added() -> None:
    after = change(TWO, "f = 10")
    file = diff_of(TWO, after)
    wide = widened_whole(TWO, after)
    needed = sum(len(row) + 1 for hunk in wide for row in render_line_rows(hunk))
    needed -= sum(len(row) + 1 for hunk in file.hunks for row in render_line_rows(hunk))

    assert widened_whole(TWO, after, needed) == wide
    assert widened_whole(TWO, after, needed - 1) == file.hunks


def test_a_widened_hunk_is_headed_by_its_enclosing_definition() -> None:
    text = "class A:\n" + "".join(f"    def {name}(self):\n" + f"        {name}()\n" * 20 for name in "fg")
    (hunk,) = widened_whole(text, text.replace("g()\n", "g(1)\n", 11).replace("g(1)\n", "g()\n", 10))

    assert hunk.rows[0] == b"     def g(self):"
    assert hunk.heading == "class A:"


def test_a_hunk_with_the_same_start_keeps_its_heading() -> None:
    after = change(TWO, "f = 10")
    file = diff_of(TWO, after)
    (own,) = file.hunks
    headed = replace(own, heading="def f():")

    assert widen_part(Part(file, (headed,)), *outline(file, after), 0) == (headed,)


def test_the_file_diff_of_another_file_widens_nothing() -> None:
    after = change(TWO, "f = 10")
    file = diff_of(TWO, after)
    whole, defined = outline(file, after)
    part = Part(file, file.hunks)

    assert widen_part(part, file, defined, ROOM) == file.hunks, "it is not unfolded"
    assert widen_part(part, whole, (), ROOM) == file.hunks
    other = replace(whole, hunks=(replace(whole.hunks[0], rows=whole.hunks[0].rows[1:]),))
    assert widen_part(part, other, defined, ROOM) == file.hunks
    moved = replace(file.hunks[0], new_start=9)
    assert widen_part(Part(file, (moved,)), whole, defined, ROOM) == (moved,)


def test_the_outline_of_another_text_breaks_nothing() -> None:
    after = change(TWO, "f = 10")
    file = diff_of(TWO, after)
    whole, _ = outline(file, after)
    longer = (Definition("f", "function", 1, 150, "def f"),)

    assert new_lines(widen_part(Part(file, file.hunks), whole, longer, ROOM)) == [(1, 45)]


NAMES = ["f", "g", "h"]


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str]:
    """A file before and after a change."""
    before = "".join(function(name, draw(st.integers(2, 40))) + "\n" * draw(st.integers(0, 4)) for name in NAMES)
    rows = before.splitlines()
    for _ in range(draw(st.integers(1, 8))):
        at, row = draw(st.integers(0, len(rows) - 1)), draw(st.sampled_from(["    new", "", "x = 1", "    变 = 1"]))
        match draw(st.sampled_from(["insert", "remove", "replace"])):
            case "insert":
                rows.insert(at, row)
            case "remove" if len(rows) > 1:
                rows.pop(at)
            case _:
                rows[at] = row
    return before[: None if draw(st.booleans()) else -1], "\n".join(rows) + "\n" * draw(st.booleans())


@given(texts(), st.data(), st.integers(0, 3), st.sampled_from([0, 100, 400, ROOM]))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_widened_hunks_hold_the_same_changes_under_the_right_numbers(
    sides: tuple[str, str], data: st.DataObject, context: int, room: int
) -> None:
    before, after = sides
    if before == after:
        return
    file = diff_of(before, after, context=context)
    chosen = tuple(hunk for hunk in file.hunks if data.draw(st.booleans()))
    whole, defined = outline(file, after)
    assert whole is not file

    hunks = widen_part(Part(file, chosen), whole, defined, room)

    assert changed(hunks) == changed(chosen)
    shown = lines(hunks)
    everything = list(whole.iter_lines())
    assert [line for line in everything if line in shown] == shown, "in order, once, under their own numbers"
    assert set(map(repr, lines(chosen))) <= set(map(repr, shown))
    assert sum(hunk.changed_lines for hunk in hunks) == len(changed(hunks))
    size = sum(len(row.encode()) + 1 for hunk in hunks for row in render_line_rows(hunk))
    assert size - sum(len(row.encode()) + 1 for hunk in chosen for row in render_line_rows(hunk)) <= room


# -- a whole excerpt


def excerpt_of(*sides: tuple[str, str]) -> tuple[Excerpt, dict[str, tuple[FileDiff, tuple[Definition, ...]]]]:
    files = [diff_of(before, after, f"{number}.py") for number, (before, after) in enumerate(sides)]
    outlines = {
        file.path: (unfold_file(file, after.encode()), outline_file(file.path, after.encode()))
        for file, (_, after) in zip(files, sides, strict=True)
    }
    return fit_excerpt(files, PLENTY), outlines


def rendered(excerpt: Excerpt) -> str:
    rows = list[str]()
    for part in excerpt.parts:
        rows.append(render_file_rows(part.file))
        for hunk in part.wide or part.hunks:
            rows += [render_hunk_row(hunk), *render_line_rows(hunk)]
    return "\n".join(rows)


def added_rows(excerpt: Excerpt) -> int:
    return excerpt.lines - sum(len(hunk.rows) for part in excerpt.parts for hunk in part.hunks)


LONG = function("f", 101)
MANY = [(LONG, change(LONG, "f = 50"))] * 5


def test_an_excerpt_gains_wide_hunks_and_covers_what_it_covered() -> None:
    excerpt, outlines = excerpt_of((TWO, change(TWO, "f = 10")), (TWO, TWO.replace("import os", "import re")))

    wide = widen_excerpt(excerpt, outlines, PLENTY)

    first, second = wide.parts
    assert first.wide is not None
    assert new_lines(first.wide) == [(4, 23)]
    assert second.wide is None, "nothing was added"
    assert wide.lines == excerpt.lines + added_rows(wide)
    assert [entry.shown_changed_lines for entry in wide.compute_coverage()] == [2, 2]
    assert [entry.shown for entry in wide.compute_coverage()] == [((4, 23),), excerpt.compute_coverage()[1].shown]
    assert wide.omissions == excerpt.omissions


def test_a_file_without_an_outline_is_not_widened() -> None:
    excerpt, _ = excerpt_of((TWO, change(TWO, "f = 10")))

    assert widen_excerpt(excerpt, {}, PLENTY) == excerpt


def test_a_small_excerpt_gains_at_most_the_free_rows() -> None:
    excerpt, outlines = excerpt_of(*MANY)
    assert excerpt.lines * 3 < FREE_ROWS

    wide = widen_excerpt(excerpt, outlines, PLENTY)

    assert [part.wide is not None for part in wide.parts] == [True, True, False, False, False]
    assert FREE_ROWS - 100 < added_rows(wide) <= FREE_ROWS


def test_a_large_excerpt_gains_half_of_its_own_rows() -> None:
    large = "".join(f"x = {number}\n" for number in range(700))
    excerpt, outlines = excerpt_of(*MANY, ("", large))

    wide = widen_excerpt(excerpt, outlines, PLENTY)

    assert added_rows(wide) > FREE_ROWS
    assert excerpt.lines / 2 - 100 < added_rows(wide) <= excerpt.lines / 2


def test_the_worthiest_hunks_are_widened_first() -> None:
    excerpt, outlines = excerpt_of(*MANY)

    wide = widen_excerpt(excerpt, outlines, PLENTY, lambda file, _: {"3.py": 2.0, "1.py": 1.0}.get(file.path, 0.0))

    assert [part.file.path for part in wide.parts if part.wide] == ["1.py", "3.py"]


def test_hunks_of_equal_worth_are_widened_cheapest_first() -> None:
    cheap = function("f", 60)
    excerpt, outlines = excerpt_of(*MANY[:3], (cheap, change(cheap, "f = 50")))

    assert [part.file.path for part in widen_excerpt(excerpt, outlines, PLENTY).parts if part.wide] == ["0.py", "3.py"]


@pytest.mark.parametrize("tokens", range(150, 1_200, 50))
def test_a_widened_excerpt_is_within_its_tokens(tokens: int) -> None:
    excerpt, outlines = excerpt_of(*MANY[:2])
    least = estimate_tokens(rendered(excerpt))

    assert estimate_tokens(rendered(widen_excerpt(excerpt, outlines, Limits(100_000, tokens)))) <= max(tokens, least)


def test_room_for_one_function_shows_one() -> None:
    excerpt, outlines = excerpt_of(*MANY[:2])
    one = widen_excerpt(excerpt, dict([next(iter(outlines.items()))]), PLENTY)

    for tokens, widened_parts in ((estimate_tokens(rendered(one)) + 5, 1), (estimate_tokens(rendered(one)) - 5, 0)):
        wide = widen_excerpt(excerpt, outlines, Limits(100_000, tokens))
        assert sum(part.wide is not None for part in wide.parts) == widened_parts


def test_a_widened_excerpt_is_within_its_lines() -> None:
    excerpt, outlines = excerpt_of(*MANY[:2])

    for lines_more, widened_parts in ((94, 1), (93, 0)):
        wide = widen_excerpt(excerpt, outlines, Limits(excerpt.lines + lines_more, 1_000_000))
        assert sum(part.wide is not None for part in wide.parts) == widened_parts
