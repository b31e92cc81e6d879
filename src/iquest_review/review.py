"""THE MAIN PATH: one review, from a change to a note. Eight steps, as the README tells them.

What touches the world is handed in: a source of the change, a model, a place to keep the review, and somebody who
publishes it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from iquest_review.change.characters import counted
from iquest_review.change.diff import Diff, FileDiff
from iquest_review.change.intent import Intent
from iquest_review.errors import ContextExceeded, ModelError, ReviewError
from iquest_review.merge_request import note
from iquest_review.merge_request.fingerprint import fingerprint
from iquest_review.merge_request.outcome import Outcome, PlacedFinding, Placement, PromptUsed, Status, Usage
from iquest_review.merge_request.plan import Wanted
from iquest_review.merge_request.refs import DiffRefs, MergeRequest
from iquest_review.model import asking
from iquest_review.model.asking import Answer, StructuredOutput
from iquest_review.model.endpoint import Served
from iquest_review.model.finding import Finding, Severity
from iquest_review.model.reply import Review
from iquest_review.model.verify import Verified, verify
from iquest_review.progress import Progress
from iquest_review.prompt import fitting
from iquest_review.prompt.budget import Coverage, Excerpt, Limits
from iquest_review.prompt.fitting import Material, Prompt
from iquest_review.prompt.render import Message, Templates
from iquest_review.prompt.rows import shown_text
from iquest_review.prompt.screen import Omission, screen

DEFAULT_PROMPT_TOKENS = 32_000  # where the server does not tell its context window
SHRINK = 0.5  # of the tokens, when a server says that the prompt was too long
SHRINKS = 2


@dataclass(frozen=True, slots=True)
class Change:
    """What is reviewed, and where it was taken from."""

    diff: Diff
    intent: Intent
    origin: str  # in words, for the log
    merge_request: MergeRequest | None = None
    refs: DiffRefs | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How to review."""

    templates: Templates
    max_lines: int
    max_tokens: int | None  # None: from the server's context window
    max_requests: int
    structured_output: StructuredOutput
    nonce: str
    surroundings: note.Surroundings


class Model(asking.Model, Protocol):
    """What answers."""

    @property
    def host(self) -> str: ...

    def served(self) -> Served: ...

    def count(self, messages: list[Message]) -> int | None: ...


Keep = Callable[[Outcome, str], None]  # takes an outcome and its note
Publish = Callable[[Wanted], None]


def review(
    change: Change, model: Model, options: Options, keep: Keep, publish: Publish | None, say: Progress
) -> Outcome:
    """Reviews the change, keeps the outcome, and publishes its note. Model failures are an outcome, not an error.

    Raises GitLabError when the note cannot be published; the outcome is kept all the same.
    """
    started = time.monotonic()
    base = Outcome(
        status=Status.REVIEWED,
        merge_request=change.merge_request,
        diff_refs=change.refs,
        prompt=PromptUsed(options.templates.language, options.templates.digest),
    )
    shown, screened = screen(change.diff)
    files, lines = counted(len(change.diff.files), "changed file"), counted(change.diff.changed_lines, "changed line")
    say.say(f"{files}, {lines} from {change.origin}")
    if shown:
        outcome = _ask(base, change, shown, screened, model, options, say)
    else:
        outcome = replace(base, omissions=screened, reason="there is nothing to review")
    outcome = replace(outcome, usage=replace(outcome.usage, seconds=round(time.monotonic() - started, 1)))
    deliver(outcome, options.surroundings, keep, publish)
    return outcome


def deliver(outcome: Outcome, around: note.Surroundings, keep: Keep, publish: Publish | None) -> str:
    """Keeps an outcome with its note, then publishes the note; returns it.

    A review is never lost to a failing GitLab, nor to a folder that cannot be written: the author of a merge request
    may have seen to that.
    """
    body = note.compose(outcome, around)
    idle = outcome.status is Status.REVIEWED and outcome.reason is not None and not outcome.omissions
    wanted = Wanted(body, failure=outcome.status is Status.NOT_REVIEWED, idle=idle)
    try:
        keep(outcome, body)
    except ReviewError:
        if publish is not None:
            publish(wanted)
        raise
    if publish is not None:
        publish(wanted)
    return body


def preview(change: Change, options: Options) -> tuple[Prompt | None, Excerpt]:
    """What a model would be shown, and what not; no prompt when nothing is left to show. Asks nobody."""
    shown, screened = screen(change.diff)
    if not shown:
        return None, Excerpt((), screened)
    prompt = fitting.fill(_material(shown, screened, change, options), _limits(options, None, 0), lambda _: None)
    return prompt, prompt.excerpt


def exit_code(outcome: Outcome, fail_on: Severity | None) -> int:
    """0 reviewed, 1 a finding as bad as `fail_on`, 3 no usable review."""
    if outcome.status in (Status.NOT_REVIEWED, Status.RAW):
        return ModelError.exit_code
    return int(fail_on is not None and any(finding.severity.reaches(fail_on) for finding in outcome.findings))


