"""The team's own rules -> rows for a model: GitLab Duo's review instructions and AGENTS.md.

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

from iquest_review.excerpt.numbered_rows import count_row_bytes, defuse_tokens
from iquest_review.text import escape_invisible, format_count, shorten_to_line

DUO_FILE, AGENTS_FILE = ".gitlab/duo/mr-review-instructions.yaml", "AGENTS.md"
MAX_FOLDERS, MAX_DEPTH = 50, 20  # folders whose AGENTS.md is looked for, and how deep they may lie
MAX_FILE_BYTES, MAX_DUO_BYTES = 64 * 1024, 256 * 1024  # bytes of one file; GitLab's own instructions are 196,000
MAX_PATH_CHARS, MAX_NAME_CHARS = 160, 200  # characters; an instruction's with its filters
MIN_SOURCE_BYTES, MIN_PART_BYTES = 800, 300  # bytes; what would get less is left out
NOTICE_BYTES = 50  # bytes of a row that says that something is left out
MAX_ENTRIES, MAX_GLOBS, MAX_GLOB_CHARS, MAX_PROBLEMS = 100, 500, 300, 5  # of GitLab Duo's file; braces expanded

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEADING = re.compile(r"^(?=#{1,6} )", re.MULTILINE)
_BRACES = re.compile(r"\\.|[{},]")
_ESCAPED = re.compile(r"\\(.)|\[\^")

_Part = tuple[str, ...]  # rows that belong together, the first of them their heading


@dataclass(frozen=True, slots=True)
class Guidelines:
    """What the team says about its code."""

    rows: tuple[str, ...]  # a row of each is one line
    sources: tuple[str, ...]  # the paths they are from, what concerns most shown files first
    problems: tuple[str, ...]  # what of the files is not shown, or not as it was meant, and why


def list_guideline_paths(shown: Collection[str]) -> list[str]:
    """The paths to read on the target branch, for these shown files; not all of them need exist."""
    return [DUO_FILE, *(folder + AGENTS_FILE for folder in _list_folders(shown)[:MAX_FOLDERS])] if shown else []


def select_guidelines(files: Mapping[str, bytes], shown: Collection[str], most_bytes: int) -> Guidelines:
    """The rules in these files, by path, that concern the shown ones: rows of at most so many bytes, line ends counted.

    Same input, same rows. A file that cannot be used is a problem, never an error.
    """
    sources, problems = dict[str, list[_Part]](), list[str]()
    for path in (path for path in list_guideline_paths(shown) if path in files):
        parts, found = _parse_duo(files[path], shown) if path == DUO_FILE else _parse_markdown(files[path])
        problems += [f"{_render_name(path)} {problem}" for problem in found]
        if parts:
            sources[path] = [(_render_head(path),), *parts]
    if far := len(_list_folders(shown)[MAX_FOLDERS:]):
        problems.append(f"{AGENTS_FILE} was not looked for in {format_count(far, 'more folder')}")
    sizes = [sum(map(count_row_bytes, parts)) for parts in sources.values()]
    shares = _divide_room(sizes, most_bytes, MIN_SOURCE_BYTES)
    rows = [row for parts, share in zip(sources.values(), shares, strict=False) for row in _fit_parts(parts, share)]
    for path, size, share in zip(sources, sizes, [*shares, *(0 for _ in sizes)], strict=False):
        if share < size:
            problems.append(f"{_render_name(path)} is {'shown in part' if share else 'not shown'}, for want of room")
    return Guidelines(tuple(rows), tuple(sources)[: len(shares)], tuple(problems))


def _list_folders(shown: Collection[str]) -> list[str]:
    """The folders above the shown files, each with its final slash: those of most files first, then the nearest."""
    above = Counter[str]()
    for path in dict.fromkeys(shown):
        folders = path.split("/")[:-1][:MAX_DEPTH]
        if not {"", ".", ".."} & set(folders):  # no such path is in a repository; a patch may hold any
            above.update("".join(f"{name}/" for name in folders[:depth]) for depth in range(len(folders) + 1))
    return sorted(above, key=lambda folder: (-above[folder], -folder.count("/"), folder))


def _render_head(path: str) -> str:
    # "The closest AGENTS.md to the edited file wins": agents.md
    nearer = (
        " (for the files in its folder; wins over rules of folders above)" if path.endswith("/" + AGENTS_FILE) else ""
    )
    return f"=== rules: {_render_name(path)}{nearer}"


def _render_name(path: str) -> str:
    return defuse_tokens(shorten_to_line(path, MAX_PATH_CHARS))


def _parse_markdown(raw: bytes) -> tuple[list[_Part], list[str]]:
    """A part for each heading with what follows it; what looks like one in a code block only divides it."""
    problems = [f"is read as far as {MAX_FILE_BYTES // 1024} KiB"] if len(raw) > MAX_FILE_BYTES else []
    text = raw[:MAX_FILE_BYTES].decode("utf-8-sig", "backslashreplace").replace("\r\n", "\n")
    before, end, after = text.rpartition("-->")  # what nobody sees on the page is no rule of the team's
    sections = _HEADING.split(_COMMENT.sub("", before + end) + after)
    return [rows for section in sections if (rows := _render_rows(section.split("\n")))], problems


def _render_rows(lines: Sequence[str], indent: str = "  ") -> _Part:
    """The lines as rows: indented, every character to be seen, no two of them blank in a row."""
    texts = [defuse_tokens(escape_invisible(line.rstrip())) for line in lines]
    rows = [text and indent + text for text, before in zip(texts, ["", *texts], strict=False) if text or before]
    return tuple(rows[:-1] if rows and not rows[-1] else rows)


def _parse_duo(raw: bytes, shown: Collection[str]) -> tuple[list[_Part], list[str]]:
    """The instructions whose filters some shown file passes: a part each."""
    entries, problems = _parse_entries(raw)
    parts, left = list[_Part](), MAX_GLOBS
    for number, (name, text, filters) in enumerate(map(_parse_fields, entries[: MAX_ENTRIES + 1]), 1):
        left -= sum(islice((1 for pattern in filters for _ in _expand_braces(pattern)), left + 1))
        if left < 0 or number > MAX_ENTRIES:
            problems.append(f"is used up to entry {number - 1}: it has too many, or too many filters")
            break
        if not name.strip() or not text.strip():  # GitLab leaves these out: custom_instruction.rb, `valid?`
            problems.append(f"is used without entry {number}, which should have a name and instructions")
        elif any(should_apply(filters, path) for path in shown):
            head = shorten_to_line(f"{name} (for {' '.join(filters) or 'all files'})", MAX_NAME_CHARS)
            parts.append((f"  {defuse_tokens(head)}:", *_render_rows(text.split("\n"), "    ")))
        if not all(filters):  # YAML takes an unquoted !spec/** for a tag
            problems.append(f"has an empty or overlong filter in entry {number}; quote what begins with ! or *")
    return parts, problems[:MAX_PROBLEMS] + ["has more problems"] * (len(problems) > MAX_PROBLEMS)


def _parse_entries(raw: bytes) -> tuple[list[object], list[str]]:
    """The file's entries, or what is wrong with it."""
    import yaml  # noqa: PLC0415 - only who has the file pays for it

    if len(raw) > MAX_DUO_BYTES:
        return [], [f"is not used: it is larger than {MAX_DUO_BYTES // 1024} KiB"]
    try:
        value = yaml.load(raw, Loader=yaml.BaseLoader)  # noqa: S506 - it knows texts, lists and maps only
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        return [], ["is not YAML" + (f", line {mark.line + 1}" if mark else "")]
    found = value.get("instructions") if isinstance(value, dict) else None
    return (found, []) if isinstance(found, list) else ([], ["should hold a list named instructions"])


