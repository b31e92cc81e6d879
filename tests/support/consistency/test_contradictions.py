"""The judge is judged: a run without a contradiction is told nothing, and each planted one is seen by its own rule."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.consistency.contradictions import RULES, find_contradictions
from tests.support.consistency.mediocre import Problem
from tests.support.consistency.note_reading import read_note
from tests.support.consistency.snapshot import ShownThread, Snapshot, Waiver
from tests.support.consistency.truth import Expected, find_departures, find_missing_places
from tests.support.pipeline import Thread

HEAD, BEFORE = "a" * 40, "b" * 40
HINT = "Reply `ignore: reason` if this is wrong."
NOTE = """<!-- iquest-review:summary -->
<!-- iquest-review:reviewed 1234 -->

## Review: 🟠 1 medium · 🔵 1 low

It adds a file.

Summary of the review of `bbbbbbbbbbbb`:

It began.

### Open threads

- 🟠 **medium** · bug · [`shop/a.py` line 2](<https://a.example/-/merge_requests/4#note_11>): It divides by zero.

### `shop/a.py`

- 🔵 **low** · convention · [line 1](<https://gitlab.example.com/-/blob/a/shop/a.py#L1>)

  The name is short.

### Without a line in the change

- 🔴 **high** · bug · `shop/b.py`: this file is not part of the reviewed change

  A card is logged.

This run: 1 finding not raised because waived · 1 finding is settled, but its thread has replies: please resolve it

---

Reviewed by a model · head `aaaaaaaaaaaa`
"""
FAILED = f"""## Review: ⚠️ unchecked

<details>
<summary>The answer</summary>

no no no no

</details>

---

**The last completed review, of `bbbbbbbbbbbb`:**

<!-- iquest-review:previous -->

{NOTE}"""
SOURCE = "def a(b):\n    return 1 / b\n"


def build_thread(note: int, text: str, severity: str = "medium", **changed: Any) -> Thread:
    symbol = {"high": "🔴", "medium": "🟠", "low": "🔵"}[severity]
    marker = f"<!-- iquest-review:finding {note:016x} anchor={note:016x}:1:new {severity} bug -->"
    values: dict[str, Any] = {
        "id": f"id-{note}",
        "note": note,
        "path": "shop/a.py",
        "line": 2,
        "side": "new",
        "body": f"{marker}\n\n{symbol} **{severity}** · bug\n\n{text}\n\n{HINT}\n",
        "resolved_by": None,
        "replies": (),
        "suggestions": (),
        "position": {},
    }
    return Thread(**(values | changed))


ZERO = ShownThread(build_thread(11, "It divides by zero."), None)
WAIVED = ShownThread(build_thread(12, "It is slow.", replies=("ignore: it is not",)), Waiver("author", "reply"))
OLD = ShownThread(build_thread(13, "It was wrong.", resolved_by="reviewer"), None)
UNPLACED = {"path": "shop/b.py", "severity": "high", "title": "A card", "description": "A card is logged."}
REVIEW: dict[str, Any] = {
    "status": "reviewed",
    "findings": [
        {"path": "shop/a.py", "severity": "low", "line": 1, "title": "The name", "description": "The name is short."},
        UNPLACED | {"placement": "summary", "placement_reason": "this file is not part of the reviewed change"},
    ],
    "still_open": [{"thread": "id-11", "severity": "medium", "path": "shop/a.py", "line": 2}],
    "held_back": [{"path": "shop/a.py", "line": 2, "title": "It is slow.", "severity": "medium", "why": "waived"}],
}
BASE = Snapshot(
    code=0,
    log="   0.1 s  3 findings\n   0.2 s  1 finding held back\n   0.3 s  2 findings are open; the note is written\n",
    body=NOTE,
    threads=(ZERO, WAIVED, OLD),
    review=REVIEW,
    fail_on="high",
    most_open=2,
    head=HEAD,
    earlier_heads=(BEFORE,),
    earlier_summaries={BEFORE: "It began."},
    files={"shop/a.py": SOURCE},
)
BROKEN = replace(BASE, code=3, body=FAILED, review=REVIEW | {"status": "raw"}, raw="no no no no")


def edit_note(old: str, new: str) -> Callable[[Snapshot], Snapshot]:
    assert old in NOTE
    return lambda base: replace(base, body=base.body.replace(old, new))


def edit_log(old: str, new: str) -> Callable[[Snapshot], Snapshot]:
    assert old in BASE.log
    return lambda base: replace(base, log=base.log.replace(old, new))


def edit_review(**changed: Any) -> Callable[[Snapshot], Snapshot]:
    return lambda base: replace(base, review={**base.review, **changed})


def add_thread(*more: ShownThread) -> Callable[[Snapshot], Snapshot]:
    return lambda base: replace(base, threads=(*base.threads, *more))


def offer(code: str) -> Callable[[Snapshot], Snapshot]:
    suggestion = {"from_line": 2, "to_line": 2, "to_content": f"{code}\n"}
    offered = ShownThread(build_thread(11, "It divides by zero.", suggestions=(suggestion,)), None)
    return lambda base: replace(base, threads=(offered, *base.threads[1:]))


OVER = "### 1 finding over IQUEST_MAX_FINDINGS ({})"
SAME = ShownThread(build_thread(14, "It divides by zero.", line=9), None)
MARKED = replace(ZERO.thread, body=ZERO.thread.body.replace("1:new medium", "1:new low"))
OPEN_WAIVED = ShownThread(build_thread(15, "It is odd."), Waiver("author", "thumbs-down"))
PLANTED: dict[str, tuple[str, Callable[[Snapshot], Snapshot]]] = {
    "the headline has one more": ("headline", edit_note("🟠 1 medium", "🟠 2 medium")),
    "the headline has another severity": ("headline", edit_note("🟠 1 medium", "🔴 1 high")),
    "an unplaceable one is counted": ("headline", edit_note("🟠 1 medium", "🔴 1 high · 🟠 1 medium")),
    "a row's thread is resolved": ("threads", edit_note("#note_11", "#note_13")),
    "a thread is nowhere": ("threads", add_thread(SAME)),
    "too many are to be resolved": ("threads", edit_note("1 finding is settled", "2 findings are settled")),
    "a row has another severity": ("severities", edit_note("- 🟠 **medium**", "- 🔵 **low**")),
    "a marker has another severity": ("severities", lambda base: replace(base, threads=(ShownThread(MARKED, None),))),
    "review.json has another severity": (
        "severities",
        edit_review(still_open=[{**REVIEW["still_open"][0], "severity": "high"}]),
    ),
    "a row has another text": ("titles", edit_note(": It divides by zero.", ": It is slow.")),
    "review.json has one less": ("review.json", edit_review(still_open=[])),
    "review.json has one more": ("review.json", edit_review(kept=[REVIEW["findings"][0]])),
    "the gate fails for nothing": ("gate", lambda base: replace(base, code=1)),
    "the gate passes what it should not": ("gate", lambda base: replace(base, fail_on="medium")),
    "the log tells another exit code": ("gate", edit_log("3 findings\n", "exit code 1: an open finding\n")),
    "the log counts more open": ("log", edit_log("2 findings are open", "3 findings are open")),
    "the log counts none held back": ("log", edit_log("1 finding held back", "0 things")),
    "no list of those held back": ("held back", edit_review(held_back=1)),
    "one held back without why": (
        "held back",
        edit_review(held_back=[{"path": "a", "line": 1, "title": "It", "severity": "low"}]),
    ),
    "fewer named than counted": ("held back", edit_review(held_back=[])),
    "a waived one is listed": ("waived threads", edit_note("#note_11", "#note_12")),
    "a waived one is left open": ("waived threads", add_thread(OPEN_WAIVED)),
    "no hint": (
        "hint",
        add_thread(ShownThread(build_thread(16, "Else.", resolved_by="reviewer", body="Else."), None)),
    ),
    "too many threads": ("cap", lambda base: replace(base, most_open=0)),
    "one over the cap in full": ("folds", edit_note(": this file", " (over IQUEST_MAX_FINDINGS)")),
    "the worst over the cap is not named": ("folds", edit_note("### `shop/a.py`", OVER.format("🔴 1 high"))),
    "more are named than are over the cap": ("folds", edit_note("### `shop/a.py`", OVER.format("🟠 1 medium"))),
    "the same twice": ("repeats", add_thread(SAME)),
    "an unclosed bracket": ("one-click fixes", offer("    return max(b, 1")),
    "prose": ("one-click fixes", offer("Use a guard instead.")),
    "a summary without its commit": ("dates", edit_note("`bbbbbbbbbbbb`", "an earlier push")),
}


def test_a_run_without_contradictions_is_told_nothing() -> None:
    assert find_contradictions(BASE) == []


def test_a_failed_run_without_contradictions_is_told_nothing() -> None:
    assert find_contradictions(BROKEN) == []


@pytest.mark.parametrize(("rule", "plant"), PLANTED.values(), ids=PLANTED)
def test_a_planted_contradiction_is_seen(rule: str, plant: Callable[[Snapshot], Snapshot]) -> None:
    found = find_contradictions(plant(BASE))

    assert [text for text in found if text.startswith(f"{rule}: ")]


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        ("raw answer", FAILED.replace("<details>", "").replace("</details>", "")),
        ("raw answer", FAILED.replace("no no no no", "no no no no\n" * 600)),
        ("dates", FAILED.replace(", of `bbbbbbbbbbbb`:", ":", 1)),
        ("dates", FAILED.partition("---")[0]),
    ],
    ids=["not folded", "too long", "no commit", "no last review"],
)
def test_a_planted_fault_of_a_failed_run_is_seen(rule: str, body: str) -> None:
    assert [text for text in find_contradictions(replace(BROKEN, body=body)) if text.startswith(f"{rule}: ")]


def test_every_rule_has_a_planted_contradiction() -> None:
    assert {rule for rule, _ in PLANTED.values()} | {"raw answer"} == set(RULES)


def test_a_fix_that_parses_is_no_contradiction() -> None:
    assert find_contradictions(offer("    return max(b, 1)")(BASE)) == []


ISSUES = (
    Problem("zero", ("divides by zero",)),
    Problem("name", ("name is short",)),
    Problem("slow", ("is slow",)),
    Problem("card", ("card is logged",)),
)
TRUE = Expected(0, {ISSUES[0]: "medium", ISSUES[1]: "low"}, held=[ISSUES[2]], unplaceable=[ISSUES[3]])


def test_a_run_that_is_as_expected_departs_from_nothing() -> None:
    assert find_departures(BASE, TRUE, ISSUES) == []


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        (BASE, replace(TRUE, code=1)),
        (edit_review(still_open=[])(BASE), TRUE),
        (edit_review(still_open=REVIEW["still_open"] * 2)(BASE), TRUE),
        (BASE, replace(TRUE, open={**TRUE.open, ISSUES[0]: "high"})),
        (BASE, replace(TRUE, open={ISSUES[0]: "medium"})),
        (add_thread(SAME)(BASE), TRUE),
        (add_thread(ShownThread(build_thread(17, "It divides by zero. The name is short."), None))(BASE), TRUE),
        (edit_review(held_back=[])(BASE), TRUE),
        (edit_review(held_back=3)(BASE), TRUE),
        (edit_review(held_back=[{"title": "It divides by zero."}, *REVIEW["held_back"]])(BASE), TRUE),
        (edit_note("A card is logged.", "Nothing.")(BASE), TRUE),
        (edit_review(findings=[REVIEW["findings"][1] | {"placement": "inline"}])(BASE), TRUE),
    ],
    ids=[
        *("exit code", "hidden", "told twice", "another severity", "not true any more", "two threads", "mixed thread"),
        *("waiver not named", "no list", "open and held back", "invented file not told", "invented file in a thread"),
    ],
)
def test_a_departure_is_seen(base: Snapshot, expected: Expected) -> None:
    assert find_departures(base, expected, ISSUES)


@pytest.mark.parametrize(
    ("text", "missing"),
    [("It is slow.", "1, 3"), ("It is slow. Also on lines 1 and 3.", ""), ("It is slow. And in 2 more places.", "")],
    ids=["none", "each", "counted"],
)
def test_places_that_a_thread_does_not_list_are_seen(text: str, missing: str) -> None:
    shown = ShownThread(build_thread(18, text), None)
    base = replace(BASE, threads=(shown,), files={"shop/a.py": "def a():\ndef b():\ndef c():\n"})

    found = find_missing_places(base, ISSUES[2], "shop/a.py", "def ")

    assert [f"lines {missing} of" in entry for entry in found] == ([True] if missing else [])


def test_a_note_is_read_as_its_reader_reads_it() -> None:
    note = read_note(NOTE)

    assert note.counts == {"medium": 1, "low": 1}
    assert [(item.severity, item.note, item.has_place) for item in note.items] == [
        ("medium", 11, True),
        ("low", None, True),
        ("high", None, False),
    ]
    assert (note.items[0].title, note.items[1].text.strip()) == ("It divides by zero.", "The name is short.")
    assert (note.held_back, note.to_resolve, note.folded) == (1, 1, {})


def test_findings_over_the_cap_are_counted_and_not_listed() -> None:
    note = read_note(NOTE.replace("### `shop/a.py`", OVER.format("🔵 3 low")))

    assert note.folded == {"low": 3}
    assert [item.severity for item in note.listed] == ["medium"]
    assert [item.severity for item in note.named] == ["low"]


def test_the_review_below_a_failure_is_not_the_notes_own() -> None:
    note = read_note(FAILED)

    assert note.counts == {}
    assert note.items == []
    assert "It divides by zero." in note.previous
