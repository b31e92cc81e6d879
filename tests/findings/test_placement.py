"""Each finding is on its line as long as there is room, and else in the note with the reason."""

from dataclasses import replace
from typing import Any

import pytest

from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Side
from iquest_review.findings.finding import Category, Finding, Severity
from iquest_review.findings.fingerprint import compute_fingerprint, digest, join_words
from iquest_review.findings.placed import Demoted, PlacedFinding, Placement
from iquest_review.findings.placement import assign_place, limit_inline
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position, Unplaced
from tests.support.outcomes import finding
from tests.support.prompts import hunk, modified, renamed
from tests.support.verifying import verify

FILE = modified(
    "a.py",
    hunk(" def f(xs):", "+    n = len(xs)", "-    return 0", "+    return sum(xs) / n", " ", "+    return 0"),
    hunk(" x = 1", "+    n = len(xs)", "+y = 2", old=40, new=42),
)


def put(quote: str = "", path: str = "a.py", file: FileDiff = FILE, **changed: Any) -> PlacedFinding:
    """The model's finding, verified and placed."""
    fields: dict[str, Any] = {
        "path": path,
        "line": None,
        "end_line": None,
        "side": Side.NEW,
        "severity": Severity.MEDIUM,
        "category": Category.BUG,
        "title": "It fails.",
        "description": "It fails.",
        "quote": quote,
        "fix": None,
    }
    return assign_place(verify(Finding(**{**fields, **changed}), Diff((file,))))


# --- on a line ---


def test_a_finding_goes_on_the_line_it_quotes() -> None:
    made = put("    return sum(xs) / n")

    assert (made.path, made.line, made.side) == ("a.py", 3, Side.NEW)
    assert (made.placement, made.placement_reason) == (Placement.INLINE, None)
    assert made.place == Position("a.py", "a.py", None, 3)


def test_a_finding_knows_the_text_of_its_lines() -> None:
    made = put("    return sum(xs) / n")

    assert (made.anchor, made.anchored) == (digest("return sum(xs) / n"), 1)
    assert made.fingerprint == compute_fingerprint(made, "return sum(xs) / n")


def test_several_lines_are_one_text() -> None:
    made = put("    n = len(xs)\n    return sum(xs) / n")

    assert (made.line, made.end_line, made.anchored) == (2, 3, 2)
    assert made.anchor == digest(join_words(["n = len(xs)", "return sum(xs) / n"]))
    assert isinstance(made.place, Position)
    assert made.place.line_range is not None


def test_a_removed_line_is_one_of_the_old_file() -> None:
    made = put("    return 0", line=2)

    assert (made.side, made.line, made.place) == (Side.OLD, 2, Position("a.py", "a.py", 2, None))


def test_a_fix_that_fits_is_offered_for_the_line() -> None:
    assert put("    return sum(xs) / n", fix="    return sum(xs) / max(n, 1)").replacement == (
        "    return sum(xs) / max(n, 1)"
    )
    assert put("    return sum(xs) / n", fix="Check that n is not 0 first.").replacement is None


def test_a_finding_without_a_line_goes_on_its_file() -> None:
    made = put()

    assert made.place == Position("a.py", "a.py", None, None)
    assert (made.placement, made.line, made.anchored) == (Placement.INLINE, None, 0)
    assert made.fingerprint == compute_fingerprint(made, "")


# --- into the note ---


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (put("x = 1", "z.py"), PlacementReason.NO_FILE),
        (put("nowhere at all", ""), PlacementReason.NO_QUOTE),
        (put("no such code here"), PlacementReason.NO_QUOTE),
        (put(line=900), PlacementReason.NO_LINE),
        (put("y = 2", "b" * 1001, modified("b" * 1001, *FILE.hunks)), PlacementReason.LONG_PATH),
        (put("y = 2", "\\xff.py", modified("\\xff.py", *FILE.hunks)), PlacementReason.UNREADABLE_PATH),
    ],
)
def test_a_finding_without_a_position_goes_to_the_note_with_the_reason(
    made: PlacedFinding, reason: PlacementReason
) -> None:
    assert (made.placement, made.place) == (Placement.SUMMARY, Unplaced(reason))


