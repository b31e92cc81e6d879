"""argv and environ -> exit code. The only SystemExit, and the only place that catches everything."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TextIO

from iquest_review import __version__
from iquest_review.app import settings
from iquest_review.app.signals import Interrupted, Signals
from iquest_review.errors import ReviewError

_EXAMPLES = {
    "review": """examples:
  iquest-review review                                     in a merge-request pipeline: everything comes from GitLab
  git diff main... | iquest-review review --diff -         a diff from standard input; nothing is posted
  iquest-review review --base main                         the branch you are on; nothing is posted
  iquest-review review --project group/app --merge-request 7""",
    "preview": """example:
  iquest-review preview --base main                        what the model would be shown; asks nobody""",
    "publish": """example:
  iquest-review publish iquest-review/review.json          posts what `review --dry-run` kept""",
    "stand-in": """example:
  iquest-review stand-in --port 8000                       then: --api-url http://127.0.0.1:8000/v1""",
}
_EPILOG = """settings: COMMAND --help lists those that have a flag; the others are variables:{variables}

exit codes: 0 reviewed, or nothing to review; 1 a finding reached --fail-on; 2 wrong settings or usage;
3 the model gave no usable review; 4 git or GitLab failed, or nothing could be written;
130 interrupted; 143 ended by SIGTERM

example:
  git diff main... | iquest-review review --diff -"""


def main(argv: Sequence[str] | None = None) -> None:
    """The command `iquest-review`; raises SystemExit."""
    with Signals(process=argv is None) as signals:
        try:
            code = _run_safely(sys.argv[1:] if argv is None else argv, signals)
            signals.disarm()
        except Interrupted as interrupted:
            code = interrupted.code
        if signals.fired:  # also where something else failed on the way out
            code = _fail(_append_notes(signals.fired.words, signals.fired), signals.fired.code)
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        if signals.fired:
            signals.leave(code)
    raise SystemExit(code)


