"""A fix is offered at one click only where it leaves the file in order; no words of it are lost where it is not."""

from collections.abc import Sequence
from typing import Any

import pytest

from iquest_review.code.edit import Edit, EditFacts, Late
from iquest_review.code.edit_examiner import examine_edit
from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk
from iquest_review.findings.finding import Category
from iquest_review.findings.fixes.one_click import check_replacements
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.placement import assign_place
from tests.support.findings import made
from tests.support.verifying import verify

PYTHON = """\
import db


def pay(key, limit):
    rows = db.query(key)
    for row in rows:
        check(row)
        log(row)
    return sum(rows)
"""
GO = """\
package pay

func Pay(key string) (int, error) {
	rows, err := query(key)
	if err != nil {
		return 0, err
	}
	total := sum(rows, 1)
	return total, nil
}
"""
SCRIPT = 'export function pay(key) {\n  const rows = query(key);\n  log("paid", rows);\n  return rows.length;\n}\n'
RUBY = "def pay(key)\n  rows = query(key)\n  log(rows)\n  rows.sum\nend\n"
SHELL = '#!/bin/sh\nset -e\nif [ -n "$1" ]; then\n  pay "$1"\nfi\n'
SQL = "SELECT name, sum(total)\nFROM orders\nWHERE state = 'paid'\nGROUP BY name;\n"
JSON = '{\n  "name": "pay",\n  "limit": 10,\n  "hosts": ["a", "b"]\n}\n'
YAML = "deploy:\n  stage: release\n  script:\n    - make release\n  only: [main]\n"
FILES = {
    "pay.py": PYTHON,
    "pay.go": GO,
    "pay.js": SCRIPT,
    "pay.rb": RUBY,
    "pay.sh": SHELL,
    "pay.sql": SQL,
    "pay.json": JSON,
    "pay.yml": YAML,
    "pay.toml": '[tool]\nname = "pay"\nlimit = 10\n',
    "pay.xml": "<pay>\n  <limit>10</limit>\n  <name>pay</name>\n</pay>\n",
    "pay.java": 'class Pay {\n    int pay(int key) {\n        log("paid");\n        return key + 1;\n    }\n}\n',
    "pay.c": 'int pay(int key)\n{\n    log_it("paid");\n    return key + 1;\n}\n',
    "pay.kt": 'fun pay(key: Int): Int {\n    log("paid")\n    return key + 1\n}\n',
    "pay.scala": 'def pay(key: Int): Int = {\n  log("paid")\n  key + 1\n}\n',
    "pay.lua": 'function pay(key)\n  log("paid")\n  return key + 1\nend\n',
    "pay.cs": "class Pay {\n    int Run(int key) {\n        Check(key);\n        return key + 1;\n    }\n}\n",
    "pay.rs": "fn pay(key: i32) -> i32 {\n    check(key);\n    key + 1\n}\n",
    "pay.php": "<?php\nfunction pay($key) {\n    check($key);\n    return $key + 1;\n}\n",
    "pay.ts": "export function pay(key: number): number {\n  check(key);\n  return key + 1;\n}\n",
    "README.md": "# Pay\n\nRun the the program.\n",
}


def examine_here(edits: Sequence[Edit]) -> list[EditFacts | None]:
    """What the child process does, without one: it takes a while to start."""
    return list(map(examine_edit, edits))


def placed(path: str, quote: str, fix: str, head: bool = True, text: str = "", **more: Any) -> PlacedFinding:
    """The finding once its fix is checked; `head` is whether the file can be read."""
    text = text or FILES[path]
    rows = tuple(b"+" + row.encode() for row in text.removesuffix("\n").split("\n"))
    change = FileDiff(path, path, FileStatus.ADDED, (Hunk(0, 1, "", rows, len(rows), 0),))
    verified = verify(made(path=path, quote=quote, fix=fix, **more), Diff((change,)))
    (checked,) = check_replacements(
        [verified], [assign_place(verified)], lambda _: text.encode() if head else None, examine_here
    ).findings
    return checked


