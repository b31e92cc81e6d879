"""The door: what GitLab makes of a text that went through it."""

import re
import time
from collections.abc import Callable
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.note import markdown
from iquest_review.text import JOINER
from tests.support.apply_plan import Block, block
from tests.support.gitlab import quick_actions
from tests.support.gitlab.test_quick_actions import EXECUTES

DOORS = {
    "prose": markdown.escape_prose,
    "line": markdown.escape_line,
    "code": markdown.format_code_span,
    "block": markdown.format_code_block,
}
DOOR = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
OLD_ACTION = re.compile(r"^/\w", re.MULTILINE)  # stricter than the one pattern of GitLab before 17, wherever it looks

MENTIONS = (
    "@anna",
    "(@all)",
    "@group/sub",
    "a@b@c",
    "**@anna**",
    "&#64;anna",
    "\\@anna",
    "> @anna",
    "| @anna |",
    "@@x",
)
REFERENCES = (
    *("#1", "!1", "$1", "&1", "~bug", '~"two words"', "~1", "%1", '%"next one"', "%v1.0", "^alert#1", "*iteration:1"),
    *(
        "group/project#1",
        "group/project!1",
        "group/project@deadbeef",
        "project~bug",
        "a#1",
        "GL-1",
        "JIRA-1",
        "A-1",
        "2A-1",
    ),
    *(
        "[vulnerability:1]",
        "[issue:group/app/1]",
        "[feature_flag:1]",
        "[contact:a@b.co]",
        "[snippet:1]",
        "\\#1",
        "&#35;1",
        "group/secret-project>",
        *("group-/secret>", "group/secret->", "a/deadbeef1>", "a/ABC-1>", "a/GL-12>"),
        *("#` `1", "!``  ``1", "dead` `beef1", "JIRA` `-1"),
        "a/b/c.d&gt;",
    ),
    *(
        "deadbeef",
        "0123456789" * 4,
        "abc" + "deadbeef" * 5,
        "x" + "f" * 200,
        "DEADBEEF",
        "feature_deadbeef",
        "deadbeef...cafebabe1",
    ),
)
LINKS = (
    *(
        "http://x.org",
        "<http://x.org>",
        "HTTPS://x.org",
        "www.x.org",
        "_www.x.org_",
        "WwW.x.org",
        "ftp://x.org",
        "a@b.co",
        "mailto:a@b.co",
    ),
    *("[a](http://x)", "[a][b]\n\n[b]: http://x", "[b]\n\n[b]: http://x", "[a](javascript:x)", "[[page]]", "[[a|b]]"),
    *("<a href=http://x>a</a>", "https://gitlab.example.com/a/b/-/issues/1", "xmpp:a@b.co", "foo://bar"),
)
IMAGES = (
    *(
        "![a](http://x/i.png)",
        "![a][b]\n\n[b]: http://x",
        "![b]\n\n[b]: http://x",
        "<img src=http://x>",
        "<video src=x>",
    ),
    *(
        "<picture><source src=x></picture>",
        "[![a](http://x)](http://y)",
        "![](<http://x>)",
        '<body background="http://x">',
    ),
)
HTML = (
    *(
        "<script>alert(1)</script>",
        "<form action=x>",
        "<style>a{}</style>",
        "<details open>",
        "<!-- c -->",
        "<br>",
        "</details>",
    ),
    *("<div>\n\nx\n\n</div>", "<![CDATA[x]]>", "<?php x ?>", "<!DOCTYPE html>", "&lt;b&gt;", "<b\nclass=x>", "<x-y>"),
)
BLOCKS = (
    *(
        "```mermaid\ngraph TD\n```",
        "~~~plantuml\na -> b\n~~~",
        "```kroki\nx\n```",
        "```math\nx\n```",
        "```suggestion:-100+100\n```",
    ),
    *(
        "$$\nx\n$$",
        "$a$",
        "$`a`$",
        "`$`a`$`",
        "[[_TOC_]]",
        "[TOC]",
        "---\na: b\n---",
        "+++\na\n+++",
        "x[^1]\n\n[^1]: y",
    ),
    *(
        "term\n\n: definition",
        "term\n: definition",
        "- [ ] task",
        "[x] task",
        "* [~] task",
        "> [!warning]\n> x",
        ">>>\nx\n>>>",
    ),
    *(
        "a | b\n--|--\nc | d",
        "| a |\n|---|",
        "Title\n===",
        "Title\n---",
        "# Title",
        "::include{file=x}",
        "    indented",
        "~~x~~",
    ),
    *(
        "* * *",
        "___",
        "- - -",
        "{+ added +}",
        "[- removed -]",
        ":smile:",
        ":100:",
        "%{gitlab_server}",
        "1. one",
        "1986. A year",
    ),
    *(
        "```json:table\n{}\n```",
        "```\nunclosed",
        "````\n```\n/close\n````",
        "a\\\n/close",
        "`a\n/close\nb`",
        "``` a ``` b",
    ),
)
DANGERS = (*EXECUTES.values(), *MENTIONS, *REFERENCES, *LINKS, *IMAGES, *HTML, *BLOCKS)
GLUE = (
    "",
    " ",
    "\n",
    "\n\n",
    "`",
    "``",
    "```",
    "```\n",
    "\n```\n",
    "~~~\n",
    "\\",
    "- ",
    "> ",
    "\t",
    "    ",
    "\r\n",
    "*",
    "_",
    "|",
    "(",
    "]",
)
ODD = (
    "\0",
    "\ud800",
    "\ufeff",
    "\u200b",
    "\u202e",
    "\x85",
    "\u2028",
    "\x1b[31m",
    "`" * 90,
    "~" * 300,
    "\u00a0",
    "，",
    "é",
)
FRAGMENTS = st.lists(st.sampled_from((*DANGERS, *GLUE, *GLUE, *ODD)), max_size=12).map("".join)
OLD_LIVE = re.compile(r"^\s*\[[ xX~]\]|\w://|www\.\w|\$\$|:\w+:|[{\[][+-]|\[\[|\[TOC\]|%\{", re.MULTILINE)


