"""`preview`: what a model would be shown, for people and for programs."""

import json
from typing import Any

from iquest_review.diff.diff import FileDiff
from iquest_review.excerpt.excerpt import Excerpt, Limits
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.merge_request import Intent
from iquest_review.prompt.fitting import Material, Prompt, fill_prompt
from iquest_review.reports import preview
from tests.support.prompts import NONCE, added, deleted, hunk, lines, modified, templates

NASTY = "a\x1b]0;owned\x07\n\u202e\x9b2J\U000e0041.py"
LOCK = Omission("go.sum", Reason.LOCK, 1)


def prompt(*files: FileDiff, screened: tuple[Omission, ...] = (), max_lines: int = 2_000) -> Prompt:
    material = Material(files, screened, Intent("A title", "A description"), templates(), NONCE)
    return fill_prompt(material, Limits(max_lines, 32_000), lambda _: None)


def several(made: Prompt | None) -> list[Prompt]:
    return [made] if made else []


def read(made: Prompt | None, excerpt: Excerpt | None = None) -> dict[str, Any]:
    value = json.loads(
        preview.render_preview_json(several(made), excerpt or (made.excerpt if made else Excerpt((), ())))
    )
    assert isinstance(value, dict)
    return value


def test_the_json_form_holds_requests_coverage_and_omissions() -> None:
    made = prompt(
        modified("a.py", hunk(" a", "+b", old=7, new=8)), added("b.py", *lines(20)), screened=(LOCK,), max_lines=5
    )

    assert read(made) == {
        "requests": [{"messages": made.messages, "lines": 2, "tokens": made.tokens}],
        "coverage": [{"path": "a.py", "shown": [[8, 9]], "changed_lines": 1, "shown_changed_lines": 1}],
        "omissions": [
            {"path": "go.sum", "reason": "lock file", "changed_lines": 1},
            {"path": "b.py", "reason": "over the line budget", "changed_lines": 20},
        ],
        "hunks": [
            {"path": "a.py", "line": 8, "changed_lines": 1, "shown_changed_lines": 1, "reasons": ["code", "new logic"]},
            {
                "path": "b.py",
                "line": 1,
                "changed_lines": 20,
                "shown_changed_lines": 0,
                "reasons": ["code", "new logic"],
            },
        ],
    }


def test_where_nothing_is_shown_there_is_no_request() -> None:
    assert read(None, Excerpt((), (LOCK,))) == {
        "requests": [],
        "coverage": [],
        "omissions": [{"path": "go.sum", "reason": "lock file", "changed_lines": 1}],
        "hunks": [],
    }


def test_the_text_form_shows_messages_then_coverage() -> None:
    made = prompt(modified("a.py", hunk("+b")), deleted("b.py", *lines(20)), screened=(LOCK,), max_lines=5)
    text = preview.render_preview_text([made], made.excerpt)
    system, user = (message["content"] for message in made.messages)

    assert text == (
        f"──── system ────\n{system}\n\n──── user ────\n{user}\n\n"
        f"──── shown: 1 file, 1 line, about {made.tokens:,} tokens ────\n"
        "a.py: 1 of 1 changed lines\n"
        "──── left out, completely or in part: 2 files ────\n"
        "go.sum: lock file, 1 changed line\n"
        "b.py: over the line budget, 20 changed lines\n"
        "──── ranking: 2 hunks ────\n"
        "a.py:1: 1 of 1 shown: code, new logic\n"
        "b.py:1: 0 of 20 shown: code, deleted file\n"
    )


def test_several_requests_are_shown_one_after_the_other() -> None:
    first, second = prompt(modified("a.py", hunk("+b"))), prompt(added("b.py", *lines(20)))
    both = Excerpt((*first.excerpt.parts, *second.excerpt.parts), ())

    text, value = (
        preview.render_preview_text((first, second), both),
        json.loads(preview.render_preview_json((first, second), both)),
    )

    assert text.index("──── user of request 1 ────") < text.index("──── user of request 2 ────")
    assert f"──── shown: 2 files, 21 lines, about {first.tokens + second.tokens:,} tokens ────" in text
    assert [(request["lines"], request["tokens"]) for request in value["requests"]] == [
        (1, first.tokens),
        (20, second.tokens),
    ]


def test_a_cut_hunk_says_how_much_is_shown() -> None:
    made = prompt(modified("a.py", hunk(*(f"+{line}" for line in lines(500))), hunk("+b", new=900)), max_lines=300)
    shown = [(row["line"], row["shown_changed_lines"], row["changed_lines"]) for row in read(made)["hunks"]]

    assert shown == [(1, 300, 500), (900, 0, 1)]


def test_hunks_beyond_the_limit_are_counted() -> None:
    made = prompt(modified("a.py", *(hunk("+b", new=10 * at) for at in range(preview.MAX_LISTED_HUNKS + 7))))

    assert preview.render_preview_text([made], made.excerpt).endswith("1 of 1 shown: code, new logic\nand 7 more\n")
    assert len(read(made)["hunks"]) == preview.MAX_LISTED_HUNKS


def test_the_text_form_of_nothing_still_says_what_is_left_out() -> None:
    assert preview.render_preview_text([], Excerpt((), (LOCK,))) == (
        "──── shown: 0 files, 0 lines ────\n"
        "──── left out, completely or in part: 1 file ────\n"
        "go.sum: lock file, 1 changed line\n"
    )


def test_no_name_and_no_line_can_steer_a_terminal() -> None:
    made = prompt(added(NASTY, "x = '\x1b[2J\u202e'"), screened=(Omission(NASTY, Reason.BINARY, 0),))

    for text in (preview.render_preview_text([made], made.excerpt), preview.render_preview_json([made], made.excerpt)):
        assert all(character.isprintable() or character == "\n" for character in text)
    assert r"a\x1b]0;owned\x07\n\u202e\x9b2J\U000e0041.py: binary file" in preview.render_preview_text(
        [made], made.excerpt
    )


def test_the_json_form_keeps_the_true_names() -> None:
    value = read(prompt(added(NASTY, "x"), screened=(Omission("变更.lock", Reason.LOCK, 0),)))

    assert value["coverage"][0]["path"] == NASTY
    assert value["omissions"][0]["path"] == "变更.lock"


def test_text_in_any_script_stays_readable_in_json() -> None:
    made = prompt(added("a.py", "说明 = 变更"))

    assert "+1| 说明 = 变更" in preview.render_preview_json([made], made.excerpt)


def test_moved_lines_are_marked_as_moved() -> None:
    block = [f"total_{number} = sum(items[{number}])" for number in range(6)]
    old, new = (
        modified("a.py", hunk(" x", *(f"-{row}" for row in block))),
        modified("b.py", hunk(*(f"+{row}" for row in block))),
    )

    rows = {row["path"]: row["reasons"] for row in read(prompt(old, new))["hunks"]}

    assert "moved" in rows["b.py"]
