"""Earlier findings at a new push: which are still open, which are gone, and which the model should be asked about."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from iquest_review.diff.diff import Diff
from iquest_review.findings.evidence import Location, find_marked_lines
from iquest_review.findings.finding import derive_title
from iquest_review.findings.indexed import IndexedDiff
from iquest_review.findings.placed import MAX_PLACES, PlacedFinding, Placement
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.similarity import is_same_sentence
from iquest_review.gitlab.existing import ExistingThreads, Thread
from iquest_review.note.thread import build_mark, extract_thread_text
from iquest_review.outcome import HeldBackFinding, HeldBackReason, SettledFinding, SettledReason, hold_back
from iquest_review.prompt.remarks import Remark
from iquest_review.publish.match import match_findings


@dataclass(frozen=True, slots=True)
class OpenInThread:
    """An earlier finding with a thread, whose lines still exist."""

    here: Location
    thread: Thread

    @property
    def remark(self) -> Remark:
        """What the model is shown of this finding."""
        return Remark(self.here.path, self.here.line, extract_thread_text(self.thread.body))

    def settle(self, why: SettledReason) -> SettledFinding:
        """Return this finding as settled."""
        return SettledFinding(self.thread.id, why)


@dataclass(frozen=True, slots=True)
class OpenInNote:
    """An earlier finding that is listed in the note, and whose lines still exist."""

    here: Location
    finding: PlacedFinding

    @property
    def remark(self) -> Remark:
        """What the model is shown of this finding."""
        return Remark(self.here.path, self.here.line, self.finding.description)

    def settle(self, why: SettledReason) -> SettledFinding:
        """Return this finding as settled."""
        return SettledFinding("", why)


OpenFinding = OpenInThread | OpenInNote


@dataclass(frozen=True, slots=True)
class EarlierFindings:
    """The findings of earlier reviews, without resolved threads."""

    open: tuple[OpenFinding, ...] = ()
    gone: tuple[SettledFinding, ...] = ()


def classify(
    existing: ExistingThreads,
    noted: Sequence[PlacedFinding],
    diff: IndexedDiff,
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
    for thread in existing.open_threads:
        here = _find_thread_lines(thread, diff)
        if here is None and not was_seen(thread.path):
            here = Location(thread.path, thread.line)
        if here is None and not thread.disputed:
            gone.append(SettledFinding(thread.id, SettledReason.GONE))
        else:
            still.append(OpenInThread(here or Location(thread.path, thread.line), thread))
    for finding in noted:
        # A file that was never in the change cannot be gone from it.
        unknown_file = finding.placement_reason in (PlacementReason.NO_FILE, PlacementReason.NO_PATH)
        nowhere = unknown_file and diff.find_file(finding.path) is None
        here = (
            Location("", None) if nowhere else find_marked_lines(build_mark(finding), finding.path, finding.line, diff)
        )
        if here is None and not was_seen(finding.path):
            here = Location(finding.path, finding.line)
        if asked and not finding.anchored:
            gone.append(SettledFinding("", SettledReason.UNPLACED))
        elif here is None:
            gone.append(SettledFinding("", SettledReason.GONE))
        else:
            still.append(OpenInNote(here, _move_to_location(finding, here)))
    return EarlierFindings(tuple(still), tuple(gone))


def _find_thread_lines(thread: Thread, diff: IndexedDiff) -> Location | None:
    """Return where the lines of a thread are now; those of another place it lists when its own are gone."""
    mark = thread.mark
    marks = (mark, *(mark._replace(anchor=anchor, lines=lines) for anchor, lines in mark.also))
    found = (find_marked_lines(each, thread.path, thread.line, diff) for each in marks)
    return next((here for here in found if here is not None), None)


def add_former_names(
    findings: Sequence[PlacedFinding], still: Sequence[OpenFinding], diff: Diff
) -> list[PlacedFinding]:
    """Return the findings with the former names of their files.

    GitLab leaves a thread at the old name (lib/gitlab/diff/position_tracer.rb compares by paths).
    """
    names = {file.new_path: {file.old_path} - {file.new_path} for file in diff.files}
    for entry in still:
        # Who waived a finding in one file has not seen the other file.
        if isinstance(entry, OpenInThread) and entry.thread.path != entry.here.path and not any(entry.thread.waivers):
            names.setdefault(entry.here.path, set()).add(entry.thread.path)
    return [replace(finding, names=tuple(sorted(names.get(finding.path, ())))) for finding in findings]


@dataclass(frozen=True, slots=True)
class FindingsToRaise:
    """The findings to raise, and those that people have settled. Both know their thread, if they have one."""

    findings: tuple[PlacedFinding, ...] = ()
    held_back: tuple[HeldBackFinding, ...] = ()

    @property
    def threads(self) -> frozenset[str]:
        """The threads of the findings to raise."""
        return frozenset(finding.thread for finding in self.findings if finding.thread)

    @property
    def settled(self) -> frozenset[str]:
        """The threads in which people settled a finding."""
        return frozenset(finding.thread for finding in self.held_back)


def select_findings_to_raise(
    findings: Sequence[PlacedFinding],
    existing: ExistingThreads,
    settled_by_people: Callable[[Thread], HeldBackReason | None],
    head: str,
) -> FindingsToRaise:
    """Return the findings to raise: not those that somebody waived, or whose thread a person resolved.

    A finding that has a thread takes over its text and severity, unless it got worse: then the thread is updated.
    """
    matched = match_findings(findings, existing.threads, lambda thread: settled_by_people(thread) is not None, head)
    raised, held_back = list[PlacedFinding](), list[HeldBackFinding]()
    for finding, match in zip(findings, matched, strict=True):
        thread = match or _find_same_sentence(finding, existing.threads, settled_by_people)
        why = settled_by_people(thread) if thread else None
        if thread is None:
            raised.append(finding)
        elif why is None:
            raised.append(_take_over(finding, thread))
        else:
            held_back.append(hold_back(finding, thread.id, why))
    return FindingsToRaise(tuple(raised), tuple(held_back))


def _find_same_sentence(
    finding: PlacedFinding,
    threads: Sequence[Thread],
    settled_by_people: Callable[[Thread], HeldBackReason | None],
) -> Thread | None:
    """Return the open thread that says the same sentence about other lines of the file: it will list this place."""
    if finding.placement is not Placement.INLINE or not finding.anchored or finding.line is None:
        return None
    for thread in threads:
        if thread.resolved or thread.path not in (finding.path, *finding.names) or not thread.mark.lines:
            continue
        same = thread.mark.side is finding.side and len(thread.mark.also) < MAX_PLACES
        if same and is_same_sentence(extract_thread_text(thread.body), finding.description):
            return None if settled_by_people(thread) else thread
    return None


def _take_over(finding: PlacedFinding, thread: Thread) -> PlacedFinding:
    """Return the finding with the text and the severity of its thread, unless it got worse."""
    if finding.severity.rank < thread.mark.severity.rank:
        return replace(finding, thread=thread.id)
    text = extract_thread_text(thread.body)
    return replace(
        finding,
        thread=thread.id,
        fingerprint=thread.mark.fingerprint,
        severity=thread.mark.severity,
        category=thread.mark.category,
        title=derive_title(text) if text else finding.title,
        description=text or finding.description,
    )


def select_askable(earlier: Sequence[OpenFinding], paths: Collection[str]) -> Iterator[OpenFinding]:
    """Yield the findings to ask the model about: their file is in `paths` (it has new lines), and nobody disagreed."""
    for entry in earlier:
        disputed = isinstance(entry, OpenInThread) and entry.thread.disputed
        if entry.here.path in paths and not disputed:
            yield entry


def _move_to_location(finding: PlacedFinding, here: Location) -> PlacedFinding:
    """Return a finding of the note with the lines where it is now."""
    if finding.line is None or here.line is None:
        return replace(finding, path=here.path or finding.path)
    end = finding.end_line and finding.end_line - finding.line + here.line
    return replace(finding, path=here.path, line=here.line, end_line=end)
