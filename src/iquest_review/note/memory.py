"""What the note remembers from one run to the next, in a comment on its second line that nobody sees.

The commit up to which everything was reviewed, the settings that was done with, the identity of every hunk a model has
seen, and what the note says: so that the next run reviews what is new, and its note can still say the rest.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import PlacedFinding, Placement

MAX_HUNKS = 5_000  # about 40 KB, packed; a larger merge request is reviewed anew with each push
MAX_UNPACKED_BYTES = 4 * 1024**2  # bytes, unpacked: somebody may have edited the note
MAX_PACKED_CHARS = 200_000  # characters; GitLab takes a million in a note


@dataclass(frozen=True)
class NoteMemory:
    """`head` is the commit the note speaks of; `reviewed` the last one up to which every line was reviewed."""

    head: str
    reviewed: str
    settings: str  # digest
    hunks: tuple[str, ...] = ()
    model: str | None = None
    summary: str = ""
    suggestions: tuple[str, ...] = ()
    findings: tuple[PlacedFinding, ...] = ()  # those that stand in the note
    titles: tuple[tuple[str, str], ...] = ()  # of those in threads, by fingerprint
    resolved: tuple[str, ...] = ()  # discussions the bot has resolved itself
    left: tuple[str, ...] = ()  # discussions GitLab did not let it resolve
    waived: tuple[str, ...] = ()  # discussions of findings that somebody waived


_MARKER = re.compile(
    r"^<!-- iquest-review:reviewed (?P<reviewed>[0-9a-f]{0,64}) head=(?P<head>[0-9a-f]{0,64})"
    r" settings=(?P<settings>[0-9a-f]{0,64}) data=(?P<data>[A-Za-z0-9+/=]*) -->$",
    re.MULTILINE,
)


# What is left out where there is no room, the least needed first. Without its findings a hunk is to be reviewed again.
_LEAST_NEEDED = (("summary", "suggestions"), ("titles",), ("findings", "hunks"))


def format_memory(ledger: NoteMemory) -> str:
    """The hidden line. Without the hunks where they are too many, and never longer than a note has room for."""
    value: dict[str, Any] = {
        "hunks": "".join(ledger.hunks if len(ledger.hunks) <= MAX_HUNKS else ()),
        "model": ledger.model,
        "summary": ledger.summary,
        "suggestions": ledger.suggestions,
        "findings": [_select_fields(finding) for finding in ledger.findings],
        "titles": ledger.titles,
        "resolved": ledger.resolved,
        "left": ledger.left,
        "waived": ledger.waived,
    }
    data = _pack(value)
    for names in _LEAST_NEEDED:
        if data is not None:
            break
        value |= {name: type(value[name])() for name in names}
        data = _pack(value)
    known = (
        f"{_clean_digest(ledger.reviewed)} head={_clean_digest(ledger.head)} settings={_clean_digest(ledger.settings)}"
    )
    return f"<!-- iquest-review:reviewed {known} data={data or ''} -->"


def parse_memory(body: str) -> NoteMemory | None:
    """What a note remembers; None where it remembers nothing that can be believed."""
    found = _MARKER.search(body.replace("\r", ""))
    if not found:
        return None
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(found["data"], validate=True), MAX_UNPACKED_BYTES)
        value = _build_validator().validate_python(json.loads(unpacked))
    except (ValueError, zlib.error, ValidationError, RecursionError):
        return None
    hunks = re.findall("[0-9a-f]{12}", value.pop("hunks"))
    value["findings"] = tuple(PlacedFinding(**finding, placement=Placement.SUMMARY) for finding in value["findings"])
    return NoteMemory(found["head"], found["reviewed"], found["settings"], tuple(hunks), **value)


def _clean_digest(text: str) -> str:
    """The text if it is one of hexadecimal digits: nothing else may stand in the hidden line."""
    return text if re.fullmatch("[0-9a-f]{0,64}", text) else ""


def _pack(value: Mapping[str, Any]) -> str | None:
    """The value on one line; None when there is too much of it."""
    content = json.dumps(value).encode()  # ASCII: half a surrogate pair is not lost
    data = base64.b64encode(zlib.compress(content, 9)).decode("ascii")
    return data if len(content) <= MAX_UNPACKED_BYTES and len(data) <= MAX_PACKED_CHARS else None


_FIELDS = ("path", "line", "end_line", "side", "severity", "category", "title", "description", "quote", "fix")
_PLACED_FIELDS = ("fingerprint", "anchor", "anchored", "placement_reason")


def _select_fields(finding: PlacedFinding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in (*_FIELDS, *_PLACED_FIELDS)}


@cache
def _build_validator() -> SchemaValidator:
    text, number = core_schema.str_schema(), core_schema.int_schema(ge=0)
    maybe = core_schema.nullable_schema
    finding = {
        "path": text,
        "line": maybe(number),
        "end_line": maybe(number),
        "side": core_schema.enum_schema(Side, list(Side)),
        "severity": core_schema.enum_schema(Severity, list(Severity)),
        "category": core_schema.enum_schema(Category, list(Category)),
        "title": text,
        "description": text,
        "quote": text,
        "fix": maybe(text),
        "fingerprint": core_schema.str_schema(pattern="^[0-9a-f]{16}$"),
        "anchor": core_schema.str_schema(pattern="^([0-9a-f]{16})?$"),
        "anchored": number,
        "placement_reason": maybe(text),
    }
    value = {
        "hunks": text,
        "model": maybe(text),
        "summary": text,
        "suggestions": _build_tuple_schema(text),
        "findings": core_schema.list_schema(_build_object_schema(finding)),
        "titles": _build_tuple_schema(core_schema.tuple_schema([text, text])),
        "resolved": _build_tuple_schema(text),
        "left": _build_tuple_schema(text),
        "waived": _build_tuple_schema(text),
    }
    return SchemaValidator(_build_object_schema(value))


def _build_tuple_schema(schema: core_schema.CoreSchema) -> core_schema.CoreSchema:
    return core_schema.tuple_schema([schema], variadic_item_index=0)


def _build_object_schema(fields: Mapping[str, core_schema.CoreSchema]) -> core_schema.CoreSchema:
    entries = {name: core_schema.typed_dict_field(schema, required=True) for name, schema in fields.items()}
    return core_schema.typed_dict_schema(entries)
