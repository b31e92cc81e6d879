"""A merge request in front of servers that fail, the command run on it, and what must hold wherever that ends."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support import command
from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs, GitLabDouble
from tests.support.model.double import ModelDouble, Request
from tests.support.pipeline import BOT, IID, PATH, PROJECT, TOKEN, Finished, Run, bodies, summaries, threads

COMMAND = [sys.executable, "-c", "from iquest_review.cli.main import main; main()", "review"]
KEY = "sk-of-the-model-4711"
NOW = {"Retry-After": "0"}  # spares a test the waits that nothing hangs on
LONGEST = 30.0  # seconds: no deadline of a case here is as far away, and a busy machine takes its share

_WRONG = "    return sum(item.price for item in items) / len(items)"
_ISSUE = {"file": "app/total.py", "line": 3, "quote": _WRONG, "type": "bug", "severity": "high", "suggestion": None}


def issue(description: str = "An empty list divides by zero.", **fields: Any) -> dict[str, Any]:
    """A finding on the one line that the small change changes."""
    return {**_ISSUE, "description": description, **fields}


def answer(*issues: dict[str, Any], summary: str = "A feature.") -> str:
    """A whole review."""
    return json.dumps({"issues": list(issues or (issue(),)), "summary": summary, "suggestions": []})


def completion(content: str | None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """The envelope of a reply, for what the double would not say by itself."""
    said = {"role": "assistant", "content": content, **message}
    usage = {"prompt_tokens": 4_000, "completion_tokens": 10, "total_tokens": 4_010}
    return {"object": "chat.completion", "choices": [{"message": said, "finish_reason": finish}], "usage": usage}


@dataclass(frozen=True)
class Change:
    """A clone that holds all: one changed line, and, in another merge request, four files of many."""

    checkout: Path
    small: DiffRefs
    large: DiffRefs

    @classmethod
    def made(cls, folder: Path) -> "Change":
        checkout = Checkout(folder)
        base = checkout.commit({"app/total.py": "def total(items):\n    # of all prices\n    return 0\n"})
        small = checkout.commit({"app/total.py": f"def total(items):\n    # of all prices\n{_WRONG}\n"})
        rows = [f"    value_{number} = load('a row that takes its room', {number})\n" for number in range(60)]
        files = {f"app/part_{part}.py": f"def part_{part}():\n" + "".join(rows) for part in range(4)}
        return cls(checkout.path, DiffRefs(base, base, small), DiffRefs(small, small, checkout.commit(files)))


@dataclass(frozen=True)
class End:
    """How a run is to end. `note` and `log` are words that must be there; `note` None: there is none."""

    code: int = 0
    status: str | None = "reviewed"  # of review.json; None: there is none
    note: str | None = "1 high"
    log: str = ""
    asked: int | None = None  # completions
    threads: int = 1


LOST = End(3, "not_reviewed", "Not reviewed, because", threads=0)
UNPOSTED = End(4, "reviewed", None, "the review is kept", threads=0)


def ending(end: End, **fields: Any) -> End:
    return replace(end, **fields)


@dataclass
class Stage:
    """The servers, the job, and the command."""

    gitlab: GitLabDouble
    model: ModelDouble
    run: Run
    job: dict[str, str]
    seconds: float = 0.0  # the last run took

    def review(self, *arguments: str, **variables: str) -> Finished:
        """Runs the command to its end."""
        started = time.monotonic()
        finished = self.run("review", *arguments, environ={**self.job, **variables})
        self.seconds = time.monotonic() - started
        return finished

    @contextmanager
    def started(self, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Runs the command beside the test; it is killed where it has not ended."""
        environ = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **self.job, **variables}
        pipe = subprocess.PIPE
        with subprocess.Popen(
            COMMAND, cwd=self.run.folder, env=environ, stdout=pipe, stderr=pipe, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def note(self) -> str | None:
        """What the summary note says, without its escapes; None where there is none."""
        found = summaries(self.gitlab)
        assert len(found) <= 1
        return re.sub("[\\\\\u2060]", "", found[0]["body"]) if found else None

    @property
    def prompts(self) -> list[Request]:
        return self.model.completions

    def posts(self, path: str) -> int:
        """How often something was posted to such a path."""
        return sum(one.method == "POST" and one.path.endswith(path) for one in self.gitlab.requests)

    def check(self, finished: Finished, end: End) -> None:
        """The end is the one that was told, and nothing of what must never be."""
        said = f"{finished.err}\n{finished.out}"
        assert finished.code == end.code, said
        assert end.log in finished.err
        assert self.seconds < LONGEST
        kept = finished.folder / "iquest-review/review.json"
        status = finished.review["status"] if kept.is_file() else None
        assert status == end.status, said
        if end.note is None:
            assert self.note is None
        else:
            assert end.note in (self.note or ""), said
        assert len(threads(self.gitlab)) == end.threads
        assert end.asked is None or len(self.prompts) == end.asked, said
        self._never(finished, status, kept.read_text() if status else "")

    def _never(self, finished: Finished, status: str | None, kept: str) -> None:
        texts = [finished.out, finished.err, kept, *bodies(self.gitlab)]
        assert not [text for text in texts if TOKEN in text or KEY in text], "a secret"
        assert self.gitlab.executed == []
        if status in ("not_reviewed", "raw"):
            assert finished.code == 3
        if status != "reviewed":
            assert not [text for text in texts if "Review: No findings" in text], "a failure that passes for a review"
        left = [path.name for path in (finished.folder / "iquest-review").glob("*")]
        assert set(left) <= {"review.json", "note.md"}, "a half-written file"


@contextmanager
def stage(change: Change, folder: Path, model: ModelDouble, *, large: bool = False, **fields: Any) -> Iterator[Stage]:
    """A merge request in its pipeline. `fields` are those of GitLabDouble.add_merge_request."""
    with GitLabDouble() as gitlab:
        gitlab.add_user(BOT, token=TOKEN)
        gitlab.add_project(PROJECT, PATH, change.checkout)
        gitlab.add_merge_request(
            PROJECT, IID, **{"title": "Average", "diff_refs": change.large if large else change.small, **fields}
        )
        yield Stage(gitlab, model, Run(folder / "work", command.briefly), _job(gitlab, model, change))


def _job(gitlab: GitLabDouble, model: ModelDouble, change: Change) -> dict[str, str]:
    return {
        "CI": "true",
        "CI_API_V4_URL": gitlab.api_url,
        "CI_PROJECT_ID": str(PROJECT),
        "CI_PROJECT_PATH": PATH,
        "CI_PROJECT_DIR": str(change.checkout),
        "CI_MERGE_REQUEST_IID": str(IID),
        "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
        "GITLAB_API_TOKEN": TOKEN,
        "IQUEST_API_URL": model.url,
        "IQUEST_API_KEY": KEY,
        "IQUEST_TIMEOUT": "1",
    }


Look = Callable[[Stage, Finished], None]
Variables = Mapping[str, str]
