"""The connection to GitLab that python-gitlab sends its requests through: no redirects, and names for what may pass."""

from typing import Any

import gitlab
import requests
from gitlab._backends import DefaultBackend
from urllib3.exceptions import LocationValueError

from iquest_review.change.characters import one_line
from iquest_review.errors import GitLabError
from iquest_review.merge_request.refusal import told
from iquest_review.model.refusal import MAY_BE_THE_PROXY, cause, loaded, masked, said
from iquest_review.model.session import Straight, Trusting, hopeless, proxy, reached, unfinished
from iquest_review.patience import Passing, retry_after
from iquest_review.tls import Tls

LONGEST_WAIT = 60.0  # seconds; the limit on notes asks for a minute, and who asks for more is not waited for
UNSAID_WAIT = 20.0  # seconds; older GitLabs say no time with their limit on notes, which counts by the minute
LONGEST_WORDS = 200  # characters of what is said with a refusal
TIMEOUT = 30.0  # seconds for one request
LARGEST_TEXT = 2 * 2**20  # bytes of a file, which is asked for as a stream: of a larger one only the beginning is read
LARGEST_ANSWER = 128 * 2**20  # bytes, unpacked: a whole diff is the largest there is

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})


class PassingGitLabError(Passing, GitLabError):
    """A failure of GitLab that may pass."""

    def __init__(self, message: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(message, status)
        self.wait = wait


class _Session(Straight):
    """No redirects, on no account: python-gitlab sends its token along to any host. What may pass gets its name here,
    where the headers still are, and where python-gitlab's own retries never see it: they post a note again."""

    def __init__(self, tls: Tls) -> None:
        super().__init__()
        self._tls = tls
        self.mount("https://", Trusting(tls.context()))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        host = reached(str(request.url))
        try:
            response = super().send(request, **{**kwargs, "stream": True})
            most = LARGEST_TEXT if kwargs.get("stream") else LARGEST_ANSWER
            response._content = content = _body(response, most)  # where requests itself keeps it
        except (requests.exceptions.RequestException, LocationValueError) as error:
            if why := hopeless(error, str(request.url), "CI_API_V4_URL", self._tls):
                raise GitLabError(why) from None
            why = unfinished(error) or f"cannot be reached ({cause(error)})"
            raise PassingGitLabError(f"GitLab at {host} {why}") from None
        except OSError as error:  # requests names the certificates' file it misses so
            raise GitLabError(f"{host}: {one_line(str(error), 300)} (REQUESTS_CA_BUNDLE)") from None
        if len(content) > LARGEST_ANSWER:
            raise GitLabError(f"GitLab at {host} answered more than {LARGEST_ANSWER // 2**20} MiB")
        status = response.status_code
        shown = masked(content, request.headers.get("PRIVATE-TOKEN")) if status >= 400 else b""
        if why := _refusal(status, shown, str(request.url)):
            raise GitLabError(f"GitLab at {host}{why}", status)
        if status in _PASSING or (status == 409 and "Resource lock" in response.text[:500]):
            wait = retry_after(response.headers.get("Retry-After"))
            if wait is not None and wait > LONGEST_WAIT:
                raise GitLabError(f"GitLab at {host} answered {status} and asks to come back in {wait:.0f} s", status)
            raise PassingGitLabError(
                f"GitLab at {host} answered {status}", status, UNSAID_WAIT if status == 429 and wait is None else wait
            )
        return response


def _refusal(status: int, content: bytes, url: str) -> str:
    """What an answer that is no word of GitLab's API means, and what GitLab says of itself; else empty."""
    between, words = proxy(url), said(content, LONGEST_WORDS)
    if status in (403, 503) and "read-only" in words:
        # Maintenance mode, and a secondary site: lib/gitlab/middleware/read_only/controller.rb
        return f" is read-only now ({told(status, words)}): post the review when that is over"
    if between and status == 407:
        return f": {between.refusal(status, words)}"
    if between and status >= 400 and status not in _PASSING and loaded(content) is None:
        return f" refuses the request ({told(status, words)}){MAY_BE_THE_PROXY}"
    return ""


def _body(response: requests.Response, most: int) -> bytes:
    """The body, or somewhat more than the first `most` bytes of a larger one, unpacked piece by piece: a small one may
    be huge."""
    body = bytearray()
    with response:
        for piece in response.iter_content(65_536):
            body += piece
            if len(body) > most:
                break
    return bytes(body)


class Client(gitlab.Gitlab):
    """python-gitlab's requests alone. Its own constructor loads the classes of GitLab's whole API, which takes longer
    than all requests of a review together; what those requests need is set here, and tried by every test of them."""

    def __init__(self, url: str, token: str, tls: Tls) -> None:
        self._base_url = url
        self._url = f"{url}/api/v4"
        self.timeout = TIMEOUT
        self.retry_transient_errors = False
        self.keep_base_url = True
        self.headers = {"User-Agent": "iquest-review"}
        self.ssl_verify = True
        self.private_token = token
        self.oauth_token = self.job_token = self.http_username = self.http_password = None
        self._set_auth_info()
        self._backend = DefaultBackend(session=_Session(tls))
        self.session = self._backend.client
