"""What a clone knows about a change: files at the head, the target branch's rules, definitions, history.

Nothing here raises an error: what cannot be read is not shown, and the log says so. All texts are redacted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from iquest_review.code.mentions import Mentions, SourceLine
from iquest_review.code.outline_worker import outline_files
from iquest_review.context.sources import OutlinedFile
from iquest_review.diff.diff import FileDiff
from iquest_review.errors import GitError
from iquest_review.git.history import History, anonymize
from iquest_review.git.repository import OpenClone
from iquest_review.redaction.redactor import Redactor


@dataclass(frozen=True)
class Clone:
    """An opened clone, at the two ends of a change."""

    opened: OpenClone
    base: str  # the merge base: a commit of the target branch, which the change's author cannot alter
    head: str
    files: Sequence[FileDiff]
    redactor: Redactor
    say: Callable[[str], None]  # to the log

    def load_outlines(self, paths: Sequence[str]) -> Mapping[str, OutlinedFile]:
        """Return these files at the head, by path, with their definitions."""
        with self._say_missing("functions around the changes"):
            texts = self._load_blobs(self.head, paths)
            definitions = outline_files(texts)
            return {path: (text, definitions.get(path, ())) for path, text in texts.items()}
        return {}

    def load_rules(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return these files on the target branch, by path."""
        with self._say_missing("rules of the team"):
            return self._load_blobs(self.base, paths)
        return {}

    def find_mentions(self, names: Sequence[str]) -> Mapping[str, Mentions]:
        """Return the lines of the head that define these names or use them in code."""
        with self._say_missing("calls and callers"):
            found = self.opened.find_mentions(self.head, names)
            return {
                name: Mentions(self._clean_lines(mentions.definitions), self._clean_lines(mentions.uses))
                for name, mentions in found.items()
            }
        return {}

    def _clean_lines(self, lines: Sequence[SourceLine]) -> list[SourceLine]:
        return [(path, line, self.redactor.redact_text(text).text) for path, line, text in lines]

    def load_history(self) -> History:
        """Return the history of the change, without secrets and addresses."""
        with self._say_missing("history"):
            history = self.opened.load_history(self.base, self.head, self.files)
            return _clean_history(history, lambda text: anonymize(self.redactor.redact_text(text).text))
        return History()

    def _load_blobs(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: self.redactor.redact_bytes(text) for path, text in self.opened.load_blobs(commit, paths).items()}

    @contextmanager
    def _say_missing(self, what: str) -> Iterator[None]:
        """Say which kind of context the requests lack, instead of an error."""
        try:
            yield
        except (GitError, TimeoutError) as error:
            self.say(f"the requests show no {what}: {error}")


def _clean_history(history: History, clean: Callable[[str], str]) -> History:
    """Return the history with every text of its commits cleaned."""
    return History(
        tuple(replace(fact, subject=clean(fact.subject), body=clean(fact.body)) for fact in history.commits),
        tuple(replace(fact, subject=clean(fact.subject)) for fact in history.touched),
        tuple(replace(fact, subject=clean(fact.subject)) for fact in history.recent),
        history.together,
        history.churn,
    )
