"""Where findings lie: how much a hunk is worth reading for each row of prompt that it takes.

The weights were tried on merge requests with known review comments: comments stand on code three times as often as on
tests and fifteen times as often as on anything else, hardly ever on what only goes, and per line far more often in
small files than in large ones. Any weight may be halved or doubled without changing the shares by more than a point.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from iquest_review.diff.diff import FileDiff, Hunk, Kind, Status
from iquest_review.diff.identity_key import Same
from iquest_review.excerpt.numbered_rows import Marked

ROW = 40  # bytes of a row of prompt, about
OVERHEAD = 5  # rows that a hunk costs beside its own: headings, and attention
TESTS, OTHER = 0.3, 0.06  # worth beside the same hunk of code
LARGE_FILE = 100  # changed lines; the more of them, the less each is commented on
MOST_LOOKED_AT = 400  # rows of one hunk that are read; the others are taken to be like them
SMALL_EDIT, REPEATED = 6, 3  # an edit of so few rows that is made more often than that is a mechanical one
MOVED = 0.5  # worth of a line that stood elsewhere before, beside that of a new one
PAST_FIXES = 3  # of a file: from then on it counts as often fixed

_TESTS = re.compile(
    r"(^|/)(tests?|spec|specs|__tests__|testing|testdata|fixtures)/|(^|/)(test_|conftest\.)[^/]*$|[._-](test|spec)s?\.\w+$|Tests?\.\w+$"
)
_CODE = re.compile(
    r"\.(py|pyi|js|jsx|mjs|cjs|ts|tsx|vue|svelte|java|kt|kts|scala|groovy|go|rs|c|h|cc|cpp|cxx|hh|hpp|cs|fs|vb|rb|php|swift|m|mm"
    r"|dart|lua|pl|pm|r|jl|ex|exs|erl|hs|ml|clj|sh|bash|zsh|ps1|sql|proto|graphql|tf|sol|zig|nim)$",
    re.IGNORECASE,
)
_DATA_FILE = re.compile(r"\.(svg|ipynb|csv|tsv|geojson|drawio)$", re.IGNORECASE)  # written by programs
_GENERATED = re.compile(r"(^|/)(gen|autogen|generated|locales?|i18n|l10n|__snapshots__)/", re.IGNORECASE)

# Each is tried on all added rows of a hunk at once, markers included: one search is cheaper than one a row. A comment
# or an import with code behind it on its row is code. Nothing is tried twice, since rows may be long and hostile.
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
# No lone bracket and no blank row either.
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

Edit = tuple[frozenset[bytes], frozenset[bytes]]  # the words that go and those that come


@dataclass(frozen=True, slots=True)
class Score:
    """What a hunk is worth for each row of prompt, and why, in short words. Only the order of values has a meaning."""

    value: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What tells about a hunk and stands outside of it."""

    changed: Mapping[str, int] = field(default_factory=dict)  # path -> changed lines of the file
    past: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # path -> commits and fixes of late
    repeated: Mapping[Edit, int] = field(default_factory=dict)  # how often a small edit is made


def around(files: Iterable[FileDiff], past: Mapping[str, tuple[int, int]] | None = None) -> Around:
    """What the hunks of these files have around them. `past` tells of a path how many commits of late changed it, and
    how many of them were fixes."""
    files = list(files)
    return Around(changed(files), past or {}, repeated(hunk for file in files for hunk in file.hunks))


def changed(files: Iterable[FileDiff]) -> dict[str, int]:
    """Changed lines of each path."""
    lines = dict[str, int]()
    for file in files:
        lines[file.path] = lines.get(file.path, 0) + file.changed_lines
    return lines


def repeated(hunks: Iterable[Hunk]) -> Counter[Edit]:
    """How often each small edit is made."""
    return Counter(edit for hunk in hunks if (edit := _edit(hunk)))


def score(file: FileDiff, hunk: Hunk, around: Around) -> Score:
    """What a hunk of a file is worth, with the reasons."""
    kind, reasons = _kind(file.path)
    if file.status is Status.DELETED or not hunk.added:
        word = "deleted file" if file.status is Status.DELETED else "only removed"
        return Score(_removal(kind, hunk), (*reasons, word))
    lines = around.changed.get(file.path) or file.changed_lines
    gain, why = _gain(Same(hunk))
    if not _CODE.search(file.path):
        why = tuple(word for word in why if word == "moved")  # prose has its "if" and "open" too
    factor, doubts = _doubts(file.path, hunk, around)
    large = ("large file",) if lines > 4 * LARGE_FILE else ()
    return Score(kind * _grown(gain, lines) * factor / _cost(hunk), (*reasons, *why, *doubts, *large))


def glance(file: FileDiff, hunk: Hunk, changed_lines: int) -> float:
    """About what `score` comes to, told without reading a row; `changed_lines` are the file's."""
    kind = _kind(file.path)[0]
    if not hunk.added or file.status is Status.DELETED:
        return _removal(kind, hunk)
    return kind * _grown(1 + hunk.added, changed_lines) / _cost(hunk)


def is_code(path: str) -> bool:
    """Whether a path is that of code, by its name; tests are, too."""
    return _CODE.search(path) is not None


def is_test(path: str) -> bool:
    """Whether a path is a test's, by its name."""
    return _TESTS.search(path) is not None


def standing(path: str) -> int:
    """What is read first has the lowest: code, then tests, then the rest."""
    if is_test(path):
        return 1
    return 0 if _CODE.search(path) else 2


