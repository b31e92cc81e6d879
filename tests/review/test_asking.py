"""A change that is too large for one request: several requests, what comes of their answers, and what of failures."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from iquest_review.errors import ContextExceededError, ModelError, ModelRefusedError
from iquest_review.llm.errors import TransientModelError
from iquest_review.llm.wire import ModelReply, ServedModel
from iquest_review.net.deadline import Deadline, NoTimeLeftError
from iquest_review.outcome import Outcome, ReviewStatus
from iquest_review.progress import Progress
from iquest_review.prompt.templates import Message
from iquest_review.reasons.connection import NoTimeLeft
from iquest_review.review.delivery import compute_exit_code
from iquest_review.review.review import review
from iquest_review.review.work import has_no_waiver
from tests.support.reasons import BUSY, DOWN, LATE, REFUSED, TOO_LONG
from tests.support.reviews import CLEAN, Desk, FakeModel, answer, big, change, issue, options, reviewed

ONE = '{"issues": [], "summary": "One change.", "suggestions": ["Test it."]}'
FILES, LINES = 6, 150


@pytest.fixture
def large() -> bytes:
    """Six new files; a prompt of 8,192 tokens holds two of them."""
    return b"".join(big(LINES).replace(b"b.py", b"part_%d.py" % number) for number in range(FILES))


class Parts(FakeModel):
    """Answers by what is asked: `said` is told the paths it is shown, and may raise. What is `cut` ends early."""

    def __init__(self, said: Callable[[list[str]], str], window: int = 8192) -> None:
        super().__init__([CLEAN], window=window)
        self.said = said
        self.summaries: list[str] = []
        self.cut: set[str] = set()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def select_model(self) -> ServedModel:
        return ServedModel(self.name, self.name, self.window)

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> ModelReply:
        text = messages[-1]["content"]
        paths = [row.split()[2] for row in text.split("\n") if row.startswith("=== file: ")]
        if not paths:
            self.summaries.append(text)
            return ModelReply(
                '{"issues": [], "summary": "One change.", "suggestions": ["Test it."]}', "", "stop", "m", 9, 9, 0
            )
        with self.lock:
            self.asked.append(text)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.said is slow:
                threading.Event().wait(0.05)
            said = self.said(paths)
        finally:
            with self.lock:
                self.at_once -= 1
        return ModelReply(said, "", "length" if said in self.cut else "stop", "m", 100, 20, 0)


def clean(paths: list[str]) -> str:
    return f'{{"issues": [], "summary": "Looked at {" and ".join(paths)}.", "suggestions": []}}'


def slow(paths: list[str]) -> str:
    return clean(paths)


def shown(outcome: Outcome) -> int:
    return sum(entry.shown_changed_lines for entry in outcome.coverage)


def test_a_change_too_large_for_one_request_goes_to_several(large: bytes) -> None:
    model = Parts(clean)

    outcome = reviewed(model, large)

    assert 1 < len(model.asked) <= 4
    assert (outcome.status, shown(outcome), outcome.omissions) == (ReviewStatus.REVIEWED, FILES * LINES, ())
    assert outcome.reviewed is not None
    assert outcome.reviewed.whole


def test_a_change_that_fits_is_one_request_and_asks_for_no_summary() -> None:
    model = Parts(clean)

    outcome = reviewed(model, big(20))

    assert (len(model.asked), model.summaries) == (1, [])
    assert outcome.summary == "Looked at b.py."


def test_requests_end_where_the_setting_says_and_the_rest_is_named(large: bytes) -> None:
    model = Parts(clean)

    outcome = reviewed(model, large, max_requests=2)

    assert len(model.asked) == 2
    assert outcome.status is ReviewStatus.PARTIAL
    assert 0 < shown(outcome) == FILES * LINES - sum(omission.changed_lines for omission in outcome.omissions)


def test_a_part_knows_that_the_other_parts_are_looked_at(large: bytes) -> None:
    model = Parts(clean)

    reviewed(model, large)

    rows = [f"part_{number}.py (added, +{LINES} -0)" for number in range(FILES)]
    assert all(row in text for row in rows for text in model.asked)
    assert all("over the token budget" not in text for text in model.asked)


def test_requests_of_one_review_begin_alike(large: bytes) -> None:
    model = Parts(clean)

    reviewed(model, large)

    first, *others = (text[: text.index("=== file: ")] for text in model.asked)
    assert others
    assert all(other == first for other in others)


def test_findings_of_all_parts_are_those_of_the_review(large: bytes) -> None:
    def said(paths: list[str]) -> str:
        return answer(*(issue(file=path, line=7, quote="value_6 = compute(6)") for path in paths))

    outcome = reviewed(Parts(said), large)

    assert sorted({finding.path for finding in outcome.findings}) == [f"part_{number}.py" for number in range(FILES)]
    assert all(finding.line == 7 for finding in outcome.findings)


def test_one_summary_is_written_from_those_of_the_parts(large: bytes) -> None:
    model = Parts(clean)

    outcome = reviewed(model, large)

    assert (outcome.summary, outcome.suggestions) == ("One change.", ("Test it.",))
    assert "part 1: Looked at part_0.py" in model.summaries[0]
    assert outcome.usage.requests == len(model.asked) + 1


def test_as_many_requests_run_at_once_as_the_setting_says(large: bytes) -> None:
    one, three = Parts(slow), Parts(slow)

    reviewed(one, large)
    reviewed(three, large, concurrency=3)

    assert one.most_at_once == 1
    assert 1 < three.most_at_once <= 3


def test_the_first_request_runs_alone_and_then_several_at_once(large: bytes) -> None:
    model = Parts(slow)
    first = list[int]()

    def said(paths: list[str]) -> str:
        if len(first) < 1:
            threading.Event().wait(0.1)
        first.append(len(model.asked))
        threading.Event().wait(0.1)
        return clean(paths)

    model.said = said

    outcome = reviewed(model, large, concurrency=None)

    assert first[0] == 1
    assert 1 < model.most_at_once <= 4
    assert (outcome.status, shown(outcome)) == (ReviewStatus.REVIEWED, FILES * LINES)


def test_a_slow_server_is_asked_one_request_at_a_time(large: bytes) -> None:
    """One that answers one after the other would let the last of four wait for three others."""
    model = Parts(slow)

    reviewed(model, large, concurrency=None, timeout=0.15)

    assert len(model.asked) > 2
    assert model.most_at_once == 1


@pytest.mark.parametrize("concurrency", [None, 3])
def test_a_busy_server_is_asked_one_request_at_a_time_unless_the_setting_says_more(
    large: bytes, concurrency: int | None
) -> None:
    model = Parts(slow)
    model.is_busy = True

    reviewed(model, large, concurrency=concurrency)

    assert len(model.asked) > 2
    assert (model.most_at_once > 1) == (concurrency is not None)


def test_once_the_server_is_busy_no_two_further_requests_run_at_once() -> None:
    many = b"".join(big(LINES).replace(b"b.py", b"part_%d.py" % number) for number in range(20))
    model, further, most = Parts(slow), set[int](), list[int]()

    def said(paths: list[str]) -> str:
        if model.is_busy:
            further.add(threading.get_ident())
            most.append(len(further))
            threading.Event().wait(0.03)
            further.discard(threading.get_ident())
        elif len(model.asked) > 1:  # the second to the fifth request, all at once
            threading.Event().wait(0.2)
            model.is_busy = True
            threading.Event().wait(0.2)
        return clean(paths)

    model.said = said

    outcome = reviewed(model, many, concurrency=None, max_requests=20)

    assert max(most) == 1
    assert (outcome.status, shown(outcome)) == (ReviewStatus.REVIEWED, 20 * LINES)


def test_a_terminal_shows_one_clock_for_all_that_runs_at_once(large: bytes) -> None:
    class OneClock(Progress):
        running = False

        @contextmanager
        def show_wait(self, text: str) -> Iterator[None]:
            assert not self.running
            self.running = True
            yield
            self.running = False

    clock = OneClock(verbosity=-1)
    task = change(large)

    review(task, Parts(slow), options(concurrency=3), has_no_waiver, Desk().keep, None, clock)

    assert not clock.running


def test_concurrent_requests_give_the_same_review(large: bytes) -> None:
    one, other = reviewed(Parts(clean), large), reviewed(Parts(clean), large, concurrency=4)

    assert (one.coverage, one.findings, one.summary) == (other.coverage, other.findings, other.summary)


def test_a_request_that_is_too_long_is_asked_again_in_halves(large: bytes) -> None:
    model = Parts(clean, window=65_536)
    refused: list[int] = []

    def said(paths: list[str]) -> str:
        if len(model.asked[-1]) > 20_000:
            refused.append(len(model.asked[-1]))
            raise ContextExceededError(TOO_LONG)
        return clean(paths)

    model.said = said

    outcome = reviewed(model, large)

    assert len(refused) == 1
    assert (outcome.status, shown(outcome)) == (ReviewStatus.REVIEWED, FILES * LINES)


def test_a_timed_out_request_is_halved_once() -> None:
    model = Parts(clean, window=32_768)

    def said(paths: list[str]) -> str:
        if len(model.asked) == 1:
            raise TransientModelError(LATE, in_time=False)
        return clean(paths)

    model.said = said

    outcome = reviewed(model, big(600))

    assert len(model.asked) == 3
    assert (outcome.status, shown(outcome)) == (ReviewStatus.REVIEWED, 600)


def test_parts_that_time_out_together_are_sized_by_the_larger_one() -> None:
    patches = [big(300).replace(b"b.py", b"long.py"), big(9).replace(b"b.py", b"short.py")]
    model = Parts(clean, window=65_536)

    def said(paths: list[str]) -> str:
        if len(model.asked) <= 2:
            raise TransientModelError(LATE, in_time=False)
        return clean(paths)

    model.said = said

    outcome = reviewed(model, b"".join(patches), max_lines=302, max_requests=8, concurrency=2)

    assert shown(outcome) == 309


def test_a_second_try_that_fails_counts_as_a_request(large: bytes) -> None:
    model = Parts(clean)

    def said(paths: list[str]) -> str:
        if "Answer once more" in model.asked[-1]:
            raise TransientModelError(BUSY, status=503)
        return "no JSON"

    model.said = said

    reviewed(model, large, max_requests=4)

    assert len(model.asked) == 4


def test_a_half_that_is_not_answered_either_is_named_as_not_reviewed() -> None:
    model = Parts(clean, window=32_768)

    def said(paths: list[str]) -> str:
        if len(model.asked) < 3:
            raise TransientModelError(LATE, in_time=False)
        return clean(paths)

    model.said = said

    outcome = reviewed(model, big(600))

    assert len(model.asked) == 3
    assert outcome.status is ReviewStatus.PARTIAL
    assert outcome.reason == f"1 of 2 parts not reviewed: {LATE}"
    assert [str(omission.reason) for omission in outcome.omissions] == ["no usable answer"]
    assert shown(outcome) + sum(omission.changed_lines for omission in outcome.omissions) == 600


def test_a_slow_server_gets_smaller_parts_instead_of_the_others(large: bytes) -> None:
    model = Parts(clean)

    def said(paths: list[str]) -> str:
        if len(paths) > 1:
            raise TransientModelError(LATE, in_time=False)
        return clean(paths)

    model.said = said

    outcome = reviewed(model, large)

    assert len(model.asked) == 4
    assert outcome.status is ReviewStatus.PARTIAL
    assert shown(outcome) == 3 * LINES


def test_the_log_says_what_came_of_each_part(large: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    review(change(large), Parts(clean), options(), has_no_waiver, Desk().keep, None, Progress())

    log = capsys.readouterr().err
    assert "part 1 of 3: 0 findings" in log
    assert "asking for one summary of 3 parts" in log


def test_an_unanswered_part_is_shown_at_the_next_push(large: bytes) -> None:
    def said(paths: list[str]) -> str:
        if "part_0.py" in paths:
            raise ModelRefusedError(REFUSED)
        return clean(paths)

    outcome = reviewed(Parts(said), large, concurrency=2)

    assert outcome.status is ReviewStatus.PARTIAL
    assert outcome.reviewed is not None
    assert not outcome.reviewed.whole
    unseen = {omission.path for omission in outcome.omissions}
    assert "part_0.py" in unseen
    assert len(outcome.reviewed.hunks) == FILES - len(unseen)


@pytest.mark.parametrize("failure", [ModelRefusedError(REFUSED), TransientModelError(DOWN)])
def test_a_server_that_refuses_or_is_down_is_not_asked_in_halves(large: bytes, failure: ModelError) -> None:
    def said(paths: list[str]) -> str:
        raise failure

    model = Parts(said)

    outcome = reviewed(model, large)

    assert len(model.asked) <= 4
    assert (outcome.status, outcome.reason) == (ReviewStatus.NOT_REVIEWED, str(failure))


def test_a_refused_key_is_not_tried_with_the_other_parts(large: bytes) -> None:
    def said(paths: list[str]) -> str:
        raise ModelRefusedError(REFUSED)

    model = Parts(said)

    reviewed(model, large)

    assert len(model.asked) == 1


def test_an_answer_cut_off_at_its_start_is_asked_for_in_halves(large: bytes) -> None:
    model = Parts(clean, window=32_768)
    model.cut = {'{"issues": ['}

    def said(paths: list[str]) -> str:
        return '{"issues": [' if len(model.asked) <= 2 else clean(paths)

    model.said = said

    outcome = reviewed(model, big(600))

    assert len(model.asked) == 4
    assert outcome.status is ReviewStatus.REVIEWED


def test_one_part_in_words_alone_leaves_the_findings_of_the_others(large: bytes) -> None:
    def said(paths: list[str]) -> str:
        return (
            "Looks fine to me." if "part_5.py" in paths else answer(issue(file=paths[0], quote="value_1 = compute(1)"))
        )

    outcome = reviewed(Parts(said), large)

    assert outcome.status is ReviewStatus.PARTIAL
    assert outcome.findings
    assert outcome.reason is not None
    assert "parts not reviewed: the answer could not be used" in outcome.reason


# --- when the job's time is over ---


def over(after: int) -> tuple[Parts, str]:
    """A model for which there is no time after so many requests, and the words for that."""
    end = Deadline.for_job(600).explain_end()
    model = Parts(clean)

    def said(paths: list[str]) -> str:
        if len(model.asked) > after:
            raise NoTimeLeftError(end)
        return clean(paths)

    model.said = said
    return model, str(end)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_parts_that_there_is_no_time_for_are_named_as_not_reviewed(large: bytes, concurrency: int) -> None:
    model, words = over(after=1)

    outcome = reviewed(model, large, concurrency=concurrency)

    assert (outcome.status, outcome.reason) == (ReviewStatus.PARTIAL, f"2 of 3 parts not reviewed: {words}")
    assert shown(outcome) + sum(omission.changed_lines for omission in outcome.omissions) == FILES * LINES
    assert 0 < shown(outcome) < FILES * LINES
    assert outcome.reviewed is not None
    assert not outcome.reviewed.whole


def test_a_job_without_any_time_to_ask_is_not_reviewed(large: bytes) -> None:
    model, words = over(after=0)

    outcome = reviewed(model, large)

    assert (outcome.status, outcome.reason) == (ReviewStatus.NOT_REVIEWED, words)
    assert compute_exit_code(outcome, None) == 3


def test_no_part_is_begun_after_one_had_no_time(large: bytes) -> None:
    model, _ = over(after=0)

    reviewed(model, large)

    assert len(model.asked) == 1


def test_an_oversized_part_is_not_halved_when_time_is_over(large: bytes) -> None:
    model = Parts(clean, window=65_536)

    def said(paths: list[str]) -> str:
        if len(model.asked) == 1:
            raise ContextExceededError(TOO_LONG)
        raise NoTimeLeftError(NoTimeLeft(600))

    model.said = said

    outcome = reviewed(model, large)

    assert (len(model.asked), outcome.status, outcome.reason) == (2, ReviewStatus.NOT_REVIEWED, str(NoTimeLeft(600)))


def test_an_interrupted_run_waits_for_no_answers(large: bytes) -> None:
    asked, released = threading.Event(), threading.Event()

    def said(paths: list[str]) -> str:
        if "part_0.py" in paths:
            assert asked.wait(5)
            raise KeyboardInterrupt
        asked.set()
        released.wait(5)
        return clean(paths)

    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            reviewed(Parts(said), large, concurrency=3)
        took = time.monotonic() - started
    finally:
        released.set()

    assert took < 3