def _run_safely(argv: Sequence[str], signals: Signals) -> int:
    """The exit code of the command; one line for what goes wrong."""
    arguments = argparse.Namespace(verbose=False)
    try:
        arguments = _build_parser(argv).parse_args(argv)
        return _run_command(arguments, signals)
    except SystemExit as left:  # argparse has said why
        return int(left.code or 0)
    except ReviewError as error:
        return _fail(_append_notes(str(error), error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - nobody wants a traceback in a merge request; -v shows it
        if signals.fired:
            return signals.fired.code
        if arguments.verbose:
            import traceback  # noqa: PLC0415

            for row in traceback.format_exception(error):
                _fail(row.rstrip(), 4)
        return _fail(f"an error of iquest-review itself ({type(error).__name__}); run again with -v and report it", 4)


def _run_command(arguments: argparse.Namespace, signals: Signals) -> int:
    if arguments.command == "stand-in":
        return _run_stand_in(arguments.port)
    from datetime import UTC, datetime  # noqa: PLC0415 - --help and mistakes need none of it
    from pathlib import Path  # noqa: PLC0415

    from iquest_review.app import wiring  # noqa: PLC0415
    from iquest_review.app.ci import compute_deadline  # noqa: PLC0415
    from iquest_review.app.run import Arguments, create_run  # noqa: PLC0415
    from iquest_review.note.summary import strip_hidden_lines  # noqa: PLC0415
    from iquest_review.progress import create_progress  # noqa: PLC0415
    from iquest_review.redaction.environment import make_cleaner  # noqa: PLC0415
    from iquest_review.reports import review_file  # noqa: PLC0415

    if arguments.command == "review":
        review_file.remove_earlier_review(Path(arguments.output or Arguments().output))
    given = vars(arguments)
    flags = {setting.name: given.get(setting.name) for setting in settings.SETTINGS}
    fields = {name: given[name] for name in Arguments._fields if given.get(name) is not None}
    say = create_progress(arguments.verbose - arguments.quiet, make_cleaner(os.environ))
    asked = create_run(Arguments(**fields), flags, os.environ, say)
    until = compute_deadline(asked.ci, datetime.now(UTC), asked.progress.say)
    signals.end_in(until.end - until.clock(), str(until))
    if arguments.command == "review":
        _, body, code = wiring.run_review(asked, until)
        return _print_result(strip_hidden_lines(body), code)
    if arguments.command == "publish":
        return _print_result(strip_hidden_lines(wiring.run_publish(asked, until)), 0)
    from iquest_review.reports import preview  # noqa: PLC0415

    prompts, excerpt = wiring.run_preview(asked, until)
    return _print_result(
        preview.render_preview_json(prompts, excerpt)
        if arguments.json
        else preview.render_preview_text(prompts, excerpt),
        0,
    )


def _run_stand_in(port: int) -> int:
    from iquest_review.stand_in.server import StandIn  # noqa: PLC0415

    try:
        server = StandIn(port=port)
    except (OSError, OverflowError) as error:
        return _fail(
            f"port {port} cannot be used ({getattr(error, 'strerror', None) or error}); --port names another", 2
        )
    print(f"the built-in rules answer at {server.url} (Ctrl-C ends it)", file=sys.stderr)
    server.serve_forever()
    return 0


def _append_notes(words: str, error: BaseException) -> str:
    """What went wrong, and what was noted on the way out: what to do about it."""
    return "; ".join([words, *getattr(error, "__notes__", ())])


def _fail(message: str, code: int) -> int:
    from iquest_review.redaction.environment import make_cleaner  # noqa: PLC0415
    from iquest_review.text import shorten_to_line  # noqa: PLC0415 - a run that succeeds says no such thing

    message = make_cleaner(os.environ)(message)
    if sys.stderr is not None:
        with suppress(OSError):  # nobody can be told: the code has to say it
            print(f"iquest-review: {shorten_to_line(message, 2_000)}", file=sys.stderr)
    return code


def _print_result(text: str, code: int) -> int:
    """The code with which the result is printed: 4 where it cannot be, unless it is worse already."""
    if sys.stdout is None:
        return _fail("standard output is closed: nothing could be printed", code or 4)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has had enough
        _flush(sys.stdout)
    except OSError as error:
        _flush(sys.stdout)
        return _fail(f"standard output cannot be written: {error.strerror}", code or 4)
    return code


def _flush(stream: TextIO | None) -> None:
    """Empties a stream at last; into nothing where it takes nothing, or Python would fail at that when it ends."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _list_variables() -> str:
    """The variables of settings that have no flag, a few a row."""
    names = [setting.variables[0] for setting in settings.SETTINGS if not setting.flag]
    return "\n".join(["", *(f"  {', '.join(names[at : at + 4])}" for at in range(0, len(names), 4))])


def _make_formatter(prog: str) -> argparse.HelpFormatter:
    """argparse's own would import shutil, bz2 and lzma to learn the width of the terminal."""
    width = os.get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else 120
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30, width=min(width, 120) - 2)


class _Parser(argparse.ArgumentParser):
    """Let help pass that cannot be written: the first releases of Python 3.11 raise there, later ones do not."""

    def _print_message(self, message: str, file: Any = None) -> None:
        with suppress(OSError, AttributeError):  # AttributeError: the stream is closed, and None
            super()._print_message(message, file)


def _build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="iquest-review",
        description="Reviews GitLab merge requests with your own model.",
        epilog=_EPILOG.format(variables=_list_variables()),
        formatter_class=_make_formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"iquest-review {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (summary, fill) in _COMMANDS.items():
        command = _add_command(commands, name, summary)
        if name in argv:  # the others are not going to be read
            fill(command)
    return parser


def _fill_review(command: argparse.ArgumentParser) -> None:
    _add_sources(command)
    _add_settings(command, except_for=())
    command.add_argument("--full", action="store_true", help="review all lines again, not only what is new")
    command.add_argument("--dry-run", action="store_true", help="do all but write to GitLab")
    command.add_argument("--output", metavar="DIR", help="where review.json goes (default: iquest-review/)")


def _fill_preview(command: argparse.ArgumentParser) -> None:
    _add_sources(command)
    _add_settings(command, except_for=("api_url", "model", "fail_on"))
    command.add_argument("--json", action="store_true", help="print JSON")


def _fill_publish(command: argparse.ArgumentParser) -> None:
    command.add_argument("review_file", nargs="?", metavar="review.json", help="default: iquest-review/review.json")
    _add_settings(command, only=("project", "merge_request"))
    command.add_argument("--dry-run", action="store_true", help="print the note, post nothing")


def _fill_stand_in(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=int, default=8000, help="port on this machine (default: 8000)")


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "review": ("review a merge request, a saved diff or a local branch", _fill_review),
    "preview": ("show what the model would be shown, and what not; asks no model", _fill_preview),
    "publish": ("post a review that is already there; asks no model", _fill_publish),
    "stand-in": ("serve the built-in rules as an OpenAI-compatible server", _fill_stand_in),
}


def _add_command(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=_EXAMPLES[name],
        formatter_class=_make_formatter,
        allow_abbrev=False,
    )
    command.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    command.add_argument("-q", "--quiet", action="store_true", help="say nothing on stderr but errors")
    return command


def _add_sources(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("what to review (default: the merge request of the pipeline)")
    group.add_argument("--diff", metavar="FILE", help="a saved diff, - for standard input")
    group.add_argument("--repo", metavar="DIR", help="a local repository (default: this folder); needs --base")
    group.add_argument("--base", metavar="REF", help="the branch a local change is meant for")
    group.add_argument("--head", metavar="REF", help="the local change (default: HEAD)")


def _add_settings(
    command: argparse.ArgumentParser, except_for: Sequence[str] = (), only: Sequence[str] | None = None
) -> None:
    group = command.add_argument_group("settings (each also a variable: IQUEST_MAX_LINES for --max-lines)")
    for setting in settings.SETTINGS:
        if setting.flag and setting.name not in except_for and (only is None or setting.name in only):
            default = "" if setting.default is None or "default" in setting.help else f" (default: {setting.default})"
            flag = "--" + setting.name.replace("_", "-")
            group.add_argument(
                flag, dest=setting.name, metavar=setting.name.rsplit("_", 1)[-1].upper(), help=setting.help + default
            )
