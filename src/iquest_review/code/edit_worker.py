"""Examine edits in one child process, so that no file can hang or crash the review."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from iquest_review.code.child import run_in_child
from iquest_review.code.edit import Edit, EditFacts
from iquest_review.code.rough_tokens import Token

MAX_SECONDS = 5.0  # for all edits of a review

Examine = Callable[[Edit], EditFacts | None]


def examine_in_child(edit: Edit) -> EditFacts | None:
    """Return what an edit does, or None when the file cannot be parsed; call it in a child process."""
    from iquest_review.code.edit_examiner import examine_edit  # noqa: PLC0415 - tree-sitter is heavy

    return examine_edit(edit)


def examine_edits(
    edits: Sequence[Edit], seconds: float = MAX_SECONDS, examine: Examine = examine_in_child
) -> list[EditFacts | None]:
    """Return what each edit does; None for an edit that could not be examined within these seconds."""
    if not edits:
        return []
    found = run_in_child([partial(examine, edit) for edit in edits], seconds, seconds)
    return [_decode_facts(found.get(number)) for number in range(len(edits))]


def _decode_facts(fields: Any) -> EditFacts | None:
    if fields is None:
        return None
    sound, old, new = fields
    return EditFacts(sound, tuple(Token(*token) for token in old), tuple(Token(*token) for token in new))
