import time
from collections import Counter
from importlib import import_module

import pytest

from iquest_review.code.languages import (
    LANGUAGES,
    Kind,
    get_kind,
    get_language_family,
    get_suffix,
    get_tested_name,
    has_free_indent,
    identify_language,
    is_test,
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


@pytest.mark.parametrize("path", ["a.mts", "a.cts", "a.hxx", "a.cu", "a.rake", "a.kts", "a.hh"])
def test_rare_suffixes_are_code_as_their_language_is(path: str) -> None:
    assert get_kind(path) is Kind.CODE
    assert has_free_indent(path)


def test_a_page_is_prose_by_both_its_suffixes() -> None:
    assert get_kind("a.htm") is get_kind("a.html") is Kind.PROSE
    assert get_kind("a.sc") is Kind.CODE


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


@pytest.mark.parametrize(
    "path",
    """
        tests/data.py Tests/AppTests/Run.swift src/test/java/app/Data.java pkg/testdata/a.json
        test/helper.ex app/fixtures/users.yml ui/__tests__/a.tsx ui/__mocks__/fs.js ui/__fixtures__/a.ts
        e2e/login.ts apps/shop-e2e/src/a.ts cypress/support/a.js features/step_definitions/a.rb
        Shop.Tests/Bar.cs src/Shop.UnitTests/Bar.cs Shop.Test/Bar.fs ShopUITests/Launch.swift
        app/src/androidTest/java/a/B.kt src/commonTest/kotlin/B.kt src/testFixtures/java/B.java
        app/src/androidTestDebug/java/B.java unit-tests/a.c integration_test/app.dart rust/foo-tests/a.rs
        test_data/a.bin tests-unit/a.py llvm/unittests/A.cpp lib/testing/fake.go spec/models/user.rb
        web/spec/javascripts/a.js spec/unit.cpp tests/README.md t/basic.t t/lib/Foo.pm t/t0001-init.sh
        xt/a.pl tests/run.phpt a.t conftest.py app/tests.py test_app.py app_test.py pay/pay_test.go
        src/lexer/tests.rs src/lexer/test.rs lexer_tests.rs core_test.clj ParserTest.java ParserTests.java
        ParserIT.java ITParser.java ParserITCase.java TestParser.java ParserTestCase.php HTTPTest.java
        Test.java ParserTest.kt ParserSpec.kt ParserSpec.scala ParserSuite.scala ParserSpec.groovy
        ParserSpec.hs ParserTests.cs ParserTest.php ParserCest.php ParserTests.swift ParserTests.m
        ParserSpec.swift a.test.ts a.test.js a.spec.tsx a.cy.ts a.e2e.ts a.e2e-spec.ts a.test-d.ts
        a.spec.mts test.js aSpec.js a-test.js a_test.ts test-a.mjs view.spec.vue user_spec.rb user_test.rb
        test_user.rb spec_helper.rb rails_helper.rb parser_tests.cpp parser_unittest.cc test-date.c
        ParserTest.cpp tst_parser.cpp TestParser.cpp ParserTest.mm user_SUITE.erl prop_user.erl
        user_tests.erl user_test.exs test_helper.exs parser-test.el parser-tests.el test-parser.el run.bats
        install_test.sh test-install.sh Module.Tests.ps1 login.feature runtests.jl test-parser.R
        parser_spec.lua parser_test.dart parser_test.zig Token.t.sol main.tftest.hcl counter_tb.v
        counter_spec.cr a.test.json login.robot test_install.sql
    """.split(),
)
def test_a_test_is_known_by_its_name(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize(
    "path",
    """
        contest.py latest.go attest/sign.go inspect/a.py specification.md t.py test.py testing.go
        protest/a.rs greatest.java src/t.ts src/t/a.py locale/t/a.json latest/a.js Latest.java Credit.java
        AUDIT.java ITEM.java LIMIT.java iTunes.java Commit.cs tester.py testify.go PodSpec.java pod_spec.go
        column_spec.py api/spec/types.go javax/crypto/spec/Key.java openapi.spec.yaml api-spec/openapi.yaml
        spec/openapi.yaml design-spec.md foo.podspec foo.spec conftest/a.go manifest.json suite.go Suite.kt
        feature/a.py contests/a.py src/attests.rb ab-test/page.tsx unittest/case.py pytest/a.py e2ee/key.go
        encryption_e2ee.go testimonials.vue test-plan.component.ts it.java IT.java spec.go mocks.py
        detest.el fastest.sh / . tests T/a.pl src/Attest.java bitest/a.c
    """.split(),
)
def test_a_name_that_resembles_a_test_is_none(path: str) -> None:
    assert not is_test(path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("tests/test_pay.py", "pay"), ("pay_test.go", "pay"), ("PayTest.java", "Pay"), ("PayIT.java", "Pay")),
        *(("PayTests.cs", "Pay"), ("pay.spec.ts", "pay"), ("pay.cy.ts", "pay"), ("pay_spec.rb", "pay")),
        *(("pay_SUITE.erl", "pay"), ("PaySpec.scala", "Pay"), ("pay-test.el", "pay"), ("tst_pay.cpp", "pay")),
        *(("TestPay.java", "Pay"), ("pay.service.spec.ts", "pay.service"), ("contest.py", "contest")),
        *(("pay.py", "pay"), ("PodSpec.java", "PodSpec"), ("tests/data.json", "data"), ("tests.py", "tests")),
    ],
)
def test_a_test_is_named_after_its_code(path: str, name: str) -> None:
    assert get_tested_name(path) == name


def test_a_long_name_is_judged_in_no_time() -> None:
    started = time.process_time()

    for name in ("a-" * 100_000, "Test" * 50_000, "a." * 100_000 + "spec.ts", "_test" * 50_000):
        is_test(name + "/" + name + ".java")

    assert time.process_time() - started < 2
