"""One merge request, eight pushes, a mediocre model and three people: no run contradicts itself.

After each run the note, the threads, the log, the exit code and review.json are compared with each other, and with what
is true of the scripted change. The golden file is the transcript that a person can read:

    UPDATE_GOLDEN=1 python -m pytest -n 0 tests/end_to_end/test_eight_pushes.py
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import briefly
from tests.support.consistency import shop
from tests.support.consistency.contradictions import find_contradictions
from tests.support.consistency.mediocre import Mediocre, Problem, Saying
from tests.support.consistency.snapshot import Snapshot, take_snapshot
from tests.support.consistency.transcript import render_run
from tests.support.consistency.truth import Expected, find_departures, find_missing_places
from tests.support.life import Life, life
from tests.support.model.double import Fault, Reply
from tests.support.pipeline import IID, PROJECT, Run

GOLDEN = Path(__file__).parent / "golden" / "eight_pushes.md"
FAIL_ON, MOST_OPEN = "high", 7
NONSENSE = "Lorem ipsum dolor sit amet, consetetur sadipscing. " * 100
AUTHOR, COLLEAGUE, MAINTAINER = "author", "colleague", "maintainer"


class Story:
    """A life whose runs are judged and written down."""

    def __init__(self, life: Life, model: Mediocre) -> None:
        self.life, self.model = life, model
        self.report, self.transcript, self.events = list[str](), list[str](), list[str]()
        self.names = dict[str, str]()  # of commits
        self.heads, self.summaries = list[str](), dict[str, str]()
        self.files = dict[str, str]()

    def opens(self, before: Mapping[str, str], after: Mapping[str, str], what: str) -> None:
        self.files = {**before, **after}
        self.life.opens(before, self.files)
        self.events.append(what)
        self._name_push()

    def pushes(self, files: Mapping[str, str | None], what: str) -> None:
        """One more commit with these files; None takes a file away."""
        self.files = {path: text for path, text in {**self.files, **files}.items() if text is not None}
        self.life.pushes(files)
        self.events.append(what)
        self._name_push()

    def moves(self, base: str, head: str, what: str) -> None:
        self.life.moves(base, head)
        self.events.append(what)
        self._name_push()

    def _name_push(self) -> None:
        self.heads.append(self.life.refs.head)
        number = len(self.heads)
        refs = self.life.refs
        for sha, name in ((refs.head, f"<push {number}>"), (refs.base, "<target>")):
            self.names |= {sha[:length]: name for length in (40, 12, 8)}

    def model_says(self, *sayings: Saying, summary: str) -> None:
        self.model.sayings, self.model.summary = sayings, summary

    def thumbs_down(self, problem: Problem, by: str) -> None:
        """On the thread of a problem."""
        if thread := self._find_thread(problem):
            self.life.gitlab.award(PROJECT, IID, thread.note, "thumbsdown", author=by)
        self.events.append(f"{by}: thumbs-down on “{problem.phrases[0]}”")

    def replies(self, problem: Problem, words: str, by: str) -> None:
        if thread := self._find_thread(problem):
            self.life.gitlab.reply(PROJECT, IID, thread.id, words, author=by)
        self.events.append(f"{by}, below “{problem.phrases[0]}”: {words}")

    def resolves(self, problem: Problem, by: str, resolved: bool = True) -> None:
        if thread := self._find_thread(problem):
            self.life.gitlab.resolve(PROJECT, IID, thread.id, author=by, resolved=resolved)
        self.events.append(f"{by} {'resolves' if resolved else 'opens again'} “{problem.phrases[0]}”")

    def _find_thread(self, problem: Problem) -> Any:
        """The newest thread about a problem; without one people have nothing to click on, which is reported."""
        found = [thread for thread in self.life.threads if problem.is_told_in(thread.body)]
        if not found:
            self.report.append(
                f"After push {len(self.heads)} | people: no thread tells “{problem.name}”: nobody can answer it"
            )
        return found[-1] if found else None

    def review(
        self, title: str, expected: Expected, *, asks: bool | None = True, summary: str = "", raw: str = ""
    ) -> Snapshot:
        """Run the job; `asks` tells whether it is to ask the model, None leaves that open."""
        asked = len(self.model.prompts)
        finished = self.life.run(
            "review",
            environ={
                **self.life.job,
                "IQUEST_FAIL_ON": FAIL_ON,
                "IQUEST_MAX_FINDINGS": str(MOST_OPEN),
                "IQUEST_STRUCTURED_OUTPUT": "prompt",  # else the server itself makes JSON of any nonsense
            },
        )
        earlier = {head: text for head, text in self.summaries.items() if head != self.life.refs.head}
        snapshot = take_snapshot(
            self.life,
            finished,
            fail_on=FAIL_ON,
            most_open=MOST_OPEN,
            earlier_heads=self.heads[:-1],
            earlier_summaries=earlier,
            raw=raw,
        )
        if not snapshot.failed and summary:
            self.summaries[self.life.refs.head] = summary
        found = [*find_contradictions(snapshot), *find_departures(snapshot, expected, shop.PROBLEMS)]
        if asks is not None and (len(self.model.prompts) > asked) != asks:
            found.append(f"asked: the model is {'not ' if asks else ''}asked")
        self.report += [f"{title} | {text}" for text in found]
        self.transcript.append(render_run(title, self.events, snapshot, self.names))
        self.events = []
        return snapshot

    def lists_places(self, snapshot: Snapshot) -> None:
        """The one sentence about many functions stands in one thread, with all the places."""
        missing = find_missing_places(snapshot, shop.DOCSTRING, "shop/report.py", "def part_")
        self.report += [f"Push {len(self.heads)} | {text}" for text in missing]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    model = Mediocre()
    with life(tmp_path / "origin", Run(tmp_path / "work", briefly), reader=model) as made:
        made.gitlab.add_user(MAINTAINER, role="maintainer", bot=False)
        yield Story(made, model)


def test_no_run_of_a_long_merge_request_contradicts_itself(story: Story) -> None:
    feature(story)
    one_is_fixed(story)
    lines_move(story)
    a_file_is_renamed(story)
    it_is_rebased(story)
    a_fix_is_reverted(story)
    the_target_is_merged(story)
    the_last_polish(story)

    transcript = "\n\n\n".join(story.transcript) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(transcript, encoding="utf-8")
    assert not story.report, f"{len(story.report)} contradictions:\n" + "\n".join(story.report)
    assert transcript == GOLDEN.read_text(encoding="utf-8")


REPORT = shop.say_docstring(10)
NITS = (shop.SAYS_LIMIT, shop.SAYS_LIST, shop.SAYS_UNIT, shop.SAYS_BUILTIN, shop.SAYS_REACH)
OPEN_NITS = {shop.LIMIT: "low", shop.LIST: "low", shop.UNIT: "low", shop.BUILTIN: "medium", shop.REACH: "medium"}
STANDING = {shop.DOCSTRING: "low", shop.SWALLOW: "medium"}


def feature(story: Story) -> None:
    first = "Adds invoices, a report and the average of a cart."
    said = (shop.SAYS_NULL, shop.SAYS_TIMEOUT, shop.SAYS_ZERO, shop.SAYS_HANDLE, shop.SAYS_SWALLOW, shop.SAYS_SEND)
    story.model_says(*said, *REPORT, shop.SAYS_GHOST, summary=first)
    story.opens(
        {"shop/cart.py": shop.cart(), "shop/mail.py": shop.mail("pass")},
        {
            "shop/cart.py": shop.cart(average=shop.AVERAGE_ROW),
            "shop/mail.py": shop.mail(shop.SEND_ROW),
            "shop/invoices.py": shop.invoices(),
            "shop/store.py": shop.store(),
            "shop/report.py": shop.report(10),
        },
        "author pushes the feature",
    )
    found = {shop.NULL: "low", shop.TIMEOUT: "low", shop.ZERO: "medium", shop.HANDLE: "medium", shop.SEND: "medium"}
    snapshot = story.review("Push 1", Expected(0, {**STANDING, **found}, unplaceable=[shop.GHOST]), summary=first)
    story.lists_places(snapshot)


def one_is_fixed(story: Story) -> None:
    story.thumbs_down(shop.NULL, AUTHOR)
    story.replies(shop.TIMEOUT, "fixed", AUTHOR)
    story.replies(shop.HANDLE, "忽略：连接池会关闭它", COLLEAGUE)
    story.replies(shop.SWALLOW, "Nein, das ist Absicht und bleibt so.", COLLEAGUE)
    second = "Sends each mail once, and waits at most ten seconds."
    story.model_says(shop.SAYS_LEAK, shop.SAYS_HANDLE_AGAIN, shop.SAYS_SWALLOW, summary=second)
    story.pushes(
        {
            "shop/mail.py": shop.mail("send_once(order, body)"),
            "shop/store.py": shop.store(fetch="return request(url, timeout=10)"),
            "shop/invoices.py": shop.invoices(result="[dict(row) for row in rows if row]"),
        },
        "author fixes two",
    )
    found = {**STANDING, shop.ZERO: "medium", shop.LEAK: "high"}
    story.review("Push 2", Expected(1, found, held=[shop.HANDLE], perhaps=[shop.GHOST]), summary=second)


def lines_move(story: Story) -> None:
    story.resolves(shop.ZERO, COLLEAGUE)
    third = "Moves lines, and adds labels."
    log = "import logging\n"
    story.pushes(
        {
            "shop/store.py": shop.store(fetch="return request(url, timeout=10)", head=log),
            "shop/invoices.py": shop.invoices(result="[dict(row) for row in rows if row]", head=log),
            "shop/cart.py": shop.cart(average=shop.AVERAGE_ROW, head=log),
            "shop/labels.py": shop.labels(),
        },
        "author moves lines and adds a file",
    )
    before = {**STANDING, shop.LEAK: "high"}
    story.model.broken = NONSENSE
    story.events.append("the model answers nonsense")
    story.review("Push 3", Expected(1, before, perhaps=[shop.GHOST]), raw=NONSENSE)

    said = (*NITS, shop.SAYS_NULL_AGAIN, shop.SAYS_HANDLE_AGAIN, shop.SAYS_SWALLOW, shop.SAYS_LEAK, shop.SAYS_ZERO)
    story.model_says(*said, shop.SAYS_GHOST_AGAIN, summary=third)
    story.model.broken = None
    story.events.append("author runs the job again")
    held = [shop.NULL, shop.HANDLE]
    story.review(
        "Push 3, again",
        Expected(1, {**before, **OPEN_NITS}, held=held, perhaps=[shop.GHOST], unplaceable=[shop.GHOST]),
        summary=third,
    )


def a_file_is_renamed(story: Story) -> None:
    story.replies(shop.LEAK, "ignore: this database holds one customer only", MAINTAINER)
    story.resolves(shop.ZERO, MAINTAINER, resolved=False)
    fourth = "Renames the cart to basket."
    story.model_says(shop.SAYS_ZERO_WORSE, shop.SAYS_PLURAL, summary=fourth)
    average = shop.cart(average=shop.AVERAGE_ROW, head="import logging\n")
    story.pushes(
        {"shop/cart.py": None, "shop/basket.py": average.replace("The cart.", "The basket.")}, "author renames a file"
    )
    found = {**STANDING, **OPEN_NITS, shop.ZERO: "high"}
    story.model.broken = lambda body: cut_off(story.model, body)
    story.events.append("the model's answer is cut off")
    story.review("Push 4", Expected(1, found, perhaps=[shop.PLURAL, shop.GHOST]), summary=fourth)

    story.model.broken = None
    story.events.append("author runs the job again")
    again = {**found, shop.PLURAL: "low"}
    story.review("Push 4, again", Expected(1, again, perhaps=[shop.GHOST]), summary=fourth)


def it_is_rebased(story: Story) -> None:
    story.replies(shop.ZERO, "Fixed in the next push.", AUTHOR)
    git = story.life.checkout.git
    git("checkout", "--quiet", "main")
    base = story.life.checkout.commit(
        {"shop/cart.py": shop.cart(), "shop/mail.py": shop.mail("pass", news="import os\n")}
    )
    git("checkout", "--quiet", "-B", "feature")
    fixed = shop.cart(average="return sum(prices) / max(len(prices), 1)", head="import logging\n")
    story.files |= {
        "shop/basket.py": fixed.replace("The cart.", "The basket."),
        "shop/mail.py": shop.mail("send_once(order, body)", news="import os\n"),
        "shop/search.py": "def search(words):\n    return index.find(words)\n",
    }
    fifth = "Searches, and divides by at least one."
    story.model_says(*NITS, shop.SAYS_SWALLOW, shop.SAYS_PLURAL, summary=fifth)
    before = {**STANDING, **OPEN_NITS, shop.PLURAL: "low"}
    squashed = story.life.checkout.commit({**story.files, "shop/cart.py": None})
    story.moves(base, squashed, "author squashes, rebases and fixes one")
    story.model.broken = Fault(status=500)
    story.events.append("the model server says 500")
    story.review("Push 5", Expected(1, {**before, shop.ZERO: "high"}, perhaps=[shop.GHOST]))

    story.model.broken = None
    story.events.append("author runs the job again")
    story.review("Push 5, again", Expected(0, before, perhaps=[shop.GHOST]), summary=fifth)


def a_fix_is_reverted(story: Story) -> None:
    story.resolves(shop.ZERO, AUTHOR)
    story.thumbs_down(shop.DOCSTRING, "stranger")
    sixth = "Takes the mail's fix back."
    story.model_says(shop.SAYS_SEND, shop.SAYS_LIMIT_WORSE, shop.SAYS_WIPE, summary=sixth)
    story.model.fixed["no unit"] = "# WAIT is in seconds"
    story.pushes(
        {
            "shop/mail.py": shop.mail(shop.SEND_ROW, news="import os\n"),
            "shop/labels.py": shop.labels(unit=True),
            "shop/invoices.py": shop.invoices(result="[*map(dict, rows)]", head="import logging\n"),
        },
        "author reverts the fix of the mail, and names a unit",
    )
    found = {**STANDING, **OPEN_NITS, shop.PLURAL: "low", shop.SEND: "medium", shop.LIMIT: "medium"}
    found |= {shop.WIPE: "high"}
    del found[shop.UNIT]
    story.review("Push 6", Expected(1, found, perhaps=[shop.GHOST]), summary=sixth)


def the_target_is_merged(story: Story) -> None:
    git = story.life.checkout.git
    git("checkout", "--quiet", "main")
    target = {"shop/cart.py": shop.cart(), "shop/mail.py": shop.mail("pass", news="import os\n", greeting="Hi")}
    base = story.life.checkout.commit(target)
    git("checkout", "--quiet", "feature")
    git("merge", "--quiet", "--no-edit", "main")
    story.files |= {"shop/mail.py": shop.mail(shop.SEND_ROW, news="import os\n", greeting="Hi")}
    story.files |= {"shop/report.py": shop.report(11)}
    seventh = "Adds a part to the report."
    story.model_says(*shop.say_docstring(11, "other"), shop.SAYS_SEND, summary=seventh)
    story.moves(base, story.life.checkout.commit(story.files), "author merges the target and adds a function")
    found = {**STANDING, **OPEN_NITS, shop.PLURAL: "low", shop.SEND: "medium", shop.LIMIT: "medium"}
    found |= {shop.WIPE: "high"}
    del found[shop.UNIT]
    snapshot = story.review("Push 7", Expected(1, found, perhaps=[shop.GHOST]), summary=seventh)
    story.lists_places(snapshot)

    story.thumbs_down(shop.SEND, MAINTAINER)
    story.events.append("author runs the job again")
    del found[shop.SEND]
    story.review("Push 7, again", Expected(1, found, perhaps=[shop.GHOST]), asks=False)


def the_last_polish(story: Story) -> None:
    story.resolves(shop.SWALLOW, MAINTAINER)
    eighth = "Polishes everything."
    story.model_says(summary=eighth)
    story.model.fixed["no docstring"] = '"""The rows from here on."""'
    query = 'rows = db.query("select * from invoices where customer = ?", customer)'
    basket = shop.cart(average="return sum(prices) / max(len(prices), 1)", head="import logging\n")
    story.pushes(
        {
            "shop/mail.py": shop.mail("send_once(order, body)", news="import os\n", greeting="Hi"),
            "shop/basket.py": basket.replace("The cart.", "The basket.").replace(" items", " item(s)"),
            "shop/invoices.py": shop.invoices(query),
            "shop/store.py": shop.store(fetch="return request(url, timeout=10)", fixed=True),
            "shop/report.py": shop.report(11, documented=True),
            "shop/labels.py": None,
        },
        "author polishes",
    )
    snapshot = story.review("Push 8", Expected(0, {}, perhaps=[shop.GHOST]), summary=eighth)
    if not snapshot.note.says_no_findings:
        story.report.append(f"Push 8 | expected: no findings, not {snapshot.note.headline!r}")
    story.review("Push 8, again", Expected(0, {}, perhaps=[shop.GHOST]), asks=False)
    if story.life.gitlab.executed:
        story.report.append(f"Push 8 | expected: no quick action ran, not {story.life.gitlab.executed}")


def cut_off(model: Mediocre, body: dict[str, Any]) -> Reply:
    """The honest answer, cut off in the last of its remarks."""
    model.broken, broken = None, model.broken
    whole = model.review(body)
    model.broken = broken
    issues: Sequence[Any] = json.loads(whole)["issues"]
    end = whole.rindex('"description"') if issues else len(whole) - 9
    return Reply(whole[:end], finish_reason="length")
