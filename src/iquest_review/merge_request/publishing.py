"""Applying a plan: whatever GitLab answers, each finding has one thread in the end, and the merge request one note.

Nothing is written without having looked: GitLab may answer 500, or nothing, to what it stored (gitlab-org/gitlab issue
27946). After any failure the merge request is read and planned again. The note comes last: what it remembers moves only
when all before it is done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from iquest_review.errors import GitLabError
from iquest_review.merge_request import fingerprint, ledger, note, plan, remark
from iquest_review.merge_request.connection import PassingGitLabError
from iquest_review.merge_request.gitlab import GitLab
from iquest_review.merge_request.ledger import Ledger
from iquest_review.merge_request.note import NOTHING, Posted, Row, Surroundings
from iquest_review.merge_request.outcome import REFUSED, Outcome, PlacedFinding, Placement, Status
from iquest_review.merge_request.plan import Create, Delete, Leave, Reopen, Resolve
from iquest_review.merge_request.refs import DiffRefs
from iquest_review.merge_request.standing import Standing, Thread
from iquest_review.merge_request.words import words

ROUNDS = 6  # how often the merge request is read, planned and written to
TRIES = 2  # at a thread that GitLab answers 500 to: it does so for positions it cannot handle (issue 585340), too


@dataclass(frozen=True, slots=True)
class Published:
    """What the merge request holds now. No body: a newer run has spoken, and this one kept still."""

    outcome: Outcome
    body: str | None
    wrote: bool = False  # whether the note had to be written


def publish(
    gitlab: GitLab, outcome: Outcome, around: Surroundings, known: Ledger | None, tell: Callable[[str], object]
) -> Published:
    """Makes the merge request say what the outcome does. `known` is what the note remembered when the review began.

    Raises GitLabError when it does not in the end.
    """
    standing = gitlab.standing()
    before = remembered(standing)
    head = outcome.diff_refs.head_sha if outcome.diff_refs else ""
    if before and before.head not in ("", head, known.head if known else "") and gitlab.is_newer(before.head, head):
        tell(f"a newer run has reviewed {before.head[:12]}: nothing is posted for {head[:12]}")
        return Published(outcome, None)
    if outcome.status in (Status.NOT_REVIEWED, Status.RAW):
        return _noted(gitlab, standing, Published(outcome, note.compose(outcome, around)))
    threads = _Threads(gitlab, outcome, before, tell)
    standing = threads.settle(standing)
    outcome = threads.outcome()
    posted = _posted(outcome, standing, before, around, threads.resolved)
    return _noted(gitlab, standing, Published(outcome, note.compose(outcome, around, posted)))


def remembered(standing: Standing) -> Ledger | None:
    """What the note remembers."""
    return ledger.read(standing.notes[0].body) if standing.notes else None


class _Threads:
    """The threads of one review, on their way."""

    def __init__(self, gitlab: GitLab, outcome: Outcome, before: Ledger | None, tell: Callable[[str], object]) -> None:
        self._gitlab = gitlab
        self._outcome = outcome
        self._text = words(outcome.prompt.language)
        self._findings = list(outcome.findings)
        self._failures = dict[str, int]()  # by fingerprint: answers of 500
        self._drafts = True  # whether drafts can be used, still
        self._denied = set[str]()  # discussions we may not resolve
        self._tell = tell
        self.resolved = set(before.resolved) if before else set[str]()

    def settle(self, standing: Standing) -> Standing:
        """Applies what is planned until nothing is left; returns what stands then."""
        failure: GitLabError | None = None
        for attempt in range(ROUNDS):
            actions = list(plan.actions(self._findings, self._outcome.settled, standing, self.resolved))
            todo = [action for action in actions if self._open(action)]
            if not todo:
                self._findings = _as_placed(self._findings, actions)
                return standing
            try:
                self._apply(todo)
            except PassingGitLabError as passing:
                failure = passing
                self._gitlab.pause(passing, attempt)
            standing = self._gitlab.standing()
        raise failure or GitLabError("the threads of the merge request change while they are written")

    def outcome(self) -> Outcome:
        """The outcome with the places its findings have got."""
        return replace(self._outcome, findings=tuple(self._findings))

    def _open(self, action: plan.Action) -> bool:
        return not isinstance(action, Leave) and not (
            isinstance(action, Resolve | Reopen | Delete) and action.thread.id in self._denied
        )

    def _apply(self, actions: Sequence[plan.Action]) -> None:
        for action in actions:
            match action:
                case Delete(thread):
                    self._gitlab.delete(thread.note)
                case Resolve(thread) | Reopen(_, thread):
                    self._resolve(thread, resolved=isinstance(action, Resolve))
        self._start([action.finding for action in actions if isinstance(action, Create)])

    def _resolve(self, thread: Thread, *, resolved: bool) -> None:
        try:
            self._gitlab.resolve(thread, resolved=resolved)
        except GitLabError as error:
            if error.status != 403:
                raise
            self._denied.add(thread.id)
            self._tell(f"a thread with replies can be resolved by a developer only: {thread.path} is left open")
        else:
            (self.resolved.add if resolved else self.resolved.discard)(thread.id)

    def _start(self, findings: Sequence[PlacedFinding]) -> None:
        """Starts threads: several as drafts that are published together, which makes one notification."""
        refs = self._outcome.diff_refs
        if refs is None:  # a review of a saved diff: there is no version its lines could be found in
            for finding in findings:
                self._to_note(finding, None)
        elif findings and not (self._drafts and self._draft(findings, refs)):
            for finding in findings:
                self._start_one(finding, refs)

    def _draft(self, findings: Sequence[PlacedFinding], refs: DiffRefs) -> bool:
        """Whether the findings went out as drafts, as far as GitLab found their lines."""
        try:
            if not self._clear_drafts() or len(findings) == 1:
                return False
            sent = 0
            for finding in findings:
                body, position = remark.thread(finding, self._text), finding.position
                assert position is not None  # noqa: S101 - what is inline has one
                draft = self._gitlab.draft(body, position.payload(refs))
                if draft.line_code is None and position.has_line:
                    self._gitlab.discard(draft.id)  # it would be published into nothing (issue 579609)
                    self._to_note(finding, REFUSED)
                else:
                    sent += 1
            if sent:
                self._gitlab.publish_drafts()
        except PassingGitLabError:
            raise
        except GitLabError as error:
            if error.status not in (400, 403, 404, 405, 422):
                raise
            self._clear_drafts()
            return False
        self._drafts = False  # what is missing now was lost by drafts
        return True

    def _clear_drafts(self) -> bool:
        """Removes the drafts of a job that died; whether none are left. A person's own, where the token is a person's,
        are not ours to publish."""
        drafts = self._gitlab.drafts()
        ours = [draft for draft in drafts if fingerprint.read(draft.note or "")]
        for draft in ours:
            self._gitlab.discard(draft.id)
        return len(ours) == len(drafts)

    def _start_one(self, finding: PlacedFinding, refs: DiffRefs) -> None:
        """One thread; a range that is refused is tried as its last line, and what is refused then goes to the note."""
        position = finding.position
        assert position is not None  # noqa: S101 - what is inline has one
        if self._failures.get(finding.fingerprint, 0) >= TRIES:
            self._to_note(finding, REFUSED)
            return
        for place in (position, position.single()) if position.line_range else (position,):
            try:
                self._gitlab.start_thread(remark.thread(finding, self._text), place.payload(refs))
            except PassingGitLabError as error:
                if error.status == 500:
                    self._failures[finding.fingerprint] = self._failures.get(finding.fingerprint, 0) + 1
                raise
            except GitLabError as error:
                if error.status != 400:
                    raise
            else:
                return
        self._to_note(finding, REFUSED)

    def _to_note(self, finding: PlacedFinding, reason: str | None) -> None:
        told = replace(finding, placement=Placement.SUMMARY, placement_reason=reason)
        self._findings = [told if other == finding else other for other in self._findings]


def _as_placed(findings: Sequence[PlacedFinding], actions: Sequence[plan.Action]) -> list[PlacedFinding]:
    """The findings as they stand: one that has a thread is inline, whatever was planned for it."""
    threads = [action.finding for action in actions if isinstance(action, Leave)]
    return [
        replace(finding, placement=Placement.INLINE, placement_reason=None) if finding in threads else finding
        for finding in findings
    ]


def _posted(
    outcome: Outcome, standing: Standing, before: Ledger | None, around: Surroundings, resolved: set[str]
) -> Posted:
    """What the note lists and remembers."""
    titles = {**dict(before.titles if before else ()), **{f.fingerprint: f.title for f in outcome.findings}}
    threads = [thread for thread in standing.threads if not thread.resolved]
    page = around.project_url and outcome.merge_request and f"{around.project_url}/-/merge_requests/"
    rows = [
        Row(
            thread.mark.severity,
            thread.mark.category,
            thread.path,
            thread.line,
            titles.get(thread.mark.fingerprint, ""),
            f"{page}{outcome.merge_request.iid}#note_{thread.note}" if page and outcome.merge_request else "",
        )
        for thread in threads
    ]
    placed = {thread.mark.fingerprint for thread in standing.threads}
    told = [finding for finding in outcome.findings if finding.placement is Placement.SUMMARY]
    told += [finding for finding in outcome.kept if finding.fingerprint not in placed]
    reviewed, head = outcome.reviewed, outcome.diff_refs.head_sha if outcome.diff_refs else ""
    past = before if before and reviewed and not reviewed.afresh else None
    remembers = Ledger(
        head=head,
        reviewed=head if reviewed and reviewed.whole else past.reviewed if past else "",
        settings=reviewed.settings if reviewed else "",
        hunks=reviewed.hunks if reviewed else (),
        model=outcome.model,
        summary=outcome.summary,
        suggestions=outcome.suggestions,
        findings=tuple(told),
        titles=tuple((thread.mark.fingerprint, titles.get(thread.mark.fingerprint, "")) for thread in threads),
        resolved=tuple(thread.id for thread in standing.threads if thread.resolved and thread.id in resolved),
    )
    return Posted(rows, remembers)


def _noted(gitlab: GitLab, standing: Standing, published: Published) -> Published:
    """Makes the body the one summary note."""
    outcome, body = published.outcome, published.body or ""
    failed = outcome.status in (Status.NOT_REVIEWED, Status.RAW)
    idle = outcome.status is Status.REVIEWED and outcome.reason == NOTHING and not outcome.omissions
    failure, wrote = GitLabError("the note does not stay: it is deleted while it is written"), False
    for attempt in range(ROUNDS):
        action = plan.write(standing.notes, body, failure=failed, idle=idle and not standing.threads)
        if action is None:
            break  # it is there, whatever was answered
        if attempt == ROUNDS - 1:
            raise failure
        wrote = True
        try:
            gitlab.write_note(action.body, action.note)
        except PassingGitLabError as error:
            failure = error
            gitlab.pause(error, attempt)
        except GitLabError as error:
            if error.status != 404 or action.note is None:  # somebody deleted the note meanwhile
                raise
        else:
            body = action.body
            break
        standing = gitlab.standing()
    for twin in standing.notes[1:]:  # two first runs met
        if not twin.replies:
            gitlab.delete(twin.id)
    return replace(published, body=body, wrote=wrote)
