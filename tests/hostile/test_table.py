"""The table itself: every row once, and every row with a case that is there."""

import re
from pathlib import Path

import pytest

from tests.hostile.table import TABLE, Row

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NUMBERS = (
    *(1, 3, 5, 6, 8, 9, 11, 13, 14, 15, 17, 18, 19, 20, 21, 24, 26, 27, 28, 29, 30, 31, 32, 34, 35, 37, 38, 39, 40, 42),
    *(43, 44, 45, 47, 48, 49, 50, 51, 52, 54, 55, 58, 59, 60, 61, 62, 63, 66, 67, 68, 69, 71, 72, 73, 75, 76, 77, 78),
)


def test_every_row_is_named_once() -> None:
    assert [row.name.partition("-")[0] for row in TABLE] == [f"H{number:02}" for number in NUMBERS]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in TABLE])
def test_every_row_has_a_case_of_its_name_here(row: Row) -> None:
    own = [
        path.name
        for path in HERE.glob("test_*.py")
        if path.name != "test_table.py" and f'"{row.name}"' in path.read_text()
    ]
    assert own


@pytest.mark.parametrize("test", sorted({test for row in TABLE for test in row.elsewhere}))
def test_every_test_that_a_row_names_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_every_case_belongs_to_a_row() -> None:
    named = {name for path in HERE.glob("test_*.py") for name in re.findall(r'"(H\d\d-[\w-]+)"', path.read_text())}
    assert named == {row.name for row in TABLE}
