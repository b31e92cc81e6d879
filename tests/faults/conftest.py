"""The change that all faults are met with, made once."""

import pytest

from tests.support.fault_stage import Change


@pytest.fixture(scope="session")
def change(tmp_path_factory: pytest.TempPathFactory) -> Change:
    return Change.made(tmp_path_factory.mktemp("change") / "repository")
