"""Where findings land, measured on merge requests whose review comments are known; no model is asked.

    python -m benchmarks.placement FOLDER

FOLDER holds mrs.jsonl.xz (one merge request a line: `diff`, and `golden` comments with `path`, `line`, `start_line`,
`line_text` and, for a suggestion, `old` and `suggestion`) and files.jsonl.xz (`id`, `path`, and the `text` of the files
at the head). Three promises are checked; the exit code is 1 when one is broken:

lines        a quoted line is found though its number is wrong: with a probability of .45 by up to 40
acceptance   GitLab's rules, as the double of the tests judges them, take every position at its line
suggestions  an author's own change, told as an answer of a model, is applied byte for byte, or not offered at all
"""

import argparse
import json
import lzma
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from os.path import commonprefix
from pathlib import Path
from typing import Any, NamedTuple

from iquest_review.code.edit_examiner import examine_edit
from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, Line, Side
from iquest_review.findings.finding import Finding
from iquest_review.findings.fixes.one_click import check_replacements
from iquest_review.findings.indexed import IndexedDiff
from iquest_review.findings.placement import assign_place
from iquest_review.findings.position import Position, compute_line_code, locate
from iquest_review.findings.verify import Nowhere, verify
from iquest_review.llm import reply
from iquest_review.merge_request import DiffRefs
from iquest_review.note import markdown
from tests.support.apply_plan import applied
from tests.support.gitlab.double import GitLabDouble
from tests.support.gitlab.positions import judge

EXACT, OFF, TRIALS = 0.55, 40, 5  # the share of right numbers is that published for a strong model
LEAST_EXACT, LEAST_GARBLED = 0.97, 0.96
LEAST_APPLIED = 0.94  # most others break their file when they are applied alone
GARBLED = 0.1  # of the quotes
REFS = DiffRefs("0" * 40, "0" * 40, "0" * 40)
Golden = dict[str, Any]


class Row(NamedTuple):
    """A merge request with its comments."""

    id: str
    raw: bytes
    diff: Diff
    golden: list[Golden]


def rows(folder: Path) -> Iterator[Row]:
    """The merge requests of a folder."""
    with lzma.open(folder / "mrs.jsonl.xz", "rt", encoding="utf-8") as packed:
        for packed_row in packed:
            row = json.loads(packed_row)
            raw = row["diff"].encode("utf-8", "surrogateescape")
            yield Row(row["id"], raw, patch.parse_patch(raw), row["golden"])


def texts(folder: Path) -> dict[tuple[str, str], str]:
    """The files' texts by merge request and path."""
    with lzma.open(folder / "files.jsonl.xz", "rt", encoding="utf-8") as packed:
        files = map(json.loads, packed)
        return {(file["id"], file["path"]): file["text"] for file in files}


def main() -> int:
    """Prints the measurements; returns 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    merge_requests, files = list(rows(folder)), texts(folder)
    broken = lines(merge_requests, 0.0, LEAST_EXACT) + lines(merge_requests, GARBLED, LEAST_GARBLED)
    broken += acceptance(merge_requests)
    for form in FORMS:
        broken += suggestions(merge_requests, files, form)
    return int(broken > 0)


def answered(issue: dict[str, Any]) -> Finding:
    """The finding of a model's answer with this issue."""
    whole = {"type": "bug", "severity": "low", "description": "It can be better.", "suggestion": None, **issue}
    review = reply.parse_reply(json.dumps({"issues": [whole], "summary": "One remark."}))
    assert isinstance(review, reply.Review), review
    return review.findings[0]


# -- lines


