"""A merge request, two servers that keep to a schedule of faults, and the real command between them."""

import copy
import json
import os
import re
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iquest_review.findings import fingerprint
from tests.support import command
from tests.support.gitlab.checkout import Checkout
from tests.support.gitlab.double import DiffRefs, GitLabDouble, Request
from tests.support.gitlab.http import Response
from tests.support.gitlab.story import text
from tests.support.life import Reader
from tests.support.model.double import Fault, ModelDouble
from tests.support.model.rules import Answer
from tests.support.pipeline import BOT, IID, JOB_TOKEN, PATH, PROJECT, bodies, git, summaries, threads
from tests.support.schedule import GITLAB, KEY, MODEL, STOLEN, TOKEN, Mishap, Schedule

LATE = {"late", "late and lost"}
REFUSALS = {"401", "403", "404", "418", "422", "a conflict", "the token told back"}
RESOLVER = re.compile(r"(?<= (?:new|old) )\S+(?= <!--)")
IN_TIME = 30  # seconds that a run may take, whatever goes wrong
CODES = {0, 3, 4, 130, 143, -signal.SIGKILL, -signal.SIGTERM}


def hasten() -> None:
    """In the command's own process: waits between attempts are short, GitLab is given a second to answer, and the model
    half of one, without losing patience for that."""
    from iquest_review.app import wiring  # noqa: PLC0415 - nothing here is meant for the process of the tests
    from iquest_review.gitlab import transport  # noqa: PLC0415

    command.briefly()
    assert (transport.READ_TIMEOUT_SECONDS, wiring.TIMEOUTS_PER_REQUEST) == (30, 2)
    transport.READ_TIMEOUT_SECONDS, wiring.TIMEOUTS_PER_REQUEST = 1.0, 100


class Process:
    """The command, for servers that end it."""

    def __init__(self) -> None:
        self._started = threading.Event()
        self._group = 0

    def starts(self, group: int) -> None:
        self._group = group
        self._started.set()

    def ends(self, how: signal.Signals) -> None:
        """As a runner ends a job: git too."""
        self._started.wait(10)
        try:
            os.killpg(self._group, how)
        except ProcessLookupError:
            return  # it was faster


@dataclass
class Plan:
    """What goes wrong with the requests of one server. Its own requests are counted as they come in."""

    mishaps: list[Mishap] = field(default_factory=list)
    process: Process = field(default_factory=Process)
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> Mishap | None:
        """What goes wrong with this request."""
        with self.lock:
            number, self.asked = self.asked, self.asked + 1
        return next((one for one in self.mishaps if one.number <= number < one.number + one.times), None)


