"""One request fills its limit and never exceeds it, however the server counts."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings

from iquest_review.context.rows import NO_FRAME, NO_SIDE_ROWS, Frame, SideRows
from iquest_review.diff.diff import Diff, FileDiff
from iquest_review.errors import ContextExceededError
from iquest_review.excerpt.excerpt import Excerpt, Limits, estimate_tokens
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.merge_request import Intent
from iquest_review.prompt.batches import build_prompts
from iquest_review.prompt.fitting import MAX_TRIES, MESSAGE_TOKENS, Material, TokenCounter, fill_prompt
from iquest_review.prompt.templates import Message, Templates
from tests.support.prompts import (
    NONCE,
    PROMPTS,
    accounted,
    added,
    changed,
    deleted,
    diffs,
    hunk,
    lines,
    modified,
    templates,
)

TEMPLATES = templates()
SMALL_HUNKS = [
    modified(f"src/m{number}.py", *(hunk(" def f():", *[f"+    value = {at}"] * 9, new=at * 40) for at in range(1, 20)))
    for number in range(40)
]


def estimated(messages: list[Message]) -> int:
    return sum(estimate_tokens(message["content"]) + MESSAGE_TOKENS for message in messages)


def times(ratio: float) -> TokenCounter:
    """A server whose tokens are so many times those of the estimate."""
    return lambda messages: math.ceil(estimated(messages) * ratio)


def by_characters(messages: list[Message]) -> int:
    """A server that takes ASCII at 3.3 characters a token and every other character for two tokens."""
    text = "".join(message["content"] for message in messages)
    ascii_only = sum(character.isascii() for character in text)
    return math.ceil(ascii_only / 3.3) + 2 * (len(text) - ascii_only)


def nothing(messages: list[Message]) -> None:
    """A server that cannot count."""


class Counting:
    """A server whose calls are counted; those whose number is in `failing` fail."""

    def __init__(self, count: TokenCounter, failing: tuple[int, ...] = ()) -> None:
        self.count, self.failing, self.calls = count, failing, 0

    def __call__(self, messages: list[Message]) -> int | None:
        self.calls += 1
        return None if self.calls in self.failing else self.count(messages)


def recording_templates(written: list[Excerpt]) -> Templates:
    """Return templates that keep what they write."""

    class Recording(Templates):
        def render_messages(
            self,
            intent: Intent,
            excerpt: Excerpt,
            nonce: str,
            tokens: int = 0,
            frame: Frame = NO_FRAME,
            beside: SideRows = NO_SIDE_ROWS,
        ) -> list[Message]:
            written.append(excerpt)
            return super().render_messages(intent, excerpt, nonce, tokens, frame, beside)

    return Recording.load(PROMPTS, "en")


def material(files: list[FileDiff], screened: list[Omission] | None = None, intent: Intent | None = None) -> Material:
    return Material(files, screened or [], intent or Intent("A title"), TEMPLATES, NONCE)


@pytest.mark.parametrize("limit", [5_000, 8_000, 32_000])
@pytest.mark.parametrize(
    "count",
    [times(1), times(0.5), times(0.7), times(1.3), times(2), by_characters],
    ids=["exact", "half", "0.7", "1.3", "twice", "by characters"],
)
def test_a_cut_prompt_fills_the_servers_limit_without_exceeding_it(count: TokenCounter, limit: int) -> None:
    server = Counting(count)
    prompt = fill_prompt(material(SMALL_HUNKS), Limits(100_000, limit), server)

    assert prompt.excerpt.over_budget
    assert prompt.tokens == count(prompt.messages)
    assert 0.85 * limit <= prompt.tokens <= limit
    assert server.calls <= MAX_TRIES


@pytest.mark.parametrize("failing", [(2,), (3,), (2, 3, 4), (2, 4)])
@pytest.mark.parametrize("ratio", [0.5, 1, 2])
def test_a_failed_count_is_replaced_by_the_known_ratio(ratio: float, failing: tuple[int]) -> None:
    prompt = fill_prompt(material(SMALL_HUNKS), Limits(100_000, 8_000), Counting(times(ratio), failing))

    assert 0.85 * 8_000 <= times(ratio)(prompt.messages) <= 8_000  # type: ignore[operator]


def test_without_a_count_the_estimate_holds() -> None:
    server = Counting(nothing)
    prompt = fill_prompt(material(SMALL_HUNKS), Limits(100_000, 8_000), server)

    assert prompt.tokens == estimated(prompt.messages)
    assert 0.85 * 8_000 <= prompt.tokens <= 8_000
    assert server.calls == 1


def test_a_prompt_without_a_count_is_written_once() -> None:
    written: list[Excerpt] = []
    files = [deleted(f"some/folder/name{number}/file.py", *lines(30)) for number in range(200)]
    made = Material([*SMALL_HUNKS, *files], [], Intent("A title"), recording_templates(written), NONCE)
    fill_prompt(made, Limits(2_000, 8_000), nothing)

    assert len([excerpt for excerpt in written if excerpt.parts]) == 1


def test_later_requests_begin_with_the_servers_ratio() -> None:
    server = Counting(times(1.3))
    made = build_prompts(material(SMALL_HUNKS), Limits(100_000, 8_000), 4, server)

    assert len(made) == 4
    assert server.calls == 5
    assert all(0.85 * 8_000 <= prompt.tokens <= 8_000 for prompt in made)


def test_a_template_that_writes_the_diff_twice_stays_within_the_limit(tmp_path: Path) -> None:
    for file in (PROMPTS / "en").iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace("{{ diff }}", "{{ diff }}{{ diff }}"))
    twice = Material(SMALL_HUNKS, [], Intent("A title"), Templates.load(tmp_path, "en"), NONCE)
    prompt = fill_prompt(twice, Limits(100_000, 8_000), nothing)

    assert 0.7 * 8_000 <= prompt.tokens <= 8_000


def test_a_prompt_that_cannot_be_over_the_limit_is_not_counted() -> None:
    server = Counting(times(1))
    prompt = fill_prompt(material([added("a.py", *lines(20))]), Limits(2_000, 32_000), server)

    assert server.calls == 0
    assert prompt.excerpt.omissions == ()


def test_a_server_that_counts_twice_the_estimate_is_asked_in_time() -> None:
    files = [added(f"a{number}.py", *lines(40)) for number in range(100)]
    prompt = fill_prompt(material(files), Limits(500, 8_000), times(2))

    assert times(2)(prompt.messages) <= 8_000  # type: ignore[operator]


def test_a_prompt_cut_by_lines_does_not_grow() -> None:
    server = Counting(times(0.5))
    prompt = fill_prompt(material([added("a.py", *lines(4_000))]), Limits(1_000, 14_000), server)

    assert prompt.excerpt.lines == 1_000
    assert server.calls == 1


def test_a_hunk_too_large_for_the_rest_is_not_retried() -> None:
    server = Counting(times(0.5))
    wide = modified("wide.py", hunk(*["+" + "x" * 1_900] * 4))
    fill_prompt(material([added("a.py", *lines(20)), *[wide] * 30]), Limits(2_000, 4_000), server)

    assert server.calls <= MAX_TRIES


@settings(max_examples=30, deadline=None)
@given(diffs())
def test_no_changed_line_is_lost_and_the_limit_holds_for_any_diff(diff: Diff) -> None:
    for count, limit in ((nothing, 2_500), (by_characters, 3_000), (times(2), 4_500)):
        prompt = fill_prompt(material(list(diff.files)), Limits(200, limit), count)

        assert (count(prompt.messages) or prompt.tokens) <= limit
        assert +accounted(prompt.excerpt) == changed(diff.files)


def test_the_same_change_gives_the_same_prompt() -> None:
    one, other = (fill_prompt(material(SMALL_HUNKS), Limits(1_000, 8_000), by_characters) for _ in range(2))

    assert one == other


@pytest.mark.parametrize("limit", [4_000, 8_000, 32_000])
@pytest.mark.parametrize("reason", [Reason.LOCK, Reason.TOKENS])
def test_a_thousand_omissions_leave_the_room_to_the_diff(limit: int, reason: Reason) -> None:
    omissions = [Omission(f"packages/p{number % 40}/src/file{number}.ts", reason, 5) for number in range(1_000)]
    prompt = fill_prompt(material(SMALL_HUNKS, omissions), Limits(100_000, limit), nothing)
    plain = fill_prompt(material(SMALL_HUNKS), Limits(100_000, limit), nothing)

    assert prompt.excerpt.lines >= (0.6 if limit == 4_000 else 0.75) * plain.excerpt.lines
    assert prompt.tokens <= limit


def test_a_description_cannot_take_the_room_of_the_diff() -> None:
    long = Intent("标题" * 500, "描述" * 50_000, ("标签" * 50,) * 50)
    prompt = fill_prompt(material(SMALL_HUNKS, intent=long), Limits(100_000, 8_000), nothing)

    assert prompt.excerpt.lines > 100


@pytest.mark.parametrize("count", [nothing, times(1), times(2), times(0.9)])
def test_a_limit_below_the_instructions_is_a_clear_error(count: TokenCounter) -> None:
    with pytest.raises(
        ContextExceededError,
        match=r"^the instructions alone take \d+ of 500 prompt tokens: set IQUEST_MAX_TOKENS higher$",
    ):
        fill_prompt(material(SMALL_HUNKS), Limits(2_000, 500), count)


def test_a_server_that_counts_less_is_believed() -> None:
    """By the estimate not even the instructions would fit."""
    prompt = fill_prompt(material([added("a.py", *lines(5))]), Limits(2_000, 1_200), times(0.5))

    assert prompt.excerpt.lines == 5


def test_the_diff_leaves_room_for_its_own_omissions() -> None:
    files = [deleted(f"some/rather/long/folder/name{number}/with/a/file.py", *lines(30)) for number in range(200)]
    prompt = fill_prompt(material(files), Limits(100_000, 6_000), nothing)

    assert 0.96 * 6_000 <= prompt.tokens <= 6_000
