"""One completion over HTTP: what is sent, what is asked again within one budget, where the key stays.

Where only the client's request matters, `responses` answers; the double and raw sockets serve for behaviour: time
limits, streams, real servers.
"""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from responses.matchers import header_matcher, json_params_matcher
from responses.registries import OrderedRegistry

from iquest_review.errors import (
    ContextExceededError,
    FormatRefusedError,
    ModelError,
    ModelRefusedError,
    ModelUnreachableError,
    UsageError,
)
from iquest_review.llm import client as module
from iquest_review.llm.client import ModelClient, Sampling
from iquest_review.llm.token_counters import TEMPLATE_TOKENS
from iquest_review.net.address import Address
from tests.support.model.double import EMPTY_REVIEW, MODEL, Fault, ModelDouble, Reply, ServerName

KEY = "sk-hidden-0123456789"
MESSAGES = [{"role": "system", "content": "You review."}, {"role": "user", "content": "Review this."}]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "review", "schema": {"type": "object", "required": ["issues"]}},
}
BASE = "http://127.0.0.1:8000/v1"
CHAT, LIST = f"{BASE}/chat/completions", f"{BASE}/models"
ALL: list[ServerName] = ["vllm", "llama-server", "llama-cpp-python", "transformers", "ollama"]


class Clock:
    """Sleeps without sleeping."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def make_client(
    url: str,
    *,
    model: str | None = MODEL,
    key: str | None = None,
    max_tokens: int = 512,
    timeout: float = 5,
    retry_seconds: float = 100,
    sleep: Clock | None = None,
) -> ModelClient:
    return ModelClient(
        Address.parse(url),
        model=model,
        key=key,
        sampling=Sampling(0.2, 0.95, max_tokens),
        timeout=timeout,
        retry_seconds=retry_seconds,
        sleep=sleep or Clock(),
    )


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    """The server at BASE: each answer is given once, in the order in which it was added, and none is left over."""
    with responses.RequestsMock(registry=OrderedRegistry) as mock:
        yield mock


def completion(text: str = "Fine.") -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}}]}


def sent(answers: responses.RequestsMock, index: int = 0) -> dict[str, Any]:
    """The body of a request."""
    body: dict[str, Any] = json.loads(answers.calls[index].request.body or b"null")
    return body


def refused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def raw_server(answer: list[bytes], pause: float) -> Iterator[str]:
    """A server that sends these pieces with a pause between them, whatever it is asked."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                while not connection.recv(65536).endswith(b"}"):
                    pass
                for piece in answer:
                    try:
                        connection.sendall(piece)
                    except OSError:
                        return
                    if closing.wait(pause):
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        closing.set()
        thread.join(2)


# -- what is sent


def test_a_question_carries_the_sampling_and_the_messages(answers: responses.RequestsMock) -> None:
    body = {"model": MODEL, "temperature": 0.2, "top_p": 0.95, "max_tokens": 512, "messages": MESSAGES}
    answers.post(CHAT, json=completion(), match=[json_params_matcher(body)])

    make_client(BASE).complete(MESSAGES, None)

    assert "Authorization" not in answers.calls[0].request.headers


def test_a_url_that_says_completions_is_asked_with_one_text(answers: responses.RequestsMock) -> None:
    prompt = json_params_matcher({"prompt": "You review.\n\nReview this.\n\n"}, strict_match=False)
    answers.post(f"{BASE}/completions", json={"choices": [{"text": "Fine."}]}, match=[prompt])

    reply = make_client(f"{BASE}/completions").complete(MESSAGES, None)

    assert reply.text == "Fine."
    assert "messages" not in sent(answers)


def test_a_format_is_sent_as_it_is(answers: responses.RequestsMock) -> None:
    matcher = json_params_matcher({"response_format": SCHEMA}, strict_match=False)
    answers.post(CHAT, json=completion(), match=[matcher])

    make_client(BASE).complete(MESSAGES, SCHEMA)


def test_the_key_travels_in_its_header_alone(answers: responses.RequestsMock) -> None:
    matcher = header_matcher({"Authorization": f"Bearer {KEY}"})
    answers.get(LIST, json={"data": [{"id": MODEL}]}, match=[matcher])
    answers.post(CHAT, json=completion(), match=[matcher])
    model = make_client(BASE, key=KEY)

    model.select_model()
    model.complete(MESSAGES, None)

    for call in answers.calls:
        assert KEY not in f"{call.request.url} {call.request.body!r}"
    assert KEY not in repr(model)


