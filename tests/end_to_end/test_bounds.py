"""A run ends inside its job's time, at a signal, and where nothing can be written: with a word, and whole files."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.gitlab.double import GitLabDouble
from tests.support.model.double import EMPTY_REVIEW, Fault, ModelDouble
from tests.support.pipeline import Finished, Run, bodies, summaries

COMMAND = [sys.executable, "-c", "from iquest_review.cli.main import main; main()"]
NO_ANSWER = Fault(delay=60)
HEADER = b"diff --git a/%d.py b/%d.py\nnew file mode 100644\n--- /dev/null\n+++ b/%d.py\n@@ -0,0 +1,60 @@\n"
ROWS = b"".join(b"+value_%d = compute(%d)\n" % (line, line) for line in range(60))
PATCH = b"".join(HEADER % ((number,) * 3) + ROWS for number in range(3))


@dataclass
class Running:
    """The command while it runs, in a session and with a folder for temporary files of its own."""

    process: subprocess.Popen[bytes]
    folder: Path
    temporary: Path

    def until(self, ready: Callable[[], object]) -> None:
        """Waits until it has come so far."""
        end = time.monotonic() + 20
        while not ready():
            assert time.monotonic() < end
            assert self.process.poll() is None
            time.sleep(0.01)

    def ended_by(self, number: int) -> Finished:
        """What a signal makes of it, which it has to obey in a moment."""
        sent = time.monotonic()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        assert time.monotonic() - sent < 3
        return Finished(self.process.returncode, out.decode(), err.decode(), self.folder)

    @property
    def processes(self) -> list[str]:
        """The names of those that run in its session."""
        return [name for name, session, state in _processes() if session == self.process.pid and state not in "ZX"]


def _processes() -> Iterator[tuple[str, int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                name, _, rest = (entry / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
                state, _, _, session = rest.split()[:4]
                yield name, int(session), state


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started = list[Running]()

    def running(*arguments: str, environ: dict[str, str]) -> Running:
        folder, temporary = tmp_path / "work", tmp_path / "temporary"
        for made in (folder, temporary):
            made.mkdir(exist_ok=True)
        own = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "TMPDIR": str(temporary)}
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env={**own, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(Running(process, folder, temporary))
        return started[-1]

    yield running
    for one in started:
        with suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.communicate()


def job_of(seconds: int, spent: float) -> dict[str, str]:
    """The variables of a job that may take so many seconds, and has taken some of them."""
    started = datetime.now(UTC) - timedelta(seconds=spent)
    return {"CI_JOB_TIMEOUT": str(seconds), "CI_JOB_STARTED_AT": started.isoformat()}


def said(err: str) -> list[str]:
    """What the command says at its end."""
    return [line.removeprefix("iquest-review: ") for line in err.splitlines() if line.startswith("iquest-review: ")]


# --- the job's time ---


def test_a_slow_model_costs_the_parts_there_is_no_time_for_and_neither_the_note_nor_the_job(
    run: Run, job: dict[str, str], gitlab: GitLabDouble
) -> None:
    with ModelDouble(replies=[NO_ANSWER]) as model:
        started = time.monotonic()
        finished = run(
            "review", environ={**job, **job_of(40, 26), "IQUEST_API_URL": model.url, "IQUEST_TIMEOUT": "120"}
        )

    assert time.monotonic() - started < 12  # of the fourteen that the job has
    assert finished.code == 3
    assert "no time left: the job may take 40 s (CI_JOB_TIMEOUT)" in finished.review["reason"]
    assert "no time left" in bodies(gitlab)[0]
    assert len(model.completions) == 1


def test_what_was_answered_in_time_is_kept_and_the_rest_is_named(run: Run) -> None:
    with ModelDouble(replies=[EMPTY_REVIEW, NO_ANSWER]) as model:
        variables = {**job_of(40, 26), "IQUEST_API_URL": model.url, "IQUEST_MAX_LINES": "61"}
        finished = run("review", "--diff", "-", stdin=PATCH, environ=variables)

    assert finished.code == 0
    assert finished.review["status"] == "partial"
    assert "2 of 3 parts not reviewed: no answer in the last" in finished.review["reason"]
    assert [entry["shown_changed_lines"] for entry in finished.review["coverage"]].count(60) == 1
    assert sum(omission["changed_lines"] for omission in finished.review["omissions"]) == 120
    assert len(model.completions) == 3, "the second and the third request run together"


def test_a_job_that_is_nearly_over_asks_nobody_and_says_so(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, model: ModelDouble
) -> None:
    finished = run("review", environ={**job, **job_of(600, 460)})

    assert finished.code == 3
    assert model.requests == []
    assert "Not reviewed, because no time left" in bodies(gitlab)[0].replace("\\", "")


def test_a_gitlab_that_is_down_is_not_waited_for_past_the_end(
    run: Run, job: dict[str, str], gitlab: GitLabDouble
) -> None:
    gitlab.fail("POST", "/notes", status=503, headers={"Retry-After": "50"}, times=9)

    started = time.monotonic()
    finished = run("review", environ={**job, **job_of(600, 530), "IQUEST_TIMEOUT": "1"})

    assert time.monotonic() - started < 10
    assert finished.code == 4
    [line] = said(finished.err)
    assert "no time left" in line
    assert "the review is kept" in line


def test_a_run_that_hangs_ends_with_the_job_s_time(
    start: Callable[..., Running], job: dict[str, str], hanging_git: str
) -> None:
    running = start("review", environ={**job, **job_of(40, 36.5), "PATH": hanging_git})

    out, err = running.process.communicate(timeout=10)

    assert (running.process.returncode, out) == (4, b"")
    assert said(err.decode()) == ["no time left: the job may take 40 s (CI_JOB_TIMEOUT)"]
    assert running.processes == []
    assert list(running.temporary.iterdir()) == []


def test_a_time_that_is_nonsense_is_told_and_the_review_is_done(run: Run, job: dict[str, str]) -> None:
    finished = run("review", environ={**job, "CI_JOB_TIMEOUT": "soon", "CI_JOB_STARTED_AT": "then"})

    assert finished.code == 0
    assert "CI_JOB_TIMEOUT is 'soon', not a number of seconds: using 3600" in finished.err
    assert "CI_JOB_STARTED_AT is 'then', but this job cannot have started then: ignored" in finished.err


# --- signals ---


@pytest.fixture
def hanging_git(tmp_path: Path) -> str:
    """A PATH with a git whose diff, and a process below it, never come to an end."""
    folder = tmp_path / "bin"
    folder.mkdir()
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
    script = f'#!/bin/sh\nfor word; do [ "$word" = diff ] && {{ sleep 300; exit; }}; done\nexec {real} "$@"\n'
    Path(folder, "git").write_text(script)
    Path(folder, "git").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


ENDS = [(signal.SIGTERM, 143, "stopped by SIGTERM (the job was cancelled)"), (signal.SIGINT, 130, "interrupted")]


@pytest.mark.parametrize(("number", "code", "words"), ENDS)
def test_a_cancelled_job_ends_at_once_while_git_works_and_leaves_nothing(
    start: Callable[..., Running], job: dict[str, str], hanging_git: str, number: int, code: int, words: str
) -> None:
    running = start("review", environ={**job, "PATH": hanging_git})
    running.until(lambda: "sleep" in running.processes)

    finished = running.ended_by(number)

    assert (finished.code, finished.out, said(finished.err)) == (code, "", [words])
    assert running.processes == []
    assert list(running.temporary.iterdir()) == []
    assert not (running.folder / "iquest-review").exists()


@pytest.mark.parametrize("concurrency", ["1", "3"])
@pytest.mark.parametrize(("number", "code", "words"), ENDS)
def test_a_cancelled_job_waits_for_no_answer(
    start: Callable[..., Running], tmp_path: Path, number: int, code: int, words: str, concurrency: str
) -> None:
    (tmp_path / "large.diff").write_bytes(PATCH)
    with ModelDouble(replies=[NO_ANSWER]) as model:
        variables = {"IQUEST_MAX_LINES": "61", "IQUEST_CONCURRENCY": concurrency, "IQUEST_API_URL": model.url}
        running = start("review", "--diff", str(tmp_path / "large.diff"), environ=variables)
        running.until(lambda: len(model.completions) == int(concurrency))
        finished = running.ended_by(number)

    assert (finished.code, finished.out, said(finished.err)) == (code, "", [words])
    assert list((running.folder / "iquest-review").iterdir()) == []


def test_a_job_that_is_cancelled_while_it_posts_keeps_a_whole_review(
    start: Callable[..., Running], job: dict[str, str], gitlab: GitLabDouble
) -> None:
    gitlab.fail("POST", "/notes", status=503, headers={"Retry-After": "30"}, times=9)
    running = start("review", environ=job)
    running.until(lambda: any(request.path.endswith("/notes") for request in gitlab.requests))
    finished = running.ended_by(signal.SIGTERM)

    assert finished.code == 143
    assert finished.review["status"] == "reviewed"
    assert sorted(path.name for path in (running.folder / "iquest-review").iterdir()) == ["note.md", "review.json"]
    assert summaries(gitlab) == []


# --- nothing more can be written ---


def test_a_folder_that_cannot_be_written_costs_no_note(run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    finished = run("review", "--output", "/dev/full", environ=job)

    assert finished.code == 4
    assert said(finished.err) == ["the folder /dev/full cannot be written: File exists; choose another with --output"]
    assert "An empty list divides by zero" in "".join(bodies(gitlab))


def test_a_folder_that_cannot_be_written_opens_no_gate(run: Run, job: dict[str, str]) -> None:
    assert run("review", "--output", "/dev/full", "--fail-on", "high", environ=job).code == 1


def test_a_full_disk_leaves_no_half_file_and_the_note_is_posted(
    start: Callable[..., Running], job: dict[str, str], gitlab: GitLabDouble, tmp_path: Path
) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, 1_500))  # more than a diff's, less than a review's

    folder = tmp_path / "small"
    folder.mkdir()
    # Python would leave half of what it compiles, for every later process to stumble over.
    own = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYTHONDONTWRITEBYTECODE": "1"}
    finished = subprocess.run(
        [*COMMAND, "review"], cwd=folder, env={**own, **job}, capture_output=True, preexec_fn=small_files, timeout=30
    )

    assert finished.returncode == 4
    assert said(finished.stderr.decode()) == [
        f"the folder {folder / 'iquest-review'} cannot be written: File too large; choose another with --output"
    ]
    assert list((folder / "iquest-review").iterdir()) == []
    assert "An empty list divides by zero" in "".join(bodies(gitlab))


@pytest.mark.parametrize(
    ("into", "code", "words"),
    [
        (">/dev/full", 4, ["cannot write standard output: No space left on device"]),
        (">&-", 4, ["standard output is closed: nothing could be printed"]),
        ("| true", 0, []),
        ("2>/dev/full", 0, []),
        ("2>&-", 0, []),
    ],
)
def test_an_output_that_takes_nothing_costs_no_review(
    job: dict[str, str], gitlab: GitLabDouble, tmp_path: Path, into: str, code: int, words: list[str]
) -> None:
    script = f'set -o pipefail; "$0" "$@" {into}'
    own = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    finished = subprocess.run(
        ["bash", "-c", script, *COMMAND, "review"], cwd=tmp_path, env={**own, **job}, capture_output=True, timeout=30
    )

    assert (finished.returncode, said(finished.stderr.decode())) == (code, words)
    assert len(summaries(gitlab)) == 1
    assert json.loads((tmp_path / "iquest-review/review.json").read_text())["status"] == "reviewed"
    assert "   s  " not in finished.stdout.decode()


def test_a_log_whose_reader_is_gone_costs_no_review(job: dict[str, str], gitlab: GitLabDouble, tmp_path: Path) -> None:
    own = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    script = '{ "$0" "$@" >note.txt; echo $? >code; } 2>&1 | true'
    subprocess.run(["bash", "-c", script, *COMMAND, "review"], cwd=tmp_path, env={**own, **job}, timeout=30)

    assert (tmp_path / "code").read_text() == "0\n"
    assert "An empty list divides by zero" in (tmp_path / "note.txt").read_text()
    assert len(summaries(gitlab)) == 1


def test_help_into_a_full_disk_is_no_traceback(tmp_path: Path) -> None:
    finished = subprocess.run(
        ["bash", "-c", '"$0" "$@" >/dev/full', *COMMAND, "review", "--help"], cwd=tmp_path, capture_output=True
    )

    assert (finished.returncode, finished.stderr) == (0, b"")
