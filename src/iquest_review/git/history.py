"""Facts from commits: those of the change itself, those that wrote the lines it touches, files that change together.

All of it is untrusted text, and dates are those of the committers' clocks. Names and addresses of people are left out.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from iquest_review.diff import header_paths
from iquest_review.diff.diff import FileDiff, LineKind

MAX_COMMIT_FILES = 50  # a commit that changes more files does not show which files belong together
MIN_SUPPORT_COMMITS, MIN_CONFIDENCE_SHARE = 3, 0.5  # from these on, files "usually" change together
MAX_SUBJECT_CHARS, MAX_BODY_CHARS, MAX_BODY_LINES = 300, 600, 3
MAX_RUNS_PER_FILE = 8  # of removed lines; a file that is rewritten has hundreds

_FIX = re.compile(
    r"\b(?:(?:hot|bug)?-?fix(?:e[sd]|ing)?|bugs?|revert(?:s|ed)?|regressions?)\b|修复|修正|修正|修復|回滚|回退|缺陷|漏洞",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"\s*(?:[\w-]{1,40}-by|cc|from|author|co-author)\s*:", re.IGNORECASE
)  # Signed-off-by and similar trailers
_ADDRESS = re.compile(r"<?[\w.+-]{1,100}@[\w-]{1,100}(?:\.[\w-]{1,100}){0,10}>?")
_LOGGED = re.compile(rb"([0-9a-f]{40,64}) (\d{1,20}) ([0-9a-f ]*)\n([^\n]*)\n(.*)", re.DOTALL)
_BLAMED = re.compile(rb"([0-9a-f]{40,64}) \d+ (\d{1,20}) (\d{1,20})")
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A commit as `git log` prints it."""

    id: bytes
    time: int  # seconds since 1970, by the committer's clock
    parents: int
    subject: str
    body: str  # its first lines, joined
    paths: tuple[str, ...]  # that it changes; empty when they were not requested


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the merge request itself."""

    subject: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class TouchedLines:
    """Lines that the change removes or replaces, and the commit that wrote them."""

    path: str  # as the diff cites it
    first: int  # line numbers in the old file
    last: int
    subject: str
    days: int  # before the last commit of the target branch


@dataclass(frozen=True, slots=True)
class RecentCommit:
    """One of the last commits of a file."""

    path: str
    subject: str
    days: int  # before the last commit of the target branch


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that usually changes when another one does, and does not in this change."""

    path: str
    along: str  # the file that is changed
    times: int  # the number of commits that change both
    of: int  # the number of commits that change `along`


@dataclass(frozen=True, slots=True)
class Churn:
    """How often a file was changed recently."""

    path: str
    commits: int
    fixes: int  # those among them that repair something
    of: int  # all commits that were examined


@dataclass(frozen=True, slots=True)
class History:
    """What is known of the history; a part that could not be read is empty.

    Each part has its most useful facts first, except the commits, which are in the order in which they were made.
    """

    commits: tuple[Commit, ...] = ()
    touched: tuple[TouchedLines, ...] = ()
    recent: tuple[RecentCommit, ...] = ()
    together: tuple[Companion, ...] = ()
    churn: tuple[Churn, ...] = ()


def is_fix(subject: str) -> bool:
    """Return whether the subject of a commit says that it repairs something."""
    return _FIX.search(subject) is not None


def parse_log(printed: bytes, whole: bool, shallow: Collection[bytes] = ()) -> Iterator[LogEntry]:
    """Parse the commits in the output of `git log -z` in `log.LOG_FORMAT`.

    The last commit is left out when the output is not whole. Those at which a shallow clone ends are left out too: git
    reports that they created every file.
    """
    # Neither a message nor a path can contain a NUL, and only a commit begins with two of them.
    records = [record.lstrip(b"\0") for record in printed.split(b"\0\0")]
    for record in records if whole else records[:-1]:
        head, *paths = record.rstrip(b"\0").split(b"\0")
        match = _LOGGED.fullmatch(head)
        if match and match[1] not in shallow:
            changed = [path.removeprefix(b"\n") if index == 0 else path for index, path in enumerate(paths)]
            yield LogEntry(
                match[1],
                int(match[2]),
                len(match[3].split()),
                _decode_subject(match[4]),
                _decode_body(match[5]),
                tuple(map(header_paths.decode_path, changed)),
            )


def select_own_commits(entries: Iterable[LogEntry], most: int) -> tuple[Commit, ...]:
    """Return the last `most` commits that are not merges, oldest first; the entries are newest first."""
    commits = [Commit(entry.subject, entry.body) for entry in entries if entry.parents < 2]
    return tuple(reversed(commits[:most]))


def find_recent_commits(
    entries: Iterable[LogEntry], cited: Mapping[str, str], now: int, most: int
) -> tuple[RecentCommit, ...]:
    """Return the last `most` commits of each file; `cited` maps its old path to the path that the diff cites."""
    recent = dict[str, list[RecentCommit]]((path, []) for path in cited)
    for entry in entries:
        for path in entry.paths:
            if path in recent and len(recent[path]) < most:
                recent[path].append(RecentCommit(cited[path], entry.subject, _count_days(now, entry.time)))
    return tuple(fact for row in range(most) for facts in recent.values() for fact in facts[row : row + 1])


