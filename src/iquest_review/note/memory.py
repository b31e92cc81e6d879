"""What the note remembers from one run to the next, in a hidden comment on its second line.

It holds the commit up to which everything was reviewed, a digest of the settings used, the identity of every hunk that
a model has seen, and the findings of the note. So the next run reviews only what is new and repeats the rest.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Unplaced
from iquest_review.outcome import HeldBackFinding, HeldBackReason, hold_back

MAX_HUNKS = 5_000  # about 40 KB when packed; a larger merge request is reviewed anew at each push
MAX_UNPACKED_BYTES = 4 * 1024**2  # somebody may have put a zip bomb into the note
MAX_PACKED_CHARS = 200_000  # GitLab takes a million characters in a note


@dataclass(frozen=True)
class NoteMemory:
    """The state after a run.

    `head` is the commit the note is about, `reviewed` the last commit up to which every line was reviewed.
    """

    head: str
    reviewed: str
    settings: str  # digest
    hunks: tuple[str, ...] = ()  # 12 hexadecimal digits each
    model: str | None = None
    summary: str = ""
    summary_head: str = ""  # the commit that the summary is about
    suggestions: tuple[str, ...] = ()
    findings: tuple[PlacedFinding, ...] = ()  # those the note shows in full
    held_back: tuple[HeldBackFinding, ...] = ()  # those that people settled before
    titles: tuple[tuple[str, str], ...] = ()  # fingerprint and title of each finding that has a thread
    resolved: tuple[str, ...] = ()  # discussions that the bot itself resolved
    left: tuple[str, ...] = ()  # discussions that GitLab did not let the bot resolve


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
    placement_reason: PlacementReason | None

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
            place=Unplaced(self.placement_reason),
            anchor=self.anchor,
            anchored=self.anchored,
        )


class _StoredHeldBack(_StoredFinding):
    """A finding that people settled, as the hidden line holds it."""

    thread: Annotated[str, Field(strict=True, pattern="^[0-9a-f]{40}$")]
    why: HeldBackReason

    def restore(self) -> HeldBackFinding:
        """Return the finding."""
        return hold_back(self.place_in_note(), self.thread, self.why)


class _StoredMemory(BaseModel):
    """What the hidden line holds in `data`.

    A line that lacks a value is not believed; only values that newer versions added have a default.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    hunks: StrictStr  # 12 hexadecimal digits each, without anything between them
    model: StrictStr | None
    summary: StrictStr
    suggestions: tuple[StrictStr, ...]
    findings: tuple[_StoredFinding, ...]
    titles: tuple[tuple[StrictStr, StrictStr], ...]
    resolved: tuple[StrictStr, ...]
    left: tuple[StrictStr, ...]
    held_back: tuple[_StoredHeldBack, ...] = ()
    summary_head: Annotated[str, Field(strict=True, pattern="^[0-9a-f]{0,64}$")] = ""


_MARKER = re.compile(
    r"^<!-- iquest-review:reviewed (?P<reviewed>[0-9a-f]{0,64}) head=(?P<head>[0-9a-f]{0,64})"
    r" settings=(?P<settings>[0-9a-f]{0,64}) data=(?P<data>[A-Za-z0-9+/=]*) -->$",
    re.MULTILINE,
)


# What is dropped first where room is short. Findings and hunks go together: a hunk without its findings has to be
# reviewed again.
_LEAST_NEEDED = (("summary", "suggestions", "held_back"), ("titles",), ("findings", "hunks"))


def format_memory(state: NoteMemory) -> str:
    """Return the hidden line. What has no room in it is dropped, the least needed first."""
    value: dict[str, Any] = {
        "hunks": "".join(state.hunks if len(state.hunks) <= MAX_HUNKS else ()),
        "model": state.model,
        "summary": state.summary,
        "suggestions": state.suggestions,
        "findings": [_select_fields(finding, _StoredFinding) for finding in state.findings],
        "held_back": [_select_fields(finding, _StoredHeldBack) for finding in state.held_back],
        "titles": state.titles,
        "resolved": state.resolved,
        "left": state.left,
        "summary_head": state.summary_head,
    }
    data = _pack(value)
    for names in _LEAST_NEEDED:
        if data is not None:
            break
        value |= {name: type(value[name])() for name in names}
        data = _pack(value)
    reviewed, head, settings = map(_clean_digest, (state.reviewed, state.head, state.settings))
    return f"<!-- iquest-review:reviewed {reviewed} head={head} settings={settings} data={data or ''} -->"


def parse_memory(body: str) -> NoteMemory | None:
    """Return what a note remembers; None if it remembers nothing, or if its hidden line is damaged."""
    marker = _MARKER.search(body.replace("\r", ""))
    if not marker:
        return None
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(marker["data"], validate=True), MAX_UNPACKED_BYTES)
        # Not `model_validate_json`: it refuses lone surrogates, which file names that are not UTF-8 contain.
        stored = _StoredMemory.model_validate(json.loads(unpacked))
    except (ValueError, zlib.error, ValidationError, RecursionError):
        return None  # damaged, or edited by somebody: the change is reviewed as if it were new
    return NoteMemory(
        head=marker["head"],
        reviewed=marker["reviewed"],
        settings=marker["settings"],
        hunks=tuple(re.findall("[0-9a-f]{12}", stored.hunks)),
        model=stored.model,
        summary=stored.summary,
        suggestions=stored.suggestions,
        findings=tuple(finding.place_in_note() for finding in stored.findings),
        held_back=tuple(finding.restore() for finding in stored.held_back),
        titles=stored.titles,
        resolved=stored.resolved,
        left=stored.left,
        summary_head=stored.summary_head,
    )


def _clean_digest(text: str) -> str:
    """Return a text of at most 64 hexadecimal digits; empty for any other, which could end the hidden comment."""
    return text if re.fullmatch("[0-9a-f]{0,64}", text) else ""


def _pack(value: Mapping[str, Any]) -> str | None:
    """Return a value as base64 on one line; None if it is too large."""
    content = json.dumps(value).encode()  # ASCII, which keeps lone surrogates
    data = base64.b64encode(zlib.compress(content, 9)).decode("ascii")
    return data if len(content) <= MAX_UNPACKED_BYTES and len(data) <= MAX_PACKED_CHARS else None


def _select_fields(finding: PlacedFinding, model: type[_StoredFinding]) -> dict[str, Any]:
    """Return the fields of a finding that are remembered."""
    return {name: getattr(finding, name) for name in model.model_fields}
