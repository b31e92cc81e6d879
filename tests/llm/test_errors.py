"""What an answer means that holds no reply: the recordings of real servers, and the wordings of others."""

import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.errors import (
    ContextExceededError,
    FormatRefusedError,
    ModelError,
    ModelRefusedError,
    ModelUnreachableError,
)
from iquest_review.llm.errors import (
    AccessDeniedError,
    ModelNotServedError,
    NoRouteError,
    ParameterRefusedError,
    RequestContext,
    TransientModelError,
    classify_failure,
    explain_non_json,
)
from iquest_review.net.error_body import extract_error_message, mask_key
from iquest_review.net.proxy import Proxy

RECORDINGS = Path(__file__).parents[1] / "data" / "model_server"
MEANINGS = {
    "llama-cpp-python-0.3.36/auth_missing": AccessDeniedError,
    "llama-cpp-python-0.3.36/context_overflow_prompt": ContextExceededError,
    "llama-cpp-python-0.3.36/json_schema": FormatRefusedError,
    "llama-cpp-python-0.3.36/malformed_json": TransientModelError,
    "llama-cpp-python-0.3.36/x_request_id": ModelRefusedError,
    "llama-server/auth_missing": AccessDeniedError,
    "llama-server/context_overflow_prompt": ContextExceededError,
    "llama-server/json_schema_bad": FormatRefusedError,
    "llama-server/malformed_json": TransientModelError,
    "llama-server/method_not_allowed": NoRouteError,
    "llama-server/missing_messages": ModelRefusedError,
    "llama-server/n2": ModelRefusedError,
    "llama-server/not_found_path": NoRouteError,
    "llama-server/response_format_unknown": FormatRefusedError,
    "transformers-serve-5.23.0/guided_json": ModelRefusedError,
    "transformers-serve-5.23.0/tokenize_prompt": NoRouteError,
    "transformers-serve-5.23.0/top_k_min_p": ModelRefusedError,
    "vllm-0.32.0/auth_missing": AccessDeniedError,
    "vllm-0.32.0/auth_wrong": AccessDeniedError,
    "vllm-0.32.0/context_overflow_max_tokens": ContextExceededError,
    "vllm-0.32.0/context_overflow_prompt": ContextExceededError,
    "vllm-0.32.0/empty_messages": ModelRefusedError,
    "vllm-0.32.0/json_schema_bad": FormatRefusedError,
    "vllm-0.32.0/json_schema_missing_schema": FormatRefusedError,
    "vllm-0.32.0/malformed_json": ModelRefusedError,
    "vllm-0.32.0/max_tokens_0": ModelRefusedError,
    "vllm-0.32.0/method_not_allowed": NoRouteError,
    "vllm-0.32.0/not_found_path": NoRouteError,
    "vllm-0.32.0/response_format_unknown": FormatRefusedError,
    "vllm-0.32.0/structured_outputs_two": ModelRefusedError,
    "vllm-0.32.0/temperature_bad": ModelRefusedError,
    "vllm-0.32.0/wrong_model": ModelNotServedError,
}


def meaning(
    status: int, body: object = "", *, form: str | None = None, headers: dict[str, str] | None = None
) -> ModelError:
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return classify_failure(
        RequestContext("host:8000", "/v1/chat/completions", "iquest", form), status, headers or {}, content
    )


def recorded(case: str) -> dict[str, Any]:
    recording: dict[str, Any] = json.loads((RECORDINGS / f"{case}.json").read_text(encoding="utf-8"))
    return recording


@pytest.mark.parametrize("case", sorted(MEANINGS))
def test_what_real_servers_answered_has_its_name(case: str) -> None:
    recording = recorded(case)
    sent, answered = recording["request"].get("body"), recording["response"]
    form = (sent.get("response_format") or {}).get("type") if isinstance(sent, dict) else None

    error = meaning(answered["status"], answered.get("json") or answered.get("text") or "", form=form)

    assert type(error) is MEANINGS[case]


