"""A GitLab that fails in every way one can: each finding once, one note, or a review that is kept for `publish`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.fault_stage import NOW, Change, End, Look, Stage, Variables, answer, completion, issue, stage
from tests.support.model.double import Fault, ModelDouble, Scripted
from tests.support.pipeline import IID, PATH, PROJECT, TOKEN, Finished, bodies, threads

NOTES, DISCUSSIONS, ANYTHING = r"/merge_requests/4/notes$", r"/merge_requests/4/discussions$", "/merge_requests/4"
HTML = "<html><body><h1>Sign in</h1></body></html>"
KEPT = End(4, "reviewed", None, "the review is kept, and `iquest-review publish")  # its thread is there, its note not
NOTHING = End(4, None, None, asked=0, threads=0)

Plan = Callable[[Stage], object]


def fails(method: str, path: str, **how: Any) -> Plan:
    """The next such request fails, with the leave to ask again at once."""
    return lambda here: here.gitlab.fail(method, path, **{"headers": NOW, **how})


def ruby(attribute: str, *said: str) -> dict[str, str]:
    """GitLab's way to say what does not hold (lib/api/helpers/notes_helpers.rb)."""
    words = ", ".join(f'"{one}"' for one in said)
    return {"message": f"400 Bad request - Note {{:{attribute}=>[{words}]}}"}


@dataclass(frozen=True)
class Case:
    """One fault: what GitLab does, and how the run must end."""

    name: str
    plan: Plan = lambda here: None
    end: End = End()  # noqa: RUF009 - frozen
    look: Look | None = None
    posts: tuple[int, int] | None = None  # how often a thread and the note were posted
    replies: Sequence[Scripted] = (answer(),)
    merge_request: dict[str, Any] = field(default_factory=dict)
    variables: Variables = field(default_factory=dict)
    wrong: str = ""  # what of the row does not hold yet


# -- a line that GitLab does not take (F41, F42)

NO_LINE_CODE = ruby("line_code", "can't be blank", "must be a valid line code")


def told_in_the_note(here: Stage, finished: Finished) -> None:
    [finding] = finished.review["findings"]
    assert finding["placement"] == "summary"
    assert finding["placement_reason"] in (here.note or "")
    assert "An empty list divides by zero." in (here.note or "")


LINES = [
    Case(
        "F41-no-line-code",
        fails("POST", DISCUSSIONS, status=400, body=NO_LINE_CODE),
        End(threads=0),
        told_in_the_note,
        (1, 1),
    ),
    Case(
        "F42-position-incomplete",
        fails("POST", DISCUSSIONS, status=400, body=ruby("position", "is incomplete")),
        End(threads=0),
        told_in_the_note,
        (1, 1),
    ),
]

# -- what was stored all the same, or not at all (F43, F45)

STORED = [
    Case("F43-500-stored", fails("POST", DISCUSSIONS, status=500, after_store=True), posts=(1, 1)),
    Case("F43-500-lost", fails("POST", DISCUSSIONS, status=500), posts=(2, 1)),
    Case(
        "F43-500-always",
        fails("POST", DISCUSSIONS, status=500, times=99),
        End(threads=0),
        told_in_the_note,
        (2, 1),
    ),
    Case("F43-500-stored-note", fails("POST", NOTES, status=500, after_store=True), posts=(1, 1)),
    Case("F45-502-on-a-read", fails("GET", r"/merge_requests/4$", status=502, body=HTML, times=2), posts=(1, 1)),
    Case("F45-502-stored", fails("POST", NOTES, status=502, body=HTML, after_store=True), posts=(1, 1)),
    Case("F45-502-lost", fails("POST", NOTES, status=502, body=HTML), posts=(1, 2)),
    Case("F45-502-always", fails("POST", NOTES, status=502, body=HTML, times=99), KEPT),
]

# -- limits and locks (F46, F47, F52)

RACK_ATTACK = {"status": 429, "body": "Retry later\n"}
TOO_MANY = {"status": 429, "body": {"message": {"error": "This endpoint has been requested too many times."}}}

LIMITS = [
    Case("F46-limit-on-notes", fails("POST", NOTES, **TOO_MANY, headers={"Retry-After": "1"}), posts=(1, 2)),
    Case("F46-limit-on-reads", fails("GET", "/discussions", **RACK_ATTACK), posts=(1, 1)),
    Case("F46-limit-of-an-hour", fails("POST", NOTES, **RACK_ATTACK, headers={"Retry-After": "3600"}), KEPT),
    Case("F47-a-fraction", fails("POST", NOTES, **RACK_ATTACK, headers={"Retry-After": "0.2"}), posts=(1, 2)),
    Case("F52-plain", fails("POST", NOTES, status=409, body={"message": "409 Conflict"}), KEPT, posts=(1, 1)),
    Case("F52-lock", fails("POST", NOTES, status=409, body={"message": "409 Conflict: Resource lock"}), posts=(1, 2)),
]

# -- what may not be, or is gone (F48 to F51)