def test_netrc_has_no_say(answers: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(tmp_path, ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    answers.post(CHAT, json=completion())

    make_client(BASE).complete(MESSAGES, None)

    assert "Authorization" not in answers.calls[0].request.headers


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "clé", "tab\t"])
def test_a_key_that_no_header_carries_is_a_wrong_setting(key: str) -> None:
    with pytest.raises(UsageError, match="IQUEST_API_KEY") as caught:
        make_client("http://host:8000/v1", key=key)

    assert key not in str(caught.value)


# -- what comes back


@pytest.mark.parametrize("server", ALL)
def test_every_server_is_understood(server: ServerName) -> None:
    with ModelDouble(server) as double:
        reply = make_client(double.url).complete(MESSAGES, None)

    assert reply.text == EMPTY_REVIEW
    assert reply.finish_reason == "stop"
    assert reply.prompt_tokens > 0
    assert reply.completion_tokens > 0
    assert 0 <= reply.seconds < 5


@pytest.mark.parametrize("server", ["vllm", "llama-server"])
def test_reasoning_is_read_under_both_of_its_names(server: ServerName) -> None:
    with ModelDouble(server, thinking=True, replies=[Reply("Fine.", reasoning="Hm.")]) as double:
        reply = make_client(double.url).complete(MESSAGES, None)

    assert (reply.text, reply.reasoning) == ("Fine.", "Hm.")


def test_reasoning_that_ate_the_answer_leaves_no_text() -> None:
    with ModelDouble(thinking=True, replies=[Reply("Fine.", reasoning="Hm. " * 500)]) as double:
        reply = make_client(double.url, max_tokens=100).complete(MESSAGES, None)

    assert (reply.text, reply.finish_reason) == ("", "length")


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"usage": None},
        {"usage": {"prompt_tokens": "12", "completion_tokens": -1}},
        {"usage": {"prompt_tokens": True, "completion_tokens": 1.5}},
    ],
)
def test_a_reply_without_a_usable_usage_is_still_a_reply(
    answers: responses.RequestsMock, extra: dict[str, Any]
) -> None:
    answers.post(CHAT, json={"choices": [{"message": {"content": "Fine."}, "finish_reason": None}], **extra})

    reply = make_client(BASE).complete(MESSAGES, None)

    assert (reply.text, reply.finish_reason, reply.model) == ("Fine.", "", MODEL)
    assert (reply.prompt_tokens, reply.completion_tokens) == (0, 0)


def test_invalid_utf_8_costs_the_character_and_not_the_reply(answers: responses.RequestsMock) -> None:
    answers.post(CHAT, body=b'{"choices": [{"message": {"content": "caf\xe9"}}]}')

    assert make_client(BASE).complete(MESSAGES, None).text == "caf�"


def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(b'{"choices": [{"message": {"content": "Fine."}}]}')
    with ModelDouble(replies=[Fault(body=body, headers={"Content-Encoding": "gzip"})]) as double:
        assert make_client(double.url).complete(MESSAGES, None).text == "Fine."


def test_an_answer_in_chunks_is_read() -> None:
    body = b'{"choices": [{"message": {"content": "Fine."}}]}'
    pieces = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
    pieces += [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])]
    with raw_server([*pieces, b"0\r\n\r\n"], 0.01) as url:
        assert make_client(url).complete(MESSAGES, None).text == "Fine."


# -- what may pass


def passing() -> list[Any]:
    answers: dict[str, dict[str, Any]] = {
        f"status {status}": {"status": status} for status in (408, 409, 429, 500, 502, 503, 504)
    }
    answers |= {
        "empty body": {"body": ""},
        "HTML": {"body": "<html><h1>Sign in</h1></html>", "content_type": "text/html"},
        "no choices": {"json": {"choices": []}},
        "choices of null": {"json": {"choices": None}},
        "a choice of a string": {"json": {"choices": ["x"]}},
        "an error of 200": {"json": {"error": {"message": "try later"}}},
        "a list": {"body": "[]"},
        "too large a number": {"body": '{"choices": ' + "9" * 5_000 + "}"},
        "too deep a nest": {"body": "[" * 100_000},
        "a lost connection": {"body": requests.exceptions.ConnectionError("Connection reset by peer")},
    }
    return [pytest.param(answer, id=name) for name, answer in answers.items()]


@pytest.mark.parametrize("answer", passing())
def test_a_failure_that_may_pass_is_asked_again(answers: responses.RequestsMock, answer: dict[str, Any]) -> None:
    clock = Clock()
    answers.post(CHAT, **answer)
    answers.post(CHAT, **answer)
    answers.post(CHAT, json=completion())

    reply = make_client(BASE, sleep=clock).complete(MESSAGES, None)

    assert reply.text == "Fine."
    assert len(clock.waits) == 2
    assert clock.waits[0] < clock.waits[1] + 1


