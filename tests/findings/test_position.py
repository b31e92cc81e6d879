"""A finding's place is one that GitLab takes: every line of every kind of file, judged by the double over real git."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk, Line, Side
from iquest_review.diff.full_file import unfold_file
from iquest_review.findings import position
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position, RangeEnd, Unplaced, locate
from iquest_review.findings.verify import InFile, Nowhere, OnLines
from iquest_review.merge_request import DiffRefs
from tests.support.findings import made
from tests.support.gitlab import double as doubles
from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import GitLabDouble
from tests.support.gitlab.positions import judge
from tests.support.gitlab.repository import Repository
from tests.support.verifying import verify

REFS = DiffRefs("b" * 40, "s" * 40, "e" * 40)
FINDING = made(path="a.txt", line=1)


def at(file: FileDiff, *lines: Line) -> Position:
    located = locate(OnLines(file, lines))
    assert isinstance(located, Position), located
    return located


def numbered(count: int, **changed: str) -> str:
    """line 1 .. line n; l5="" drops the fifth, l5="x\\n" replaces it."""
    return "".join(changed.get(f"l{number}", f"line {number} of the file\n") for number in range(1, count + 1))


class Change:
    """Two commits as a merge request of the double."""

    def __init__(
        self, gitlab: GitLabDouble, checkout: Checkout, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        base = checkout.commit(before)
        head = checkout.commit(after)
        self.gitlab = gitlab
        self.gitlab.add_project(7, "group/app", checkout.path)
        self.gitlab.add_merge_request(7, 1, diff_refs=doubles.DiffRefs(base, base, head))
        self.refs = DiffRefs(base, base, head)
        self.repository = Repository(checkout.path)
        self.diff = patch.parse_patch(self.repository.patch(base, head))

    @property
    def file(self) -> FileDiff:
        (file,) = self.diff.files
        return file

    def head(self, path: str) -> bytes:
        return self.repository.blob(self.refs.head_sha, path) or b""

    def judged(self, place: Position) -> str | None:
        """The line code GitLab computes for a position; it must take it."""
        payload = place.build_payload(self.refs)
        known = {name: payload.get(name) for name in ("old_line", "new_line")}
        anchor = judge(self.gitlab.instance, self.gitlab.merge_request(7, 1), {**payload, **known}, 0)
        assert anchor.errors == {}, (place, anchor.errors)
        return anchor.line_code


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "two hunks": (
        {"a.txt": numbered(60)},
        {"a.txt": numbered(60, l10="", l11="new\n", l30="line 30\nadded\nadded too\n")},
    ),
    "a new file": ({"b.txt": "b\n"}, {"a.txt": numbered(5)}),
    "a deleted file": ({"a.txt": numbered(5)}, {"a.txt": None}),
    "a file that was empty": ({"a.txt": ""}, {"a.txt": numbered(4)}),
    "a file that was emptied": ({"a.txt": numbered(4)}, {"a.txt": ""}),
    "lines at the very top": ({"a.txt": numbered(9)}, {"a.txt": "one\ntwo\n" + numbered(9)}),
    "lines gone at the end": ({"a.txt": numbered(9)}, {"a.txt": numbered(9, l8="", l9="")}),
    "without a last newline": ({"a.txt": numbered(5) + "end"}, {"a.txt": numbered(5) + "the end"}),
    "renamed": ({"old name.txt": numbered(30)}, {"old name.txt": None, "a.txt": numbered(30, l15="new\n")}),
    "renamed, and much of it changed": (
        {"old.txt": numbered(30)},
        {"old.txt": None, "a.txt": numbered(30, **{f"l{n}": f"{n} is new\n" for n in range(1, 19)})},
    ),
    "odd name": ({"b.txt": "b\n"}, {'ä "b"\t\\n.txt': numbered(3)}),
}


@pytest.fixture
def gitlab() -> Iterator[GitLabDouble]:
    with GitLabDouble() as double:
        yield double


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


@pytest.fixture
def change(gitlab: GitLabDouble, checkout: Checkout, request: pytest.FixtureRequest) -> Change:
    return Change(gitlab, checkout, *CHANGES[request.param])


each = pytest.mark.parametrize("change", CHANGES, indirect=True)


@each
def test_every_line_is_taken_and_its_line_code_is_gitlabs(change: Change) -> None:
    for file in (change.file, unfold_file(change.file, change.head(change.file.path))):
        lines = list(file.iter_lines())
        assert lines
        for line in lines:
            assert change.judged(at(file, line)) == position.compute_line_code(file, line), line


@each
def test_a_range_hangs_on_its_last_line_and_names_both_ends(change: Change) -> None:
    for side in Side:
        lines = [line for line in change.file.iter_lines() if line.side is side][:2]
        if len(lines) == 2 and position.is_contiguous(tuple(lines)):
            place = at(change.file, *lines)

            assert place.line_range is not None
            assert change.judged(place) == place.line_range[1].line_code
            assert change.judged(at(change.file, lines[0])) == place.line_range[0].line_code


@each
def test_a_file_as_a_whole_is_taken(change: Change) -> None:
    place = locate(InFile(change.file, PlacementReason.NO_ANCHOR))

    assert place == Position(change.file.old_path, change.file.new_path, None, None)
    assert change.judged(place) is None


WITHOUT_LINES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "renamed": ({"old.txt": numbered(9)}, {"old.txt": None, "a.txt": numbered(9)}),
    "binary": ({"a.txt": b"\x00\x01"}, {"a.txt": b"\x00\x02"}),
}


@pytest.mark.parametrize("name", WITHOUT_LINES)
def test_a_finding_in_a_file_without_lines_goes_to_the_whole_file(
    gitlab: GitLabDouble, checkout: Checkout, name: str
) -> None:
    change = Change(gitlab, checkout, *WITHOUT_LINES[name])
    for problem in (PlacementReason.NO_LINE, PlacementReason.NO_ANCHOR, PlacementReason.NO_QUOTE):
        place = locate(InFile(change.file, problem))

        assert isinstance(place, Position)
        assert place.build_payload(change.refs)["position_type"] == "file"
        change.judged(place)


def test_a_submodule_is_a_file_without_lines() -> None:
    """Its one row, "Subproject commit ...", is none to GitLab."""
    submodule = FileDiff("lib", "lib", FileStatus.MODIFIED, (Hunk(1, 1, "", (b"-x", b"+y"), 1, 1),), "160000", "160000")

    assert locate(OnLines(submodule, tuple(submodule.iter_lines()))) == Position("lib", "lib", None, None)


# -- one line of each kind

FILE = patch.parse_patch(
    b"diff --git a/old.txt b/a.txt\nsimilarity index 80%\nrename from old.txt\nrename to a.txt\n"
    b"--- a/old.txt\n+++ b/a.txt\n@@ -10,5 +12,5 @@\n a\n-b\n-c\n+B\n+C\n d\n e\n@@ -30,2 +32,3 @@\n f\n+F\n g\n"
).files[0]
LINES = {line.raw.decode(): line for line in FILE.iter_lines()}


def lines(names: str) -> tuple[Line, ...]:
    return tuple(LINES[name] for name in names)


@pytest.mark.parametrize(("name", "pair"), [("a", (10, 12)), ("b", (11, None)), ("B", (None, 13)), ("g", (31, 34))])
def test_an_unchanged_line_has_both_numbers_a_changed_one_its_own(
    name: str, pair: tuple[int | None, int | None]
) -> None:
    assert at(FILE, LINES[name]) == Position("old.txt", "a.txt", *pair)


@pytest.mark.parametrize(
    ("names", "anchor", "types"),
    [
        ("BC", (None, 14), ("new", "new")),
        ("bc", (12, None), ("old", "old")),
        ("aB", (None, 13), ("old", "new")),
        ("Cd", (13, 15), ("new", "old")),
    ],
)
def test_a_range_says_of_both_ends_whether_they_are_new(
    names: str, anchor: tuple[int | None, int | None], types: tuple[str, str]
) -> None:
    place = at(FILE, *lines(names))

    assert (place.old_line, place.new_line) == anchor
    assert place.line_range is not None
    assert tuple(end.type for end in place.line_range) == types


@pytest.mark.parametrize("names", ["eF", "bB", "ba", "BCb", "ce", "ag"])
def test_lines_of_both_sides_or_with_a_gap_are_no_range(names: str) -> None:
    assert at(FILE, *lines(names)) == at(FILE, *lines(names[0]))


def test_a_range_without_its_range_is_a_line() -> None:
    assert at(FILE, *lines("BC")).drop_range() == at(FILE, *lines("C"))


def test_without_context_a_side_that_has_lines_elsewhere_counts_on() -> None:
    """The counters of GitLab's own diff, which always has context."""
    added = Hunk(6, 6, "", (b"+a", b"+b"), 2, 0)
    removed = Hunk(20, 22, "", (b"-a", b"-b"), 0, 2)
    file = FileDiff("a.txt", "a.txt", FileStatus.MODIFIED, (added, removed))

    codes = [position.compute_line_code(file, line).partition("_")[2] for line in file.iter_lines()]
    assert codes == ["6_6", "6_7", "20_22", "21_22"]


