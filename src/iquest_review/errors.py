"""Every way this program gives up, and the exit code each one stands for.

    ReviewError
    ├── UsageError            2   wrong settings or usage
    │   └── PatchError        2   the saved diff is malformed
    ├── ModelError            3   the model gave no usable review
    │   ├── ModelUnreachable  3   no answer within the deadline; NoTimeLeft: the job ends before one could be had
    │   ├── ModelRefused      3   key, model name or request refused
    │   ├── FormatRefused     3   the server cannot do this response_format: ask another way
    │   └── ContextExceeded   3   the prompt is larger than the context window: show less
    ├── Unkept                4   the output folder could not be written
    ├── GateKept              1   a finding reaches fail_on, whatever else failed
    ├── GitError              4   git could not give the diff
    └── GitLabError           4   GitLab could not be read or written

The class says whose fault it is, the message what is wrong, where, and what to do about it.
"""

from typing import ClassVar


class ReviewError(Exception):
    """The base of all: never raised itself."""

    exit_code: ClassVar[int] = 1


class UsageError(ReviewError):
    """A setting or an argument that cannot be meant; the message names it."""

    exit_code = 2


class PatchError(UsageError):
    """A diff that contradicts itself, with the line where it does."""

    def __init__(self, line: int, problem: str) -> None:
        """`line` counts from 1 in the patch text."""
        super().__init__(f"malformed diff, line {line}: {problem}")
        self.line = line


class ModelError(ReviewError):
    """The model gave no usable review."""

    exit_code = 3
    less_may_pass = False  # whether a smaller prompt may come through where this one did not


class ModelUnreachableError(ModelError):
    """No answer from the model server within the deadline."""


class ModelRefusedError(ModelError):
    """The model server refuses the key, the model name or the request; asking again would not help."""


class FormatRefusedError(ModelError):
    """The model server does not do the requested response_format; another one may pass."""


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
