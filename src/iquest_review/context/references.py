"""Code elsewhere in the repository that the change refers to.

These are the signatures of functions that added lines call, and lines that use what the change removes or whose
signature it changes. Each row begins with its place. What is not certain is not shown.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest

from iquest_review.code.calls import CallKind, find_calls, find_imports
from iquest_review.code.languages import Kind, get_kind, get_language_family, is_test
from iquest_review.code.mentions import Mentions, SourceLine
from iquest_review.code.outline import MAX_SIGNATURE_CHARS, Definition
from iquest_review.code.signatures import find_changed_signatures
from iquest_review.context.sources import ContextKind, Lookup
from iquest_review.diff.diff import FileDiff
from iquest_review.diff.hunk_id import make_file_key
from iquest_review.excerpt.chat_tokens import defuse_tokens
from iquest_review.excerpt.excerpt import Excerpt, Part
from iquest_review.excerpt.numbered_rows import render_path
from iquest_review.text import shorten_to_line

MAX_CALLS = 20  # signatures shown
OUTLINED_AT_ONCE = 10  # definitions whose files are parsed before it is known whether there is room for them
MAX_USES, MAX_USES_PER_NAME = 10, 3  # lines shown, and shown of one name
MAX_USE_CHARS = 200
MIN_AMBIGUOUS_DEFINITIONS = 3  # with so many definitions of a name, nobody knows which one is meant
MIN_METHOD_NAME_CHARS = 6  # shorter names of methods occur in many classes
MIN_NAME_CHARS = 3  # shorter names are not searched for
MAX_NAMES = 50  # that a request looks for: called functions, and changed signatures
MAX_PREPARED_NAMES = 150  # of each that are searched for at once, for all requests

# Names of a language's own functions, and those that many classes have: a single definition somewhere need not be the
# one that is called, and a search finds them everywhere.
COMMON = frozenset(
    "abs all any append assert bool close copy delete dict exit filter float format hash id input int items iter join"
    " len list map max min next open print printf range repr require reversed round set slice sorted str string sum"
    " super tuple type zip"
    " byte cap catch error float32 float64 int8 int16 int32 int64 panic recover rune uint uint8 uint16 uint32 uint64"
    " Array Boolean Error Map Number Object Promise Set String describe expect it"
    " Contains Equal Errorf Fatalf Fprintf NoError Printf Println Sprintf assertEqual assertFalse assertIn assertIs"
    " assertIsInstance assertIsNone assertRaises assertTrue assertThat"
    " add apply call clear count create extend find first from get has index init insert keys length load log make new"
    " of parse pop push put read remove render replace reverse run save size sort split start stop test then to"
    " toString trim update value values write".split()
)


_IMPORTS = re.compile(r"\s*(?:import|from|use|pub use|using|require|export|include)\b")


@dataclass
class References:
    """The definitions and uses found for the requests of a review; each name is searched for once."""

    lookup: Lookup
    files: Sequence[FileDiff]  # the whole change
    _mentions: dict[str, Mentions] = field(default_factory=dict)

    def prepare(self, excerpt: Excerpt, imports: Mapping[str, Collection[str]], kinds: Collection[ContextKind]) -> None:
        """Search at once for the names that the requests which show this excerpt will look for.

        They are the first names of each part. The requests do without the others: there is one search.
        """
        parts = [replace(excerpt, parts=(part,)) for part in sorted(excerpt.parts, key=_is_test_part)]
        calls = [list(_collect_calls(part, imports)) for part in parts] if ContextKind.CALLS in kinds else []
        changed = [list(self._collect_changed_names(part)) for part in parts] if ContextKind.CALLERS in kinds else []
        wanted = (name for names in (calls, changed) for name in _take_in_turns(names)[:MAX_PREPARED_NAMES])
        missing = [name for name in dict.fromkeys(wanted) if name not in self._mentions]
        self._mentions |= {name: Mentions() for name in missing}
        self._mentions |= self.lookup.find_mentions(missing) if missing else {}

    def list_calls(self, excerpt: Excerpt, imports: Mapping[str, Collection[str]]) -> Iterator[str]:
        """Yield the signatures of functions that added lines call, at most MAX_CALLS.

        They are those with one or two definitions that are not shown. `imports` are the names that files import, where
        known.
        """
        calls, left = _collect_calls(excerpt, imports), MAX_CALLS
        found = [(name, hit) for name, hits in self._find_definitions(excerpt, calls).items() for hit in hits]
        for start in range(0, min(len(found), 2 * MAX_CALLS), OUTLINED_AT_ONCE):
            for name, hit, target in self._outline_hits(found[start : start + OUTLINED_AT_ONCE]):
                if left and (calls[name].how is not CallKind.METHOD or _is_method(target)):
                    left -= 1
                    signature = shorten_to_line((target.signature if target else hit[2]).strip(), MAX_SIGNATURE_CHARS)
                    yield f"{render_path(hit[0])}:{hit[1]}: {defuse_tokens(signature)}"

    def _outline_hits(
        self, found: Sequence[tuple[str, SourceLine]]
    ) -> Iterator[tuple[str, SourceLine, Definition | None]]:
        """Yield names and their defining lines, each with the definition there, where its file can be parsed."""
        files = self.lookup.load_outlines(list(dict.fromkeys(path for _, (path, _, _) in found)))
        for name, hit in found:
            outlined = files[hit[0]][1] if hit[0] in files else ()
            yield name, hit, next((one for one in outlined if _is_definition_at(one, name, hit[1])), None)

    def list_uses(self, excerpt: Excerpt) -> Iterator[str]:
        """Yield lines that use what shown hunks remove or whose signature they change, at most MAX_USES.

        Lines that are shown are left out. Of each name, uses in code come before those in tests, and uses in many files
        before many in one.
        """
        homes = self._collect_changed_names(excerpt)
        shown = dict[tuple[str, int], str]()
        for name, paths in homes.items():
            mentions = self._mentions.get(name, Mentions())
            hits = [hit for hit in _select_users(name, mentions, paths) if not _is_shown(hit, excerpt)]
            for path, number, text in _spread_over_files(hits)[:MAX_USES_PER_NAME]:
                shown.setdefault((path, number), text)
        for (path, number), text in list(shown.items())[:MAX_USES]:
            yield f"{render_path(path)}:{number}: {defuse_tokens(shorten_to_line(text.strip(), MAX_USE_CHARS))}"

    def _find_definitions(self, excerpt: Excerpt, calls: Mapping[str, "_Call"]) -> dict[str, list[SourceLine]]:
        """Return where the functions are defined that added lines call.

        The files are of the same language, and no tests unless a test calls. Names with too many definitions are left
        out.
        """
        found = dict[str, list[SourceLine]]()
        for name in calls:
            places = _select_reachable(name, self._mentions.get(name, Mentions()).definitions, calls[name].callers)
            if len(places) < (2 if calls[name].how is CallKind.METHOD else MIN_AMBIGUOUS_DEFINITIONS):
                found[name] = [hit for hit in places if not _is_shown(hit, excerpt)]
        return found

    def _collect_changed_names(self, excerpt: Excerpt) -> dict[str, set[str]]:
        """Return the first names that shown hunks no longer define as before, with their files; code before tests."""
        whole = {make_file_key(file): file for file in self.files}
        found = dict[str, set[str]]()
        for part in sorted(excerpt.parts, key=_is_test_part):
            if get_kind(part.file.path) is Kind.PROSE:
                continue
            file = whole.get(make_file_key(part.file), part.file)
            for name in find_changed_signatures(part.hunks, file.hunks):
                if len(name) >= MIN_NAME_CHARS and name not in COMMON and not name.startswith("__"):
                    found.setdefault(name, set()).update((part.file.old_path, part.file.path))
        return dict(islice(found.items(), MAX_NAMES))


@dataclass
class _Call:
    """The plainest way in which a name is called, and the files that call it."""

    how: CallKind
    callers: set[str]


def _collect_calls(excerpt: Excerpt, imports: Mapping[str, Collection[str]]) -> dict[str, _Call]:
    """Return the first names that added lines call, but for common ones; code comes before tests."""
    found = dict[str, _Call]()
    for part in sorted(excerpt.parts, key=_is_test_part):
        path = part.file.path
        lines = [line for hunk in part.hunks for line in hunk.iter_lines()]
        imported = imports[path] if path in imports else find_imports(b"\n".join(line.raw for line in lines))
        for name, how in find_calls(lines, imported, without=COMMON).items():
            if len(name) < (MIN_METHOD_NAME_CHARS if how is CallKind.METHOD else MIN_NAME_CHARS):
                continue
            call = found.setdefault(name, _Call(how, set()))
            call.how = max(call.how, how)
            call.callers.add(path)
    return dict(islice(found.items(), MAX_NAMES))


def _is_definition_at(definition: Definition, name: str, line: int) -> bool:
    return definition.name == name and definition.first <= line <= definition.last


def _is_method(definition: Definition | None) -> bool:
    return definition is not None and definition.kind == "method"


def _select_users(name: str, mentions: Mentions, homes: Collection[str]) -> list[SourceLine]:
    """Return the lines that use a name of the files in `homes`, not another file's name.

    A file that defines the name itself uses its own, and a name that begins with _ is used where it is defined. The
    list is empty if too many files define the name.
    """
    is_private = name.startswith("_")
    definers = [path for path, _, _ in mentions.definitions if path in homes or not is_private]
    if len(definers) >= MIN_AMBIGUOUS_DEFINITIONS:
        return []
    languages = {get_language_family(path) for path in homes}
    return [
        hit
        for hit in mentions.uses
        if hit[0] in homes or (hit[0] not in definers and not is_private and get_language_family(hit[0]) in languages)
    ]


def _take_in_turns(lists: Sequence[Sequence[str]]) -> list[str]:
    """Return the first of each list, then the second of each, and so on; each once."""
    return list(dict.fromkeys(name for turn in zip_longest(*lists) for name in turn if name is not None))


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
