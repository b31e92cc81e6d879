import re
from dataclasses import replace

import pytest

from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.llm.prompt_cut import PromptCut
from iquest_review.note.summary import NoteLinks, compose_note
from iquest_review.note.words import CHINESE, ENGLISH
from iquest_review.outcome import PromptUsed, ReviewStatus, SettledFinding, SettledReason
from iquest_review.reasons import (
    FailureText,
    LostFindings,
    NothingFits,
    OutcomeReason,
    PartsNotReviewed,
    PlainReason,
    RoomKind,
    UnusableAnswer,
    describe_reason,
    redact_reason,
)
from tests.support.outcomes import outcome

CUT = PromptCut(64, 1_900)
REASONS: list[tuple[OutcomeReason, str, str]] = [
    (PlainReason.UNCHANGED, "nothing has changed since the last review", "上次评审之后没有变化"),
    (PlainReason.NOTHING_TO_REVIEW, "there is nothing to review", "没有可评审的内容"),
    (PlainReason.INCOMPLETE, "the model's answer is incomplete", "回答没有写完"),
    (PlainReason.NOT_EVERYTHING_FITS, "part of the change did not fit into the prompt", "提示词放不下全部变更"),
    (PlainReason.UNUSABLE, "the answer could not be used", "回答无法使用"),
    (PlainReason.FORK, "this pipeline runs in a fork, without", "这条流水线运行在派生项目中"),
    (LostFindings(1), "1 of the model's findings could not be read", "1 条模型的意见无法读取"),
    (
        NothingFits(3, RoomKind.LINES),
        "no part of the change fits into 3 lines (IQUEST_MAX_LINES)",
        "变更的任何部分都放不进 3 行（IQUEST_MAX_LINES）",
    ),
    (
        NothingFits(900, RoomKind.TOKENS),
        "no part of the change fits into 900 prompt tokens (IQUEST_MAX_TOKENS)",
        "变更的任何部分都放不进 900 个 token 的提示词（IQUEST_MAX_TOKENS）",
    ),
    (
        UnusableAnswer("it holds no JSON"),
        "the model's answer could not be used: it holds no JSON",
        "模型的回答无法使用：其中没有 JSON",
    ),
    (
        UnusableAnswer("it ends inside its reasoning"),
        "the model's answer could not be used: it ends inside its reasoning",
        "模型的回答无法使用：停在了思考过程中",
    ),
    (
        UnusableAnswer("it is empty"),
        "the model's answer could not be used: it is empty",
        "模型的回答无法使用：内容为空",
    ),
    (FailureText("m cannot be reached (timed out)"), "m cannot be reached (timed out)", "m 无法连接 (timed out)"),
    (CUT, "the server read 64 of about 1,900 tokens", "服务只读取了 64 个 token，全部约 1,900 个"),
    (
        PartsNotReviewed(1, 2, CUT),
        "1 of 2 parts not reviewed: the server read 64 of about 1,900 tokens",
        "2 个部分中有 1 个没有评审：服务只读取了 64 个 token",
    ),
    (
        PartsNotReviewed(2, 3, PlainReason.UNUSABLE),
        "2 of 3 parts not reviewed: the answer could not be used",
        "3 个部分中有 2 个没有评审：回答无法使用",
    ),
]
NAMES = {"JSON", "token", "Ollama", "num_ctx", "OLLAMA_CONTEXT_LENGTH", "diff", "GitLab", "UTF-8"}


def list_english(text: str) -> set[str]:
    return {word for word in re.findall(r"[A-Za-z][\w-]*", text) if not word.startswith("IQUEST_")} - NAMES


@pytest.mark.parametrize(("reason", "english", "chinese"), REASONS, ids=[row[1][:40] for row in REASONS])
def test_a_reason_has_words_in_both_languages(reason: OutcomeReason, english: str, chinese: str) -> None:
    assert describe_reason(reason).startswith(english)
    assert ENGLISH.outcome_reason(reason) == describe_reason(reason)
    assert CHINESE.outcome_reason(reason).startswith(chinese)


@pytest.mark.parametrize(
    "reason", [row[0] for row in REASONS if not isinstance(row[0], FailureText)], ids=lambda reason: repr(reason)[:60]
)
def test_a_reason_in_chinese_has_no_english_in_it(reason: OutcomeReason) -> None:
    assert list_english(CHINESE.outcome_reason(reason)) == set()


@pytest.mark.parametrize("reason", PlacementReason)
def test_a_placement_reason_in_chinese_has_no_english_in_it(reason: PlacementReason) -> None:
    assert list_english(CHINESE.placement_reason(reason)) == set()
    assert ENGLISH.placement_reason(reason) == reason.value


