"""Outline many files in child processes, so that no file can hang or crash the review."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import accumulate
from typing import Any

from iquest_review.code.child import run_in_child
from iquest_review.code.outline import Definition, outline_file

MAX_BYTES = 1_000_000  # of the first files; they take a fifth of a second
MAX_FILE_SECONDS = 2.0  # of CPU for one file: a busy machine outlines the same files as an idle one
MAX_SECONDS = 30.0  # for all files

Outlines = dict[str, tuple[Definition, ...]]
Parse = Callable[[str, bytes], tuple[Definition, ...]]


def outline_files(
    texts: Mapping[str, bytes],
    parse: Parse = outline_file,
    *,
    seconds: float = MAX_SECONDS,
    file_seconds: float = MAX_FILE_SECONDS,
) -> Outlines:
    """Return the definitions of the first files that have at most MAX_BYTES together, by path.

    A file that makes a child hang or crash is left out; another child continues with the next file. Raises TimeoutError
    when all files together take longer than `seconds`.
    """
    outlined, left, end = Outlines(), _take_first(texts), time.monotonic() + seconds
    while left:
        jobs = [partial(_outline, parse, path, text) for path, text in left.items()]
        paths, found = list(left), run_in_child(jobs, end - time.monotonic(), file_seconds)
        if time.monotonic() >= end:
            raise TimeoutError(f"{len(texts)} files could not be parsed within {seconds:g} seconds")
        outlines = {paths[number]: tuple(Definition(*fields) for fields in rows) for number, rows in found.items()}
        outlined |= outlines
        for path in [*outlines, *[path for path in left if path not in outlines][:1]]:
            del left[path]
    return outlined


def _take_first(texts: Mapping[str, bytes]) -> dict[str, bytes]:
    sizes = accumulate(map(len, texts.values()))
    return {path: text for (path, text), size in zip(texts.items(), sizes, strict=True) if size <= MAX_BYTES}


def _outline(parse: Parse, path: str, text: bytes) -> list[tuple[Any, ...]]:
    return [(part.name, part.kind, part.first, part.last, part.signature) for part in parse(path, text)]
