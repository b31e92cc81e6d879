"""Characters that nobody sees become visible, and others stay."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iquest_review.text import escape_invisible, shorten_to_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),  # right-to-left override
        ("\x1b[31m", "\\x1b[31m"),
        ("\r", "\\x0d"),
        ("\x00", "\\x00"),
        ("\U000e0041", "\\U000e0041"),  # a tag
        ("\u200b\u2060\ufeff", "\\u200b\\u2060\\ufeff"),
        ("\udce9", "\\udce9"),  # a byte that was no UTF-8
        ("\u3164", "\\u3164"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("❤\ufe0f", "❤\ufe0f"),  # an emoji is one
        ("中文 é ✓", "中文 é ✓"),
    ],
)
def test_an_invisible_character_becomes_its_escape(text: str, shown: str) -> None:
    assert escape_invisible(text) == shown


@given(st.text())
def test_no_control_and_no_format_character_is_left(text: str) -> None:
    left = {
        character for character in escape_invisible(text) if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    }
    assert left <= {"\t", "\n"}


@given(st.text(), st.integers(1, 50))
def test_one_line_is_one_line_and_no_longer_than_asked(text: str, limit: int) -> None:
    line = shorten_to_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1


def test_a_shortened_line_ends_with_an_ellipsis() -> None:
    assert shorten_to_line("a \n b", 3) == "a b"
    assert shorten_to_line("abcdef", 3) == "ab…"
