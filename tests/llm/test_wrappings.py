"""A review in any wrapping, and by other names: one is the review, several are ambiguous, a schema is none."""

import json
from typing import Any

import pytest

from iquest_review.llm.reply import Review, UnusableReply, build_reply_schema, parse_reply

ISSUE = {"file": "a.py", "line": 2, "quote": "two", "type": "bug", "severity": "high", "description": "Two is wrong."}
FOUND = {"issues": [ISSUE], "summary": "One.", "suggestions": []}
EMPTY = {"issues": [], "summary": "Nothing to remark.", "suggestions": []}
OTHER = {**FOUND, "summary": "Another."}
WRAPPINGS: list[Any] = [
    lambda review: {"name": "review", "arguments": review},
    lambda review: {"name": "review", "arguments": json.dumps(review)},
    lambda review: {"name": "review", "parameters": review},
    lambda review: [{"name": "review", "arguments": review}],
    lambda review: {"tool_calls": [{"type": "function", "function": {"name": "x", "arguments": json.dumps(review)}}]},
    lambda review: {"type": "object", "properties": review},
    lambda review: {"type": "object", "properties": {"review": review}},
    lambda review: {"$schema": "x", "type": "object", "properties": review, "required": ["issues"]},
    lambda review: [review],
    lambda review: [[review]],
    lambda review: {"review": review},
    lambda review: {"result": {"review": review}, "status": "ok"},
    lambda review: {"result": review, "error": None},
    lambda review: {"type": "json", "content": json.dumps(review)},
    lambda review: {"answer": [review]},
    lambda review: {"review": review, "copy": review},
]


@pytest.mark.parametrize("wrap", WRAPPINGS)
@pytest.mark.parametrize("review", [FOUND, EMPTY])
@pytest.mark.parametrize("form", ["{}", "```json\n{}\n```", "<tool_call>\n{}\n</tool_call>", "[TOOL_CALLS]{}"])
def test_one_review_in_any_wrapping_is_that_review(wrap: Any, review: dict[str, Any], form: str) -> None:
    result = parse_reply(form.replace("{}", json.dumps(wrap(review))))

    assert isinstance(result, Review)
    assert (len(result.findings), result.summary) == (len(review["issues"]), review["summary"])


@pytest.mark.parametrize(
    "value", [[FOUND, OTHER], {"a": FOUND, "b": EMPTY}, {"a": [EMPTY, OTHER]}, {"a": json.dumps(EMPTY), "b": FOUND}]
)
def test_several_reviews_are_ambiguous(value: Any) -> None:
    assert isinstance(parse_reply(json.dumps(value)), UnusableReply)


@pytest.mark.parametrize(
    "schema",
    [
        build_reply_schema(),
        {"type": "json_schema", "json_schema": {"name": "review", "strict": True, "schema": build_reply_schema()}},
        {"type": "object", "properties": {"findings": {"type": "array", "items": {}}, "summary": {"type": "string"}}},
        {**build_reply_schema(), "examples": [EMPTY]},
        {**build_reply_schema(), "default": EMPTY},
        {"properties": {"issues": {"type": "array", "default": []}, "summary": {"type": "string"}}},
    ],
)
def test_a_schema_is_no_review(schema: dict[str, Any]) -> None:
    assert isinstance(parse_reply(json.dumps(schema)), UnusableReply)


@pytest.mark.parametrize("review", [FOUND, EMPTY], ids=["findings", "none"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda review: {"thinking": review, "answer": "none"},
        lambda review: {"reasoning": json.dumps(review), "content": ""},
        lambda review: {"Thoughts": [{"draft": review}]},
        lambda review: {"messages": [{"role": "user", "content": json.dumps(review)}]},
        lambda review: {"messages": [{"role": "system", "content": [{"text": json.dumps(review)}]}]},
        lambda review: {"error": {"message": "bad request", "request": review}},
        lambda review: {"prompt": json.dumps(review)},
    ],
    ids=["thinking", "reasoning", "thoughts", "user", "system", "error", "prompt"],
)
def test_a_draft_or_what_was_sent_is_no_review(wrap: Any, review: dict[str, Any]) -> None:
    assert isinstance(parse_reply(json.dumps(wrap(review))), UnusableReply)


@pytest.mark.parametrize("review", [FOUND, EMPTY], ids=["findings", "none"])
def test_a_review_beside_a_draft_is_the_review(review: dict[str, Any]) -> None:
    said = {"thinking": OTHER, "messages": [{"role": "user", "content": json.dumps(OTHER)}], "answer": review}

    assert parse_reply(json.dumps(said)) == parse_reply(json.dumps(review))


def test_a_bare_list_of_findings_is_a_review() -> None:
    for entries in ([ISSUE], [ISSUE, {**ISSUE, "line": 3}]):
        result = parse_reply(json.dumps(entries))

        assert isinstance(result, Review)
        assert len(result.findings) == len(entries)


@pytest.mark.parametrize("name", ["findings", "comments", "problems", "remarks", "Issues", "review_comments", "bugs"])
@pytest.mark.parametrize(
    "names",
    [
        {"file": "path", "line": "line_number", "description": "message"},
        {"file": "filename", "line": "start_line", "description": "body", "quote": "code"},
        {"file": "filePath", "line": "lineNumber", "description": "comment", "severity": "level"},
        {"file": "File", "line": "Line", "description": "Description", "type": "category"},
        {"description": "problem", "quote": "existing_code", "severity": "priority"},
        {"description": "issue", "quote": "code_snippet"},
    ],
)
def test_members_by_other_names_are_read(name: str, names: dict[str, str]) -> None:
    entry = {names.get(key, key): value for key, value in ISSUE.items()}
    result = parse_reply(json.dumps({name: [entry], "overview": "One."}))

    assert isinstance(result, Review)
    [finding] = result.findings
    assert (finding.path, finding.line, finding.quote, finding.description, finding.severity, result.summary) == (
        "a.py",
        2,
        "two",
        "Two is wrong.",
        "high",
        "One.",
    )


def test_the_right_name_wins_over_another() -> None:
    result = parse_reply(json.dumps({"issues": [{**ISSUE, "comment": "x", "code": "y"}], "comments": [], "a": 1}))

    assert isinstance(result, Review)
    assert [(finding.description, finding.quote) for finding in result.findings] == [("Two is wrong.", "two")]


def test_two_lists_by_other_names_are_both_read() -> None:
    result = parse_reply(json.dumps({"bugs": [ISSUE], "findings": [{**ISSUE, "line": 3}], "summary": "Two."}))

    assert isinstance(result, Review)
    assert len(result.findings) == 2


@pytest.mark.parametrize(
    "value",
    [
        {"level": "info", "message": "started", "line": 3},
        {"comments": []},
        {"name": "review", "arguments": {}},
        [{"text": "a", "type": "b"}],
        {"data": [{"code": 1, "body": "x"}]},
    ],
)
def test_other_json_is_no_review(value: Any) -> None:
    assert isinstance(parse_reply(json.dumps(value)), UnusableReply)
