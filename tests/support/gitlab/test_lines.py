"""That a line's number on the other side of a diff is where the line truly is."""

import difflib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.gitlab.lines import mapped
from tests.support.gitlab.repository import ChangedFile

TEXTS = st.lists(st.integers(1, 40), unique=True, max_size=40).map(lambda numbers: [f"line {n}\n" for n in numbers])


def changed(old: list[str], new: list[str]) -> ChangedFile:
    patch = "diff --git a/a b/a\n" + "".join(difflib.unified_diff(old, new, "a/a", "b/a"))
    return ChangedFile("a", "a", "100644", "100644", "M", patch.encode())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(TEXTS, TEXTS)
@example([f"line {n}\n" for n in range(30)], [f"line {n}\n" for n in range(29)])
@example([f"line {n}\n" for n in range(30)], [f"line {n}\n" for n in range(-5, 30)])
def test_a_line_is_found_where_it_went(old: list[str], new: list[str]) -> None:
    file, there = changed(old, new), dict[int, int]()
    for block in difflib.SequenceMatcher(None, old, new).get_matching_blocks():
        there |= {block.a + i + 1: block.b + i + 1 for i in range(block.size)}
    assert [mapped(file, n, "old to new") for n in range(1, len(old) + 1)] == [
        there.get(n) for n in range(1, len(old) + 1)
    ]
    back = {new_line: old_line for old_line, new_line in there.items()}
    assert [mapped(file, n, "new to old") for n in range(1, len(new) + 1)] == [
        back.get(n) for n in range(1, len(new) + 1)
    ]


@pytest.mark.parametrize("file", [None, ChangedFile("a", "b", "100644", "100644", "R", b"")])
def test_a_file_without_rows_changed_no_line(file: ChangedFile | None) -> None:
    assert mapped(file, 7, "old to new") == 7
