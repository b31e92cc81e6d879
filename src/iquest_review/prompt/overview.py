"""All files of a change that is reviewed in parts, a row a file: what a request cannot show, it can know of."""

import re
from collections.abc import Iterator, Sequence

from iquest_review.diff.diff import FileDiff
from iquest_review.excerpt.numbered_rows import inert, shown_path, size_of_rows
from iquest_review.text import one_line

LONGEST_PATH, LONGEST_NAME = 200, 80  # characters
LEVELS = (12, 6, 3, 1)  # definitions that are named of each file, most; the first that fits
MOST_ROWS_READ = 40_000  # of all files, for the definitions they add

_DEFINES = re.compile(
    rb"\+\s{0,40}(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|override|pub|open"
    rb"|sealed|data|suspend|inline|virtual|unsafe|extern)\s+){0,4}"
    rb"(?:def|class|func|function|fn|fun|interface|struct|enum|trait|impl|object|record|module|namespace|type)\s+\w"
)


def overview(files: Sequence[FileDiff], most: int) -> tuple[str, ...]:
    """A row for each file, with the definitions that it changes or adds, in at most `most` bytes with their line ends;
    of the last files only how many there are, where not all fit."""
    heads = list(map(_head, files))
    if size_of_rows(heads) > most:
        return tuple(_first(heads, most))
    names = [list(_definitions(file, MOST_ROWS_READ // len(files))) for file in files]
    levels = ([_row(head, some, level) for head, some in zip(heads, names, strict=True)] for level in LEVELS)
    return tuple(next((rows for rows in levels if size_of_rows(rows) <= most), heads))


def _head(file: FileDiff) -> str:
    path = shown_path(file.path)
    path = path if len(path) <= LONGEST_PATH else "…" + path[1 - LONGEST_PATH :]
    return f"{path} ({file.status}, +{file.added} -{file.removed})"


def _definitions(file: FileDiff, left: int) -> Iterator[str]:
    """Where its hunks are, by their headings, and what they add in the first rows."""
    seen = set[str]()
    for hunk in file.hunks:
        added = (row[1:].decode("utf-8", "replace") for row in hunk.rows[: max(0, left)] if _DEFINES.match(row))
        left -= len(hunk.rows)
        for name in (hunk.heading, *added):
            text = inert(one_line(name.strip().rstrip("{:").strip(), LONGEST_NAME))
            if text and text not in seen:
                seen.add(text)
                yield text


def _row(head: str, names: Sequence[str], most: int) -> str:
    shown = [*names[:most], *(["…"] if len(names) > most > 0 else [])]
    return f"{head}: {'; '.join(shown)}" if shown else head


def _first(rows: Sequence[str], most: int) -> Iterator[str]:
    """The first rows, and how many there are besides."""
    room = most - size_of_rows([_more(len(rows))])
    for at, row in enumerate(rows):
        room -= size_of_rows([row])
        if room < 0:
            if most >= size_of_rows([_more(len(rows))]):
                yield _more(len(rows) - at)
            return
        yield row


def _more(count: int) -> str:
    return f"and {count} more"