def inert(body: str) -> None:
    """Fails when anything in the body does more than to be read."""
    assert quick_actions.commands(body) == []
    assert OLD_ACTION.search(body) is None
    assert quick_actions.mentions(body) == []
    assert quick_actions.references(body) == []
    assert quick_actions.images(body) == []
    assert quick_actions.links(body) == []
    assert quick_actions.live_html(body) == []
    assert quick_actions.strip(body) == body.rstrip()
    plain = text_nodes(body)
    for pattern in (quick_actions.MENTION, quick_actions.REFERENCE, OLD_LIVE):
        assert pattern.search(plain) is None, pattern.search(plain)
    tags = re.findall(r"<\w+[^>]*>", quick_actions.rendered(body))
    known = r'<(?:p|ul|ol|ol start="\d+"|li|code|pre|pre lang="(\w+)"|span data-escaped-char)>'
    for tag in tags:
        match = re.fullmatch(known, tag)
        assert match, tag
        assert match[1] is None or match[1] in markdown.LANGUAGES
    body.encode()


def text_nodes(body: str) -> str:
    """The rendered text outside code as older GitLabs see it: they keep no trace of an escape."""
    without_code = re.sub(r"<(pre|code)\b.*?</\1>", "\n", quick_actions.rendered(body), flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", "", without_code))


def read(body: str) -> str:
    """What a reader of the rendered body sees."""
    return unescape(re.sub(r"<[^>]*>", "", quick_actions.rendered(body))).replace(JOINER, "").strip("\n")


# --- inert ---


@DOOR
@pytest.mark.parametrize("text", DANGERS)
def test_nothing_dangerous_comes_through(door: Callable[[str], str], text: str) -> None:
    inert(door(text))


@DOOR
def test_no_quick_action_of_any_name_comes_through(door: Callable[[str], str]) -> None:
    for name in quick_actions.COMMANDS:
        for text in (f"/{name}", f"/{name.upper()} x", f"a\n/{name}\nb", f"a\r\n/{name} x\r\n", f"`/{name}`\n/{name}"):
            assert quick_actions.commands(door(text)) == []
            assert OLD_ACTION.search(door(text)) is None


@DOOR
@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=FRAGMENTS)
def test_nothing_dangerous_comes_through_in_any_mixture(door: Callable[[str], str], text: str) -> None:
    inert(door(text))


