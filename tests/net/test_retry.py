"""How long a server that may come back is waited for."""

import time
from email.utils import formatdate

import pytest
from tenacity import Future, RetryCallState, Retrying

from iquest_review.net.retry import RetryBudget, TransientError, backoff, parse_retry_after


def after(attempt: int, asked: float | None = None) -> RetryCallState:
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    error = TransientError()
    error.wait = asked
    state.outcome = Future(attempt)
    state.outcome.set_exception(error)
    return state


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("0", 0),
        ("1.5", 1.5),
        ("1e9", 1e9),
        (None, None),
        ("", None),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("9" * 5_000, None),
        ("soon", None),
        ("5 seconds", None),
        ("Wed, 99 Foo 2026 99:99:99 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),  # it has passed
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", None),
    ],
)
def test_a_retry_after_header_is_read_or_ignored(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header) == seconds


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/Los_Angeles"])
@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S -0000", "%a %b %d %H:%M:%S %Y"])
def test_a_date_without_a_zone_is_in_utc_on_every_runner(zone: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        wait = parse_retry_after(time.strftime(form, time.gmtime(time.time() + 90)))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert wait is not None
    assert 80 < wait <= 90


def test_a_date_with_a_zone_is_read_in_its_zone() -> None:
    wait = parse_retry_after(formatdate(time.time() + 60, localtime=True))

    assert wait is not None
    assert 50 < wait <= 60


def test_each_wait_is_about_twice_the_last_one_up_to_the_longest() -> None:
    wait = backoff(1, 20)

    for attempt, usual in enumerate((1, 2, 4, 8, 16), start=1):
        assert 0.75 * usual <= wait(after(attempt)) <= min(1.25 * usual, 20)
    assert wait(after(9)) == 20
    assert wait(after(900)) == 20


def test_backoff_shortens_a_requested_wait_to_the_longest() -> None:
    assert backoff(1, 20)(after(1, asked=7)) == 7
    assert backoff(1, 20)(after(1, asked=300)) == 20


def test_honour_retry_after_waits_as_long_as_the_server_asks() -> None:
    assert backoff(1, 20, honour_retry_after=True)(after(1, asked=300)) == 300
    assert backoff(1, 20, honour_retry_after=True)(after(1, asked=0)) == 0


def test_a_budget_pays_for_waits_until_one_exceeds_it() -> None:
    budget, state = RetryBudget(10), after(1)
    state.upcoming_sleep = 4

    assert [budget.should_stop(state) for _ in range(3)] == [False, False, True]
    assert budget.left == 2


def test_a_budget_is_charged_for_failed_attempts() -> None:
    budget, state = RetryBudget(10), after(1)
    budget.charge(9.5)
    state.upcoming_sleep = 1

    assert budget.should_stop(state)
