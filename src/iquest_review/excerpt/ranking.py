"""Where findings are likely: how much a hunk is worth reading for each row of prompt that it takes.

The weights were tried on merge requests with known review comments. Code has three times as many comments as tests and
fifteen times as many as anything else; lines that are only removed have hardly any; and small files have far more per
line than large ones. Any weight may be halved or doubled without changing the shares by more than a point.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from iquest_review.code.languages import Kind, get_kind, is_test
from iquest_review.diff.diff import FileDiff, FileStatus, Hunk, LineKind
from iquest_review.excerpt.numbered_rows import MarkedHunk

ROW_BYTES = 40  # average of a prompt
OVERHEAD_ROWS = 5  # that a hunk costs beside its own: headings and attention
TEST_WEIGHT, OTHER_WEIGHT = 0.3, 0.06  # compared with the same hunk in code
LARGE_FILE_LINES = 100  # the more lines a file changes, the fewer comments each has
MAX_READ_ROWS = 400  # of one hunk; the others are assumed to be like them
SMALL_EDIT_ROWS, MAX_REPEATS = 6, 3  # a small edit that is repeated more often is mechanical
MOVED_WEIGHT = 0.5  # of a line that was elsewhere before, compared with a new one
MIN_PAST_FIXES = 3  # with so many, a file counts as often fixed

_GENERATED = re.compile(r"(^|/)(gen|autogen|generated|locales?|i18n|l10n|__snapshots__)/", re.IGNORECASE)

# Each is applied to all added rows of a hunk at once, with their markers: one search is cheaper than one per row. A
# comment or an import followed by code on its row is code. No backtracking, since rows may be long and hostile.
_IMPORTS = (
    rb"(?:import\b(?!\()|(?>from\b[^\n]*?\bimport\b)|using\s[\w.:= ]++(?=;)|use\s[^(;\n]++(?=;)|#[ \t]*include\b"
    rb"|package\s|namespace\s|require(?:_relative|_once)?\b(?![^\n]*\)[ \t]*[.(])|export[ ]\*|\}[ ]*from\b)"
    rb"(?!(?>[^\n]*?;)[ \t]*+(?!//|/\*|\#)[^\n]*\w)"
)
_COMMENTS = (
    rb"(?://|(?:/\*|\*(?![^\s*/]))(?!(?>[^\n]*?\*/)[^\n]*\w)|--[ ]|#(?!\[|[ \t]*(?:include|define|if|el|end))"
    rb"|\"\"\"|\'\'\'|<!--(?!(?>[^\n]*?-->)[^\n]*\w))"
)
_IMPORT = re.compile(rb"^.[ \t]*+" + _IMPORTS, re.MULTILINE)
_COMMENT = re.compile(rb"^.[ \t]*+" + _COMMENTS, re.MULTILINE)
# Neither a single bracket nor a blank row.
_LOGIC = re.compile(rb"^.[ \t]*+(?!" + _IMPORTS + rb"|" + _COMMENTS + rb")[^\n]*?\w", re.MULTILINE)
_PUBLIC = re.compile(
    rb"^.[ \t]*(?:public|protected|export|pub|abstract|async|static|def|func|fn|class|interface|struct|trait|enum|type"
    rb"|function)\b",
    re.MULTILINE,
)
_DATA = re.compile(rb"^.[ \t]*[\[({]*[\"\'\d-][^\n=:(]*[,;\])}]+\r?$", re.MULTILINE)  # one literal after another
_PART = re.compile(rb"[A-Z]?[a-z]+")  # of a name: execSync and exec_sync are both exec and sync
_CONDITION = frozenset(b"if else elif elsif unless while until for switch case when match guard return".split())
_FAILURE = frozenset(
    b"try catch except finally throw throws raise rescue ensure panic recover defer unwrap expect error errors err fail"
    b" assert retry timeout nil null none undefined".split()
)
_RISKY = frozenset(
    b"eval exec system popen subprocess shell spawn unsafe malloc alloc free memcpy strcpy sprintf lock unlock mutex"
    b" atomic async await thread sql query select delete password passwd secret token auth permission crypt encrypt"
    b" decrypt hash sign random pickle deserialize unmarshal open close unlink chmod goto cast transmute".split()
)
_WORD = re.compile(rb"\w+|[^\w\s]")

Edit = tuple[frozenset[bytes], frozenset[bytes]]  # the words that are removed, and those that are added


@dataclass(frozen=True, slots=True)
class Score:
    """The value of a hunk for each row of prompt, and the reasons. Only the order of values has a meaning."""

    value: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RankingContext:
    """What is known about a hunk from outside it."""

    changed: Mapping[str, int] = field(default_factory=dict)  # path -> changed lines of the file
    past: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # path -> recent commits and fixes
    repeated: Mapping[Edit, int] = field(default_factory=dict)  # how often a small edit is made


def build_ranking_context(
    files: Iterable[FileDiff], past: Mapping[str, tuple[int, int]] | None = None
) -> RankingContext:
    """Return the context of the hunks of these files.

    `past` gives for a path how many recent commits changed it, and how many of them were fixes.
    """
    files = list(files)
    return RankingContext(
        count_changed_lines(files), past or {}, count_repeated_edits(hunk for file in files for hunk in file.hunks)
    )


def count_changed_lines(files: Iterable[FileDiff]) -> dict[str, int]:
    """Count the changed lines of each path."""
    lines = dict[str, int]()
    for file in files:
        lines[file.path] = lines.get(file.path, 0) + file.changed_lines
    return lines


def count_repeated_edits(hunks: Iterable[Hunk]) -> Counter[Edit]:
    """Count how often each small edit is made."""
    return Counter(edit for hunk in hunks if (edit := _extract_edit(hunk)))


def score_hunk(file: FileDiff, hunk: Hunk, around: RankingContext) -> Score:
    """Score a hunk of a file, with the reasons."""
    kind, reasons = _classify_file(file.path)
    if file.status is FileStatus.DELETED or not hunk.added:
        word = "deleted file" if file.status is FileStatus.DELETED else "only removed"
        return Score(_score_removal(kind, hunk), (*reasons, word))
    lines = around.changed.get(file.path) or file.changed_lines
    gain, why = _compute_gain(hunk)
    if not is_code(file.path):
        why = tuple(word for word in why if word == "moved")  # prose also contains "if" and "open"
    factor, doubts = _find_doubts(file.path, hunk, around)
    large = ("large file",) if lines > 4 * LARGE_FILE_LINES else ()
    return Score(kind * _damp_gain(gain, lines) * factor / _compute_cost(hunk), (*reasons, *why, *doubts, *large))


def estimate_score(file: FileDiff, hunk: Hunk, changed_lines: int) -> float:
    """Estimate `score_hunk` without reading a row; `changed_lines` are the file's."""
    kind = _classify_file(file.path)[0]
    if not hunk.added or file.status is FileStatus.DELETED:
        return _score_removal(kind, hunk)
    return kind * _damp_gain(1 + hunk.added, changed_lines) / _compute_cost(hunk)


