"""Which files share a request when one does not hold them all, and what all of them showed together."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Diff, FileDiff
from iquest_review.errors import ContextExceededError
from iquest_review.excerpt.excerpt import Excerpt, Limits
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.numbered_rows import count_hidden_lines
from iquest_review.merge_request import Intent
from iquest_review.prompt.batches import build_prompts, merge_excerpts, sort_by_relation
from iquest_review.prompt.fitting import Material, fill_prompt, measure_room
from tests.support.prompts import NONCE, added, changed, diffs, hunk, lines, modified, omitted, renamed, templates

TEMPLATES = templates()


def material(*files: FileDiff, screened: tuple[Omission, ...] = ()) -> Material:
    return Material(files, screened, Intent("A change"), TEMPLATES, NONCE)


def uncounted(_: object) -> None:
    return None


def paths(excerpt: Excerpt) -> list[str]:
    return [part.file.path for part in excerpt.parts]


def test_a_change_that_fits_is_one_request() -> None:
    made = build_prompts(material(added("a.py", "one"), added("b.py", "two")), Limits(2000, 8000), 4, uncounted)

    assert [paths(prompt.excerpt) for prompt in made] == [["a.py", "b.py"]]


def test_files_of_a_folder_share_a_request() -> None:
    files = [added(f"{folder}/{name}.py", *lines(100)) for name in "abc" for folder in ("one", "two")]

    made = build_prompts(material(*files), Limits(310, 100_000), 4, uncounted)

    assert [paths(prompt.excerpt) for prompt in made] == [
        ["one/a.py", "one/b.py", "one/c.py"],
        ["two/a.py", "two/b.py", "two/c.py"],
    ]


def test_a_test_goes_with_the_code_it_tests() -> None:
    files = [
        added(path, "one")
        for path in (
            *("src/a/thing.py", "src/b/thing.py", "src/other.py", "tests/b/test_thing.py", "tests/test_other.py"),
            *("web/view.ts", "web/view.spec.ts", "pkg/run.go", "pkg/run_test.go", "app/Order.java"),
            *("test/app/OrderTest.java", "zz/test_alone.py"),
        )
    ]

    assert [file.path for file in sort_by_relation(files)] == [
        *("app/Order.java", "test/app/OrderTest.java", "pkg/run.go", "pkg/run_test.go", "src/a/thing.py"),
        *("src/b/thing.py", "tests/b/test_thing.py", "src/other.py", "tests/test_other.py"),
        *("web/view.ts", "web/view.spec.ts", "zz/test_alone.py"),
    ]


def test_the_allowed_requests_show_the_most_important_files() -> None:
    files = [added(f"docs/{number}.md", *lines(100)) for number in range(8)]
    files += [added(f"src/{number}.py", *lines(100)) for number in range(4)]

    made = build_prompts(material(*files), Limits(210, 100_000), 2, uncounted)

    assert sorted(path for prompt in made for path in paths(prompt.excerpt)) == [f"src/{n}.py" for n in range(4)]


def test_the_requests_are_filled_evenly() -> None:
    files = [added(f"src/{number}.py", *lines(100)) for number in range(6)]

    made = build_prompts(material(*files), Limits(450, 100_000), 4, uncounted)

    assert [len(prompt.excerpt.parts) for prompt in made] == [3, 3]


def test_a_small_file_before_a_huge_one_shares_its_request() -> None:
    files = [added("docs/x.md", "one line"), added("src/a.py", *lines(1_500))]

    made = build_prompts(material(*files), Limits(400, 100_000), 4, uncounted)

    assert [prompt.excerpt.lines for prompt in made] == [400, 400, 400, 301]


def test_a_request_does_not_list_omissions_that_others_show() -> None:
    made = build_prompts(material(added("a.py", *lines(900))), Limits(400, 100_000), 4, uncounted)

    assert len(made) == 3
    assert not any("over the line budget" in prompt.messages[1]["content"] for prompt in made)
    assert all("a.py (added, +900 -0)" in prompt.messages[1]["content"] for prompt in made)


def test_the_overview_lists_code_first() -> None:
    files = [added(path, *lines(300)) for path in ("README.md", "src/a.py", "tests/test_a.py", "zoo.py")]

    first, *_ = build_prompts(material(*files), Limits(400, 100_000), 4, uncounted)

    rows = re.findall(r"^(\S+) \(added, ", first.messages[1]["content"], re.MULTILINE)
    assert rows == ["src/a.py", "zoo.py", "tests/test_a.py", "README.md"]


def test_a_file_larger_than_a_request_continues_in_the_next() -> None:
    made = build_prompts(material(added("a.py", *lines(900))), Limits(400, 100_000), 4, uncounted)

    assert [prompt.excerpt.compute_coverage()[0].shown[0] for prompt in made] == [(1, 400), (401, 800), (801, 900)]


def test_a_hunk_that_never_fits_leaves_one_empty_request() -> None:
    huge = added("a.py", *("x" * 450 for _ in range(30)))

    bare = fill_prompt(material(huge), Limits(0, 8000), uncounted)

    (only,) = build_prompts(material(huge), Limits(5, bare.tokens + 80), 4, uncounted)

    assert only.excerpt.parts == ()


def test_instructions_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ContextExceededError):
        build_prompts(material(added("a.py", "one")), Limits(2000, 500), 4, uncounted)


def test_the_room_of_a_request_is_what_the_instructions_leave() -> None:
    full = material(added("a.py", *lines(50)))

    left = measure_room(full, Limits(2000, 8000))

    bare = fill_prompt(material(), Limits(2000, 8000), uncounted)
    assert left == Limits(2000, 8000 - bare.tokens)


def test_an_excerpt_of_all_requests_has_each_hunk_in_its_place() -> None:
    first, second = hunk("+one", new=1), hunk("+two", old=9, new=10)
    file = modified("a.py", first, second)
    halves = [Excerpt((), ()), *(fill_prompt(material(modified("a.py", part)), Limits(9, 8000), uncounted).excerpt
                                 for part in (second, first))]  # fmt: skip

    whole = merge_excerpts([file], (), halves)

    assert whole.parts[0].file is file
    assert whole.parts[0].hunks == (first, second)
    assert whole.omissions == ()


def test_the_lines_of_an_unanswered_request_are_left_out() -> None:
    one, other = (
        fill_prompt(material(file), Limits(9, 8000), uncounted).excerpt for file in (added("a", "1"), added("b", "2"))
    )

    for reason in (Reason.UNANSWERED, Reason.TIME):
        whole = merge_excerpts([added("a", "1"), added("b", "2")], (), [one], [(other, reason)])

        assert whole.omissions == (Omission("b", reason, 1),)


def test_a_rename_that_no_request_showed_is_left_out() -> None:
    assert merge_excerpts([renamed("a", "b")], (), []).omissions == (Omission("b", Reason.TOKENS, 0),)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(diffs(), st.integers(1, 4), st.integers(1, 60))
def test_every_changed_line_is_shown_once_or_left_out_once(diff: Diff, most: int, rows: int) -> None:
    files = diff.files
    made = build_prompts(material(*files), Limits(rows, 4000), most, uncounted)

    whole = merge_excerpts(files, (), [prompt.excerpt for prompt in made])

    assert len(made) <= most
    assert all(prompt.tokens <= 4000 and prompt.excerpt.lines <= rows for prompt in made)
    pieces = [(part.file.path, piece) for prompt in made for part in prompt.excerpt.parts for piece in part.hunks]
    shown: Counter[str] = Counter()
    for path, piece in pieces:
        shown[path] += piece.changed_lines - count_hidden_lines(piece)
    assert +(shown + omitted(whole.omissions)) == +changed(files)
