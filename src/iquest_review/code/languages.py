"""The one table of file suffixes: which language a file is written in, by its name.

Two tables elsewhere answer other questions and stay there: `note/markdown.py` lists the labels of code blocks that
GitLab only highlights, and `excerpt/exclusions.py` the names that generators and package managers give to their files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """What people write in a language."""

    CODE = "code"
    PROSE = "prose"  # for readers
    DATA = "data"  # text that programs write and nobody reads
    OTHER = "other"  # settings, styles, markup


@dataclass(frozen=True, slots=True)
class Language:
    """A language, and the names of its files."""

    name: str
    kind: Kind
    suffixes: tuple[str, ...]  # without the dot, in lower case
    file_names: tuple[str, ...] = ()  # whole names of files without a suffix
    family: str = ""  # languages whose files call each other; empty: only files of the same suffix do
    free_indent: bool = False  # white space at the beginning of a line has no meaning


# A row is the name, the suffixes, and the family. White space at the beginning of a line has no meaning in these.
_FREE_CODE = (
    ("JavaScript", "js jsx mjs cjs", "javascript"),
    ("TypeScript", "ts mts cts", "javascript"),
    ("TSX", "tsx", "javascript"),
    ("Vue", "vue", "javascript"),
    ("Svelte", "svelte", "javascript"),
    ("Java", "java", "jvm"),
    ("Kotlin", "kt kts", "jvm"),
    ("Groovy", "groovy", ""),
    ("Go", "go", ""),
    ("Rust", "rs", ""),
    ("C", "c", "c"),
    ("C++", "cc cpp cxx h hh hpp hxx", "c"),  # a header may be either language's; C++ has nearly all of C
    ("CUDA", "cu", "c"),
    ("C#", "cs", ""),
    ("Objective-C", "m mm", ""),
    ("Ruby", "rb rake", ""),
    ("PHP", "php", ""),
    ("Swift", "swift", ""),
    ("Dart", "dart", ""),
    ("Lua", "lua", ""),
    ("Perl", "pl pm", ""),
    ("R", "r", ""),
    ("PowerShell", "ps1", ""),
    ("SQL", "sql", ""),
    ("Protocol Buffers", "proto", ""),
    ("GraphQL", "graphql", ""),
    ("Terraform", "tf", ""),
    ("Solidity", "sol", ""),
    ("Zig", "zig", ""),
)
# Indentation has a meaning in some of these languages and in the here-documents and strings of the others.
_INDENTED_CODE = (
    ("Python", "py pyi", "python"),
    ("Scala", "scala", "jvm"),
    ("Scala worksheet", "sc", ""),
    ("Shell", "sh bash", ""),
    ("Zsh", "zsh", ""),
    ("F#", "fs", ""),
    ("Visual Basic", "vb", ""),
    ("Julia", "jl", ""),
    ("Elixir", "ex exs", ""),
    ("Erlang", "erl", ""),
    ("Haskell", "hs", ""),
    ("OCaml", "ml", ""),
    ("Clojure", "clj", ""),
    ("Nim", "nim", ""),
)
_FREE_MARKUP = (("CSS", "css"), ("SCSS", "scss"), ("Less", "less"), ("JSON", "json jsonc"), ("XML", "xml"))
_PROSE = (
    ("Markdown", "md markdown mdx"),
    ("reStructuredText", "rst"),
    ("Plain text", "txt"),
    ("AsciiDoc", "adoc"),
    ("TeX", "tex"),
)
_DATA = (
    ("SVG", "svg"),
    ("Jupyter notebook", "ipynb"),
    ("CSV", "csv"),
    ("TSV", "tsv"),
    ("GeoJSON", "geojson"),
    ("draw.io", "drawio"),
)

# Suffixes that are parsed and searched as their language's, but are not yet ranked and folded as code, or left out as
# prose. To change that is a decision of its own: it changes which lines are shown.
_NOT_YET_CODE = frozenset(("mts", "cts", "hxx", "cu", "rake", "sc"))
_NOT_YET_PROSE = frozenset(("htm",))


def _list_languages() -> Iterator[Language]:
    for name, suffixes, family in _FREE_CODE:
        yield Language(name, Kind.CODE, tuple(suffixes.split()), family=family, free_indent=True)
    for name, suffixes, family in _INDENTED_CODE:
        yield Language(name, Kind.CODE, tuple(suffixes.split()), family=family)
    for name, suffixes in _FREE_MARKUP:
        yield Language(name, Kind.OTHER, tuple(suffixes.split()), free_indent=True)
    for name, suffixes in _PROSE:
        yield Language(name, Kind.PROSE, tuple(suffixes.split()))
    for name, suffixes in _DATA:
        yield Language(name, Kind.DATA, tuple(suffixes.split()))
    yield Language("HTML", Kind.PROSE, ("html", "htm"), free_indent=True)
    yield Language("YAML", Kind.OTHER, ("yml", "yaml"))
    yield Language("Dockerfile", Kind.OTHER, (), ("Dockerfile",))
    yield Language("Makefile", Kind.OTHER, (), ("Makefile",))


LANGUAGES = tuple(_list_languages())


def _index_suffixes() -> Iterator[tuple[str, Language]]:
    for language in LANGUAGES:
        for suffix in language.suffixes:
            if suffix in _NOT_YET_CODE:
                yield suffix, replace(language, kind=Kind.OTHER, free_indent=False)
            elif suffix in _NOT_YET_PROSE:
                yield suffix, replace(language, kind=Kind.OTHER)
            else:
                yield suffix, language


_BY_SUFFIX = dict(_index_suffixes())
_BY_FILE_NAME = {name: language for language in LANGUAGES for name in language.file_names}
_BY_NAME = {language.name: language for language in LANGUAGES}


def identify_language(path: str) -> Language | None:
    """Return the language of a file, by its name alone; None for a name that the table does not know.

    The case of the suffix does not matter. A file called `go` has no suffix and is not one of Go.
    """
    name = path.rpartition("/")[2]
    return _BY_SUFFIX.get(get_suffix(name)) or _BY_FILE_NAME.get(name)


def get_suffix(path: str) -> str:
    """Return what follows the last dot of a file's name, in lower case; empty for a name without a dot."""
    _, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return suffix.lower() if dot else ""


def get_kind(path: str) -> Kind:
    """Return the kind of a file, by its name; OTHER where the language is unknown."""
    language = identify_language(path)
    return language.kind if language else Kind.OTHER


def get_language_family(path: str) -> str:
    """Return what two files must have in common for one to call the other.

    That is the family of their languages, else their suffix. A file without a suffix has only itself.
    """
    language = identify_language(path)
    return (language.family if language else "") or get_suffix(path) or path


def has_free_indent(path: str) -> bool:
    """Return whether white space at the beginning of a line has no meaning in a file; False where that is unknown."""
    language = identify_language(path)
    return language is not None and language.free_indent


def list_name_endings(*names: str) -> tuple[str, ...]:
    """Return what the names of files in these languages end with, for `str.endswith`: `.py`, or `Makefile`."""
    languages = [_BY_NAME[name] for name in names]
    return tuple(
        ending
        for language in languages
        for ending in (*(f".{suffix}" for suffix in language.suffixes), *language.file_names)
    )