def is_offered(path: str, quote: str, fix: str, **more: Any) -> bool:
    return placed(path, quote, fix, **more).replacement is not None


# -- what is offered

GOOD = [
    ("pay.py", "    rows = db.query(key)", "    rows = db.query(key, limit)"),
    ("pay.py", "        check(row)", "        if not check(row):\n            continue"),
    ("pay.py", "        check(row)\n        log(row)", "        check(row)"),
    ("pay.py", "    return sum(rows)", "    # The sum of an empty list is 0.\n    return sum(rows)"),
    ("pay.go", "	total := sum(rows, 1)", "	total := sum(rows, 2)"),
    (
        "pay.go",
        "	if err != nil {\n		return 0, err\n	}",
        '	if err != nil {\n		return 0, fmt.Errorf("pay: %w", err)\n	}',
    ),
    ("pay.go", "	if err != nil {", "	if err != nil || len(rows) == 0 {"),
    ("pay.js", "  const rows = query(key);", "  const rows = await query(key);"),
    ("pay.js", '  log("paid", rows);', '  log("Paid the whole bill.", rows);'),
    ("pay.rb", "  log(rows)", "  log(rows) if rows.any?"),
    ("pay.sh", '  pay "$1"', '  pay "$1" || exit 1'),
    ("pay.sql", "WHERE state = 'paid'", "WHERE state IN ('paid', 'sent')"),
    ("pay.json", '  "limit": 10,', '  "limit": 20,'),
    ("pay.yml", "    - make release", "    - make check\n    - make release"),
    ("pay.toml", "limit = 10", "limit = 20"),
    ("pay.xml", "  <limit>10</limit>", '  <limit unit="s">10</limit>'),
    ("pay.java", '        log("paid");', '        log("paid: {}", key);'),
    ("pay.c", '    log_it("paid");', "    if (key < 0)\n        return -1;"),
    ("pay.kt", '    log("paid")', '    log("paid $key")'),
    ("pay.scala", '  log("paid")', "  require(key > 0)"),
    ("pay.lua", '  log("paid")', '  log("paid " .. key)'),
    ("pay.cs", "        Check(key);", "        await Check(key);"),
    ("pay.rs", "    check(key);", "    check(key)?;"),
    ("pay.php", "    check($key);", "    check((int) $key);"),
    ("pay.ts", "  check(key);", "  if (!check(key)) return 0;"),
    ("README.md", "Run the the program.", "Run the program."),
]


@pytest.mark.parametrize("head", [True, False], ids=["file", "hunk"])
@pytest.mark.parametrize(("path", "quote", "fix"), GOOD)
def test_a_fix_that_leaves_the_file_in_order_is_offered(path: str, quote: str, fix: str, head: bool) -> None:
    assert placed(path, quote, fix, head).replacement == fix


def test_a_fix_beside_an_error_of_the_file_is_offered() -> None:
    text = f"{GO}\nfunc broken( {{\n"

    assert is_offered("pay.go", "	total := sum(rows, 1)", "	total := sum(rows, 2)", text=text)
    assert not is_offered("pay.go", "	total := sum(rows, 1)", "	total := sum(rows, 2", text=text)


def test_a_fix_that_mends_the_error_of_its_line_is_offered() -> None:
    text = PYTHON.replace("db.query(key)", "db.query(key")

    assert is_offered("pay.go", "	total := sum(rows, 1", "	total := sum(rows, 1)", text=GO.replace("1)\n", "1\n"))
    assert is_offered("pay.rs", "    check(key;", "    check(key);", text=FILES["pay.rs"].replace("(key);", "(key;"))
    assert placed("pay.py", "    rows = db.query(key", "    rows = db.query(key)", text=text).fix is not None


# -- what breaks the file

