"""What a clone knows about a change: files at the head, the target branch's rules, definitions, history.

Nothing here raises an error: what cannot be read is not shown. All texts are redacted.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from iquest_review.code.outline_worker import outline_files
from iquest_review.context.sources import OutlinedFile
from iquest_review.diff.diff import FileDiff
from iquest_review.errors import GitError
from iquest_review.git.history import History, anonymize
from iquest_review.git.repository import OpenClone
from iquest_review.net.retry import RetryBudget
from iquest_review.redaction.redactor import Redactor

# limits for one review
HISTORY_SECONDS, OUTLINE_SECONDS = 10.0, 10.0


@dataclass(frozen=True)
class Clone:
    """An opened clone, at the two ends of a change."""

    opened: OpenClone
    base: str  # the merge base: a commit of the target branch, which the change's author cannot alter
    head: str
    files: Sequence[FileDiff]
    redactor: Redactor
    budget: RetryBudget = field(default_factory=lambda: RetryBudget(OUTLINE_SECONDS))

    def load_outlines(self, paths: Sequence[str]) -> Mapping[str, OutlinedFile]:
        """Return these files at the head, by path, with their definitions."""
        texts, started = self._load_blobs(self.head, paths), time.monotonic()
        definitions = outline_files(texts, self.budget.left)
        self.budget.charge(time.monotonic() - started)
        return {path: (text, definitions.get(path, ())) for path, text in texts.items()}

    def load_rules(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return these files on the target branch, by path."""
        return self._load_blobs(self.base, paths)

    def find_defining_lines(self, names: Sequence[str], most: int) -> Sequence[tuple[str, int, str]]:
        """Return at most `most` lines of the head that define these names."""
        with suppress(GitError):  # a review does without what git cannot say
            return self._clean_hits(self.opened.grep_definitions(self.head, names, most))
        return ()

    def find_using_lines(self, names: Sequence[str], most: int) -> Sequence[tuple[str, int, str]]:
        """Return lines of the head that define or use these names, at most `most` uses of each."""
        with suppress(GitError):
            return self._clean_hits(self.opened.grep_usages(self.head, names, most))
        return ()

    def _clean_hits(self, hits: Sequence[tuple[str, int, str]]) -> Sequence[tuple[str, int, str]]:
        return [(path, line, self.redactor.redact_text(text).text) for path, line, text in hits]

    def load_history(self) -> History:
        """Return the history of the change, without secrets and addresses."""
        with suppress(GitError):
            history = self.opened.load_history(self.base, self.head, self.files, HISTORY_SECONDS)
            return _clean_history(history, lambda text: anonymize(self.redactor.redact_text(text).text))
        return History()

    def _load_blobs(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        with suppress(GitError):
            return {
                path: self.redactor.redact_bytes(text) for path, text in self.opened.load_blobs(commit, paths).items()
            }
        return {}


def _clean_history(history: History, clean: Callable[[str], str]) -> History:
    """Return the history with every text of its commits cleaned."""
    return History(
        tuple(replace(fact, subject=clean(fact.subject), body=clean(fact.body)) for fact in history.commits),
        tuple(replace(fact, subject=clean(fact.subject)) for fact in history.touched),
        tuple(replace(fact, subject=clean(fact.subject)) for fact in history.recent),
        history.together,
        history.churn,
    )
