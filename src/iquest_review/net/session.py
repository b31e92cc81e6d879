"""HTTP sessions for GitLab and the model server: no redirects, no proxy for this machine, and time limits."""

import re
import ssl
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import (
    ChunkedEncodingError,
    ContentDecodingError,
    InvalidProxyURL,
    InvalidSchema,
    InvalidURL,
    RequestException,
)
from urllib3.exceptions import DecodeError, LocationValueError, ProtocolError, SSLError

from iquest_review.net.address import parse_ip_address
from iquest_review.net.error_body import is_tls_eof
from iquest_review.net.proxy import Proxy
from iquest_review.net.time_limit import watch_connections
from iquest_review.net.tls import Tls
from iquest_review.reasons.connection import (
    AddressFlaw,
    AddressUnusable,
    BrokeOff,
    NotUnpacked,
    ProxyProblem,
    ProxyWithoutTls,
    ServerWithTls,
    TlsProblem,
)
from iquest_review.text import shorten_to_line

_LASTING_STATUSES = frozenset(
    {"400", "401", "403", "404", "405", "407", "451"}
)  # a proxy that answers so will not change its mind


def create_session(key: str | None, tls: Tls) -> requests.Session:
    """Return a session that sends the key. Raises UsageError for a file of `tls` that cannot be used."""
    session = DirectSession()
    session.auth = _BearerAuth(key)
    session.mount("http://", LimitedAdapter())
    session.mount("https://", LimitedAdapter(tls.build_context()))
    return session


def find_proxy(url: str) -> Proxy | None:
    """Return the proxy that the environment names for an address, or None."""
    proxies = {} if _is_loopback(urlsplit(url).hostname or "") else requests.utils.get_environ_proxies(url)
    address = requests.utils.select_proxy(url, proxies)
    if not address:
        return None
    scheme = urlsplit(url).scheme
    return Proxy(f"{scheme if proxies.get(scheme) else 'all'}_proxy".upper(), address)


def describe_route(url: str) -> str:
    """Return host and port of an address, and the proxy that leads there if any, for people to read."""
    proxy = find_proxy(url)
    return urlsplit(url).netloc + (f" through the proxy {proxy.host or proxy.variable}" if proxy else "")


def explain_permanent_failure(error: Exception, url: str, variable: str, tls: Tls) -> ProxyProblem | TlsProblem | None:
    """Return why a request fails however often it is made, and what helps; None if the failure may pass.

    `variable` is the name of the variable that holds the address `url`.
    """
    host, proxy, message = describe_route(url), find_proxy(url), str(error)
    proxy_variable = proxy.variable if proxy else variable
    if isinstance(error, InvalidURL | InvalidSchema | LocationValueError):
        return AddressUnusable(host, proxy_variable, proxy.flaw if proxy else AddressFlaw.UNREADABLE)
    if "proxy appears to only use HTTP" in message:  # the words are urllib3's
        return ProxyWithoutTls(host, proxy_variable)
    if r"BadStatusLine('\x15\x03" in message:  # a TLS alert
        return ServerWithTls(host, variable)
    tunnel = re.search(r"Tunnel connection failed: (\d+)([^'\"]*)", message)
    if proxy and tunnel and tunnel[1] in _LASTING_STATUSES:
        return proxy.explain_refusal(host, int(tunnel[1]), shorten_to_line(tunnel[2].strip(), 100))
    if isinstance(error, requests.exceptions.SSLError) and not is_tls_eof(error):
        return tls.explain_failure(host, error, variable)
    return None


def explain_unfinished_answer(error: Exception, host: str) -> BrokeOff | NotUnpacked | None:
    """Return what happened to an answer of `host` that had begun; None if none had."""
    if isinstance(
        error, ProtocolError | SSLError | ChunkedEncodingError
    ):  # failures of the TLS handshake come as errors of requests
        return BrokeOff(host)
    return NotUnpacked(host) if isinstance(error, DecodeError | ContentDecodingError) else None


class _BearerAuth(requests.auth.AuthBase):
    """Puts the key into its header, and keeps requests from looking for a password in ~/.netrc."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class DirectSession(requests.Session):
    """A session that follows no redirect and asks no proxy for this machine.

    Redirects are turned off here, not for each request: requests would still read the whole body of a redirect. A proxy
    would take the address of this machine for its own.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - requests names it
        """Return None: no answer is a redirect."""
        return None

    def merge_environment_settings(self, url: Any, proxies: Any, *rest: Any) -> Any:
        """Return the settings of a request; addresses of this machine have no proxy."""
        is_local = _is_loopback(urlsplit(url).hostname or "")
        return super().merge_environment_settings(url, {"no_proxy": "*"} if is_local else proxies, *rest)


def _is_loopback(host: str) -> bool:
    address = parse_ip_address(host)
    return host == "localhost" if address is None else address.is_loopback


class LimitedAdapter(HTTPAdapter):
    """An adapter whose connections end with the TimeLimit they are used in.

    They trust the certificate authorities of `context` as well as the usual ones.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context: dict[str, Any] = {"ssl_context": context} if context else {}
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool of direct connections."""
        super().init_poolmanager(*args, **(kwargs | self._context))
        watch_connections(self.poolmanager)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool for a request. Raises InvalidProxyURL where requests itself breaks over a proxy's address."""
        try:
            return super().get_connection_with_tls_context(*args, **kwargs)
        except (TypeError, ValueError) as error:
            if isinstance(error, RequestException | LocationValueError):
                raise
            raise InvalidProxyURL(f"the proxy's address cannot be used ({type(error).__name__})") from error

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections through a proxy."""
        return watch_connections(super().proxy_manager_for(*args, **(kwargs | self._context)))
