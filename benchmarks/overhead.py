"""Our own overhead on a real repository, as ratios of whole processes that are measured in one run.

    python -m benchmarks.overhead [--runs 5] [--requests]
    python -m benchmarks.overhead --repo DIR --base REF [--head REF]

Measured is the CPU time of a full review in a CI job, with GitLab and the model answering at once and the model finding
something in each request. The floor is what no such tool can do without: `git diff` of the range, and the five
libraries that this one is built on, used as their manuals teach. Without --repo the repository is made of the
interpreter's own library and packages (benchmarks/real_repository.py).

Ratios travel between machines, seconds do not. Each pair is measured in turns, and the median counts. Two previews of a
range, one of them with all processors busy, must show the same bytes. Requests to GitLab are counted exactly:
GitLab.com allows 2,000 a minute, and somebody waits for each. The exit code is 1 when a bar is crossed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from pathlib import Path

from benchmarks.cost import COMMAND, Cost, measure, measure_in_turns
from benchmarks.pipelines import Pipelines, Range, answer_with_issues, list_plain_variables
from benchmarks.real_repository import Change, build_repository
from iquest_review.diff import patch
from tests.support.gitlab.double import GitLabDouble
from tests.support.model.double import EMPTY_REVIEW, ModelDouble
from tests.support.model.rules import Json

LIBRARIES = """
import git, gitlab, pydantic, requests, tenacity

class Answer(pydantic.BaseModel):
    line: int
    description: str

