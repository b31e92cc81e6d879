"""What a run should have left, by the true problems of a scripted merge request."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.support.consistency.contradictions import has_place, list_held_back, list_open
from tests.support.consistency.mediocre import Problem
from tests.support.consistency.snapshot import Snapshot


@dataclass(frozen=True)
class Expected:
    """`open` has the severity of each open problem. Of `held`, each is named as held back; `perhaps` may be anything.

    `unplaceable` are told in the note, and count for nothing.
    """

    code: int
    open: Mapping[Problem, str]
    held: Sequence[Problem] = ()
    perhaps: Sequence[Problem] = ()
    unplaceable: Sequence[Problem] = field(default_factory=tuple)


def find_departures(snapshot: Snapshot, expected: Expected, problems: Sequence[Problem]) -> list[str]:
    """Return where a run departs from what is expected of it."""
    return [
        *_check_code(snapshot, expected),
        *_check_open(snapshot, expected, problems),
        *_check_threads(snapshot, problems),
        *_check_held(snapshot, expected),
        *_check_unplaceable(snapshot, expected),
    ]


def find_missing_places(snapshot: Snapshot, problem: Problem, path: str, start: str) -> list[str]:
    """Return what is missing where one thread tells of every line of a file that starts with `start`."""
    rows = (snapshot.files or {}).get(path, "").splitlines()
    wanted = {number for number, row in enumerate(rows, 1) if row.startswith(start)}
    told = set[int]()
    for shown in snapshot.open_threads:
        if shown.thread.path == path and problem.is_told_in(shown.text):
            told |= {shown.thread.line or 0, *map(int, re.findall(r"\d+", shown.text))}
            if more := re.search(r"(\d+) more", shown.text):
                told |= set(sorted(wanted - told)[: int(more[1])])
    missing = ", ".join(map(str, sorted(wanted - told)))
    return [f"expected: the thread of {problem.name} lists the lines {missing} of {path}"] if missing else []


def find_told(text: str, problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems that a text is about."""
    return [problem for problem in problems if problem.is_told_in(text)]


def list_open_problems(snapshot: Snapshot, problems: Sequence[Problem]) -> list[tuple[Problem, str]]:
    """Return what review.json has open in the change, each finding by its problems and its severity."""
    threads = {shown.thread.id: shown.text for shown in snapshot.threads}
    return [
        (problem, str(entry["severity"]))
        for entry in list_open(snapshot)
        for problem in find_told(str(entry.get("description") or threads.get(str(entry.get("thread")), "")), problems)
    ]


def _check_code(snapshot: Snapshot, expected: Expected) -> Iterator[str]:
    if snapshot.code != expected.code:
        yield f"expected: exit code {expected.code}, not {snapshot.code}"


def _check_open(snapshot: Snapshot, expected: Expected, problems: Sequence[Problem]) -> Iterator[str]:
    found = list_open_problems(snapshot, problems)
    for problem, severity in expected.open.items():
        told = [said for named, said in found if named == problem]
        if not told and snapshot.failed and problem.is_told_in(snapshot.note.previous):
            continue  # of what has no thread, a failed run keeps place and severity only
        if not told:
            yield f"expected: {problem.name} ({severity}) is open, but it is told nowhere"
        elif len(told) > 1:
            yield f"expected: {problem.name} is open once, not {len(told)} times"
        elif told != [severity]:
            yield f"expected: {problem.name} is {severity}, not {told[0]}"
    for problem in dict.fromkeys(named for named, _ in found):
        if problem not in expected.open and problem not in expected.perhaps:
            yield f"expected: {problem.name} is not open any more"


def _check_threads(snapshot: Snapshot, problems: Sequence[Problem]) -> Iterator[str]:
    for problem in problems:
        told = [shown for shown in snapshot.open_threads if problem.is_told_in(shown.text)]
        if len(told) > 1:
            yield f"expected: {problem.name} has one open thread, not {len(told)}"
    for shown in snapshot.open_threads:
        told_here = find_told(shown.text, problems)
        if len(told_here) > 1:
            yield f"expected: a thread tells one problem, not {' and '.join(problem.name for problem in told_here)}"


def _check_held(snapshot: Snapshot, expected: Expected) -> Iterator[str]:
    held = list_held_back(snapshot)
    if held is None:
        if expected.held:
            names = ", ".join(problem.name for problem in expected.held)
            yield f"expected: review.json names what is held back: {names}"
        return
    texts = [f"{entry.get('title')} {entry.get('description', '')}" for entry in held]
    for problem in expected.held:
        if not any(problem.is_told_in(text) for text in texts):
            yield f"expected: review.json names {problem.name} as held back"
    for problem in expected.open:
        if any(problem.is_told_in(text) for text in texts):
            yield f"expected: nothing holds {problem.name} back, it is open"


def _check_unplaceable(snapshot: Snapshot, expected: Expected) -> Iterator[str]:
    for problem in expected.unplaceable:
        if not problem.is_told_in(snapshot.note.own):
            yield f"expected: the note tells {problem.name}, whose file is not part of the change"
    for finding in snapshot.review.get("findings", ()):
        for problem in find_told(finding["description"], expected.unplaceable):
            if has_place(finding):
                yield f"expected: {problem.name} has no place in the change"
