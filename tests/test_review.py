"""The main path with a model, a keeper, a publisher and a merge request of the test's own."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from iquest_review.change import patch
from iquest_review.change.identity import ids
from iquest_review.change.intent import Intent
from iquest_review.errors import ContextExceeded, GitLabError, ModelUnreachable, UsageError
from iquest_review.merge_request import remark
from iquest_review.merge_request.fingerprint import read
from iquest_review.merge_request.ledger import Ledger
from iquest_review.merge_request.note import MARKER, Surroundings
from iquest_review.merge_request.outcome import Outcome, PlacedFinding, Placement, Settled, Status, Why
from iquest_review.merge_request.refs import DiffRefs
from iquest_review.merge_request.standing import Note, Standing, Thread
from iquest_review.merge_request.words import ENGLISH
from iquest_review.model.asking import StructuredOutput
from iquest_review.model.endpoint import Reply, Served
from iquest_review.model.finding import Severity
from iquest_review.progress import Lines
from iquest_review.prompt.render import Message, Templates
from iquest_review.prompt.screen import Reason
from iquest_review.review import Change, Options, Terms, exit_code, preview, review

PROMPTS = Path(__file__).parents[1] / "prompts"
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
    asked: list[str] = field(default_factory=list)

    def served(self) -> Served:
        return Served(self.name, self.root or self.name, self.window)

    def count(self, messages: list[Message]) -> int | None:
        return None

    def complete(
        self, messages: list[Message], response_format: dict[str, Any] | None, max_tokens: int | None = None
    ) -> Reply:
        self.asked.append(messages[-1]["content"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, "", "stop", self.name, 100, 20, 0.1)


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


@dataclass
class FakeBoard:
    """Waives the threads of these discussions, and counts how often it is asked."""

    waives: frozenset[str] = frozenset()
    asked: int = 0

    def waived(self, thread: Thread) -> bool:
        self.asked += 1
        return thread.id in self.waives


def options(**changes: Any) -> Options:
    terms = {name: changes.pop(name) for name in list(changes) if name in Terms.__dataclass_fields__}
    values: dict[str, Any] = {
        "templates": Templates.load(PROMPTS, "en"),
        "terms": replace(Terms(2000, None, 4, StructuredOutput.AUTO), **terms),
        "max_findings": 10,
        "nonce": "5ca1ab1e",
        "surroundings": Surroundings(),
        "settings": SETTINGS,
    }
    return Options(**{**values, **changes})


def change(made: bytes = PATCH, **known: Any) -> Change:
    return Change(patch.parse(made), Intent("Add two"), "a test", **known)


@pytest.fixture
def reviewed() -> Callable[..., Outcome]:
    def run(
        model: FakeModel,
        made: bytes | Change = PATCH,
        desk: Desk | None = None,
        board: FakeBoard | None = None,
        **changes: Any,
    ) -> Outcome:
        desk, made = desk or Desk(), made if isinstance(made, Change) else change(made)
        outcome, _ = review(
            made, model, options(**changes), board or FakeBoard(), desk.keep, desk.publish, Lines(verbosity=-1)
        )
        return outcome

    return run


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


# --- keeping and publishing ---


def test_a_review_is_kept_before_and_after_it_is_published() -> None:
    desk = Desk()

    _, body = review(change(), FakeModel([CLEAN]), options(), FakeBoard(), desk.keep, desk.publish, Lines(verbosity=-1))

    assert desk.did == ["kept", "published", "kept"]
    assert "## Review: No findings" in str(desk.events[0][1])
    assert desk.events[2][1] == body == "the note as posted"


def test_a_review_that_cannot_be_published_was_kept(reviewed: Callable[..., Outcome]) -> None:
    desk = Desk(refusal=GitLabError("down"))

    with pytest.raises(GitLabError):
        reviewed(FakeModel([CLEAN]), desk=desk)

    assert desk.did == ["kept", "published"]


def test_a_review_that_cannot_be_kept_is_published(reviewed: Callable[..., Outcome]) -> None:
    desk = Desk(full=UsageError("the folder cannot be written"))

    with pytest.raises(UsageError):
        reviewed(FakeModel([CLEAN]), desk=desk)

    assert desk.did == ["kept", "published"]


def test_where_a_newer_run_has_spoken_its_note_is_not_replaced_in_the_folder() -> None:
    desk = Desk(posted=None)

    _, body = review(change(), FakeModel([CLEAN]), options(), FakeBoard(), desk.keep, desk.publish, Lines(verbosity=-1))

    assert desk.did == ["kept", "published"]
    assert body == desk.events[0][1]


# --- what the model's answer comes to ---


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


@pytest.mark.parametrize("text", ["", "{}", '{"issues": []}', "<think>so", '{"issues": [{"line": 3}], "summary": "x"}'])
def test_an_unusable_answer_never_becomes_a_clean_review(reviewed: Callable[..., Outcome], text: str) -> None:
    outcome = reviewed(FakeModel([text]))

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


def test_a_finding_goes_on_its_line(reviewed: Callable[..., Outcome]) -> None:
    [finding] = reviewed(FakeModel([answer(issue(line=77))])).findings

    assert (finding.line, finding.placement, finding.placement_reason) == (2, Placement.INLINE, None)
    assert finding.position is not None
    assert (finding.position.old_line, finding.position.new_line) == (None, 2)


def test_a_finding_about_no_file_of_the_change_is_shown_with_the_reason(reviewed: Callable[..., Outcome]) -> None:
    [finding] = reviewed(FakeModel([answer(issue(file="z.py", quote=""))])).findings

    assert (finding.line, finding.placement) == (None, Placement.SUMMARY)
    assert finding.placement_reason == "the file it names is not part of the change"


def test_no_more_findings_than_allowed_go_on_lines(reviewed: Callable[..., Outcome]) -> None:
    low, high = issue(severity="low"), issue(file="b.py", quote="five", severity="high", description="Five is four.")

    outcome = reviewed(FakeModel([answer(low, high)]), PATCH + SECOND, max_findings=1)

    assert [(f.path, f.placement) for f in outcome.findings] == [
        ("b.py", Placement.INLINE),
        ("a.py", Placement.SUMMARY),
    ]


def test_what_is_said_twice_is_raised_once(reviewed: Callable[..., Outcome]) -> None:
    outcome = reviewed(FakeModel([answer(issue(), issue(type="convention"))]))

    assert len(outcome.findings) == outcome.merged == 1


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
    review(change(), model, options(), None, Desk().keep, None, Lines(verbosity=-1))

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
    assert exit_code(reviewed(FakeModel([answer(issue())])), threshold) == code


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


# --- a later push ---


def known(text: bytes, **changed: Any) -> Ledger:
    """What the note remembers, when all of this patch was reviewed."""
    hunks = tuple(identity for file in patch.parse(text).files for identity in ids(file))
    fields: dict[str, Any] = {"settings": SETTINGS, "hunks": hunks, "model": "qwen", "summary": "As it was."}
    return Ledger(REFS.head_sha, REFS.head_sha, **{**fields, **changed})


def thread(finding: PlacedFinding, **changed: Any) -> Thread:
    """The thread of a finding, as GitLab tells it."""
    body = remark.thread(finding, ENGLISH)
    mark = read(body)
    assert mark is not None
    fields: dict[str, Any] = {"id": "d" * 40, "note": 1, "path": finding.path, "line": finding.line, "resolved": False}
    return Thread(**{**fields, "mark": mark, "body": body, "head": REFS.head_sha, **changed})


@pytest.fixture
def first(reviewed: Callable[..., Outcome]) -> PlacedFinding:
    """The finding of the first push."""
    [finding] = reviewed(FakeModel([answer(issue())])).findings
    return finding


CHANGED = PATCH.replace(b"+two", b"+2")


def later(text: bytes, *threads: Thread, known: Ledger | None) -> Change:
    """A push after the first, by which a.py is what CHANGED makes of it or, else, what PATCH does."""
    head = b"one\n2\nthree\n" if text == CHANGED else b"one\ntwo\nthree\n"
    standing = Standing(1, threads, (Note(9, "n", MARKER),))
    return change(text, refs=REFS, standing=standing, known=known, text=lambda _: head)


def test_a_later_push_shows_only_what_is_new(reviewed: Callable[..., Outcome]) -> None:
    model = FakeModel([CLEAN])

    outcome = reviewed(model, later(PATCH + SECOND, known=known(PATCH)))

    assert "five" in model.asked[0]
    assert "two" not in model.asked[0].replace("Add two", "")
    assert [(o.path, o.reason) for o in outcome.omissions] == [("a.py", Reason.SEEN)]
    assert outcome.status is Status.REVIEWED
    assert outcome.reviewed is not None
    assert (outcome.reviewed.whole, outcome.reviewed.afresh) == (True, False)


@pytest.mark.parametrize("changes", [{"full": True}, {"settings": "0" * 8}])
def test_other_settings_and_a_full_review_show_everything_again(
    reviewed: Callable[..., Outcome], changes: dict[str, Any]
) -> None:
    model = FakeModel([CLEAN])

    outcome = reviewed(model, later(PATCH + SECOND, known=known(PATCH)), **changes)

    assert "two" in model.asked[0].replace("Add two", "")
    assert outcome.reviewed is not None
    assert outcome.reviewed.afresh


def test_a_run_over_what_stands_already_asks_and_writes_nothing(reviewed: Callable[..., Outcome]) -> None:
    model, desk = FakeModel([CLEAN]), Desk()

    outcome = reviewed(model, later(PATCH, known=known(PATCH)), desk)

    assert model.asked == []
    assert desk.events == [("kept", MARKER)]
    assert (outcome.summary, outcome.model) == ("As it was.", "qwen")


def test_what_a_lost_answer_was_about_is_not_taken_as_reviewed(reviewed: Callable[..., Outcome]) -> None:
    outcome = reviewed(FakeModel([answer(issue(), {"line": "?"})]), max_requests=1)

    assert outcome.status is Status.PARTIAL
    assert outcome.reviewed is not None
    assert (outcome.reviewed.hunks, outcome.reviewed.whole) == ((), False)


def test_a_finding_whose_lines_are_there_still_stands(reviewed: Callable[..., Outcome], first: PlacedFinding) -> None:
    outcome = reviewed(FakeModel([CLEAN]), later(PATCH + SECOND, thread(first), known=known(PATCH)))

    assert (outcome.standing, outcome.settled) == ((Severity.MEDIUM,), ())
    assert exit_code(outcome, Severity.MEDIUM) == 1


def test_a_finding_whose_lines_are_gone_is_settled(reviewed: Callable[..., Outcome], first: PlacedFinding) -> None:
    outcome = reviewed(FakeModel([CLEAN]), later(CHANGED, thread(first), known=known(PATCH)))

    assert (outcome.standing, outcome.settled) == ((), (Settled("d" * 40, Why.GONE),))
    assert exit_code(outcome, Severity.LOW) == 0


def test_a_finding_of_the_note_is_kept_until_its_lines_are_gone(
    reviewed: Callable[..., Outcome], first: PlacedFinding
) -> None:
    told = replace(first, placement=Placement.SUMMARY, placement_reason="GitLab takes no thread there")
    before = known(PATCH, findings=(told,))

    stays = reviewed(FakeModel([CLEAN]), later(PATCH + SECOND, known=before))
    goes = reviewed(FakeModel([CLEAN]), later(CHANGED, known=before))

    assert [finding.fingerprint for finding in stays.kept] == [first.fingerprint]
    assert exit_code(stays, Severity.MEDIUM) == 1
    assert (goes.kept, goes.settled) == ((), (Settled("", Why.GONE),))


def test_a_finding_that_was_waived_is_not_raised_again(reviewed: Callable[..., Outcome], first: PlacedFinding) -> None:
    board = FakeBoard(frozenset({"d" * 40}))

    outcome = reviewed(FakeModel([answer(issue())]), later(PATCH, thread(first), known=None), board=board)

    assert (outcome.findings, outcome.waived, outcome.standing) == ((), 1, ())


def test_an_open_thread_that_is_waived_does_not_fail_the_job(
    reviewed: Callable[..., Outcome], first: PlacedFinding
) -> None:
    board = FakeBoard(frozenset({"d" * 40}))
    made = later(PATCH + SECOND, thread(first), known=known(PATCH))

    outcome = reviewed(FakeModel([CLEAN]), made, board=board, fail_on=Severity.LOW)

    assert exit_code(outcome, Severity.LOW) == 0
    assert board.asked == 1


def test_a_thread_a_person_resolved_stays_resolved(reviewed: Callable[..., Outcome], first: PlacedFinding) -> None:
    made = later(PATCH, thread(first, resolved=True), known=None)

    assert reviewed(FakeModel([answer(issue())]), made).findings == ()


def test_a_review_that_failed_settles_nothing(reviewed: Callable[..., Outcome], first: PlacedFinding) -> None:
    made = later(CHANGED, thread(first), known=known(PATCH))

    outcome = reviewed(FakeModel([ModelUnreachable("down")]), made)

    assert (outcome.status, outcome.settled) == (Status.NOT_REVIEWED, ())
