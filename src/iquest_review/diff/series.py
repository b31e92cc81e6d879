"""Combine a series of patches into its net diff: what several commits together do to each file.

The ids on the `index` lines tell the order of the patches, where the text has them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from iquest_review.diff.composition import compose_hunks
from iquest_review.diff.diff import FileDiff, FileStatus
from iquest_review.errors import PatchError

_CONTRADICTION = (
    "this contradicts the patches before it; save the whole change at once: `git diff BASE...HEAD`, or GitLab's .diff"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A file diff of one patch of the series."""

    file: FileDiff
    patch: int  # its number in the series
    line: int  # of the text, where the file diff starts
    ids: tuple[bytes, bytes] | None = None  # of the old and the new content, abbreviated


def combine_steps(steps: Sequence[Step], newest_first: bool) -> tuple[FileDiff, ...]:
    """Return what the patches of a series change together.

    `newest_first` gives their order where the ids of the contents do not. Raises PatchError for patches that do not
    follow one another.
    """
    patches = [list(patch) for _, patch in groupby(steps, key=lambda step: step.patch)]
    now: dict[str, Step] = {}
    gone: list[Step] = []  # deleted files whose name another file took
    for patch in reversed(patches) if next(_compare_order(steps), newest_first) else patches:
        renamed = {step.file.old_path for step in patch if step.file.status is FileStatus.RENAMED}
        then = {path: step for path, step in now.items() if path not in renamed}
        for step in patch:
            old_path, status = step.file.old_path, step.file.status
            first = (then if status is FileStatus.ADDED else now).get(old_path)
            if status is not FileStatus.COPIED and then.get(old_path) is first:
                then.pop(old_path, None)
            joined = _join_steps(first, step) if first else step
            if joined:
                gone += _put_step(then, joined, step.line)
        now = then
    return tuple(step.file for step in (*now.values(), *gone))


def _put_step(then: dict[str, Step], step: Step, line: int) -> Iterator[Step]:
    """Enter the step under the path where its file ends; yield a deletion that has the same path.

    Raises PatchError when two files end at one path.
    """
    path = step.file.new_path
    held = then.setdefault(path, step)
    if held is step:
        return
    if step.file.status is FileStatus.DELETED:
        yield step
    elif held.file.status is FileStatus.DELETED:
        then[path] = step
        yield held
    else:
        raise PatchError(line, _CONTRADICTION)


def _compare_order(steps: Sequence[Step]) -> Iterator[bool]:
    """Return for each pair of steps that tells the order whether the newest patch comes first.

    A pair tells the order when only one of its steps can start with the content that the other one leaves.
    """
    last: dict[str, Step] = {}
    for step in steps:
        earlier = last.get(step.file.old_path) or last.get(step.file.new_path)
        if earlier and earlier.patch != step.patch and _can_follow(earlier, step) != _can_follow(step, earlier):
            yield _can_follow(step, earlier)
        last[step.file.old_path] = last[step.file.new_path] = step


def _can_follow(first: Step, second: Step) -> bool:
    """Return whether the second step starts with the content that the first one leaves; True for unknown ids."""
    if first.ids is None or second.ids is None:
        return True
    left, start = first.ids[1], second.ids[0]
    return left.startswith(start) or start.startswith(left)


def _join_steps(first: Step, second: Step) -> Step | None:
    """Combine both steps into one; return None when they undo each other.

    Raises PatchError when the second one cannot follow the first.
    """
    a, b = first.file, second.file
    if (a.status is FileStatus.DELETED) != (b.status is FileStatus.ADDED) or not _can_follow(first, second):
        raise PatchError(second.line, _CONTRADICTION)
    if a.status in (FileStatus.ADDED, FileStatus.COPIED) and b.status is FileStatus.DELETED:
        return None
    status = _combine_status(a.status, b.status)
    old_path, new_path = a.old_path, b.new_path
    if status is FileStatus.ADDED:
        old_path = new_path
    elif status is FileStatus.DELETED:
        new_path = old_path
    if old_path == new_path and status in (FileStatus.RENAMED, FileStatus.COPIED):
        status = FileStatus.MODIFIED
    old_mode = None if status is FileStatus.ADDED else a.old_mode or b.old_mode
    new_mode = None if status is FileStatus.DELETED else b.new_mode or a.new_mode
    binary = a.binary or b.binary
    try:
        hunks = () if binary else compose_hunks(a.hunks, b.hunks)
    except ValueError as error:
        raise PatchError(second.line, _CONTRADICTION) from error
    unknown = binary or (b.is_submodule and not b.hunks)
    if status is FileStatus.MODIFIED and not hunks and not unknown and old_mode == new_mode:
        return None
    ids = (first.ids[0], second.ids[1]) if first.ids and second.ids else first.ids or second.ids
    return replace(second, file=FileDiff(old_path, new_path, status, hunks, old_mode, new_mode, binary), ids=ids)


def _combine_status(a: FileStatus, b: FileStatus) -> FileStatus:
    if b is FileStatus.DELETED or a is FileStatus.MODIFIED:
        return b
    if a is FileStatus.DELETED:
        return FileStatus.MODIFIED
    return b if b is FileStatus.COPIED and a is not FileStatus.ADDED else a
