"""What a model would be shown, as text for people and as JSON for programs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import TypeAdapter

from iquest_review.diff.diff import FileDiff, Hunk
from iquest_review.excerpt import ranking
from iquest_review.excerpt.excerpt import Coverage, Excerpt
from iquest_review.excerpt.exclusions import Omission
from iquest_review.excerpt.numbered_rows import MarkedHunk, count_hidden_lines, render_path
from iquest_review.prompt.fitting import Prompt
from iquest_review.prompt.templates import Message
from iquest_review.text import format_count

_UNUSUAL = re.compile(r"[^\n -~]")
MAX_LISTED_HUNKS = 300  # of a larger change the others are counted


@dataclass(frozen=True, slots=True)
class RankedHunk:
    """A hunk, how much of it is shown, and the reasons of its rank."""

    path: str
    line: int  # its first line in the new file
    changed_lines: int
    shown_changed_lines: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _PreviewedRequest:
    messages: list[Message]
    lines: int
    tokens: int


@dataclass(frozen=True, slots=True)
class _Preview:
    requests: list[_PreviewedRequest]
    coverage: tuple[Coverage, ...]
    omissions: tuple[Omission, ...]
    hunks: list[RankedHunk]


_PREVIEW = TypeAdapter(_Preview)


def render_preview_json(prompts: Sequence[Prompt], excerpt: Excerpt) -> str:
    """Return one JSON object: requests, coverage and omissions as in review.json, and the ranked hunks."""
    preview = _Preview(
        requests=[_PreviewedRequest(prompt.messages, prompt.excerpt.lines, prompt.tokens) for prompt in prompts],
        coverage=excerpt.compute_coverage(),
        omissions=excerpt.omissions,
        hunks=list(islice(list_ranked_hunks(excerpt), MAX_LISTED_HUNKS)),
    )
    text = _PREVIEW.dump_json(preview, indent=2).decode()
    return _UNUSUAL.sub(lambda match: _escape_unprintable(match[0]), text) + "\n"


def render_preview_text(prompts: Sequence[Prompt], excerpt: Excerpt) -> str:
    """Return the messages, and below them what is shown, what is left out, and why."""
    return "\n".join(_render_rows(prompts, excerpt)) + "\n"


def list_ranked_hunks(excerpt: Excerpt) -> Iterator[RankedHunk]:
    """Yield the hunks of the files that are shown or had no room, in the order of their paths."""
    shown = {part.file.path: part for part in excerpt.parts}
    parts = [*excerpt.parts, *(part for part in excerpt.left if part.file.path not in shown)]
    around = ranking.build_ranking_context(part.file for part in parts)
    for part in sorted(parts, key=lambda part: part.file.path):
        pieces = part.hunks if part.file.path in shown else ()
        for index, hunk in enumerate(part.file.hunks):
            own = [piece for piece in pieces if _is_within(piece, part.file, index)]
            seen = sum(piece.changed_lines - count_hidden_lines(piece) for piece in own)
            # A marked piece knows which of its lines only moved: they count less.
            marked = next((piece for piece in own if isinstance(piece, MarkedHunk)), hunk)
            reasons = ranking.score_hunk(part.file, marked, around).reasons
            yield RankedHunk(part.file.path, hunk.new_start, hunk.changed_lines, seen, reasons)


def _is_within(piece: Hunk, file: FileDiff, index: int) -> bool:
    """Return whether a piece was cut out of the hunk at an index."""
    starts = [hunk.old_start + hunk.new_start for hunk in file.hunks[index : index + 2]]
    start = piece.old_start + piece.new_start
    return starts[0] <= start and (len(starts) == 1 or start < starts[1])


def _render_rows(prompts: Sequence[Prompt], excerpt: Excerpt) -> Iterator[str]:
    for number, prompt in enumerate(prompts, 1):
        request = f" of request {number}" if len(prompts) > 1 else ""
        for message in prompt.messages:
            yield from (f"──── {message['role']}{request} ────", message["content"], "")
    tokens = f", about {sum(prompt.tokens for prompt in prompts):,} tokens" if prompts else ""
    yield f"──── shown: {format_count(len(excerpt.parts), 'file')}, {format_count(excerpt.lines, 'line')}{tokens} ────"
    for entry in excerpt.compute_coverage():
        yield f"{render_path(entry.path)}: {entry.shown_changed_lines} of {entry.changed_lines} changed lines"
    if excerpt.omissions:
        paths = {omission.path for omission in excerpt.omissions}
        yield f"──── left out, completely or in part: {format_count(len(paths), 'file')} ────"
    for omission in excerpt.omissions:
        yield f"{render_path(omission.path)}: {omission.reason}, {format_count(omission.changed_lines, 'changed line')}"
    hunks = sum(len(part.file.hunks) for part in (*excerpt.parts, *excerpt.left))
    if hunks:
        yield f"──── ranking: {format_count(hunks, 'hunk')} ────"
    for hunk in islice(list_ranked_hunks(excerpt), MAX_LISTED_HUNKS):
        share = f"{hunk.shown_changed_lines} of {hunk.changed_lines} shown"
        yield f"{render_path(hunk.path)}:{hunk.line}: {share}: {', '.join(hunk.reasons)}"
    if hunks > MAX_LISTED_HUNKS:
        yield f"and {hunks - MAX_LISTED_HUNKS:,} more"


def _escape_unprintable(character: str) -> str:
    """Return a character of a JSON string, escaped if a terminal might act on it or hide it."""
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