def test_a_line_of_another_file_has_no_line_code() -> None:
    stranger = replace(LINES["B"], raw=b"other")

    with pytest.raises(ValueError, match="not in the file diff"):
        position.compute_line_code(FILE, stranger)


# -- what is sent


def test_a_range_sends_line_codes_and_types_alone() -> None:
    digest = "b5a87d2f5a0ae9dd3fee55ce3e4a6e3b3f4bcd4e"
    place = Position("o", "n", 3, 4, (RangeEnd(f"{digest}_1_2", "new"), RangeEnd(f"{digest}_3_4", "old")))

    assert place.build_payload(REFS) == {
        "base_sha": REFS.base_sha,
        "start_sha": REFS.start_sha,
        "head_sha": REFS.head_sha,
        "position_type": "text",
        "old_path": "o",
        "new_path": "n",
        "old_line": 3,
        "new_line": 4,
        "line_range": {
            "start": {"line_code": f"{digest}_1_2", "type": "new"},
            "end": {"line_code": f"{digest}_3_4", "type": "old"},
        },
    }


def test_a_missing_line_number_is_not_sent() -> None:
    assert "old_line" not in Position("a", "a", None, 1).build_payload(REFS)
    assert "new_line" not in Position("a", "a", 1, None).build_payload(REFS)
    assert {"old_line", "new_line", "line_range"}.isdisjoint(Position("a", "a", None, None).build_payload(REFS))


