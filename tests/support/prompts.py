"""File diffs for tests, and a strategy that makes random ones."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from hypothesis import strategies as st

from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk
from iquest_review.diff.hunk_id import compute_bare_id, compute_hunk_id
from iquest_review.excerpt.excerpt import Excerpt
from iquest_review.excerpt.exclusions import Omission
from iquest_review.prompt.templates import Templates

PROMPTS = Path(__file__).parents[2] / "prompts"
NONCE = "0123456789abcdef"


def ids(file: FileDiff) -> Iterator[str]:
    """Yield the identities of all changes to a file, in order."""
    yield from (compute_hunk_id(file, hunk) for hunk in file.hunks) if file.hunks else (compute_bare_id(file),)


def hunk(*rows: str | bytes, old: int = 1, new: int = 1, heading: str = "") -> Hunk:
    raw = tuple(row.encode() if isinstance(row, str) else row for row in rows)
    added, removed = (sum(row[:1] == marker for row in raw) for marker in (b"+", b"-"))
    return Hunk(old, new, heading, raw, added, removed)


def modified(path: str, *hunks: Hunk) -> FileDiff:
    return FileDiff(path, path, FileStatus.MODIFIED, hunks)


def added(path: str, *lines: str) -> FileDiff:
    return FileDiff(path, path, FileStatus.ADDED, (hunk(*(f"+{line}" for line in lines)),), new_mode="100644")


def deleted(path: str, *lines: str) -> FileDiff:
    return FileDiff(path, path, FileStatus.DELETED, (hunk(*(f"-{line}" for line in lines)),), old_mode="100644")


def renamed(old: str, new: str) -> FileDiff:
    return FileDiff(old, new, FileStatus.RENAMED)


def lines(count: int, text: str = "value") -> list[str]:
    return [f"{text} = {number}" for number in range(count)]


def templates(language: str = "en") -> Templates:
    return Templates.load(PROMPTS, language)


def omitted(omissions: Iterable[Omission]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for omission in omissions:
        counted[omission.path] += omission.changed_lines
    return counted


def accounted(excerpt: Excerpt) -> Counter[str]:
    """Count the changed lines of each path, shown or omitted."""
    shown = Counter({entry.path: entry.shown_changed_lines for entry in excerpt.compute_coverage()})
    return shown + omitted(excerpt.omissions)


def changed(files: Iterable[FileDiff]) -> Counter[str]:
    return +Counter({file.path: file.changed_lines for file in files})


_ODD_TEXTS = [b"", b"    return x", b"}", b"\tif x:\r", b"\xff\xfe", b"\x1b[31m", "变更的行".encode(), b"x" * 2_500]
_TEXTS = st.one_of(st.sampled_from(_ODD_TEXTS), st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"")))
_ROWS = st.tuples(st.sampled_from([b" ", b"+", b"-"]), _TEXTS).map(b"".join)
_PATHS = [f"{folder}/f{number}" for folder in ("a", "src/b", "tests", "文") for number in ("1.py", "2.py", "3.md")]


@st.composite
def _hunks(draw: st.DrawFn) -> Hunk:
    rows = draw(st.lists(_ROWS, min_size=1, max_size=12)) * draw(st.sampled_from([1, 1, 1, 5, 25]))
    if draw(st.booleans()):
        rows.append(b"\\ No newline at end of file")
    old, new, heading = draw(st.integers(1, 5_000)), draw(st.integers(1, 5_000)), draw(st.text(max_size=20))
    return hunk(*rows, old=old, new=new, heading=heading)


@st.composite
def diffs(draw: st.DrawFn) -> Diff:
    """Draw diffs of up to five files, some of them large, with hunks that only a hostile patch has."""
    statuses = st.sampled_from([FileStatus.MODIFIED, FileStatus.ADDED, FileStatus.DELETED])
    paths = draw(st.lists(st.sampled_from(_PATHS), unique=True, max_size=5))
    return Diff(
        tuple(FileDiff(path, path, draw(statuses), tuple(draw(st.lists(_hunks(), max_size=3)))) for path in paths)
    )