@DOOR
@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text())
def test_any_text_at_all_comes_through_inert(door: Callable[[str], str], text: str) -> None:
    inert(door(text))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=FRAGMENTS, language=FRAGMENTS)
def test_the_language_of_a_block_is_a_known_one_or_none(text: str, language: str) -> None:
    inert(markdown.format_code_block(text, language))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=FRAGMENTS)
def test_a_text_within_a_list_item_stays_in_it(text: str) -> None:
    body = (
        "- item\n\n"
        + markdown.indent_item(f"{markdown.escape_prose(text)}\n\n{markdown.format_code_block(text)}")
        + "\n\nafter"
    )

    inert(body)
    assert quick_actions.rendered(body).endswith("</li>\n</ul>\n<p>after</p>\n")


@DOOR
def test_too_many_backticks_open_no_fence(door: Callable[[str], str]) -> None:
    for count in (79, 80, 81, 254, 255, 256, 1000):
        for text in (
            "`" * count + " @all ![a](http://x) ",
            f"`{'`' * count}x @all`",
            f"```\n{'`' * count}\n/close\n```",
        ):
            inert(door(text))


def test_no_fence_is_longer_than_any_markdown_reads() -> None:
    for written in (
        markdown.format_code_block("`" * 1000),
        markdown.format_code_span("`" * 1000),
        markdown.escape_prose("```\n" + "`" * 1000),
    ):
        assert max(map(len, re.findall("`+", written))) <= markdown.MAX_FENCE_BACKTICKS


@DOOR
def test_a_copy_of_a_hidden_line_is_text(door: Callable[[str], str]) -> None:
    assert "<!-- iquest-review:" not in door("x <!-- iquest-review:previous -->\n<!-- iquest-review:summary -->")
    assert "<!--\n iquest-review:" not in door("```\n<!--\n iquest-review:previous -->\n```")


@DOOR
@pytest.mark.parametrize(
    ("odd", "shown"),
    [
        ("\0", "\\x00"),
        ("\ud800", "\\ud800"),
        ("\ufeff", "\\ufeff"),
        ("\x1b", "\\x1b"),
        ("\x85", "\\x85"),
        ("\u202e", "\\u202e"),
    ],
)
def test_invisible_characters_are_written_as_escapes(door: Callable[[str], str], odd: str, shown: str) -> None:
    assert f"a{shown}b" in read(door(f"a{odd}b"))


