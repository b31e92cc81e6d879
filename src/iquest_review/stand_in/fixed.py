"""The stand-in's verdicts on earlier remarks: fixed are those that its rules made and no longer make."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypedDict

from iquest_review.stand_in.review import RULES, FileSection, extract_fence, find_issues, find_nonce, parse_sections

NEARBY_LINES = 10  # a remark farther from every row shown counts as not shown

_REMARK = re.compile(r"remark (\d{1,6}): (.+) \((?:line (\d{1,9})|no line)\)")
_MARKUP = re.compile(r"[\W_]+")


class Verdict(TypedDict):
    """The verdict on one remark, with the keys that the prompt asks for."""

    number: int
    evidence: str
    fixed: bool


class Verdicts(TypedDict):
    """The whole answer."""

    remarks: list[Verdict]


@dataclass(frozen=True)
class _AskedRemark:
    number: int
    path: str
    line: int | None
    text: str


def judge_remarks(prompt: str) -> Verdicts | None:
    """Return the rules' verdicts on the remarks in a prompt; None for a prompt that asks for something else."""
    nonce = find_nonce(prompt)
    remarks = extract_fence(prompt, nonce, "remarks") if nonce else None
    if nonce is None or remarks is None:
        return None
    sections = parse_sections(extract_fence(prompt, nonce, "diff") or "")
    return {"remarks": [_judge_remark(remark, sections) for remark in _parse_remarks(remarks)]}


def _parse_remarks(remarks: str) -> Iterator[_AskedRemark]:
    rows = remarks.split("\n")
    for row, text in pairwise(rows):
        if head := _REMARK.fullmatch(row):
            yield _AskedRemark(int(head[1]), head[2], int(head[3]) if head[3] else None, text)


def _judge_remark(remark: _AskedRemark, sections: Sequence[FileSection]) -> Verdict:
    shown = [section for section in sections if section.path == remark.path]
    evidence = _find_evidence(remark, shown)
    text = _strip_markup(remark.text)
    own = {rule.en for rule in RULES if _strip_markup(rule.en) in text or _strip_markup(rule.zh) in text}
    gone = bool(evidence and own) and own.isdisjoint(_collect_descriptions(shown))
    return {"number": remark.number, "evidence": evidence if gone else "", "fixed": gone}


def _strip_markup(text: str) -> str:
    """Return a text without the markup and blanks that notes and prompts put between its words."""
    return _MARKUP.sub("", text)


def _find_evidence(remark: _AskedRemark, shown: Sequence[FileSection]) -> str:
    """Return the added row nearest to the remark's line, without that line itself; empty for none nearby."""
    rows = [row for section in shown for hunk in section.hunks for row in hunk if row.added and row.raw.strip()]
    rows = [row for row in rows if row.number != remark.line]
    if remark.line is None:
        return rows[0].raw.strip() if rows else ""
    line = remark.line
    nearest = min(rows, key=lambda row: abs(row.number - line), default=None)
    return nearest.raw.strip() if nearest and abs(nearest.number - line) <= NEARBY_LINES else ""


def _collect_descriptions(shown: Sequence[FileSection]) -> set[str]:
    """Return the descriptions of all mistakes in the rows shown of a file, whether this change made them or not."""
    whole = (
        FileSection(section.path, [[replace(row, added=True) for row in hunk] for hunk in section.hunks])
        for section in shown
    )
    return {issue["description"] for section in whole for issue in find_issues(section, chinese=False)}
