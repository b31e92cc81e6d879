"""A clone that is a trap, and a change that is one: nothing runs, nothing is followed, nothing is written elsewhere.

Covered, on the real command: drivers, fsmonitor, hooks, pagers, aliases, submodules, links, a bare repository in the
tree, names of commits and branches that are options, and where artifacts go. The traps one by one, with the proof that
each of them springs for plain git, are in tests/git/test_repository_hostile.py.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Content, Executable, Link, Name, git, put
from tests.support.hostile_scene import Scene, Seen, assert_inert, assert_log, remarks, row, scene
from tests.support.pipeline import threads

BEFORE: dict[Name, Content] = {
    "app.py": b"def secret(): 1\nkeep = 1\n",
    "gone.py": b"old = 1\n" * 3,
    "mode.sh": b"echo\n",
    "old/name.py": b"".join(b"row_%d = 1\n" % number for number in range(20)),
    "big.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n",
    "target": b"in the tree\n",
}
AFTER: dict[Name, Content] = {
    "app.py": b"def secret(): 2  # BUG\nkeep = 1\n",
    "empty.py": b"",
    "mode.sh": Executable(b"echo\n"),
    "new/name.py": BEFORE["old/name.py"],
    "big.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"1" * 64 + b"\nsize 2\n",
    "target": Link(b"/proc/self/environ"),
    "link": Link(b"../../secret-file"),
    ".gitmodules": b'[submodule "s"]\n\tpath = s\n\turl = ext::sh -c touch% CANARY\n\tupdate = !touch CANARY\n',
    ".gitattributes": b"*.py diff=evil filter=evil\n",
    "bare/HEAD": b"ref: refs/heads/main\n",
    "bare/config": b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfsmonitor = CANARY\n",
    "bare/objects/keep": b"",
    "bare/refs/keep": b"",
    "AGENTS.md": Link(b"/proc/self/environ"),
}


def armed(clone: Path) -> None:
    """From now on everything in the clone's configuration that git would run leaves a canary."""
    program, canary = clone.parent / "program", clone.parent / "canary"
    put(clone.parent, "program", Executable(b"#!/bin/sh\ntouch '%s'\nexit 1\n" % os.fsencode(canary)))
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        put(clone, f".git/hooks/{hook}", Executable(program.read_bytes()))
    keys: tuple[str, ...] = ("core.fsmonitor", "core.pager", "diff.external", "diff.evil.textconv", "diff.evil.command")
    keys += ("filter.evil.smudge", "core.sshCommand", "core.askPass", "credential.helper", "core.alternateRefsCommand")
    rows = [f"[{key.rpartition('.')[0].replace('.', ' ', 1)}]\n\t{key.rpartition('.')[2]} = {program}" for key in keys]
    rows = [text.replace("[diff evil]", '[diff "evil"]').replace("[filter evil]", '[filter "evil"]') for text in rows]
    aliases = "".join(f"\t{name} = !{program}\n" for name in ("diff", "log", "cat-file", "rev-parse", "merge-base"))
    rows += [f"[alias]\n{aliases}", f"[pager]\n\tdiff = {program}", "[submodule]\n\trecurse = true"]
    put(clone, ".git/config", (clone / ".git/config").read_bytes() + "\n".join(rows).encode())


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Seen]]:
    """The run in the clone that is armed once all is committed."""
    folder = tmp_path_factory.mktemp("git")
    with scene(folder / "scene", BEFORE, AFTER, replies=[remarks], source_branch="../../x", title="../../x") as enemy:
        git(enemy.clone, "update-index", "--add", "--cacheinfo", f"160000,{enemy.refs.base},s")
        git(enemy.clone, "commit", "--quiet", "--message", "Add the submodule")
        enemy.moves(git(enemy.clone, "rev-parse", "HEAD").decode().strip())
        put(folder, "secret-file", b"of-the-runner\n")
        shutil.copytree(enemy.clone, enemy.folder / "clone", symlinks=True)
        armed(enemy.folder / "clone")
        git(enemy.clone, "checkout", "--quiet", "--force", "--detach", "main")  # GitLab has no work tree
        branch = dict.fromkeys(("CI_COMMIT_REF_NAME", "CI_COMMIT_REF_SLUG", "CI_JOB_NAME"), "../../x")
        variables = {**branch, "CI_PROJECT_DIR": str(enemy.folder / "clone"), "OF_THE_JOB": "only-in-the-environment"}
        yield enemy, enemy.review(**variables)


