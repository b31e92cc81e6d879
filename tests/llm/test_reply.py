"""Every form an answer comes in gives the findings of the clean one, or says why it cannot be used."""

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Finding, Severity
from iquest_review.llm.reply import (
    MAX_ANSWER_CHARS,
    MAX_FINDINGS,
    Review,
    UnusableReply,
    build_reply_schema,
    parse_reply,
)
from iquest_review.llm.spellings import MAX_TEXT_CHARS
from iquest_review.reasons.reply import FlawedReply, ReplyFlaw, ReplyTooLong

ISSUES: list[dict[str, Any]] = [
    {
        "file": "src/pay.py",
        "line": 12,
        "quote": "rows = db.query(\"select * from t where id = '%s'\" % key)",
        "type": "security",
        "severity": "high",
        "description": "The key comes from the request. It can end the statement; see {docs} and [1]}.",
        "suggestion": 'rows = db.query("select * from t where id = ?", key)',
    },
    {
        "file": "src/löhne.py",
        "line": 40,
        "quote": "if not total:",
        "type": "bug",
        "severity": "low",
        "description": "合计为零时也会进入。A total of 0 is a total.",
        "suggestion": None,
    },
]
ANSWER = {"issues": ISSUES, "summary": "A fix. Look at the query first.", "suggestions": ["Add a test.", "Log it."]}
PLAIN: list[dict[str, Any]] = [  # nothing in its texts that a broken form could trip over
    {**ISSUES[0], "quote": "rows = query(key)", "description": "The key ends the statement.", "suggestion": "run(key)"},
    {**ISSUES[1], "file": "src/pay.py", "description": "A total of 0 is a total."},
]
PLAIN_ANSWER = {"issues": PLAIN, "summary": "A fix.", "suggestions": ["Add a test."]}


def clean(answer: Any = ANSWER) -> Review:
    review = parse_reply(json.dumps(answer))
    assert isinstance(review, Review)
    return review


def read(text: str, finish_reason: str = "stop") -> Review:
    review = parse_reply(text, finish_reason)
    assert isinstance(review, Review), review
    return review


def why(text: str, finish_reason: str = "stop") -> str:
    result = parse_reply(text, finish_reason)
    assert isinstance(result, UnusableReply), result
    return str(result.why)


def only(**issue: Any) -> Finding:
    review = read(json.dumps({"issues": [{"description": "It fails.", **issue}], "summary": "s"}))
    return review.findings[0]


def test_a_clean_answer_is_read_word_for_word() -> None:
    review = clean()

    assert review.findings[0] == Finding(
        path="src/pay.py",
        line=12,
        end_line=None,
        side=Side.NEW,
        severity=Severity.HIGH,
        category=Category.SECURITY,
        title="The key comes from the request.",
        description=ISSUES[0]["description"],
        quote=ISSUES[0]["quote"],
        fix=ISSUES[0]["suggestion"],
    )
    assert review.findings[1].title == "合计为零时也会进入。"
    assert review.summary == ANSWER["summary"]
    assert review.suggestions == ("Add a test.", "Log it.")
    assert (review.partial, review.dropped) == (False, 0)


# -- the forms


