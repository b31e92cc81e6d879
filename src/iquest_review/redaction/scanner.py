"""Finds secrets in lines and replaces them. Only lines with the marker of some secret are examined."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import accumulate, groupby
from typing import NamedTuple

from iquest_review.redaction import assignments, private_keys, token_formats
from iquest_review.redaction.disguises import Disguise
from iquest_review.redaction.known_values import OWN_SECRET, KnownValues
from iquest_review.redaction.token_formats import Span

PRIVATE_KEY = "private-key"
_MARKERS = tuple(dict.fromkeys((*token_formats.MARKERS, *assignments.MARKERS, private_keys.MARKER)))
_NAMED = frozenset(assignments.MARKERS)
_MAX_PASSES = 4
_MIN_CUT_BYTES = 70  # git cuts the heading of a hunk at 80 (xdiff-interface.c), perhaps within a secret
_FILLING = b"Zq7Xw2Lk9Vb4Nc8Rt1Ys5Pd6Mf3Hj0Gu" * 2


class LineSecret(NamedTuple):
    """A secret found: the index of its line, its kind, and whether it certainly is one."""

    row: int
    kind: str
    certain: bool


MarkedLines = dict[int, list[bytes]]  # the markers in each line, by its index


def mark_lines(lines: Sequence[bytes], own: KnownValues) -> MarkedLines:
    """Return the lines with a marker of some secret, in order: the others cost almost no time."""
    text = b"\n".join(lines)
    low = text.lower()
    marked: MarkedLines = {}
    ends: list[int] = []
    for search, markers in _build_searches():
        match = search(low)
        if match and not ends:
            ends = _compute_ends(lines)
        while match:
            index = bisect_right(ends, match.start())
            line = lines[index].lower()
            marked.setdefault(index, []).extend(marker for marker in markers if marker in line)
            match = search(low, ends[index])
    for needle, holder in own.find_needles(text, low):
        ends = ends or _compute_ends(lines)
        position = holder.find(needle)
        while position >= 0:
            index = bisect_right(ends, position)
            near = range(max(0, index - 1), min(index + 2, len(lines))) if own.can_be_wrapped(needle) else (index,)
            for neighbour in near:
                marked.setdefault(neighbour, []).append(needle)
            position = holder.find(needle, ends[index])
    return dict(sorted(marked.items()))


@cache
def _build_searches() -> list[tuple[Callable[..., re.Match[bytes] | None], list[bytes]]]:
    """Return searches for the markers that begin with the same character, each with its markers.

    An expression that begins with one character is four times as fast as one for all markers, and twice as fast as a
    search for each marker.
    """
    groups = [list(group) for _, group in groupby(sorted(_MARKERS), key=lambda marker: marker[0])]
    return [
        (
            re.compile(
                re.escape(group[0][:1]) + b"(?:" + b"|".join(re.escape(marker[1:]) for marker in group) + b")"
            ).search,
            group,
        )
        for group in groups
    ]


def _compute_ends(lines: Sequence[bytes]) -> list[int]:
    """Compute for each line where the next one begins in the joined text."""
    return list(accumulate(len(line) + 1 for line in lines))


def redact_marked_lines(
    lines: Sequence[bytes], marked: MarkedLines, own: KnownValues, new: dict[int, bytes]
) -> list[LineSecret]:
    """Put the marked lines that change into `new`, unless they are there already; return what was found."""
    hits: list[LineSecret] = []
    for index, markers in marked.items():
        if index not in new and (spans := _find_spans(lines[index], markers, own)):
            new[index] = _replace_spans(lines[index], spans)
            if cleaned := redact_line(new[index], own):
                new[index] = cleaned
            hits += dict.fromkeys(LineSecret(index, span.kind, span.certain) for span in spans)
    return hits


def redact_key_body(
    lines: Sequence[bytes], block: Iterable[int], new: dict[int, bytes], *, certain: bool = True
) -> list[LineSecret]:
    """Put the lines of a private key's body into `new`, unless they are there already; return at most one hit."""
    hits: list[LineSecret] = []
    for index in block:
        span = private_keys.find_base64(lines[index])
        if span and index not in new:
            new[index] = _replace_spans(lines[index], [Span(*span, PRIVATE_KEY, certain)])
            hits.append(LineSecret(index, PRIVATE_KEY, certain))
    return hits[:1]


def redact_line(line: bytes, own: KnownValues) -> bytes:
    """Return one line with placeholders.

    Replacing one secret can expose another next to it, so repeat until nothing is found.
    """
    for _ in range(_MAX_PASSES):
        spans = _find_spans(line, [*mark_lines([line], own).get(0, ())], own)
        if not spans:
            break
        line = _replace_spans(line, spans)
    return line


def redact_heading_line(line: bytes, markers: Sequence[bytes], own: KnownValues) -> bytes:
    """Return a hunk's heading with placeholders: an earlier line of the file, perhaps cut, with these markers."""
    if private_keys.is_key_line(line):
        return format_placeholder(PRIVATE_KEY)
    if markers:
        line = redact_line(line, own)
    if len(line) < _MIN_CUT_BYTES:
        return line
    spans: list[Span] = []
    if markers:
        is_port = line.rpartition(b":")[2].isdigit()
        endings = [_FILLING] if is_port else [_FILLING, b"@host"]
        for whole in (line + rest for rest in endings):
            spans += token_formats.find_token_spans(whole, whole.lower(), markers)
        for whole in (line + quote for quote in (b'"', b"'", b"`")):
            spans += assignments.find_assigned_spans(whole, whole.lower())
    if tail := own.find_cut_value(line):
        spans.append(tail)
    return _replace_spans(line, _merge_spans([span._replace(end=min(span.end, len(line))) for span in spans]))


def replace_disguises(text: str, disguises: Sequence[Disguise]) -> tuple[str, list[LineSecret]]:
    """Return the text with placeholders for disguised values, and the hits; places may overlap."""
    spans = _merge_spans([Span(place.start, place.end, OWN_SECRET, place.certain) for place in disguises])
    parts, done, row, hits = list[str](), 0, 0, list[LineSecret]()
    for start, end, kind, certain in spans:
        row += text.count("\n", done, start)
        parts += text[done:start], format_placeholder(kind).decode()
        hits.append(LineSecret(row, kind, certain))
        done = end
    return "".join((*parts, text[done:])), hits


def _find_spans(line: bytes, markers: Sequence[bytes], own: KnownValues) -> list[Span]:
    """Return the secrets in a line that contains these markers."""
    low = line.lower()
    spans = list(token_formats.find_token_spans(line, low, markers))
    if not _NAMED.isdisjoint(markers):
        spans += assignments.find_assigned_spans(line, low)
    if own:
        spans += own.find_spans(line, low, markers)
    return _merge_spans(spans)


def format_placeholder(kind: str) -> bytes:
    """Return the text that replaces a secret of this kind."""
    return f"[REDACTED:{kind}]".encode()


def _merge_spans(spans: list[Span]) -> list[Span]:
    """Merge spans that overlap, in order; the first certain one of them gives the kind."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            kind, certain = (span if span.certain and not last.certain else last)[2:]
            merged[-1] = Span(last.start, max(last.end, span.end), kind, certain)
        else:
            merged.append(span)
    return merged


def _replace_spans(line: bytes, spans: list[Span]) -> bytes:
    parts: list[bytes] = []
    done = 0
    for start, end, kind, _ in spans:
        parts += line[done:start], format_placeholder(kind)
        done = end
    return b"".join((*parts, line[done:]))
