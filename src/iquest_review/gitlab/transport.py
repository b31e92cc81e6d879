"""The requests session that python-gitlab sends its requests through.

It follows no redirects, limits the time of an exchange and the bytes of an answer, and raises what may pass under a
name of its own.
"""

import io
from collections.abc import Callable
from typing import Any

import gitlab
import requests
from urllib3.exceptions import HTTPError

from iquest_review.errors import GitLabError, UsageError
from iquest_review.gitlab.errors import describe_status
from iquest_review.net.error_body import (
    MAX_ERROR_BYTES,
    extract_error_message,
    find_root_cause,
    load_json,
    mask_key,
    redact_error_body,
)
from iquest_review.net.retry import TransientError, parse_retry_after
from iquest_review.net.session import (
    DirectSession,
    LimitedAdapter,
    describe_route,
    explain_permanent_failure,
    explain_unfinished_answer,
    find_proxy,
)
from iquest_review.net.time_limit import TimeLimit, receive_body
from iquest_review.net.tls import Tls
from iquest_review.text import shorten_to_line

MAX_WAIT_SECONDS = 60.0  # GitLab's limit on notes asks for a minute; a longer wait is not worth the job's time
RATE_LIMIT_WAIT_SECONDS = 20.0  # older GitLabs name no time with their limit on notes, which counts by the minute
MAX_REASON_CHARS = 200  # of GitLab's own words in a message
READ_TIMEOUT_SECONDS = 30.0  # until an answer begins, and between two pieces of it
MAX_REQUEST_SECONDS = 120.0  # for one whole exchange: a server that drips never runs into the timeout above
MAX_FILE_BYTES = 2 * 2**20  # only the beginning of a larger file is read
MAX_JSON_BYTES = 16 * 2**20  # parsed JSON takes fifty times as much memory
MAX_ANSWER_BYTES = 128 * 2**20  # unpacked; the raw diff of a whole merge request is the largest answer

_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})


