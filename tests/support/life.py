"""A merge request that goes on after its first review: pushes to a real repository, a model that remarks on what it is
shown, people who answer, and the command run after each push.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from iquest_review.cli.main import main
from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs, GitLabDouble, Request
from tests.support.gitlab.story import text
from tests.support.model.double import ModelDouble, Scripted
from tests.support.pipeline import BOT, IID, PATH, PROJECT, TOKEN, Finished, Run, Thread, summary, threads

Files = Mapping[str, str | bytes | None]

ZERO = "An empty list divides by zero."
EVAL = "Runs what others wrote, with all rights."
PUSHED = {"b.txt": text("30=eval(text)", count=40)}  # a second push, that changes another file

FILE_ROW = re.compile(r"=== file: (.+)$")
LINE_ROW = re.compile(r"([-+ ])(\d+)\| (.*)")
_REMARK = re.compile(r"^remark (\d+): .*\n    (.*)$", re.MULTILINE)


class Reader:
    """A model that finds fault with every changed row it was told to, as often as it is shown one.

    `finds` maps the text of a row to what is wrong with it, `more` are issues about no row that is shown. `fixed` maps
    words of an earlier remark to the row that shows it fixed.
    """

    def __init__(self) -> None:
        self.finds: dict[str, dict[str, Any]] = {}
        self.more: list[dict[str, Any]] = []
        self.fixed: dict[str, str] = {}
        self.instead: Scripted | None = None  # of an honest answer, once
        self.prompts: list[str] = []  # what it was shown, the last message of each review
        self.questions: list[str] = []  # whether something is fixed

    def wrong(self, text: str, description: str, **fields: Any) -> None:
        """From now on this row is a mistake."""
        self.finds[text] = {
            "type": "bug",
            "severity": "medium",
            "description": description,
            "suggestion": None,
        } | fields

    def review(self, body: dict[str, Any]) -> Any:
        """The answer to a request for a review."""
        self.prompts.append(body["messages"][-1]["content"])
        if self.instead is not None:
            said, self.instead = self.instead, None
            return said(body) if callable(said) else said
        issues, path = list(self.more), ""
        for row in self.prompts[-1].splitlines():
            if opened := FILE_ROW.match(row):
                path = opened[1]
            elif (shown := LINE_ROW.match(row)) and shown[1] != " " and shown[3].strip() in self.finds:
                found = self.finds[shown[3].strip()]
                issues.append({"file": path, "line": int(shown[2]), "quote": shown[3]} | found)
        return json.dumps({"issues": issues, "summary": f"Found {len(issues)}.", "suggestions": []})

    def asked(self, body: dict[str, Any]) -> str:
        """The answer to the question which earlier remarks are fixed."""
        self.questions.append(body["messages"][-1]["content"])
        rows = [
            {"number": int(number), "evidence": row, "fixed": True}
            for number, said in _REMARK.findall(self.questions[-1])
            for words, row in self.fixed.items()
            if words in said
        ]
        return json.dumps({"remarks": rows})


class Inside(Run):
    """The command in this process: what it takes to start Python is saved where nothing hangs on it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(folder)
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(
        self, *arguments: str, environ: Mapping[str, str] | None = None, stdin: bytes = b"", folder: Path | None = None
    ) -> Finished:
        self._capsys.readouterr()
        with self._monkeypatch.context() as patched:
            patched.chdir(folder or self.folder)
            for name, value in (environ or {}).items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit) as exit_of:
                main(arguments)
        said = self._capsys.readouterr()
        assert "internal error of iquest-review" not in said.err, said.err
        assert isinstance(exit_of.value.code, int)
        return Finished(exit_of.value.code, said.out, said.err, folder or self.folder)


class Life:
    """Merge request 4 of project 7, from its first push on."""

    def __init__(self, checkout: Checkout, gitlab: GitLabDouble, model: ModelDouble, reader: Reader, run: Run) -> None:
        self.checkout, self.gitlab, self.model, self.reader, self.run = checkout, gitlab, model, reader, run
        self.refs = DiffRefs("", "", "")
        self.asked_for = list[Request]()  # the API's requests of the last review

    def opens(self, before: Files, after: Files) -> None:
        """The target branch as it is, and the first push."""
        base = self.checkout.commit(before)
        self.checkout.git("checkout", "--quiet", "-b", "feature")
        self.refs = DiffRefs(base, base, self.checkout.commit(after))
        self.gitlab.add_merge_request(PROJECT, IID, title="Average the cart", diff_refs=self.refs)

    def pushes(self, files: Files) -> None:
        """One more commit."""
        self.moves(self.refs.base, self.checkout.commit(files))

    def moves(self, base: str, head: str, start: str | None = None) -> None:
        """What is pushed need not stand on what was there."""
        self.refs = DiffRefs(base, start or base, head)
        self.gitlab.push(PROJECT, IID, self.refs)

    @property
    def job(self) -> dict[str, str]:
        """The variables of the merge request's pipeline."""
        return {
            "CI": "true",
            "CI_API_V4_URL": self.gitlab.api_url,
            "CI_PROJECT_ID": str(PROJECT),
            "CI_PROJECT_DIR": str(self.checkout.path),
            "CI_MERGE_REQUEST_IID": str(IID),
            "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
            "GITLAB_API_TOKEN": TOKEN,
            "IQUEST_API_URL": self.model.url,
        }

    def review(
        self, *arguments: str, code: int = 0, environ: Mapping[str, str] | None = None, **variables: str
    ) -> Finished:
        """The pipeline's job; it is to end with this code."""
        here = self.gitlab.mark()
        finished = self.run("review", *arguments, environ={**self.job, **(environ or {}), **variables})
        self.asked_for = self.gitlab.requests_since(here)
        assert finished.code == code, finished.err
        return finished

    @property
    def written(self) -> list[str]:
        """What the last review wrote."""
        return [f"{request.method} {request.path}" for request in self.asked_for if request.method != "GET"]

    @property
    def threads(self) -> list[Thread]:
        return threads(self.gitlab)

    @property
    def note(self) -> str:
        return summary(self.gitlab)

    @property
    def prompt(self) -> str:
        """The last one for a review."""
        return self.reader.prompts[-1]

    def thread(self, words: str) -> Thread:
        """The one that says this."""
        [found] = [thread for thread in self.threads if words in thread.body]
        return found

    def says(self, words: str, below: str, author: str = "author") -> None:
        """Somebody replies in the thread that says `below`."""
        self.gitlab.reply(PROJECT, IID, self.thread(below).id, words, author=author)


@contextmanager
def life(folder: Path, run: Run, reader: Reader | None = None) -> Iterator[Life]:
    """A project without a merge request, with a reporter as the bot, and people of each role."""
    reader = reader or Reader()
    with GitLabDouble() as gitlab, ModelDouble(replies=[reader.review], fixed=reader.asked) as model:
        checkout = Checkout(folder)
        gitlab.add_user(BOT, token=TOKEN)
        for name, role in (("author", "developer"), ("colleague", "developer"), ("stranger", "none")):
            gitlab.add_user(name, token=f"of-{name}", role=role, bot=False)
        gitlab.add_project(PROJECT, PATH, checkout.path)
        yield Life(checkout, gitlab, model, reader, run)
