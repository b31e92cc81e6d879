"""A repository with one change, for the doubles that serve one."""

from pathlib import Path

import pytest

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


@pytest.fixture
def refs(checkout: Checkout) -> DiffRefs:
    base = checkout.commit({"src/a.txt": "a\nb\n"})
    return DiffRefs(base, base, checkout.commit({"src/a.txt": "a\nc\n"}, "Change b\n\nBecause."))