def test_no_recorded_refusal_is_left_out() -> None:
    refused = {
        path.relative_to(RECORDINGS).with_suffix("").as_posix()
        for path in RECORDINGS.glob("*/*.json")
        if json.loads(path.read_text(encoding="utf-8"))["response"]["status"] >= 400
    }

    assert refused == set(MEANINGS)


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4488 in the messages, "
        "512 in the completion). Please reduce the length of the messages or completion.",
        "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens. Please "
        "reduce the length of the input messages.",
        "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is 4096 "
        "tokens and your request has 500 input tokens (4000 > 4096 - 500).",
        "You passed 4097 input tokens and requested 512 output tokens. However, the model's context length is only "
        "4096 tokens, resulting in a maximum input length of 3584 tokens. Please reduce the input.",
        "This model's maximum context length is 4096 tokens. However, you requested 512 output tokens and your prompt "
        "contains at least 3585 input tokens, for a total of at least 4097 tokens.",
        "This model's maximum context length is 8192 tokens. However, your prompt contains 900000 characters (more "
        "than it could ever hold).",
        "max_tokens=32768 cannot be greater than max_model_len=8192. Please request fewer output tokens.",
        "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
        "Requested token count exceeds the model's maximum context length of 8192 tokens.",
        "Requested tokens (20490) exceed context window of 8192",
        "request (20496 tokens) exceeds the available context size (8192 tokens), try increasing it",
        "the input length exceeds the context length",
        "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context "
        "length of only 4096 tokens",
        "litellm.BadRequestError: " + "x" * 500 + " maximum context length is 4096",
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 512 `max_new_tokens`",
        "`inputs` must have less than 4096 tokens. Given: 5000",
        "Prompt is too long",
    ],
)
@pytest.mark.parametrize("status", [400, 422, 500])
def test_every_wording_of_a_full_context_is_one_failure(words: str, status: int) -> None:
    assert type(meaning(status, {"error": {"message": words}})) is ContextExceededError


def test_a_full_context_is_told_by_its_code_alone() -> None:
    assert type(meaning(400, {"error": {"message": "", "code": "context_length_exceeded"}})) is ContextExceededError


def test_a_body_that_is_too_large_is_a_full_context_whoever_says_so() -> None:
    assert type(meaning(413, "<html><h1>413 Request Entity Too Large</h1></html>")) is ContextExceededError


@pytest.mark.parametrize("status", [400, 422, 500, 501])
def test_a_format_is_refused_only_when_one_was_sent(status: int) -> None:
    words = {"detail": "response_format is not supported"}

    assert type(meaning(status, words, form="json_schema")) is FormatRefusedError
    assert not isinstance(meaning(status, words), FormatRefusedError)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 529])
def test_a_passing_status_is_transient(status: int) -> None:
    error = meaning(status, "<html><body>Bad <b>luck</b></body></html>")

    assert isinstance(error, TransientModelError)
    assert isinstance(error, ModelUnreachableError)
    assert str(error) == f"host:8000 answered {status}: Bad luck"


@pytest.mark.parametrize("status", [201, 204, 400, 401, 402, 403, 404, 405, 410, 418, 422, 451, 501])
def test_a_lasting_status_is_a_refusal(status: int) -> None:
    assert type(meaning(status, {"error": "no"})) in (ModelRefusedError, NoRouteError, AccessDeniedError)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_names_the_host_alone(status: int) -> None:
    error = meaning(status, headers={"Location": "https://user:secret@login.example/x?token=secret"})

    assert str(error).startswith("host:8000 redirects to login.example: set IQUEST_API_URL")
    assert "secret" not in str(error)


def test_a_refused_key_is_told_without_the_servers_words() -> None:
    for status in (401, 403):
        assert str(meaning(status, "sk-hidden")) == f"host:8000 refuses the key ({status}): check IQUEST_API_KEY"


def test_an_unknown_model_is_told_with_those_that_are_known() -> None:
    error = meaning(404, recorded("vllm-0.32.0/wrong_model")["response"]["json"])

    assert "does not serve the model 'iquest'" in str(error)
    assert "Valid aliases: tiny" in str(error)


def test_a_wrong_path_is_told_with_the_right_form() -> None:
    assert str(meaning(404, {"detail": "Not Found"})) == (
        "host:8000 has no /v1/chat/completions (404): IQUEST_API_URL should end in /v1"
    )


