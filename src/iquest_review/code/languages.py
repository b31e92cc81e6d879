"""What the name of a file tells: its language, by the one table of suffixes, and whether it is a test.

Two tables elsewhere answer other questions and stay there: `note/markdown.py` lists the labels of code blocks that
GitLab only highlights, and `excerpt/exclusions.py` the names that generators and package managers give to their files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


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
_BY_SUFFIX = {suffix: language for language in LANGUAGES for suffix in language.suffixes}
_BY_FILE_NAME = {name: language for language in LANGUAGES for name in language.file_names}
_BY_NAME = {language.name: language for language in LANGUAGES}

# What is a test, by the names that languages and their test runners give to files and folders. Sources are the runners'
# own defaults: pytest, `go test`, Maven Surefire and Failsafe, Android and Kotlin source sets, Jest, Node, Cypress,
# RSpec, PHPUnit, Codeception, ScalaTest, Kotest, Hspec, Common Test, prove, Bats, Qt Test, Foundry.
_TEST_SUFFIXES = frozenset("t bats feature phpt robot test tst".split())

# Whole names of folders, in lower case.
_TEST_FOLDERS = frozenset(
    "test tests testing testdata testcases testsuite testsuites unittests fixtures e2e cypress step_definitions"
    " __test__ __tests__ __spec__ __specs__ __mocks__ __fixtures__".split()
)
_TEST_FOLDER = re.compile(
    r"[\w.-]+[._-](?:[Tt]ests?|TESTS?|e2e|fixtures)"  # unit-tests, integration_test, Shop.Tests
    r"|[\w.]*[A-Za-z0-9]Tests?"  # androidTest, ShopUITests
    r"|(?:test|androidTest)[A-Z]\w*"  # testFixtures, androidTestDebug
    r"|tests?[._-](?:data|fixtures|files|resources|assets|cases|suites?|utils?|helpers?|support|unit|integration|e2e)",
    re.ASCII,
)
_NO_TEST_FOLDER = re.compile(r"a[._-]?b[._-]tests?", re.IGNORECASE)  # half of the customers see another page
_SPEC_FOLDERS = frozenset(("spec", "specs"))
_SPEC_LANGUAGES = frozenset("Ruby JavaScript TypeScript TSX Vue Svelte Lua PHP Haskell Elixir Dart Groovy".split())
_T_LANGUAGES = frozenset(("Perl", "PHP", "Shell", "C"))  # the folder t/ of prove, and of git itself

_STEM = re.compile(r"conftest(?:\..+)?|test_.+")  # of a file in any language
_STEM_BUT_PROSE = re.compile(r".+[._-](?:[Tt]ests?|unittests?)|(?:.*[A-Za-z0-9_])?(?:Tests?|TestCase)")
_STEM_OF_CODE = re.compile(r"tests|.+\.spec")
_CAMEL_SPEC = r"|.*[a-z0-9](?:Spec|Specs|Specification|Suite)"
_MAVEN = r"Test[A-Z].*|.*[a-z0-9]IT|IT[A-Z][a-z].*|.*ITCase"
_STEMS_BY_LANGUAGE = {
    **dict.fromkeys(
        ("JavaScript", "TypeScript", "TSX", "Vue", "Svelte"),
        r"test|spec|.+\.(?:cy|e2e|e2e-spec|test-d)|.+[_-](?:specs?|e2e)|.*[a-z0-9]Spec",
    ),
    "Java": _MAVEN,
    **dict.fromkeys(("Kotlin", "Scala", "Groovy"), _MAVEN + _CAMEL_SPEC),
    **dict.fromkeys(("C#", "F#", "Visual Basic"), r".*TestFixture|.*[a-z0-9]Specs"),
    **dict.fromkeys(("C", "C++", "Objective-C"), r"tst_.+|test-.+|Test[A-Z].*|.*[a-z0-9]Spec"),
    **dict.fromkeys(("Swift", "Haskell"), r".*[a-z0-9]Spec"),
    **dict.fromkeys(("Ruby", "Lua"), r".+_(?:spec|specs|steps)|(?:spec|rails)_helper"),
    "PHP": r".*[a-z0-9](?:Cest|Cept|Spec)",
    "Rust": r"test",
    "Erlang": r".+_SUITE|prop_.+",
    "Julia": r"runtests",
    "R": r"test-.+|testthat",
    "Shell": r"test-.+",
    "Solidity": r".+\.t",
}
_STEMS_BY_SUFFIX = {
    **dict.fromkeys(("js", "mjs", "cjs"), r"test-.+"),  # the runner of Node
    "cr": r".+_spec|spec_helper",
    "el": r"test-.+",
    "hcl": r".+\.tftest",
    **dict.fromkeys(("v", "sv", "vhd", "vhdl"), r".+_tb|tb_.+"),
}
_NAMED_AFTER = re.compile(  # what a test's name adds to the name of the code
    r"^(?:tests?|spec|tst)[_.-]|^Test(?=[A-Z])|[_.-](?:[Tt]ests?|unittests?|specs?|SUITE|cy|e2e|tb)$"
    r"|(?<=[a-z0-9])(?:TestCase|Tests?|Specs?|Suite|ITCase|IT|Cest)$"
)


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


@lru_cache(32_768)  # every hunk of a file asks, and the files of a large change are gone through several times
def is_test(path: str) -> bool:
    """Return whether a file is a test, or belongs to tests, by its name and its folders."""
    *folders, name = path.split("/")
    stem, dot, suffix = name.rpartition(".")
    if dot and suffix in _TEST_SUFFIXES:
        return True
    if any(folder.lower() in _TEST_FOLDERS or _is_test_folder(folder) for folder in folders):
        return True
    language = identify_language(path)
    if _is_folder_of_language(folders, language):
        return True
    patterns = _list_stem_patterns(language, suffix.lower() if dot else "")
    return any(pattern.fullmatch(stem if dot else name) for pattern in patterns)


def get_tested_name(path: str) -> str:
    """Return the name of the code that a test is named after, without suffixes; for other files their own name."""
    name = path.rpartition("/")[2]
    stem = name.partition(".")[0]
    if not is_test(path):
        return stem
    dotted = name.rpartition(".")[0]
    if "." in dotted and (bare := _NAMED_AFTER.sub("", dotted)) != dotted:  # thing.spec.ts
        return bare
    return _NAMED_AFTER.sub("", stem) or stem


def _is_test_folder(folder: str) -> bool:
    return _TEST_FOLDER.fullmatch(folder) is not None and _NO_TEST_FOLDER.fullmatch(folder) is None


def _is_folder_of_language(folders: list[str], language: Language | None) -> bool:
    """Return whether a folder holds tests in the language of the file, and something else in others.

    In Java and Go, a folder spec/ is about a specification.
    """
    if language is None or language.kind is not Kind.CODE:
        return False
    if "t" in folders or "xt" in folders:
        return language.name in _T_LANGUAGES
    specs = [index for index, folder in enumerate(folders) if folder.lower() in _SPEC_FOLDERS]
    return bool(specs) and (specs[0] == 0 or language.name in _SPEC_LANGUAGES)


def _list_stem_patterns(language: Language | None, suffix: str) -> Iterator[re.Pattern[str]]:
    yield _STEM
    kind = language.kind if language else Kind.OTHER
    if kind is not Kind.PROSE:
        yield _STEM_BUT_PROSE
    if kind is Kind.CODE:
        yield _STEM_OF_CODE
    for stems in (
        _STEMS_BY_LANGUAGE.get(language.name if language else ""),
        _STEMS_BY_SUFFIX.get(suffix),
    ):
        if stems:
            yield re.compile(stems)  # `re` keeps it
