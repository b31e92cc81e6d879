"""The HTTP session requests go to a model server in: the key in a header alone, no redirects, ends that are kept."""

import ipaddress
import re
import ssl
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from iquest_review.change.characters import one_line
from iquest_review.model.limit import watched
from iquest_review.tls import Tls


def session(key: str | None, tls: Tls) -> requests.Session:
    """A session that sends the key. Raises UsageError for a file of `tls` that cannot be used."""
    made = Straight()
    made.auth = _Bearer(key)
    made.mount("http://", _Limited())
    made.mount("https://", _Limited(tls.context()))
    return made


def reached(url: str) -> str:
    """Host and port of an address, and the proxy it is reached through where there is one: for people to read."""
    host = urlsplit(url).netloc
    proxies = {} if _is_here(urlsplit(url).hostname or "") else requests.utils.get_environ_proxies(url)
    proxy = requests.utils.select_proxy(url, proxies)
    if not proxy:
        return host
    at = re.split("[/?#]", proxy.rpartition("@")[2].rpartition("//")[2])[
        0
    ]  # any text may stand there; no password is told
    return f"{host} through the proxy {one_line(at, 100)}"


class _Bearer(requests.auth.AuthBase):
    """The key in its header. It also keeps requests from looking for a password in ~/.netrc."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Straight(requests.Session):
    """No redirects. Turned off here, not for a request: requests would read the whole body of one all the same.

    And no proxy on the way to this machine itself, which a proxy takes for its own.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - requests names it
        return None

    def merge_environment_settings(self, url: Any, proxies: Any, *rest: Any) -> Any:
        here = _is_here(urlsplit(url).hostname or "")
        return super().merge_environment_settings(url, {"no_proxy": "*"} if here else proxies, *rest)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Trusting(HTTPAdapter):
    """Trusts the authorities of a context beside the usual ones."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context: dict[str, Any] = {"ssl_context": context} if context else {}
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **(kwargs | self._context))

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **(kwargs | self._context))


class _Limited(Trusting):
    """Its connections end with the Limit they are used in."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(context)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        watched(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return watched(super().proxy_manager_for(*args, **kwargs))