def test_every_plain_reason_is_among_the_rows() -> None:
    assert {row[0] for row in REASONS} >= set(PlainReason)


@pytest.mark.parametrize(
    "reason",
    [
        FailureText("m refuses: key hunter2"),
        UnusableAnswer("the server reports an error: hunter2"),
        PartsNotReviewed(1, 2, FailureText("hunter2")),
        PartsNotReviewed(1, 2, UnusableAnswer("hunter2")),
    ],
    ids=["failure", "answer", "part's failure", "part's answer"],
)
def test_a_reason_loses_its_secrets(reason: OutcomeReason) -> None:
    redacted = redact_reason(reason, lambda text: text.replace("hunter2", "•"))

    assert "hunter2" not in describe_reason(redacted)
    assert type(redacted) is type(reason)


def test_an_outcome_joins_its_reasons_into_one_sentence() -> None:
    made = outcome(status=ReviewStatus.PARTIAL, reasons=(PlainReason.INCOMPLETE, LostFindings(2)))

    assert made.reason == "the model's answer is incomplete; 2 of the model's findings could not be read"
    assert replace(made, reasons=()).reason is None


@pytest.mark.parametrize(
    "text",
    [
        "it is empty",
        "it is too long (9000001 characters)",
        "it ends inside its reasoning",
        "it holds only reasoning",
        "it breaks off before the review begins",
        "it breaks off before its first finding",
        "none of its 3 findings can be read",
        "it has no findings and no summary",
        "it lists no findings but contains other text",
        "it holds no JSON",
        "its JSON is not a review",
        "its JSON is broken and too long to repair",
        "it holds more than one review",
        "the server reports an error and does not say which",
        "10.0.0.1:8000 gave no answer within 120 s",
        "no answer in the last 45 s; no time left: the job may take 3600 s (CI_JOB_TIMEOUT)",
        "10.0.0.1:8000 refuses the key (401): check IQUEST_API_KEY",
        "10.0.0.1:8000 asks for a key (401): set IQUEST_API_KEY",
        "10.0.0.1:8000 has no /v1/chat (404): IQUEST_API_URL should end in /v1",
        "10.0.0.1:8000 redirects to 10.0.0.2: set IQUEST_API_URL to the final address",
        "10.0.0.1:8000 answered 503: no reason given",
        "10.0.0.1:8000 answered nothing",
        "10.0.0.1:8000 cannot be reached; set IQUEST_MODEL if only the list of models fails",
        "10.0.0.1:8000 does not say which model it serves; set IQUEST_MODEL",
        "10.0.0.1:8000: the proxy refuses to connect (502): no reason given",
    ],
)
def test_an_error_without_words_of_others_has_no_english_in_chinese(text: str) -> None:
    chinese = CHINESE.outcome_reason(FailureText(text))

    assert list_english(re.sub(r"/v1\S*|CI_JOB_TIMEOUT", "", chinese)) == set()


@pytest.mark.parametrize(
    "cure",
    [
        "set IQUEST_CA_FILE to the file of your own certificate authority",
        "IQUEST_API_URL must use a name that the certificate contains",
        "the server needs a new certificate",
        "check the clock of this machine",
    ],
)
def test_what_helps_against_a_certificate_is_chinese(cure: str) -> None:
    text = f"10.0.0.1: the certificate is not accepted: certificate verify failed ({cure})"

    chinese = CHINESE.outcome_reason(FailureText(text))

    assert list_english(chinese) == {"certificate", "verify", "failed"}  # OpenSSL's own words


@pytest.mark.parametrize("status", ReviewStatus)
def test_a_chinese_note_has_no_english_of_ours(status: ReviewStatus) -> None:
    made = outcome(
        status=status,
        reasons=(PlainReason.INCOMPLETE, CUT),
        prompt=PromptUsed("zh", "41cabdce86dd"),
        summary="好",
        raw="好",
        model=None,
        findings=(),
        omissions=tuple(Omission("1", reason, 2) for reason in Reason),
        settled=tuple(SettledFinding("", why) for why in SettledReason),
        steering=("2",),
        ignored_settings=("IQUEST_X",),
        merged=2,
    )

    body = compose_note(made, NoteLinks("https://gitlab.example.com", "https://j"))
    visible = re.sub(r"<[^>]*>|`[^`]*`", "", body).replace("\\", "")  # no tags, links, code and escapes

    assert list_english(visible) <= {"zh", "iquest-review"}