def _parse_fields(entry: object) -> tuple[str, str, list[str]]:
    """Name, instructions and filters of an entry; what is not there or cannot be used is empty."""
    fields = entry if isinstance(entry, dict) else {}
    name, text, filters = (fields.get(key) or "" for key in ("name", "instructions", "fileFilters"))
    several = filters if isinstance(filters, list) else [filters] if filters else []
    globs = [glob if isinstance(glob, str) and len(glob) <= MAX_GLOB_CHARS else "" for glob in several[: MAX_GLOBS + 1]]
    return name if isinstance(name, str) else "", text if isinstance(text, str) else "", globs


def should_apply(filters: Sequence[str], path: str) -> bool:
    """Whether GitLab applies an instruction with these filters to a file: one matches, if there are any but negated
    ones, and no negated one does (custom_instruction.rb, `apply_to?`)."""
    dropped = [pattern[1:] for pattern in filters if pattern.startswith("!")]
    kept = [pattern for pattern in filters if not pattern.startswith("!")]
    if any(is_glob_match(pattern, path) for pattern in dropped):
        return False
    return not kept or any(is_glob_match(pattern, path) for pattern in kept)


def is_glob_match(pattern: str, path: str) -> bool:
    """As Ruby's File.fnmatch? with FNM_PATHNAME and FNM_EXTGLOB: `*` stays within a name, `**/` is any number of
    folders, neither takes a name that begins with a dot, and {a,b} is a or b.

    wcmatch does not do: its braces are the shell's ({a} and {1..3} differ), and it makes one regular expression of a
    whole path, which needs 12 seconds for four `**/` on a path of 100 folders."""
    return any(_is_path_match(glob.split("/"), path.split("/")) for glob in islice(_expand_braces(pattern), MAX_GLOBS))


