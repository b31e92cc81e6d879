"""Why a prompt cannot be asked as it is, or was not read to its end."""

from iquest_review.reasons.explanation import Explanation, reason


@reason
class InstructionsTooLong(Explanation):
    """Instructions that alone take more tokens than a prompt may have."""

    tokens: int
    limit: int

    def __str__(self) -> str:
        return f"the instructions alone take {self.tokens} of {self.limit} prompt tokens: set IQUEST_MAX_TOKENS higher"


@reason
class NothingFits(Explanation):
    """A change of which no part fits: the limit is a number of lines, or else of tokens."""

    limit: int
    lines: bool

    def __str__(self) -> str:
        unit = "lines (IQUEST_MAX_LINES)" if self.lines else "prompt tokens (IQUEST_MAX_TOKENS)"
        return f"no part of the change fits into {self.limit} {unit}"


@reason
class PromptCut(Explanation):
    """A prompt that the server did not read to its end: the tokens that it counted, and about how many were sent."""

    read: int
    sent: int

    def __str__(self) -> str:
        return (
            f"the server read {self.read:,} of about {self.sent:,} tokens: give the model a larger context window "
            "(Ollama: num_ctx or OLLAMA_CONTEXT_LENGTH; check the limit of a router), or set IQUEST_MAX_TOKENS lower"
        )


PromptProblem = InstructionsTooLong | NothingFits
