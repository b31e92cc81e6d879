"""What goes wrong in a run, drawn from a seed: which request of which server, how, and how often.

A number is a request's place among those that its server gets in a run, those of git among GitLab's. Nothing here is
a lie that could be true: an empty list for the discussions of a merge request that has some is no fault anybody sees.
"""

import random
import signal
from dataclasses import dataclass
from typing import Any

from tests.support.model.double import Fault

KEY = "sk-of-the-model-server"
TOKEN = "glpat-of-the-reviewer"
LONG = 999  # times: until the run ends
STOLEN = "/stolen"  # where redirects lead

_HTML = "<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>"
_JSON = {"Content-Type": "application/json"}
_DEEP = "[" * 100_000
_GARBAGE: dict[str, str | bytes] = {
    "a page": _HTML,
    "nothing": "",
    "null": "null",
    "an object": "{}",
    "a text": '"OK"',
    "a number": "1" * 5000,
    "half": '{"id": 1, "body": "<!-- iquest-rev',
    "depth": _DEEP,
    "bytes": b"\x00\xff\xfe\x1f\x8b\x08",
    "wrong types": '[{"id": "x", "notes": {"id": []}, "diff_refs": 3}]',
}

# --- of GitLab: arguments of GitLabDouble.fail

GITLAB: dict[str, dict[str, Any]] = {
    **{f"{status}": {"status": status, "body": _HTML} for status in (500, 502, 503, 504, 520)},
    **{f"{status} but stored": {"status": status, "after_store": True} for status in (500, 502, 504)},
    **{f"{status}": {"status": status, "body": {"message": str(status)}} for status in (401, 403, 404, 418, 422)},
    "503, come back": {"status": 503, "headers": {"Retry-After": "2"}},
    "503, come back tomorrow": {"status": 503, "headers": {"Retry-After": "86400"}},
    "429": {"status": 429, "body": "Retry later\n"},
    "429, come back": {"status": 429, "headers": {"Retry-After": "3"}},
    "a lock": {"status": 409, "body": {"message": "409 Conflict: Resource lock"}},
    "a conflict": {"status": 409, "body": {"message": "409 Conflict"}},
    "lost": {"drop": True},
    "lost but stored": {"drop": True, "after_store": True},
    "slow": {"delay": 0.15},
    "late": {"delay": 1.2},  # stored, and nobody waits for the answer
    "late and lost": {"delay": 1.2, "drop": True},
    "the token told back": {"status": 403, "body": {"message": f"no rights for {TOKEN}", "error": TOKEN}},
    **{
        f"sent away by {status}": {"status": status, "headers": {"Location": STOLEN}} for status in (301, 302, 307, 308)
    },
    **{f"{name} for an answer": {"status": 200, "body": body, "headers": _JSON} for name, body in _GARBAGE.items()},
    **{
        f"{name} for an answer, but stored": {"status": 201, "body": body, "headers": _JSON, "after_store": True}
        for name, body in _GARBAGE.items()
    },
}

UNSAID = (
    "500 but stored",
    "502 but stored",
    "504 but stored",
    "late",
    "lost but stored",
    "nothing for an answer, but stored",
)

# --- of the model


def _says(content: object, finish_reason: str = "stop") -> Fault:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish_reason}
    return Fault(body={"object": "chat.completion", "model": "tiny", "choices": [choice]})


MODEL: dict[str, Fault] = {
    **{f"{status}": Fault(status) for status in (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504)},
    "507": Fault(507, _HTML),
    "a page": Fault(502, _HTML, content_type="text/html"),
    "503, come back": Fault(503, headers={"Retry-After": "1"}),
    "503, come back tomorrow": Fault(503, headers={"Retry-After": "86400"}),
    "lost": Fault(body=_HTML, drop=True),
    "reset": Fault(body=_HTML, reset=True),
    "late": Fault(500, delay=0.9),
    "stalled": Fault(body='{"choices": [{"message": {"content": "', stall=0.9),
    "the key told back": Fault(400, f'{{"error": "Authorization: Bearer {KEY} is not for us"}}'),
    "the prompt is too long": Fault(400, '{"error": {"message": "maximum context length is 10 tokens"}}'),
    "the form is refused": Fault(400, '{"error": {"message": "response_format json_schema is not supported"}}'),
    **{f"sent away by {status}": Fault(status, headers={"Location": STOLEN}) for status in (301, 302, 307, 308)},
    **{f"{name} for an answer": Fault(body=body) for name, body in _GARBAGE.items()},
    "no choice": Fault(body={"choices": []}),
    "no message": Fault(body={"choices": [{"message": None, "finish_reason": None}]}),
    "an error in a 200": Fault(body={"error": {"message": "out of memory"}}),
    "no content": _says(None, "length"),
    "prose": _says("I could not find anything wrong with this change."),
    "blanks": _says('{"issues": ' + " " * 3000, "length"),
    "endless": _says("word " * 20_000, "length"),
    "an empty object": _says("{}"),
    "an empty list": _says("[]"),
    "no issues and no word": _says('{"issues": []}'),
    "half an issue": _says('{"issues": [{"file": "a.txt", "line": 1', "length"),
}

# --- of the job

KILLS = {"killed": signal.SIGKILL, "told to end": signal.SIGTERM, "interrupted": signal.SIGINT}


@dataclass(frozen=True, slots=True)
class Mishap:
    """So many requests go through, and so many go wrong after them. A kill comes before or after what is stored."""

    server: str  # gitlab or model
    number: int
    kind: str
    times: int = 1

    @property
    def signal(self) -> signal.Signals | None:
        return KILLS.get(self.kind.removesuffix(" after it"))


@dataclass(frozen=True, slots=True)
class Schedule:
    """What goes wrong in one run after another, before one in which nothing does."""

    story: str
    runs: tuple[tuple[Mishap, ...], ...]


def schedule(seed: int, requests: dict[str, dict[str, int]]) -> Schedule:
    """The schedule of a seed. `requests` says how many requests each server gets in an undisturbed run, by story."""
    draw = random.Random(seed)
    story = draw.choice(sorted(requests))
    runs = [_run(draw, requests[story]) for _ in range(draw.choice([1, 1, 1, 2]))]
    return Schedule(story, tuple(runs))


def _run(draw: random.Random, requests: dict[str, int]) -> tuple[Mishap, ...]:
    drawn = [_mishap(draw, requests) for _ in range(draw.choice([1, 1, 1, 2, 2, 3]))]
    return tuple(sorted(drawn, key=lambda mishap: (mishap.server, mishap.number)))


def _mishap(draw: random.Random, requests: dict[str, int]) -> Mishap:
    server = draw.choice(["gitlab", "gitlab", "model"] if requests["model"] else ["gitlab"])
    asked = requests[server]
    number = draw.randrange(asked // 2 if draw.random() < 0.4 else 0, asked)  # what is written is written at the end
    if draw.random() < 0.25:
        return Mishap(server, number, draw.choice(sorted(KILLS)) + draw.choice(["", " after it"]))
    kind = draw.choice(sorted(GITLAB if server == "gitlab" else MODEL))
    if server == "gitlab" and draw.random() < 0.4:
        kind = draw.choice(UNSAID)
    return Mishap(server, number, kind, draw.choice([1, 1, 1, 1, 2, 3, LONG]))
