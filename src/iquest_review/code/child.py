"""Run jobs in a child process: a text can be made to hang or crash a parser.

A child that hangs or crashes is killed; only the results that it has not sent yet are lost, not the review. The child
is a fork: a new interpreter would take longer to start than most files take to parse.
"""

import json
import math
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

MAX_MEMORY_BYTES = 512 * 1024**2  # of address space that the jobs may take in addition
PIECE_BYTES = 65_536

Job = Callable[[], Any]  # returns what JSON can hold


def run_in_child(jobs: Sequence[Job], seconds: float, job_seconds: float = math.inf) -> dict[int, Any]:
    """Return the results that one child sends within these seconds, by the index of their jobs; it works in order.

    The child ends when a single job takes longer than `job_seconds`.
    """
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about a fork with other threads: the child takes no locks
        child = os.fork()
    if child == 0:
        try:
            os.close(read)
            _write_results(jobs, write, seconds)
        finally:
            os._exit(0)
    os.close(write)
    try:
        received = b"".join(_receive_pieces(read, time.monotonic() + seconds, job_seconds))
    finally:
        os.close(read)
        with suppress(ProcessLookupError):  # the child has ended already
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    whole, _, _ = received.rpartition(b"\n")  # the last row may be cut off
    return dict(json.loads(row) for row in whole.split(b"\n") if row)


def _write_results(jobs: Sequence[Job], write: int, seconds: float) -> None:
    """Write one row for each job; runs in the child. The limit on CPU time ends a child whose parent is gone."""
    used = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
    with suppress(ValueError, OSError):  # the limit is already lower
        resource.setrlimit(resource.RLIMIT_CPU, (used + int(seconds) + 1,) * 2)
        resource.setrlimit(resource.RLIMIT_AS, (_measure_address_space() + MAX_MEMORY_BYTES,) * 2)
    for number, job in enumerate(jobs):
        row = json.dumps([number, job()]).encode() + b"\n"
        while row:
            row = row[os.write(write, row) :]


def _measure_address_space() -> int:
    """Return the bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()


def _receive_pieces(read: int, end: float, job_seconds: float) -> Iterator[bytes]:
    """Return what the child writes until it ends, or until the time of all jobs or of one is over."""
    job_end = time.monotonic() + job_seconds
    while (left := min(end, job_end) - time.monotonic()) > 0 and select.select([read], [], [], left)[0]:
        piece = os.read(read, PIECE_BYTES)
        if not piece:
            return
        if b"\n" in piece:
            job_end = time.monotonic() + job_seconds
        yield piece
