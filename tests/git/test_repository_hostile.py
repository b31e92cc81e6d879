"""A clone made by an enemy: nothing in it runs, and nothing in it hides or bends what is shown.

Whatever would run leaves a canary; each test looks for it. Where plain git falls for the trap, the test proves first
that it does: a trap that catches nobody would prove nothing.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iquest_review.diff.diff import Diff, LineKind
from iquest_review.errors import GitError, UsageError
from iquest_review.git.history import Commit
from iquest_review.git.repository import Repository
from tests.support.checkout import Checkout, Content, Executable, Link, Name, git, only, put, texts

OLD, NEW = b"def secret(): 1\nkeep = 1\n", b"def secret(): 2\nkeep = 1\n"


class Trap(Checkout):
    """A repository with a program that leaves a canary."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.canary = path.parent / "canary"
        self.program = path.parent / "program"
        put(path.parent, "program", Executable(b"#!/bin/sh\ntouch '%s'\nexit 1\n" % os.fsencode(self.canary)))
        self.base = self.commit({"x.py": OLD})
        self.head_commit = self.commit({"x.py": NEW})

    def springs(self) -> bool:
        """Whether the program ran; makes ready for the next look."""
        ran = self.canary.exists()
        self.canary.unlink(missing_ok=True)
        return ran


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    trap = Trap(tmp_path / "repository")
    yield trap
    assert not trap.springs()


def assert_shown(diff: Diff) -> None:
    file = only(diff)
    assert (file.path, file.binary) == ("x.py", False)
    assert (texts(file, LineKind.REMOVED), texts(file, LineKind.ADDED)) == (["def secret(): 1"], ["def secret(): 2"])


def assert_unmoved(trap: Trap) -> None:
    """Everything the repository is asked for is as in a friendly one."""
    repository = Repository(trap.path)
    assert_shown(repository.diff(trap.base, trap.head_commit))
    assert repository.find_merge_base("main~1", "main") == (trap.base, trap.base, trap.head_commit)
    assert repository.load_blob(trap.head_commit, "x.py") == NEW
    with repository.open_clone() as opened:
        files = opened.diff(trap.base, trap.head_commit).files
        assert opened.load_blobs(trap.head_commit, ["x.py", "y.py"]) == {"x.py": NEW}
        assert opened.find_mentions(trap.head_commit, ["secret"])["secret"].definitions == [
            ("x.py", 1, "def secret(): 2")
        ]
        history = opened.load_history(trap.base, trap.head_commit, files)
    assert history.commits == (Commit("Change"),)
    assert {(fact.path, fact.subject) for fact in history.recent} == {("x.py", "Change")}


# --- .gitattributes ---


def in_work_tree(trap: Trap, attributes: bytes) -> None:
    put(trap.path, ".gitattributes", attributes)


def in_info(trap: Trap, attributes: bytes) -> None:
    put(trap.path, ".git/info/attributes", attributes)


def committed(trap: Trap, attributes: bytes) -> None:
    trap.base = trap.commit({"x.py": OLD, ".gitattributes": attributes})
    trap.head_commit = trap.commit({"x.py": NEW, ".gitattributes": attributes})


def by_configuration(trap: Trap, attributes: bytes) -> None:
    put(trap.path.parent, "attributes", attributes)
    trap.git("config", "core.attributesFile", str(trap.path.parent / "attributes"))


PLACES = [in_work_tree, in_info, committed, by_configuration]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attribute", ["-diff", "binary", "-text -diff", "diff=none"])
def test_no_attribute_hides_changed_lines(trap: Trap, place: Callable[[Trap, bytes], None], attribute: str) -> None:
    trap.git("config", "diff.none.binary", "true")
    place(trap, f"*.py {attribute}\n".encode())
    assert b"Binary files" in trap.git("diff", "HEAD~1", "HEAD")
    assert_unmoved(trap)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", ["textconv", "command"])
def test_no_driver_of_an_attribute_runs(trap: Trap, place: Callable[[Trap, bytes], None], key: str) -> None:
    trap.git("config", f"diff.evil.{key}", str(trap.program))
    place(trap, b"*.py diff=evil\n")
    subprocess.run(["git", "diff", "HEAD~1", "HEAD"], cwd=trap.path, capture_output=True)
    assert trap.springs()
    assert_unmoved(trap)


# --- .git/config ---


