"""Random trees and their commits: `git fast-import` writes a history in one process."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from tests.support.checkout import git

Files = Mapping[str, bytes]

NAMES = ("a", "b", "dir/c", "sp ace", "ünïcode", "-dash", 'quo"te', "new\nline")
PIECES = (
    b"one",
    b"two",
    b"",
    b"- minus",
    b"+plus",
    b"-- a/x",
    b"++ b/x",
    b"@@ -1 +1 @@",
    b"cr\r",
    b"latin\xe9",
    b"\x0c",
    b"\\ No",
)
lines = st.lists(st.sampled_from(PIECES), max_size=14)
contents = st.builds(lambda rows, end: b"\n".join(rows) + end, lines, st.sampled_from([b"\n", b""]))


@st.composite
def edited(draw: st.DrawFn, content: bytes) -> bytes:
    """A content with one stretch of lines replaced."""
    rows = content.split(b"\n")
    start = draw(st.integers(0, len(rows)))
    stop = draw(st.integers(start, min(len(rows), start + 4)))
    return b"\n".join([*rows[:start], *draw(st.lists(st.sampled_from(PIECES), max_size=4)), *rows[stop:]])


@st.composite
def histories(draw: st.DrawFn, commits: int) -> list[dict[str, bytes]]:
    """Successive trees: files edited, replaced, moved, removed and added."""
    base = b"".join(b"%d\n" % number for number in range(draw(st.integers(0, 40))))
    trees = [{name: draw(contents) + base for name in draw(st.sets(st.sampled_from(NAMES), max_size=5))}]
    while len(trees) < commits:
        tree = dict(trees[-1])
        for name in sorted(tree):
            match draw(st.sampled_from(("keep", "edit", "edit", "edit", "remove", "move", "replace"))):
                case "edit":
                    tree[name] = draw(edited(tree[name]))
                case "replace":
                    tree[name] = draw(contents)
                case "remove":
                    del tree[name]
                case "move" if free := sorted(set(NAMES) - set(tree)):
                    tree[draw(st.sampled_from(free))] = draw(edited(tree.pop(name)))
        if free := sorted(set(NAMES) - set(tree)):
            tree |= {name: draw(contents) for name in draw(st.sets(st.sampled_from(free), max_size=2))}
        trees.append(tree)
    return trees


class History:
    """The commits of some trees, in a bare repository of their own; `tags` name them from c0 on."""

    def __init__(self, trees: Sequence[Files]) -> None:
        self.trees = trees

    def __enter__(self) -> "History":
        self.temporary = TemporaryDirectory()
        self.path = Path(self.temporary.name)
        git(self.path, "init", "--quiet", "--bare")
        stream = b"".join(self._commit(number) for number in range(len(self.trees)))
        subprocess.run(["git", "fast-import", "--quiet"], cwd=self.path, input=stream, check=True, capture_output=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.temporary.cleanup()

    def _commit(self, number: int) -> bytes:
        head = b"commit refs/heads/c%d\ncommitter A <a@example.org> %d +0000\ndata 6\nChange\n" % (number, number)
        start = b"from refs/heads/c%d\ndeleteall\n" % (number - 1) if number else b"deleteall\n"
        files = [
            b"M 100644 inline %s\ndata %d\n%s\n" % (_quoted(name), len(content), content)
            for name, content in self.trees[number].items()
        ]
        return head + start + b"".join(files)

    def git(self, *arguments: str) -> bytes:
        return git(self.path, *arguments)


def _quoted(name: str) -> bytes:
    return b'"' + name.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
