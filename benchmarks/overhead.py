"""Our own overhead, as ratios of whole processes that are measured in one run.

Measured is the CPU time of a full review in a CI job, with GitLab and the model answering at once. The floor is what no
such tool can do without: `git diff` of the range, and the five libraries that this one is built on, used as their
manuals teach. The CPU time of parsing a diff is compared with that of `git diff`.

    python -m benchmarks.overhead [--runs 7] [--requests]

Ratios travel between machines, seconds do not. Each pair is measured alternately, and the median counts. Requests to
GitLab are counted exactly: GitLab.com allows 2,000 a minute, and somebody waits for each.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from iquest_review.diff import patch
from tests.support.gitlab.double import DiffRefs, GitLabDouble
from tests.support.model.double import EMPTY_REVIEW, ModelDouble

LIBRARIES = """
import git, gitlab, pydantic, requests, tenacity

class Answer(pydantic.BaseModel):
    line: int
    description: str

gitlab.Gitlab("http://127.0.0.1", private_token="x", session=requests.Session())
Answer.model_validate_json('{"line": 1, "description": "x"}')
tenacity.Retrying(stop=tenacity.stop_after_attempt(1))(git.Git)
"""
TOKEN = "glpat-benchmark"
COMMAND = Path(sys.executable).with_name("iquest-review")


class Case(NamedTuple):
    """A change of so many files, with so many lines rewritten in each; `most` is the promised ratio."""

    name: str
    files: int
    changed: int
    most: float
    rich: float = 0.0  # the promised ratio with everything besides the diff, in up to four requests


CASES = (
    Case("20 lines", 1, 10, 2.0, 2.4),
    Case("60 files, 3,600 lines", 60, 30, 2.5, 5.0),
    Case("1,000 files, 290,000 lines", 1000, 145, 4.0, 8.0),
)
PLAIN = {"IQUEST_CONTEXT": "none", "IQUEST_MAX_REQUESTS": "1"}


HELP_MOST_MS = 300  # CPU
FINDINGS = 10  # of the review whose requests are counted
FIRST_MOST, EACH_MOST = 20, 2  # requests of a first review, and for each of its findings
AGAIN_MOST = 12  # requests of the same pipeline again
PARSING_MOST = 2.0  # times the CPU git takes to produce the diff
PARSING_MEMORY = 5.0  # times the diff's own size


class Cost(NamedTuple):
    """What a process and its children took."""

    cpu: float  # milliseconds, user and system
    memory: float  # MB, of the largest process


def measure(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> Cost:
    """Runs a command to its end; raises CalledProcessError when it fails."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            list(map(str, command)), env=dict(environment), cwd=folder, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command, output.read())
    return Cost(1000 * (usage.ru_utime + usage.ru_stime), usage.ru_maxrss / 1000)


def alternately(runs: int, *measures: Callable[[], Cost]) -> list[Cost]:
    """The median of each, taken in turns so that a busy moment hits all of them."""
    rounds = [[measured() for measured in measures] for _ in range(runs)]
    return [
        Cost(statistics.median(cost.cpu for cost in costs), max(cost.memory for cost in costs))
        for costs in zip(*rounds, strict=True)
    ]


def repository(folder: Path, case: Case) -> tuple[str, str]:
    """A repository with the case's change; returns base and head."""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Author", "-c", "user.email=author@example.org", "-c", "gc.auto=0")
        run = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
        return run.stdout.strip()

    def write(head: bool) -> None:
        for number in range(case.files):
            lines = [f"    value_{line} = compute({number}, {line}, previous=value_{line - 1})" for line in range(300)]
            if head:
                lines[10 : 10 + case.changed] = [
                    line.replace("compute", "recompute") for line in lines[10 : 10 + case.changed]
                ]
            path = folder / f"src/module_{number // 50}/part_{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("def run():\n" + "\n".join(lines) + "\n")

    git("init", "--quiet", "--initial-branch=main")
    commits = []
    for head in (False, True):
        write(head)
        git("add", "--all")
        git("commit", "--quiet", "--message", "head" if head else "base")
        commits.append(git("rev-parse", "HEAD"))
    return commits[0], commits[1]


