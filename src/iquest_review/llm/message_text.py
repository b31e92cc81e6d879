"""What a model says in a message, in the forms that servers give it: a text, a list of parts, the call of a tool.

Thinking is no part of it. Where there is no text, the server may say why.
"""

import json
from typing import Any

from iquest_review.net.error_body import MAX_QUOTED_CHARS
from iquest_review.reasons.reply import FlawedReply, ModelRefuses, ReplyFlaw, ReplyProblem, ServerReports, TextWithheld
from iquest_review.text import shorten_to_line

_TEXT_TYPES = ("text", "output_text", "input_text", None)
MAX_CALLS = 20


def extract_message_text(message: dict[str, Any]) -> str:
    """Return the text of a message; where it holds no JSON, the arguments of the tools that the model calls."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    text = "".join(map(_read_part, parts))
    calls = [] if "{" in text else _list_calls(message)
    return "\n".join(calls) or text


def explain_missing_text(
    answer: dict[str, Any], choice: dict[str, Any], message: dict[str, Any]
) -> ReplyProblem | None:
    """Return why a message has no text: a refusal, a filter, an error; None when the server does not say."""
    content = message.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    refusals = [message.get("refusal"), *(part.get("refusal") for part in parts)]
    if refusal := next((words for words in refusals if isinstance(words, str) and words.strip()), None):
        return ModelRefuses(shorten_to_line(refusal, MAX_QUOTED_CHARS))
    if error := next(
        (error for error in (choice.get("error"), message.get("error"), answer.get("error")) if error), None
    ):
        return ServerReports(_describe_error(error))
    if choice.get("finish_reason") in ("content_filter", "safety", "recitation", "refusal", "sensitive"):
        return TextWithheld(choice["finish_reason"])
    if choice.get("finish_reason") == "error":
        return ServerReports("")
    return FlawedReply(ReplyFlaw.ONLY_REASONING) if parts else None


def _read_part(part: object) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    text = part.get("text")
    text = text.get("value") if isinstance(text, dict) else text
    if isinstance(text, str):
        return text if part.get("type") in _TEXT_TYPES and not part.get("thought") else ""
    return json.dumps(part, ensure_ascii=False) if "type" not in part else ""  # JSON that a server has parsed


def _list_calls(message: dict[str, Any]) -> list[str]:
    """Return the arguments of the tools that are called, as JSON texts."""
    calls = message.get("tool_calls")
    functions = (
        [call.get("function") for call in calls[:MAX_CALLS] if isinstance(call, dict)]
        if isinstance(calls, list)
        else []
    )
    given = [
        function.get("arguments")
        for function in [*functions, message.get("function_call")]
        if isinstance(function, dict)
    ]
    return [text if isinstance(text, str) else json.dumps(text, ensure_ascii=False) for text in given if text]


def _describe_error(error: object) -> str:
    if isinstance(error, dict):
        words = [error.get(name) for name in ("message", "detail", "code", "type")]
        error = next((word for word in words if isinstance(word, str | int) and word), error)
    return shorten_to_line(str(error), MAX_QUOTED_CHARS)
