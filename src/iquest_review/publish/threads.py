"""The threads of one review, on their way to the merge request: whatever GitLab answers, each finding has one in the
end, or stands in the note with the reason.

A round applies what is planned; then the merge request is read and planned again, until nothing is left to do. What
GitLab refuses of one finding costs no other one its thread.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from iquest_review.errors import GitLabError
from iquest_review.findings import fingerprint
from iquest_review.findings.placed import REFUSED, PlacedFinding, Placement
from iquest_review.findings.position import Position
from iquest_review.gitlab.client import CHANGED, GitLab
from iquest_review.gitlab.existing import Standing, Thread
from iquest_review.gitlab.transport import PassingGitLabError
from iquest_review.merge_request import DiffRefs
from iquest_review.note.thread import compose_thread, shortened
from iquest_review.note.words import words
from iquest_review.outcome import Outcome, Why
from iquest_review.publish import plan
from iquest_review.publish.plan import Action, Create, Delete, Leave, Reopen, Resolve

ROUNDS = 6  # how often the merge request is looked at: five times it may be written to
TRIES = 2  # at what GitLab answers 500 to: it does so for positions it cannot handle (issue 585340), too

_REFUSALS = frozenset({400, 403, 405, 409, 412, 422})
_DRAFTS = "drafts"  # what their failures are counted under


class Threads:
    """What a review starts, opens again, resolves and deletes. `resolved` are the discussions the bot has resolved."""

    def __init__(
        self, gitlab: GitLab, outcome: Outcome, resolved: Sequence[str], tell: Callable[[str], object]
    ) -> None:
        self._gitlab = gitlab
        self._outcome = outcome
        self._text = words(outcome.prompt.language)
        self._findings = [_placeable(finding) for finding in outcome.findings]
        self._failures = dict[str, int]()  # answers of 500: by fingerprint, by discussion, or of all drafts
        self._failed: PassingGitLabError | None = None  # the last of them in this round
        self._drafts = True  # whether drafts can be used, still
        self._swept = False  # whether no drafts of ours are left
        self._sent = dict[str, list[str]]()  # what was sent as drafts, by fingerprint
        self.denied = set[str]()  # discussions that stay as they are
        self._tell = tell
        self.resolved = set(resolved)

    def settle(self, standing: Standing) -> Standing:
        """Applies what is planned until nothing is left to do; returns what stands then.

        Raises GitLabError when there is no end to it, or GitLab ran a part of a thread as commands.
        """
        failure = GitLabError("the threads of the merge request change while they are written")
        for attempt in range(ROUNDS):
            actions = list(self._planned(standing))
            todo = [action for action in actions if self._open(action)]
            if self._swept and not todo:
                self._check(standing)
                self._findings = _as_placed(self._findings, actions)
                return standing
            if attempt == ROUNDS - 1:
                break
            try:
                self._round(todo)
            except PassingGitLabError as passing:
                failure = passing
                self._gitlab.pause(passing, attempt)
            standing = self._gitlab.standing() if todo else standing
        raise failure

    def outcome(self, standing: Standing) -> Outcome:
        """The outcome with the places its findings have got, and of what it settled only what is."""
        still_open = {thread.id for thread in standing.threads if not thread.resolved}
        settled = tuple(
            replace(entry, why=Why.LEFT) if entry.thread in self.denied else entry
            for entry in self._outcome.settled
            if entry.thread not in still_open or entry.thread in self.denied or entry.why is Why.LEFT
        )
        return replace(self._outcome, findings=tuple(self._findings), settled=settled)

    def _planned(self, standing: Standing) -> Iterator[Action]:
        return plan.actions(self._findings, self._outcome.settled, standing, self.resolved, self._outcome.head)

    def _open(self, action: Action) -> bool:
        return not isinstance(action, Leave) and (isinstance(action, Create) or action.thread.id not in self.denied)

    def _round(self, todo: Sequence[Action]) -> None:
        """Does all of it, but for what GitLab answers 500 to; raises that, or what makes going on useless."""
        self._failed = None
        self._sweep()
        for action in todo:
            match action:
                case Delete(thread):
                    self._change(thread, partial(self._gitlab.delete, thread.note))
                case Resolve(thread):
                    self.resolved.add(thread.id)  # before it is: the answer may be lost
                    if not self._change(thread, partial(self._gitlab.resolve, thread)):
                        self.resolved.discard(thread.id)
                case Reopen(finding, thread):
                    if not self._change(thread, partial(self._gitlab.resolve, thread, resolved=False)):
                        self._to_note(finding, REFUSED)
        self._start([action.finding for action in todo if isinstance(action, Create)])
        if self._failed:
            raise self._failed

    def _change(self, thread: Thread, act: Callable[[], object]) -> bool:
        """Does something to a thread that is there; False: GitLab does not let us, and it stays as it is."""
        try:
            act()
        except PassingGitLabError as passing:
            if not self._worn_out(thread.id, passing):
                return True
            reason = str(passing)
        except GitLabError as error:
            if error.status not in _REFUSALS:
                raise
            answered = error.status == 403 and thread.replies
            reason = "it has replies, and resolving it takes the role Developer" if answered else str(error)
        else:
            return True
        self.denied.add(thread.id)
        self._tell(f"the thread on {thread.path} stays as it is: {reason}")
        return False

    def _worn_out(self, what: str, passing: PassingGitLabError) -> bool:
        """Counts an answer of 500; whether it is enough of them. Raises anything else: it meets the whole server."""
        if passing.status != 500:
            raise passing
        self._failures[what] = self._failures.get(what, 0) + 1
        if self._failures[what] < TRIES:
            self._failed = passing
            return False
        return True

    def _start(self, findings: Sequence[PlacedFinding]) -> None:
        """Starts threads: several as drafts that are published together, which makes one notification."""
        refs = self._outcome.diff_refs
        if refs is None:  # a review of a saved diff: there is no version its lines could be found in
            for finding in findings:
                self._to_note(finding, None)
            return
        if self._drafts and len(findings) > 1:
            findings = self._start_together(findings, refs)
        for finding in findings:
            self._start_one(finding, refs)

    def _start_together(self, findings: Sequence[PlacedFinding], refs: DiffRefs) -> list[PlacedFinding]:
        """Publishes drafts; returns the findings that GitLab takes none of. Whether it kept what it took, is seen in
        the next round: it loses some without a word (issue 579609)."""
        self._swept = False
        try:
            alone = [finding for finding in findings if not self._draft(finding, refs)]
            if len(alone) < len(findings):
                self._gitlab.publish_drafts()
        except PassingGitLabError as passing:
            if self._worn_out(_DRAFTS, passing):
                self._drafts = False
            return []
        except GitLabError as error:
            if error.status not in _REFUSALS | {404}:
                raise
            self._drafts = False
            return []
        self._drafts, self._swept = False, True
        return alone

    def _draft(self, finding: PlacedFinding, refs: DiffRefs) -> bool:
        """Whether there is a draft of it now, on a line that GitLab knows: on any other it would be lost."""
        body, position = compose_thread(finding, self._text), _position(finding)
        try:
            draft = self._gitlab.draft(body, position.payload(refs))
        except PassingGitLabError:
            raise
        except GitLabError as error:
            if error.status != 400:
                raise
            return False
        if draft.line_code is None and position.has_line:
            self._gitlab.discard(draft.id)
            return False
        self._sent.setdefault(finding.fingerprint, []).append(body)
        return True

    def _check(self, standing: Standing) -> None:
        """Commands in a draft run when it is published, and nothing of that comes back with an answer."""
        if any(self._is_shortened(thread) for thread in standing.threads):
            raise GitLabError(CHANGED)

    def _is_shortened(self, thread: Thread) -> bool:
        """Whether GitLab made less of what was sent. Twins have one fingerprint, and a text each."""
        sent = self._sent.get(thread.mark.fingerprint, ())
        return bool(sent) and all(shortened(body, thread.body) for body in sent)

    def _sweep(self) -> None:
        """Removes the drafts of a job that died. A person's own, where the token is a person's, would be published
        together with ours: then there are none."""
        if self._swept:
            return
        try:
            drafts = self._gitlab.drafts()
            ours = [draft for draft in drafts if fingerprint.read(draft.note or "")]
            for draft in ours:
                self._gitlab.discard(draft.id)
        except PassingGitLabError as passing:
            if not self._worn_out(_DRAFTS, passing):
                raise  # whatever is left would be published together with ours
            self._drafts, self._swept = False, True
        except GitLabError as error:
            if error.status not in _REFUSALS | {404}:  # GitLab has drafts since 15.9
                raise
            self._drafts, self._swept = False, True
        else:
            self._drafts, self._swept = self._drafts and len(ours) == len(drafts), True

    def _start_one(self, finding: PlacedFinding, refs: DiffRefs) -> None:
        """One thread; a range that is refused is tried as its last line, and what is refused then goes to the note."""
        position = _position(finding)
        for place in (position, position.single()) if position.line_range else (position,):
            try:
                self._gitlab.start_thread(compose_thread(finding, self._text), place.payload(refs))
            except PassingGitLabError as passing:
                if self._worn_out(finding.fingerprint, passing):
                    break
                return
            except GitLabError as error:
                if error.status != 400:
                    raise
            else:
                return
        self._to_note(finding, REFUSED)

    def _to_note(self, finding: PlacedFinding, reason: str | None) -> None:
        told = replace(finding, placement=Placement.SUMMARY, placement_reason=reason)
        self._findings = [told if other == finding else other for other in self._findings]


def _placeable(finding: PlacedFinding) -> PlacedFinding:
    """A finding of a stored review may say that it is on a line, and not on which."""
    if finding.placement is Placement.INLINE and finding.position is None:
        return replace(finding, placement=Placement.SUMMARY)
    return finding


def _position(finding: PlacedFinding) -> Position:
    assert finding.position is not None  # noqa: S101 - only what has one is inline
    return finding.position


def _as_placed(findings: Sequence[PlacedFinding], actions: Sequence[Action]) -> list[PlacedFinding]:
    """The findings as they stand: one that has a thread is inline, whatever was planned for it."""
    threads = [action.finding for action in actions if isinstance(action, Leave)]
    return [
        replace(finding, placement=Placement.INLINE, placement_reason=None) if finding in threads else finding
        for finding in findings
    ]