@pytest.mark.timed
@DOOR
@pytest.mark.parametrize(
    "character", [*"a0`/[@ -*_$~:#<&\\|!.", "\n", "\0", "\ud800", "`\n", "```\n", "`a``b", "\n/", "A-", ":a"]
)
def test_a_quarter_of_a_megabyte_of_anything_takes_linear_time(door: Callable[[str], str], character: str) -> None:
    text = character * (250_000 // len(character))

    started = time.process_time()
    door(text)

    assert time.process_time() - started < 2


# --- readable ---


@pytest.mark.parametrize(
    "text",
    [
        *(
            "usr/bin",
            "/usr/bin/env",
            "a /b",
            "/close",
            "snake_case_name",
            "__init__",
            "x != y",
            "!x",
            "100%",
            "50% of a",
            "C#",
            "F#",
        ),
        *(
            "me@example.org",
            "@property",
            "a*b*c",
            "**kwargs",
            "x ** y",
            "a < b > c && d",
            "List<int>",
            "&amp;",
            "&copy;",
            "R&D",
        ),
        *(
            "#1",
            "!2",
            "~bug",
            "$HOME/$x",
            "US$5",
            "~/.ssh",
            "deadbeef",
            "utf-8",
            "2026-01-02",
            "a_b@c",
            "https://x.org/a?b=c#d",
        ),
        *(
            "[x](y)",
            "![x](y)",
            "[x][y]",
            "- dash",
            "1986. A year",
            "+1",
            "=",
            "# not a heading",
            ":colon:",
            "a: b",
            "std::cout",
            "12:30:45",
        ),
        *(
            "`code` and `a_b`",
            "`` a`b ``",
            "``",
            "`",
            "a\\b",
            "C:\\temp\\new",
            "^x^",
            "a|b",
            "{+x+}",
            "(a, b)",
            "\"q\" 'r'",
            "…",
        ),
        *(
            "中文，全角：标点",
            "@property 装饰器",
            "it's 5 > 3; e.g. a[i] = b{j}",
            "- - nested",
            "+",
            "-",
            "``a`",
            "> quoted",
            "www.example.org",
        ),
    ],
)
def test_text_reads_as_it_was_written(text: str) -> None:
    expected = re.sub(r"(?<!`)(`+)(?!`) ?(.+?) ?(?<!`)\1(?!`)", r"\2", text)  # code spans lose their fences
    assert read(markdown.escape_line(text)) == expected
    assert read(markdown.escape_prose(text)).replace("\n", " ") in (expected, expected.removeprefix("- "))


def test_code_spans_stay_code() -> None:
    assert quick_actions.rendered(markdown.escape_line("Use `a_b` or ``c`d``, not `@all`.")) == (
        "<p>Use <code>a_b</code> or <code>c`d</code>, not <code>@all</code>.</p>\n"
    )


def test_a_code_span_of_several_lines_is_text() -> None:
    assert read(markdown.escape_prose("`a\nb`")) == "`a\nb`"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("```python\nx = 1\n```", '<pre lang="python"><code>x = 1\n</code></pre>'),
        ("```python title=a.py\nx = 1\n```", '<pre lang="python"><code>x = 1\n</code></pre>'),
        ("~~~\n```\n~~~", "<pre><code>```\n</code></pre>"),
        ("text\n```\n  /close\n\n\tx\n```\nmore", "<pre><code>  /close\n\n\tx\n</code></pre>"),
        ("```\n/close\n    x\n```", "<pre><code>/close\n    x\n</code></pre>"),
        ("```mermaid\na\n```", "<pre><code>a\n</code></pre>"),
        ("``` a ``` b\nc", "<p><code>a</code> b\nc</p>"),
        ("```\nunclosed\n", "<pre><code>unclosed\n</code></pre>"),
    ],
)
def test_code_blocks_stay_blocks(text: str, html: str) -> None:
    assert html in quick_actions.rendered(markdown.escape_prose(text))


def test_text_after_a_code_block_is_text_again() -> None:
    assert read(markdown.escape_prose("```js {1,3}\na\n```\n_b_")) == "a\n\n_b_"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Two:\n- a\n* b\n• c", "<p>Two:</p>\n<ul>\n<li>a</li>\n<li>b</li>\n<li>c</li>\n</ul>"),
        ("1. a\n2) b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>"),
        ("3. c\n4. d", '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>'),
        ("- `a_b`: c_d", "<ul>\n<li><code>a_b</code>: c<span data-escaped-char>_</span>d</li>\n</ul>"),
    ],
)
def test_lists_stay_lists(text: str, html: str) -> None:
    assert html in quick_actions.rendered(markdown.escape_prose(text))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a.py", "`a.py`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        (" a ", "`  a  `"),
        ("a\nb\tc", "`a\\nb\\tc`"),
        ("@all/#1", "`@all/#1`"),
        ("", ""),
        (" \n ", "`  \\n  `"),
    ],
)
def test_a_path_is_shown_exactly(text: str, written: str) -> None:
    assert markdown.format_code_span(text) == written


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(alphabet=st.sampled_from("ab`~ \\/<&@#\n\t"), min_size=1))
def test_a_block_shows_every_character(text: str) -> None:
    shown = unescape(re.sub(r"<[^>]*>", "", quick_actions.rendered(markdown.format_code_block(text, "py"))))
    assert shown.replace(JOINER, "").strip("\n") == text.strip("\n")