def lines(merge_requests: list[Row], garbled: float, least: float) -> int:
    """Prints how many comments land on their very line; returns 1 when that is less than promised."""
    chance, right, tries = random.Random(20), 0, 0
    for row in merge_requests:
        for golden in row.golden:
            if not golden["line_text"].strip() or _line(row, golden) is None:
                continue
            for _ in range(TRIALS):
                number = golden["line"]
                if chance.random() >= EXACT:
                    number = max(1, number + chance.choice((-1, 1)) * chance.randint(1, OFF))
                quote = golden["line_text"]
                quote = _garbled(quote, chance) if chance.random() < garbled else quote
                found = verify(
                    answered({"file": golden["path"], "line": number, "quote": quote}), IndexedDiff.of(row.diff)
                ).finding
                right += (found.path, found.line, found.side) == (golden["path"], golden["line"], Side.NEW)
                tries += 1
    print(f"lines, {garbled:.0%} of the quotes garbled: {right} of {tries}, {right / tries:.1%} (at least {least:.0%})")
    return int(right < least * tries)


def _line(row: Row, golden: Golden) -> Line | None:
    """The line of the diff a comment stands on."""
    file = row.diff.find_file(golden["path"])
    same = (line for line in (file.iter_lines() if file else ()) if line.new_line == golden["line"])
    return next(same, None)


def _garbled(quote: str, chance: random.Random) -> str:
    """The quote with one of its characters lost."""
    at = chance.randrange(len(quote))
    return quote[:at] + quote[at + 1 :]


# -- acceptance


def acceptance(merge_requests: list[Row]) -> int:
    """Prints how many positions are taken at their very line, with the line code that we compute; returns 1 when one is
    not."""
    tries, refused = 0, list[str]()
    with GitLabDouble() as gitlab:
        gitlab.add_project(1, "group/app")
        for iid, row in enumerate(merge_requests, 1):
            gitlab.add_merge_request(1, iid, raw_diff=row.raw)
            for golden in row.golden:
                line = _line(row, golden)
                if line is None:
                    continue
                tries += 1
                first = max(golden["start_line"], 1)
                ours = _placed(row, golden, first, line)
                if ours is None or not _taken(gitlab, iid, *ours):
                    refused.append(f"{row.id} {golden['path']}:{golden['line']}")
    print(f"acceptance: {tries - len(refused)} of {tries} (all)", *refused, sep="\n  ")
    return int(bool(refused))


def _placed(row: Row, golden: Golden, first: int, line: Line) -> tuple[Position, str] | None:
    """The position of a comment on these lines, and the code of its line."""
    finding = answered({"file": golden["path"], "line": f"{first}-{golden['line']}"})
    verified = verify(finding, IndexedDiff.of(row.diff))
    position = locate(verified.place)
    if not isinstance(position, Position) or isinstance(verified.place, Nowhere):
        return None
    code = compute_line_code(verified.place.file, line)
    if (position.old_line, position.new_line) != (line.old_line, line.new_line):
        return None
    return None if position.line_range and position.line_range[1].line_code != code else (position, code)


def _taken(gitlab: GitLabDouble, iid: int, position: Position, code: str) -> bool:
    anchor = judge(gitlab.instance, gitlab.merge_request(1, iid), position.build_payload(REFS), 0)
    return not anchor.errors and anchor.line_code == code


# -- suggestions

FORMS = ("as it is", "every line with its end", "without its indentation", "first row without its indentation")
EXACT_FORMS = 2  # of these nearly all must be applied; of the others none must be wrong


@dataclass
class Applied:
    """What became of the suggestions, by kind."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    shown: Counter[str] = field(default_factory=Counter)


def suggestions(merge_requests: list[Row], files: dict[tuple[str, str], str], form: str) -> int:
    """Prints what became of the authors' own changes; returns 1 when one is applied wrongly, or too few are applied."""
    came = Applied()
    for row in merge_requests:
        for golden in row.golden:
            if "suggestion" not in golden:
                continue
            _suggest(row, golden, files.get((row.id, golden["path"])) or _as_shown(row, golden["path"]), form, came)
    tries = came.right + len(came.wrong) + came.shown.total() - came.shown["no change"]
    print(f"suggestions, {form}: {came.right} of {tries}, {came.right / tries:.1%}; wrong: {len(came.wrong)}")
    print("  shown as code:", ", ".join(f"{count} {kind}" for kind, count in sorted(came.shown.items())))
    for wrong in came.wrong:
        print("  wrong:", wrong)
    return int(bool(came.wrong) or (form in FORMS[:EXACT_FORMS] and came.right < LEAST_APPLIED * tries))


