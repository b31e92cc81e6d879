"""What holds for every test: no setting, token or git configuration of the machine reaches it."""

import os
from pathlib import Path

import pytest

FOREIGN = ("CI", "GITLAB_", "IQUEST_", "MODEL_NAME", "GIT_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA")


@pytest.fixture(autouse=True)
def hermetic(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in [name for name in os.environ if name.upper().startswith(FOREIGN)]:
        if name != "IQUEST_TEST_SERVER_URL":
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    Path(home, ".gitconfig").write_text(
        "[user]\n\tname = Author\n\temail = author@example.org\n"
        "[init]\n\tdefaultBranch = main\n[commit]\n\tgpgsign = false\n"
    )
