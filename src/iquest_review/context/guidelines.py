"""The team's own rules as rows for a model: GitLab Duo's review instructions and AGENTS.md.

Only rules for shown files are selected, within a budget that the sources share fairly. The texts come from the target
branch and are hostile all the same. Every row of a text is indented: only rows of ours, which open a source or say that
something is cut, begin at the margin.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import accumulate, islice, pairwise

from iquest_review.excerpt.chat_tokens import defuse_tokens
from iquest_review.excerpt.numbered_rows import count_row_bytes
from iquest_review.text import escape_invisible, format_count, shorten_to_line

DUO_FILE, AGENTS_FILE = ".gitlab/duo/mr-review-instructions.yaml", "AGENTS.md"
MAX_FOLDERS, MAX_DEPTH = 50, 20  # only these folders are searched for an AGENTS.md
MAX_FILE_BYTES, MAX_DUO_BYTES = 64 * 1024, 256 * 1024  # GitLab's own Duo file has 196,000 bytes
MAX_PATH_CHARS, MAX_NAME_CHARS = 160, 200  # the name of an instruction includes its filters
MIN_SOURCE_BYTES, MIN_PART_BYTES = 800, 300  # a source or part with less room than this is left out
NOTICE_BYTES = 50  # reserved for the row that says that something is left out
MAX_ENTRIES, MAX_GLOBS, MAX_GLOB_CHARS, MAX_PROBLEMS = 100, 500, 300, 5  # of Duo's file; globs after expanding braces

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEADING = re.compile(r"^(?=#{1,6} )", re.MULTILINE)
_BRACES = re.compile(r"\\.|[{},]")
_ESCAPED = re.compile(r"\\(.)|\[\^")

_Part = tuple[str, ...]  # rows that belong together; the first is their heading


@dataclass(frozen=True, slots=True)
class Guidelines:
    """The team's rules that apply to a change."""

    rows: tuple[str, ...]  # each row is one line
    sources: tuple[str, ...]  # paths of the files, the one that applies to most shown files first
    problems: tuple[str, ...]  # what is not shown, or not as its authors meant it, and why


def list_guideline_paths(shown: Collection[str]) -> list[str]:
    """Return the paths to read on the target branch for these shown files; some may not exist there."""
    return [DUO_FILE, *(folder + AGENTS_FILE for folder in _list_folders(shown)[:MAX_FOLDERS])] if shown else []


def select_guidelines(files: Mapping[str, bytes], shown: Collection[str], most_bytes: int) -> Guidelines:
    """Return the rules for the shown files, as rows of at most `most_bytes` bytes including line ends.

    `files` maps paths to contents. The result depends only on the arguments. A file that cannot be used becomes a
    problem, never an error.
    """
    sources, problems = dict[str, list[_Part]](), list[str]()
    for path in (path for path in list_guideline_paths(shown) if path in files):
        parts, complaints = _parse_duo(files[path], shown) if path == DUO_FILE else _parse_markdown(files[path])
        problems += [f"{_render_name(path)} {complaint}" for complaint in complaints]
        if parts:
            sources[path] = [(_render_head(path),), *parts]
    if far := len(_list_folders(shown)[MAX_FOLDERS:]):
        problems.append(f"{AGENTS_FILE} was not searched for in {format_count(far, 'more folder')}")
    sizes = [sum(map(count_row_bytes, parts)) for parts in sources.values()]
    shares = _divide_room(sizes, most_bytes, MIN_SOURCE_BYTES)
    rows = [row for parts, share in zip(sources.values(), shares, strict=False) for row in _fit_parts(parts, share)]
    for path, size, share in zip(sources, sizes, [*shares, *(0 for _ in sizes)], strict=False):
        if share < size:
            state = "shown only in part" if share else "not shown"
            problems.append(f"{_render_name(path)} is {state}: there is not enough room")
    return Guidelines(tuple(rows), tuple(sources)[: len(shares)], tuple(problems))


