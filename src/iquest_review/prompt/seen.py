"""What a model has seen at an earlier push need not be shown again: a hunk that still changes the same lines."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from iquest_review.change.diff import FileDiff, Hunk
from iquest_review.change.identity import bare_id, hunk_id, ids
from iquest_review.prompt.budget import Excerpt
from iquest_review.prompt.screen import Omission, Reason


def unseen(files: Sequence[FileDiff], known: Iterable[str]) -> tuple[tuple[FileDiff, ...], tuple[Omission, ...]]:
    """The files with those hunks alone whose identities are not among the known ones, and an omission for the rest.

    What is known once was seen once: of two hunks that are alike one is new.
    """
    left, shown, omissions = Counter(known), list[FileDiff](), list[Omission]()
    for file in files:
        hunks = tuple(hunk for hunk in file.hunks if not _take(left, hunk_id(file, hunk)))
        lines = sum(hunk.changed_lines for hunk in file.hunks) - sum(hunk.changed_lines for hunk in hunks)
        if hunks or (not file.hunks and not _take(left, bare_id(file))):
            shown.append(replace(file, hunks=hunks) if lines else file)
        if lines:
            omissions.append(Omission(file.path, Reason.SEEN, lines))
    return tuple(shown), tuple(omissions)


def known_after(files: Iterable[FileDiff], before: Iterable[str], shown: Iterable[str]) -> tuple[str, ...]:
    """The identities in these files that were known before or are shown now, in the diff's order: what a later run
    need not show. Those that are gone from the diff are forgotten."""
    left = Counter(before)
    left.update(shown)
    return tuple(identity for file in files for identity in ids(file) if _take(left, identity))


def shown_ids(files: Iterable[FileDiff], excerpt: Excerpt) -> Iterator[str]:
    """The identities of what the excerpt shows of these files whole."""
    parts = {id(part.file): part.hunks for part in excerpt.parts}
    for file in files:
        pieces = parts.get(id(file))
        if pieces is None:
            continue
        if not file.hunks:
            yield bare_id(file)
        for hunk, after in zip_longest(file.hunks, file.hunks[1:]):
            if sum(piece.changed_lines for piece in pieces if _within(piece, hunk, after)) == hunk.changed_lines:
                yield hunk_id(file, hunk)


def _take(left: Counter[str], identity: str) -> bool:
    if not left[identity]:
        return False
    left[identity] -= 1
    return True


def _within(piece: Hunk, hunk: Hunk, after: Hunk | None) -> bool:
    """Whether a piece was cut out of a hunk, before the one after it."""
    start = piece.old_start + piece.new_start
    return start >= hunk.old_start + hunk.new_start and (after is None or start < after.old_start + after.new_start)
