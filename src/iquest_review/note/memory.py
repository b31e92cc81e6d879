"""What the note remembers from one run to the next, in a comment on its second line that nobody sees.

The commit up to which everything was reviewed, the settings that was done with, the identity of every hunk a model has
seen, and what the note says: so that the next run reviews what is new, and its note can still say the rest.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

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


_Number = Annotated[int, Field(strict=True, ge=0)]


class _StoredFinding(BaseModel):
    """A finding of the note as the hidden line holds it. Keys that a later version adds are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: StrictStr
    line: _Number | None
    end_line: _Number | None
    side: Side
    severity: Severity
    category: Category
    title: StrictStr
    description: StrictStr
    quote: StrictStr
    fix: StrictStr | None
    fingerprint: Annotated[str, Field(strict=True, pattern="^[0-9a-f]{16}$")]
    anchor: Annotated[str, Field(strict=True, pattern="^([0-9a-f]{16})?$")]
    anchored: _Number
    placement_reason: StrictStr | None

    def place_in_note(self) -> PlacedFinding:
        """Return the finding, placed in the summary note."""
        return PlacedFinding(
            path=self.path,
            line=self.line,
            end_line=self.end_line,
            side=self.side,
            severity=self.severity,
            category=self.category,
            title=self.title,
            description=self.description,
            quote=self.quote,
            fix=self.fix,
            fingerprint=self.fingerprint,
            placement=Placement.SUMMARY,
            placement_reason=self.placement_reason,
            anchor=self.anchor,
            anchored=self.anchored,
        )


class _StoredMemory(BaseModel):
    """What the hidden line holds in `data`. No value has a default: a line that lacks one is not believed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hunks: StrictStr  # 12 hexadecimal digits each, without anything between them
    model: StrictStr | None
    summary: StrictStr
    suggestions: tuple[StrictStr, ...]
    findings: tuple[_StoredFinding, ...]
    titles: tuple[tuple[StrictStr, StrictStr], ...]
    resolved: tuple[StrictStr, ...]
    left: tuple[StrictStr, ...]
    waived: tuple[StrictStr, ...]


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
        # Not `model_validate_json`: it refuses half a surrogate pair, which the name of a file can hold.
        stored = _StoredMemory.model_validate(json.loads(unpacked))
    except (ValueError, zlib.error, ValidationError, RecursionError):
        return None  # damaged, or edited by somebody: the change is reviewed as if it were new
    return NoteMemory(
        head=found["head"],
        reviewed=found["reviewed"],
        settings=found["settings"],
        hunks=tuple(re.findall("[0-9a-f]{12}", stored.hunks)),
        model=stored.model,
        summary=stored.summary,
        suggestions=stored.suggestions,
        findings=tuple(finding.place_in_note() for finding in stored.findings),
        titles=stored.titles,
        resolved=stored.resolved,
        left=stored.left,
        waived=stored.waived,
    )


def _clean_digest(text: str) -> str:
    """The text if it is one of hexadecimal digits: nothing else may stand in the hidden line."""
    return text if re.fullmatch("[0-9a-f]{0,64}", text) else ""


def _pack(value: Mapping[str, Any]) -> str | None:
    """The value on one line; None when there is too much of it."""
    content = json.dumps(value).encode()  # ASCII: half a surrogate pair is not lost
    data = base64.b64encode(zlib.compress(content, 9)).decode("ascii")
    return data if len(content) <= MAX_UNPACKED_BYTES and len(data) <= MAX_PACKED_CHARS else None


def _select_fields(finding: PlacedFinding) -> dict[str, Any]:
    """Return the fields of a finding that are remembered."""
    fields = asdict(finding)
    return {name: fields[name] for name in _StoredFinding.model_fields}
