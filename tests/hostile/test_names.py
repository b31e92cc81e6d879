"""Names and encodings that no editor makes: the right path and line for GitLab, and text that does nothing.

Covered: file names with every odd byte that git stores, names that are commands, options, markdown and paths, in the
thread, the note, the log and the artifacts; encodings, line ends and files without a last newline; branch, title and
argument as echoes. Not covered: names on file systems other than this one's.
"""

import re
from collections.abc import Iterator

import pytest

from iquest_review.note.thread import TAIL_MARKER
from tests.support.checkout import Content, Name
from tests.support.hostile_scene import ReadPage, Scene, Seen, assert_inert, assert_log, remarks, row, scene
from tests.support.pipeline import threads

BUG = b"BUG = 1\n"
ODD: tuple[str, ...] = (
    "line\nfeed.py",
    "\n/close\n.py",
    "tab\there.py",
    "esc\x1b[31mape.py",
    "\x1b]0;title\x07.py",
    'quo"te.py',
    "back\\slash\\n.py",
    "-dash.py",
    "--output=canary.py",
    "sp ace .py",
    "ünïcode-中文.py",
    "rtl\u202eyp.exe.py",
    "zero\u200bwidth.py",
    "`tick` ```` ticks.py",
    "@all #1 !2 ~bug.py",
    "![x](http:evil.example).py",
    "<img src=x>.py",
    "label ~x",
    "$(touch canary).py",
    "{{7*7}}%s.py",
    "a -> b.py",
    "=== file: x (added).py",
    "deep/" * 12 + "x.py",
    "long-" + "x" * 200 + ".py",
)
RAW = (b"latin-\xe9.py", b"half-\xf0\x9f.py")
ENCODED: dict[Name, Content] = {
    "text/utf16.txt": "\ufeffBUG = 1\n".encode("utf-16-le"),
    "text/latin1.py": b"# caf\xe9\nBUG = '\xff'\n",
    "text/mixed.py": b"one\r\ntwo\rstill two\nBUG three\r\nfour\x0b\x0c\x1c\x85still four\nBUG five\n",
    "text/unicode.py": "one\u2028still one\u2029\x85\nBUG two\n".encode(),
    "text/no_newline.py": b"one\nBUG two",
    "text/crlf_end.py": b"one\r\nBUG two\r",
    "text/bom.py": b"\xef\xbb\xbfBUG one\n",
    "text/nul.py": b"BUG\x00binary\n",
}
PLACES = {
    "text/latin1.py": [2],
    "text/mixed.py": [2, 3, 5],  # of its own, the first one of each: that such characters are there
    "text/unicode.py": [1, 2],
    "text/no_newline.py": [2],
    "text/crlf_end.py": [2],
    "text/bom.py": [1],
}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Seen]]:
    """A remark on each odd file, and in each odd encoding."""
    after: dict[Name, Content] = dict.fromkeys((*ODD, *RAW), BUG)
    after |= ENCODED
    with scene(
        tmp_path_factory.mktemp("names") / "scene",
        {"README.md": b"An app.\n", "text/no_newline.py": b"one"},
        after,
        replies=[remarks],
        title="/label ~x",
        source_branch="/label ~x",
        labels=["/label ~x"],
    ) as enemy:
        yield enemy, enemy.review(IQUEST_MAX_FINDINGS="100", IQUEST_CONTEXT="none")


@row("H44-filenames")
def test_every_name_is_exact_for_gitlab_and_inert_in_text(named: tuple[Scene, Seen], row: str) -> None:
    enemy, seen = named
    placed = {thread.path for thread in threads(enemy.gitlab)}

    assert seen.finished.code == 0, seen.finished.err
    assert set(ODD) - placed == set()
    assert_inert(seen)
    assert_log(seen)
    assert all("\x1b" not in kept for kept in seen.kept.values())
    assert "\u202e" not in seen.kept["note.md"]
    assert list(enemy.folder.rglob("canary*")) == [*enemy.folder.glob("origin/canary*")]


@row("H44-filenames")
def test_a_name_that_is_no_utf_8_is_told_in_the_note(named: tuple[Scene, Seen], row: str) -> None:
    _, seen = named
    shown = ReadPage(seen.bodies[-1]).text

    for name in ("latin-\\xe9.py", "half-\\xf0\\x9f.py"):
        assert name in shown
    assert shown.count("(the file name is not UTF-8)") == len(RAW)


@row("H51-encodings", "H52-no-eof-newline")
def test_lines_are_counted_as_gitlab_does(named: tuple[Scene, Seen], row: str) -> None:
    enemy, seen = named
    placed: dict[str, list[int | None]] = {}
    for thread in threads(enemy.gitlab):
        also = [int(line) for line in re.findall(r"line (\d+)", thread.body.partition(TAIL_MARKER)[2])]
        placed.setdefault(thread.path, []).extend([thread.line, *also])

    assert {path: sorted(placed.get(path, []), key=str) for path in PLACES} == PLACES
    left_out = {omission["path"]: omission["reason"] for omission in seen.finished.review["omissions"]}
    assert left_out == {"text/utf16.txt": "binary file", "text/nul.py": "binary file"}


@row("H05-qa-echo")
def test_names_of_branch_title_and_label_run_nothing(named: tuple[Scene, Seen], row: str) -> None:
    enemy, seen = named

    assert enemy.gitlab.executed == []
    assert_inert(seen)
    for argument in ("/label ~x", "4\n/close", "\x1b[31m4"):
        wrong = enemy.run("review", "--merge-request", argument, environ=enemy.job)
        assert (wrong.finished.code, wrong.bodies) == (2, ())
        assert_log(wrong)


@row("H62-trigger-args")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("IQUEST_MERGE_REQUEST", "1/../2"),
        ("IQUEST_MERGE_REQUEST", "-1"),
        ("IQUEST_MERGE_REQUEST", "1" + "0" * 20),
        ("IQUEST_PROJECT", "../group/app"),
        ("IQUEST_PROJECT", "7/merge_requests/5"),
        ("CI_MERGE_REQUEST_IID", "4/../5"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "7/merge_requests/5/notes?"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "../8"),
    ],
)
def test_no_argument_leads_to_another_merge_request(
    named: tuple[Scene, Seen], row: str, variable: str, value: str
) -> None:
    enemy, _ = named
    more = {"IQUEST_MERGE_REQUEST": "4"} if variable == "IQUEST_PROJECT" else {}
    here = enemy.gitlab.mark()
    seen = enemy.review("--dry-run", **{**more, variable: value})
    asked = {request.path for request in enemy.gitlab.requests_since(here)}

    assert_log(seen)
    assert seen.finished.code in (2, 4)
    assert seen.bodies == ()
    assert seen.prompts == ()
    assert not [path for path in asked if path.startswith("/api/v4/projects/7/") or "/../" in path]