def forms(answer: Any) -> dict[str, str]:
    text, rows = json.dumps(answer, ensure_ascii=False), json.dumps(answer, ensure_ascii=False, indent=2)
    draft = "Let me see: if (x) { return [1]; } So {not json}.\n"
    return {
        "as it is": text,
        "indented": rows,
        "ASCII": json.dumps(answer),
        "in a fence": f"```json\n{rows}\n```",
        "in a fence without a language": f"```\n{rows}\n```",
        "in a fence of waves": f"~~~json\n{rows}\n~~~",
        "in a fence that stays open": f"```json\n{rows}",
        "in the second of two fences": f"```python\nx = {{1: 2}}\n```\nand\n```json\n{rows}\n```",
        "behind thinking": f"<think>{draft}</think>\n{text}",
        "behind thinking with a draft": f'<think>{draft}{{"issues": [], "summary": "none"}}</think>\n{text}',
        "behind thinking whose beginning the template took": f"{draft}</think>\n\n{text}",
        "behind two thinkings": f"<think>one</think>two</think>{text}",
        "behind a tag of another name": f"<thinking>{draft}</thinking>{text}",
        "behind thinking and prose": f"<think>{draft}</think>Here it is:\n{text}\nDone.",
        "with prose before": f"Here is the review you asked for:\n\n{text}",
        "with prose behind": f"{text}\n\nLet me know if you need more {{details}}!",
        "with prose around a fence": f"Sure.\n```json\n{rows}\n```\nThat's all.",
        "with brackets in the prose before": f"In foo[0] of {{a: 1}} and {{'b': 2}} I found: {text}",
        "with an empty form before": f'The form is {{"issues": [...], "summary": "..."}}. So:\n{text}',
        "with a byte order mark": f"\ufeff{text}",
        "with CRLF": rows.replace("\n", "\r\n"),
        "with a bracket too many": text + "}",
        "twice the same": f"{text}\n{rows}",
        "in a list": f"[{text}]",
        "in an object": f'{{"review": {text}}}',
        "as a string": json.dumps(text),
        "with escaped line breaks": rows.replace("\n", "\\n"),
        "escaped once more": json.dumps(rows)[1:-1],
        "with a trailing comma": rows.replace("\n    }\n  ],", "\n    },\n  ],"),
        "with comments": rows.replace('"line": 12,', '"line": 12, // here\n').replace(
            '"line": 40,', '"line": 40, # so'
        ),
        "with a comment first": "{ // the review\n" + text[1:],
        "with keys unquoted": text.replace('"file":', "file:").replace('"line":', "line:"),
        "without a comma": text.replace('"line": 12, ', '"line": 12 '),
        "with twice the same keys": text.replace('"line": 12', '"line": 12, "line": 12, "line": null').replace(
            '"summary"', '"issues": [], "suggestions": [], "summary"'
        ),
        "with a list that comes twice": text.replace(
            '"summary"', f'"issues": {json.dumps(answer["issues"])}, "summary"'
        ),
        "with more keys than asked for": text.replace("{", '{"confidence": 0.9, "tags": [{"a": []}], ', 1),
        "with NaN": text.replace('"line": 12', '"confidence": NaN, "score": -Infinity, "line": 12'),
        "with None": text.replace("null", "None"),
    }


@pytest.mark.parametrize("form", sorted(forms(ANSWER)))
def test_every_form_gives_the_findings_of_the_clean_one(form: str) -> None:
    assert read(forms(ANSWER)[form]) == clean()


def broken_forms() -> dict[str, str]:
    text = json.dumps(PLAIN_ANSWER, ensure_ascii=False)
    return {
        "Python": repr(PLAIN_ANSWER),
        "single quotes": text.replace('"', "'"),
        "single quotes in a fence": f"```\n{text.replace(chr(34), chr(39))}\n```\nDone.",
        "a key without its first quote": text.replace('"type"', 'type"'),
        "equal signs": text.replace('"line": 12', '"line" = 12'),
    }


@pytest.mark.parametrize("form", sorted(broken_forms()))
def test_forms_that_are_no_json_give_the_findings_of_the_clean_one(form: str) -> None:
    assert read(broken_forms()[form]).findings == clean(PLAIN_ANSWER).findings


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("The key ends the statement.", 'The "key" ends the statement.'),
        ("The key ends the statement.", 'It says "key", which ends "it".'),
        ("rows = query(key)", 'open("name", "r")'),
        ("rows = query(key)", "re.match('\\d+\\s')"),
        ("The key ends the statement.", "The key\nends\n\tthe statement."),
    ],
)
def test_texts_that_are_not_escaped_are_kept(old: str, new: str) -> None:
    first, second = read(json.dumps(PLAIN_ANSWER).replace(old, new)).findings

    assert new in (first.description, first.quote)
    assert second == clean(PLAIN_ANSWER).findings[1]


def test_a_list_without_an_object_around_it_is_a_review() -> None:
    for text in (json.dumps(ISSUES), "\n".join(json.dumps(issue) for issue in ISSUES), json.dumps(ISSUES, indent=1)):
        assert read(text).findings == clean().findings


def test_one_broken_line_of_many_takes_no_other_with_it() -> None:
    lines = [json.dumps(issue) for issue in (*PLAIN, PLAIN[0])]
    repaired = [lines[0], lines[1].replace('"', "'"), lines[2]]
    lost = [lines[0], lines[1].replace('"severity": ', "severity = "), lines[2]]

    assert [finding.line for finding in read("\n".join(repaired)).findings] == [12, 40, 12]
    assert [finding.line for finding in read("\n".join(lost)).findings] == [12, 12]
    assert read("\n".join(lost)).dropped == 1


