"""Nothing twice, nothing lost: wherever a run dies, whatever GitLab says, the next one ends where a clean one does."""

import contextlib
import copy
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iquest_review.errors import GitLabError
from iquest_review.gitlab.client import GitLab
from iquest_review.merge_request import MergeRequest
from iquest_review.outcome import Outcome, SettledFinding, SettledReason
from iquest_review.publish.publish import publish_review
from tests.support.board import AROUND, DIVIDES, LOCKS, Board, Change
from tests.support.connections import IID, PROJECT, TOKEN
from tests.support.gitlab.double import GitLabDouble
from tests.support.gitlab.story import text
from tests.support.life import Life
from tests.support.pipeline import BOT, Run

COMMAND = [sys.executable, "-c", "from iquest_review.cli.main import main; main()", "review"]
Story = Callable[[Board], Outcome]


# --- what is published ---


def first(board: Board) -> Outcome:
    """Lines, a range, a whole file, and one that stands in the note."""
    change = board.change
    return change.review([change.divides(), change.locks(), change.secret(), change.rows(), change.nowhere()])


def single(board: Board) -> Outcome:
    """Too little for drafts."""
    return board.change.review([board.change.locks()])


def later(board: Board) -> Outcome:
    """A push fixes one finding of two, and two more are found."""
    change = board.change
    board.publish(change.review([change.divides(), change.locks()]))
    board.push(1)
    gone = (SettledFinding(board.thread(DIVIDES), SettledReason.GONE),)
    found = [change.locks(1), change.secret(1), change.rows(1), change.nowhere(1)]
    return change.review(found, push=1, settled=gone)


def back(board: Board) -> Outcome:
    """What was resolved is back, something else is gone, and something is new."""
    change = board.change
    board.publish(later(board))
    board.push(2)
    gone = (SettledFinding(board.thread(LOCKS), SettledReason.FIXED),)
    return change.review([change.divides(2), change.secret(2)], push=2, settled=gone)


STORIES: dict[str, Story] = {story.__name__: story for story in (first, single, later, back)}


class Stage:
    """A merge request just before a review is published on it, again and again."""

    def __init__(self, board: Board, story: Story) -> None:
        self.board = board
        self.outcome = story(board)
        self.before = copy.deepcopy(board.double.instance)
        here = board.double.mark()
        board.publish(self.outcome)
        self.requests = len(board.double.requests_since(here))  # of an undisturbed run
        self.state = board.state  # what it comes to

    def set(self) -> Board:
        """As if nothing had been published."""
        self.board.double.instance = copy.deepcopy(self.before)
        self.board.double.server.troubles.faults.clear()
        self.board.double.revive()
        self.here = self.board.double.mark()
        return self.board

    def check(self, when: str = "") -> None:
        """The end is the clean one, and no note was posted that had to be deleted."""
        assert self.board.state == self.state, when
        since = self.board.double.requests_since(self.here)
        assert not [one.path for one in since if one.method == "DELETE" and "/draft_notes/" not in one.path], when


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stage]]:
    change = Change.made(tmp_path_factory.mktemp("change") / "repository")
    with contextlib.ExitStack() as stack:
        yield {name: Stage(stack.enter_context(Board(change)), story) for name, story in STORIES.items()}


@pytest.fixture(params=STORIES)
def stage(stages: dict[str, Stage], request: pytest.FixtureRequest) -> Stage:
    return stages[request.param]


class Died(Exception):
    """The job is over: it was cancelled, or its runner is gone."""


def die(seconds: float) -> None:
    raise Died


def nothing(seconds: float) -> None:
    """For a wait that takes no time."""


# --- a job that dies ---


def test_a_run_after_one_that_died_ends_where_a_clean_one_does(stage: Stage) -> None:
    for lives in range(stage.requests + 1):
        board = stage.set()
        board.double.die_after(lives)
        with contextlib.suppress(Died):
            board.publish(stage.outcome, sleep=die)
        board.double.revive()
        board.publish(stage.outcome)
        stage.check(f"dead after {lives} requests")


def test_a_run_that_dies_with_the_answer_on_its_way_is_no_different(stage: Stage) -> None:
    for number in range(stage.requests):
        board = stage.set()
        disturb(board, number, drop=True, after_store=True)
        with contextlib.suppress(Died):
            board.publish(stage.outcome, sleep=die)
        board.publish(stage.outcome)
        stage.check(f"dead in request {number}")


def test_runs_that_die_again_and_again_leave_nothing_twice(stage: Stage) -> None:
    board = stage.set()
    for lives in range(stage.requests + 1):
        board.double.die_after(lives)
        with contextlib.suppress(Died):
            board.publish(stage.outcome, sleep=die)
        board.double.revive()
    board.publish(stage.outcome)
    stage.check()


# --- a GitLab that fails ---

FAULTS: dict[str, dict[str, Any]] = {
    "500 but stored": {"status": 500, "after_store": True},
    "500": {"status": 500},
    "502 but stored": {"status": 502, "after_store": True, "body": "<html>Bad Gateway</html>"},
    "503": {"status": 503},
    "lost but stored": {"drop": True, "after_store": True},
    "lost": {"drop": True},
    "a limit": {"status": 429, "body": "Retry later\n", "headers": {"Retry-After": "3"}},
    "an older limit": {"status": 429, "body": {"message": {"error": "too many"}}},
    "a lock": {"status": 409, "body": {"message": "409 Conflict: Resource lock"}},
}


def disturb(board: Board, number: int, times: int = 1, **fault: Any) -> None:
    """Lets so many requests through, then comes the fault."""
    board.double.fail("*", "", times=number)
    board.double.fail("*", "", times=times, **fault)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_one_failure_anywhere_changes_nothing(stage: Stage, fault: dict[str, Any]) -> None:
    for number in range(stage.requests):
        board = stage.set()
        disturb(board, number, **fault)
        board.publish(stage.outcome)
        stage.check(f"in request {number}")