def _expand_braces(pattern: str) -> Iterator[str]:
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
        yield from _expand_braces(pattern[: bounds[0]] + pattern[start + 1 : end] + pattern[bounds[-1] + 1 :])


def _is_path_match(patterns: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the names of a path are those of a pattern: in time of the one times the other, however many stars."""
    *folders, last = patterns
    reached = {0}
    for folder in folders:
        if folder == "**":
            for at, name in enumerate(names[:-1]):
                if at in reached and not name.startswith("."):
                    reached.add(at + 1)
        else:
            reached = {at + 1 for at in reached if at < len(names) - 1 and _is_name_match(names[at], folder)}
    return len(names) - 1 in reached and _is_name_match(names[-1], last)


@lru_cache(4096)  # the same folders stand in many paths
def _is_name_match(name: str, pattern: str) -> bool:
    if name.startswith(".") and not pattern.startswith((".", "\\.")):
        return False
    return fnmatchcase(name, _ESCAPED.sub(_translate_escape, pattern))


def _translate_escape(ruby: re.Match[str]) -> str:
    """How fnmatch writes what Ruby writes with a backslash, or as [^...]."""
    return "[!" if ruby[1] is None else f"[{ruby[1]}]" if ruby[1] in "*?[" else ruby[1]


def _divide_room(sizes: Sequence[int], most: int, worth: int) -> list[int]:
    """Fair room for the first of them, as far as each has what it is worth: what a small one leaves goes to others."""
    count = sum(least <= most for least in accumulate(min(size, worth) for size in sizes))
    shares = [0] * count
    for done, index in enumerate(sorted(range(count), key=sizes.__getitem__)):
        shares[index] = min(sizes[index], most // (count - done))
        most -= shares[index]
    return shares


def _fit_parts(parts: Sequence[_Part], most: int) -> Iterator[str]:
    """The rows of the parts in so many bytes: each as far as its share goes, and what is left out said."""
    sizes = [*map(count_row_bytes, parts)]
    shares = _divide_room(sizes, most - NOTICE_BYTES * (sum(sizes) > most), MIN_PART_BYTES)
    for part, share in zip(parts, shares, strict=False):
        yield from _shorten_part(part, share)
    if left_out := len(sizes) - len(shares):
        yield f"[not shown: {format_count(left_out, 'more part')}]"


def _shorten_part(part: _Part, most: int) -> Iterator[str]:
    if count_row_bytes(part) <= most:
        yield from part
        return
    most -= NOTICE_BYTES
    for row in part:
        if count_row_bytes([row]) > most:
            if most > NOTICE_BYTES:
                yield row.encode()[: most - 4].decode("utf-8", "ignore") + "…"
            break
        yield row
        most -= count_row_bytes([row])
    yield "[cut]"