class TransientGitLabError(TransientError, GitLabError):
    """A failure of GitLab that may pass; `wait` is what GitLab asked for, in seconds."""

    def __init__(self, message: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(message, status)
        self.wait = wait


def create_client(url: str, token: str, tls: Tls, clean: Callable[[str], str]) -> gitlab.Gitlab:
    """Return a client of python-gitlab that sends every request through a limited session.

    `url` is GitLab's address without /api/v4. `clean` redacts secrets from the bodies of errors. python-gitlab's own
    retries are off: they would post a note again.
    Raises UsageError for a file of `tls` that cannot be used, and for an empty address, which python-gitlab reads as
    gitlab.com.
    """
    if not url:
        raise UsageError("CI_API_V4_URL names no server: it should look like https://HOST/api/v4")
    return gitlab.Gitlab(
        url,
        private_token=token,
        timeout=READ_TIMEOUT_SECONDS,
        user_agent="iquest-review",
        retry_transient_errors=False,
        keep_base_url=True,
        session=_LimitedSession(describe_route(url), tls, clean),
    )


class _LimitedSession(DirectSession):
    """A session without redirects: python-gitlab would send its token along to any host.

    A failure that may pass is raised here, where the headers are still known and python-gitlab's own retries never see
    it.
    """

    def __init__(self, host: str, tls: Tls, clean: Callable[[str], str]) -> None:
        super().__init__()
        self._host, self._tls, self._clean = host, tls, clean
        self.mount("http://", LimitedAdapter())
        self.mount("https://", LimitedAdapter(tls.build_context()))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Return the answer with its whole body, or the beginning of it where a stream is asked for.

        Raises TransientGitLabError for a failure that may pass, and GitLabError for one that python-gitlab cannot name.
        """
        response = self._exchange(request, **kwargs)
        self._raise_for_status(response, str(request.url))
        return response

    def _exchange(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Return the answer; its body is read here, within the limits of time and size."""
        url = str(request.url)
        try:
            with (
                TimeLimit(MAX_REQUEST_SECONDS) as limit,
                super().send(request, **{**kwargs, "stream": True}) as response,
            ):
                content = self._receive_body(response, limit, streamed=bool(kwargs.get("stream")))
                if response.status_code >= 300:
                    content = mask_key(content, request.headers.get("PRIVATE-TOKEN"))
            if limit.over:  # a body without a length ends where its connection does
                raise requests.exceptions.Timeout
        except (requests.exceptions.RequestException, HTTPError) as error:
            # No cause: it holds the request with the token, and may name the password of a proxy.
            raise self._explain_failure(error, url, limit) from None
        except OSError as error:  # requests raises it for a file of certificates that is missing
            raise GitLabError(f"{self._host}: {shorten_to_line(str(error), 300)} (REQUESTS_CA_BUNDLE)") from error
        response.raw = io.BytesIO(content)  # requests reads `response.content` from here
        return response

    def _receive_body(self, response: requests.Response, limit: TimeLimit, *, streamed: bool) -> bytes:
        """Return the body; of an error or a redirect, only as much as people may read, without secrets."""
        if response.status_code >= 300:
            return redact_error_body(receive_body(limit, response.raw, MAX_ERROR_BYTES), self._clean)
        most = MAX_JSON_BYTES if "json" in response.headers.get("Content-Type", "") else MAX_ANSWER_BYTES
        content = receive_body(limit, response.raw, MAX_FILE_BYTES if streamed else most)
        if len(content) > most:
            raise GitLabError(f"{self._host} sent more than {most // 2**20} MiB")
        return content

    def _explain_failure(self, error: Exception, url: str, limit: TimeLimit) -> GitLabError:
        if limit.over:
            return TransientGitLabError(
                f"GitLab at {self._host} did not finish its answer within {MAX_REQUEST_SECONDS:g} s"
            )
        if why := explain_permanent_failure(error, url, "CI_API_V4_URL", self._tls):
            return GitLabError(str(why))
        server = f"GitLab at {self._host}"
        unfinished = explain_unfinished_answer(error, server)
        return TransientGitLabError(str(unfinished or f"{server} cannot be reached ({find_root_cause(error)})"))

    def _raise_for_status(self, response: requests.Response, url: str) -> None:
        """Raise the error of a status that may pass, or that does not come from GitLab's API."""
        status = response.status_code
        if status >= 400 and (why := _explain_refusal(f"GitLab at {self._host}", status, response.content, url)):
            raise GitLabError(why, status)
        if not (status in _TRANSIENT_STATUSES or (status == 409 and "Resource lock" in response.text[:500])):
            return
        wait = parse_retry_after(response.headers.get("Retry-After"))
        if wait is not None and wait > MAX_WAIT_SECONDS:
            raise GitLabError(
                f"GitLab at {self._host} answered {status} and asks to wait {wait:.0f} s, which is too long", status
            )
        if wait is None and status == 429:
            wait = RATE_LIMIT_WAIT_SECONDS
        raise TransientGitLabError(f"GitLab at {self._host} answered {status}", status, wait)


def _explain_refusal(server: str, status: int, content: bytes, url: str) -> str:
    """Return what an error of a read-only GitLab or of a proxy means; empty for an error of GitLab's API."""
    proxy, reason = find_proxy(url), extract_error_message(content, MAX_REASON_CHARS)
    if status in (403, 503) and "read-only" in reason:
        # Maintenance mode, and a secondary site: lib/gitlab/middleware/read_only/controller.rb
        cure = "post the review when it accepts writes again"
        return f"{server} is read-only now ({describe_status(status, reason)}): {cure}"
    if proxy and status == 407:
        return str(proxy.explain_refusal(server, status, reason))
    if proxy and status not in _TRANSIENT_STATUSES and load_json(content) is None:
        return f"{server} refuses the request ({describe_status(status, reason)}); the answer may come from the proxy"
    return ""
