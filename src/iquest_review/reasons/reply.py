"""Why the text of a reply is not a review."""

from enum import StrEnum

from iquest_review.reasons.explanation import Explanation, reason


class ReplyFlaw(StrEnum):
    """What is wrong with a reply. The values are English sentences, for the log and for review.json."""

    EMPTY = "it is empty"
    ONLY_REASONING = "it holds only reasoning"
    INSIDE_REASONING = "it ends inside its reasoning"
    BEFORE_REVIEW = "it breaks off before the review begins"
    BEFORE_FINDING = "it breaks off before its first finding"
    NO_JSON = "it holds no JSON"
    BROKEN_JSON = "its JSON is broken and too long to repair"
    NOT_A_REVIEW = "its JSON is not a review"
    SEVERAL_REVIEWS = "it holds more than one review"
    OTHER_TEXT = "it lists no findings but contains other text"
    NOTHING_SAID = "it has no findings and no summary"


@reason
class FlawedReply(Explanation):
    """A reply that cannot be read as a review."""

    flaw: ReplyFlaw

    def __str__(self) -> str:
        return self.flaw.value


@reason
class NothingAsked(Explanation):
    """No reply, because nothing was asked."""

    def __str__(self) -> str:
        return "nothing was asked"


@reason
class ReplyTooLong(Explanation):
    """A reply that is too long to be read."""

    characters: int

    def __str__(self) -> str:
        return f"it is too long ({self.characters} characters)"


@reason
class FindingsUnreadable(Explanation):
    """A reply with findings, none of which can be read."""

    count: int

    def __str__(self) -> str:
        return f"none of its {self.count} findings can be read"


@reason
class ModelRefuses(Explanation):
    """A refusal in the words of the model."""

    said: str

    def __str__(self) -> str:
        return f"the model refuses to answer: {self.said}"


@reason
class ServerReports(Explanation):
    """An error that the server reports in place of a text; empty where it does not say which."""

    said: str

    def __str__(self) -> str:
        if not self.said:
            return "the server reports an error and does not say which"
        return f"the server reports an error: {self.said}"


@reason
class TextWithheld(Explanation):
    """A text that a content filter holds back; the `finish_reason` says so."""

    finish_reason: str

    def __str__(self) -> str:
        return f"a content filter of the server withholds it ({self.finish_reason})"


ReplyProblem = (
    FlawedReply | NothingAsked | ReplyTooLong | FindingsUnreadable | ModelRefuses | ServerReports | TextWithheld
)
