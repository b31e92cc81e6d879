"""`python -m fuzz TARGET [options of libFuzzer]`: fuzzes one target with atheris until told to stop."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

KEPT = Path(__file__).parents[1] / ".cache/fuzz"  # what was found to be worth trying, from one run to the next


def main() -> None:
    """Runs the target that the first argument names; atheris ends the process."""
    name, options = sys.argv[1], sys.argv[2:]
    atheris: Any = import_module("atheris")  # not installed by `make`: README.md
    with atheris.instrument_imports(include=["iquest_review"]):  # the product alone: its branches are looked for
        target = import_module(f"fuzz.{name}")
    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = ("-timeout=10", "-max_len=2000", f"-artifact_prefix={KEPT / name}-")
    inputs = [] if any(not option.startswith("-") for option in options) else [str(corpus)]  # a file is tried alone
    atheris.Setup([name, *limits, *options, *inputs], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
