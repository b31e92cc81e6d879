"""What git gives: the diff of two commits, merge bases and files, from every sort of clone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, FileStatus
from iquest_review.errors import GitError, UsageError
from iquest_review.git.command import Remote
from iquest_review.git.repository import Repository
from tests.support.checkout import Checkout, Executable, Link, Tree, git, only, put

LINES = b"".join(b"line %d\n" % number for number in range(1, 31))
EDITED = LINES.replace(b"line 15\n", b"line fifteen\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


@pytest.fixture
def edit(checkout: Checkout) -> tuple[str, str]:
    """The commits before and after an edit."""
    return checkout.commit({"x": LINES}), checkout.commit({"x": EDITED})


def assert_the_edit(diff: Diff) -> None:
    file = only(diff)
    assert (file.path, file.status, file.added, file.removed) == ("x", FileStatus.MODIFIED, 1, 1)


# --- the diff ---


def test_the_diff_is_what_git_prints(checkout: Checkout) -> None:
    old: Tree = {"x": LINES, "gone": b"a\n", "mode": b"m", "b.bin": b"\0", "link": Link(b"x"), b'odd\xe9\t"\n': b"a"}
    new: Tree = {
        "x": EDITED,
        "born": b"",
        "mode": Executable(b"m"),
        "b.bin": b"\1\0",
        "link": Link(b"y"),
        "sp ace": b"a",
    }
    base, head = checkout.commit(old), checkout.commit(new)
    assert Repository(checkout.path).diff(base, head) == patch.parse_patch(checkout.diff())


def test_commits_are_compared_and_not_their_merge_base(checkout: Checkout) -> None:
    checkout.commit({"x": LINES})
    checkout.git("branch", "side")
    base = checkout.commit({"x": LINES, "main": b"m\n"})
    checkout.git("checkout", "--quiet", "side")
    head = checkout.commit({"x": EDITED})
    assert [file.path for file in Repository(checkout.path).diff(base, head).files] == ["main", "x"]


def test_equal_commits_have_an_empty_diff(checkout: Checkout) -> None:
    commit = checkout.commit({"x": LINES})
    assert Repository(checkout.path).diff(commit, commit) == Diff()


@pytest.mark.parametrize(("kept", "status"), [(13, FileStatus.RENAMED), (11, FileStatus.ADDED)])
def test_a_file_a_third_alike_is_renamed_as_gitlab_has_it(checkout: Checkout, kept: int, status: FileStatus) -> None:
    rows = [b"%030d\n" % number for number in range(40)]
    base = checkout.commit({"old": b"".join(rows)})
    head = checkout.commit({"new": b"".join(rows[:kept]) + b"".join(b"%030d\n" % number for number in range(99, 126))})
    found = Repository(checkout.path).diff(base, head).find_file("new")
    assert found
    assert found.status is status


def test_a_diff_larger_than_asked_is_refused(checkout: Checkout) -> None:
    base, head = checkout.commit({}), checkout.commit({"x": b"x\n" * 1_000_000})
    with pytest.raises(GitError, match="the diff is 2 MiB long; the limit is 1 MiB"):
        Repository(checkout.path, largest=1024**2).diff(base, head)


def test_a_hanging_git_is_killed(
    checkout: Checkout, edit: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "bin/git", Executable(b"#!/bin/sh\nexec sleep 30\n"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    with pytest.raises(GitError, match=r"`git diff` took longer than 0\.05 seconds"):
        Repository(checkout.path, timeout=0.05).diff(*edit)


# --- kinds of clones ---


def test_a_subfolder_a_bare_clone_and_a_linked_work_tree_are_the_repository(
    checkout: Checkout, edit: tuple[str, str], tmp_path: Path
) -> None:
    (checkout.path / "folder").mkdir()
    git(tmp_path, "clone", "--quiet", "--bare", "repository", "bare.git")
    checkout.git("worktree", "add", "--quiet", "../linked", "HEAD~1")
    (tmp_path / "symbolic").symlink_to(checkout.path)
    for folder in ("repository", "repository/folder", "repository/.git", "bare.git", "linked", "symbolic"):
        assert_the_edit(Repository(tmp_path / folder).diff(*edit))
        assert Repository(tmp_path / folder).find_merge_base("main~1", "main") == (edit[0], *edit)
    assert Repository(tmp_path / "linked").find_merge_base("HEAD", "main") == (edit[0], *edit)


def test_a_submodules_git_file_is_followed(checkout: Checkout, edit: tuple[str, str], tmp_path: Path) -> None:
    (checkout.path / ".git").rename(tmp_path / "elsewhere")
    (checkout.path / ".git").write_text("gitdir: ../elsewhere\n")
    assert_the_edit(Repository(checkout.path).diff(*edit))


def test_a_sha_256_repository_is_read(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "repository", "--object-format=sha256")
    base, head = checkout.commit({"x": LINES}), checkout.commit({"x": EDITED})
    repository = Repository(checkout.path)
    assert len(head) == 64
    assert_the_edit(repository.diff(base, head))
    assert repository.find_merge_base("main~1", "main") == (base, base, head)
    assert repository.load_blob(head, "x") == EDITED


@pytest.mark.parametrize("option", ["--shared", "--reference"])
def test_a_clone_that_borrows_itself_lends_what_it_borrows(
    checkout: Checkout, edit: tuple[str, str], tmp_path: Path, option: str
) -> None:
    origin = str(checkout.path)
    git(tmp_path, "clone", "--quiet", *([option] if option == "--shared" else [option, origin]), origin, "second")
    git(tmp_path, "clone", "--quiet", "--shared", "second", "third")
    assert not list((tmp_path / "third/.git/objects").glob("??"))
    for clone in ("second", "third"):
        assert_the_edit(Repository(tmp_path / clone).diff(*edit))


def test_packed_objects_and_packed_refs_are_found(checkout: Checkout, edit: tuple[str, str]) -> None:
    checkout.git("gc", "--quiet")
    assert_the_edit(Repository(checkout.path).diff(*edit))
    assert Repository(checkout.path).find_merge_base("refs/heads/main~1", "main") == (edit[0], *edit)


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
def test_a_partial_clone_is_an_error_and_no_wrong_diff(
    checkout: Checkout, edit: tuple[str, str], tmp_path: Path, filtered: str
) -> None:
    checkout.git("config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--bare", f"--filter={filtered}", f"file://{checkout.path}", "partial")
    repository = Repository(tmp_path / "partial")
    with pytest.raises(GitError, match=r"partial clone|does not contain commit"):
        repository.diff(*edit)
    with pytest.raises(GitError):
        repository.load_blob(edit[1], "x")


@pytest.mark.parametrize("damage", ["empty", "gone"])
def test_a_damaged_object_is_an_error(checkout: Checkout, edit: tuple[str, str], damage: str) -> None:
    name = checkout.git("rev-parse", "HEAD:x").decode().strip()
    file = checkout.path / ".git/objects" / name[:2] / name[2:]
    file.chmod(0o644)
    file.write_bytes(b"") if damage == "empty" else file.unlink()
    with pytest.raises(GitError):
        Repository(checkout.path).diff(*edit)


def test_a_commit_that_is_not_there_is_named_with_a_cure(checkout: Checkout, edit: tuple[str, str]) -> None:
    with pytest.raises(GitError, match=f"does not contain commit {'1' * 40}; .*GIT_DEPTH: 0"):
        Repository(checkout.path).diff("1" * 40, edit[1])
    with pytest.raises(GitError, match=f"{'1' * 40} and {'2' * 40}"):
        Repository(checkout.path).diff("1" * 40, "2" * 40)


def test_a_blob_or_a_tree_is_no_commit(checkout: Checkout, edit: tuple[str, str]) -> None:
    blob = checkout.git("rev-parse", "HEAD:x").decode().strip()
    with pytest.raises(GitError, match="does not contain commit"):
        Repository(checkout.path).diff(blob, edit[1])


def test_a_folder_without_a_repository_says_so(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    with pytest.raises(GitError, match="is not a git repository"):
        repository.diff("1" * 40, "2" * 40)
    with pytest.raises(GitError, match="is not a git repository"):
        repository.find_merge_base("main", "HEAD")
    with pytest.raises(GitError, match="is not a git repository"):
        repository.load_blob("1" * 40, "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_says_so(checkout: Checkout, edit: tuple[str, str]) -> None:
    (checkout.path / ".git").chmod(0)
    try:
        with pytest.raises(GitError, match="cannot be read"):
            Repository(checkout.path).diff(*edit)
    finally:
        (checkout.path / ".git").chmod(0o755)


@pytest.mark.parametrize("refresh", ["raise", "quiet"])
def test_without_git_the_program_starts_and_says_so(checkout: Checkout, edit: tuple[str, str], refresh: str) -> None:
    code = (
        "import pathlib, sys\nfrom iquest_review.git.repository import Repository\n"
        "try: Repository(pathlib.Path(sys.argv[1])).diff(*sys.argv[2:])\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    source = str(Path(patch.__file__).parents[2])
    environment = {"PATH": "/nonexistent", "PYTHONPATH": source, "GIT_PYTHON_REFRESH": refresh}
    argv = [sys.executable, "-c", code, str(checkout.path), *edit]
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("GitError git is not installed\n", "")


def test_the_password_is_in_no_representation() -> None:
    assert "secret" not in repr(Remote("https://gitlab.example/a.git", "user", "secret"))


# --- refs ---


def test_a_merge_base_is_where_the_branches_part(checkout: Checkout) -> None:
    fork = checkout.commit({"x": LINES})
    checkout.git("branch", "side")
    main = checkout.commit({"x": LINES, "main": b"m\n"})
    checkout.git("checkout", "--quiet", "side")
    side = checkout.commit({"x": EDITED})
    repository = Repository(checkout.path)
    for base in ("main", "refs/heads/main", main, main[:12], "main^{commit}"):
        assert repository.find_merge_base(base, "HEAD") == (fork, main, side)
    checkout.git("tag", "--annotate", "--message", "v1", "v1", "main")
    assert repository.find_merge_base("v1", "side") == (fork, main, side)


def test_a_criss_cross_has_the_base_git_takes(checkout: Checkout) -> None:
    checkout.commit({"x": LINES})
    checkout.git("checkout", "--quiet", "-b", "side")
    side = checkout.commit({"x": LINES, "side": b"s\n"})
    checkout.git("checkout", "--quiet", "main")
    main = checkout.commit({"x": LINES, "main": b"m\n"})
    for branch, other in (("main", side), ("side", main)):
        checkout.git("checkout", "--quiet", branch)
        checkout.git("merge", "--quiet", "--no-edit", other)
    common = Repository(checkout.path).find_merge_base("main", "side")[0]
    assert common in (main, side)
    assert common == checkout.git("merge-base", "main", "side").decode().strip()


def test_unrelated_histories_have_no_common_commit(checkout: Checkout, edit: tuple[str, str]) -> None:
    checkout.git("checkout", "--quiet", "--orphan", "other")
    checkout.commit({"y": b"y\n"})
    with pytest.raises(GitError, match=r"main and HEAD have no common commit .*--unshallow"):
        Repository(checkout.path).find_merge_base("main", "HEAD")


def test_a_shallow_clone_has_no_common_commit(checkout: Checkout, edit: tuple[str, str], tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{checkout.path}", "shallow")
    git(tmp_path / "shallow", "fetch", "--quiet", "--depth=1", "origin", f"{edit[0]}:refs/heads/base")
    with pytest.raises(GitError, match="shallow"):
        Repository(tmp_path / "shallow").find_merge_base("base", "HEAD")


@pytest.mark.parametrize(
    "ref",
    ["nope", "", "--output=canary", "-x", "main..HEAD", "^main", "main:x", "HEAD^{tree}", "a b", "main\n", "\x1b[31m"],
)
def test_a_ref_without_a_commit_is_a_usage_error(checkout: Checkout, edit: tuple[str, str], ref: str) -> None:
    for names in ((ref, "HEAD"), ("HEAD", ref)):
        with pytest.raises(UsageError) as raised:
            Repository(checkout.path).find_merge_base(*names)
        assert repr(ref) in str(raised.value)
    assert [path.name for path in checkout.path.iterdir() if "canary" in path.name] == []


def test_a_name_of_several_refs_is_refused_since_git_would_take_the_tag(
    checkout: Checkout, edit: tuple[str, str]
) -> None:
    checkout.git("config", "core.warnAmbiguousRefs", "false")
    checkout.git("tag", "main", "HEAD~1")
    with pytest.raises(UsageError, match=r"several refs.*refs/heads/main"):
        Repository(checkout.path).find_merge_base("main", "HEAD")
    assert Repository(checkout.path).find_merge_base("refs/heads/main", "HEAD")[1] == edit[1]


@pytest.mark.parametrize("name", ["HEAD", "main", "--output=x", "-O", "a;b", "", "1" * 39, "A" * 40, "1" * 40 + "\n"])
def test_nothing_but_a_full_commit_id_reaches_git(checkout: Checkout, edit: tuple[str, str], name: str) -> None:
    repository = Repository(checkout.path)
    for pair in ((name, edit[1]), (edit[0], name)):
        with pytest.raises(GitError, match="not a commit id"):
            repository.diff(*pair)
    with pytest.raises(GitError, match="not a commit id"):
        repository.load_blob(name, "x")


# --- files ---


def test_a_file_is_read_from_its_commit_and_not_from_the_work_tree(checkout: Checkout, edit: tuple[str, str]) -> None:
    (checkout.path / "x").write_bytes(b"in the work tree")
    repository = Repository(checkout.path)
    assert (repository.load_blob(edit[0], "x"), repository.load_blob(edit[1], "x")) == (LINES, EDITED)


def test_a_symbolic_link_is_never_followed(checkout: Checkout) -> None:
    tree: Tree = {"to file": Link(b"x"), "out": Link(b"/proc/self/environ"), "folder": Link(b"real"), "real/f": b"f\n"}
    commit = checkout.commit({**tree, "x": LINES})
    repository = Repository(checkout.path)
    for path in ("to file", "out", "folder", "folder/f", "real/../x", "../repository/x", "/etc/passwd", "./x"):
        assert repository.load_blob(commit, path) is None


def test_only_an_exact_name_is_a_file(checkout: Checkout) -> None:
    names = ("*.py", ":(top)x", "-dash", "sp ace", "ünï", "a/b", "new\nline")
    commit = checkout.commit(
        {**{name: name.encode() for name in names}, "z.py": b"z", "x": b"x", "e": Executable(b"e")}
    )
    repository = Repository(checkout.path)
    for name in names:
        assert repository.load_blob(commit, name) == name.encode()
    assert repository.load_blob(commit, "e") == b"e"
    for name in ("a", "a/", "a/b/", "?.py", "", ".", "/", "X", "nope", "a\0b", ":x", "a//b", "./x", "..", "../x"):
        assert repository.load_blob(commit, name) is None


def test_a_submodule_is_no_file(checkout: Checkout, edit: tuple[str, str]) -> None:
    checkout.git("update-index", "--add", "--cacheinfo", f"160000,{edit[0]},sub")
    checkout.git("commit", "--quiet", "--message", "Add a submodule")
    assert Repository(checkout.path).load_blob(checkout.head(), "sub") is None