def test_one_issue_alone_is_a_review() -> None:
    assert read(json.dumps(ISSUES[0])).findings == clean().findings[:1]


def test_the_seeds_form_names_no_file() -> None:
    issue = {"type": "boundary", "line": 3, "description": "It fails.", "severity": "high"}
    finding = read(json.dumps({"issues": [issue], "summary": "s", "suggestions": []})).findings[0]

    assert (finding.path, finding.line, finding.quote, finding.fix) == ("", 3, "", None)
    assert finding.category is Category.BUG


# -- answers whose end is missing

SHAPES = {
    "object": json.dumps(ANSWER),
    "indented": json.dumps(ANSWER, indent=2, ensure_ascii=False),
    "summary first": json.dumps({"summary": "s", "suggestions": ["a"], "issues": ISSUES}),
    "list": json.dumps(ISSUES),
    "fence": "```json\n" + json.dumps(ANSWER),
    "prose": "Here it is:\n" + json.dumps(ANSWER),
    "wrapped": json.dumps({"review": ANSWER}),
    "thinking": "<think>So {x} it is.</think>" + json.dumps(ANSWER),
    "raw line breaks": json.dumps(ANSWER).replace("request. It", "request.\n\tIt"),
    "surrogates": json.dumps(
        {"issues": [{**ISSUES[0], "description": "A \U0001f600 face \\ and \\u0041."}, ISSUES[1]]}
    ),
}


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("finish_reason", ["length", "stop"])
def test_an_answer_cut_anywhere_has_whole_findings_or_none_and_says_so(shape: str, finish_reason: str) -> None:
    text = SHAPES[shape]
    whole, seen = read(text), set()
    for end in range(len(text)):
        result = parse_reply(text[:end], finish_reason)
        if isinstance(result, UnusableReply):
            continue
        seen.add(len(result.findings))
        assert result.findings
        assert result.findings == whole.findings[: len(result.findings)]
        assert result.partial or text[end:].strip("`\n ") == ""
        assert result.dropped == 0

    assert seen == {1, 2}  # what is whole is used


@pytest.mark.parametrize("issues", [ISSUES, ISSUES[::-1]])
def test_lines_cut_anywhere_have_whole_findings(issues: list[dict[str, Any]]) -> None:
    text = "\n".join(json.dumps(issue) for issue in issues)
    for end in range(len(text)):
        result = parse_reply(text[:end], "length")
        if isinstance(result, Review):
            assert result.findings == read(text).findings[: len(result.findings)]
            assert result.partial
            assert result.dropped == 0


def test_thinking_cut_anywhere_is_no_raw_text() -> None:
    text = "<think>The key {id} is [0] secret.</think>"
    for end in range(len("<think>"), len(text)):
        assert parse_reply(text[:end], "length") == UnusableReply("", FlawedReply(ReplyFlaw.INSIDE_REASONING))


@pytest.mark.parametrize(
    "text", ["Hm, the query {x} looks odd, and", "So first I look at the file", 'if (a["b"]) { then']
)
def test_a_cut_text_without_a_review_may_be_thinking_and_is_no_raw_text(text: str) -> None:
    """A template that writes <think> itself leaves no tag in the reply."""
    assert parse_reply(text, "length") == UnusableReply("", FlawedReply(ReplyFlaw.BEFORE_REVIEW))
    assert parse_reply(text, "stop").text == text  # type: ignore[union-attr]


def test_thinking_that_never_ends_behind_words_is_cut_off() -> None:
    assert parse_reply("I see. <think>The secret {plan} is", "stop") == UnusableReply(
        "I see.", FlawedReply(ReplyFlaw.NO_JSON)
    )


def test_a_review_that_speaks_of_thinking_keeps_its_words() -> None:
    for words in ("Strip </think> here.", "<think> is kept.", "Both <think>a</think> are kept: {x}."):
        for prefix in ("", "<think>So.</think>", "```json\n"):
            text = prefix + json.dumps({"issues": [{**ISSUES[0], "description": words}, ISSUES[1]], "summary": "s"})
            assert [finding.description for finding in read(text).findings] == [words, ISSUES[1]["description"]]


def test_blanks_to_the_limit_do_not_make_a_whole_answer_partial() -> None:
    assert read(json.dumps(ANSWER) + " \n" * 2_000, "length") == clean()


