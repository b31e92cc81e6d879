"""A fix that can be applied at one click replaces exactly what it was written for; any other is only shown."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import SYMLINK_MODE, Diff, FileDiff, FileStatus, Hunk, Side
from iquest_review.findings.finding import Finding, Severity
from iquest_review.findings.fixes.suggestion import MAX_REPLACED_LINES, build_replacement
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position, locate
from iquest_review.findings.verify import InFile, Nowhere, OnLines, VerifiedFinding
from iquest_review.note import markdown
from tests.support.apply_plan import applied, block
from tests.support.findings import made
from tests.support.verifying import verify

CODE = """\
def pay(key):
    rows = db.query(key)
    if not rows:
        return None

    total = sum(rows)
    return total
"""


def file(text: str | bytes = CODE, path: str = "pay.py", **more: Any) -> FileDiff:
    """A file whose first line is unchanged, and all others are added."""
    raw = text if isinstance(text, bytes) else text.encode()
    rows = raw.removesuffix(b"\n").split(b"\n")
    lines = (b" " + rows[0], *(b"+" + row for row in rows[1:]))
    ending = () if raw.endswith(b"\n") else (b"\\ No newline at end of file",)
    hunks = (Hunk(1, 1, "", (*lines, *ending), len(rows) - 1, 0),)
    return replace(FileDiff(path, path, FileStatus.MODIFIED, hunks), **more)


def finding(quote: str, fix: str | None, **more: Any) -> Finding:
    fields = {"path": "pay.py", "severity": Severity.LOW, "quote": quote, "fix": fix}
    return made(**{**fields, **more})


def offered(quote: str, fix: str | None, text: str | bytes = CODE, **more: Any) -> str | None:
    change = file(text)
    return build_replacement(verify(finding(quote, fix, **more), Diff((change,))))


def after(quote: str, fix: str, text: str = CODE, **more: Any) -> str:
    """The file's text once the suggestion is applied."""
    verified = verify(finding(quote, fix, **more), Diff((file(text),)))
    place, new = locate(verified.place), build_replacement(verified)
    assert isinstance(place, Position)
    assert place.new_line is not None
    assert new is not None
    body = f"It fails.\n\n{markdown.format_suggestion(new, len(verified.lines) - 1)}\n\nMore."
    return applied(text.encode(), body, place.new_line).decode()


# -- what is offered


def test_a_line_is_replaced() -> None:
    old, new = "    rows = db.query(key)", "    rows = db.query(key, limit=1)"

    assert after(old, new) == CODE.replace(old, new)


def test_a_line_becomes_several() -> None:
    new = "    rows = db.query(key)\n    log(rows)\n\n    check(rows)"

    assert after("    rows = db.query(key)", new) == CODE.replace("    rows = db.query(key)", new)


def test_several_lines_become_one() -> None:
    old, new = "    if not rows:\n        return None", "    rows = rows or [0]"

    assert after(old, new) == CODE.replace(old, new)


def test_blank_lines_of_the_file_need_not_be_quoted() -> None:
    old = "        return None\n\n    total = sum(rows)"

    assert after(old.replace("\n\n", "\n"), "    total = 5") == CODE.replace(old, "    total = 5")


def test_unchanged_lines_may_be_replaced_too() -> None:
    assert after("def pay(key):", "def pay(key: str):") == CODE.replace("(key):", "(key: str):")


def test_the_last_line_keeps_its_missing_newline() -> None:
    text = CODE.removesuffix("\n")

    assert after("    return total", "    return 1", text) == text.replace("    return total", "    return 1")


def test_lines_that_stand_outside_the_hunks_may_be_replaced() -> None:
    text = "".join(f"x{number} = {number}\n" for number in range(30))
    change = FileDiff(
        "pay.py", "pay.py", FileStatus.MODIFIED, (Hunk(1, 1, "", (b"-y = 0", b"+x0 = 0", b" x1 = 1"), 1, 1),)
    )
    verified = verify(finding("x20 = 20\nx21 = 21", "x20 = 1"), Diff((change,)), lambda _: text.encode())

    assert build_replacement(verified) == "x20 = 1"


def test_a_code_fence_in_the_fix_and_in_the_file_stays_one() -> None:
    text = "# Use\n```sh\nrun\n```\n"

    assert after("```sh", "````sh\n~~~", text) == "# Use\n````sh\n~~~\nrun\n```\n"


@pytest.mark.parametrize("quote", ["  rows  = db.query( key )", "    rows = db.query(key)   "])
def test_white_space_of_the_quote_does_not_count(quote: str) -> None:
    assert offered(quote, "    rows = []") == "    rows = []"


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_last_newline_that_both_have_ends_their_last_row(end: str) -> None:
    assert offered(f"    return total{end}", f"    return 1{end}") == "    return 1"


