"""Variables that look like settings of this program and are none."""

from collections.abc import Iterator, Mapping

from iquest_review import __version__
from iquest_review.app.injected import is_injected
from iquest_review.app.settings import SETTINGS, find_nearest_name

PREFIX = "IQUEST_"
FOREIGN_PREFIXES = ("IQUEST_REVIEW_", "IQUEST_TEST_")  # names that jobs and tests may use for themselves
MAX_NAMED = 20  # of unknown variables
MAX_NAME_CHARS = 60


def find_unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of variables that are meant as settings, as it seems, and are unknown to this version.

    An empty value counts as not set. Nothing is told of what a platform injects.
    """
    known = {variable for setting in SETTINGS for variable in setting.variables}
    return tuple(
        name
        for name in sorted(environ)
        if name.upper().startswith(PREFIX)
        and name not in known
        and not name.startswith(FOREIGN_PREFIXES)
        and environ[name].strip()
        and not is_injected(name, environ)
    )


def describe_unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each unknown variable, with the nearest known name.

    No value is shown: it may be a key whose variable is misspelled. It is no error, since the variable of a group may
    be meant for a later version that other projects of the group run.
    """
    unknown = find_unknown_variables(environ)
    for name in unknown[:MAX_NAMED]:
        nearest = _find_nearest_variable(name[:MAX_NAME_CHARS])
        hint = f"did you mean {nearest}?" if nearest else f"iquest-review {__version__} has none of this name"
        yield f"WARNING: unknown setting {name[:MAX_NAME_CHARS]} is ignored; {hint}"
    if len(unknown) > MAX_NAMED:
        yield f"WARNING: {len(unknown) - MAX_NAMED} more unknown settings are ignored"


def _find_nearest_variable(name: str) -> str | None:
    """Return the variable that a name may stand for. The prefix is left out: all names would be alike by it."""
    rests = {setting.variables[0].removeprefix(PREFIX): setting.variables[0] for setting in SETTINGS}
    rest = name.upper().removeprefix(PREFIX)
    longer = [known for known in rests if len(rest) > 3 and known.startswith(rest)]
    nearest = longer[0] if len(longer) == 1 else find_nearest_name(rest, rests)
    return rests[nearest] if nearest else None
