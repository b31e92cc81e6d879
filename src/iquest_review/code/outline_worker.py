"""Outline many files in a child process: a text can be made to hang or crash a parser.

A child that hangs or crashes is killed; only the outlines that it has not sent yet are lost, not the review. The child
is a fork: a new interpreter would take longer to start than most files take to parse.
"""

import json
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from iquest_review.code.outline import Definition, outline_file

MAX_MEMORY_BYTES = 512 * 1024**2  # of address space that parsing may take in addition
MAX_CHILD_SECONDS = 5.0  # so that one difficult file does not take the time of all
PIECE_BYTES = 65_536

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
        outlines = _run_child(left, min(seconds, child_seconds), parse)
        outlined |= outlines
        for path in [*outlines, *[path for path in left if path not in outlines][:1]]:
            del left[path]
    return outlined


def _run_child(texts: Mapping[str, bytes], seconds: float, parse: Parse) -> Outlines:
    """Return the outlines that one child sends within these seconds."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about a fork with other threads: the child takes no locks
        child = os.fork()
    if child == 0:
        try:
            os.close(read)
            _write_outlines(texts, write, seconds, parse)
        finally:
            os._exit(0)
    os.close(write)
    try:
        received = b"".join(_receive_pieces(read, time.monotonic() + seconds))
    finally:
        os.close(read)
        with suppress(ProcessLookupError):  # the child has ended already
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    paths = list(texts)
    whole, _, _ = received.rpartition(b"\n")  # the last row may be cut off
    return dict(_decode_outline(paths, row) for row in whole.split(b"\n") if row)


def _write_outlines(texts: Mapping[str, bytes], write: int, seconds: float, parse: Parse) -> None:
    """Write one row for each file; runs in the child. The limit on CPU time ends a child whose parent is gone."""
    used = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
    with suppress(ValueError, OSError):  # the limit is already lower
        resource.setrlimit(resource.RLIMIT_CPU, (used + int(seconds) + 1,) * 2)
        resource.setrlimit(resource.RLIMIT_AS, (_measure_address_space() + MAX_MEMORY_BYTES,) * 2)
    for number, (path, text) in enumerate(texts.items()):
        definitions = [(part.name, part.kind, part.first, part.last, part.signature) for part in parse(path, text)]
        row = json.dumps([number, definitions]).encode() + b"\n"
        while row:
            row = row[os.write(write, row) :]


def _measure_address_space() -> int:
    """Return the bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()


def _receive_pieces(read: int, end: float) -> Iterator[bytes]:
    """Return what the child writes until it ends, or until the time is over."""
    while (left := end - time.monotonic()) > 0 and select.select([read], [], [], left)[0]:
        piece = os.read(read, PIECE_BYTES)
        if not piece:
            return
        yield piece


def _decode_outline(paths: list[str], row: bytes) -> tuple[str, tuple[Definition, ...]]:
    number, definitions = json.loads(row)
    return paths[number], tuple(Definition(*fields) for fields in definitions)
