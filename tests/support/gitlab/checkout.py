"""A git repository that tests write commits into."""

import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.gitlab.repository import SETTINGS

IDENTITY = {"NAME": "Author", "EMAIL": "author@example.org", "DATE": "2026-01-01T00:00:00Z"}
WHO = {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in IDENTITY.items()}


class Checkout:
    """`commit` takes the files that change; None deletes one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        environment = {**os.environ, **SETTINGS, **WHO}
        argv = ["git", *arguments]
        ran = subprocess.run(argv, cwd=self.path, env=environment, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    def commit(
        self, files: Mapping[str, str | bytes | None], message: str = "Change", executable: str | None = None
    ) -> str:
        """Returns the new commit's SHA."""
        for name, text in files.items():
            self._write(self.path / name, text)
        if executable:
            (self.path / executable).chmod(stat.S_IRWXU)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def _write(self, path: Path, text: str | bytes | None) -> None:
        if text is None:
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
