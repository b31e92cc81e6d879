"""The HTTP session requests go to a model server in: the key in a header alone, no redirects, ends that are kept."""

import ssl
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import create_urllib3_context

from iquest_review.change.characters import one_line
from iquest_review.errors import UsageError
from iquest_review.model.limit import watched


def session(key: str | None, ca_file: str | None) -> requests.Session:
    """A session that sends the key, and trusts the authorities of the file beside the usual ones.

    Raises UsageError for a file that cannot be used; an empty one says nothing.
    """
    made = Straight()
    made.auth = _Bearer(key)
    made.mount("http://", _Limited())
    trusting = ca_file and (not Path(ca_file).is_file() or Path(ca_file).stat().st_size)
    made.mount("https://", _AlsoTrusting(ca_file) if ca_file and trusting else _Limited())
    return made


class _Bearer(requests.auth.AuthBase):
    """The key in its header. It also keeps requests from looking for a password in ~/.netrc."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Straight(requests.Session):
    """No redirects. Turned off here, not for a request: requests would read the whole body of one all the same."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - requests names it
        return None


class _Limited(HTTPAdapter):
    """Its connections end with the Limit they are used in."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        watched(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return watched(super().proxy_manager_for(*args, **kwargs))


class _AlsoTrusting(_Limited):
    """Trusts the authorities of a file beside the usual ones. GitLab Runner sets CI_SERVER_TLS_CA_FILE to GitLab's own
    chain, which need not be that of the model server."""

    def __init__(self, ca_file: str) -> None:
        self._context = create_urllib3_context()
        try:
            self._context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"CI_SERVER_TLS_CA_FILE {one_line(ca_file, 200)} cannot be used: {error}") from None
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **kwargs, ssl_context=self._context)
