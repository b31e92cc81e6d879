"""What added lines call, and what a file imports."""

import pytest

from iquest_review.code.calls import CallKind, find_calls, find_imports
from iquest_review.diff.diff import Line, LineKind


def added(*texts: str) -> list[Line]:
    return [Line(LineKind.ADDED, None, number, text.encode()) for number, text in enumerate(texts, 1)]


def test_the_functions_that_added_lines_call_are_named_in_order() -> None:
    lines = added(
        "x = load(path, parse(a))", "self.store.save(x); load(y)", 'println!("{}", size_of(z))', "$this->go()"
    )

    assert list(find_calls(lines)) == ["load", "parse", "save", "println", "size_of", "go"]


def test_unwanted_names_take_no_place_among_the_calls() -> None:
    assert list(find_calls(added("get(1); load(2); parse(3)"), most=2, without={"get"})) == ["load", "parse"]


def test_keywords_and_definitions_are_not_calls() -> None:
    lines = added(
        "if (a) {", "while(b)", "return (c)", "def f(a):", "func g(a int) {", "function h() {", "async fn i()"
    )

    assert find_calls([*lines, *added("elif (x): y(1)", "} catch (e) {", "class A(B):", "new Thing(1)")]) == {
        "y": CallKind.BARE
    }


def test_only_added_lines_call() -> None:
    assert find_calls([Line(LineKind.CONTEXT, 1, 1, b"f()"), Line(LineKind.REMOVED, 2, None, b"g()")]) == {}


def test_calls_are_bounded() -> None:
    assert find_calls(added(*(f"f{number}()" for number in range(100))), most=3) == {
        "f0": CallKind.BARE,
        "f1": CallKind.BARE,
        "f2": CallKind.BARE,
    }
    assert find_calls(added("(" * 100_000 + "a" * 100_000)) == {}


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("y = save(x)", CallKind.BARE),
        ("y = {...save(x)}", CallKind.BARE),
        ("y = Store::save(x)", CallKind.BARE),
        ("self.save(x)", CallKind.OWN),
        ("this.save(x)", CallKind.OWN),
        ("$this->save(x)", CallKind.OWN),
        ("super().save(x)", CallKind.OWN),
        ("files.save(x)", CallKind.OWN),  # a module
        ("y.save(x)", CallKind.METHOD),
        ("y?.save(x)", CallKind.METHOD),
        ("y->save(x)", CallKind.METHOD),
        ("self.store.save(x)", CallKind.METHOD),
        ("files().save(x)", CallKind.METHOD),
        ("y[0].save(x)", CallKind.METHOD),
        ("    .save(x)", CallKind.METHOD),
        ("y.save(x) or save(x)", CallKind.BARE),
    ],
)
def test_a_call_has_the_kind_of_its_owner(text: str, how: CallKind) -> None:
    assert find_calls(added(text), {"files"})["save"] is how


@pytest.mark.parametrize(
    "text",
    [
        "import files",
        "from x import files",
        "from x import (\n    y,\n    files,\n)",
        'import (\n\t"a/b"\n\t"a/files"\n)',
        "use crate::files;",
        "const files = require('f')",
        'import {\n  files,\n} from "x"',
        '#include "files.h"',
        "using App.files;",
    ],
)
def test_imported_names_are_found(text: str) -> None:
    assert "files" in find_imports(text.encode())


def test_other_names_are_not_imports() -> None:
    assert find_imports(b"import a\nfiles = 1\n# import files\nimportant(files)") == {"import", "a"}
    assert find_imports(b"from files import a") == {"a"}
    assert "files" not in find_imports(b"import (\n" + b"a\n" * 200 + b"files\n)"), "a statement that does not end"
