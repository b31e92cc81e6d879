"""Why a server gave no answer: the network, the time, a proxy, TLS."""

from dataclasses import dataclass
from enum import StrEnum

from iquest_review.reasons.explanation import Explanation, quote_server, reason

# -- the network and the time


class BrokenBy(StrEnum):
    """What ended a connection. The values are the words that Python and the system use for it."""

    REFUSED = "Connection refused"
    UNKNOWN_NAME = "Name or service not known"
    NO_NAMES = "Temporary failure in name resolution"
    NO_NODE = "nodename nor servname"
    TIME = "timed out"
    RESET = "Connection reset by peer"
    NO_ROUTE = "No route to host"
    NO_NETWORK = "Network is unreachable"
    CLOSED = "Remote end closed connection"
    TLS_END = "EOF occurred in violation of protocol"
    TUNNEL = "Tunnel connection failed"


@dataclass(frozen=True, slots=True)
class RootCause(Explanation):
    """Why a connection broke. `detail` is the status of a proxy's tunnel; without `by` it is the name of the error."""

    by: BrokenBy | None
    detail: str = ""

    def __str__(self) -> str:
        if self.by is BrokenBy.TLS_END:
            return "the connection ended inside TLS; the server may require or refuse IQUEST_CLIENT_CERT"
        detail = self.detail if self.by in (None, BrokenBy.TUNNEL) else ""
        return ": ".join(part for part in (self.by, detail) if part)


@reason
class Unreachable(Explanation):
    """No connection, or one that broke before an answer began."""

    host: str
    cause: RootCause

    def __str__(self) -> str:
        return f"{self.host} cannot be reached: {self.cause}"


@reason
class BrokeOff(Explanation):
    """A connection that broke after the answer began."""

    host: str

    def __str__(self) -> str:
        return f"{self.host} broke off in the middle of its answer"


@reason
class NotUnpacked(Explanation):
    """An answer whose compression is broken."""

    host: str

    def __str__(self) -> str:
        return f"{self.host} sent an answer that cannot be unpacked"


@reason
class AnswerTooLarge(Explanation):
    """An answer of more than `mebibytes`."""

    host: str
    mebibytes: int

    def __str__(self) -> str:
        return f"{self.host} answered more than {self.mebibytes} MiB"


@reason
class NoAnswerInTime(Explanation):
    """No answer within `seconds`: IQUEST_TIMEOUT, or what was left of the retries for one `again`."""

    host: str
    seconds: float
    again: bool

    def __str__(self) -> str:
        seconds = f"another {self.seconds:.0f} s" if self.again else f"{self.seconds:g} s (IQUEST_TIMEOUT)"
        return f"{self.host} gave no answer within {seconds}"


@reason
class NoTimeLeft(Explanation):
    """The job of `seconds` ends before an answer could arrive; the last request waited for `waited` seconds."""

    seconds: float
    waited: float | None = None

    def __str__(self) -> str:
        waited = "" if self.waited is None else f"no answer in the last {self.waited:.0f} s; "
        return f"{waited}no time left: the job may take {self.seconds:g} s (CI_JOB_TIMEOUT)"


@reason
class CannotBeAsked(Explanation):
    """A request that could not be made at all; `error` is the name of Python's error."""

    host: str
    error: str
    no_bundle: bool

    def __str__(self) -> str:
        missing = ": a file that REQUESTS_CA_BUNDLE names is missing" if self.no_bundle else ""
        return f"{self.host} cannot be asked: {self.error}{missing}"


NetworkProblem = Unreachable | BrokeOff | NotUnpacked | AnswerTooLarge | NoAnswerInTime | NoTimeLeft | CannotBeAsked

# -- the address and the proxy


class AddressFlaw(StrEnum):
    """What is wrong with the address of a server or of a proxy."""

    SOCKS = "socks proxies are not supported"
    SCHEME = "it should begin with http://"
    UNREADABLE = "its host or port cannot be read"
    NO_HOST = "it names no host"


@reason
class AddressUnusable(Explanation):
    """An address that cannot be used; `variable` holds it."""

    host: str
    variable: str
    flaw: AddressFlaw

    def __str__(self) -> str:
        return f"{self.host}: {self.variable} cannot be used: {self.flaw}"