def _ask(
    base: Outcome,
    change: Change,
    shown: Sequence[FileDiff],
    screened: Sequence[Omission],
    model: Model,
    options: Options,
    say: Progress,
) -> Outcome:
    """Shows the model what fits, and turns what it answers into an outcome."""
    material = _material(shown, screened, change, options)
    try:
        served = model.served()
        base = replace(base, model=_name(served))
        prompt, answer = _answered(material, served, model, options, say)
    except ModelError as error:
        say.say(f"not reviewed: {error}")
        unseen = tuple(Coverage(file.path, (), file.changed_lines, 0) for file in shown)
        reason = str(error)
        return replace(base, status=Status.NOT_REVIEWED, reason=reason, coverage=unseen, omissions=tuple(screened))
    excerpt = prompt.excerpt
    base = replace(base, coverage=excerpt.coverage(), omissions=excerpt.omissions, usage=_usage(answer))
    if isinstance(answer.result, Review):
        return _reviewed(base, answer.result, change.diff, excerpt, say)
    why = f"the model's answer could not be used: {answer.result.why}"
    say.say(why)
    if answer.result.text:
        return replace(base, status=Status.RAW, reason=answer.result.why, raw=answer.result.text)
    return replace(base, status=Status.NOT_REVIEWED, reason=why)


def _answered(
    material: Material, served: Served, model: Model, options: Options, say: Progress
) -> tuple[Prompt, Answer]:
    """The prompt and its answer; a prompt that turns out too long for the server is halved, twice at the most."""
    limits = _limits(options, served.window, model.max_tokens)
    for left in range(SHRINKS, -1, -1):
        prompt = fitting.fill(material, limits, model.count)
        if not prompt.excerpt.parts:
            raise ContextExceeded(f"no part of the change fits into {limits.tokens} prompt tokens (IQUEST_MAX_TOKENS)")
        try:
            with say.waiting(
                f"asking {served.model} on {model.host}: {prompt.excerpt.lines} lines, {prompt.tokens:,} tokens"
            ):
                answer = asking.ask(
                    model, options.templates, prompt.messages, options.structured_output, options.max_requests
                )
        except ContextExceeded as error:
            if not left:
                raise
            say.say(f"showing less: {error}")
            limits = replace(limits, tokens=int(min(limits.tokens, prompt.tokens) * SHRINK))
        else:
            for refusal in answer.refused:
                say.detail(refusal)
            return prompt, answer
    raise AssertionError("the last round returns or raises")


def _reviewed(base: Outcome, result: Review, diff: Diff, excerpt: Excerpt, say: Progress) -> Outcome:
    findings = tuple(_placed(verify(finding, diff), diff) for finding in result.findings)
    problems = [
        *(["the answer breaks off"] if result.partial else []),
        *([f"{result.dropped} of the model's findings could not be read"] if result.dropped else []),
        *(["not everything fitted into the prompt"] if excerpt.over_budget else []),
    ]
    say.say("; ".join([counted(len(findings), "finding"), *problems]))
    return replace(
        base,
        status=Status.PARTIAL if problems else Status.REVIEWED,
        reason="; ".join(problems) or None,
        summary=result.summary,
        suggestions=result.suggestions,
        findings=findings,
    )


def _placed(verified: Verified, diff: Diff) -> PlacedFinding:
    finding = verified.finding
    fields = {name: getattr(finding, name) for name in Finding.__dataclass_fields__}
    return PlacedFinding(
        **fields,
        fingerprint=fingerprint(finding, _anchor(finding, diff)),
        placement=Placement.SUMMARY,
        placement_reason=verified.problem,
    )


def _anchor(finding: Finding, diff: Diff) -> str:
    """The text of the line a finding stands on."""
    lines = (line for file in diff.files if file.path == finding.path for line in file.lines())
    return next((shown_text(line) for line in lines if (line.side, line.number) == (finding.side, finding.line)), "")


def _material(shown: Sequence[FileDiff], screened: Sequence[Omission], change: Change, options: Options) -> Material:
    return Material(shown, screened, change.intent, options.templates, options.nonce)


def _limits(options: Options, window: int | None, answer_tokens: int) -> Limits:
    """What a prompt may take: the setting, but never more than the window leaves beside the answer."""
    room = max(window - answer_tokens, window // 2) if window else None
    wanted = options.max_tokens or room or DEFAULT_PROMPT_TOKENS
    return Limits(options.max_lines, min(wanted, room) if room else wanted)


def _name(served: Served) -> str:
    """What answered: the name it is served by, or that of its weights where the first hides an IQuest-Coder."""
    weights = served.root.rstrip("/").rsplit("/", 1)[-1]  # not the path: it is the server's own business
    return weights if "iquest-coder" in weights.lower() and "iquest" not in served.model.lower() else served.model


def _usage(answer: Answer) -> Usage:
    return Usage(
        requests=len(answer.replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in answer.replies),
        completion_tokens=sum(reply.completion_tokens for reply in answer.replies),
    )
