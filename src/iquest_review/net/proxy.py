"""A proxy on the way to a server, and what its own answers mean."""

import re
from dataclasses import dataclass, field

from iquest_review.text import shorten_to_line

MAY_BE_THE_PROXY = "; the proxy may have answered so"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy on the way, and the variable that names it. The address is any text, and may hold a password."""

    variable: str
    address: str = field(repr=False)

    @property
    def host(self) -> str:
        """Host and port, for people to read; empty where there is none."""
        authority = self.address.rpartition("@")[2].rpartition("//")[2]
        return shorten_to_line(re.split("[/?#]", authority)[0], 100)

    @property
    def problem(self) -> str:
        """What is wrong with an address that cannot be used."""
        scheme, parted, rest = self.address.partition("://")
        if parted and scheme.lower().startswith("socks"):
            return "socks proxies are not supported"
        if parted and scheme.lower() not in ("http", "https"):
            return "it should begin with http://"
        authority = re.split("[/?#]", rest if parted else self.address)[0]
        return "its host or port cannot be read" if authority.rpartition("@")[2] else "it names no host"

    def describe_refusal(self, status: int, words: str) -> str:
        """What the proxy's own answer means."""
        if status != 407:
            return f"the proxy refuses the way there ({status}): {words or 'no reason given'}"
        if "@" in self.address:
            return f"the proxy does not accept the user and the password in {self.variable} (407)"
        return f"the proxy wants a user and a password, in {self.variable} (407)"
