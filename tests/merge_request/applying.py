"""A suggestion applied as GitLab does it: the block is read out of the rendered markdown, and whole lines are replaced.

Sources: GitLab's lib/gitlab/diff/suggestions_parser.rb, lib/gitlab/diff/suggestion.rb,
lib/gitlab/suggestions/file_suggestion.rb. Stricter than GitLab in what it takes: one block, of a reach that is not cut.
"""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from tests.doubles import quick_actions

FARTHEST = 100
INFO = re.compile(r"suggestion:-(\d+)\+(\d+)")


@dataclass(frozen=True)
class Block:
    """What a suggestion block says: lines above and below its anchor, and what takes their place."""

    above: int
    below: int
    content: str


class _Blocks(HTMLParser):
    """The code blocks of a page, each with its info string."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str]] = []
        self.info: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre":
            self.info = dict(attrs).get("lang") or ""
            self.found.append((self.info, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self.info = None

    def handle_data(self, data: str) -> None:
        if self.info is not None:
            self.found[-1] = (self.info, self.found[-1][1] + data)


def block(body: str) -> Block:
    """The one suggestion block of a note's body, once GitLab has stored it; fails when there is not exactly one."""
    ((info, content),) = (
        found for found in _Blocks(quick_actions.rendered(quick_actions.strip(body))).found if "suggestion" in found[0]
    )
    match = INFO.fullmatch(info)
    assert match, info
    above, below = int(match[1]), int(match[2])
    assert max(above, below) <= FARTHEST
    assert not content or content.endswith("\n")
    return Block(above, below, content)


def applied(text: bytes, body: str, line: int) -> bytes:
    """The file's text with the block of a note on its line `line` applied; a missing last newline stays missing."""
    suggested = block(body)
    lines = re.findall(rb"[^\n]*\n|[^\n]+\Z", text)
    first, last = line - suggested.above, line + suggested.below
    assert 1 <= first <= last <= len(lines), (first, last, len(lines))
    content = suggested.content.encode()
    if not lines[last - 1].endswith(b"\n"):
        content = content.removesuffix(b"\n")
    return b"".join([*lines[: first - 1], content, *lines[last:]])
