"""What of known review comments a model would see, measured on merge requests whose comments are known; no model is
asked.

    python -m benchmarks.visibility FOLDER

FOLDER holds mrs.jsonl.xz (one merge request a line: `id`, `split`, `diff`, and `golden` comments with `path`, `line`
and `start_line`). A comment is visible when one of its lines is shown under its number. Tokens are those of the diff's
rows by excerpt.excerpt.estimate_tokens. Two references stand beside ours: the beginning of the plain diff, and whole
files, the largest first. Both halves of the merge requests are told apart, since weights were tried on one. The exit
code is 1 when a promise is broken.
"""

import argparse
import json
import lzma
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from iquest_review.diff import patch
from iquest_review.diff.diff import FileDiff, LineKind
from iquest_review.excerpt.excerpt import (
    BYTES_PER_TOKEN,
    Excerpt,
    Limits,
    measure_files,
    pack_excerpt,
    render_diff_rows,
)
from iquest_review.excerpt.exclusions import screen
from iquest_review.excerpt.numbered_rows import render_file_rows, render_hunk_row, render_line_rows

PLENTY = 10**9
SEED = 20
Comment = tuple[str, range]  # path and lines of the new file
Shown = dict[str, set[int]]  # path -> lines of the new file


class Change(NamedTuple):
    """A merge request with its comments."""

    id: str
    split: str
    files: tuple[FileDiff, ...]  # of these what is screened has no hunk here
    comments: tuple[Comment, ...]


class Case(NamedTuple):
    """A measurement: so many requests of these limits, the least shares in per cent that are promised, and those that
    are wanted and not reached yet."""

    name: str
    limits: Limits
    requests: int
    promised: dict[str, float]
    wanted: dict[str, float]


CASES = (
    Case("8k tokens", Limits(PLENTY, 8_000), 1, {"all": 74}, {"all": 85}),
    Case("32k tokens", Limits(PLENTY, 32_000), 1, {"large": 77, "all": 92}, {"large": 92}),
    Case("2,000 lines", Limits(2_000, PLENTY), 1, {"large": 80}, {}),
    Case("4 x 32k tokens", Limits(PLENTY, 32_000), 4, {"large": 99}, {}),
)


def changes(folder: Path) -> list[Change]:
    """The merge requests of a folder, screened."""
    made = list[Change]()
    with lzma.open(folder / "mrs.jsonl.xz", "rt", encoding="utf-8") as packed:
        for row in map(json.loads, packed):
            files, _ = screen(patch.parse_patch(row["diff"].encode("utf-8", "surrogateescape")))
            comments = tuple(
                (golden["path"], range(golden.get("start_line") or golden["line"], golden["line"] + 1))
                for golden in row["golden"]
            )
            made.append(Change(row["id"], row["split"], files, comments))
    return made


def ours(files: Sequence[FileDiff], limits: Limits, requests: int) -> Shown:
    """Lines shown by so many requests, each filled with what the ones before had no room for."""
    shown = defaultdict[str, set[int]](set)
    change = measure_files(files, limits)
    for _ in range(requests):
        packed = pack_excerpt(change, limits)
        _see(packed.excerpt, shown)
        change = replace(change, files=packed.packing.list_left())
    return shown


def _see(excerpt: Excerpt, shown: Shown) -> None:
    """The numbers as they are printed, not as they are known."""
    path, names = "", {render_file_rows(part.file).split("\n")[0]: part.file.path for part in excerpt.parts}
    for row in "\n".join(render_diff_rows(excerpt)).split("\n"):
        path = names.get(row, path)
        number, bar, _ = row[1:].partition("| ")
        if bar and row[:1] in "+ " and number.isdecimal():
            shown[path].add(int(number))


def plain(files: Sequence[FileDiff], limits: Limits, requests: int) -> Shown:
    """Lines in the beginning of the diff as git prints it."""
    room, left = limits.tokens * BYTES_PER_TOKEN * requests, limits.lines * requests
    shown = defaultdict[str, set[int]](set)
    for file in files:
        room -= 2 * len(file.path) + 60  # the headings of a file, about
        for hunk in file.hunks:
            room -= len(hunk.heading) + 30
            for line in hunk.iter_lines():
                room, left = room - len(line.raw) - 2, left - 1
                if room < 0 or left < 0:
                    return shown
                if line.new_line is not None:
                    shown[file.path].add(line.new_line)
    return shown


def largest_first(files: Sequence[FileDiff], limits: Limits, requests: int) -> Shown:
    """Lines of whole files in our rows, the largest first; what does not fit is skipped."""
    shown = defaultdict[str, set[int]](set)
    room, left = math.floor(limits.tokens * BYTES_PER_TOKEN) * requests, limits.lines * requests
    for file in sorted(files, key=lambda file: -file.changed_lines):
        texts = [
            render_file_rows(file),
            *(text for hunk in file.hunks for text in (render_hunk_row(hunk), *render_line_rows(hunk))),
        ]
        size, count = sum(len(text.encode()) + 1 for text in texts), sum(len(hunk.rows) for hunk in file.hunks)
        if size <= room and count <= left:
            room, left = room - size, left - count
            shown[file.path].update(line.new_line for line in file.iter_lines() if line.kind is not LineKind.REMOVED)  # type: ignore[misc]
    return shown


Strategy = Callable[[Sequence[FileDiff], Limits, int], Shown]


def shares(measured: Sequence[Change], strategy: Strategy, case: Case) -> dict[str, float]:
    """Visible comments in per cent, by split."""
    seen, there = Counter[str](), Counter[str]()
    for change in measured:
        shown = strategy(change.files, case.limits, case.requests)
        visible = sum(not shown.get(path, set()).isdisjoint(lines) for path, lines in change.comments)
        for split in (change.split, "all"):
            seen[split] += visible
            there[split] += len(change.comments)
    return {split: 100 * seen[split] / count for split, count in there.items() if count}


def halves(measured: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """The merge requests in two halves, the same ones each time."""
    shuffled = sorted(measured, key=lambda change: change.id)
    random.Random(SEED).shuffle(shuffled)
    return shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]


def main() -> int:
    """Prints the measurements; returns 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    measured = changes(parser.parse_args().folder)
    one, other = halves(measured)
    broken = 0
    for case in CASES:
        found = shares(measured, ours, case)
        missed = [split for split, least in case.promised.items() if found[split] < least]
        broken += len(missed)
        print(case.name)
        for name, row in (
            ("ours", found),
            ("one half", shares(one, ours, case)),
            ("the other half", shares(other, ours, case)),
            ("the plain diff", shares(measured, plain, case)),
            ("largest file first", shares(measured, largest_first, case)),
        ):
            print(
                f"  {name:18}",
                *(f"{split} {row.get(split, 0):5.1f} %" for split in ("natural", "large", "aacr", "all")),
            )
        for split in missed:
            print(f"  {split}: at least {case.promised[split]} % are promised")
        for split, least in case.wanted.items():
            print(f"  {split}: {least} % are wanted")
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
