"""Real git in a temporary directory: trees written, committed, and asked for in bytes."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from iquest_review.diff.diff import Diff, FileDiff, LineKind

Name = str | bytes
WHO = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "A", "EMAIL": "a@example.org", "DATE": "2026-01-01T00:00:00Z"}.items()
}


class Link(NamedTuple):
    """A symbolic link, as the content of a tree."""

    target: bytes


class Executable(NamedTuple):
    """An executable file, as the content of a tree."""

    content: bytes


Content = bytes | Link | Executable
Tree = Mapping[Name, Content]


def git(directory: Path, *arguments: Name, status: int = 0, **environment: str) -> bytes:
    """What git prints; no configuration of the machine takes part."""
    ran = subprocess.run(
        ["git", *arguments], cwd=directory, env={**os.environ, **WHO, **environment}, capture_output=True
    )
    assert ran.returncode == status, (arguments, ran.stderr)
    return ran.stdout


class Checkout:
    """A repository whose work tree becomes whatever is committed."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main", *options)

    def git(self, *arguments: Name, status: int = 0, **environment: str) -> bytes:
        return git(self.path, *arguments, status=status, **environment)

    def write(self, tree: Tree) -> None:
        """Makes the work tree this and nothing else."""
        for entry in self.path.iterdir():
            if entry.name != ".git":
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        for name, content in tree.items():
            put(self.path, name, content)

    def commit(self, tree: Tree, message: str = "Change") -> str:
        """Commits this tree and nothing else; returns the commit's id."""
        self.write(tree)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").decode().strip()

    def diff(self, *options: str) -> bytes:
        """The change of the last commit."""
        return self.git("diff", "--find-renames=30%", *options, "HEAD~1", "HEAD")


def put(directory: Path, name: Name, content: Content) -> None:
    path = os.path.join(os.fsencode(directory), os.fsencode(name))  # noqa: PTH118 - names that are no UTF-8
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    if isinstance(content, Link):
        os.symlink(content.target, path)  # noqa: PTH211
        return
    Path(os.fsdecode(path)).write_bytes(content if isinstance(content, bytes) else content.content)
    if isinstance(content, Executable):
        Path(os.fsdecode(path)).chmod(0o755)


def only(diff: Diff) -> FileDiff:
    """The file diff of a diff that has one."""
    assert len(diff.files) == 1, [file.path for file in diff.files]
    return diff.files[0]


def shape(file: FileDiff) -> list[tuple[str, int | None, int | None, bytes]]:
    """A file diff's lines, readable in a failed test."""
    return [(line.kind.value, line.old_line, line.new_line, line.raw) for line in file.iter_lines()]


def texts(file: FileDiff, kind: LineKind) -> list[str]:
    return [line.text for line in file.iter_lines() if line.kind is kind]
