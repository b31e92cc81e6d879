"""The one door: every text that reaches GitLab and is not ours goes through it and comes out inert.

A note is read by GitLab's machinery before people see it: a line that begins with a slash is a command run with the
bot's rights (lib/gitlab/quick_actions/extractor.rb), @name notifies, #1, !1, ~label, 7 hexadecimal digits and addresses
make links and cross references, ![...] loads an image from anywhere (lib/banzai/filter/references). Escapes of
markdown do not stop the second kind, which works on the rendered text; a word joiner (U+2060) inside it does.
"""

import re
from collections.abc import Iterator

from iquest_review.change.characters import visible

JOINER = "\u2060"
LANGUAGES = frozenset(
    "bash c cpp csharp css diff go html ini java javascript js json kotlin lua perl php python py ruby rust scala sh "
    "shell sql swift toml ts typescript xml yaml yml".split()
)

_CODE_SPAN = re.compile(r"(?<!`)(`{1,5})(?!`)(.{1,1000}?)(?<!`)\1(?!`)", re.DOTALL)
_FENCE = re.compile(r"\s{0,8}(`{3,}|~{3,})\s*([\w+#-]*)\s*$")
_BULLET = re.compile(r"\s{0,8}(?:[-*+•]|\d{1,3}[.)])\s+(?=\S)")
_SPECIAL = re.compile(r"[\\`*_\[\]|~$^]")
_REFERENCE = re.compile(
    r"""@ | [#!&^](?=\w) | [~%$](?=[\w"'{(]|$)   # mentions, issues, merge requests, epics, labels, milestones, snippets
      | \[(?=\[|TOC|\w+:)                       # [vulnerability:1], [[_TOC_]]
      | :(?=//) | \bwww(?=\.)                   # addresses
      | \b[0-9a-f]{3}(?=[0-9a-f]{4,})           # commits
      | \b[A-Z][A-Z0-9_]+-(?=\d)                # issues of other trackers""",
    re.VERBOSE | re.IGNORECASE,
)
_NUMBER_START = re.compile(r"\d{1,9}(?=[.)])")


def prose(text: str) -> str:
    """Text of several lines: its code spans, code blocks and bullets stay, everything else is literal."""
    return "\n".join(_blocks(visible(text).splitlines())).strip("\n")


def line(text: str) -> str:
    """Text on one line: its code spans stay, everything else is literal."""
    return _line(" ".join(visible(text).split()))


def code(text: str) -> str:
    """A code span of the text on one line; nothing for no text."""
    text = " ".join(visible(text).split())
    if not text:
        return ""
    fence = "`" * (1 + _longest_run(text, "`"))
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """A code block with a fence longer than any inside; unknown languages are dropped: some of them draw pictures."""
    fence = "`" * max(3, 1 + _longest_run(text, "`"))
    known = language if language.lower() in LANGUAGES else ""
    return f"{fence}{known}\n{visible(text).strip(chr(10))}\n{fence}"


def indented(markdown: str, width: int = 2) -> str:
    """Markdown as the continuation of a list item."""
    return "\n".join(" " * width + row if row.strip() else "" for row in markdown.split("\n"))


def _blocks(rows: list[str]) -> Iterator[str]:
    at = 0
    while at < len(rows):
        fence = _FENCE.match(rows[at])
        if fence:
            end = _fence_end(rows, at + 1, fence[1])
            yield from ("", block("\n".join(rows[at + 1 : end]), fence[2]), "")
            at = end + 1
            continue
        bullet = _BULLET.match(rows[at])
        yield f"- {_line(rows[at][bullet.end() :].strip())}" if bullet else _line(rows[at].strip())
        at += 1


def _fence_end(rows: list[str], start: int, fence: str) -> int:
    closing = re.compile(rf"\s{{0,8}}{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    return next((at for at in range(start, len(rows)) if closing.match(rows[at])), len(rows))


def _line(text: str) -> str:
    """One line of literal text with its code spans; what could begin a block or a command is escaped."""
    pieces, at = [], 0
    for span in _CODE_SPAN.finditer(text):
        pieces += [_literal(text[at : span.start()]), code(span[2])]
        at = span.end()
    escaped = "".join([*pieces, _literal(text[at:])])
    if number := _NUMBER_START.match(escaped):
        return f"{number[0]}\\{escaped[number.end() :]}"
    return "\\" + escaped if escaped[:1] in tuple("-+=#/:") else escaped


def _literal(text: str) -> str:
    joined = _REFERENCE.sub(lambda match: match[0] + JOINER, text)
    escaped = _SPECIAL.sub(lambda match: "\\" + match[0], joined)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _longest_run(text: str, character: str) -> int:
    return max(map(len, re.findall(re.escape(character) + "+", text)), default=0)
