"""Run git in one git directory, through GitPython, independent of the environment and of the user's configuration."""

import base64
import os
import re
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from iquest_review.errors import GitError
from iquest_review.text import shorten_to_line

_HARMLESS = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null"),
    *("-c", "credential.helper=", "-c", "core.askPass=", "-c", "http.followRedirects=false", "-c", "gc.auto=0"),
    # git and reviewers do not treat larger files as text; comparing two of them would take gigabytes.
    *("-c", "core.bigFileThreshold=50m"),
    *("-c", "core.commitGraph=false", "-c", "core.multiPackIndex=false"),
    *("-c", "core.quotePath=true", "-c", "submodule.recurse=false", "-c", "fetch.recurseSubmodules=false"),
    *("-c", "core.warnAmbiguousRefs=true", "-c", "core.alternateRefsCommand=:"),
)
# GitPython passes the whole environment on, so each variable that must have no effect gets a value here. An empty
# GIT_ALLOW_PROTOCOL allows no protocol, whatever the clone is configured to do: its `protocol.ext.allow` would win over
# `-c protocol.allow=never`, and looking up a commit that a partial clone lacks would run the command of its remote.
_ENVIRONMENT = {
    **dict.fromkeys(("GIT_CONFIG_SYSTEM", "GIT_CONFIG_GLOBAL"), os.devnull),
    **dict.fromkeys(("GIT_CONFIG_NOSYSTEM", "GIT_ATTR_NOSYSTEM", "GIT_NO_REPLACE_OBJECTS", "GIT_NO_LAZY_FETCH"), "1"),
    **dict.fromkeys(("GIT_CONFIG_PARAMETERS", "GIT_DIFF_OPTS", "GIT_EXTERNAL_DIFF", "GIT_NAMESPACE"), ""),
    **dict.fromkeys(("GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "GIT_EDITOR", "GIT_PAGER"), ""),
    # Programs that git starts need none of these secrets: the job's token is sent in a header of one fetch.
    **dict.fromkeys(("GITLAB_API_TOKEN", "IQUEST_API_KEY", "CI_JOB_TOKEN"), ""),
    **dict.fromkeys(("GIT_ALLOW_PROTOCOL", "GIT_PROXY_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS"), ""),
    **dict.fromkeys(("GIT_CONFIG_COUNT", "GIT_TERMINAL_PROMPT", "GIT_TRACE", "GIT_TRACE_SETUP"), "0"),
    **dict.fromkeys(("GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"), "0"),
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_GRAFT_FILE": f"{os.devnull}/none",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TRACE_REDACT": "1",
    "LC_ALL": "C",
}
_ID = re.compile(rb"[0-9a-f]{64}|[0-9a-f]{40}")
_EMPTY_TREE = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


@dataclass(frozen=True, slots=True)
class Remote:
    """The server from which commits are fetched that the clone lacks."""

    url: str  # http or https, without credentials
    user: str
    password: str  # sent in a header, never in the URL or on a command line
    ca_file: str | None = None  # trusted instead of the usual authorities: git cannot add one to them
    client_cert: str | None = None
    client_key: str | None = None

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"


class GitExitError(GitError):
    """git exited with a status other than 0; `complaint` is its reason, or empty."""

    def __init__(self, status: int, complaint: str) -> None:
        super().__init__(complaint or f"git exited with status {status}")
        self.status = status
        self.complaint = complaint


class GitTimeoutError(GitError):
    """git took longer than it may."""

    def __init__(self, command: str, seconds: float) -> None:
        super().__init__(f"`git {command}` took longer than {seconds:.3g} seconds")


@dataclass(frozen=True, slots=True)
class Output:
    """What a git command printed, and its exit status; None when the output was cut off."""

    text: bytes
    status: int | None

    @property
    def whole(self) -> bool:
        """Whether this is all that there is to print."""
        return self.status == 0


@dataclass(frozen=True, slots=True)
class GitDirectory:
    """A git directory; git runs in this one only, whatever the environment says."""

    own: Path
    common: Path  # shared by linked work trees
    timeout: float  # seconds for one command
    id_length: int = 40

    def run(self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """Run a git command and return its standard output; `given` is its standard input.

        Raises GitExitError with git's own message, and GitError without git or after the timeout.
        """
        return self.run_with_warnings(*arguments, given=given, environment=environment)[0]

    def run_with_warnings(
        self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> tuple[bytes, str]:
        """Run a git command and return its standard output and its warnings; see `run`."""
        with tempfile.TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            status, printed, warnings = self._execute(
                arguments,
                environment or {},
                istream=stdin if given else None,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                kill_after_timeout=self.timeout,
            )
        if warnings.startswith("Timeout:"):
            raise GitTimeoutError(arguments[0], self.timeout)
        if status:
            raise GitExitError(status, _extract_complaint(warnings))
        return bytes(printed), warnings

    def run_bounded(self, *arguments: str, seconds: float, most: int) -> Output:
        """Run a git command and return its first `most` bytes.

        Raises GitTimeoutError after these seconds, and GitError without git.
        """
        running = self._execute(arguments, {}, as_process=True)  # GitPython kills the process when this is garbage
        process, late = running.proc, threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        watchdog = threading.Timer(max(seconds, 0), stop)
        watchdog.start()
        try:
            with process:  # closes the pipes, then waits
                printed: bytes = process.stdout.read(most + 1)
                if len(printed) > most:
                    process.kill()
        finally:
            watchdog.cancel()
        if late.is_set():
            raise GitTimeoutError(arguments[0], seconds)
        return Output(printed[:most], None if len(printed) > most else process.returncode)

    def _execute(self, arguments: Sequence[str], environment: Mapping[str, str], **options: object) -> Any:
        """Run git and return what GitPython does: the options choose the form."""
        try:  # GitPython is heavy, and its import fails without git: a saved diff needs neither
            from git import Git, GitCommandNotFound  # noqa: PLC0415
        except ImportError as error:
            raise GitError("git is not installed") from error
        where = {
            "GIT_DIR": str(self.own),
            "GIT_COMMON_DIR": str(self.common),
            "GIT_WORK_TREE": str(self.common / "refs"),
            "GIT_INDEX_FILE": str(self.own / "index"),
            "GIT_OBJECT_DIRECTORY": str(self.common / "objects"),
            "GIT_SHALLOW_FILE": str(self.common / "shallow"),
            "GIT_ATTR_SOURCE": _EMPTY_TREE[self.id_length],
        }
        command = ["git", *_HARMLESS, *arguments]
        try:
            return Git(str(self.own)).execute(command, env={**_ENVIRONMENT, **where, **environment}, **options)  # type: ignore[call-overload]
        except GitCommandNotFound as error:  # removed since, or ignored because of GIT_PYTHON_REFRESH=quiet
            raise GitError("git is not installed") from error

    def list_shallow_commits(self) -> frozenset[bytes]:
        """Return the commits at which a shallow clone ends: their parents exist but are not in the clone."""
        file = self.common / "shallow"
        return frozenset(_ID.findall(file.read_bytes())) if file.is_file() else frozenset()

    def list_missing_commits(self, commits: Sequence[str]) -> list[str]:
        """Return those of the commits whose tree is not in the clone."""
        missing = []
        for commit in commits:
            try:
                self.run("cat-file", "-e", f"{commit}^{{tree}}")
            except GitExitError:
                missing.append(commit)
        return missing

    def fetch(self, remote: Remote, commits: Sequence[str], present: Sequence[str]) -> None:
        """Fetch exactly these commits, without history. GitLab serves any commit by its id.

        Raises GitError, naming the host and the commits, when the server refuses or does not answer.
        """
        for number, commit in enumerate(present):  # commits that the server need not send again
            (self.own / f"refs/heads/present-{number}").write_text(commit + "\n")
        login = base64.b64encode(f"{remote.user}:{remote.password}".encode()).decode("ascii")
        settings = {f"http.{remote.url}.extraHeader": f"Authorization: Basic {login}"}
        files = {"sslCAInfo": remote.ca_file, "sslCert": remote.client_cert, "sslKey": remote.client_key}
        settings |= {f"http.{name}": file for name, file in files.items() if file}
        environment = {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_ALLOW_PROTOCOL": "http:https"}
        for number, (key, value) in enumerate(settings.items()):
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        try:
            self.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", "--end-of-options",
                     remote.url, *commits, environment=environment)  # fmt: skip
        except GitExitError as error:
            why = "the user or the password was refused" if "could not read Username" in error.complaint else error
            host = urlsplit(remote.url).hostname
            raise GitError(f"{host} does not send commit {' and '.join(commits)}: {why}") from error


def find_git_directory(folder: Path) -> Path | None:
    """Return the git directory in a folder, or the folder itself when it is one; None without one.

    Raises OSError when the folder cannot be read.
    """
    inside = folder / ".git"
    if inside.is_file():  # of a linked work tree or a submodule
        return folder / parse_path_file(inside.read_bytes().removeprefix(b"gitdir:"))
    return next((path for path in (inside, folder) if (path / "objects").is_dir() and (path / "HEAD").exists()), None)


def parse_path_file(content: bytes) -> Path:
    """Return the path in the content of a file that holds nothing else, such as `commondir`."""
    return Path(os.fsdecode(content.strip()))


def _extract_complaint(warnings: str) -> str:
    """Return git's error message, else its first line."""
    lines = [line.strip() for line in warnings.splitlines() if line.strip()]
    return shorten_to_line(
        next((line for line in lines if line.startswith(("fatal:", "error:"))), "".join(lines[:1])), 300
    )
