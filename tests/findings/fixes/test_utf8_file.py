"""A suggestion is offered only in a file that GitLab can rewrite without loss: it is UTF-8 as a whole."""

from collections.abc import Callable

import pytest

from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk
from iquest_review.findings.finding import Severity
from iquest_review.findings.fixes.suggestion import build_replacement
from iquest_review.findings.fixes.utf8_file import is_utf8_text
from iquest_review.findings.indexed import provide_no_text
from iquest_review.findings.placement import assign_place
from tests.support.findings import made
from tests.support.verifying import verify

ASCII = b"def pay(rows):\n    return sum(rows)\n"
FAR = b"x = 1\n" * 500


def offer(shown: bytes, read_file: Callable[[str], bytes | None] = provide_no_text, heading: str = "") -> str | None:
    """Return the one-click replacement of the line `return sum(rows)`."""
    rows = tuple(b"+" + row for row in shown.removesuffix(b"\n").split(b"\n"))
    file = FileDiff("a.py", "a.py", FileStatus.MODIFIED, (Hunk(1, 1, heading, rows, len(rows), 0),))
    wanted = made(path="a.py", severity=Severity.LOW, quote="    return sum(rows)", fix="    return sum(rows) / 2")
    verified = verify(wanted, Diff((file,)), read_file)
    assert verified.lines
    assert assign_place(verified, read_file).replacement == build_replacement(verified, read_file)
    return build_replacement(verified, read_file)


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("# 总金额\n".encode("gb18030"), id="gb18030"),
        pytest.param("# 標記\n".encode("big5"), id="big5"),
        pytest.param("# 合計\n".encode("shift_jis"), id="shift_jis"),
        pytest.param(FAR + "# Größe\n".encode("latin-1"), id="latin-1 on a far line"),
        pytest.param("# Größe\n".encode() + b"\xff\n", id="one bad byte among UTF-8"),
        pytest.param(b"# cut \xe6\x80", id="half a character at the end"),
        pytest.param(b"# \xed\xa0\x80\n", id="a surrogate"),
        pytest.param(b"# \xc0\xaf\n", id="an overlong form"),
        pytest.param(b"a = '\0'\n", id="NUL"),
        pytest.param("# é\r\n".encode("latin-1"), id="CRLF"),
    ],
)
def test_a_file_that_is_not_utf_8_gets_no_suggestion(rest: bytes) -> None:
    assert offer(ASCII, lambda _: ASCII + rest) is None
    assert offer(ASCII + rest) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ASCII, id="ascii"),
        pytest.param(b"\xef\xbb\xbf# first\n" + ASCII, id="byte order mark"),
        pytest.param("# Größe 总金额 😀\n".encode() + ASCII, id="utf-8"),
        pytest.param(b"# one\r\n" + ASCII, id="mixed line ends"),
        pytest.param(b"\f\n" + ASCII, id="form feed"),
    ],
)
def test_a_file_that_is_utf_8_gets_a_suggestion(text: bytes) -> None:
    assert offer(text, lambda _: text) == "    return sum(rows) / 2"
    assert offer(text) == "    return sum(rows) / 2"


def test_a_file_that_becomes_utf_8_gets_a_suggestion_where_it_is_read() -> None:
    rows = (b"-# \xe9", b"+# \xc3\xa9", b"+    return sum(rows)")
    file = FileDiff("a.py", "a.py", FileStatus.MODIFIED, (Hunk(1, 1, "", rows, 2, 1),))
    wanted = made(path="a.py", severity=Severity.LOW, quote="    return sum(rows)", fix="    return sum(rows) / 2")
    verified = verify(wanted, Diff((file,)))
    assert build_replacement(verified, lambda _: b"# \xc3\xa9\n    return sum(rows)\n") is not None
    assert build_replacement(verified) is None  # other lines may still be in the old encoding


def test_the_heading_of_a_hunk_is_evidence_except_for_its_cut_end() -> None:
    assert offer(ASCII, heading=r"def gr\xfc\xdfe(name):") is None
    assert offer(ASCII, heading=r"def pay(name):  # total \xe6\x80") is not None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_not_utf_8(encoding: str) -> None:
    assert not is_utf8_text("x = 1\n".encode(encoding))
    assert not is_utf8_text("标".encode("utf-16"))
