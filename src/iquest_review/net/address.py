"""Where a model server is: its URL, in whatever form people paste it, becomes the one that requests are made from."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from iquest_review.errors import UsageError
from iquest_review.text import shorten_to_line


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is: `base` ends in /v1 or in the server's own prefix."""

    base: str
    chat: bool  # False: the URL says /completions, which takes one text instead of messages

    @property
    def root(self) -> str:
        """The base without its /v1."""
        return self.base.removesuffix("/v1")

    @property
    def host(self) -> str:
        """Host and port, for people to read."""
        return urlsplit(self.base).netloc

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Parse http://host:8000/v1, with or without /chat/completions or /completions at its end.

        Raises UsageError for anything that is not a plain http or https address.
        """
        text = url.strip()
        try:
            parts = urlsplit(text)
            problem = _find_problem(text, parts)
        except ValueError:  # an unclosed bracket or an impossible port: the message below says how to write it
            problem = "it should look like http://host:8000/v1"
        if problem:
            raise UsageError(f"IQUEST_API_URL {_strip_credentials(text)!r}: {problem}")
        path = parts.path.rstrip("/")
        chat = not path.endswith("/completions") or path.endswith("/chat/completions")
        path = path.removesuffix("/completions").removesuffix("/chat").rstrip("/")
        return cls(f"{parts.scheme}://{parts.netloc}{path or '/v1'}", chat)


def _find_problem(text: str, parts: SplitResult) -> str:
    """Return what is wrong with a URL; empty if nothing is. Raises ValueError for a port that is not a number."""
    if re.search(r"[\s\\\x00-\x1f\x7f]", text):
        return "it contains spaces, backslashes or control characters"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return "user names, keys and parameters do not belong in it; set the key in IQUEST_API_KEY"
    host, port = parts.hostname or "", parts.port  # a wrong port raises here
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "it should look like http://host:8000/v1"
    if not host.isascii() or "%" in host:
        return "write the host in ASCII, other letters as xn--..."
    if re.fullmatch(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+))*", host) and parse_ip_address(host) is None:
        return "an IPv4 address needs four numbers from 0 to 255"
    if _is_link_local(host):
        return "link-local addresses belong to cloud metadata services, not to a model server"
    return ""


def parse_ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse a host that is an IP address; return None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:  # a name: the usual case
        return None


def _is_link_local(host: str) -> bool:
    address = parse_ip_address(host)
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address is not None and (inner or address).is_link_local


def _strip_credentials(text: str) -> str:
    """Return the part of a rejected URL that may be repeated: user name, key and parameters may be secrets."""
    return shorten_to_line(re.sub(r".*@", "", re.split(r"[?#]", text)[0], flags=re.DOTALL), 80)