def _list_folders(shown: Collection[str]) -> list[str]:
    """Return the folders above the shown files, each with a final slash: of most files first, then the deepest."""
    above = Counter[str]()
    for path in dict.fromkeys(shown):
        folders = path.split("/")[:-1][:MAX_DEPTH]
        if not {"", ".", ".."} & set(folders):  # no repository has such a path, but a patch can
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
    """Return a part for each heading with the text below it, and problems.

    A comment line in a code block can look like a heading; that only divides the block.
    """
    too_large = f"is larger than {MAX_FILE_BYTES // 1024} KiB: only its beginning is used"
    problems = [too_large] if len(raw) > MAX_FILE_BYTES else []
    text = raw[:MAX_FILE_BYTES].decode("utf-8-sig", "backslashreplace").replace("\r\n", "\n")
    before, end, after = text.rpartition("-->")  # text that the rendered page hides is no rule of the team
    sections = _HEADING.split(_COMMENT.sub("", before + end) + after)
    return [rows for section in sections if (rows := _render_rows(section.split("\n")))], problems


def _render_rows(lines: Sequence[str], indent: str = "  ") -> _Part:
    """Return the lines as indented rows: invisible characters written out, never two blank rows together."""
    texts = [defuse_tokens(escape_invisible(line.rstrip())) for line in lines]
    rows = [text and indent + text for text, before in zip(texts, ["", *texts], strict=False) if text or before]
    return tuple(rows[:-1] if rows and not rows[-1] else rows)


def _parse_duo(raw: bytes, shown: Collection[str]) -> tuple[list[_Part], list[str]]:
    """Return a part for each instruction whose filters match a shown file, and problems."""
    entries, problems = _parse_entries(raw)
    parts, left = list[_Part](), MAX_GLOBS
    for number, (name, text, filters) in enumerate(map(_parse_fields, entries[: MAX_ENTRIES + 1]), 1):
        left -= sum(islice((1 for pattern in filters for _ in _expand_braces(pattern)), left + 1))
        if left < 0 or number > MAX_ENTRIES:
            problems.append(f"is used only up to entry {number - 1}: it has too many entries or filters")
            break
        if not name.strip() or not text.strip():  # GitLab ignores these: custom_instruction.rb, `valid?`
            problems.append(f"lacks a name or instructions in entry {number}, which is ignored")
        elif any(should_apply(filters, path) for path in shown):
            head = shorten_to_line(f"{name} (for {' '.join(filters) or 'all files'})", MAX_NAME_CHARS)
            parts.append((f"  {defuse_tokens(head)}:", *_render_rows(text.split("\n"), "    ")))
        if not all(filters):  # an unquoted !spec/** is a tag in YAML, and the filter is empty
            problems.append(
                f"has an empty or overlong filter in entry {number}; put quotes around a filter that begins with ! or *"
            )
    return parts, problems[:MAX_PROBLEMS] + ["has more problems"] * (len(problems) > MAX_PROBLEMS)


def _parse_entries(raw: bytes) -> tuple[list[object], list[str]]:
    """Return the file's entries, or what is wrong with the file."""
    # Imported here: most repositories have no such file, and yaml takes 50 ms to load.
    import yaml  # noqa: PLC0415

    if len(raw) > MAX_DUO_BYTES:
        return [], [f"is ignored: it is larger than {MAX_DUO_BYTES // 1024} KiB"]
    try:
        value = yaml.load(raw, Loader=yaml.BaseLoader)  # noqa: S506 - this loader only makes texts, lists and maps
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        return [], ["is not valid YAML" + (f" (line {mark.line + 1})" if mark else "")]
    entries = value.get("instructions") if isinstance(value, dict) else None
    return (entries, []) if isinstance(entries, list) else ([], ["is ignored: it has no list named instructions"])