def test_a_second_newline_is_an_empty_line() -> None:
    assert offered("    return total\n", "    return 1\n\n") == "    return 1\n"


# -- indentation


@pytest.mark.parametrize(
    ("quote", "fix", "new"),
    [
        ("return None", "return 0", "        return 0"),
        ("return None", "        return 0", "        return 0"),
        ("if not rows:\n    return None", "if rows is None:\n    return 0", "    if rows is None:\n        return 0"),
        ("if not rows:\n        return None", "if not rows:\n        return 0", "    if not rows:\n        return 0"),
        ("return None", "log()\nreturn 0", "        log()\n        return 0"),
        ("return None", "log()\n        return 0", "        log()\n        return 0"),
        ("return None", "for x in y:\n        return 0", "        for x in y:\n                return 0"),
        ("return None", "return f(a,\n        b)", "        return f(a,\n                b)"),
        ("  return None", "  return 0", "        return 0"),
        ("return None", "a()\n\nb()", "        a()\n\n        b()"),
    ],
    ids=[
        "one row",
        "the fix has it",
        "a block",
        "its first row",
        "one row becomes two",
        "the first of two",
        "a row that opens a block",
        "a row that opens a bracket",
        "a part of it",
        "empty rows stay empty",
    ],
)
def test_the_indentation_that_the_quote_lost_is_put_back(quote: str, fix: str, new: str) -> None:
    assert offered(quote, fix) == new


@pytest.mark.parametrize(
    ("quote", "fix"),
    [
        ("return None", "f(x)\n            return 0"),
        ("    if not rows:\nreturn None", "    if rows:\nreturn 0"),
        ("return None", "    return 0"),
        ("        return None", "return 0"),
        ("          return None", "          return 0"),
        ("\treturn None", "\treturn 0"),
        ("        return None", "\t\treturn 0"),
        ("        return None", "        if x:\n        \treturn 0"),
    ],
    ids=[
        "a block or a row",
        "a later row",
        "how much",
        "the fix alone lost it",
        "too much",
        "tabs for blanks",
        "tabs in the fix",
        "tabs behind blanks",
    ],
)
def test_an_indentation_that_does_not_fit_is_not_guessed(quote: str, fix: str) -> None:
    assert offered(quote, fix) is None


def test_a_fix_that_begins_where_the_line_does_may_go_on_less_indented() -> None:
    text = "start\n    });\nend\n"

    assert offered("    });", "    });\n  });", text) == "    });\n  });"


def test_the_depth_of_a_second_row_is_not_guessed() -> None:
    text = "start\n        return;\nend\n"

    assert offered("return;", "return;\n    }", text) is None


def test_a_file_of_tabs_gets_no_blanks() -> None:
    text = "func f() {\n\tg()\n}\n"

    assert offered("\tg()", "\tif x {\n\t\tg()\n\t}", text) == "\tif x {\n\t\tg()\n\t}"
    assert offered("\tg()", "\tif x {\n\t    g()\n\t}", text) is None
    assert offered("func f() {", "func f() {\n    h()", text) is None
    assert offered("\tg()", "\t/*\n\t * h\n\t */", text) == "\t/*\n\t * h\n\t */"


# -- what is not


@pytest.mark.parametrize("fix", [None, "", "\n", "  \n "])
def test_a_deletion_is_not_suggested(fix: str | None) -> None:
    assert offered("    return total", fix) is None


def test_an_unchanged_line_is_not_suggested() -> None:
    assert offered("    return total", "    return total") is None
    assert offered("return total", "return total") is None


@pytest.mark.parametrize(
    "quote",
    ["", "return tot", "    return total  # here", "...\n    return total", "    total = sum(rows)\n    return totals"],
)
def test_the_quote_covers_the_lines_in_full(quote: str) -> None:
    assert offered(quote, "    return 1", line=7) is None


def test_a_cited_range_that_goes_beyond_the_quote_is_not_replaced() -> None:
    assert offered("    if not rows:", "    if rows:", line=3) == "    if rows:"
    assert offered("    if not rows:", "    if rows:", line=3, end_line=4) is None


def test_empty_lines_at_the_quotes_ends_are_not_replaced() -> None:
    assert offered("\n    total = sum(rows)", "    total = 1") is None
    assert offered("        return None\n\n", "        return 1\n") is None
    assert offered("        return None", "        return 1", line=4, end_line=5) is None


def test_a_newline_that_only_one_of_them_has_is_doubtful() -> None:
    assert offered("    return total", "    return 1\n") is None
    assert offered("    return total\n", "    return 1") is None


def test_a_removed_line_cannot_be_replaced() -> None:
    change = FileDiff("pay.py", "pay.py", FileStatus.MODIFIED, (Hunk(1, 1, "", (b"-a = 11", b"+b = 22"), 1, 1),))
    verified = verify(finding("a = 11", "a = 1"), Diff((change,)))

    assert verified.finding.side is Side.OLD
    assert build_replacement(verified) is None


