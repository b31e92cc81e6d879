"""The name of a file is known in any form in which a model writes it, and never taken for another's."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk, Side
from iquest_review.excerpt.numbered_rows import render_file_rows
from iquest_review.findings.file_names import MAX_SPELLINGS, list_spellings
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.telling import is_telling
from tests.support.findings import made
from tests.support.verifying import verify

NFC, NFD = (unicodedata.normalize(form, "app/naïve menu.py") for form in ("NFC", "NFD"))
TELLING = "total_due = invoice.net_amount * tax_rate"


def changed(path: str, *texts: str, old: str | None = None) -> FileDiff:
    rows = tuple(b"+" + text.encode() for text in texts)
    return FileDiff(old or path, path, FileStatus.MODIFIED, (Hunk(1, 1, "", rows, len(rows), 0),))


NAMES = (
    "app/pay.py",
    NFD,
    "app/it's-a“file”.py",
    "lib/other.py",
    "src/测试.py",
    "src/Mixed/Case.java",
    "we\u200bird.py",
)
DIFF = Diff(tuple(changed(name, "x = 1", old="app/cash.py" if name == "app/pay.py" else None) for name in NAMES))


def known(cited: str, diff: Diff = DIFF, quote: str = "x = 1") -> str | None:
    verified = verify(made(path=cited, line=1, quote=quote), diff)
    return None if verified.problem else verified.finding.path


# -- forms


@pytest.mark.parametrize(
    "cited",
    [
        pytest.param("app/pay.py (modified)", id="status in brackets"),
        pytest.param("app/pay.py (modified, mode 100644 to 100755)", id="status with modes"),
        pytest.param("app/pay.py (renamed from app/cash.py)", id="status with the old name"),
        pytest.param("app/pay.py (modified, +3 -2)", id="status with counts"),
        pytest.param("app/pay.py [modified]", id="status in square brackets"),
        pytest.param("app/pay.py（已修改）", id="status in full-width brackets"),
        pytest.param("app/pay.py - modified", id="status after a dash"),
        pytest.param("app/pay.py, modified", id="status after a comma"),
        pytest.param("app/pay.py\tmodified", id="status after a tab"),
        pytest.param("modified: app/pay.py", id="status before"),
        pytest.param("M app/pay.py", id="status letter before"),
        pytest.param("=== file: app/pay.py", id="row of the prompt"),
        pytest.param("=== file: app/pay.py (modified)", id="row of the prompt with its status"),
        pytest.param("=== file: app/pay.py\n=== status: modified", id="both rows of the prompt"),
        pytest.param("app/pay.py === status: modified", id="both rows of the prompt joined"),
        pytest.param("file: app/pay.py", id="label"),
        pytest.param("文件：app/pay.py", id="Chinese label"),
        pytest.param("in app/pay.py", id="preposition"),
        pytest.param("the file `app/pay.py`", id="words and backticks"),
        pytest.param('File "app/pay.py", line 12, in pay', id="row of a traceback"),
    ],
)
def test_words_around_a_name_do_not_count(cited: str) -> None:
    assert known(cited) == "app/pay.py"


@pytest.mark.parametrize(
    "cited",
    [
        *(
            "a/app/pay.py",
            "b/app/pay.py",
            "--- a/app/pay.py",
            "+++ b/app/pay.py",
            "diff --git a/app/pay.py b/app/pay.py",
        ),
        *("app/cash.py -> app/pay.py", "app/cash.py => app/pay.py", "app/cash.py → app/pay.py"),
        *("app/{cash.py => pay.py}", "{old => app}/pay.py", "app/{ => }/pay.py", "app/cash.py renamed to app/pay.py"),
        *(
            "app/pay.py | 3 +++",
            "app/pay.py +3 -2",
            "HEAD:app/pay.py",
            "main:app/pay.py",
            "app/pay.py\t2024-01-01 10:00",
        ),
    ],
)
def test_the_forms_of_git_are_known(cited: str) -> None:
    assert known(cited) == "app/pay.py"


@pytest.mark.parametrize(
    "cited",
    [
        *(
            "app/pay.py:12",
            "app/pay.py:12:5",
            "app/pay.py:12-14",
            "app/pay.py:L12",
            "app/pay.py:12,15",
            "app/pay.py@12",
        ),
        *("app/pay.py#L12", "app/pay.py#L12-L15", "app/pay.py#L12-15", "app/pay.py#pay", "app/pay.py::test_pay"),
        *("app/pay.py, line 12", "app/pay.py line 12", "app/pay.py (lines 3-5)", "app/pay.py(12)", "app/pay.py(12,5)"),
        *(
            "app/pay.py 第12行",
            "app/pay.py（第12行）",
            "app/pay.py:12 (modified)",
            "app/pay.py (modified):12",
            "app/pay.py:pay",
        ),
    ],
)
def test_a_place_behind_a_name_does_not_count(cited: str) -> None:
    assert known(cited) == "app/pay.py"


@pytest.mark.parametrize(
    "cited",
    [
        *(
            "`app/pay.py`",
            "**app/pay.py**",
            '"app/pay.py"',
            "'app/pay.py'",
            "“app/pay.py”",
            "<app/pay.py>",
            "(app/pay.py)",
        ),
        *(
            "[app/pay.py](app/pay.py)",
            "[pay.py](./app/pay.py)",
            "[pay.py](<app/pay.py>)",
            "['app/pay.py']",
            "{app/pay.py}",
        ),
        *(
            "<file>app/pay.py</file>",
            "- app/pay.py",
            "1. app/pay.py",
            "## app/pay.py",
            "=== app/pay.py ===",
            "@app/pay.py",
        ),
        *(
            "app/pay.py.",
            "app/pay.py,",
            "app/pay.py:",
            "app/pay.py;",
            "app/pay.py。",
            "  app/pay.py\n",
            "app/pay.py and x.py",
        ),
    ],
)
def test_punctuation_and_markup_do_not_count(cited: str) -> None:
    assert known(cited) == "app/pay.py"


@pytest.mark.parametrize(
    "cited",
    [
        *(
            "./app/pay.py",
            "../app/pay.py",
            "app//pay.py",
            "app/./pay.py",
            "app/x/../pay.py",
            "/app/pay.py",
            "app / pay.py",
        ),
        *("app\\pay.py", "app\\\\pay.py", "C:\\work\\app\\pay.py", "app／pay.py", "app\\/pay.py"),
        *("/builds/group/project/app/pay.py", "project/app/pay.py", "~/app/pay.py", "$CI_PROJECT_DIR/app/pay.py"),
        *("file:///builds/g/p/app/pay.py", "file:app/pay.py", "vscode://file/builds/app/pay.py:12"),
        "https://gitlab.example.com/group/project/-/blob/main/app/pay.py",
        "https://gitlab.example.com/group/project/-/blob/5e1f/app/pay.py?ref_type=heads#L12-14",
        "[app/pay.py](https://gitlab.example.com/g/p/-/blob/main/app/pay.py#L12)",
        *("pay.py", ".../app/pay.py", "…/app/pay.py", "…pp/pay.py", "app/pay", "app.pay", "app_pay.py"),
    ],
)
def test_folders_and_separators_are_read_as_they_are_meant(cited: str) -> None:
    assert known(cited) == "app/pay.py"


@pytest.mark.parametrize(
    ("cited", "name"),
    [
        *[(cited, "app/pay.py") for cited in ("app%2Fpay.py", "app/pay%2Epy", "app&#x2F;pay.py", "app\\057pay.py")],
        *[
            (cited, NFD)
            for cited in (NFC, NFD, f"{NFC} (modified)", "app/na%C3%AFve%20menu.py", "app/nai%CC%88ve menu.py")
        ],
        *[
            (cited, NFD)
            for cited in ('"app/na\\303\\257ve menu.py"', "app/na\\xc3\\xafve menu.py", "app/na\\u00efve menu.py")
        ],
        *[(cited, NFD) for cited in ("app/na\\xefve menu.py", "app/na&iuml;ve menu.py", "app/naïve\\ menu.py")],
        *[(cited, "src/测试.py") for cited in ("src/\\346\\265\\213\\350\\257\\225.py", "src/%E6%B5%8B%E8%AF%95.py")],
        *[(cited, "src/测试.py") for cited in ("src/\\u6d4b\\u8bd5.py", '"b/src/\\346\\265\\213\\350\\257\\225.py"')],
        *[(cited, "app/it's-a“file”.py") for cited in ("app/it\\'s-a\\“file\\”.py", "app/it&#39;s-a“file”.py")],
    ],
)
def test_escapes_are_read(cited: str, name: str) -> None:
    assert known(cited) == name


@pytest.mark.parametrize(
    ("cited", "name"),
    [
        *[
            (cited, "app/pay.py")
            for cited in ("APP/PAY.PY", "App/Pay.py", "ａｐｐ／ｐａｙ.ｐｙ", "app/pay\u200b.py", "\ufeffapp/pay.py")
        ],
        *[(cited, "src/Mixed/Case.java") for cited in ("src/mixed/case.java", "SRC\\MIXED\\CASE.JAVA", "mixed.Case")],
        *[
            (cited, "app/it's-a“file”.py")
            for cited in ('app/it’s‑a"file".py', "app/it's–a“file”.py", "app/it's−a«file».py")
        ],
        *[(cited, "src/测试.py") for cited in ("src／测试．py", "src/测试．ｐｙ")],
        *[
            (cited, "we\u200bird.py")
            for cited in ("we\\u200bird.py", "weird.py", "we\\\\u200bird.py", "we\u200bird.py")
        ],
        *[(cited, NFD) for cited in ("app/naïve\u00a0menu.py", "app/naïve_menu.py", "app/naïve+menu.py", NFC.upper())],
    ],
)
def test_case_width_and_typography_do_not_count(cited: str, name: str) -> None:
    assert known(cited) == name


@pytest.mark.parametrize(
    "name", [*NAMES, "x (added).py", "a -> b.py", "a, b.py", "c:d.py", "50%25.py", "#L1.py", "a\tb.py"]
)
def test_the_row_of_the_prompt_copied_whole_is_the_file(name: str) -> None:
    row = render_file_rows(changed(name)).split("\n")[0]
    diff = Diff((changed(name, "x = 1"), changed("other.py", "x = 1")))

    assert known(row.removeprefix("=== file: "), diff) == name
    assert known(row, diff) == name


# -- files that only the exact name tells apart


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("app/pay.py", "app/Pay.py"),
        (NFC, NFD),
        ("a%20b.py", "a b.py"),
        ("x.py", "x.py (modified)"),
        ("x.py", "x.py:12"),
        ("a/x.py", "x.py"),
        ("pay-day.py", "pay‑day.py"),
        ("old.py", "old.py -> new.py"),
        ("wide.py", "ｗｉｄｅ.py"),
        ("pay_day.py", "pay-day.py"),
    ],
)
def test_the_exact_name_wins(one: str, other: str) -> None:
    for diff in (
        Diff((changed(one, "x = 1"), changed(other, "x = 1"))),
        Diff((changed(other, "x = 1"), changed(one, "x = 1"))),
    ):
        assert known(one, diff) == one
        assert known(other, diff) == other


@pytest.mark.parametrize("cited", ["APP/PAY.PY", "./app/PAY.py (modified)"])
def test_the_quote_tells_files_of_one_loose_name_apart(cited: str) -> None:
    diff = Diff((changed("app/pay.py", "x = 1"), changed("app/Pay.py", "y = 2")))

    assert known(cited, diff, "y = 2") == "app/Pay.py"
    assert known(cited, diff, "x = 1") == "app/pay.py"
    assert known(cited, diff, "z = 3") is None


@pytest.mark.parametrize(
    "cited", ["lib/pay.rb", "pay.py.bak", "src", "py", "app", "..", "`", "(modified)", "=== file: "]
)
def test_another_name_stays_unknown(cited: str) -> None:
    assert verify(made(path=cited, line=1, quote="y = 2"), DIFF).problem == PlacementReason.NO_FILE


# -- quotes that outweigh a name


@pytest.mark.parametrize("cited", ["gone/elsewhere.py", "app/cart.py", "???", "app/pay.py"])
def test_a_telling_quote_finds_its_only_file(cited: str) -> None:
    diff = Diff((changed("app/pay.py", "x = 1"), changed("app/tax.py", "y = 2", TELLING)))

    found = verify(made(path=cited, line=9, quote=f"    {TELLING}"), diff).finding

    assert (found.path, found.line, found.side) == ("app/tax.py", 2, Side.NEW)


@pytest.mark.parametrize(
    "quote",
    [
        "}",
        "return",
        "return None",
        "return result",
        "} else {",
        "if err != nil {",
        "import os",
        "} catch (Exception e) {",
        "self.value = value",
        "except Exception as error:",
        "public static void main(String[] args) {",
        "----------------",
        "        continue",
        "for index in range(len(items)):",
        "using System;",
        '"""',
        "    pass\n    pass",
        "return true;",
    ],
)
def test_a_quote_that_is_in_any_file_moves_no_finding(quote: str) -> None:
    diff = Diff((changed("app/pay.py", "x = 1"), changed("app/tax.py", *quote.split("\n"))))

    assert verify(made(path="app/pay.py", line=9, quote=quote), diff).problem == PlacementReason.NO_QUOTE
    assert verify(made(path="gone/elsewhere.py", line=9, quote=quote), diff).problem == PlacementReason.NO_FILE