@pytest.mark.parametrize("answer", passing())
def test_a_failure_that_stays_ends_after_a_few_attempts(
    answers: responses.RequestsMock, answer: dict[str, Any]
) -> None:
    clock = Clock()
    for _ in range(module.MAX_ATTEMPTS):
        answers.post(CHAT, **answer)

    with pytest.raises(ModelUnreachableError):
        make_client(BASE, sleep=clock).complete(MESSAGES, None)

    assert len(answers.calls) == module.MAX_ATTEMPTS
    assert len(clock.waits) == module.MAX_ATTEMPTS - 1
    assert sum(clock.waits) < 60


@pytest.mark.parametrize("how", ["drop", "reset"])
def test_an_answer_that_breaks_off_is_asked_for_again(how: str) -> None:
    fault = Fault(body=completion("x" * 500), drop=how == "drop", reset=how == "reset")
    with ModelDouble(replies=[fault, fault, "Fine."]) as double:
        assert make_client(double.url).complete(MESSAGES, None).text == "Fine."

    assert len(double.completions) == 3


def test_a_refused_connection_is_tried_again_and_named() -> None:
    clock = Clock()
    port = refused_port()
    with pytest.raises(ModelUnreachableError, match=f"^127.0.0.1:{port} cannot be reached: Connection refused$"):
        make_client(f"http://127.0.0.1:{port}/v1", sleep=clock).complete(MESSAGES, None)

    assert len(clock.waits) == module.MAX_ATTEMPTS - 1


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(ModelUnreachableError, match=r"^model\.invalid:8000 cannot be reached: "):
        make_client("http://model.invalid:8000/v1", retry_seconds=0).complete(MESSAGES, None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 501])
def test_a_lasting_failure_is_asked_once(answers: responses.RequestsMock, status: int) -> None:
    answers.post(CHAT, status=status, json={"error": "no"})

    with pytest.raises(ModelError):
        make_client(BASE).complete(MESSAGES, None)

    assert len(answers.calls) == 1


def test_the_wait_that_a_server_asks_for_is_kept(answers: responses.RequestsMock) -> None:
    clock = Clock()
    answers.post(CHAT, status=503, headers={"Retry-After": "37"})
    answers.post(CHAT, json=completion())

    make_client(BASE, sleep=clock).complete(MESSAGES, None)

    assert clock.waits == [37]


def test_a_wait_beyond_the_retry_budget_is_not_kept(answers: responses.RequestsMock) -> None:
    clock = Clock()
    answers.post(CHAT, status=503, headers={"Retry-After": "300"})

    with pytest.raises(ModelUnreachableError, match="come back in 300 s"):
        make_client(BASE, sleep=clock).complete(MESSAGES, None)

    assert clock.waits == []
    assert len(answers.calls) == 1


# -- how long it may take


def test_all_requests_of_a_review_share_one_retry_budget(answers: responses.RequestsMock) -> None:
    """A server that fails now and then costs a review its retry budget once, not once a request."""
    clock = Clock()
    for text in ("One.", "Two.", None):
        answers.post(CHAT, status=503, headers={"Retry-After": "4"})
        if text:
            answers.post(CHAT, json=completion(text))
    model = make_client(BASE, retry_seconds=10, sleep=clock)

    assert model.complete(MESSAGES, None).text == "One."
    assert model.complete(MESSAGES, None).text == "Two."
    with pytest.raises(ModelUnreachableError):
        model.complete(MESSAGES, None)

    assert clock.waits == [4, 4]
    assert len(answers.calls) == 5


def test_a_success_costs_no_retry_budget() -> None:
    with ModelDouble(replies=[Fault(body={"choices": [{"message": {"content": "Fine."}}]}, delay=0.1)]) as double:
        model = make_client(double.url, retry_seconds=0.15)
        for _ in range(3):
            assert model.complete(MESSAGES, None).text == "Fine."


def test_slow_failures_cost_retry_budget() -> None:
    slow = Fault(503, headers={"Retry-After": "0"}, delay=1)
    with ModelDouble(replies=[slow]) as double, pytest.raises(ModelUnreachableError):
        make_client(double.url, retry_seconds=1.5).complete(MESSAGES, None)

    assert len(double.completions) == 2


def test_a_server_that_says_nothing_is_given_up_after_the_timeout() -> None:
    started = time.monotonic()
    with (
        ModelDouble(replies=[Fault(delay=5)]) as double,
        pytest.raises(ModelUnreachableError, match=r"gave no answer within 0\.2 s"),
    ):
        make_client(double.url, timeout=0.2, retry_seconds=0.2).complete(MESSAGES, None)

    assert time.monotonic() - started < 1
    assert len(double.completions) == 1


