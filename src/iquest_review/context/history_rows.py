"""How the code came to be, as rows for the model: a fact a row, the most useful ones as far as there is room.

Subjects and paths are hostile text. Each stands on its own row, behind the words of its kind, so that none can write a
row of another kind: a row never begins with what somebody else wrote.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from iquest_review.context.sources import Kind
from iquest_review.excerpt.numbered_rows import inert, shown_path, size_of
from iquest_review.git.history import Churn, Commit, History, Recent, Together, Touched
from iquest_review.text import counted, one_line

LONGEST_SUBJECT, LONGEST_BODY, LONGEST_PATH = 150, 250, 200  # characters
OFTEN, ENOUGH = 5, 50  # commits from which on a file is one that changes often, where so many were looked at
MOST_TOGETHER = 5  # files that are not in the change
MOST_RUNS = 6  # runs of lines of one commit that are told
SMALLEST = 30  # bytes; no row is shorter


# A part's share of a full prompt: what the lines were for, and what is missing, help more than what happened lately.
# In the order they are shown.
WEIGHT = {Kind.COMMITS: 4, Kind.TOUCHED: 4, Kind.TOGETHER: 3, Kind.CHURN: 2, Kind.RECENT: 1}
PAST = frozenset(WEIGHT)


def past_rows(history: History, most: int, without: Collection[str] = ()) -> list[str]:
    """The facts in at most `most` bytes of rows, each with its line ending; parts named in `without` are left out.

    What does not fit is the least useful: a part's later facts, but of the commits the earlier ones. Deterministic.
    """
    history = replace(history, touched=()) if Kind.TOUCHED in without else history
    ranked = list[tuple[float, int, int, str]]()
    for order, part in enumerate(WEIGHT):
        facts = [] if part in without else list(_rows(history, part))
        for place, row in enumerate(facts):
            # The last commits say best what the change has become.
            rank = len(facts) - place if part is Kind.COMMITS else place + 1
            ranked.append((rank / WEIGHT[part], order, place, row))
    kept = list[tuple[int, int, str]]()
    for _, order, place, row in sorted(ranked):
        size = size_of(row) + 1
        if size <= most:
            most -= size
            kept.append((order, place, row))
        elif most < SMALLEST:
            break
    return [row for _, _, row in sorted(kept)]


def _rows(history: History, part: Kind) -> Iterator[str]:
    match part:
        case Kind.COMMITS:
            yield from map(_commit, history.commits)
        case Kind.TOUCHED:
            yield from _touched(history.touched)
        case Kind.TOGETHER:
            yield from map(_together, history.together[:MOST_TOGETHER])
        case Kind.CHURN:
            yield from (_churn(fact) for fact in history.churn if fact.commits >= OFTEN and fact.of >= ENOUGH)
        case Kind.RECENT:
            yield from _recent(history.recent, {(fact.path, fact.subject) for fact in history.touched})


def _commit(fact: Commit) -> str:
    body = f" ({_text(fact.body, LONGEST_BODY)})" if fact.body else ""
    return f"commit of this change: {_subject(fact.subject)}{body}"


def _touched(facts: Sequence[Touched]) -> Iterator[str]:
    """A row for each commit and file."""
    runs = dict[tuple[str, str, int], list[tuple[int, int]]]()
    for fact in facts:
        runs.setdefault((fact.path, fact.subject, fact.days), []).append((fact.first, fact.last))
    for (path, subject, days), found in runs.items():
        lines = [str(first) if first == last else f"{first}-{last}" for first, last in sorted(found)]
        shown = ", ".join([*lines[:MOST_RUNS], *(["..."] if len(lines) > MOST_RUNS else [])])
        word = "line" if lines[0].isdigit() and len(lines) == 1 else "lines"
        yield f"removed {word} {shown} of {_path(path)} came {_ago(days)} with: {_subject(subject)}"


def _together(fact: Together) -> str:
    return (
        f"not in this change: {_path(fact.path)}, which {fact.times} of the last {counted(fact.of, 'commit')} "
        f"of {_path(fact.along)} changed, too"
    )


def _churn(fact: Churn) -> str:
    fixes = f", {fact.fixes} of them {'a fix' if fact.fixes == 1 else 'fixes'}" if fact.fixes else ""
    return f"changed often: {_path(fact.path)}, by {fact.commits} of the last {counted(fact.of, 'commit')}{fixes}"


def _recent(facts: Sequence[Recent], told: Collection[tuple[str, str]]) -> Iterator[str]:
    """A row for each file, without the commits that are told of its removed lines."""
    changes = dict[str, list[str]]()
    for fact in facts:
        if (fact.path, fact.subject) not in told:
            changes.setdefault(fact.path, []).append(f"{_subject(fact.subject)} ({_ago(fact.days)})")
    for path, subjects in changes.items():
        yield f"last changes of {_path(path)}: {'; '.join(subjects)}"


def _ago(days: int) -> str:
    return f"{counted(days, 'day')} earlier" if days else "less than a day earlier"


def _subject(text: str) -> str:
    return _text(text, LONGEST_SUBJECT) or "(no subject)"


def _text(text: str, limit: int) -> str:
    return inert(one_line(text[: 10 * limit], limit))


def _path(path: str) -> str:
    """The path, or the end of one that no file system holds."""
    shown = shown_path(path[-10 * LONGEST_PATH :])
    return shown if len(shown) <= LONGEST_PATH else "…" + shown[1 - LONGEST_PATH :]
