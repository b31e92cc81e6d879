"""The contradictions between what one run says in five places: note, threads, log, exit code and review.json."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.support.consistency.mediocre import plain_text
from tests.support.consistency.snapshot import ShownThread, Snapshot

RANKS = ("high", "medium", "low")
LONGEST_RAW_CHARS = 5_000  # of a useless answer

Rule = Callable[[Snapshot], Iterator[str]]

_OPEN_IN_LOG = re.compile(r"(\d+) findings? (?:is|are) open")
_HELD_IN_LOG = re.compile(r"(\d+) (?:[^\W\d]+ )*?(?:not raised|held back|waived)")


def find_contradictions(snapshot: Snapshot) -> list[str]:
    """Return every contradiction of a run, each with the name of its rule."""
    return [f"{name}: {text}" for name, rule in RULES.items() for text in rule(snapshot)]


# -- one count and one text


def check_headline(snapshot: Snapshot) -> Iterator[str]:
    """The headline counts what the note lists: threads, findings without one, and those it folds."""
    note = snapshot.note
    if snapshot.failed:
        return
    listed, folded = Counter(item.severity for item in note.listed), note.folded
    if note.counts != listed + folded:
        yield f"the headline counts {_format(note.counts)}, the note lists {_format(listed)}, folds {_format(folded)}"


def check_threads(snapshot: Snapshot) -> Iterator[str]:
    """Each open thread is a row of the note, or one that people are asked to resolve; no row is about another."""
    if snapshot.failed:
        return
    rows = {item.note: item for item in snapshot.note.items if item.note is not None}
    open_notes = {shown.thread.note: shown for shown in snapshot.open_threads}
    for number in rows.keys() - open_notes.keys():
        yield f"the note lists {rows[number].title!r}, whose thread is not open"
    unlisted = [shown for number, shown in open_notes.items() if number not in rows]
    if len(unlisted) != snapshot.note.to_resolve:
        names = "; ".join(_name(shown) for shown in unlisted) or "none"
        asked = snapshot.note.to_resolve
        yield f"{len(unlisted)} open threads are not listed ({names}), people are asked to resolve {asked}"


def check_severities(snapshot: Snapshot) -> Iterator[str]:
    """A thread's heading, its hidden marker, its row of the note and review.json tell one severity."""
    rows = {item.note: item.severity for item in snapshot.note.items if item.note is not None}
    kept = {entry["thread"]: entry["severity"] for entry in snapshot.review.get("still_open", ()) if entry["thread"]}
    for shown in snapshot.open_threads:
        told = {
            "its heading": shown.severity,
            "its marker": shown.marked_severity,
            "the note": rows.get(shown.thread.note),
            "review.json": kept.get(shown.thread.id) or _find_raised_severity(snapshot, shown),
        }
        known = {place: severity for place, severity in told.items() if severity}
        if len(set(known.values())) > 1:
            yield f"{_name(shown)}: " + ", ".join(f"{severity} in {place}" for place, severity in known.items())


def check_titles(snapshot: Snapshot) -> Iterator[str]:
    """The title of a row stands in the thread that the row links to."""
    threads = {shown.thread.note: shown for shown in snapshot.threads}
    for item in snapshot.note.items:
        shown = threads.get(item.note or 0)
        if shown is not None and item.title and plain_text(item.title.rstrip("…")) not in plain_text(shown.text):
            yield f"the note says {item.title!r} of the thread that says {shown.first_sentence!r}"


def check_review_file(snapshot: Snapshot) -> Iterator[str]:
    """The open findings of review.json are those of the headline."""
    if not snapshot.failed and (kept := count_open(snapshot)) != snapshot.note.counts:
        yield f"review.json has {_format(kept)} open, the headline counts {_format(snapshot.note.counts)}"


def check_gate(snapshot: Snapshot) -> Iterator[str]:
    """The exit code is that of the open findings in the change: 1 where one reaches fail_on, 3 for no review."""
    counts = count_open(snapshot) if snapshot.failed else snapshot.note.counts
    listed = Counter(item.severity for item in snapshot.note.listed) + snapshot.note.folded
    reached = [rank for rank in RANKS[: RANKS.index(snapshot.fail_on) + 1] if counts[rank]]
    wanted = 1 if reached else 3 if snapshot.failed else 0
    if snapshot.code != wanted:
        yield f"exit code {snapshot.code}, but {_format(counts)} open and fail_on {snapshot.fail_on} make {wanted}"
    by_list = 1 if any(listed[rank] for rank in RANKS[: RANKS.index(snapshot.fail_on) + 1]) else 0
    if not snapshot.failed and by_list > snapshot.code:
        yield f"exit code {snapshot.code}, but the note lists {_format(listed)}"
    if ("exit code 1" in snapshot.log) != (snapshot.code == 1):
        yield f"exit code {snapshot.code}, but the log says: {_quote_log(snapshot, 'exit code')}"