def is_code(path: str) -> bool:
    """Return whether a path is code by its name; tests are code, too."""
    return get_kind(path) is Kind.CODE


def get_reading_order(path: str) -> int:
    """Return the place of a file in the reading order: 0 for code, 1 for tests, 2 for the rest."""
    if is_test(path):
        return 1
    return 0 if is_code(path) else 2


@lru_cache(4096)  # every hunk of a file asks
def _classify_file(path: str) -> tuple[float, tuple[str, ...]]:
    """Return the weight of a file's kind, and the words for it."""
    if get_kind(path) is Kind.DATA:
        return OTHER_WEIGHT / 3, ("not code", "generated by its name")
    if is_test(path):
        return TEST_WEIGHT, ("test",)
    worth, word = (1.0, "code") if is_code(path) else (OTHER_WEIGHT, "not code")
    return (worth / 3, (word, "generated by its name")) if _GENERATED.search(path) else (worth, (word,))


def _compute_cost(hunk: Hunk) -> float:
    """Compute the rows of prompt that a hunk takes; a long row counts as several."""
    return (len(hunk.rows) + sum(map(len, hunk.rows)) / ROW_BYTES) / 2 + OVERHEAD_ROWS


def _score_removal(kind: float, hunk: Hunk) -> float:
    """Score a removal: it comes after everything else, a large one last."""
    return 1e-6 * kind / _compute_cost(hunk)


def _damp_gain(gain: float, changed_lines: int) -> float:
    """Reduce the gain of a large hunk or file: the more there is to read, the fewer comments each line has."""
    return float(gain**0.8 / (1 + changed_lines / LARGE_FILE_LINES) ** 0.7)


