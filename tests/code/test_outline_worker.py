"""The outlines of many files, whatever the files do to a parser."""

import os
import signal
import time
from pathlib import Path

import pytest

from iquest_review.code.outline import Definition, outline_file
from iquest_review.code.outline_worker import MAX_BYTES, outline_files

CODE = b"def one():\n    return 1\n\n\nclass Two:\n    def three(self):\n        return 3\n"


def hang_in_hard(path: str, text: bytes) -> tuple[Definition, ...]:
    """Parse as the product does, but never return from hard.py. How a real parser hangs or dies differs by machine."""
    while path == "hard.py":
        pass
    return outline_file(path, text)


def crash_in_bad(path: str, text: bytes) -> tuple[Definition, ...]:
    if path == "bad.py":
        os.kill(os.getpid(), signal.SIGKILL)
    return outline_file(path, text)


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_the_outlines_are_those_of_each_file() -> None:
    texts = {"a.py": CODE, "b.go": b"package b\n\nfunc Four() {\n}\n", "c.txt": b"Chapter\n  words\n", "空.py": b""}

    assert outline_files(texts) == {path: outline_file(path, text) for path, text in texts.items()}


def test_a_hanging_parser_costs_its_own_file_and_no_other() -> None:
    texts = {"a.py": CODE, "hard.py": CODE, "b.py": CODE}

    assert list(outline_files(texts, hang_in_hard, file_seconds=0.2)) == ["a.py", "b.py"]


def test_a_parser_that_waits_costs_all_files_and_not_the_review() -> None:
    def wait(path: str, _: bytes) -> tuple[Definition, ...]:
        time.sleep(30 if path == "hard.py" else 0)
        return ()

    with pytest.raises(TimeoutError, match=r"2 files could not be parsed within 0\.3 seconds"):
        outline_files({"a.py": CODE, "hard.py": CODE}, wait, seconds=0.3)


def test_the_first_files_are_outlined_where_all_are_too_large_together() -> None:
    texts = {"a.py": CODE, "large.py": CODE + b"#" * MAX_BYTES, "b.py": CODE}

    assert list(outline_files(texts)) == ["a.py"]


def test_a_crashing_parser_does_not_end_the_review() -> None:
    assert list(outline_files({"a.py": CODE, "bad.py": CODE, "b.py": CODE}, crash_in_bad)) == ["a.py", "b.py"]


def test_no_process_is_left_behind() -> None:
    before = children()

    outline_files({"a.py": CODE})
    outline_files({"hard.py": CODE}, hang_in_hard, file_seconds=0.2)

    assert children() == before


def test_no_files_give_no_outlines() -> None:
    assert outline_files({}) == {}


def test_thousands_of_definitions_arrive() -> None:
    text = b"".join(b"def f%d():\n    pass\n" % number for number in range(9_000))

    assert len(outline_files({"a.py": text})["a.py"]) == 9_000
