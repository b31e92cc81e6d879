"""git, through GitPython's command runner: the diff between two commits, and nothing the repository could say about it.

The clone is not opened. A bare git directory of our own borrows its objects (git's "alternates"), so that the clone's
configuration, attributes, hooks, index, replacement refs and owner have no part in what is shown: a textconv driver
does not run, `*.py -diff` hides nothing, and "dubious ownership" does not arise.
"""

import base64
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from git.cmd import Git
from git.exc import GitCommandError, GitCommandNotFound

from iquest_review.change import patch
from iquest_review.change.diff import Diff
from iquest_review.errors import GitError, UsageError

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# GitLab finds renames from 30 % on (gitaly), git itself from 50 %. The rest pins what configuration could change.
_DIFF = (
    *("diff", "--find-renames=30%", "--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", "--ignore-submodules=none"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--full-index", "--no-relative", "-O/dev/null", "--end-of-options"),
)
_HARMLESS = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null"),
    *("-c", "protocol.allow=never", "-c", "protocol.http.allow=always", "-c", "protocol.https.allow=always"),
    *("-c", "credential.helper=", "-c", "core.askPass=", "-c", "http.followRedirects=false", "-c", "gc.auto=0"),
    *("-c", "core.quotePath=true", "-c", "submodule.recurse=false", "-c", "fetch.recurseSubmodules=false"),
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_CONFIG_COUNT": "0",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_DIFF_OPTS": "",
    "GIT_EXTERNAL_DIFF": "",
    "GIT_NAMESPACE": "",
    "GIT_PROXY_COMMAND": "",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Remote:
    """Where commits that the clone lacks are fetched from."""

    url: str  # http or https, without credentials
    user: str
    password: str  # travels in a header, never in the URL or on a command line
    ca_file: str | None = None

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"


@dataclass(frozen=True, slots=True)
class Repository:
    """A clone whose commits are read."""

    directory: Path
    timeout: float = 300  # seconds a git command may take

    def diff(self, base: str, head: str, remote: Remote | None = None) -> Diff:
        """What `head` changes since `base`, both full commit ids; commits the clone lacks come from `remote`.

        Raises GitError when a commit cannot be had.
        """
        commits = [_commit(base), _commit(head)]
        with self._borrowed(len(head)) as git:
            try:
                return patch.parse(git.run(*_DIFF, *commits))
            except GitError:
                missing = git.missing(commits)
                if not missing:
                    raise
            if remote is None:
                raise GitError(f"{self.directory} does not hold commit {' and '.join(missing)}")
            git.fetch(remote, missing, [commit for commit in commits if commit not in missing])
            return patch.parse(git.run(*_DIFF, *commits))

    def merge_base(self, base: str, head: str) -> tuple[str, str, str]:
        """The commits of two refs and of their merge base, as (merge base, base, head), for `base...head`.

        Raises UsageError for a ref that is not there, GitError when the two have no common commit.
        """
        tips = [self._resolve(base), self._resolve(head)]
        with self._borrowed(len(tips[0])) as git:
            try:
                common = git.run("merge-base", "--end-of-options", *tips).decode("ascii").split()[0]
            except (GitError, IndexError):
                raise GitError(f"{base} and {head} have no common commit in {self.directory}; is the clone shallow? "
                               "`git fetch --unshallow` completes it") from None  # fmt: skip
        return common, tips[0], tips[1]

    def blob(self, commit: str, path: str) -> bytes | None:
        """A file as it stands in a commit; None where there is no such file."""
        with self._borrowed(len(commit)) as git:
            entry = git.run("ls-tree", "--full-tree", "-z", _commit(commit), "--", f":(literal){path}")
            if not entry.startswith(b"100"):  # regular files only: a symbolic link leads anywhere
                return None
            return git.run("cat-file", "blob", entry.split()[2].decode("ascii"))

    def _resolve(self, ref: str) -> str:
        """The commit a ref of the clone names. The one command that runs in the clone's own git directory."""
        try:
            found = _run(self.directory, self.timeout, {}, *self._own(), "rev-parse", "--verify", "--quiet",
                         "--end-of-options", f"{ref}^{{commit}}")  # fmt: skip
        except GitError:
            raise UsageError(
                f"{ref!r} names no commit in {self.directory}; `git branch --all` lists what there is"
            ) from None
        return _commit(found.decode("ascii", "replace").strip())

    def _own(self) -> tuple[str, ...]:
        return ("-c", f"safe.directory={self.directory.resolve()}", *_HARMLESS)

    def _git_paths(self) -> tuple[Path, Path]:
        """The object store of the clone and its list of shallow commits, linked work trees and bare ones included."""
        directory = self.directory.resolve()
        if (directory / ".git" / "objects").is_dir():
            return directory / ".git" / "objects", directory / ".git" / "shallow"
        found = _run(directory, self.timeout, {}, *self._own(), "rev-parse", "--path-format=absolute",
                     "--git-path", "objects", "--git-path", "shallow")  # fmt: skip
        objects, shallow = os.fsdecode(found).splitlines()
        return Path(objects), Path(shallow)

    @contextmanager
    def _borrowed(self, id_length: int) -> Iterator["_Borrowed"]:
        objects, shallow = self._git_paths()
        with tempfile.TemporaryDirectory(prefix="iquest-review-") as temporary:
            home = Path(temporary)
            for folder in ("objects/info", "refs/heads"):
                (home / folder).mkdir(parents=True)
            (home / "HEAD").write_text("ref: refs/heads/none\n")
            (home / "config").write_text(_config(id_length))
            (home / "objects/info/alternates").write_bytes(os.fsencode(objects) + b"\n")
            if shallow.is_file():
                (home / "shallow").write_bytes(shallow.read_bytes())
            yield _Borrowed(home, self.timeout)


@dataclass(frozen=True, slots=True)
class _Borrowed:
    """Our own git directory over the clone's objects."""

    home: Path
    timeout: float

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> bytes:
        own = {
            "GIT_DIR": str(self.home),
            "GIT_COMMON_DIR": str(self.home),
            "GIT_WORK_TREE": str(self.home / "refs"),
            "GIT_INDEX_FILE": str(self.home / "index"),
            "GIT_OBJECT_DIRECTORY": str(self.home / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
            "GIT_SHALLOW_FILE": str(self.home / "shallow"),
            "GIT_GRAFT_FILE": str(self.home / "grafts"),
        }
        return _run(self.home, self.timeout, {**own, **(environment or {})}, *_HARMLESS, *arguments)

    def missing(self, commits: Sequence[str]) -> list[str]:
        """Those of the commits whose tree is not here."""
        lacking = []
        for commit in commits:
            try:
                self.run("cat-file", "-e", f"{commit}^{{tree}}")
            except GitError:
                lacking.append(commit)
        return lacking

    def fetch(self, remote: Remote, commits: Sequence[str], present: Sequence[str]) -> None:
        """Fetches exactly these commits, without history. GitLab serves any commit by its id."""
        for number, commit in enumerate(present):  # what the server need not send again
            (self.home / f"refs/heads/present-{number}").write_text(commit + "\n")
        login = base64.b64encode(f"{remote.user}:{remote.password}".encode()).decode("ascii")
        settings = {f"http.{remote.url}.extraHeader": f"Authorization: Basic {login}"}
        if remote.ca_file:
            settings["http.sslCAInfo"] = remote.ca_file
        environment = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        try:
            self.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", "--end-of-options",
                     remote.url, *commits, environment=environment)  # fmt: skip
        except GitError as error:
            host = urlsplit(remote.url).hostname
            raise GitError(f"{host} does not give commit {' and '.join(commits)}: {error}") from None


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


def _run(directory: Path, timeout: float, environment: Mapping[str, str], *arguments: str) -> bytes:
    """What a git command prints. Raises GitError with git's own first line of complaint."""
    try:
        printed = Git(str(directory)).execute(
            ["git", *arguments],
            env={**_ENVIRONMENT, **environment},
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            kill_after_timeout=timeout,
        )
    except GitCommandNotFound:
        raise GitError(f"git is not installed, or {directory} is no folder") from None
    except GitCommandError as error:
        raise GitError(_complaint(error)) from None
    return printed if isinstance(printed, bytes) else str(printed).encode()


def _complaint(error: GitCommandError) -> str:
    said = str(error.stderr).replace("stderr:", "").strip(" '\n")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fatal = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else "")
    return fatal or f"git ended with status {error.status}"