def test_the_wait_that_a_server_asks_for_is_kept_and_told() -> None:
    asked = meaning(503, "busy", headers={"Retry-After": "300"})
    dated = meaning(503, "busy", headers={"Retry-After": formatdate(time.time() + 60, usegmt=True)})
    absurd = meaning(503, "busy", headers={"Retry-After": "-1"})

    assert isinstance(asked, TransientModelError)
    assert asked.wait == 300
    assert "it asks to come back in 300 s" in str(asked)
    assert isinstance(dated, TransientModelError)
    assert dated.wait == pytest.approx(60, abs=3)
    assert isinstance(absurd, TransientModelError)
    assert absurd.wait is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "out of\nluck", "code": 1}}, "out of luck"),
        ({"error": "Unauthorized"}, "Unauthorized"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [{"loc": ["body"], "msg": "bad"}]}, '[{"loc": ["body"], "msg": "bad"}]'),
        ({"object": "error", "message": "flat", "code": 400}, "flat"),
        ("Internal Server Error", "Internal Server Error"),
        ("<html><title>502</title><hr>nginx</html>", "502 nginx"),
        ("", ""),
        (b"\xff\xfe", "��"),
        ({"error": "\x1b[31mred\r\nsection_start:1:x"}, "\\x1b[31mred section_start:1:x"),
        ("[" * 100_000, "[" * 299 + "…"),
    ],
)
def test_the_servers_words_are_one_bounded_line(body: object, words: str) -> None:
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()

    assert extract_error_message(content) == words


@pytest.mark.parametrize("key", ["sk-hidden-1234", "a/b+c==", 'quo"te', "ab%cd"])
def test_an_echoed_key_is_masked_in_every_form(key: str) -> None:
    echoes = json.dumps({"error": f"Bearer {key}", "url": f"?k={quote(key, safe='')}"}).encode()
    slashed = key.replace("/", "\\/").encode()

    hidden = mask_key(echoes + slashed, key)

    assert hidden.count(b"***") == 3
    assert key.encode() not in hidden


def test_a_key_that_stands_for_none_hides_nothing() -> None:
    assert mask_key(b"an apple", "a") == b"an apple"
    assert mask_key(b"an apple", None) == b"an apple"


def test_a_key_is_masked_however_often_it_is_escaped() -> None:
    for echo in (b"\\u0073k-1234", b"\\\\u0073k\\\\u002D1234", b"%73k-1234"):
        assert mask_key(b"Bearer " + echo + b".", "sk-1234") == b"Bearer ***."


def test_a_redirect_to_no_address_is_named() -> None:
    error = classify_failure(RequestContext("host", "/v1", None, None), 302, {"Location": "http://["}, b"")

    assert str(error).startswith("host redirects to another address")


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (400, {"error": {"message": "Unrecognized request argument supplied: top_p", "param": "top_p"}}, "top_p"),
        (400, {"error": {"message": "UnsupportedParamsError: m does not support parameters: ['top_p']"}}, "top_p"),
        (400, {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported"}}, "max_tokens"),
        (422, {"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]}, "temperature"),
    ],
)
def test_a_parameter_that_a_server_does_not_know_is_named(status: int, body: object, name: str) -> None:
    error = classify_failure(RequestContext("host", "/v1", None, None), status, {}, json.dumps(body).encode())

    assert isinstance(error, ParameterRefusedError)
    assert error.name == name


def test_a_list_of_models_is_no_prompt_that_is_too_long() -> None:
    """An address that leads to the wrong route answers 200, and names a context window all the same."""
    models = {"object": "list", "data": [{"id": "m", "max_model_len": 4096}]}

    error = classify_failure(RequestContext("host", "/v1", None, None), 200, {}, json.dumps(models).encode())

    assert "answered without a choice" in str(error)


# -- whose refusal it is


PROXY = Proxy("HTTP_PROXY", "http://user:hidden@proxy:3128")


def refused(status: int, body: str, *, has_key: bool = True, proxy: Proxy | None = None) -> ModelError:
    asked = RequestContext(
        "host through the proxy proxy:3128" if proxy else "host", "/v1/models", "m", None, has_key, proxy
    )
    return classify_failure(asked, status, {}, body.encode())


def test_a_server_that_wants_a_key_where_none_is_set_says_so() -> None:
    assert str(refused(401, "{}", has_key=False)) == "host asks for a key (401): set IQUEST_API_KEY"


def test_a_refusal_without_a_key_is_not_the_keys() -> None:
    told = "host refuses a request without a key (403): Not from here; should IQUEST_API_KEY be set?"

    assert str(refused(403, '{"error": "Not from here"}', has_key=False)) == told


@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize("status", [401, 403])
def test_a_page_behind_a_proxy_may_be_the_proxys(status: int, has_key: bool) -> None:
    error = refused(status, "<h1>Access denied</h1> by policy", has_key=has_key, proxy=PROXY)

    assert type(error) is AccessDeniedError
    assert str(error) == (
        f"host through the proxy proxy:3128 refuses the request ({status}): Access denied by policy; "
        "the answer may come from the proxy"
    )


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NoRouteError), (418, ModelRefusedError), (502, TransientModelError)]
)
def test_any_status_behind_a_proxy_may_be_the_proxys_and_keeps_its_meaning(status: int, kind: type[ModelError]) -> None:
    error = refused(status, "<h1>Nowhere</h1>", proxy=PROXY)

    assert type(error) is kind
    assert f"({status}): Nowhere; the answer may come from the proxy" in str(error).replace(
        f"answered {status}:", f"({status}):"
    )


