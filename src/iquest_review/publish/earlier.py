"""Earlier findings at a new push: which are still open, which are gone, and which the model should be asked about."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from iquest_review.diff.diff import Diff
from iquest_review.findings.evidence import FileReader, Location, find_marked_lines
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.verify import NO_FILE, NO_PATH
from iquest_review.gitlab.existing import ExistingThreads, Thread
from iquest_review.note.memory import NoteMemory
from iquest_review.note.thread import build_mark, extract_thread_text
from iquest_review.outcome import SettledFinding, SettledReason
from iquest_review.prompt.remarks import Remark
from iquest_review.publish import plan


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """An earlier finding whose lines still exist. It has a thread, or is listed in the note."""

    here: Location
    thread: Thread | None = None
    finding: PlacedFinding | None = None

    @property
    def remark(self) -> Remark:
        """What the model is shown of this finding."""
        text = (
            self.finding.description if self.finding else extract_thread_text(self.thread.body if self.thread else "")
        )
        return Remark(self.here.path, self.here.line, text)

    def settle(self, why: SettledReason) -> SettledFinding:
        """Return this finding as settled."""
        return SettledFinding(self.thread.id if self.thread else "", why)


@dataclass(frozen=True, slots=True)
class EarlierFindings:
    """The findings of earlier reviews, without resolved threads."""

    open: tuple[OpenFinding, ...] = ()
    gone: tuple[SettledFinding, ...] = ()


def classify(
    existing: ExistingThreads,
    noted: Sequence[PlacedFinding],
    diff: Diff,
    read_file: FileReader,
    was_seen: Callable[[str], bool] = lambda _: True,
    *,
    asked: bool = False,
) -> EarlierFindings:
    """Return the earlier findings, divided into open ones and those whose lines are gone.

    `existing` has the findings in threads, `noted` are those of the note. Nothing counts as gone from a file of which
    `was_seen` is False. A finding that never had a line stays open until the model is `asked` again, and is dropped
    then: nobody could resolve or waive it.
    """
    still, gone = list[OpenFinding](), list[SettledFinding]()
    for thread in existing.threads:
        if not thread.resolved:
            here = find_marked_lines(thread.mark, thread.path, thread.line, diff, read_file)
            if here is None and not was_seen(thread.path):
                here = Location(thread.path, thread.line)
            if here is None and not thread.disputed:
                gone.append(SettledFinding(thread.id, SettledReason.GONE))
            else:
                still.append(OpenFinding(here or Location(thread.path, thread.line), thread))
    for finding in noted:
        # A file that was never in the change cannot be gone from it.
        nowhere = finding.placement_reason in (NO_FILE, NO_PATH) and diff.find_file(finding.path) is None
        here = (
            Location("", None)
            if nowhere
            else find_marked_lines(build_mark(finding), finding.path, finding.line, diff, read_file)
        )
        if here is None and not was_seen(finding.path):
            here = Location(finding.path, finding.line)
        if asked and not finding.anchored:
            gone.append(SettledFinding("", SettledReason.UNPLACED))
        elif here is None:
            gone.append(SettledFinding("", SettledReason.GONE))
        else:
            still.append(OpenFinding(here, None, _move_to_location(finding, here)))
    return EarlierFindings(tuple(still), tuple(gone))


def add_former_names(
    findings: Sequence[PlacedFinding], still: Sequence[OpenFinding], diff: Diff
) -> list[PlacedFinding]:
    """Return the findings with the former names of their files.

    GitLab leaves a thread at the old name (lib/gitlab/diff/position_tracer.rb compares by paths).
    """
    names = {file.new_path: {file.old_path} - {file.new_path} for file in diff.files}
    for entry in still:
        # Who waived a finding in one file has not seen the other file.
        if entry.thread and entry.thread.path != entry.here.path and not any(entry.thread.waivers):
            names.setdefault(entry.here.path, set()).add(entry.thread.path)
    return [replace(finding, names=tuple(sorted(names.get(finding.path, ())))) for finding in findings]


@dataclass(frozen=True, slots=True)
class FindingsToRaise:
    """The findings to raise, the threads that some of them have, and the threads of findings that are not raised."""

    findings: tuple[PlacedFinding, ...]
    threads: frozenset[str]
    spared: frozenset[str]


def select_findings_to_raise(
    findings: Sequence[PlacedFinding],
    existing: ExistingThreads,
    known: NoteMemory | None,
    has_waiver: Callable[[Thread], bool],
) -> FindingsToRaise:
    """Return the findings to raise: not those that somebody waived, or whose thread a person resolved."""
    ours = frozenset(known.resolved if known else ())
    kept, taken, spared, threads = list[PlacedFinding](), set[str](), set[str](), list(existing.threads)
    for finding in findings:
        thread = plan.match_thread(finding, threads)
        if thread is not None:
            threads.remove(thread)
            if thread.is_settled_by_person(ours) or has_waiver(thread):
                spared.add(thread.id)
                continue
            taken.add(thread.id)
        kept.append(finding)
    return FindingsToRaise(tuple(kept), frozenset(taken), frozenset(spared))


def select_askable(earlier: Sequence[OpenFinding], paths: Collection[str]) -> Iterator[OpenFinding]:
    """Yield the findings to ask the model about: their file is in `paths` (it has new lines), and nobody disagreed."""
    return (entry for entry in earlier if entry.here.path in paths and not (entry.thread and entry.thread.disputed))


def _move_to_location(finding: PlacedFinding, here: Location) -> PlacedFinding:
    """Return a finding of the note with the lines where it is now."""
    if finding.line is None or here.line is None:
        return replace(finding, path=here.path or finding.path)
    end = finding.end_line and finding.end_line - finding.line + here.line
    return replace(finding, path=here.path, line=here.line, end_line=end)
