"""A diff to search, with what the searches of one review have computed so far.

A finding cites one file of hundreds, and a review has a handful of findings: each form of a file is made when it is
first asked for, and kept for the next finding.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain

from iquest_review.diff.diff import Diff, FileDiff, Hunk, Line, LineKind, Side
from iquest_review.diff.full_file import unfold_file
from iquest_review.excerpt.numbered_rows import MAX_LINE_CHARS, FoldedHunk, render_line_text, render_stable_text
from iquest_review.findings import file_names
from iquest_review.findings.fingerprint import join_words
from iquest_review.findings.readings import strip_blanks, strip_escapes

FileReader = Callable[[str], bytes | None]  # a file's content at the head commit; None when it cannot be read

_REMOVED: dict[Callable[[str], str], bytes] = {strip_blanks: b" \t", strip_escapes: b" \t\\\"'`"}  # of visible ASCII
_CONTROLS = bytes((*range(9), 11, 12, 13, *range(14, 32), 127))


def provide_no_text(_: str) -> bytes | None:
    """Return None: without a repository no file can be read."""
    return None


class Rows:
    """Lines in order with their plain texts; `whole` are the rows that they are a part of, if any."""

    def __init__(self, rows: tuple[tuple[str, Line], ...], whole: "Rows | None" = None) -> None:
        self.rows = rows
        self._whole = whole

    def find(self, text: str) -> Sequence[int]:
        """Return the indexes of the rows with this text."""
        if self._whole is not None and not self._whole.find(text):
            return ()  # most quotes are looked for in vain: the places in a part are not even listed
        return self._places.get(text, ())

    @cached_property
    def _places(self) -> Mapping[str, list[int]]:
        places: dict[str, list[int]] = {}
        for index, (text, _) in enumerate(self.rows):
            places.setdefault(text, []).append(index)
        return places


class IndexedFile:
    """A file diff to search."""

    def __init__(self, file: FileDiff, read_file: FileReader = provide_no_text) -> None:
        self.file = file
        self._read_file = read_file
        self._sides: dict[Callable[[str], str], tuple[Rows, ...]] = {}
        self._words: dict[Side, tuple[list[int], list[str]]] = {}

    @cached_property
    def text(self) -> str:
        """All lines, one a row, as `strip_escapes` reads them."""
        return "\n".join(_strip_hunk(hunk, strip_escapes) for hunk in self.file.hunks)

    @cached_property
    def texts(self) -> frozenset[str]:
        """The rows of `text`."""
        return frozenset(self.text.split("\n"))

    @cached_property
    def head(self) -> bytes | None:
        """The content at the head commit; None when it cannot be read."""
        return self._read_file(self.file.path)

    @cached_property
    def unfolded(self) -> "IndexedFile | None":
        """The file with the lines between its hunks; None when they cannot be read, or do not match the hunks."""
        opened = self.file if self.head is None else unfold_file(self.file, self.head)
        return None if opened is self.file else IndexedFile(opened)

    def list_sides(self, plain: Callable[[str], str]) -> tuple[Rows, ...]:
        """Return the lines three times: all in the diff's order, those of the new file, those of the old one.

        `plain` makes a line's text comparable: strip_blanks or strip_escapes.
        """
        if plain not in self._sides:
            every = Rows(tuple(chain.from_iterable(_read_hunk(hunk, plain) for hunk in self.file.hunks)))
            new = tuple(row for row in every.rows if row[1].new_line is not None)
            old = tuple(row for row in every.rows if row[1].old_line is not None)
            self._sides[plain] = (every, Rows(new, every), Rows(old, every))
        return self._sides[plain]

    @property
    def rows(self) -> tuple[tuple[str, Line], ...]:
        """All lines in the diff's order, with their texts without white space."""
        return self.list_sides(strip_blanks)[0].rows

    def list_starts(self, first: Line) -> tuple[Sequence[tuple[str, Line]], Sequence[int]]:
        """Return the rows of the line's side, and the indexes of those that may have its text.

        Lines that are no UTF-8 are shown by a guess at their encoding, which says nothing of their bytes: all may.
        """
        every, new, _ = self.list_sides(strip_blanks)
        side = new if first.side is Side.NEW else Rows(tuple(row for row in every.rows if row[1].side is Side.OLD))
        if any(hunk.encoding for hunk in self.file.hunks):
            return side.rows, range(len(side.rows))
        return side.rows, side.find(strip_blanks(render_line_text(first)))

    def list_words(self, side: Side) -> tuple[list[int], list[str]]:
        """Return the line numbers of one side, and the words of each line."""
        if side not in self._words:
            lines = [line for line in self.file.iter_lines() if _is_on_side(line, side)]
            words = [join_words([render_stable_text(line)]) for line in lines]
            self._words[side] = [line.number for line in lines], words
        return self._words[side]


