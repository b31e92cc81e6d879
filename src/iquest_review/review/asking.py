"""Ask the model about a change: build the prompts, send them, and return the answers or why there are none."""

from dataclasses import dataclass, replace

from iquest_review.errors import ContextExceededError, ModelError
from iquest_review.excerpt.excerpt import Excerpt, Limits
from iquest_review.excerpt.exclusions import Reason
from iquest_review.llm.wire import ModelReply, ServedModel
from iquest_review.progress import Progress
from iquest_review.prompt import batches
from iquest_review.prompt.fitting import Material, Prompt, TokenCounter
from iquest_review.reasons.model_server import ModelProblem
from iquest_review.reasons.prompt import NothingFits
from iquest_review.review.exchange import Exchange, list_replies
from iquest_review.review.requests import Requests
from iquest_review.review.terms import ReviewModel, Terms

DEFAULT_PROMPT_TOKENS = 32_000  # when the server does not report its context window


@dataclass(frozen=True)
class Inquiry:
    """The answers of the model; `model` is its name."""

    model: str | None = None
    asked: tuple[Exchange, ...] = ()
    limits: Limits | None = None  # for one prompt
    failure: ModelProblem | None = None  # why nothing was asked
    left_out: Excerpt | None = None  # set when no part of the change fits into a prompt; lists what was not shown

    @property
    def replies(self) -> list[ModelReply]:
        """All replies of the model, in the order of the requests."""
        return list_replies(self.asked)


class NothingFitsError(ContextExceededError):
    """The smallest part of the change does not fit into a prompt, so nothing was asked."""

    def __init__(self, problem: NothingFits, excerpt: Excerpt) -> None:
        """Keep the empty excerpt, which lists its omissions."""
        super().__init__(problem)
        self.excerpt = excerpt


def inquire(material: Material, model: ReviewModel, terms: Terms, progress: Progress) -> Inquiry:
    """Ask the model about what fits. A failure of the model is part of the result and not raised."""
    inquiry = Inquiry()
    try:
        served = model.select_model()
        room = compute_prompt_limits(terms, served.window, model.max_tokens)
        inquiry = replace(inquiry, model=_choose_model_name(served), limits=room)
        prompts = plan_prompts(material, room, terms, model.count_tokens, progress)
        if not prompts[0].excerpt.parts:
            raise _build_nothing_fits_error(prompts[0], room)
    except ModelError as error:
        progress.say(f"not reviewed: {error}")
        left_out = error.excerpt if isinstance(error, NothingFitsError) else None
        return replace(inquiry, failure=error.problem, left_out=left_out)
    requests = Requests(material, model, terms, progress, served.model)
    return replace(inquiry, asked=tuple(requests.ask_all(prompts, room)))


def plan_prompts(
    material: Material, room: Limits, terms: Terms, count: TokenCounter, progress: Progress
) -> tuple[Prompt, ...]:
    """Return the requests that show a change; log which team rules they do not show.

    Raises ContextExceededError when not even the instructions fit.
    """
    prompts = batches.build_prompts(material, room, terms.max_requests, count)
    for problem in material.context.problems if material.context else ():
        progress.say(f"the team's rules: {problem}")
    return prompts


def compute_prompt_limits(terms: Terms, window: int | None, answer_tokens: int) -> Limits:
    """Return the limits of one prompt: the settings, but at most what the window leaves beside the answer."""
    room = max(window - answer_tokens, window // 2) if window else None
    wanted = terms.max_tokens or room or DEFAULT_PROMPT_TOKENS
    return Limits(terms.max_lines, min(wanted, room) if room else wanted)


def _build_nothing_fits_error(prompt: Prompt, room: Limits) -> NothingFitsError:
    too_many = any(omission.reason is Reason.LINES for omission in prompt.excerpt.omissions)
    return NothingFitsError(NothingFits(room.lines if too_many else room.tokens, lines=too_many), prompt.excerpt)


def _choose_model_name(served: ServedModel) -> str:
    """Return the name the model is served by, or its weights' name when only that shows an IQuest-Coder."""
    weights = served.root.rstrip("/").rsplit("/", 1)[-1]  # without the path, which is internal to the server
    return weights if "iquest-coder" in weights.lower() and "iquest" not in served.model.lower() else served.model
