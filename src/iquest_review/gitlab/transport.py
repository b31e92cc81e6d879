"""The connection to GitLab that python-gitlab sends its requests through: no redirects, and names for what may pass."""

from collections.abc import Callable
from typing import Any

import gitlab
import requests
from gitlab._backends import DefaultBackend
from urllib3.exceptions import HTTPError

from iquest_review.errors import GitLabError
from iquest_review.gitlab.errors import describe_status
from iquest_review.net.error_body import (
    MAX_ERROR_BYTES,
    extract_error_message,
    find_root_cause,
    load_json,
    mask_key,
    redact_error_body,
)
from iquest_review.net.proxy import MAY_BE_THE_PROXY
from iquest_review.net.retry import TransientError, parse_retry_after
from iquest_review.net.session import (
    DirectSession,
    LimitedAdapter,
    describe_route,
    describe_unfinished_answer,
    explain_permanent_failure,
    find_proxy,
)
from iquest_review.net.time_limit import TimeLimit, receive_body
from iquest_review.net.tls import Tls
from iquest_review.text import shorten_to_line

MAX_WAIT_SECONDS = 60.0  # seconds; the limit on notes asks for a minute, and who asks for more is not waited for
RATE_LIMIT_WAIT_SECONDS = (
    20.0  # seconds; older GitLabs say no time with their limit on notes, which counts by the minute
)
MAX_REASON_CHARS = 200  # characters of what is said with a refusal
READ_TIMEOUT_SECONDS = 30.0  # seconds for one request to begin its answer, and between two pieces of it
MAX_REQUEST_SECONDS = 120.0  # seconds for the whole of it: who drips is never done
MAX_FILE_BYTES = (
    2 * 2**20
)  # bytes of a file, which is asked for as a stream: of a larger one only the beginning is read
MAX_JSON_BYTES = 16 * 2**20  # bytes of JSON, which takes fifty times as much when it is read
MAX_ANSWER_BYTES = 128 * 2**20  # bytes, unpacked: a whole diff is the largest there is

_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})


class TransientGitLabError(TransientError, GitLabError):
    """A failure of GitLab that may pass."""

    def __init__(self, message: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(message, status)
        self.wait = wait


class _Session(DirectSession):
    """No redirects, on no account: python-gitlab sends its token along to any host. What may pass gets its name here,
    where the headers still are, and where python-gitlab's own retries never see it: they post a note again."""

    def __init__(self, host: str, tls: Tls, clean: Callable[[str], str]) -> None:
        super().__init__()
        self._host, self._tls, self._clean = host, tls, clean
        self.mount("http://", LimitedAdapter())
        self.mount("https://", LimitedAdapter(tls.build_context()))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        host = self._host
        try:
            with (
                TimeLimit(MAX_REQUEST_SECONDS) as limit,
                super().send(request, **{**kwargs, "stream": True}) as response,
            ):
                content = self._receive_body(response, limit, kwargs.get("stream"))
                if response.status_code >= 400:
                    content = mask_key(content, request.headers.get("PRIVATE-TOKEN"))
            response._content = content  # where requests itself keeps it
            if limit.over:  # a body without a length ends where its connection does
                raise requests.exceptions.Timeout
        except (requests.exceptions.RequestException, HTTPError) as error:
            if limit.over:
                raise TransientGitLabError(
                    f"GitLab at {host} gave no whole answer within {MAX_REQUEST_SECONDS:g} s"
                ) from None
            if why := explain_permanent_failure(error, str(request.url), "CI_API_V4_URL", self._tls):
                raise GitLabError(why) from None
            why = describe_unfinished_answer(error) or f"cannot be reached ({find_root_cause(error)})"
            raise TransientGitLabError(f"GitLab at {host} {why}") from None
        except OSError as error:  # requests names the certificates' file it misses so
            raise GitLabError(f"{host}: {shorten_to_line(str(error), 300)} (REQUESTS_CA_BUNDLE)") from None
        status = response.status_code
        if status >= 400 and (why := _explain_refusal(status, content, str(request.url))):
            raise GitLabError(f"GitLab at {host}{why}", status)
        if status in _TRANSIENT_STATUSES or (status == 409 and "Resource lock" in response.text[:500]):
            wait = parse_retry_after(response.headers.get("Retry-After"))
            if wait is not None and wait > MAX_WAIT_SECONDS:
                raise GitLabError(f"GitLab at {host} answered {status} and asks to come back in {wait:.0f} s", status)
            raise TransientGitLabError(
                f"GitLab at {host} answered {status}",
                status,
                RATE_LIMIT_WAIT_SECONDS if status == 429 and wait is None else wait,
            )
        return response

    def _receive_body(self, response: requests.Response, limit: TimeLimit, beginning: object) -> bytes:
        """The body; of an error what people may read."""
        if response.status_code < 400:
            most = MAX_JSON_BYTES if "json" in response.headers.get("Content-Type", "") else MAX_ANSWER_BYTES
            content = receive_body(limit, response.raw, MAX_FILE_BYTES if beginning else most)
            if len(content) > most:
                raise GitLabError(f"{self._host} answered more than {most // 2**20} MiB")
            return content
        return redact_error_body(receive_body(limit, response.raw, MAX_ERROR_BYTES), self._clean)


def _explain_refusal(status: int, content: bytes, url: str) -> str:
    """What an error that is no word of GitLab's API means, and what GitLab says of itself; else empty."""
    between, words = find_proxy(url), extract_error_message(content, MAX_REASON_CHARS)
    if status in (403, 503) and "read-only" in words:
        # Maintenance mode, and a secondary site: lib/gitlab/middleware/read_only/controller.rb
        return f" is read-only now ({describe_status(status, words)}): post the review when that is over"
    if between and status == 407:
        return f": {between.describe_refusal(status, words)}"
    if between and status not in _TRANSIENT_STATUSES and load_json(content) is None:
        return f" refuses the request ({describe_status(status, words)}){MAY_BE_THE_PROXY}"
    return ""


class Client(gitlab.Gitlab):
    """python-gitlab's requests alone. Its own constructor loads the classes of GitLab's whole API, which takes longer
    than all requests of a review together; what those requests need is set here, and tried by every test of them."""

    def __init__(self, url: str, token: str, tls: Tls, clean: Callable[[str], str]) -> None:
        self.host = describe_route(url)
        self._base_url = url
        self._url = f"{url}/api/v4"
        self.timeout = READ_TIMEOUT_SECONDS
        self.retry_transient_errors = False
        self.keep_base_url = True
        self.headers = {"User-Agent": "iquest-review"}
        self.ssl_verify = True
        self.private_token = token
        self.oauth_token = self.job_token = self.http_username = self.http_password = None
        self._set_auth_info()
        self._backend = DefaultBackend(session=_Session(self.host, tls, clean))
        self.session = self._backend.client
