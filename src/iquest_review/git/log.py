"""The history of a change out of git: a handful of commands, each with an end in time and in size.

Nothing here is worth an error: a shallow or a partial clone has less to tell, and a large one is asked until the time
is up. What was printed until then counts.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from iquest_review.diff.diff import FileDiff, Status
from iquest_review.errors import GitError
from iquest_review.git import history as facts
from iquest_review.git import objects
from iquest_review.git.command import GitDirectory
from iquest_review.git.history import History, Logged, Together, Touched

WINDOW = 500  # commits of the target branch that are looked at
MOST_OWN, MOST_RECENT, MOST_TOGETHER, MOST_CHURN, MOST_TOUCHED = 30, 3, 10, 30, 40  # facts; recent ones a file
# A change of so few files is looked at as far back as it takes: each file costs a walk through all commits, a fifth of
# a second where these are 10,000. Of a larger one so many files are traced, and through the last commits alone.
FEW, MOST_TRACED = 5, 20
MOST_RUNS = 50  # of removed lines that are traced in a file
LONG_OWN = 300  # commits; a change that has more is not looked through
LARGEST = 16 * 1024**2  # bytes that are read of a command

FORMAT = "%x00%x00%H %ct %P%n%s%n%b"
_LOG = (
    *("log", "-z", "--no-color", "--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap", "--no-ext-diff"),
    *("--no-textconv", "--encoding=UTF-8", "--no-renames", "--ignore-submodules=none", f"--format={FORMAT}"),
)
_BLAME = ("blame", "--incremental", "--no-textconv", "--no-color-lines", "--no-progress", "--ignore-revs-file=")


@dataclass(frozen=True, slots=True)
class Reader:
    """git, and the moment when nobody waits for it any longer."""

    git: GitDirectory
    shallow: frozenset[bytes]
    end: float  # of time.monotonic()

    @property
    def seconds(self) -> float:
        """What is left."""
        return min(self.git.timeout, self.end - time.monotonic())

    def read(self, *arguments: str) -> tuple[bytes, bool]:
        """What git prints until the end, and whether it is all."""
        return self.git.glimpse(*arguments, seconds=self.seconds, most=LARGEST)

    def log(self, *arguments: str) -> list[Logged]:
        """Commits, newest first; not those where a shallow clone ends."""
        return list(facts.logged(*self.read(*_LOG, *arguments), self.shallow))


def history(git: GitDirectory, base: str, head: str, files: Sequence[FileDiff], seconds: float) -> History:
    """What the commits up to `base` tell of these files, and those from there to `head` of the change."""
    reader = Reader(git, git.shallow(), time.monotonic() + seconds)
    own = commits(reader, base, head)
    window = reader.log("--name-only", "--no-merges", f"--max-count={WINDOW}", base, "--")
    if not window:
        return History(own)
    now = window[0].time
    old = [file for file in files if file.status not in (Status.ADDED, Status.COPIED) and not file.is_submodule]
    cited = {file.old_path: file.path for file in old}
    changed = {path for file in files for path in (file.old_path, file.new_path)}
    return History(
        own,
        touched(reader, base, old, window),
        facts.recent([*window, *older(reader, base, window, cited)], cited, now, MOST_RECENT),
        together(reader, head, facts.together(window, cited, changed)),
        facts.churn(window, cited)[:MOST_CHURN],
    )


def commits(reader: Reader, base: str, head: str) -> tuple[facts.Commit, ...]:
    """The merge request's own commits. In a shallow clone they can be told from the target branch's only where the way
    from head to base is whole."""
    printed, whole = reader.read(*_LOG, "--topo-order", f"--max-count={LONG_OWN}", f"{base}..{head}", "--")
    found = list(facts.logged(printed, whole))
    cut = reader.shallow and (not whole or len(found) == LONG_OWN or any(one.id in reader.shallow for one in found))
    return () if cut else facts.own(found, MOST_OWN)


def touched(reader: Reader, base: str, files: Sequence[FileDiff], window: Sequence[Logged]) -> tuple[Touched, ...]:
    """Which commits wrote the lines that the first files lose."""
    losing = [file for file in files if file.removed and file.status is not Status.DELETED and not file.is_symlink]
    since = base if len(files) <= FEW else f"{window[-1].id.decode('ascii')}..{base}"
    found = list[Touched]()
    for file in losing[:MOST_TRACED]:
        runs = [f"-L{first},{last}" for first, last in facts.removed(file)[:MOST_RUNS]]
        printed, _ = reader.read(*_BLAME, *runs, since, "--", file.old_path)
        found += facts.touched(printed, file.path, window[0].time)
    return tuple(sorted(found, key=facts.by_weight)[:MOST_TOUCHED])


def together(reader: Reader, head: str, found: Sequence[Together]) -> tuple[Together, ...]:
    """Those of the files that are still there."""
    first = found[: 3 * MOST_TOGETHER]
    if not first or reader.seconds <= 0:
        return ()
    try:
        there = objects.entries(replace(reader.git, timeout=reader.seconds), head, [fact.path for fact in first])
    except GitError:  # too late, or a partial clone without trees: what may be gone is not spoken of
        return ()
    return tuple(fact for fact in first if fact.path in there)[:MOST_TOGETHER]


def older(reader: Reader, base: str, window: Sequence[Logged], cited: Mapping[str, str]) -> list[Logged]:
    """The last commits of those files that none of the last commits changes."""
    seen = {path for entry in window for path in entry.paths}
    resting = [path for path in cited if path not in seen]
    if not resting or len(cited) > FEW or len(window) < WINDOW:
        return []
    most = f"--max-count={MOST_RECENT * FEW}"
    return reader.log("--name-only", "--no-merges", most, base, "--", *resting)
