"""An edit of a file, and what it does, as values."""

from dataclasses import dataclass
from typing import NamedTuple

from iquest_review.code.rough_tokens import Token


class Edit(NamedTuple):
    """Lines of a file, counted from 1, and the rows that replace them."""

    path: str
    text: bytes  # the file before the edit, or a part of it
    first: int
    last: int
    rows: tuple[str, ...]
    is_whole: bool = True  # whether `text` is the whole file


@dataclass(frozen=True, slots=True)
class Late:
    """An edit that was not examined in the time there is."""


class EditFacts(NamedTuple):
    """What an edit does; the tokens are those of the edited rows."""

    is_sound: bool  # whether the file has no error that it did not have before
    old: tuple[Token, ...]
    new: tuple[Token, ...]
