"""What a clone tells of a change beside its diff: files at the head, the target branch's rules, definitions, history.

Nothing here is worth an error: what cannot be had is not shown. No secret leaves: all texts are redacted.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from iquest_review.change.diff import FileDiff
from iquest_review.change.history import History
from iquest_review.change.repository import Opened
from iquest_review.errors import GitError
from iquest_review.prompt.redact import Redactor

HISTORY_SECONDS = 10.0  # what nobody should wait longer for


@dataclass(frozen=True)
class Clone:
    """An opened clone, at the two ends of a change."""

    opened: Opened
    base: str  # the merge base: a commit of the target branch, which the change's author has no say in
    head: str
    files: Sequence[FileDiff]
    redactor: Redactor

    def texts(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Files as they stand at the head."""
        return self._blobs(self.head, paths)

    def rules(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Files as they stand on the target branch."""
        return self._blobs(self.base, paths)

    def defined(self, names: Sequence[str], most: int) -> Sequence[tuple[str, int, str]]:
        """Lines of the head that define these names."""
        with suppress(GitError):
            hits = self.opened.grep(self.head, names, most)
            return [(path, line, self.redactor.text(text).text) for path, line, text in hits]
        return ()

    def history(self) -> History:
        """How the change came to be."""
        with suppress(GitError):
            told = self.opened.history(self.base, self.head, self.files, HISTORY_SECONDS)
            return _each(told, lambda text: self.redactor.text(text).text)
        return History()

    def _blobs(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        with suppress(GitError):
            return {path: self.redactor.bytes(text) for path, text in self.opened.blobs(commit, paths).items()}
        return {}


def _each(history: History, clean: Callable[[str], str]) -> History:
    """The history with every text of its commits cleaned."""
    return History(
        tuple(replace(fact, subject=clean(fact.subject), body=clean(fact.body)) for fact in history.commits),
        tuple(replace(fact, subject=clean(fact.subject)) for fact in history.touched),
        tuple(replace(fact, subject=clean(fact.subject)) for fact in history.recent),
        history.together,
        history.churn,
    )
