"""Files in other encodings than UTF-8 are shown as text; a wrong guess changes nothing but the text shown."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iquest_review.diff import patch
from iquest_review.diff.decoding import decode_line
from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk, Line, LineKind
from iquest_review.diff.encoding import MAX_READ_FILES, detect_encoding, mark_encodings
from iquest_review.diff.full_file import unfold_file
from iquest_review.diff.hunk_id import compute_hunk_id
from iquest_review.excerpt.numbered_rows import render_line_rows, render_line_text, render_stable_text
from iquest_review.findings.finding import Severity
from iquest_review.findings.indexed import provide_no_text
from iquest_review.findings.placement import assign_place
from iquest_review.findings.rules.deceptive_text import find_deceptive_text
from iquest_review.redaction.redactor import Redactor
from tests.support.findings import made
from tests.support.verifying import verify

SAMPLES = [
    ("gb18030", "// 计算订单总金额"),
    ("gb18030", 'printf("错误：文件不存在\\n");'),
    ("gbk", "# 总金额"),
    ("big5", "menu 標記(Marker)"),
    ("big5", 'printf("錯誤：檔案不存在\\n");'),
    ("shift_jis", "# 合計金額"),
    ("shift_jis", 'printf("エラー：ファイルがありません\\n");'),
    ("euc_jp", "// 注文の合計金額を計算する"),
    ("euc_kr", 'printf("오류: 파일이 없습니다\\n");'),
    ("cp1251", "// сумма заказа с налогом"),
    ("koi8-r", "// сумма заказа с налогом"),
    ("cp1250", "// oblicz sumę zamówienia"),
    ("cp1252", "/* Le nombre d’échecs a dépassé la limite */"),
    ("latin-1", 'author = "José"'),
    ("cp1253", "// υπολογισμός του συνολικού ποσού"),
    ("cp1254", "// sipariş toplamını hesapla, şu anda geçerli değil"),
]


def change(*rows: bytes) -> FileDiff:
    added = tuple(b"+" + row for row in rows)
    return FileDiff("a.c", "a.c", FileStatus.MODIFIED, (Hunk(1, 1, "", added, len(rows), 0),))


def mark(file: FileDiff, read_file: Callable[[str], bytes | None] = provide_no_text) -> FileDiff:
    return mark_encodings([file], read_file)[0]


def show(file: FileDiff) -> list[str]:
    return [render_line_text(line) for line in file.iter_lines()]


@pytest.mark.parametrize(("encoding", "text"), SAMPLES)
def test_one_line_in_another_encoding_is_shown_as_text(encoding: str, text: str) -> None:
    file = mark(change(b"int x;", text.encode(encoding), b"int y;"))
    assert show(file) == ["int x;", text, "int y;"]
    assert list(render_line_rows(file.hunks[0]))[1] == f"+2| {text}"


@pytest.mark.parametrize(("encoding", "text"), SAMPLES)
def test_a_quote_of_decoded_text_is_found(encoding: str, text: str) -> None:
    file = mark(change(b"int x;", text.encode(encoding), b"int y;"))
    verified = verify(made(path="a.c", line=1, quote=text, severity=Severity.LOW), Diff((file,)))
    assert verified.finding.line == 2


@pytest.mark.parametrize(("encoding", "text"), SAMPLES)
def test_decoded_text_deceives_nobody(encoding: str, text: str) -> None:
    assert find_deceptive_text([mark(change(text.encode(encoding)))], "en") == []


def test_letters_of_bytes_that_were_not_decoded_are_not_reported() -> None:
    assert find_deceptive_text([change("menu 標記(Marker)".encode("big5"))], "en") == []


@pytest.mark.parametrize(
    ("row", "title"),
    [
        pytest.param("c\u0440edit = 1 # caf".encode() + b"\xe9", "Letters", id="one bad byte beside UTF-8"),
        pytest.param("x = 1 \u202e # ".encode() + "总金额计算".encode("gbk"), "reading direction", id="direction"),
        pytest.param("// сумма заказа, сrеdit".encode("cp1251"), "Letters", id="in decoded text"),
    ],
)
def test_deceit_beside_other_bytes_is_still_reported(row: bytes, title: str) -> None:
    rows = [row, *("сумма заказа с налогом".encode("cp1251") for _ in range(3))] if "Letters" in title else [row]
    assert [found for found in find_deceptive_text([mark(change(*rows))], "en") if title in found.title]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(b"x = '\xff\xff'", id="no letters"),
        pytest.param(b"# \xd7\xdc", id="two bytes fit many encodings"),
        pytest.param(b"\x81\x8d\x8f", id="undefined in cp1252"),
        pytest.param("# é".encode() + "ééé".encode() + b"\xff", id="a bad byte among UTF-8"),
        pytest.param(b"# half \xe6\x80", id="half a character"),
    ],
)
def test_bytes_that_no_encoding_surely_explains_stay_escapes(row: bytes) -> None:
    assert show(mark(change(row))) == [row.decode("utf-8", "backslashreplace")]


def test_utf_8_lines_of_a_file_that_is_converted_stay_utf_8() -> None:
    text = "// 计算订单总金额"
    rows = (b"-" + text.encode("gbk"), b"+" + text.encode())
    file = mark(FileDiff("a.c", "a.c", FileStatus.MODIFIED, (Hunk(1, 1, "", rows, 1, 1),)))
    assert show(file) == [text, text]


def test_the_whole_file_helps_to_guess() -> None:
    whole = ("# 总金额\n" * 3 + "// 计算订单\n").encode("gbk")
    assert show(mark(change("# 总".encode("gbk")), lambda _: whole)) == ["# 总"]


@pytest.mark.parametrize(
    "declaration",
    [b"# -*- coding: gbk -*-", b"# vim: set fileencoding=gb2312 :", b'<?xml version="1.0" encoding="GB18030"?>'],
)
def test_a_declaration_decides_when_the_bytes_fit(declaration: bytes) -> None:
    assert detect_encoding(["# 总".encode("gbk")], [declaration]) == "gb18030"


NO_TEXT = ("zlib", "bz2", "hex", "base64", "uu", "quopri", "undefined", "unicode_escape", "punycode", "idna")


@pytest.mark.parametrize(
    "name", [*"cp037 utf-7 hz iso2022_jp rot13 no-such utf-8 utf-16 mac-arabic mac-farsi".split(), *NO_TEXT]
)
def test_a_declaration_never_changes_the_meaning_of_ascii(name: str) -> None:
    row = "// 计算订单总金额".encode("gbk")
    assert detect_encoding([row], [b"# coding: " + name.encode()]) == "gb18030"


@pytest.mark.parametrize("guess", [None, "gb18030", "big5hkscs", "cp1252"])
def test_identities_do_not_depend_on_the_guess(guess: str | None) -> None:
    plain = change(b"int x;", "# 总金额".encode("gbk"))
    file = replace(plain, hunks=tuple(replace(hunk, encoding=guess) for hunk in plain.hunks))
    line = list(file.iter_lines())[1]
    wanted = made(path="a.c", line=2, quote=render_line_text(line), severity=Severity.LOW)
    other = made(path="a.c", line=2, quote=render_line_text(list(plain.iter_lines())[1]), severity=Severity.LOW)
    placed, same = (assign_place(verify(one, Diff((held,)))) for one, held in ((wanted, file), (other, plain)))
    assert (placed.line, placed.fingerprint, placed.anchor) == (same.line, same.fingerprint, same.anchor)
    assert compute_hunk_id(file, file.hunks[0]) == compute_hunk_id(plain, plain.hunks[0])
    assert render_stable_text(line) == line.raw.decode("utf-8", "backslashreplace")


@pytest.mark.parametrize(
    "quote",
    [
        pytest.param("x = compute(total); // 总金颔", id="a wrong letter"),
        pytest.param("x = compute(total); // \\xd7\\xdc\\xbd", id="escapes left out"),
        pytest.param("+2| x = compute(total); // ×Ü", id="the row's label, another guess"),
    ],
)
@pytest.mark.parametrize("guess", [None, "gb18030"])
def test_a_line_that_is_not_utf_8_is_placed_by_its_number(quote: str, guess: str | None) -> None:
    row = "x = compute(total); // 总金额".encode("gbk")
    file = change(b"int x;", row, row)
    file = replace(file, hunks=tuple(replace(hunk, encoding=guess) for hunk in file.hunks))
    verified = verify(made(path="a.c", line=2, quote=quote, severity=Severity.LOW), Diff((file,)))
    assert verified.finding.line == 2


@pytest.mark.parametrize("quote", ["y = read(name); // 总金额", "// 总金额", "x = compute(a, total, 3, name);"])
def test_a_quote_of_other_code_is_not_placed_by_its_number(quote: str) -> None:
    file = change(b"int x;", "x = compute(total); // 总金额".encode("gbk"))
    assert verify(made(path="a.c", line=2, quote=quote, severity=Severity.LOW), Diff((file,))).finding.line is None


def test_a_line_outside_the_hunks_is_shown_in_the_files_encoding() -> None:
    whole = "// 计算订单总金额\nint x;\n".encode("gbk")
    hunk = Hunk(2, 2, "", (b"+int x;",), 1, 0)
    file = replace(change(), hunks=(replace(hunk, encoding="gb18030"),))
    assert show(unfold_file(file, whole))[0] == "// 计算订单总金额"


def test_only_files_with_other_bytes_are_read() -> None:
    asked: list[str] = []

    def read_file(path: str) -> bytes | None:
        asked.append(path)
        return None

    odd = [change("// 计算订单总金额".encode("gbk"))] * (MAX_READ_FILES + 1)
    mark_encodings([change("# é".encode(), b"x"), *odd], read_file)
    assert len(asked) == MAX_READ_FILES


def test_a_long_line_is_cut_between_characters() -> None:
    text = "总金额" * 4_000
    assert show(mark(change(text.encode("gbk")))) == [f"{text[:500]} [cut: 24,000 bytes]"]


@given(st.binary(max_size=60), st.sampled_from([None, "gb18030", "big5hkscs", "cp932", "cp1252", "koi8_r"]))
def test_any_bytes_have_a_text_and_utf_8_is_never_changed(raw: bytes, encoding: str | None) -> None:
    text = decode_line(raw, encoding)
    assert isinstance(text, str)
    if text != raw.decode("utf-8", "backslashreplace"):
        assert text.encode(encoding or "") == raw or encoding in ("gb18030", "big5hkscs", "cp932")
    assert "\n" in text or b"\n" not in raw


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_a_guess_changes_no_number_and_no_byte(rows: Sequence[bytes]) -> None:
    rows = [row.replace(b"\n", b"") for row in rows]
    file = change(*rows)
    marked = mark(file, lambda _: b"\n".join(rows))

    def strip(lines: Sequence[Line]) -> list[tuple[LineKind, int, bytes]]:
        return [(line.kind, line.number, line.raw) for line in lines]

    assert strip(list(marked.iter_lines())) == strip(list(file.iter_lines()))


def test_a_parsed_diff_is_marked_file_by_file() -> None:
    text = b"--- a/%s\n+++ b/%s\n@@ -0,0 +1 @@\n+%s\n"
    diff = patch.parse_patch(
        text % (b"x", b"x", "// 计算订单总金额".encode("gbk"))
        + text % (b"y", b"y", "// сумма заказа с налогом".encode("koi8-r"))
        + text % (b"z", b"z", b"plain")
    )
    marked = mark_encodings(diff.files, provide_no_text)
    assert [file.hunks[0].encoding for file in marked] == ["gb18030", "koi8_u", None]
    assert marked[2] is diff.files[2]


@pytest.mark.parametrize(
    ("encoding", "letters"),
    [("gb18030", "密钥"), ("big5", "密鑰"), ("shift_jis", "秘密"), ("euc_kr", "비밀"), ("latin-1", "Schlüssel")],
)
def test_a_secret_beside_other_letters_is_redacted(encoding: str, letters: str) -> None:
    file = change(f'{letters} = "s3cr3t-of-the-job" // {letters}'.encode(encoding))
    (clean,), (found,) = Redactor({"TOKEN": "s3cr3t-of-the-job"}).redact_diff([file])
    assert (found.line, found.certain) == (1, True)
    assert "s3cr3t" not in show(mark(clean))[0]