def test_a_quote_in_its_own_file_stays_there() -> None:
    diff = Diff((changed("app/pay.py", TELLING), changed("app/tax.py", TELLING)))

    assert known("app/pay.py", diff, TELLING) == "app/pay.py"
    assert known("app/tax.py", diff, TELLING) == "app/tax.py"


def test_a_part_of_a_line_in_its_own_file_stays_there() -> None:
    diff = Diff((changed("app/pay.py", f"if late: {TELLING}"), changed("app/tax.py", TELLING)))

    assert known("app/pay.py", diff, TELLING) == "app/pay.py"


def test_a_quote_in_its_own_file_outside_the_hunks_stays_there() -> None:
    text = f"x = 1\n{TELLING}\n"
    diff = Diff((changed("app/pay.py", "x = 1"), changed("app/tax.py", TELLING)))

    found = verify(made(path="app/pay.py", line=2, quote=TELLING), diff, lambda _: text.encode()).finding

    assert (found.path, found.line) == ("app/pay.py", 2)


def test_a_quote_in_two_other_files_moves_no_finding() -> None:
    diff = Diff((changed("app/pay.py", "x = 1"), changed("a.py", TELLING), changed("b.py", TELLING)))

    assert verify(made(path="app/pay.py", line=1, quote=TELLING), diff).problem == PlacementReason.NO_QUOTE
    assert verify(made(path="app/gone.py", line=1, quote=TELLING), diff).problem == PlacementReason.NO_FILE


