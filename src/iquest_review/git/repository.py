"""git, through GitPython's command runner: the diff between two commits, and nothing the repository could say about it.

A bare git directory of our own borrows the clone's objects (git's "alternates"), so that the clone's configuration,
attributes, hooks, index, replacement refs and owner have no part in what is shown: a textconv driver does not run,
`*.py -diff` hides nothing, and "dubious ownership" does not arise. Only a ref's name is looked up in the clone itself.
"""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, FileDiff
from iquest_review.errors import GitError, UsageError
from iquest_review.git import objects
from iquest_review.git.command import GitDirectory, GitExitError, Remote, find_git_directory, parse_path_file

if TYPE_CHECKING:
    from iquest_review.git.history import History

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# GitLab finds renames from 30 % on (gitaly), git itself from 50 %. The rest pins what configuration could change.
_DIFF = (
    *("diff", "--find-renames=30%", "--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", "--ignore-submodules=none"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--full-index", "--no-relative", "-O/dev/null"),
)
# Lines of the commit's own regular text files; -w and -F, so that a name is a word and never an expression.
_GREP = (
    *("grep", "-n", "-z", "-I", "-w", "-F", "--no-color", "--full-name", "--no-textconv", "--no-recurse-submodules"),
    *("--no-column", "--no-heading", "--no-break"),
)
GREP_SECONDS, GREP_BYTES = 5.0, 1024**2
SHA_1_DIGITS = 40  # digits of a commit's id


@dataclass(frozen=True, slots=True)
class Repository:
    """A clone whose commits are read."""

    directory: Path
    timeout: float = 300  # seconds a git command may take
    largest: int = 128 * 1024**2  # bytes a diff may have: millions of lines, and ten times that in memory at worst

    @contextmanager
    def open_clone(self, remote: Remote | None = None) -> Iterator["OpenClone"]:
        """The clone, opened for a whole run: what had to be fetched from `remote` once stays until the end.

        Raises GitError where there is no repository.
        """
        clone = self._find_clone()
        with tempfile.TemporaryDirectory(prefix="iquest-review-") as temporary:
            home = Path(temporary)
            for folder in ("objects/info", "refs/heads"):
                (home / folder).mkdir(parents=True)
            (home / "HEAD").write_text("ref: refs/heads/none\n")
            (home / "config").write_text(_render_config(SHA_1_DIGITS))
            (home / "objects/info/alternates").write_bytes(os.fsencode(clone.common / "objects") + b"\n")
            if (clone.common / "shallow").is_file():
                (home / "shallow").write_bytes((clone.common / "shallow").read_bytes())
            yield OpenClone(self, GitDirectory(home, home, self.timeout), remote)

    def diff(self, base: str, head: str, remote: Remote | None = None) -> Diff:
        """What `head` changes since `base`: see `Opened.diff`."""
        with self.open_clone(remote) as opened:
            return opened.diff(base, head)

    def load_blob(self, commit: str, path: str) -> bytes | None:
        """A file as it stands in a commit: see `Opened.blob`."""
        with self.open_clone() as opened:
            return opened.load_blob(commit, path)

    def find_merge_base(self, base: str, head: str) -> tuple[str, str, str]:
        """The commits of two refs and of their merge base, as (merge base, base, head), for `base...head`.

        Raises UsageError for a ref that is not there, GitError when the two have no common commit.
        """
        tips = [self._resolve_ref(base), self._resolve_ref(head)]
        with self.open_clone() as opened:
            try:
                common = (
                    opened.prepare_git(tips[0]).run("merge-base", "--end-of-options", *tips).decode("ascii").split()[0]
                )
            except GitExitError as refused:
                if refused.status != 1:
                    raise
                raise GitError(f"{base} and {head} have no common commit in {self.directory}; is the clone shallow? "
                               "`git fetch --unshallow` completes it") from None  # fmt: skip
        return common, tips[0], tips[1]

    def _resolve_ref(self, ref: str) -> str:
        """The commit a ref of the clone names."""
        try:
            found, warnings = self._find_clone().run_with_warnings(
                "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}"
            )
        except GitExitError as refused:
            raise UsageError(
                f"{ref!r} names no commit in {self.directory}{_explain_exit(refused)}; "
                "`git branch --all` lists what there is"
            ) from None
        if "is ambiguous" in warnings:  # git would take the tag
            raise UsageError(f"{ref!r} is the name of several refs; give it in full: refs/heads/{ref}")
        commit = found.decode("ascii", "replace").strip()
        if not _COMMIT.fullmatch(commit):  # ^main
            raise UsageError(f"{ref!r} names no single commit")
        return commit

    def _find_clone(self) -> GitDirectory:
        """The clone's own git directory, looked for as git does; linked work trees and bare ones included."""
        start = self.directory.resolve()
        try:
            for folder in (start, *start.parents):
                if own := find_git_directory(folder):
                    common = own / "commondir"  # of a linked work tree
                    shared = own / parse_path_file(common.read_bytes()) if common.is_file() else own
                    return GitDirectory(own.resolve(), shared.resolve(), self.timeout)
        except OSError as error:
            raise GitError(f"{self.directory} cannot be read: {error.strerror}") from None
        raise GitError(f"{self.directory} is no git repository")


@dataclass(frozen=True, slots=True)
class OpenClone:
    """A clone, opened: one borrowed git directory for everything that a run asks of it."""

    repository: Repository
    directory: GitDirectory
    remote: Remote | None = None  # gives the commits that the clone lacks
    here: set[str] = field(default_factory=set)  # commits that were found

    def diff(self, base: str, head: str) -> Diff:
        """What `head` changes since `base`, both full commit ids.

        Raises GitError when a commit cannot be had.
        """
        commits = [_check_commit_id(base), _check_commit_id(head)]
        git = self.prepare_git(head)
        try:
            found = self._make_patch(git, commits)
            self.here.update(commits)  # their trees are, or there were no diff
            return patch.parse_patch(found)
        except GitExitError as refused:
            if not self._fetch_missing(git, commits):
                raise GitError(
                    f"the diff cannot be made from {self.repository.directory}; is it a partial clone? {refused}"
                ) from None
        return patch.parse_patch(self._make_patch(git, commits))

    def load_blob(self, commit: str, path: str) -> bytes | None:
        """A file as it stands in a commit; None where there is no such file.

        Raises GitError when the commit or the file cannot be had.
        """
        git = self._ensure_commit(commit)
        found = objects.list_entries(git, commit, [path]).get(path)
        return git.run("cat-file", "blob", found.id) if found else None

    def load_blobs(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """Files as they stand in a commit, by their paths in the order asked. Not among them: what is no regular file
        there, files over 1 MiB, those after the first 64 MiB, and those a partial clone has left away.

        Raises GitError when the commit cannot be had.
        """
        git = self._ensure_commit(commit)
        return objects.load_contents(git, objects.list_entries(git, commit, paths))

    def grep_definitions(self, commit: str, names: Iterable[str], most: int) -> list[tuple[str, int, str]]:
        """The first `most` lines of a commit that look like definitions of these names, as (path, line, text), the
        earlier names first. What is no identifier is not looked for; what takes too long is not found.

        Raises GitError when the commit cannot be had.
        """
        from iquest_review.code import definitions  # noqa: PLC0415 - a saved diff has no commits to look into

        wanted = definitions.filter_identifiers(names)
        return definitions.parse_definition_hits(self._grep_lines(commit, wanted), wanted)[:most]

    def grep_usages(self, commit: str, names: Iterable[str], most: int) -> list[tuple[str, int, str]]:
        """The lines of a commit that define these names and those that use them in code, of these for each name the
        first `most`, as (path, line, text) in the order of the paths.

        Raises GitError when the commit cannot be had.
        """
        from iquest_review.code import definitions  # noqa: PLC0415 - as above

        wanted = definitions.filter_identifiers(names)
        return definitions.parse_usage_hits(self._grep_lines(commit, wanted), wanted, most)

    def _grep_lines(self, commit: str, names: Sequence[str]) -> bytes:
        """What git prints of the lines with these identifiers, as far as it is read."""
        if not names:
            return b""
        patterns = [part for name in names for part in ("-e", name)]
        git = self._ensure_commit(commit)
        return git.run_bounded(
            *_GREP, *patterns, _check_commit_id(commit), "--", seconds=GREP_SECONDS, most=GREP_BYTES
        )[0]

    def load_history(self, base: str, head: str, files: Sequence[FileDiff], seconds: float) -> "History":
        """What the commits tell of a change, as far as they are here and can be read in so many seconds; of the files,
        the first ones count most. Raises GitError for what is no commit id."""
        from iquest_review.git import log  # noqa: PLC0415 - nor has it a history

        return log.load_history(self.prepare_git(base), _check_commit_id(base), _check_commit_id(head), files, seconds)

    def prepare_git(self, commit: str) -> GitDirectory:
        """The git directory, for ids like this one: whoever opens a clone need not know how it names its commits."""
        length = len(_check_commit_id(commit))
        if length != self.directory.id_length:
            (self.directory.own / "config").write_text(_render_config(length))
        return replace(self.directory, id_length=length)

    def _ensure_commit(self, commit: str) -> GitDirectory:
        git = self.prepare_git(commit)
        if commit not in self.here:
            self._fetch_missing(git, [commit])
            self.here.add(commit)
        return git

    def _fetch_missing(self, git: GitDirectory, commits: Sequence[str]) -> bool:
        """Fetches those of the commits that are not here; whether there were any."""
        missing = git.list_missing_commits(commits)
        if missing and self.remote is None:
            raise GitError(
                f"{self.repository.directory} does not hold commit {' and '.join(missing)}; "
                "fetch it, or clone with the whole history (GIT_DEPTH: 0)"
            )
        if missing and self.remote:
            git.fetch(self.remote, missing, [commit for commit in commits if commit not in missing])
        return bool(missing)

    def _make_patch(self, git: GitDirectory, commits: Sequence[str]) -> bytes:
        file = git.own / "patch"  # not a pipe: so its size is known before it is in memory
        git.run(*_DIFF, f"--output={file}", "--end-of-options", *commits)
        size, largest = file.stat().st_size, self.repository.largest
        if size > largest:
            raise GitError(f"the diff has {size >> 20} MiB; more than {largest >> 20} MiB is not read")
        return file.read_bytes()


def _render_config(id_length: int) -> str:
    """The configuration of our own git directory; a commit id of 64 digits is SHA-256."""
    if id_length == 64:
        return "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n"
    return "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"


def _check_commit_id(name: str) -> str:
    """The name, if it is a full commit id: nothing else reaches a git command line.

    Raises GitError otherwise.
    """
    if not _COMMIT.fullmatch(name):
        raise GitError(f"{name[:80]!r} is no commit id")
    return name


def _explain_exit(refused: GitExitError) -> str:
    """git's complaint about a ref, unless it says no more than that there is none."""
    return "" if "Needed a single revision" in refused.complaint else f" ({refused.complaint})"