def _parse_fields(entry: object) -> tuple[str, str, list[str]]:
    """Return name, instructions and filters of an entry; a missing or unusable value becomes empty text."""
    fields = entry if isinstance(entry, dict) else {}
    name, text, filters = (fields.get(key) or "" for key in ("name", "instructions", "fileFilters"))
    listed = filters if isinstance(filters, list) else [filters] if filters else []
    globs = [glob if isinstance(glob, str) and len(glob) <= MAX_GLOB_CHARS else "" for glob in listed[: MAX_GLOBS + 1]]
    return name if isinstance(name, str) else "", text if isinstance(text, str) else "", globs


def should_apply(filters: Sequence[str], path: str) -> bool:
    """Return whether GitLab applies an instruction with these filters to a file.

    No negated filter may match, and one of the others must, if there are others (custom_instruction.rb, `apply_to?`).
    """
    negated = [pattern[1:] for pattern in filters if pattern.startswith("!")]
    others = [pattern for pattern in filters if not pattern.startswith("!")]
    if any(is_glob_match(pattern, path) for pattern in negated):
        return False
    return not others or any(is_glob_match(pattern, path) for pattern in others)


def is_glob_match(pattern: str, path: str) -> bool:
    """Return whether a path matches, as Ruby's File.fnmatch? does with FNM_PATHNAME and FNM_EXTGLOB.

    `*` matches within a name, `**/` any number of folders; neither matches a name that begins with a dot. {a,b} is a
    or b. The library wcmatch does not fit: it expands braces as a shell does, so {a} and {1..3} differ, and its one
    regular expression for a whole path takes 12 seconds for four `**/` on a path of 100 folders.
    """
    return any(_is_path_match(glob.split("/"), path.split("/")) for glob in islice(_expand_braces(pattern), MAX_GLOBS))


def _expand_braces(pattern: str) -> Iterator[str]:
    """Yield the patterns that a pattern with {a,b} stands for. Braces without a partner are text."""
    bounds, depth = list[int](), 0
    for match in _BRACES.finditer(pattern):
        depth += 1 if match[0] == "{" else -1 if match[0] == "}" and depth else 0
        if (depth == 1 and match[0] in "{,") or (depth == 0 and bounds):
            bounds.append(match.start())
        if bounds and depth == 0:
            break
    if depth or not bounds:
        yield pattern
        return
    for start, end in pairwise(bounds):
        yield from _expand_braces(pattern[: bounds[0]] + pattern[start + 1 : end] + pattern[bounds[-1] + 1 :])


def _is_path_match(patterns: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether the names match, in time proportional to patterns times names, however many stars there are."""
    *folders, last = patterns
    reached = {0}
    for folder in folders:
        if folder == "**":
            for index, name in enumerate(names[:-1]):
                if index in reached and not name.startswith("."):
                    reached.add(index + 1)
        else:
            reached = {
                index + 1 for index in reached if index < len(names) - 1 and _is_name_match(names[index], folder)
            }
    return len(names) - 1 in reached and _is_name_match(names[-1], last)


@lru_cache(4096)  # many paths share their folders
def _is_name_match(name: str, pattern: str) -> bool:
    if name.startswith(".") and not pattern.startswith((".", "\\.")):
        return False
    return fnmatchcase(name, _ESCAPED.sub(_translate_escape, pattern))


def _translate_escape(match: re.Match[str]) -> str:
    """Return Python's form for a backslash or [^ in a Ruby pattern."""
    return "[!" if match[1] is None else f"[{match[1]}]" if match[1] in "*?[" else match[1]


def _divide_room(sizes: Sequence[int], most: int, min_share: int) -> list[int]:
    """Return fair shares for the first sizes, as many as can each get `min_share` or all they need.

    Room that a small one leaves goes to the others.
    """
    count = sum(needed <= most for needed in accumulate(min(size, min_share) for size in sizes))
    shares = [0] * count
    for done, index in enumerate(sorted(range(count), key=sizes.__getitem__)):
        shares[index] = min(sizes[index], most // (count - done))
        most -= shares[index]
    return shares


def _fit_parts(parts: Sequence[_Part], most: int) -> Iterator[str]:
    """Yield the rows of the parts in at most `most` bytes, each part as far as its share goes, and what is left out."""
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
