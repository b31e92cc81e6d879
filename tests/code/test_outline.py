"""A line's function is found in every language we know, and something like it in all the others."""

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.code import grammars
from iquest_review.code.outline import Definition, find_enclosing_definition, outline_file


def outline(path: str, text: str | bytes) -> list[str]:
    """The definitions as "kind name first-last"."""
    raw = text.encode() if isinstance(text, str) else text
    return [f"{one.kind} {one.name} {one.first}-{one.last}" for one in outline_file(path, raw)]


SOURCES = {
    "a.py": (
        "import os\n\n@cached\n@traced(1)\nasync def f(a: int,\n    b: int) -> int:\n    return a\n\n\n"
        "# about A\nclass A(B):\n    x = 1\n\n    @property\n    def m(self):\n        def inner():\n            pass\n"
        "        return inner\n\nadd = lambda a, b: (\n    a + b)\n",
        ["function f 3-7", "class A 11-18", "method m 14-18", "function inner 16-17", "function add 20-21"],
    ),
    "a.jsx": (
        "export default function () {\n}\nexport const f = async (a) => {\n  return <b>{a}</b>\n}\nclass A {\n"
        "  m() {\n  }\n  g = () => {\n  }\n}\nx.y = function* () {\n}\nconst o = {\n  k: () => 1,\n  n() {\n  },\n}\n"
        "it('adds', () => {\n  list.map(a => {\n    return a\n  })\n})\nconst M = memo((a) => {\n})\n",
        [
            *("function default 1-2", "function f 3-5", "class A 6-11", "method m 7-8", "method g 9-10"),
            *("function x.y 12-13", "function k 15-15", "function n 16-17", "callback adds 19-23", "function M 24-25"),
        ],
    ),
    "a.ts": (
        "@Component({\n  a: 1,\n})\nexport abstract class A {\n  @Input()\n  @Other()\n  m(a: number): void {\n  }\n"
        "  private g = () => {\n  }\n}\ninterface I {\n  a: string\n}\nenum E {\n  A,\n}\nnamespace N {\n"
        "  function f() {}\n}\ntype T = {\n  a: string\n}\n",
        [
            *("class A 1-11", "method m 5-8", "method g 9-10", "interface I 12-14", "enum E 15-17"),
            *("namespace N 18-20", "function f 19-19", "type T 21-23"),
        ],
    ),
    "a.tsx": ("const A = (p: P) => {\n  return <b>{p.a}</b>\n}\n", ["function A 1-3"]),
    "a.go": (
        "package a\n\n// S is.\ntype S struct {\n\ta int\n}\n\ntype (\n\tI interface {\n\t\tM()\n\t}\n)\n\n"
        "func (s *S) M(a int) error {\n\treturn nil\n}\n\nfunc TestF(t *testing.T) {\n\tg := func() {\n\t}\n"
        '\tt.Run("adds", func(t *testing.T) {\n\t\tg()\n\t})\n}\n',
        [
            *("struct S 4-6", "interface I 9-11", "method M 14-16", "function TestF 18-24"),
            *(
                "function g 19-20",
                "callback adds 21-23",
            ),
        ],
    ),
    "a.java": (
        "@A\npublic class C<T> extends B {\n  C() {\n  }\n  @Override\n  public int m(int a) {\n"
        "    Runnable r = () -> {\n"
        "    };\n    return 1;\n  }\n  interface I {\n  }\n  enum E {\n    A\n  }\n  record R(int a) {\n  }\n}\n",
        [
            *("class C 1-18", "method C 3-4", "method m 5-10", "function r 7-8", "interface I 11-12"),
            *(
                "enum E 13-15",
                "record R 16-17",
            ),
        ],
    ),
    "a.kt": (
        "class A(val x: Int) {\n  init {\n  }\n  fun f(a: Int): Int {\n    return 1\n  }\n"
        "  companion object {\n  }\n}\n"
        "object O {\n}\nfun String.ext() = 1\nval g = { x: Int ->\n  x\n}\n",
        [
            *("class A 1-9", "method  2-3", "method f 4-6", "object  7-8", "object O 10-11"),
            *(
                "function ext 12-12",
                "function g 13-15",
            ),
        ],
    ),
    "a.c": (
        "static int\n*f(int a)\n{\n  return 0;\n}\nstruct s;\nstruct s {\n  int a;\n};\ntypedef struct {\n"
        "  int b;\n} t;\n"
        "enum e {\n  A\n};\n#define X(a) \\\n  do {} while (0)\nint g(void);\n",
        ["function f 1-5", "struct s 7-9", "struct t 10-12", "enum e 13-15", "macro X 16-17"],
    ),
    "a.cpp": (
        "namespace n {\ntemplate <class T>\nclass A : B {\n public:\n  A(int a) : x(a) {\n  }\n  int f() const {\n"
        "    auto g = [](int a) {\n      return 1;\n    };\n  }\n};\n}\nint &A::f() {\n  return 1;\n}\n",
        ["namespace n 1-13", "class A 2-12", "method A 5-6", "method f 7-11", "function g 8-10", "function A::f 14-16"],
    ),
    "a.cs": (
        "namespace N {\n  [X]\n  public class C : B {\n    public C(int a) {\n    }\n    public int P {\n"
        "      get { return 1; }\n    }\n    public int M(int a) {\n      int L() {\n        return 1;\n      }\n"
        "      return L();\n    }\n    public int Q() => 1;\n  }\n  struct S {\n  }\n  record R(int A);\n}\n",
        [
            *("namespace N 1-20", "class C 2-16", "method C 4-5", "property P 6-8", "method M 9-14"),
            *("function L 10-12", "method Q 15-15", "struct S 17-18", "record R 19-19"),
        ],
    ),
    "a.rs": (
        "#[derive(A)]\n#[derive(B)]\nstruct S {\n  a: i32,\n}\nimpl<T> Tr for S {\n  #[inline]\n"
        "  pub fn f(&self) -> i32 {\n"
        "    let c = |x| {\n      x\n    };\n    1\n  }\n}\ntrait Tr {\n  fn h() {\n  }\n}\nmod m {\n}\n"
        "macro_rules! mm {\n  () => {};\n}\n",
        [
            *("struct S 1-5", "impl S 6-14", "method f 7-13", "function c 9-11", "trait Tr 15-18", "method h 16-17"),
            *("module m 19-20", "macro mm 21-23"),
        ],
    ),
    "a.rb": (
        "module M\n  class A < B\n    def f(a)\n      1\n    end\n\n    def self.g\n    end\n  end\nend\n"
        "describe 'x' do\n  it \"adds\" do\n  end\nend\ng = ->(x) {\n  x\n}\n",
        [
            *("module M 1-10", "class A 2-9", "method f 3-5", "method g 7-8", "callback x 11-14"),
            *(
                "callback adds 12-13",
                "function g 15-17",
            ),
        ],
    ),
    "a.php": (
        "<?php\nnamespace A;\n#[X]\nfinal class C extends B {\n  public function m(int $a): int {\n"
        "    return 1;\n  }\n}\n"
        "interface I {\n}\ntrait T {\n}\nfunction f() {\n}\n$g = function () {\n};\nit('adds', function () {\n});\n",
        [
            *("class C 3-8", "method m 5-7", "interface I 9-10", "trait T 11-12", "function f 13-14"),
            *(
                "function $g 15-16",
                "callback adds 17-18",
            ),
        ],
    ),
    "a.sh": ("#!/bin/sh\nf() {\n  echo\n}\nfunction g {\n  echo\n}\n", ["function f 2-4", "function g 5-7"]),
    "a.scala": (
        "class C(x: Int) extends B {\n  def f(a: Int): Int = {\n    1\n  }\n}\nobject O {\n"
        "  val g = (x: Int) =>\n    x\n}\n"
        "trait T {\n}\ncase class K(a: Int)\n",
        ["class C 1-5", "method f 2-4", "object O 6-9", "method g 7-8", "trait T 10-11", "class K 12-12"],
    ),
}


