"""What an answer of a model server means that is no reply."""

from typing import Annotated

from iquest_review.reasons.connection import ConnectionProblem
from iquest_review.reasons.explanation import Explanation, StoredByKind, quote_server, reason
from iquest_review.reasons.prompt import PromptProblem

# -- the key and the request


def _describe_doubt(by_proxy: bool) -> str:
    return "; the answer may come from the proxy" if by_proxy else ""


@reason
class Redirected(Explanation):
    """A redirect, which is not followed."""

    host: str
    target: str

    def __str__(self) -> str:
        return f"{self.host} redirects to {self.target}: set IQUEST_API_URL to the final address"


@reason
class KeyRefused(Explanation):
    """A key that the server refuses. Its words are left out: some servers echo the key."""

    host: str
    status: int

    def __str__(self) -> str:
        return f"{self.host} refuses the key ({self.status}): check IQUEST_API_KEY"


@reason
class KeyWanted(Explanation):
    """A request without a key to a server that asks for one."""

    host: str
    status: int

    def __str__(self) -> str:
        return f"{self.host} asks for a key ({self.status}): set IQUEST_API_KEY"


@reason
class KeylessRefused(Explanation):
    """A request without a key that the server refuses, perhaps for that."""

    host: str
    status: int
    said: str

    def __str__(self) -> str:
        said = quote_server(self.said)
        return f"{self.host} refuses a request without a key ({self.status}): {said}; should IQUEST_API_KEY be set?"


@reason
class RequestRefused(Explanation):
    """Any other refusal; it comes from the server, or perhaps from a proxy."""

    host: str
    status: int
    said: str
    by_proxy: bool = False

    def __str__(self) -> str:
        said = quote_server(self.said) + _describe_doubt(self.by_proxy)
        return f"{self.host} refuses the request ({self.status}): {said}"


@reason
class FormatRefused(Explanation):
    """A `response_format` that the server cannot do; `form` is its type."""

    host: str
    form: str
    status: int
    said: str

    def __str__(self) -> str:
        return f"{self.host} refuses {self.form} ({self.status}): {quote_server(self.said)}"


@reason
class ParameterRefused(Explanation):
    """A parameter that the server refuses, or its value."""

    host: str
    name: str
    status: int
    said: str

    def __str__(self) -> str:
        return f"{self.host} refuses {self.name} ({self.status}): {quote_server(self.said)}"


@reason
class ContextExceeded(Explanation):
    """A prompt that is larger than the context window."""

    host: str
    said: str

    def __str__(self) -> str:
        return f"{self.host}: {quote_server(self.said)}"


RefusedRequest = (
    Redirected
    | KeyRefused
    | KeyWanted
    | KeylessRefused
    | RequestRefused
    | FormatRefused
    | ParameterRefused
    | ContextExceeded
)

# -- the model


@reason
class ModelNotServed(Explanation):
    """A model that the server does not have; `served` names those of its list, empty if it is not known."""

    host: str
    model: str
    said: str
    served: str = ""

    def __str__(self) -> str:
        served = f"; it serves: {self.served}" if self.served else ""
        return f"{self.host} does not serve the model {self.model!r}: {quote_server(self.said)}{served}"


@reason
class NoModelNamed(Explanation):
    """A list of models without a model."""

    host: str

    def __str__(self) -> str:
        return f"{self.host} does not say which model it serves; set IQUEST_MODEL"


@reason
class SeveralModels(Explanation):
    """A list of several models, none of which is asked for; `names` are separated by commas."""

    host: str
    count: int
    names: str

    def __str__(self) -> str:
        return f"{self.host} serves {self.count} models; set IQUEST_MODEL to one of: {self.names}"


@reason
class ModelPattern(Explanation):
    """A list with a pattern such as `vllm/*` in place of names."""

    host: str
    names: str

    def __str__(self) -> str:
        return f"{self.host} serves {self.names}; set IQUEST_MODEL to one of these models"


ModelChoice = ModelNotServed | NoModelNamed | SeveralModels | ModelPattern

# -- answers without a reply


@reason
class NoRoute(Explanation):
    """A path that the server does not have; `said` is None unless a proxy may have answered."""

    host: str
    path: str
    status: int
    said: str | None = None

    def __str__(self) -> str:
        doubt = None if self.said is None else f"{quote_server(self.said)}{_describe_doubt(by_proxy=True)}"
        return f"{self.host} has no {self.path} ({self.status}): {doubt or 'IQUEST_API_URL should end in /v1'}"


@reason
class ErrorStatus(Explanation):
    """A failure of the server that may pass; `wait` is the time it asks for, in seconds."""

    host: str
    status: int
    said: str
    by_proxy: bool = False
    wait: float | None = None

    def __str__(self) -> str:
        later = f" (it asks to come back in {self.wait:.0f} s)" if self.wait else ""
        said = quote_server(self.said) + _describe_doubt(self.by_proxy)
        return f"{self.host} answered {self.status}: {said}{later}"


@reason
class NoChoice(Explanation):
    """An answer of 200 that holds no completion."""

    host: str
    said: str

    def __str__(self) -> str:
        return f"{self.host} answered without a choice: {quote_server(self.said)}"


@reason
class NotJson(Explanation):
    """An answer that is not JSON; a `page` may be of another program, or ask to sign in."""

    host: str
    said: str
    page: bool

    def __str__(self) -> str:
        hint = "; does IQUEST_API_URL name the model server?" if self.page else ""
        return f"{self.host} answered something that is not JSON: {quote_server(self.said)}{hint}"


@reason
class NothingAnswered(Explanation):
    """An answer with an empty body."""

    host: str

    def __str__(self) -> str:
        return f"{self.host} answered nothing"


AnswerWithoutReply = NoRoute | ErrorStatus | NoChoice | NotJson | NothingAnswered
ServerProblem = RefusedRequest | ModelChoice | AnswerWithoutReply


@reason
class ModelListFailed(Explanation):
    """A list of models that the server does not give, where no model is set."""

    problem: Annotated[ConnectionProblem | ServerProblem, StoredByKind()]
    refused: bool

    def __str__(self) -> str:
        if self.refused:
            return f"{self.problem}; or set IQUEST_MODEL, if only the list of models fails"
        return f"{self.problem}; set IQUEST_MODEL if only the list of models fails"


ModelProblem = ConnectionProblem | ServerProblem | ModelListFailed | PromptProblem
