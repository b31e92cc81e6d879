"""The oracle against what GitLab is known to do, row by row."""

import pytest

from tests.support.gitlab import quick_actions
from tests.support.gitlab.quick_actions import strip as stored

EXECUTES = {
    "alone": "/close",
    "in the middle of a paragraph": "text\n/close\nmore",
    "after a list and a blank line": "- item\n\n/close",
    "in capitals": "/CLOSE",
    "with trailing spaces": "/close   ",
    "with CRLF": "text\r\n/close\r\nmore",
    "after a br": "text<br>\n/close",
    "after a backslash break": "text\\\n/close",
    "right after a one-line comment": "<!-- marker -->\n/close",
    "in details with blank lines": "<details>\n\n/close\n\n</details>",
    "in a div with blank lines": "<div>\n\n/close\n\n</div>",
    "in a math block": "$$\n/close\n$$",
    "after a fence that closed early": "```\nwrapped\n```\n/close\n```\n",
    "after pseudo front matter": "---\na: b\n---\n/close",
    "with a tab before the line end": "/close\t\nmore",
}
DOES_NOT = {
    "one leading space": " /close",
    "three leading spaces": "   /close",
    "a leading tab": "text\n\t/close",
    "a no-break space": "\u00a0/close",
    "a zero-width space": "\u200b/close",
    "a word joiner": "\u2060/close",
    "a backslash": "\\/close",
    "an entity": "&#47;close",
    "backticks": "`/close`",
    "backticks around lines": "x `a\n/close\nb` y",
    "a backtick fence": "```\n/close\n```",
    "a tilde fence": "~~~\n/close\n~~~",
    "indented code": "    /close",
    "a suggestion": "```suggestion:-0+0\n/close\n```",
    "a quote": "> /close",
    "a lazy quote": "> text\n/close",
    "a multiline quote": ">>>\n/close\n>>>",
    "an alert": "> [!note]\n> /close",
    "a list item": "- /close",
    "a lazy list item": "- item\n/close",
    "a table cell": "| a |\n| - |\n| /close |",
    "a table row without pipes": "| a |\n| - |\n/close",
    "a heading": "# /close",
    "a setext heading": "/close\n===",
    "a footnote": "x[^1]\n\n[^1]: note\n/close",
    "a description list": "Term\n\n: /close",
    "link text": "[a\n/close](b)".replace("a\n", ""),
    "a full stop": "/close.",
    "a colon": "/label: x",
    "another word": "/closed",
    "a path": "/merge/foo",
    "a tab before the argument": "/label\tx",
    "details without blank lines": "<details>\n/close\n</details>",
    "pre without blank lines": "<pre>\n/close\n</pre>",
    "inline tags on lines of their own": "text\n<b>\n/close\n</b>",
    "a lone CR": "text\r/close",
    "a line separator": "text\u2028/close",
    "a vertical tab": "text\v/close",
    "a form feed": "text\f/close",
    "a next line": "text\u0085/close",
    "an unknown name": "/usr",
    "nothing": "",
}

KNOWN = """
    approve unapprove submit_review request_changes merge rebase close reopen draft ready target_branch title assign
    unassign reassign assign_reviewer reviewer request_review unassign_reviewer remove_reviewer reassign_reviewer
    label labels unlabel remove_label relabel milestone remove_milestone copy_metadata estimate spend spent
    spend_time remove_estimate remove_time_spent lock unlock todo done subscribe unsubscribe react award
    duo_code_review confidential weight
"""


@pytest.mark.parametrize("body", EXECUTES.values(), ids=EXECUTES.keys())
def test_a_command_at_the_start_of_a_line_of_a_top_level_paragraph_runs(body: str) -> None:
    assert quick_actions.commands(body) == ["close"]
    assert "/close" not in stored(body).lower()


@pytest.mark.parametrize("body", DOES_NOT.values(), ids=DOES_NOT.keys())
def test_everything_else_stays_text(body: str) -> None:
    assert quick_actions.commands(body) == []
    assert stored(body) == body.replace("\r", "").rstrip()


@pytest.mark.parametrize(
    "name",
    KNOWN.split(),
)
def test_the_commands_of_merge_requests_and_issues_are_known(name: str) -> None:
    assert quick_actions.commands(f"/{name}") == [name]


