"""Running the command as its users do, and what it leaves: on disk, and on the merge request."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import command
from tests.support.gitlab.double import DiffRefs, GitLabDouble

TOKEN = "glpat-of-the-reviewer"
JOB_TOKEN = "glcbt-64_of-the-job"
PROJECT, PATH, IID = 7, "group/app", 4
BOT = "reviewer"

ANSWER = json.dumps(
    {
        "issues": [
            {
                "file": "app/total.py",
                "line": 3,
                "quote": "    return sum(item.price for item in items) / len(items)",
                "type": "bug",
                "severity": "high",
                "description": "An empty list divides by zero. Every cart starts empty.",
                "suggestion": "    return sum(item.price for item in items) / len(items) if items else 0",
            }
        ],
        "summary": "A feature. One boundary is not handled.",
        "suggestions": ["Add a test with an empty cart."],
    }
)


@dataclass
class Finished:
    """What a run came to."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def review(self) -> dict[str, Any]:
        """The review.json it kept."""
        loaded: dict[str, Any] = json.loads((self.folder / "iquest-review/review.json").read_text())
        return loaded


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, message: str, files: Mapping[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@dataclass
class Project:
    """A project on GitLab with one merge request. main moved on after the feature branch left it."""

    folder: Path
    base: str = ""
    start: str = ""
    head: str = ""
    merged: str = ""  # what a merged-results pipeline checks out
    files: dict[str, str] = field(default_factory=dict)

    @property
    def refs(self) -> DiffRefs:
        return DiffRefs(self.base, self.start, self.head)


class Run:
    """Runs `iquest-review` in a folder of its own. `before`: see command.run."""

    def __init__(self, folder: Path, before: command.Prelude | None = None) -> None:
        self.folder, self.before = folder, before
        folder.mkdir(exist_ok=True)

    def __call__(
        self, *arguments: str, environ: Mapping[str, str] | None = None, stdin: bytes = b"", folder: Path | None = None
    ) -> Finished:
        own = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
        run = command.run(arguments, folder or self.folder, {**own, **(environ or {})}, stdin, before=self.before)
        assert b"Traceback" not in run.stderr, run.stderr.decode()
        finished = Finished(run.returncode, run.stdout.decode(), run.stderr.decode(), folder or self.folder)
        for secret in (TOKEN, JOB_TOKEN):
            assert secret not in finished.out + finished.err
        return finished


def bodies(gitlab: GitLabDouble, iid: int = IID) -> list[str]:
    """The notes people see, those in threads as well."""
    return [note["body"] for note in gitlab.notes(PROJECT, iid) if not note["system"]]


def summaries(gitlab: GitLabDouble, iid: int = IID) -> list[dict[str, Any]]:
    """The reviewer's notes that are no thread."""
    notes = [note for note in gitlab.notes(PROJECT, iid) if not note["system"] and note["type"] is None]
    return [note for note in notes if note["author"]["username"] == BOT]


def summary(gitlab: GitLabDouble, iid: int = IID) -> str:
    """The body of the one summary note."""
    [note] = summaries(gitlab, iid)
    body: str = note["body"]
    return body


@dataclass(frozen=True)
class Thread:
    """A thread as people meet it."""

    id: str
    note: int
    path: str
    line: int | None  # of the new file, else of the old one
    side: str  # new, old, or file
    body: str
    resolved_by: str | None
    replies: tuple[str, ...]
    suggestions: tuple[dict[str, Any], ...]
    position: dict[str, Any]


def threads(gitlab: GitLabDouble, iid: int = IID) -> list[Thread]:
    """The threads on the change, oldest first."""
    return [_thread(shown) for shown in gitlab.discussions(PROJECT, iid) if shown["notes"][0]["type"] == "DiffNote"]


def _thread(shown: dict[str, Any]) -> Thread:
    first, *rest = [note for note in shown["notes"] if not note["system"]]
    place, resolver = first["position"], first["resolved_by"]
    side = "new" if place.get("new_line") else "old" if place.get("old_line") else "file"
    return Thread(
        id=shown["id"],
        note=first["id"],
        path=place["new_path"],
        line=place.get("new_line") or place.get("old_line"),
        side=side,
        body=first["body"],
        resolved_by=resolver["username"] if resolver else None,
        replies=tuple(note["body"] for note in rest),
        suggestions=tuple(first["suggestions"]),
        position=place,
    )