def test_a_gitlab_that_stays_down_leaves_all_to_the_next_run(stage: Stage) -> None:
    for number in range(stage.requests):
        board = stage.set()
        disturb(board, number, times=1000, status=502)
        with contextlib.suppress(GitLabError):
            board.publish(stage.outcome)
        board.double.server.troubles.faults.clear()
        board.publish(stage.outcome)
        stage.check(f"down from request {number}")


# --- two jobs at once ---


def test_a_whole_run_inside_another_leaves_nothing_twice(stage: Stage) -> None:
    for number in range(stage.requests):
        board = stage.set()
        steps = Steps(board)
        with steps.running(stage.outcome), steps.running(stage.outcome):
            steps.go(0, number)
            steps.go(1)
            steps.go(0)
        board.publish(stage.outcome)
        assert board.state == stage.state, f"before request {number}"


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(1, 4)), max_size=12))
def test_two_runs_in_any_order_leave_nothing_twice(stage: Stage, turns: list[tuple[int, int]]) -> None:
    board = stage.set()
    steps = Steps(board)
    with steps.running(stage.outcome), steps.running(stage.outcome):
        for who, many in turns:
            steps.go(who, many)
        steps.go(0)
        steps.go(1)
    board.publish(stage.outcome)
    assert board.state == stage.state


class _Stepping(GitLab):
    """A connection whose every request waits for its turn."""

    turn: Callable[[], None]

    def _request(self, verb: str, path: str, **rest: Any) -> requests.Response:
        self.turn()
        return super()._request(verb, path, **rest)


class _Runner:
    """A run in a thread that stops before each of its requests."""

    def __init__(self, board: Board, outcome: Outcome) -> None:
        self.go, self.stands = threading.Semaphore(0), threading.Semaphore(0)
        self.over = False
        self.failure: BaseException | None = None
        gitlab = _Stepping(board.double.api_url, TOKEN, MergeRequest(str(PROJECT), IID), sleep=nothing)
        gitlab.turn = self.turn

        def work() -> None:
            try:
                publish_review(gitlab, outcome, AROUND, None, board.said.append)
            except GitLabError as error:
                self.failure = error
            finally:
                self.over = True
                self.stands.release()

        self.thread = threading.Thread(target=work)
        self.thread.start()
        self.stands.acquire()

    def turn(self) -> None:
        self.stands.release()
        self.go.acquire()

    def step(self) -> None:
        if not self.over:
            self.go.release()
            self.stands.acquire()


@dataclass
class Steps:
    """Two runs whose requests come in the order the test says."""

    board: Board
    runners: list[_Runner] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self, outcome: Outcome) -> Iterator[None]:
        runner = _Runner(self.board, outcome)
        self.runners.append(runner)
        try:
            yield
        finally:
            while not runner.over:
                runner.step()
            runner.thread.join()
        assert runner.failure is None

    def go(self, who: int, many: int = 1000) -> None:
        for _ in range(many):
            self.runners[who].step()


# --- the command itself ---


@pytest.mark.parametrize("left", [4, 2], ids=["the thread", "the note"])
def test_a_killed_job_that_runs_again_ends_where_a_clean_one_does(
    run: Run, job: dict[str, str], gitlab: GitLabDouble, left: int
) -> None:
    before = copy.deepcopy(gitlab.instance)
    assert run("review", environ=job).code == 0
    wanted, lives = posted(gitlab), gitlab.mark() - left
    gitlab.instance = before

    kill_after(lives, run, job, gitlab)
    assert run("review", environ=job).code == 0

    assert posted(gitlab) == wanted


def kill_after(lives: int, run: Run, job: dict[str, str], gitlab: GitLabDouble) -> None:
    """Runs the command, and ends it when so many requests are through."""
    here = gitlab.mark()
    gitlab.die_after(lives)
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **job}
    with subprocess.Popen(COMMAND, cwd=run.folder, env=environ, stderr=subprocess.DEVNULL) as process:
        while len(gitlab.requests_since(here)) <= lives and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, "it waits a second at least before it asks again"
        process.kill()
    gitlab.revive()


def posted(gitlab: GitLabDouble) -> list[str]:
    """Every note, but for numbers and times: a review of less than 0.05 s tells none."""
    return [re.sub(r"#note_\d+|data=\S+| · [\d.]+ s\b", "", note["body"]) for note in gitlab.notes(PROJECT, IID)]


def test_what_a_killed_job_resolved_is_opened_again_when_the_finding_is_back(pushed: Life) -> None:
    pushed.review()
    pushed.pushes({"a.txt": text("10=a / 1", count=40)})
    killed_before(pushed, "PUT", r"/merge_requests/4/notes/\d+$")
    assert [thread.resolved_by for thread in pushed.threads] == [BOT], "and the note did not come to say so"

    pushed.review()
    assert [thread.resolved_by for thread in pushed.threads] == [BOT]
    pushed.pushes({"a.txt": text("10=a / 0", count=40)})
    pushed.review()

    assert [thread.resolved_by for thread in pushed.threads] == [None]


def killed_before(life: Life, method: str, path: str) -> None:
    """The job dies just before such a request of it does anything."""
    life.gitlab.fail(method, path, drop=True, times=99)
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **life.job}
    with subprocess.Popen(COMMAND, cwd=life.run.folder, env=environ, stderr=subprocess.DEVNULL) as process:
        while not any(one.method == method and re.search(path, one.path) for one in life.gitlab.requests):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    life.gitlab.server.troubles.faults.clear()
