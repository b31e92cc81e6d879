"""The one matcher of findings and existing threads: a thread has a finding when place and words agree.

The place alone is no identity: a remark that somebody waived must not hide another one on the same line. Line numbers
of GitLab move along with the text, so the text of the lines decides where it can.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.similarity import is_covered_text, is_related_text, is_similar_text
from iquest_review.gitlab.existing import Thread
from iquest_review.note.thread import extract_thread_text


class _Likeness(NamedTuple):
    """How well a thread fits a finding; the smallest fits best."""

    place: int  # 1: only if lines with the same text changed places since the thread's commit
    words: int  # 0: the same text, 1: similar, 2: similar, but it got worse and says more, 3: related
    resolved: bool
    distance: int


def match_findings(
    findings: Sequence[PlacedFinding],
    threads: Iterable[Thread],
    is_settled: Callable[[Thread], bool] = lambda _: False,
    head: str = "",
) -> list[Thread | None]:
    """Return the thread of each finding, or None.

    A finding keeps the thread that an earlier match gave it. A thread takes as many findings as it lists places, the
    best fitting first. A thread that a person settled (`is_settled`) takes only a finding in similar words, and one
    that got worse only if it says little more: any other may be new. `head` is the commit whose line numbers the
    findings have.
    """
    known = {thread.id: thread for thread in threads}
    matched = [known.get(finding.thread) for finding in findings]
    room = {thread.id: 1 + len(thread.mark.also) - matched.count(thread) for thread in known.values()}
    candidates = [
        (likeness, index, thread)
        for index, finding in enumerate(findings)
        if matched[index] is None
        for thread in known.values()
        if (likeness := _compare(finding, thread, head)) is not None
        and (likeness.words < 2 or not (thread.resolved or is_settled(thread)))
    ]
    for _, index, thread in sorted(candidates, key=lambda candidate: candidate[:2]):
        if matched[index] is None and room[thread.id] > 0:
            matched[index] = thread
            room[thread.id] -= 1
    return matched


def is_same_thread(thread: Thread, other: Thread) -> bool:
    """Return whether two threads are at one place and say the same: two runs posted at the same time."""
    if (thread.path, thread.line, thread.head, *thread.mark[1:4]) != (
        other.path,
        other.line,
        other.head,
        *other.mark[1:4],
    ):
        return False
    if thread.mark.fingerprint == other.mark.fingerprint:
        return True
    return is_similar_text(extract_thread_text(thread.body), extract_thread_text(other.body))


def _compare(finding: PlacedFinding, thread: Thread, head: str) -> _Likeness | None:
    """Return how well a thread fits a finding; None when it is at another place or says something else."""
    place = _compare_places(finding, thread, head)
    words = None if place is None else _compare_words(finding, thread)
    if place is None or words is None:
        return None
    line = finding.line or 0
    return _Likeness(place, words, thread.resolved, abs((thread.line or line) - line))


def _compare_places(finding: PlacedFinding, thread: Thread, head: str) -> int | None:
    mark = thread.mark
    if thread.path not in (finding.path, *finding.names) or mark.side is not finding.side:
        return None
    places = {(place.anchor, place.anchored) for place in finding.other_places}
    if places & {(mark.anchor, mark.lines), *mark.also} or (finding.anchor, finding.anchored) in mark.also:
        return 0
    if (mark.anchor, mark.lines) == (finding.anchor, finding.anchored):
        if thread.line not in finding.twins:
            return 0
        # Lines with the same text: the number of a thread at another commit may be that of the other line.
        return 1 if head and thread.head != head else None
    if thread.line is None or finding.line is None or thread.path != finding.path or thread.line in finding.twins:
        return None
    return 0 if finding.line <= thread.line <= (finding.end_line or finding.line) else None


def _compare_words(finding: PlacedFinding, thread: Thread) -> int | None:
    if thread.mark.fingerprint == finding.fingerprint:
        return 0
    text = extract_thread_text(thread.body)
    worse = finding.severity.rank < thread.mark.severity.rank
    if is_similar_text(text, finding.description):
        return 2 if worse and not is_covered_text(finding.description, text) else 1
    related = thread.mark.category is finding.category and not worse and is_related_text(text, finding.description)
    return 3 if related else None