def test_all_attempts_together_keep_the_deadline() -> None:
    started = time.monotonic()
    with ModelDouble(replies=[Fault(delay=5)]) as double, pytest.raises(ModelUnreachableError):
        make_client(double.url, timeout=0.3, retry_seconds=0.5, sleep=Clock()).complete(MESSAGES, None)

    assert time.monotonic() - started < 1
    assert len(double.completions) == 1  # the wait before a second one is more than is left


def test_an_attempt_is_given_no_more_than_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_TIMEOUT_SECONDS", 0.05)
    started = time.monotonic()
    with ModelDouble(replies=[Fault(503, headers={"Retry-After": "0"}), Fault(delay=5)]) as double:
        with pytest.raises(ModelUnreachableError, match="gave no answer"):
            make_client(double.url, timeout=5, retry_seconds=0.2).complete(MESSAGES, None)
        assert len(double.completions) == 2

    assert time.monotonic() - started < 1


def test_a_server_that_stalls_within_its_answer_is_given_up_after_the_timeout() -> None:
    started = time.monotonic()
    body = {"choices": [{"message": {"content": "x" * 500}}]}
    with ModelDouble(replies=[Fault(body=body, delay=0.95, stall=5)]) as double, pytest.raises(ModelUnreachableError):
        make_client(double.url, timeout=1, retry_seconds=0.5).complete(MESSAGES, None)

    assert time.monotonic() - started < 1.8  # the timeout is the whole answer's, not each read's


@pytest.mark.parametrize("head", ["Content-Length: 1000", "Transfer-Encoding: chunked", "Connection: close"])
def test_a_server_that_drips_is_given_up_after_the_timeout(head: str) -> None:
    piece = b"1\r\nx\r\n" if "chunked" in head else b"x"
    started = time.monotonic()
    with (
        raw_server([f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode(), *([piece] * 200)], 0.05) as url,
        pytest.raises(ModelUnreachableError),
    ):
        make_client(url, timeout=0.3, retry_seconds=0.1).complete(MESSAGES, None)

    assert time.monotonic() - started < 1


def test_a_connection_that_is_not_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]  # they fill the queue of connections
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        started = time.monotonic()
        with pytest.raises(ModelUnreachableError, match=r"timed out|gave no answer"):
            make_client(f"http://127.0.0.1:{full.getsockname()[1]}/v1", timeout=0.2, retry_seconds=0.1).complete(
                MESSAGES, None
            )
        for one in waiting:
            one.close()

    assert time.monotonic() - started < 1


def test_an_answer_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 100_000)
    with (
        ModelDouble(replies=[Fault(body=b"x" * 500_000)]) as double,
        pytest.raises(ModelRefusedError, match="answered more than"),
    ):
        make_client(double.url).complete(MESSAGES, None)

    assert len(double.completions) == 1


# -- where prompt and key must not go


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(answers: responses.RequestsMock, status: int) -> None:
    answers.post(CHAT, status=status, headers={"Location": "http://127.0.0.1:9000/v1/chat/completions"})

    with pytest.raises(ModelRefusedError, match="redirects to"):
        make_client(BASE, key=KEY).complete(MESSAGES, None)

    assert [call.request.url for call in answers.calls] == [CHAT]