def test_a_server_that_speaks_json_is_not_doubted_behind_a_proxy() -> None:
    assert "the proxy may" not in str(refused(404, '{"detail": "Not Found"}', proxy=PROXY))
    assert str(refused(401, "{}", proxy=PROXY)).endswith("refuses the key (401): check IQUEST_API_KEY")


def test_a_proxy_that_wants_a_password_is_told_its_variable() -> None:
    wanting = Proxy("ALL_PROXY", "http://proxy")

    assert str(refused(407, "", proxy=wanting)).endswith(
        ": the proxy asks for a user name and password: set them in ALL_PROXY (407)"
    )
    assert str(refused(407, "", proxy=PROXY)).endswith(
        ": the proxy does not accept the user name and password in HTTP_PROXY (407)"
    )
    assert "hidden" not in f"{refused(407, '', proxy=PROXY)} {PROXY!r}"


@pytest.mark.parametrize(
    "words",
    [
        "<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
        "Client sent an HTTP request to an HTTPS server.\n",
    ],
)
def test_a_port_of_tls_that_tells_so_is_believed(words: str) -> None:
    assert str(refused(400, words)) == "host speaks TLS: should IQUEST_API_URL begin with https://?"


@pytest.mark.parametrize(
    ("address", "host", "problem"),
    [
        ("http://", "", "it names no host"),
        ("http://user:hidden@", "", "it names no host"),
        ("://", "", "it should begin with http://"),
        ("SOCKS5h://proxy:1080", "proxy:1080", "socks proxies are not supported"),
        ("ftp://proxy", "proxy", "it should begin with http://"),
        ("proxy:abc", "proxy:abc", "its host or port cannot be read"),
        ("http://user:hidden@[", "[", "its host or port cannot be read"),
    ],
)
def test_an_address_of_a_proxy_that_cannot_be_used_says_why(address: str, host: str, problem: str) -> None:
    assert (Proxy("HTTPS_PROXY", address).host, Proxy("HTTPS_PROXY", address).flaw) == (host, problem)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=30), st.text(st.characters(codec="ascii", exclude_characters="/?#@"), max_size=8))
def test_no_address_of_a_proxy_tells_its_password(text: str, host: str) -> None:
    proxy = Proxy("HTTPS_PROXY", f"http://user:hid{text}den@{host}")

    for told in (proxy.host, proxy.flaw, str(proxy.explain_refusal("m:8000", 407, "")), repr(proxy)):
        assert "hid" not in told.replace(host, "")
        assert len(told.splitlines()) <= 1


# -- what is no answer at all


def test_a_page_in_the_models_place_is_shown_and_asks_for_the_address() -> None:
    told = "m:8000 answered something that is not JSON: Sign in; does IQUEST_API_URL name the model server?"

    assert str(explain_non_json("m:8000", b"<!DOCTYPE html><title>Sign in</title>")) == told


def test_other_words_in_the_models_place_are_shown_alone() -> None:
    told = "m:8000 answered something that is not JSON: data: [DONE]"

    assert str(explain_non_json("m:8000", b"data: [DONE]\n\n")) == told
    assert len(str(explain_non_json("m:8000", b"x" * 10_000))) < 150
    assert str(explain_non_json("m:8000", b" \n")) == "m:8000 answered nothing"
