"""Which positions the double takes for a diff note, line by line of real diffs."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs, GitLabDouble

NO_LINE_CODE = '400 Bad request - Note {:line_code=>["can\'t be blank", "must be a valid line code"]}'
INCOMPLETE = '400 Bad request - Note {:position=>["is incomplete"]}'
Lines = tuple[int | None, int | None]


def numbered(count: int, **changed: str) -> str:
    """line 1 .. line n; l5="" drops the fifth, l5="x\\n" replaces it."""
    return "".join(changed.get(f"l{number}", f"line {number} of the file\n") for number in range(1, count + 1))


@pytest.fixture
def gitlab() -> Iterator[GitLabDouble]:
    with GitLabDouble() as double:
        double.add_user("reviewer", token="secret")
        yield double


class Change:
    """One merge request in the double, and a client that comments on its lines."""

    def __init__(self, gitlab: GitLabDouble, checkout: Checkout, refs: DiffRefs) -> None:
        self.gitlab, self.refs = gitlab, refs
        gitlab.add_project(7, "group/app", checkout.path)
        gitlab.add_merge_request(7, 1, diff_refs=refs)

    def post(self, path: str, body: dict[str, Any]) -> requests.Response:
        url = f"{self.gitlab.api_url}/projects/7/merge_requests/1/{path}"
        return requests.post(url, json=body, headers={"PRIVATE-TOKEN": "secret"}, timeout=10)

    def position(self, lines: Lines = (None, None), path: str = "a.txt", **more: Any) -> dict[str, Any]:
        position = {**self.refs.json(), "position_type": "text", "old_path": path, "new_path": path}
        position |= {name: n for name, n in zip(("old_line", "new_line"), lines, strict=True) if n is not None}
        return {**position, **more}

    def comment(self, lines: Lines = (None, None), path: str = "a.txt", **more: Any) -> requests.Response:
        return self.post("discussions", {"body": "remark", "position": self.position(lines, path, **more)})

    def line_code(self) -> str | None:
        return self.gitlab.merge_request(7, 1).discussions[-1].notes[0].line_code


def change(gitlab: GitLabDouble, checkout: Checkout, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    base = checkout.commit(before)
    head = checkout.commit(after)
    return Change(gitlab, checkout, DiffRefs(base, base, head))


@pytest.fixture
def two_hunks(gitlab: GitLabDouble, checkout: Checkout) -> Change:
    """Line 10 goes, two lines come after line 30: the lines between are off by one, those after by -1+2."""
    after = numbered(60, l10="", l30="line 30 of the file\nadded\nadded too\n")
    return change(gitlab, checkout, {"a.txt": numbered(60)}, {"a.txt": after})


RIGHT: list[Lines] = [
    (10, None),
    (None, 30),
    (None, 31),
    (9, 9),
    (11, 10),
    (30, 29),
    (31, 32),
    (1, 1),
    (20, 19),
    (60, 61),
]
WRONG: list[Lines] = [
    *(
        (None, 9),
        (9, None),
        (11, 11),
        (10, 10),
        (30, 30),
        (None, 29),
        (None, 19),
        (20, 20),
        (20, None),
        (60, 60),
        (61, 62),
    ),
    *((None, 10), (0, 0), (60, 59), (None, 1), (1, 2), (10, 9)),
]


@pytest.mark.parametrize("lines", RIGHT, ids=str)
def test_the_true_pair_of_a_line_is_accepted(two_hunks: Change, lines: Lines) -> None:
    answer = two_hunks.comment(lines)
    assert answer.status_code == 201
    note = answer.json()["notes"][0]
    assert (note["type"], note["resolvable"], note["resolved"]) == ("DiffNote", True, False)
    assert (note["position"]["old_line"], note["position"]["new_line"]) == lines


@pytest.mark.parametrize("lines", WRONG, ids=str)
def test_any_other_pair_is_refused(two_hunks: Change, lines: Lines) -> None:
    answer = two_hunks.comment(lines)
    assert (answer.status_code, answer.json()["message"]) == (400, NO_LINE_CODE)
    assert two_hunks.gitlab.discussions(7, 1) == []


@pytest.mark.parametrize(
    ("lines", "counters"), [((10, None), "10_10"), ((None, 30), "31_30"), ((None, 31), "31_31"), ((20, 19), "20_19")]
)
def test_a_line_code_holds_both_running_counters(two_hunks: Change, lines: Lines, counters: str) -> None:
    two_hunks.comment(lines)
    assert two_hunks.line_code() == f"{hashlib.sha1(b'a.txt').hexdigest()}_{counters}"


def test_a_file_that_did_not_change_has_no_lines(gitlab: GitLabDouble, checkout: Checkout) -> None:
    changed = change(gitlab, checkout, {"a.txt": "a\n", "b.txt": "b\n"}, {"a.txt": "c\n"})
    assert changed.comment((1, 1), "b.txt").json()["message"] == NO_LINE_CODE


def test_the_missing_newline_row_is_no_line(gitlab: GitLabDouble, checkout: Checkout) -> None:
    changed = change(gitlab, checkout, {"a.txt": "a\nb"}, {"a.txt": "a\nc"})
    assert [changed.comment(lines).status_code for lines in ((None, 2), (2, None), (None, 3), (3, 3))] == [
        201,
        201,
        400,
        400,
    ]


def test_a_new_file_takes_new_lines_only(gitlab: GitLabDouble, checkout: Checkout) -> None:
    changed = change(gitlab, checkout, {"a.txt": "a\n"}, {"new.txt": "x\ny\n"})
    assert changed.comment((None, 2), "new.txt").status_code == 201
    assert str(changed.line_code()).endswith("_0_2")
    assert [changed.comment(lines, "new.txt").status_code for lines in ((2, 2), (1, 3))] == [400, 400]
    assert changed.comment((None, 3), "new.txt").status_code == 400


def test_a_deleted_file_takes_old_lines_only(gitlab: GitLabDouble, checkout: Checkout) -> None:
    changed = change(gitlab, checkout, {"a.txt": "a\nb\n"}, {"a.txt": None})
    assert changed.comment((2, None)).status_code == 201
    assert str(changed.line_code()).endswith("_2_0")
    assert changed.comment((None, 2)).status_code == 400


@pytest.mark.parametrize("kept", [31, 60])
def test_a_renamed_file_wants_both_its_names(gitlab: GitLabDouble, checkout: Checkout, kept: int) -> None:
    after = "".join(f"line {n} of the file\n" if n <= kept else f"quite another {n * 7}\n" for n in range(1, 101))
    changed = change(gitlab, checkout, {"old.txt": numbered(100)}, {"old.txt": None, "new.txt": after})
    assert changed.comment((kept, kept), "new.txt", old_path="old.txt").status_code == 201
    assert changed.comment((kept, kept), "new.txt").status_code == 400
    # With the new name alone git shows a new file: any line is added, under a line code that the page does not have.
    assert changed.comment((None, kept), "new.txt").status_code == 201
    assert str(changed.line_code()).endswith(f"_0_{kept}")


def test_files_without_text_lines_take_file_positions_only(gitlab: GitLabDouble, checkout: Checkout) -> None:
    before: dict[str, str | bytes] = {"mode.sh": "a\n", "binary": b"\0\1", "moved.txt": numbered(30)}
    base = checkout.commit(before)
    after: dict[str, str | bytes | None] = {"binary": b"\0\2", "moved.txt": None, "to.txt": numbered(30)}
    changed = Change(gitlab, checkout, DiffRefs(base, base, checkout.commit(after, executable="mode.sh")))
    for old, new in (("mode.sh", "mode.sh"), ("binary", "binary"), ("moved.txt", "to.txt")):
        assert changed.comment((1, 1), new, old_path=old).json()["message"] == NO_LINE_CODE
        assert changed.comment(path=new, old_path=old, position_type="file").status_code == 201


def test_a_file_that_is_too_large_has_no_lines_and_a_collapsed_one_has(two_hunks: Change) -> None:
    two_hunks.gitlab.limits.patch_bytes = 4000
    assert two_hunks.comment((10, None)).status_code == 201
    two_hunks.gitlab.limits.patch_bytes = 100
    assert two_hunks.comment((10, None)).json()["message"] == NO_LINE_CODE


def test_a_position_without_path_or_line_is_incomplete(two_hunks: Change) -> None:
    both = NO_LINE_CODE[:-1] + ', :position=>["is incomplete"]}'
    assert two_hunks.comment().json()["message"] == both
    assert two_hunks.comment((10, None), old_path=None, new_path=None).json()["message"] == INCOMPLETE
    assert two_hunks.comment(position_type="file", old_path=None).json()["message"] == INCOMPLETE


def test_grape_names_every_missing_parameter(two_hunks: Change) -> None:
    answer = two_hunks.post("discussions", {"position": {"new_line": "x"}})
    missing = [f"position[{name}] is missing" for name in ("base_sha", "start_sha", "head_sha", "position_type")]
    assert answer.json() == {"error": ", ".join([*missing, "position[new_line] is invalid", "body is missing"])}
    odd = two_hunks.comment((10, None), position_type="line")
    assert odd.json() == {"error": "position[position_type] does not have a valid value"}
    assert two_hunks.post("discussions", {"body": "x", "position": "y"}).json() == {"error": "position is invalid"}


def test_numbers_may_come_as_text_and_as_a_form(two_hunks: Change) -> None:
    assert two_hunks.comment(old_line="10").status_code == 201
    form = {f"position[{name}]": str(value) for name, value in two_hunks.position((10, None)).items()}
    url = f"{two_hunks.gitlab.api_url}/projects/7/merge_requests/1/discussions"
    answer = requests.post(url, data={**form, "body": "remark"}, headers={"PRIVATE-TOKEN": "secret"}, timeout=10)
    assert answer.status_code == 201
    assert answer.json()["notes"][0]["position"]["old_line"] == 10


def test_the_two_inspect_styles_of_ruby(two_hunks: Change) -> None:
    two_hunks.gitlab.ruby = "3.4"
    expected = '400 Bad request - Note {line_code: ["can\'t be blank", "must be a valid line code"]}'
    assert two_hunks.comment((1, 2)).json()["message"] == expected


# --- ranges ---


def span(two_hunks: Change, **end: Any) -> dict[str, Any]:
    code = hashlib.sha1(b"a.txt").hexdigest()
    return {
        "start": {"line_code": f"{code}_31_30", "type": "new"},
        "end": {"line_code": f"{code}_31_31", "type": "new", **end},
    }


def test_a_range_of_line_codes_and_types_is_accepted(two_hunks: Change) -> None:
    answer = two_hunks.comment((None, 31), line_range=span(two_hunks))
    assert answer.status_code == 201
    assert answer.json()["notes"][0]["position"]["line_range"] == span(two_hunks)


@pytest.mark.parametrize(
    "end", [{"new_line": 31}, {"line_code": None}, {"line_code": "x" * 101}, {"extra": 1}], ids=str
)
def test_a_range_that_breaks_the_schema_is_refused(two_hunks: Change, end: dict[str, Any]) -> None:
    answer = two_hunks.comment((None, 31), line_range=span(two_hunks, **end))
    assert answer.json()["message"] == '400 Bad request - Note {:position=>["must be a valid json schema"]}'


def test_draft_notes_take_the_lines_of_a_range_as_numbers(two_hunks: Change) -> None:
    position = two_hunks.position((None, 31), line_range=span(two_hunks, new_line=31))
    two_hunks.post("draft_notes", {"note": "remark", "position": position})
    assert two_hunks.post("draft_notes/bulk_publish", {}).status_code == 204
    assert len(two_hunks.gitlab.discussions(7, 1)) == 1


def test_a_range_alone_anchors_nothing(two_hunks: Change) -> None:
    assert "is incomplete" in two_hunks.comment(line_range=span(two_hunks)).json()["message"]


# --- SHAs ---


@pytest.mark.parametrize("sha", ["", "0" * 40, "f" * 40])
@pytest.mark.parametrize("name", ["base_sha", "start_sha", "head_sha"])
def test_unknown_shas_are_an_internal_error(two_hunks: Change, name: str, sha: str) -> None:
    assert two_hunks.comment((10, None), **{name: sha}).status_code == 500


def test_swapped_shas_are_an_internal_error(two_hunks: Change) -> None:
    refs = two_hunks.refs
    assert two_hunks.comment((10, None), base_sha=refs.head, head_sha=refs.base).status_code == 500


def test_a_target_branch_that_moved_on_does_not_move_the_lines(gitlab: GitLabDouble, checkout: Checkout) -> None:
    base = checkout.commit({"a.txt": numbered(60)})
    start = checkout.commit({"a.txt": numbered(60, l50="changed on the target\n")})
    checkout.git("checkout", "--quiet", "-b", "feature", base)
    changed = Change(gitlab, checkout, DiffRefs(base, start, checkout.commit({"a.txt": numbered(60, l10="")})))
    assert changed.comment((10, None)).status_code == 201
    assert changed.comment((50, None)).status_code == 400
    assert changed.comment((50, 49)).status_code == 201


def test_a_position_of_an_older_version_is_carried_to_the_current_one(two_hunks: Change, checkout: Checkout) -> None:
    old = two_hunks.refs
    after = "first\n" + numbered(60, l10="", l30="line 30 of the file\nadded\n")
    new = DiffRefs(old.base, old.start, checkout.commit({"a.txt": after}))
    two_hunks.gitlab.push(7, 1, new)
    carried = two_hunks.comment((None, 30)).json()["notes"][0]["position"]
    assert (carried["head_sha"], carried["new_line"]) == (new.head, 31)
    lost = two_hunks.comment((None, 31)).json()["notes"][0]["position"]
    assert (lost["head_sha"], lost["new_line"]) == (old.head, 31)


def test_without_a_repository_the_raw_diff_gives_the_lines(gitlab: GitLabDouble) -> None:
    gitlab.add_project(7, "group/app")
    raw = b"diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    refs = DiffRefs("1" * 40, "1" * 40, "2" * 40)
    gitlab.add_merge_request(7, 1, diff_refs=refs, raw_diff=raw)
    url = f"{gitlab.api_url}/projects/7/merge_requests/1/discussions"
    position = {**refs.json(), "position_type": "text", "old_path": "a.txt", "new_path": "a.txt"}
    for lines, status in (({"new_line": 2}, 201), ({"old_line": 1, "new_line": 1}, 201), ({"new_line": 1}, 400)):
        sent = {"body": "remark", "position": {**position, **lines}}
        assert requests.post(url, json=sent, headers={"PRIVATE-TOKEN": "secret"}, timeout=10).status_code == status
