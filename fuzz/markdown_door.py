"""Any text comes through the door inert: GitLab does nothing with it but to show it."""

from fuzz import running
from fuzz.promise import holds, parts
from iquest_review.note import guard, markdown
from tests.note.test_markdown import OLD_ACTION, text_nodes
from tests.support.apply_plan import block
from tests.support.gitlab import quick_actions

SEEDS = (
    b"/close\n@all #1 !2 ~bug ![a](http://x) <b>c</b> deadbeef",
    b"- a\n1. b\n```python\n/merge\n```\n~~~\n>>>\n~~~",
    b"`a` ``b ` c`` \\` [[x]] [_TOC_] {+a+} $x$ :tada: www.a.bc\x1fpython",
    b"| a | b |\n|---|---|\n| /label ~x | c |\n\n---\na: b\n---\x1fmermaid",
    "<!-- iquest-review:note -->\u202e\u2060 GL-1 \ufffd [^1]\n\n[^1]: a\n: b".encode(),
)


def check(data: bytes) -> None:
    """Raises Broken where anything in a body does more than to be read."""
    text, language = parts(data, 2)
    for body in (
        markdown.escape_prose(text),
        markdown.escape_line(text),
        markdown.format_code_span(text),
        markdown.format_code_block(text, language),
    ):
        inert(body)
    inert(
        "- item\n\n"
        + markdown.indent_item(f"{markdown.escape_prose(text)}\n\n{markdown.format_code_block(text)}")
        + "\n\nafter"
    )
    link = markdown.format_link("job", f"https://x.org/{text}")
    holds(len(quick_actions.links(link)) == 1, "a link is one link")
    holds(quick_actions.commands(link) == quick_actions.mentions(link) == [], "a link does nothing else")
    if offered := markdown.format_suggestion(text, 0):
        holds(quick_actions.commands(offered) == [], "a suggestion runs nothing")
        holds(block(f"It fails.\n\n{offered}\n\nMore.").content == text + "\n", "a suggestion is read as written")


def inert(body: str) -> None:
    """Raises Broken when anything in the body does more than to be read, or the last look at it has a doubt."""
    checked = guard.guard_body(body, guard.LinkTargets())
    holds((checked.body, checked.fault) == (body, ""), f"what came through the door is sent as it is: {checked.fault}")
    holds(quick_actions.commands(body) == [] and OLD_ACTION.search(body) is None, "no quick action runs")
    holds(quick_actions.strip(body) == body.rstrip(), "nothing is taken out of the body")
    holds(quick_actions.mentions(body) == quick_actions.references(body) == [], "nobody and nothing is referred to")
    holds(quick_actions.images(body) == quick_actions.links(body) == [], "nothing is loaded or linked")
    holds(quick_actions.live_html(body) == [], "no HTML is live")
    plain = text_nodes(body)  # as older GitLabs see it, which keep no trace of an escape
    for pattern in (quick_actions.MENTION, quick_actions.REFERENCE):
        holds(pattern.search(plain) is None, "nothing is a reference without its escape")


if __name__ == "__main__":
    running.main(__file__)
