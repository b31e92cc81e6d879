"""`iquest-review publish`: post a review that was kept earlier."""

import argparse

from iquest_review.app.signals import Signals
from iquest_review.cli.command import Command, add_settings
from iquest_review.cli.output import print_result

EXAMPLES = """example:
  iquest-review publish iquest-review/review.json          posts what `review --dry-run` kept"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("review_file", nargs="?", metavar="review.json", help="default: iquest-review/review.json")
    add_settings(parser, only=("project", "merge_request"))
    parser.add_argument("--dry-run", action="store_true", help="print the note and post nothing")


def _run(arguments: argparse.Namespace, signals: Signals) -> int:
    # --help and usage errors need none of these: they take a third of a second to load.
    from iquest_review.app.wiring import run_publish  # noqa: PLC0415
    from iquest_review.cli.start import start_run  # noqa: PLC0415
    from iquest_review.note.summary import strip_hidden_lines  # noqa: PLC0415

    return print_result(strip_hidden_lines(run_publish(*start_run(arguments, signals))), 0)


COMMAND = Command("post a review that was kept earlier; no model is asked", EXAMPLES, _add_arguments, _run)
