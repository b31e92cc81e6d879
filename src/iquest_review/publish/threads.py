"""Bring the threads of one review to the merge request.

Whatever GitLab answers, each finding ends up in a thread, or in the note with the reason. A round applies the planned
actions; then the merge request is read and planned again, until nothing is left to do. A finding that GitLab refuses
does not affect the threads of the others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from iquest_review.errors import GitLabError
from iquest_review.findings import fingerprint
from iquest_review.findings.placed import InThread, PlacedFinding, Placement, demote, promote
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position, Unplaced
from iquest_review.gitlab.client import BODY_CHANGED, GitLab
from iquest_review.gitlab.existing import ExistingThreads, Thread
from iquest_review.gitlab.transport import TransientGitLabError
from iquest_review.merge_request import DiffRefs
from iquest_review.note.thread import compose_thread, has_lost_lines, revise_thread
from iquest_review.note.words import select_words
from iquest_review.outcome import OpenThread, Outcome, SettledReason
from iquest_review.publish import plan
from iquest_review.publish.match import match_findings
from iquest_review.publish.plan import Action, Create, Delete, Leave, Reopen, Resolve, Update

MAX_ROUNDS = 6  # rounds of reading and planning; all but the last may write
MAX_TRIES = 2  # of what GitLab answers with 500, which it also does for positions it cannot handle (issue 585340)

_REFUSAL_STATUSES = frozenset({400, 403, 405, 409, 412, 422})
_DRAFTS_KEY = "drafts"  # the key under which failures of drafts are counted


class Threads:
    """Applies the actions of one review; `resolved` are the discussions that the bot has resolved."""

    def __init__(
        self, gitlab: GitLab, outcome: Outcome, resolved: Sequence[str], tell: Callable[[str], object]
    ) -> None:
        self._gitlab = gitlab
        self._outcome = outcome
        self._words = select_words(outcome.prompt.language)
        self._findings = [_demote_without_position(finding) for finding in outcome.findings]
        self._failures = dict[str, int]()  # number of 500 answers by fingerprint, by discussion, or for all drafts
        self._failed: TransientGitLabError | None = None  # the last 500 answer of this round
        self._drafts = True  # whether drafts may still be used
        self._swept = False  # whether leftover drafts of ours are deleted
        self._sent = dict[str, list[str]]()  # bodies sent as drafts, by fingerprint
        self.denied = set[str]()  # discussions that GitLab does not let us change
        self._tell = tell
        self.resolved = set(resolved)

    def settle(self, existing: ExistingThreads) -> ExistingThreads:
        """Apply planned actions until nothing is left to do; return the threads that exist then.

        Raises GitLabError when that takes more than MAX_ROUNDS, or when GitLab ran a part of a thread as commands.
        """
        failure = GitLabError("the threads of the merge request kept changing while they were written")
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
        """Return the outcome as the merge request shows it.

        Its findings have their final places, its settled findings are really settled, and it lists every open thread.
        """
        threads = {thread.id: thread for thread in existing.open_threads}
        settled = tuple(
            replace(entry, why=SettledReason.LEFT) if entry.thread in self.denied else entry
            for entry in self._outcome.settled
            if entry.thread not in threads or entry.thread in self.denied or entry.why is SettledReason.LEFT
        )
        known = {entry.thread: entry for entry in self._outcome.still_open}
        inline = {finding.thread for finding in self._findings if finding.placement is Placement.INLINE}
        named = inline | {entry.thread for entry in settled}
        others = (
            known.get(number) or OpenThread(number, thread.mark.severity, thread.path, thread.line)
            for number, thread in threads.items()
            if number not in named
        )
        kept = self._outcome.kept
        with_thread = zip(kept, match_findings(kept, threads.values()), strict=True)
        return replace(
            self._outcome,
            findings=tuple(self._findings),
            kept=tuple(finding for finding, thread in with_thread if thread is None),
            still_open=tuple(others),
            settled=settled,
        )

    def _plan_actions(self, existing: ExistingThreads) -> Iterator[Action]:
        held_back = {finding.thread for finding in self._outcome.held_back}
        return plan.plan_actions(
            self._findings, self._outcome.settled, existing, self.resolved, self._outcome.head, held_back
        )

    def _is_due(self, action: Action) -> bool:
        return not isinstance(action, Leave) and (isinstance(action, Create) or action.thread.id not in self.denied)

    def _apply_round(self, todo: Sequence[Action]) -> None:
        """Apply all actions; go on after an answer of 500.

        Raises TransientGitLabError afterwards if there was one, and any error that concerns the whole server at once.
        """
        self._failed = None
        self._sweep()
        for action in todo:
            match action:
                case Delete(thread):
                    self._change(thread, partial(self._gitlab.delete, thread.note))
                case Resolve(thread):
                    self.resolved.add(thread.id)  # noted before the request: its answer may be lost
                    if not self._change(thread, partial(self._gitlab.resolve, thread)):
                        self.resolved.discard(thread.id)
                case Reopen(finding, thread):
                    if not self._change(thread, partial(self._gitlab.resolve, thread, resolved=False)):
                        self._move_to_note(finding, PlacementReason.REFUSED)
                case Update(finding, thread):
                    body = revise_thread(thread.body, thread.mark, finding, self._words, self._outcome.head)
                    if not self._change(thread, partial(self._gitlab.write_note, body, thread.note)):
                        self._move_to_note(finding, PlacementReason.REFUSED)
        self._start([action.finding for action in todo if isinstance(action, Create)])
        if self._failed:
            raise self._failed

    def _change(self, thread: Thread, act: Callable[[], object]) -> bool:
        """Change an existing thread; return False when GitLab does not let us, and the thread is unchanged."""
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
            reason = "it has replies, and only the role Developer or above can resolve it" if answered else str(error)
        else:
            return True
        self.denied.add(thread.id)
        self._tell(f"the thread on {thread.path} was not changed: {reason}")
        return False

    def _count_failure(self, what: str, passing: TransientGitLabError) -> bool:
        """Count an answer of 500; return whether MAX_TRIES is reached. Raise any other error, which is general."""
        if passing.status != 500:
            raise passing
        self._failures[what] = self._failures.get(what, 0) + 1
        if self._failures[what] < MAX_TRIES:
            self._failed = passing
            return False
        return True

    def _start(self, findings: Sequence[PlacedFinding]) -> None:
        """Start threads. Several go as drafts that are published together, which sends one notification."""
        refs = self._outcome.diff_refs
        if refs is None:  # a review of a saved diff: GitLab cannot find its lines in any version
            for finding in findings:
                self._move_to_note(finding, None)
            return
        if self._drafts and len(findings) > 1:
            findings = self._start_together(findings, refs)
        for finding in findings:
            self._start_one(finding, refs)

    def _start_together(self, findings: Sequence[PlacedFinding], refs: DiffRefs) -> list[PlacedFinding]:
        """Publish drafts; return the findings that GitLab accepts no draft of.

        The next round shows which drafts became threads: GitLab silently loses some (issue 579609).
        """
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
        """Create a draft; return whether it is on a line that GitLab knows. On any other line it would be lost."""
        body, position = compose_thread(finding, self._words, self._outcome.head), _require_position(finding)
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
        """Raise GitLabError when a draft lost lines.

        GitLab runs commands in a draft when it is published, and no answer reports that.
        """
        if any(self._has_lost_lines(thread) for thread in existing.threads):
            raise GitLabError(BODY_CHANGED)

    def _has_lost_lines(self, thread: Thread) -> bool:
        """Return whether GitLab stored only a part of a body.

        Two findings may share a fingerprint but differ in text, so all sent bodies are compared.
        """
        sent = self._sent.get(thread.mark.fingerprint, ())
        return bool(sent) and all(has_lost_lines(body, thread.body) for body in sent)

    def _sweep(self) -> None:
        """Delete the drafts of a job that died.

        With a person's token, that person's own drafts would be published together with ours: then no drafts are used.
        """
        if self._swept:
            return
        try:
            drafts = self._gitlab.list_drafts()
            ours = [draft for draft in drafts if fingerprint.parse_marker(draft.note or "")]
            for draft in ours:
                self._gitlab.discard(draft.id)
        except TransientGitLabError as passing:
            if not self._count_failure(_DRAFTS_KEY, passing):
                raise  # drafts that are left would be published together with ours
            self._drafts, self._swept = False, True
        except GitLabError as error:
            if error.status not in _REFUSAL_STATUSES | {404}:  # GitLab before 15.9 has no drafts
                raise
            self._drafts, self._swept = False, True
        else:
            self._drafts, self._swept = self._drafts and len(ours) == len(drafts), True

    def _start_one(self, finding: PlacedFinding, refs: DiffRefs) -> None:
        """Start one thread; if its range is refused, on its last line; if that is refused too, move it to the note."""
        position = _require_position(finding)
        for place in (position, position.drop_range()) if position.line_range else (position,):
            try:
                self._gitlab.start_thread(
                    compose_thread(finding, self._words, self._outcome.head), place.build_payload(refs)
                )
            except TransientGitLabError as passing:
                if self._count_failure(finding.fingerprint, passing):
                    break
                return
            except GitLabError as error:
                if error.status != 400:
                    raise
            else:
                return
        self._move_to_note(finding, PlacementReason.REFUSED)

    def _move_to_note(self, finding: PlacedFinding, reason: PlacementReason | None) -> None:
        moved = replace(finding, place=demote(finding.place, reason))
        self._findings = [moved if other == finding else other for other in self._findings]


def _demote_without_position(finding: PlacedFinding) -> PlacedFinding:
    """Move an inline finding without a position to the note: a stored review may contain one."""
    return replace(finding, place=Unplaced(None)) if isinstance(finding.place, InThread) else finding


def _require_position(finding: PlacedFinding) -> Position:
    assert isinstance(finding.place, Position)  # noqa: S101 - without one a finding has a thread, or is in the note
    return finding.place


def _update_placements(findings: Sequence[PlacedFinding], actions: Sequence[Action]) -> list[PlacedFinding]:
    """Return the findings; those that have a thread are inline, whatever was planned for them."""
    threads = [(action.finding, action.thread.id) for action in actions if isinstance(action, Leave)]
    placed = ((finding, next((thread for of, thread in threads if of == finding), "")) for finding in findings)
    return [
        replace(finding, place=promote(finding.place), thread=thread) if thread else finding
        for finding, thread in placed
    ]
