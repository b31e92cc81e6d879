"""What a run writes to stderr, and what no text can make it write."""

import io
import re
import sys

import pytest

from iquest_review.progress import Progress, TerminalProgress, create_progress


def test_a_step_is_a_line_with_its_second() -> None:
    stream = io.StringIO()

    Progress(stream).say("7 changed files")

    assert re.fullmatch(r" +\d+\.\d s  7 changed files\n", stream.getvalue())


def test_details_are_for_those_who_ask() -> None:
    plain, verbose, quiet = io.StringIO(), io.StringIO(), io.StringIO()

    for stream, verbosity in ((plain, 0), (verbose, 1), (quiet, -1)):
        lines = Progress(stream, verbosity=verbosity)
        lines.say("step")
        lines.detail("detail")

    assert "detail" not in plain.getvalue()
    assert "detail" in verbose.getvalue()
    assert quiet.getvalue() == ""


def test_a_hostile_text_stays_on_its_line_and_moves_no_cursor() -> None:
    stream = io.StringIO()

    Progress(stream).say("title\nJob succeeded\r\x1b[2K\x1b]0;owned\x07")

    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_a_terminal_shows_what_is_under_way() -> None:
    stream = io.StringIO()

    with TerminalProgress(stream).show_wait("asking [red]a model[/red]"):
        pass

    assert "asking [red]a model[/red]" in stream.getvalue()


def test_a_full_log_does_not_stop_a_review() -> None:
    class Full(io.StringIO):
        writes = 0

        def write(self, text: str, /) -> int:
            self.writes += 1
            raise OSError(28, "No space left on device")

    stream = Full()
    lines = Progress(stream)

    lines.say("7 changed files")
    with lines.show_wait("asking"):
        lines.say("1 finding")

    assert stream.writes == 1


def test_a_closed_log_is_not_replaced_by_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    create_progress(0).say("7 changed files")

    assert capsys.readouterr().out == ""
