"""For any two trees: what git says of them is what the diff holds, to the line."""

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iquest_review.diff import patch
from tests.support.apply_patch import applied
from tests.support.fast_import import Files, History, histories

FORMS = (
    *((), ("--unified=0",), ("--no-renames",), ("--find-renames=30%", "--find-copies-harder"), ("--unified=30",)),
    *(
        ("--no-prefix",),
        ("--src-prefix=i/", "--dst-prefix=w/"),
        ("--src-prefix=old/", "--dst-prefix=new/tree/"),
        ("--patience", "--inter-hunk-context=5"),
        ("--text",),
    ),
)
real_git = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@real_git
@given(histories(3), st.sampled_from(FORMS))
def test_a_parsed_diff_turns_the_one_tree_into_the_other(trees: list[Files], form: tuple[str, ...]) -> None:
    with History(trees) as history:
        for number, (old, new) in enumerate(pairwise(trees)):
            there = history.git("diff", *form, f"c{number}", f"c{number + 1}")
            back = history.git("diff", *form, "-R", f"c{number}", f"c{number + 1}")
            assert applied(patch.parse_patch(there), old) == new
            assert applied(patch.parse_patch(back), new) == old


@real_git
@given(histories(2))
def test_counts_are_those_of_git_apply_numstat(trees: list[Files]) -> None:
    with History(trees) as history:
        text = history.git("diff", "c0", "c1")
        (history.path / "patch").write_bytes(text)
        rows = history.git("apply", "--numstat", "-z", "--allow-empty", "patch").decode().split("\0")[:-1]
        told = [f"{file.added}\t{file.removed}\t{file.new_path}" for file in patch.parse_patch(text).files]
        assert sorted(told) == sorted(rows)
