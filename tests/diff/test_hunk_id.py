"""What makes a hunk the same hunk: what it changes, and nothing else."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff import patch
from iquest_review.diff.diff import FileDiff, FileStatus
from iquest_review.diff.hunk_id import compute_hunk_id
from tests.support.checkout import Checkout, Executable, Tree
from tests.support.prompts import added, hunk, ids, modified, renamed

LINES = [b"line %d = %d\n" % (number, number * number) for number in range(60)]
NEW = b"a new line\n"

Identities = Callable[[Tree, Tree], list[str]]


@pytest.fixture
def identities(tmp_path: Path) -> Identities:
    """The identities of what git finds between two trees, in order."""
    checkout = Checkout(tmp_path / "repository")

    def run(before: Tree, after: Tree) -> list[str]:
        checkout.commit(before)
        checkout.commit(after)
        return [identity for file in patch.parse_patch(checkout.diff()).files for identity in ids(file)]

    return run


SAME = [b"same\n"] * 60


def file(lines: list[bytes], *changes: tuple[int, bytes]) -> bytes:
    """The text of these lines, with what stands before some of them."""
    before = dict(changes)
    return b"".join(before.get(number, b"") + line for number, line in enumerate(lines))


# --- what keeps it ---


def test_a_hunk_keeps_its_identity_when_lines_above_it_move_it(identities: Identities) -> None:
    [at_first] = identities({"a.py": file(LINES)}, {"a.py": file(LINES, (30, NEW))})

    longer = [b"# above\n", *LINES]
    [moved] = identities({"a.py": file(longer)}, {"a.py": file(longer, (31, NEW))})

    assert moved == at_first


def test_a_hunk_keeps_its_identity_beside_a_new_one(identities: Identities) -> None:
    before: Tree = {"a.py": file(LINES)}
    [at_first] = identities(before, {"a.py": file(LINES, (50, NEW))})

    first, second = identities(before, {"a.py": file(LINES, (10, b"x\n"), (50, NEW))})

    assert second == at_first != first


# --- what changes it ---


def test_the_same_rows_between_other_lines_are_another_hunk(identities: Identities) -> None:
    [at_first] = identities({"a.py": file(LINES)}, {"a.py": file(LINES, (30, NEW))})

    others = [b"another\n"] * 60
    [elsewhere] = identities({"a.py": file(others)}, {"a.py": file(others, (30, NEW))})

    assert elsewhere != at_first


def test_a_rename_makes_another_hunk(identities: Identities) -> None:
    before: Tree = {"a.py": file(LINES)}
    [at_first] = identities(before, {"a.py": file(LINES, (30, NEW))})

    assert identities(before, {"b/c.py": file(LINES, (30, NEW))}) != [at_first]


def test_another_mode_or_status_makes_another_hunk() -> None:
    one = modified("a.sh", hunk("+b"))
    script, link = replace(one, new_mode="100755"), replace(one, status=FileStatus.ADDED, new_mode="120000")

    assert len({*ids(one), *ids(script), *ids(link)}) == 3


@pytest.mark.parametrize(
    "rows",
    [
        (" a", "+c", " d"),
        (" a", "-b", " d"),
        (" a", "+b", "+b", " d"),
        (" a", "+b ", " d"),
        (" a", "+b\r", " d"),
        (" a", "+b", "\\ No newline at end of file"),
    ],
)
def test_another_changed_row_makes_another_hunk(rows: tuple[str, ...]) -> None:
    one, other = (modified("a.py", hunk(*rows)) for rows in ((" a", "+b", " d"), rows))

    assert list(ids(one)) != list(ids(other))


def test_the_same_rows_in_another_file_are_another_hunk() -> None:
    one, other = (modified(path, hunk("+b")) for path in ("a.py", "b.py"))

    assert list(ids(one)) != list(ids(other))


def test_a_name_and_rows_that_run_together_are_told_apart() -> None:
    one, other = modified("a", hunk("+b", "+c")), modified("a", hunk("+b\n+c"))

    assert compute_hunk_id(modified("a\0+b", hunk("+c")), hunk("+c")) != compute_hunk_id(one, one.hunks[0])
    assert list(ids(one)) == list(ids(other))  # no row holds a line feed


def test_equal_hunks_of_one_file_count_twice(identities: Identities) -> None:
    first, second = identities({"a.py": file(SAME)}, {"a.py": file(SAME, (10, NEW), (50, NEW))})

    assert first == second


# --- files of which no line changes ---


def test_a_file_without_changed_lines_has_its_own_identity(identities: Identities) -> None:
    before: Tree = {"a.py": file(LINES), "run.sh": b"x\n"}
    [moved] = identities(before, {"b.py": file(LINES), "run.sh": b"x\n"})
    [executable] = identities(before, {"a.py": file(LINES), "run.sh": Executable(b"x\n")})
    [empty] = identities(before, {**before, "new.py": b""})

    assert len({moved, executable, empty}) == 3


@pytest.mark.parametrize(
    "other",
    [
        renamed("a.py", "c.py"),
        renamed("x.py", "b.py"),
        replace(renamed("a.py", "b.py"), new_mode="100755"),
        FileDiff("a.py", "b.py", FileStatus.COPIED),
    ],
)
def test_another_rename_is_another_identity(other: FileDiff) -> None:
    assert list(ids(other)) != list(ids(renamed("a.py", "b.py")))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(path=st.text(st.characters(), max_size=9), rows=st.lists(st.binary(max_size=9), max_size=4))
def test_every_hunk_has_twelve_hexadecimal_digits(path: str, rows: list[bytes]) -> None:
    made = modified(path, hunk(*(b"+" + row for row in rows)))

    assert all(
        re.fullmatch("[0-9a-f]{12}", identity) for identity in (*ids(made), *ids(added(path)), *ids(renamed(path, "b")))
    )
