"""What a failure says on standard error, with -v also what caused it."""

import json
import time
from pathlib import Path

import pytest

from iquest_review.app.run import Arguments, create_run
from iquest_review.cli.output import MAX_MESSAGE_CHARS, report_causes
from iquest_review.errors import GitLabError, UsageError
from iquest_review.outcome import Outcome, PromptUsed, ReviewStatus
from iquest_review.progress import Progress
from iquest_review.reports.review_file import dump_review
from iquest_review.reports.stored_review import load_review

SECRET = "QkX7vTz2Lw9RmN4sPq8" + "YcJ3hGd6FbV5tWx1KeUaZoIyM"


def causes_of(error: BaseException, capsys: pytest.CaptureFixture[str]) -> str:
    report_causes(error)
    return capsys.readouterr().err


def chain(words: str) -> GitLabError:
    error = GitLabError("GitLab failed")
    error.__cause__ = ValueError(words)
    return error


def test_each_cause_is_a_line_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IQUEST_API_KEY", SECRET)

    said = causes_of(chain(f"refused\n{SECRET}"), capsys)

    assert said.startswith("iquest-review: caused by ValueError: refused ")
    assert said.count("\n") == 1
    assert SECRET not in said


def test_a_cause_of_megabytes_is_cut_before_it_is_searched(capsys: pytest.CaptureFixture[str]) -> None:
    started = time.process_time()

    said = causes_of(chain("token password=hunter2hunter2 line\n" * 400_000), capsys)

    assert len(said) < MAX_MESSAGE_CHARS + 100
    assert time.process_time() - started < 5


def test_a_review_that_is_not_one_has_no_cause_that_quotes_it(tmp_path: Path) -> None:
    outcome = Outcome(status=ReviewStatus.REVIEWED, prompt=PromptUsed("en", "x"))
    whole = json.loads(dump_review(outcome))
    for name, text in (
        ("status", json.dumps({**whole, "status": f"token {SECRET} {SECRET}"})),
        ("cut", '{"a":"' + SECRET),
    ):
        file = tmp_path / name
        file.write_text(text)
        with pytest.raises(UsageError) as raised:
            load_review(file)

        assert raised.value.__cause__ is None


def test_a_settings_file_that_is_not_yaml_has_no_cause_that_quotes_it() -> None:
    run = create_run(Arguments(diff="-"), {}, {}, Progress(verbosity=-1))
    with pytest.raises(UsageError) as raised:
        run.apply_settings_file(f"language: en\npassword: {SECRET} : @ %\n".encode())

    assert raised.value.__cause__ is not None
    assert raised.value.__cause__.__cause__ is None
    assert SECRET[-20:] not in str(raised.value.__cause__)
