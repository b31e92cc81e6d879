"""Outline many files in child processes, so that no file can hang or crash the review."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from iquest_review.code.child import run_in_child
from iquest_review.code.outline import Definition, outline_file

MAX_CHILD_SECONDS = 5.0  # so that one difficult file does not take the time of all

Outlines = dict[str, tuple[Definition, ...]]
Parse = Callable[[str, bytes], tuple[Definition, ...]]


def outline_files(
    texts: Mapping[str, bytes],
    seconds: float,
    parse: Parse = outline_file,
    child_seconds: float = MAX_CHILD_SECONDS,
) -> Outlines:
    """Return the definitions of each file, by path, as far as they are found within these seconds.

    A file that makes a child hang or crash is left out; another child continues with the next file.
    """
    outlined, left, end = Outlines(), dict(texts), time.monotonic() + seconds
    while left and (seconds := end - time.monotonic()) > 0:
        jobs = [partial(_outline, parse, path, text) for path, text in left.items()]
        paths, found = list(left), run_in_child(jobs, min(seconds, child_seconds))
        outlines = {paths[number]: tuple(Definition(*fields) for fields in rows) for number, rows in found.items()}
        outlined |= outlines
        for path in [*outlines, *[path for path in left if path not in outlines][:1]]:
            del left[path]
    return outlined


def _outline(parse: Parse, path: str, text: bytes) -> list[tuple[Any, ...]]:
    return [(part.name, part.kind, part.first, part.last, part.signature) for part in parse(path, text)]
