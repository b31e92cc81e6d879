"""How a diff is written for the model: a row a line, made of marker, line number, "| " and text.

The number is the new file's; a removed line's is the old file's. A row is one row whatever the author wrote into it:
what cannot be seen is escaped, what a server would take for a token of its own is broken, what is too long is cut.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from iquest_review.diff.diff import FileDiff, Hunk, Line, Status
from iquest_review.text import counted, one_line, visible

LONGEST = 2_000  # characters; people do not write longer lines
CUT = 500  # characters that are left of a longer one
NO_NEWLINE = "\\ No newline at end of file"

_LARGEST_ESCAPE = 4  # a byte becomes at most so many characters: \xNN
_CONTROL = re.compile(r"<(?=[|\uff5c]|/?s>)")  # opens <|im_end|>, DeepSeek's full-width form, and </s>


@dataclass(frozen=True, slots=True)
class Folded(Hunk):
    """A run of changed lines, a hunk or a part of one, that is not shown: one row says what they are."""

    other: str | None = None  # the file that removed lines are added to; None: white space is all that changes
    endings: bool = False  # of white space that of line endings alone

    def lines(self) -> Iterator[Line]:
        """None: they are not shown."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Block:
    """Added lines that stood elsewhere before, by their numbers in the new file."""

    first: int
    last: int
    source: str  # the file they are removed from


@dataclass(frozen=True, slots=True)
class Marked(Hunk):
    """A hunk with blocks that moved into it: above each a row says so. Parts of it may be made with `replace`."""

    moved: tuple[Block, ...] = ()  # in order; perhaps some that this part does not hold

    def blocks(self) -> list[Block]:
        """The blocks, as far as the hunk holds them."""
        end = self.new_start + sum(row[:1] not in (b"-", b"\\") for row in self.rows)
        at, held = bisect_left(self.moved, self.new_start, key=lambda block: block.last), list[Block]()
        while at < len(self.moved) and self.moved[at].first < end:
            block = self.moved[at]
            held.append(Block(max(block.first, self.new_start), min(block.last, end - 1), block.source))
            at += 1
        return held


def marked(hunk: Hunk, blocks: Sequence[Block]) -> Hunk:
    """A hunk that is not folded, with the marks of blocks, which are in order; as it is where there is none."""
    if not blocks:
        return hunk
    own = hunk.old_start, hunk.new_start, hunk.heading, hunk.rows, hunk.added, hunk.removed
    return Marked(*own, tuple(blocks))


def inert(text: str) -> str:
    """The text without the openings of chat-template tokens: servers take them for their own wherever they stand."""
    return _CONTROL.sub("< ", text)


def shown_path(path: str) -> str:
    """A path on one row; LF and TAB, which a file name may hold, as escapes."""
    return inert(visible(path).replace("\n", "\\n").replace("\t", "\\t"))


def shown_text(line: Line) -> str:
    """A line's text as the model sees it, which is how it quotes it."""
    text, cut = _text(line.raw)
    return f"{text} [cut: {len(line.raw):,} bytes]" if cut else text


def file_row(file: FileDiff) -> str:
    """The row that opens a file."""
    return f"=== file: {shown_path(file.path)} ({_status(file)})"


def hunk_row(hunk: Hunk) -> str:
    """The row that opens a hunk, or stands for one that is folded."""
    if isinstance(hunk, Folded):
        lines = counted(hunk.changed_lines, "line")
        if hunk.other is None:
            return f"~ {lines} changed in {'line endings' if hunk.endings else 'white space'} only"
        return f"~ {lines} moved to {shown_path(hunk.other)}, unchanged"
    return f"@@ {inert(one_line(hunk.heading, 100))}".rstrip()


def line_rows(hunk: Hunk) -> Iterator[str]:
    """A text for each line of a hunk: its row, a second one where the file ends in it without a newline, and one above
    it where a block begins that moved here. None of a hunk that is folded."""
    marks = {block.first: f"{_mark(block)}\n" for block in hunk.blocks()} if isinstance(hunk, Marked) else {}
    for line in hunk.lines():
        mark = marks.get(line.new_line or 0, "") if marks else ""
        row = f"{mark}{line.kind.value}{line.number}| {shown_text(line)}"
        yield row if line.newline else f"{row}\n{NO_NEWLINE}"


def _mark(block: Block) -> str:
    lines = block.last - block.first + 1
    subject = f"{lines:,} added lines are" if lines > 1 else "added line is"
    return f"~ the next {subject} moved from {shown_path(block.source)}, unchanged"


def height(hunk: Hunk) -> int:
    """Diff lines a hunk is shown in."""
    return 1 if isinstance(hunk, Folded) else len(hunk.rows)


def overlong(hunk: Hunk) -> int:
    """Changed lines of a hunk that are not shown whole: those that are too long, and all that are folded."""
    if isinstance(hunk, Folded):
        return hunk.changed_lines
    return sum(
        _text(row[1:])[1] for row in hunk.rows if len(row) * _LARGEST_ESCAPE > LONGEST and row[:1] in (b"+", b"-")
    )


def _text(raw: bytes) -> tuple[str, bool]:
    """The text of a line, and whether it had to be cut. Of a line of megabytes only the beginning is looked at."""
    beginning = (
        raw[: LONGEST * _LARGEST_ESCAPE + 1] if len(raw) > LONGEST * _LARGEST_ESCAPE else raw.removesuffix(b"\r")
    )
    text = _decoded(beginning)
    return (text, False) if len(text) <= LONGEST else (text[:CUT], True)


@lru_cache(4096)  # a line is written once to see whether it fits and again to be shown
def _decoded(raw: bytes) -> str:
    return inert(visible(raw.decode("utf-8", "backslashreplace")))


def _status(file: FileDiff) -> str:
    words = [str(file.status)]
    if file.status in (Status.RENAMED, Status.COPIED):
        words = [f"{file.status} from {shown_path(file.old_path)}"]
    if file.old_mode and file.new_mode and file.old_mode != file.new_mode:
        words.append(f"mode {file.old_mode} to {file.new_mode}")
    if file.is_symlink:
        words.append("symbolic link")
    return ", ".join(words)


def size_of(text: str) -> int:
    """Bytes of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def size_of_rows(rows: Iterable[str]) -> int:
    """Bytes of rows with their line ends."""
    return sum(size_of(row) + 1 for row in rows)


def first_within(rows: Iterable[str], most: int) -> Iterator[str]:
    """The first rows, as far as they take at most so many bytes."""
    for row in rows:
        most -= size_of(row) + 1
        if most < 0:
            return
        yield row
