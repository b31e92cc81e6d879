"""What is read first is where findings lie, and each hunk says why it ranks as it does."""

import time

import pytest
from hypothesis import given, settings

from iquest_review.diff.diff import Diff, FileDiff, Hunk
from iquest_review.excerpt.numbered_rows import MovedBlock, mark_moved_blocks
from iquest_review.excerpt.ranking import RankingContext, build_ranking_context, estimate_score, score_hunk
from tests.support.prompts import added, deleted, diffs, hunk, modified

LOGIC = ("+total = sum(items)", "+report(total)", "+keep(total)")


def value(path: str, *rows: str, among: RankingContext | None = None) -> float:
    file = modified(path, hunk(*rows))
    return score_hunk(file, file.hunks[0], among or build_ranking_context([file])).value


def reasons(path: str, *rows: str) -> tuple[str, ...]:
    file = modified(path, hunk(*rows))
    return score_hunk(file, file.hunks[0], build_ranking_context([file])).reasons


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (("a.py", *LOGIC), ("tests/test_a.py", *LOGIC)),
        (("tests/test_a.py", *LOGIC), ("a.md", *LOGIC)),
        (("a.py", *LOGIC), ("a.json", *LOGIC)),
        (("a.py", *LOGIC), ("src/locales/a.py", *LOGIC)),
        (("a.md", *LOGIC), ("a.svg", *LOGIC)),
        (("a.md", *LOGIC), ("tests/a.ipynb", *LOGIC)),
        (("a.py", *LOGIC), ("a.py", "+import os", "+import re", "+import sys")),
        (("a.py", *LOGIC), ("a.py", "+# one", "+# two", "+# three")),
        (("a.js", "+a();", "+b();"), ("a.js", "+}", "+});")),
        (("a.py", "-if a:", "+if a or b:"), ("a.py", "-c = a", "+c = a + b")),
        (("a.py", "+except ValueError:", "+    retry()"), ("a.py", "+total = first", "+    second()")),
        (("a.js", "+db.query(sql + name)"), ("a.js", "+db.select_one(a, nam)".replace("select_one", "present"))),
        (("a.go", "+func Total(items []int) int {"), ("a.go", "+x := total(items, 1, 2, 3, 4)")),
        (("a.md", "+text"), ("a.py", "-gone = 1")),
        (("a.py", *LOGIC), ("a.py", *LOGIC, *[" unchanged = 1"] * 60)),
    ],
    ids=[
        *("code before tests", "tests before documents", "code before data", "code before translations"),
        *("documents before drawings", "documents before notebooks"),
        *("logic before imports", "logic before comments", "words before brackets", "conditions first"),
        *("failures first", "risky calls first", "interfaces first", "removed lines last", "what costs less first"),
    ],
)
def test_the_better_hunk_has_the_higher_value(better: tuple[str, ...], worse: tuple[str, ...]) -> None:
    assert value(*better) > value(*worse)


def test_a_hunk_of_a_small_file_is_worth_more_than_the_same_of_a_large_one() -> None:
    small, large = modified("a.py", hunk(*LOGIC)), modified("b.py", hunk(*LOGIC), hunk(*["+x = y"] * 900, new=50))
    among = build_ranking_context([small, large])

    assert score_hunk(small, small.hunks[0], among).value > 2 * score_hunk(large, large.hunks[0], among).value
    assert "large file" in score_hunk(large, large.hunks[0], among).reasons


def test_a_few_lines_of_logic_are_a_better_buy_than_a_file_of_two_thousand() -> None:
    small, large = modified("a.py", hunk(*LOGIC)), added("b.py", *["value = compute(other)"] * 2_000)
    among = build_ranking_context([small, large])

    assert score_hunk(small, small.hunks[0], among).value > score_hunk(large, large.hunks[0], among).value


def test_a_repeated_edit_is_worth_less_each_time() -> None:
    once = modified("a.py", hunk("-one(x)", "+two(x)"))
    many = [modified(f"{at}.py", hunk(f"-a{at} = old(b{at})", f"+a{at} = new(b{at})")) for at in range(12)]
    among = build_ranking_context([once, *many])

    assert score_hunk(once, once.hunks[0], among).value > 2 * score_hunk(many[0], many[0].hunks[0], among).value
    assert "repeated edit" in score_hunk(many[0], many[0].hunks[0], among).reasons
    assert "repeated edit" not in score_hunk(once, once.hunks[0], among).reasons


def test_a_table_looks_generated_and_logic_does_not() -> None:
    assert "looks generated" in reasons("a.py", *[f'+    ("name {at}", {at}),' for at in range(20)])
    assert "looks generated" not in reasons("a.py", *[f"+    name_{at} = call({at})" for at in range(20)])


def test_the_past_of_a_file_counts_but_never_more_than_twice() -> None:
    file = modified("a.py", hunk(*LOGIC))
    plain, fixed = (
        score_hunk(file, file.hunks[0], build_ranking_context([file], past)) for past in ({}, {"a.py": (400, 300)})
    )

    assert plain.value < fixed.value <= 2 * plain.value
    assert fixed.reasons == (*plain.reasons, "often fixed")


