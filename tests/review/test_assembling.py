"""Findings get their places, and the log says which fixes no time was left for."""

import io

from iquest_review.code.edit import Late
from iquest_review.progress import Progress
from iquest_review.review.assembling import place_findings
from iquest_review.review.work import Work
from tests.support.findings import made
from tests.support.reviews import change, options


def test_a_fix_that_no_time_was_left_for_is_in_the_log() -> None:
    work, log = Work.of(change(), options()), io.StringIO()
    line = next(line for line in work.files[0].iter_lines() if line.new_line)
    told = made(path=work.files[0].path, line=line.number, quote=line.text, fix=f"{line.text[:-1]}9")

    placed, _ = place_findings([], [told], work, Progress(log), lambda edits: [Late() for _ in edits])

    assert placed[0].replacement is None
    assert f"{told.path}:{told.line}: its fix is shown, not offered" in log.getvalue()
