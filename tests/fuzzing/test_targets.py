"""The targets of fuzz/ keep their word over what is made of their seeds, so that they are there when atheris is."""

from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.promise import Broken, holds, parts

TARGETS = sorted(
    path.stem for path in (Path(__file__).parents[2] / "fuzz").glob("*.py") if "\nSEEDS = (" in path.read_text("utf-8")
)
MODULES = {target: import_module(f"fuzz.{target}") for target in TARGETS}
PIECES = st.integers(0, 60)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_what_is_made_of_the_seeds_breaks_no_promise(target: str, data: st.DataObject) -> None:
    module = MODULES[target]
    one, other = (data.draw(st.sampled_from(module.SEEDS)) for _ in range(2))
    start, end, again = (data.draw(PIECES) for _ in range(3))

    module.check(one[:start] + data.draw(st.binary(max_size=3)) + other[end:] + one[again:])


@pytest.mark.parametrize("target", TARGETS)
def test_the_seeds_break_no_promise(target: str) -> None:
    module = MODULES[target]
    for seed in module.SEEDS:
        module.check(seed)


def test_every_target_is_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "fuzz/README.md").read_text("utf-8")

    assert len(TARGETS) == 6
    assert [target for target in TARGETS if f"| `{target}` |" not in manual] == []


def test_a_broken_promise_is_told_and_an_input_has_its_parts() -> None:
    holds(True, "kept")
    with pytest.raises(Broken, match="a word"):
        holds(False, "a word")
    assert parts(b"a\x1fb\x1fc", 2) == ["a", "b\x1fc"]
    assert parts(b"\xff", 3) == ["\ufffd", "", ""]
