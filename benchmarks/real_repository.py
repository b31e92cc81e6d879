"""A real repository on any machine: the interpreter's standard library and its installed packages, with a history.

Thousands of files and tens of megabytes of code that people wrote, whose names resolve as they do in anybody's
repository. A change of it moves real code about: blocks of other files come in, blocks go, blocks are replaced. The
same interpreter and packages give the same commits.

    python -m benchmarks.real_repository FOLDER FILES:LINES ...

FOLDER is empty. Each FILES:LINES is a change of so many files with about so many changed lines in each. Printed are the
last commit before the changes, and one commit for each of them.
"""

import argparse
import random
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SUFFIXES = frozenset((".py", ".pyi", ".c", ".h", ".js", ".md", ".rst", ".toml", ".txt"))
MOST_BYTES = 400_000  # of a file: data that somebody generated is larger
HISTORY = 12  # commits before a change
EDITED_SHARE = 0.2  # of the files that get their last third in a later commit
BLOCK_LINES = 30  # of one added, removed or replaced block, at most


class Change(NamedTuple):
    """A change of so many files, with about so many added and removed lines in each."""

    files: int
    lines: int

    def __str__(self) -> str:
        return f"{self.files}:{self.lines}"


def build_repository(folder: Path, changes: Sequence[Change]) -> list[str]:
    """Build a bare repository in an empty folder; return its last commit and one on top of it for each change.

    It is built in a process of its own: what a process is said to use at most counts its parent's memory at the start.
    """
    command = [sys.executable, "-m", "benchmarks.real_repository", str(folder), *map(str, changes)]
    return subprocess.check_output(command, text=True).split()


def main() -> None:
    """Build the repository and print its commits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("changes", nargs="*", metavar="FILES:LINES")
    arguments = parser.parse_args()
    files = dict(sorted(_read_installed_files()))
    subprocess.run(["git", "init", "--quiet", "--bare"], cwd=arguments.folder, check=True)
    base = _import_commits(arguments.folder, "main", b"".join(_write_history(files)))
    print(base)
    for number, text in enumerate(arguments.changes):
        change = Change(*map(int, text.split(":")))
        commit = _write_commit(f"change-{number}", HISTORY, list(_change_files(files, change)), parent=base)
        print(_import_commits(arguments.folder, f"change-{number}", commit))


def _write_history(files: dict[str, bytes]) -> Iterator[bytes]:
    chance = random.Random("history")
    first = {path: chance.randrange(HISTORY // 2) for path in files}
    edited = {path: chance.randrange(HISTORY // 2, HISTORY) for path in files if chance.random() < EDITED_SHARE}
    for number in range(HISTORY):
        added = [
            (path, _cut(text) if path in edited else text) for path, text in files.items() if first[path] == number
        ]
        whole = [(path, files[path]) for path, when in edited.items() if when == number]
        yield _write_commit("main", number, [*added, *whole])


def _read_installed_files() -> Iterator[tuple[str, bytes]]:
    """Yield the text files of the standard library and the installed packages, by their paths below either."""
    paths = sysconfig.get_paths()
    library, packages = Path(paths["stdlib"]), Path(paths["purelib"])
    for name, root in (("lib", library), ("packages", packages)):
        for file in root.rglob("*"):
            inner = file.relative_to(root)
            if file.suffix not in SUFFIXES or (name == "lib" and {"site-packages", "dist-packages"} & set(inner.parts)):
                continue
            if file.is_file() and not file.is_symlink() and 0 < file.stat().st_size <= MOST_BYTES:
                yield f"{name}/{inner.as_posix()}", file.read_bytes()


def _cut(text: bytes) -> bytes:
    """Return the first two thirds of the lines."""
    lines = text.splitlines(keepends=True)
    return b"".join(lines[: max(1, 2 * len(lines) // 3)])


def _change_files(files: dict[str, bytes], change: Change) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(str(change))
    large = [path for path in files if path.endswith(".py") and files[path].count(b"\n") >= change.lines]
    donors = [files[path].splitlines(keepends=True) for path in chance.sample(large, min(len(large), 200))]
    for path in sorted(chance.sample(large, min(len(large), change.files))):
        yield path, b"".join(_move_blocks(files[path].splitlines(keepends=True), donors, change.lines, chance))


def _move_blocks(
    lines: Sequence[bytes], donors: Sequence[Sequence[bytes]], changed: int, chance: random.Random
) -> Iterator[bytes]:
    """Yield the lines with blocks of other files put in, taken out or in place of others: `changed` lines or more."""
    blocks = max(1, 3 * changed // (2 * BLOCK_LINES))  # a block has half of BLOCK_LINES, and a third of them has two
    starts = sorted(chance.sample(range(len(lines)), min(blocks, len(lines))))
    size, position = min(BLOCK_LINES, changed), 0
    for start in starts:
        if start < position:
            continue
        yield from lines[position:start]
        kind, length = chance.choice(("add", "remove", "replace")), chance.randint(max(1, size // 3), size)
        if kind != "remove":
            donor = chance.choice(donors)
            begin = chance.randrange(len(donor))
            yield from donor[begin : begin + length]
        position = start if kind == "add" else start + length
    yield from lines[position:]


def _write_commit(branch: str, number: int, files: Sequence[tuple[str, bytes]], parent: str = "") -> bytes:
    """Return one commit for `git fast-import`, on top of the branch's last one if it has no parent of its own."""
    message = f"{branch} {number}: {len(files)} files\n".encode()
    head = f"commit refs/heads/{branch}\ncommitter Author <author@example.org> {number * 86_400} +0000\n".encode()
    start = f"from {parent}\n".encode() if parent else b""
    rows = [b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text), text) for path, text in files]
    return head + b"data %d\n%s" % (len(message), message) + start + b"".join(rows)


def _import_commits(folder: Path, branch: str, stream: bytes) -> str:
    """Import commits and return the last one of a branch."""
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=stream, check=True)
    commit = subprocess.check_output(["git", "rev-parse", f"refs/heads/{branch}"], cwd=folder, text=True)
    return commit.strip()


if __name__ == "__main__":
    main()
