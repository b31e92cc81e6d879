"""`iquest-review stand-in`: serve the built-in rules as an OpenAI-compatible server."""

import argparse
import sys

from iquest_review.app.signals import Signals
from iquest_review.cli.command import Command
from iquest_review.cli.output import report_failure

EXAMPLES = """example:
  iquest-review stand-in --port 8000                       then: --api-url http://127.0.0.1:8000/v1"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8000, help="port on this machine (default: 8000)")


def _run(arguments: argparse.Namespace, _: Signals) -> int:
    from iquest_review.stand_in.server import StandIn  # noqa: PLC0415 - only this command serves

    port: int = arguments.port
    try:
        server = StandIn(port=port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        return report_failure(f"cannot use port {port}: {why}; choose another with --port", 2)
    print(f"the built-in rules answer at {server.url} (Ctrl-C stops them)", file=sys.stderr)
    server.serve_forever()
    return 0


COMMAND = Command("serve the built-in rules as an OpenAI-compatible server", EXAMPLES, _add_arguments, _run)
