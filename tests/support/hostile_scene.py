"""A merge request made by an enemy, reviewed by the real command, and all that came of it.

with scene(tmp_path, {"a.py": b"x\n"}, {"a.py": b"y\n"}, replies=["/close"]) as enemy:
    seen = enemy.review(IQUEST_STRUCTURED_OUTPUT="prompt")
assert_inert(seen)
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import Checkout, Content
from tests.support.gitlab import quick_actions
from tests.support.gitlab.double import DiffRefs, GitLabDouble
from tests.support.gitlab.state import EXTERNAL_URL
from tests.support.model.double import ModelDouble, Scripted
from tests.support.pipeline import BOT, IID, JOB_TOKEN, PATH, PROJECT, TOKEN, Finished, Run

QUICK = 20.0  # seconds that no run of this suite may take, on a busy machine
HOME = f"{EXTERNAL_URL}/{PATH}/-/"  # all that a note may link to
GITLABS_MOST = 1_000_000  # characters of a note (lib/gitlab/database.rb)
OLD_ACTION = re.compile(r"^/\w", re.MULTILINE)  # what GitLab before 17 takes for a command, wherever it stands
# What a log may not hold: a terminal or GitLab's viewer of job logs acts on it. TAB and LF are text.
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e0fff]"
)
LOG_LINE = re.compile(r" {0,5}\d+\.\d s  \S|iquest-review: ")  # how every line of the log begins
Tree = Mapping[Any, Content]  # of text or bytes: a Mapping is invariant in its keys


@dataclass(frozen=True)
class Seen:
    """What a run came to, and what it sent and left."""

    finished: Finished
    seconds: float
    bodies: tuple[str, ...]  # every text that GitLab was sent, in order
    executed: tuple[object, ...]  # quick actions that ran
    prompts: tuple[list[dict[str, str]], ...]

    @property
    def prompt(self) -> str:
        """The last message of the first request."""
        return self.prompts[0][-1]["content"]

    @property
    def kept(self) -> dict[str, str]:
        """The artifacts, by name."""
        folder = Path(self.finished.folder, "iquest-review")
        return {path.name: path.read_text() for path in folder.iterdir()} if folder.is_dir() else {}

    @property
    def everything(self) -> str:
        """All that leaves the job: what GitLab and the model are sent, the log, the result and the artifacts."""
        sent = [*self.bodies, *(message["content"] for prompt in self.prompts for message in prompt)]
        return "\n".join([*sent, self.finished.out, self.finished.err, *self.kept.values()])

    @property
    def public(self) -> str:
        """What people may read: the notes, the log, the result and the artifacts."""
        return "\n".join([*self.bodies, self.finished.out, self.finished.err, *self.kept.values()])


class Scene:
    """Merge request 4 of project 7. Every run works in a folder of its own."""

    def __init__(self, folder: Path, gitlab: GitLabDouble, model: ModelDouble, refs: DiffRefs) -> None:
        self.folder, self.gitlab, self.model, self.refs = folder, gitlab, model, refs
        self.runs = 0

    @property
    def clone(self) -> Path:
        return self.folder / "origin"

    @property
    def job(self) -> dict[str, str]:
        """The variables of the merge request's pipeline."""
        return {
            "HOME": str(self.folder),
            "CI": "true",
            "CI_API_V4_URL": self.gitlab.api_url,
            "CI_PROJECT_ID": str(PROJECT),
            "CI_PROJECT_PATH": PATH,
            "CI_PROJECT_DIR": str(self.clone),
            "CI_COMMIT_SHA": self.refs.head,
            "CI_MERGE_REQUEST_IID": str(IID),
            "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": self.refs.base,
            "CI_JOB_TOKEN": JOB_TOKEN,
            "GITLAB_API_TOKEN": TOKEN,
            "IQUEST_API_URL": self.model.url,
            "IQUEST_STRUCTURED_OUTPUT": "prompt",  # a grammar would force the double into JSON
            "IQUEST_MAX_OUTPUT_TOKENS": "60000",
            "IQUEST_TIMEOUT": "8",
        }

    def moves(self, head: str) -> None:
        """A push."""
        self.refs = DiffRefs(self.refs.base, self.refs.start, head)
        self.gitlab.push(PROJECT, IID, self.refs)

    def review(self, *arguments: str, **variables: str) -> Seen:
        """What `iquest-review review` does here."""
        return self.run("review", *arguments, environ={**self.job, **variables})

    def run(self, *arguments: str, environ: Mapping[str, str], stdin: bytes = b"") -> Seen:
        """What the command does with this environment."""
        self.runs += 1
        here, asked, ran = self.gitlab.mark(), len(self.model.completions), len(self.gitlab.executed)
        started = time.monotonic()
        finished = Run(self.folder / f"run{self.runs}")(*arguments, environ=environ, stdin=stdin)
        seconds = time.monotonic() - started
        sent = [request for request in self.gitlab.requests_since(here) if request.method in ("POST", "PUT")]
        texts = [request.json if request.body else {} for request in sent]
        return Seen(
            finished,
            seconds,
            tuple(text for one in texts for name in ("body", "note") if isinstance(text := one.get(name), str)),
            tuple(self.gitlab.executed[ran:]),
            tuple(request.body.get("messages", []) for request in self.model.completions[asked:]),
        )


