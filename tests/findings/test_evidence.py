"""Where the lines of an earlier finding are after a later push, in real git: that they are gone must be certain."""

from collections.abc import Callable
from pathlib import Path

import pytest

from iquest_review.diff import patch
from iquest_review.diff.diff import Diff, Side
from iquest_review.findings.evidence import Location
from iquest_review.findings.fingerprint import Mark, digest
from iquest_review.findings.placement import assign_place
from iquest_review.note.thread import build_mark
from tests.support.checkout import Checkout, Tree
from tests.support.outcomes import finding
from tests.support.verifying import find_marked_lines, verify

BASE = "".join(f"line {number} = {number * number}\n" for number in range(1, 41))
BUG = "total = sum(prices) / len(prices)\n"
HERE = BASE.replace("line 20 = 400\n", f"line 20 = 400\n{BUG}")  # the bug is line 21

Find = Callable[..., Location | None]


class Story:
    """A merge request: what it starts from, and a push after the other."""

    def __init__(self, path: Path) -> None:
        self.checkout = Checkout(path)
        self.base = ""

    def push(self, tree: dict[str, str]) -> tuple[Diff, Callable[[str], bytes | None]]:
        """The diff of the merge request at this push, and the files as they stand then."""
        files: Tree = {path: text.encode() for path, text in tree.items()}
        head = self.checkout.commit(files)
        self.base = self.base or head
        printed = self.checkout.git("diff", "--find-renames=30%", self.base, head)
        return patch.parse_patch(printed), lambda path: tree[path].encode() if path in tree else None


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path / "repository")


def raised(story: Story, base: dict[str, str], first: dict[str, str], quote: str, path: str = "a.py") -> Mark:
    """The mark of a finding about the quoted lines, raised at the first push."""
    story.push(base)
    diff, text = story.push(first)
    verified = verify(finding(path=path, line=None, quote=quote, fix=None), diff, text)
    assert verified.problem is None, verified
    return build_mark(assign_place(verified))


@pytest.fixture
def bug(story: Story) -> Mark:
    """The mark of a finding on the line a push has added."""
    return raised(story, {"a.py": BASE}, {"a.py": HERE}, BUG)


# --- still there ---


def test_a_line_nobody_touched_is_where_it_was(story: Story, bug: Mark) -> None:
    assert find_marked_lines(bug, "a.py", 21, *story.push({"a.py": HERE, "b.py": "new\n"})) == Location("a.py", 21)


def test_a_line_moves_with_the_lines_above_it(story: Story, bug: Mark) -> None:
    assert find_marked_lines(bug, "a.py", 21, *story.push({"a.py": "# one\n# two\n" + HERE})) == Location("a.py", 23)


@pytest.mark.parametrize("changed", ["    " + BUG, BUG.replace(" / ", "/ ").replace("/ ", " /  "), "\t" + BUG])
def test_a_line_is_the_same_at_another_indentation(story: Story, bug: Mark, changed: str) -> None:
    assert find_marked_lines(bug, "a.py", 21, *story.push({"a.py": HERE.replace(BUG, changed)})) == Location("a.py", 21)


def test_a_line_is_found_in_a_renamed_file(story: Story, bug: Mark) -> None:
    assert find_marked_lines(bug, "a.py", 21, *story.push({"b/c.py": HERE})) == Location("b/c.py", 21)


def test_a_line_of_a_new_file_is_found_under_its_new_name(story: Story) -> None:
    mark = raised(story, {"x": "x\n"}, {"x": "x\n", "new.py": HERE}, BUG, "new.py")

    assert find_marked_lines(mark, "new.py", 21, *story.push({"x": "x\n", "renamed.py": "#\n" + HERE})) == Location(
        "renamed.py", 22
    )


def test_the_nearest_of_several_equal_lines_is_found(story: Story, bug: Mark) -> None:
    twice = HERE.replace("line 3 = 9\n", BUG).replace("line 30 = 900\n", BUG)
    pushed = story.push({"a.py": twice})

    assert [find_marked_lines(bug, "a.py", line, *pushed) for line in (1, 20, 21, 22, 39)] == [
        Location("a.py", line) for line in (3, 21, 21, 21, 31)
    ]


def test_the_first_of_several_equal_lines_is_found_without_a_number(story: Story, bug: Mark) -> None:
    assert find_marked_lines(bug, "a.py", None, *story.push({"a.py": BUG + HERE})) == Location("a.py", 1)


def test_an_unchanged_line_between_the_hunks_is_there(story: Story) -> None:
    near = BASE.replace("line 9 = 81\n", "line 9 = x\n")
    mark = raised(story, {"a.py": BASE}, {"a.py": near}, "line 10 = 100")

    far = BASE.replace("line 35 = 1225\n", "#\n")
    assert find_marked_lines(mark, "a.py", 10, *story.push({"a.py": "# top\n" + far})) == Location("a.py", 11)


def test_a_range_is_there_when_all_its_lines_are(story: Story) -> None:
    several = "if prices:\n    total = 1\nelse:\n    total = 2\n"
    first = HERE.replace(BUG, several)
    mark = raised(story, {"a.py": BASE}, {"a.py": first}, several)

    assert mark.lines == 4
    assert find_marked_lines(mark, "a.py", 24, *story.push({"a.py": "#\n" + first})) == Location("a.py", 22)
    assert find_marked_lines(mark, "a.py", 24, *story.push({"a.py": first.replace("total = 2", "total = 3")})) is None
    assert find_marked_lines(mark, "a.py", 24, *story.push({"a.py": first.replace("else:\n", "#\nelse:\n")})) is None


