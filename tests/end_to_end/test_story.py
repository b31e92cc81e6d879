"""The life of one merge request in eight pushes: what was said stays where it belongs, and nothing is said twice.

The golden file is the state a person meets at the end; UPDATE_GOLDEN=1 writes it anew.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gitlab.story import text
from tests.support.life import Life, life
from tests.support.pipeline import BOT, IID, PROJECT, Run, Thread, summaries

GOLDEN = Path(__file__).parent / "golden" / "story.md"

ZERO, CLOSED, LIST = "An empty cart divides by zero.", "The connection stays open.", "A list says this in one row."
TESTS, GUIDE = "Nothing tests this module.", "The guide still tells the old way."
LIMIT, SENT, LOOP = "The limit may be missing here.", "A second call sends the mail twice.", "This loop never ends."


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Life]:
    with life(tmp_path / "origin", Run(tmp_path / "work")) as made:
        yield made


def test_a_merge_request_lives_through_eight_pushes(story: Life) -> None:
    first_review(story)
    lines_shift(story)
    a_file_is_renamed(story)
    the_target_moves_on(story)
    a_commit_is_dropped(story)
    people_disagree(story)
    one_is_fixed_and_one_is_settled_by_hand(story)
    something_new_is_found(story)

    final = told(story)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(final, encoding="utf-8")
    assert final == GOLDEN.read_text(encoding="utf-8")


def code(*edits: str) -> str:
    return text(*edits, count=40)


def first_review(story: Life) -> None:
    reader = story.reader
    reader.wrong("total / count", f"{ZERO} Every cart starts empty.", severity="high")
    reader.wrong("connection.close()", CLOSED)
    rows = "found = []\nfor row in rows:\n    found += [row]"
    reader.wrong("found = []", LIST, quote=rows, suggestion="found = list(rows)", severity="low", type="simplification")
    reader.wrong("rows = query(limit)", LIMIT)
    reader.wrong("send(to, body)", SENT)
    no_line = {"line": None, "quote": "", "type": "convention", "severity": "low", "suggestion": None}
    reader.more = [
        {"file": "shop/mail.py", "description": TESTS, **no_line},
        {"file": "docs/guide.md", "description": GUIDE, **no_line},
    ]
    kept = {"shop/cart.py": code(), "shop/store.py": code("12=connection.close()"), "shop/mail.py": code()}
    story.opens(
        {**kept, "shop/search.py": code()},
        {
            "shop/cart.py": code("20=total / count"),
            "shop/store.py": code("12-", "30=rows = query(limit)"),
            "shop/mail.py": code("20=send(to, body)"),
        },
    )
    search = "20=found = []", "21=for row in rows:", "22=    found += [row]"
    story.pushes({"shop/search.py": code(*search)})

    story.review()

    assert places(story) == {
        ZERO: ("shop/cart.py", 20, "new"),
        CLOSED: ("shop/store.py", 12, "old"),
        LIST: ("shop/search.py", 22, "new"),
        LIMIT: ("shop/store.py", 29, "new"),
        SENT: ("shop/mail.py", 20, "new"),
        TESTS: ("shop/mail.py", None, "file"),
    }
    [offered] = story.thread(LIST).suggestions
    assert (offered["from_line"], offered["to_line"], offered["to_content"]) == (20, 22, "found = list(rows)\n")
    assert GUIDE in story.note
    reader.more = []


def lines_shift(story: Life) -> None:
    story.pushes(
        {
            "shop/cart.py": code("0+import shop", "20=total / count"),
            "shop/store.py": code("0+import shop", "12-", "30=rows = query(limit)"),
            "shop/search.py": code("0+import shop", "20=found = []", "21=for row in rows:", "22=    found += [row]"),
        }
    )

    review(story)

    assert places(story) == {
        ZERO: ("shop/cart.py", 21, "new"),
        CLOSED: ("shop/store.py", 12, "old"),
        LIST: ("shop/search.py", 23, "new"),
        LIMIT: ("shop/store.py", 30, "new"),
        SENT: ("shop/mail.py", 20, "new"),
        TESTS: ("shop/mail.py", None, "file"),
    }
    assert story.prompt.count("+1| import shop") == 3
    assert "total / count" not in story.prompt, "what was reviewed is not shown again"
    assert only_the_note_was_written(story)


def a_file_is_renamed(story: Life) -> None:
    story.pushes(
        {"shop/cart.py": None, "shop/basket.py": code("0+import shop", "20=total / count", "35=line thirty-five")}
    )

    review(story)

    assert "=== file: shop/basket.py\n=== status: renamed from shop/cart.py\n" in story.prompt
    assert "+36| line thirty-five" in story.prompt
    assert "total / count" in story.prompt  # under another name it may mean something else
    assert only_the_note_was_written(story)


def the_target_moves_on(story: Life) -> None:
    git = story.checkout.git
    git("checkout", "--quiet", "main")
    base = story.checkout.commit({"shop/mail.py": code("0+import smtp"), "docs/news.md": "News.\n"})
    git("rebase", "--quiet", "--onto", "main", story.refs.base, "feature")
    story.moves(base, git("rev-parse", "HEAD"))
    asked = len(story.model.completions)

    review(story)

    assert len(story.model.completions) == asked, "the hunks are the same"
    assert places(story)[SENT] == ("shop/mail.py", 21, "new")
    assert only_the_note_was_written(story)


def a_commit_is_dropped(story: Life) -> None:
    git = story.checkout.git
    first, search = git("rev-list", "--reverse", f"{story.refs.base}..HEAD").split()[:2]
    git("rebase", "--quiet", "--onto", first, search, "feature")
    story.moves(story.refs.base, git("rev-parse", "HEAD"))

    review(story)

    assert resolved(story) == {LIST: BOT}
    assert "1 finding resolved because its lines are gone" in story.note


def people_disagree(story: Life) -> None:
    story.says("Not so: a cart without items is never shown.", below=ZERO)
    story.says("ignore: the pool closes it", below=CLOSED, author="colleague")
    story.pushes(
        {
            "shop/basket.py": code("0+import shop", "20=total / count", "22=beside it", "35=line thirty-five"),
            "shop/store.py": code("0+import shop", "12-", "14=beside it", "30=rows = query(limit)"),
        }
    )

    review(story)

    assert "+21| total / count" in story.prompt
    assert "-12| connection.close()" in story.prompt
    assert resolved(story) == {LIST: BOT}
    assert "1 finding not raised because it was waived" in story.note
    waived, _ = story.written
    assert waived == f"PUT /api/v4/projects/{PROJECT}/merge_requests/{IID}/discussions/{story.thread(CLOSED).id}"
    assert "1 finding is settled, but its thread has replies" in story.note


def one_is_fixed_and_one_is_settled_by_hand(story: Life) -> None:
    story.gitlab.resolve(PROJECT, IID, story.thread(SENT).id, author="colleague")
    del story.reader.finds["rows = query(limit)"]
    story.reader.fixed[LIMIT] = "limit = limit or 100"
    store = "0+import shop", "12-", "14=beside it", "29+limit = limit or 100", "30=rows = query(limit)"
    story.pushes(
        {"shop/store.py": code(*store), "shop/mail.py": code("0+import smtp", "20=send(to, body)", "22=beside it")}
    )

    review(story)

    assert "+21| send(to, body)" in story.prompt, "the model is shown it and raises it again"
    assert resolved(story) == {LIST: BOT, LIMIT: BOT, SENT: "colleague"}
    assert "1 finding resolved as fixed" in story.note


def something_new_is_found(story: Life) -> None:
    story.reader.wrong("while True: wait()", LOOP, severity="high")
    mail = "0+import smtp", "20=send(to, body)", "22=beside it", "36=while True: wait()"
    story.pushes({"shop/mail.py": code(*mail)})

    before = {thread.id for thread in story.threads}
    story.review()

    [new] = [thread for thread in story.threads if thread.id not in before]
    assert (new.path, new.line, LOOP in new.body) == ("shop/mail.py", 37, True)
    asked = len(story.model.completions)
    story.review()
    assert len(story.model.completions) == asked
    assert story.written == []


def review(story: Life) -> None:
    """One that is to raise nothing new."""
    before = [thread.id for thread in story.threads]
    story.review()
    assert [thread.id for thread in story.threads] == before


def places(story: Life) -> dict[str, tuple[str, int | None, str]]:
    """Where each thread stands, by what it says."""
    return {said(thread): (thread.path, thread.line, thread.side) for thread in story.threads}


def resolved(story: Life) -> dict[str, str]:
    """By whom, of those that are."""
    return {said(thread): thread.resolved_by for thread in story.threads if thread.resolved_by}


def only_the_note_was_written(story: Life) -> bool:
    [note] = summaries(story.gitlab)
    return story.written == [f"PUT /api/v4/projects/{PROJECT}/merge_requests/{IID}/notes/{note['id']}"]


def said(thread: Thread) -> str:
    """The first sentence."""
    return thread.body.split("\n\n")[2].partition(".")[0] + "."


def told(story: Life) -> str:
    """The state as a text, without what differs from run to run."""
    rows = []
    for number, thread in enumerate(story.threads, 1):
        place = {"new": f"line {thread.line}", "old": f"removed line {thread.line}", "file": "the file"}[thread.side]
        behind = "" if thread.position["head_sha"] == story.refs.head else ", outdated"
        state = f"resolved by {thread.resolved_by}" if thread.resolved_by else "open"
        rows.append(f"{number}. {thread.path}, {place}{behind}: {state}\n   {said(thread)}\n")
        rows += [f"   - {reply}\n" for reply in thread.replies]
    note = story.note
    for number, thread in enumerate(story.threads, 1):
        note = note.replace(f"#note_{thread.note}>", f"#thread {number}>")
    note = re.sub(r"(?<=iquest-review:reviewed ).*(?= -->)", "…", note)
    note = re.sub(r"[\d,]+ \+ [\d,]+ tokens · ([\d.]+ s · )?", "… tokens · … s · ", note)
    note = re.sub(r"prompt `\w+`", "prompt `…`", note)
    note = note.replace(story.refs.head[:12], "the last push")
    return "".join([*rows, "\n", note])
