"""A finding stands where its quote stands: numbers, paths and sides are corrected, and what is not there is demoted."""

import random
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk, Line, LineKind, Side
from iquest_review.excerpt.numbered_rows import render_path
from iquest_review.findings.finding import Finding
from iquest_review.findings.indexed import IndexedDiff
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.verify import InFile, Nowhere, OnLines, VerifiedFinding
from iquest_review.text import shorten_to_line
from tests.support.findings import made
from tests.support.verifying import verify

PATCH = r"""diff --git a/src/pay.py b/src/pay.py
index 1111111..2222222 100644
--- a/src/pay.py
+++ b/src/pay.py
@@ -10,5 +10,7 @@ def pay(key):
 def pay(key):
-    rows = db.query(key)
+    rows = db.query("select * from t where id = '%s'" % key)
+    if not rows:
+        return None
     total = sum(rows)
-    print(total)
+    log.info("%s", total)
     return total
@@ -40,4 +42,5 @@ def refund(key):
 def refund(key):
+    if not rows:
+        return None
     total = -sum(rows)
-    check(total)
     return total
diff --git a/src/old_name.py b/src/new_name.py
similarity index 90%
rename from src/old_name.py
rename to src/new_name.py
--- a/src/old_name.py
+++ b/src/new_name.py
@@ -1,3 +1,3 @@
 import os
-import sys
+import json
 import re
diff --git a/lib/gone.py b/lib/gone.py
deleted file mode 100644
--- a/lib/gone.py
+++ /dev/null
@@ -1,2 +0,0 @@
-def gone():
-    return os.environ["TOKEN"]
"""
DIFF = patch.parse_patch(PATCH.encode())
PAY = Diff(DIFF.files[:1])


def finding(**fields: Any) -> Finding:
    return made(**{"path": "src/pay.py", **fields})


def place(diff: Diff | IndexedDiff = DIFF, **fields: Any) -> tuple[str, int | None, Side]:
    verified = verify(finding(**fields), diff)
    assert verified.problem is None, verified
    return verified.finding.path, verified.finding.line, verified.finding.side


def problem(diff: Diff | IndexedDiff = DIFF, **fields: Any) -> str | None:
    verified = verify(finding(**fields), diff)
    assert verified.finding.line is None
    assert verified.finding.end_line is None
    return verified.problem


# -- quotes


def test_a_right_finding_is_left_as_it_is() -> None:
    right = finding(line=12, quote="    if not rows:")

    line = Line(LineKind.ADDED, None, 12, b"    if not rows:")
    assert verify(right, DIFF) == VerifiedFinding(right, OnLines(DIFF.files[0], (line,), twins=(43,)))


@pytest.mark.parametrize("number", [None, 1, 11, 13, 999])
def test_the_quote_wins_over_the_number(number: int | None) -> None:
    assert place(line=number, quote='    log.info("%s", total)') == ("src/pay.py", 15, Side.NEW)


def test_white_space_does_not_count() -> None:
    for quote in (
        "log.info('%s',\ttotal)".replace("'", '"'),
        '  log.info( "%s" , total )  ',
        'log.info("%s", total)\r\n',
    ):
        assert place(line=3, quote=quote)[1] == 15


@pytest.mark.parametrize(("number", "line"), [(10, 12), (12, 12), (20, 12), (40, 43), (43, 43), (900, 43), (None, 12)])
def test_of_lines_of_the_same_text_the_nearest_is_meant(number: int | None, line: int) -> None:
    assert place(line=number, quote="if not rows:")[1] == line


@pytest.mark.parametrize("number", [1, 12, 43, 900])
def test_all_rows_of_a_quote_count_before_the_number(number: int) -> None:
    assert place(line=number, quote="if not rows:\n    return None\ntotal = -sum(rows)")[1] == 43
    assert place(line=number, quote="if not rows:\n\n    return None\n\ntotal = sum(rows)")[1] == 12


def test_a_quote_of_several_rows_is_a_range() -> None:
    verified = verify(finding(line=12, quote="if not rows:\n    return None"), DIFF)

    assert (verified.finding.line, verified.finding.end_line) == (12, 13)