@pytest.mark.parametrize("status", [200, 400, 401, 404, 418, 422, 500, 503])
def test_a_key_that_the_server_echoes_is_in_no_error(
    answers: responses.RequestsMock, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    error = {"error": {"message": f"model: bad header 'Authorization: Bearer {KEY}'"}}
    answers.post(CHAT, status=status, json=error)
    if status in (200, 500, 503):
        for _ in range(module.MAX_ATTEMPTS - 1):
            answers.post(CHAT, status=status, json=error)

    with pytest.raises(ModelError) as caught:
        make_client(BASE, key=KEY).complete(MESSAGES, None)

    chain: BaseException | None = caught.value
    while chain is not None:
        assert KEY not in str(chain) + repr(chain)
        chain = chain.__cause__ or chain.__context__
    assert KEY not in "".join(capfd.readouterr())


# -- context, formats


@pytest.mark.parametrize("server", ["vllm", "llama-server", "llama-cpp-python"])
def test_a_prompt_that_is_too_long_is_told(server: ServerName) -> None:
    long = [{"role": "user", "content": "word " * 5_000}]
    with ModelDouble(server, window=4096) as double, pytest.raises(ContextExceededError):
        make_client(double.url).complete(long, None)

    assert len(double.completions) == 1


def test_a_format_that_the_server_does_not_know_is_told() -> None:
    with ModelDouble("llama-cpp-python") as double, pytest.raises(FormatRefusedError, match="refuses json_schema"):
        make_client(double.url).complete(MESSAGES, SCHEMA)

    assert len(double.completions) == 1


# -- which model


def models(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(entries)}


@pytest.mark.parametrize(("server", "window"), [("vllm", 8192), ("llama-server", 8192), ("llama-cpp-python", None)])
def test_the_only_model_served_is_asked_with_its_window(server: ServerName, window: int | None) -> None:
    with ModelDouble(server, window=8192) as double:
        model = make_client(double.url, model=None)
        served = model.select_model()
        model.complete(MESSAGES, None)

    assert (served.model, served.window) == (MODEL, window)
    assert double.completions[0].body["model"] == MODEL


def test_an_unknown_model_is_told_with_those_that_are_served(answers: responses.RequestsMock) -> None:
    answers.get(LIST, json=models({"id": MODEL}))
    answers.post(CHAT, status=404, json={"error": {"message": "The model `other` does not exist."}})
    client = make_client(BASE, model="other")
    client.select_model()

    with pytest.raises(ModelRefusedError, match=rf"model 'other': The model .*; it serves: {MODEL}$"):
        client.complete(MESSAGES, None)


def test_several_models_need_a_choice(answers: responses.RequestsMock) -> None:
    for _ in range(2):
        answers.get(LIST, json=models({"id": "one"}, {"id": "two"}))

    with pytest.raises(ModelRefusedError, match="serves 2 models; set IQUEST_MODEL to one of: one, two"):
        make_client(BASE, model=None).select_model()
    assert make_client(BASE, model="two").select_model().model == "two"


def test_several_names_of_one_model_need_no_choice(answers: responses.RequestsMock) -> None:
    answers.get(LIST, json=models({"id": "one", "root": "org/iquest"}, {"id": "two", "root": "org/iquest"}))

    served = make_client(BASE, model=None).select_model()

    assert (served.model, served.root) == ("one", "org/iquest")


def test_an_adapter_of_the_model_is_another_model(answers: responses.RequestsMock) -> None:
    adapter = {"id": "lora", "root": "/path/lora", "parent": "base"}
    answers.get(LIST, json=models({"id": "base", "root": "org/base"}, adapter))

    with pytest.raises(ModelRefusedError, match="serves 2 models"):
        make_client(BASE, model=None).select_model()


def test_a_long_list_of_models_is_cut(answers: responses.RequestsMock) -> None:
    answers.get(LIST, json=models(*({"id": f"m{number}"} for number in range(300))))

    assert make_client(BASE, model="other").select_model().others.endswith("m18, m19 and 280 more")


def test_a_model_of_ollama_needs_no_tag(answers: responses.RequestsMock) -> None:
    answers.get(LIST, json=models({"id": "iquest:latest"}))

    assert make_client(BASE, model="iquest").select_model().model == "iquest"


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 401},
        {"status": 403},
        {"status": 404},
        {"status": 405},
        {"status": 429, "headers": {"Retry-After": "60"}},
        {"status": 500},
        {"status": 501},
        {"status": 503},
        {"status": 307, "headers": {"Location": "http://x/"}},
        {"body": "<html>"},
        {"body": ""},
        {"body": requests.exceptions.ReadTimeout()},
        {"json": []},
        {"json": {"data": {}}},
        {"json": {"object": "list", "data": []}},
        {"json": models({"id": ""})},
        {"json": models({"id": "vllm/*"})},
        {"json": models({"id": "another"})},
        {"json": {"data": None}},
        {"json": {"data": [{"id": 5}, "x"]}},
    ],
    ids=str,
)
def test_a_server_without_a_list_may_review_when_the_model_is_set(
    answers: responses.RequestsMock, answer: dict[str, Any]
) -> None:
    clock = Clock()
    answers.get(LIST, **answer)
    answers.post(CHAT, json={"choices": [{"message": {"content": "x"}}]})
    client = make_client(BASE, sleep=clock)

    served = client.select_model()

    assert (served.model, served.root, served.window) == (MODEL, MODEL, None)
    assert client.complete(MESSAGES, None).text == "x"
    assert clock.waits == []


@pytest.mark.parametrize("answer", [{"status": 404}, {"json": {"data": None}}, {"json": {"data": [{"id": 5}, "x"]}}])
def test_a_server_without_a_list_needs_a_model_set(answers: responses.RequestsMock, answer: dict[str, Any]) -> None:
    answers.get(LIST, **answer)

    with pytest.raises(ModelRefusedError):
        make_client(BASE, model=None).select_model()


