"""How the rows of a quote and of a file are read for comparison: without what models drop, add or copy along."""

import re

_ROW_LABEL = re.compile(r"^\s*[-+ ]?\d+\|")
_MARKER = re.compile(r"^[-+]")
_ESCAPES = re.compile(r"[\s\\\"'`]")


def list_quote_rows(quote: str) -> tuple[str, ...]:
    """Return the quote's rows that are not blank."""
    return tuple(row for row in quote.split("\n") if strip_blanks(row))


def strip_blanks(text: str) -> str:
    """Remove white space: models do not copy it reliably."""
    return "".join(text.split())


def strip_escapes(text: str) -> str:
    """Remove white space, backslashes and quotation marks: JSON in JSON adds or drops them."""
    return _ESCAPES.sub("", text)


def strip_row_label(text: str) -> str:
    """Remove the marker and number that the prompt prints before a row, and white space."""
    return strip_blanks(_ROW_LABEL.sub("", text))


def strip_row_marker(text: str) -> str:
    """Remove a diff's + or - before a row, and white space."""
    return strip_blanks(_MARKER.sub("", text.lstrip()))


READINGS = (
    (strip_blanks, strip_blanks),
    (strip_row_label, strip_blanks),
    (strip_row_marker, strip_blanks),
    (strip_escapes, strip_escapes),
)  # of a quote's row, and of a line
