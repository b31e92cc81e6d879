"""`iquest-review preview`: show what the model would be shown."""

import argparse

from iquest_review.app.signals import Signals
from iquest_review.cli.command import Command, add_settings, add_sources
from iquest_review.cli.output import print_result

EXAMPLES = """example:
  iquest-review preview --base main                        what the model would be shown; no model is asked"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_sources(parser)
    add_settings(parser, except_for=("api_url", "model", "fail_on"))
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(arguments: argparse.Namespace, signals: Signals) -> int:
    # --help and usage errors need none of these: they take a third of a second to load.
    from iquest_review.app.wiring import run_preview  # noqa: PLC0415
    from iquest_review.cli.start import start_run  # noqa: PLC0415
    from iquest_review.reports import preview  # noqa: PLC0415

    prompts, excerpt = run_preview(*start_run(arguments, signals))
    render = preview.render_preview_json if arguments.json else preview.render_preview_text
    return print_result(render(prompts, excerpt), 0)


COMMAND = Command(
    "show what the model would be shown and what is left out; no model is asked", EXAMPLES, _add_arguments, _run
)
