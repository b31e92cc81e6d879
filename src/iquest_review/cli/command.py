"""What a command is, and the arguments that several commands share."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from iquest_review.app import settings
from iquest_review.app.signals import Signals


class Command(NamedTuple):
    """One command of `iquest-review`."""

    summary: str  # for --help
    examples: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Signals], int]  # returns the exit code


class Parser(argparse.ArgumentParser):
    """Let help pass that cannot be written: the first releases of Python 3.11 raise there, later ones do not."""

    def _print_message(self, message: str, file: Any = None) -> None:
        with suppress(OSError, AttributeError):  # AttributeError: the stream is closed, and None
            super()._print_message(message, file)


def make_formatter(prog: str) -> argparse.HelpFormatter:
    """Return a formatter as wide as the terminal, at most 118 characters.

    argparse's own would import shutil, bz2 and lzma to learn the width.
    """
    width = os.get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else 120
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30, width=min(width, 120) - 2)


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what to review."""
    group = parser.add_argument_group("what to review (default: the merge request of the pipeline)")
    group.add_argument("--diff", metavar="FILE", help="a saved diff, - for standard input")
    group.add_argument("--repo", metavar="DIR", help="a local repository (default: this folder); needs --base")
    group.add_argument("--base", metavar="REF", help="the branch that a local change is meant for")
    group.add_argument("--head", metavar="REF", help="the local change (default: HEAD)")


def add_settings(
    parser: argparse.ArgumentParser, except_for: Sequence[str] = (), only: Sequence[str] | None = None
) -> None:
    """Add a flag for each setting that has one."""
    group = parser.add_argument_group("settings (each is also a variable: IQUEST_MAX_LINES for --max-lines)")
    for setting in settings.SETTINGS:
        if setting.flag and setting.name not in except_for and (only is None or setting.name in only):
            default = "" if setting.default is None or "default" in setting.help else f" (default: {setting.default})"
            metavar = setting.name.rsplit("_", 1)[-1].upper()
            group.add_argument(setting.option, dest=setting.name, metavar=metavar, help=setting.help + default)
