"""The outlines of many files, whatever the files do to a parser."""

import os
import signal
import time
from pathlib import Path

import pytest

from iquest_review.code.outline import Definition, outline_file
from iquest_review.code.outline_worker import outline_files

CODE = b"def one():\n    return 1\n\n\nclass Two:\n    def three(self):\n        return 3\n"


def hang_in_hard(path: str, text: bytes) -> tuple[Definition, ...]:
    """Parse as the product does, but never return from hard.py. How a real parser hangs or dies differs by machine."""
    while path == "hard.py":
        time.sleep(1)
    return outline_file(path, text)


def crash_in_bad(path: str, text: bytes) -> tuple[Definition, ...]:
    if path == "bad.py":
        os.kill(os.getpid(), signal.SIGKILL)
    return outline_file(path, text)


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_the_outlines_are_those_of_each_file() -> None:
    texts = {"a.py": CODE, "b.go": b"package b\n\nfunc Four() {\n}\n", "c.txt": b"Chapter\n  words\n", "空.py": b""}

    assert outline_files(texts, 60) == {path: outline_file(path, text) for path, text in texts.items()}


def test_a_hanging_parser_costs_time_but_not_the_review() -> None:
    started = time.monotonic()

    found = outline_files({"a.py": CODE, "hard.py": CODE, "b.py": CODE}, 1, hang_in_hard)

    assert list(found) == ["a.py"]
    assert 1 <= time.monotonic() - started < 10


def test_a_hanging_parser_costs_the_time_of_one_child_and_not_of_the_next() -> None:
    texts = {"a.py": CODE, "hard.py": CODE, "b.py": CODE}

    assert list(outline_files(texts, 60, hang_in_hard, child_seconds=2)) == ["a.py", "b.py"]


def test_a_crashing_parser_does_not_end_the_review() -> None:
    assert list(outline_files({"a.py": CODE, "bad.py": CODE, "b.py": CODE}, 60, crash_in_bad)) == ["a.py", "b.py"]


def test_no_process_is_left_behind() -> None:
    before = children()

    outline_files({"a.py": CODE}, 5)
    outline_files({"hard.py": CODE}, 0.2, hang_in_hard)

    assert children() == before


@pytest.mark.parametrize(("texts", "seconds"), [({}, 5), ({"a.py": CODE}, 0)])
def test_no_files_or_no_time_gives_no_outlines(texts: dict[str, bytes], seconds: float) -> None:
    assert outline_files(texts, seconds) == {}


def test_thousands_of_definitions_arrive() -> None:
    text = b"".join(b"def f%d():\n    pass\n" % number for number in range(9_000))

    assert len(outline_files({"a.py": text}, 60)["a.py"]) == 9_000
