"""How a target's own file runs."""

import os
import sys
from pathlib import Path


def main(file: str) -> None:
    """Fuzzes the target of this file. In a new process: only what is not loaded yet can be instrumented."""
    os.execv(sys.executable, [sys.executable, "-m", "fuzz", Path(file).stem, *sys.argv[1:]])  # noqa: S606 - no shell
