"""A mediocre model: it says the same in other words, categories and severities, miscounts lines and invents files."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.life import FILE_ROW, LINE_ROW, Reader
from tests.support.model.double import Scripted


@dataclass(frozen=True)
class Problem:
    """One true problem; `phrases` are its wordings, each recognises it in any text. `why` says what is known of it."""

    name: str
    phrases: tuple[str, ...]

    def is_told_in(self, text: str) -> bool:
        """Whether a text is about this problem."""
        plain = plain_text(text)
        return any(plain_text(phrase) in plain for phrase in self.phrases)


@dataclass(frozen=True)
class Saying:
    """What the model says of a row, whenever it is shown that row as a changed one."""

    row: str
    description: str
    severity: str = "medium"
    category: str = "bug"
    fix: str | None = None
    off: int = 0  # how far its line number is from the right one
    file: str = ""  # it says this of a file that it was not shown, whatever it was shown


class Mediocre(Reader):
    """`sayings` are those of this push. `broken` is what it answers instead, until it is None again."""

    def __init__(self) -> None:
        super().__init__()
        self.sayings: Sequence[Saying] = ()
        self.summary = ""
        self.broken: Scripted | None = None
        self.said: list[Saying] = []  # at the last review

    def review(self, body: dict[str, Any]) -> Any:
        """The answer to a request for a review."""
        self.prompts.append(body["messages"][-1]["content"])
        if self.broken is not None:
            return self.broken(body) if callable(self.broken) else self.broken
        issues = []
        for saying, path, line, quote in self._find_rows(self.prompts[-1]):
            self.said.append(saying)
            issues.append(
                {
                    "file": path,
                    "line": line,
                    "quote": quote,
                    "type": saying.category,
                    "severity": saying.severity,
                    "description": saying.description,
                    "suggestion": saying.fix,
                }
            )
        return json.dumps({"issues": issues, "summary": self.summary, "suggestions": []})

    def _find_rows(self, prompt: str) -> Iterator[tuple[Saying, str, int, str]]:
        shown, path = list[tuple[str, int, str]](), ""
        for row in prompt.splitlines():
            if opened := FILE_ROW.match(row):
                path = opened[1]
            elif (found := LINE_ROW.match(row)) and found[1] != " ":
                shown.append((path, int(found[2]), found[3]))
        for saying in self.sayings:
            if saying.file:
                yield saying, saying.file, 12, saying.row
            for path, line, text in shown:
                if not saying.file and text.strip() == saying.row:
                    yield saying, path, line + saying.off, text


def plain_text(text: str) -> str:
    """The letters and digits of a text in lower case: markdown and its escapes are no part of what is said."""
    return "".join(character for character in text.lower() if character.isalnum())