def test_a_range_goes_as_far_as_the_quote_stands_there() -> None:
    verified = verify(finding(line=12, quote="if not rows:\n    return 5"), DIFF)

    assert (verified.finding.line, verified.finding.end_line) == (12, None)


def test_rows_before_the_quoted_code_are_passed_over() -> None:
    for quote in ('...\nlog.info("%s", total)', '@@ def pay(key):\nlog.info("%s", total)'):
        assert place(line=1, quote=quote)[1] == 15


def test_the_printed_label_of_a_row_is_no_part_of_the_quote() -> None:
    for quote in ('+15|     log.info("%s", total)', '15| log.info("%s", total)', '+    log.info("%s", total)'):
        assert place(line=1, quote=quote)[1] == 15
    assert place(line=1, quote="-13|     print(total)") == ("src/pay.py", 13, Side.OLD)


def test_escapes_that_were_lost_or_added_do_not_count() -> None:
    for quote in (r"log.info(\"%s\", total)", "log.info('%s', total)", '`log.info("%s", total)`'):
        assert place(line=1, quote=quote)[1] == 15


def test_a_part_of_a_line_is_known_when_no_other_line_has_it() -> None:
    assert place(line=None, quote="select * from t")[1] == 11
    assert problem(quote="key") == PlacementReason.NO_QUOTE  # too short to know a line by
    assert problem(quote="rows)") == PlacementReason.NO_QUOTE


def test_a_part_of_several_lines_is_the_nearest_and_none_without_a_number() -> None:
    assert place(line=44, quote="= -sum(ro")[1] == 45
    assert place(line=12, quote="return N")[1] == 13
    assert problem(line=None, quote="return N") == PlacementReason.NO_QUOTE


def test_rows_run_together_are_known_by_the_first() -> None:
    assert place(line=12, quote='log.info("%s", total) return total')[1] == 15


def test_a_misquoted_line_is_believed_where_the_number_says_so_too() -> None:
    assert place(line=15, quote='log.info("%d", totals)')[1] == 15
    assert problem(line=12, quote='log.info("%d", totals)') == PlacementReason.NO_QUOTE


def test_an_invented_quote_is_demoted_though_its_line_is_there() -> None:
    assert problem(line=12, quote="os.system(user_input)") == PlacementReason.NO_QUOTE


def test_a_demoted_finding_keeps_its_file_and_words() -> None:
    demoted = verify(finding(line=12, end_line=14, quote="os.system(user_input)"), DIFF).finding

    assert (demoted.path, demoted.description, demoted.quote) == ("src/pay.py", "It fails.", "os.system(user_input)")


# -- indentation, and slips


TWINS = """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,2 +1,8 @@
 def f(a):
+    if a:
+        close()
+    close()
+    # the next one is deeper
+        close()
+    return open_everything(a)
 end
"""


@pytest.mark.parametrize(
    ("quote", "number", "line"),
    [
        ("    close()", 1, 4),
        ("        close()", 5, 6),
        ("        close()", 1, 3),
        ("    close()", 6, 6),
        ("close()", 5, 4),
        ("\tclose()", 2, 3),
    ],
    ids=["shallow", "deep", "deep too", "the number says so", "stripped", "in tabs"],
)
def test_a_quotes_indentation_decides_between_equal_lines(quote: str, number: int, line: int) -> None:
    assert place(patch.parse_patch(TWINS.encode()), path="a.py", line=number, quote=quote)[1] == line


def test_a_quote_with_a_slip_is_known_wherever_it_stands() -> None:
    diff = patch.parse_patch(TWINS.encode())

    for quote in ("return open_everyting(a)", "    return opn_everything(a)", "return open_everything(a);"):
        assert place(diff, path="a.py", line=1, quote=quote)[1] == 7
        assert place(diff, path="a.py", line=None, quote=quote)[1] == 7
    assert problem(diff, path="a.py", line=1, quote="return close_nothing(a)") == PlacementReason.NO_QUOTE


def test_of_lines_nearly_alike_the_one_most_alike_is_meant() -> None:
    diff = Diff((changed("a.py", "first_value = compute(1)", "first_values = compute(12)", "x = 1"),))

    assert place(diff, path="a.py", line=1, quote="first_values = compte(12)")[1] == 2
    assert place(diff, path="a.py", line=3, quote="first_value = compte(1)")[1] == 1


