"""A proxy between the job and a server, and what the proxy's own answers mean."""

import re
from dataclasses import dataclass, field

from iquest_review.text import shorten_to_line

MAY_BE_THE_PROXY = "; the answer may come from the proxy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it. The address is unchecked text and may contain a password."""

    variable: str
    address: str = field(repr=False)

    @property
    def host(self) -> str:
        """Host and port, for people to read; empty if the address has none."""
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
        """Return what the proxy's own answer means; `words` are what it says."""
        if status != 407:
            return f"the proxy refuses to connect ({status}): {words or 'no reason given'}"
        if "@" in self.address:
            return f"the proxy does not accept the user name and password in {self.variable} (407)"
        return f"the proxy asks for a user name and password: set them in {self.variable} (407)"
