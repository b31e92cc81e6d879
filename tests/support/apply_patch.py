"""A diff applied to the files it starts from: the plainest reading of what its numbers say."""

from collections.abc import Mapping

from iquest_review.diff.diff import Diff, FileDiff, FileStatus


def applied(diff: Diff, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files after the diff. Every line that the diff shows is checked against the files, by its number."""
    after = dict(files)
    for file in diff.files:
        if file.status in (FileStatus.RENAMED, FileStatus.DELETED):
            del after[file.old_path]
    for file in diff.files:
        before = b"" if file.status is FileStatus.ADDED else files[file.old_path]
        content = _applied(file, before)
        if file.status is FileStatus.DELETED:
            assert content == b""
        else:
            assert file.status is FileStatus.MODIFIED or file.new_path not in after
            after[file.new_path] = content
    return after


def _applied(file: FileDiff, before: bytes) -> bytes:
    old, new, taken = _lines(before), list[bytes](), 0
    for line in file.iter_lines():
        raw = line.raw + (b"\n" if line.newline else b"")
        if line.old_line is not None:
            assert line.old_line > taken
            new += old[taken : line.old_line - 1]
            taken = line.old_line
            assert old[taken - 1] == raw
        if line.new_line is not None:
            if line.old_line is None:  # the lines between two hunks come before what is added behind them
                missing = line.new_line - 1 - len(new)
                assert missing >= 0
                new += old[taken : taken + missing]
                taken += missing
            assert line.new_line == len(new) + 1
            new.append(raw)
    return b"".join(new + old[taken:])


def _lines(content: bytes) -> list[bytes]:
    rows = [row + b"\n" for row in content.split(b"\n")]
    rows[-1] = rows[-1][:-1]
    return rows if rows[-1] else rows[:-1]