def test_a_removed_line_is_there_while_it_is_removed(story: Story) -> None:
    without = BASE.replace("line 20 = 400\n", "")
    mark = raised(story, {"a.py": BASE}, {"a.py": without}, "line 20 = 400")

    assert mark.side is Side.OLD
    assert find_marked_lines(mark, "a.py", 20, *story.push({"a.py": "# top\n" + without})) == Location("a.py", 20)


def test_a_removed_line_of_a_deleted_file_is_there(story: Story) -> None:
    mark = raised(story, {"a.py": BASE, "x": "x\n"}, {"x": "x\n"}, "line 20 = 400")

    assert find_marked_lines(mark, "a.py", 20, *story.push({"x": "y\n"})) == Location("a.py", 20)


def test_a_finding_about_a_whole_file_is_there_while_the_file_changes(story: Story, bug: Mark) -> None:
    whole = Mark(bug.fingerprint, bug.anchor, 0, bug.side, bug.severity, bug.category)

    assert find_marked_lines(whole, "a.py", None, *story.push({"a.py": "another text\n"})) == Location("a.py", None)
    assert find_marked_lines(whole, "a.py", None, *story.push({"b.py": HERE})) == Location("b.py", None)
    assert find_marked_lines(whole, "a.py", None, *story.push({"a.py": BASE})) is None


# --- not known: that counts as there ---


def test_a_line_that_may_stand_outside_the_hunks_counts_as_there(story: Story, bug: Mark) -> None:
    diff, _ = story.push({"a.py": HERE.replace(BUG, "total = 0\n")})

    assert find_marked_lines(bug, "a.py", 21, diff, lambda _: None) == Location("a.py", 21)


def test_a_file_that_does_not_match_the_hunks_proves_nothing(story: Story, bug: Mark) -> None:
    diff, _ = story.push({"a.py": HERE.replace(BUG, "total = 0\n")})

    assert find_marked_lines(bug, "a.py", 21, diff, lambda _: b"another file\n") == Location("a.py", 21)


# --- gone ---


@pytest.mark.parametrize("instead", ["", "total = sum(prices) / len(prices) if prices else 0\n", f"# {BUG}"])
def test_a_line_that_was_changed_is_gone(story: Story, bug: Mark, instead: str) -> None:
    assert find_marked_lines(bug, "a.py", 21, *story.push({"a.py": HERE.replace(BUG, instead) + "# end\n"})) is None


@pytest.mark.parametrize("tree", [{"a.py": BASE}, {"a.py": BASE, "b.py": "new\n"}, {"b.py": "new\n"}, {"b/a.py": BASE}])
def test_a_line_of_a_restored_or_deleted_file_is_gone(story: Story, bug: Mark, tree: dict[str, str]) -> None:
    assert find_marked_lines(bug, "a.py", 21, *story.push(tree)) is None


def test_a_line_of_a_new_file_is_gone_with_it(story: Story) -> None:
    mark = raised(story, {"x": "x\n"}, {"x": "x\n", "new.py": HERE}, BUG, "new.py")

    assert find_marked_lines(mark, "new.py", 21, *story.push({"x": "y\n"})) is None
    assert find_marked_lines(mark, "new.py", 21, *story.push({"x": "x\n", "new.py": BASE})) is None


def test_a_new_file_is_never_read_for_its_content(story: Story) -> None:
    mark = raised(story, {"x": "x\n"}, {"x": "x\n", "new.py": HERE}, BUG, "new.py")
    diff, _ = story.push({"x": "x\n", "new.py": BASE})

    assert find_marked_lines(mark, "new.py", 21, diff, lambda _: None) is None


def test_a_removed_line_that_is_back_is_gone(story: Story) -> None:
    mark = raised(story, {"a.py": BASE}, {"a.py": BASE.replace("line 20 = 400\n", "")}, "line 20 = 400")

    diff, text = story.push({"a.py": BASE + "# end\n"})
    assert find_marked_lines(mark, "a.py", 20, diff, text) is None
    assert find_marked_lines(mark, "a.py", 20, diff, lambda _: None) is None  # all removed lines are in the diff


def test_a_line_that_was_moved_to_another_file_that_was_there_is_gone(story: Story) -> None:
    mark = raised(story, {"a.py": BASE, "b.py": BASE}, {"a.py": HERE, "b.py": BASE}, BUG)

    assert find_marked_lines(mark, "a.py", 21, *story.push({"a.py": BASE, "b.py": HERE})) is None


def test_lines_at_the_ends_of_two_hunks_are_not_in_a_row(story: Story, bug: Mark) -> None:
    story.push({"a.py": BASE})
    diff, text = story.push({"a.py": BASE.replace("line 5 = 25\n", "#\n").replace("line 35 = 1225\n", "#\n")})
    last, first = list(diff.files[0].hunks[0].iter_lines())[-1], next(diff.files[0].hunks[1].iter_lines())

    two = bug._replace(anchor=digest(f"{last.text} {first.text}"), lines=2)
    assert find_marked_lines(two, "a.py", last.number, diff, text) is None
