"""Reasons for tests: some of their own, and one of each kind with every choice its details have."""

from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from itertools import product
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from iquest_review.reasons.connection import BrokenBy, NoAnswerInTime, RootCause, Unreachable
from iquest_review.reasons.explanation import Explanation
from iquest_review.reasons.model_server import ContextExceeded, ErrorStatus, RequestRefused
from iquest_review.reasons.reply import FlawedReply, ReplyFlaw
from iquest_review.reasons.review import OutcomeReason

DOWN = Unreachable("model:8000", RootCause(BrokenBy.REFUSED))
LATE = NoAnswerInTime("model:8000", 120, again=False)
TOO_LONG = ContextExceeded("model:8000", "at most 12000 tokens")
REFUSED = RequestRefused("model:8000", 400, "the filter does not like it")
BUSY = ErrorStatus("model:8000", 503, "busy")
NO_JSON = FlawedReply(ReplyFlaw.NO_JSON)

NAMES = {"variable": "IQUEST_API_URL", "certificate": "IQUEST_CLIENT_CERT", "names": "a, b", "detail": "502"}


def list_reasons(text: str = "‹said›") -> Iterator[OutcomeReason]:
    """Yield reasons of every kind: each flag, each member of an enum, each optional detail with and without a value."""
    for kind in get_args(OutcomeReason):
        yield from _build(kind, text)


def _build(kind: type[Explanation], text: str) -> Iterator[Any]:
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in fields(kind) if field.name != "kind"]
    for values in product(*(list(_choose(hints[name], NAMES.get(name, text), text)) for name in names)):
        yield kind(**dict(zip(names, values, strict=True)))


def _choose(hint: Any, name: str, text: str) -> Iterator[Any]:
    """Yield values of a type; of several kinds of reasons the first alone, since each is built anyway."""
    if get_origin(hint) is Annotated:
        yield next(_build(get_args(get_args(hint)[0])[0], text))
    elif get_origin(hint) is UnionType:
        for member in get_args(hint):
            yield from _choose(member, name, text)
    elif hint is type(None):
        yield None
    elif issubclass(hint, Explanation):
        yield from _build(hint, text)
    elif issubclass(hint, Enum):
        yield from hint
    else:
        plain: dict[type, list[Any]] = {str: [name], bool: [False, True], int: [3], float: [40.0]}
        yield from plain[hint]
