"""The texts that every language of the notes must have."""

from collections.abc import Callable
from dataclasses import dataclass

from iquest_review.excerpt.exclusions import Reason
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.reasons.review import OutcomeReason


@dataclass(frozen=True, slots=True)
class Words:
    """Every fixed text of a note, in one language.

    A name in braces is replaced by the value of that name. In `singular|plural` the count decides which form is used.
    """

    title: str
    no_findings: str
    no_findings_partly: str
    nothing: str
    nothing_left: str
    nothing_changed: str
    failed: str
    not_reviewed: str
    unchecked: str
    raw: str
    partial: str
    previous: str
    previous_at: str
    elsewhere: str
    line: str
    old_line: str
    lines: str
    fix: str
    before: str
    before_at: str
    threads: str
    since: str
    seen: str
    unchanged: str
    gone: str
    fixed: str
    unplaced: str
    left: str
    waived: str
    waivers: str
    also_here: str
    also_here_at: str
    without_place: str
    over_limit: str
    raw_answer: str
    merged: str
    steering: str
    ignored_settings: str
    suggestions: str
    omitted_files: str
    omitted_lines: str
    changed_lines: str
    some_lines: str
    more: str
    more_characters: str
    footer_model: str
    footer_asked: str
    footer_rules: str
    head: str
    tokens: str
    seconds: str
    language: str
    prompt: str
    job: str
    hint: str
    waive: str
    severities: dict[Severity, str]
    categories: dict[Category, str]
    reasons: dict[Reason, str]
    placement_reason: Callable[[PlacementReason], str]
    outcome_reason: Callable[[OutcomeReason], str]
    comma: str
    semicolon: str