def test_a_quote_that_begins_with_a_line_goes_on_with_the_next() -> None:
    diff = Diff((changed("a.go", "x := compute(1)", "y := compute(2)"),))

    assert place(diff, path="a.go", line=2, quote="x := compute(1) y := compute(2) z := compute(3)")[1] == 1
    assert (
        problem(diff, path="a.go", line=2, quote="x := compute(1) || something.else.altogether()")
        == PlacementReason.NO_QUOTE
    )


def test_a_short_word_that_a_quote_begins_with_is_not_its_line() -> None:
    diff = Diff((changed("a.go", "return", "x := 1"),))

    assert problem(diff, path="a.go", line=2, quote="return parsed.Hostname(), nil") == PlacementReason.NO_QUOTE
    assert problem(diff, path="a.go", line=2, quote="return name") == PlacementReason.NO_QUOTE


# -- outside of the hunks

HEAD = "".join(f"value_{number} = compute({number})\n" for number in range(1, 41)).replace(
    "value_20 = compute(20)", "new"
)
CHANGED = patch.parse_patch(
    b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -19,3 +19,3 @@\n value_19 = compute(19)\n"
    b"-value_20 = compute(20)\n+new\n value_21 = compute(21)\n"
)


class Texts:
    """Gives one text for every path, and remembers who asked."""

    def __init__(self, text: str | None = HEAD) -> None:
        self.text, self.asked = text, list[str]()

    def __call__(self, path: str) -> bytes | None:
        self.asked.append(path)
        return None if self.text is None else self.text.encode()


def outside(quote: str, text: str | None = HEAD, diff: Diff = CHANGED, line: int | None = None) -> VerifiedFinding:
    return verify(finding(path=diff.files[0].path, line=line, quote=quote), diff, Texts(text))


def test_a_quote_that_stands_between_the_hunks_has_its_line() -> None:
    verified = outside("value_30 = compute(30)", line=2)

    assert verified.problem is None
    assert (verified.finding.line, verified.finding.side) == (30, Side.NEW)
    assert verified.lines == (Line(LineKind.CONTEXT, 30, 30, b"value_30 = compute(30)"),)
    assert isinstance(verified.place, OnLines)
    assert verified.lines[0] in tuple(verified.place.file.iter_lines())
    assert verified.lines[0] not in tuple(CHANGED.files[0].iter_lines())


def test_between_the_hunks_a_quote_of_several_rows_is_a_range() -> None:
    verified = outside("  value_5 = compute(5)\n  value_6 = compute(6)")

    assert (verified.finding.line, verified.finding.end_line, len(verified.lines)) == (5, 6, 2)


def test_between_the_hunks_a_part_of_one_line_is_known() -> None:
    assert outside("compute(33)").finding.line == 33
    assert outside("= compute(3").problem == PlacementReason.NO_QUOTE  # of several lines


@pytest.mark.parametrize(
    "quote",
    ["value_5 = compute(5)\nvalue_9 = compute(9)", "value_5 = compute(55)", "v\nvalue_5 = compute(5)", "ue_5", "}"],
    ids=["other rows", "a slip", "a row before", "too short", "nothing"],
)
def test_between_the_hunks_a_quote_is_whole_or_none(quote: str) -> None:
    assert outside(quote, line=5).problem == PlacementReason.NO_QUOTE


def test_of_lines_of_the_same_text_between_the_hunks_the_nearest_is_meant() -> None:
    text = HEAD.replace("value_3 = compute(3)", "same = text(0)").replace("value_38 = compute(38)", "same = text(0)")

    assert outside("same = text(0)", text, line=9).finding.line == 3
    assert outside("same = text(0)", text, line=33).finding.line == 38


def test_the_text_is_asked_for_once_and_only_when_it_is_needed() -> None:
    for quote, number, asked in (
        ("nowhere at all", 5, 1),
        ("value_30 = compute(30)", 5, 1),
        ("value_21 = compute(21)", 5, 0),
        ("", 5, 0),
        ("", None, 0),
        ("}", 5, 0),
    ):
        texts = Texts()
        verify(finding(path="a.py", line=number, quote=quote), CHANGED, texts)
        assert texts.asked == ["a.py"] * asked, quote