def test_a_command_keeps_its_argument() -> None:
    assert quick_actions.commands('a\n/label ~bug ~"two words" \n/Target_Branch main') == [
        'label ~bug ~"two words"',
        "target_branch main",
    ]


def test_code_and_tags_are_skipped_next_to_a_command_too() -> None:
    assert quick_actions.commands("`a\n/close\nb`\n/label x") == ["label x"]
    assert quick_actions.commands("/label x\n<b>\n/close\n</b>") == ["label x"]


def test_command_lines_leave_the_body_and_the_rest_stays() -> None:
    assert stored("first\n\n/close\n\nsecond\n/label ~x\nthird\n\n") == "first\n\nsecond\nthird"


def test_a_body_of_commands_becomes_empty() -> None:
    assert stored("/close\n/label ~x\n") == ""


def test_a_substitution_is_replaced_in_place() -> None:
    assert stored("so\n/shrug well\nend") == "so\nwell ¯\\＿(ツ)＿/¯\nend"
    assert quick_actions.commands("/tableflip") == ["tableflip"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("hello @name and @group/sub.", ["@name", "@group/sub"]),
        ("(@all)", ["@all"]),
        ("mail a@b.co", []),
        ("`@name`", []),
        ("```\n@property\n```", []),
        ("\\@name", []),
        ("a\\_@name", []),
        ("&#64;name", ["@name"]),
        ("@\u200bname", []),
        ("**@name**", ["@name"]),
        ("<b>@name</b>", ["@name"]),
        ("> | @name", ["@name"]),
        ("<details>\n@name\n</details>", ["@name"]),
        ("# @name", ["@name"]),
    ],
)
def test_mentions_are_found_where_a_reader_would_be_notified(body: str, expected: list[str]) -> None:
    assert quick_actions.mentions(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("see #1, group/project!2 and GL-3", ["#1", "!2", "GL-3"]),
        ('~bug ~"two words" ~group::scoped', ["~bug", '~"two words"', "~group::scoped"]),
        ('%1 %v1.2 %"next one"', ["%1", "%v1.2", '%"next one"']),
        ("costs $1", ["$1"]),
        ("&1 and ^alert#4", ["&1", "^alert#4"]),
        ("broken by deadbeef, not deadbee_f", ["deadbeef"]),
        ("[issue:1]", ["[issue:1]"]),
        ("\\#1 \\!2 \\~bug \\%1 \\$1 \\&1", []),
        ("`#1` `deadbeef`", []),
        ("50 % of a # b ~ c & d", []),
    ],
)
def test_references_are_found_outside_code_only(body: str, expected: list[str]) -> None:
    assert quick_actions.references(body) == expected


def test_images_are_what_a_browser_fetches() -> None:
    assert quick_actions.images("![a](http://x/i.png) <img src='http://y'> `![b](http://z)`") == [
        "http://x/i.png",
        "http://y",
    ]


def test_links_are_marked_automatic_and_raw() -> None:
    body = "[a](b) http://c <http://d> www.e.org f@g.org [[h]] <a href='i'>x</a> [j]\n\n`http://k`\n\n# heading\n\n[j]: http://l"
    assert quick_actions.links(body) == [
        *("b", "http://c", "http://d", "http://www.e.org", "mailto:f@g.org", "h", "i", "http://l"),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a <b>c</b>", ["<b>", "</b>"]),
        ("<details>\n\ntext\n\n</details>", ["<details>", "</details>"]),
        ("<!-- marker <b> -->\n\ntext", []),
        ("`<b>` \\<i> &lt;u&gt;", []),
        ("```\n<b>\n```", []),
        ("a < b > c", []),
        ("[x](javascript:y) <b>", ["<b>"]),
        ("<img src=x onerror=y>", ["<img src=x onerror=y>"]),
    ],
)
def test_live_html_lists_raw_tags_only(body: str, expected: list[str]) -> None:
    assert quick_actions.live_html(body) == expected


def test_the_rendered_page_is_what_markdown_says() -> None:
    assert quick_actions.rendered("*a* <b>") == "<p><em>a</em> <b></p>\n"
