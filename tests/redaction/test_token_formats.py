"""The table of token formats: each row finds its own example, and leaves the false one alone."""

from pathlib import Path

import pytest

from iquest_review.redaction import token_formats
from iquest_review.redaction.redactor import Redactor
from iquest_review.redaction.token_formats import FORMATS, Span, TokenFormat

REDACTOR = Redactor({})
ROWS = pytest.mark.parametrize("row", FORMATS, ids=lambda row: f"{row.name}, {row.markers[0].decode()}")


def matches(row: TokenFormat, text: str) -> list[Span]:
    line = text.encode()
    return [span for marker in row.markers for span in row.find_matches(marker, line, line.lower())]


@ROWS
def test_a_row_finds_its_true_example_under_its_name(row: TokenFormat) -> None:
    assert [span.kind for span in matches(row, row.true_example)] == [row.name]
    assert row.name in [secret.kind for secret in REDACTOR.redact_text(row.true_example).found]
    assert f"[REDACTED:{row.name}]" in REDACTOR.redact_text(f"send('{row.true_example}')").text


@ROWS
def test_a_row_leaves_its_false_example_alone(row: TokenFormat) -> None:
    assert any(marker in row.false_example.lower().encode() for marker in row.markers)
    assert matches(row, row.false_example) == []
    assert row.name not in [secret.kind for secret in REDACTOR.redact_text(row.false_example).found]


@ROWS
def test_a_row_names_its_source(row: TokenFormat) -> None:
    assert row.source


def test_the_table_itself_contains_no_secret() -> None:
    """Its examples are put together as it is read, so that a scanner of the repository does not report them."""
    content = Path(token_formats.__file__).read_bytes()

    assert REDACTOR.redact_bytes(content) is content