gitlab.Gitlab("http://127.0.0.1", private_token="x", session=requests.Session())
Answer.model_validate_json('{"line": 1, "description": "x"}')
tenacity.Retrying(stop=tenacity.stop_after_attempt(1))(git.Git)
"""
FEW = Change(10, 20)  # whose requests to GitLab are counted
SMALL, MIDDLE, LARGE = Change(1, 20), Change(60, 60), Change(1000, 280)
PLAIN = {"IQUEST_CONTEXT": "none", "IQUEST_MAX_REQUESTS": "1"}

HELP_MOST_MS = 300  # CPU
MEMORY_MOST = 200.0  # MB
PREVIEW_MOST = 3.0  # wall time of a preview with all context, in times of the floor
FINDINGS = 10  # of the review whose requests are counted
ISSUES = 4  # that the model finds in each request of the reviews that are measured
FIRST_MOST, EACH_MOST = 20, 2  # requests of a first review, and for each of its findings
AGAIN_MOST, WAIVER_MOST = 8, 1  # requests of the same pipeline again, and for each thread: is it waived?
ANSWER_SECONDS, ANSWERS = 1.0, 4  # of the model that makes a review wait, and how many it gives
WAIT_MOST_MS = 2500  # that a review of so many answers waits
PARSING_MOST = 2.0  # times the CPU git takes to produce the diff
PARSING_MEMORY = 5.0  # times the diff's own size
HEADING = f"{'what':34} {'floor ms':>9} {'ours ms':>9} {'ratio':>6} {'most':>5} {'MB':>5} {'GitLab requests':>16}"


def list_bars(lines: int) -> tuple[float, float]:
    """Return the ratios that a change of so many lines may reach: of the diff alone, and of everything."""
    if lines <= 100:
        return 2.0, 2.4
    return (2.0, 4.0) if lines <= 10_000 else (4.0, 8.0)


def answer_slowly(_: Json) -> str:
    """Return an empty review after ANSWER_SECONDS."""
    time.sleep(ANSWER_SECONDS)
    return EMPTY_REVIEW


class Report:
    """The table, row by row; `crossed` counts the bars that are."""

    def __init__(self) -> None:
        self.crossed = 0

    def check(self, text: str, crossed: bool) -> None:
        """Print a sentence with its bar."""
        self.crossed += crossed
        print(text + ("  <-- crossed" if crossed else ""), flush=True)

    def add(self, name: str, floor: Cost, ours: Cost, most: float, requests: int | None = None) -> None:
        """Print a row of the table."""
        ratio = ours.cpu / floor.cpu
        row = f"{name:34} {floor.cpu:9.0f} {ours.cpu:9.0f} {ratio:6.2f} {most:5.1f} {ours.memory:5.0f}"
        self.check(f"{row} {'' if requests is None else requests:>16}", ratio > most or ours.memory > MEMORY_MOST)


def report_reviews(report: Report, change: Range, runs: int) -> None:
    """Report a review of the diff alone, one with everything, and the preview."""
    files, lines = change.count_changes()
    name = f"{files:,} files, {lines:,} lines"
    alone, everything = list_bars(lines)
    with (
        GitLabDouble() as gitlab,
        ModelDouble(window=32_768, replies=[partial(answer_with_issues, count=ISSUES)]) as model,
        tempfile.TemporaryDirectory() as output,
    ):
        pipelines = Pipelines(gitlab, model, change, Path(output))
        variables = list_plain_variables(Path(output))
        diffed, loaded, plain, rich, previewed = measure_in_turns(
            runs,
            lambda: measure(change.diff, variables, change.folder),
            lambda: measure([sys.executable, "-c", LIBRARIES], variables, change.folder),
            lambda: pipelines.review(PLAIN)[0],
            lambda: pipelines.review({})[0],
            lambda: measure(_list_preview_arguments(change), variables, change.folder),
        )
        requests = pipelines.review({})[1]
    floor = diffed + loaded
    report.add(f"{name}: diff", floor, plain, alone)
    report.add(f"{name}: all", floor, rich, everything, requests)
    ratio = previewed.wall / floor.wall
    report.check(
        f"{name}: preview takes {previewed.wall / 1000:.1f} s, {ratio:.1f} times the floor (at most {PREVIEW_MOST:g})",
        ratio > PREVIEW_MOST,
    )
    report_prompts(report, name, change)


def report_prompts(report: Report, name: str, change: Range) -> None:
    """Report whether two previews are the same, one of them on a busy machine, and what their requests share."""
    first = _load_prompts(change)
    with keep_busy():
        second = _load_prompts(change)
    same = "the same prompts" if first == second else "other prompts"
    beginning = (
        f"; {len(first)} prompts have {100 * _measure_common_beginning(first):.0f} % of their characters in common"
    )
    report.check(f"{name}: {same} on a busy machine{beginning if len(first) > 1 else ''}", first != second)


def _list_preview_arguments(change: Range) -> list[str]:
    return [str(COMMAND), "preview", "--json", "--base", change.base, "--head", change.head]


def _load_prompts(change: Range) -> list[str]:
    """Return the prompts of a preview, without the nonce."""
    variables = list_plain_variables(change.folder)
    printed = subprocess.check_output(
        _list_preview_arguments(change), cwd=change.folder, env=variables, stderr=subprocess.DEVNULL
    )
    texts = [
        "\n".join(message["content"] for message in request["messages"]) for request in json.loads(printed)["requests"]
    ]
    return [re.sub(r"(<<<|>>>)[0-9a-f]{8,}", r"\1", text) for text in texts]


def _measure_common_beginning(texts: Sequence[str]) -> float:
    same = sum(1 for _ in takewhile(lambda characters: len(set(characters)) == 1, zip(*texts, strict=False)))
    return same * len(texts) / max(1, sum(map(len, texts)))


@contextmanager
def keep_busy() -> Iterator[None]:
    """Keep all processors busy, each with two processes."""
    idlers = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for idler in idlers:
            idler.kill()
            idler.wait()


def report_waiting(report: Report, change: Range, runs: int) -> None:
    """Report how long a review waits for a model that takes its time."""
    with (
        GitLabDouble() as gitlab,
        ModelDouble(window=32_768) as quick,
        ModelDouble(window=32_768, replies=[answer_slowly]) as slow,
        tempfile.TemporaryDirectory() as output,
    ):
        pipelines = Pipelines(gitlab, quick, change, Path(output))
        at_once, waiting = measure_in_turns(
            runs, lambda: pipelines.review({})[0], lambda: pipelines.review({"IQUEST_API_URL": slow.url})[0]
        )
        answers = (len(slow.completions) - len(slow.asked_summary)) // runs
    wait = waiting.wall - at_once.wall
    report.check(
        f"{answers} answers of {ANSWER_SECONDS:g} s each: {wait:.0f} ms of waiting (at most {WAIT_MOST_MS})",
        wait > WAIT_MOST_MS,
    )


def report_requests(report: Report, change: Range) -> None:
    """Report the requests to GitLab of a first review with findings, and of the same pipeline again."""
    with (
        GitLabDouble() as gitlab,
        ModelDouble(replies=[partial(answer_with_issues, count=FINDINGS), EMPTY_REVIEW]) as model,
        tempfile.TemporaryDirectory() as output,
    ):
        pipelines = Pipelines(gitlab, model, change, Path(output))
        first = pipelines.review({})[1]
        threads = sum(note["type"] == "DiffNote" for note in gitlab.notes(7, 1))
        again = pipelines.review({}, again=True)[1]
    most, most_again = FIRST_MOST + EACH_MOST * threads, AGAIN_MOST + WAIVER_MOST * threads
    report.check(
        f"requests to GitLab: a first review with {threads} threads {first}, at most {most}; "
        f"the same again {again}, at most {most_again}",
        not threads or first > most or again > most_again,
    )


def report_parsing(report: Report, change: Range, runs: int) -> None:
    """Report the cost of parsing a diff against that of `git diff`, and its memory against the diff's size."""
    variables = list_plain_variables(change.folder)
    printed = subprocess.check_output(change.diff, cwd=change.folder)

    def parse() -> Cost:
        started = time.process_time()
        patch.parse_patch(printed)
        return Cost(1000 * (time.process_time() - started), 0, 0)

    diffed, parsed = measure_in_turns(runs, lambda: measure(change.diff, variables, change.folder), parse)
    report.add("parsing the diff", diffed, parsed, PARSING_MOST)
    tracemalloc.start()
    held = patch.parse_patch(printed)
    peak = (tracemalloc.get_traced_memory()[1] + len(printed)) / len(printed)
    tracemalloc.stop()
    assert held.changed_lines
    report.check(
        f"memory of parsing: {peak:.1f} times the diff's size, at most {PARSING_MEMORY:.1f}", peak > PARSING_MEMORY
    )


