"""What a model would be shown, for people and for programs."""

from collections.abc import Iterator

from pydantic_core import to_json

from iquest_review.change.characters import counted
from iquest_review.prompt.budget import Excerpt
from iquest_review.prompt.fitting import Prompt
from iquest_review.prompt.rows import shown_path


def as_json(prompt: Prompt | None, excerpt: Excerpt) -> str:
    """One JSON object: requests, coverage and omissions, as in review.json."""
    requests = [{"messages": prompt.messages, "lines": excerpt.lines, "tokens": prompt.tokens}] if prompt else []
    value = {
        "requests": requests,
        "coverage": excerpt.coverage(),
        "omissions": excerpt.omissions,
    }
    return "".join(map(_printable, to_json(value, indent=2).decode())) + "\n"


def as_text(prompt: Prompt | None, excerpt: Excerpt) -> str:
    """The messages, and below them what is shown and what is left out."""
    return "\n".join(_rows(prompt, excerpt)) + "\n"


def _rows(prompt: Prompt | None, excerpt: Excerpt) -> Iterator[str]:
    for message in prompt.messages if prompt else []:
        yield from (f"──── {message['role']} ────", message["content"], "")
    tokens = f", about {prompt.tokens:,} tokens" if prompt else ""
    yield f"──── shown: {counted(len(excerpt.parts), 'file')}, {counted(excerpt.lines, 'line')}{tokens} ────"
    for entry in excerpt.coverage():
        yield f"{shown_path(entry.path)}: {entry.shown_changed_lines} of {entry.changed_lines} changed lines"
    if excerpt.omissions:
        paths = {omission.path for omission in excerpt.omissions}
        yield f"──── left out, whole or in part: {counted(len(paths), 'file')} ────"
    for omission in excerpt.omissions:
        yield f"{shown_path(omission.path)}: {omission.reason}, {counted(omission.changed_lines, 'changed line')}"


def _printable(character: str) -> str:
    """A character of JSON text, escaped if a terminal might act on it or hide it: such ones stand in strings only."""
    if character.isprintable() or character == "\n":
        return character
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
