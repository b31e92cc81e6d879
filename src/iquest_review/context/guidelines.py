"""The team's own rules -> rows for a model: GitLab Duo's review instructions, AGENTS.md, sections of CONTRIBUTING.md.

Only what concerns shown files, within a budget that the sources share fairly. The texts are the target branch's, and
hostile all the same: what opens a source, or says that something is cut, stands at the margin, where no text can stand.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import accumulate, islice, pairwise

from iquest_review.context.rule_sections import sections
from iquest_review.excerpt.numbered_rows import inert, size_of_rows
from iquest_review.text import counted, one_line, visible

DUO, AGENTS = ".gitlab/duo/mr-review-instructions.yaml", "AGENTS.md"
CONTRIBUTING = ("CONTRIBUTING.md", ".gitlab/CONTRIBUTING.md", "docs/CONTRIBUTING.md")
MOST_FOLDERS, DEEPEST = 50, 20  # folders whose AGENTS.md is looked for, and how deep they may lie
LARGEST, LARGEST_DUO = 64 * 1024, 256 * 1024  # bytes of one file; GitLab's own instructions are 196,000
SHORT = 4_000  # bytes of an AGENTS.md that is shown but for what is no rule
LONGEST_PATH, LONGEST_NAME = 160, 200  # characters; an instruction's with its filters
WORTH_SOURCE, WORTH_PART = 800, 300  # bytes; what would get less is left out
NOTICE = 50  # bytes of a row that says that something is left out
MOST_ENTRIES, MOST_GLOBS, LONGEST_GLOB, MOST_PROBLEMS = 100, 500, 300, 5  # of GitLab Duo's file; braces expanded

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_BRACES = re.compile(r"\\.|[{},]")
_ESCAPED = re.compile(r"\\(.)|\[\^")

_Part = tuple[str, ...]  # rows that belong together, the first of them their heading


@dataclass(frozen=True, slots=True)
class TeamRules:
    """What the team says about its code."""

    rows: tuple[str, ...]  # a row of each is one line
    sources: tuple[str, ...]  # the paths they are from, what concerns most shown files first
    problems: tuple[str, ...]  # what of the files is not shown, or not as it was meant, and why


def wanted(shown: Collection[str]) -> list[str]:
    """The paths to read on the target branch, for these shown files; not all of them need exist."""
    return [DUO, *(folder + AGENTS for folder in _folders(shown)[:MOST_FOLDERS]), *CONTRIBUTING] if shown else []


def rules(files: Mapping[str, bytes], shown: Collection[str], most_bytes: int) -> TeamRules:
    """The rules in these files, by path, that concern the shown ones: rows of at most so many bytes, line ends counted.

    Same input, same rows. A file that cannot be used is a problem, never an error.
    """
    sources, problems = dict[str, list[_Part]](), list[str]()
    for path in (path for path in wanted(shown) if path in files):
        parts, found = _duo(files[path], shown) if path == DUO else _markdown(path, files[path])
        problems += [f"{_name(path)} {problem}" for problem in found]
        if parts:
            sources[path] = [(_head(path),), *parts]
    if far := len(_folders(shown)[MOST_FOLDERS:]):
        problems.append(f"{AGENTS} was not looked for in {counted(far, 'more folder')}")
    sizes = [sum(map(size_of_rows, parts)) for parts in sources.values()]
    shares = _shares(sizes, most_bytes, WORTH_SOURCE)
    rows = [row for parts, share in zip(sources.values(), shares, strict=False) for row in _fitted(parts, share)]
    for path, size, share in zip(sources, sizes, [*shares, *(0 for _ in sizes)], strict=False):
        if share < size:
            problems.append(f"{_name(path)} is {'shown in part' if share else 'not shown'}, for want of room")
    return TeamRules(tuple(rows), tuple(sources)[: len(shares)], tuple(problems))


def _folders(shown: Collection[str]) -> list[str]:
    """The folders above the shown files, each with its final slash: those of most files first, then the nearest."""
    above = Counter[str]()
    for path in dict.fromkeys(shown):
        folders = path.split("/")[:-1][:DEEPEST]
        if not {"", ".", ".."} & set(folders):  # no such path is in a repository; a patch may hold any
            above.update("".join(f"{name}/" for name in folders[:depth]) for depth in range(len(folders) + 1))
    return sorted(above, key=lambda folder: (-above[folder], -folder.count("/"), folder))


def _head(path: str) -> str:
    # "The closest AGENTS.md to the edited file wins": agents.md
    nearer = " (for the files in its folder; wins over rules of folders above)" if path.endswith("/" + AGENTS) else ""
    part = " (sections of it)" if path in CONTRIBUTING else ""
    return f"=== rules: {_name(path)}{nearer}{part}"


def _name(path: str) -> str:
    return inert(one_line(path, LONGEST_PATH))


def _markdown(path: str, raw: bytes) -> tuple[list[_Part], list[str]]:
    """The sections that are rules; of a short AGENTS.md all but those on commands, set-up and builds."""
    problems = [f"is read as far as {LARGEST // 1024} KiB"] if len(raw) > LARGEST else []
    text = raw[:LARGEST].decode("utf-8-sig", "backslashreplace").replace("\r\n", "\n")
    before, end, after = text.rpartition("-->")  # what nobody sees on the page is no rule of the team's
    found = sections((_COMMENT.sub("", before + end) + after).split("\n"))
    whole = path.endswith(AGENTS) and (len(raw) <= SHORT or len(found) == 1)
    chosen = [section for section in found if (not section.is_work if whole else section.is_rules)]
    parts = [rows for section in chosen if (rows := _rows(section.lines))]
    if path.endswith(AGENTS) and len(found) > 1 and not parts:
        why = (
            "all of it is on commands, set-up or builds"
            if whole
            else "it is long, and no section of it speaks of rules"
        )
        problems.append(f"is not shown: {why}")
    return parts, problems


def _rows(lines: Sequence[str], indent: str = "  ") -> _Part:
    """The lines as rows: indented, every character to be seen, no two of them blank in a row."""
    texts = [inert(visible(line.rstrip())) for line in lines]
    rows = [text and indent + text for text, before in zip(texts, ["", *texts], strict=False) if text or before]
    return tuple(rows[:-1] if rows and not rows[-1] else rows)


def _duo(raw: bytes, shown: Collection[str]) -> tuple[list[_Part], list[str]]:
    """The instructions whose filters some shown file passes: a part each."""
    entries, problems = _entries(raw)
    parts, left = list[_Part](), MOST_GLOBS
    for number, (name, text, filters) in enumerate(map(_fields, entries[: MOST_ENTRIES + 1]), 1):
        left -= sum(islice((1 for pattern in filters for _ in _expanded(pattern)), left + 1))
        if left < 0 or number > MOST_ENTRIES:
            problems.append(f"is used up to entry {number - 1}: it has too many, or too many filters")
            break
        if not name.strip() or not text.strip():  # GitLab leaves these out: custom_instruction.rb, `valid?`
            problems.append(f"is used without entry {number}, which should have a name and instructions")
        elif any(passes(filters, path) for path in shown):
            head = one_line(f"{name} (for {' '.join(filters) or 'all files'})", LONGEST_NAME)
            parts.append((f"  {inert(head)}:", *_rows(text.split("\n"), "    ")))
        if not all(filters):  # YAML takes an unquoted !spec/** for a tag
            problems.append(f"has an empty or overlong filter in entry {number}; quote what begins with ! or *")
    return parts, problems[:MOST_PROBLEMS] + ["has more problems"] * (len(problems) > MOST_PROBLEMS)


def _entries(raw: bytes) -> tuple[list[object], list[str]]:
    """The file's entries, or what is wrong with it."""
    import yaml  # noqa: PLC0415 - only who has the file pays for it

    if len(raw) > LARGEST_DUO:
        return [], [f"is not used: it is larger than {LARGEST_DUO // 1024} KiB"]
    try:
        value = yaml.load(raw, Loader=yaml.BaseLoader)  # noqa: S506 - it knows texts, lists and maps only
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        return [], ["is not YAML" + (f", line {mark.line + 1}" if mark else "")]
    found = value.get("instructions") if isinstance(value, dict) else None
    return (found, []) if isinstance(found, list) else ([], ["should hold a list named instructions"])