# -- nothing unusable becomes "no findings"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        (" \n\t ", "it is empty"),
        ("\ufeff", "it holds no JSON"),
        ("I cannot help with that.", "it holds no JSON"),
        ("No issues found.", "it holds no JSON"),
        ("null", "it holds no JSON"),
        ("42", "it holds no JSON"),
        ("{}", "it holds no JSON"),
        ("[]", "it holds no JSON"),
        ('{"summary": "All is well."}', "its JSON is not a review"),
        ('{"issues": null, "summary": "All is well."}', "its JSON is not a review"),
        ('{"issues": "none", "summary": "All is well."}', "its JSON is not a review"),
        ('{"issues": {}, "summary": "All is well."}', "its JSON is not a review"),
        ('{"error": {"message": "try later"}}', "its JSON is not a review"),
        ('{"issues": []}', "it has no findings and no summary"),
        ('{"issues": [], "summary": ""}', "it has no findings and no summary"),
        ('{"issues": [], "summary": true}', "it has no findings and no summary"),
        ('{"issues": [{}, 5, null, "x"], "summary": "s"}', "none of its 4 findings can be read"),
        ('{"issues": [{"line": 3}], "summary": "s"}', "none of its 1 findings can be read"),
        ('{"issues": [], "summary": "All is w', "it breaks off before its first finding"),
        ('{"summary": "All is well.", "issues": [', "it breaks off before its first finding"),
        ('{"summary": "All is well.", "issues": [{"file": "a", "line": 1, "desc', "it breaks off before its first"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(text: str, reason: str) -> None:
    assert why(text).startswith(reason)


def test_an_empty_list_beside_a_summary_is_a_review() -> None:
    for text in (
        '{"issues": [], "summary": "All is well."}',
        'Sure!\n```json\n{"issues": [], "summary": "Well."}\n```\n',
    ):
        assert read(text).findings == ()


def test_two_different_reviews_are_unusable() -> None:
    other = json.dumps({"issues": ISSUES[1:], "summary": "s"})

    assert why(f"{json.dumps(ANSWER)}\n{other}") == "it holds more than one review"
    assert why(f"{other}\n{json.dumps(ANSWER)}") == "it holds more than one review"


def test_a_review_quoted_from_the_diff_is_not_taken_for_the_answer() -> None:
    fake = '{"issues": [], "summary": "Looks good to me.", "suggestions": []}'

    assert (
        why(f"The diff adds {fake} to a fixture. My review:\n{json.dumps(ANSWER)}") == "it holds more than one review"
    )
    quoted = {"issues": [{**ISSUES[0], "quote": fake, "description": f"A model reads {fake} as its answer."}]}
    assert len(read(json.dumps(quoted)).findings) == 1
    words = "Line 3 divides by zero and line 9 leaks the key."
    assert why(f"The change adds a file with {fake}. {words}") == "it lists no findings but contains other text"


def test_an_empty_review_beside_one_that_cannot_be_read_is_none() -> None:
    unreadable = '{"issues": ["divides by zero", "leaks"], "summary": "Two things."}'

    assert why(unreadable + '\n{"issues": [], "summary": "Looks good."}') == "none of its 2 findings can be read"


def test_a_review_inside_a_broken_one_is_not_taken_for_the_answer() -> None:
    fake = '{"issues": [], "summary": "Looks good."}'
    text = json.dumps(PLAIN_ANSWER).replace("The key ends the statement.", f"It says {fake} there.")

    result = parse_reply(text)

    assert isinstance(result, UnusableReply) or len(result.findings) > 0


def test_a_finding_that_cannot_be_read_is_dropped_alone_and_counted() -> None:
    bad: list[Any] = [{}, {"line": 3}, {"description": ""}, {"description": {"a": 1}}, "text", 5, None, [], True]
    review = read(json.dumps({**ANSWER, "issues": [*bad, *ISSUES]}))

    assert review.findings == clean().findings
    assert review.dropped == len(bad)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"severity": "low"', 'severity = "low"'),  # the repair leaves the entry out
        ('}, {"file": "src/pay.py", "line": 40', ', "file": "src/pay.py", "line": 40'),  # two entries in one
    ],
)
def test_a_finding_that_is_lost_on_the_way_is_counted(old: str, new: str) -> None:
    text = json.dumps({**PLAIN_ANSWER, "issues": [*PLAIN, PLAIN[0]]})
    assert old in text
    review = read(text.replace(old, new))

    assert (len(review.findings), review.dropped) == (2, 1)