def check_log(snapshot: Snapshot) -> Iterator[str]:
    """The log counts open findings and those held back as the note does."""
    total = count_open(snapshot).total() if snapshot.failed else snapshot.note.counts.total()
    for told in _OPEN_IN_LOG.findall(snapshot.log):
        if int(told) != total:
            yield f"the log says that {told} are open, {total} are"
    held = {int(told) for told in _HELD_IN_LOG.findall(snapshot.log)}
    if not snapshot.failed and held != ({snapshot.note.held_back} - {0}):
        yield f"the log counts {sorted(held) or 'nothing'} held back, the note {snapshot.note.held_back}"


# -- what is held back


def check_held_back(snapshot: Snapshot) -> Iterator[str]:
    """review.json names each finding that is held back, and the note counts them."""
    held = list_held_back(snapshot)
    if held is None:
        if snapshot.note.held_back:
            yield f"review.json has no list of the {snapshot.note.held_back} findings that are held back"
        return
    for entry in held:
        missing = {"path", "line", "title", "severity", "why"} - entry.keys()
        if missing:
            yield f"review.json holds {entry} back without {', '.join(sorted(missing))}"
    if not snapshot.failed and len(held) != snapshot.note.held_back:
        yield f"review.json holds {len(held)} back, the note tells {snapshot.note.held_back}"


def check_waived_threads(snapshot: Snapshot) -> Iterator[str]:
    """No waived thread stays open where the bot may resolve it, and none is a row of open threads."""
    listed = {item.note for item in snapshot.note.items}
    for shown in snapshot.open_threads:
        if shown.waiver is None or snapshot.failed:
            continue
        if shown.thread.note in listed:
            yield f"{_name(shown)}: waived by {shown.waiver.person}, but listed as open"
        if not shown.thread.replies or snapshot.bot_role != "reporter":
            yield f"{_name(shown)}: waived by {shown.waiver.person}, but its thread is left open"


def check_hint(snapshot: Snapshot) -> Iterator[str]:
    """Each thread says how its finding is waived."""
    silent = [shown for shown in snapshot.threads if "`ignore: reason`" not in shown.text]
    if silent:
        yield f"{len(silent)} threads do not say how to waive, such as {_name(silent[0])}"


# -- how much is said


def check_cap(snapshot: Snapshot) -> Iterator[str]:
    """No more threads wait for people than IQUEST_MAX_FINDINGS, over all runs."""
    rows = {item.note for item in snapshot.note.items}  # those that people are asked to resolve are settled
    waiting = [shown for shown in snapshot.open_threads if shown.thread.note in rows]
    if len(waiting) > snapshot.most_open:
        yield f"{len(waiting)} threads are open, IQUEST_MAX_FINDINGS is {snapshot.most_open}"


def check_folds(snapshot: Snapshot) -> Iterator[str]:
    """Findings over the cap are counted, and the worst of them is named; they are not listed in full."""
    full = [item for item in snapshot.note.items if "IQUEST_MAX_FINDINGS" in item.place]
    full += [item for item in snapshot.note.named if item.text.strip()]
    if full:
        yield f"{len(full)} findings over IQUEST_MAX_FINDINGS are listed in full"
    folded, named = snapshot.note.folded, Counter(item.severity for item in snapshot.note.named)
    worst = next((rank for rank in RANKS if folded[rank]), None)
    if worst and not named[worst]:
        yield f"{_format(folded)} over IQUEST_MAX_FINDINGS, and none of the worst is named"
    if any(named[rank] > folded[rank] for rank in RANKS):
        yield f"{_format(folded)} over IQUEST_MAX_FINDINGS, but {_format(named)} are named"


def check_repeats(snapshot: Snapshot) -> Iterator[str]:
    """The same text stands in one open thread of a file."""
    texts = Counter(
        (shown.thread.path, plain_text(shown.text.partition("```")[0].partition("\n\n")[2]))
        for shown in snapshot.open_threads
    )
    for (path, text), count in texts.items():
        if count > 1:
            yield f"{count} open threads of {path} say the same: {text[:60]}"


