"""Merge requests that nobody thought of: random pushes, people and answers, and no run may contradict itself.

A seed that fails prints what happened; it is the whole input.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.consistency.contradictions import find_contradictions, list_held_back
from tests.support.consistency.mediocre import Mediocre, Problem, Saying
from tests.support.consistency.snapshot import Snapshot, take_snapshot
from tests.support.consistency.truth import find_told, list_open_problems
from tests.support.life import Inside, Life, life
from tests.support.model.double import Reply
from tests.support.pipeline import BOT, IID, PROJECT

RUNS, MOST_OPEN, FAIL_ON = 7, 4, "high"
PHRASES = {
    "basket": "the basket loses the first entry of every customer",
    "invoice": "the invoice waits for ever when the other server sleeps",
    "password": "the password can be read by all visitors of the page",
    "shelf": "the shelf rounds twice before the final price is known",
    "parcel": "the parcel never closes the connection that each call opens",
    "voucher": "the voucher counts days where the table holds hours",
    "mailbox": "the mailbox sends old letters again after a restart",
    "balance": "the balance turns negative without any warning or log",
}
PROBLEMS = tuple(Problem(name, (phrase,)) for name, phrase in PHRASES.items())
ROWS = {problem.name: f"{problem.name} = work({number})" for number, problem in enumerate(PROBLEMS)}
WORDS = ("{}.", "{} when it is empty.", "Potential issue. {} here.", "It seems that {} in this place.")
MEMBERS = ("author", "colleague")


class RandomLife:
    """A merge request whose pushes, answers and people are drawn."""

    def __init__(self, life: Life, model: Mediocre, draw: Random) -> None:
        self.life, self.model, self.draw = life, model, draw
        self.files = {f"src/{name}.py": [f"{name.upper()}_{n} = {n}" for n in range(16)] for name in ("one", "two")}
        self.events, self.heads, self.summaries = list[str](), list[str](), dict[str, str]()

    def render(self) -> dict[str, str | None]:
        return {path: "\n".join(rows) + "\n" for path, rows in self.files.items()}

    def edit(self) -> dict[str, str | None]:
        """Change some files; return what is to be committed."""
        gone = set(self.files)
        for _ in range(self.draw.randint(1, 3)):
            path = self.draw.choice(sorted(self.files))
            rows, problem = self.files[path], self.draw.choice(PROBLEMS)
            act = self.draw.choice(("add", "add", "add", "drop", "shift", "beside", "rename"))
            known = [row for row in ROWS.values() if row in rows]
            self.events.append(f"{act} in {path}: {problem.name}")
            if act == "add" and not any(ROWS[problem.name] in others for others in self.files.values()):
                rows.insert(self.draw.randrange(len(rows)), ROWS[problem.name])
            elif act == "drop" and known:
                rows.remove(self.draw.choice(known))
            elif act == "shift":
                rows.insert(0, f"SHIFT_{len(self.heads)} = {len(rows)}")
            elif act == "beside" and known:
                rows.insert(rows.index(self.draw.choice(known)), f"BESIDE_{len(self.heads)} = {len(rows)}")
            elif act == "rename":
                self.files[path.replace(".py", "x.py")] = self.files.pop(path)
        return {**dict.fromkeys(gone - self.files.keys()), **self.render()}

    def push(self) -> None:
        changed = self.edit()
        if self.heads:
            self.life.pushes(changed)
        else:
            before = {f"src/{name}.py": f"{name.upper()} = 0\n" for name in ("one", "two")}
            self.life.opens(before, {**before, **changed})
        self.heads.append(self.life.refs.head)

    def act(self) -> None:
        """Let somebody do something on a thread."""
        threads = self.life.threads
        if not threads:
            return
        thread, person = self.draw.choice(threads), self.draw.choice((*MEMBERS, "stranger"))
        way = self.draw.choice(
            ("thumbsdown", "ignore: we know", "resolve", "open again", "I do not think so.", "fixed")
        )
        about = find_told(thread.body, PROBLEMS)[0].phrases[0][4:]  # capital or not
        self.events.append(f"{person}: {way} on {thread.path}:{thread.line} ({about})")
        gitlab = self.life.gitlab
        if way == "thumbsdown":
            gitlab.award(PROJECT, IID, thread.note, "thumbsdown", author=person)
        elif way in ("resolve", "open again"):
            member = self.draw.choice(MEMBERS)
            told = [shown for shown in threads if about in shown.body]
            if way == "resolve" or len(told) == 1:  # nobody opens one of two that say the same
                gitlab.resolve(PROJECT, IID, thread.id, author=member, resolved=way == "resolve")
        else:
            gitlab.reply(PROJECT, IID, thread.id, way, author=person)

    def say(self) -> str:
        """Draw what the model says of each row; return its summary."""
        sayings = []
        for problem in PROBLEMS:
            words = self.draw.choice(WORDS).format(problem.phrases[0])
            severity = self.draw.choice(("high", "medium", "medium", "low"))
            category = self.draw.choice(("bug", "other", "convention"))
            off = self.draw.choice((0, 0, -2, 5))
            sayings.append(Saying(ROWS[problem.name], words[0].upper() + words[1:], severity, category, off=off))
        self.model.sayings = [saying for saying in sayings if self.draw.random() < 0.85]
        self.model.summary = f"Summary number {len(self.heads)}."
        self.model.said = []
        self.model.broken = self.draw.choice((None,) * 6 + ("No JSON at all. " * 20, self.cut_off))
        return self.model.summary

    def cut_off(self, body: dict[str, Any]) -> Reply:
        broken, self.model.broken = self.model.broken, None
        whole = self.model.review(body)
        self.model.broken = broken
        end = whole.rindex('"description"') if json.loads(whole)["issues"] else len(whole) - 9
        return Reply(whole[:end], finish_reason="length")

    def review(self) -> Snapshot:
        summary = self.say()
        variables = {"IQUEST_FAIL_ON": FAIL_ON, "IQUEST_MAX_FINDINGS": str(MOST_OPEN)}
        # in prompt mode: else the server itself makes JSON of any nonsense
        variables["IQUEST_STRUCTURED_OUTPUT"] = "prompt"
        finished = self.life.run("review", environ={**self.life.job, **variables})
        snapshot = take_snapshot(
            self.life,
            finished,
            fail_on=FAIL_ON,
            most_open=MOST_OPEN,
            earlier_heads=[head for head in self.heads if head != self.life.refs.head],
            earlier_summaries={head: text for head, text in self.summaries.items() if head != self.life.refs.head},
            raw=self.model.broken if isinstance(self.model.broken, str) and self.model.prompts else "",
        )
        if not snapshot.failed:
            self.summaries[self.life.refs.head] = summary
        return snapshot

    def find_faults(self, snapshot: Snapshot) -> Iterator[str]:
        """What is wrong with a run: it contradicts itself, says a thing twice, or hides one that nobody waived."""
        yield from find_contradictions(snapshot)
        for problem in PROBLEMS:
            told = [shown for shown in snapshot.open_threads if problem.is_told_in(shown.text)]
            # one that people talk about stays where it is, and a waiver does not go along with a new name of the file
            waiting = [shown for shown in told if shown.waiver is None and not shown.thread.replies]
            if len(waiting) > 1:
                yield f"twice: {problem.name} has {len(waiting)} open threads"
        if snapshot.failed or self.model.broken is not None:
            return
        still_open = {problem for problem, _ in list_open_problems(snapshot, PROBLEMS)}
        waived = {problem for shown in snapshot.threads if shown.waiver for problem in find_told(shown.text, PROBLEMS)}
        for problem in {problem for saying in self.model.said for problem in find_told(saying.description, PROBLEMS)}:
            if problem not in still_open | waived:
                yield f"hidden: {problem.name} was said, nobody waived it, and it is told nowhere"
        held = [str(entry.get("title")) + str(entry.get("description")) for entry in list_held_back(snapshot) or ()]
        for problem in {problem for text in held for problem in find_told(text, PROBLEMS)} - waived:
            yield f"hidden: {problem.name} is held back, and nobody waived it"


@pytest.mark.parametrize("seed", range(6))
def test_no_run_of_a_random_merge_request_contradicts_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    model, draw, report = Mediocre(), Random(seed), list[str]()
    with life(tmp_path / "origin", Inside(tmp_path / "work", monkeypatch, capsys), reader=model) as made:
        made.gitlab.add_user(BOT, role=draw.choice(("reporter", "developer")))
        random = RandomLife(made, model, draw)
        for number in range(1, RUNS + 1):
            if number == 1 or draw.random() < 0.8:
                random.push()
            random.events.append("the job runs")
            found = list(random.find_faults(random.review()))
            report += [f"run {number} | {text}" for text in found]
            for _ in range(draw.randint(0, 3)):
                random.act()

    assert not report, "\n".join([f"{len(report)} faults:", *report, "What happened:", *random.events])
