"""Replaces secrets before anything leaves the runner; the number of lines, their markers and numbers stay.

A secret becomes a placeholder that names only its kind: the same line reads the same in every run, in a diff and in a
file. Not found are: a secret of others put together from several strings, a value on another line than its name, the
body of a private key without either end unless it is a whole hunk, UTF-16 text, and secrets in file names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from iquest_review.diff.diff import FileDiff, Hunk, LineKind, Side
from iquest_review.redaction import private_keys, scanner
from iquest_review.redaction.known_values import KnownValues
from iquest_review.redaction.scanner import LineSecret, MarkedLines

PLACEHOLDER_START = "[REDACTED:"
_NO_LINE = b"\\"  # the marker of "\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class SecretFound:
    """Where a secret was, never what it was."""

    kind: str  # as in its placeholder
    line: int  # counts from 1; in a diff, on `side`
    certain: bool  # known by its form or value; otherwise it looks like one by its name and entropy
    path: str = ""  # in a diff
    row: LineKind = LineKind.CONTEXT  # in a diff: whether the line is added, removed or neither

    @property
    def side(self) -> Side:
        """The side of the diff that `line` is a number of."""
        return Side.OLD if self.row is LineKind.REMOVED else Side.NEW


@dataclass(frozen=True, slots=True)
class RedactedText:
    """A text without its secrets, and where they were."""

    text: str
    found: tuple[SecretFound, ...]


class Redactor:
    """Replaces the job's own secrets (values by the names of their variables) and everything that looks like one."""

    def __init__(self, own: Mapping[str, str]) -> None:
        self._own = KnownValues(own)

    def redact_diff(self, files: Sequence[FileDiff]) -> tuple[tuple[FileDiff, ...], tuple[SecretFound, ...]]:
        """Return the file diffs with placeholders, and the secrets found. Parts without a secret stay the same objects.

        A secret in the heading of a hunk is replaced but not reported: its line is not in the diff.
        """
        secrets: list[SecretFound] = []
        return tuple(_redact_file(file, self._own, secrets) for file in files), tuple(secrets)

    def redact_text(self, text: str) -> RedactedText:
        """Return the text with placeholders; the lines of `found` count from 1.

        It may be posted, so the job's own secrets are looked for in disguise too.
        """
        lines, hits = _redact_lines(text.encode("utf-8", "surrogatepass").split(b"\n"), self._own)
        clean = b"\n".join(lines).decode("utf-8", "surrogatepass") if hits else text
        if disguises := self._own.find_disguises(clean):
            clean, more = scanner.replace_disguises(clean, disguises)
            hits = sorted({*hits, *more})
        return RedactedText(clean, tuple(SecretFound(hit.kind, hit.row + 1, hit.certain) for hit in hits))

    def redact_bytes(self, content: bytes) -> bytes:
        """Return a file's content with placeholders and as many lines; the same object if it contains no secret."""
        lines, hits = _redact_lines(content.split(b"\n"), self._own)
        return b"\n".join(lines) if hits else content


def _redact_file(file: FileDiff, own: KnownValues, secrets: list[SecretFound]) -> FileDiff:
    hunks = tuple(_redact_hunk(file.path, hunk, own, secrets) for hunk in file.hunks)
    same = all(new is old for new, old in zip(hunks, file.hunks, strict=True))
    return file if same else replace(file, hunks=hunks)


def _redact_hunk(path: str, hunk: Hunk, own: KnownValues, secrets: list[SecretFound]) -> Hunk:
    head = hunk.heading.encode("utf-8", "surrogatepass")
    marked = scanner.mark_lines((*hunk.rows, head), own)
    heading = scanner.redact_heading_line(head, marked.pop(len(hunk.rows), ()), own)
    rows, hits = _redact_rows(hunk.rows, marked, own)
    if hits:
        numbered = dict(
            zip((index for index, row in enumerate(hunk.rows) if row[:1] != _NO_LINE), hunk.iter_lines(), strict=True)
        )
        for hit in hits:
            line = numbered[hit.row]
            secrets.append(SecretFound(hit.kind, line.number, hit.certain, path, line.kind))
    if heading == head and rows is hunk.rows:
        return hunk
    return replace(hunk, heading=heading.decode("utf-8", "surrogatepass"), rows=rows)


def _redact_rows(
    rows: tuple[bytes, ...], marked: MarkedLines, own: KnownValues
) -> tuple[tuple[bytes, ...], list[LineSecret]]:
    """Return the rows of a hunk with placeholders, and the hits; the same tuple if nothing was found."""
    bare = private_keys.can_be_bare_body(rows[0][1:]) if rows else False
    if not marked and not bare:
        return rows, []
    contents = [row[1:] for row in rows]
    lines = [index for index, row in enumerate(rows) if row[:1] != _NO_LINE]
    new: dict[int, bytes] = {}
    hits: list[LineSecret] = []
    if bare and private_keys.is_bare_body([contents[index] for index in lines]):
        hits += scanner.redact_key_body(contents, lines, new, certain=False)
    elif any(
        private_keys.MARKER in markers and private_keys.has_key_boundary(contents[index])
        for index, markers in marked.items()
    ):
        for block in _find_body_blocks(rows, contents, lines):
            hits += scanner.redact_key_body(contents, block, new)
    in_lines = {index: markers for index, markers in marked.items() if rows[index][:1] != _NO_LINE}
    hits += scanner.redact_marked_lines(contents, in_lines, own, new)
    if not hits:
        return rows, []
    return tuple(rows[index][:1] + new[index] if index in new else row for index, row in enumerate(rows)), sorted(hits)


def _find_body_blocks(rows: Sequence[bytes], contents: Sequence[bytes], lines: Sequence[int]) -> list[list[int]]:
    """Return the bodies of private keys in either file of a hunk, split into removed, added and unchanged rows."""
    blocks: list[list[int]] = []
    for other in (b"-", b"+"):
        file = [index for index in lines if rows[index][:1] != other]
        for block in private_keys.find_key_blocks([contents[index] for index in file]):
            body = [file[index] for index in block]
            markers = dict.fromkeys(rows[index][:1] for index in body)
            blocks += ([index for index in body if rows[index][:1] == marker] for marker in markers)
    return blocks


def _redact_lines(lines: list[bytes], own: KnownValues) -> tuple[list[bytes], list[LineSecret]]:
    """Return the lines of a text with placeholders, and the hits; the same list if nothing was found."""
    marked = scanner.mark_lines(lines, own)
    new: dict[int, bytes] = {}
    hits: list[LineSecret] = []
    if any(
        private_keys.MARKER in markers and private_keys.has_key_boundary(lines[index])
        for index, markers in marked.items()
    ):
        for block in private_keys.find_key_blocks(lines):
            hits += scanner.redact_key_body(lines, block, new)
    hits += scanner.redact_marked_lines(lines, marked, own, new)
    return ([new.get(index, line) for index, line in enumerate(lines)], sorted(hits)) if hits else (lines, [])