class UnsteadyGitLab(GitLabDouble):
    """GitLab with a plan."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan()
        handled = self.server.reply

        def reply(request: Request) -> Response | None:
            mishap = self.plan.next()
            if mishap is None:
                return handled(request)
            if mishap.signal is None:
                target = re.escape(f"{request.path}?{request.query_string}".removesuffix("?"))
                self.fail(request.method, f"^{target}$", **GITLAB[mishap.kind])
                return handled(request)
            answer = handled(request) if mishap.kind.endswith(" after it") else None
            self.plan.process.ends(mishap.signal)
            return answer

        self.server.reply = reply  # type: ignore[method-assign]


class UnsteadyModel(ModelDouble):
    """A model server with a plan."""

    plan = Plan()

    def answer(self, method: str, path: str, headers: dict[str, str], content: bytes) -> Answer | Fault:
        mishap = self.plan.next()
        answer = super().answer(method, path, headers, content)
        if mishap is None:
            return answer
        if mishap.signal is None:
            return MODEL[mishap.kind]
        self.plan.process.ends(mishap.signal)
        return answer if mishap.kind.endswith(" after it") else Fault(500)


@dataclass(frozen=True)
class Run:
    """What a run came to: its exit code, what it said, and the folder it ran in."""

    code: int
    out: str
    err: str
    folder: Path


@dataclass
class Story:
    """Where a review begins, and what an undisturbed one comes to."""

    before: Any  # GitLab's state
    clone: Path
    head: str
    environ: dict[str, str]
    wanted: list[str] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)


class Stage:
    """Runs the command in the stories' places, one after another."""

    def __init__(self, folder: Path, gitlab: UnsteadyGitLab, model: UnsteadyModel, reader: Reader) -> None:
        self.folder, self.gitlab, self.model, self.reader = folder, gitlab, model, reader
        self.stories: dict[str, Story] = {}
        self.late = False  # whether GitLab may store something that nobody waited for
        self._runs = 0

    @property
    def requests(self) -> dict[str, dict[str, int]]:
        return {name: story.requests for name, story in self.stories.items()}

    def tell(self, name: str, clone: Path, head: str, **environ: str) -> None:
        """A story that begins with what GitLab holds now; it ends in what a clean run makes of that."""
        story = self.stories[name] = Story(copy.deepcopy(self.gitlab.instance), clone, head, environ)
        run = self.run(name)
        assert run.code == 0, run.err
        story.wanted = self.state
        story.requests = {"gitlab": self.gitlab.plan.asked, "model": self.model.plan.asked}

    def set(self, name: str) -> None:
        """As if the story's review had not begun."""
        self.gitlab.instance = copy.deepcopy(self.stories[name].before)
        self.gitlab.server.requests.clear()
        self.model.requests.clear()

    def run(self, name: str, mishaps: tuple[Mishap, ...] = (), in_time: float = IN_TIME) -> Run:
        """One job of the story's pipeline; a job has a checkout of its own. `in_time`: seconds that it may take."""
        self._runs += 1
        process, story = Process(), self.stories[name]
        self.gitlab.plan = Plan([one for one in mishaps if one.server == "gitlab"], process)
        self.model.plan = Plan([one for one in mishaps if one.server == "model"], process)
        self.gitlab.server.troubles.faults.clear()
        folder = self.folder / f"run{self._runs}"
        shutil.copytree(story.clone, folder)
        environ = self._environ(story, folder)
        try:
            ran = command.run(["review"], folder, environ, before=hasten, started=process.starts, timeout=in_time)
        except TimeoutError:
            raise AssertionError(f"it takes longer than {in_time} s") from None
        return Run(ran.returncode, ran.stdout.decode(), ran.stderr.decode(), folder)

    def _environ(self, story: Story, folder: Path) -> dict[str, str]:
        gitlab = self.gitlab
        own = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        return own | {
            "CI": "true",
            "CI_API_V4_URL": gitlab.api_url,
            "CI_PROJECT_ID": str(PROJECT),
            "CI_PROJECT_PATH": PATH,
            "CI_PROJECT_DIR": str(folder),
            "CI_REPOSITORY_URL": gitlab.url.replace("//", f"//gitlab-ci-token:{JOB_TOKEN}@") + f"/{PATH}.git",
            "CI_JOB_TOKEN": JOB_TOKEN,
            "CI_JOB_URL": f"{gitlab.url}/{PATH}/-/jobs/1",
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_COMMIT_SHA": story.head,
            "CI_MERGE_REQUEST_IID": str(IID),
            "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(PROJECT),
            "GITLAB_API_TOKEN": TOKEN,
            "IQUEST_API_URL": self.model.url,
            "IQUEST_API_KEY": KEY,
            "IQUEST_TIMEOUT": "0.5",
            **story.environ,
        }

    @property
    def state(self) -> list[str]:
        """What people are told: every thread, and of the note its verdict, what it lists and what it remembers. The
        words around it tell how the run before came to it, and differ with that run."""
        told = [f"{one.path}:{one.line} {one.side} {one.resolved_by} {one.body}" for one in threads(self.gitlab)]
        rows = [row for note in summaries(self.gitlab) for row in note["body"].splitlines()]
        told += [row for row in rows if row.startswith(("<!--", "## ", "### ", "- "))]
        linked = {f"#note_{one.note}": f"#{one.path}:{one.line}" for one in threads(self.gitlab)}
        return sorted(re.sub(r"#note_\d+", lambda link: linked[link[0]], re.sub(r"data=\S+", "", one)) for one in told)

    def check(self, run: Run, mishaps: tuple[Mishap, ...] = ()) -> None:
        """What holds after every run, whatever went wrong in it."""
        settings = ".iquest-review.yml" in run.err.splitlines()[-1] if run.code == 2 else False
        assert run.code in CODES or settings, run.err  # GitLab's answer is what that file holds
        assert "Traceback" not in run.err
        assert "internal error of iquest-review" not in run.err
        self._check_merge_request()
        self._check_secrets(run)
        self._check_folder(run)
        notes = [note["body"] for note in summaries(self.gitlab)]
        if run.code == 0:
            assert len(notes) == 1
            assert "Not reviewed, because" not in notes[0]
        if run.code == 3 and not any(one.server == "gitlab" for one in mishaps):
            assert re.search("Not reviewed, because|not in a form that can be checked", notes[0])

    def _check_merge_request(self) -> None:
        assert len(summaries(self.gitlab)) <= 1
        marks = Counter(
            mark.fingerprint for one in threads(self.gitlab) if (mark := fingerprint.parse_marker(one.body))
        )
        assert all(count == 1 for count in marks.values()), marks
        assert sum(marks.values()) == len(threads(self.gitlab))
        for body in bodies(self.gitlab):
            assert not re.search("No findings(?! in the reviewed part)", body), "there is always one"
            assert "No findings" not in body or "Partly reviewed" in body
        assert self.gitlab.executed == []
        deleted = [request.path for request in self.gitlab.requests if request.method == "DELETE"]
        wrong = [path for path in deleted if "/draft_notes/" not in path]
        assert not wrong or self.late, wrong  # what is stored after all is a twin of what was written again

    def _check_secrets(self, run: Run) -> None:
        kept = [path for path in (run.folder / "iquest-review").glob("**/*") if path.is_file()]
        texts = [run.out, run.err, *bodies(self.gitlab), *(path.read_text(errors="replace") for path in kept)]
        texts.append((run.folder / ".git/config").read_text())
        for secret in (TOKEN, JOB_TOKEN, KEY):
            assert not [text for text in texts if secret in text], secret
        asked = [request.path for request in self.gitlab.requests] + [request.path for request in self.model.requests]
        assert not [path for path in asked if STOLEN in path]

    def _check_folder(self, run: Run) -> None:
        file = run.folder / "iquest-review/review.json"
        kept = json.loads(file.read_text()) if file.exists() else None
        if kept is None:
            assert run.code != 0
            return
        assert kept["schema_version"] == 1
        if run.code == 0:
            assert kept["status"] in ("reviewed", "partial")
        if run.code == 3:
            assert kept["status"] in ("raw", "not_reviewed")


