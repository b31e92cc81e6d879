"""The notes' texts in English."""

from iquest_review.excerpt.exclusions import Reason
from iquest_review.findings import position, verify
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import OVER_LIMIT, REFUSED
from iquest_review.note.vocabulary import Words

PROBLEMS = (
    *(verify.NO_PATH, verify.NO_FILE, verify.NO_LINE, verify.NO_QUOTE, verify.NO_ANCHOR),
    *(position.LONG_PATH, position.UNREADABLE_PATH, position.NO_PLACE, OVER_LIMIT, REFUSED),
)

ENGLISH = Words(
    title="Review: {verdict}",
    no_findings="No findings",
    no_findings_partly="No findings in the reviewed part",
    nothing="Nothing to review",
    nothing_left="All changed files were excluded.",
    nothing_changed="No lines changed.",
    failed="⚠️ not completed",
    not_reviewed="Not reviewed, because {reason}",
    unchecked="⚠️ unchecked",
    raw="The model answered in a form that cannot be checked ({reason}). A person should review this change.",
    partial="⚠️ Partly reviewed: {reason}",
    previous="The last completed review:",
    previous_at="The last completed review, of {sha}:",
    elsewhere="Without a line in the change",
    line="line {line}",
    old_line="removed line {line}",
    lines="lines {line} to {end_line}",
    fix="Suggested instead:",
    before="Summary of the last review of the whole change",
    before_at="At {sha}:",
    threads="Open threads",
    since="This run: {changes}",
    seen="{count} changed line was already reviewed|{count} changed lines were already reviewed",
    unchanged="{count} line only moved or changed in white space|{count} lines only moved or changed in white space",
    gone="{count} finding resolved because its lines are gone|{count} findings resolved because their lines are gone",
    fixed="{count} finding resolved as fixed|{count} findings resolved as fixed",
    left="{count} finding is settled, but its thread has replies: please resolve it"
    "|{count} findings are settled, but their threads have replies: please resolve them",
    unplaced="{count} earlier finding without a line was dropped|{count} earlier findings without a line were dropped",
    waived="{count} finding not raised because it was waived or resolved"
    "|{count} findings not raised because they were waived or resolved",
    waivers="{count} waived finding resolved|{count} waived findings resolved",
    also_here="Also here: {lines}.",
    also_here_at="Also here: {lines} (at {sha}).",
    without_place="{count} without a place in the change",
    over_limit="{count} finding over IQUEST_MAX_FINDINGS ({severities})"
    "|{count} findings over IQUEST_MAX_FINDINGS ({severities}), the worst first",
    raw_answer="The answer of the model",
    merged="{count} near-duplicate merged|{count} near-duplicates merged",
    steering="⚠️ This merge request changes files that control its own review: {paths}. "
    "This review used the settings, rules and prompts of the target branch.",
    suggestions="Suggestions",
    omitted_files="Not reviewed: {files} of {all} file|Not reviewed: {files} of {all} files",
    omitted_lines="Not reviewed: {lines} in {files} of {all} file|Not reviewed: {lines} in {files} of {all} files",
    changed_lines="{count} changed line|{count} changed lines",
    some_lines="{count} of {all} changed lines",
    more="and {count} more in review.json",
    more_characters="… and {count} more characters in review.json",
    footer_model="Reviewed by {model}",
    footer_asked="Model: {model}",
    footer_rules="Answered by the built-in rules of iquest-review, not by a model: they find a few kinds of mistakes",
    head="head {sha}",
    tokens="{prompt} + {completion} tokens",
    seconds="{seconds} s",
    language="language {language}",
    prompt="prompt {digest}",
    job="job",
    hint="To waive a finding, so that it is not raised again, reply `ignore: reason` in its thread "
    "or give it a thumbs-down.",
    waive="To waive this finding, reply `ignore: reason` or give it a thumbs-down.",
    severities={Severity.HIGH: "high", Severity.MEDIUM: "medium", Severity.LOW: "low"},
    categories={category: category.value for category in Category},
    reasons={reason: reason.value for reason in Reason},
    problems={problem: problem for problem in PROBLEMS},
    phrases={},
    comma=", ",
)
