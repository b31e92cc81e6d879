"""The one door: every text that reaches GitLab and is not ours goes through it and comes out inert.

A note is read by GitLab's machinery before people see it: a line that begins with a slash is a command run with the
bot's rights (lib/gitlab/quick_actions/extractor.rb), @name notifies, #1, !1, ~label, 7 hexadecimal digits and addresses
make links and cross references, ![...] loads an image from anywhere (lib/banzai/filter/references). Escapes of
markdown do not stop the second kind, which works on the rendered text; a word joiner (U+2060) inside it does.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

from iquest_review.text import JOINER, escape_invisible

MAX_FENCE_BACKTICKS = 40  # backticks; comrak reads more than 80 as no code span, cmark no more than 255 of a fence
MAX_REACH_LINES = 100  # lines above or below a suggestion's: GitLab cuts it silently there
LANGUAGES = frozenset(
    "bash c cc cpp cs csharp css diff go h hpp html ini java javascript js json jsx kotlin kt lua perl php py python "
    "rb rs ruby rust scala sh shell sql swift toml ts tsx typescript xml yaml yml".split()
)

_OWN_COMMENT = re.compile(r"<!--(?=\s*iquest-review:)")
_LONG_RUN = re.compile(rf"`{{{MAX_FENCE_BACKTICKS - 1}}}(?=`)")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,5})(?!`)(.{1,1000}?)(?<!`)\1(?!`)", re.DOTALL)
_FENCE = re.compile(r"\s{0,8}(`{3,}(?=[^`]*$)|~{3,})\s*([\w+#-]*)")
_BULLET = re.compile(r"\s{0,8}(?:[-*+•]|(\d{1,3})[.)])\s+(?=\S)")
_SPECIAL = re.compile(r"[\\`*_\[\]|~$^]")
_REFERENCE = re.compile(
    r"""@ | [#!&](?=\w) | [~%$](?!\s)       # mentions, issues, merge requests, epics, labels, milestones, math
      | \*(?=iteration)
      | \[(?=\[|TOC|\w+:|[+-]) | \{(?=[+-])  # [[_TOC_]], [vulnerability:1], inline diffs
      | ^\[(?=.?\])                          # task lists: older GitLabs look for them in the rendered text
      | :(?=//|[\w+-]+:) | www(?=\.)         # addresses, emoji
      | [0-9a-f]{6}(?=[0-9a-f])              # commits: no seven digits in a row are left
      | (?<=\w)-(?=\d)                       # issues of other trackers: JIRA-1""",
    re.VERBOSE | re.IGNORECASE,
)
_PROJECT = re.compile(
    rf"[\w.-]/[\w.{JOINER}-]+(?=>)"
)  # group/project>: lib/banzai/filter/references/project_reference_filter.rb
_NUMBER_START = re.compile(r"\d{1,9}(?=[.)])")


def escape_prose(text: str) -> str:
    """Text of several lines: its code spans, code blocks and bullets stay, everything else is literal."""
    return "\n".join(_escape_blocks(_make_visible(text).split("\n"))).strip("\n")


def escape_line(text: str) -> str:
    """Text on one line: its code spans stay, everything else is literal."""
    return _escape_row_text(" ".join(_make_visible(text).split()))


def format_code_span(text: str) -> str:
    """A code span of the text, on one line; nothing for no text."""
    text = _break_long_runs(_make_visible(text)).replace("\n", "\\n").replace("\t", "\\t")
    if not text.strip():
        return ""
    fence = "`" * (1 + _measure_longest_run(text))
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def format_code_block(text: str, language: str = "") -> str:
    """A code block with a fence longer than any inside; unknown languages are dropped: some of them draw pictures.

    GitLab before 17 looks for commands in the raw text and takes the first ``` for the block's end: no line of a block
    begins with a slash. The space before it does not show.
    """
    text = _break_long_runs(_make_visible(text)).strip("\n")
    fence = "`" * max(3, 1 + _measure_longest_run(text))
    known = language if language.lower() in LANGUAGES else ""
    whole = f"{fence}{known}\n{text}\n{fence}"
    return indent_item(whole, 1) if "\n/" in whole else whole


def format_suggestion(text: str, above: int, below: int = 0) -> str:
    """A block that offers to replace the line of its note, and so many lines above and below it, by exactly this text;
    nothing when GitLab would not read the very same text out of it.

    The block is parsed as markdown (lib/gitlab/diff/suggestions_parser.rb), and guarded like any other.
    """
    if _make_visible(text) != text or _break_long_runs(text) != text or max(above, below) > MAX_REACH_LINES:
        return ""
    fence = "`" * max(3, 1 + _measure_longest_run(text))
    whole = f"{fence}suggestion:-{above}+{below}\n{text}\n{fence}"
    return indent_item(whole, 1) if "\n/" in whole else whole


def format_link(label: str, url: str) -> str:
    """A link, of a label that is markdown already; the label alone where the URL is no web address."""
    if not url.startswith(("https://", "http://")):
        return label
    return f"[{label}](<{quote(_make_visible(url), safe=':/?#@=+,;%~!')}>)"


def indent_item(markdown: str, width: int = 2) -> str:
    """Markdown as the continuation of a list item."""
    return "\n".join(" " * width + row if row else "" for row in markdown.split("\n"))


def _make_visible(text: str) -> str:
    """The text with its line ends alike and all its characters visible. A comment of ours in it is none of ours."""
    return _OWN_COMMENT.sub(f"<!--{JOINER}", escape_invisible(text.replace("\r\n", "\n").replace("\r", "\n")))


def _escape_blocks(rows: list[str]) -> Iterator[str]:
    at = 0
    while at < len(rows):
        fence = _FENCE.match(rows[at])
        if fence:
            end = _find_fence_end(rows, at + 1, fence[1])
            yield from ("", format_code_block("\n".join(rows[at + 1 : end]), fence[2]), "")
            at = end + 1
            continue
        yield _escape_row(rows[at])
        at += 1


def _escape_row(row: str) -> str:
    bullet = _BULLET.match(row)
    if not bullet:
        return _escape_row_text(row.strip())
    marker = f"{int(bullet[1])}." if bullet[1] else "-"
    return f"{marker} {_escape_row_text(row[bullet.end() :].strip())}"


def _find_fence_end(rows: list[str], start: int, fence: str) -> int:
    closing = re.compile(rf"\s{{0,8}}{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    return next((at for at in range(start, len(rows)) if closing.match(rows[at])), len(rows))


def _escape_row_text(text: str) -> str:
    """One line of literal text with its code spans; what could begin a block or a command is escaped."""
    pieces, at = [], 0
    for span in _CODE_SPAN.finditer(text):
        pieces += [
            _escape_literal(text[at : span.start()]),
            format_code_span(_unpad_span(span[2])) or " ",
        ]  # what it parts stays parted
        at = span.end()
    escaped = "".join([*pieces, _escape_literal(text[at:])]).strip()
    if number := _NUMBER_START.match(escaped):
        return f"{number[0]}\\{escaped[number.end() :]}"
    return "\\" + escaped if escaped.startswith(("-", "+", "=", "#", "/", ":", ";;;")) else escaped


def _unpad_span(content: str) -> str:
    """What a reader sees of a code span: one space at either end belongs to its fences."""
    content = content.replace("\t", " ")
    return content[1:-1] if content[0] == content[-1] == " " and content.strip() else content


def _escape_literal(text: str) -> str:
    joined = text
    for pattern in (_REFERENCE, _PROJECT):
        joined = pattern.sub(lambda match: match[0] + JOINER, joined)
    escaped = _SPECIAL.sub(lambda match: "\\" + match[0], joined)
    return escaped.replace("<", "&lt;").replace(">", "&gt;")  # the joiner has parted what looked like an entity


def _break_long_runs(text: str) -> str:
    """The text with no more backticks in a row than a fence may have."""
    return _LONG_RUN.sub(lambda match: match[0] + JOINER, text)


def _measure_longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