@row("H40-textconv", "H42-fsmonitor-hooks", "H48-submodule-ext", "H49-embedded-bare")
def test_nothing_of_the_clone_runs(trapped: tuple[Scene, Seen], row: str) -> None:
    enemy, seen = trapped

    assert seen.finished.code == 0, seen.finished.err
    assert '[diff "evil"]' in (enemy.folder / "clone/.git/config").read_text()
    assert "lines from git" in seen.finished.err
    assert not (enemy.folder / "canary").exists()
    assert "+1| def secret(): 2  # BUG" in seen.prompt
    assert_inert(seen)
    assert_log(seen)


@row("H38-odd-changes", "H39-delete-only")
def test_changes_without_lines_are_told_and_get_no_thread(trapped: tuple[Scene, Seen], row: str) -> None:
    enemy, seen = trapped
    told = [entry["path"] for name in ("coverage", "omissions") for entry in seen.finished.review[name]]

    assert {os.fsdecode(name) for name in (*BEFORE, *AFTER, "s")} - set(told) == {"old/name.py"}
    assert "old/name.py" in seen.prompt
    assert [(thread.path, thread.line) for thread in threads(enemy.gitlab)] == [("app.py", 1)]


@row("H45-symlink-read")
def test_no_link_is_followed(trapped: tuple[Scene, Seen], row: str) -> None:
    _, seen = trapped

    assert "/proc/self/environ" in seen.prompt
    assert "only-in-the-environment" not in seen.everything
    assert "of-the-runner" not in seen.everything


@row("H47-artifact-path")
def test_no_name_of_a_change_names_a_file(trapped: tuple[Scene, Seen], row: str) -> None:
    enemy, seen = trapped
    trees = {enemy.clone, enemy.folder / "clone"}

    left = {str(path.relative_to(enemy.folder)) for path in enemy.folder.rglob("*") if not trees & {*path.parents}}
    assert left <= {
        "origin",
        "clone",
        "program",
        "run1",
        "run1/iquest-review",
        *(f"run1/iquest-review/{name}" for name in seen.kept),
    }
    assert {"review.json", "note.md"} <= set(seen.kept)
    assert not (enemy.folder.parent / "x").exists()


NAMES = ("--output=canary", "$(touch canary)", "HEAD\n--output=canary")


@row("H43-option-injection")
def test_a_commit_that_is_an_option_is_refused(tmp_path: Path, row: str) -> None:
    with scene(tmp_path / "scene", {"a.py": b"1\n"}, {"a.py": b"2\n"}, replies=[remarks]) as enemy:
        fork = {**enemy.job, "GITLAB_API_TOKEN": "", "CI_PROJECT_ID": "70"}
        for name in NAMES:
            seen = enemy.run("review", environ={**fork, "CI_MERGE_REQUEST_DIFF_BASE_SHA": name})
            assert seen.finished.code == 4, name
            assert "is not a commit id" in seen.finished.err
            assert_log(seen)
        for name in ("--output=canary", "main..feature"):
            seen = enemy.run("review", "--repo", str(enemy.clone), f"--base={name}", environ=enemy.job)
            assert seen.finished.code == 2, name
            assert "is not a " in seen.finished.err
            assert_log(seen)
        assert enemy.model.completions == []
    assert list(tmp_path.rglob("canary")) == []
