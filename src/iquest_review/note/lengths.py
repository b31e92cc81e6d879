"""How long each part of a note may be, and how longer parts are cut.

GitLab takes a million characters in a note (lib/gitlab/database.rb), people read far less. There must be room for what
the note remembers, and for the note of a failed review above it.
"""

from collections.abc import Iterable, Iterator

from iquest_review.note import markdown
from iquest_review.note.words import Words, format_number
from iquest_review.text import escape_invisible

# Of one text, before it is escaped for markdown.
MAX_LINE_CHARS, MAX_TEXT_CHARS, MAX_RAW_CHARS = 2_000, 20_000, 4_000
# Of one list, as markdown.
MAX_FINDINGS_CHARS, MAX_ROWS_CHARS, MAX_SUGGESTIONS_CHARS, MAX_OMISSIONS_CHARS = 240_000, 60_000, 40_000, 80_000
MAX_CONTROL_PATHS = 10
MAX_OVER_LIMIT_ROWS = 5  # of the findings over IQUEST_MAX_FINDINGS


def truncate_for_note(text: str, limit: int, words: Words) -> str:
    """Return the first `limit` characters of a text, with invisible characters escaped.

    A row below them says how many characters are missing.
    """
    text = escape_invisible(text.replace("\r\n", "\n"))  # before it is cut: an escape is longer than its character
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n{words.more_characters.format(count=format_number(len(text) - limit))}"


def truncate_list(rows: Iterable[str], count: int, limit: int, words: Words) -> Iterator[str]:
    """Yield as many of `count` rows as fit into `limit` characters, then a row that counts the others."""
    for shown, row in enumerate(rows):
        limit -= len(row)
        if limit < 0:
            yield f"- {words.more.format(count=format_number(count - shown))}"
            return
        yield row


def fold_section(title: str, content: str) -> str:
    """Return markdown that a reader opens with a click. The title is plain text of ours."""
    return f"<details>\n<summary>{title}</summary>\n\n{content}\n\n</details>"


def render_line(text: str, words: Words) -> str:
    """Return a text as one line of markdown."""
    return markdown.escape_line(truncate_for_note(text, MAX_LINE_CHARS, words))


def render_prose(text: str, words: Words) -> str:
    """Return a text of several lines as markdown."""
    return markdown.escape_prose(truncate_for_note(text, MAX_TEXT_CHARS, words))


def render_name(name: str, words: Words) -> str:
    """Return a path or another name as a code span."""
    return markdown.format_code_span(truncate_for_note(name, MAX_LINE_CHARS, words))
