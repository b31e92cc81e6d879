"""Decode a line for people and models. The bytes stay: only they are compared, counted and remembered.

So a wrong guess at an encoding changes what is shown, but no line number, and no identity of a line or of a finding.
"""

import codecs
import re
import unicodedata
from functools import lru_cache

_NO_TEXT = frozenset(("Cc", "Cf", "Cn", "Co", "Cs"))  # controls, unassigned and private characters
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")


def decode_line(raw: bytes, encoding: str | None = None, *, cut: bool = False) -> str:
    r"""Return the text of a line; bytes that no encoding explains become \xNN.

    UTF-8 comes first, then `encoding`, the guess for the file. `cut` says that `raw` is the beginning of a longer line.
    """
    if encoding is not None and not is_utf8(raw, cut=cut):
        text = decode_strictly(raw, encoding, cut=cut)
        if text is not None and not is_mostly_utf8(raw):
            return text
    return raw.decode("utf-8", "backslashreplace")


def is_utf8(raw: bytes, *, cut: bool = False) -> bool:
    """Return whether the bytes are UTF-8; with `cut`, the last character may be half of one."""
    if raw.isascii():
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw, final=not cut)
    except UnicodeDecodeError:
        return False
    return True


def is_mostly_utf8(raw: bytes) -> bool:
    """Return whether at least half of the runs of bytes above ASCII are UTF-8.

    A few bad bytes do not make another encoding of a line. Runs count and not bytes: within a run of Chinese in another
    encoding some bytes are UTF-8 by chance.
    """
    runs = _HIGH_RUN.findall(raw)
    return 2 * sum(map(_is_nearly_utf8, runs)) >= len(runs)


def _is_nearly_utf8(run: bytes) -> bool:
    return 4 * (len(run) - len(run.decode("utf-8", "ignore").encode("utf-8"))) <= len(run)


@lru_cache(4_096)
def decode_strictly(raw: bytes, encoding: str, *, cut: bool = False) -> str | None:
    """Return the text in this encoding, or None when bytes or characters have no meaning in it."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(raw, final=not cut)
    except UnicodeDecodeError:
        return None
    kinds = {unicodedata.category(character) for character in set(text) if not character.isascii()}
    return None if kinds & _NO_TEXT else text
