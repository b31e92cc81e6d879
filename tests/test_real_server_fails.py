"""A real model server that is killed, overloaded and overflowed while a review runs.

Opt in with IQUEST_TEST_SERVER_COMMAND. The command starts one, with {port} and {options} to be filled in: for vLLM
"vllm serve MODEL --host 127.0.0.1 --port {port} {options}". Starting it takes minutes.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.pipeline import Finished, Run

COMMAND = os.environ.get("IQUEST_TEST_SERVER_COMMAND", "")
PARTS = 4  # requests that a review may take
TO_START = 400  # seconds

pytestmark = [
    pytest.mark.real_server,
    pytest.mark.skipif(not COMMAND, reason="no real model server to start: set IQUEST_TEST_SERVER_COMMAND"),
]


class Server:
    """A model server of the test's own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}/v1"

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self) -> None:
        """Until it can be asked."""
        end = time.monotonic() + TO_START
        while time.monotonic() < end and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/models", timeout=5).close()
            except OSError:
                time.sleep(1)
            else:
                return
        raise AssertionError("the server does not start")


@contextmanager
def serving(options: str = "") -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = shlex.split(COMMAND.format(port=port, options=options))
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = Server(process, port)
    try:
        server.wait()
        yield server
    finally:
        if process.poll() is None:
            server.kill()


def large(folder: Path, files: int, lines: int = 60) -> Path:
    """A saved diff of so many new files."""
    path = folder / "large.diff"
    rows = "".join(f"+value_{number} = compute({number}, 'a text of some length')\n" for number in range(lines))
    path.write_text(
        "".join(
            f"diff --git a/m{n}/f.py b/m{n}/f.py\nnew file mode 100644\n--- /dev/null\n+++ b/m{n}/f.py\n"
            f"@@ -0,0 +1,{lines} @@\n{rows}"
            for n in range(files)
        )
    )
    return path


def start(folder: Path, diff: Path, url: str, **settings: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", "from iquest_review.cli.main import main; main()", "review", "--diff", str(diff)],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "IQUEST_API_URL": url, **settings},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], folder: Path) -> Finished:
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err
    return Finished(process.returncode, out, err, folder)


def accounted(ended: Finished) -> int:
    """Changed lines that are said to be reviewed, or left out with a reason."""
    shown = sum(int(one["shown_changed_lines"]) for one in ended.review["coverage"])
    return shown + sum(int(one["changed_lines"]) for one in ended.review["omissions"])


@pytest.mark.parametrize("after", ["part 1 of", "part 2 of"])
def test_a_server_that_is_killed_leaves_an_honest_review(tmp_path: Path, after: str) -> None:
    diff = large(tmp_path, 40)
    with serving() as server:
        started = time.monotonic()
        process = start(tmp_path / "run", diff, server.url, IQUEST_TIMEOUT="10", IQUEST_MAX_TOKENS="3000")
        assert process.stderr
        said = ""
        while after not in said:
            said += process.stderr.readline()
        server.kill()
        ended = finished(process, tmp_path / "run")

    assert time.monotonic() - started < 120
    assert ended.review["status"] in ("partial", "not_reviewed")
    assert ended.code == (0 if ended.review["status"] == "partial" else 3)
    assert "No findings\n" not in ended.out
    lost = int(ended.review["usage"]["requests"]) < PARTS  # it may have answered them all before it died
    assert ("cannot be reached" in ended.review["reason"]) is lost


def test_a_server_that_is_overloaded_is_asked_again(tmp_path: Path) -> None:
    diff = large(tmp_path, 20)
    with serving("--max-num-seqs 1 --max-num-queued-reqs 1") as server:
        settings = {"IQUEST_TIMEOUT": "60", "IQUEST_MAX_TOKENS": "3000", "IQUEST_CONCURRENCY": "4"}
        runs = [(start(tmp_path / f"{n}", diff, server.url, **settings), tmp_path / f"{n}") for n in range(3)]
        ended = [finished(process, folder) for process, folder in runs]

    assert any("answered 503" in one.err for one in ended)
    for one in ended:
        assert one.review["status"] in ("reviewed", "partial", "not_reviewed"), one.err
        assert one.code == (3 if one.review["status"] == "not_reviewed" else 0)
        if one.review["status"] != "not_reviewed":
            assert accounted(one) == 20 * 60


def test_a_window_smaller_than_set_is_met_with_smaller_prompts(tmp_path: Path) -> None:
    diff = large(tmp_path, 4)
    with serving("--max-model-len 2048 --max-num-batched-tokens 2048") as server:
        run = Run(tmp_path / "run")
        settings = {"IQUEST_API_URL": server.url, "IQUEST_TIMEOUT": "60", "IQUEST_MAX_TOKENS": "100000"}
        ended = run("review", "--diff", str(diff), environ=settings)

    assert ended.code in (0, 3), ended.err
    assert ended.review["status"] != "reviewed" or accounted(ended) == 4 * 60
