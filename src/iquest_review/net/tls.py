"""Whom TLS connections trust, and the client certificate they show: files named by settings and GitLab's variables."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from iquest_review.errors import UsageError
from iquest_review.reasons.connection import (
    CertificateCure,
    CertificateRejected,
    ClientCertificateProblem,
    ServerWithoutTls,
    TlsFailed,
    TlsProblem,
)
from iquest_review.text import shorten_to_line

_BEGIN_KEY, _BEGIN_CERTIFICATE = b"PRIVATE KEY-----", b"CERTIFICATE-----"
# TLS alerts about a client certificate, in OpenSSL's words: in any version it calls old ones sslv3 and tlsv1.
_OF_CERTIFICATES = (
    r"unknown ca|bad certificate|certificate (?:expired|revoked|required|unknown)|unsupported certificate"
)
_CURES = (
    ("unable to get (?:local )?issuer|self[- ]signed|unknown ca", CertificateCure.OWN_AUTHORITY),
    ("mismatch", CertificateCure.OTHER_NAME),
    ("has expired", CertificateCure.NEW_CERTIFICATE),
    ("not yet valid", CertificateCure.CLOCK),
)


class NamedFile(NamedTuple):
    """A file, and the variable that names it."""

    variable: str
    path: str


class Tls(NamedTuple):
    """What connections to GitLab and to the model server use beside the defaults of the machine."""

    authorities: tuple[NamedFile, ...] = ()  # PEM files; empty ones are ignored
    certificate: NamedFile | None = None  # of the client, if a server asks for one
    key: NamedFile | None = None  # of the certificate, if its file does not contain it

    def build_context(self) -> ssl.SSLContext | None:
        """Return the context for connections, or None if no file is named.

        The usual authorities are trusted as well: requests adds them to any context. GitLab Runner sets
        CI_SERVER_TLS_CA_FILE to GitLab's own chain, which may not be the model server's.
        Raises UsageError for a file that cannot be used, with the name of its variable.
        """
        trusted = [file for file in self.authorities if not _is_empty(file.path)]
        if not trusted and not self.certificate:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for authority in trusted:
            with _name_files_on_failure(authority):
                context.load_verify_locations(authority.path)
        if self.certificate:
            with _name_files_on_failure(self.certificate, self.key, shown=True):
                # With any password, even a wrong one, OpenSSL does not ask for the key's on the terminal.
                context.load_cert_chain(self.certificate.path, self.key.path if self.key else None, password="")
        return context

    def explain_failure(self, host: str, error: Exception, variable: str) -> TlsProblem:
        """Return what a failed TLS handshake means, and what helps; `variable` is the one with the address.

        An alert comes from the server and is about the client's certificate; "certificate verify failed" comes from
        OpenSSL on this side.
        """
        reason = extract_tls_reason(error)
        if re.search("wrong version number|record layer failure|unexpected message", reason):
            return ServerWithoutTls(host, variable)
        if reason.startswith("certificate verify failed"):
            cure = next((cure for words, cure in _CURES if re.search(words, reason, re.I)), None)
            return CertificateRejected(host, reason, variable, cure)
        sure = re.search(f"^alert (?:{_OF_CERTIFICATES})", reason) is not None
        if sure or reason == "alert handshake failure":  # it may also be about ciphers
            return ClientCertificateProblem(host, reason, self.certificate.variable if self.certificate else "", sure)
        return TlsFailed(host, reason)


DEFAULT_TLS = Tls()


def extract_tls_reason(error: Exception) -> str:
    """Return OpenSSL's own words for a failure, without the version of TLS and the place in its source."""
    match = re.search(r"\[[A-Z0-9_ ]+: [A-Z0-9_ ]+\] (.*?)\.?(?: \(_ssl\.c:|['\"]?\)|$)", str(error), re.DOTALL)
    words = re.sub(r"^(?:ssl|tls)v\d+ (?=alert )", "", match[1]) if match else type(error).__name__
    return shorten_to_line(words, 200)


@contextmanager
def _name_files_on_failure(*files: NamedFile | None, shown: bool = False) -> Iterator[None]:
    """Raise UsageError with the files' variables if the block fails; files `shown` to servers need a key."""
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; ValueError: a NUL in a path
        names = " and ".join(f"{file.variable} {_shorten_path(file.path)}" for file in files if file)
        why = "its variable must be of the type File" if "-----BEGIN" in names else _explain_error(error, files, shown)
        # The cause stays out: its path is the key itself when a variable is not of the type File.
        raise UsageError(f"{names} cannot be used: {why}") from None


def _explain_error(error: Exception, files: tuple[NamedFile | None, ...], shown: bool) -> str:
    if not isinstance(error, ssl.SSLError):
        return str(getattr(error, "strerror", None) or error)
    if not shown:
        return "it contains no PEM certificate"
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    last = [file for file in files if file][-1]  # the key's own file, or the one that should contain both
    content = Path(last.path).read_bytes()
    if _BEGIN_CERTIFICATE in content and _BEGIN_KEY not in content:
        return "it contains no key: set IQUEST_CLIENT_KEY" if last is files[0] else f"{last.variable} contains no key"
    return "it is not a PEM file, or its key is encrypted"


def _shorten_path(path: str) -> str:
    return shorten_to_line("-----BEGIN ..." if path.lstrip().startswith("-----BEGIN") else path, 200)


def _is_empty(path: str) -> bool:
    try:
        return Path(path).is_file() and not Path(path).stat().st_size
    except (OSError, ValueError):  # not a path: reported when it is used
        return False
