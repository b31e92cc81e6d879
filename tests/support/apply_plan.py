"""A suggestion applied as GitLab does it: the block is read out of the rendered markdown, and whole lines are replaced.

Sources: GitLab's lib/gitlab/diff/suggestions_parser.rb, lib/gitlab/diff/suggestion.rb,
lib/gitlab/suggestions/file_suggestion.rb. Stricter than GitLab in what it takes: one block, of a reach that is not cut.
"""

import re
from dataclasses import dataclass

from tests.support.gitlab import quick_actions
from tests.support.gitlab.suggestions import code_blocks

FARTHEST = 100
INFO = re.compile(r"suggestion:-(\d+)\+(\d+)")


@dataclass(frozen=True)
class Block:
    """What a suggestion block says: lines above and below its anchor, and what takes their place."""

    above: int
    below: int
    content: str


def block(body: str) -> Block:
    """The one suggestion block of a note's body, once GitLab has stored it; fails when there is not exactly one."""
    ((info, content),) = (found for found in code_blocks(quick_actions.strip(body)) if "suggestion" in found[0])
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
