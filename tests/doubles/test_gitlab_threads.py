"""What later pushes and other people do to a thread, as the double keeps it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from tests.doubles.gitlab import DiffRefs, GitLabDouble
from tests.doubles.gitlab_checkout import Checkout

MR = "projects/7/merge_requests/1"
Files = Mapping[str, str | bytes | None]


def text(*lines: str, count: int = 20) -> str:
    """line 1 .. line 20; "7=x" puts x in the place of the seventh, "7-" drops it, "7+x" puts x after it."""
    rows = {number: [f"line {number}"] for number in range(count + 1)} | {0: []}
    for edit in lines:
        number = int(edit.rstrip("xyz").rstrip("=+-"))
        kind = edit[len(str(number))]
        rows[number] = [] if kind == "-" else [*(rows[number] if kind == "+" else []), edit[len(str(number)) + 1 :]]
    return "".join(f"{row}\n" for number in sorted(rows) for row in rows[number])


class Story:
    """A merge request over several pushes, and a reviewer with threads on it."""

    def __init__(self, gitlab: GitLabDouble, checkout: Checkout, session: requests.Session) -> None:
        self.gitlab, self.checkout, self.session = gitlab, checkout, session
        self.refs = DiffRefs("", "", "")

    def opens(self, before: Files, after: Files) -> None:
        base = self.checkout.commit(before)
        self.refs = DiffRefs(base, base, self.checkout.commit(after))
        self.gitlab.add_merge_request(7, 1, diff_refs=self.refs, author="author")

    def pushes(self, files: Files) -> None:
        self.refs = DiffRefs(self.refs.base, self.refs.start, self.checkout.commit(files))
        self.gitlab.push(7, 1, self.refs)

    def __call__(self, method: str, path: str, body: Any = None, user: str = "reviewer") -> requests.Response:
        headers = {"PRIVATE-TOKEN": f"of-{user}"}
        return self.session.request(method, f"{self.gitlab.api_url}/{path}", json=body, headers=headers, timeout=10)

    def thread(self, lines: tuple[int | None, int | None], path: str = "a.txt", **more: Any) -> str:
        paths = {"old_path": path, "new_path": path}
        numbers = {name: n for name, n in zip(("old_line", "new_line"), lines, strict=True) if n is not None}
        position = {**self.refs.json(), "position_type": "text", **paths, **numbers, **more.pop("position", {})}
        answer = self("POST", f"{MR}/discussions", {"body": more.get("body", "remark"), "position": position})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def shown(self, thread: str) -> Any:
        return self("GET", f"{MR}/discussions/{thread}").json()

    def first(self, thread: str) -> Any:
        return self.shown(thread)["notes"][0]

    def stands(self, thread: str) -> tuple[str | None, int | None, int | None]:
        """Path and lines of a thread that follows the newest version; the path is None when it does not."""
        position = self.first(thread)["position"]
        current = all(position[name] == sha for name, sha in self.refs.json().items())
        return (position["new_path"] if current else None, position["old_line"], position["new_line"])


@pytest.fixture
def story(checkout: Checkout) -> Iterator[Story]:
    with GitLabDouble() as gitlab, requests.Session() as session:
        for name, role in {"reviewer": "reporter", "developer": "developer", "author": "reporter"}.items():
            gitlab.add_user(name, token=f"of-{name}", role=role)
        gitlab.add_project(7, "group/app", checkout.path)
        yield Story(gitlab, checkout, session)


# --- a push moves the threads ---


def test_an_added_line_keeps_its_thread_under_its_new_number(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7+x")})
    thread = story.thread((None, 8))
    story.pushes({"a.txt": text("2+y", "3+y", "7+x")})
    assert story.stands(thread) == ("a.txt", None, 10)
    story.pushes({"b.txt": "elsewhere\n"})
    assert story.stands(thread) == ("a.txt", None, 10)


def test_a_line_that_is_gone_leaves_its_thread_behind_outdated(story: Story) -> None:
    story.opens({"a.txt": text()}, {"a.txt": text("7=x")})
    thread, old = story.thread((None, 7)), story.refs
    story.pushes({"a.txt": text("2+y", "7=z")})
    position = story.first(thread)["position"]
    assert (position["head_sha"], position["new_line"]) == (old.head, 7)
    assert [note["system"] for note in story.shown(thread)["notes"]] == [False, True]
    assert story.shown(thread)["notes"][1]["body"] == "changed this line in version 2 of the diff"
    story.pushes({"a.txt": text("7=x")})
    assert story.stands(thread) == (None, None, 7)
    assert len(story.shown(thread)["notes"]) == 2
