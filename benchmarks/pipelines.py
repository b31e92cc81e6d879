"""Pipelines of merge requests that all have one change, against GitLab and a model that answer at once."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.cost import COMMAND, Cost, measure
from tests.support.gitlab.double import DiffRefs, GitLabDouble
from tests.support.model.double import ModelDouble
from tests.support.model.rules import Json

TOKEN = "glpat-benchmark"

_WORD = re.compile(r"[^\W\d]{3,}")
_ROW = re.compile(r"\+(\d+)\| (\s*\w.{20,})")


class Range(NamedTuple):
    """Two commits of a repository."""

    folder: Path
    base: str
    head: str

    @property
    def diff(self) -> list[str]:
        """The command that prints the diff."""
        return ["git", "diff", "--find-renames", self.base, self.head]

    def count_changes(self) -> tuple[int, int]:
        """Return the changed files and lines, as git counts them."""
        printed = subprocess.check_output(
            ["git", "diff", "--numstat", self.base, self.head], cwd=self.folder, text=True
        )
        counts = [row.split("\t")[:2] for row in printed.splitlines()]
        return len(counts), sum(int(count) for pair in counts for count in pair if count.isdigit())


def answer_with_issues(body: Json, count: int) -> str:
    """Return a review of the prompt with issues on rows that it shows; one has a wrong file, one a wrong line."""
    shown, path = list[tuple[str, int, str]](), ""
    for row in body["messages"][-1]["content"].splitlines():
        if row.startswith("=== file: "):
            path = row.removeprefix("=== file: ")
        elif path and (match := _ROW.fullmatch(row)):
            shown.append((path, int(match[1]), match[2]))
    chosen = shown[:: max(1, len(shown) // count)][:count]
    issues = [
        {
            "file": "src/elsewhere.py" if number == 1 else path,
            "line": line + 40 if number == 2 else line,
            "quote": quote,
            "type": "bug",
            "severity": "medium",
            "description": f"{' '.join(_WORD.findall(quote))}: nothing says what happens if this fails.",
            "suggestion": None,
        }
        for number, (path, line, quote) in enumerate(chosen)
    ]
    return json.dumps({"issues": issues, "summary": "Blocks move between files.", "suggestions": []})


def list_job_variables(gitlab: GitLabDouble, model: ModelDouble, folder: Path) -> dict[str, str]:
    """Return the variables of a job of project 7, but for the merge request's number."""
    return {
        **list_plain_variables(folder),
        "CI": "true",
        "CI_API_V4_URL": gitlab.api_url,
        "CI_PROJECT_ID": "7",
        "CI_PROJECT_DIR": str(folder),
        "CI_MERGE_REQUEST_PROJECT_ID": "7",
        "GITLAB_API_TOKEN": TOKEN,
        "IQUEST_API_URL": model.url,
    }


def list_plain_variables(folder: Path) -> dict[str, str]:
    """Return the variables that every process gets."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder)}


class Pipelines:
    """Reviews of one range, each the first one of a merge request of its own."""

    def __init__(self, gitlab: GitLabDouble, model: ModelDouble, change: Range, output: Path) -> None:
        self.gitlab, self.change, self.output = gitlab, change, output
        self.variables = list_job_variables(gitlab, model, change.folder)
        self.iid = 0
        gitlab.add_user("reviewer", token=TOKEN)
        gitlab.add_project(7, "group/app", change.folder)

    def review(self, settings: Mapping[str, str], again: bool = False) -> tuple[Cost, int]:
        """Return what one review costs, and its requests to GitLab; `again`: of the same merge request."""
        if not again:
            self.iid += 1
            refs = DiffRefs(self.change.base, self.change.base, self.change.head)
            self.gitlab.add_merge_request(7, self.iid, title="Move blocks", diff_refs=refs)
        before = len(self.gitlab.requests)
        variables = {**self.variables, "CI_MERGE_REQUEST_IID": str(self.iid), **settings}
        cost = measure([COMMAND, "review", "--output", self.output], variables, self.change.folder)
        return cost, len(self.gitlab.requests) - before
