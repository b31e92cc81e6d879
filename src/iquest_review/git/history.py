"""What the commits tell of a change: its own, those that touched what it touches, and the files that go along with it.

Everything here is text of other people, and dates are what their clocks said. Names and addresses of people stay out.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from iquest_review.diff import header_paths
from iquest_review.diff.diff import FileDiff, LineKind

MAX_COMMIT_FILES = 50  # files; a commit that changes more of them says nothing of what belongs together
MIN_SUPPORT_COMMITS, MIN_CONFIDENCE_SHARE = 3, 0.5  # commits, and the share of them, that make "usually"
MAX_SUBJECT_CHARS, MAX_BODY_CHARS, MAX_BODY_LINES = 300, 600, 3  # characters, lines
MAX_RUNS_PER_FILE = 8  # runs of removed lines; a file that is written anew has hundreds

_FIX = re.compile(
    r"\b(?:(?:hot|bug)?-?fix(?:e[sd]|ing)?|bugs?|revert(?:s|ed)?|regressions?)\b|修复|修正|修正|修復|回滚|回退|缺陷|漏洞",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\s*(?:[\w-]{1,40}-by|cc|from|author|co-author)\s*:", re.IGNORECASE)  # Signed-off-by and its kin
_ADDRESS = re.compile(r"<?[\w.+-]{1,100}@[\w-]{1,100}(?:\.[\w-]{1,100}){0,10}>?")
_LOGGED = re.compile(rb"([0-9a-f]{40,64}) (\d{1,20}) ([0-9a-f ]*)\n([^\n]*)\n(.*)", re.DOTALL)
_BLAMED = re.compile(rb"([0-9a-f]{40,64}) \d+ (\d{1,20}) (\d{1,20})")
_DAY_SECONDS = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A commit as `git log` prints it."""

    id: bytes
    time: int  # seconds since 1970, as the committer's clock said
    parents: int
    subject: str
    body: str  # its first lines, on one
    paths: tuple[str, ...]  # that it changes; none where they were not asked for


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the merge request itself."""

    subject: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class TouchedLines:
    """Lines that the change removes or replaces, and the commit that wrote them."""

    path: str  # the file as the diff cites it
    first: int  # numbers in the old file
    last: int
    subject: str
    days: int  # before the target branch's last commit


@dataclass(frozen=True, slots=True)
class RecentCommit:
    """One of the last commits of a file."""

    path: str
    subject: str
    days: int  # before the target branch's last commit


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that usually changes when another one does, and does not in this change."""

    path: str
    along: str  # the file that is changed
    times: int  # commits that change both
    of: int  # commits that change `along`


@dataclass(frozen=True, slots=True)
class Churn:
    """How often a file was changed of late."""

    path: str
    commits: int
    fixes: int  # those of them that repair something
    of: int  # commits that were looked at


@dataclass(frozen=True, slots=True)
class History:
    """What is known; whatever could not be had is empty. Each part has its most useful facts first, but the commits,
    which stand in the order they were made in."""

    commits: tuple[Commit, ...] = ()
    touched: tuple[TouchedLines, ...] = ()
    recent: tuple[RecentCommit, ...] = ()
    together: tuple[Companion, ...] = ()
    churn: tuple[Churn, ...] = ()


def is_fix(subject: str) -> bool:
    """Whether a commit's subject says that it repairs something."""
    return _FIX.search(subject) is not None


def parse_log(printed: bytes, whole: bool, shallow: Collection[bytes] = ()) -> Iterator[LogEntry]:
    """The commits in what `git log -z` printed in `log.FORMAT`. The last one is left out where the output is not whole,
    and so are those where a shallow clone ends: git says that they made every file there is."""
    # Neither a message nor a path can hold a NUL, and only a commit begins with two of them.
    records = [record.lstrip(b"\0") for record in printed.split(b"\0\0")]
    for record in records if whole else records[:-1]:
        head, *paths = record.rstrip(b"\0").split(b"\0")
        match = _LOGGED.fullmatch(head)
        if match and match[1] not in shallow:
            changed = [path.removeprefix(b"\n") if at == 0 else path for at, path in enumerate(paths)]
            yield LogEntry(
                match[1],
                int(match[2]),
                len(match[3].split()),
                _decode_subject(match[4]),
                _decode_body(match[5]),
                tuple(map(header_paths.decode_path, changed)),
            )


