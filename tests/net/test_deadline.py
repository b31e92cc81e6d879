"""When a job has to be done, and what is begun before that."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tenacity import RetryCallState, Retrying

from iquest_review.app.ci import compute_deadline, parse_ci_job
from iquest_review.errors import GitLabError
from iquest_review.net.deadline import NO_DEADLINE, Deadline, NoTimeLeftError
from iquest_review.net.retry import RetryBudget

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TOLD_TIMEOUT = "CI_JOB_TIMEOUT is {!r}, not a number of seconds: {}"


@dataclass
class Clock:
    """Stands until it is moved."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def of(variables: dict[str, str], clock: Clock | None = None) -> tuple[Deadline, list[str]]:
    """The deadline of a job with these variables, and what is said of them."""
    told: list[str] = []
    return compute_deadline(parse_ci_job(variables), NOW, told.append, clock or Clock()), told


def before_waiting(seconds: float) -> RetryCallState:
    state = RetryCallState(Retrying(), None, (), {})
    state.upcoming_sleep = seconds
    return state


# --- when a job has to be done ---


def test_two_minutes_to_post_and_half_a_minute_to_upload_are_kept_back() -> None:
    clock = Clock()

    found, _ = of({"CI": "true", "CI_JOB_TIMEOUT": "3600"}, clock)

    assert (found.ask_until - clock.now, found.end - clock.now) == (3_450, 3_570)


def test_of_a_short_job_less_is_kept_back() -> None:
    clock = Clock()

    found, _ = of({"CI": "true", "CI_JOB_TIMEOUT": "100"}, clock)

    assert (found.ask_until - clock.now, found.end - clock.now, found.min_request_seconds) == (75, 95, 5)


def test_a_job_that_does_not_say_its_time_has_gitlabs_own_hour() -> None:
    found, told = of({"CI": "true"})

    assert (found.seconds, told) == (3_600, [])


def test_a_laptop_has_no_deadline_unless_one_is_set() -> None:
    assert of({}) == (NO_DEADLINE, [])
    assert of({"CI_JOB_STARTED_AT": "2026-03-01T11:59:00Z"}) == (NO_DEADLINE, [])
    assert of({"CI_JOB_TIMEOUT": "60"})[0].seconds == 60


@pytest.mark.parametrize(
    "started", ["2026-03-01T11:55:00Z", "2026-03-01T11:55:00+00:00", "2026-03-01T12:55:00+01:00", "2026-03-01T11:55:00"]
)
def test_what_image_and_clone_took_is_spent(started: str) -> None:
    clock = Clock()

    found, told = of({"CI": "true", "CI_JOB_TIMEOUT": "3600", "CI_JOB_STARTED_AT": started}, clock)

    assert (found.end - clock.now, told) == (3_570 - 300, [])


def test_a_runner_whose_clock_is_a_little_behind_has_just_started() -> None:
    clock = Clock()

    found, told = of({"CI": "true", "CI_JOB_TIMEOUT": "3600", "CI_JOB_STARTED_AT": "2026-03-01T12:00:09Z"}, clock)

    assert (found.end - clock.now, told) == (3_570, [])


@pytest.mark.parametrize("text", ["soon", "1h", "-5", "0", "1e3", "3600.5", "٣٦٠٠", "9" * 30])
def test_a_timeout_that_is_no_number_of_seconds_is_told_and_ignored(text: str) -> None:
    found, told = of({"CI": "true", "CI_JOB_TIMEOUT": text})

    assert (found.seconds, told) == (3_600, [TOLD_TIMEOUT.format(text, "using 3600")])
    assert of({"CI_JOB_TIMEOUT": text}) == (NO_DEADLINE, [TOLD_TIMEOUT.format(text, "ignored")])


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-01T12:00:00Z", "2026-03-01T12:20:00Z", "2026-03-01T11:00:00Z", "1772366400"]
)
def test_a_start_that_cannot_be_is_told_and_ignored(text: str) -> None:
    clock = Clock()

    found, told = of({"CI": "true", "CI_JOB_TIMEOUT": "3600", "CI_JOB_STARTED_AT": text}, clock)

    assert found.end - clock.now == 3_570
    assert told == [f"CI_JOB_STARTED_AT is {text!r}, but this job cannot have started then: ignored"]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=30), st.text(max_size=30) | st.datetimes().map(datetime.isoformat))
def test_whatever_the_variables_hold_there_is_a_time_to_ask_and_then_one_to_post(timeout: str, started: str) -> None:
    clock = Clock()

    found, _ = of({"CI": "true", "CI_JOB_TIMEOUT": timeout, "CI_JOB_STARTED_AT": started}, clock)

    assert found.ask_until < found.end < clock.now + found.seconds


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(1, 10**8), st.floats(0, 1))
def test_what_is_spent_is_never_given_again(seconds: int, share: float) -> None:
    clock = Clock(0)
    started = (NOW - timedelta(seconds=share * (seconds - 1))).isoformat()

    found, told = of({"CI_JOB_TIMEOUT": str(seconds), "CI_JOB_STARTED_AT": started}, clock)

    assert told == []
    assert found.end <= seconds - share * (seconds - 1)


# --- what is begun before that ---


def test_a_request_gets_what_it_wants_and_at_the_end_what_is_left() -> None:
    clock = Clock(0)
    until = Deadline.for_job(1_000, clock=clock)

    assert until.grant_seconds(120) == 120
    clock.now = until.ask_until - 20
    assert until.grant_seconds(120) == 20


def test_a_request_that_would_have_less_than_a_useful_rest_is_not_begun() -> None:
    clock = Clock(0)
    until = Deadline.for_job(600, clock=clock)
    clock.now = until.ask_until - 14

    with pytest.raises(NoTimeLeftError, match=r"^no time left: the job may take 600 s \(CI_JOB_TIMEOUT\)$"):
        until.grant_seconds(120)
    assert until.grant_seconds(5) == 5  # whoever waits no longer than this has no use for more


def test_nothing_is_granted_when_the_time_is_over() -> None:
    clock = Clock(0)
    until = Deadline.for_job(600, clock=clock)
    clock.now = until.ask_until + 1

    with pytest.raises(NoTimeLeftError):
        until.grant_seconds(0.1)


def test_without_a_deadline_everything_is_granted_and_waited_for() -> None:
    slept: list[float] = []

    NO_DEADLINE.sleep(1e6, slept.append)

    assert (NO_DEADLINE.grant_seconds(1e6), NO_DEADLINE.can_wait(1e6), slept) == (1e6, True, [1e6])


def test_no_wait_between_attempts_passes_the_deadline() -> None:
    clock = Clock(0)
    until = Deadline.for_job(600, clock=clock)
    budget = RetryBudget(1_000, until)
    clock.now = until.ask_until - 25

    assert not budget.should_stop(before_waiting(10))  # 15 s are left to ask in
    assert budget.should_stop(before_waiting(11))
    assert budget.left == 990  # what is not waited is not paid


def test_gitlab_is_not_waited_for_past_the_end_of_the_job() -> None:
    clock = Clock(0)
    until = Deadline.for_job(600, clock=clock)
    clock.now = until.ask_until

    until.sleep(60, clock.sleep)

    assert clock.now == until.ask_until + 60
    with pytest.raises(GitLabError, match=r"no time left.*waiting for GitLab would exceed it \(60 s\)"):
        until.sleep(60, clock.sleep)