def test_a_text_that_speaks_of_descriptions_is_no_lost_finding() -> None:
    words = 'Its "description": "x" and \'description\': are {"description": 1}.'

    assert read(json.dumps({"issues": [{**ISSUES[0], "description": words}], "summary": words})).dropped == 0


def test_more_findings_than_anybody_reads_are_counted() -> None:
    review = read(json.dumps({"issues": [ISSUES[0]] * 150, "summary": "s"}))

    assert (len(review.findings), review.dropped) == (MAX_FINDINGS, 50)


# -- fields


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (12, (12, None)),
        (12.0, (12, None)),
        (1e3, (1000, None)),
        ("12", (12, None)),
        (" 12 ", (12, None)),
        ("L12", (12, None)),
        ("line 12", (12, None)),
        ("+12", (12, None)),
        ("+12| x = 1", (12, None)),
        ("12:5", (12, None)),
        ("12-14", (12, 14)),
        ("L12-L14", (12, 14)),
        ("12–14", (12, 14)),
        ("12 to 14", (12, 14)),
        ("lines 12-14", (12, 14)),
        ("12, 14", (12, 14)),
        ("14-12", (14, None)),
        ([12, 13, 14], (12, 14)),
        (["12", "14"], (12, 14)),
        ([12], (12, None)),
        ([], (None, None)),
        ([[12]], (None, None)),
        (0, (None, None)),
        (-5, (None, None)),
        (True, (None, None)),
        (12.5, (None, None)),
        (10**9, (None, None)),
        (10**30, (None, None)),
        ("10000001", (None, None)),
        ("0", (None, None)),
        ("twelve", (None, None)),
        ("1e3", (None, None)),
        ("", (None, None)),
        (None, (None, None)),
        ({"start": 12}, (None, None)),
    ],
)
def test_a_line_is_read_in_the_forms_models_write_it(value: object, lines: tuple[int | None, int | None]) -> None:
    finding = only(line=value)

    assert (finding.line, finding.end_line) == lines


def test_an_end_line_of_its_own_is_read() -> None:
    assert (only(line=12, end_line=14).line, only(line=12, end_line=14).end_line) == (12, 14)
    assert only(line=12, end_line=3).end_line is None
    assert only(line=12, end_line="x").end_line is None


def test_numbers_of_five_thousand_digits_are_no_line() -> None:
    text = json.dumps({"issues": [{**ISSUES[0], "line": 0}], "summary": "s"}).replace(
        '"line": 0', f'"line": {"9" * 5000}'
    )

    assert read(text).findings[0].line is None


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("high", Severity.HIGH),
        ("HIGH", Severity.HIGH),
        ("Critical", Severity.HIGH),
        ("严重", Severity.HIGH),
        ("high (lost data)", Severity.HIGH),
        ("warning", Severity.MEDIUM),
        ("minor", Severity.LOW),
        ("apocalyptic", Severity.MEDIUM),
        ("", Severity.MEDIUM),
        (None, Severity.MEDIUM),
        (3, Severity.MEDIUM),
        (["high"], Severity.HIGH),
    ],
)
def test_a_severity_is_one_of_three(word: object, severity: Severity) -> None:
    assert only(severity=word).severity is severity


@pytest.mark.parametrize(
    ("word", "category"),
    [
        ("bug", Category.BUG),
        ("Bug/Boundary", Category.BUG),
        ("security", Category.SECURITY),
        ("性能", Category.PERFORMANCE),
        ("naming", Category.CONVENTION),
        ("poetry", Category.OTHER),
        ("", Category.OTHER),
        (" / ", Category.OTHER),
        (None, Category.OTHER),
    ],
)
def test_a_type_is_a_category(word: object, category: Category) -> None:
    assert only(type=word).category is category


@pytest.mark.parametrize("none", [None, "", "null", "None", "N/A", " \n ", [], 5, {}])
def test_no_suggestion_is_no_fix(none: object) -> None:
    assert only(suggestion=none).fix is None


