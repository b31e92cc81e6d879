"""What a server's own count of prompt tokens says about how much of the prompt it read."""

from typing import Any

import pytest

from iquest_review.llm.client import ModelClient, Sampling
from iquest_review.llm.prompt_cut import SentPrompts, count_fewest_tokens
from iquest_review.net.address import Address
from iquest_review.reasons.prompt import PromptCut
from tests.support.model.double import EMPTY_REVIEW, Fault, ModelDouble

PROSE = "The quick brown fox jumps over the lazy dog and says nothing of it. " * 120  # 8,160 bytes, about 1,800 tokens
MESSAGES = [{"role": "system", "content": "Review."}, {"role": "user", "content": PROSE}]


def client(url: str) -> ModelClient:
    sampling = Sampling(0.2, 0.9, 256)
    return ModelClient(Address.parse(url), model="m", key=None, sampling=sampling, timeout=10, retry_seconds=1)


def ask(usage: Any, **more: Any) -> PromptCut | None:
    """How a server that reports this usage cut the prompt."""
    body = {"choices": [{"message": {"content": EMPTY_REVIEW}, "finish_reason": "stop"}], "usage": usage, **more}
    with ModelDouble(model="m", replies=[Fault(body=body)]) as double:
        return client(double.url).complete(MESSAGES, None).cut


@pytest.mark.parametrize("read", [64, 100, 512, 900])
def test_a_count_far_below_the_text_is_a_cut_prompt(read: int) -> None:
    cut = ask({"prompt_tokens": read})

    assert cut is not None
    assert (cut.read, 1_500 < cut.sent < 4_000) == (read, True)


@pytest.mark.parametrize(
    "usage",
    [
        pytest.param({"prompt_tokens": 1_800}, id="all read"),
        pytest.param({"prompt_tokens": 1_400}, id="a large vocabulary"),
        pytest.param({"prompt_tokens": 0}, id="zero"),
        pytest.param({"prompt_tokens": 1}, id="one: the prompt was in the cache"),
        pytest.param({"prompt_tokens": None}, id="null"),
        pytest.param({"prompt_tokens": -64}, id="negative"),
        pytest.param({"prompt_tokens": "64"}, id="text"),
        pytest.param({"prompt_tokens": 64.5}, id="fraction"),
        pytest.param({"prompt_tokens": True}, id="boolean"),
        pytest.param({}, id="no count"),
        pytest.param(None, id="no usage"),
        pytest.param([64], id="usage is a list"),
        pytest.param({"prompt_tokens": 64, "prompt_tokens_details": {"cached_tokens": 1_700}}, id="cached: OpenAI"),
        pytest.param({"prompt_tokens": 64, "prompt_cache_hit_tokens": 1_700}, id="cached: DeepSeek"),
        pytest.param({"prompt_tokens": 64, "cache_read_input_tokens": 1_700}, id="cached: Anthropic"),
        pytest.param({"prompt_tokens": 64, "cached_tokens": 1_700}, id="cached: flat"),
    ],
)
def test_a_count_that_may_be_right_or_is_none_is_no_evidence(usage: Any) -> None:
    assert ask(usage) is None


def test_cached_tokens_that_llama_cpp_reports_apart_count_as_read() -> None:
    assert ask({"prompt_tokens": 64}, timings={"cache_n": 1_700, "prompt_n": 64}) is None


@pytest.mark.parametrize("details", [None, {"cached_tokens": 0}, {"cached_tokens": None}, {"cached_tokens": "x"}, []])
def test_cache_details_without_a_number_do_not_hide_a_cut(details: Any) -> None:
    assert ask({"prompt_tokens": 64, "prompt_tokens_details": details}) is not None


def test_ollama_cuts_a_long_prompt_and_the_client_sees_it() -> None:
    with ModelDouble(server="ollama", model="m", window=256) as double:
        reply = client(double.url).complete(MESSAGES, None)

    assert reply.cut is not None
    assert reply.cut.read == reply.prompt_tokens == 256


def test_a_cut_names_its_numbers_and_the_cure() -> None:
    text = str(PromptCut(64, 1_900))

    assert text.startswith("the server read 64 of about 1,900 tokens: ")
    assert all(word in text for word in ("num_ctx", "OLLAMA_CONTEXT_LENGTH", "router", "IQUEST_MAX_TOKENS"))


def test_a_prompt_sent_before_may_be_cached_without_being_counted() -> None:
    sent = SentPrompts()

    assert sent.find_cut(MESSAGES, 1_800) is None
    assert sent.find_cut([*MESSAGES, {"role": "user", "content": "Once more, as JSON."}], 12) is None


def test_what_differs_from_earlier_prompts_must_be_counted() -> None:
    sent = SentPrompts()
    sent.find_cut(MESSAGES, 1_800)

    assert sent.find_cut([MESSAGES[0], {"role": "user", "content": "Part 2. " + PROSE}], 64) is not None


@pytest.mark.parametrize(
    ("text", "tokens"),
    [  # tokens of o200k, the largest vocabulary in wide use, or fewer
        pytest.param("x = compute(1)\n" * 100, 600, id="code"),
        pytest.param("if a:\n" + " " * 4_000 + "b()\n", 6, id="a long run of blanks"),
        pytest.param("=" * 8_000 + "\n" + "-" * 8_000, 200, id="rules of one sign"),
        pytest.param("A" * 8_000, 500, id="one letter"),
        pytest.param("aGVsbG8gd29ybGQhIQ" * 100, 1_000, id="base64"),
        pytest.param("这个函数没有检查输入的长度，因此可能会越界。" * 50, 600, id="Chinese"),
        pytest.param("この関数は入力の長さを確認していません。" * 50, 500, id="Japanese"),
        pytest.param("Эта функция не проверяет длину входных данных. " * 50, 450, id="Russian"),
        pytest.param("यह फ़ंक्शन इनपुट की लंबाई की जाँच नहीं करता है। " * 50, 550, id="Hindi"),
        pytest.param("ฟังก์ชันนี้ไม่ตรวจสอบความยาวของข้อมูล" * 50, 550, id="Thai"),
        pytest.param("이 함수는 입력 길이를 확인하지 않습니다. " * 50, 550, id="Korean"),
        pytest.param("naïve résumé déjà vu " * 50, 350, id="accents"),
        pytest.param("", 0, id="nothing"),
    ],
)
def test_the_fewest_tokens_are_fewer_than_a_tokenizer_makes(text: str, tokens: int) -> None:
    assert count_fewest_tokens(text) <= tokens