@pytest.mark.parametrize("answer", [{"status": 500}, {"body": "<html>"}])
def test_a_server_whose_list_is_broken_is_waited_for_without_a_model_set(
    answers: responses.RequestsMock, answer: dict[str, Any]
) -> None:
    for _ in range(module.MAX_ATTEMPTS):
        answers.get(LIST, **answer)

    with pytest.raises(ModelUnreachableError):
        make_client(BASE, model=None, sleep=Clock()).select_model()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 401}, "set IQUEST_API_KEY; or set IQUEST_MODEL"),
        ({"status": 403}, "or set IQUEST_MODEL"),
        ({"status": 404}, "or set IQUEST_MODEL"),
        ({"json": models()}, "set IQUEST_MODEL"),
        ({"json": models({"id": "vllm/*"})}, r"serves vllm/\*; set IQUEST_MODEL to one of these models"),
    ],
)
def test_a_list_that_names_no_model_asks_for_the_setting(
    answers: responses.RequestsMock, answer: dict[str, Any], words: str
) -> None:
    answers.get(LIST, **answer)

    with pytest.raises(ModelRefusedError, match=words):
        make_client(BASE, model=None).select_model()


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        pytest.param("iquest", {"id": "iquest"}, id="its name"),
        pytest.param("iquest", {"id": "iquest:latest"}, id="a tag"),
        pytest.param("iquest", {"id": "IQuest"}, id="another case"),
        pytest.param("iquest:free", {"id": "iquest"}, id="a variant of a router"),
        pytest.param("iquest", {"id": "m.gguf", "aliases": ["iquest"]}, id="an alias"),
        pytest.param("org/iquest", {"id": "served", "root": "org/iquest"}, id="the name of its weights"),
    ],
)
def test_the_window_comes_from_the_entry_that_fits(
    answers: responses.RequestsMock, model: str, entry: dict[str, Any]
) -> None:
    answers.get(LIST, json=models({"id": "other", "max_model_len": 1}, {**entry, "max_model_len": 8192}))

    served = make_client(BASE, model=model).select_model()

    assert (served.model, served.window, served.others) == (model, 8192, "")


def test_a_server_that_still_loads_is_waited_for(answers: responses.RequestsMock) -> None:
    clock = Clock()
    for _ in range(module.MAX_ATTEMPTS):
        answers.get(LIST, status=503, json={"error": {"message": "Loading model", "code": 503}})

    with pytest.raises(ModelUnreachableError, match="set IQUEST_MODEL"):
        make_client(BASE, model=None, sleep=clock).select_model()

    assert len(clock.waits) == module.MAX_ATTEMPTS - 1


@pytest.mark.parametrize("value", [0, -1, "8192", True, 8192.5, None])
def test_a_window_that_is_none_is_not_taken(answers: responses.RequestsMock, value: object) -> None:
    answers.get(LIST, json=models({"id": MODEL, "max_model_len": value, "meta": "x"}))

    assert make_client(BASE).select_model().window is None


# -- how many tokens


def test_tokens_are_counted_exactly_where_the_server_counts_messages() -> None:
    with ModelDouble("vllm") as double:
        model = make_client(double.url)

        assert model.count_tokens(MESSAGES) == model.complete(MESSAGES, None).prompt_tokens


@pytest.mark.parametrize("server", ["llama-server", "llama-cpp-python"])
def test_tokens_of_texts_are_counted_with_room_for_the_chat_template(server: ServerName) -> None:
    with ModelDouble(server) as double:
        model = make_client(double.url)
        counted, asked = model.count_tokens(MESSAGES), model.complete(MESSAGES, None).prompt_tokens

    assert counted is not None
    assert asked <= counted <= asked + 2 * TEMPLATE_TOKENS * len(MESSAGES)


@pytest.mark.parametrize("server", ["transformers", "ollama"])
def test_a_server_that_does_not_count_is_not_asked_again(server: ServerName) -> None:
    with ModelDouble(server) as double:
        model = make_client(double.url)
        assert [model.count_tokens(MESSAGES) for _ in range(3)] == [None, None, None]

    assert [request.path for request in double.requests] == ["/tokenize", "/tokenize", "/extras/tokenize/count"]


def test_the_way_that_counts_is_the_only_one_asked_from_then_on() -> None:
    with ModelDouble("llama-cpp-python") as double:
        model = make_client(double.url)
        assert len({model.count_tokens(MESSAGES) for _ in range(3)}) == 1

    assert [request.path for request in double.requests[2:]] == ["/extras/tokenize/count"] * 3