@reason
class ProxyRefused(Explanation):
    """A proxy that does not connect; `said` are its words."""

    host: str
    status: int
    said: str

    def __str__(self) -> str:
        return f"{self.host}: the proxy refuses to connect ({self.status}): {quote_server(self.said)}"


@reason
class ProxyWantsPassword(Explanation):
    """A proxy that answers 407: `variable` holds its address, which may or may not have a `password`."""

    host: str
    variable: str
    password: bool

    def __str__(self) -> str:
        if self.password:
            return f"{self.host}: the proxy does not accept the user name and password in {self.variable} (407)"
        return f"{self.host}: the proxy asks for a user name and password: set them in {self.variable} (407)"


@reason
class ProxyWithoutTls(Explanation):
    """A proxy that is asked with TLS and does not speak it."""

    host: str
    variable: str

    def __str__(self) -> str:
        return f"{self.host}: the proxy does not speak TLS: should {self.variable} begin with http://?"


ProxyProblem = AddressUnusable | ProxyRefused | ProxyWantsPassword | ProxyWithoutTls

# -- TLS


class CertificateCure(StrEnum):
    """What helps against a certificate that is not accepted. The values are for review.json."""

    OWN_AUTHORITY = "own_authority"
    OTHER_NAME = "other_name"
    NEW_CERTIFICATE = "new_certificate"
    CLOCK = "clock"


@reason
class ServerWithoutTls(Explanation):
    """A server that is asked with TLS and does not speak it; `variable` holds its address."""

    host: str
    variable: str

    def __str__(self) -> str:
        return f"{self.host} does not speak TLS: should {self.variable} begin with http://?"


@reason
class ServerWithTls(Explanation):
    """A server that speaks TLS and is asked without; `variable` holds its address."""

    host: str
    variable: str

    def __str__(self) -> str:
        return f"{self.host} speaks TLS: should {self.variable} begin with https://?"


@reason
class CertificateRejected(Explanation):
    """A server's certificate that is not accepted; `said` are OpenSSL's words, `variable` holds the address."""

    host: str
    said: str
    variable: str
    cure: CertificateCure | None = None

    def __str__(self) -> str:
        cure = f" ({describe_cure(self.cure, self.variable)})" if self.cure else ""
        return f"{self.host}: the certificate is not accepted: {self.said}{cure}"


def describe_cure(cure: CertificateCure, variable: str) -> str:
    """Return what helps, in English."""
    match cure:
        case CertificateCure.OWN_AUTHORITY:
            return "set IQUEST_CA_FILE to the file of your own certificate authority"
        case CertificateCure.OTHER_NAME:
            return f"{variable} must use a name that the certificate contains"
        case CertificateCure.NEW_CERTIFICATE:
            return "the server needs a new certificate"
        case CertificateCure.CLOCK:
            return "check the clock of this machine"


@reason
class ClientCertificateProblem(Explanation):
    """A server that refuses the certificate of the client, or asks for one where none is set.

    `said` are OpenSSL's words for the server's alert, `certificate` is the variable of the certificate, empty for none.
    The alert may be about something else unless it is `sure`.
    """

    host: str
    said: str
    certificate: str
    sure: bool

    def __str__(self) -> str:
        what = f"refuses the certificate of {self.certificate}" if self.certificate else "asks for a client certificate"
        problem = f"the server {what}" if self.sure else f"TLS fails, perhaps because the server {what}"
        cure = "" if self.certificate else " (set IQUEST_CLIENT_CERT to its file)"
        return f"{self.host}: {problem}: {self.said}{cure}"


@reason
class TlsFailed(Explanation):
    """Any other failure of TLS; `said` are OpenSSL's words."""

    host: str
    said: str

    def __str__(self) -> str:
        return f"{self.host}: TLS fails: {self.said}"


TlsProblem = ServerWithoutTls | ServerWithTls | CertificateRejected | ClientCertificateProblem | TlsFailed
ConnectionProblem = NetworkProblem | ProxyProblem | TlsProblem
