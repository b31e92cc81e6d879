"""Read the history of a change from git: a few commands, each limited in the commits it walks through.

Nothing here raises an error for missing history: a shallow or a partial clone gives less.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from iquest_review.diff.diff import FileDiff, FileStatus
from iquest_review.git import history as facts
from iquest_review.git import objects
from iquest_review.git.command import GitDirectory, GitExitError, Output
from iquest_review.git.history import Companion, History, LogEntry, TouchedLines

WINDOW_COMMITS = 500  # of the target branch that are examined
MAX_OWN_COMMITS, MAX_RECENT_COMMITS, MAX_COMPANIONS, MAX_CHURN_FILES, MAX_TOUCHED_RUNS = (
    30,
    3,
    10,
    30,
    40,
)  # facts of each kind; MAX_RECENT_COMMITS counts for each file
# For a change of few files more commits are searched: each file costs a walk through them, 0.1 seconds for 5,000. For a
# larger change only some files are traced, and only through the window.
FEW_FILES, MAX_TRACED_FILES, MAX_WALKED_COMMITS = 5, 8, 5_000
MAX_TRACED_RUNS = 50  # of removed lines in a file
MAX_LISTED_COMMITS = 300  # of the change itself
MAX_OUTPUT_BYTES = 16 * 1024**2  # read from one command

LOG_FORMAT = "%x00%x00%H %ct %P%n%s%n%b"
_LOG = (
    *("log", "-z", "--no-color", "--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap", "--no-ext-diff"),
    *("--no-textconv", "--encoding=UTF-8", "--no-renames", "--ignore-submodules=none", f"--format={LOG_FORMAT}"),
)
_BLAME = ("blame", "--incremental", "--no-textconv", "--no-color-lines", "--no-progress", "--ignore-revs-file=")


@dataclass(frozen=True, slots=True)
class LogReader:
    """git, and the moment at which reading ends."""

    git: GitDirectory
    shallow: frozenset[bytes]
    end: float  # of time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds that are left for the next command."""
        return min(self.git.timeout, self.end - time.monotonic())

    def run_in_time(self, *arguments: str) -> Output:
        """Return what git prints. Raises GitTimeoutError at the end."""
        return self.git.run_bounded(*arguments, seconds=self.seconds, most=MAX_OUTPUT_BYTES)

    def list_commits(self, *arguments: str) -> list[LogEntry]:
        """Return commits, newest first, without those at which a shallow clone ends."""
        printed = self.run_in_time(*_LOG, *arguments)
        return list(facts.parse_log(printed.text, printed.whole, self.shallow))


def load_history(git: GitDirectory, base: str, head: str, files: Sequence[FileDiff], seconds: float) -> History:
    """Return what the commits up to `base` tell about these files, and the commits of the change up to `head`.

    `files` are sorted by importance: the first ones are traced. Raises GitTimeoutError when the whole reading takes
    longer than `seconds`: what is shown would depend on how busy the machine is.
    """
    reader = LogReader(git, git.list_shallow_commits(), time.monotonic() + seconds)
    own = list_own_commits(reader, base, head)
    window = reader.list_commits("--name-only", "--no-merges", f"--max-count={WINDOW_COMMITS}", base, "--")
    if not window:
        return History(own)
    now = window[0].time
    old = [file for file in files if file.status not in (FileStatus.ADDED, FileStatus.COPIED) and not file.is_submodule]
    cited = {file.old_path: file.path for file in old}
    known = limit_walk(reader, base) if len(old) <= FEW_FILES else f"{window[-1].id.decode('ascii')}..{base}"
    changed = {path for file in files for path in (file.old_path, file.new_path)}
    return History(
        own,
        trace_removed_lines(reader, known, old, now),
        facts.find_recent_commits(
            [*window, *list_older_commits(reader, known, window, cited)], cited, now, MAX_RECENT_COMMITS
        ),
        drop_gone_companions(reader, head, facts.find_companions(window, cited, changed)),
        facts.count_churn(window, cited)[:MAX_CHURN_FILES],
    )


def list_own_commits(reader: LogReader, base: str, head: str) -> tuple[facts.Commit, ...]:
    """Return the commits of the merge request itself.

    In a shallow clone they are known only if the path from head to base is complete; otherwise nothing is returned,
    because commits of the target branch could be among them.
    """
    printed = reader.run_in_time(*_LOG, "--topo-order", f"--max-count={MAX_LISTED_COMMITS}", f"{base}..{head}", "--")
    entries = list(facts.parse_log(printed.text, printed.whole))
    cut = reader.shallow and (
        not printed.whole or len(entries) == MAX_LISTED_COMMITS or any(entry.id in reader.shallow for entry in entries)
    )
    return () if cut else facts.select_own_commits(entries, MAX_OWN_COMMITS)


def limit_walk(reader: LogReader, base: str) -> str:
    """Return the range of the last MAX_WALKED_COMMITS up to `base`, or `base` where there are no more."""
    oldest = reader.run_in_time("rev-list", "--max-count=1", f"--skip={MAX_WALKED_COMMITS}", base, "--").text
    return f"{oldest.decode('ascii').strip()}..{base}" if oldest else base


def trace_removed_lines(reader: LogReader, known: str, files: Sequence[FileDiff], now: int) -> tuple[TouchedLines, ...]:
    """Return the commits of a range that wrote the lines which the first files lose."""
    losing = [file for file in files if file.removed and file.status is not FileStatus.DELETED and not file.is_symlink]
    touched = list[TouchedLines]()
    for file in losing[:MAX_TRACED_FILES]:
        runs = [f"-L{first},{last}" for first, last in facts.find_removed_runs(file)[:MAX_TRACED_RUNS]]
        printed = reader.run_in_time(*_BLAME, *runs, known, "--", file.old_path)
        touched += facts.parse_blame(printed.text, file.path, now)
    return tuple(sorted(touched, key=facts.weigh_touched_lines)[:MAX_TOUCHED_RUNS])


def drop_gone_companions(reader: LogReader, head: str, companions: Sequence[Companion]) -> tuple[Companion, ...]:
    """Return the first companions that still exist in the head commit."""
    first = companions[: 3 * MAX_COMPANIONS]
    try:
        present = objects.list_entries(replace(reader.git, timeout=reader.seconds), head, [fact.path for fact in first])
    except GitExitError:  # a partial clone without trees: a file that may be gone is not reported
        return ()
    return tuple(fact for fact in first if fact.path in present)[:MAX_COMPANIONS]


def list_older_commits(
    reader: LogReader, known: str, window: Sequence[LogEntry], cited: Mapping[str, str]
) -> list[LogEntry]:
    """Return the last commits in a range of files that none in the window changes; nothing for a large change."""
    seen = {path for entry in window for path in entry.paths}
    resting = [path for path in cited if path not in seen]
    if not resting or len(cited) > FEW_FILES or len(window) < WINDOW_COMMITS:
        return []
    most = f"--max-count={MAX_RECENT_COMMITS * FEW_FILES}"
    return reader.list_commits("--name-only", "--no-merges", most, known, "--", *resting)
