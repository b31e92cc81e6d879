"""Text for people: invisible characters escaped, long text shortened, numbers with their nouns."""

import re

JOINER = "\u2060"  # word joiner: invisible; it separates characters that GitLab would otherwise read as one reference

# C0 and C1 controls except TAB and LF, soft hyphen, fillers, zero-width and bidirectional controls, line and paragraph
# separators, variation selectors except the emoji one, byte order mark, interlinear marks, tags, lone surrogates.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def escape_invisible(text: str) -> str:
    r"""Return the text with each invisible character as an escape, such as \u202e for a right-to-left override."""
    return INVISIBLE.sub(_escape, text)


def shorten_to_line(text: str, limit: int) -> str:
    """Return the text on one line of at most `limit` characters, all of them visible."""
    line = escape_invisible(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def format_count(number: int, noun: str) -> str:
    """Return a number with its English noun: "1 file", "2,000 files"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