def job(gitlab: GitLabDouble, model: ModelDouble, folder: Path) -> dict[str, str]:
    """The variables of a job of project 7, but for the merge request's number."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CI": "true",
        "CI_API_V4_URL": gitlab.api_url,
        "CI_PROJECT_ID": "7",
        "CI_PROJECT_DIR": str(folder),
        "CI_MERGE_REQUEST_PROJECT_ID": "7",
        "GITLAB_API_TOKEN": TOKEN,
        "IQUEST_API_URL": model.url,
    }


def request_counts(findings: int, folder: Path) -> tuple[int, int]:
    """Requests to GitLab of a first review with so many findings on lines, and of the same pipeline again."""
    base, head = repository(folder, Case("", findings, 1, 0))
    rows = (f"    value_10 = recompute({number}, 10, previous=value_9)" for number in range(findings))
    issues = [
        {
            "file": f"src/module_{number // 50}/part_{number}.py",
            "line": 12,
            "quote": row,
            "type": "bug",
            "severity": "medium",
            "description": f"The value of module {number} is computed again, and what it was before is lost.",
            "suggestion": None,
        }
        for number, row in enumerate(rows)
    ]
    answer = json.dumps({"issues": issues, "summary": "", "suggestions": []})
    with GitLabDouble() as gitlab, ModelDouble(replies=[answer]) as model:
        gitlab.add_user("reviewer", token=TOKEN)
        gitlab.add_project(7, "group/app", folder)
        gitlab.add_merge_request(7, 1, title="Recompute", diff_refs=DiffRefs(base, base, head))
        environment, counts = {**job(gitlab, model, folder), "CI_MERGE_REQUEST_IID": "1"}, []
        for _ in range(2):
            before = len(gitlab.requests)
            measure([COMMAND, "review", "--output", folder / "out"], environment, folder)
            counts.append(len(gitlab.requests) - before)
        threads = [note for note in gitlab.notes(7, 1) if note["type"] == "DiffNote"]
        if len(threads) != findings:
            raise AssertionError(f"{len(threads)} threads for {findings} findings")
    return counts[0], counts[1]


def review_case(case: Case, runs: int, folder: Path) -> tuple[Cost, Cost, Cost, int]:
    """Cost of the floor, of a review of the diff alone in one request, of one with everything; requests to GitLab."""
    base, head = repository(folder, case)
    with GitLabDouble() as gitlab, ModelDouble(window=32_768, replies=[EMPTY_REVIEW]) as model:
        gitlab.add_user("reviewer", token=TOKEN)
        gitlab.add_project(7, "group/app", folder)
        environment = job(gitlab, model, folder)
        seen, iid = [], 0

        def review(settings: Mapping[str, str]) -> Cost:
            nonlocal iid
            iid += 1  # a first review each time
            gitlab.add_merge_request(7, iid, title="Recompute", diff_refs=DiffRefs(base, base, head))
            before = len(gitlab.requests)
            cost = measure([COMMAND, "review"], {**environment, "CI_MERGE_REQUEST_IID": str(iid), **settings}, folder)
            seen.append(len(gitlab.requests) - before)
            return cost

        def diff() -> Cost:
            return measure(["git", "diff", "--find-renames", base, head], environment, folder)

        def libraries() -> Cost:
            return measure([sys.executable, "-c", LIBRARIES], environment, folder)

        diffed, loaded, plain, rich = alternately(runs, diff, libraries, lambda: review(PLAIN), lambda: review({}))
    return Cost(diffed.cpu + loaded.cpu, loaded.memory), plain, rich, max(seen)


def parsing(case: Case, runs: int, folder: Path) -> tuple[Cost, Cost]:
    """Cost of `git diff` of the case, and of parsing what it prints; the memory is in times of the diff's size."""
    base, head = repository(folder, case)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = ["git", "diff", "--find-renames", base, head]
    printed = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout

    def parse() -> Cost:
        started = time.process_time()
        patch.parse_patch(printed)
        return Cost(1000 * (time.process_time() - started), 0)

    diffed, parsed = alternately(runs, lambda: measure(command, environment, folder), parse)
    tracemalloc.start()
    held = patch.parse_patch(printed)
    peak = tracemalloc.get_traced_memory()[1] + len(printed)
    tracemalloc.stop()
    assert held.changed_lines
    return diffed, Cost(parsed.cpu, peak / len(printed))


def main() -> int:
    """Prints a table; returns 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="runs of each pair (default: 7)")
    parser.add_argument("--requests", action="store_true", help="count requests alone, which takes seconds")
    arguments = parser.parse_args()
    runs, broken = arguments.runs, report_requests()
    if arguments.requests:
        return int(broken > 0)
    print(f"{'what':34} {'floor ms':>9} {'ours ms':>9} {'ratio':>6} {'most':>5} {'MB':>5} {'GitLab requests':>16}")
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": os.environ["PATH"], "HOME": folder}
        (helped,) = alternately(3 * runs, lambda: measure([COMMAND, "--help"], environment, Path(folder)))
        print(f"--help: {helped.cpu:.0f} ms, at most {HELP_MOST_MS}", flush=True)
        broken += helped.cpu > HELP_MOST_MS
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            floor, plain, rich, requests = review_case(case, runs, Path(folder))
            broken += report(f"{case.name}: diff", floor, plain, case.most, requests)
            broken += report(f"{case.name}: all", floor, rich, case.rich, requests)
            broken += requests > 8
            broken += max(plain.memory, rich.memory) > 200
    with tempfile.TemporaryDirectory() as folder:
        floor, ours = parsing(CASES[-1], runs, Path(folder))
        broken += report("parsing, 290,000 lines", floor, Cost(ours.cpu, 0), PARSING_MOST)
        print(f"memory of parsing: {ours.memory:.1f} times the diff's size, at most {PARSING_MEMORY:.1f}")
        broken += ours.memory > PARSING_MEMORY
    return int(broken > 0)


def report_requests() -> int:
    """Prints the requests to GitLab; returns how many promises are broken."""
    with tempfile.TemporaryDirectory() as folder:
        first, again = request_counts(FINDINGS, Path(folder))
    most = FIRST_MOST + EACH_MOST * FINDINGS
    print(f"requests to GitLab: a first review with {FINDINGS} findings {first}, at most {most}; ", end="")
    print(f"the same again {again}, at most {AGAIN_MOST}", flush=True)
    return (first > most) + (again > AGAIN_MOST)


def report(name: str, floor: Cost, ours: Cost, most: float, requests: int | None = None) -> int:
    """Prints a row; returns 1 when the ratio is over what is promised."""
    ratio = ours.cpu / floor.cpu
    asked = "" if requests is None else str(requests)
    print(
        f"{name:34} {floor.cpu:9.0f} {ours.cpu:9.0f} {ratio:6.2f} {most:5.1f} {ours.memory:5.0f} {asked:>16}",
        flush=True,
    )
    return int(ratio > most)


if __name__ == "__main__":
    raise SystemExit(main())