def test_a_number_between_the_hunks_is_not_believed() -> None:
    assert outside("", line=30).problem == PlacementReason.NO_LINE


@pytest.mark.parametrize("text", [None, "", HEAD.replace("new", "other"), HEAD.replace("value_1 =", "\nvalue_1 =")])
def test_a_missing_or_outdated_file_places_nothing(text: str | None) -> None:
    assert outside("value_30 = compute(30)", text).problem == PlacementReason.NO_QUOTE


def test_of_several_file_diffs_of_one_path_no_text_is_asked_for() -> None:
    texts, series = Texts(), Diff((changed("a.py", "x = 1"), changed("a.py", "y = 2", start=40)))

    assert (
        verify(finding(path="a.py", quote="value_30 = compute(30)"), series, texts).problem == PlacementReason.NO_QUOTE
    )
    assert texts.asked == []


def test_a_new_file_has_nothing_between_its_hunks() -> None:
    new = Diff((replace(CHANGED.files[0], status=FileStatus.ADDED),))

    assert outside("value_30 = compute(30)", diff=new).problem == PlacementReason.NO_QUOTE


@pytest.mark.timed
def test_many_quotes_that_stand_nowhere_in_a_large_file_are_looked_for_quickly() -> None:
    text = HEAD + "".join(f"other_{number} = compute({number})\n" for number in range(20_000))
    started = time.process_time()

    for number in range(20):
        assert outside(f"invented_{number} = compute(1)", text).problem == PlacementReason.NO_QUOTE
    assert outside("other_7000 = compute(7000)", text).finding.line == 7041
    assert time.process_time() - started < 2


# -- the lines, and the file


def test_the_lines_are_those_of_the_range() -> None:
    verified = verify(finding(line=11, end_line=13), DIFF)

    assert isinstance(verified.place, OnLines)
    assert verified.place.file is DIFF.files[0]
    assert [line.new_line for line in verified.lines] == [11, 12, 13]
    assert [line.kind for line in verified.lines] == [LineKind.ADDED] * 3


def test_the_lines_of_the_old_side_are_removed_ones() -> None:
    verified = verify(finding(path="lib/gone.py", quote='def gone():\nreturn os.environ["TOKEN"]'), DIFF)

    assert [(line.kind, line.old_line) for line in verified.lines] == [(LineKind.REMOVED, 1), (LineKind.REMOVED, 2)]


def test_a_demoted_finding_has_its_file_and_no_lines() -> None:
    for problem_, fields in (
        (PlacementReason.NO_LINE, {"line": 999}),
        (PlacementReason.NO_QUOTE, {"quote": "os.system(x)"}),
        (PlacementReason.NO_ANCHOR, {}),
    ):
        verified = verify(finding(**fields), DIFF)
        assert (verified.place, verified.lines) == (InFile(DIFF.files[0], problem_), ())
    assert verify(finding(path="other.py", line=1), DIFF).place == Nowhere(PlacementReason.NO_FILE)


def test_a_path_with_several_file_diffs_means_the_one_with_the_line() -> None:
    series = Diff((changed("mod.py", "x = 1"), changed("mod.py", "y = 2", start=40)))

    place = verify(finding(path="mod.py", quote="y = 2"), series).place
    assert isinstance(place, OnLines)
    assert place.file is series.files[1]


# -- sides


def test_a_removed_line_is_cited_on_the_old_side() -> None:
    assert place(line=13, quote="    print(total)") == ("src/pay.py", 13, Side.OLD)
    assert place(line=60, quote="check(total)") == ("src/pay.py", 42, Side.OLD)


def indented() -> Diff:
    rows = (b"-a = 1", b"-b = 2", b"-c = 3", b"+if x:", b"+    a = 1", b"+    b = 2", b"+    c = 3")
    return Diff((FileDiff("a.py", "a.py", FileStatus.MODIFIED, (Hunk(10, 10, "", rows, 4, 3),)),))


