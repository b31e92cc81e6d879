"""Folded is what says nothing new, and nothing else: in doubt a line is shown."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk
from iquest_review.excerpt.folding import fold_hunks
from iquest_review.excerpt.numbered_rows import FoldedHunk, MarkedHunk, MovedBlock, render_hunk_row, render_line_rows
from tests.support.prompts import added, deleted, diffs, hunk, modified

BLOCK = ["total = sum(items)", "if total > limit:", "    raise TooMuch(total)"]


def folds(*files: FileDiff) -> list[tuple[str, int, str | None]]:
    """What is folded: the path, how many lines, and where they went."""
    return [
        (files[at].path, piece.changed_lines, piece.other)
        for (at, _), pieces in sorted(fold_hunks(files).items())
        for piece in pieces
        if isinstance(piece, FoldedHunk)
    ]


def gone(path: str, *lines: str) -> FileDiff:
    return modified(path, hunk(" before", *(f"-{line}" for line in lines), " after", old=10, new=10))


def come(path: str, *lines: str) -> FileDiff:
    return modified(path, hunk(" above", *(f"+{line}" for line in lines), " below", old=90, new=90))


# --- white space ---


@pytest.mark.parametrize(
    "rows",
    [
        ("-a  b", "+a b"),
        ("-if (x) {\r", "+if (x) {"),
        ("-    return x", "+\treturn x"),
        ("-a", "-b", "+", "+a", "+", "+b"),
        ("+", "+  "),
        ("-", " a"),
        ("-last", "\\ No newline at end of file", "+last"),
    ],
)
def test_a_change_of_white_space_only_is_folded(rows: tuple[str, ...]) -> None:
    file = modified("a.go", hunk(*rows))

    assert folds(file) == [("a.go", file.changed_lines, None)]


@pytest.mark.parametrize(
    "rows",
    [
        ("-a b", "+ab"),
        ("-// a", "-b", "+// a b"),
        ("-// a b", "+// a", "+b"),
        ("-x", " y", "+x"),
        ("-a", "-b", "+b", "+a"),
        ("-a \\", "+a \\ "),
        ("-a", "+a", "+b"),
        ("-a",),
        ("+a",),
    ],
    ids=[
        *("a word that is joined", "code that becomes a comment", "a comment that becomes code", "a line that moves"),
        *("lines that change places", "a line that is no longer continued", "a new line", "removed", "added"),
    ],
)
def test_white_space_with_a_possible_meaning_is_shown(rows: tuple[str, ...]) -> None:
    assert folds(modified("a.c", hunk(*rows))) == []


@pytest.mark.parametrize("path", ["a.py", "a.yaml", "a.yml", "a.haml", "a.pug", "Makefile", "a.mk", "bin/run", "a.md"])
def test_meaningful_indentation_is_shown(path: str) -> None:
    assert folds(modified(path, hunk("-  return x", "+return x"))) == []
    assert folds(modified(path, hunk("-return x  ", "+return x"))) == [(path, 2, None)]


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("a.js", ("-const s = `a\\n", "-b`;", "+const s = `a\\n", "+   b`;")),
        ("a.js", (" const s = `a", "-b", "+   b")),
        ("a.js", ("-b", "+   b", " `;")),
        ("a.java", (' String s = """', "-  a", "+a")),
        ("a.py", (" s = '''", "-a  ", "+a")),
        ("a.php", (" $s = <<<EOT", "-  a", "+a")),
        ("a.tf", (" value = <<-EOF", "-  a", "+a")),
        ("a.cpp", (' s = R"x(', "-  a", "+a")),
        ("a.rs", (' let s = "a', "-b", "+  b")),
        ("a.cs", (' var s = @"a', "-b", "+  b")),
        ("a.c", ('-s = "a  b";', '+s = "a b";')),
        ("a.html", (" <pre>", "-a  b", "+a b")),
        ("a.lua", (" s = [[", "-a", "+ a")),
    ],
)
def test_white_space_that_may_be_part_of_a_text_is_shown(path: str, rows: tuple[str, ...]) -> None:
    assert folds(modified(path, hunk(*rows))) == []


