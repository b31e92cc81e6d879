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
from iquest_review.gitlab.client import BODY_CHANGED, GitLab
from iquest_review.gitlab.existing import ExistingThreads, Thread
from iquest_review.gitlab.transport import TransientGitLabError
from iquest_review.merge_request import DiffRefs
from iquest_review.note.thread import compose_thread, has_lost_lines
from iquest_review.note.words import select_words
from iquest_review.outcome import Outcome, SettledReason
from iquest_review.publish import plan
from iquest_review.publish.plan import Action, Create, Delete, Leave, Reopen, Resolve

MAX_ROUNDS = 6  # how often the merge request is looked at: five times it may be written to
MAX_TRIES = 2  # at what GitLab answers 500 to: it does so for positions it cannot handle (issue 585340), too

_REFUSAL_STATUSES = frozenset({400, 403, 405, 409, 412, 422})
_DRAFTS_KEY = "drafts"  # what their failures are counted under


class Threads:
    """What a review starts, opens again, resolves and deletes. `resolved` are the discussions the bot has resolved."""

    def __init__(
        self, gitlab: GitLab, outcome: Outcome, resolved: Sequence[str], tell: Callable[[str], object]
    ) -> None:
        self._gitlab = gitlab
        self._outcome = outcome
        self._text = select_words(outcome.prompt.language)
        self._findings = [_demote_without_position(finding) for finding in outcome.findings]
        self._failures = dict[str, int]()  # answers of 500: by fingerprint, by discussion, or of all drafts
        self._failed: TransientGitLabError | None = None  # the last of them in this round
        self._drafts = True  # whether drafts can be used, still
        self._swept = False  # whether no drafts of ours are left
        self._sent = dict[str, list[str]]()  # what was sent as drafts, by fingerprint
        self.denied = set[str]()  # discussions that stay as they are
        self._tell = tell
        self.resolved = set(resolved)

    def settle(self, existing: ExistingThreads) -> ExistingThreads:
        """Applies what is planned until nothing is left to do; returns what stands then.

        Raises GitLabError when there is no end to it, or GitLab ran a part of a thread as commands.
        """
        failure = GitLabError("the threads of the merge request change while they are written")
        for attempt in range(MAX_ROUNDS):
            actions = list(self._plan_actions(existing))
            todo = [action for action in actions if self._is_due(action)]
            if self._swept and not todo:
                self._check(existing)
                self._findings = _update_placements(self._findings, actions)
                return existing
            if attempt == MAX_ROUNDS - 1:
                break
            try:
                self._apply_round(todo)
            except TransientGitLabError as passing:
                failure = passing
                self._gitlab.pause(passing, attempt)
            existing = self._gitlab.fetch_existing_threads() if todo else existing
        raise failure

    def build_outcome(self, existing: ExistingThreads) -> Outcome:
        """The outcome with the places its findings have got, and of what it settled only what is."""
        still_open = {thread.id for thread in existing.threads if not thread.resolved}
        settled = tuple(
            replace(entry, why=SettledReason.LEFT) if entry.thread in self.denied else entry
            for entry in self._outcome.settled
            if entry.thread not in still_open or entry.thread in self.denied or entry.why is SettledReason.LEFT
        )
        return replace(self._outcome, findings=tuple(self._findings), settled=settled)

    def _plan_actions(self, existing: ExistingThreads) -> Iterator[Action]:
        return plan.plan_actions(self._findings, self._outcome.settled, existing, self.resolved, self._outcome.head)

    def _is_due(self, action: Action) -> bool:
        return not isinstance(action, Leave) and (isinstance(action, Create) or action.thread.id not in self.denied)

    def _apply_round(self, todo: Sequence[Action]) -> None:
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
                        self._move_to_note(finding, REFUSED)
        self._start([action.finding for action in todo if isinstance(action, Create)])
        if self._failed:
            raise self._failed

    def _change(self, thread: Thread, act: Callable[[], object]) -> bool:
        """Does something to a thread that is there; False: GitLab does not let us, and it stays as it is."""
        try:
            act()
        except TransientGitLabError as passing:
            if not self._count_failure(thread.id, passing):
                return True
            reason = str(passing)
        except GitLabError as error:
            if error.status not in _REFUSAL_STATUSES:
                raise
            answered = error.status == 403 and thread.replies
            reason = "it has replies, and resolving it takes the role Developer" if answered else str(error)
        else:
            return True
        self.denied.add(thread.id)
        self._tell(f"the thread on {thread.path} stays as it is: {reason}")
        return False

    def _count_failure(self, what: str, passing: TransientGitLabError) -> bool:
        """Counts an answer of 500; whether it is enough of them. Raises anything else: it meets the whole server."""
        if passing.status != 500:
            raise passing
        self._failures[what] = self._failures.get(what, 0) + 1
        if self._failures[what] < MAX_TRIES:
            self._failed = passing
            return False
        return True

    def _start(self, findings: Sequence[PlacedFinding]) -> None:
        """Starts threads: several as drafts that are published together, which makes one notification."""
        refs = self._outcome.diff_refs
        if refs is None:  # a review of a saved diff: there is no version its lines could be found in
            for finding in findings:
                self._move_to_note(finding, None)
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
            alone = [finding for finding in findings if not self._create_draft(finding, refs)]
            if len(alone) < len(findings):
                self._gitlab.publish_drafts()
        except TransientGitLabError as passing:
            if self._count_failure(_DRAFTS_KEY, passing):
                self._drafts = False
            return []
        except GitLabError as error:
            if error.status not in _REFUSAL_STATUSES | {404}:
                raise
            self._drafts = False
            return []
        self._drafts, self._swept = False, True
        return alone

    def _create_draft(self, finding: PlacedFinding, refs: DiffRefs) -> bool:
        """Whether there is a draft of it now, on a line that GitLab knows: on any other it would be lost."""
        body, position = compose_thread(finding, self._text), _require_position(finding)
        try:
            draft = self._gitlab.create_draft(body, position.build_payload(refs))
        except TransientGitLabError:
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

    def _check(self, existing: ExistingThreads) -> None:
        """Commands in a draft run when it is published, and nothing of that comes back with an answer."""
        if any(self._has_lost_lines(thread) for thread in existing.threads):
            raise GitLabError(BODY_CHANGED)

    def _has_lost_lines(self, thread: Thread) -> bool:
        """Whether GitLab made less of what was sent. Twins have one fingerprint, and a text each."""
        sent = self._sent.get(thread.mark.fingerprint, ())
        return bool(sent) and all(has_lost_lines(body, thread.body) for body in sent)

    def _sweep(self) -> None:
        """Removes the drafts of a job that died. A person's own, where the token is a person's, would be published
        together with ours: then there are none."""
        if self._swept:
            return
        try:
            drafts = self._gitlab.list_drafts()
            ours = [draft for draft in drafts if fingerprint.parse_marker(draft.note or "")]
            for draft in ours:
                self._gitlab.discard(draft.id)
        except TransientGitLabError as passing:
            if not self._count_failure(_DRAFTS_KEY, passing):
                raise  # whatever is left would be published together with ours
            self._drafts, self._swept = False, True
        except GitLabError as error:
            if error.status not in _REFUSAL_STATUSES | {404}:  # GitLab has drafts since 15.9
                raise
            self._drafts, self._swept = False, True
        else:
            self._drafts, self._swept = self._drafts and len(ours) == len(drafts), True

    def _start_one(self, finding: PlacedFinding, refs: DiffRefs) -> None:
        """One thread; a range that is refused is tried as its last line, and what is refused then goes to the note."""
        position = _require_position(finding)
        for place in (position, position.drop_range()) if position.line_range else (position,):
            try:
                self._gitlab.start_thread(compose_thread(finding, self._text), place.build_payload(refs))
            except TransientGitLabError as passing:
                if self._count_failure(finding.fingerprint, passing):
                    break
                return
            except GitLabError as error:
                if error.status != 400:
                    raise
            else:
                return
        self._move_to_note(finding, REFUSED)

    def _move_to_note(self, finding: PlacedFinding, reason: str | None) -> None:
        told = replace(finding, placement=Placement.SUMMARY, placement_reason=reason)
        self._findings = [told if other == finding else other for other in self._findings]


def _demote_without_position(finding: PlacedFinding) -> PlacedFinding:
    """A finding of a stored review may say that it is on a line, and not on which."""
    if finding.placement is Placement.INLINE and finding.position is None:
        return replace(finding, placement=Placement.SUMMARY)
    return finding


def _require_position(finding: PlacedFinding) -> Position:
    assert finding.position is not None  # noqa: S101 - only what has one is inline
    return finding.position


def _update_placements(findings: Sequence[PlacedFinding], actions: Sequence[Action]) -> list[PlacedFinding]:
    """The findings as they stand: one that has a thread is inline, whatever was planned for it."""
    threads = [action.finding for action in actions if isinstance(action, Leave)]
    return [
        replace(finding, placement=Placement.INLINE, placement_reason=None) if finding in threads else finding
        for finding in findings
    ]
