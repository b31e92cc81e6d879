from collections import Counter
from importlib import import_module

import pytest

from iquest_review.code.languages import (
    LANGUAGES,
    Kind,
    get_kind,
    get_language_family,
    get_suffix,
    has_free_indent,
    identify_language,
    list_name_endings,
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/app.py", "Python"),
        ("app.pyi", "Python"),
        ("a.b/Main.KT", "Kotlin"),
        ("web/view.tsx", "TSX"),
        ("include/a.h", "C++"),
        ("kernel.cu", "CUDA"),
        ("Dockerfile", "Dockerfile"),
        ("deploy/Makefile", "Makefile"),
        (".sh", "Shell"),
        ("README.md", "Markdown"),
    ],
)
def test_a_file_has_the_language_of_its_name(path: str, name: str) -> None:
    language = identify_language(path)
    assert language is not None
    assert language.name == name


@pytest.mark.parametrize("path", ["", "go", "bin/go", "app.py/run", "a.unknown", "a.", "dockerfile", "x.py\n", "a.py/"])
def test_a_name_outside_the_table_has_no_language(path: str) -> None:
    assert identify_language(path) is None
    assert get_kind(path) is Kind.OTHER
    assert not has_free_indent(path)


@pytest.mark.parametrize(
    ("path", "suffix"),
    [("a.py", "py"), ("a.tar.GZ", "gz"), ("x.d/run", ""), ("run", ""), (".env", "env"), ("a.", "")],
)
def test_a_suffix_follows_the_last_dot_of_the_files_name(path: str, suffix: str) -> None:
    assert get_suffix(path) == suffix


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.rs", Kind.CODE),
        ("a.sql", Kind.CODE),
        ("a.rst", Kind.PROSE),
        ("a.html", Kind.PROSE),
        ("a.svg", Kind.DATA),
        ("a.ipynb", Kind.DATA),
        ("a.yml", Kind.OTHER),
        ("a.css", Kind.OTHER),
        ("Makefile", Kind.OTHER),
    ],
)
def test_a_file_has_the_kind_of_its_language(path: str, kind: Kind) -> None:
    assert get_kind(path) is kind


def test_suffixes_that_are_not_ranked_as_code_keep_language_and_family() -> None:
    language = identify_language("a.mts")
    assert language is not None
    assert (language.name, language.kind, language.free_indent) == ("TypeScript", Kind.OTHER, False)
    assert get_language_family("a.mts") == get_language_family("b.js")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("a.ts", "b.vue", True),
        ("a.c", "b.hpp", True),
        ("A.java", "B.kt", True),
        ("a.py", "b.pyi", True),
        ("a.rb", "b.go", False),
        ("a.rb", "b.rake", False),
        ("a.unknown", "b.UNKNOWN", True),
        ("bin/run", "bin/stop", False),
        ("bin/run", "bin/run", True),
    ],
)
def test_files_that_call_each_other_share_a_family(left: str, right: str, same: bool) -> None:
    assert (get_language_family(left) == get_language_family(right)) is same


@pytest.mark.parametrize(
    ("path", "free"), [("a.go", True), ("a.json", True), ("a.py", False), ("a.yml", False), ("Makefile", False)]
)
def test_indentation_has_no_meaning_in_some_languages(path: str, free: bool) -> None:
    assert has_free_indent(path) is free


def test_name_endings_are_those_of_the_named_languages() -> None:
    assert list_name_endings("Python", "Dockerfile") == (".py", ".pyi", "Dockerfile")
    with pytest.raises(KeyError):
        list_name_endings("Klingon")


def test_each_suffix_and_each_name_is_in_one_row() -> None:
    suffixes = Counter(suffix for language in LANGUAGES for suffix in (*language.suffixes, *language.file_names))
    assert {suffix for suffix, rows in suffixes.items() if rows > 1} == set()
    names = [language.name for language in LANGUAGES]
    assert len(names) == len(set(names))
    assert all(suffix == suffix.lower().strip(".") for language in LANGUAGES for suffix in language.suffixes)


def test_each_grammar_is_one_of_a_known_language() -> None:
    sources = import_module("iquest_review.code.grammars")._SOURCES
    assert set(sources) <= {language.name for language in LANGUAGES}