class IndexedDiff:
    """The files of a diff to search, and their names in the forms by which they are cited."""

    def __init__(self, files: Sequence[IndexedFile]) -> None:
        self.files = tuple(files)

    @classmethod
    def of(cls, diff: Diff, read_file: FileReader = provide_no_text) -> "IndexedDiff":
        """Index a diff. `read_file` returns a file at the head commit, None when it cannot be read."""
        return cls([IndexedFile(file, read_file) for file in diff.files])

    def select(self, files: Sequence[FileDiff]) -> "IndexedDiff":
        """Return the index of some of the files. What is computed of a file, both have."""
        known = {id(entry.file): entry for entry in self.files}
        return IndexedDiff([known[id(file)] for file in files])

    def find_file(self, path: str) -> IndexedFile | None:
        """Return the file with this new path, else the one with this old path; None without either."""
        return next(
            (entry for entry in self.files if entry.file.new_path == path),
            next((entry for entry in self.files if entry.file.old_path == path), None),
        )

    @cached_property
    def shown_names(self) -> dict[str, str]:
        """Each name of the diff, with the name that the prompt shows."""
        names = (name for entry in self.files for name in (entry.file.new_path, entry.file.old_path))
        return {name: file_names.normalize_blanks(name) for name in names}

    @cached_property
    def loose_names(self) -> dict[str, str]:
        """Each name of the diff in the loose form."""
        return {name: file_names.fold(name) for name in self.shown_names}

    @cached_property
    def by_new_name(self) -> dict[str, list[IndexedFile]]:
        """The files by their new names, as the prompt shows them."""
        return _group((self.shown_names[entry.file.new_path], entry) for entry in self.files)

    @cached_property
    def by_old_name(self) -> dict[str, list[IndexedFile]]:
        """The files by their old names, as the prompt shows them."""
        return _group((self.shown_names[entry.file.old_path], entry) for entry in self.files)

    @cached_property
    def by_loose_name(self) -> dict[str, list[IndexedFile]]:
        """The files by the loose forms of both names, and of what the prompt shows of them."""
        return _group((name, entry) for entry in self.files for name in self._list_loose_names(entry.file))

    @cached_property
    def letters(self) -> dict[str, str]:
        """Each name of the diff, with its letters."""
        return {name: file_names.keep_letters(name) for name in self.shown_names}

    def _list_loose_names(self, file: FileDiff) -> set[str]:
        names = {file.new_path, file.old_path}
        return {self.loose_names[name] for name in names} | {file_names.fold(self.shown_names[name]) for name in names}


def _group(named: Iterable[tuple[str, IndexedFile]]) -> dict[str, list[IndexedFile]]:
    groups: dict[str, list[IndexedFile]] = {}
    for name, entry in named:
        groups.setdefault(name, []).append(entry)
    return groups


# -- the texts of lines


def _strip_hunk(hunk: Hunk, plain: Callable[[str], str]) -> str:
    """Return the lines as `plain` reads them, one a row."""
    if isinstance(hunk, FoldedHunk):
        return ""
    rows, removed = _list_rows(hunk), _REMOVED[plain]
    joined = b"\n".join(rows)
    if _is_plain(joined, max(map(len, rows), default=0)):
        return joined.translate(None, removed).decode("ascii")
    return "\n".join(_strip_row(row, hunk.encoding, plain) for row in rows)


def _strip_row(row: bytes, encoding: str | None, plain: Callable[[str], str]) -> str:
    """Return the row as `plain` reads what the model saw; which line it is makes no difference."""
    text = row.removesuffix(b"\r")
    if _is_plain(text, len(text)):
        return text.translate(None, _REMOVED[plain]).decode("ascii")
    return plain(render_line_text(Line(LineKind.ADDED, None, 1, row, encoding=encoding)))


def _read_hunk(hunk: Hunk, plain: Callable[[str], str]) -> Iterator[tuple[str, Line]]:
    """Yield the lines with their texts."""
    lines = list(hunk.iter_lines())
    return zip(_strip_hunk(hunk, plain).split("\n"), lines, strict=True) if lines else iter(())


def _list_rows(hunk: Hunk) -> list[bytes]:
    notes = b"\n\\" in b"\n".join((b"", *hunk.rows))  # "\ No newline at end of file"
    return [row[1:] for row in hunk.rows if not (notes and row[:1] == b"\\")]


def _is_plain(text: bytes, longest: int) -> bool:
    """Return whether a model sees a text as it is, white space aside: all is ASCII and visible, and no row is cut.

    Most of a large change is. To render each of its lines takes much longer.
    """
    return longest <= MAX_LINE_CHARS and text.isascii() and len(text.translate(None, _CONTROLS)) == len(text)


def _is_on_side(line: Line, side: Side) -> bool:
    return line.kind is LineKind.REMOVED if side is Side.OLD else line.kind is not LineKind.REMOVED
