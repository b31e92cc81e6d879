"""The outlines of many files, whatever the files do to a parser."""

import os
import signal
import time
from pathlib import Path

import pytest

from iquest_review.change.outline import definitions
from iquest_review.change.outlining import outlines

CODE = b"def one():\n    return 1\n\n\nclass Two:\n    def three(self):\n        return 3\n"
HARD = b"& *\n" * 19_000  # keeps the parser of Python busy for longer than anybody waits


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_the_outlines_are_those_of_each_file() -> None:
    texts = {"a.py": CODE, "b.go": b"package b\n\nfunc Four() {\n}\n", "c.txt": b"Chapter\n  words\n", "空.py": b""}

    assert outlines(texts, 5) == {path: definitions(path, text) for path, text in texts.items()}


def test_a_text_that_a_parser_hangs_in_costs_the_time_and_not_the_review() -> None:
    started = time.monotonic()

    found = outlines({"a.py": CODE, "hard.py": HARD, "b.py": CODE}, 1)

    assert list(found) == ["a.py"]
    assert time.monotonic() - started < 3


def test_a_file_that_takes_a_childs_time_does_not_take_that_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iquest_review.change.outlining.LONGEST", 0.5)

    assert list(outlines({"a.py": CODE, "hard.py": HARD, "b.py": CODE}, 5)) == ["a.py", "b.py"]


def test_a_parser_that_crashes_takes_no_review_along(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashing(path: str, text: bytes) -> object:
        if path == "bad.py":
            os.kill(os.getpid(), signal.SIGKILL)
        return definitions(path, text)

    monkeypatch.setattr("iquest_review.change.outlining.definitions", crashing)

    assert list(outlines({"a.py": CODE, "bad.py": CODE, "b.py": CODE}, 5)) == ["a.py", "b.py"]


def test_no_process_is_left_behind() -> None:
    before = children()

    outlines({"a.py": CODE}, 5)
    outlines({"hard.py": HARD}, 0.2)

    assert children() == before


@pytest.mark.parametrize(("texts", "seconds"), [({}, 5), ({"a.py": CODE}, 0)])
def test_without_files_or_time_there_are_none(texts: dict[str, bytes], seconds: float) -> None:
    assert outlines(texts, seconds) == {}


def test_thousands_of_definitions_arrive() -> None:
    text = b"".join(b"def f%d():\n    pass\n" % number for number in range(9_000))

    assert len(outlines({"a.py": text}, 10)["a.py"]) == 9_000
