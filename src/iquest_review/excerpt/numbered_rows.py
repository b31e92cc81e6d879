"""How a diff is written for the model: one row per line, made of marker, line number, "| " and text.

The number is the new file's; a removed line has the old file's. A line stays one row whatever the author wrote into it:
invisible characters are escaped, texts that a server would read as its own tokens are broken, overlong lines are cut.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from iquest_review.diff.decoding import decode_line
from iquest_review.diff.diff import FileDiff, FileStatus, Hunk, Line
from iquest_review.excerpt.chat_tokens import defuse_tokens
from iquest_review.text import escape_invisible, format_count, shorten_to_line

MAX_LINE_CHARS = 2_000  # people do not write longer lines
CUT_LINE_CHARS = 500  # that are left of a longer line
NO_NEWLINE = "\\ No newline at end of file"

_MAX_ESCAPE_CHARS = 4  # for one byte: \xNN


@dataclass(frozen=True, slots=True)
class FoldedHunk(Hunk):
    """A hunk, or a part of one, whose changed lines are not shown: one row says what they are."""

    other: str | None = None  # the file that the removed lines moved to; None: only white space changes
    endings: bool = False  # of the white space, only line endings change

    def iter_lines(self) -> Iterator[Line]:
        """Yield nothing: the lines are not shown."""
        return iter(())


@dataclass(frozen=True, slots=True)
class MovedBlock:
    """Added lines that were elsewhere before, by their numbers in the new file."""

    first: int
    last: int
    source: str  # the file they are removed from


@dataclass(frozen=True, slots=True)
class MarkedHunk(Hunk):
    """A hunk with blocks that moved into it; a row above each says so. `replace` may make parts of it."""

    moved: tuple[MovedBlock, ...] = ()  # in order; some may be outside this part

    def list_blocks(self) -> list[MovedBlock]:
        """List the blocks, as far as they are within the hunk."""
        end = self.new_start + sum(row[:1] not in (b"-", b"\\") for row in self.rows)
        index, blocks = bisect_left(self.moved, self.new_start, key=lambda block: block.last), list[MovedBlock]()
        while index < len(self.moved) and self.moved[index].first < end:
            block = self.moved[index]
            blocks.append(MovedBlock(max(block.first, self.new_start), min(block.last, end - 1), block.source))
            index += 1
        return blocks


def mark_moved_blocks(hunk: Hunk, blocks: Sequence[MovedBlock]) -> Hunk:
    """Return a hunk with the marks of blocks, which are in order; the hunk itself if there are no blocks."""
    if not blocks:
        return hunk
    own = hunk.old_start, hunk.new_start, hunk.heading, hunk.rows, hunk.added, hunk.removed
    return MarkedHunk(*own, tuple(blocks), encoding=hunk.encoding)


def render_path(path: str) -> str:
    """Return a path on one row, with LF and TAB, which a file name may contain, as escapes."""
    return defuse_tokens(escape_invisible(path).replace("\n", "\\n").replace("\t", "\\t"))


def render_line_text(line: Line) -> str:
    """Return a line's text as the model sees it and quotes it."""
    return _render_text(line.raw, line.encoding)


def _render_text(raw: bytes, encoding: str | None) -> str:
    text, cut = _shorten_text(raw, encoding)
    return f"{text} [cut: {len(raw):,} bytes]" if cut else text


def render_stable_text(line: Line) -> str:
    """Return what `render_line_text` returns without a guess at the encoding: identities need the same every time."""
    return render_line_text(line if line.encoding is None else replace(line, encoding=None))


def render_file_rows(file: FileDiff) -> str:
    """Return the rows that begin a file: its name alone, for models copy the whole row, and what happened to it."""
    return f"=== file: {render_path(file.path)}\n=== status: {_describe_status(file)}"


def render_hunk_row(hunk: Hunk) -> str:
    """Return the row that begins a hunk, or that replaces a folded one."""
    if isinstance(hunk, FoldedHunk):
        lines = format_count(hunk.changed_lines, "line")
        if hunk.other is None:
            return f"~ {lines} changed in {'line endings' if hunk.endings else 'white space'} only"
        return f"~ {lines} moved to {render_path(hunk.other)}, unchanged"
    return f"@@ {defuse_tokens(shorten_to_line(hunk.heading, 100))}".rstrip()


