"""Where a model server is: from whatever form of its URL people paste to the one the requests are made from."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from iquest_review.errors import UsageError
from iquest_review.text import shorten_to_line


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is: `base` ends in /v1 (or in a prefix of its own), `root` is what comes before the /v1."""

    base: str
    chat: bool  # False: the URL says /completions, which takes one text instead of messages

    @property
    def root(self) -> str:
        return self.base.removesuffix("/v1")

    @property
    def host(self) -> str:
        """Host and port, for people to read."""
        return urlsplit(self.base).netloc

    @classmethod
    def parse(cls, url: str) -> "Address":
        """From http://host:8000/v1, with or without /chat/completions or /completions behind it.

        Raises UsageError for anything that is not a plain http or https address.
        """
        text = url.strip()
        try:
            parts = urlsplit(text)
            problem = _find_problem(text, parts)
        except ValueError:  # a bracket without its other half, a port that is none
            problem = "it should look like http://host:8000/v1"
        if problem:
            raise UsageError(f"IQUEST_API_URL {_strip_credentials(text)!r}: {problem}")
        path = parts.path.rstrip("/")
        chat = not path.endswith("/completions") or path.endswith("/chat/completions")
        path = path.removesuffix("/completions").removesuffix("/chat").rstrip("/")
        return cls(f"{parts.scheme}://{parts.netloc}{path or '/v1'}", chat)


def _find_problem(text: str, parts: SplitResult) -> str:
    if re.search(r"[\s\\\x00-\x1f\x7f]", text):
        return "it holds blanks, backslashes or control characters"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return "user names, keys and parameters do not belong in it; the key goes to IQUEST_API_KEY"
    host, port = parts.hostname or "", parts.port  # the port is looked at: a wrong one raises here
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "it should look like http://host:8000/v1"
    if not host.isascii() or "%" in host:
        return "a host is written in ASCII, foreign letters as xn--..."
    if re.fullmatch(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+))*", host) and parse_ip_address(host) is None:
        return "an address is written as four numbers from 0 to 255"
    if _is_link_local(host):
        return "link-local addresses are a cloud's metadata service, not a model"
    return ""


def parse_ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_link_local(host: str) -> bool:
    address = parse_ip_address(host)
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address is not None and (inner or address).is_link_local


def _strip_credentials(text: str) -> str:
    """What of a rejected URL may be repeated: a user name, a key or a parameter may be a secret."""
    return shorten_to_line(re.sub(r".*@", "", re.split(r"[?#]", text)[0], flags=re.DOTALL), 80)
