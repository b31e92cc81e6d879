"""Earlier findings, seen from a new push: which of them still stand, which are gone, which the model should be asked
about."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from iquest_review.diff.diff import Diff
from iquest_review.findings.evidence import Here, Text, find
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.verify import NO_FILE, NO_PATH
from iquest_review.gitlab.existing import Standing, Thread
from iquest_review.note.memory import Ledger
from iquest_review.note.thread import make_mark, said
from iquest_review.outcome import Settled, Why
from iquest_review.prompt.remarks import Remark
from iquest_review.publish import plan


@dataclass(frozen=True, slots=True)
class Open:
    """An earlier finding whose lines are there. It has a thread, or stands in the note."""

    here: Here
    thread: Thread | None = None
    finding: PlacedFinding | None = None

    @property
    def remark(self) -> Remark:
        """What the model is shown of it."""
        text = self.finding.description if self.finding else said(self.thread.body if self.thread else "")
        return Remark(self.here.path, self.here.line, text)

    def settled(self, why: Why) -> Settled:
        """It no longer stands."""
        return Settled(self.thread.id if self.thread else "", why)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What there was before this review, but for threads that are resolved."""

    open: tuple[Open, ...] = ()
    gone: tuple[Settled, ...] = ()


def look(
    standing: Standing,
    told: Sequence[PlacedFinding],
    diff: Diff,
    text: Text,
    read: Callable[[str], bool] = lambda _: True,
    *,
    asked: bool = False,
) -> Earlier:
    """The earlier findings in threads and in the note, by whether their lines are there. Nothing is gone from a file
    that was not `read`. A finding that never had a line stands until the model is `asked` again: nobody could resolve
    or waive it."""
    still, gone = list[Open](), list[Settled]()
    for thread in standing.threads:
        if not thread.resolved:
            here = find(thread.mark, thread.path, thread.line, diff, text)
            if here is None and not read(thread.path):
                here = Here(thread.path, thread.line)
            if here is None and not thread.disputed:
                gone.append(Settled(thread.id, Why.GONE))
            else:
                still.append(Open(here or Here(thread.path, thread.line), thread))
    for finding in told:
        # What never was in the change cannot be gone from it.
        nowhere = finding.placement_reason in (NO_FILE, NO_PATH) and diff.find(finding.path) is None
        here = Here("", None) if nowhere else find(make_mark(finding), finding.path, finding.line, diff, text)
        if here is None and not read(finding.path):
            here = Here(finding.path, finding.line)
        if asked and not finding.anchored:
            gone.append(Settled("", Why.UNPLACED))
        elif here is None:
            gone.append(Settled("", Why.GONE))
        else:
            still.append(Open(here, None, _moved(finding, here)))
    return Earlier(tuple(still), tuple(gone))


def with_names(findings: Sequence[PlacedFinding], still: Sequence[Open], diff: Diff) -> list[PlacedFinding]:
    """The findings with the names their files had: GitLab leaves a thread at the old one (lib/gitlab/diff/
    position_tracer.rb compares by paths)."""
    names = {file.new_path: {file.old_path} - {file.new_path} for file in diff.files}
    for one in still:
        # Whoever waived a finding in one file has not seen the other.
        if one.thread and one.thread.path != one.here.path and not any(one.thread.waivers):
            names.setdefault(one.here.path, set()).add(one.thread.path)
    return [replace(finding, names=tuple(sorted(names.get(finding.path, ())))) for finding in findings]


@dataclass(frozen=True, slots=True)
class Raised:
    """The findings to be raised, the threads that some of them have, and the threads of findings that are not."""

    findings: tuple[PlacedFinding, ...]
    threads: frozenset[str]
    spared: frozenset[str]


def raised(
    findings: Sequence[PlacedFinding], standing: Standing, known: Ledger | None, waived: Callable[[Thread], bool]
) -> Raised:
    """A finding is not raised again that somebody waived, or whose thread a person resolved."""
    ours = frozenset(known.resolved if known else ())
    kept, taken, spared, threads = list[PlacedFinding](), set[str](), set[str](), list(standing.threads)
    for finding in findings:
        thread = plan.match(finding, threads)
        if thread is not None:
            threads.remove(thread)
            if thread.settled_by_person(ours) or waived(thread):
                spared.add(thread.id)
                continue
            taken.add(thread.id)
        kept.append(finding)
    return Raised(tuple(kept), frozenset(taken), frozenset(spared))


def askable(earlier: Sequence[Open], paths: Collection[str]) -> Iterator[Open]:
    """Those the model is to be asked about: their file is shown with something new in it, and nobody disagreed."""
    return (one for one in earlier if one.here.path in paths and not (one.thread and one.thread.disputed))


def _moved(finding: PlacedFinding, here: Here) -> PlacedFinding:
    """A finding of the note at the lines where it is now."""
    if finding.line is None or here.line is None:
        return replace(finding, path=here.path or finding.path)
    end = finding.end_line and finding.end_line - finding.line + here.line
    return replace(finding, path=here.path, line=here.line, end_line=end)