def test_a_finding_about_no_file_among_several_goes_into_the_note() -> None:
    verified = verify(finding(path="", line=None, quote=""), Diff((FILE, replace(FILE, new_path="b.py"))))

    assert assign_place(verified).placement_reason == PlacementReason.NO_PATH


def test_a_rename_without_changed_lines_takes_a_finding_as_a_whole() -> None:
    made = put(path="b.py", file=renamed("a.py", "b.py"))

    assert (made.placement, made.place) == (Placement.INLINE, Position("a.py", "b.py", None, None))


# --- twins ---


def test_other_lines_with_its_text_are_its_twins() -> None:
    first, second = put("    n = len(xs)", line=2), put("    n = len(xs)", line=43)

    assert (first.line, first.twins) == (2, (43,))
    assert (second.line, second.twins) == (43, (2,))
    assert first.fingerprint == second.fingerprint


def test_a_line_of_the_same_text_on_the_other_side_is_no_twin() -> None:
    made = put("    return 0", line=5)

    assert (made.side, made.line, made.twins) == (Side.NEW, 5, ())


def test_a_twin_of_several_lines_is_named_by_its_last() -> None:
    several = modified("a.py", hunk("+a()", "+b()", "+c()", "+a()", "+b()"))

    made = put("a()\nb()", file=several, line=1)

    assert (made.line, made.end_line, made.twins) == (1, 2, (5,))


def test_a_finding_on_no_line_has_no_twins() -> None:
    assert put().twins == put("x = 1", "z.py").twins == ()


# --- the limit ---


def inline(line: int, severity: Severity) -> PlacedFinding:
    return finding(line=line, severity=severity, placement=Placement.INLINE)


MIXED = [inline(1, Severity.LOW), inline(2, Severity.HIGH), inline(3, Severity.MEDIUM), inline(4, Severity.HIGH)]


@pytest.mark.parametrize(("most", "lines"), [(0, []), (1, [2]), (2, [2, 4]), (3, [2, 3, 4]), (4, [1, 2, 3, 4])])
def test_only_the_worst_go_on_lines(most: int, lines: list[int]) -> None:
    findings = limit_inline(MIXED, most)

    assert [finding.line for finding in findings if finding.placement is Placement.INLINE] == lines
    assert {f.placement_reason for f in findings if f.placement is Placement.SUMMARY} <= {PlacementReason.OVER_LIMIT}
    assert [finding.line for finding in findings] == [1, 2, 3, 4]


def test_of_equally_bad_ones_the_first_go_on_lines() -> None:
    findings = limit_inline([inline(line, Severity.LOW) for line in range(5)], 2)

    assert [finding.placement for finding in findings] == [Placement.INLINE] * 2 + [Placement.SUMMARY] * 3


def test_a_finding_of_the_note_does_not_count_for_the_limit() -> None:
    told = finding(line=None, placement_reason=PlacementReason.NO_FILE)

    assert limit_inline([told, *MIXED[:1]], 1) == [told, *MIXED[:1]]


def test_a_finding_over_the_limit_keeps_its_position() -> None:
    [over] = limit_inline([replace(put("y = 2"), severity=Severity.LOW)], 0)

    assert over.place == Demoted(Position("a.py", "a.py", None, 44), PlacementReason.OVER_LIMIT)
    assert over.placement_reason == PlacementReason.OVER_LIMIT


def test_a_file_that_is_new_has_places_on_each_of_its_lines() -> None:
    new = FileDiff("a.py", "a.py", FileStatus.ADDED, (hunk("+one", "+two"),))

    assert put("two", file=new).place == Position("a.py", "a.py", None, 2)


def test_a_line_that_is_redacted_is_no_evidence_of_what_is_gone() -> None:
    """What is taken out hangs on the job's variables, which may be others at the next push."""
    file = modified("a.py", hunk(" one", '+key = "[REDACTED:own-secret]"', " three"))

    made = put('key = "[REDACTED:own-secret]"', file=file)

    assert (made.placement, made.line, made.anchored) == (Placement.INLINE, 2, 0)
