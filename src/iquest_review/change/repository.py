"""git, through GitPython's command runner: the diff between two commits, and nothing the repository could say about it.

A bare git directory of our own borrows the clone's objects (git's "alternates"), so that the clone's configuration,
attributes, hooks, index, replacement refs and owner have no part in what is shown: a textconv driver does not run,
`*.py -diff` hides nothing, and "dubious ownership" does not arise. Only a ref's name is looked up in the clone itself.
"""

import base64
import os
import posixpath
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from iquest_review.change import patch
from iquest_review.change.characters import one_line
from iquest_review.change.diff import Diff
from iquest_review.errors import GitError, UsageError

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# GitLab finds renames from 30 % on (gitaly), git itself from 50 %. The rest pins what configuration could change.
_DIFF = (
    *("diff", "--find-renames=30%", "--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", "--ignore-submodules=none"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--full-index", "--no-relative", "-O/dev/null"),
)
_HARMLESS = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null"),
    *(
        "-c",
        "credential.helper=",
        "-c",
        "core.askPass=",
        "-c",
        "http.followRedirects=false",
        "-c",
        "gc.auto=0",
        "-c",
        "core.commitGraph=false",
        "-c",
        "core.multiPackIndex=false",
    ),
    *("-c", "core.quotePath=true", "-c", "submodule.recurse=false", "-c", "fetch.recurseSubmodules=false"),
    *("-c", "core.warnAmbiguousRefs=true", "-c", "core.alternateRefsCommand=:"),
)
# GitPython hands the whole environment on, so what must not act is given a value here. An empty GIT_ALLOW_PROTOCOL
# allows none, whatever the clone says: `protocol.ext.allow` there outranks `-c protocol.allow=never`, and looking up
# a commit that a partial clone lacks would run its remote.
_ENVIRONMENT = {
    **dict.fromkeys(("GIT_CONFIG_SYSTEM", "GIT_CONFIG_GLOBAL"), os.devnull),
    **dict.fromkeys(("GIT_CONFIG_NOSYSTEM", "GIT_ATTR_NOSYSTEM", "GIT_NO_REPLACE_OBJECTS", "GIT_NO_LAZY_FETCH"), "1"),
    **dict.fromkeys(("GIT_CONFIG_PARAMETERS", "GIT_DIFF_OPTS", "GIT_EXTERNAL_DIFF", "GIT_NAMESPACE"), ""),
    **dict.fromkeys(("GIT_ALLOW_PROTOCOL", "GIT_PROXY_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS"), ""),
    **dict.fromkeys(("GIT_CONFIG_COUNT", "GIT_TERMINAL_PROMPT", "GIT_TRACE", "GIT_TRACE_SETUP"), "0"),
    **dict.fromkeys(("GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"), "0"),
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_GRAFT_FILE": f"{os.devnull}/none",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TRACE_REDACT": "1",
    "LC_ALL": "C",
}
_EMPTY_TREE = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
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
    largest: int = 256 * 1024**2  # bytes a diff may have: some five million lines, and five times that in memory

    def diff(self, base: str, head: str, remote: Remote | None = None) -> Diff:
        """What `head` changes since `base`, both full commit ids; commits the clone lacks come from `remote`.

        Raises GitError when a commit cannot be had.
        """
        commits = [_commit(base), _commit(head)]
        with self._borrowed(len(head)) as git:
            if missing := git.missing(commits):
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
            except _Refused as refused:
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

    def _patch(self, git: "_GitDirectory", commits: Sequence[str]) -> bytes:
        file = git.own / "patch"  # not a pipe: so its size is known before it is in memory
        try:
            git.run(*_DIFF, f"--output={file}", "--end-of-options", *commits)
        except _Refused as refused:
            raise GitError(f"the diff cannot be made from {self.directory}; is it a partial clone? {refused}") from None
        size = file.stat().st_size
        if size > self.largest:
            raise GitError(f"the diff has {size >> 20} MiB; more than {self.largest >> 20} MiB is not read")
        return file.read_bytes()

    def _resolve(self, ref: str) -> str:
        """The commit a ref of the clone names."""
        try:
            found, warnings = self._clone().ask("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
        except _Refused as refused:
            raise UsageError(
                f"{ref!r} names no commit in {self.directory}{_why(refused)}; `git branch --all` lists what there is"
            ) from None
        if "is ambiguous" in warnings:  # git would take the tag
            raise UsageError(f"{ref!r} is the name of several refs; give it in full: refs/heads/{ref}")
        commit = found.decode("ascii", "replace").strip()
        if not _COMMIT.fullmatch(commit):  # ^main
            raise UsageError(f"{ref!r} names no single commit")
        return commit

    def _clone(self) -> "_GitDirectory":
        """The clone's own git directory, looked for as git does; linked work trees and bare ones included."""
        start = self.directory.resolve()
        try:
            for folder in (start, *start.parents):
                if own := _git_directory(folder):
                    common = own / "commondir"  # of a linked work tree
                    shared = own / _path_in(common.read_bytes()) if common.is_file() else own
                    return _GitDirectory(own.resolve(), shared.resolve(), self.timeout)
        except OSError as error:
            raise GitError(f"{self.directory} cannot be read: {error.strerror}") from None
        raise GitError(f"{self.directory} is no git repository")

    @contextmanager
    def _borrowed(self, id_length: int) -> Iterator["_GitDirectory"]:
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
            yield _GitDirectory(home, home, self.timeout, id_length)


class _Refused(GitError):
    """git ended with another status than 0; `complaint` is its reason, or empty."""

    def __init__(self, status: int, complaint: str) -> None:
        super().__init__(complaint or f"git ended with status {status}")
        self.status = status
        self.complaint = complaint


@dataclass(frozen=True, slots=True)
class _GitDirectory:
    """A git directory, and git running in it and in no other, whatever the environment says."""

    own: Path
    common: Path  # what linked work trees share
    timeout: float
    id_length: int = 40

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> bytes:
        """What a git command prints."""
        return self.ask(*arguments, environment=environment)[0]

    def ask(self, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[bytes, str]:
        """What a git command prints, and what it warns of. Raises GitError, with git's own complaint."""
        try:  # importing GitPython takes time, and fails where git is missing: a saved diff needs neither
            from git.cmd import Git  # noqa: PLC0415
            from git.exc import GitCommandNotFound  # noqa: PLC0415
        except ImportError:
            raise GitError("git is not installed") from None
        where = {
            "GIT_DIR": str(self.own),
            "GIT_COMMON_DIR": str(self.common),
            "GIT_WORK_TREE": str(self.common / "refs"),
            "GIT_INDEX_FILE": str(self.own / "index"),
            "GIT_OBJECT_DIRECTORY": str(self.common / "objects"),
            "GIT_SHALLOW_FILE": str(self.common / "shallow"),
            "GIT_ATTR_SOURCE": _EMPTY_TREE[self.id_length],
        }
        try:
            status, printed, said = Git(str(self.own)).execute(
                ["git", *_HARMLESS, *arguments],
                env={**_ENVIRONMENT, **where, **(environment or {})},
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                kill_after_timeout=self.timeout,
            )
        except GitCommandNotFound:  # gone since, or GIT_PYTHON_REFRESH=quiet let it be missing
            raise GitError("git is not installed") from None
        if said.startswith("Timeout:"):
            raise GitError(f"`git {arguments[0]}` was not done in {self.timeout:g} seconds")
        if status:
            raise _Refused(status, _complaint(said))
        return bytes(printed), said

    def missing(self, commits: Sequence[str]) -> list[str]:
        """Those of the commits whose tree is not here."""
        lacking = []
        for commit in commits:
            try:
                self.run("cat-file", "-e", f"{commit}^{{tree}}")
            except _Refused:
                lacking.append(commit)
        return lacking

    def fetch(self, remote: Remote, commits: Sequence[str], present: Sequence[str]) -> None:
        """Fetches exactly these commits, without history. GitLab serves any commit by its id."""
        for number, commit in enumerate(present):  # what the server need not send again
            (self.own / f"refs/heads/present-{number}").write_text(commit + "\n")
        login = base64.b64encode(f"{remote.user}:{remote.password}".encode()).decode("ascii")
        settings = {f"http.{remote.url}.extraHeader": f"Authorization: Basic {login}"}
        if remote.ca_file:
            settings["http.sslCAInfo"] = remote.ca_file
        environment = {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_ALLOW_PROTOCOL": "http:https"}
        for number, (key, value) in enumerate(settings.items()):
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        try:
            self.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", "--end-of-options",
                     remote.url, *commits, environment=environment)  # fmt: skip
        except _Refused as refused:
            why = "user or password is refused" if "could not read Username" in refused.complaint else refused
            host = urlsplit(remote.url).hostname
            raise GitError(f"{host} does not give commit {' and '.join(commits)}: {why}") from None


def _git_directory(folder: Path) -> Path | None:
    """The git directory that stands in a folder, or that the folder is."""
    marked = folder / ".git"
    if marked.is_file():  # of a linked work tree or a submodule
        return folder / _path_in(marked.read_bytes().removeprefix(b"gitdir:"))
    return next(
        (found for found in (marked, folder) if (found / "objects").is_dir() and (found / "HEAD").exists()), None
    )


def _path_in(content: bytes) -> Path:
    return Path(os.fsdecode(content.strip()))


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


def _complaint(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return one_line(next((line for line in lines if line.startswith(("fatal:", "error:"))), "".join(lines[:1])), 300)


def _why(refused: _Refused) -> str:
    """git's complaint about a ref, unless it says no more than that there is none."""
    return "" if "Needed a single revision" in refused.complaint else f" ({refused.complaint})"