def test_a_count_that_takes_too_long_is_no_count() -> None:
    with ModelDouble(routes={"/tokenize": Fault(delay=5)}) as double:
        assert make_client(double.url, timeout=0.2).count_tokens(MESSAGES) is None


def test_one_text_is_counted_as_one_text() -> None:
    with ModelDouble() as double:
        assert make_client(f"{double.url}/completions").count_tokens(MESSAGES) == 9

    assert "prompt" in double.requests[0].body


# -- how long an answer may be


def test_an_answer_may_take_half_of_the_window_at_the_most() -> None:
    with ModelDouble(window=1000) as double:
        model = make_client(double.url, max_tokens=2048)
        assert model.max_tokens == 2048
        model.select_model()
        model.complete(MESSAGES, None)

    assert model.max_tokens == 500
    assert double.completions[0].body["max_tokens"] == 500


def test_a_longer_answer_is_asked_for_as_far_as_the_window_holds_it() -> None:
    prompt = [{"role": "user", "content": "x" * 3_000}]  # 1,004 tokens of the double
    with ModelDouble(window=1_700) as double:
        model = make_client(double.url, max_tokens=512)
        model.select_model()
        model.complete(prompt, None, 600)
        model.complete(prompt, None, 1_024)
        model.complete([{"role": "user", "content": "x" * 4_500}], None, 1_024)

    assert [request.body["max_tokens"] for request in double.completions] == [600, 696, 512]


def test_a_longer_answer_is_asked_for_as_it_is_where_no_window_is_known(answers: responses.RequestsMock) -> None:
    answers.post(CHAT, json=completion(), match=[json_params_matcher({"max_tokens": 25_000}, strict_match=False)])

    make_client(BASE).complete(MESSAGES, None, 25_000)


def test_a_parameter_that_is_refused_is_left_out_from_then_on(answers: responses.RequestsMock) -> None:
    unknown = {"error": {"message": "Unrecognized request argument supplied: top_p"}}
    answers.post(CHAT, status=400, json=unknown)
    answers.post(CHAT, json=completion())
    answers.post(CHAT, json=completion())
    model = make_client(BASE)

    model.complete(MESSAGES, None)
    model.complete(MESSAGES, None)

    assert [sorted({"top_p", "temperature"} & set(sent(answers, index))) for index in range(3)] == [
        ["temperature", "top_p"],
        ["temperature"],
        ["temperature"],
    ]


def test_a_server_that_refuses_a_parameter_it_was_not_sent_is_not_asked_for_ever(
    answers: responses.RequestsMock,
) -> None:
    for _ in range(2):
        answers.post(CHAT, status=400, json={"error": {"message": "unknown parameter top_p"}})

    with pytest.raises(ModelRefusedError, match="refuses top_p"):
        make_client(BASE).complete(MESSAGES, None)

    assert len(answers.calls) == 2


# -- servers that are never done