@contextmanager
def scene(
    folder: Path,
    before: Tree,
    after: Tree,
    *,
    replies: Sequence[Scripted],
    message: str = "Change",
    prepare: Callable[[Checkout], object] | None = None,
    model: Mapping[str, Any] | None = None,
    **merge_request: Any,
) -> Iterator[Scene]:
    """A merge request from `before` to `after`; `prepare` has the clone between the two."""
    folder.mkdir(exist_ok=True)
    checkout = Checkout(folder / "origin")
    base = checkout.commit(before, "Begin")
    checkout.git("checkout", "--quiet", "-b", "feature")
    if prepare is not None:
        prepare(checkout)
    head = checkout.commit(after, message)
    with GitLabDouble() as gitlab, ModelDouble(replies=replies, **{"window": 262_144, **(model or {})}) as double:
        gitlab.add_user(BOT, token=TOKEN, job_token=JOB_TOKEN)
        gitlab.add_project(PROJECT, PATH, checkout.path)
        made = Scene(folder, gitlab, double, DiffRefs(base, base, head))
        gitlab.add_merge_request(PROJECT, IID, diff_refs=made.refs, **merge_request)
        yield made


def lines(count: int) -> bytes:
    """A file with so many lines, each of its own."""
    return b"".join(b"value_%03d = compute(%d)\n" % (number, number) for number in range(1, count + 1))


def issue(line: int, description: str, **fields: Any) -> dict[str, Any]:
    """An issue on a line of `lines`, in app/values.py."""
    return {
        "file": "app/values.py",
        "line": line,
        "quote": f"value_{line:03} = compute({line})",
        "type": "bug",
        "severity": "medium",
        "description": description,
        "suggestion": None,
    } | fields


def answer(*issues: object, summary: str = "A change.", suggestions: Sequence[str] = ()) -> str:
    """A model's answer."""
    return json.dumps({"issues": issues, "summary": summary, "suggestions": suggestions})


_FILE = re.compile(r"=== file: (.+)$")
_ROW = re.compile(r"([-+ ])(\d+)\| (.*)")


def remarks(body: dict[str, Any]) -> str:
    """The answer of a model that remarks on every row with BUG in it, as it was shown."""
    issues, path = list[dict[str, Any]](), ""
    for shown in body["messages"][-1]["content"].split("\n"):
        if opened := _FILE.match(shown):
            path = opened[1]
        elif (found := _ROW.match(shown)) and "BUG" in found[3]:
            issues.append(issue(int(found[2]), f"wrong in {path}", file=path, quote=found[3]))
    return answer(*issues)


def row(*names: str, wrong: str = "") -> pytest.MarkDecorator:
    """Names the rows of the table that a test is the case of; `wrong` is what does not hold yet."""
    marks = [pytest.mark.xfail(strict=True, reason=wrong)] if wrong else []
    return pytest.mark.parametrize("row", [pytest.param(name, id=name, marks=marks) for name in names])


# --- the judges ---


def assert_inert(seen: Seen) -> None:
    """Fails when a text that GitLab was sent does more than to be read, or could not be stored as it is."""
    assert seen.executed == ()
    for body in seen.bodies:
        assert_body_inert(body)


def assert_body_inert(body: str) -> None:
    """The same of one text."""
    assert quick_actions.commands(body) == []
    assert OLD_ACTION.search(body) is None
    assert quick_actions.mentions(body) == quick_actions.references(body) == quick_actions.images(body) == []
    assert [link for link in quick_actions.links(body) if not link.startswith(HOME)] == []
    assert set(quick_actions.live_html(body)) <= {"<details>", "<summary>", "</summary>", "</details>"}
    assert quick_actions.strip(body) == body.rstrip()
    assert ACTING.search(body) is None
    assert len(body.encode()) < GITLABS_MOST
    assert ReadPage(body).live == []


def assert_log(seen: Seen) -> None:
    """Fails when a line of the log is not ours, or acts on whoever shows it."""
    assert ACTING.search(seen.finished.err + seen.finished.out) is None
    assert [row for row in seen.finished.err.splitlines() if not LOG_LINE.match(row)] == []
    assert seen.seconds < QUICK


LIVE = frozenset(("mermaid", "plantuml", "kroki", "math", "geojson", "topojson", "stl", "json:table", "ditaa", "dot"))


class ReadPage(HTMLParser):
    """What a reader sees of a note: its text without joiners, the languages of its code blocks, and what GitLab would
    draw or fill in."""

    def __init__(self, body: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.languages, self.live = "", list[str](), list[str]()
        self._in_code = 0
        self.feed(quick_actions.rendered(body))
        self.close()
        self.text = self.text.replace("\u2060", "")
        self.live += [language for language in self.languages if language.split(" ")[0].lower() in LIVE]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_code += tag in ("code", "pre")
        self.languages += [value or "" for name, value in attrs if tag == "pre" and name == "lang"]
        self.live += [name for name, _ in attrs if name == "data-math-style"]

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        self.text += data
        if not self._in_code:  # lib/banzai/filter/table_of_contents_tag_filter.rb
            self.live += [tag for tag in ("[[_TOC_]]", "[TOC]") if tag in data]