def _as_shown(row: Row, path: str) -> str:
    """What the diff shows of a file whose text is not at hand; the lines between are empty."""
    file = row.diff.find_file(path)
    shown = {line.new_line: line.raw.decode() for line in (file.iter_lines() if file else ()) if line.new_line}
    return "".join(shown.get(number, "") + "\n" for number in range(1, max(shown) + 1))


class Change(NamedTuple):
    """What a golden suggestion does to a file, as a model can say it: whole rows that replace whole rows."""

    first: int
    old: list[str]
    new: list[str]


def _change(golden: Golden, head: list[str]) -> Change:
    """The rows that are replaced and what replaces them. What only inserts or deletes takes its neighbour along, and a
    blank row at either end its own."""
    first, old, new = golden["start_line"], list(golden["old"]), list(golden["suggestion"])
    if not old:
        old = [head[first - 1]]
        new = [old[0], *new]
    if not any(row.strip() for row in new) and first > 1:
        first, old, new = first - 1, [head[first - 2], *old], [head[first - 2], *new]
    while first > 1 and not (old[0].strip() and new[0].strip()):
        first, old, new = first - 1, [head[first - 2], *old], [head[first - 2], *new]
    while first - 1 + len(old) < len(head) and not (old[-1].strip() and new[-1].strip()):
        below = head[first - 1 + len(old)]
        old, new = [*old, below], [*new, below]
    return Change(first, old, new)


def _suggest(row: Row, golden: Golden, text: str, form: str, came: Applied) -> None:
    name, head = f"{row.id} {golden['path']}:{golden['line']}", text.split("\n")
    change = _change(golden, head)
    quote, fix = _formed(change.old, change.new, form)
    issue = {"quote": quote, "suggestion": fix}
    verified = verify(answered({"file": golden["path"], "line": change.first, **issue}), IndexedDiff.of(row.diff))
    (checked,) = check_replacements(
        [verified], [assign_place(verified)], lambda _: _bytes(text), lambda edits: list(map(examine_edit, edits))
    ).findings
    new, place = checked.replacement, locate(verified.place)
    if new is None:
        came.shown[_kind(change)] += 1
        return
    expected = "\n".join([*head[: change.first - 1], *change.new, *head[change.first - 1 + len(change.old) :]])
    body = "It can be better.\n\n" + markdown.format_suggestion(new, len(verified.lines) - 1)
    placed = isinstance(place, Position) and place.new_line is not None
    if placed and applied(_bytes(text), body, _new_line(place)) == _bytes(expected):
        came.right += 1
    else:
        came.wrong.append(name)


def _kind(change: Change) -> str:
    """Why a suggestion is shown as code."""
    if any("\r" in row for row in change.old):
        return "CRLF"
    plain = ["".join("".join(rows).split()) for rows in change[1:]]
    return "no change" if plain[0] == plain[1] else "absent"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _new_line(place: object) -> int:
    return (place.new_line if isinstance(place, Position) else None) or 0


def _formed(old: list[str], new: list[str], form: str) -> tuple[str, str]:
    """Quote and fix as a model may write them: FORMS."""
    if form == FORMS[1]:
        return "".join(f"{row}\n" for row in old), "".join(f"{row}\n" for row in new)
    lost = 0
    if form == FORMS[2]:
        lost = len(commonprefix([row[: _depth(row)] for row in old + new if row.strip()]))  # noqa: RUF071 - no paths
    elif form == FORMS[3]:
        lost = min(_depth(old[0]), _depth(new[0]))
    bare = [
        [row[lost:] if not index or form == FORMS[2] else row for index, row in enumerate(rows)] for rows in (old, new)
    ]
    return "\n".join(bare[0]), "\n".join(bare[1])


def _depth(row: str) -> int:
    return len(row) - len(row.lstrip(" \t"))


if __name__ == "__main__":
    raise SystemExit(main())
