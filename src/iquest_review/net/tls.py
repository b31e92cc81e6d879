"""Whom TLS connections trust, and who they say they are: files that settings and GitLab's own variables name."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from iquest_review.errors import UsageError
from iquest_review.text import shorten_to_line

_BEGIN_KEY, _BEGIN_CERTIFICATE = b"PRIVATE KEY-----", b"CERTIFICATE-----"
# TLS alerts about a client's certificate, as OpenSSL names them: it calls old ones sslv3 and tlsv1 in any version.
_OF_CERTIFICATES = (
    r"unknown ca|bad certificate|certificate (?:expired|revoked|required|unknown)|unsupported certificate"
)
_CURES = (
    (
        "unable to get (?:local )?issuer|self[- ]signed|unknown ca",
        "IQUEST_CA_FILE names the file of your own authority",
    ),
    ("mismatch", "{variable} must use a name that the certificate holds"),
    ("has expired", "its server needs a new one"),
    ("not yet valid", "is the clock of this machine right?"),
)


class NamedFile(NamedTuple):
    """A file, and the variable that names it."""

    variable: str
    path: str


class Tls(NamedTuple):
    """What connections to GitLab and to the model server add to what is usual on the machine."""

    authorities: tuple[NamedFile, ...] = ()  # PEM files; an empty file says nothing
    certificate: NamedFile | None = None  # of the client, for servers that ask for one
    key: NamedFile | None = None  # of the certificate, where its file does not hold it

    def build_context(self) -> ssl.SSLContext | None:
        """What connections are made with; None where nothing is named.

        The usual authorities are trusted as well: requests adds them to any context. GitLab Runner sets
        CI_SERVER_TLS_CA_FILE to GitLab's own chain, which need not be that of the model server.
        Raises UsageError for a file that cannot be used, naming its variable.
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
                # With a password of ours, even a wrong one, OpenSSL does not ask the terminal for that of the key.
                context.load_cert_chain(self.certificate.path, self.key.path if self.key else None, password="")
        return context

    def explain_failure(self, host: str, error: Exception, variable: str) -> str:
        """What a failed TLS handshake means, and what helps; `variable` names the address.

        An alert comes from the server, and is about what it was shown; "certificate verify failed" is our own word.
        """
        reason = extract_tls_reason(error)
        if re.search("wrong version number|record layer failure|unexpected message", reason):
            return f"{host} does not speak TLS: should {variable} begin with http://?"
        if reason.startswith("certificate verify failed"):
            cure = next(
                (cure.format(variable=variable) for words, cure in _CURES if re.search(words, reason, re.I)), ""
            )
            return f"{host}: the certificate is not accepted: {reason}{f' ({cure})' if cure else ''}"
        name = self.certificate.variable if self.certificate else None
        if re.search(f"^alert (?:{_OF_CERTIFICATES})", reason):
            problem = f"the server refuses the certificate of {name}" if name else "asks for a client's certificate"
        elif reason == "alert handshake failure":  # it may as well be about ciphers
            problem = "TLS fails, perhaps since the server " + (
                f"refuses the certificate of {name}" if name else "asks for a client's certificate"
            )
        else:
            return f"{host}: TLS fails: {reason}"
        return f"{host}: {problem}: {reason}{'' if name else ' (IQUEST_CLIENT_CERT names the file of one)'}"


DEFAULT_TLS = Tls()


def extract_tls_reason(error: Exception) -> str:
    """OpenSSL's own words for a failure, without the version of TLS before them and the place in its source."""
    match = re.search(r"\[[A-Z0-9_ ]+: [A-Z0-9_ ]+\] (.*?)\.?(?: \(_ssl\.c:|['\"]?\)|$)", str(error), re.DOTALL)
    words = re.sub(r"^(?:ssl|tls)v\d+ (?=alert )", "", match[1]) if match else type(error).__name__
    return shorten_to_line(words, 200)


@contextmanager
def _name_files_on_failure(*files: NamedFile | None, shown: bool = False) -> Iterator[None]:
    """Names the files where what is done with them fails; `shown` to servers, they need a key."""
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; ValueError: a NUL in a path
        names = " and ".join(f"{file.variable} {_shorten_path(file.path)}" for file in files if file)
        why = (
            "its variable should be of the type File" if "-----BEGIN" in names else _explain_error(error, files, shown)
        )
        raise UsageError(f"{names} cannot be used: {why}") from None


def _explain_error(error: Exception, files: tuple[NamedFile | None, ...], shown: bool) -> str:
    if not isinstance(error, ssl.SSLError):
        return str(getattr(error, "strerror", None) or error)
    if not shown:
        return "it holds no certificate in PEM"
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    last = [file for file in files if file][-1]  # the key's own file, or the one that should hold both
    content = Path(last.path).read_bytes()
    if _BEGIN_CERTIFICATE in content and _BEGIN_KEY not in content:
        return "it holds no key: set IQUEST_CLIENT_KEY" if last is files[0] else f"{last.variable} holds no key"
    return "it is not PEM, or its key is encrypted"


def _shorten_path(path: str) -> str:
    return shorten_to_line("-----BEGIN ..." if path.lstrip().startswith("-----BEGIN") else path, 200)


def _is_empty(path: str) -> bool:
    try:
        return Path(path).is_file() and not Path(path).stat().st_size
    except (OSError, ValueError):  # what is no path at all is named where it is used
        return False