@pytest.mark.parametrize("path", SOURCES)
def test_every_language_has_its_definitions(path: str) -> None:
    text, expected = SOURCES[path]

    assert outline(path, text) == expected


@pytest.mark.parametrize("path", SOURCES)
def test_line_endings_and_a_byte_order_mark_change_nothing(path: str) -> None:
    text, expected = SOURCES[path]

    assert outline(path, b"\xef\xbb\xbf" + text.encode()) == expected
    if path != "a.c":  # the last line of a macro is continued by a backslash and a line feed
        assert outline(path, text.replace("\n", "\r\n")) == expected


def test_a_signature_is_one_row_without_decorators() -> None:
    first, *_ = outline_file("a.py", SOURCES["a.py"][0].encode())

    assert first.signature == "async def f(a: int, b: int) -> int:"
    assert outline_file("a.go", SOURCES["a.go"][0].encode())[2].signature == "func (s *S) M(a int) error"


def test_latin_1_is_parsed_like_anything_else() -> None:
    assert outline("a.py", "def grüße():\n    return 'é'\n".encode("latin-1")) == ["function grüße 1-2"]


@pytest.mark.parametrize("path", ["a.py", "a.go", "a.txt", "Makefile", ""])
def test_an_empty_file_defines_nothing(path: str) -> None:
    assert outline(path, b"") == []
    assert outline(path, b"\n\n") == []


