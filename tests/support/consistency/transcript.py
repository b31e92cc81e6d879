"""The transcript of a scripted merge request: what was pushed, what people did, and what they met after each run."""

import re

from tests.support.consistency.snapshot import ShownThread, Snapshot
from tests.support.pipeline import BOT


def render_run(title: str, events: list[str], snapshot: Snapshot, names: dict[str, str]) -> str:
    """Return one run as text. `names` replaces what differs from run to run: commits, and the ids of notes."""
    threads = [_render_thread(number, shown) for number, shown in enumerate(snapshot.threads, 1)]
    numbers = {f"#note_{shown.thread.note}>": f"#thread {number}>" for number, shown in enumerate(snapshot.threads, 1)}
    parts = [
        f"# {title}: exit code {snapshot.code}",
        "\n".join(f"* {event}" for event in events),
        "## The threads",
        "\n".join(threads) or "None.",
        "## The log",
        "\n".join(f"    {row}" for row in _clean_log(snapshot.log)),
        "## The note",
        "\n".join(f"> {row}".rstrip() for row in _clean_note(snapshot.body).splitlines()),
    ]
    text = "\n\n".join(part for part in parts if part)
    for old, new in (numbers | names).items():
        text = text.replace(old, new)
    return text


def _render_thread(number: int, shown: ShownThread) -> str:
    thread = shown.thread
    place = {"new": f"line {thread.line}", "old": f"removed line {thread.line}", "file": "the file"}[thread.side]
    who = "the bot" if thread.resolved_by == BOT else thread.resolved_by
    state = f"resolved by {who}" if thread.resolved_by else "open"
    waiver = f", waived by {shown.waiver.person} ({shown.waiver.way})" if shown.waiver and shown.is_open else ""
    said = [f"   {row}".rstrip() for row in shown.text.strip().splitlines()]
    replies = [f"   - {reply}" for reply in thread.replies]
    return "\n".join([f"{number}. {thread.path}, {place}: {state}{waiver}", *said, *replies])


def _clean_log(log: str) -> list[str]:
    """Return the rows without the seconds, and without what a server's port or a wait makes of them."""
    rows = (re.sub(r"^ *[\d.]+ s  ", "", row) for row in log.splitlines())
    rows = (re.sub(r"\b[\d.,]+ s\b", "… s", row) for row in rows)
    return [re.sub(r"127\.0\.0\.1:\d+|[\d,]+ (?:\+ [\d,]+ )?tokens", "…", row) for row in rows]


def _clean_note(body: str) -> str:
    """Return the note without its memory, tokens, seconds, ports and the digest of the prompt."""
    body = re.sub(r"(?<=iquest-review:reviewed ).*(?= -->)", "…", body)
    body = re.sub(r"[\d,]+ \+ [\d,]+ tokens · ", "", body)
    body = re.sub(r"(?<= · )[\d.]+ s · ", "", body)
    body = re.sub(r"(?<=0\.0\.1:)\d+", "…", body)
    return re.sub(r"prompt `\w+`", "prompt `…`", body)
