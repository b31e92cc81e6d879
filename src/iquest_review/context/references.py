"""Code elsewhere in the repository that the change refers to.

These are the signatures of functions that added lines call, and lines that use what the change removes or whose
signature it changes. Each row begins with its place. What is not certain is not shown.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from iquest_review.code.definitions import has_definition, has_usage
from iquest_review.code.languages import Kind, get_kind, get_language_family, is_test
from iquest_review.code.outline import MAX_SIGNATURE_CHARS, CallKind, Definition, find_calls, find_imports
from iquest_review.code.signatures import find_changed_signatures
from iquest_review.context.enclosing import Outline
from iquest_review.context.sources import Lookup, SourceLine
from iquest_review.diff.diff import FileDiff
from iquest_review.diff.hunk_id import FileKey, make_file_key
from iquest_review.excerpt.chat_tokens import defuse_tokens
from iquest_review.excerpt.excerpt import Excerpt, Part
from iquest_review.excerpt.numbered_rows import render_path
from iquest_review.text import shorten_to_line

MAX_CALLS, MAX_DEFINING_LINES = 20, 200  # signatures shown, and defining lines searched for them
MAX_USES, MAX_USES_PER_NAME, MAX_SEARCHED_USES = 10, 3, 50  # lines shown, shown of one name, and searched for it
MAX_USE_CHARS = 200
MIN_AMBIGUOUS_DEFINITIONS = 3  # with so many definitions of a name, nobody knows which one is meant
MIN_METHOD_NAME_CHARS = 6  # shorter names of methods occur in many classes
MIN_NAME_CHARS = 3  # uses of shorter names are not searched for
MAX_NAMES = 50  # called functions that are searched for

# Names of a language's own functions: a bare call of one is not a call into the repository.
BUILTIN = frozenset(
    "abs all any append assert bool close copy delete dict exit filter float format hash id input int items iter join"
    " len list map max min next open print printf range repr require reversed round set slice sorted str string sum"
    " super tuple type zip".split()
)
# Names that many classes have: a single definition somewhere need not be the one that is called.
COMMON = BUILTIN | frozenset(
    "add apply call clear count create extend find first from get has index init insert keys length load log make new"
    " of parse pop push put read remove render replace reverse run save size sort split start stop test then to"
    " toString trim update value values write".split()
)


_IMPORTS = re.compile(r"\s*(?:import|from|use|pub use|using|require|export|include)\b")


@dataclass
class References:
    """The definitions and uses found for the requests of a review; each name is searched for once."""

    lookup: Lookup
    _defined: dict[str, list[SourceLine]] = field(default_factory=dict)
    _used: dict[str, list[SourceLine]] = field(default_factory=dict)

    def list_calls(self, excerpt: Excerpt, outlines: Mapping[str, Outline]) -> Iterator[str]:
        """Yield the signatures of functions that added lines call, at most MAX_CALLS.

        They are those with one or two definitions that are not shown. `outlines` tell what files import, where known.
        """
        calls = _collect_calls(excerpt, outlines)
        found = [(name, hit) for name, hits in self._find_definitions(excerpt, calls).items() for hit in hits]
        found = found[: 2 * MAX_CALLS]
        texts = self.lookup.load_outlines(list(dict.fromkeys(path for _, (path, _, _) in found))) if found else {}
        left = MAX_CALLS
        for name, (path, number, text) in found:
            outlined = texts[path][1] if path in texts else ()
            target = next(
                (definition for definition in outlined if _is_definition_at(definition, name, number)),
                None,
            )
            if left and _is_call_target(name, calls[name].how, target):
                left -= 1
                signature = shorten_to_line((target.signature if target else text).strip(), MAX_SIGNATURE_CHARS)
                yield f"{render_path(path)}:{number}: {defuse_tokens(signature)}"

    def list_uses(self, excerpt: Excerpt, files: Sequence[FileDiff]) -> Iterator[str]:
        """Yield lines that use what shown hunks remove or whose signature they change, at most MAX_USES.

        Lines that are shown are left out; `files` are the whole change. Of each name, uses in code come before those in
        tests, and uses in many files before many in one.
        """
        homes = _collect_redefined_names(excerpt, files)
        self._search_uses([name for name in homes if name not in self._used])
        shown = dict[tuple[str, int], str]()
        for name, paths in homes.items():
            hits = [hit for hit in _select_users(name, self._used[name], paths) if not _is_shown(hit, excerpt)]
            for path, number, text in _spread_over_files(hits)[:MAX_USES_PER_NAME]:
                shown.setdefault((path, number), text)
        for (path, number), text in list(shown.items())[:MAX_USES]:
            yield f"{render_path(path)}:{number}: {defuse_tokens(shorten_to_line(text.strip(), MAX_USE_CHARS))}"

    def _search_uses(self, names: Sequence[str]) -> None:
        self._used |= {name: [] for name in names}
        for hit in self.lookup.find_using_lines(names, MAX_SEARCHED_USES) if names else ():
            for name in names:
                if has_definition(hit[2], name) or has_usage(hit[2], name):
                    self._used[name].append(hit)

    def _find_definitions(self, excerpt: Excerpt, calls: Mapping[str, "_Call"]) -> dict[str, list[SourceLine]]:
        """Return where the functions are defined that added lines call.

        The files are of the same language, and no tests unless a test calls. Names with too many definitions are left
        out.
        """
        rare = [name for name in calls if name not in COMMON][:MAX_NAMES]
        bare = [name for name, call in calls.items() if call.how is CallKind.BARE]
        common = [name for name in bare if name in COMMON and name not in BUILTIN][:MAX_NAMES]
        for names in (rare, common):  # searched apart: common names could use up MAX_DEFINING_LINES
            self._search_definitions([name for name in names if name not in self._defined])
        found = dict[str, list[SourceLine]]()
        for name in (*rare, *common):
            places = _select_reachable(name, self._defined[name], calls[name].callers)
            certain = name not in COMMON and calls[name].how is not CallKind.METHOD
            if len(places) < (MIN_AMBIGUOUS_DEFINITIONS if certain else 2):
                found[name] = [hit for hit in places if not _is_shown(hit, excerpt)]
        return found

    def _search_definitions(self, names: Sequence[str]) -> None:
        self._defined |= {name: [] for name in names}
        for hit in self.lookup.find_defining_lines(names, MAX_DEFINING_LINES) if names else ():
            for name in [name for name in names if has_definition(hit[2], name)][:1]:
                self._defined[name].append(hit)


@dataclass
class _Call:
    """The plainest way in which a name is called, and the files that call it."""

    how: CallKind
    callers: set[str]


def _collect_calls(excerpt: Excerpt, outlines: Mapping[str, Outline]) -> dict[str, _Call]:
    """Return what added lines call, names called in code before those called in tests."""
    found = dict[str, _Call]()
    for part in sorted(excerpt.parts, key=lambda part: is_test(part.file.path)):
        path = part.file.path
        whole = outlines[path][0].hunks if path in outlines else part.hunks
        lines = [line for hunk in part.hunks for line in hunk.iter_lines()]
        for name, how in find_calls(lines, find_imports(row[1:] for hunk in whole for row in hunk.rows)).items():
            call = found.setdefault(name, _Call(how, set()))
            call.how = max(call.how, how)
            call.callers.add(path)
    return found


def _is_definition_at(definition: Definition, name: str, line: int) -> bool:
    return definition.name == name and definition.first <= line <= definition.last


def _is_call_target(name: str, how: CallKind, definition: Definition | None) -> bool:
    """Return whether the only definition of a name can be what is called, by whether it is a method."""
    is_method = definition is not None and definition.kind == "method"
    if how is CallKind.METHOD:
        return is_method and len(name) >= MIN_METHOD_NAME_CHARS
    return name not in COMMON or not is_method


def _collect_redefined_names(excerpt: Excerpt, files: Sequence[FileDiff]) -> dict[str, set[str]]:
    """Return the names that shown hunks no longer define as before, with their files' paths; code before tests."""
    whole: dict[FileKey, FileDiff] = {make_file_key(file): file for file in files}
    found = dict[str, set[str]]()
    for part in sorted(excerpt.parts, key=_is_test_part):
        if get_kind(part.file.path) is Kind.PROSE:
            continue
        file = whole.get(make_file_key(part.file), part.file)
        for name in find_changed_signatures(part.hunks, file.hunks):
            if len(name) >= MIN_NAME_CHARS and name not in COMMON and not name.startswith("__"):
                found.setdefault(name, set()).update((part.file.old_path, part.file.path))
    return dict(list(found.items())[:MAX_NAMES])