def test_a_text_that_begins_in_the_heading_is_shown() -> None:
    assert folds(modified("a.js", hunk("-a", "+  a", heading="const page = `"))) == []


@pytest.mark.parametrize(
    "rows",
    [
        (" if (a) {", "-b();", "+  b();"),
        ("-if (a)", "-  b();", "-c();", "+\tif (a)", "+\t\tb();", "+\tc();"),
    ],
)
def test_blocks_in_braces_are_folded(rows: tuple[str, ...]) -> None:
    assert len(folds(modified("a.c", hunk(*rows)))) == 1


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("a.c", ('-x  = "a";', '+x = "a";')),
        (
            "a.js",
            ('-ok = /"/.test(s) || f("* .corp") || /"/.test(t)', '+ok = /"/.test(s) || f("*  .corp") || /"/.test(t)'),
        ),
        ("a.js", ("-// see check(); steal()", "+// see check();\r steal()")),
        ("a.c", (" // strip the prefix C:\\", "-", " if (n < 2) return 1;")),
        ("a.c", (" // what now??/", "-", " if (n < 2) return 1;")),
        ("a.rb", ("- =end", "+=end")),
        ("a.rb", ("- __END__", "+__END__")),
        ("a.rb", ("- EOS", "+EOS")),
        ("a.cs", (" using (lease)", "-   a();", "-b();", "+   a();", "+   b();")),
    ],
)
def test_white_space_that_may_decide_what_runs_is_shown(path: str, rows: tuple[str, ...]) -> None:
    assert folds(modified(path, hunk(*rows))) == []


@pytest.mark.parametrize(
    "rows",
    [
        (" if (failed)", "   goto fail;", "-goto fail;", "+  goto fail;"),
        (" if (failed)", "-goto fail;", "+  goto fail;"),
        (" if (failed) // never", "-  goto fail;", "+goto fail;"),
        (" while (a)", "-  b();", "-  c();", "+    b();", "+    c();"),
        (" } else", "   b();", " ", "-c();", "+  c();"),
        ("-if (a)", "+  if (a)", "   b();"),
        (" for (;;)", "-\tb();", "+b();"),
    ],
)
def test_indentation_that_misleads_is_shown(rows: tuple[str, ...]) -> None:
    assert folds(modified("a.c", hunk(*rows))) == []


def test_a_change_of_line_endings_is_named() -> None:
    text = ["s = `", "  if (a)", "", "b"]
    file = modified("a.js", hunk(*(f"-{line}" for line in text), *(f"+{line}\r" for line in text)))
    ((pieces,),) = [fold_hunks([file]).values()]

    assert [render_hunk_row(piece) for piece in pieces] == ["~ 8 lines changed in line endings only"]
    assert folds(modified("a.js", hunk("-`a", "-b", "+`a\r", "+ b\r"))) == []


@pytest.mark.timed
@pytest.mark.parametrize(
    "row",
    ["'\"" * 5_000, '\\"' * 5_000, '"\\"' * 5_000, "/*" * 5_000, "[=" * 5_000, "if (" * 3_000 + " " * 5_000 + ";"],
)
def test_hostile_rows_are_compared_quickly(row: str) -> None:
    file = modified("a.js", hunk(*[f"-{row}"] * 20, *[f"+ {row}"] * 20))
    started = time.process_time()
    fold_hunks([file])

    assert time.process_time() - started < 1


# --- moved ---


def test_a_moved_block_is_folded_at_its_old_place() -> None:
    assert folds(gone("a.py", *BLOCK), come("b.py", *BLOCK)) == [("a.py", 3, "b.py")]
    assert folds(come("b.py", *BLOCK), gone("b.py", *BLOCK)) == [("b.py", 3, "b.py")]