def _fields(entry: object) -> tuple[str, str, list[str]]:
    """Name, instructions and filters of an entry; what is not there or cannot be used is empty."""
    fields = entry if isinstance(entry, dict) else {}
    name, text, filters = (fields.get(key) or "" for key in ("name", "instructions", "fileFilters"))
    several = filters if isinstance(filters, list) else [filters] if filters else []
    globs = [glob if isinstance(glob, str) and len(glob) <= LONGEST_GLOB else "" for glob in several[: MOST_GLOBS + 1]]
    return name if isinstance(name, str) else "", text if isinstance(text, str) else "", globs


def passes(filters: Sequence[str], path: str) -> bool:
    """Whether GitLab applies an instruction with these filters to a file: one matches, if there are any but negated
    ones, and no negated one does (custom_instruction.rb, `apply_to?`)."""
    dropped = [pattern[1:] for pattern in filters if pattern.startswith("!")]
    kept = [pattern for pattern in filters if not pattern.startswith("!")]
    if any(matches(pattern, path) for pattern in dropped):
        return False
    return not kept or any(matches(pattern, path) for pattern in kept)


def matches(pattern: str, path: str) -> bool:
    """As Ruby's File.fnmatch? with FNM_PATHNAME and FNM_EXTGLOB: `*` stays within a name, `**/` is any number of
    folders, neither takes a name that begins with a dot, and {a,b} is a or b."""
    return any(_fits(glob.split("/"), path.split("/")) for glob in islice(_expanded(pattern), MOST_GLOBS))