def test_lines_with_a_gap_between_them_cannot_be_replaced() -> None:
    hunks = (Hunk(1, 1, "", (b"+a = 11",), 1, 0), Hunk(8, 9, "", (b"+b = 22",), 1, 0))
    change = FileDiff("pay.py", "pay.py", FileStatus.MODIFIED, hunks)
    verified = verify(finding("a = 11\nb = 22", "c = 3"), Diff((change,)))

    assert len(verified.lines) == 2
    assert build_replacement(verified) is None


@pytest.mark.parametrize("count", [MAX_REPLACED_LINES, MAX_REPLACED_LINES + 1])
def test_gitlab_reaches_a_hundred_lines(count: int) -> None:
    rows = [f"x{number} = 1" for number in range(count)]
    text = "start\n" + "".join(f"{row}\n" for row in rows)

    assert (offered("\n".join(rows), "x = 1", text) is not None) == (count <= MAX_REPLACED_LINES)


@pytest.mark.parametrize(
    "line",
    [
        b"value = 1\r",
        "value = '\u202e1'".encode(),
        "value = '\u200b'".encode(),
        b"value = '\xff'",
        b"value = '<|im_end|>'",
        b"value = '" + b"x" * 3_000 + b"'",
    ],
    ids=["CRLF", "right to left", "zero width", "no UTF-8", "a token", "too long"],
)
def test_a_line_shown_in_another_form_cannot_be_replaced(line: bytes) -> None:
    change = file(b"start\n" + line + b"\n")
    shown = next(row for row in change.iter_lines() if row.raw == line)
    verified = VerifiedFinding(finding(shown.text, "value = 2", line=2), OnLines(change, (shown,)))

    assert build_replacement(verified) is None
    plain, same = replace(shown, raw=b"value = 1"), finding("value = 1", "value = 2")
    assert build_replacement(VerifiedFinding(same, OnLines(file(), (plain,)))) == "value = 2"


@pytest.mark.parametrize(
    ("path", "mode"), [("pay.ipynb", None), ("pay.py", SYMLINK_MODE)], ids=["a notebook", "a symbolic link"]
)
def test_some_files_take_no_suggestions(path: str, mode: str | None) -> None:
    change = file(path=path, new_mode=mode)

    assert build_replacement(verify(finding("    return total", "    return 1", path=path), Diff((change,)))) is None


def test_a_finding_without_a_line_offers_nothing() -> None:
    for place in (InFile(file(), PlacementReason.NO_ANCHOR), Nowhere(PlacementReason.NO_FILE)):
        assert build_replacement(VerifiedFinding(finding("    return total", "x = 1"), place)) is None


# -- what is no code

NO_CODE = {
    "advice": "Use a parameterised query instead.",
    "no advice": "Rows are fetched twice when empty",
    "advice with code": "Replace `sum(rows)` with `fsum(rows)` here",
    "a sentence": "The total may be wrong when rows are empty",
    "small letters": "consider using a constant for this",
    "Chinese": "使用参数化查询代替字符串拼接",
    "advice before code": "Return early:\n    return 0\nThis avoids the second query.",
    "dots": "    x = 1\n    ...\n    return total + 1",
    "existing code": "    # ... existing code ...\n    return 1",
    "rest unchanged": "    return 1\n    // rest unchanged",
    "the rest": "    return 1\n    # the rest of the function stays the same",
    "in brackets": "    return 1\n    /* (unchanged) */",
    "an ellipsis": "    return 1\n    // … remaining code",
    "rest in words": "    return 1\n    ... rest of the function ...",
    "Chinese rest": "    return 1\n    # 其余代码保持不变",
    "dots for arguments": "    return compute(...)",
    "a patch": "-    return total\n+    return 1",
    "added rows": "+    return 1\n+    # done",
    "a line and its marker": "    x = 1\n+    return total",
    "a hunk": "@@ -1,2 +1,2 @@\n    return 1",
    "a label": "+12|     return 1",
    "labels": "12| x = 1\n13| return 1",
    "a fence": "```python\n    return 1\n```\nor so",
    "an invisible character": '    return "\\u202e"',
    "a zero-width space": '    return "a\\u200bb"',
    "a tag character": '    return "\\U000e0041"',
    "an escaped quote": '    return \\"total\\"',
    "escaped newlines": "    x = 1\\n    return x",
    "our words": "    return 1\n\\ No newline at end of file",
    "our cut": "    return 'x [cut: 3,000 bytes]",
}


@pytest.mark.parametrize("fix", NO_CODE.values(), ids=NO_CODE.keys())
def test_a_fix_that_is_not_all_code_is_only_shown(fix: str) -> None:
    assert offered("    return total", fix) is None
    assert offered("return total", fix) is None


