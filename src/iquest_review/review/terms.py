"""What a review asks for: how much, how, and of whom."""

from dataclasses import dataclass
from typing import Protocol

from iquest_review.llm.ask import ChatModel, StructuredOutput
from iquest_review.llm.wire import ServedModel
from iquest_review.prompt.templates import Message


class ReviewModel(ChatModel, Protocol):
    """A model that a review can ask."""

    @property
    def host(self) -> str:
        """The server's host and port, for the log."""

    @property
    def is_busy(self) -> bool:
        """Whether the server has said that it has too much to do."""

    def select_model(self) -> ServedModel:
        """Return the model that will answer. Raises ModelError when there is none."""

    def count_tokens(self, messages: list[Message]) -> int | None:
        """Return the tokens of a prompt; None when the server does not count them."""


@dataclass(frozen=True)
class Terms:
    """How much to ask, and how."""

    max_lines: int
    max_tokens: int | None  # None: what the server's context window allows
    max_requests: int
    structured_output: StructuredOutput
    concurrency: int | None = None  # None: the first request alone, then as many as the server takes
    timeout: float = 600  # seconds for one answer
