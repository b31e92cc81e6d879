"""The main path with a model, a keeper and a publisher of the test's own."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from iquest_review.change import patch
from iquest_review.change.intent import Intent
from iquest_review.errors import ContextExceeded, GitLabError, ModelUnreachable
from iquest_review.merge_request.note import Surroundings
from iquest_review.merge_request.outcome import Outcome, Status
from iquest_review.merge_request.plan import Wanted
from iquest_review.model.asking import StructuredOutput
from iquest_review.model.endpoint import Reply, Served
from iquest_review.model.finding import Severity
from iquest_review.progress import Lines
from iquest_review.prompt.render import Message, Templates
from iquest_review.review import Change, Options, exit_code, preview, review

PROMPTS = Path(__file__).parents[1] / "prompts"
CLEAN = '{"issues": [], "summary": "A fix. Nothing to remark.", "suggestions": []}'
PATCH = b"""diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,2 +1,3 @@
 one
+two
 three
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
    asked: list[str] = field(default_factory=list)

    def served(self) -> Served:
        return Served(self.name, self.root or self.name, self.window)

    def count(self, messages: list[Message]) -> int | None:
        return None

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> Reply:
        self.asked.append(messages[1]["content"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, "", "stop", self.name, 100, 20, 0.1)


@dataclass
class Desk:
    """What was kept, what was published, in the order it came."""

    events: list[tuple[str, object]] = field(default_factory=list)
    refusal: Exception | None = None

    def keep(self, outcome: Outcome, note: str) -> None:
        self.events.append(("kept", note))

    def publish(self, wanted: Wanted) -> None:
        self.events.append(("published", wanted.body))
        if self.refusal:
            raise self.refusal


def options(**changes: Any) -> Options:
    values: dict[str, Any] = {
        "templates": Templates.load(PROMPTS, "en"),
        "max_lines": 2000,
        "max_tokens": None,
        "max_requests": 4,
        "structured_output": StructuredOutput.AUTO,
        "nonce": "5ca1ab1e",
        "surroundings": Surroundings(),
    }
    return Options(**{**values, **changes})


def change(text: bytes = PATCH) -> Change:
    return Change(patch.parse(text), Intent("Add two"), "a test")


@pytest.fixture
def reviewed() -> Callable[..., Outcome]:
    def run(model: FakeModel, text: bytes = PATCH, desk: Desk | None = None, **changes: Any) -> Outcome:
        desk = desk or Desk()
        return review(change(text), model, options(**changes), desk.keep, desk.publish, Lines(verbosity=-1))

    return run


def big(lines: int) -> bytes:
    rows = b"".join(b"+value_%d = compute(%d)\n" % (number, number) for number in range(lines))
    return (
        b"diff --git a/b.py b/b.py\nnew file mode 100644\n--- /dev/null\n+++ b/b.py\n@@ -0,0 +1,%d @@\n" % lines + rows
    )


def test_a_review_is_kept_before_it_is_published() -> None:
    desk = Desk()

    review(change(), FakeModel([CLEAN]), options(), desk.keep, desk.publish, Lines(verbosity=-1))

    assert [what for what, _ in desk.events] == ["kept", "published"]
    assert desk.events[0][1] == desk.events[1][1]


def test_a_review_that_cannot_be_published_was_kept(reviewed: Callable[..., Outcome]) -> None:
    desk = Desk(refusal=GitLabError("down"))

    with pytest.raises(GitLabError):
        reviewed(FakeModel([CLEAN]), desk=desk)

    assert desk.events[0][0] == "kept"


def test_a_clean_answer_is_a_review_without_findings(reviewed: Callable[..., Outcome]) -> None:
    outcome = reviewed(FakeModel([CLEAN]))

    assert (outcome.status, outcome.findings, outcome.reason) == (Status.REVIEWED, (), None)
    assert exit_code(outcome, Severity.LOW) == 0


def test_a_prompt_too_long_for_the_server_is_halved(reviewed: Callable[..., Outcome]) -> None:
    model = FakeModel([ContextExceeded("at most 8192 tokens"), CLEAN])

    outcome = reviewed(model, big(900))

    assert len(model.asked[1]) < 0.7 * len(model.asked[0])
    assert outcome.status is Status.PARTIAL
    assert sum(entry.shown_changed_lines for entry in outcome.coverage) < 900


def test_a_prompt_is_halved_twice_at_the_most(reviewed: Callable[..., Outcome]) -> None:
    model = FakeModel([ContextExceeded("at most 8192 tokens")])

    outcome = reviewed(model, big(900))

    assert len(model.asked) == 3
    assert outcome.status is Status.NOT_REVIEWED
    assert exit_code(outcome, None) == 3


def test_a_model_that_is_down_is_an_outcome_that_says_so(reviewed: Callable[..., Outcome]) -> None:
    outcome = reviewed(FakeModel([ModelUnreachable("model:8000 cannot be reached")]))

    assert outcome.status is Status.NOT_REVIEWED
    assert outcome.reason == "model:8000 cannot be reached"


@pytest.mark.parametrize(
    "answer", ["", "{}", '{"issues": []}', "<think>so", '{"issues": [{"line": 3}], "summary": "x"}']
)
def test_an_unusable_answer_never_becomes_a_clean_review(reviewed: Callable[..., Outcome], answer: str) -> None:
    outcome = reviewed(FakeModel([answer]))

    assert outcome.status in (Status.NOT_REVIEWED, Status.RAW)
    assert exit_code(outcome, None) == 3


def test_what_did_not_fit_makes_the_review_partial(reviewed: Callable[..., Outcome]) -> None:
    outcome = reviewed(FakeModel([CLEAN]), big(900), max_lines=500)

    shown = sum(entry.shown_changed_lines for entry in outcome.coverage)
    assert outcome.status is Status.PARTIAL
    assert shown + sum(omission.changed_lines for omission in outcome.omissions) == 900


def test_only_files_left_out_are_nothing_to_review(reviewed: Callable[..., Outcome]) -> None:
    model = FakeModel([CLEAN])

    outcome = reviewed(model, PATCH.replace(b"a.py", b"yarn.lock"))

    assert model.asked == []
    assert outcome.reason == "there is nothing to review"
    assert exit_code(outcome, None) == 0


def test_a_seed_answer_without_files_is_used(reviewed: Callable[..., Outcome]) -> None:
    seed = {
        "issues": [{"type": "bug", "line": 2, "description": "Two is wrong.", "severity": "high"}],
        "summary": "A fix.",
    }

    [finding] = reviewed(FakeModel([json.dumps(seed)])).findings

    assert (finding.path, finding.line, finding.severity) == ("a.py", 2, Severity.HIGH)


def test_a_finding_about_no_file_of_the_change_is_shown_with_the_reason(reviewed: Callable[..., Outcome]) -> None:
    issue = {"file": "z.py", "line": 2, "type": "bug", "description": "Wrong.", "severity": "low"}

    [finding] = reviewed(FakeModel([json.dumps({"issues": [issue], "summary": "A fix."})])).findings

    assert finding.line is None
    assert finding.placement_reason == "the file it names is not part of the change"


def test_one_request_allows_no_second_try(reviewed: Callable[..., Outcome]) -> None:
    model = FakeModel(["no json", CLEAN])

    assert reviewed(model, max_requests=1).status is Status.RAW
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("name", "root", "shown"),
    [
        ("reviewer", "/models/IQuest-Coder-V1-7B-Instruct", "IQuest-Coder-V1-7B-Instruct"),
        ("IQuest-Coder-V1", "/srv/models/weights", "IQuest-Coder-V1"),
        ("qwen", "/srv/models/qwen", "qwen"),
    ],
)
def test_the_note_names_what_answered(reviewed: Callable[..., Outcome], name: str, root: str, shown: str) -> None:
    assert reviewed(FakeModel([CLEAN], name=name, root=root)).model == shown


