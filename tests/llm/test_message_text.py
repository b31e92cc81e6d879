"""A reply in the forms that servers give it: parts, tool calls, refusals, filters, errors."""

import json
from typing import Any

import pytest

from iquest_review.llm.ask import StructuredOutput, ask_for_review
from iquest_review.llm.reply import Review, UnusableReply
from iquest_review.llm.wire import parse_completion
from iquest_review.reasons.reply import FlawedReply, ModelRefuses, ReplyFlaw
from tests.llm.test_ask import model
from tests.support.prompts import templates

REVIEW = '{"issues": [], "summary": "Nothing to remark.", "suggestions": []}'
THINKING = [
    {"type": "thinking", "thinking": REVIEW.replace("Nothing", "A draft: nothing")},
    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
    {"type": "reasoning", "text": "Hm."},
    {"type": "reasoning", "summary": []},
    {"type": "redacted_thinking", "data": "xyz"},
    {"type": "text", "text": "Hm.", "thought": True},
    {"type": "image_url", "image_url": {"url": "data:"}},
    None,
    5,
]


def read(message: Any, finish: Any = "stop", **more: Any) -> Review | UnusableReply:
    """What a reply with this message comes to, asked for once."""
    choice = {"message": message, "finish_reason": finish, **more.pop("choice", {})}
    reply = parse_completion({"choices": [choice], **more}, chat=True, model="m", seconds=0)
    assert reply is not None
    answer = ask_for_review(model(reply), templates(), [{"role": "user", "content": "x"}], StructuredOutput.PROMPT, 1)
    return answer.result


@pytest.mark.parametrize(
    "content",
    [
        pytest.param([{"type": "text", "text": REVIEW}], id="text"),
        pytest.param([{"type": "output_text", "text": REVIEW, "annotations": []}], id="output_text"),
        pytest.param([REVIEW], id="a plain string"),
        pytest.param([{"text": REVIEW}], id="without a type"),
        pytest.param([{"type": "text", "text": {"value": REVIEW}}], id="a value"),
        pytest.param([{"type": "text", "text": REVIEW[:20]}, {"type": "text", "text": REVIEW[20:]}], id="two halves"),
        pytest.param({"type": "text", "text": REVIEW}, id="one part alone"),
        pytest.param(json.loads(REVIEW), id="an object"),
        *(pytest.param([part, {"type": "text", "text": REVIEW}], id=f"behind {part}") for part in THINKING),
    ],
)
def test_text_parts_are_the_answer_and_thinking_is_not(content: Any) -> None:
    result = read({"content": content})

    assert isinstance(result, Review)
    assert result.summary == "Nothing to remark."


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"tool_calls": [{"function": {"name": "review", "arguments": REVIEW}}]}, id="a tool"),
        pytest.param({"tool_calls": [{"function": {"arguments": json.loads(REVIEW)}}]}, id="arguments as an object"),
        pytest.param({"function_call": {"name": "review", "arguments": REVIEW}}, id="a function"),
        pytest.param(
            {"content": "I report it.", "tool_calls": [{"function": {"arguments": REVIEW}}]}, id="beside words"
        ),
    ],
)
def test_a_review_in_a_tool_call_is_the_answer(message: dict[str, Any]) -> None:
    assert isinstance(read({"content": None, **message}, "tool_calls"), Review)


def test_two_tool_calls_with_different_reviews_are_ambiguous() -> None:
    calls = [{"function": {"arguments": text}} for text in (REVIEW, REVIEW.replace("Nothing", "Much"))]

    assert read({"content": None, "tool_calls": calls}) == UnusableReply(
        "\n".join(call["function"]["arguments"] for call in calls), FlawedReply(ReplyFlaw.SEVERAL_REVIEWS)
    )


@pytest.mark.parametrize("content", [None, "", []])
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"message": {"refusal": "I must not."}}, "the model refuses to answer: I must not."),
        ({"finish": "content_filter"}, "a content filter of the server withholds it (content_filter)"),
        ({"choice": {"error": {"message": "CUDA out of memory", "code": 502}}}, "an error: CUDA out of memory"),
        ({"choice": {"error": "overloaded"}}, "the server reports an error: overloaded"),
        ({"error": {"message": "Provider returned error"}}, "an error: Provider returned error"),
        ({"error": {"code": 529}}, "the server reports an error: 529"),
        ({"finish": "error"}, "the server reports an error and does not say which"),
        ({}, "it is empty"),
        ({"finish": None}, "it is empty"),
        ({"finish": ["x"]}, "it is empty"),
    ],
)
def test_the_reason_for_an_empty_answer_is_the_servers(content: Any, given: dict[str, Any], why: str) -> None:
    around = {name: value for name, value in given.items() if name != "message"}

    result = read({"content": content, **given.get("message", {})}, **around)

    assert isinstance(result, UnusableReply)
    assert result.text == ""
    assert str(result.why).endswith(why)


def test_a_refusal_among_the_parts_is_named() -> None:
    result = read({"content": [{"type": "refusal", "refusal": "No."}]})

    assert result == UnusableReply("", ModelRefuses("No."))


def test_parts_without_text_are_only_reasoning() -> None:
    assert read({"content": [{"type": "thinking", "thinking": "Hm."}]}) == UnusableReply(
        "", FlawedReply(ReplyFlaw.ONLY_REASONING)
    )


def test_a_refusal_beside_a_review_does_not_matter() -> None:
    assert isinstance(read({"content": REVIEW, "refusal": None}, error=None), Review)
