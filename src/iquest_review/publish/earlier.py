"""Earlier findings, seen from a new push: which of them still stand, which are gone, which the model should be asked
about."""

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
    """An earlier finding whose lines are there. It has a thread, or stands in the note."""

    here: Location
    thread: Thread | None = None
    finding: PlacedFinding | None = None

    @property
    def remark(self) -> Remark:
        """What the model is shown of it."""
        text = (
            self.finding.description if self.finding else extract_thread_text(self.thread.body if self.thread else "")
        )
        return Remark(self.here.path, self.here.line, text)

    def settle(self, why: SettledReason) -> SettledFinding:
        """It no longer stands."""
        return SettledFinding(self.thread.id if self.thread else "", why)


@dataclass(frozen=True, slots=True)
class EarlierFindings:
    """What there was before this review, but for threads that are resolved."""

    open: tuple[OpenFinding, ...] = ()
    gone: tuple[SettledFinding, ...] = ()


def classify(
    existing: ExistingThreads,
    told: Sequence[PlacedFinding],
    diff: Diff,
    text: FileReader,
    read: Callable[[str], bool] = lambda _: True,
    *,
    asked: bool = False,
) -> EarlierFindings:
    """The earlier findings in threads and in the note, by whether their lines are there. Nothing is gone from a file
    that was not `read`. A finding that never had a line stands until the model is `asked` again: nobody could resolve
    or waive it."""
    still, gone = list[OpenFinding](), list[SettledFinding]()
    for thread in existing.threads:
        if not thread.resolved:
            here = find_marked_lines(thread.mark, thread.path, thread.line, diff, text)
            if here is None and not read(thread.path):
                here = Location(thread.path, thread.line)
            if here is None and not thread.disputed:
                gone.append(SettledFinding(thread.id, SettledReason.GONE))
            else:
                still.append(OpenFinding(here or Location(thread.path, thread.line), thread))
    for finding in told:
        # What never was in the change cannot be gone from it.
        nowhere = finding.placement_reason in (NO_FILE, NO_PATH) and diff.find_file(finding.path) is None
        here = (
            Location("", None)
            if nowhere
            else find_marked_lines(build_mark(finding), finding.path, finding.line, diff, text)
        )
        if here is None and not read(finding.path):
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
    """The findings with the names their files had: GitLab leaves a thread at the old one (lib/gitlab/diff/
    position_tracer.rb compares by paths)."""
    names = {file.new_path: {file.old_path} - {file.new_path} for file in diff.files}
    for one in still:
        # Whoever waived a finding in one file has not seen the other.
        if one.thread and one.thread.path != one.here.path and not any(one.thread.waivers):
            names.setdefault(one.here.path, set()).add(one.thread.path)
    return [replace(finding, names=tuple(sorted(names.get(finding.path, ())))) for finding in findings]


@dataclass(frozen=True, slots=True)
class FindingsToRaise:
    """The findings to be raised, the threads that some of them have, and the threads of findings that are not."""

    findings: tuple[PlacedFinding, ...]
    threads: frozenset[str]
    spared: frozenset[str]


def select_findings_to_raise(
    findings: Sequence[PlacedFinding],
    existing: ExistingThreads,
    known: NoteMemory | None,
    waived: Callable[[Thread], bool],
) -> FindingsToRaise:
    """A finding is not raised again that somebody waived, or whose thread a person resolved."""
    ours = frozenset(known.resolved if known else ())
    kept, taken, spared, threads = list[PlacedFinding](), set[str](), set[str](), list(existing.threads)
    for finding in findings:
        thread = plan.match_thread(finding, threads)
        if thread is not None:
            threads.remove(thread)
            if thread.is_settled_by_person(ours) or waived(thread):
                spared.add(thread.id)
                continue
            taken.add(thread.id)
        kept.append(finding)
    return FindingsToRaise(tuple(kept), frozenset(taken), frozenset(spared))


def select_askable(earlier: Sequence[OpenFinding], paths: Collection[str]) -> Iterator[OpenFinding]:
    """Those the model is to be asked about: their file is shown with something new in it, and nobody disagreed."""
    return (one for one in earlier if one.here.path in paths and not (one.thread and one.thread.disputed))


def _move_to_location(finding: PlacedFinding, here: Location) -> PlacedFinding:
    """A finding of the note at the lines where it is now."""
    if finding.line is None or here.line is None:
        return replace(finding, path=here.path or finding.path)
    end = finding.end_line and finding.end_line - finding.line + here.line
    return replace(finding, path=here.path, line=here.line, end_line=end)