BROKEN = [
    pytest.param("pay.py", "    rows = db.query(key)", "    rows = db.query(key", id="python unclosed"),
    pytest.param("pay.py", "    rows = db.query(key)", "    rows = db.query(key))", id="python closed twice"),
    pytest.param("pay.py", "    rows = db.query(key)", "    rows = db.query('key)", id="python open string"),
    pytest.param("pay.py", "    rows = db.query(key)", "    rows = db.query(key) if", id="python cut"),
    pytest.param(
        "pay.py", "    for row in rows:", "    if rows:\n        for row in rows:", id="python body too shallow"
    ),
    pytest.param("pay.py", "        check(row)", "        if row:", id="python body missing"),
    pytest.param("pay.py", "    for row in rows:", "    total = 0", id="python block head deleted"),
    pytest.param("pay.go", "	total := sum(rows, 1)", "	total := sum(rows, 1", id="go unclosed"),
    pytest.param("pay.go", "		return 0, err\n	}", "		return 0, err", id="go end deleted"),
    pytest.param("pay.go", "	if err != nil {", "	if err != nil", id="go brace dropped"),
    pytest.param("pay.go", "	return total, nil\n}", "	return total, nil\n}\n}", id="go end doubled"),
    pytest.param("pay.js", '  log("paid", rows);', '  log("paid, rows);', id="script open string"),
    pytest.param("pay.js", "  return rows.length;", "  return rows.filter(row => {", id="script open function"),
    pytest.param("pay.rb", "  log(rows)", "  if rows.any?\n  log(rows)", id="ruby end missing"),
    pytest.param("pay.sh", 'if [ -n "$1" ]; then', 'if [ -n "$1" ]', id="shell then dropped"),
    pytest.param("pay.sh", '  pay "$1"\nfi', '  pay "$1"', id="shell end deleted"),
    pytest.param("pay.java", "        return key + 1;", "        return key + 1", id="java semicolon dropped"),
    pytest.param("pay.c", '    log_it("paid");', '    log_it("paid")', id="c semicolon dropped"),
    pytest.param("pay.kt", "    return key + 1", "    return key + (1", id="kotlin unclosed"),
    pytest.param("pay.scala", "  key + 1", "  key + List(1", id="scala unclosed"),
    pytest.param("pay.rs", "    check(key);", "    check(key", id="rust unclosed"),
    pytest.param("pay.php", "    check($key);", "    check($key;", id="php unclosed"),
    pytest.param("pay.ts", "  check(key);", "  check(key: number;", id="typescript unclosed"),
    pytest.param("pay.cs", "        Check(key);", "        Check(key", id="c sharp unclosed"),
    pytest.param("pay.sql", "SELECT name, sum(total)", "SELECT name, sum(total", id="no grammar, unclosed"),
    pytest.param("pay.sql", "WHERE state = 'paid'", "WHERE state = 'paid", id="no grammar, open string"),
    pytest.param("pay.lua", "  return key + 1", "  return (key + 1]", id="no grammar, other bracket"),
    pytest.param("pay.json", '  "limit": 10,', '  "limit": 10', id="json comma dropped"),
    pytest.param("pay.json", '  "hosts": ["a", "b"]', '  "hosts": ["a", "b"],', id="json comma too many"),
    pytest.param("pay.yml", "  only: [main]", "  only: [main", id="yaml unclosed"),
    pytest.param("pay.yml", "  stage: release", "  stage: release: now", id="yaml colon twice"),
    pytest.param("pay.toml", "limit = 10", "limit: 10", id="toml colon"),
    pytest.param("pay.xml", "  <limit>10</limit>", "  <limit>10</limits>", id="xml other end"),
]


@pytest.mark.parametrize(("path", "quote", "fix"), BROKEN)
def test_a_fix_that_breaks_the_file_is_only_shown(path: str, quote: str, fix: str) -> None:
    checked = placed(path, quote, fix)

    assert checked.replacement is None
    assert checked.fix == fix


@pytest.mark.parametrize(("path", "quote", "fix"), BROKEN[:5] + BROKEN[7:12])
def test_a_fix_that_breaks_the_shown_lines_is_only_shown(path: str, quote: str, fix: str) -> None:
    assert not is_offered(path, quote, fix, head=False)


