"""All files of a change that is reviewed in parts, one row each, so that a request knows of what it cannot show."""

import re
from collections.abc import Iterator, Sequence

from iquest_review.diff.diff import FileDiff
from iquest_review.excerpt.chat_tokens import defuse_tokens
from iquest_review.excerpt.numbered_rows import count_row_bytes, render_path
from iquest_review.text import shorten_to_line

MAX_PATH_CHARS, MAX_NAME_CHARS = 200, 80
DEFINITION_LEVELS = (12, 6, 3, 1)  # most definitions named of each file; the first level that fits is used
MAX_SCANNED_ROWS = 40_000  # of all files, for added definitions

_DEFINES = re.compile(
    rb"\+\s{0,40}(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|override|pub|open"
    rb"|sealed|data|suspend|inline|virtual|unsafe|extern)\s+){0,4}"
    rb"(?:def|class|func|function|fn|fun|interface|struct|enum|trait|impl|object|record|module|namespace|type)\s+\w"
)


def render_overview(files: Sequence[FileDiff], most: int) -> tuple[str, ...]:
    """Return a row for each file with the definitions it changes or adds, in at most `most` bytes with line ends.

    Where not all files fit, the last row says how many more there are.
    """
    heads = list(map(_render_head, files))
    if count_row_bytes(heads) > most:
        return tuple(_render_first_rows(heads, most))
    names = [list(_list_definitions(file, MAX_SCANNED_ROWS // len(files))) for file in files]
    levels = (
        [_render_row(head, some, level) for head, some in zip(heads, names, strict=True)] for level in DEFINITION_LEVELS
    )
    return tuple(next((rows for rows in levels if count_row_bytes(rows) <= most), heads))


def _render_head(file: FileDiff) -> str:
    path = render_path(file.path)
    path = path if len(path) <= MAX_PATH_CHARS else "…" + path[1 - MAX_PATH_CHARS :]
    return f"{path} ({file.status}, +{file.added} -{file.removed})"


def _list_definitions(file: FileDiff, left: int) -> Iterator[str]:
    """Yield the headings of its hunks, and the definitions that their first rows add, `left` rows in all."""
    seen = set[str]()
    for hunk in file.hunks:
        added = (row[1:].decode("utf-8", "replace") for row in hunk.rows[: max(0, left)] if _DEFINES.match(row))
        left -= len(hunk.rows)
        for name in (hunk.heading, *added):
            text = defuse_tokens(shorten_to_line(name.strip().rstrip("{:").strip(), MAX_NAME_CHARS))
            if text and text not in seen:
                seen.add(text)
                yield text


def _render_row(head: str, names: Sequence[str], most: int) -> str:
    shown = [*names[:most], *(["…"] if len(names) > most > 0 else [])]
    return f"{head}: {'; '.join(shown)}" if shown else head


def _render_first_rows(rows: Sequence[str], most: int) -> Iterator[str]:
    """Yield the first rows, and how many more there are."""
    room = most - count_row_bytes([_render_more(len(rows))])
    for index, row in enumerate(rows):
        room -= count_row_bytes([row])
        if room < 0:
            if most >= count_row_bytes([_render_more(len(rows))]):
                yield _render_more(len(rows) - index)
            return
        yield row


def _render_more(count: int) -> str:
    return f"and {count} more"
