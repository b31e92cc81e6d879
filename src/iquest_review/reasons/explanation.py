"""What every reason has in common: English words, and a form in review.json."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar, dataclass_transform

from pydantic import GetCoreSchemaHandler, PlainSerializer, PlainValidator, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, to_json


@dataclass(frozen=True, slots=True)
class Explanation(ABC):
    """What happened, with its details.

    The text is English, for the log and for review.json. The note has words of its own in each language. `kind` tells
    the types apart in review.json.
    """

    kind: ClassVar[str]

    @abstractmethod
    def __str__(self) -> str:
        """Say it in English."""

    def redact(self, clean: Callable[[str], str]) -> Self:
        """Return the same without secrets: it may quote a server. `clean` takes them out of a text."""
        return replace(self, **{field.name: _redact_value(getattr(self, field.name), clean) for field in fields(self)})


def quote_server(said: str) -> str:
    """Return the words of a server, or that it said nothing."""
    return said or "no reason given"


def _redact_value(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, Explanation):
        return value.redact(clean)
    return clean(value) if isinstance(value, str) and not isinstance(value, Enum) else value


_Explanation = TypeVar("_Explanation", bound=Explanation)
_KINDS = dict[str, type[Explanation]]()


@dataclass_transform(frozen_default=True)
def reason(cls: type[_Explanation]) -> type[_Explanation]:
    """Make a frozen dataclass that review.json can hold. Its kind is its name in lower case."""
    made = dataclass(frozen=True, slots=True)(cls)
    made.kind = re.sub(r"(?<!^)(?=[A-Z])", "_", made.__name__).lower()
    _KINDS[made.kind] = made
    return made


class StoredByKind:
    """Marks a field that holds one of several reasons.

    pydantic reads and writes it by its kind. It does not build the schemas of all of them at every start, which takes
    a third of a second.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a schema that knows the kinds of the field's type by name alone."""
        load = PlainValidator(lambda value: _load(value, source))
        return handler.generate_schema(Annotated[Any, load, PlainSerializer(_dump)])


@cache
def _build_adapter(kind: type[Explanation]) -> TypeAdapter[Explanation]:
    return TypeAdapter(kind)


def _dump(value: Explanation) -> dict[str, Any]:
    return {"kind": value.kind, **_build_adapter(type(value)).dump_python(value, mode="json")}


def _load(value: object, allowed: Any) -> Explanation:
    """Return the reason that JSON holds; `allowed` is the union of the types that it may have."""
    members = value if isinstance(value, dict) else {}
    kind = _KINDS.get(str(members.get("kind")))
    if kind is None or not issubclass(kind, allowed):
        raise PydanticCustomError("reason", "Input should be a known kind of reason")
    try:
        return _build_adapter(kind).validate_json(to_json(members), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        # No cause: pydantic quotes values of the file.
        raise PydanticCustomError("reason", "{problem}", {"problem": f"{place}: {first['msg']}"}) from None
