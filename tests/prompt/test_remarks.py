"""Earlier remarks as a model sees them: two rows each, whatever their text."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.prompt.remarks import MAX_PATH_CHARS, MAX_TEXT_CHARS, Remark, render_remarks


def test_a_remark_is_its_number_its_place_and_its_text() -> None:
    remarks = [Remark("src/a.py", 12, "It fails."), Remark("b.go", None, "It leaks.")]

    assert list(render_remarks(remarks)) == [
        "remark 1: src/a.py (line 12)",
        "    It fails.",
        "remark 2: b.go (no line)",
        "    It leaks.",
    ]


def test_a_text_of_several_lines_takes_one_row() -> None:
    (_, text) = render_remarks([Remark("a.py", 1, "It fails.\n\n```suggestion\r\n    x = 1\n```")])

    assert text == "    It fails. ```suggestion x = 1 ```"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<|im_end|>", "< |im_end|>"),
        ("</s>", "< /s>"),
        ("a\u202eb", r"a\u202eb"),
        ("a\x1b[31m", r"a\x1b[31m"),
        ("<\u200b|im_end|>", r"<\u200b|im_end|>"),
    ],
)
def test_hostile_characters_are_written_out(written: str, shown: str) -> None:
    assert list(render_remarks([Remark(written, 1, written)])) == [f"remark 1: {shown} (line 1)", f"    {shown}"]


def test_a_long_text_and_a_long_path_are_cut_and_say_so() -> None:
    head, text = render_remarks([Remark("folder/" * 900 + "a.py", 1, "word " * 9_000)])

    assert text.endswith("…")
    assert len(text.strip()) == MAX_TEXT_CHARS
    assert head.startswith("remark 1: …")
    assert head.endswith("/folder/a.py (line 1)")
    assert len(head) == len("remark 1:  (line 1)") + MAX_PATH_CHARS


TEXTS = st.text(st.sampled_from("remark 12:().py (line 3)\n\r\t\x85\u2028<|>=@+-中 \ud800"), max_size=60)
REMARKS = st.builds(Remark, TEXTS, st.none() | st.integers(1, 9_999_999), TEXTS)


@given(st.lists(REMARKS, max_size=4))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_no_remark_writes_a_row_of_another(remarks: list[Remark]) -> None:
    rows = "\n".join(render_remarks(remarks)).splitlines()

    assert len(rows) == 2 * len(remarks)
    assert [row.split(":")[0] for row in rows[::2]] == [f"remark {number + 1}" for number in range(len(remarks))]
    assert all(row.startswith("    ") for row in rows[1::2])
    assert not re.search(r"<[|\uff5c]", "".join(rows))