def _compute_gain(hunk: Hunk) -> tuple[float, tuple[str, ...]]:
    """Compute what reading the added rows of a hunk may gain, and the words for it."""
    gain, words = _compute_rows_gain(hunk, [row for row in hunk.rows if row[:1] == b"+"])
    blocks = hunk.list_blocks() if isinstance(hunk, MarkedHunk) else ()
    if not blocks:
        return gain, words
    moved = {number for block in blocks for number in range(block.first, block.last + 1)}
    new = [b"+" + line.raw for line in hunk.iter_lines() if line.kind is LineKind.ADDED and line.new_line not in moved]
    anew, words = _compute_rows_gain(hunk, new) if any(map(bytes.strip, (row[1:] for row in new))) else (0.0, ())
    return anew + MOVED_WEIGHT * max(0.0, gain - anew), (*words, "moved")


def _compute_rows_gain(hunk: Hunk, rows: Sequence[bytes]) -> tuple[float, tuple[str, ...]]:
    """Compute the same for these added rows only."""
    read = b"\n".join(rows[:MAX_READ_ROWS])
    comments, logic = _count_matches(_COMMENT, read), _count_matches(_LOGIC, read)
    if not logic:
        word = "only comments or imports" if comments or _IMPORT.search(read) else "no words"
        return 0.4 * (1 + 0.1 * comments), (word,)
    parts = Counter(map(bytes.lower, _PART.findall(read)))
    conditions = min(logic, _count_words(parts, _CONDITION) + read.count(b"&&") + read.count(b"||"))
    failures = min(logic, _count_words(parts, _FAILURE))
    risks = min(logic, _count_words(parts, _RISKY))
    public = _count_matches(_PUBLIC, read)
    gain = 1 + 0.5 * logic + 0.5 * min(logic, failures + risks) + 0.3 * conditions + 0.5 * public + 0.1 * comments
    gain *= max(1, len(rows) / MAX_READ_ROWS)
    words = {
        "new logic": logic > hunk.removed,
        "changed logic": logic <= hunk.removed,
        "changed condition": conditions and _removes_condition(hunk),
        "error handling": failures,
        "risky call": risks,
        "public interface": public,
    }
    return gain, tuple(word for word, holds in words.items() if holds)


def _removes_condition(hunk: Hunk) -> bool:
    removed = (row for row in hunk.rows[:MAX_READ_ROWS] if row[:1] == b"-")
    return any(part.lower() in _CONDITION for row in removed for part in _PART.findall(row))


def _find_doubts(path: str, hunk: Hunk, around: RankingContext) -> tuple[float, tuple[str, ...]]:
    """Return what else speaks for and against a hunk, as a factor and in words."""
    factor, words = 1.0, list[str]()
    edit = _extract_edit(hunk)
    times = around.repeated.get(edit, 0) if edit else 0
    if times > MAX_REPEATS:
        factor *= MAX_REPEATS / times
        words.append("repeated edit")
    rows = [row for row in hunk.rows[:MAX_READ_ROWS] if row[:1] == b"+"]
    if len(rows) > SMALL_EDIT_ROWS and 10 * _count_matches(_DATA, b"\n".join(rows)) > 7 * len(rows):
        factor *= 0.3
        words.append("looks generated")
    commits, fixes = around.past.get(path, (0, 0))
    if fixes >= MIN_PAST_FIXES:
        words.append("often fixed")
    # A file with many commits and fixes will have more of them; its past at most doubles its value.
    factor *= 1 + min(1.0, 0.02 * commits + 0.1 * fixes)
    return factor, tuple(words)


def _extract_edit(hunk: Hunk) -> Edit | None:
    """Return the words that a small hunk removes and adds; None if it only adds, or is not small."""
    if not (0 < hunk.added <= SMALL_EDIT_ROWS and 0 < hunk.removed <= SMALL_EDIT_ROWS):
        return None
    gone, come = set[bytes](), set[bytes]()
    for row in hunk.rows:
        if row[:1] == b"-":
            gone.update(_WORD.findall(row, 1))
        elif row[:1] == b"+":
            come.update(_WORD.findall(row, 1))
    return frozenset(gone - come), frozenset(come - gone)


def _count_matches(pattern: re.Pattern[bytes], text: bytes) -> int:
    return len(pattern.findall(text))


def _count_words(parts: Counter[bytes], words: frozenset[bytes]) -> int:
    return sum(parts[word] for word in parts.keys() & words)
