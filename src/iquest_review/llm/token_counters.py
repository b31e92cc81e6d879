"""The ways in which model servers count the tokens of a prompt, the exact one first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iquest_review.prompt.templates import Message

TEMPLATE_TOKENS = 8  # that a chat template adds to a message, at most


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """A path below the server's root, the body for a prompt, and the tokens that its count leaves out of a message."""

    path: str
    build_body: Callable[[list[Message]], dict[str, Any]]
    left_out: int = 0


def list_counters(build_prompt_fields: Callable[[list[Message]], dict[str, Any]]) -> list[TokenCounter]:
    """Return the ways to count, to be tried in this order: those of vLLM and SGLang, llama-server, llama-cpp-python."""
    return [
        TokenCounter("/tokenize", build_prompt_fields),
        TokenCounter("/tokenize", lambda messages: {"content": _join(messages)}, TEMPLATE_TOKENS),
        TokenCounter("/extras/tokenize/count", lambda messages: {"input": _join(messages)}, TEMPLATE_TOKENS),
    ]


def _join(messages: list[Message]) -> str:
    return "\n\n".join(message["content"] for message in messages)
