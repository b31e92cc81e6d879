"""How a command begins: the run that its arguments and the environment ask for, and the time it has."""

import argparse
import os
from datetime import UTC, datetime

from iquest_review.app import settings
from iquest_review.app.ci import compute_deadline
from iquest_review.app.run import Arguments, Run, create_run
from iquest_review.app.signals import Signals
from iquest_review.app.variables import describe_unknown_variables
from iquest_review.net.deadline import Deadline
from iquest_review.progress import create_progress
from iquest_review.redaction.environment import make_cleaner


def start_run(arguments: argparse.Namespace, signals: Signals) -> tuple[Run, Deadline]:
    """Return the run and its deadline; from now on `signals` end it when its time is over.

    Raises UsageError for arguments or settings that cannot be used.
    """
    given = vars(arguments)
    flags = {setting.name: given.get(setting.name) for setting in settings.SETTINGS}
    fields = {name: given[name] for name in Arguments._fields if given.get(name) is not None}
    progress = create_progress(arguments.verbose - arguments.quiet, make_cleaner(os.environ))
    for warning in describe_unknown_variables(os.environ):
        progress.warn(warning)
    run = create_run(Arguments(**fields), flags, os.environ, progress)
    deadline = compute_deadline(run.ci, datetime.now(UTC), progress.say)
    signals.end_in(deadline.end - deadline.clock(), str(deadline))
    return run, deadline
