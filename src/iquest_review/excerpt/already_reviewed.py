"""Which hunks a model has seen at an earlier push, so that they need not be shown again.

A hunk is known if it still changes the same lines; of a hunk that was too large for one prompt, the part that was shown
is known.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from iquest_review.diff.diff import FileDiff, Hunk
from iquest_review.diff.hunk_id import compute_bare_id, compute_hunk_id, compute_prefix_ids
from iquest_review.excerpt.cutting import is_large, slice_hunk
from iquest_review.excerpt.excerpt import Excerpt
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.numbered_rows import FoldedHunk

MAX_PARTS = 50  # of one hunk that are looked up; the rest is shown again


def select_unseen(files: Sequence[FileDiff], known: Iterable[str]) -> tuple[tuple[FileDiff, ...], tuple[Omission, ...]]:
    """Return the files with only the hunks that are not known by their identities, and an omission for the others.

    Each known identity counts once: of two equal hunks, the second is new.
    """
    unmatched, shown, omissions = Counter(known), list[FileDiff](), list[Omission]()
    for file in files:
        hunks = tuple(rest for hunk in file.hunks if (rest := _match_known_ids(file, hunk, unmatched)[1]))
        lines = sum(hunk.changed_lines for hunk in file.hunks) - sum(hunk.changed_lines for hunk in hunks)
        if hunks or (not file.hunks and not _use_up(unmatched, compute_bare_id(file))):
            shown.append(replace(file, hunks=hunks) if lines else file)
        if lines:
            omissions.append(Omission(file.path, Reason.SEEN, lines))
    return tuple(shown), tuple(omissions)


def compute_known_ids(
    files: Iterable[FileDiff], before: Iterable[str], shown: Iterable[str]
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the identities that a later run need not show, and the paths of the files that are known completely.

    These were known `before` or are `shown` now, in the diff's order; identities that left the diff are forgotten.
    """
    unmatched, known, whole = Counter(before), list[str](), set[str]()
    unmatched.update(shown)
    for file in files:
        if file.hunks:
            rests = [_match_known_ids(file, hunk, unmatched) for hunk in file.hunks]
            known += [identity for taken, _ in rests for identity in taken]
            seen = all(rest is None for _, rest in rests)
        elif seen := _use_up(unmatched, compute_bare_id(file)):
            known.append(compute_bare_id(file))
        if seen:
            whole.add(file.path)
    return tuple(known), frozenset(whole)


def list_shown_ids(files: Iterable[FileDiff], excerpt: Excerpt) -> Iterator[str]:
    """Yield the identities of the hunks, and of the parts of cut hunks, that the excerpt shows of these files."""
    parts = {id(part.file): part.hunks for part in excerpt.parts}
    for file in files:
        pieces = parts.get(id(file))
        if pieces is None:
            continue
        if not file.hunks:
            yield compute_bare_id(file)
        for hunk, after in zip_longest(file.hunks, file.hunks[1:]):
            if not hunk.changed_lines:
                continue
            within = [piece for piece in pieces if _is_within(piece, hunk, after) and not _is_moved_away(piece)]
            if sum(piece.changed_lines for piece in within) == hunk.changed_lines:
                yield compute_hunk_id(file, hunk)
            else:
                yield from (compute_hunk_id(file, piece) for piece in within)


def _is_moved_away(piece: Hunk) -> bool:
    """Return whether a piece stands for lines that moved elsewhere.

    They do not count as shown: if the other place is deleted later, nobody has seen the lines go.
    """
    return isinstance(piece, FoldedHunk) and piece.other is not None


def _match_known_ids(file: FileDiff, hunk: Hunk, left: Counter[str]) -> tuple[list[str], Hunk | None]:
    """Return the identities of a hunk that are among those left, and the part of the hunk that is not known.

    The identities are used up. The part is all of the hunk, the end of a large one, or None.
    """
    if not left:
        return [], hunk
    whole = compute_hunk_id(file, hunk)
    if _use_up(left, whole):
        return [whole], None
    if not left or not is_large(hunk):
        return [], hunk
    start, taken = 0, list[str]()
    for _ in range(MAX_PARTS):
        runs = enumerate(compute_prefix_ids(file, hunk.rows[start:]), start + 1)
        end, identity = max((run for run in runs if left[run[1]]), default=(0, ""))
        if not end:
            break
        start = end
        _use_up(left, identity)
        taken.append(identity)
    if not taken:
        return [], hunk
    rest = next(slice_hunk(hunk, [(start, len(hunk.rows))])) if start < len(hunk.rows) else None
    return taken, rest if rest and rest.changed_lines else None


def _use_up(left: Counter[str], identity: str) -> bool:
    """Take an identity out of those left; return whether it was among them."""
    if identity not in left:
        return False
    left[identity] -= 1
    if not left[identity]:
        del left[identity]  # an empty counter ends the look-ups
    return True


def _is_within(piece: Hunk, hunk: Hunk, after: Hunk | None) -> bool:
    """Return whether a piece was cut from a hunk, and not from the hunk after it."""
    start = piece.old_start + piece.new_start
    return start >= hunk.old_start + hunk.new_start and (after is None or start < after.old_start + after.new_start)
