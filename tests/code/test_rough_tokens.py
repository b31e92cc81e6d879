"""Rows without a parser are cut into tokens, and must open and close what the rows before them did."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.code.rough_tokens import find_tokens, is_balanced


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("a.sql", "SELECT a", "SELECT f(a)"),
        ("a.sql", "f(a", "g(a"),
        ("a.sql", "WHERE a = 'x'", "WHERE a = ')'"),
        ("a.sql", "WHERE a = 1", "WHERE a = 1 -- don't (yet"),
        ("a.lua", "f()", "f() -- it's"),
        ("a.css", "} else {", "} else if (x) {"),
        ("a.css", "a {", "b {"),
        ("a.tf", 'name = "a"', 'name = "it\'s"'),
        ("a.unknown", "f(x)", "f(x) # don't"),
        ("a.unknown", 'url = "http://a"', 'url = "http://(b"'),
        ("README.md", "a", "a smile :)"),
    ],
)
def test_rows_that_close_what_they_open_are_balanced(path: str, old: str, new: str) -> None:
    assert is_balanced(old, new, path)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("a.sql", "SELECT f(a)", "SELECT f(a"),
        ("a.sql", "SELECT f(a)", "SELECT fa)"),
        ("a.sql", "WHERE a = 'x'", "WHERE a = 'x"),
        ("a.css", "} else {", "else {"),
        ("a.css", "} else {", "{ else }"),
        ("a.lua", "f(a)", "f[a)"),
        ("a.tf", 'name = "a"', 'name = "a'),
        ("a.unknown", "f(a, [1])", "f(a, [1)]"),
        ("a.unknown", "`a`", "`a"),
        ("a.yml", "a: [1]", "a: [1"),
    ],
)
def test_rows_that_open_or_close_more_are_not_balanced(path: str, old: str, new: str) -> None:
    assert not is_balanced(old, new, path)


@given(st.text(max_size=80) | st.text("\"'`()[]{}#/-* \n\\a", max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_tokens_leave_nothing_out_but_white_space(text: str) -> None:
    tokens = find_tokens(text, "a.sql")

    assert "".join("".join(token.text.split()) for token in tokens) == "".join(text.split())
    assert is_balanced(text, text, "a.sql")
