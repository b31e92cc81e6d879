"""Keep an outcome and publish it. A review is not lost, and the gate is not opened, by what fails on the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from iquest_review.errors import ModelError, ReviewError
from iquest_review.findings.finding import Severity
from iquest_review.note import summary
from iquest_review.note.summary import NoteLinks
from iquest_review.outcome import Outcome

Keep = Callable[[Outcome, str], None]  # receives an outcome and its note
# Returns what was posted; no note when a newer run has published.
Publish = Callable[[Outcome], tuple[Outcome, str | None]]


class GateKeptError(ReviewError):
    """An open finding reaches `fail_on`, and the review could not be kept or posted.

    Jobs often allow exit code 4. Without this error, anyone who makes the output folder unwritable could bypass
    `fail_on`.
    """

    exit_code = 1


def deliver(outcome: Outcome, links: NoteLinks, keep: Keep, publish: Publish | None) -> tuple[Outcome, str]:
    """Keep an outcome with its note, publish it, keep what was published, and return both.

    A review is not lost when GitLab fails, nor when the folder cannot be written: the author of a merge request may
    have caused either.
    """
    body = summary.compose_note(outcome, links)
    try:
        keep(outcome, body)
    except ReviewError:
        if publish is not None:
            publish(outcome)
        raise
    if publish is None:
        return outcome, body
    outcome, posted = publish(outcome)
    if posted is None:
        return outcome, body
    keep(outcome, posted)
    return outcome, posted


@contextmanager
def guard_gate(outcome: Outcome, fail_on: Severity | None) -> Iterator[None]:
    """Raise GateKeptError in place of any ReviewError when a finding of the outcome reaches `fail_on`."""
    try:
        yield
    except ReviewError as error:
        if compute_exit_code(outcome, fail_on) == GateKeptError.exit_code:
            raise GateKeptError("; ".join([str(error), *getattr(error, "__notes__", ())])) from error
        raise


def compute_exit_code(outcome: Outcome, fail_on: Severity | None) -> int:
    """Return 1 when an open finding reaches `fail_on`, even if the review failed; else 3 if it failed, else 0."""
    if fail_on is not None and any(severity.is_at_least(fail_on) for severity in outcome.severities):
        return 1
    return ModelError.exit_code if outcome.failed else 0
