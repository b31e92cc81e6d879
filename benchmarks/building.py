"""Building the prompts of a large change: time and memory against `git diff`, and what its requests have in common.

    python -m benchmarks.building [--runs 3]

The change rewrites 50 lines in each of 1,500 files. `preview` does all that a review does before it asks the model: it
takes the diff, takes secrets out, ranks, looks at definitions and history, and fills up to four prompts. What the same
takes for one changed line is start-up, and told apart: benchmarks/overhead.py has its bar.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from itertools import takewhile
from pathlib import Path

from benchmarks.overhead import COMMAND, Case, alternately, measure, repository

CASE = Case("1,500 files, 150,000 lines", 1500, 50, 4.0, 6.0)  # 50 lines rewritten are 50 removed and 50 added
MEMORY_MOST = 400.0  # MB


def prefix(requests: list[dict[str, list[dict[str, str]]]]) -> tuple[float, int]:
    """Which share of all prompts' characters stands in a beginning that they have in common, and how many there are."""
    texts = ["\n".join(message["content"] for message in request["messages"]) for request in requests]
    same = sum(1 for _ in takewhile(lambda characters: len(set(characters)) == 1, zip(*texts, strict=False)))
    return same * len(texts) / max(1, sum(map(len, texts))), len(texts)


def one_line(folder: Path) -> str:
    """A commit on top that changes one line."""
    (folder / "one.py").write_text("one = 1\n")
    for command in (
        ["add", "one.py"],
        ["-c", "user.name=Author", "-c", "user.email=a@example.org", "commit", "-qm", "One"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        base, head = repository(folder, CASE)
        environment = {"PATH": os.environ["PATH"], "HOME": temporary}
        diff = ["git", "diff", "--find-renames=30%", base, head]
        build = [str(COMMAND), "preview", "--json", "--base", base, "--head", head]
        start = [str(COMMAND), "preview", "--json", "--base", head, "--head", one_line(folder)]
        bare = {**environment, "IQUEST_CONTEXT": "none"}
        git, plain, start_plain, rich, start_rich = alternately(
            runs,
            partial(measure, diff, environment, folder),
            partial(measure, build, bare, folder),
            partial(measure, start, bare, folder),
            partial(measure, build, environment, folder),
            partial(measure, start, environment, folder),
        )
        shown = json.loads(subprocess.run(build, cwd=folder, env=environment, capture_output=True, check=True).stdout)
    share, count = prefix(shown["requests"])
    memory = max(plain.memory, rich.memory)
    print(f"{CASE.name}: git diff {git.cpu:.0f} ms, start-up {start_plain.cpu:.0f} and {start_rich.cpu:.0f} ms")
    print(f"{count} requests, of which the common beginning is {100 * share:.0f} % of all characters")
    print(f"memory: {memory:.0f} MB (at most {MEMORY_MOST:.0f})")
    broken = memory > MEMORY_MOST
    for what, cost, little, most in (
        ("the diff alone", plain, start_plain, CASE.most),
        ("with all that stands beside it", rich, start_rich, CASE.rich),
    ):
        ratio = (cost.cpu - little.cpu) / git.cpu
        print(f"prompts, {what}: {cost.cpu - little.cpu:.0f} ms more, {ratio:.1f} x git diff (at most {most:g})")
        broken = broken or ratio > most
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