@pytest.mark.parametrize(
    "configuration",
    [
        {"diff.external": "{program}"},
        {"core.fsmonitor": "{program}"},
        {"core.pager": "{program}", "pager.diff": "{program}", "pager.rev-parse": "{program}"},
        {"core.hooksPath": "{program}/.."},
        {"alias.diff": "!{program}", "alias.rev-parse": "!{program}", "alias.merge-base": "!{program}"},
        {"core.sshCommand": "{program}", "core.askPass": "{program}", "core.gitProxy": "{program}"},
        {"credential.helper": "{program}", "core.editor": "{program}", "core.alternateRefsCommand": "{program}"},
        {"include.path": "../../included"},
        {"diff.noprefix": "true"},
        {"diff.mnemonicPrefix": "true"},
        {"diff.renames": "copies", "diff.renameLimit": "1"},
        {"diff.algorithm": "patience", "diff.context": "0", "diff.interHunkContext": "99"},
        {"diff.orderFile": "{program}"},
        {"diff.suppressBlankEmpty": "true", "color.diff": "always", "color.ui": "always"},
        {"diff.relative": "true", "diff.submodule": "diff", "diff.ignoreSubmodules": "all", "diff.wordRegex": "."},
        {"core.bare": "true"},
        {"core.worktree": "/nonexistent"},
        {"core.bigFileThreshold": "1"},
        {"core.quotePath": "false", "core.abbrev": "4", "diff.dirstat": "files"},
    ],
    ids=str,
)
def test_no_configuration_of_the_clone_has_an_effect(trap: Trap, configuration: dict[str, str]) -> None:
    put(trap.path.parent, "included", b"[diff]\n\texternal = %s\n" % os.fsencode(trap.program))
    for key, value in configuration.items():
        git(trap.path.parent, "config", "--file", "repository/.git/config", key, value.format(program=trap.program))
    assert_unmoved(trap)


def test_a_partial_clone_does_not_run_its_remote(trap: Trap) -> None:
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{trap.program}",
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
    }.items():
        trap.git("config", key, value)
    subprocess.run(["git", "rev-parse", "--verify", "1" * 40 + "^{commit}"], cwd=trap.path, capture_output=True)
    assert trap.springs()
    repository = Repository(trap.path)
    with pytest.raises(UsageError):
        repository.find_merge_base("1" * 40, "main")
    with pytest.raises(GitError):
        repository.diff("1" * 40, trap.head_commit)
    with pytest.raises(GitError):
        repository.load_blob("1" * 40, "x.py")
    assert_unmoved(trap)


def test_hooks_do_not_run(trap: Trap) -> None:
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        put(trap.path, f".git/hooks/{hook}", Executable(trap.program.read_bytes()))
    assert_unmoved(trap)


# --- history rewritten on the side ---


def test_a_replacement_object_replaces_nothing(trap: Trap) -> None:
    innocent = trap.commit({"x.py": OLD, "y.py": b"nothing to see\n"})
    trap.git("reset", "--quiet", "--hard", trap.head_commit)
    trap.git("replace", trap.head_commit, innocent)
    assert b"def secret(): 2" not in trap.git("diff", trap.base, trap.head_commit)
    assert_unmoved(trap)


def test_a_graft_moves_no_merge_base(trap: Trap) -> None:
    put(trap.path, ".git/info/grafts", f"{trap.head_commit}\n".encode())
    trap.git("merge-base", trap.base, trap.head_commit, status=1)
    assert_unmoved(trap)


# --- the environment ---


