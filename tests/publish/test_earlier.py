"""Earlier findings at a new push: which still stand, which are gone, which are raised again and which asked about."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from iquest_review.diff.diff import Diff, FileDiff, FileStatus
from iquest_review.findings.evidence import Location
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.indexed import FileReader, IndexedDiff, provide_no_text
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.placement import assign_place
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Unplaced
from iquest_review.gitlab.existing import ExistingThreads, Thread, ThreadReply
from iquest_review.note.thread import compose_thread
from iquest_review.note.words import CHINESE, ENGLISH, Words
from iquest_review.outcome import HeldBackFinding, HeldBackReason, SettledFinding, SettledReason
from iquest_review.publish import earlier
from iquest_review.publish.earlier import (
    EarlierFindings,
    FindingsToRaise,
    OpenInNote,
    OpenInThread,
    add_former_names,
    select_askable,
    select_findings_to_raise,
)
from tests.support import outcomes
from tests.support.outcomes import finding
from tests.support.prompts import added, hunk, modified
from tests.support.threads import thread_of
from tests.support.verifying import verify

BUG = "    return sum(prices) / len(prices)"
FIRST = Diff((added("a.py", "def total(prices):", "    # of all", BUG, "password = 'tulip'"),))
LATER = Diff((added("a.py", "import x", "def total(prices):", "    # of all", BUG, "password = 'tulip'"),))
FIXED = Diff((added("a.py", "def total(prices):", "    # of all", "    return 0", "password = 'tulip'"),))
ID = "d" * 40


def classify(
    threads: ExistingThreads, noted: Sequence[PlacedFinding], diff: Diff, read_file: FileReader = provide_no_text
) -> EarlierFindings:
    """What became of earlier findings, with every file seen."""
    return earlier.classify(threads, noted, IndexedDiff.of(diff, read_file))


def on(quote: str = BUG, diff: Diff = FIRST, **changed: Any) -> PlacedFinding:
    """A finding about these rows of a.py."""
    return assign_place(verify(finding(path="a.py", line=None, quote=quote, fix=None, **changed), diff))


def thread(one: PlacedFinding, text: Words = ENGLISH, **changed: Any) -> Thread:
    """Its thread, as GitLab tells it after a push that left its line where it was."""
    return thread_of(one, **{"note": 1, "head": "", "body": compose_thread(one, text), **changed})


def existing(*threads: Thread) -> ExistingThreads:
    return ExistingThreads(1, threads)


def told(one: PlacedFinding, reason: PlacementReason = PlacementReason.OVER_LIMIT) -> PlacedFinding:
    return replace(one, place=Unplaced(reason))


# --- what still stands ---


def test_a_thread_whose_line_is_there_still_stands_where_the_line_is() -> None:
    made = thread(on())

    found = classify(existing(made), (), LATER)

    assert found.open == (OpenInThread(Location("a.py", 4), made),)
    assert found.gone == ()


def test_a_thread_whose_line_is_gone_is_settled() -> None:
    assert classify(existing(thread(on())), (), FIXED).gone == (SettledFinding(ID, SettledReason.GONE),)


def test_a_thread_somebody_disagrees_with_is_never_settled_for_them() -> None:
    disputed = thread(on(), replies=(ThreadReply(2, "Why should it ever be empty?"),))

    found = classify(existing(disputed), (), FIXED)

    assert (found.gone, found.open) == ((), (OpenInThread(Location("a.py", 3), disputed),))


def test_a_thread_somebody_agrees_with_is_settled_like_any_other() -> None:
    agreed = thread(on(), replies=(ThreadReply(2, "Done, thanks!"),))

    assert classify(existing(agreed), (), FIXED).gone == (SettledFinding(ID, SettledReason.GONE),)


def test_a_resolved_thread_is_ignored() -> None:
    for diff in (FIRST, FIXED):
        found = classify(existing(thread(on(), resolved=True)), (), diff)
        assert (found.open, found.gone) == ((), ())


def test_a_finding_of_the_note_moves_with_its_lines() -> None:
    one = told(on(f"def total(prices):\n    # of all\n{BUG}"))

    [still] = classify(existing(), [one], LATER).open

    assert (one.line, one.end_line) == (1, 3)
    assert isinstance(still, OpenInNote)
    assert still.finding == replace(one, line=2, end_line=4)


def test_a_finding_of_the_note_follows_its_file_to_another_name() -> None:
    moved = Diff((replace(LATER.files[0], old_path="a.py", new_path="b.py", status=FileStatus.RENAMED),))
    whole = told(finding(path="a.py", line=None, fix=None), PlacementReason.NO_LINE)

    on_line, on_file = classify(existing(), [told(on()), whole], moved).open

    assert isinstance(on_line, OpenInNote)
    assert isinstance(on_file, OpenInNote)
    assert (on_line.finding.path, on_line.finding.line, on_file.finding.path) == ("b.py", 4, "b.py")


def test_a_finding_of_the_note_is_settled_when_its_line_is_gone() -> None:
    found = classify(existing(), [told(on())], FIXED)

    assert (found.open, found.gone) == ((), (SettledFinding("", SettledReason.GONE),))


@pytest.mark.parametrize("reason", [PlacementReason.NO_FILE, PlacementReason.NO_PATH])
def test_a_file_never_in_the_change_cannot_be_gone(reason: PlacementReason) -> None:
    one = told(finding(path="z.py", line=None, fix=None), reason)

    [still] = classify(existing(), [one], FIXED).open

    assert isinstance(still, OpenInNote)
    assert still.finding == one


def test_a_finding_in_a_file_changed_later_can_be_asked_about() -> None:
    one = told(finding(path="a.py", line=None, fix=None), PlacementReason.NO_FILE)

    [still] = classify(existing(), [one], FIXED).open

    assert (still.here, list(select_askable([still], {"a.py"}))) == (Location("a.py", None), [still])


def test_a_finding_without_a_line_stands_while_its_file_changes() -> None:
    one = told(finding(path="a.py", line=None, fix=None), PlacementReason.NO_QUOTE)

    assert [isinstance(still, OpenInNote) and still.finding for still in classify(existing(), [one], FIXED).open] == [
        one
    ]
    assert classify(existing(), [one], Diff(())).gone == (SettledFinding("", SettledReason.GONE),)


# --- what is raised again ---


def select(
    findings: PlacedFinding | list[PlacedFinding], *threads: Thread, why: HeldBackReason | None = None
) -> FindingsToRaise:
    """Select what is raised where people settled every thread for this reason."""
    wanted = [findings] if isinstance(findings, PlacedFinding) else findings
    return select_findings_to_raise(wanted, existing(*threads), lambda _: why, "")


def held_back(one: PlacedFinding, why: HeldBackReason) -> HeldBackFinding:
    return outcomes.held_back(replace(one, thread=ID), why)


def test_a_new_finding_is_raised_and_has_no_thread() -> None:
    assert select(on()) == FindingsToRaise((on(),))


def test_a_finding_with_an_open_thread_is_raised_and_has_it() -> None:
    assert select(on(), thread(on())) == FindingsToRaise((replace(on(), thread=ID),))


@pytest.mark.parametrize("why", list(HeldBackReason))
def test_a_finding_that_people_settled_is_held_back_and_named(why: HeldBackReason) -> None:
    assert select(on(), thread(on()), why=why) == FindingsToRaise((), (held_back(on(), why),))


def test_another_remark_on_the_line_of_a_settled_thread_is_raised() -> None:
    other = on(description="Prices of different currencies are summed up as they are.")

    assert select(other, thread(on()), why=HeldBackReason.WAIVED) == FindingsToRaise((other,))


def test_each_thread_holds_back_one_finding() -> None:
    twice = Diff((added("a.py", BUG, "x = 1", BUG),))
    first, second = (on(diff=twice, category=Category.BUG) for _ in range(2))
    first, second = replace(first, line=1, twins=(3,)), replace(second, line=3, twins=(1,))

    found = select([first, second], thread(first), why=HeldBackReason.WAIVED)

    assert found == FindingsToRaise((second,), (held_back(first, HeldBackReason.WAIVED),))


def test_a_finding_takes_over_the_text_and_severity_of_its_thread() -> None:
    again = on(
        description="It divides by zero for an empty list of prices.", severity=Severity.LOW, category=Category.OTHER
    )

    [raised] = select(again, thread(on())).findings

    assert raised.severity is on().severity
    assert (raised.description, raised.category, raised.fingerprint) == (
        on().description,
        on().category,
        on().fingerprint,
    )


def test_a_finding_that_got_worse_keeps_its_own_text() -> None:
    mild, again = on(severity=Severity.LOW), on(description="It divides by zero for an empty list of prices.")

    assert select(again, thread(mild)).findings == (replace(again, thread=ID),)


def test_the_same_sentence_about_other_lines_goes_to_the_open_thread() -> None:
    twice = Diff((added("a.py", BUG, "x = 1", "y = 2"),))
    first = on(description="The name of this variable does not say what it is for.")
    second = on("x = 1", diff=twice, description="The name of this variable does not say what it is for.")

    assert select(second, thread(first)).threads == {ID}
    assert select(second, thread(first), why=HeldBackReason.WAIVED).findings == (second,)
    assert select(second, thread(first, resolved=True)).findings == (second,)
    assert select(replace(second, path="b.py"), thread(first)).findings == (replace(second, path="b.py"),)


def test_a_finding_knows_the_other_names_of_its_file() -> None:
    renamed = FileDiff("old.py", "a.py", FileStatus.RENAMED, FIRST.files[0].hunks)
    left_behind = OpenInThread(Location("a.py", 3), thread(on(), path="between.py"))

    [named] = add_former_names([on()], [left_behind, OpenInNote(Location("a.py", 3), told(on()))], Diff((renamed,)))
    [plain] = add_former_names([on()], [], FIRST)

    assert named.names == ("between.py", "old.py")
    assert plain.names == ()


# --- what the model is asked about ---


def test_only_findings_in_changed_files_are_asked_about() -> None:
    here, there = OpenInThread(Location("a.py", 3), thread(on())), OpenInThread(Location("b.py", 3), thread(on()))

    assert list(select_askable([here, there], {"a.py"})) == [here]


def test_a_disputed_finding_is_not_asked_about() -> None:
    disputed = OpenInThread(Location("a.py", 3), thread(on(), replies=(ThreadReply(2, "No."),)))

    assert list(select_askable([disputed], {"a.py"})) == []


def test_a_finding_of_the_note_is_asked_about() -> None:
    one = OpenInNote(Location("a.py", 3), told(on()))

    assert list(select_askable([one], {"a.py"})) == [one]
    assert one.remark.text == on().description


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Divides by zero.", "Divides by zero."),
        ("Uses `a_b` as a_b, see #12 and @anna: <b>, 3*x.", "Uses `a_b` as a_b, see #12 and @anna: <b>, 3*x."),
        ("Two.\n\n- one\n- /close", "Two.\n\n- one\n- /close"),
        ("As here:\n\n```python\nx = 1\n\ny = 2\n```\n\nand so on.", "As here:\n\nand so on."),
    ],
)
def test_the_model_is_shown_what_was_said_and_no_code(text: Words, said: str, shown: str) -> None:
    plain = on(description=said)
    fixed = replace(plain, fix="```\n\nreturn 0", replacement=None)
    offered = replace(plain, fix="return 0", replacement="return 0\n\n/x")

    for one in (plain, fixed, offered):
        remark = OpenInThread(Location("a.py", 4), thread(one, text)).remark
        assert (remark.path, remark.line) == ("a.py", 4)
        assert remark.text == shown


def test_a_settled_finding_is_named_by_its_thread() -> None:
    assert OpenInThread(Location("a.py", 3), thread(on())).settle(SettledReason.FIXED) == SettledFinding(
        ID, SettledReason.FIXED
    )
    assert OpenInNote(Location("a.py", 3), on()).settle(SettledReason.FIXED) == SettledFinding("", SettledReason.FIXED)


def test_a_thread_on_an_unchanged_line_is_looked_for_in_the_whole_file() -> None:
    before = modified("a.py", hunk(" x = 1", f" {BUG}", "+y = 2"))
    after = modified("a.py", hunk("+z = 3", " last", old=30, new=30))
    lines = [b"row %d\n" % number for number in range(1, 30)]
    head = b"".join([*lines[:9], f"{BUG}\n".encode(), *lines[10:], b"z = 3\n", b"last\n"])

    found = classify(existing(thread(on(diff=Diff((before,))))), (), Diff((after,)), lambda _: head)

    assert [one.here for one in found.open] == [Location("a.py", 10)]
