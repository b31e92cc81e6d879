"""Too much of anything: it is cut and told, within seconds and without a second question to a server that refused.

Covered: long lines, many files, large diffs and answers, prompts of few characters and many tokens, JSON and text made
to keep a parser busy. Not covered: memory, which tests/diff/test_patch.py bounds.
"""

import gzip
from pathlib import Path

import pytest

from tests.support.hostile_scene import answer, assert_inert, assert_log, issue, lines, row, scene
from tests.support.model.double import EMPTY_REVIEW

MEGABYTE = 1024**2
WIDE = {"window": 10**8}  # tokens


@row("H19-oversize-output")
@pytest.mark.parametrize("what", ["summary", "findings"])
def test_an_answer_without_end_is_cut_and_told(tmp_path: Path, row: str, what: str) -> None:
    huge = (
        answer(summary="/close @all " * 400_000)
        if what == "summary"
        else answer(*(issue(1 + at % 9, f"number {at}") for at in range(10_000)))
    )
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(9)}, replies=[huge], model=WIDE) as enemy:
        seen = enemy.review(IQUEST_MAX_OUTPUT_TOKENS="1000000")

    assert_inert(seen)
    assert_log(seen)
    assert seen.finished.code in (0, 3)
    assert "No findings" not in seen.bodies[-1]
    assert sum(map(len, seen.bodies)) < MEGABYTE


@row("H34-long-line", "H35-token-bomb")
def test_a_line_and_tokens_without_end_are_cut(tmp_path: Path, row: str) -> None:
    bomb = {
        "H34-long-line": {"app/long.py": b"x = '" + b"a" * (5 * MEGABYTE) + b"'\nhere = 1\n", "app/b.py": b"b = 1\n"},
        "H35-token-bomb": {"app/emoji.py": "".join(f"e{n} = '{'🧨' * 90}'\n" for n in range(900)).encode()},
    }[row]
    tokens = {"window": 8_000, "tokens": lambda text: len(text.encode())} if row == "H35-token-bomb" else {}
    with scene(tmp_path / "scene", {}, bomb, replies=[EMPTY_REVIEW], model=tokens) as enemy:
        seen = enemy.review(IQUEST_MAX_OUTPUT_TOKENS="500")

    assert_inert(seen)
    assert_log(seen)
    assert seen.finished.code in (0, 3)
    assert len(seen.prompts) <= 8
    assert "Not reviewed" in seen.bodies[-1]
    if row == "H34-long-line":
        assert "b = 1" in seen.prompt
        assert len(seen.prompt) < 100_000


@row("H50-bomb-size")
def test_twenty_thousand_files_are_a_partial_review(tmp_path: Path, row: str) -> None:
    head = "diff --git a/d{0}/f{1}.py b/d{0}/f{1}.py\nnew file mode 100644\n"
    head += "--- /dev/null\n+++ b/d{0}/f{1}.py\n@@ -0,0 +1,2 @@\n"
    patch = "".join(head.format(n % 40, n) + f"+value_{n} = {n}\n+other = 1\n" for n in range(20_000)).encode()
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(1)}, replies=[EMPTY_REVIEW]) as enemy:
        seen = enemy.run("review", "--diff", "-", environ=enemy.job, stdin=patch)

    assert seen.finished.code == 0, seen.finished.err
    assert seen.finished.review["status"] == "partial"
    assert "20,000 files" in seen.finished.out
    assert_log(seen)


@row("H50-bomb-size")
def test_a_saved_diff_of_hundreds_of_megabytes_is_not_read(tmp_path: Path, row: str) -> None:
    with (tmp_path / "huge.diff").open("wb") as file:
        file.truncate(257 * MEGABYTE)
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(1)}, replies=[EMPTY_REVIEW]) as enemy:
        seen = enemy.run("review", "--diff", str(tmp_path / "huge.diff"), environ=enemy.job)

    assert seen.finished.code == 2
    assert "is larger than 128 MiB" in seen.finished.err
    assert_log(seen)


@row("H50-bomb-size")
def test_a_raw_diff_that_unpacks_to_hundreds_of_megabytes_is_not_read(tmp_path: Path, row: str) -> None:
    packed = gzip.compress(b"x" * MEGABYTE) * 257
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(1)}, replies=[EMPTY_REVIEW]) as enemy:
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
        enemy.gitlab.fail("GET", "raw_diffs", status=200, body=packed, headers=headers)
        seen = enemy.review("--dry-run", CI_PROJECT_DIR=str(tmp_path))

    assert seen.finished.code == 4
    assert "MiB" in seen.finished.err


@row("H54-combined-diff")
def test_the_diff_of_a_merge_is_refused_with_its_cure(tmp_path: Path, row: str) -> None:
    merge = b"diff --cc a.py\nindex 1,2..3\n--- a/a.py\n+++ b/a.py\n@@@ -1,1 -1,1 +1,1 @@@\n--a\n -b\n++/close\n"
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(1)}, replies=[EMPTY_REVIEW]) as enemy:
        seen = enemy.run("review", "--diff", "-", environ=enemy.job, stdin=merge)

    assert seen.finished.code == 2
    assert "merge" in seen.finished.err
    assert seen.prompts == ()
    assert_log(seen)


NASTY = {
    "deep": "[" * 100_000,
    "digits": answer(issue(1, "x")).replace('"line": 1', '"line": ' + "9" * 5_000),
    "not a number": answer(issue(1, "x")).replace('"line": 1', '"line": NaN').replace('"medium"', "Infinity"),
    "twice": '{"issues": [], "summary": "Fine.", "summary": "/close", "issues": [], "issues": {"a": 1}}',
    "mark": "\ufeff" + answer(issue(1, "x")),
    "half": answer(issue(1, "x \ud800 \x00 \udfff")),
    "blanks": '{"issues": [' + " \n" * 400_000,
    "quotes": '"' * 300_000,
    "escapes": '{"summary": "' + "\\u005c" * 100_000,
    "thinking": "<think>" * 100_000,
}


@row("H73-redos", "H75-json-nasty")
def test_answers_made_to_break_a_parser_are_a_review_or_a_reason(tmp_path: Path, row: str) -> None:
    names = {"blanks", "quotes", "escapes", "thinking"}
    said = ""
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(3)}, replies=[lambda _: said], model=WIDE) as enemy:
        for name in sorted(names if row == "H73-redos" else NASTY.keys() - names):
            said = NASTY[name]
            seen = enemy.review("--full", IQUEST_MAX_OUTPUT_TOKENS="1000000")

            assert_inert(seen)
            assert_log(seen)
            usable = seen.finished.review["status"] in ("reviewed", "partial")
            assert (seen.finished.code, usable) in ((0, True), (3, False)), name
            assert "No findings" not in seen.bodies[-1], name


@row("H73-redos")
def test_a_megabyte_of_one_character_takes_seconds(tmp_path: Path, row: str) -> None:
    rows = "".join(
        f"+{text * (MEGABYTE // 8 // len(text))}\n" for text in ("a", "A=", "/", "-", "eyJ", "ghp_", "://", "@")
    )
    patch = f"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,8 @@\n{rows}".encode()
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(1)}, replies=[EMPTY_REVIEW]) as enemy:
        seen = enemy.run("review", "--diff", "-", environ=enemy.job, stdin=patch)

    assert seen.finished.code == 0, seen.finished.err
    assert_log(seen)
