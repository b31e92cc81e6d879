"""`iquest-review review`: review a merge request, a saved diff or a local branch."""

import argparse
from pathlib import Path

from iquest_review.app.signals import Signals
from iquest_review.cli.command import Command, add_settings, add_sources
from iquest_review.cli.output import print_result

EXAMPLES = """examples:
  iquest-review review                                     in a merge-request pipeline: everything comes from GitLab
  git diff main... | iquest-review review --diff -         a diff from standard input; nothing is posted
  iquest-review review --base main                         the branch you are on; nothing is posted
  iquest-review review --project group/app --merge-request 7"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_sources(parser)
    add_settings(parser)
    parser.add_argument("--full", action="store_true", help="review all lines again, not only what is new")
    parser.add_argument("--dry-run", action="store_true", help="do everything except writing to GitLab")
    parser.add_argument("--output", metavar="DIR", help="where review.json goes (default: iquest-review/)")


def _run(arguments: argparse.Namespace, signals: Signals) -> int:
    # --help and usage errors need none of these: they take a third of a second to load.
    from iquest_review.app.run import Arguments  # noqa: PLC0415
    from iquest_review.app.wiring import run_review  # noqa: PLC0415
    from iquest_review.cli.start import start_run  # noqa: PLC0415
    from iquest_review.note.summary import strip_hidden_lines  # noqa: PLC0415
    from iquest_review.reports.review_file import remove_earlier_review  # noqa: PLC0415

    remove_earlier_review(Path(arguments.output or Arguments().output))
    run, deadline = start_run(arguments, signals)
    _, body, code = run_review(run, deadline)
    return print_result(strip_hidden_lines(body), code)


COMMAND = Command("review a merge request, a saved diff or a local branch", EXAMPLES, _add_arguments, _run)
