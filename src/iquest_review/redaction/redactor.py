"""Secrets out, before anything leaves the runner; the number of lines, their markers and numbers stay.

A secret becomes a placeholder that tells its kind alone: the same line reads the same in every run, in a diff and in a
file. Not seen are: a secret put together from several strings, a value on another line than its name,
a body of a private key with none of its ends in sight unless it is all of a hunk, UTF-16 text, the names of files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from iquest_review.diff.diff import FileDiff, Hunk, Kind, Side
from iquest_review.redaction import private_keys, scanner
from iquest_review.redaction.known_values import OwnSecrets
from iquest_review.redaction.scanner import Hit, Marked

PLACEHOLDER = "[REDACTED:"  # what stands for a secret begins so
_NO_LINE = b"\\"  # the marker of "\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stood, never what it was."""

    kind: str  # as in its placeholder
    line: int  # counts from 1, of a diff on `side`
    certain: bool  # known by its form or value; else it only looks like one, by its name and entropy
    path: str = ""  # of a diff
    row: Kind = Kind.CONTEXT  # of a diff: whether the line is added, removed or neither

    @property
    def side(self) -> Side:
        """The side the line counts on."""
        return Side.OLD if self.row is Kind.REMOVED else Side.NEW


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and where they stood."""

    text: str
    found: tuple[Secret, ...]


class Redactor:
    """Takes the job's own secrets (values by name) and all that look like one out of what it is given."""

    def __init__(self, own: Mapping[str, str]) -> None:
        self._own = OwnSecrets(own)

    def diff(self, files: Sequence[FileDiff]) -> tuple[tuple[FileDiff, ...], tuple[Secret, ...]]:
        """The file diffs with placeholders, and what was found; what holds no secret is the very same object.

        A secret in the heading of a hunk is replaced and not told: its line is not in the diff.
        """
        found: list[Secret] = []
        return tuple(_file(file, self._own, found) for file in files), tuple(found)

    def text(self, text: str) -> Redacted:
        """The text with placeholders; `found` counts its lines from 1."""
        lines, hits = _lines(text.encode("utf-8", "surrogatepass").split(b"\n"), self._own)
        if not hits:
            return Redacted(text, ())
        found = tuple(Secret(hit.kind, hit.at + 1, hit.certain) for hit in hits)
        return Redacted(b"\n".join(lines).decode("utf-8", "surrogatepass"), found)

    def bytes(self, content: bytes) -> bytes:
        """A file's content with placeholders, of as many lines; the very same object when it holds no secret."""
        lines, hits = _lines(content.split(b"\n"), self._own)
        return b"\n".join(lines) if hits else content


def _file(file: FileDiff, own: OwnSecrets, found: list[Secret]) -> FileDiff:
    hunks = tuple(_hunk(file.path, hunk, own, found) for hunk in file.hunks)
    same = all(new is old for new, old in zip(hunks, file.hunks, strict=True))
    return file if same else replace(file, hunks=hunks)


def _hunk(path: str, hunk: Hunk, own: OwnSecrets, found: list[Secret]) -> Hunk:
    head = hunk.heading.encode("utf-8", "surrogatepass")
    marked = scanner.marked((*hunk.rows, head), own)
    heading = scanner.heading(head, marked.pop(len(hunk.rows), ()), own)
    rows, hits = _rows(hunk.rows, marked, own)
    if hits:
        numbered = dict(zip((at for at, row in enumerate(hunk.rows) if row[:1] != _NO_LINE), hunk.lines(), strict=True))
        for hit in hits:
            line = numbered[hit.at]
            found.append(Secret(hit.kind, line.number, hit.certain, path, line.kind))
    if heading == head and rows is hunk.rows:
        return hunk
    return replace(hunk, heading=heading.decode("utf-8", "surrogatepass"), rows=rows)


def _rows(rows: tuple[bytes, ...], marked: Marked, own: OwnSecrets) -> tuple[tuple[bytes, ...], list[Hit]]:
    """The rows of a hunk with placeholders; the very same tuple when nothing was found."""
    alone = private_keys.may_be_alone(rows[0][1:]) if rows else False
    if not marked and not alone:
        return rows, []
    contents = [row[1:] for row in rows]
    lines = [at for at, row in enumerate(rows) if row[:1] != _NO_LINE]
    new: dict[int, bytes] = {}
    hits: list[Hit] = []
    if alone and private_keys.is_alone([contents[at] for at in lines]):
        hits += scanner.body(contents, lines, new, certain=False)
    elif any(private_keys.MARKER in markers and private_keys.is_end(contents[at]) for at, markers in marked.items()):
        for block in _blocks(rows, contents, lines):
            hits += scanner.body(contents, block, new)
    in_lines = {at: markers for at, markers in marked.items() if rows[at][:1] != _NO_LINE}
    hits += scanner.each(contents, in_lines, own, new)
    if not hits:
        return rows, []
    return tuple(rows[at][:1] + new[at] if at in new else row for at, row in enumerate(rows)), sorted(hits)


def _blocks(rows: Sequence[bytes], contents: Sequence[bytes], lines: Sequence[int]) -> list[list[int]]:
    """The bodies of private keys in either file of a hunk: removed, added and unchanged lines of one are apart."""
    blocks: list[list[int]] = []
    for other in (b"-", b"+"):
        file = [at for at in lines if rows[at][:1] != other]
        for block in private_keys.blocks([contents[at] for at in file]):
            body = [file[at] for at in block]
            markers = dict.fromkeys(rows[at][:1] for at in body)
            blocks += ([at for at in body if rows[at][:1] == marker] for marker in markers)
    return blocks


def _lines(lines: list[bytes], own: OwnSecrets) -> tuple[list[bytes], list[Hit]]:
    """The lines of a text with placeholders; the very same list when nothing was found."""
    marked = scanner.marked(lines, own)
    new: dict[int, bytes] = {}
    hits: list[Hit] = []
    if any(private_keys.MARKER in markers and private_keys.is_end(lines[at]) for at, markers in marked.items()):
        for block in private_keys.blocks(lines):
            hits += scanner.body(lines, block, new)
    hits += scanner.each(lines, marked, own, new)
    return ([new.get(at, line) for at, line in enumerate(lines)], sorted(hits)) if hits else (lines, [])