def find_companions(
    entries: Iterable[LogEntry], cited: Mapping[str, str], changed: Collection[str]
) -> tuple[Companion, ...]:
    """Return the files that usually change together with these and are not changed here, the most certain ones first.

    Each one is given with the changed file for which it is most certain.
    """
    alone, both = Counter[str](), Counter[tuple[str, str]]()
    for entry in entries:
        if len(entry.paths) <= MAX_COMMIT_FILES:
            involved = [path for path in entry.paths if path in cited]
            alone.update(involved)
            both.update((path, other) for path in involved for other in entry.paths if other not in changed)
    pairs = [
        Companion(other, cited[path], times, alone[path])
        for (path, other), times in both.items()
        if times >= MIN_SUPPORT_COMMITS and times >= MIN_CONFIDENCE_SHARE * alone[path]
    ]
    # Laplace's rule of succession: 40 of 42 times is more certain than 3 of 3.
    pairs.sort(key=lambda pair: (-(pair.times + 1) / (pair.of + 2), pair.path, pair.along))
    return tuple({pair.path: pair for pair in reversed(pairs)}.values())[::-1]


def count_churn(entries: Sequence[LogEntry], cited: Mapping[str, str]) -> tuple[Churn, ...]:
    """Return how often each of these files was changed, the most often repaired one first."""
    commits, fixes = Counter[str](), Counter[str]()
    for entry in entries:
        involved = [path for path in entry.paths if path in cited]
        commits.update(involved)
        if is_fix(entry.subject):
            fixes.update(involved)
    facts = [Churn(cited[path], times, fixes[path], len(entries)) for path, times in commits.items()]
    return tuple(sorted(facts, key=lambda fact: (-fact.fixes, -fact.commits, fact.path)))


def find_removed_runs(file: FileDiff) -> list[tuple[int, int]]:
    """Return the runs of lines that are removed or replaced, as (first, last) in the old file."""
    runs = list[tuple[int, int]]()
    for line in file.iter_lines():
        if line.kind is LineKind.REMOVED and line.old_line is not None:
            if runs and runs[-1][1] == line.old_line - 1:
                runs[-1] = (runs[-1][0], line.old_line)
            else:
                runs.append((line.old_line, line.old_line))
    return runs


def parse_blame(printed: bytes, path: str, now: int) -> tuple[TouchedLines, ...]:
    """Parse the output of `git blame --incremental` for a file: repairs first, then the longest runs.

    Lines of a boundary commit are left out: git stopped there, so an older commit may have written them.
    """
    subjects, times, ends = dict[bytes, str](), dict[bytes, int](), set[bytes]()
    commit, run, runs = b"", (0, 0, b""), list[tuple[int, int, bytes]]()
    for row in printed.split(b"\n")[:-1]:  # the last row may be cut off
        key, _, value = row.partition(b" ")
        if match := _BLAMED.fullmatch(row):
            commit, run = match[1], (int(match[2]), int(match[2]) + int(match[3]) - 1, match[1])
        elif key == b"summary":
            subjects[commit] = _decode_subject(value)
        elif key == b"committer-time" and value.isdigit():
            times[commit] = int(value[:20])
        elif key == b"boundary":
            ends.add(commit)
        elif key == b"filename":  # the last row of each run
            runs.append(run)
    facts = [
        TouchedLines(path, first, last, subjects[commit], _count_days(now, times[commit]))
        for first, last, commit in _join_runs(sorted(runs))
        if commit in subjects and commit in times and commit not in ends
    ]
    return tuple(sorted(facts, key=weigh_touched_lines)[:MAX_RUNS_PER_FILE])


def weigh_touched_lines(fact: TouchedLines) -> tuple[bool, int]:
    """Return a sort key: lines that a repair wrote come first, then the longest runs."""
    return not is_fix(fact.subject), fact.first - fact.last


def _join_runs(runs: Iterable[tuple[int, int, bytes]]) -> Iterator[tuple[int, int, bytes]]:
    """Merge adjacent runs of the same commit."""
    last: tuple[int, int, bytes] | None = None
    for run in runs:
        if last and last[2] == run[2] and last[1] + 1 == run[0]:
            last = (last[0], run[1], run[2])
            continue
        if last:
            yield last
        last = run
    if last:
        yield last


def _count_days(now: int, time: int) -> int:
    return max(0, (now - time) // _DAY_SECONDS)


def _decode_subject(raw: bytes) -> str:
    return _decode_text(raw, MAX_SUBJECT_CHARS).strip()


def _decode_body(raw: bytes) -> str:
    """Return the first lines that are neither blank nor trailers, joined."""
    lines = [line.strip() for line in _decode_text(raw, MAX_BODY_CHARS).split("\n") if not _PERSON.match(line)]
    return " ".join([line for line in lines if line][:MAX_BODY_LINES])


def _decode_text(raw: bytes, most: int) -> str:
    return raw[: 4 * most].decode("utf-8", "replace")[:most]


def anonymize(text: str) -> str:
    """Return a text of a commit without mail addresses.

    Secrets must be removed before: a password in a URL looks like the beginning of an address.
    """
    return _ADDRESS.sub("[address]", text)