def test_a_position_is_kept_in_json_and_read_back() -> None:
    adapter = TypeAdapter(Position | Unplaced)
    for place in (at(FILE, *lines("BC")), at(FILE, *lines("b")), Unplaced(PlacementReason.LONG_PATH)):
        assert adapter.validate_json(adapter.dump_json(place), strict=True) == place


# -- no place


@pytest.mark.parametrize("problem", [PlacementReason.NO_LINE, PlacementReason.NO_QUOTE])
def test_a_finding_that_stands_nowhere_in_its_file_has_no_place(problem: PlacementReason) -> None:
    assert locate(InFile(FILE, problem)) == Unplaced(problem)


@pytest.mark.parametrize("problem", [PlacementReason.NO_PATH, PlacementReason.NO_FILE])
def test_a_finding_without_a_file_has_no_place(problem: PlacementReason) -> None:
    assert locate(Nowhere(problem)) == Unplaced(problem)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("d/" * 499 + "a.txt", PlacementReason.LONG_PATH),
        ("caf\\xe9.txt", PlacementReason.UNREADABLE_PATH),
        ("caf\udce9.txt", PlacementReason.UNREADABLE_PATH),
    ],
)
def test_a_path_that_gitlab_refuses_has_no_place(path: str, reason: PlacementReason) -> None:
    for file in (replace(FILE, new_path=path), replace(FILE, old_path=path)):
        assert locate(OnLines(file, lines("B"))) == Unplaced(reason)


def test_a_name_of_a_thousand_characters_has_a_place() -> None:
    assert isinstance(locate(OnLines(replace(FILE, new_path="é" * 1_000), lines("B"))), Position)


def test_the_patchs_name_that_is_no_utf8_is_known_as_such() -> None:
    quoted = patch.parse_patch(
        b'diff --git "a/caf\\351" "b/caf\\351"\n--- "a/caf\\351"\n+++ "b/caf\\351"\n@@ -1 +1 @@\n-a\n+b\n'
    )

    (file,) = quoted.files
    assert locate(OnLines(file, tuple(file.iter_lines())[1:])) == Unplaced(PlacementReason.UNREADABLE_PATH)


# -- any change at all

TEXT = st.lists(st.sampled_from(["a", "b", "c", "}", ""]), max_size=25)


@given(TEXT, TEXT, st.booleans(), st.booleans())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_any_change_of_a_file_has_gitlabs_places(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: list[str], open_before: bool, open_after: bool
) -> None:
    texts = [
        "\n".join(rows) + ("" if end or not rows else "\n")
        for rows, end in ((before, open_before), (after, open_after))
    ]
    with GitLabDouble() as gitlab:
        checkout = Checkout(tmp_path_factory.mktemp("any") / "repository")
        change = Change(gitlab, checkout, {"a.txt": texts[0]}, {"a.txt": texts[1]})
        for file in change.diff.files:
            whole = unfold_file(file, texts[1].encode())
            for line in whole.iter_lines():
                assert change.judged(at(whole, line)) == position.compute_line_code(whole, line)


def test_findings_of_a_real_diff_go_where_verify_says(gitlab: GitLabDouble, checkout: Checkout) -> None:
    change = Change(gitlab, checkout, *CHANGES["two hunks"])
    finding = replace(FINDING, line=99, quote="added\nadded too")

    place = locate(verify(finding, Diff(change.diff.files)).place)

    assert isinstance(place, Position)
    assert (place.new_line, place.line_range is None) == (31, False)