@pytest.mark.parametrize(
    "environment",
    [
        {"GIT_EXTERNAL_DIFF": "{program}"},
        {"GIT_DIFF_OPTS": "--unified=0"},
        {"GIT_DIR": "/nonexistent", "GIT_WORK_TREE": "/nonexistent"},
        {"GIT_DIR": "{other}/.git"},
        {"GIT_COMMON_DIR": "{other}/.git"},
        {"GIT_OBJECT_DIRECTORY": "{other}/.git/objects", "GIT_INDEX_FILE": "{program}"},
        {"GIT_SHALLOW_FILE": "{program}", "GIT_GRAFT_FILE": "{program}", "GIT_NAMESPACE": "other"},
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.bigFileThreshold", "GIT_CONFIG_VALUE_0": "1"},
        {"GIT_CONFIG_PARAMETERS": "'diff.external={program}' 'core.bigfilethreshold=1'"},
        {"GIT_CONFIG_GLOBAL": "{configuration}", "GIT_CONFIG_SYSTEM": "{configuration}", "GIT_CONFIG_NOSYSTEM": "0"},
        {"HOME": "{home}", "XDG_CONFIG_HOME": "{home}"},
        {"GIT_PAGER": "{program}", "PAGER": "{program}", "GIT_EDITOR": "{program}", "GIT_ASKPASS": "{program}"},
        {"GIT_LITERAL_PATHSPECS": "0", "GIT_ICASE_PATHSPECS": "1", "GIT_GLOB_PATHSPECS": "1"},
        {"GIT_CEILING_DIRECTORIES": "{other}/..", "GIT_PREFIX": "x/", "GIT_FLUSH": "1", "GIT_OPTIONAL_LOCKS": "0"},
        {"GIT_TRACE": "1", "GIT_TRACE_SETUP": "1", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"},
        {"GIT_ATTR_SOURCE": "HEAD", "GIT_ATTR_NOSYSTEM": "0", "GIT_NO_REPLACE_OBJECTS": "0"},
        {"GIT_PYTHON_TRACE": "full"},
    ],
    ids=str,
)
def test_nothing_in_the_environment_has_an_effect(
    trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    other = Checkout(tmp_path / "other")
    other.commit({"z": b"z\n"})
    settings = f"[diff]\n\texternal = {trap.program}\n\tnoprefix = true\n[core]\n\tbigFileThreshold = 1\n".encode()
    put(tmp_path, "configuration", settings)
    put(tmp_path, "home/.gitconfig", settings)
    put(tmp_path, "home/git/attributes", b"*.py -diff\n")
    known = {name: str(tmp_path / name) for name in ("other", "configuration", "home")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(program=trap.program, **known))
    assert_unmoved(trap)


# --- names, places and owners ---


def test_names_that_look_like_options_or_lead_elsewhere_are_names(trap: Trap) -> None:
    names = (b"--output=../canary", b"-O../canary", b"a;touch ../canary", b"$(touch ../canary)", b"`touch ../canary`")
    base = trap.commit({})
    tree: dict[Name, Content] = {"out": Link(b"/etc/passwd"), "up": Link(b"../canary")}
    tree.update((name, b"x\n") for name in names)
    head = trap.commit(tree)
    diff = Repository(trap.path).diff(base, head)
    assert {os.fsencode(file.path) for file in diff.files} == {*names, b"out", b"up"}
    for name in names:
        assert Repository(trap.path).load_blob(head, os.fsdecode(name)) == b"x\n"


def test_a_bare_repository_in_the_tree_is_not_entered(trap: Trap) -> None:
    for name in ("HEAD", "config", "objects/.keep", "refs/.keep"):
        put(trap.path, name, b"[core]\n\tfsmonitor = %s\n" % os.fsencode(trap.program))
    assert_unmoved(trap)


def test_a_symbolic_link_in_the_place_of_a_folder_is_not_followed_for_its_files(trap: Trap, tmp_path: Path) -> None:
    put(tmp_path, "outside/secret", b"outside\n")
    base = trap.commit({"folder/secret": b"inside\n"})
    head = trap.commit({"folder": Link(os.fsencode(tmp_path / "outside"))})
    diff = Repository(trap.path).diff(base, head)
    assert "outside" not in {line.text for file in diff.files for line in file.iter_lines()}
    assert Repository(trap.path).load_blob(head, "folder/secret") is None


def test_a_submodules_url_is_not_visited(trap: Trap) -> None:
    modules = b'[submodule "s"]\n\tpath = s\n\turl = ext::%s\n\tupdate = !%s\n' % ((os.fsencode(trap.program),) * 2)
    base = trap.commit({".gitmodules": modules})
    trap.git("update-index", "--add", "--cacheinfo", f"160000,{base},s")
    trap.git("commit", "--quiet", "--message", "Add the submodule")
    trap.git("config", "submodule.s.url", f"ext::{trap.program}")
    assert only(Repository(trap.path).diff(base, trap.head())).is_submodule


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("kind", ["clone", "linked", "bare"])
def test_somebody_elses_clone_is_read(trap: Trap, tmp_path: Path, kind: str) -> None:
    if kind == "linked":
        trap.git("worktree", "add", "--quiet", "../linked")
    elif kind == "bare":
        git(tmp_path, "clone", "--quiet", "--bare", "repository", "bare")
    folder = trap.path if kind == "clone" else tmp_path / kind
    for path in (trap.path, folder, *trap.path.rglob("*"), *folder.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    ran = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True)
    assert b"dubious ownership" in ran.stderr
    repository = Repository(folder)
    assert_shown(repository.diff(trap.base, trap.head_commit))
    assert repository.find_merge_base("main~1", "main") == (trap.base, trap.base, trap.head_commit)


def test_nothing_is_left_behind_and_the_clone_is_as_it_was(
    trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    before = {path: path.stat().st_mtime_ns for path in trap.path.rglob("*")}
    assert_unmoved(trap)
    with pytest.raises(GitError):
        Repository(trap.path).diff("1" * 40, trap.head_commit)
    assert {path: path.stat().st_mtime_ns for path in trap.path.rglob("*")} == before
    assert list((tmp_path / "temporary").iterdir()) == []
