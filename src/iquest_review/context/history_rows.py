"""The history of a change as rows for the model: one fact a row, the most useful ones that fit.

Subjects and paths are hostile text. Each stays on its row, behind the words of its kind, so that none can write a row
of another kind: no row begins with the words of others.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from iquest_review.context.sources import ContextKind
from iquest_review.excerpt.chat_tokens import defuse_tokens
from iquest_review.excerpt.numbered_rows import count_bytes, render_path
from iquest_review.git.history import Churn, Commit, Companion, History, RecentCommit, TouchedLines
from iquest_review.text import format_count, shorten_to_line

MAX_SUBJECT_CHARS, MAX_BODY_CHARS, MAX_PATH_CHARS = 150, 250, 200
# A file changes often when at least 5 of at least 50 commits changed it.
MIN_CHURN_COMMITS, MIN_COUNTED_COMMITS = 5, 50
MAX_COMPANIONS = 5  # files outside the change that usually change along
MAX_RUNS = 6  # runs of lines named for one commit
MIN_ROW_BYTES = 30  # no row is shorter

# Each part's share of a full prompt, in the order shown: what the lines were for and what is missing help more than
# what happened lately.
WEIGHTS = {
    ContextKind.COMMITS: 4,
    ContextKind.TOUCHED: 4,
    ContextKind.TOGETHER: 3,
    ContextKind.CHURN: 2,
    ContextKind.RECENT: 1,
}
HISTORY_KINDS = frozenset(WEIGHTS)


def render_history_rows(history: History, most: int, without: Collection[str] = ()) -> list[str]:
    """Return the facts as rows of at most `most` bytes, line ends included, without the parts in `without`.

    The least useful facts are dropped: the last ones of a part, but the first ones of the commits. The result depends
    only on the arguments.
    """
    history = replace(history, touched=()) if ContextKind.TOUCHED in without else history
    ranked = list[tuple[float, int, int, str]]()
    for order, part in enumerate(WEIGHTS):
        facts = [] if part in without else list(_render_facts(history, part))
        for place, row in enumerate(facts):
            # the last commits describe best what the change has become
            rank = len(facts) - place if part is ContextKind.COMMITS else place + 1
            ranked.append((rank / WEIGHTS[part], order, place, row))
    kept = list[tuple[int, int, str]]()
    for _, order, place, row in sorted(ranked):
        size = count_bytes(row) + 1
        if size <= most:
            most -= size
            kept.append((order, place, row))
        elif most < MIN_ROW_BYTES:
            break
    return [row for _, _, row in sorted(kept)]


def _render_facts(history: History, part: ContextKind) -> Iterator[str]:
    match part:
        case ContextKind.COMMITS:
            yield from map(_render_commit, history.commits)
        case ContextKind.TOUCHED:
            yield from _render_touched_lines(history.touched)
        case ContextKind.TOGETHER:
            yield from map(_render_companion, history.together[:MAX_COMPANIONS])
        case ContextKind.CHURN:
            yield from (
                _render_churn(fact)
                for fact in history.churn
                if fact.commits >= MIN_CHURN_COMMITS and fact.of >= MIN_COUNTED_COMMITS
            )
        case ContextKind.RECENT:
            yield from _render_recent(history.recent, {(fact.path, fact.subject) for fact in history.touched})


def _render_commit(fact: Commit) -> str:
    body = f" ({_clean_text(fact.body, MAX_BODY_CHARS)})" if fact.body else ""
    return f"commit of this change: {_render_subject(fact.subject)}{body}"


def _render_touched_lines(facts: Sequence[TouchedLines]) -> Iterator[str]:
    """Yield a row for each commit and file."""
    runs = dict[tuple[str, str, int], list[tuple[int, int]]]()
    for fact in facts:
        runs.setdefault((fact.path, fact.subject, fact.days), []).append((fact.first, fact.last))
    for (path, subject, days), ranges in runs.items():
        lines = [str(first) if first == last else f"{first}-{last}" for first, last in sorted(ranges)]
        shown = ", ".join([*lines[:MAX_RUNS], *(["..."] if len(lines) > MAX_RUNS else [])])
        word = "line" if lines[0].isdigit() and len(lines) == 1 else "lines"
        place = f"{word} {shown} of {_shorten_path(path)}"
        yield f"removed {place} came {_render_age(days)} with: {_render_subject(subject)}"


def _render_companion(fact: Companion) -> str:
    commits = format_count(fact.of, "commit")
    return (
        f"not in this change: {_shorten_path(fact.path)}, which {fact.times} of the last {commits} "
        f"of {_shorten_path(fact.along)} changed, too"
    )


def _render_churn(fact: Churn) -> str:
    fixes = f", {fact.fixes} of them {'a fix' if fact.fixes == 1 else 'fixes'}" if fact.fixes else ""
    commits = format_count(fact.of, "commit")
    return f"changed often: {_shorten_path(fact.path)}, by {fact.commits} of the last {commits}{fixes}"


def _render_recent(facts: Sequence[RecentCommit], shown: Collection[tuple[str, str]]) -> Iterator[str]:
    """Yield a row for each file, without commits that the rows on removed lines already name."""
    changes = dict[str, list[str]]()
    for fact in facts:
        if (fact.path, fact.subject) not in shown:
            changes.setdefault(fact.path, []).append(f"{_render_subject(fact.subject)} ({_render_age(fact.days)})")
    for path, subjects in changes.items():
        yield f"last changes of {_shorten_path(path)}: {'; '.join(subjects)}"


def _render_age(days: int) -> str:
    return f"{format_count(days, 'day')} earlier" if days else "less than a day earlier"


def _render_subject(text: str) -> str:
    return _clean_text(text, MAX_SUBJECT_CHARS) or "(no subject)"


def _clean_text(text: str, limit: int) -> str:
    return defuse_tokens(shorten_to_line(text[: 10 * limit], limit))


def _shorten_path(path: str) -> str:
    """Return the path, or only its end where it is longer than any file system allows."""
    shown = render_path(path[-10 * MAX_PATH_CHARS :])
    return shown if len(shown) <= MAX_PATH_CHARS else "…" + shown[1 - MAX_PATH_CHARS :]
