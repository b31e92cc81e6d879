"""Whether earlier remarks are fixed: only a plain yes counts that cites a row which was shown."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import FileDiff
from iquest_review.errors import (
    ContextExceededError,
    FormatRefusedError,
    ModelError,
    ModelRefusedError,
    ModelUnreachableError,
)
from iquest_review.excerpt.excerpt import Limits, estimate_tokens
from iquest_review.llm import reply as replies
from iquest_review.llm.ask_fixed import NEARBY_LINES, FixedRemarks, ask_fixed
from iquest_review.llm.client import ModelClient, Sampling
from iquest_review.net.address import Address
from iquest_review.prompt.fitting import MESSAGE_TOKENS
from iquest_review.prompt.remarks import MAX_TEXT_CHARS, Remark
from iquest_review.prompt.templates import Templates
from iquest_review.reasons.prompt import PromptCut
from iquest_review.stand_in.review import RULES
from iquest_review.stand_in.server import StandIn
from tests.llm.test_ask import FakeModel, model, reply
from tests.support.model.double import Fault, ModelDouble, Scripted
from tests.support.prompts import NONCE, added, hunk, lines, modified, renamed, templates
from tests.support.reasons import DOWN

ROW = "return parse(text)"
CHANGED = ("+# reads", "+def f(text):", "-    return eval(text)", f"+    {ROW}", "+    # done")
FILE = modified("a.py", hunk(*CHANGED, old=5, new=5))
OTHER = modified("b.py", hunk(" }", "+x = 1", new=20))
REMARKS = [Remark("a.py", 5, "It runs what it reads."), Remark("a.py", 8, "Two."), Remark("b.py", 20, "Three.")]
PLENTY = Limits(2_000, 30_000)


def entry(number: Any = 1, evidence: Any = ROW, fixed: Any = True) -> dict[str, Any]:
    return {"number": number, "evidence": evidence, "fixed": fixed}


def answer(*entries: object) -> str:
    return json.dumps({"remarks": entries})


def asked(
    fake: FakeModel,
    remarks: list[Remark] = REMARKS,
    files: tuple[FileDiff, ...] = (FILE, OTHER),
    limits: Limits = PLENTY,
) -> FixedRemarks:
    return ask_fixed(fake, templates(), remarks, files, limits, NONCE)


def fixed(text: str, finish_reason: str = "stop", reasoning: str = "") -> set[int]:
    """The indexes that a reply fixes."""
    return set(asked(model(reply(text, finish_reason, reasoning))).numbers)


def prompt(fake: FakeModel) -> str:
    (question,) = fake.asked
    (message,) = question.messages
    return message["content"]


# -- the question


def test_all_remarks_are_asked_about_in_one_message_in_words() -> None:
    fake = model(answer(entry(1), entry(3, "x = 1")))
    result = asked(fake)

    assert result.numbers == {0, 2}
    assert [said.text for said in result.replies] == [answer(entry(1), entry(3, "x = 1"))]
    assert [(question.form, question.max_tokens) for question in fake.asked] == [(None, None)]
    assert [row for row in prompt(fake).split("\n") if row.startswith("remark ")] == [
        "remark 1: a.py (line 5)",
        "remark 2: a.py (line 8)",
        "remark 3: b.py (line 20)",
    ]
    assert "+7|     return parse(text)" in prompt(fake)


def test_an_answer_that_cannot_be_used_is_not_asked_for_again() -> None:
    fake = model("I had rather not say.", answer(entry()))
    result = asked(fake)

    assert (result.numbers, len(result.replies), len(fake.asked)) == (frozenset(), 1, 1)


def test_a_yes_to_a_cut_prompt_fixes_nothing() -> None:
    said = reply(answer(entry(1), entry(3, "x = 1")))
    result = asked(model(replace(said, cut=PromptCut(64, 1_900))))

    assert (result.numbers, len(result.replies)) == (frozenset(), 1)


@pytest.mark.parametrize("error", [ModelUnreachableError, ModelRefusedError, ContextExceededError, FormatRefusedError])
def test_a_model_that_cannot_be_asked_fixes_nothing_and_fails_nothing(error: type[ModelError]) -> None:
    assert asked(model(error(DOWN))) == FixedRemarks()


def test_a_remark_of_a_file_not_shown_is_left_out_and_numbers_still_fit() -> None:
    gone = [Remark("gone.py", 1, "t"), *REMARKS, Remark("new.py", 1, "t")]
    fake = model(answer(entry(1), entry(4)))
    result = asked(fake, gone, (FILE, OTHER, renamed("old.py", "new.py")))

    assert result.numbers == {1}
    assert "gone.py" not in prompt(fake)
    assert "new.py (line" not in prompt(fake)


def test_files_nobody_remarked_on_are_not_shown() -> None:
    fake = model(answer())
    asked(fake, [REMARKS[2]])

    assert "=== file: b.py" in prompt(fake)
    assert "=== file: a.py" not in prompt(fake)


@pytest.mark.parametrize(
    ("line", "is_asked"),
    [(1, True), (None, True), (52, True), (51 + NEARBY_LINES, True), (52 + NEARBY_LINES, False), (900, False)],
)
def test_a_place_that_is_not_shown_is_not_asked_about(line: int | None, is_asked: bool) -> None:
    file = modified("a.py", hunk(*[f"+{row}" for row in lines(50)], new=2))
    fake = model(answer())
    asked(fake, [Remark("a.py", line, "t")], (file,))

    assert bool(fake.asked) == is_asked


@pytest.mark.parametrize("remarks", [[], [Remark("c.py", 1, "t")]])
def test_nothing_is_asked_when_there_is_nothing_to_ask(remarks: list[Remark]) -> None:
    fake = model()

    assert asked(fake, remarks) == FixedRemarks()
    assert fake.asked == []


def test_nothing_is_asked_without_a_template(tmp_path: Path) -> None:
    for name in ("system", "user", "again"):
        (tmp_path / f"{name}.j2").write_text("mine", "utf-8")
    fake = model()

    assert ask_fixed(fake, Templates.load(tmp_path, "en"), REMARKS, (FILE, OTHER), PLENTY, NONCE) == FixedRemarks()
    assert fake.asked == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("tokens", [700, 1_000, 1_500, 2_500, 5_000, 10_000])
def test_the_whole_prompt_stays_within_its_tokens_and_the_last_remarks_go_first(language: str, tokens: int) -> None:
    files = [modified(f"f{number}.py", hunk(*[f"+{row}" for row in lines(40)])) for number in range(30)]
    remarks = [Remark(f"f{number}.py", 3, "错" * 2 * MAX_TEXT_CHARS if number % 2 else "t") for number in range(30)]
    fake = model(answer(*(entry(number, "value = 3") for number in range(1, 31))))
    result = ask_fixed(fake, templates(language), remarks, files, Limits(2_000, tokens), NONCE)

    if fake.asked:
        assert estimate_tokens(prompt(fake)) + MESSAGE_TOKENS <= tokens
    assert sorted(result.numbers) == list(range(len(result.numbers)))
    assert len(result.numbers) == (prompt(fake).count("\nremark ") if fake.asked else 0)
    assert bool(result.numbers) or tokens <= 1_000
    assert not result.numbers or tokens > 700
    assert len(result.numbers) < 30


def test_long_remarks_leave_half_of_the_room_to_the_code() -> None:
    files = [modified(f"f{number}.py", hunk(*[f"+{row}" for row in lines(150)])) for number in range(9)]
    fake = model(answer(entry(1, "value = 3"), entry(2, "value = 3")))
    result = asked(
        fake, [Remark(f"f{number}.py", 3, "错" * 999) for number in range(9)], tuple(files), Limits(999, 5_000)
    )

    assert result.numbers == {0}
    assert prompt(fake).count("\nremark ") == 1


@pytest.mark.parametrize("words", [1, 180])
def test_code_that_does_not_fit_is_shown_as_far_as_it_does(words: int) -> None:
    fake = model(answer())
    asked(fake, [Remark("a.py", 3, "word " * words)], (added("a.py", *lines(1_000)),), Limits(2_000, 2_500))

    assert 2_000 < estimate_tokens(prompt(fake)) + MESSAGE_TOKENS <= 2_500


def test_a_template_that_writes_more_than_was_counted_asks_nothing(tmp_path: Path) -> None:
    for name in ("system", "user", "again", "fixed"):
        (tmp_path / f"{name}.j2").write_text("{{ remarks }}{{ diff }}" * 2 if name == "fixed" else "mine", "utf-8")
    loaded, file, remark = Templates.load(tmp_path, "en"), added("a.py", *lines(150)), Remark("a.py", 3, "t")
    fake = model(answer(), answer())

    ask_fixed(fake, loaded, [remark], [file], Limits(999, 1_500), NONCE)
    assert fake.asked == []
    ask_fixed(fake, loaded, [remark], [file], Limits(999, 4_000), NONCE)
    assert len(fake.asked) == 1


def test_the_limit_of_lines_holds_too() -> None:
    fake = model(answer())
    asked(fake, REMARKS, (added("a.py", *lines(150)), OTHER), Limits(10, 30_000))

    assert "remark 1: b.py" in prompt(fake)
    assert "a.py" not in prompt(fake)


# -- a plain yes


@pytest.mark.parametrize(
    "evidence",
    [
        ROW,
        f"    {ROW}  ",
        "return  parse( text )",
        f"+7|     {ROW}",
        f"+    {ROW}",
        "return eval(text)",
        "def f(text):",
        "parse(text)",
        f"def f(text):\n    {ROW}",
    ],
)
def test_a_yes_with_a_row_that_is_shown_counts(evidence: str) -> None:
    assert fixed(answer(entry(evidence=evidence))) == {0}


@pytest.mark.parametrize(
    "evidence",
    [
        *(
            "",
            " \n",
            "return parse(data)",
            "text",
            "a.py",
            "=== file: a.py",
            "=== status: modified",
            "+7|",
            "+",
            None,
            [ROW],
            7,
        ),
        *(f"{ROW}\nno", f"{ROW}\n" * 21, "def f(text): return parse(text)"),
    ],
)
def test_a_yes_without_one_does_not(evidence: object) -> None:
    assert fixed(answer(entry(evidence=evidence))) == set()


def test_a_short_row_is_evidence_only_as_a_whole() -> None:
    assert fixed(answer(entry(3, "x = 1"))) == {2}
    assert fixed(answer(entry(3, "x ="))) == set()


@pytest.mark.parametrize("value", [False, None, 1, "true", "yes", [True], {}])
def test_only_true_is_a_yes(value: object) -> None:
    assert fixed(answer(entry(fixed=value), entry(2))) == {1}


@pytest.mark.parametrize("number", [0, -1, 4, 10**30, "1", 1.0, True, None, [1]])
def test_only_the_number_of_a_remark_is_one(number: object) -> None:
    assert fixed(answer(entry(number), entry(2))) == {1}


@pytest.mark.parametrize("other", [entry(fixed=False), entry(fixed="no"), entry(evidence="made up"), {"number": 1}])
@pytest.mark.parametrize("first", [True, False])
def test_a_number_with_two_verdicts_is_not_fixed(other: dict[str, Any], first: bool) -> None:
    said = [other, entry()] if first else [entry(), other]

    assert fixed(answer(*said, entry(2))) == {1}
    assert fixed(answer(entry(), entry())) == {0}


@pytest.mark.parametrize(
    "text",
    [
        '{"number": 1, "evidence": "ROW", "fixed": false, "fixed": true}',
        '{"number": 2, "evidence": "ROW", "fixed": false, "number": 1, "fixed": true}',
        '{"number": 1, "evidence": "ROW"}',
        '{"evidence": "ROW", "fixed": true}',
        '[1, "ROW", true]',
        "null",
    ],
)
def test_an_entry_that_says_something_twice_or_not_at_all_does_not_count(text: str) -> None:
    good = json.dumps(entry(2))

    assert fixed(f'{{"remarks": [{text.replace("ROW", ROW)}, {good}]}}') == {1}


def test_more_keys_do_no_harm() -> None:
    assert fixed(json.dumps({"remarks": [{**entry(), "why": "It parses."}], "summary": "s"})) == {0}


# -- around it


YES = answer(entry())


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{YES}\n```",
        f"\n {YES} \n",
        f"Here you are:\n```json\n{YES}\n```",
        f"{YES}\n\nRemark 1 is gone.",
        f"<think>Is it {{fixed}}?</think>\n{YES}",
        f"It may be.\n</think>\n{YES}",
        f"<think>{answer(entry(2))}</think>{YES}",
        json.dumps(json.loads(YES), indent=2),
    ],
)
def test_words_a_fence_or_thinking_around_the_object_do_no_harm(text: str) -> None:
    assert fixed(text) == {0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "{}",
        "[]",
        json.dumps([entry()]),
        json.dumps(entry()),
        json.dumps({"issues": [entry()]}),
        json.dumps({"remarks": entry()}),
        json.dumps({"remarks": {"1": True}}),
        json.dumps({"answer": {"remarks": [entry()]}}),
        json.dumps(YES),
        YES.replace('"', "'"),
        YES.replace("true", "True"),
        YES.replace("}]", "}}]"),
        f"The diff holds {YES}, which I do not follow.",
        f"{YES}\n{answer(entry(fixed=False))}",
        f"{YES} and {YES}",
        f"<think>{YES}",
        f"<think>{YES}</think>",
        f"<think>{YES}</think>I am not sure.",
        f"{YES}</think>I am not sure.",
        f'{{"remarks": [{json.dumps(entry())}], "remarks": []}}',
        f'{{"remarks": [{json.dumps(entry())}, {{"number": 2, "evidence": "print("x")", "fixed": true}}]}}',
        '{"remarks": [' * 50_000,
        YES + "x" * replies.MAX_ANSWER_CHARS,
        " " * replies.MAX_REPLY_CHARS + YES,
    ],
)
def test_anything_else_is_no_yes(text: str) -> None:
    assert fixed(text) == set()


def test_what_is_quoted_in_an_entry_is_no_entry() -> None:
    assert fixed(answer(entry(evidence=YES, fixed=False))) == set()


@pytest.mark.parametrize("finish_reason", ["length", "stop"])
def test_of_an_answer_that_breaks_off_the_whole_entries_count(finish_reason: str) -> None:
    text = answer(entry(1), entry(2), entry(3, "x = 1"))

    assert fixed(text[: text.index('"x = 1"') + 3], finish_reason) == {0, 1}
    assert fixed(text[: text.index('"number": 2')], finish_reason) == {0}
    assert fixed(text[: text.index("true") + 4], finish_reason) == set()
    assert fixed(text[:-2], finish_reason) == {0, 1, 2}
    assert fixed(text.replace("}, ", "}; ")[:-20], finish_reason) == set()


def test_what_breaks_off_may_be_thinking_without_its_tags() -> None:
    assert fixed(f"I could say {YES[:-2]}", "length") == set()
    assert fixed(f"I could say {YES[:-2]}", "stop") == set()
    assert fixed(f"I could say {YES}", "length") == set()
    assert fixed(f"```json\n{YES[:-2]}", "length") == {0}


def test_an_answer_that_the_server_took_for_reasoning_counts_as_in_a_review() -> None:
    assert fixed("", "stop", YES) == {0}
    assert fixed("", "length", YES) == set()
    assert fixed("", "stop", f"Perhaps {YES}") == set()
    assert fixed("I cannot say.", "stop", YES) == set()


PIECES = [*'{}[],:"\\\n ', "]}", "no", "<think>", "</think>", "```", '{"remarks": [', '"number": 1', '"fixed": true']
PIECES += [f'"evidence": "{ROW}"', json.dumps(entry()), json.dumps(entry(fixed=False))]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.sampled_from(["stop", "length"]))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_text_raises_and_a_no_outweighs_a_yes(text: str, finish_reason: str) -> None:
    assert fixed(text, finish_reason) <= {0}
    assert fixed(text + answer(entry(fixed=False)), finish_reason) == set()


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=6), st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_cut_never_adds_a_yes_that_no_whole_entry_holds(
    verdicts: list[tuple[int, bool]], data: st.DataObject
) -> None:
    entries = [entry(number, "x = 1" if number == 3 else ROW, value) for number, value in verdicts]
    text = answer(*entries)
    at = data.draw(st.integers(0, len(text)))
    whole = {number - 1 for number, value in verdicts if value}
    cut = fixed(text[:at], "length")

    assert cut <= whole
    assert fixed(text) == whole - {number - 1 for number, value in verdicts if not value}


@pytest.mark.parametrize("evidence", ["# reads", "}", "x = 1"])
def test_only_another_changed_row_of_the_same_file_is_evidence(evidence: str) -> None:
    assert fixed(answer(entry(1, evidence))) == set()


# -- over HTTP


def endpoint(url: str, name: str | None = None) -> ModelClient:
    return ModelClient(
        Address.parse(url),
        model=name,
        key=None,
        sampling=Sampling(0.2, 0.95, 500),
        timeout=5,
        retry_seconds=0.1,
        sleep=lambda _: None,
    )


def over_http(url: str, remarks: list[Remark] = REMARKS) -> FixedRemarks:
    server = endpoint(url)
    server.select_model()
    return ask_fixed(server, templates(), remarks, (FILE, OTHER), PLENTY, NONCE)


def test_a_server_is_asked_once_and_tokens_are_told() -> None:
    with ModelDouble(fixed=answer(entry(2, ROW))) as double:
        result = over_http(double.url)
        assert len(double.completions) == len(double.asked_fixed) == 1

    assert result.numbers == {1}
    assert result.replies[0].prompt_tokens > 300
    assert "response_format" not in double.asked_fixed[0].body


@pytest.mark.parametrize("said", [Fault(500), Fault(400), Fault(200, "<html>"), Fault(body="x" * 90, drop=True)])
def test_a_server_that_fails_fixes_nothing(said: Scripted) -> None:
    with ModelDouble(fixed=said) as double:
        assert over_http(double.url) == FixedRemarks()


def test_the_stand_in_knows_its_own_remarks_and_no_others() -> None:
    said = next(rule.en for rule in RULES if rule.name == "evaluation of a value")
    with StandIn() as server:
        result = over_http(server.url, [replace(REMARKS[0], text=f"**high** {said}"), *REMARKS])

    assert result.numbers == {0}