def test_rows_around_a_fold_stay_as_they_were() -> None:
    files = (gone("a.py", "other = 1", *BLOCK, "more = 2"), come("b.py", *BLOCK))
    pieces = fold_hunks(files)[0, 0]

    assert [(piece.old_start, piece.new_start, piece.rows, piece.removed) for piece in pieces] == [
        (10, 10, (b" before", b"-other = 1"), 1),
        (12, 11, tuple(f"-{line}".encode() for line in BLOCK), 3),
        (15, 11, (b"-more = 2", b" after"), 1),
    ]


def test_unchanged_rows_around_a_fold_are_not_shown() -> None:
    pieces = fold_hunks((gone("a.py", *BLOCK), come("b.py", *BLOCK)))[0, 0]

    assert [type(piece) for piece in pieces] == [FoldedHunk]


def test_a_reindented_block_has_not_moved() -> None:
    """Below an `if` without braces it would look to belong to it."""
    deeper = [f"    {line}" for line in BLOCK]

    assert folds(gone("a.js", *BLOCK), come("b.js", *BLOCK)) == [("a.js", 3, "b.js")]
    assert folds(gone("a.js", *BLOCK), come("b.js", *deeper)) == []
    assert folds(gone("a.py", *BLOCK), come("b.py", *deeper)) == []


def test_a_block_has_moved_though_the_line_below_it_is_indented_anew() -> None:
    assert folds(gone("a.js", *BLOCK, "return total"), come("b.js", *BLOCK, "  return total")) == [("a.js", 3, "b.js")]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (gone("a.py", *BLOCK[:2]), come("b.py", *BLOCK[:2])),
        (gone("a.js", "a()", "}", "});", "{"), come("b.js", "a()", "}", "});", "{")),
        (gone("a.py", *BLOCK), come("b.py", BLOCK[0], "new = 1", *BLOCK[1:])),
        (gone("notes.md", *BLOCK), come("b.py", *BLOCK)),
        (gone("tests/test_a.py", *BLOCK), come("b.py", *BLOCK)),
    ],
    ids=["too short", "brackets", "a line in between", "out of a document", "out of a test"],
)
def test_chance_matches_and_former_prose_have_not_moved(source: FileDiff, target: FileDiff) -> None:
    assert folds(source, target) == []


def test_a_moved_block_has_a_mark_with_its_source() -> None:
    target = come("b.py", "new = 1", *BLOCK, "more = 2")
    made = fold_hunks((gone("a.py", *BLOCK), target))
    (piece,) = made[1, 0]

    assert isinstance(piece, MarkedHunk)
    assert piece.moved == (MovedBlock(92, 94, "a.py"),)
    assert (piece.rows, piece.added) == (target.hunks[0].rows, target.added)


def test_within_one_file_the_old_place_and_the_new_one_keep_their_order() -> None:
    pair = [
        hunk(*(f"-{line}" for line in BLOCK), old=10, new=10),
        hunk(*(f"+{line}" for line in BLOCK), old=90, new=87),
    ]
    back = [
        hunk(*(f"+{line}" for line in BLOCK), old=10, new=10),
        hunk(*(f"-{line}" for line in BLOCK), old=90, new=93),
    ]

    assert [type(piece) for pieces in fold_hunks([modified("a.py", *pair)]).values() for piece in pieces] == [
        FoldedHunk,
        MarkedHunk,
    ]
    assert [type(piece) for pieces in fold_hunks([modified("a.py", *back)]).values() for piece in pieces] == [
        MarkedHunk,
        FoldedHunk,
    ]


def test_a_hunk_may_lose_one_block_and_gain_another() -> None:
    other = ["first = load(path)", "second = parse(first)", "third = keep(second)"]
    both = modified("a.py", hunk(*(f"-{line}" for line in BLOCK), *(f"+{line}" for line in other), old=5, new=5))
    old, new = fold_hunks([both, come("b.py", *BLOCK), gone("c.py", *other)])[0, 0]

    assert [type(old), type(new)] == [FoldedHunk, MarkedHunk]
    assert "\n".join(render_line_rows(new)).split("\n")[0] == "~ the next 3 added lines are moved from c.py, unchanged"


