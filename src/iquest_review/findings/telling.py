"""Which quotes are telling: they say by themselves which file is meant, whatever name the model gave it.

Rows such as `}`, `return None` or `} catch (Exception e) {` are in any file. They must not move a finding.
"""

import re
from collections.abc import Sequence

from iquest_review.findings.indexed import IndexedFile
from iquest_review.findings.quotes import match_lines
from iquest_review.findings.readings import READINGS, strip_row_label

MIN_TELLING_CHARS = 16  # without blanks
MIN_OWN_WORDS = 2  # names that the authors of the code chose
CHARS_PER_WORD = 3  # of writing without blanks between words

_WORD = re.compile(r"[^\W\d_]{3,}|[^\W\d_\x00-\x7f]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Keywords, types and the commonest words of the standard libraries.
_COMMON = frozenset(
    "abstract and any args array assert async await base bool boolean break byte case catch char class close const "
    "continue data def default defer define delete delegate double elif else empty end enum err error except exception "
    "exec exit export extends extern false final finally float fmt for foreach from func function get global goto "
    "handle implements import include index instanceof int interface internal item items key kwargs lambda len let "
    "list log logger logging long main map match message module mut name namespace new nil none not null nullptr "
    "number object open operator option optional override package panic param pass print printf println private "
    "protected pub public raise range readonly record ref register require result return returns sealed self set "
    "short signed size sizeof static std str string struct super switch synchronized template test then this throw "
    "throws trait true try type typedef typename typeof typing undefined union unless unsafe unsigned use using util "
    "utils value values var vec virtual void volatile when where while with yield console runtime value error".split()
)


def is_telling(rows: Sequence[str]) -> bool:
    """Return whether a quote is long enough and has names of its own."""
    plain = [strip_row_label(row) for row in rows]
    text = " ".join(rows)
    words = {word for found in _WORD.findall(text) for word in _CAMEL.sub(" ", found).lower().split()} - _COMMON
    own = sum(1 if word.isascii() else max(1, len(word) // CHARS_PER_WORD) for word in words)
    chars = sum(2 if character > "\u2e7f" else 1 for character in "".join(plain))
    return chars >= MIN_TELLING_CHARS and own >= MIN_OWN_WORDS


def count_whole_quotes(rows: Sequence[str], file: IndexedFile) -> int:
    """Count the places of a file diff where all rows of a quote follow one another."""
    for reading, plain in READINGS:
        wanted = [text for row in rows if (text := reading(row))]
        counts = [
            sum(len(match_lines(wanted, side.rows, index)) == len(wanted) for index in side.find(wanted[0]))
            for side in file.list_sides(plain)
            if wanted
        ]
        if most := max(counts, default=0):
            return most
    return 0
