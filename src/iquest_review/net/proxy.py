"""A proxy between the job and a server, and what the proxy's own answers mean."""

import re
from dataclasses import dataclass, field

from iquest_review.reasons.connection import AddressFlaw, ProxyRefused, ProxyWantsPassword
from iquest_review.text import shorten_to_line


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
    def flaw(self) -> AddressFlaw:
        """What is wrong with an address that cannot be used."""
        scheme, parted, rest = self.address.partition("://")
        if parted and scheme.lower().startswith("socks"):
            return AddressFlaw.SOCKS
        if parted and scheme.lower() not in ("http", "https"):
            return AddressFlaw.SCHEME
        authority = re.split("[/?#]", rest if parted else self.address)[0]
        return AddressFlaw.UNREADABLE if authority.rpartition("@")[2] else AddressFlaw.NO_HOST

    def explain_refusal(self, host: str, status: int, said: str) -> ProxyRefused | ProxyWantsPassword:
        """Return what the proxy's own answer means; `said` are its words, `host` is the server behind it."""
        if status != 407:
            return ProxyRefused(host, status, said)
        return ProxyWantsPassword(host, self.variable, "@" in self.address)
