"""Each reason in each language: nothing is missing, and a Chinese note has no English of ours in it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from iquest_review.errors import UsageError
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.findings.placed import PlacedFinding
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.note import summary
from iquest_review.note.summary import PostedState
from iquest_review.note.words import CHINESE, ENGLISH
from iquest_review.outcome import Outcome, PromptUsed, ReviewStatus, SettledFinding, SettledReason
from iquest_review.reasons.connection import CertificateCure, CertificateRejected
from iquest_review.reasons.model_server import RequestRefused
from iquest_review.reasons.review import AnswerIncomplete, NothingNew, NothingToReview, OtherReason, OutcomeReason
from iquest_review.reports import review_file, stored_review
from tests.support.outcomes import AROUND, finding, full, later, outcome
from tests.support.reasons import DOWN, NO_JSON, list_reasons

SAID = "‹said›"
REASONS = list(list_reasons(SAID))
EACH = pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.kind)
# Names of settings, programs and formats; the rest of a Chinese text is Chinese.
NAMES = {
    *("IQUEST_API_URL", "IQUEST_API_KEY", "IQUEST_MODEL", "IQUEST_TIMEOUT", "IQUEST_CA_FILE", "IQUEST_CLIENT_CERT"),
    *("IQUEST_MAX_TOKENS", "IQUEST_MAX_LINES", "IQUEST_MAX_FINDINGS", "REQUESTS_CA_BUNDLE", "CI_JOB_TIMEOUT"),
    *("OLLAMA_CONTEXT_LENGTH", "num_ctx", "Ollama", "GitLab", "JSON", "TLS", "SOCKS", "UTF", "token", "MiB"),
    *("http", "https", "v1", "review", "json", "ignore", "zh", "IQuest", "Coder"),
}


def find_english(text: str) -> set[str]:
    """Return the Latin words of a note that are no names: links, code and what servers say are left out."""
    text = re.sub(r"<!--.*?-->|</?(?:details|summary)>|\]\(<[^>]*>\)|(`+).*?\1", " ", text, flags=re.DOTALL)
    return set(re.findall(r"[A-Za-z][A-Za-z0-9_]+", text.replace("\\", ""))) - NAMES


def compose_chinese(*reasons: OutcomeReason, status: ReviewStatus = ReviewStatus.PARTIAL) -> str:
    """Return a note that has each of its sections."""
    made = outcome(
        status=status,
        reasons=reasons,
        raw=SAID,
        prompt=PromptUsed("zh", "41cabdce86dd"),
        omissions=tuple(Omission("1", why, 2) for why in Reason),
        settled=tuple(SettledFinding("", why) for why in SettledReason),
        findings=tuple(
            finding(line=None, title="好。", description="好。", quote="", fix=None, placement_reason=why)
            for why in PlacementReason
        ),
        steering=("2",),
        ignored_settings=("IQUEST_X",),
        merged=2,
    )
    return summary.compose_note(made, AROUND)


def test_every_kind_of_reason_is_listed() -> None:
    assert {type(reason) for reason in REASONS} == set(get_args(OutcomeReason))
    assert len({reason.kind for reason in REASONS}) == len(get_args(OutcomeReason))


@EACH
def test_each_reason_has_an_english_sentence(reason: OutcomeReason) -> None:
    text = ENGLISH.outcome_reason(reason)

    assert text == str(reason)
    assert re.fullmatch(r"[^\n]+", text)
    assert type(reason).__name__ + "(" not in text
    assert "None" not in text


@EACH
def test_each_reason_has_a_chinese_sentence(reason: OutcomeReason) -> None:
    text = CHINESE.outcome_reason(reason)

    assert re.search("[\u4e00-\u9fff]", text) or isinstance(reason, OtherReason)
    assert find_english(text) <= {"said", "a", "b"}
    assert "None" not in text


@EACH
def test_the_details_of_a_reason_are_in_both_languages(reason: OutcomeReason) -> None:
    def find_details(text: str) -> list[str]:
        return sorted(re.findall(rf"{SAID}|\b\d+\b|IQUEST_\w+|CI_\w+|REQUESTS_\w+", text))

    assert find_details(CHINESE.outcome_reason(reason)) == find_details(str(reason))


@pytest.mark.parametrize("status", [ReviewStatus.PARTIAL, ReviewStatus.NOT_REVIEWED, ReviewStatus.RAW])
def test_a_chinese_note_of_any_reason_has_no_english(status: ReviewStatus) -> None:
    for reason in REASONS:
        assert find_english(compose_chinese(reason, status=status)) <= {"said"}, reason


def say_in_chinese(findings: tuple[PlacedFinding, ...]) -> tuple[PlacedFinding, ...]:
    return tuple(replace(each, title="好。", description="好。", quote="", fix=None) for each in findings)


@pytest.mark.parametrize("made", [(full("zh"), None), later("zh")], ids=["first", "later"])
def test_the_chinese_note_of_a_whole_review_has_no_english(made: tuple[Outcome, PostedState | None]) -> None:
    review, posted = made
    review = replace(review, summary="好。", before="", suggestions=("好。",), findings=say_in_chinese(review.findings))
    if posted:
        rows = [row._replace(title="好。") for row in posted.rows]
        findings = say_in_chinese(posted.note_memory.findings)
        posted = PostedState(rows, replace(posted.note_memory, findings=findings))

    assert find_english(summary.compose_note(review, AROUND, posted)) == set()


def test_several_reasons_are_one_sentence_in_each_language() -> None:
    reasons = (AnswerIncomplete(), NO_JSON)

    assert outcome(reasons=reasons).reason == "the model's answer is incomplete; it holds no JSON"
    assert "⚠️ 只评审了一部分：模型的回答不完整；其中没有 JSON\n" in compose_chinese(*reasons)


# -- in review.json


def write_and_read(folder: Path, changed: dict[str, Any], **fields: Any) -> Outcome:
    value = json.loads(review_file.dump_review(outcome(**fields)))
    path = folder / "review.json"
    path.write_text(json.dumps(value | changed))
    return stored_review.load_review(path)


def test_every_reason_comes_back_from_review_json(tmp_path: Path) -> None:
    assert write_and_read(tmp_path, {}, reasons=tuple(REASONS)).reasons == tuple(REASONS)


def test_review_json_says_the_reason_in_english_and_as_a_value() -> None:
    value = json.loads(review_file.dump_review(outcome(reasons=(DOWN,), prompt=PromptUsed("zh", "x"))))

    assert value["reason"] == "model:8000 cannot be reached: Connection refused"
    assert value["reasons"] == [
        {
            "kind": "unreachable",
            "host": "model:8000",
            "cause": {"by": "Connection refused", "detail": ""},
        }
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("there is nothing to review", NothingToReview()),
        ("nothing has changed since the last review", NothingNew()),
        ("the model's answer is incomplete", AnswerIncomplete()),
        ("m:8000 cannot be reached: timed out", OtherReason("m:8000 cannot be reached: timed out")),
    ],
)
def test_a_review_json_with_words_alone_is_read(text: str, reason: OutcomeReason, tmp_path: Path) -> None:
    value = json.loads(review_file.dump_review(outcome()))
    del value["reasons"]
    path = tmp_path / "review.json"
    path.write_text(json.dumps(value | {"reason": text}))

    assert stored_review.load_review(path).reasons == (reason,)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ([{"kind": "new"}], "reasons.0: Input should be a known kind of reason"),
        ([{"kind": "key_wanted", "host": "m"}], "reasons.0: status: "),
        ([{"kind": "key_wanted", "host": 1, "status": 401}], "reasons.0: host: "),
        ([{"kind": "key_wanted", "host": "m", "status": "401"}], "reasons.0: status: "),
        ([{"kind": ["key_wanted"]}], "reasons.0: "),
        (["key_wanted"], "reasons.0: "),
        ("key_wanted", "reasons: "),
        ([{"kind": "unreachable", "host": "m", "cause": {"by": "magic"}}], "reasons.0: cause.by: "),
        ([{"kind": "parts_not_reviewed", "failed": 1, "asked": 2, "problem": {"kind": "other_reason"}}], "reasons.0: "),
    ],
)
def test_a_wrong_reason_is_refused_and_its_place_named(wrong: object, place: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"is not a review.json: {place}"):
        write_and_read(tmp_path, {"reasons": wrong})


# -- without secrets


@EACH
def test_every_text_of_a_reason_is_redacted(reason: OutcomeReason) -> None:
    clean = reason.redact(lambda text: text.replace(SAID, "***"))

    assert SAID not in f"{clean!r}{CHINESE.outcome_reason(clean)}"
    assert type(clean) is type(reason)


def test_redacting_leaves_what_is_no_text_as_it_is() -> None:
    rejected = CertificateRejected("m", "expired", "V", CertificateCure.CLOCK)

    assert rejected.redact(str.upper) == CertificateRejected("M", "EXPIRED", "V", CertificateCure.CLOCK)
    assert RequestRefused("m", 400, "no").redact(str) == RequestRefused("m", 400, "no")