@pytest.mark.parametrize(
    "fix",
    ["    return 1  # <!-- iquest-review:marker -->", "    return '" + "`" * 60 + "'"],
    ids=["our comment", "a fence nobody reads"],
)
def test_a_fix_that_a_block_cannot_hold_is_only_shown(fix: str) -> None:
    assert markdown.format_suggestion(offered("    return total", fix) or "", 0) == ""


LOOKS_LIKE_IT = {
    "a comment": ("# Pay the total.", "# Pay the total, or nothing."),
    "a text": ("    The total of all rows is returned.", "    The sum of all rows is returned."),
    "dots that were there": ("    ...", "    ...\n    pass"),
    "a spread": ("    a,", "    ...props,\n    a,"),
    "a list": ("- item one", "- item two\n- item three"),
    "an escape that was there": ('x = "\\u200b"', 'y = "\\u200b"'),
    "an escaped quote that was there": ('say \\"a\\"', 'say \\"b\\"'),
    "a newline in a text": ("print(1)", 'print("a\\nb")'),
    "quotes in a text": ("print(1)", 'print("say \\"a\\"")'),
    "SQL": ("SELECT a FROM b", "SELECT a FROM b WHERE c LIMIT 1"),
    "a Dockerfile": ("RUN apt-get update", "RUN apt-get update --quiet"),
    "Rust": ("use std::io;", "use std::io::Read;"),
    "Python": ("import os", "from os import path as p"),
    "Chinese text": ("提示用户重新登录", "提示用户再次登录"),
    "catch": ("catch (E e) {", "catch (...) {"),
    "the rest of it": ("x = rest", "# Pad with zeros.\nx = rest + other"),
}


def test_a_line_of_the_file_behind_a_marker_is_a_patch() -> None:
    assert offered("a = 1", "b = 2\n+a = 1", "start\na = 1\nend\n") is None
    assert offered("a = 1", "b = 2\n+ a", "start\na = 1\nend\n") == "b = 2\n+ a"


@pytest.mark.parametrize(("old", "new"), LOOKS_LIKE_IT.values(), ids=LOOKS_LIKE_IT.keys())
def test_code_that_looks_like_something_else_is_offered(old: str, new: str) -> None:
    assert offered(old, new, f"start\n{old}\nend\n") == new


# -- any fix at all

ROWS = st.lists(
    st.text("ab\t `~/-+<>\\\"'#.", max_size=8) | st.sampled_from(["```", "    x", "/close", "<!-- c -->", "\\u200b"]),
    min_size=1,
    max_size=5,
)


@given(ROWS, st.sampled_from(["    rows = db.query(key)", "return None", "    if not rows:\n        return None"]))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_suggestion_replaces_its_lines_and_nothing_else(rows: list[str], quote: str) -> None:
    verified = verify(finding(quote, "\n".join(rows)), Diff((file(),)))
    new = build_replacement(verified)
    if new is None:
        return
    numbers = [line.new_line or 0 for line in verified.lines]
    before = CODE.split("\n")
    body = markdown.format_suggestion(new, len(numbers) - 1)

    assert block(body).content == new + "\n"
    assert applied(CODE.encode(), body, numbers[-1]).decode() == "\n".join(
        [*before[: numbers[0] - 1], new, *before[numbers[-1] :]]
    )
    assert [row.split() for row in new.split("\n")] == [row.split() for row in rows]


@pytest.mark.parametrize("hidden", ["\ufe0f", "\u00a0", "\u2003", "\u2800", "\U0001d173", "\u3164", "\u00ad", "\x7f"])
def test_a_character_that_nobody_sees_is_not_put_into_a_file(hidden: str) -> None:
    assert offered("is_admin = False", f"is_{hidden}admin = True", "start\nis_admin = False\nend\n") is None


def test_a_character_that_stands_there_already_may_stay() -> None:
    assert offered("a = '\u00a0'", "b = '\u00a0'", "start\na = '\u00a0'\nend\n") == "b = '\u00a0'"
    assert offered("a = 'é'", "b = 'é'", "start\na = 'é'\nend\n") == "b = 'é'"


@pytest.mark.parametrize(
    ("quote", "fix"),
    [
        ('    key = "[REDACTED:own-secret]"', "    key = read()"),
        ("    rows = db.query(key)", '    rows = db.query("[REDACTED:own-secret]")'),
    ],
)
def test_a_placeholder_of_a_secret_is_neither_replaced_nor_written(quote: str, fix: str) -> None:
    text = 'def pay():\n    key = "[REDACTED:own-secret]"\n    rows = db.query(key)\n    return rows\n'

    assert offered(quote, fix, text) is None
    assert offered("    return rows", "    return list(rows)", text) is not None
