"""What a model has seen at an earlier push need not be shown again: a hunk that still changes the same lines, and of a
hunk that was too large for one prompt the part that was shown."""

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

MAX_PARTS = 50  # of one hunk; what is left then is shown again


def select_unseen(files: Sequence[FileDiff], known: Iterable[str]) -> tuple[tuple[FileDiff, ...], tuple[Omission, ...]]:
    """The files with those hunks alone whose identities are not among the known ones, and an omission for the rest.

    What is known once was seen once: of two hunks that are alike one is new.
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
    """The identities in these files that were known before or are shown now, in the diff's order: what a later run
    need not show; and the files of which that is all. Those that are gone from the diff are forgotten."""
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
    """The identities of what the excerpt shows of these files: of hunks, and of those that are cut the parts."""
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
    """Whether it stands for lines that moved to another place: who deletes that place later deletes them unseen."""
    return isinstance(piece, FoldedHunk) and piece.other is not None


def _match_known_ids(file: FileDiff, hunk: Hunk, left: Counter[str]) -> tuple[list[str], Hunk | None]:
    """The identities of a hunk that are among those left, which are used up, and what of it remains: all of it, the end
    of a large one, or nothing."""
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
    if identity not in left:
        return False
    left[identity] -= 1
    if not left[identity]:
        del left[identity]  # so that nothing is looked up any more once all are found
    return True


def _is_within(piece: Hunk, hunk: Hunk, after: Hunk | None) -> bool:
    """Whether a piece was cut out of a hunk, before the one after it."""
    start = piece.old_start + piece.new_start
    return start >= hunk.old_start + hunk.new_start and (after is None or start < after.old_start + after.new_start)
