"""JSON decoders for what models write: control characters in strings, keys that come twice, numbers of any length."""

import json
from typing import Any

from iquest_review.net.error_body import parse_integer

MERGED_KEY = "\0merged"  # marks an object that was two: a bracket between them is missing


def _merge_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Of a key that comes twice nothing is lost: lists are joined, and an empty value never wins."""
    members: dict[str, Any] = {}
    joined: dict[str, set[str]] = {}  # the entries of lists that came twice, as texts: some have no hash
    for key, value in pairs:
        old = members.get(key)
        if isinstance(old, list) and isinstance(value, list):
            if key not in joined:
                joined[key], members[key] = {repr(entry) for entry in old}, [*old]
            members[key] += [entry for entry in value if repr(entry) not in joined[key]]
            joined[key].update(map(repr, value))
        elif key not in members or value not in (None, "", [], {}):
            members |= {MERGED_KEY: True} if key == "description" and old not in (None, value) else {}
            members[key] = value
    return members


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; an empty one where a key comes twice, as in two entries that lost the bracket between them."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else {}


def _drop_constant(_: str) -> None:
    """Return None for NaN and Infinity, which JSON does not have."""


DECODER = json.JSONDecoder(
    object_pairs_hook=_merge_members, parse_int=parse_integer, parse_constant=_drop_constant, strict=False
)
STRICT_DECODER = json.JSONDecoder(
    object_pairs_hook=_refuse_repeated_keys, parse_int=parse_integer, parse_constant=_drop_constant, strict=False
)
