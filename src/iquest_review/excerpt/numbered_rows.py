"""How a diff is written for the model: a row a line, made of marker, line number, "| " and text.

The number is the new file's; a removed line's is the old file's. A row is one row whatever the author wrote into it:
what cannot be seen is escaped, what a server would take for a token of its own is broken, what is too long is cut.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from iquest_review.diff.diff import FileDiff, FileStatus, Hunk, Line
from iquest_review.text import escape_invisible, format_count, shorten_to_line

MAX_LINE_CHARS = 2_000  # characters; people do not write longer lines
CUT_LINE_CHARS = 500  # characters that are left of a longer one
NO_NEWLINE = "\\ No newline at end of file"

_MAX_ESCAPE_CHARS = 4  # a byte becomes at most so many characters: \xNN
_CONTROL = re.compile(r"<(?=[|\uff5c]|/?s>)")  # opens <|im_end|>, DeepSeek's full-width form, and </s>


@dataclass(frozen=True, slots=True)
class FoldedHunk(Hunk):
    """A run of changed lines, a hunk or a part of one, that is not shown: one row says what they are."""

    other: str | None = None  # the file that removed lines are added to; None: white space is all that changes
    endings: bool = False  # of white space that of line endings alone

    def iter_lines(self) -> Iterator[Line]:
        """None: they are not shown."""
        return iter(())


@dataclass(frozen=True, slots=True)
class MovedBlock:
    """Added lines that stood elsewhere before, by their numbers in the new file."""

    first: int
    last: int
    source: str  # the file they are removed from


@dataclass(frozen=True, slots=True)
class MarkedHunk(Hunk):
    """A hunk with blocks that moved into it: above each a row says so. Parts of it may be made with `replace`."""

    moved: tuple[MovedBlock, ...] = ()  # in order; perhaps some that this part does not hold

    def list_blocks(self) -> list[MovedBlock]:
        """The blocks, as far as the hunk holds them."""
        end = self.new_start + sum(row[:1] not in (b"-", b"\\") for row in self.rows)
        index, blocks = bisect_left(self.moved, self.new_start, key=lambda block: block.last), list[MovedBlock]()
        while index < len(self.moved) and self.moved[index].first < end:
            block = self.moved[index]
            blocks.append(MovedBlock(max(block.first, self.new_start), min(block.last, end - 1), block.source))
            index += 1
        return blocks


def mark_moved_blocks(hunk: Hunk, blocks: Sequence[MovedBlock]) -> Hunk:
    """A hunk that is not folded, with the marks of blocks, which are in order; as it is where there is none."""
    if not blocks:
        return hunk
    own = hunk.old_start, hunk.new_start, hunk.heading, hunk.rows, hunk.added, hunk.removed
    return MarkedHunk(*own, tuple(blocks))


def defuse_tokens(text: str) -> str:
    """The text without the openings of chat-template tokens: servers take them for their own wherever they stand."""
    return _CONTROL.sub("< ", text)


def render_path(path: str) -> str:
    """A path on one row; LF and TAB, which a file name may hold, as escapes."""
    return defuse_tokens(escape_invisible(path).replace("\n", "\\n").replace("\t", "\\t"))


def render_line_text(line: Line) -> str:
    """A line's text as the model sees it, which is how it quotes it."""
    text, cut = _shorten_text(line.raw)
    return f"{text} [cut: {len(line.raw):,} bytes]" if cut else text


def render_file_row(file: FileDiff) -> str:
    """The row that opens a file."""
    return f"=== file: {render_path(file.path)} ({_describe_status(file)})"


def render_hunk_row(hunk: Hunk) -> str:
    """The row that opens a hunk, or stands for one that is folded."""
    if isinstance(hunk, FoldedHunk):
        lines = format_count(hunk.changed_lines, "line")
        if hunk.other is None:
            return f"~ {lines} changed in {'line endings' if hunk.endings else 'white space'} only"
        return f"~ {lines} moved to {render_path(hunk.other)}, unchanged"
    return f"@@ {defuse_tokens(shorten_to_line(hunk.heading, 100))}".rstrip()


def render_line_rows(hunk: Hunk) -> Iterator[str]:
    """A text for each line of a hunk: its row, a second one where the file ends in it without a newline, and one above
    it where a block begins that moved here. None of a hunk that is folded."""
    marks = (
        {block.first: f"{_render_mark(block)}\n" for block in hunk.list_blocks()}
        if isinstance(hunk, MarkedHunk)
        else {}
    )
    for line in hunk.iter_lines():
        mark = marks.get(line.new_line or 0, "") if marks else ""
        row = f"{mark}{line.kind.value}{line.number}| {render_line_text(line)}"
        yield row if line.newline else f"{row}\n{NO_NEWLINE}"


def _render_mark(block: MovedBlock) -> str:
    lines = block.last - block.first + 1
    subject = f"{lines:,} added lines are" if lines > 1 else "added line is"
    return f"~ the next {subject} moved from {render_path(block.source)}, unchanged"


def count_shown_rows(hunk: Hunk) -> int:
    """Diff lines a hunk is shown in."""
    return 1 if isinstance(hunk, FoldedHunk) else len(hunk.rows)


def count_hidden_lines(hunk: Hunk) -> int:
    """Changed lines of a hunk that are not shown whole: those that are too long, and all that are folded."""
    if isinstance(hunk, FoldedHunk):
        return hunk.changed_lines
    return sum(
        _shorten_text(row[1:])[1]
        for row in hunk.rows
        if len(row) * _MAX_ESCAPE_CHARS > MAX_LINE_CHARS and row[:1] in (b"+", b"-")
    )


def _shorten_text(raw: bytes) -> tuple[str, bool]:
    """The text of a line, and whether it had to be cut. Of a line of megabytes only the beginning is looked at."""
    beginning = (
        raw[: MAX_LINE_CHARS * _MAX_ESCAPE_CHARS + 1]
        if len(raw) > MAX_LINE_CHARS * _MAX_ESCAPE_CHARS
        else raw.removesuffix(b"\r")
    )
    text = _decode_text(beginning)
    return (text, False) if len(text) <= MAX_LINE_CHARS else (text[:CUT_LINE_CHARS], True)


@lru_cache(4096)  # a line is written once to see whether it fits and again to be shown
def _decode_text(raw: bytes) -> str:
    return defuse_tokens(escape_invisible(raw.decode("utf-8", "backslashreplace")))


def _describe_status(file: FileDiff) -> str:
    words = [str(file.status)]
    if file.status in (FileStatus.RENAMED, FileStatus.COPIED):
        words = [f"{file.status} from {render_path(file.old_path)}"]
    if file.old_mode and file.new_mode and file.old_mode != file.new_mode:
        words.append(f"mode {file.old_mode} to {file.new_mode}")
    if file.is_symlink:
        words.append("symbolic link")
    return ", ".join(words)


def count_bytes(text: str) -> int:
    """Bytes of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def count_row_bytes(rows: Iterable[str]) -> int:
    """Bytes of rows with their line ends."""
    return sum(count_bytes(row) + 1 for row in rows)


def take_first_rows(rows: Iterable[str], most: int) -> Iterator[str]:
    """The first rows, as far as they take at most so many bytes."""
    for row in rows:
        most -= count_bytes(row) + 1
        if most < 0:
            return
        yield row
