"""git, through GitPython's command runner: the diff between two commits, and nothing the repository could say about it.

A bare git directory of our own borrows the clone's objects (git's "alternates"), so that the clone's configuration,
attributes, hooks, index, replacement refs and owner have no part in what is shown: a textconv driver does not run,
`*.py -diff` hides nothing, and "dubious ownership" does not arise. Only a ref's name is looked up in the clone itself.
"""

import os
import posixpath
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iquest_review.change import patch
from iquest_review.change.diff import Diff
from iquest_review.change.git_directory import GitDirectory, Refused, Remote, git_directory, path_in
from iquest_review.errors import GitError, UsageError

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# GitLab finds renames from 30 % on (gitaly), git itself from 50 %. The rest pins what configuration could change.
_DIFF = (
    *("diff", "--find-renames=30%", "--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", "--ignore-submodules=none"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--full-index", "--no-relative", "-O/dev/null"),
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A clone whose commits are read."""

    directory: Path
    timeout: float = 300  # seconds a git command may take
    largest: int = 256 * 1024**2  # bytes a diff may have: some five million lines, and five times that in memory

    def diff(self, base: str, head: str, remote: Remote | None = None) -> Diff:
        """What `head` changes since `base`, both full commit ids; commits the clone lacks come from `remote`.

        Raises GitError when a commit cannot be had.
        """
        commits = [_commit(base), _commit(head)]
        with self._borrowed(len(head)) as git:
            try:
                return patch.parse(self._patch(git, commits))
            except Refused as refused:
                missing = git.missing(commits)
                if not missing:
                    raise GitError(
                        f"the diff cannot be made from {self.directory}; is it a partial clone? {refused}"
                    ) from None
            if remote is None:
                raise GitError(
                    f"{self.directory} does not hold commit {' and '.join(missing)}; "
                    "fetch it, or clone with the whole history (GIT_DEPTH: 0)"
                )
            git.fetch(remote, missing, [commit for commit in commits if commit not in missing])
            return patch.parse(self._patch(git, commits))

    def merge_base(self, base: str, head: str) -> tuple[str, str, str]:
        """The commits of two refs and of their merge base, as (merge base, base, head), for `base...head`.

        Raises UsageError for a ref that is not there, GitError when the two have no common commit.
        """
        tips = [self._resolve(base), self._resolve(head)]
        with self._borrowed(len(tips[0])) as git:
            try:
                common = git.run("merge-base", "--end-of-options", *tips).decode("ascii").split()[0]
            except Refused as refused:
                if refused.status != 1:
                    raise
                raise GitError(f"{base} and {head} have no common commit in {self.directory}; is the clone shallow? "
                               "`git fetch --unshallow` completes it") from None  # fmt: skip
        return common, tips[0], tips[1]

    def blob(self, commit: str, path: str) -> bytes | None:
        """A file as it stands in a commit; None where there is no such file."""
        with self._borrowed(len(commit)) as git:
            if "\0" in path or posixpath.normpath(path) != path or path.split("/", 1)[0] in ("", ".", ".."):
                return None
            entry = git.run("ls-tree", "--full-tree", "-z", _commit(commit), "--", path)
            if not entry.startswith(b"100"):  # regular files only: a symbolic link leads anywhere
                return None
            return git.run("cat-file", "blob", entry.split()[2].decode("ascii"))

    def _patch(self, git: GitDirectory, commits: Sequence[str]) -> bytes:
        file = git.own / "patch"  # not a pipe: so its size is known before it is in memory
        git.run(*_DIFF, f"--output={file}", "--end-of-options", *commits)
        size = file.stat().st_size
        if size > self.largest:
            raise GitError(f"the diff has {size >> 20} MiB; more than {self.largest >> 20} MiB is not read")
        return file.read_bytes()

    def _resolve(self, ref: str) -> str:
        """The commit a ref of the clone names."""
        try:
            found, warnings = self._clone().ask("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
        except Refused as refused:
            raise UsageError(
                f"{ref!r} names no commit in {self.directory}{_why(refused)}; `git branch --all` lists what there is"
            ) from None
        if "is ambiguous" in warnings:  # git would take the tag
            raise UsageError(f"{ref!r} is the name of several refs; give it in full: refs/heads/{ref}")
        commit = found.decode("ascii", "replace").strip()
        if not _COMMIT.fullmatch(commit):  # ^main
            raise UsageError(f"{ref!r} names no single commit")
        return commit

    def _clone(self) -> GitDirectory:
        """The clone's own git directory, looked for as git does; linked work trees and bare ones included."""
        start = self.directory.resolve()
        try:
            for folder in (start, *start.parents):
                if own := git_directory(folder):
                    common = own / "commondir"  # of a linked work tree
                    shared = own / path_in(common.read_bytes()) if common.is_file() else own
                    return GitDirectory(own.resolve(), shared.resolve(), self.timeout)
        except OSError as error:
            raise GitError(f"{self.directory} cannot be read: {error.strerror}") from None
        raise GitError(f"{self.directory} is no git repository")

    @contextmanager
    def _borrowed(self, id_length: int) -> Iterator[GitDirectory]:
        clone = self._clone()
        with tempfile.TemporaryDirectory(prefix="iquest-review-") as temporary:
            home = Path(temporary)
            for folder in ("objects/info", "refs/heads"):
                (home / folder).mkdir(parents=True)
            (home / "HEAD").write_text("ref: refs/heads/none\n")
            (home / "config").write_text(_config(id_length))
            (home / "objects/info/alternates").write_bytes(os.fsencode(clone.common / "objects") + b"\n")
            if (clone.common / "shallow").is_file():
                (home / "shallow").write_bytes((clone.common / "shallow").read_bytes())
            yield GitDirectory(home, home, self.timeout, id_length)


def _config(id_length: int) -> str:
    """The configuration of our own git directory; a commit id of 64 digits is SHA-256."""
    if id_length == 64:
        return "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n"
    return "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"


def _commit(name: str) -> str:
    """The name, if it is a full commit id: nothing else reaches a git command line.

    Raises GitError otherwise.
    """
    if not _COMMIT.fullmatch(name):
        raise GitError(f"{name[:80]!r} is no commit id")
    return name


def _why(refused: Refused) -> str:
    """git's complaint about a ref, unless it says no more than that there is none."""
    return "" if "Needed a single revision" in refused.complaint else f" ({refused.complaint})"
