"""What is out of all bounds ends in bounded time and memory, with a word: patches, lines, answers.

The sizes that people meet once a year are tried with IQUEST_TEST_LARGE=1: they take minutes and gigabytes.
"""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.fast_import import History
from tests.support.model.double import Fault, ModelDouble
from tests.support.pipeline import Finished

MIB = 1024**2
COMMAND = [sys.executable, "-c", "from iquest_review.cli.main import main; main()"]
# In a process of its own: the kernel counts what a process had before it became another one.
MEASURED = """
import os, resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
code = subprocess.run(sys.argv[2:]).returncode
took = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"\\npeak {took.ru_maxrss} {took.ru_utime + took.ru_stime}", file=sys.stderr)
sys.exit(code)
"""
large = pytest.mark.skipif(not os.environ.get("IQUEST_TEST_LARGE"), reason="minutes and gigabytes: IQUEST_TEST_LARGE=1")


@dataclass
class Measured(Finished):
    """A run, and what it took."""

    seconds: float
    peak: int  # bytes in memory
    worked: float  # seconds of a processor, which do not grow with what else the machine does


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., Measured]:
    def run(*arguments: str, room: int = 1024 * MIB, **variables: str) -> Measured:
        own = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
        started = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-c", MEASURED, str(room), *COMMAND, *arguments],
            cwd=tmp_path,
            env={**own, **variables},
            capture_output=True,
            timeout=600,
        )
        err, _, took = ended.stderr.decode().rpartition("\npeak ")
        assert "Traceback" not in err, err
        seconds = time.monotonic() - started
        peak, worked = took.split()
        out = ended.stdout.decode()
        return Measured(ended.returncode, out, err, tmp_path, seconds, int(peak) * 1024, float(worked))

    return run


def added(path: str, rows: list[bytes]) -> bytes:
    """The patch of a new file."""
    name = path.encode()
    head = b"diff --git a/%s b/%s\nnew file mode 100644\n--- /dev/null\n+++ b/%s\n@@ -0,0 +1,%d @@\n"
    return head % (name, name, name, len(rows)) + b"".join(b"+%s\n" % row for row in rows)


def counted(number: int) -> list[bytes]:
    return [b"value_%d = compute(%d)" % (line, line) for line in range(number)]


def named(finished: Finished) -> int:
    """The files that the review tells of, as shown or as left out."""
    entries = [*finished.review["coverage"], *finished.review["omissions"]]
    return len({entry["path"] for entry in entries})


# --- patches ---


def test_a_patch_over_the_limit_is_refused(measured: Callable[..., Measured], tmp_path: Path) -> None:
    (tmp_path / "huge.diff").touch()
    os.truncate(tmp_path / "huge.diff", 300 * MIB)

    finished = measured("review", "--diff", "huge.diff")

    assert finished.code == 2
    assert "huge.diff is larger than 128 MiB" in finished.err
    assert finished.peak < 100 * MIB


@pytest.mark.parametrize("row", [b"data = '" + b"A1b2_" * 200_000 + b"'", b"password=" * 110_000, b"://a:" * 200_000])
def test_a_line_of_a_megabyte_is_shown_in_part(measured: Callable[..., Measured], tmp_path: Path, row: bytes) -> None:
    (tmp_path / "long.diff").write_bytes(added("a.py", [b"one = 1", row, b"two = 2"]))

    with ModelDouble() as model:
        finished = measured("review", "--diff", "long.diff", IQUEST_API_URL=model.url)

    assert finished.code == 0
    assert (finished.worked < 10, finished.peak < 200 * MIB) == (True, True)
    assert len(json.dumps(model.completions[0].body)) < 40_000


def test_a_patch_of_many_files_has_a_note_that_gitlab_takes(measured: Callable[..., Measured], tmp_path: Path) -> None:
    (tmp_path / "wide.diff").write_bytes(b"".join(added(f"src/{n // 50}/a{n}.py", counted(3)) for n in range(3_000)))

    finished = measured("review", "--diff", "wide.diff", IQUEST_API_URL="stand-in")

    assert finished.code == 0
    assert len(finished.out) < 200_000
    assert named(finished) == 3_000
    assert (finished.worked < 10, finished.peak < 200 * MIB) == (True, True)


def test_many_files_of_one_name_take_no_time_to_sort(measured: Callable[..., Measured], tmp_path: Path) -> None:
    (tmp_path / "alike.diff").write_bytes(b"".join(added(f"src/{n}/index.py", counted(1)) for n in range(1_500)))

    finished = measured("preview", "--diff", "alike.diff")

    assert finished.code == 0
    assert finished.worked < 2.5