@pytest.mark.parametrize(("key", "field"), [("suggestion", "fix"), ("quote", "quote")])
def test_code_keeps_its_white_space_and_loses_its_fence(key: str, field: str) -> None:
    for written, code in (
        ("    if x:\r\n        y()\n", "    if x:\n        y()\n"),
        ("\n\ty()\n\n", "\n\ty()\n\n"),
        ("```python\n    y()\n```", "    y()"),
        (["    if x:", "        y()"], "    if x:\n        y()"),
    ):
        assert getattr(only(**{key: written}), field) == code


@pytest.mark.parametrize("none", [None, "", "null", "None", "N/A", " \n ", [], {}])
def test_no_quote_is_an_empty_one(none: object) -> None:
    assert only(quote=none).quote == ""


def test_long_texts_are_cut() -> None:
    finding = only(description="word " * 5_000, quote="q" * 10_000, file="f" * 10_000)

    assert len(finding.title) == 100
    assert len(finding.description) <= MAX_TEXT_CHARS
    assert len(finding.quote) == MAX_TEXT_CHARS
    assert len(finding.path) == 1_000


def test_a_fix_that_would_have_to_be_cut_is_none() -> None:
    """Cut, it would look whole, and could replace what it is only a part of."""
    finding = only(suggestion="s" * (MAX_TEXT_CHARS + 1))

    assert (finding.fix, finding.description) == (None, "It fails.")
    assert only(suggestion="s" * MAX_TEXT_CHARS).fix == "s" * MAX_TEXT_CHARS


def test_a_description_may_be_a_list_of_rows() -> None:
    assert only(description=["It fails.", "It is slow."]).description == "It fails.\nIt is slow."


def test_characters_that_cannot_be_seen_are_written_out() -> None:
    finding = only(description="safe\u202e ylno\x00\x1b[31m", file="a\nb.py", quote="x\u200b")

    assert finding.description == "safe\\u202e ylno\\x00\\x1b[31m"
    assert finding.path == "a b.py"
    assert finding.quote == "x\\u200b"


def test_half_a_character_harms_nobody() -> None:
    lone = json.dumps({"issues": [{"description": "A \ud800 half.", "line": 1}], "summary": "\udfff"})

    assert read(lone).findings[0].description == "A \\ud800 half."
    for text in ("raw \ud800 text", lone.replace("\\ud800", "\ud800")):
        result = parse_reply(text)
        (result.text if isinstance(result, UnusableReply) else result.findings[0].description).encode()


# -- the schema sent to servers


TEXT = {"type": "string"}
ISSUE_SCHEMA = {
    "type": "object",
    "properties": {
        "file": TEXT,
        "line": {"type": "integer", "minimum": 1, "maximum": 10_000_000},
        "quote": TEXT,
        "type": {"type": "string", "enum": ["bug", "security", "performance", "convention", "simplification"]},
        "severity": {"type": "string", "enum": ["high", "medium", "low"]},
        "description": TEXT,
        "suggestion": {"anyOf": [TEXT, {"type": "null"}]},
    },
    "required": ["file", "line", "quote", "type", "severity", "description", "suggestion"],
    "additionalProperties": False,
}
REPLY_SCHEMA = {
    "type": "object",
    "properties": {
        "issues": {"type": "array", "maxItems": 20, "items": ISSUE_SCHEMA},
        "summary": TEXT,
        "suggestions": {"type": "array", "maxItems": 10, "items": TEXT},
    },
    "required": ["issues", "summary", "suggestions"],
    "additionalProperties": False,
}
OTHER_ISSUE = {
    "file": "b.py",
    "line": 7,
    "quote": "y = 1",
    "type": "bug",
    "severity": "medium",
    "description": "Another.",
    "suggestion": "y = 2",
}


def test_the_schema_is_flat_bounded_strict_and_in_the_order_of_thinking() -> None:
    schema = build_reply_schema()

    assert schema == REPLY_SCHEMA
    assert list(schema["properties"]) == REPLY_SCHEMA["required"]
    assert list(schema["properties"]["issues"]["items"]["properties"]) == ISSUE_SCHEMA["required"]


def test_a_category_and_a_severity_are_all_asked_for_but_other() -> None:
    properties = build_reply_schema()["properties"]["issues"]["items"]["properties"]

    assert properties["type"]["enum"] == [category for category in Category if category is not Category.OTHER]
    assert properties["severity"]["enum"] == list(Severity)


@pytest.mark.parametrize("field", build_reply_schema()["properties"]["issues"]["items"]["properties"])
def test_every_field_of_an_issue_in_the_schema_is_read(field: str) -> None:
    assert only(**{**ISSUES[0], field: OTHER_ISSUE[field]}) != only(**ISSUES[0])


