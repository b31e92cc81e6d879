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
    no_findings_partly="No findings in what was reviewed",
    nothing="Nothing to review",
    nothing_left="Every changed file was left out.",
    nothing_changed="No line changes.",
    failed="⚠️ not done",
    not_reviewed="Not reviewed, because {reason}",
    unchecked="⚠️ unchecked",
    raw="The model answered, but not in a form that can be checked ({reason}). Its words stand below as they came: "
    "a person should look at the change.",
    partial="⚠️ Partly reviewed: {reason}",
    previous="The last review that was done:",
    elsewhere="Not on a line of the change",
    line="line {line}",
    old_line="removed line {line}",
    lines="lines {line} to {end_line}",
    fix="Suggested instead:",
    before="Of the change as it was reviewed first:",
    threads="In threads on the change",
    since="This run:",
    seen="{count} changed line was reviewed before|{count} changed lines were reviewed before",
    unchanged="{count} line only moved or changed in white space|{count} lines only moved or changed in white space",
    gone="{count} finding resolved, its lines are gone|{count} findings resolved, their lines are gone",
    fixed="{count} finding resolved as fixed|{count} findings resolved as fixed",
    left="{count} settled finding whose thread has replies: please resolve it"
    "|{count} settled findings whose threads have replies: please resolve them",
    unplaced="{count} finding without a line not repeated|{count} findings without a line not repeated",
    waived="{count} finding not raised, it was waived or resolved"
    "|{count} findings not raised, they were waived or resolved",
    merged="{count} near-duplicate merged|{count} near-duplicates merged",
    steering="⚠️ This merge request changes what steers its reviews: {paths}. "
    "Settings, rules and prompts were those of the target branch.",
    suggestions="Suggestions",
    omitted_files="Not reviewed: {files} of {all} file|Not reviewed: {files} of {all} files",
    omitted_lines="Not reviewed: {lines} in {files} of {all} file|Not reviewed: {lines} in {files} of {all} files",
    changed_lines="{count} changed line|{count} changed lines",
    some_lines="{count} of {all} changed lines",
    more="and {count} more, in review.json",
    more_characters="… and {count} more characters, in review.json",
    footer_model="Reviewed by {model}",
    footer_asked="Asked: {model}",
    footer_rules="Answered by the built-in rules of iquest-review, not by a model: they know a few mistakes",
    head="head {sha}",
    tokens="{prompt} + {completion} tokens",
    seconds="{seconds} s",
    language="language {language}",
    prompt="prompt {digest}",
    job="job",
    hint="To have a finding not raised again, reply `ignore: reason` to its thread, or give it a thumbs-down.",
    severities={Severity.HIGH: "high", Severity.MEDIUM: "medium", Severity.LOW: "low"},
    categories={category: category.value for category in Category},
    reasons={reason: reason.value for reason in Reason},
    problems={problem: problem for problem in PROBLEMS},
    phrases={},
    comma=", ",
)
