"""Thinking in every dialect: never shown, and what a model drafts or quotes there is not its review."""

import json

import pytest

from iquest_review.llm.reply import Review, UnusableReply, parse_reply
from iquest_review.reasons.reply import FlawedReply, ReplyFlaw
from tests.excerpt.test_chat_tokens import CONTROL, THINKING

ISSUE = {"file": "a.py", "line": 2, "quote": "two", "type": "bug", "severity": "high", "description": "Two is wrong."}
EMPTY = json.dumps({"issues": [], "summary": "Nothing to remark.", "suggestions": []})
FOUND = json.dumps({"issues": [ISSUE], "summary": "One.", "suggestions": []})
SECRET = "My secret plan {x} is"
DIALECTS = [
    *THINKING,
    ("<think>", "</think>\n<answer>"),
    ("<thinking>a<reflection>b", "</reflection>c</thinking>"),
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>commentary to=functions.review <|constrain|>json<|message|>",
    ),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>"),
    ("analysisWe see. ", "assistantfinal"),
    ("<｜Assistant｜><think>", "</think>"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("Here is my thought process: ", "\nHere is my response:\n"),
    ("<|im_start|>assistant\n<think>", "</think>\n\n<tool_call>"),
    ("◁think▷", "◁/think▷\n<|begin_of_box|>"),
]


@pytest.mark.parametrize(("begin", "end"), DIALECTS)
@pytest.mark.parametrize("draft", ["", EMPTY, FOUND, '{"issues": ['])
@pytest.mark.parametrize("final", [EMPTY, FOUND])
def test_the_review_is_what_follows_the_thinking(begin: str, end: str, draft: str, final: str) -> None:
    review = parse_reply(f"{begin}{SECRET} {draft} so.{end}{final}")

    assert isinstance(review, Review)
    assert len(review.findings) == (final == FOUND)


@pytest.mark.parametrize(("begin", "end"), DIALECTS)
@pytest.mark.parametrize("text", ["I see nothing.", "{broken: json"])
def test_thinking_is_never_shown_as_it_is(begin: str, end: str, text: str) -> None:
    for reply in (f"{begin}{SECRET}{end}{text}", f"{begin}{SECRET}", f"{begin}{SECRET}{end}"):
        result = parse_reply(reply)

        assert isinstance(result, UnusableReply)
        assert "secret" not in result.text
        assert result.text in (text, "")


@pytest.mark.parametrize(("begin", "end"), THINKING)
def test_thinking_that_a_template_began_is_not_shown(begin: str, end: str) -> None:
    assert parse_reply(f"{SECRET}{end}") == UnusableReply("", FlawedReply(ReplyFlaw.INSIDE_REASONING))


def test_a_draft_before_the_end_of_thinking_is_no_review() -> None:
    assert isinstance(parse_reply(f"{EMPTY}\n</think>\nThe rest is for you."), UnusableReply)


@pytest.mark.parametrize("end", sorted({end for _, end in THINKING if "<" in end}))
@pytest.mark.parametrize("draft", [EMPTY, FOUND], ids=["none", "findings"])
@pytest.mark.parametrize(
    "thinking",
    [
        "{} But wait, line 3.",
        "Let me see. {} No, that is wrong.",
        "A draft: {}",
        "```json\n{}\n```\nOr not?",
        "{}\n{}\nHm.",
    ],
    ids=["words behind", "words around", "words before", "fenced", "twice"],
)
def test_a_draft_in_thinking_without_an_answer_is_no_review(end: str, draft: str, thinking: str) -> None:
    assert isinstance(parse_reply(thinking.replace("{}", draft) + end), UnusableReply)


@pytest.mark.parametrize("review", [EMPTY, FOUND, f"```json\n{EMPTY}\n```\n"], ids=["none", "findings", "fenced"])
def test_a_lone_tag_behind_a_clean_review_is_no_other_text(review: str) -> None:
    assert isinstance(parse_reply(f"{review}</think>"), Review)


@pytest.mark.parametrize("tail", ["<|im_end|>", "</s>", "<|return|>", "<|eot_id|>\n<|start_header_id|>assistant"])
def test_control_tokens_behind_a_clean_review_are_no_other_text(tail: str) -> None:
    assert isinstance(parse_reply(EMPTY + "\n" + tail * 3), Review)


@pytest.mark.parametrize("token", [*CONTROL, *(tag for pair in THINKING for tag in pair)])
@pytest.mark.parametrize("before", ["", "<think>So.</think>", "```json\n"])
def test_a_finding_about_a_token_survives(token: str, before: str) -> None:
    issue = {**ISSUE, "quote": f'if "{token}" in text:', "description": f"{token} is not handled, as in {token}x."}
    review = parse_reply(before + json.dumps({"issues": [issue], "summary": token, "suggestions": []}))

    assert isinstance(review, Review)
    assert [finding.quote for finding in review.findings] == [issue["quote"]]
    assert [finding.description for finding in review.findings] == [issue["description"]]