def select_own_commits(entries: Iterable[LogEntry], most: int) -> tuple[Commit, ...]:
    """The change's own commits, newest first -> the last `most` of them that are no merges, in order."""
    made = [Commit(entry.subject, entry.body) for entry in entries if entry.parents < 2]
    return tuple(reversed(made[:most]))


def find_recent_commits(
    entries: Iterable[LogEntry], cited: Mapping[str, str], now: int, most: int
) -> tuple[RecentCommit, ...]:
    """The last `most` commits of each file. `cited` gives each old path the name that the diff cites it by."""
    found = dict[str, list[RecentCommit]]((path, []) for path in cited)
    for entry in entries:
        for path in entry.paths:
            if path in found and len(found[path]) < most:
                found[path].append(RecentCommit(cited[path], entry.subject, _count_days(now, entry.time)))
    return tuple(fact for row in range(most) for facts in found.values() for fact in facts[row : row + 1])


def find_companions(
    entries: Iterable[LogEntry], cited: Mapping[str, str], changed: Collection[str]
) -> tuple[Companion, ...]:
    """The files that usually change along with these and are not among the changed paths, the surest ones first; each
    with the one file that it goes along with most surely."""
    alone, both = Counter[str](), Counter[tuple[str, str]]()
    for entry in entries:
        if len(entry.paths) <= MAX_COMMIT_FILES:
            here = [path for path in entry.paths if path in cited]
            alone.update(here)
            both.update((path, other) for path in here for other in entry.paths if other not in changed)
    pairs = [
        Companion(other, cited[path], times, alone[path])
        for (path, other), times in both.items()
        if times >= MIN_SUPPORT_COMMITS and times >= MIN_CONFIDENCE_SHARE * alone[path]
    ]
    # Laplace's rule: 40 of 42 times is surer than 3 of 3.
    pairs.sort(key=lambda pair: (-(pair.times + 1) / (pair.of + 2), pair.path, pair.along))
    return tuple({pair.path: pair for pair in reversed(pairs)}.values())[::-1]


def count_churn(entries: Sequence[LogEntry], cited: Mapping[str, str]) -> tuple[Churn, ...]:
    """How often each of these files was changed, the most often repaired one first."""
    commits, fixes = Counter[str](), Counter[str]()
    for entry in entries:
        here = [path for path in entry.paths if path in cited]
        commits.update(here)
        if is_fix(entry.subject):
            fixes.update(here)
    facts = [Churn(cited[path], times, fixes[path], len(entries)) for path, times in commits.items()]
    return tuple(sorted(facts, key=lambda fact: (-fact.fixes, -fact.commits, fact.path)))


def find_removed_runs(file: FileDiff) -> list[tuple[int, int]]:
    """The runs of lines that are removed or replaced, as (first, last) of the old file."""
    runs = list[tuple[int, int]]()
    for line in file.iter_lines():
        if line.kind is LineKind.REMOVED and line.old_line is not None:
            if runs and runs[-1][1] == line.old_line - 1:
                runs[-1] = (runs[-1][0], line.old_line)
            else:
                runs.append((line.old_line, line.old_line))
    return runs


def parse_blame(printed: bytes, path: str, now: int) -> tuple[TouchedLines, ...]:
    """The commits in what `git blame --incremental` printed for a file: repairs first, then those of most lines. Where
    the commits end that git could look at, nobody knows who wrote a line."""
    subjects, times, ends = dict[bytes, str](), dict[bytes, int](), set[bytes]()
    commit, run, runs = b"", (0, 0, b""), list[tuple[int, int, bytes]]()
    for row in printed.split(b"\n")[:-1]:  # the last one may be cut off
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
    """Sorts lines that a repair wrote first, then the longest runs."""
    return not is_fix(fact.subject), fact.first - fact.last


def _join_runs(runs: Iterable[tuple[int, int, bytes]]) -> Iterator[tuple[int, int, bytes]]:
    """The runs with those of one commit that follow one another as one."""
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
    """The first lines that say something, on one."""
    lines = [line.strip() for line in _decode_text(raw, MAX_BODY_CHARS).split("\n") if not _PERSON.match(line)]
    return " ".join([line for line in lines if line][:MAX_BODY_LINES])


def _decode_text(raw: bytes, most: int) -> str:
    return raw[: 4 * most].decode("utf-8", "replace")[:most]


def anonymize(text: str) -> str:
    """A text of a commit without addresses of people. What is a secret is taken out before: a password in a URL looks
    like the beginning of an address."""
    return _ADDRESS.sub("[address]", text)