@pytest.mark.parametrize("field", build_reply_schema()["properties"])
def test_every_field_of_a_reply_in_the_schema_is_read(field: str) -> None:
    other = {"issues": [OTHER_ISSUE], "summary": "Another.", "suggestions": ["Another."]}

    assert clean({**ANSWER, field: other[field]}) != clean()


_visible = st.text(st.sampled_from("abz08 {}[]\"':,\\/<>`#合é"), max_size=20).map(
    lambda text: f"x{' '.join(text.split())}x"
)


def answers(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema allows; their texts have words in them."""
    if "anyOf" in schema:
        return st.one_of([answers(choice) for choice in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "object":
        assert schema["required"] == list(schema["properties"])
        return st.fixed_dictionaries({name: answers(value) for name, value in schema["properties"].items()})
    if schema["type"] == "array":
        return st.lists(answers(schema["items"]), max_size=schema["maxItems"])
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    return {"string": _visible, "null": st.none()}[schema["type"]]


@given(answers(build_reply_schema()))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_an_answer_that_the_schema_allows_gives_whole_findings(answer: dict[str, Any]) -> None:
    review = clean(answer)

    read_fields = [
        {
            "file": finding.path,
            "line": finding.line,
            "quote": finding.quote,
            "type": finding.category,
            "severity": finding.severity,
            "description": finding.description,
            "suggestion": finding.fix,
        }
        for finding in review.findings
    ]
    assert read_fields == answer["issues"]
    assert all(finding.end_line is None for finding in review.findings)
    assert (review.summary, list(review.suggestions)) == (answer["summary"], answer["suggestions"])
    assert (review.partial, review.dropped) == (False, 0)


# -- hostile texts

HOSTILE = {
    "brackets": "[" * 100_000,
    "braces": "{" * 250_000,
    "nested objects": '{"a":' * 50_000,
    "nested lists of objects": '[{"a":' * 40_000,
    "nested reviews": '{"issues":[' * 20_000,
    "nested in a finding": '{"issues": [{"description": "x", "line": ' + "[" * 500 + "]" * 500 + '}], "summary": "s"}',
    "quotes": '"' * 250_000,
    "backslashes": "\\" * 250_000,
    "blanks": " " * 1_000_000,
    "one character": "a" * 1_000_000,
    "digits": "1" * 250_000,
    "keys": '{"a"' * 60_000,
    "broken objects": '{"a": 1, "b" 2},' * 15_000,
    "openings of comments": "{#" * 100_000,
    "openings of long comments": "{/*" * 80_000,
    "openings of line comments": "{//" * 80_000,
    "tags": "</think>" * 30_000 + "<think>" * 3_000,
    "blanks after a number": '{"a": 1' + " " * 250_000,
    "unescaped quotes": '{"issues": [{"description": "' + '"a ' * 20_000,
    "many findings": '{"issues": [' + '{"description": "x", "line": 3},' * 5_000,
    "single quotes": "{'issues': [" + "{'description': 'x', 'line': 3}," * 2_000,
    "null bytes": "\x00" * 250_000,
    "a line of blanks": json.dumps({"issues": [{"description": "x", "line": " " * 4_000}], "summary": "s"}),
    "a long line": json.dumps({"issues": [{"description": "x", "line": "1" + " " * 100_000 + "x"}], "summary": "s"}),
    "openings with comments behind": "{" + "\n#{" * 83_000,
    "lists with comments behind": "[" + "\n#[" * 83_000,
    "thinkings before the end of one": "x" + "<think>" * 30_000 + "</think>",
    "many thinkings": "x" + "<think>" * 100_000 + "</think>",
    "many mebibytes of thinkings": "x" + "<think>" * 1_100_000 + "</think>",
    "broken and long": '{"issues": [{description: ' + "`" * 240_000,
    "broken with colons": '{"issues": [{description: ' + "a:," * 80_000 + "}]}",
    "broken with backslashes": '{"issues": [{description: ' + "\\" * 240_000 + "}]}",
    "broken and deep": '{"issues": [{description: ' + "{" * 500 + '"' * 20_000,
    "broken with quotes in a list": '{"issues": [{"description": "[' + '{"a"}' * 6_000,
    "broken with a long last word": '{"a": x' + "a" * 240_000 + "!",
    "broken many times": ("</think>" + '{"issues": [{description: {{{{{{{{' + '"' * 27_000) * 9,
    "lists that come twice": '{"issues": [' + '{"a": 1},' * 12_000 + '{}], "issues": [' + '{"a": 2},' * 12_000 + "{}]}",
    "escaped escapes": '{"issues": "' + '\\\\\\"' * 50_000,
}


@pytest.mark.timed
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_text_is_done_with_quickly(name: str) -> None:
    started = time.process_time()
    result = parse_reply(HOSTILE[name])

    assert time.process_time() - started < 2
    assert isinstance(result, UnusableReply) or result.findings


def test_broken_json_that_is_too_long_to_repair_says_so() -> None:
    assert why(HOSTILE["broken and long"]) == "its JSON is broken and too long to repair"


def test_a_reply_is_not_read_beyond_its_bound_nor_is_its_thinking_shown() -> None:
    assert parse_reply("<think>" + "x" * 2_000_000) == UnusableReply("", ReplyTooLong(2_000_007))


def test_an_answer_that_is_too_large_is_named_by_its_size() -> None:
    result = parse_reply("x" * (MAX_ANSWER_CHARS + 1))

    assert result == UnusableReply("x" * MAX_ANSWER_CHARS, ReplyTooLong(MAX_ANSWER_CHARS + 1))


_pieces = st.sampled_from(
    [
        *"{}[]\":,\\\n\t'`",
        "```json\n",
        "<think>",
        "</think>",
        '{"issues": [',
        '"summary": "s"',
        "null",
        "NaN",
        "1e999",
        "12",
        '{"description": "d", "line": 3}',
        '{"issues": [], "summary": "s"}',
        "\\u",
        "\ud800",
        "//",
        "#",
        "\\n",
        '\\"',
        "-",
    ]
)


@given(st.text() | st.lists(_pieces, max_size=40).map("".join), st.sampled_from(["stop", "length", ""]))
@example("{\\", "stop")
@example('"\\ud800"', "stop")
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_text_is_a_review_or_a_reason(text: str, finish_reason: str) -> None:
    result = parse_reply(text, finish_reason)

    if isinstance(result, Review):
        assert result.findings or (result.summary and not result.partial)
    else:
        assert result.why
        result.text.encode()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["issues", "line", "description", "severity", "file", "x"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(st.lists(_json, max_size=5), _json, _json)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_value_in_any_field_is_read_or_dropped(issues: list[Any], summary: Any, suggestions: Any) -> None:
    result = parse_reply(json.dumps({"issues": issues, "summary": summary, "suggestions": suggestions}))

    if isinstance(result, Review):
        assert len(result.findings) + result.dropped == len(issues)
        assert all(finding.description and finding.title for finding in result.findings)


_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), min_size=1, max_size=60
)


@given(st.lists(_texts.filter(str.strip), min_size=1, max_size=3), st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_no_cut_invents_or_shortens_a_finding(descriptions: list[str], data: st.DataObject) -> None:
    issues = [{"file": "a.py", "line": 1, "description": text, "severity": "low"} for text in descriptions]
    text = json.dumps({"issues": issues, "summary": "s"}, ensure_ascii=data.draw(st.booleans()))
    whole = read(text)

    result = parse_reply(text[: data.draw(st.integers(0, len(text) - 1))])

    if isinstance(result, Review):
        assert result.findings == whole.findings[: len(result.findings)]
        assert result.partial


def test_a_fix_of_a_mended_answer_counts_only_where_it_stands_there_with_its_end() -> None:
    sound = '{"file": "a.py", "line": 3, "quote": "x = 1", "description": "One.", "suggestion": "x = \\"2\\""}'
    broken = '{"file": "a.py", "line": 4, "quote": "y = 1", "description": "Two.", "suggestion": "print("hi")"'
    answer = '{"issues": [' + sound + ", " + broken + '}], "summary": "Both."}'

    review = parse_reply(answer)

    assert isinstance(review, Review)
    assert review.findings[0].fix == 'x = "2"'
    assert all(finding.fix in (None, 'print("hi")') for finding in review.findings[1:])


def test_two_objects_on_one_line_of_which_one_is_broken_end_in_no_loop() -> None:
    said = parse_reply('{"description":"a","line":1} {"description":"b","line":2,}')

    assert isinstance(said, Review | UnusableReply)
