"""What the tests of the main path share: a fake model, and a fake for keeping and publishing."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iquest_review.diff import patch
from iquest_review.llm.ask import StructuredOutput
from iquest_review.llm.wire import ModelReply, ServedModel
from iquest_review.merge_request import DiffRefs, Intent
from iquest_review.note.summary import NoteLinks
from iquest_review.outcome import Outcome
from iquest_review.progress import Progress
from iquest_review.prompt.templates import Message, Templates
from iquest_review.review.review import review
from iquest_review.review.terms import Terms
from iquest_review.review.work import ChangeToReview, HasWaiver, Options, has_no_waiver

PROMPTS = Path(__file__).parents[2] / "prompts"
CLEAN = '{"issues": [], "summary": "A fix. Nothing to remark.", "suggestions": []}'
REFS = DiffRefs("1" * 40, "2" * 40, "3" * 40)
SETTINGS = "5e771465"
PATCH = b"""diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,2 +1,3 @@
 one
+two
 three
"""
SECOND = b"""diff --git a/b.py b/b.py
--- a/b.py
+++ b/b.py
@@ -1,1 +1,2 @@
 four
+five
"""


@dataclass
class FakeModel:
    """Answers from a list; an exception in it is raised. The last one stays."""

    answers: list[str | Exception]
    window: int | None = 32_768
    name: str = "IQuest-Coder-V1-40B-Instruct"
    root: str = ""
    max_tokens: int = 2048
    host: str = "model:8000"
    is_busy: bool = False
    asked: list[str] = field(default_factory=list)

    def select_model(self) -> ServedModel:
        return ServedModel(self.name, self.root or self.name, self.window)

    def count_tokens(self, messages: list[Message]) -> int | None:
        return None

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> ModelReply:
        self.asked.append(messages[-1]["content"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return ModelReply(answer, "", "stop", self.name, 100, 20, 0.1)


@dataclass
class Desk:
    """What was kept, what was published, in the order it came. `posted` is the note as GitLab has it then."""

    events: list[tuple[str, object]] = field(default_factory=list)
    refusal: Exception | None = None
    full: Exception | None = None  # what keeping fails with
    posted: str | None = "the note as posted"

    def keep(self, outcome: Outcome, note: str) -> None:
        self.events.append(("kept", note))
        if self.full:
            raise self.full

    def publish(self, outcome: Outcome) -> tuple[Outcome, str | None]:
        self.events.append(("published", outcome))
        if self.refusal:
            raise self.refusal
        return outcome, self.posted

    @property
    def did(self) -> list[str]:
        return [what for what, _ in self.events]


def options(**changes: Any) -> Options:
    terms = {name: changes.pop(name) for name in list(changes) if name in Terms.__dataclass_fields__}
    values: dict[str, Any] = {
        "templates": Templates.load(PROMPTS, "en"),
        "terms": replace(Terms(2000, None, 4, StructuredOutput.AUTO, concurrency=1), **terms),
        "max_findings": 10,
        "nonce": "5ca1ab1e",
        "links": NoteLinks(),
        "settings": SETTINGS,
    }
    return Options(**{**values, **changes})


def change(made: bytes = PATCH, **known: Any) -> ChangeToReview:
    return ChangeToReview(patch.parse_patch(made), Intent("Add two"), "a test", **known)


def reviewed(
    model: FakeModel,
    made: bytes | ChangeToReview = PATCH,
    desk: Desk | None = None,
    has_waiver: HasWaiver = has_no_waiver,
    **changes: Any,
) -> Outcome:
    """What a review by this model comes to."""
    desk, made = desk or Desk(), made if isinstance(made, ChangeToReview) else change(made)
    outcome, _ = review(made, model, options(**changes), has_waiver, desk.keep, desk.publish, Progress(verbosity=-1))
    return outcome


def big(lines: int) -> bytes:
    rows = b"".join(b"+value_%d = compute(%d)\n" % (number, number) for number in range(lines))
    return (
        b"diff --git a/b.py b/b.py\nnew file mode 100644\n--- /dev/null\n+++ b/b.py\n@@ -0,0 +1,%d @@\n" % lines + rows
    )


def answer(*issues: dict[str, Any]) -> str:
    return json.dumps({"issues": list(issues), "summary": "A fix.", "suggestions": []})


def issue(**changed: Any) -> dict[str, Any]:
    fields = {"file": "a.py", "line": 2, "quote": "two", "type": "bug", "severity": "medium"}
    return {**fields, "description": "Two is one too many here.", "suggestion": None, **changed}