def revoked(here: Stage) -> None:
    because = "Token is expired. You can either do re-authorization or token refresh."
    here.gitlab.before("POST", DISCUSSIONS, lambda: here.gitlab.refuse_token(TOKEN, because))


def deleted(here: Stage) -> None:
    def gone() -> None:
        here.gitlab.fail("*", ANYTHING, status=404, body={"message": "404 Not found"}, times=99)

    here.gitlab.before("POST", DISCUSSIONS, gone)


def moved(here: Stage) -> None:
    here.gitlab.move_project(PROJECT, "group/elsewhere")


def asked_once(here: Stage, finished: Finished) -> None:
    assert len(here.gitlab.requests) <= 2
    assert "moved" in finished.err


BY_PATH = {"IQUEST_PROJECT": PATH, "IQUEST_MERGE_REQUEST": str(IID)}
FORBIDDEN = {"status": 403, "body": {"message": "403 Forbidden"}}

DENIED = [
    Case("F48-expired-meanwhile", revoked, End(4, "reviewed", None, "GITLAB_API_TOKEN is wrong, expired", threads=0)),
    Case(
        "F49-threads-forbidden",
        fails("POST", DISCUSSIONS, **FORBIDDEN, times=99),
        End(4, note=None, log="needs the role", threads=0),
    ),
    Case("F49-note-forbidden", fails("POST", NOTES, **FORBIDDEN, times=99), KEPT, posts=(1, 1)),
    Case("F50-deleted-meanwhile", deleted, KEPT, posts=(1, 0)),
    Case("F50-moved", moved, NOTHING, asked_once, variables=BY_PATH),
    Case("F51-merged", merge_request={"state": "merged"}, posts=(1, 1)),
    Case("F51-closed", merge_request={"state": "closed"}, posts=(1, 1)),
]

# -- answers that are none (F53 to F57)


def within_the_limit(here: Stage, finished: Finished) -> None:
    assert all(len(body) < 1_000_000 for body in bodies(here.gitlab))


def nothing_unsendable(here: Stage, finished: Finished) -> None:
    for request in here.gitlab.requests:
        if request.method in ("POST", "PUT"):
            body = request.json["body"]
            assert "\x00" not in body
            assert body.encode(), "a half of a character would raise"
    [thread] = threads(here.gitlab)
    assert "Zero" in thread.body
    assert "a character" in thread.body


def full_of_notes(here: Stage) -> None:
    for number in range(219):
        here.gitlab.add_note(PROJECT, IID, f"Note {number}")


def found_again(here: Stage, finished: Finished) -> None:
    full_of_notes(here)
    again = here.review("--full")
    here.check(again, End())
    assert (here.posts("/discussions"), here.posts("/notes")) == (1, 1)


COMMANDS = {"status": 202, "body": {"commands_changes": {"state_event": "close"}, "summary": ["Closed this."]}}
LONG = answer(issue("x" * 90_000), summary="A long one. " * 9_000)
ODD = answer(issue("Zero \x00 and half \ud800 of a character."), summary="Also \x00 here \udfff.")

ODDITIES = [
    Case("F53-too-long", look=within_the_limit, replies=[Fault(body=completion(LONG))], posts=(1, 1)),
    Case("F54-what-cannot-be-sent", look=nothing_unsendable, replies=[ODD], posts=(1, 1)),
    Case(
        "F54-refused-as-text",
        fails("POST", NOTES, status=400, body="400 Bad Request\n", headers={"Content-Type": "text/plain"}),
        KEPT,
        posts=(1, 1),
    ),
    Case("F55-ran-the-note", fails("POST", NOTES, **COMMANDS), End(4, note=None, log="security problem")),
    Case(
        "F55-ran-the-thread",
        fails("POST", DISCUSSIONS, **COMMANDS),
        End(4, note=None, log="security problem", threads=0),
    ),
    Case(
        "F56-sign-in-page", fails("POST", NOTES, status=201, body=HTML, headers={}), End(4, note=None, log="a web page")
    ),
    Case("F56-sign-in-page-for-a-read", fails("GET", "/discussions", status=200, body=HTML, times=99), NOTHING),
    Case("F56-no-list-for-a-read", fails("GET", "/discussions", status=200, body={"notes": []}), NOTHING),
    Case("F57-all-pages", full_of_notes, look=found_again, posts=None),
]

CASES = [*LINES, *STORED, *LIMITS, *DENIED, *ODDITIES]


def marked(case: Case) -> Any:
    return pytest.param(
        case, id=case.name, marks=[pytest.mark.xfail(strict=True, reason=case.wrong)] * bool(case.wrong)
    )


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_a_gitlab_that_fails_ends_as_it_should(case: Case, change: Change, tmp_path: Path) -> None:
    with ModelDouble(replies=case.replies) as model, stage(change, tmp_path, model, **case.merge_request) as here:
        case.plan(here)
        finished = here.review(**case.variables)
        here.check(finished, case.end)
        if case.posts:
            assert (here.posts("/discussions"), here.posts("/notes")) == case.posts
        if case.look:
            case.look(here, finished)
