"""Whatever form of the server's URL people paste, the requests go to the right place, or the URL is named as wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.errors import UsageError
from iquest_review.net.address import Address


@pytest.mark.parametrize(
    ("url", "base", "root"),
    [
        ("http://host:8000", "http://host:8000/v1", "http://host:8000"),
        ("http://host:8000/", "http://host:8000/v1", "http://host:8000"),
        ("http://host:8000/v1", "http://host:8000/v1", "http://host:8000"),
        ("http://host:8000/v1/", "http://host:8000/v1", "http://host:8000"),
        ("  http://host:8000/v1\n", "http://host:8000/v1", "http://host:8000"),
        ("http://host:8000/v1/chat/completions", "http://host:8000/v1", "http://host:8000"),
        ("http://host:8000/v1/chat/completions/", "http://host:8000/v1", "http://host:8000"),
        ("https://host/team/llm/v1", "https://host/team/llm/v1", "https://host/team/llm"),
        ("https://host/team/v1/chat/completions", "https://host/team/v1", "https://host/team"),
        ("https://host/openai", "https://host/openai", "https://host/openai"),
        ("HTTPS://Host.Example/v1", "https://Host.Example/v1", "https://Host.Example"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1", "http://[::1]:8000"),
        ("http://192.168.1.5:8000/v1", "http://192.168.1.5:8000/v1", "http://192.168.1.5:8000"),
    ],
)
def test_every_form_of_a_chat_url_comes_to_the_same_place(url: str, base: str, root: str) -> None:
    address = Address.parse(url)

    assert (address.base, address.root, address.chat) == (base, root, True)


@pytest.mark.parametrize("url", ["http://host:8000/v1/completions", "http://host:8000/v1/completions/"])
def test_a_completions_url_takes_one_text(url: str) -> None:
    address = Address.parse(url)

    assert (address.base, address.chat) == ("http://host:8000/v1", False)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "should look like"),
        ("host:8000/v1", "should look like"),
        ("//host/v1", "should look like"),
        ("http:///v1", "should look like"),
        ("file:///etc/passwd", "should look like"),
        ("ftp://host/v1", "should look like"),
        ("javascript:alert(1)", "should look like"),
        ("http://[::1/v1", "should look like"),
        ("http://host:99999/v1", "should look like"),
        ("http://host:0/v1", "should look like"),
        ("http://host:port/v1", "should look like"),
        ("http://user:pw@host/v1", "do not belong in it"),
        ("http://host@evil/v1", "do not belong in it"),
        ("http://host/v1?key=1", "do not belong in it"),
        ("http://host/v1#part", "do not belong in it"),
        ("http://ho\nst/v1", "control characters"),
        ("http://host/v1\tx", "control characters"),
        ("http://host\\@evil/v1", "control characters"),
        ("http://host/v 1", "control characters"),
        ("http://hоst/v1", "ASCII"),  # a Cyrillic letter
        ("http://host%40evil/v1", "ASCII"),
        ("http://169.254.169.254/latest", "link-local"),
        ("http://[fe80::1]/v1", "link-local"),
    ],
)
def test_a_url_that_cannot_be_meant_is_named_with_its_problem(url: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        Address.parse(url)

    assert str(caught.value).startswith("IQUEST_API_URL ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:sk-hidden@host/v1",
        "user:sk-hidden@host/v1",
        "https:/user:sk-hidden@host",
        "host:8000/v1?api_key=sk-hidden",
        "http://host/v1#sk-hidden",
        "http://user:sk-\nhidden@host/v1?x=sk-hidden",
        "http://sk-hidden:\npassword@host/v1",
    ],
)
def test_a_secret_in_a_url_is_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(url)

    assert "hidden" not in str(caught.value)


def test_the_host_is_what_people_read() -> None:
    assert Address.parse("http://host:8000/team/v1").host == "host:8000"


@given(
    st.text() | st.text().map("http://".__add__) | st.from_regex(r"https?://[\[\]a-z:@%/?#.\\ 0-9]+", fullmatch=True)
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_text_is_an_address_or_a_usage_error(url: str) -> None:
    try:
        base = Address.parse(url).base
    except UsageError:
        return
    assert base.startswith(("http://", "https://"))