@pytest.mark.parametrize(
    ("path", "rows", "expected"),
    [
        ("a.py", ("+x = f(y)",), ("code", "new logic")),
        ("tests/test_a.py", ("-x = f(y)", "+x = g(y)"), ("test", "changed logic")),
        ("a.py", ("-if a:", "+if b:"), ("code", "changed logic", "changed condition")),
        ("a.go", ("+if err != nil {",), ("code", "new logic", "error handling")),
        ("a.js", ("+execSync(name)",), ("code", "new logic", "risky call")),
        ("a.java", ("+public int total() {",), ("code", "new logic", "public interface")),
        ("README.md", ("+# Title",), ("not code",)),
        ("docs/a.md", ("-If it fails,", "+If it fails, open a shell and retry."), ("not code",)),
        ("docs/a.md", ("-If it fails, retry.",), ("not code", "only removed")),
        ("tests/golden.txt", ("+return eval(x) if error",), ("test",)),
        ("img/a.svg", ("+<path/>",), ("not code", "generated by its name")),
        ("tests/a.ipynb", ("+return eval(x)",), ("not code", "generated by its name")),
        ("a.js", ("+}",), ("code", "no words")),
        ("a.py", ("-x = 1",), ("code", "only removed")),
        ("gen/a.py", ("+x = f(y)",), ("code", "generated by its name", "new logic")),
    ],
)
def test_reasons_are_short_words(path: str, rows: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert reasons(path, *rows) == expected


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("a.ts", ("+/**", "+ * Adds.", "+ * @param x", "+ */", "+return eval(x);")),
        ("a.java", ("+/**", "+ */", "+eval(x);")),
        ("a.js", ("+/** x */ eval(y);",)),
        ("a.js", ("+ * x */ eval(y);",)),
        ("a.html.js", ("+<!-- x --> eval(y)",)),
        ("a.py", ('+import os; os.system("x")',)),
        ("a.js", ("+import a from 'a'; eval(a)",)),
        ("a.js", ("+import('a').then(eval)",)),
        ("a.js", ("+require('child_process').exec(name)",)),
        ("a.c", ("+*p = malloc(n);",)),
        ("a.rs", ("+use std::fs; unsafe { go() }; x",)),
    ],
)
def test_code_beside_a_comment_or_an_import_is_code(path: str, rows: tuple[str, ...]) -> None:
    assert reasons(path, *rows) == ("code", "new logic", "risky call")


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("a.ts", ("+/**", "+ * Adds eval(x).", "+ *", "+ */")),
        ("a.ts", ("+/** eval(x) */", "+// */ eval(x)")),
        ("a.go", ("+import (", "+// of eval")),
        ("a.js", ("+import a from 'a'; // eval(a)", "+/* b */")),
        ("a.java", ("+import a.b;", "+import c.d;\r")),
        ("a.rb", ("+require 'a'", "+require_relative 'b'")),
    ],
)
def test_comments_and_imports_alone_are_not_code(path: str, rows: tuple[str, ...]) -> None:
    assert reasons(path, *rows) == ("code", "only comments or imports")


def test_lines_that_moved_are_worth_less_than_new_ones_and_say_so() -> None:
    own = hunk(*LOGIC, "+eval(x)")
    file = modified("a.py", own)
    new, partly, moved = (
        score_hunk(file, mark_moved_blocks(own, blocks), build_ranking_context([file]))
        for blocks in ([], [MovedBlock(1, 3, "b.py")], [MovedBlock(1, 4, "b.py")])
    )

    assert new.value > partly.value > moved.value > 0
    assert partly.reasons == ("code", "new logic", "risky call", "moved")
    assert moved.reasons == ("code", "moved")


def test_a_document_that_took_over_a_passage_says_so() -> None:
    file = modified("a.md", mark_moved_blocks(hunk("+Read", "+if it", "+fails."), [MovedBlock(1, 3, "b.md")]))

    assert score_hunk(file, file.hunks[0], build_ranking_context([file])).reasons == ("not code", "moved")


def test_a_deleted_file_says_so() -> None:
    file = deleted("a.py", "x = 1")

    assert score_hunk(file, file.hunks[0], build_ranking_context([file])).reasons == ("code", "deleted file")


def test_a_large_hunk_is_judged_by_its_first_rows() -> None:
    half, whole = (added("a.py", *["value = compute(other)"] * rows) for rows in (400, 800))
    among = RankingContext({"a.py": 800})
    values = [score_hunk(file, file.hunks[0], among).value for file in (half, whole)]

    assert values[1] == pytest.approx(values[0], rel=0.2)


@pytest.mark.timed
@pytest.mark.parametrize("part", ["/**/", "*/", "import ;", "use a;", "<!---->", ");", "from import "])
def test_hostile_rows_are_scored_quickly(part: str) -> None:
    file = added("a.js", *[start + part * 1_000 for start in ("/*", "* ", "import ", "require(")] * 20)
    started = time.process_time()
    score_hunk(file, file.hunks[0], build_ranking_context([file]))

    assert time.process_time() - started < 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(diffs())
def test_every_hunk_has_a_value_and_a_reason_and_both_are_always_the_same(diff: Diff) -> None:
    scores = [
        [score_hunk(file, hunk, build_ranking_context(diff.files)) for file in diff.files for hunk in file.hunks]
        for _ in range(2)
    ]

    assert scores[0] == scores[1]
    assert all(one.value > 0 and one.reasons for one in scores[0])


def test_estimate_score_keeps_the_order_of_kinds_and_sizes() -> None:
    made: list[tuple[FileDiff, Hunk]] = []
    for file in (
        added("a.py", *["value = compute(other)"] * 20),
        added("tests/test_a.py", *["value = compute(other)"] * 20),
        added("b.py", *["value = compute(other)"] * 2_000),
        added("a.md", *["value = compute(other)"] * 20),
        deleted("c.py", *["value = compute(other)"] * 20),
    ):
        made.append((file, file.hunks[0]))
    glances = [estimate_score(file, one, file.changed_lines) for file, one in made]
    scores = [score_hunk(file, one, build_ranking_context([file])).value for file, one in made]

    assert sorted(range(5), key=glances.__getitem__) == sorted(range(5), key=scores.__getitem__)
