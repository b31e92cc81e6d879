"""The guard alone, judged by GitLab's rules: what it lets pass, and what becomes of the rest."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iquest_review.findings import fingerprint
from iquest_review.note import guard, markdown, memory, summary, thread
from iquest_review.note.guard import MAX_NOTE_CHARS, GuardedBody, LinkTargets
from iquest_review.note.summary import PREVIOUS_MARKER, SUMMARY_MARKER
from iquest_review.note.words import Words, select_words
from iquest_review.outcome import ReviewStatus
from iquest_review.reasons.review import OtherReason
from tests.note.test_markdown import (
    BLOCKS,
    DANGERS,
    DOORS,
    FRAGMENTS,
    GLUE,
    HTML,
    IMAGES,
    LINKS,
    MENTIONS,
    ODD,
    OLD_ACTION,
    REFERENCES,
    text_nodes,
)
from tests.support.gitlab import quick_actions
from tests.support.gitlab.test_quick_actions import DOES_NOT, EXECUTES
from tests.support.outcomes import AROUND, failed, finding, full, later, outcome

PROJECT_URL = AROUND.project_url
PAGES = LinkTargets(PROJECT_URL, AROUND.job_url, 4)
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.md"))
FINDING = finding(anchor="fedcba9876543210", anchored=1)
MARK = fingerprint.format_marker(thread.build_mark(FINDING))
MEMORY = "<!-- iquest-review:reviewed 33 head=33 settings=5e data=eJyrVkrLz1eyUkpKLFKqBQAm8gVd -->"


def checked(body: str, pages: LinkTargets = PAGES) -> GuardedBody:
    return guard.guard_body(body, pages)


def inert(body: str, pages: LinkTargets = PAGES) -> None:
    """Fails when anything in the body does more than to be read, by the rules of GitLab and of older ones."""
    assert quick_actions.commands(body) == []
    assert OLD_ACTION.search(body) is None
    assert quick_actions.strip(body) == body.rstrip(quick_actions.RUBY_SPACE + "\0")
    assert quick_actions.mentions(body) == quick_actions.references(body) == quick_actions.images(body) == []
    assert [url for url in quick_actions.links(body) if not pages.can_link_to(url)] == []
    assert set(quick_actions.live_html(body)) <= {"<details>", "</details>", "<summary>", "</summary>"}
    for pattern in (quick_actions.MENTION, quick_actions.REFERENCE):
        labels = re.sub(r"<a .*?</a>", "", quick_actions.rendered(body), flags=re.DOTALL)
        assert pattern.search(text_nodes(body) if labels == quick_actions.rendered(body) else "") is None
    html = quick_actions.rendered(body)
    assert re.search(r"<input|<[^>]*(?:data-math-style|data-wikilink)=", html) is None
    assert {name.lower() for name in re.findall(r'<pre lang="([^"]*)"', html) if not name.startswith("suggestion")} <= (
        markdown.LANGUAGES
    )
    body.encode()


def held_back(body: str, pages: LinkTargets = PAGES) -> GuardedBody:
    """What the guard makes of a body that it must not let pass."""
    made = guard.guard_body(body, pages)
    assert made.fault
    assert made.body != body
    inert(made.body, pages)
    assert guard.guard_body(made.body, pages) == GuardedBody(made.body), "what it makes itself passes"
    return made


# --- our own ---


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_our_own_notes_pass_unchanged(path: Path) -> None:
    body = path.read_text("utf-8")

    assert checked(body) == GuardedBody(body)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_notes_with_their_hidden_lines_pass_unchanged(language: str) -> None:
    made, posted = later(language)
    for body in (
        summary.compose_note(full(language), AROUND),
        summary.compose_note(made, AROUND, posted),
        failed(language),
    ):
        for note in (body, summary.append_previous_review(failed(language), body)):
            assert checked(note) == GuardedBody(note)


@pytest.mark.parametrize("text", ["_a", "`a`", "$`", "a\n: b\n\n", "@all #1 "])
def test_the_largest_notes_pass_unchanged(text: str) -> None:
    many = text * 100_000
    findings = tuple(finding(path=f"{n}{many[:3000]}", description=many, quote=many, fix=many) for n in range(20))
    for status in (ReviewStatus.RAW, ReviewStatus.PARTIAL):
        made = outcome(
            status=status,
            raw=many,
            reasons=(OtherReason(many),),
            summary=many,
            suggestions=(many,) * 50,
            findings=findings,
        )
        body = summary.compose_note(made, AROUND)
        assert checked(body) == GuardedBody(body)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_text_of_our_own_words_passes_unchanged(language: str) -> None:
    def texts_of(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            for entry in value.values():
                yield from texts_of(entry)

    texts = [text for field in fields(Words) for text in texts_of(getattr(select_words(language), field.name))]
    assert len(texts) > 40
    for text in texts:
        body = f"{SUMMARY_MARKER}\n\n{text}"
        assert checked(body) == GuardedBody(body)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=FRAGMENTS)
def test_escaped_text_passes_unchanged(text: str) -> None:
    for door in DOORS.values():
        body = f"{SUMMARY_MARKER}\n\n{door(text)}"
        assert checked(body) == GuardedBody(body)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=FRAGMENTS, path=FRAGMENTS, fix=FRAGMENTS)
def test_a_thread_of_any_finding_passes_unchanged(text: str, path: str, fix: str) -> None:
    for replacement in (None, fix):
        body = thread.compose_thread(
            finding(description=text, path=path, fix=fix, replacement=replacement), select_words("en")
        )
        assert checked(body) == GuardedBody(body)


@pytest.mark.parametrize(
    "body",
    [
        *("> /merge", "- /merge", "usr/bin", "a /b", " /close", "\\/close", "&#47;close", "`/close`", "# /close"),
        *("| a |\n| - |\n| /close |", "`@all` `#1` `!1` `![a](b)` `deadbeef`", "```py\n@all #1 http://x\n```"),
        *(
            "a & b",
            "50 % of 3",
            "5 ~ 6",
            "a@\u2060b",
            "#\u20601",
            "1. one",
            "C# and F#",
            "Wow!",
            "costs $ 5",
            "&lt;b&gt;",
        ),
        *(
            "> quoted",
            "| a |\n|---|\n| b |",
            "# Title",
            "~~x~~",
            "**a** _b_",
            "* * *",
            "\u4e2d\u6587\uff1a\u597d\u3002",
        ),
        *("```suggestion:-2+0\na\n```", "<details>\n<summary>Not reviewed: 1</summary>\n\n- x\n\n</details>"),
    ],
)
def test_harmless_text_passes_unchanged(body: str) -> None:
    assert checked(body) == GuardedBody(body)
    inert(body)


# --- the hostile inputs, each with its relatives ---

# The last four are one only where somebody takes the blank code span out.
HARMLESS = {"2A-1", "feature_deadbeef", "x" + "f" * 200, "#` `1", "!``  ``1", "dead` `beef1", "JIRA` `-1"}
ROWS: dict[str, Sequence[str]] = {
    "H01 a line of the summary": ("Fine.\n/merge", "Fine.\n\n/merge\n\nMore.", "a\n/MERGE x", *EXECUTES.values()),
    "H03 the first character": ("/close", "/close\nx", "/label ~x"),
    "H05 an echo": ("### `a`\n/label ~x\n`", "[a\n/label ~x](<https://x>)", "branch\n/assign @all"),
    "H06 a fence that closed early": ("```\na\n```\n/close\n```", " ```\n x\n ```\n/approve\n ```"),
    "H09 nothing but a command": ("/approve", "/approve\n/merge", "/shrug", "/tableflip"),
    "H11 a storm of mentions": ("@all", "@group/sub", " ".join(f"@user{n}" for n in range(200)), *MENTIONS),
    "H13 images": IMAGES,
    "H14 links": (*LINKS, "[a](//host)", "[a](data:text/html,x)", "[a](/x)", "[a](\\\\host)", "[a](#x)"),
    "H15 raw HTML": sorted(
        {*HTML} - {"&lt;b&gt;", "</details>"} | {"<details><summary>@all</summary></details>", "<a name=x>"}
    ),
    "H17 live blocks": (
        *("```mermaid\ngraph TD\n```", "~~~plantuml\na\n~~~", "```kroki\nx\n```", "```math\nx\n```", "$a$", "$`a`$"),
        *("$$\nx\n$$", "[[_TOC_]]", "[TOC]", "[toc]", "---\na: b\n---", "\n\n+++\na\n+++", ";;;\n{}\n;;;"),
        *(
            "# coding: x\n---\na\n---",
            "```json:table\n{}\n```",
            "```json table\n{}\n```",
            "- [ ] a",
            "x[^1]\n\n[^1]: y",
        ),
        *("a\n: b", "> [!note]\n> x", "%{gitlab_server}"),
    ),
    "H18 suggestions that reach far": (
        "```suggestion:-100+100\nx\n```",
        "```suggestion:-9+999\n```",
        "```suggestion x\n```",
    ),
    "H20 controls": tuple(f"a{character}b" for character in "\0\r\v\f\x1b\x85\u2028\u200b\ud800\ufeff\u202e\U000e0041"),
    "references": sorted({*REFERENCES} - HARMLESS),
    "copies of our hidden lines": (
        f"{SUMMARY_MARKER}\n\n{SUMMARY_MARKER}",
        f"{MARK}\n\n```\n{MARK}\n```",
        f"{MEMORY}\n\n{MEMORY}",
    ),
}


@pytest.mark.parametrize(
    "body", [pytest.param(body, id=f"{row}: {body[:30]!r}") for row, bodies in ROWS.items() for body in bodies]
)
@pytest.mark.parametrize(
    "before", ["", f"{SUMMARY_MARKER}\n{MEMORY}\n\n", "Text.\n\n"], ids=["alone", "in a note", "below"]
)
def test_no_hostile_text_passes(before: str, body: str) -> None:
    if before == "" or guard.guard_body(body, PAGES).fault != "front matter":  # that stands at the very top, or is none
        held_back(before + body)


@pytest.mark.parametrize("name", sorted(quick_actions.COMMANDS | {"a_new_one"}))
def test_no_command_of_any_name_passes(name: str) -> None:
    for body in (f"/{name}", f"x\n/{name.upper()} y", f"```\n/{name}\n```"):
        assert re.search(rf"^/{name}", held_back(body).body, re.MULTILINE | re.IGNORECASE) is None


PIECES = st.sampled_from(
    (
        *(*DANGERS, *GLUE, *GLUE, *ODD, *BLOCKS, *DOES_NOT.values(), SUMMARY_MARKER, MARK, MEMORY, PREVIOUS_MARKER),
        *(
            "&#47;close",
            "&#x2f;merge",
            "/close",
            "\n/close",
            "&commat;all",
            "&num;1",
            "\v/close",
            "\x85/close",
            "\u2028/merge",
        ),
        *(
            "[a]: http://x",
            "\n[a]: <http://x>\n",
            "[a]",
            "![a]",
            "| a |\n|-|\n",
            "|",
            "- [x] ",
            "---\n",
            "+++\n",
            "[^1]",
        ),
        *(
            "\n[^1]: ",
            "> [!tip]\n> ",
            "[[_TOC_]]",
            "$`",
            "`$",
            "$$",
            "```mermaid\n",
            "```json:table\n",
            "````\n",
            "~~~~\n",
        ),
        *(
            "```suggestion:-0+0\n",
            "<div>\n",
            "\n</div>\n",
            "<details>\n\n",
            "<summary>",
            "</summary>",
            "<!--",
            "-->",
            "<a ",
        ),
        *(
            "<?",
            "<![CDATA[",
            "]]>",
            "\u4e2d\u6587",
            "word",
            "1",
            "@",
            "#",
            "!",
            "~",
            "%",
            "\u2060",
            f"[x](<{PROJECT_URL}/-/blob/a>)",
        ),
    )
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(text=st.lists(PIECES, max_size=8).map("".join))
@example(text="[a](<https://gitlab.example.com/shop/app/-/blob/x>)\n[b]: y")
@example(text="deadbeefé")
def test_guarded_bodies_are_inert(text: str) -> None:
    made = checked(text)

    inert(made.body)
    assert made.fault or made.body == text
    assert guard.guard_body(made.body, PAGES) == GuardedBody(made.body)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(alphabet="/\\`~<>[]()!@#&;:=|-+*_$%^{}\n\r\v\x85\u2028\u200b \tcloseal14,", max_size=40))
def test_any_text_at_all_comes_out_inert(text: str) -> None:
    inert(checked(text).body)


# --- where links may lead ---


@pytest.mark.parametrize(
    "url",
    [
        f"{PROJECT_URL}/-/blob/{'3' * 40}/app/a%20b..c.py#L3-4",
        f"{PROJECT_URL}/-/merge_requests/4#note_12",
        *(f"{PROJECT_URL}/-/jobs/81", f"{PROJECT_URL}/-/jobs/9"),
    ],
)
def test_a_link_to_the_project_passes(url: str) -> None:
    body = markdown.format_link("here", url)

    assert checked(body) == GuardedBody(body)
    assert "a link" in held_back(body, LinkTargets()).fault


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://gitlab.example.com.evil.org/shop/app/-/blob/x",
            "https://evil.org/https://gitlab.example.com/-/jobs/1",
        ),
        *("https://gitlab.example.com@evil.org/shop/app/-/blob/x", "http://gitlab.example.com/shop/app/-/blob/x"),
        *(
            f"{PROJECT_URL}/-/issues/1",
            f"{PROJECT_URL}/-/merge_requests/5#note_1",
            f"{PROJECT_URL}/-/commit/{'3' * 40}",
        ),
        *(
            f"{PROJECT_URL}/-/merge_requests/4",
            f"{PROJECT_URL}/issues/1/-/blob/x",
            f"{PROJECT_URL}/-/issues/1/-/jobs/1",
        ),
        *(
            f"{PROJECT_URL}/-/blob/../issues/1",
            f"{PROJECT_URL}/-/blob/%2e%2E/x",
            f"{PROJECT_URL}/-/jobs/..",
            PROJECT_URL,
        ),
        *(
            "https://gitlab.example.com/other/app/-/blob/x",
            f"{PROJECT_URL}2/-/blob/x",
            "https://gitlab.example.com/anna",
        ),
    ],
)
def test_a_link_to_any_other_page_does_not_pass(url: str) -> None:
    assert "a link" in held_back(markdown.format_link("here", url)).fault


def test_links_may_lead_to_jobs_of_a_fork_but_not_to_its_files() -> None:
    pages = LinkTargets(PROJECT_URL, "https://gitlab.example.com/anna/app/-/jobs/5", 4)

    assert pages.can_link_to("https://gitlab.example.com/anna/app/-/jobs/5")
    assert not pages.can_link_to("https://gitlab.example.com/anna/app/-/blob/x")


@pytest.mark.parametrize(
    "nowhere",
    [LinkTargets(), LinkTargets("", "", 4), LinkTargets("x", "y", 4), LinkTargets("https://", "javascript:", 4)],
)
def test_without_a_project_no_link_passes(nowhere: LinkTargets) -> None:
    for url in (f"{PROJECT_URL}/-/blob/x", "/-/jobs/1", "x/-/blob/1", "https:///-/blob/x", "javascript:/-/jobs/1"):
        assert not nowhere.can_link_to(url)


# --- what becomes of a fault ---


def test_an_unsafe_body_is_shown_as_code() -> None:
    made = held_back(f"{SUMMARY_MARKER}\n\n## Review\n\nSee ![a](http://x) and ```` `.\n/close\n")

    assert made.fault == 'an image (src="http://x" alt="a" /)' or "quick action" in made.fault
    shown = quick_actions.rendered(made.body)
    assert "<pre><code>## Review\n\nSee ![a](http://x) and ```` `.\n/close\n</code></pre>" in shown
    assert "shows this text as code" in shown


@pytest.mark.parametrize("last", ["@all", f"\n{PREVIOUS_MARKER}\n\n{MEMORY}\n\n@all"])
def test_the_hidden_lines_stay_where_later_runs_look_for_them(last: str) -> None:
    body = held_back(f"{SUMMARY_MARKER}\n{last}").body

    assert body.startswith(SUMMARY_MARKER)
    assert (PREVIOUS_MARKER in body) == (PREVIOUS_MARKER in last)
    assert (memory._MARKER.search(body) is not None) == (MEMORY in last)
    assert fingerprint.parse_marker(held_back(f"{MARK}\n\n@all").body) == thread.build_mark(FINDING)


def test_a_second_hidden_line_of_a_kind_becomes_text() -> None:
    body = held_back(f"{MARK}\n\n```\n{MARK}\n```").body

    assert body.count("<!-- iquest-review:") == 1


def test_a_body_too_long_for_gitlab_is_cut() -> None:
    for text in ("x" * 5_000_000, "\u202e" * 1_500_000, "/close\n" * 200_000, "`" * 2_000_000, "a\n" * MAX_NOTE_CHARS):
        made = checked(f"{SUMMARY_MARKER}\n\n{text}")
        assert made.fault == "it is too long for a note"
        assert len(made.body) < MAX_NOTE_CHARS
        assert "the text was cut here" in made.body


def test_the_fault_quotes_the_text_on_one_visible_line() -> None:
    assert checked("a\n@all\n\nb").fault == "a mention (a @all b)"
    assert checked("![a](http://x\u2060/y)").fault.startswith("an image (src=")


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "a@b.co ",
            "a\n: b\n\n",
            "*a **b",
            "$`a ",
            "*a* ",
            "[",
            "![",
            "> ",
            "<b>",
            "<!--",
            "[[a|b",
            "\n/",
            "\\@a ",
            "&#64;a ",
        ),
        *(
            "[issue:",
            "~a:",
            '%"',
            "%-",
            "~.",
            "<a\n",
            "<details>\n",
            f"{SUMMARY_MARKER}\n",
            "`a",
            "``` ",
            "- a\n",
            "|a",
            "[a]: /x\n",
            "0",
        ),
    ],
)
def test_a_quarter_of_a_megabyte_of_anything_is_judged_in_linear_time(unit: str) -> None:
    assert _seconds(unit, MAX_NOTE_CHARS // 4) < 1  # 0.3 s on a quiet machine


@pytest.mark.parametrize("unit", ["> ", "- a\n", "a\n: b\n\n", "*a **b", "$`a "])
def test_a_whole_megabyte_is_judged_in_a_second_or_so(unit: str) -> None:
    assert _seconds(unit, MAX_NOTE_CHARS) < 5  # 1.1 s on a quiet machine; what is quadratic takes minutes


def _seconds(unit: str, length: int) -> float:
    body = unit * (length // len(unit))
    started = time.process_time()
    checked(body)
    return time.process_time() - started


def test_only_what_sends_loads_the_parser() -> None:
    program = "import sys, iquest_review.app.wiring; sys.exit(any(n in sys.modules for n in ('comrak', GUARD)))"
    program = program.replace("GUARD", "'iquest_review.note.guard'")

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