def test_the_window_leaves_room_for_the_answer(reviewed: Callable[..., Outcome]) -> None:
    model = FakeModel([CLEAN], window=8192)

    reviewed(model, big(1500))

    assert len(model.asked[0]) / 2.4 < 8192 - 2048


def test_preview_asks_nobody_and_shows_the_same_excerpt() -> None:
    model = FakeModel([CLEAN])
    review(change(), model, options(), Desk().keep, None, Lines(verbosity=-1))

    prompt, excerpt = preview(change(), options())

    assert prompt is not None
    assert prompt.messages[1]["content"] == model.asked[0]
    assert excerpt.lines == 3


@pytest.mark.parametrize(
    ("threshold", "code"), [(None, 0), (Severity.HIGH, 0), (Severity.MEDIUM, 1), (Severity.LOW, 1)]
)
def test_the_exit_code_tells_the_worst_finding(
    reviewed: Callable[..., Outcome], threshold: Severity | None, code: int
) -> None:
    issue = {"file": "a.py", "line": 2, "type": "bug", "description": "Wrong.", "severity": "medium"}
    outcome = reviewed(FakeModel([json.dumps({"issues": [issue], "summary": "A fix."})]))

    assert exit_code(outcome, threshold) == code


def test_a_model_is_not_asked_about_nothing(reviewed: Callable[..., Outcome]) -> None:
    model = FakeModel([CLEAN])

    outcome = reviewed(model, big(900), max_lines=1, max_tokens=1900)

    assert model.asked == []
    assert outcome.status is Status.NOT_REVIEWED
    assert exit_code(outcome, None) == 3


def test_what_nobody_saw_is_listed_as_not_shown(reviewed: Callable[..., Outcome]) -> None:
    outcome = reviewed(FakeModel([ModelUnreachable("model:8000 cannot be reached")]))

    assert [(entry.path, entry.changed_lines, entry.shown_changed_lines) for entry in outcome.coverage] == [
        ("a.py", 1, 0)
    ]
