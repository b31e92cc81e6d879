"""Why a review is not a whole one, or had nothing to do: values that code compares and a note puts into words."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar, assert_never

from iquest_review.llm.prompt_cut import PromptCut


class PlainReason(StrEnum):
    """A reason without details."""

    UNCHANGED = "nothing has changed since the last review"
    NOTHING_TO_REVIEW = "there is nothing to review"
    INCOMPLETE = "the model's answer is incomplete"
    NOT_EVERYTHING_FITS = "part of the change did not fit into the prompt"
    UNUSABLE = "the answer could not be used"
    FORK = "this pipeline runs in a fork, without the project's variables; a member of the project can run it there"


class RoomKind(StrEnum):
    """What a prompt is measured in."""

    LINES = "lines"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class LostFindings:
    """Some of the model's findings could not be read."""

    lost: int


@dataclass(frozen=True, slots=True)
class NothingFits:
    """Not even the smallest part of the change fits into a prompt of this size."""

    room: int
    measure: RoomKind


@dataclass(frozen=True, slots=True)
class UnusableAnswer:
    """The model answered, but not with a review."""

    why: str


@dataclass(frozen=True, slots=True)
class FailureText:
    """What an error says: the model's, the server's or the network's."""

    text: str


ModelReason: TypeAlias = PlainReason | NothingFits | UnusableAnswer | FailureText | PromptCut


@dataclass(frozen=True, slots=True)
class PartsNotReviewed:
    """Some of several requests had no usable answer; `why` is the first reason."""

    parts: int
    of: int
    why: ModelReason


OutcomeReason: TypeAlias = ModelReason | LostFindings | PartsNotReviewed
_AnyReason = TypeVar("_AnyReason", bound=OutcomeReason)


def describe_reason(reason: OutcomeReason) -> str:
    """Return a reason in English, as the log and review.json have it."""
    match reason:
        case PlainReason():
            return reason.value
        case LostFindings(lost):
            return f"{lost} of the model's findings could not be read"
        case NothingFits(room, RoomKind.LINES):
            return f"no part of the change fits into {room} lines (IQUEST_MAX_LINES)"
        case NothingFits(room):
            return f"no part of the change fits into {room} prompt tokens (IQUEST_MAX_TOKENS)"
        case UnusableAnswer(why):
            return f"the model's answer could not be used: {why}"
        case FailureText(text):
            return text
        case PromptCut():
            return str(reason)
        case PartsNotReviewed(parts, of, why):
            return f"{parts} of {of} parts not reviewed: {describe_reason(why)}"
        case _:
            assert_never(reason)


def redact_reason(reason: _AnyReason, redact: Callable[[str], str]) -> _AnyReason:
    """Return a reason without secrets: it may quote a server."""
    match reason:
        case UnusableAnswer(why):
            return replace(reason, why=redact(why))
        case FailureText(text):
            return replace(reason, text=redact(text))
        case PartsNotReviewed(why=why):
            return replace(reason, why=redact_reason(why, redact))
        case _:  # numbers and our own words
            return reason