@lru_cache(4096)  # of a file's many hunks all ask
def _kind(path: str) -> tuple[float, tuple[str, ...]]:
    """What kind of file it is, and what that is worth."""
    if _DATA_FILE.search(path):
        return OTHER / 3, ("no code", "generated by its name")
    if is_test(path):
        return TESTS, ("test",)
    worth, word = (1.0, "code") if _CODE.search(path) else (OTHER, "no code")
    return (worth / 3, (word, "generated by its name")) if _GENERATED.search(path) else (worth, (word,))


def _cost(hunk: Hunk) -> float:
    """Rows of prompt that a hunk takes, long rows for more than one."""
    return (len(hunk.rows) + sum(map(len, hunk.rows)) / ROW) / 2 + OVERHEAD


def _removal(kind: float, hunk: Hunk) -> float:
    """A deletion comes after everything else, a large one last."""
    return 1e-6 * kind / _cost(hunk)


def _grown(gain: float, changed_lines: int) -> float:
    """The more there is to read at once, the less is said of each line of it."""
    return float(gain**0.8 / (1 + changed_lines / LARGE_FILE) ** 0.7)


@lru_cache(4096)  # the same hunks are fitted many times until a prompt is full
def _gain(same: Same[Hunk]) -> tuple[float, tuple[str, ...]]:
    """What the added rows of a hunk may hold, and in what words."""
    hunk = same.value
    gain, words = _of_rows(hunk, [row for row in hunk.rows if row[:1] == b"+"])
    blocks = hunk.blocks() if isinstance(hunk, Marked) else ()
    if not blocks:
        return gain, words
    moved = {number for block in blocks for number in range(block.first, block.last + 1)}
    new = [b"+" + line.raw for line in hunk.lines() if line.kind is Kind.ADDED and line.new_line not in moved]
    anew, words = _of_rows(hunk, new) if any(map(bytes.strip, (row[1:] for row in new))) else (0.0, ())
    return anew + MOVED * max(0.0, gain - anew), (*words, "moved")


def _of_rows(hunk: Hunk, rows: Sequence[bytes]) -> tuple[float, tuple[str, ...]]:
    """The same of these added rows alone."""
    read = b"\n".join(rows[:MOST_LOOKED_AT])
    comments, imports = _count(_COMMENT, read), _count(_IMPORT, read)
    logic = _count(_LOGIC, read)
    if not logic:
        return 0.4 * (1 + 0.1 * comments), ("only comments or imports" if comments or imports else "no word",)
    parts = Counter(map(bytes.lower, _PART.findall(read)))
    conditions = min(logic, _occurrences(parts, _CONDITION) + read.count(b"&&") + read.count(b"||"))
    failures = min(logic, _occurrences(parts, _FAILURE))
    risks = min(logic, _occurrences(parts, _RISKY))
    public = _count(_PUBLIC, read)
    gain = 1 + 0.5 * logic + 0.5 * min(logic, failures + risks) + 0.3 * conditions + 0.5 * public + 0.1 * comments
    gain *= max(1, len(rows) / MOST_LOOKED_AT)
    was = {part.lower() for row in hunk.rows[:MOST_LOOKED_AT] if row[:1] == b"-" for part in _PART.findall(row)}
    words = {
        "new logic": logic > hunk.removed,
        "changed logic": logic <= hunk.removed,
        "changed condition": conditions and not was.isdisjoint(_CONDITION),
        "error handling": failures,
        "risky call": risks,
        "public interface": public,
    }
    return gain, tuple(word for word, holds in words.items() if holds)


def _doubts(path: str, hunk: Hunk, around: Around) -> tuple[float, tuple[str, ...]]:
    """What speaks for and against a hunk beside what it holds, as a factor and in words."""
    factor, words = 1.0, list[str]()
    edit = _edit(hunk)
    times = around.repeated.get(edit, 0) if edit else 0
    if times > REPEATED:
        factor *= REPEATED / times
        words.append("repeated edit")
    rows = [row for row in hunk.rows[:MOST_LOOKED_AT] if row[:1] == b"+"]
    if len(rows) > SMALL_EDIT and 10 * _count(_DATA, b"\n".join(rows)) > 7 * len(rows):
        factor *= 0.3
        words.append("looks generated")
    commits, fixes = around.past.get(path, (0, 0))
    if fixes >= PAST_FIXES:
        words.append("often fixed")
    # Where there were many commits and fixes there will be more; no file is worth more than twice for its past.
    factor *= 1 + min(1.0, 0.02 * commits + 0.1 * fixes)
    return factor, tuple(words)


def _edit(hunk: Hunk) -> Edit | None:
    """The words a small hunk takes away and brings; None when it only adds, or is not small."""
    if not (0 < hunk.added <= SMALL_EDIT and 0 < hunk.removed <= SMALL_EDIT):
        return None
    gone, come = set[bytes](), set[bytes]()
    for row in hunk.rows:
        if row[:1] == b"-":
            gone.update(_WORD.findall(row, 1))
        elif row[:1] == b"+":
            come.update(_WORD.findall(row, 1))
    return frozenset(gone - come), frozenset(come - gone)


def _count(pattern: re.Pattern[bytes], text: bytes) -> int:
    return len(pattern.findall(text))


def _occurrences(parts: Counter[bytes], words: frozenset[bytes]) -> int:
    return sum(parts[word] for word in parts.keys() & words)
