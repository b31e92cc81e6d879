"""The command line: arguments -> exit code. Here alone everything is caught, and SystemExit raised."""

import argparse
import sys
import traceback
from collections.abc import Sequence

from iquest_review import __version__
from iquest_review.app import settings
from iquest_review.app.signals import Interrupted, Signals
from iquest_review.cli import preview, publish, review, stand_in
from iquest_review.cli.command import Command, Parser, make_formatter
from iquest_review.cli.output import append_notes, flush, report_causes, report_failure
from iquest_review.errors import ReviewError

COMMANDS: dict[str, Command] = {
    "review": review.COMMAND,
    "preview": preview.COMMAND,
    "publish": publish.COMMAND,
    "stand-in": stand_in.COMMAND,
}
EPILOG = """settings: COMMAND --help lists the settings that have a flag; the others are variables:{variables}

exit codes: 0 reviewed, or nothing to review; 1 a finding reached --fail-on; 2 wrong settings or usage;
3 the model gave no usable review; 4 git or GitLab failed, or the output could not be written;
130 interrupted; 143 stopped by SIGTERM

example:
  git diff main... | iquest-review review --diff -"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command `iquest-review`. Raises SystemExit with its exit code."""
    with Signals(process=argv is None) as signals:
        try:
            code = _run_safely(sys.argv[1:] if argv is None else argv, signals)
            signals.disarm()
        except Interrupted as interrupted:
            code = interrupted.code
        if signals.fired:  # also where something else failed on the way out
            code = report_failure(append_notes(signals.fired.words, signals.fired), signals.fired.code)
        for stream in (sys.stdout, sys.stderr):
            flush(stream)
        if signals.fired:
            signals.leave(code)
    raise SystemExit(code)


def _run_safely(argv: Sequence[str], signals: Signals) -> int:
    """Return the exit code of the command; print one line if it fails, and with -v what caused that."""
    arguments = argparse.Namespace(verbose=False)
    try:
        arguments = _build_parser(argv).parse_args(argv)
        return COMMANDS[arguments.command].run(arguments, signals)
    except SystemExit as left:  # argparse has said why
        return int(left.code or 0)
    except ReviewError as error:
        if arguments.verbose:
            report_causes(error)
        return report_failure(append_notes(str(error), error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - nobody wants a traceback in a merge request; -v shows it
        if signals.fired:
            return signals.fired.code
        if arguments.verbose:
            for row in traceback.format_exception(error):
                report_failure(row.rstrip(), 4)
        name = type(error).__name__
        return report_failure(f"internal error of iquest-review ({name}); run it again with -v and report it", 4)


def _build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = Parser(
        prog="iquest-review",
        description="Reviews GitLab merge requests with your own model.",
        epilog=EPILOG.format(variables=_list_variables()),
        formatter_class=make_formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"iquest-review {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            help=command.summary,
            description=command.summary[0].upper() + command.summary[1:] + ".",
            epilog=command.examples,
            formatter_class=make_formatter,
            allow_abbrev=False,
        )
        subparser.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
        subparser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors on stderr")
        if name in argv:  # the other commands are not going to be read
            command.add_arguments(subparser)
    return parser


def _list_variables() -> str:
    """Return the variables of settings that have no flag, four a row."""
    names = [setting.variables[0] for setting in settings.SETTINGS if not setting.flag]
    return "\n".join(["", *(f"  {', '.join(names[start : start + 4])}" for start in range(0, len(names), 4))])