def check_fixes(snapshot: Snapshot) -> Iterator[str]:
    """A fix that one click applies leaves Python that parses."""
    for shown in snapshot.open_threads:
        source = (snapshot.files or {}).get(shown.thread.path)
        for offered in shown.thread.suggestions if source is not None else ():
            rows = (source or "").split("\n")
            rows[offered["from_line"] - 1 : offered["to_line"]] = offered["to_content"].removesuffix("\n").split("\n")
            try:
                ast.parse("\n".join(rows))
            except SyntaxError as error:
                yield f"{_name(shown)}: its one-click fix does not parse: {error}"


# -- what an older review said


def check_dates(snapshot: Snapshot) -> Iterator[str]:
    """A summary of an earlier push, and the last review below a failure, are marked with their commit."""
    for head, summary in (snapshot.earlier_summaries or {}).items():
        before, found, _ = snapshot.note.own.partition(summary)
        if found and head[:7] not in before.split("\n\n")[-2]:
            yield f"the summary of {head[:7]} is shown without that commit: {summary!r}"
    last = [head for head in snapshot.earlier_heads if head in (snapshot.earlier_summaries or {})][-1:]
    if snapshot.failed and last:
        introduced = "\n\n".join(snapshot.note.own.split("\n\n")[-2:])
        if not snapshot.note.previous:
            yield "the last review is gone from the note"
        elif last[0][:7] not in introduced:
            yield f"the last review, of {last[0][:7]}, is introduced without its commit: {introduced.strip()!r}"


def check_raw(snapshot: Snapshot) -> Iterator[str]:
    """An answer of nonsense is folded and short."""
    if not snapshot.raw:
        return
    start = snapshot.raw[:20]
    length = snapshot.note.own.count(start) * len(snapshot.raw) // snapshot.raw.count(start)  # it repeats itself
    if start in snapshot.note.unfolded:
        yield "the useless answer is not folded"
    if length > LONGEST_RAW_CHARS:
        yield f"the note has about {length:,} characters of the useless answer"


RULES: dict[str, Rule] = {
    "headline": check_headline,
    "threads": check_threads,
    "severities": check_severities,
    "titles": check_titles,
    "review.json": check_review_file,
    "gate": check_gate,
    "log": check_log,
    "held back": check_held_back,
    "waived threads": check_waived_threads,
    "hint": check_hint,
    "cap": check_cap,
    "folds": check_folds,
    "repeats": check_repeats,
    "one-click fixes": check_fixes,
    "dates": check_dates,
    "raw answer": check_raw,
}


# -- reading review.json


def count_open(snapshot: Snapshot) -> Counter[str]:
    """Return how many findings review.json has open in the change, by severity."""
    return Counter(str(entry["severity"]) for entry in list_open(snapshot))


def list_open(snapshot: Snapshot) -> list[dict[str, object]]:
    """Return the open findings of review.json that have a thread, or at least a line: people can check them."""
    entries = [entry for name in ("findings", "kept", "still_open") for entry in snapshot.review.get(name, ())]
    return [entry for entry in entries if has_place(entry)]


def has_place(entry: Mapping[str, object]) -> bool:
    """Return whether a finding of review.json has a thread or a line."""
    return bool(entry.get("placement") == "inline" or entry.get("thread") or entry.get("line") is not None)


def list_held_back(snapshot: Snapshot) -> list[dict[str, object]] | None:
    """Return what review.json says is held back; None where it has no such list."""
    for name in ("held_back", "waived"):
        if isinstance(listed := snapshot.review.get(name), list):
            return listed
    return None


def _find_raised_severity(snapshot: Snapshot, shown: ShownThread) -> str | None:
    """Return the severity of the finding of this run that the thread tells, by its text."""
    for finding in snapshot.review.get("findings", ()):
        if finding["path"] == shown.thread.path and plain_text(finding["description"]) in plain_text(shown.text):
            return str(finding["severity"])
    return None


def _format(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[rank]} {rank}" for rank in RANKS if counts[rank]) or "nothing"


def _name(shown: ShownThread) -> str:
    return f"{shown.thread.path}:{shown.thread.line or ''} {shown.first_sentence!r}"


def _quote_log(snapshot: Snapshot, words: str) -> str:
    return next((row.strip() for row in snapshot.log.splitlines() if words in row), "nothing")
