"""Search the files of a commit for names."""

from collections.abc import Sequence

from iquest_review.code.mentions import Mentions, sort_mentions, write_alternation
from iquest_review.git.command import GitDirectory

MAX_OUTPUT_BYTES = 8 * 1024**2  # of one search

# Only text files of the commit are searched.
_GREP = (
    *("grep", "-n", "-z", "-I", "--no-color", "--full-name", "--no-textconv", "--no-recurse-submodules"),
    *("--no-column", "--no-heading", "--no-break"),
)
_FATAL = 128  # the status of a git that was built without Perl's regular expressions; 1 says that nothing was found


def find_mentions(git: GitDirectory, commit: str, names: Sequence[str], seconds: float) -> dict[str, Mentions]:
    """Return what mentions these identifiers in a commit, by name.

    One search finds all, and reads each file once: `-e NAME -e NAME`, with 60 names, takes 13 times as long. Only the
    first MAX_OUTPUT_BYTES of the lines are used. Raises GitTimeoutError after these seconds.
    """
    if not names:
        return {}
    either = write_alternation(names)
    for pattern in (("-P", rf"(?<!\w){either}(?!\w)"), ("-w", "-E", either)):
        found = git.run_bounded(*_GREP, *pattern, commit, "--", seconds=seconds, most=MAX_OUTPUT_BYTES)
        if found.status != _FATAL:
            break
    return sort_mentions(found.text, names)
