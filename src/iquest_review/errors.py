"""The tree of failures, with the exit code of each.

    ReviewError
    ├── UsageError                 2   wrong settings or usage
    │   └── PatchError             2   the saved diff is malformed
    ├── ModelError                 3   the model gave no usable review
    │   ├── ModelUnreachableError  3   no answer arrived in time
    │   │   ├── TransientModelError    llm/errors.py: asking again may help
    │   │   └── NoTimeLeftError        net/deadline.py: the job ends before an answer could arrive
    │   ├── ModelRefusedError      3   key, model name or request refused
    │   │   ├── NoRouteError           llm/errors.py: the server has no such path
    │   │   └── ParameterRefusedError  llm/errors.py: the server refuses one parameter
    │   ├── FormatRefusedError     3   the server cannot do this response_format: ask another way
    │   ├── ContextExceededError   3   the prompt is larger than the context window: show less
    │   └── NothingFitsError       3   review/asking.py: no part of the change fits into a prompt
    ├── GitError                   4   git could not give the diff
    ├── GitLabError                4   GitLab could not be read or written
    │   └── TransientGitLabError       gitlab/transport.py: asking again may help
    ├── OutputFolderError          4   reports/review_file.py: the output folder could not be written
    └── GateKeptError              1   review/review.py: a finding reaches fail_on, whatever else failed

The class says whose fault it is. The message says what is wrong, where, and what to do.
"""

from typing import ClassVar

from iquest_review.reasons.model_server import ModelProblem


class ReviewError(Exception):
    """The base of all failures. It is never raised itself."""

    exit_code: ClassVar[int] = 1


class UsageError(ReviewError):
    """A setting or an argument that cannot be used; the message names it."""

    exit_code = 2


class PatchError(UsageError):
    """A malformed diff, with the line where it contradicts itself."""

    def __init__(self, line: int, problem: str) -> None:
        """`line` counts from 1 in the patch text."""
        super().__init__(f"malformed diff, line {line}: {problem}")
        self.line = line


class ModelError(ReviewError):
    """The model gave no usable review; `problem` says why, and is the message."""

    exit_code = 3
    less_may_pass = False  # whether a smaller prompt may succeed

    def __init__(self, problem: ModelProblem) -> None:
        super().__init__(problem)
        self.problem = problem


class ModelUnreachableError(ModelError):
    """No answer from the model server in time."""


class ModelRefusedError(ModelError):
    """The model server refuses the key, the model name or the request. Asking again would not help."""


class FormatRefusedError(ModelError):
    """The model server does not support the requested response_format. Another one may work."""


class ContextExceededError(ModelError):
    """The prompt does not fit the model's context window."""

    less_may_pass = True


class GitError(ReviewError):
    """git could not give the diff."""

    exit_code = 4


class GitLabError(ReviewError):
    """GitLab could not be read or written; `status` is its HTTP status, None where there was none."""

    exit_code = 4

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
