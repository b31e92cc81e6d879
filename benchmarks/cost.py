"""What a whole process costs, by the operating system's own accounting of it and its children."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

COMMAND = Path(sys.executable).with_name("iquest-review")


class Cost(NamedTuple):
    """What a process and its children took."""

    cpu: float  # milliseconds, user and system
    wall: float  # milliseconds
    memory: float  # MB, of the largest process

    def __add__(self, other: tuple[object, ...]) -> "Cost":
        """Return the cost of one process after the other."""
        assert isinstance(other, Cost)
        return Cost(self.cpu + other.cpu, self.wall + other.wall, max(self.memory, other.memory))


def measure(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> Cost:
    """Run a command to its end; raise CalledProcessError when it fails."""
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        child = subprocess.Popen(
            list(map(str, command)), env=dict(environment), cwd=folder, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command, output.read())
    return Cost(1000 * (usage.ru_utime + usage.ru_stime), 1000 * wall, usage.ru_maxrss / 1000)


def measure_in_turns(runs: int, *measures: Callable[[], Cost]) -> list[Cost]:
    """Return the median of each, and the most memory; measured in turns, so that a busy moment hits all of them."""
    rounds = [[measure_once() for measure_once in measures] for _ in range(runs)]
    return [
        Cost(
            statistics.median(cost.cpu for cost in costs),
            statistics.median(cost.wall for cost in costs),
            max(cost.memory for cost in costs),
        )
        for costs in zip(*rounds, strict=True)
    ]
