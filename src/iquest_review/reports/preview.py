"""What a model would be shown, for people and for programs."""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from iquest_review.change.characters import visible
from iquest_review.prompt.budget import Coverage, Excerpt
from iquest_review.prompt.fitting import Prompt
from iquest_review.prompt.screen import Omission

_COVERAGE = TypeAdapter(tuple[Coverage, ...])
_OMISSIONS = TypeAdapter(tuple[Omission, ...])
_ANY = TypeAdapter(Any)


def as_json(prompt: Prompt | None, excerpt: Excerpt) -> str:
    """One JSON object: requests, coverage and omissions, as in review.json."""
    requests = [{"messages": prompt.messages, "lines": excerpt.lines, "tokens": prompt.tokens}] if prompt else []
    value = {
        "requests": requests,
        "coverage": _COVERAGE.dump_python(excerpt.coverage(), mode="json"),
        "omissions": _OMISSIONS.dump_python(excerpt.omissions, mode="json"),
    }
    return _ANY.dump_json(value, indent=2).decode() + "\n"


def as_text(prompt: Prompt | None, excerpt: Excerpt) -> str:
    """The messages, and below them what is shown and what is left out."""
    return "\n".join(_rows(prompt, excerpt)) + "\n"


def _rows(prompt: Prompt | None, excerpt: Excerpt) -> Iterator[str]:
    for message in prompt.messages if prompt else []:
        yield from (f"──── {message['role']} ────", message["content"], "")
    tokens = f", about {prompt.tokens:,} tokens" if prompt else ""
    yield f"──── shown: {len(excerpt.parts)} files, {excerpt.lines} lines{tokens} ────"
    for entry in excerpt.coverage():
        yield f"{visible(entry.path)}: {entry.shown_changed_lines} of {entry.changed_lines} changed lines"
    if excerpt.omissions:
        yield f"──── left out: {len({omission.path for omission in excerpt.omissions})} files ────"
    for omission in excerpt.omissions:
        yield f"{visible(omission.path)}: {omission.reason}, {omission.changed_lines} changed lines"
