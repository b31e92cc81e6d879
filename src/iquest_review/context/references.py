"""What stands elsewhere in the repository: what added lines call, where it is defined, and what uses the definitions
that the change removes or gives another signature.

Each row begins with its place. What is not certain is not shown.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from iquest_review.code.definitions import has_definition, has_usage
from iquest_review.code.languages import Kind, get_kind, get_language_family
from iquest_review.code.outline import MAX_SIGNATURE_CHARS, CallKind, Definition, find_calls, find_imports
from iquest_review.code.signatures import find_changed_signatures
from iquest_review.context.enclosing import Outline
from iquest_review.context.sources import Lookup, SourceLine
from iquest_review.diff.diff import FileDiff
from iquest_review.diff.hunk_id import FileKey, make_file_key
from iquest_review.excerpt.excerpt import Excerpt, Part
from iquest_review.excerpt.numbered_rows import defuse_tokens, render_path
from iquest_review.excerpt.ranking import is_test
from iquest_review.text import shorten_to_line

MAX_CALLS, MAX_DEFINING_LINES = 20, 200  # signatures that are shown; defining lines that are looked at for them
MAX_USES, MAX_USES_PER_NAME, MAX_SEARCHED_USES = (
    10,
    3,
    50,
)  # lines that are shown, those of one name, those looked at for it
MAX_USE_CHARS = 200  # characters of such a line
MIN_AMBIGUOUS_DEFINITIONS = 3  # definitions of one name from which on nobody knows which one is called or used
MIN_METHOD_NAME_CHARS = 6  # characters of a method's name that tell it from those of other classes
MIN_NAME_CHARS = 3  # characters of a name whose uses are looked for

MAX_NAMES = 50  # of called functions that are looked for
# What a language has of its own: called bare, it is the language's.
BUILTIN = frozenset(
    "abs all any append assert bool close copy delete dict exit filter float format hash id input int items iter join"
    " len list map max min next open print printf range repr require reversed round set slice sorted str string sum"
    " super tuple type zip".split()
)
# What every second class has: one definition somewhere is not the one that is called.
COMMON = BUILTIN | frozenset(
    "add apply call clear count create extend find first from get has index init insert keys length load log make new"
    " of parse pop push put read remove render replace reverse run save size sort split start stop test then to"
    " toString trim update value values write".split()
)


_IMPORTS = re.compile(r"\s*(?:import|from|use|pub use|using|require|export|include)\b")


@dataclass
class References:
    """What was looked up for the requests of a review; each name once."""

    lookup: Lookup
    _defined: dict[str, list[SourceLine]] = field(default_factory=dict)
    _used: dict[str, list[SourceLine]] = field(default_factory=dict)

    def list_calls(self, excerpt: Excerpt, outlines: Mapping[str, Outline]) -> Iterator[str]:
        """The signatures of what added lines call, where it is defined in one place or two that are not shown; the
        first MOST_CALLS. `outlines` tell what files import, as far as they are known."""
        callings = _collect_calls(excerpt, outlines)
        found = [(name, hit) for name, hits in self._find_definitions(excerpt, callings).items() for hit in hits]
        found = found[: 2 * MAX_CALLS]
        texts = self.lookup.load_outlines(list(dict.fromkeys(path for _, (path, _, _) in found))) if found else {}
        left = MAX_CALLS
        for name, (path, number, text) in found:
            known = texts[path][1] if path in texts else ()
            near = next((one for one in known if one.name == name and one.first <= number <= one.last), None)
            if left and _is_call_target(name, callings[name].how, near):
                left -= 1
                signature = shorten_to_line((near.signature if near else text).strip(), MAX_SIGNATURE_CHARS)
                yield f"{render_path(path)}:{number}: {defuse_tokens(signature)}"

    def list_uses(self, excerpt: Excerpt, files: Sequence[FileDiff]) -> Iterator[str]:
        """Lines that are not shown and use what shown hunks remove or give another signature; `files` are the whole
        change. At most MOST_USES, of each name those of code first, from many files rather than from one."""
        homes = _collect_redefined_names(excerpt, files)
        self._look_for_uses([name for name in homes if name not in self._used])
        shown = dict[tuple[str, int], str]()
        for name, paths in homes.items():
            hits = [hit for hit in _select_users(name, self._used[name], paths) if not _is_shown(hit, excerpt)]
            for path, number, text in _spread_over_files(hits)[:MAX_USES_PER_NAME]:
                shown.setdefault((path, number), text)
        for (path, number), text in list(shown.items())[:MAX_USES]:
            yield f"{render_path(path)}:{number}: {defuse_tokens(shorten_to_line(text.strip(), MAX_USE_CHARS))}"

    def _look_for_uses(self, names: Sequence[str]) -> None:
        self._used |= {name: [] for name in names}
        for hit in self.lookup.find_using_lines(names, MAX_SEARCHED_USES) if names else ():
            for name in names:
                if has_definition(hit[2], name) or has_usage(hit[2], name):
                    self._used[name].append(hit)

    def _find_definitions(self, excerpt: Excerpt, callings: Mapping[str, "_Call"]) -> dict[str, list[SourceLine]]:
        """Where the functions are defined that added lines call: in a file of the same language, and for code in no
        test. Names that are defined in too many places are left out."""
        rare = [name for name in callings if name not in COMMON][:MAX_NAMES]
        bare = [name for name, called in callings.items() if called.how is CallKind.BARE]
        common = [name for name in bare if name in COMMON and name not in BUILTIN][:MAX_NAMES]
        for names in (rare, common):  # apart: the common ones may take all that is read of an answer
            self._look_for_definitions([name for name in names if name not in self._defined])
        found = dict[str, list[SourceLine]]()
        for name in (*rare, *common):
            places = _select_reachable(name, self._defined[name], callings[name].callers)
            certain = name not in COMMON and callings[name].how is not CallKind.METHOD
            if len(places) < (MIN_AMBIGUOUS_DEFINITIONS if certain else 2):
                found[name] = [hit for hit in places if not _is_shown(hit, excerpt)]
        return found

    def _look_for_definitions(self, names: Sequence[str]) -> None:
        self._defined |= {name: [] for name in names}
        for hit in self.lookup.find_defining_lines(names, MAX_DEFINING_LINES) if names else ():
            for name in [name for name in names if has_definition(hit[2], name)][:1]:
                self._defined[name].append(hit)


@dataclass
class _Call:
    """How a name is called at its plainest, and from what files."""

    how: CallKind
    callers: set[str]


def _collect_calls(excerpt: Excerpt, outlines: Mapping[str, Outline]) -> dict[str, _Call]:
    """What added lines call, those of code before those of tests."""
    found = dict[str, _Call]()
    for part in sorted(excerpt.parts, key=lambda part: is_test(part.file.path)):
        path = part.file.path
        whole = outlines[path][0].hunks if path in outlines else part.hunks
        lines = [line for hunk in part.hunks for line in hunk.iter_lines()]
        for name, how in find_calls(lines, find_imports(row[1:] for hunk in whole for row in hunk.rows)).items():
            one = found.setdefault(name, _Call(how, set()))
            one.how = max(one.how, how)
            one.callers.add(path)
    return found


def _is_call_target(name: str, how: CallKind, definition: Definition | None) -> bool:
    """Whether the one definition of a name may be what is called, by whether it is a method."""
    is_method = definition is not None and definition.kind == "method"
    if how is CallKind.METHOD:
        return is_method and len(name) >= MIN_METHOD_NAME_CHARS
    return name not in COMMON or not is_method


def _collect_redefined_names(excerpt: Excerpt, files: Sequence[FileDiff]) -> dict[str, set[str]]:
    """The names that shown hunks no longer define, or not as before, with the paths of their files; code first."""
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
    """Those of the lines that use a name of these files, not another's: a file that defines the name itself uses its
    own, and what begins with _ is used where it is defined. None where too many define it."""
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
    """Lines of code before those of tests, each file's first one before any file's second; of a file those that import
    after those that show how."""
    seen, ranked = Counter[str](), list[tuple[bool, int, SourceLine]]()
    for hit in sorted(hits, key=lambda hit: _IMPORTS.match(hit[2]) is not None):
        seen[hit[0]] += 1
        ranked.append((is_test(hit[0]), seen[hit[0]], hit))
    return [hit for _, _, hit in sorted(ranked, key=lambda one: (*one[:2], one[2][:2]))]


def _select_reachable(name: str, places: Sequence[SourceLine], callers: Collection[str]) -> list[SourceLine]:
    """The definitions that files may call: of the same language, and of tests only for tests; their own alone where
    all of them have one, or where the name begins with _."""
    own = [hit for hit in places if hit[0] in callers]
    if name.startswith("_") or {hit[0] for hit in own} == set(callers):
        return own
    kinds = {(get_language_family(path), is_test(path)) for path in callers}
    return [
        hit
        for hit in places
        if any(get_language_family(hit[0]) == of and (tests or not is_test(hit[0])) for of, tests in kinds)
    ]


def _is_shown(hit: SourceLine, excerpt: Excerpt) -> bool:
    """Whether a line is in what is shown."""
    path, number, _ = hit
    hunks = (hunk for part in excerpt.parts if part.file.path == path for hunk in part.written)
    return any(hunk.new_start <= number < hunk.new_start + len(hunk.rows) - hunk.removed for hunk in hunks)
