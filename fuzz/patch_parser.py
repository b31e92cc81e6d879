"""Any bytes are a diff that adds up, or an error at one of their lines."""

from fuzz import running
from fuzz.promise import holds
from iquest_review.diff import patch
from iquest_review.diff.diff import LineKind
from iquest_review.errors import PatchError

_HEAD = b"diff --git a/x.py b/x.py\nindex 1111111..2222222 100644\n--- a/x.py\n+++ b/x.py\n"
_HUNK = b"@@ -1,2 +1,2 @@ def f():\n a\n-b\n+c\n"
SEEDS = (
    _HEAD + _HUNK,
    _HEAD + _HUNK + b"\\ No newline at end of file\n" + _HEAD.replace(b"x", b"y") + b"@@ -0,0 +1 @@\n+d\n",
    b"--- a.txt\t2026-01-01\n+++ b.txt\n@@ -1 +1 @@\n-a\n+b\n",
    b"From 1234567890 Mon Sep 17 00:00:00 2001\nSubject: a\n---\n" + _HEAD + _HUNK + b"-- \n2.40\n",
    (b"commit 1234567\n\n    a\n\n" + _HEAD + _HUNK) * 2,
    b'diff --git "a/\\303\\244" "b/b"\nsimilarity index 90%\nrename from "\\303\\244"\nrename to b\n',
    b"diff --git a/n b/n\nnew file mode 100644\nindex 0000000..e69de29\n",
    b"diff --git a/p b/p\nindex 1111111..2222222 100644\nGIT binary patch\nliteral 1\nIcmZ\n\n",
    b"Binary files a/p and b/p differ\nSubmodule lib 1234567..89abcde:\n  > a\n",
)


def check(data: bytes) -> None:
    """Raises Broken where the parser does not keep its word, or whatever else it should not raise."""
    try:
        diff = patch.parse_patch(data)
    except PatchError as error:
        lines = data.count(b"\n") + (not data.endswith(b"\n"))
        holds(1 <= error.line <= lines + 1, "an error names a line of the text, or the one that should follow")
        return
    for file in diff.files:
        kinds = [line.kind for line in file.iter_lines()]
        counted = (kinds.count(LineKind.ADDED), kinds.count(LineKind.REMOVED))
        holds(counted == (file.added, file.removed), "a file has the lines it counts")
        for hunk in file.hunks:
            old = [line.old_line for line in hunk.iter_lines() if line.old_line is not None]
            new = [line.new_line for line in hunk.iter_lines() if line.new_line is not None]
            holds(old == list(range(hunk.old_start, hunk.old_start + len(old))), "old lines are numbered in a row")
            holds(new == list(range(hunk.new_start, hunk.new_start + len(new))), "new lines are numbered in a row")


if __name__ == "__main__":
    running.main(__file__)
