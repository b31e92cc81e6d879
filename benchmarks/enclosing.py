"""How much of the functions around review comments is shown, and what that costs; no model is asked.

    python -m benchmarks.enclosing FOLDER

FOLDER holds mrs.jsonl.xz (one merge request a line: `id`, `split`, `diff`, and `golden` comments with `path` and, where
a function holds them, `enclosing` with its `start` and `end`) and files.jsonl.xz (`id`, `path` and the `text` of files
at the head). Counted are the files whose text is there and the functions of at most 200 lines; a function is shown when
all its lines are. The exit code is 1 when less than LEAST_SHOWN of them are shown or that takes more than MOST_COST.
"""

import argparse
import json
import lzma
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from iquest_review.code.outline import outline_file
from iquest_review.context.enclosing import Outline, widen_excerpt
from iquest_review.diff import patch
from iquest_review.diff.diff import Hunk
from iquest_review.diff.full_file import unfold_file
from iquest_review.excerpt.excerpt import Excerpt, Limits, estimate_tokens, fit_excerpt
from iquest_review.excerpt.numbered_rows import render_file_rows, render_hunk_row, render_line_rows

LEAST_SHOWN, MOST_COST = 0.9, 1.5
MOST_LINES = 200  # of a function
PLENTY = Limits(10**7, 10**9)


def main() -> int:
    """Prints a row a split; returns 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--missed", action="store_true", help="name the functions that are not shown")
    asked = parser.parse_args()
    counts = dict[str, Counter[str]]()
    for row, texts in _rows(asked.folder):
        measured, missed = measure(row, texts)
        for split in (row["split"], "all"):
            counts.setdefault(split, Counter()).update(measured)
        if asked.missed:
            print(*missed, sep="\n", end="\n" * bool(missed))
    for split, count in sorted(counts.items()):
        print(
            f"{split:8} functions {count['functions']:4}, shown with three lines {_share(count, 'narrow'):6.1%},"
            f" widened {_share(count, 'wide'):6.1%}; tokens {count['tokens']:,} x {_cost(count):.2f};"
            f" outlines {count['microseconds'] / 1e6:.1f} s for {count['files']} files"
        )
    return int(_share(counts["all"], "wide") < LEAST_SHOWN or _cost(counts["all"]) > MOST_COST)


def _rows(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, bytes]]]:
    """The merge requests, each with the texts of its files by path."""
    texts = dict[str, dict[str, bytes]]()
    with lzma.open(folder / "files.jsonl.xz", "rt", encoding="utf-8") as packed:
        for file in map(json.loads, packed):
            texts.setdefault(file["id"], {})[file["path"]] = file["text"].encode("utf-8", "surrogateescape")
    with lzma.open(folder / "mrs.jsonl.xz", "rt", encoding="utf-8") as packed:
        yield from ((row, texts.get(row["id"], {})) for row in map(json.loads, packed))


def measure(row: dict[str, Any], texts: dict[str, bytes]) -> tuple[Counter[str], list[str]]:
    """What is counted of a merge request, and its functions that are not shown."""
    diff = patch.parse_patch(row["diff"].encode("utf-8", "surrogateescape"))
    files = [file for file in diff.files if file.new_path in texts]
    started = time.process_time_ns()
    outlines: dict[str, Outline] = {
        file.path: (unfold_file(file, texts[file.path]), outline_file(file.path, texts[file.path])) for file in files
    }
    spent = (time.process_time_ns() - started) // 1_000
    narrow = fit_excerpt(files, PLENTY)
    wide = widen_excerpt(narrow, outlines, PLENTY)
    counted = Counter(files=len(files), microseconds=spent, tokens=_tokens(narrow), wide_tokens=_tokens(wide))
    before, after = _shown(narrow), _shown(wide)
    missed = list[str]()
    for golden in row["golden"]:
        function = golden["enclosing"]
        if not function or golden["path"] not in outlines or function["end"] - function["start"] >= MOST_LINES:
            continue
        lines = set(range(function["start"], function["end"] + 1))
        counted += Counter(functions=1, narrow=lines <= before[golden["path"]], wide=lines <= after[golden["path"]])
        if not lines <= after[golden["path"]]:
            missed.append(f"{row['id']} {golden['path']}:{golden['line']} {function} on_added={golden['on_added']}")
    return counted, missed


def _hunks(excerpt: Excerpt) -> Iterator[tuple[str, Hunk]]:
    for part in excerpt.parts:
        yield from ((part.file.path, hunk) for hunk in part.wide or part.hunks)


def _shown(excerpt: Excerpt) -> dict[str, set[int]]:
    """The lines of the new files that an excerpt shows."""
    shown = dict[str, set[int]]()
    for path, hunk in _hunks(excerpt):
        shown.setdefault(path, set()).update(line.new_line for line in hunk.iter_lines() if line.new_line is not None)
    return shown


def _tokens(excerpt: Excerpt) -> int:
    rows = [render_file_rows(part.file) for part in excerpt.parts]
    for _, hunk in _hunks(excerpt):
        rows += [render_hunk_row(hunk), *render_line_rows(hunk)]
    return estimate_tokens("\n".join(rows))


def _share(count: Counter[str], name: str) -> float:
    return count[name] / max(count["functions"], 1)


def _cost(count: Counter[str]) -> float:
    return count["wide_tokens"] / max(count["tokens"], 1)


if __name__ == "__main__":
    sys.exit(main())