def test_of_code_that_was_only_indented_the_new_side_is_meant() -> None:
    for number in (1, 13, 14, 50):
        assert place(indented(), path="a.py", line=number, quote="c = 3") == ("a.py", 13, Side.NEW)


def test_of_code_that_was_only_indented_an_exact_number_means_its_side() -> None:
    assert place(indented(), path="a.py", line=10, quote="a = 1") == ("a.py", 10, Side.OLD)
    assert place(indented(), path="a.py", line=11, quote="a = 1") == ("a.py", 11, Side.NEW)


# -- numbers


@pytest.mark.parametrize(("number", "side"), [(10, Side.NEW), (11, Side.NEW), (42, Side.NEW), (46, Side.NEW)])
def test_a_number_without_a_quote_is_believed(number: int, side: Side) -> None:
    assert place(line=number) == ("src/pay.py", number, side)


def test_a_number_that_only_the_old_file_shows_is_a_removed_lines() -> None:
    assert place(path="lib/gone.py", line=2) == ("lib/gone.py", 2, Side.OLD)


@pytest.mark.parametrize("number", [1, 9, 20, 30, 47, 10_000_000])
def test_a_line_outside_the_diff_is_demoted(number: int) -> None:
    assert problem(line=number) == PlacementReason.NO_LINE


def test_a_finding_without_line_and_quote_has_no_place() -> None:
    assert problem() == PlacementReason.NO_ANCHOR
    assert problem(quote=" \n\t") == PlacementReason.NO_ANCHOR


@pytest.mark.parametrize(("end", "kept"), [(13, 13), (16, 16), (17, 16), (43, 16), (11, None), (None, None)])
def test_a_cited_range_ends_where_the_hunk_does(end: int | None, kept: int | None) -> None:
    verified = verify(finding(line=12, end_line=end), DIFF)

    assert (verified.finding.line, verified.finding.end_line) == (12, kept)


def test_a_range_moves_along_with_its_line() -> None:
    verified = verify(finding(line=40, end_line=42, quote="def refund(key):"), DIFF)

    assert (verified.finding.line, verified.finding.end_line) == (42, 44)


# -- paths


@pytest.mark.parametrize(
    "path",
    [
        "src/pay.py",
        "./src/pay.py",
        "a/src/pay.py",
        "b/src/pay.py",
        "/builds/group/project/src/pay.py",
        "project/src/pay.py",
        "pay.py",
        "`src/pay.py`",
        "'src/pay.py'",
        "src\\pay.py",
        "src/pay.py:12",
        "src/pay.py:12-14",
        "src/pay.py#L12",
    ],
)
def test_a_path_is_known_in_the_forms_models_write_it(path: str) -> None:
    assert place(path=path, line=12) == ("src/pay.py", 12, Side.NEW)


@pytest.mark.parametrize("path", ["src/old_name.py", "a/src/old_name.py", "old_name.py", "/x/src/old_name.py"])
def test_the_old_name_of_a_renamed_file_is_its_new_one(path: str) -> None:
    assert place(path=path, line=2, quote="import json") == ("src/new_name.py", 2, Side.NEW)
    assert place(path=path, line=2, quote="import sys") == ("src/new_name.py", 2, Side.OLD)


@pytest.mark.parametrize("path", ["src/other.py", "y.py", "src", "/", "..", "`", ":12", "a/", "src/pay.py.bak"])
def test_a_file_that_is_no_part_of_the_change_is_demoted(path: str) -> None:
    assert problem(path=path, line=12) == PlacementReason.NO_FILE


def changed(path: str, *texts: str, start: int = 1, old: str | None = None) -> FileDiff:
    rows = tuple(b"+" + text.encode() for text in texts)
    return FileDiff(old or path, path, FileStatus.MODIFIED, (Hunk(start, start, "", rows, len(rows), 0),))


def test_of_two_files_of_one_name_the_one_with_the_quote_is_meant() -> None:
    diff = Diff((changed("a/mod.py", "x = 1"), changed("b/mod.py", "y = 2")))

    assert place(diff, path="mod.py", line=1, quote="y = 2")[0] == "b/mod.py"
    assert problem(diff, path="mod.py", line=1) == PlacementReason.NO_FILE