DRIPS = {
    "a header": ([b"HTTP/1.1 200 OK\r\nX: "], b"a"),
    "provisional answers": ([], b"HTTP/1.1 100 Continue\r\n\r\n"),
    "trailers": ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"], b"a: b\r\n"),
    "a body without a length": ([b"HTTP/1.0 200 OK\r\n\r\n{}"], b" "),
    "the body of a redirect": (
        [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nTransfer-Encoding: chunked\r\n\r\n"],
        b"1\r\na\r\n",
    ),
}


@pytest.mark.parametrize("dripped", sorted(DRIPS))
def test_a_server_that_drips_what_is_no_body_is_given_up_as_well(dripped: str) -> None:
    first, endless = DRIPS[dripped]
    started = time.monotonic()
    with (
        raw_server([*first, *[endless] * 200], pause=0.02) as url,
        pytest.raises(ModelUnreachableError, match="gave no answer within"),
    ):
        make_client(url, timeout=0.3, retry_seconds=0).complete(MESSAGES, None)

    assert time.monotonic() - started < 1.5


def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused() -> None:
    with (
        ModelDouble(replies=[Fault(200, gzip.compress(bytes(64 << 20)), {"Content-Encoding": "gzip"})]) as double,
        pytest.raises(ModelRefusedError, match="more than 8 MiB"),
    ):
        make_client(double.url).complete(MESSAGES, None)


# -- what a server may claim


@pytest.mark.parametrize("number", ["1" + "0" * 400, "9" * 5_000, "NaN", "-1", "1e400", "true"])
def test_a_number_that_is_none_counts_as_absent(answers: responses.RequestsMock, number: str) -> None:
    answers.get(LIST, body=f'{{"data": [{{"id": "{MODEL}", "max_model_len": {number}}}]}}')
    answers.post("http://127.0.0.1:8000/tokenize", body=f'{{"count": {number}}}')
    usage = f'"usage": {{"prompt_tokens": {number}}}'
    answers.post(CHAT, body=f'{{"choices": [{{"message": {{"content": "x"}}}}], {usage}}}')
    model = make_client(BASE)

    assert model.select_model().window is None
    assert model.count_tokens(MESSAGES) is None
    assert model.complete(MESSAGES, None).prompt_tokens == 0


def test_a_long_list_of_long_names_is_told_in_short(answers: responses.RequestsMock) -> None:
    names = [{"id": f"{number}" + "x" * 150} for number in range(10_000)] + [{"id": "y" * 100_000}]
    answers.get(LIST, json=models(*names))

    assert 1_000 < len(make_client(BASE).select_model().others) < 2_500


def test_a_key_comes_back_in_nothing_that_the_server_says(answers: responses.RequestsMock) -> None:
    message = {"content": f"Bearer {KEY}", "reasoning": KEY}
    answers.post(CHAT, json={"choices": [{"message": message}], "model": KEY})
    answers.get(LIST, json=models({"id": f"Bearer {KEY}"}))

    reply = make_client(BASE, key=KEY).complete(MESSAGES, None)
    served = make_client(BASE, key=KEY).select_model()

    assert served.others == "Bearer ***"
    assert (reply.text, reply.reasoning, reply.model) == ("Bearer ***", "***", "***")


# -- what is told when the way there fails


def told(url: str, sleep: Clock | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        make_client(url, sleep=sleep, retry_seconds=100 if sleep else 0).complete(MESSAGES, None)
    return str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(body={"choices": [{"message": {"content": "x" * 500}}]}, drop=True),
        Fault(body={"choices": [{"message": {"content": "x" * 500}}]}, reset=True),
    ],
    ids=["a cut", "a reset"],
)
def test_an_answer_that_breaks_off_is_told_as_such(fault: Fault) -> None:
    with ModelDouble(replies=[fault]) as double:
        assert told(double.url).endswith(" broke off in the middle of its answer")


def test_an_answer_that_cannot_be_unpacked_is_told_as_such() -> None:
    with ModelDouble(replies=[Fault(body=b"{}", headers={"Content-Encoding": "gzip"})]) as double:
        assert told(double.url).endswith(" sent an answer that cannot be unpacked")


def test_a_page_in_the_models_place_asks_for_the_address(answers: responses.RequestsMock) -> None:
    answers.post(CHAT, body="<html><h1>Sign in</h1></html>", content_type="text/html")

    assert told(BASE).endswith("not JSON: Sign in; does IQUEST_API_URL name the model server?")


def test_a_port_of_tls_that_is_asked_without_is_told_once() -> None:
    clock = Clock()
    with raw_server([b"\x15\x03\x01\x00\x02\x02\x46"], 0) as url:
        said = told(url, clock)

    assert said.endswith(" speaks TLS: should IQUEST_API_URL begin with https://?")
    assert clock.waits == []


def test_a_key_that_is_missing_is_asked_for(answers: responses.RequestsMock) -> None:
    answers.post(CHAT, status=401, json={"error": "Unauthorized"})

    assert told(BASE).endswith(" asks for a key (401): set IQUEST_API_KEY")


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_is_asked_once(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with ModelDouble(routes={"http://far.invalid/v1/chat/completions": Fault(status, "<b>No entry</b>")}) as double:
        monkeypatch.setenv("HTTP_PROXY", double.url.removesuffix("/v1"))
        said = told("http://far.invalid/v1", clock)

    what = {
        403: " refuses the request (403): No entry; the answer may come from the proxy",
        407: ": the proxy asks for a user name and password: set them in HTTP_PROXY (407)",
    }
    assert said == f"far.invalid through the proxy {double.url[7:-3]}{what[status]}"
    assert clock.waits == []


def test_a_proxy_that_cannot_be_used_is_a_wrong_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setenv("HTTP_PROXY", "socks5://user:hidden@proxy:1080")

    said = told("http://far.invalid/v1", clock)

    assert said.endswith(": HTTP_PROXY cannot be used: socks proxies are not supported")
    assert "hidden" not in said
    assert clock.waits == []


def test_a_host_that_no_name_can_be_is_a_wrong_address() -> None:
    clock = Clock()

    assert told("http://far..invalid/v1", clock).endswith(
        ": IQUEST_API_URL cannot be used: its host or port cannot be read"
    )
    assert clock.waits == []
