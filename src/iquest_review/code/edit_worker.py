"""Examine edits in child processes, so that no file can hang or crash the review, or take the time of the others."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from iquest_review.code.child import run_in_child
from iquest_review.code.edit import Edit, EditFacts, Late
from iquest_review.code.rough_tokens import Token

MAX_SECONDS = 5.0  # for all edits of a review
MAX_FILE_SECONDS = 1.0  # of CPU for the edits of one file, while others wait

Examine = Callable[[Edit], EditFacts | None]


def examine_in_child(edit: Edit) -> EditFacts | None:
    """Return what an edit does, or None when the file cannot be parsed; call it in a child process."""
    from iquest_review.code.edit_examiner import examine_edit  # noqa: PLC0415 - tree-sitter is heavy

    return examine_edit(edit)


def examine_edits(
    edits: Sequence[Edit],
    seconds: float = MAX_SECONDS,
    examine: Examine = examine_in_child,
    file_seconds: float = MAX_FILE_SECONDS,
) -> list[EditFacts | Late | None]:
    """Return what each edit does; None where the file cannot be parsed.

    A file that takes longer than `file_seconds` of CPU waits until the others are done, and has the time that is left.
    """
    end, files, found = time.monotonic() + seconds, _group_by_file(edits), dict[str, Iterator[Any]]()
    for most in (file_seconds, seconds):
        waiting = [path for path in files if path not in found]
        while waiting and (left := end - time.monotonic()) > 0:
            results = run_in_child([partial(_examine_file, examine, files[path]) for path in waiting], left, most)
            found |= {waiting[number]: iter(rows) for number, rows in results.items()}
            waiting = waiting[len(results) + 1 :]  # the next file is what made the child hang or crash
    return [_decode_facts(next(found[edit.path])) if edit.path in found else Late() for edit in edits]


def _group_by_file(edits: Sequence[Edit]) -> dict[str, list[Edit]]:
    files: dict[str, list[Edit]] = {}
    for edit in edits:
        files.setdefault(edit.path, []).append(edit)
    return files


def _examine_file(examine: Examine, edits: Sequence[Edit]) -> list[EditFacts | None]:
    return list(map(examine, edits))


def _decode_facts(fields: Any) -> EditFacts | None:
    if fields is None:
        return None
    sound, old, new = fields
    return EditFacts(sound, tuple(Token(*token) for token in old), tuple(Token(*token) for token in new))