def test_of_files_an_absolute_path_ends_in_the_longest_is_meant() -> None:
    diff = Diff((changed("mod.py", "x = 1"), changed("src/mod.py", "y = 2")))

    assert place(diff, path="/builds/g/p/src/mod.py", line=1)[0] == "src/mod.py"
    assert place(diff, path="/builds/g/p/mod.py", line=1)[0] == "mod.py"


def test_a_folder_called_a_is_no_prefix() -> None:
    diff = Diff((changed("a/mod.py", "x = 1"), changed("mod.py", "y = 2")))

    assert place(diff, path="a/mod.py", line=1)[0] == "a/mod.py"
    assert place(diff, path="a/a/mod.py", line=1)[0] == "a/mod.py"


def test_a_new_name_comes_before_an_old_one() -> None:
    diff = Diff((changed("new.py", "x = 1", old="mod.py"), changed("mod.py", "y = 2")))

    assert place(diff, path="mod.py", line=1)[0] == "mod.py"


@pytest.mark.parametrize("name", ["with  two blanks.py", "naïve.py", "tab\tname.py", "re\u202eversed.py", "<|x|>.py"])
def test_a_path_is_known_as_it_was_shown(name: str) -> None:
    diff = Diff((changed(name, "x = 1"), changed("other.py", "y = 2")))

    assert place(diff, path=shorten_to_line(render_path(name), 1_000), line=1)[0] == name


def test_without_a_path_the_only_file_is_meant() -> None:
    """The seed's form: type, line, description and severity."""
    assert place(PAY, path="", line=12) == ("src/pay.py", 12, Side.NEW)
    assert problem(PAY, path="", line=999) == PlacementReason.NO_LINE


def test_without_a_path_the_quote_says_which_of_several_files() -> None:
    assert place(path="", line=5, quote="import json") == ("src/new_name.py", 2, Side.NEW)
    assert problem(path="", line=12) == PlacementReason.NO_PATH
    assert problem(path="", line=12, quote="nowhere at all") == PlacementReason.NO_PATH
    twins = Diff((changed("one.py", "x = 1"), changed("two.py", "x = 1")))
    assert problem(twins, path="", line=1, quote="x = 1") == PlacementReason.NO_PATH


def test_a_path_of_several_file_diffs_is_looked_up_in_all_of_them() -> None:
    """A series of patches changes one file several times."""
    series = Diff((changed("mod.py", "x = 1"), changed("mod.py", "y = 2", start=40)))

    assert place(series, path="mod.py", line=7, quote="y = 2") == ("mod.py", 40, Side.NEW)
    assert place(series, path="", line=40) == ("mod.py", 40, Side.NEW)


def test_a_file_without_lines_has_no_line() -> None:
    diff = Diff((FileDiff("a.png", "a.png", FileStatus.MODIFIED, binary=True),))

    assert problem(diff, path="a.png", line=1) == PlacementReason.NO_LINE
    assert problem(diff, path="a.png", quote="x = 1") == PlacementReason.NO_QUOTE


def test_an_empty_diff_has_no_files() -> None:
    assert problem(Diff(), path="a.py", line=1) == PlacementReason.NO_FILE
    assert problem(Diff(), path="", line=1) == PlacementReason.NO_PATH


# -- many

WORDS = "if return self value for item in range None data result total count key print open close the of".split()


def random_diff(chance: random.Random) -> Diff:
    rows = []
    for _ in range(chance.randint(40, 200)):
        text = "    " * chance.randint(0, 3) + " ".join(chance.choice(WORDS) for _ in range(chance.randint(2, 8)))
        text = chance.choice(["}", "    return None", "", "else:"]) if chance.random() < 0.1 else text
        rows.append(chance.choice([b" ", b" ", b"+", b"+", b"-"]) + text.encode())
    kinds = [row[:1] for row in rows]
    hunk = Hunk(chance.randint(1, 90), chance.randint(1, 90), "", tuple(rows), kinds.count(b"+"), kinds.count(b"-"))
    return Diff((FileDiff("a.py", "a.py", FileStatus.MODIFIED, (hunk,)),))


