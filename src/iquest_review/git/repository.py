"""Read a clone: the diff between two commits, files, lines and history, without obeying the clone's own settings.

A temporary bare git directory borrows the objects of the clone (git's "alternates"). So the configuration, attributes,
hooks, index, replacement refs and owner of the clone have no effect on what is shown: no textconv driver runs,
`*.py -diff` hides nothing, and git does not complain about "dubious ownership". Only the name of a ref is looked up in
the clone itself.
"""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from iquest_review.code.mentions import Mentions, filter_identifiers
from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, FileDiff
from iquest_review.errors import GitError, UsageError
from iquest_review.git import grep, log, objects
from iquest_review.git.command import GitDirectory, GitExitError, Remote, find_git_directory, parse_path_file
from iquest_review.git.history import History

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# GitLab detects renames from 30 % similarity on (gitaly), git itself from 50 %. The other options fix what the
# configuration could change.
_DIFF = (
    *("diff", "--find-renames=30%", "--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", "--ignore-submodules=none"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--full-index", "--no-relative", "-O/dev/null"),
)
# A search and a history that take longer are not shown at all: what is cut off would depend on how busy the machine is.
MAX_CONTEXT_SECONDS = 30.0
SHA_1_DIGITS = 40  # of a commit id


@dataclass(frozen=True, slots=True)
class Repository:
    """A clone of which commits are read."""

    directory: Path
    timeout: float = 300  # seconds for one git command
    largest: int = 128 * 1024**2  # bytes of a diff: millions of lines, and at worst ten times that in memory

    @contextmanager
    def open_clone(self, remote: Remote | None = None) -> Iterator["OpenClone"]:
        """Open the clone for a whole run: a commit that is fetched from `remote` stays until the end.

        Raises GitError when there is no repository.
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
        """Return what `head` changes since `base`; see `OpenClone.diff`."""
        with self.open_clone(remote) as opened:
            return opened.diff(base, head)

    def load_blob(self, commit: str, path: str) -> bytes | None:
        """Return a file of a commit; see `OpenClone.load_blob`."""
        with self.open_clone() as opened:
            return opened.load_blob(commit, path)

    def find_merge_base(self, base: str, head: str) -> tuple[str, str, str]:
        """Return the commits for `base...head`, as (merge base, base, head).

        Raises UsageError for a ref that does not exist, GitError when the two have no common commit.
        """
        tips = [self._resolve_ref(base), self._resolve_ref(head)]
        with self.open_clone() as opened:
            try:
                common = (
                    opened.prepare_git(tips[0]).run("merge-base", "--end-of-options", *tips).decode("ascii").split()[0]
                )
            except GitExitError as error:
                if error.status != 1:
                    raise
                raise GitError(f"{base} and {head} have no common commit in {self.directory}; is the clone shallow? "
                               "`git fetch --unshallow` completes it") from error  # fmt: skip
        return common, tips[0], tips[1]

    def _resolve_ref(self, ref: str) -> str:
        """Return the commit of a ref of the clone; raise UsageError when it has none, or not exactly one."""
        try:
            printed, warnings = self._find_clone().run_with_warnings(
                "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}"
            )
        except GitExitError as error:
            raise UsageError(
                f"{ref!r} is not a commit or branch of {self.directory}{_explain_exit(error)}; "
                "`git branch --all` lists the branches"
            ) from error
        if "is ambiguous" in warnings:  # git would take the tag
            raise UsageError(f"{ref!r} is ambiguous, several refs have this name; use the full name: refs/heads/{ref}")
        commit = printed.decode("ascii", "replace").strip()
        if not _COMMIT.fullmatch(commit):  # ^main
            raise UsageError(f"{ref!r} is not a single commit")
        return commit

    def _find_clone(self) -> GitDirectory:
        """Find the git directory of the clone as git does; linked work trees and bare repositories work too."""
        start = self.directory.resolve()
        try:
            for folder in (start, *start.parents):
                if own := find_git_directory(folder):
                    common = own / "commondir"  # of a linked work tree
                    shared = own / parse_path_file(common.read_bytes()) if common.is_file() else own
                    return GitDirectory(own.resolve(), shared.resolve(), self.timeout)
        except OSError as error:
            raise GitError(f"{self.directory} cannot be read: {error.strerror}") from error
        raise GitError(f"{self.directory} is not a git repository")


@dataclass(frozen=True, slots=True)
class OpenClone:
    """An open clone: one temporary git directory for all that a run reads."""

    repository: Repository
    directory: GitDirectory
    remote: Remote | None = None  # has the commits that the clone lacks
    seconds: float = MAX_CONTEXT_SECONDS
    present: set[str] = field(default_factory=set)  # commits that are known to be present

    def diff(self, base: str, head: str) -> Diff:
        """Return what `head` changes since `base`; both are full commit ids.

        Raises GitError when a commit is missing and cannot be fetched.
        """
        commits = [_check_commit_id(base), _check_commit_id(head)]
        git = self.prepare_git(head)
        try:
            text = self._make_patch(git, commits)
            self.present.update(commits)  # without their trees git could not make the diff
            return patch.parse_patch(text)
        except GitExitError as error:
            if not self._fetch_missing(git, commits):
                raise GitError(
                    f"git cannot make the diff in {self.repository.directory}; is it a partial clone? {error}"
                ) from error
        return patch.parse_patch(self._make_patch(git, commits))

    def load_blob(self, commit: str, path: str) -> bytes | None:
        """Return the content of a file in a commit; None when the commit has no such regular file.

        Raises GitError when the commit or the file is missing and cannot be fetched.
        """
        git = self._ensure_commit(commit)
        entry = objects.list_entries(git, commit, [path]).get(path)
        return git.run("cat-file", "blob", entry.id) if entry else None

    def load_blobs(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of files in a commit, by path, in the order of the paths.

        Left out are paths without a regular file, files over 1 MiB, those beyond 64 MiB in total, and those that a
        partial clone lacks. Raises GitError when the commit is missing and cannot be fetched.
        """
        git = self._ensure_commit(commit)
        return objects.load_contents(git, objects.list_entries(git, commit, paths))

    def find_mentions(self, commit: str, names: Iterable[str]) -> dict[str, Mentions]:
        """Return the lines of a commit that define or use these names, by name; see `grep.find_mentions`.

        Names that are not identifiers are ignored. Raises GitError when the commit is missing and cannot be fetched.
        """
        git = self._ensure_commit(_check_commit_id(commit))
        return grep.find_mentions(git, commit, filter_identifiers(names), self.seconds)

    def load_history(self, base: str, head: str, files: Sequence[FileDiff]) -> History:
        """Return what the commits tell about a change; see `log.load_history`.

        The first files are the most important ones. Raises GitError for a name that is not a commit id.
        """
        git = self.prepare_git(base)
        return log.load_history(git, _check_commit_id(base), _check_commit_id(head), files, self.seconds)

    def prepare_git(self, commit: str) -> GitDirectory:
        """Return the git directory, set up for the hash of this commit id: SHA-1 or SHA-256."""
        length = len(_check_commit_id(commit))
        if length != self.directory.id_length:
            (self.directory.own / "config").write_text(_render_config(length))
        return replace(self.directory, id_length=length)

    def _ensure_commit(self, commit: str) -> GitDirectory:
        git = self.prepare_git(commit)
        if commit not in self.present:
            self._fetch_missing(git, [commit])
            self.present.add(commit)
        return git

    def _fetch_missing(self, git: GitDirectory, commits: Sequence[str]) -> bool:
        """Fetch those of the commits that the clone lacks; return whether there were any.

        Raises GitError when they cannot be fetched.
        """
        missing = git.list_missing_commits(commits)
        if missing and self.remote is None:
            raise GitError(
                f"{self.repository.directory} does not contain commit {' and '.join(missing)}; "
                "fetch it, or clone the whole history (GIT_DEPTH: 0)"
            )
        if missing and self.remote:
            git.fetch(self.remote, missing, [commit for commit in commits if commit not in missing])
        return bool(missing)

    def _make_patch(self, git: GitDirectory, commits: Sequence[str]) -> bytes:
        file = git.own / "patch"  # not a pipe: the size is checked before the diff is in memory
        git.run(*_DIFF, f"--output={file}", "--end-of-options", *commits)
        size, largest = file.stat().st_size, self.repository.largest
        if size > largest:
            raise GitError(f"the diff is {size >> 20} MiB long; the limit is {largest >> 20} MiB")
        return file.read_bytes()


def _render_config(id_length: int) -> str:
    """Return the configuration of the temporary git directory; a commit id of 64 digits is SHA-256."""
    if id_length == 64:
        return "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n"
    return "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"


def _check_commit_id(name: str) -> str:
    """Return the name if it is a full commit id, else raise GitError: nothing else reaches a git command line."""
    if not _COMMIT.fullmatch(name):
        raise GitError(f"{name[:80]!r} is not a commit id")
    return name


def _explain_exit(error: GitExitError) -> str:
    """Return git's complaint about a ref in brackets; empty when it only says that the ref does not exist."""
    return "" if "Needed a single revision" in error.complaint else f" ({error.complaint})"