# -- what is no code


@pytest.mark.parametrize("path", ["pay.py", "pay.go", "pay.js", "pay.rb", "pay.sh", "pay.kt", "pay.scala", "pay.lua"])
@pytest.mark.parametrize(
    "sentence",
    [
        *("Add validation.", "Add validation", "Validate the input before use", "Use a parameterized query instead."),
        *(
            "Please validate the key first",
            "the key should be validated here",
            "Remove this line",
            "You should not log it",
        ),
        *("请添加校验。", "应在使用前检查参数是否为空", "Добавьте проверку входных данных.", "добавить проверку ключа"),
        *("Fügen Sie eine Validierung hinzu.", "bitte die Eingabe validieren", "Vérifiez la valeur avant usage."),
        *(
            "Agregue una validación aquí.",
            "入力を検証してください",
            "입력을 먼저 확인하세요",
            "Πρόσθεσε έλεγχο εισόδου",
        ),
    ],
)
def test_a_sentence_in_the_place_of_code_is_not_offered(path: str, sentence: str) -> None:
    quote = FILES[path].split("\n")[4 if path == "pay.py" else 1]
    fix = quote[: len(quote) - len(quote.lstrip())] + sentence

    assert not is_offered(path, quote, fix)
    assert not is_offered(path, quote, f"{fix}\n{quote}")


@pytest.mark.parametrize(
    "answer", ["N/A", "No change needed", "none needed", "same", "Remove", "see above", "删除", "TBD"]
)
def test_an_answer_without_code_is_not_offered(answer: str) -> None:
    for path, quote in (("pay.rb", "  log(rows)"), ("pay.sh", '  pay "$1"'), ("pay.lua", '  log("paid")')):
        assert not is_offered(path, quote, f"  {answer}")


@pytest.mark.parametrize(
    "comment",
    [
        *(
            "add validation here",
            "TODO: add validation",
            "TODO",
            "FIXME validate",
            "validate the input",
            "handle the error",
        ),
        *(
            "rest unchanged",
            "... existing code ...",
            "your code here",
            "Removed the call",
            "在此添加校验",
            "добавить проверку",
        ),
        *("check(row)", "Prüfung ergänzen", "ajouter une validation", "existing code", "implementation goes here"),
    ],
)
@pytest.mark.parametrize(
    ("path", "mark", "quote"),
    [
        ("pay.py", "#", "    rows = db.query(key)"),
        ("pay.go", "//", "	total := sum(rows, 1)"),
        ("pay.js", "//", '  log("paid", rows);'),
        ("pay.rb", "#", "  log(rows)"),
        ("pay.sql", "--", "FROM orders"),
        ("pay.yml", "#", "  stage: release"),
    ],
)
def test_a_comment_in_the_place_of_a_statement_is_not_offered(path: str, mark: str, quote: str, comment: str) -> None:
    indent = quote[: len(quote) - len(quote.lstrip())]

    assert not is_offered(path, quote, f"{indent}{mark} {comment}")


@pytest.mark.parametrize(
    ("path", "quote", "fix"),
    [
        ("pay.py", "        check(row)\n        log(row)", "        check(row)\n        # log the row"),
        ("pay.py", "        check(row)", "        pass  # TODO: validate"),
        ("pay.py", "        check(row)", "        # Validate the row here\n        check(row)"),
        ("pay.py", "        check(row)", "        ..."),
        ("pay.go", "	total := sum(rows, 1)", "	/* add the check */"),
        ("pay.go", "	total := sum(rows, 1)", "	total := sum(rows, 2) // TODO: overflow"),
        ("pay.js", "  const rows = query(key);", "  const rows = query(key);\n  // TODO: check rows"),
        ("pay.js", "  const rows = query(key);", "  const rows = await query(key);\n  // rest of the code"),
        ("pay.js", "  const rows = query(key);", "  const rows = await query(key);\n  // остальной код без изменений"),
        ("pay.js", "  const rows = query(key);", "  const rows = await query(key);\n  // Rest unverändert"),
    ],
)
def test_a_note_of_what_is_left_to_do_is_not_offered(path: str, quote: str, fix: str) -> None:
    assert not is_offered(path, quote, fix)