def report_built_repository(report: Report, folder: Path, runs: int, only_requests: bool) -> None:
    """Report all there is on the repository that is built here."""
    base, few, *heads = build_repository(folder, [FEW, SMALL, MIDDLE, LARGE])
    report_requests(report, Range(folder, base, few))
    if only_requests:
        return
    (helped,) = measure_in_turns(3 * runs, lambda: measure([COMMAND, "--help"], list_plain_variables(folder), folder))
    report.check(f"--help: {helped.cpu:.0f} ms, at most {HELP_MOST_MS}", helped.cpu > HELP_MOST_MS)
    files = subprocess.check_output(["git", "ls-tree", "-r", "--name-only", base], cwd=folder, text=True)
    print(f"a repository of {files.count(chr(10)):,} files")
    print(HEADING)
    small, middle, large = (Range(folder, base, head) for head in heads)
    for change in (small, middle, large):
        report_reviews(report, change, runs)
    report_waiting(report, middle, runs)
    report_parsing(report, large, runs)


def report_clone(report: Report, folder: Path, base: str, head: str, runs: int) -> None:
    """Report the reviews of a range of a clone."""
    commits = subprocess.check_output(["git", "rev-parse", f"{base}^{{}}", f"{head}^{{}}"], cwd=folder, text=True)
    change = Range(folder.resolve(), *commits.split())
    print(HEADING)
    report_reviews(report, change, runs)


def main() -> int:
    """Print a table; return 1 when a bar is crossed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--requests", action="store_true", help="count requests alone, which takes seconds")
    parser.add_argument("--repo", type=Path, help="measure a range of this clone instead")
    parser.add_argument("--base", help="with --repo")
    parser.add_argument("--head", default="HEAD", help="with --repo (default: HEAD)")
    arguments = parser.parse_args()
    if (arguments.repo is None) != (arguments.base is None):
        parser.error("--repo and --base need each other")
    report = Report()
    if arguments.repo is not None:
        report_clone(report, arguments.repo, arguments.base, arguments.head, arguments.runs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            report_built_repository(report, Path(folder), arguments.runs, arguments.requests)
    return int(report.crossed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
