"""git as the double's Gitaly: every diff, blob and commit it serves comes from a real repository."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# No configuration of the machine may change what a diff looks like.
SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index", "--find-renames=30%")
SHA = re.compile(r"[0-9a-f]{40}")
PREFIXES = ("--src-prefix=a/", "--dst-prefix=b/")


@dataclass(frozen=True)
class ChangedFile:
    """One file of a diff, as git names it, with its patch."""

    old_path: str
    new_path: str
    old_mode: str
    new_mode: str
    status: str
    patch: bytes

    @property
    def hunks(self) -> bytes:
        start = b"\n@@ " in self.patch and self.patch.index(b"\n@@ ") + 1
        return self.patch[start:] if start else b""

    @property
    def binary(self) -> bool:
        return b"\nBinary files " in self.patch and not self.hunks


@dataclass(frozen=True)
class Repository:
    """A git repository on disk, bare or not."""

    path: Path

    def git(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        argv = ["git", "--literal-pathspecs", "-c", "safe.directory=*", *arguments]
        env = {**os.environ, **SETTINGS, **(environment or {})}
        return subprocess.run(argv, cwd=self.path, env=env, input=stdin, capture_output=True, check=True).stdout

    def directory(self) -> Path:
        return Path(os.fsdecode(self.git("rev-parse", "--absolute-git-dir")).rstrip("\n"))

    def commit(self, revision: str) -> str | None:
        """The full SHA of a revision, None when the repository does not know it."""
        if not revision or revision.startswith("-"):
            return None
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
        except subprocess.CalledProcessError:
            return None

    def blob(self, revision: str, path: str) -> bytes | None:
        read = _blob if SHA.fullmatch(revision) else _blob.__wrapped__
        try:
            return read(self, revision, path)
        except subprocess.CalledProcessError:
            return None

    def merge_base(self, one: str, other: str) -> str:
        return self.git("merge-base", one, other).decode().strip()

    def patch(self, base: str, head: str, *paths: str) -> bytes:
        return self.git(*DIFF, *PREFIXES, base, head, "--", *paths)

    def changed_files(self, base: str, head: str, *paths: str) -> list[ChangedFile]:
        """Of two commits by their full SHAs."""
        return list(_changed_files(self, base, head, paths))

    def commits(self, base: str, head: str) -> list[list[str]]:
        """Newest first: sha, parents, author, mail, date, message."""
        log = self.git("log", "-z", "--format=%H%x01%P%x01%an%x01%ae%x01%cI%x01%B", f"{base}..{head}")
        return [row.split("\x01") for row in log.decode(errors="replace").split("\0") if row]

    def commit_file(self, parent: str, path: str, content: bytes, message: str, author: str) -> str:
        """A commit that changes one file; no branch and no working tree is touched. Returns its SHA."""
        who = {f"GIT_{role}_NAME": author for role in ("AUTHOR", "COMMITTER")}
        who |= {f"GIT_{role}_EMAIL": f"{author}@example.org" for role in ("AUTHOR", "COMMITTER")}
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self.git("read-tree", parent, environment=index)
            mode = self.git("ls-files", "--stage", "--", path, environment=index).split(b" ")[0].decode()
            blob = self.git("hash-object", "-w", "--stdin", stdin=content).decode().strip()
            self.git("update-index", "--cacheinfo", f"{mode},{blob},{path}", environment=index)
            tree = self.git("write-tree", environment=index).decode().strip()
        return self.git("commit-tree", tree, "-p", parent, "-m", message, environment=who).decode().strip()


# Commits never change: what was read of one by its SHA stays true, and a list of threads asks for it once a thread.


@lru_cache(maxsize=512)
def _blob(repository: Repository, revision: str, path: str) -> bytes:
    return repository.git("cat-file", "blob", f"{revision}:{path}")


@lru_cache(maxsize=512)
def _changed_files(repository: Repository, base: str, head: str, paths: tuple[str, ...]) -> list[ChangedFile]:
    rows = repository.git(*DIFF, "--raw", "-z", base, head, "--", *paths).split(b"\0")[:-1]
    patches = split_patch(repository.patch(base, head, *paths))
    files = []
    while rows:
        old_mode, new_mode, _, _, status = rows.pop(0).decode().removeprefix(":").split(" ")
        old_path = os.fsdecode(rows.pop(0))
        new_path = os.fsdecode(rows.pop(0)) if status[0] in "RC" else old_path
        # git shows a change of type, a file turned into a link, as a deletion and an addition.
        patch = patches.pop(0) + (patches.pop(0) if status == "T" else b"")
        files.append(ChangedFile(old_path, new_path, old_mode, new_mode, status[0], patch))
    return files


def split_patch(patch: bytes) -> list[bytes]:
    """One patch a file. A line of content starts with a space, +, - or a backslash, so no header is mistaken."""
    parts = (b"\n" + patch).split(b"\ndiff --git ")[1:]
    return [b"diff --git " + part + (b"" if part.endswith(b"\n") else b"\n") for part in parts]