def _expanded(pattern: str) -> Iterator[str]:
    """The patterns that one with {a,b} stands for. Braces without a partner are text."""
    bounds, depth = list[int](), 0
    for found in _BRACES.finditer(pattern):
        depth += 1 if found[0] == "{" else -1 if found[0] == "}" and depth else 0
        if (depth == 1 and found[0] in "{,") or (depth == 0 and bounds):
            bounds.append(found.start())
        if bounds and depth == 0:
            break
    if depth or not bounds:
        yield pattern
        return
    for start, end in pairwise(bounds):
        yield from _expanded(pattern[: bounds[0]] + pattern[start + 1 : end] + pattern[bounds[-1] + 1 :])


def _fits(patterns: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the names of a path are those of a pattern: in time of the one times the other, however many stars."""
    *folders, last = patterns
    reached = {0}
    for folder in folders:
        if folder == "**":
            for at, name in enumerate(names[:-1]):
                if at in reached and not name.startswith("."):
                    reached.add(at + 1)
        else:
            reached = {at + 1 for at in reached if at < len(names) - 1 and _is_named(names[at], folder)}
    return len(names) - 1 in reached and _is_named(names[-1], last)


@lru_cache(4096)  # the same folders stand in many paths
def _is_named(name: str, pattern: str) -> bool:
    if name.startswith(".") and not pattern.startswith((".", "\\.")):
        return False
    return fnmatchcase(name, _ESCAPED.sub(_python, pattern))


def _python(ruby: re.Match[str]) -> str:
    """How fnmatch writes what Ruby writes with a backslash, or as [^...]."""
    return "[!" if ruby[1] is None else f"[{ruby[1]}]" if ruby[1] in "*?[" else ruby[1]


def _shares(sizes: Sequence[int], most: int, worth: int) -> list[int]:
    """Fair room for the first of them, as far as each has what it is worth: what a small one leaves goes to others."""
    count = sum(least <= most for least in accumulate(min(size, worth) for size in sizes))
    shares = [0] * count
    for done, index in enumerate(sorted(range(count), key=sizes.__getitem__)):
        shares[index] = min(sizes[index], most // (count - done))
        most -= shares[index]
    return shares


def _fitted(parts: Sequence[_Part], most: int) -> Iterator[str]:
    """The rows of the parts in so many bytes: each as far as its share goes, and what is left out said."""
    sizes = [*map(size_of_rows, parts)]
    shares = _shares(sizes, most - NOTICE * (sum(sizes) > most), WORTH_PART)
    for part, share in zip(parts, shares, strict=False):
        yield from _cut(part, share)
    if left_out := len(sizes) - len(shares):
        yield f"[not shown: {counted(left_out, 'more part')}]"


def _cut(part: _Part, most: int) -> Iterator[str]:
    if size_of_rows(part) <= most:
        yield from part
        return
    most -= NOTICE
    for row in part:
        if size_of_rows([row]) > most:
            if most > NOTICE:
                yield row.encode()[: most - 4].decode("utf-8", "ignore") + "…"
            break
        yield row
        most -= size_of_rows([row])
    yield "[cut]"
