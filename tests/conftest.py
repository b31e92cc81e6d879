"""What holds for every test: no setting, token, language or git configuration of the machine reaches it."""

import itertools
import os
import signal
from collections.abc import Iterator

import pytest

FOREIGN = (
    *("CI", "GITLAB_", "IQUEST_", "MODEL_NAME", "GIT_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA"),
    *("LANG", "LC_"),  # the words that git and diff say
)
GITCONFIG = """\
[user]
	name = Author
	email = author@example.org
[init]
	defaultBranch = main
[commit]
	gpgsign = false
"""
HOMES = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def hermetic_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For what is made once for many tests, which is before the first of them is hermetic."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _shut_out(monkeypatch, tmp_path_factory)
        yield


@pytest.fixture(autouse=True)
def hermetic(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    _shut_out(monkeypatch, tmp_path_factory)


def _shut_out(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in [name for name in os.environ if name.upper().startswith(FOREIGN)]:
        if name != "IQUEST_TEST_SERVER_URL":
            monkeypatch.delenv(name)
    # by a count of our own: mktemp("home") looks through thousands of folders for the next free number
    home = tmp_path_factory.getbasetemp() / "homes" / str(next(HOMES))
    home.mkdir(parents=True)
    (home / ".gitconfig").write_text(GITCONFIG)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """A shell lets what it starts with `&` ignore SIGINT, and so would every process that a test starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
