"""Why a review is not a whole one, or had nothing to do."""

from typing import Annotated

from iquest_review.reasons.explanation import Explanation, StoredByKind, reason
from iquest_review.reasons.model_server import ModelProblem
from iquest_review.reasons.prompt import PromptCut
from iquest_review.reasons.reply import ReplyProblem


@reason
class NothingToReview(Explanation):
    """A change without lines that could be reviewed."""

    def __str__(self) -> str:
        return "there is nothing to review"


@reason
class NothingNew(Explanation):
    """A change of which every line was reviewed before."""

    def __str__(self) -> str:
        return "nothing has changed since the last review"


@reason
class ForkPipeline(Explanation):
    """A pipeline in a fork, which has none of the settings of the project."""

    def __str__(self) -> str:
        return "this pipeline runs in a fork, without the project's variables; a member of the project can run it there"


@reason
class NotEverythingFits(Explanation):
    """A change that is larger than the prompts."""

    def __str__(self) -> str:
        return "part of the change did not fit into the prompt"


@reason
class AnswerIncomplete(Explanation):
    """An answer that breaks off after its first finding."""

    def __str__(self) -> str:
        return "the model's answer is incomplete"


@reason
class FindingsDropped(Explanation):
    """Findings of an answer that could not be read."""

    count: int

    def __str__(self) -> str:
        return f"{self.count} of the model's findings could not be read"


@reason
class NoUsableAnswer(Explanation):
    """An answer that cannot be used, as one of several."""

    def __str__(self) -> str:
        return "the answer could not be used"


@reason
class AnswerUnusable(Explanation):
    """An answer that cannot be used, and of which no text can be shown."""

    problem: Annotated[ReplyProblem, StoredByKind()]

    def __str__(self) -> str:
        return f"the model's answer could not be used: {self.problem}"


PartProblem = ModelProblem | PromptCut | NoUsableAnswer


@reason
class PartsNotReviewed(Explanation):
    """Requests of several that have no usable answer, and the first reason."""

    failed: int
    asked: int
    problem: Annotated[PartProblem, StoredByKind()]

    def __str__(self) -> str:
        return f"{self.failed} of {self.asked} parts not reviewed: {self.problem}"


@reason
class OtherReason(Explanation):
    """A reason of a review.json that another version wrote, in its own words."""

    text: str

    def __str__(self) -> str:
        return self.text


ReviewReason = (
    NothingToReview
    | NothingNew
    | ForkPipeline
    | NotEverythingFits
    | AnswerIncomplete
    | FindingsDropped
    | AnswerUnusable
    | PartsNotReviewed
    | OtherReason
)
OutcomeReason = ReviewReason | PartProblem | ReplyProblem