def play(stage: Stage, schedule: Schedule) -> None:
    """Lets everything go wrong that is to, checks what holds after each run, and that the last one makes all good. A
    thread that the bot may not resolve is let be until something changes: who resolved it is not compared then."""
    kinds = {one.kind for run in schedule.runs for one in run if one.server == "gitlab"}
    stage.set(schedule.story)
    stage.late = not kinds.isdisjoint(LATE)
    for mishaps in schedule.runs:
        stage.check(stage.run(schedule.story, mishaps), mishaps)
    last = stage.run(schedule.story)
    stage.check(last)
    assert last.code == 0, last.err
    state, wanted = stage.state, stage.stories[schedule.story].wanted
    if not kinds.isdisjoint(REFUSALS):
        state, wanted = [RESOLVER.sub("", one) for one in state], [RESOLVER.sub("", one) for one in wanted]
    assert sorted(state) == sorted(wanted)


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """The stories: a first review, one of a later push, one with nothing new, and one in several requests."""
    reader = Reader()
    reader.wrong("a / 0", "An empty list divides by zero.", severity="high")
    reader.wrong("eval(text)", "Runs what others wrote, with all rights.")
    reader.wrong("open(path)", "Nobody closes the file.", severity="low")
    checkout = Checkout(folder / "origin")
    old = {"a.txt": text(count=40), "b.txt": text(count=40)}
    base = checkout.commit(old)
    checkout.git("checkout", "--quiet", "-b", "feature")
    first = checkout.commit({"a.txt": text("10=a / 0", "30=open(path)", count=40), "c.txt": text(count=5)})
    second = checkout.commit(
        {"a.txt": text("10=a / 1", "30=open(path)", count=40), "b.txt": text("9=eval(text)", count=40)}
    )
    with UnsteadyGitLab() as gitlab, UnsteadyModel(api_key=KEY, replies=[reader.review], fixed=reader.asked) as model:
        gitlab.add_user(BOT, token=TOKEN, job_token=JOB_TOKEN)
        gitlab.add_project(PROJECT, PATH, checkout.path)
        gitlab.add_merge_request(PROJECT, IID, title="Average the cart", diff_refs=DiffRefs(base, base, first))
        stage = Stage(folder, gitlab, model, reader)
        clones = [_clone(checkout, folder / head, head) for head in (first, second)]
        stage.tell("in parts", clones[0], first, IQUEST_MAX_LINES="12", IQUEST_CONCURRENCY="2")
        stage.set("in parts")
        stage.tell("first", clones[0], first)
        stage.tell("nothing new", clones[0], first)
        gitlab.push(PROJECT, IID, DiffRefs(base, base, second))
        stage.tell("later", clones[1], second)
        yield stage


def _clone(checkout: Checkout, folder: Path, head: str) -> Path:
    """What a runner checks out: one commit, detached."""
    checkout.git("update-ref", f"refs/pipelines/{head}", head)
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "fetch", "--quiet", "--depth=1", checkout.path.as_uri(), f"refs/pipelines/{head}")
    git(folder, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    return folder
