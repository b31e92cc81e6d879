"""What redaction finds, what it leaves alone and how long it takes; no model is asked.

    python -m benchmarks.redaction [FOLDER]

Three promises are checked; the exit code is 1 when one is broken:

planted   of 200 secrets of all kinds, made up here in lines of ten languages, none is left
ordinary  of 2,000 ordinary lines none is changed
time      a diff of 290,000 rows takes less than a second

With FOLDER (mrs.jsonl.xz as in benchmarks.placement) every row is printed in which something is found in its diffs:
real code holds few secrets, so most of them would be false alarms.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.placement import rows
from iquest_review.diff.diff import FileDiff, FileStatus, Hunk
from iquest_review.redaction.redactor import Redactor
from tests.support.planted_secrets import ROOT, ordinary, planted

PLANTED, ORDINARY, ROWS, SECONDS = 200, 2_000, 290_000, 1.0
HUNK, FILE = 100, 10  # rows of a hunk, and hunks of a file
REDACTOR = Redactor({"GITLAB_API_TOKEN": "a-token-of-this-job-81", "IQUEST_API_KEY": "a-key-of-this-job-93"})


def main() -> int:
    """Prints the measurements; returns 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    broken = secrets(chance) + lines(chance) + duration()
    if arguments.folder:
        real(arguments.folder)
    return int(broken > 0)


def secrets(chance: random.Random) -> int:
    """Prints how many planted secrets are gone; returns 1 when one is left."""
    given = planted(chance, PLANTED)
    left = Counter(
        secret.kind for secret in given if _holds(REDACTOR.redact_text("\n".join(secret.lines)).text, secret.values)
    )
    print(f"planted: {PLANTED - left.total()} of {PLANTED} gone, of {len({one.kind for one in given})} kinds", *left)
    return int(left.total() > 0)


def lines(chance: random.Random) -> int:
    """Prints how many ordinary lines are changed; returns 1 when one is."""
    changed = [line for line in ordinary(chance, ORDINARY) if REDACTOR.redact_text(line).text != line]
    print(f"ordinary: {len(changed)} of {ORDINARY} changed", *changed, sep="\n  ")
    return int(len(changed) > 0)


def duration() -> int:
    """Prints the time a large diff takes; returns 1 when it is too long."""
    own = [b"+" + row for path in sorted(ROOT.glob("[st]*/**/*.py")) for row in path.read_bytes().split(b"\n")]
    many = (own * (ROWS // len(own) + 1))[:ROWS]
    hunks = [Hunk(1, 1, "", tuple(many[at : at + HUNK]), HUNK, 0) for at in range(0, ROWS, HUNK)]
    files = [_file(number, hunks[at : at + FILE]) for number, at in enumerate(range(0, len(hunks), FILE))]
    REDACTOR.redact_diff(files[:1])
    started = time.process_time()
    REDACTOR.redact_diff(files)
    seconds = time.process_time() - started
    print(f"time: {seconds:.2f} s for {ROWS} rows, {sum(map(len, many)) / 1e6:.1f} MB (less than {SECONDS} s)")
    return int(seconds >= SECONDS)


def real(folder: Path) -> None:
    """Prints every row of real diffs that is changed."""
    found, looked_at = Counter[str](), 0
    for row in rows(folder):
        files, secrets_found = REDACTOR.redact_diff(row.diff.files)
        found.update(secret.kind for secret in secrets_found)
        for before, after in zip(row.diff.files, files, strict=True):
            looked_at += sum(len(hunk.rows) for hunk in before.hunks)
            _print_changes(before, after)
    print(f"real: {found.total()} found in {looked_at} rows", dict(found))


def _print_changes(before: FileDiff, after: FileDiff) -> None:
    for old, new in zip(before.hunks, after.hunks, strict=True):
        for one, other in zip((old.heading.encode(), *old.rows), (new.heading.encode(), *new.rows), strict=True):
            if one is not other and one != other:
                print(f"  {before.path}: {other.decode('utf-8', 'backslashreplace').strip()}")


def _file(number: int, hunks: Sequence[Hunk]) -> FileDiff:
    return FileDiff(f"f{number}.py", f"f{number}.py", FileStatus.MODIFIED, tuple(hunks))


def _holds(text: str, values: Iterable[str]) -> bool:
    return any(value in text for value in values)


if __name__ == "__main__":
    raise SystemExit(main())