# --- answers ---


def said(text: str) -> bytes:
    """A completion with this text."""
    message = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"model": "m", "choices": [message]}).encode()


def packed(times: int) -> bytes:
    """So many pieces of 8 MiB, each of them a few KB."""
    return gzip.compress(b" " * 8 * MIB, 1) * times


def findings(number: int) -> str:
    one = {"file": "a.py", "line": 2, "quote": "value_1 = compute(1)", "type": "bug", "severity": "low"}
    issues = [{**one, "description": f"Wrong in way {at}.", "suggestion": None} for at in range(number)]
    return json.dumps({"issues": issues, "summary": "Much.", "suggestions": []})


ANSWERS = {
    "many findings": (Fault(body=said(findings(12_000))), "characters"),
    "many words": (Fault(body=said("All is well. " * 200_000)), "characters"),
    "nothing but braces": (Fault(body=said("{" * 2_000_000)), "characters"),
    "deep JSON": (Fault(body=said('{"issues":' + "[" * 90_000 + "]" * 90_000 + "}")), "its JSON is broken"),
    "a deep envelope": (Fault(body=b"[" * 500_000 + b"]" * 500_000), "something that is not JSON"),
    "a number without an end": (Fault(body=said('{"issues": [{"line": ' + "9" * 90_000)), "it breaks off"),
    "a large body": (Fault(body=said("x" * 9 * MIB)), "answered more than 8 MiB"),
    "a bomb": (Fault(body=packed(128), headers={"Content-Encoding": "gzip"}), "answered more than 8 MiB"),
    "a bomb in a bomb": (
        Fault(body=gzip.compress(packed(128)), headers={"Content-Encoding": "gzip, gzip"}),
        "answered more than 8 MiB",
    ),
}


@pytest.mark.parametrize(("fault", "words"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_out_of_all_bounds_is_no_review_and_costs_little(
    measured: Callable[..., Measured], tmp_path: Path, fault: Fault, words: str
) -> None:
    (tmp_path / "small.diff").write_bytes(added("a.py", counted(20)))

    with ModelDouble(replies=[fault]) as model:
        variables = {"IQUEST_API_URL": model.url, "IQUEST_TIMEOUT": "5", "IQUEST_MAX_REQUESTS": "1"}
        finished = measured("review", "--diff", "small.diff", **variables)

    assert finished.code == 3
    assert words in finished.review["reason"]
    assert (finished.seconds < 10, finished.peak < 150 * MIB) == (True, True)


# --- once a year ---


@large
@pytest.mark.parametrize(
    ("files", "rows", "hunks", "most"),
    [(3_400, 1_000, 1, 1_024), (1, 3_400_000, 1, 1_536), (5_000, 1, 400, 2_048)],
    ids=["many files", "one file", "many hunks"],
)
def test_a_patch_of_a_hundred_megabytes(
    measured: Callable[..., Measured], tmp_path: Path, files: int, rows: int, hunks: int, most: int
) -> None:
    with Path(tmp_path, "large.diff").open("wb") as file:
        for number in range(files):
            if hunks == 1:
                file.write(added(f"a{number}.py", counted(rows)))
            else:
                file.write(b"diff --git a/%d b/%d\n--- a/%d\n+++ b/%d\n" % ((number,) * 4))
                one = b"@@ -%d,1 +%d,1 @@ def f():\n-a = %d\n+a = %d + 1\n"
                file.write(b"".join(one % (10 * at + 1, 10 * at + 1, at, at) for at in range(hunks)))

    finished = measured("review", "--diff", "large.diff", room=8_192 * MIB, IQUEST_API_URL="stand-in")

    assert finished.code == 0
    assert finished.review["status"] == "partial"
    assert (finished.seconds < 300, finished.peak < most * MIB) == (True, True)


@large
def test_a_merge_request_of_twenty_thousand_files(measured: Callable[..., Measured]) -> None:
    before = {f"src/{number % 200}/f{number}.py": b"def f():\n    return %d\n" % number for number in range(20_000)}
    after = {path: text + b"\n\ndef g():\n    return f() / 0\n" for path, text in before.items()}

    with History([before, after]) as history:
        where = ("--repo", str(history.path), "--base", "c0", "--head", "c1")
        finished = measured("review", *where, room=4_096 * MIB, IQUEST_API_URL="stand-in")

    assert finished.code == 0
    assert named(finished) == 20_000
    assert len(finished.out) < 200_000
    assert (finished.seconds < 60, finished.peak < 400 * MIB) == (True, True)