DOCUMENTED = """/**
 * Pays the bill of a customer.
 * It does not check the key.
 */
function pay(key) {
  return `
    unpaid bills of the customer
  `;
}
"""


@pytest.mark.parametrize(
    ("quote", "fix"),
    [
        (" * It does not check the key.", " Add validation."),
        (" * It does not check the key.", " * bitte validieren"),
        (" * It does not check the key.", " // It does not check the key yet."),
        (" * It does not check the key.", " * It does not che"),
        ("    unpaid bills of the customer", "    // handle errors"),
        ("    unpaid bills of the customer", "    bills of the customer // TODO: unpaid"),
        ("    unpaid bills of the customer", "    N/A\n    unpaid bills of customers"),
        ("function pay(key) {", "function pay(key) {\n  // FIXME"),
    ],
)
def test_notes_in_comments_and_strings_are_not_offered(quote: str, fix: str) -> None:
    assert not is_offered("pay.js", quote, fix, text=DOCUMENTED)


@pytest.mark.parametrize(
    ("quote", "fix"),
    [
        (" * It does not check the key.", " * It checks the key."),
        (" * It does not check the key.", " * It does not check the key.\n * It may fail."),
        ("    unpaid bills of the customer", "    all bills of a customer"),
        ("function pay(key) {", "// Bills in euros only.\nfunction pay(key) {"),
    ],
)
def test_better_words_in_comments_and_strings_are_offered(quote: str, fix: str) -> None:
    assert is_offered("pay.js", quote, fix, text=DOCUMENTED)


@pytest.mark.parametrize("fix", ["    rows = db.que", "    rows = db.quer", "    ro"])
def test_a_fix_that_ends_in_the_middle_of_a_word_is_not_offered(fix: str) -> None:
    assert not is_offered("pay.py", "    rows = db.query(key)", fix)


# -- what changes nothing


@pytest.mark.parametrize(
    ("path", "quote", "fix"),
    [
        ("pay.py", "    rows = db.query(key)", "    rows = db.query(key)"),
        ("pay.py", "    rows = db.query(key)", "    rows  =  db.query( key )"),
        ("pay.py", "    rows = db.query(key)", "    rows = db.query(key)  "),
        ("pay.go", "	total := sum(rows, 1)", "		total := sum(rows,1)"),
        ("pay.js", "  const rows = query(key);", "    const rows = query(key);"),
        ("pay.js", "  const rows = query(key);", "  const rows =\n    query(key);"),
        ("pay.java", "        return key + 1;", "        return key+1;"),
        ("pay.sql", "FROM orders", "  FROM  orders"),
        ("pay.json", '  "limit": 10,', '  "limit" : 10,'),
        ("pay.c", "    return key + 1;", "    return key + 1;\n"),
    ],
)
def test_a_fix_that_changes_white_space_without_meaning_is_not_offered(path: str, quote: str, fix: str) -> None:
    assert not is_offered(path, quote, fix)


def test_a_convention_about_white_space_may_be_offered() -> None:
    old, new = "  const rows = query(key);", "  const rows = query( key );"

    assert is_offered("pay.js", old, new, category=Category.CONVENTION)
    assert not is_offered("pay.js", old, old, category=Category.CONVENTION)


@pytest.mark.parametrize(
    ("path", "quote", "fix"),
    [
        ("pay.js", '  log("paid", rows);', '  log(" paid", rows);'),
        ("pay.yml", "    - make release", "    -   make  release"),
        ("pay.py", "        log(row)", "        log(row)\n        # Rows are kept for audits."),
    ],
)
def test_white_space_in_a_string_and_a_comment_are_a_change(path: str, quote: str, fix: str) -> None:
    assert is_offered(path, quote, fix, category=Category.CONVENTION)