def test_line_ends_of_windows_are_line_ends() -> None:
    assert markdown.escape_prose("a\r\nb\rc") == "a\nb\nc"
    assert markdown.format_code_block("a\r\nb") == "```\na\nb\n```"


# --- links ---


def test_a_link_leads_where_it_says() -> None:
    assert quick_actions.links(markdown.format_link("line 3", "https://x.org/a%20b/-/blob/1/c#L3-4")) == [
        "https://x.org/a%20b/-/blob/1/c#L3-4"
    ]


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "data:text/html,x", "//x.org", "ftp://x", "x", "\nhttps://x"]
)
def test_only_web_addresses_become_links(url: str) -> None:
    assert quick_actions.links(markdown.format_link("job", url)) == []
    assert read(markdown.format_link("job", url)) == "job"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rest=FRAGMENTS)
def test_a_link_stays_one_link(rest: str) -> None:
    body = markdown.format_link("job", f"https://x.org/{rest}")

    assert quick_actions.rendered(body).count("<a ") == 1
    assert [url.startswith("https://x.org/") for url in quick_actions.links(body)] == [True]
    assert read(body) == "job"
    assert quick_actions.commands(body) == quick_actions.mentions(body) == quick_actions.references(body) == []
    assert quick_actions.images(body) == quick_actions.live_html(body) == []


# -- suggestions

SUGGESTED = (
    *("return 1", "    return 1\n\n    # done", "\treturn 1", "", "\n", "  \n \t\n", "a\n", "\na"),
    *("```\ncode\n```", "~~~\ncode\n~~~", "````suggestion:-100+100\n````", "`" * 30, " ```", "x ~~~ y ``` z"),
    *("/close", "a\n/merge", "a\n/close\n```\n/merge\n```", "/*\n * a\n */", " /close\n\n\t/merge", "/\n\n  \n\t\n/a"),
    *("<b>a</b>", "<!-- c -->", "&lt;", "@anna #1 !1 deadbeef", "![a](http://x)", "\\", "- a\n- b", "1. a", "> a"),
    *("é ü 漢字 😀", "$$\nx\n$$", "---\na: b\n---", "[[_TOC_]]", ">>>\na\n>>>", "    ", "\t"),
)


def suggested(text: str, above: int = 0, below: int = 0) -> Block:
    """The block that GitLab finds in a note with a suggestion."""
    whole = markdown.format_suggestion(text, above, below)
    body = f"It fails.\n\n{whole}\n\nMore."
    assert quick_actions.commands(body) == []
    assert not OLD_ACTION.search(body)
    return block(body)


@pytest.mark.parametrize("text", SUGGESTED)
def test_a_suggestion_is_read_as_it_was_written(text: str) -> None:
    assert suggested(text) == Block(0, 0, text + "\n")


@pytest.mark.parametrize(("above", "below"), [(0, 0), (3, 0), (0, 4), (100, 100)])
def test_a_suggestion_says_how_far_it_reaches(above: int, below: int) -> None:
    assert suggested("a", above, below) == Block(above, below, "a\n")


@pytest.mark.parametrize("name", sorted(quick_actions.COMMANDS))
def test_no_quick_action_runs_in_a_suggestion(name: str) -> None:
    assert suggested(f"/{name}\n/{name} a").content == f"/{name}\n/{name} a\n"


@pytest.mark.parametrize(
    ("text", "above"),
    [("a\r", 0), ("\u202e", 0), ("\x00", 0), ("\u200b", 0), ("<!-- iquest-review:x -->", 0), ("`" * 50, 0), ("a", 101)],
)
def test_text_that_gitlab_would_change_is_not_offered_as_suggestion(text: str, above: int) -> None:
    assert markdown.format_suggestion(text, above) == ""


@given(st.text(alphabet=st.sampled_from("ab/`~ \t\n-<>&\\@#!$[]*_é"), max_size=60), st.integers(0, 100))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_text_of_a_suggestion_comes_back(text: str, above: int) -> None:
    assert suggested(text, above) == Block(above, 0, text + "\n")


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_suggestion_comes_back_unless_it_is_empty(text: str) -> None:
    if markdown.format_suggestion(text, 0):
        assert suggested(text).content == text + "\n"
