"""A merge request over several pushes in the double, and the people who talk about it."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import requests

from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs, GitLabDouble

MR = "projects/7/merge_requests/1"
ROLES = {"reviewer": "reporter", "developer": "developer", "author": "reporter", "stranger": "none"}
Files = Mapping[str, str | bytes | None]
Lines = tuple[int | None, int | None]


def text(*edits: str, count: int = 20) -> str:
    """line 1 .. line 20; "7=x" puts x in the place of the seventh, "7+x" after it, "0+x" first; "7-" drops the line."""
    rows = {number: [f"line {number}"] if number else [] for number in range(count + 1)}
    for edit in edits:
        digits = len(edit) - len(edit.lstrip("0123456789"))
        number, kind, added = int(edit[:digits]), edit[digits], edit[digits + 1 :]
        rows[number] = [*(rows[number] if kind == "+" else []), *([] if kind == "-" else [added])]
    return "".join(f"{row}\n" for number in sorted(rows) for row in rows[number])


class Story:
    """Merge request 1 of project 7; the reviewer is a reporter."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout, self.gitlab, self.session = checkout, GitLabDouble(), requests.Session()
        self.refs = DiffRefs("", "", "")

    def __enter__(self) -> Self:
        self.gitlab.__enter__()
        for name, role in ROLES.items():
            self.gitlab.add_user(name, token=f"of-{name}", role=role)
        self.gitlab.add_project(7, "group/app", self.checkout.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()
        self.gitlab.__exit__(kind, error, trace)

    def opens(self, before: Files, after: Files) -> None:
        base = self.checkout.commit(before)
        self.refs = DiffRefs(base, base, self.checkout.commit(after))
        self.gitlab.add_merge_request(7, 1, diff_refs=self.refs, author="author")

    def pushes(self, files: Files, base: str | None = None) -> None:
        base = base or self.refs.base
        self.refs = DiffRefs(base, base, self.checkout.commit(files))
        self.gitlab.push(7, 1, self.refs)

    def __call__(self, method: str, path: str, body: Any = None, *, user: str = "reviewer") -> requests.Response:
        """A request below the merge request, or below the API when the path starts with a slash."""
        url = self.gitlab.api_url + (path if path.startswith("/") else f"/{MR}/{path}")
        return self.session.request(method, url, json=body, headers={"PRIVATE-TOKEN": f"of-{user}"}, timeout=10)

    def position(self, lines: Lines = (None, None), path: str = "a.txt", **more: Any) -> dict[str, Any]:
        numbers = {name: n for name, n in zip(("old_line", "new_line"), lines, strict=True) if n is not None}
        return {**self.refs.json(), "position_type": "text", "old_path": path, "new_path": path, **numbers, **more}

    def thread(self, lines: Lines, path: str = "a.txt", *, body: str = "remark", **more: Any) -> str:
        """The id of a new thread of the reviewer's."""
        answer = self("POST", "discussions", {"body": body, "position": self.position(lines, path, **more)})
        if answer.status_code != 201:
            raise AssertionError(answer.text)
        return str(answer.json()["id"])

    def shown(self, thread: str) -> list[Any]:
        """The notes of a thread as the API shows them."""
        notes: list[Any] = self("GET", f"discussions/{thread}").json()["notes"]
        return notes

    def stands(self, thread: str) -> tuple[str | None, int | None, int | None]:
        """Path and lines of a thread; the path is None when it is outdated."""
        position = self.shown(thread)[0]["position"]
        current = {name: position[name] for name in self.refs.json()} == self.refs.json()
        return (position["new_path"] if current else None, position["old_line"], position["new_line"])