def test_a_block_with_a_text_has_not_moved_when_it_is_indented_anew() -> None:
    block = ["const page = `", "one line", "another line", "third`;"]

    assert folds(gone("a.js", *block), come("b.js", *(f"  {line}" for line in block))) == []
    assert folds(gone("a.js", *block), come("b.js", *block)) == [("a.js", 4, "b.js")]


def test_a_mark_is_made_once() -> None:
    files = [gone("a.py", *BLOCK), come("b.py", *BLOCK)]
    once = fold_hunks(files)

    assert fold_hunks([files[0], modified("b.py", *once[1, 0])]) == {}


def test_a_copied_block_is_folded_once() -> None:
    assert folds(gone("a.py", *BLOCK), come("b.py", *BLOCK), come("c.py", *BLOCK)) == [("a.py", 3, "b.py")]
    assert len(folds(gone("a.py", *BLOCK), gone("c.py", *BLOCK), come("b.py", *BLOCK))) == 1


def test_the_longest_of_several_matches_is_chosen() -> None:
    longer = [*BLOCK, "return total"]

    assert folds(gone("a.py", *BLOCK), gone("c.py", *longer), come("b.py", *longer)) == [("c.py", 4, "b.py")]


def test_a_deleted_file_whose_lines_are_all_elsewhere_is_one_fold() -> None:
    assert folds(deleted("a.py", *BLOCK), added("b.py", "new = 1", *BLOCK)) == [("a.py", 3, "b.py")]


def test_the_mark_of_a_missing_newline_goes_with_its_line() -> None:
    source = modified("a.py", hunk(*(f"-{line}" for line in BLOCK), "\\ No newline at end of file", "+x = 1"))
    pieces = fold_hunks((source, come("b.py", *BLOCK)))[0, 0]

    assert [piece.rows[-1] for piece in pieces] == [b"\\ No newline at end of file", b"+x = 1"]


def test_a_folded_hunk_is_not_folded_again() -> None:
    fold = FoldedHunk(1, 1, "", (b"-a", b"+ a"), 1, 1)

    assert fold_hunks([modified("a.go", fold)]) == {}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(diffs())
def test_the_pieces_of_a_hunk_are_its_changed_lines_in_order(diff: Diff) -> None:
    for (at, number), pieces in fold_hunks(diff.files).items():
        own = diff.files[at].hunks[number]
        rows = [row for piece in pieces for row in piece.rows if row[:1] in (b"+", b"-")]

        assert rows == [row for row in own.rows if row[:1] in (b"+", b"-")]
        assert sum(piece.changed_lines for piece in pieces) == own.changed_lines


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["aaa = 1", "bbb = 2", "ccc = 3", "}", ""]), max_size=30), st.integers(0, 5))
def test_no_line_is_folded_that_is_not_added_somewhere(block: list[str], cut: int) -> None:
    files = (gone("a.py", *block), come("b.py", *block[cut:]))

    assert sum(lines for _, lines, other in folds(*files) if other) <= len(block[cut:])


@pytest.mark.timed
@pytest.mark.parametrize(
    "rows",
    [["    value = compute(previous)", "};"] * 30_000, ["same()"] * 60_000, ["a = 1", *["}"] * 50] * 1_200],
    ids=["two lines", "one line", "brackets"],
)
def test_lines_that_repeat_take_no_time(rows: list[str]) -> None:
    files = [
        FileDiff(f"{at}.js", f"{at}.js", FileStatus.MODIFIED, (Hunk(1, 1, "", tuple(made), *counts),))
        for at, (made, counts) in enumerate(
            [
                ([f"-{row}".encode() for row in rows], (0, len(rows))),
                ([f"+{row}".encode() for row in rows], (len(rows), 0)),
            ]
        )
    ]
    started = time.process_time()
    fold_hunks(files)

    assert time.process_time() - started < 2
