"""The note as people read it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iquest_review.diff.diff import Side
from iquest_review.excerpt.excerpt import Coverage
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import Placement
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.note import summary
from iquest_review.note.lengths import MAX_OVER_LIMIT_ROWS
from iquest_review.note.summary import PREVIOUS_MARKER, SUMMARY_MARKER, NoteLinks, PostedState, ThreadRow
from iquest_review.note.words import CHINESE, ENGLISH, Words, select_words
from iquest_review.outcome import PromptUsed, ReviewStatus, SettledFinding, SettledReason, Usage
from iquest_review.reasons.review import NotEverythingFits, NothingToReview, OtherReason
from iquest_review.stand_in import MODEL_NAME as STAND_IN
from tests.note.test_summary_size import safe
from tests.support.gitlab import quick_actions
from tests.support.outcomes import AROUND, REFS, failed, finding, full, held_back, later, outcome
from tests.support.reasons import NO_JSON

GOLDEN = Path(__file__).parent / "golden"


def compose(**changed: Any) -> str:
    return summary.compose_note(outcome(**changed), AROUND)


NOTES = {
    "findings-en": summary.compose_note(full(), AROUND),
    "findings-zh": summary.compose_note(full("zh"), AROUND),
    "no-findings": compose(summary="Renames a variable."),
    "stand-in": compose(model=STAND_IN, summary="Built-in rules looked at 3 added lines and matched nothing."),
    "partial": compose(
        status=ReviewStatus.PARTIAL,
        reasons=(NotEverythingFits(),),
        summary="The part that was shown is fine.",
        omissions=(Omission("app/big.py", Reason.TOKENS, 1),),
    ),
    "raw": compose(status=ReviewStatus.RAW, reasons=(NO_JSON,), raw="Looks good.\n/approve\n```\n@all\n"),
    "raw-zh": compose(status=ReviewStatus.RAW, reasons=(NO_JSON,), raw="好", prompt=PromptUsed("zh", "41cabdce86dd")),
    "not-reviewed": failed(),
    "not-reviewed-zh": failed("zh"),
    "not-reviewed-previous": summary.append_previous_review(failed(), summary.compose_note(full(), AROUND)),
    "nothing-left": compose(
        reasons=(NothingToReview(),), omissions=(Omission("go.sum", Reason.LOCK, 12),), model=None, usage=Usage()
    ),
    "nothing-changed": compose(reasons=(NothingToReview(),), model=None, usage=Usage()),
    "later-en": summary.compose_note(later()[0], AROUND, later()[1]),
    "later-zh": summary.compose_note(later("zh")[0], AROUND, later("zh")[1]),
    "local": summary.compose_note(outcome(findings=(finding(),), merge_request=None, diff_refs=None), NoteLinks()),
}


@pytest.mark.parametrize("name", NOTES)
def test_the_note_reads_as_it_should(name: str) -> None:
    body = re.sub("(?<= data=)[^ ]+", "…", NOTES[name])  # zlib's own matter

    assert body == (GOLDEN / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NOTES)
def test_the_hidden_lines_are_the_first_of_a_note(name: str) -> None:
    memory = r"<!-- iquest-review:reviewed \S+ head=\S+ settings=\S+ data=\S+ -->\n"
    assert re.match(rf"{SUMMARY_MARKER}\n(?:{memory})?\n#", NOTES[name])


# --- what it says ---


def test_the_findings_are_counted_worst_first() -> None:
    assert "## Review: 🔴 1 high · 🟠 1 medium · 🔵 1 low · 1 without a place in the change\n" in summary.compose_note(
        full(), AROUND
    )


def test_no_findings_in_a_part_is_not_no_findings() -> None:
    assert "## Review: No findings in the reviewed part\n" in compose(
        status=ReviewStatus.PARTIAL, reasons=(OtherReason("its answer breaks off"),)
    )


@pytest.mark.parametrize("status", [ReviewStatus.NOT_REVIEWED, ReviewStatus.RAW])
def test_a_failure_never_says_that_nothing_was_found(status: ReviewStatus) -> None:
    body = compose(status=status, reasons=(OtherReason("x"),), raw="LGTM")
    assert "No findings" not in body
    assert "⚠️" in body


def test_files_stand_in_the_order_of_their_worst_finding() -> None:
    low, high = (finding(path=path, severity=rank) for path, rank in (("a.py", Severity.LOW), ("z.py", Severity.HIGH)))
    body = compose(findings=(low, high, finding(path="a.py", severity=Severity.MEDIUM)))

    assert re.findall("### `(.*)`", body) == ["z.py", "a.py"]
    assert re.findall(r"\*\*(\w+)\*\*", body)[:3] == ["high", "medium", "low"]


def test_findings_of_one_severity_stand_in_the_order_of_their_lines() -> None:
    body = compose(findings=tuple(finding(line=line) for line in (30, 4, 100)))

    assert re.findall(r"\[line (\d+)\]", body) == ["4", "30", "100"]


def test_a_finding_links_to_its_line_as_it_was_reviewed() -> None:
    [link, _] = quick_actions.links(compose(findings=(finding(),)))
    assert link == f"https://gitlab.example.com/shop/app/-/blob/{REFS.head_sha}/app/total.py#L3"


def test_a_finding_on_a_removed_line_links_to_the_merge_base() -> None:
    [link, _] = quick_actions.links(compose(findings=(finding(side=Side.OLD),)))
    assert f"/-/blob/{REFS.base_sha}/" in link


@pytest.mark.parametrize(
    ("path", "encoded"),
    [
        ("a b/ü#?.py", "a%20b/%C3%BC%23%3F.py"),
        ("a\nb", "a%0Ab"),
        ("a)>`\\", "a%29%3E%60%5C"),
        ("%41", "%2541"),
        ("-/issues/1", "-/issues/1"),
    ],
)
def test_an_odd_path_is_linked_and_shown_exactly(path: str, encoded: str) -> None:
    body = compose(findings=(finding(path=path),))

    assert quick_actions.links(body)[0] == f"https://gitlab.example.com/shop/app/-/blob/{REFS.head_sha}/{encoded}#L3"
    assert path.replace("\n", "\\n").replace("`", "") in body.replace("`", "")


def test_a_finding_on_no_line_says_why_not() -> None:
    body = compose(findings=(finding(line=None, placement_reason=PlacementReason.NO_LINE),))
    assert (
        "### Without a line in the change\n\n- 🔴 **high** · bug · `app/total.py`: the line is not in the diff" in body
    )


@pytest.mark.parametrize("reason", PlacementReason)
def test_each_placement_reason_has_its_own_words(reason: PlacementReason) -> None:
    assert ENGLISH.placement_reason(reason) == reason.value
    names = {"GitLab", "diff", "UTF", "IQUEST_MAX_FINDINGS"}
    assert set(re.findall("[A-Za-z_]{2,}", CHINESE.placement_reason(reason))) <= names
    others = [CHINESE.placement_reason(other) for other in PlacementReason if other is not reason]
    assert CHINESE.placement_reason(reason) not in others


@pytest.mark.parametrize("sentence", ["the file is too old", "", "*old* reason @all"])
def test_an_unknown_placement_reason_is_no_place(sentence: str) -> None:
    assert PlacementReason(sentence) is PlacementReason.NO_PLACE


@pytest.mark.parametrize("reason", [PlacementReason.REFUSED, PlacementReason.LONG_PATH])
def test_a_finding_without_a_thread_names_its_line_and_the_reason(reason: PlacementReason) -> None:
    assert f"#L3>) ({reason})\n" in compose(findings=(finding(placement_reason=reason),))


def test_without_a_commit_a_place_links_nowhere() -> None:
    body = summary.compose_note(outcome(findings=(finding(),), diff_refs=None), AROUND)
    assert "- 🔴 **high** · bug · line 3\n" in body


@pytest.mark.parametrize(("seconds", "shown"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (10.0, "10 s"), (123.6, "124 s")])
def test_seconds_are_as_exact_as_they_matter(seconds: float, shown: str) -> None:
    assert f" · {shown} · " in compose(usage=Usage(1, 1, 1, seconds))


def test_a_finding_without_a_file_says_why_not() -> None:
    body = compose(findings=(finding(path="", line=None, placement_reason=PlacementReason.NO_ANCHOR),))
    assert "- 🔴 **high** · bug · the finding names no line\n" in body


@pytest.mark.parametrize(
    ("quote", "fix", "end_line", "shown"),
    [
        ("a = 1", "a = 2", None, "```diff\n  -a = 1\n  +a = 2\n  ```"),
        ("a = 1", "    a = 2\n    b = 3", None, "```diff\n  -a = 1\n  +a = 2\n  +b = 3\n  ```"),
        (
            "if a:\n        b()",
            "    if c:\n        b()",
            4,
            "```diff\n  -if a:\n  -    b()\n  +if c:\n  +    b()\n  ```",
        ),
        ("    if a:\n        b()", "    b()", 4, "```diff\n  -if a:\n  -    b()\n  +b()\n  ```"),
        (
            "if a:",
            "    if c:\n        b()",
            4,
            "```py\n  if a:\n  ```\n\n  Suggested instead:\n\n  ```py\n  if c:\n      b()\n  ```",
        ),
        ("a = 1", None, None, "```py\n  a = 1\n  ```"),
        ("", "    a = 2", None, "Suggested instead:\n\n  ```py\n  a = 2\n  ```"),
    ],
)
def test_cited_code_and_its_fix_are_one_diff_where_they_can_be(
    quote: str, fix: str | None, end_line: int | None, shown: str
) -> None:
    assert shown in compose(findings=(finding(quote=quote, fix=fix, end_line=end_line),))


@pytest.mark.parametrize(
    ("omissions", "title"),
    [
        ((Omission("a", Reason.LOCK, 1),), "Not reviewed: 1 changed line in 1 of 2 files"),
        ((Omission("a", Reason.BINARY, 0),), "Not reviewed: 1 of 2 files"),
        (
            (Omission("c", Reason.LINES, 1000), Omission("c", Reason.TOKENS, 1)),
            "Not reviewed: 1,001 changed lines in 1 of 1 file",
        ),
    ],
)
def test_what_was_left_out_is_counted(omissions: tuple[Omission, ...], title: str) -> None:
    assert f"<summary>{title}</summary>" in compose(omissions=omissions, coverage=(Coverage("c", (), 2000, 1),))


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("iquest-coder-40b", "Reviewed by **IQuest-Coder** (`iquest-coder-40b`)"),
        ("qwen3", "Reviewed by `qwen3`"),
        ("qwen3-coder", "Reviewed by `qwen3-coder`"),
        ("iquest-chat", "Reviewed by `iquest-chat`"),
        (STAND_IN, "Answered by the built-in rules of iquest-review, not by a model"),
    ],
)
def test_who_answered_is_named(model: str, shown: str) -> None:
    assert shown in compose(model=model)


def test_a_model_that_did_not_answer_is_not_said_to_have_reviewed() -> None:
    assert "Model: **IQuest-Coder**" in failed()
    assert "Reviewed by" not in failed()


def test_every_word_has_a_translation() -> None:
    for names, kind in (("severities", Severity), ("categories", Category), ("reasons", Reason)):
        assert set(getattr(CHINESE, names)) == set(getattr(ENGLISH, names)) == set(kind)
    assert select_words("zh-CN") is select_words("zh") is CHINESE
    assert select_words("fr") is ENGLISH
    for name in ENGLISH.__dataclass_fields__:
        english, chinese = getattr(ENGLISH, name), getattr(CHINESE, name)
        if isinstance(english, str):
            assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", chinese)), name


# --- a later push ---


def test_findings_of_threads_and_note_are_counted_once_each() -> None:
    made, posted = later()

    assert "## Review: 🔴 3 high · 🟠 1 medium · 🔵 1 low · 1 without a place in the change\n" in summary.compose_note(
        made, AROUND, posted
    )


def test_a_finding_that_has_a_thread_is_one_row_that_leads_to_it() -> None:
    made, posted = later()
    body = summary.compose_note(made, AROUND, posted)

    assert (
        "- 🔴 **high** · bug · [`app/total.py` line 30](<https://gitlab.example.com/shop/app/-/merge_requests/4#note_31>)"
        ": An empty list divides by zero.\n" in body
    )
    noted = [
        finding for finding in posted.note_memory.findings if finding.placement_reason != PlacementReason.OVER_LIMIT
    ]
    assert body.count("Every cart starts empty.") == len(noted)


def test_before_anything_is_posted_every_finding_is_told_in_full() -> None:
    made, _ = later()

    body = summary.compose_note(made, AROUND)

    assert body.count("An empty list divides by zero.") == len(made.findings) + len(made.kept)
    assert "Open threads" not in body


def test_a_thread_without_a_place_is_listed() -> None:
    row = ThreadRow(Severity.LOW, Category.BUG, "", None, None, Side.NEW, "It fails.", AROUND.job_url)

    body = summary.compose_note(outcome(), AROUND, PostedState((row,), later()[1].note_memory))

    assert f"- 🔵 **low** · bug · [Without a line in the change](<{AROUND.job_url}>): It fails.\n" in body


def test_findings_over_the_limit_are_a_count_with_the_worst_named() -> None:
    over = [
        finding(
            line=line,
            severity=Severity.HIGH if line == 20 else Severity.LOW,
            placement_reason=PlacementReason.OVER_LIMIT,
        )
        for line in range(1, 34)
    ]

    body = compose(findings=(finding(line=70, placement=Placement.INLINE, description="x"), *over))

    assert "### 33 findings over IQUEST_MAX_FINDINGS (🔴 1 high · 🔵 32 low), the worst first\n\n- 🔴 **high**" in body
    assert body.count("An empty list divides by zero.") == MAX_OVER_LIMIT_ROWS
    assert "- and 28 more in review.json\n" in body


def test_findings_over_the_limit_are_told_in_full_where_nothing_has_a_thread() -> None:
    body = compose(
        findings=tuple(finding(line=line, placement_reason=PlacementReason.OVER_LIMIT) for line in range(1, 34))
    )

    assert body.count("Every cart starts empty.") == 33


@pytest.mark.parametrize("reason", list(PlacementReason))
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_a_finding_that_is_not_on_its_line_says_why(reason: PlacementReason, words: Words) -> None:
    language = "zh" if words is CHINESE else "en"

    body = compose(findings=(finding(line=None, placement_reason=reason),), prompt=PromptUsed(language, "x"))

    assert f": {words.placement_reason(reason)}\n" in body


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"omissions": (Omission("a", Reason.SEEN, 1),)}, "This run: 1 changed line was already reviewed"),
        (
            {"omissions": (Omission("a", Reason.SEEN, 1000), Omission("b", Reason.SEEN, 1))},
            "This run: 1,001 changed lines were already reviewed",
        ),
        (
            {"settled": (SettledFinding("", SettledReason.GONE),)},
            "This run: 1 finding resolved because its lines are gone",
        ),
        (
            {
                "settled": (
                    SettledFinding("d", SettledReason.FIXED),
                    SettledFinding("e", SettledReason.FIXED),
                    SettledFinding("f", SettledReason.GONE),
                )
            },
            "This run: 1 finding resolved because its lines are gone · 2 findings resolved as fixed",
        ),
        (
            {"held_back": (held_back(finding()),) * 2},
            "This run: 2 findings not raised because they were waived or resolved",
        ),
        ({"merged": 1}, "1 near-duplicate merged"),
        ({"settled": (SettledFinding("d", SettledReason.WAIVED),)}, "This run: 1 waived finding resolved"),
        (
            {"merged": 2, "held_back": (held_back(finding()),)},
            "not raised because it was waived or resolved · 2 near-duplicates merged",
        ),
    ],
)
def test_one_line_counts_what_earlier_reviews_settled(changed: dict[str, Any], said: str) -> None:
    [line] = (
        compose(**changed)
        .removeprefix(f"{SUMMARY_MARKER}\n\n## Review: No findings\n\n")
        .split("---")[0]
        .split("\n\n")[:1]
    )

    assert line.endswith(said)
    assert bool(line) is bool(said)


@pytest.mark.parametrize("status", [ReviewStatus.REVIEWED, ReviewStatus.PARTIAL, ReviewStatus.NOT_REVIEWED])
def test_changed_files_that_control_reviews_are_named(status: ReviewStatus) -> None:
    body = compose(
        status=status, reasons=(OtherReason("x"),), steering=("a.yml", *(f"{n}/AGENTS.md" for n in range(11)))
    )

    assert "changes files that control its own review: `a.yml`, `0/AGENTS.md`, " in body
    assert (
        "`8/AGENTS.md`, and 2 more in review.json. This review used the settings, rules and prompts of the target"
        in body
    )


def test_a_review_that_failed_lists_nothing_as_left_out() -> None:
    assert "<details>" not in compose(
        status=ReviewStatus.NOT_REVIEWED, reasons=(OtherReason("x"),), omissions=(Omission("a", Reason.LOCK, 9),)
    )


def test_open_findings_are_counted_where_nothing_is_left_to_review() -> None:
    made, posted = later()

    body = summary.compose_note(replace(made, reasons=(NothingToReview(),)), AROUND, posted)

    assert "## Review: 🔴 3 high" in body
    assert "Nothing to review" not in body


def test_what_was_reviewed_before_is_not_listed_as_left_out() -> None:
    assert "<details>" not in compose(omissions=(Omission("a", Reason.SEEN, 9),))


# --- the last good review ---


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_failure_keeps_the_last_review_below_it(language: str) -> None:
    good = summary.compose_note(full(), AROUND)
    body = summary.append_previous_review(failed(language), good)

    sentence = {"en": "The last completed review:", "zh": "上一次完成的评审："}[language]
    assert body.startswith(failed(language).partition(PREVIOUS_MARKER)[0].rstrip())
    assert body.endswith(f"**{sentence}**\n\n{PREVIOUS_MARKER}\n\n{good.removeprefix(SUMMARY_MARKER).strip()}\n")


def test_several_failures_in_a_row_keep_one_review() -> None:
    good = summary.compose_note(full(), AROUND)
    body = good
    for number in range(5, 9):
        body = summary.append_previous_review(failed("zh" if number % 2 else "en", head=str(number) * 40), body)

    assert body == summary.append_previous_review(failed(head="8" * 40), good)


def test_a_failure_after_a_failure_alone_keeps_nothing() -> None:
    assert summary.append_previous_review(failed(head="5" * 40), failed()) == failed(head="5" * 40)


def test_a_forged_marker_does_not_split_a_review() -> None:
    hostile = f"x\n{PREVIOUS_MARKER}\n/approve\n```\n{PREVIOUS_MARKER}\n/close\n"
    fake = finding(quote=hostile, fix=hostile, description=hostile, path=hostile)
    good = compose(findings=(fake,), summary=hostile)

    body = summary.append_previous_review(summary.append_previous_review(failed(), good), good)

    assert body.count(PREVIOUS_MARKER) == 1
    assert body.endswith(good.removeprefix(SUMMARY_MARKER).strip() + "\n")
    safe(body)


@pytest.mark.parametrize("raw", ["LGTM", f"x\n{PREVIOUS_MARKER}\n/approve\n```\n{PREVIOUS_MARKER}\n/close\n"])
def test_an_unchecked_answer_is_not_kept_as_a_review(raw: str) -> None:
    unchecked = compose(status=ReviewStatus.RAW, reasons=(OtherReason(raw),), raw=raw)

    assert summary.append_previous_review(failed(), unchecked) == failed()
    body = summary.append_previous_review(unchecked, summary.compose_note(full(), AROUND))
    assert body.count(PREVIOUS_MARKER) == 1
    assert summary.append_previous_review(failed(), body) == summary.append_previous_review(
        failed(), summary.compose_note(full(), AROUND)
    )
    safe(body)


def test_edits_of_an_earlier_review_run_no_command() -> None:
    safe(summary.append_previous_review(failed(), f"{SUMMARY_MARKER}\n\n## Review\n\n/approve\n\ntext\n/close"))
