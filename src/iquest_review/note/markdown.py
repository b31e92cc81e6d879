"""Escaping: every text that is not ours passes this module on its way to GitLab, and does nothing there.

GitLab acts on a note before people read it. A line that begins with a slash is a quick action, run with the bot's
rights (lib/gitlab/quick_actions/extractor.rb). @name notifies a person. #1, !1, ~label, 7 hexadecimal digits and
addresses become links and cross references, and ![...] loads an image from anywhere (lib/banzai/filter/references).
GitLab looks for references in the rendered text, where markdown's escapes are gone, so a word joiner (U+2060) is put
inside them.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

from iquest_review.text import JOINER, escape_invisible

MAX_FENCE_BACKTICKS = 40  # comrak reads at most 80 as a code span, cmark at most 255 as a fence
MAX_REACH_LINES = 100  # above or below the line of a suggestion: GitLab cuts it there without an error
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
    """Return a text of several lines as markdown: code spans, code blocks and bullets stay, the rest is literal."""
    return "\n".join(_escape_blocks(_make_visible(text).split("\n"))).strip("\n")


def escape_line(text: str) -> str:
    """Return a text as one line of markdown: code spans stay, the rest is literal."""
    return _escape_row_text(" ".join(_make_visible(text).split()))


def format_code_span(text: str) -> str:
    """Return a text as a code span on one line; empty for a blank text."""
    text = _break_long_runs(_make_visible(text)).replace("\n", "\\n").replace("\t", "\\t")
    if not text.strip():
        return ""
    fence = "`" * (1 + _measure_longest_run(text))
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def format_code_block(text: str, language: str = "") -> str:
    """Return a text as a code block, with a fence longer than any in the text.

    An unknown language is dropped: for some languages GitLab draws pictures. GitLab before 17 looks for commands in the
    raw text and takes the first ``` for the end of the block, so the block is indented by one space where a line begins
    with a slash. The space is not shown.
    """
    text = _break_long_runs(_make_visible(text)).strip("\n")
    fence = "`" * max(3, 1 + _measure_longest_run(text))
    known = language if language.lower() in LANGUAGES else ""
    whole = f"{fence}{known}\n{text}\n{fence}"
    return indent_item(whole, 1) if "\n/" in whole else whole


def format_suggestion(text: str, above: int, below: int = 0) -> str:
    """Return a suggestion that replaces the line of the note, and lines above and below it, by exactly this text.

    GitLab parses the block as markdown (lib/gitlab/diff/suggestions_parser.rb). Returns an empty text where GitLab
    would read another text out of it, or where it reaches too far.
    """
    if _make_visible(text) != text or _break_long_runs(text) != text or max(above, below) > MAX_REACH_LINES:
        return ""
    fence = "`" * max(3, 1 + _measure_longest_run(text))
    whole = f"{fence}suggestion:-{above}+{below}\n{text}\n{fence}"
    return indent_item(whole, 1) if "\n/" in whole else whole


def format_link(label: str, url: str) -> str:
    """Return a link; only its label if the URL is not a web address. The label is markdown already."""
    if not url.startswith(("https://", "http://")):
        return label
    return f"[{label}](<{quote(_make_visible(url), safe=':/?#@=+,;%~!')}>)"


def indent_item(markdown: str, width: int = 2) -> str:
    """Return markdown indented to continue a list item."""
    return "\n".join(" " * width + row if row else "" for row in markdown.split("\n"))


def _make_visible(text: str) -> str:
    """Return a text with LF line ends and every character visible.

    A text that looks like one of our hidden comments is changed, so that no run takes it for one.
    """
    return _OWN_COMMENT.sub(f"<!--{JOINER}", escape_invisible(text.replace("\r\n", "\n").replace("\r", "\n")))


def _escape_blocks(rows: list[str]) -> Iterator[str]:
    index = 0
    while index < len(rows):
        fence = _FENCE.match(rows[index])
        if fence:
            end = _find_fence_end(rows, index + 1, fence[1])
            yield from ("", format_code_block("\n".join(rows[index + 1 : end]), fence[2]), "")
            index = end + 1
            continue
        yield _escape_row(rows[index])
        index += 1


def _escape_row(row: str) -> str:
    bullet = _BULLET.match(row)
    if not bullet:
        return _escape_row_text(row.strip())
    marker = f"{int(bullet[1])}." if bullet[1] else "-"
    return f"{marker} {_escape_row_text(row[bullet.end() :].strip())}"


def _find_fence_end(rows: list[str], start: int, fence: str) -> int:
    closing = re.compile(rf"\s{{0,8}}{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    return next((index for index in range(start, len(rows)) if closing.match(rows[index])), len(rows))


def _escape_row_text(text: str) -> str:
    """Return one line of literal text with its code spans; what could begin a block or a command is escaped."""
    pieces, end = [], 0
    for span in _CODE_SPAN.finditer(text):
        code = format_code_span(_unpad_span(span[2])) or " "  # a blank: the texts around it must not become one
        pieces += [_escape_literal(text[end : span.start()]), code]
        end = span.end()
    escaped = "".join([*pieces, _escape_literal(text[end:])]).strip()
    if number := _NUMBER_START.match(escaped):
        return f"{number[0]}\\{escaped[number.end() :]}"
    return "\\" + escaped if escaped.startswith(("-", "+", "=", "#", "/", ":", ";;;")) else escaped


def _unpad_span(content: str) -> str:
    """Return what a reader sees of a code span: one space at either end belongs to its fences."""
    content = content.replace("\t", " ")
    return content[1:-1] if content[0] == content[-1] == " " and content.strip() else content


def _escape_literal(text: str) -> str:
    joined = text
    for pattern in (_REFERENCE, _PROJECT):
        joined = pattern.sub(lambda match: match[0] + JOINER, joined)
    escaped = _SPECIAL.sub(lambda match: "\\" + match[0], joined)
    return escaped.replace("<", "&lt;").replace(">", "&gt;")  # no entity is left: a joiner is in it


def _break_long_runs(text: str) -> str:
    """Return a text with no more backticks in a row than a fence may have."""
    return _LONG_RUN.sub(lambda match: match[0] + JOINER, text)


def _measure_longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