def test_another_language_is_cut_where_git_would_cut_it() -> None:
    swift = "import A\n\nfunc f(a: Int) {\n    a()\n}\n\n// about g\nclass G {\n  func m() {}\n}\n$x\n_y = 1\n"

    assert outline("a.swift", swift) == [
        *("section A 1-2", "section f 3-7", "section G 8-10", "section $x 11-11", "section _y 12-12")
    ]


def test_a_file_that_does_not_parse_is_cut_as_one_of_another_language() -> None:
    assert outline("a.py", "def f(:\n  )) ((\n ]] {{ ;;\n !! ??\n") == ["section f 1-4"]


def test_one_mistake_leaves_the_other_functions() -> None:
    text = (
        "def f():\n    return (1\n\n\ndef g():\n    return 2\n\n\ndef h():\n    x = 1\n    return x\n" + "a = 1\n" * 10
    )

    assert "function h 9-11" in outline("a.py", text)


def test_a_too_large_file_is_not_parsed() -> None:
    many = b"def f(): pass\n" * (20_001)
    large = b"def f():\n    '" + b"x" * 1_000_000 + b"'\n"

    assert {one.kind for one in outline_file("a.py", many)} == {"section"}
    assert outline("a.py", large) == ["section f 1-2"]


def test_a_parse_that_takes_too_long_is_given_up() -> None:
    text = b"def f():\n    pass\n" * 2_000
    late = iter(range(1_000_000))

    assert grammars.run_query("a.py", text) is not None
    assert grammars.run_query("a.py", text, lambda: float(next(late))) is None


HOSTILE = {
    "nested brackets": b"[" * 10_000 + b"]" * 10_000,
    "nested brackets, a line each": b"[\n" * 9_000 + b"]\n" * 9_000,
    "never closed": b"{([<" * 50_000,
    "one line": b"function f(a){return a+b(c)};" * 10_000,
    "nested functions": b"f(function(){" * 5_000,
    "nested signs": b"x = \\\n" + b"-~" * 1_500 + b"1\n",
    "nested indentation": b"".join(b" " * depth + b"if x:\n" for depth in range(300)),
    "comments that never end": b"/* //\n" * 300,
    "no text": bytes(range(256)) * 20,
}


@pytest.mark.timed
@pytest.mark.parametrize("path", SOURCES)
def test_hostile_text_is_survived_quickly(path: str) -> None:
    for text in HOSTILE.values():
        started = time.process_time()
        found = outline_file(path, text)

        assert all(1 <= one.first <= one.last <= text.count(b"\n") + 1 for one in found)
        assert time.process_time() - started < 3


@given(st.text(alphabet="df(){}[]:=>'\"`#@ \n\tclass", max_size=300), st.sampled_from(sorted(SOURCES)))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_text_has_definitions_in_order_and_within_it(text: str, path: str) -> None:
    found = outline_file(path, text.encode())

    assert [(one.first, -one.last) for one in found] == sorted((one.first, -one.last) for one in found)
    assert all(1 <= one.first <= one.last <= text.count("\n") + 1 for one in found)


def test_no_parser_is_loaded_before_a_file_of_its_language_is_there() -> None:
    code = (
        "import sys; from iquest_review.code.outline import outline_file;"
        "print(any(name.startswith('tree_sitter') for name in sys.modules));"
        "outline_file('a.go', b'package a');"
        "print(*sorted(name for name in sys.modules if name.startswith('tree_sitter_') and '.' not in name))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert finished.stdout.split() == ["False", "tree_sitter_go"]


# -- enclosing

OUTER = Definition("A", "class", 1, 500, "class A")
LONG = Definition("f", "method", 10, 209, "def f")
INNER = Definition("g", "function", 20, 30, "def g")
SIBLING = Definition("h", "method", 300, 500, "def h")
NESTED = (OUTER, LONG, INNER, SIBLING)


@pytest.mark.parametrize(
    ("line", "expected"),
    [(20, INNER), (30, INNER), (31, LONG), (10, LONG), (209, LONG), (210, None), (5, None), (400, None), (501, None)],
)
def test_a_line_is_in_the_innermost_definition_unless_that_is_too_long(line: int, expected: Definition | None) -> None:
    assert find_enclosing_definition(NESTED, line) == expected


def test_the_longest_definition_is_a_parameter() -> None:
    assert find_enclosing_definition(NESTED, 400, most=201) == SIBLING
    assert find_enclosing_definition(NESTED, 5, most=500) == OUTER
    assert find_enclosing_definition(NESTED, 25, most=10) is None
    assert find_enclosing_definition((), 1) is None
