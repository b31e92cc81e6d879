"""A server that cut a prompt without a word: its answer never means that there is nothing to find."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from iquest_review.findings.finding import Severity
from iquest_review.gitlab.existing import ExistingThreads
from iquest_review.llm.wire import ModelReply
from iquest_review.note.memory import NoteMemory
from iquest_review.outcome import Outcome, ReviewStatus
from iquest_review.prompt.templates import Message
from iquest_review.reasons.prompt import PromptCut
from iquest_review.review.delivery import compute_exit_code
from tests.support.reviews import CLEAN, PATCH, FakeModel, answer, big, change, issue, reviewed

CUT = PromptCut(64, 1_900)
LARGE = b"".join(big(150).replace(b"b.py", b"part_%d.py" % number) for number in range(6))


class Cutting(FakeModel):
    """Reads the beginning of the prompts that `cuts` says."""

    def __init__(self, said: str, cuts: Callable[[str], bool] = lambda _: True, window: int = 32_768) -> None:
        super().__init__([said], window=window)
        self.cuts = cuts

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> ModelReply:
        reply = super().complete(messages, response_format, max_tokens)
        return replace(reply, cut=CUT) if self.cuts(messages[-1]["content"]) else reply


def hunks(outcome: Outcome) -> int:
    return len(outcome.reviewed.hunks) if outcome.reviewed else 0


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(CLEAN, id="no findings"),
        pytest.param("I see no change here.", id="words"),
        pytest.param("", id="nothing"),
        pytest.param("<think>What change?</think>", id="thinking"),
        pytest.param('{"issues": [], "summary": ""}', id="nothing in JSON"),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_an_answer_to_a_cut_prompt_is_no_review(said: str, full: bool) -> None:
    model = Cutting(said)

    outcome = reviewed(model, full=full)

    assert (outcome.status, hunks(outcome), outcome.raw) == (ReviewStatus.NOT_REVIEWED, 0, None)
    assert str(outcome.reason).startswith("the server read 64 of about 1,900 tokens")
    assert (compute_exit_code(outcome, None), len(model.asked)) == (3, 1)
    assert outcome.usage.requests == 1


def test_findings_of_a_cut_prompt_are_kept_and_the_review_is_partial() -> None:
    outcome = reviewed(Cutting(answer(issue(severity="high"))))

    assert (outcome.status, len(outcome.findings), hunks(outcome)) == (ReviewStatus.PARTIAL, 1, 0)
    assert str(outcome.reason).startswith("the server read 64 of about 1,900 tokens")
    assert outcome.reviewed is not None
    assert not outcome.reviewed.whole
    assert compute_exit_code(outcome, Severity.HIGH) == 1


def test_a_part_that_was_cut_leaves_the_other_parts_reviewed() -> None:
    model = Cutting(CLEAN, lambda text: "=== file: part_0.py" in text, window=8_192)

    outcome = reviewed(model, LARGE)

    shown = re.findall(r"^=== file: (\S+)", "\n".join(text for text in model.asked if model.cuts(text)), re.MULTILINE)
    assert outcome.status is ReviewStatus.PARTIAL
    assert re.match(r"1 of \d parts not reviewed: the server read 64 of about 1,900 tokens", str(outcome.reason))
    assert {omission.path for omission in outcome.omissions} == set(shown)
    assert hunks(outcome) == 6 - len(shown)


def test_a_part_with_findings_that_was_cut_is_asked_about_again() -> None:
    said = answer(issue(file="part_0.py", line=7, quote="value_6 = compute(6)"))
    model = Cutting(said, lambda text: "=== file: part_0.py" in text, window=8_192)

    outcome = reviewed(model, LARGE)

    assert len(outcome.findings) == 1
    assert outcome.status is ReviewStatus.PARTIAL
    assert 0 < hunks(outcome) < 6


def test_a_summary_that_was_asked_with_a_cut_prompt_is_not_taken() -> None:
    whole = reviewed(Cutting(CLEAN, lambda text: "=== file: " not in text, window=8_192), LARGE)

    assert whole.status is ReviewStatus.REVIEWED
    assert whole.summary.count("A fix. Nothing to remark.") > 1


def test_the_next_run_asks_again_after_a_cut_prompt() -> None:
    first = reviewed(Cutting(CLEAN))
    assert first.reviewed is not None
    known = NoteMemory(head="", reviewed="", settings=first.reviewed.settings, hunks=first.reviewed.hunks)
    model = FakeModel([CLEAN])

    second = reviewed(model, change(PATCH, known=known, existing=ExistingThreads()))

    assert (len(model.asked), second.status) == (1, ReviewStatus.REVIEWED)