def quoted(line: Line, lines: list[Line], rows: int) -> str:
    side = [other for other in lines if (other.new_line if line.side is Side.NEW else other.old_line) is not None]
    at = side.index(line)
    return "\n".join(other.text.strip() for other in side[at : at + rows])


@pytest.mark.parametrize("rows", [1, 3])
def test_a_right_quote_finds_its_line_though_the_number_is_far_off(rows: int) -> None:
    chance, right, tries = random.Random(7), 0, 500
    for _ in range(tries):
        diff = random_diff(chance)
        lines = list(diff.files[0].iter_lines())
        line = chance.choice(
            [line for line in lines if len(line.text.strip()) > 8 and line.text.strip() != "return None"]
        )
        number = max(1, line.number + chance.choice([-1, 1]) * chance.randint(1, 40))
        found = verify(finding(path="a.py", line=number, quote=quoted(line, lines, rows)), diff).finding
        right += (found.line, found.side) == (line.number, line.side)

    assert right >= 0.95 * tries


@pytest.mark.timed
def test_many_findings_on_a_large_diff_are_placed_quickly() -> None:
    rows = tuple(b"+" + f"value_{number % 5_000} = {number % 5_000}".encode() for number in range(50_000))
    file = FileDiff("a.py", "a.py", FileStatus.MODIFIED, (Hunk(1, 1, "", rows, 50_000, 0),))
    diff = IndexedDiff.of(Diff((file,)))
    started = time.process_time()
    for number in range(20):
        assert place(diff, path="a.py", line=20_000 + number, quote=f"value_{number} = {number}")[1] == 20_001 + number
        assert (
            problem(diff, path="a.py", line=1, quote=f"value_{number} = compute({number})") == PlacementReason.NO_QUOTE
        )
    assert problem(diff, path="a.py", line=1, quote="nowhere at all") == PlacementReason.NO_QUOTE

    assert time.process_time() - started < 12  # minutes, were each finding compared with each line


@given(
    st.text(max_size=30) | st.sampled_from(["src/pay.py", "pay.py", "a/", ""]),
    st.none() | st.integers(1, 10_000_000),
    st.none() | st.integers(1, 10_000_000),
    st.text(max_size=60) | st.sampled_from(["return None", "if not rows:\n", "+12|", "-", "\n\n"]),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_finding_stands_on_a_line_of_the_diff_or_says_why_not(
    path: str, line: int | None, end_line: int | None, quote: str
) -> None:
    verified = verify(finding(path=path, line=line, end_line=end_line, quote=quote), DIFF)

    placed = verified.finding
    if verified.problem is not None:
        assert (placed.line, placed.end_line) == (None, None)
        return
    file = DIFF.find_file(placed.path)
    assert file is not None
    numbers = {(shown.side, shown.number) for shown in file.iter_lines()}
    assert (placed.side, placed.line) in numbers
    assert placed.end_line is None or (placed.side, placed.end_line) in numbers
    assert {shown.kind for shown in file.iter_lines() if (shown.side, shown.number) == (Side.OLD, placed.line)} <= {
        LineKind.REMOVED
    }


@pytest.mark.timed
def test_a_hundred_findings_without_a_file_are_looked_for_quickly() -> None:
    patches = [
        f"--- a/m{number}.py\n+++ b/m{number}.py\n@@ -0,0 +1,60 @@\n"
        + "".join(f"+value_{number}_{row} = compute({row})\n" for row in range(60))
        for number in range(300)
    ]
    diff = IndexedDiff.of(patch.parse_patch("".join(patches).encode()))
    nowhere = finding(path="", line=1, quote="this stands nowhere at all")
    elsewhere = finding(path="gone/from.py", line=1, quote="this stands nowhere at all")
    started = time.process_time()

    assert {verify(nowhere, diff).problem for _ in range(100)} == {PlacementReason.NO_PATH}
    assert {verify(elsewhere, diff).problem for _ in range(100)} == {PlacementReason.NO_FILE}
    assert verify(finding(path="", line=None, quote="value_7_9 = compute(9)"), diff).finding.path == "m7.py"
    assert time.process_time() - started < 12  # minutes, were each finding compared with each line
