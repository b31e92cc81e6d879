"""One request that shows a part of the change, and what came of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from iquest_review.errors import ContextExceededError, ModelError
from iquest_review.llm.ask import Answer
from iquest_review.llm.reply import Review
from iquest_review.llm.wire import ModelReply
from iquest_review.outcome import Usage
from iquest_review.prompt.fitting import Prompt
from iquest_review.reasons.model_server import ModelProblem
from iquest_review.reasons.prompt import PromptCut

LENGTH_FINISH_REASON = "length"  # the finish_reason of an answer that reached max_tokens


@dataclass(frozen=True)
class Answered:
    """The answer is a review: of what the server read, or with findings all the same."""

    prompt: Prompt
    answer: Answer
    review: Review


@dataclass(frozen=True)
class Unusable:
    """The answer is no review, or one of a prompt that the server cut."""

    prompt: Prompt
    answer: Answer


@dataclass(frozen=True)
class Failed:
    """There is no answer."""

    prompt: Prompt
    error: ModelError


@dataclass(frozen=True)
class Spared:
    """Not asked, because a request of at most its size failed."""

    prompt: Prompt
    error: ModelError  # of that request


Exchange = Answered | Unusable | Failed | Spared


def judge_answer(prompt: Prompt, answer: Answer) -> Answered | Unusable:
    """Return whether an answer is a review that can be used."""
    result = answer.result
    if isinstance(result, Review) and (answer.cut is None or result.findings):
        return Answered(prompt, answer, result)
    return Unusable(prompt, answer)


def get_cut(exchange: Exchange) -> PromptCut | None:
    """Return how the server cut the prompt; None where it read all of it, as far as its count tells."""
    return exchange.answer.cut if isinstance(exchange, Answered | Unusable) else None


def explain_unread(exchange: Exchange) -> ModelProblem | PromptCut | None:
    """Return why nobody can say what the model thinks of the shown code; None for an answer, usable or not."""
    return exchange.error.problem if isinstance(exchange, Failed | Spared) else exchange.answer.cut


def may_pass_in_halves(exchange: Exchange) -> bool:
    """Return whether two halves of this request may be answered."""
    match exchange:
        case Failed(error=error) | Spared(error=error):
            return error.less_may_pass
        case Unusable(answer=answer):
            return not answer.cut and all(reply.finish_reason == LENGTH_FINISH_REASON for reply in answer.replies)
    return False


def count_requests(exchange: Exchange) -> int:
    """Return the requests that count; one that was refused for its length does not."""
    match exchange:
        case Answered(answer=answer) | Unusable(answer=answer):
            return answer.tries
        case Failed(error=error):
            return int(not isinstance(error, ContextExceededError))
    return 0


def list_replies(exchanges: Iterable[Exchange]) -> list[ModelReply]:
    """Return all replies of the model, in the order of the requests."""
    return [
        reply
        for exchange in exchanges
        if isinstance(exchange, Answered | Unusable)
        for reply in exchange.answer.replies
    ]


def sum_usage(replies: Sequence[ModelReply]) -> Usage:
    """Return what the replies cost, as counted by the server."""
    return Usage(
        requests=len(replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
    )