def test_a_quote_twice_in_one_other_file_moves_no_finding() -> None:
    diff = Diff((changed("app/pay.py", "x = 1"), changed("a.py", TELLING, "y = 2", TELLING)))

    assert verify(made(path="app/pay.py", line=1, quote=TELLING), diff).problem == PlacementReason.NO_QUOTE


def test_all_rows_outweigh_a_first_row_that_is_in_any_file() -> None:
    diff = Diff((changed("app/pay.py", "try:", "    x = 1"), changed("app/tax.py", "try:", f"    {TELLING}")))

    found = verify(made(path="app/pay.py", line=1, quote=f"try:\n    {TELLING}"), diff).finding

    assert (found.path, found.line, found.end_line) == ("app/tax.py", 1, 2)


@pytest.mark.parametrize(
    "quote", [TELLING, "# 总金额不能为负数，请检查输入", "- name: deploy_frontend_production", f"+7| {TELLING}"]
)
def test_a_quote_with_names_of_its_own_is_telling(quote: str) -> None:
    assert is_telling(quote.split("\n"))


# -- hostile names


@pytest.mark.timed
@pytest.mark.parametrize(
    "piece", ["(", "[", "`", "%25", "\\", "a/", "#", "-", " ", "=>", "{a => b}", ", ", "\\303", "a:1", "."]
)
def test_a_long_name_takes_little_time(piece: str) -> None:
    started = time.process_time()

    assert len(list_spellings(piece * (8_000 // len(piece)))) <= 2 * MAX_SPELLINGS
    assert time.process_time() - started < 2


@pytest.mark.timed
@pytest.mark.parametrize("piece", ["[a](", "://[a]({", "\\\\[a](", "![", "[a](b '", "[a] (<", "[[a]"])
def test_a_long_row_of_links_takes_little_time(piece: str) -> None:
    started = time.process_time()

    list_spellings(piece * (8_000 // len(piece)))

    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("cited", "meant"),
    [
        ("[page](app/[id]/(shop)/page.tsx)", "app/[id]/(shop)/page.tsx"),
        ("[app/[id]/page.tsx](https://x)", "app/[id]/page.tsx"),
        ("[pay](<app/my pay.py> 'a title')", "app/my pay.py"),
        ('![pay] (app/pay.py "a title")', "app/pay.py"),
        ("[pay](app/my pay.py)", "app/my pay.py"),
        ("see [a](b.py) and [c](app/d.py)", "app/d.py"),
        ("[app/pay.py][1]", "app/pay.py"),
    ],
)
def test_a_link_is_followed_through_brackets_and_titles(cited: str, meant: str) -> None:
    assert meant in list_spellings(cited)


@given(st.text(max_size=60) | st.text("ab./\\%2F`[]() :#L1-=>{}", max_size=40))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_name_has_spellings_and_the_first_is_itself(cited: str) -> None:
    spellings = list_spellings(cited)

    assert all(spellings)
    assert known(cited) in {None, *NAMES}