def test_a_fix_that_is_its_line_is_not_shown_again() -> None:
    assert placed("pay.py", "    rows = db.query(key)", "    rows = db.query(key)").fix is None
    assert placed("pay.py", "    rows = db.query(key)", "rows = db.query(key)").fix is None


# -- what becomes of the words


def test_a_sentence_becomes_part_of_the_text() -> None:
    checked = placed("pay.py", "    rows = db.query(key)", "Add validation.", description="The key is not checked.")

    assert (checked.fix, checked.replacement) == (None, None)
    assert checked.description == "The key is not checked.\n\nAdd validation."


def test_a_sentence_that_is_in_the_text_is_not_repeated() -> None:
    told = "The key is not checked. Add validation."

    assert placed("pay.py", "    rows = db.query(key)", "Add validation.", description=told).description == told


def test_code_with_a_sentence_stays_code() -> None:
    fix = "    rows = db.query(key)\n    Then validate the rows."

    assert placed("pay.py", "    rows = db.query(key)", fix).fix == fix


# -- when the parser cannot say


def refuse(edits: Sequence[Edit]) -> list[EditFacts | None]:
    return [None for _ in edits]


def test_a_fix_is_shown_where_the_parser_says_nothing() -> None:
    verified = verify(made(path="pay.py", quote="b = 2", fix="b = 3"), Diff((plain_file(),)))

    (checked,) = check_replacements([verified], [assign_place(verified)], lambda _: None, refuse).findings

    assert (checked.fix, checked.replacement) == ("b = 3", None)


def test_a_fix_that_no_time_was_left_for_is_shown_and_told() -> None:
    file = Diff((plain_file(),))
    verified = [verify(made(path="pay.py", quote="b = 2", fix=fix), file) for fix in ("b = 3", "b = 4")]

    checked = check_replacements(
        verified, list(map(assign_place, verified)), lambda _: None, lambda edits: [*examine_here(edits[:1]), Late()]
    )

    assert [one.replacement for one in checked.findings] == ["b = 3", None]
    assert [(one.fix, one.replacement) for one in checked.late] == [("b = 4", None)]


def test_findings_without_a_fix_start_no_parser() -> None:
    def fail(edits: Sequence[Edit]) -> list[EditFacts | None]:
        assert not edits
        return []

    verified = verify(made(path="pay.py", quote="b = 2"), Diff((plain_file(),)))
    placed_finding = assign_place(verified)

    assert check_replacements([verified], [placed_finding], lambda _: None, fail).findings == [placed_finding]


@pytest.mark.parametrize("head", [b"a = 1\nb = 9\n", b"a = 1\nb = 2 \xff\n", b"", b"a = 1"])
def test_a_file_that_is_not_the_reviewed_one_gets_no_click(head: bytes) -> None:
    verified = verify(made(path="pay.py", quote="b = 2", fix="b = 3"), Diff((plain_file(),)))

    (checked,) = check_replacements([verified], [assign_place(verified)], lambda _: head).findings

    assert (checked.fix, checked.replacement) == ("b = 3", None)


def plain_file() -> FileDiff:
    return FileDiff("pay.py", "pay.py", FileStatus.ADDED, (Hunk(0, 1, "", (b"+a = 1", b"+b = 2"), 2, 0),))


def test_many_fixes_are_each_judged_alone() -> None:
    cases = [
        ("    rows = db.query(key)", "    rows = db.query(key"),
        *[GOOD[0][1:]] * 20,
        ("        log(row)", "Log it well."),
    ]
    rows = tuple(b"+" + row.encode() for row in PYTHON.removesuffix("\n").split("\n"))
    change = FileDiff("pay.py", "pay.py", FileStatus.ADDED, (Hunk(0, 1, "", rows, len(rows), 0),))
    verified = [verify(made(path="pay.py", quote=quote, fix=fix), Diff((change,))) for quote, fix in cases]

    checked = check_replacements(verified, list(map(assign_place, verified)), lambda _: PYTHON.encode()).findings

    assert [finding.replacement is not None for finding in checked] == [False, *[True] * 20, False]