def render_line_rows(hunk: Hunk) -> Iterator[str]:
    """Yield a text for each line of a hunk; nothing for a folded one.

    It is the line's row, with a row above it if a moved block begins there, and a row below it if the file ends there
    without a newline.
    """
    if isinstance(hunk, FoldedHunk):
        return
    marks = dict[int, str]()
    if isinstance(hunk, MarkedHunk):
        marks = {block.first: f"{_render_mark(block)}\n" for block in hunk.list_blocks()}
    old, new = hunk.old_start, hunk.new_start
    texts, ends = _render_texts(hunk), [row[:1] == b"\\" for row in hunk.rows]
    for row, text, last in zip(hunk.rows, texts, (*ends[1:], False), strict=True):
        end = f"\n{NO_NEWLINE}" if last else ""
        if row[:1] == b"-":
            yield f"-{old}| {text}{end}"
            old += 1
        elif row[:1] == b"+":
            yield f"{marks.get(new, '')}+{new}| {text}{end}"
            new += 1
        elif row[:1] != b"\\":
            yield f" {new}| {text}{end}"
            old, new = old + 1, new + 1


def _render_texts(hunk: Hunk) -> list[str]:
    """Return the text of each row without its marker: all at once, unless one is not UTF-8 or overlong."""
    if max(map(len, hunk.rows), default=0) <= MAX_LINE_CHARS:
        joined = b"\n".join([row[1:] for row in hunk.rows]).replace(b"\r\n", b"\n").removesuffix(b"\r")
        try:
            texts = defuse_tokens(escape_invisible(joined.decode())).split("\n")
        except UnicodeDecodeError:
            texts = []
        if len(texts) == len(hunk.rows) and max(map(len, texts)) <= MAX_LINE_CHARS:
            return texts
    return [_render_text(row[1:], hunk.encoding) for row in hunk.rows]


def _render_mark(block: MovedBlock) -> str:
    lines = block.last - block.first + 1
    subject = f"{lines:,} added lines are" if lines > 1 else "added line is"
    return f"~ the next {subject} moved from {render_path(block.source)}, unchanged"


def count_shown_rows(hunk: Hunk) -> int:
    """Count the diff lines that show a hunk."""
    return 1 if isinstance(hunk, FoldedHunk) else len(hunk.rows)


def count_hidden_lines(hunk: Hunk) -> int:
    """Count the changed lines of a hunk that are not shown completely: overlong ones, or all if it is folded."""
    if isinstance(hunk, FoldedHunk):
        return hunk.changed_lines
    return sum(
        _shorten_text(row[1:], hunk.encoding)[1]
        for row in hunk.rows
        if len(row) * _MAX_ESCAPE_CHARS > MAX_LINE_CHARS and row[:1] in (b"+", b"-")
    )


def _shorten_text(raw: bytes, encoding: str | None = None) -> tuple[str, bool]:
    """Return the text of a line and whether it was cut. Only the beginning of a very long line is decoded."""
    long = len(raw) > MAX_LINE_CHARS * _MAX_ESCAPE_CHARS
    raw = raw[: MAX_LINE_CHARS * _MAX_ESCAPE_CHARS + 1] if long else raw.removesuffix(b"\r")
    text = defuse_tokens(escape_invisible(decode_line(raw, encoding, cut=long)))
    return (text, False) if len(text) <= MAX_LINE_CHARS else (text[:CUT_LINE_CHARS], True)


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
    """Count the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def count_row_bytes(rows: Iterable[str]) -> int:
    """Count the bytes of rows with their line ends."""
    return sum(count_bytes(row) + 1 for row in rows)


def take_first_rows(rows: Iterable[str], most: int) -> Iterator[str]:
    """Yield the first rows, as far as they take at most `most` bytes."""
    for row in rows:
        most -= count_bytes(row) + 1
        if most < 0:
            return
        yield row