def _select_users(name: str, hits: Sequence[SourceLine], homes: Collection[str]) -> list[SourceLine]:
    """Return the lines that use a name of the files in `homes`, not another file's name.

    A file that defines the name itself uses its own, and a name that begins with _ is used where it is defined. The
    list is empty if too many files define the name.
    """
    is_private = name.startswith("_")
    definers = [path for path, _, text in hits if has_definition(text, name) and (path in homes or not is_private)]
    if len(definers) >= MIN_AMBIGUOUS_DEFINITIONS:
        return []
    languages = {get_language_family(path) for path in homes}
    return [
        hit
        for hit in hits
        if not has_definition(hit[2], name)
        and (
            hit[0] in homes or (hit[0] not in definers and not is_private and get_language_family(hit[0]) in languages)
        )
    ]


def _is_test_part(part: Part) -> bool:
    return is_test(part.file.path)


def _spread_over_files(hits: Iterable[SourceLine]) -> list[SourceLine]:
    """Return lines of code before those of tests, each file's first one before any file's second.

    Within a file, imports come after lines that show how the name is used.
    """
    seen, ranked = Counter[str](), list[tuple[bool, int, SourceLine]]()
    for hit in sorted(hits, key=lambda hit: _IMPORTS.match(hit[2]) is not None):
        seen[hit[0]] += 1
        ranked.append((is_test(hit[0]), seen[hit[0]], hit))
    return [hit for _, _, hit in sorted(ranked, key=lambda row: (*row[:2], row[2][:2]))]


def _select_reachable(name: str, places: Sequence[SourceLine], callers: Collection[str]) -> list[SourceLine]:
    """Return the definitions that `callers` can call.

    These are their own alone if every caller has one or the name begins with _; else those of the same language, and
    those in tests only for tests.
    """
    own = [hit for hit in places if hit[0] in callers]
    if name.startswith("_") or {hit[0] for hit in own} == set(callers):
        return own
    kinds = {(get_language_family(path), is_test(path)) for path in callers}
    return [
        hit
        for hit in places
        if any(get_language_family(hit[0]) == family and (tests or not is_test(hit[0])) for family, tests in kinds)
    ]


def _is_shown(hit: SourceLine, excerpt: Excerpt) -> bool:
    """Return whether an excerpt shows a line."""
    path, number, _ = hit
    hunks = (hunk for part in excerpt.parts if part.file.path == path for hunk in part.written)
    return any(hunk.new_start <= number < hunk.new_start + len(hunk.rows) - hunk.removed for hunk in hunks)
