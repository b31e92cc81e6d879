"""Whom TLS connections trust, and who they say they are: files that settings and GitLab's own variables name."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from iquest_review.change.characters import one_line
from iquest_review.errors import UsageError


class Named(NamedTuple):
    """A file, and the variable that names it."""

    variable: str
    path: str


class Tls(NamedTuple):
    """What connections to GitLab and to the model server add to what is usual on the machine."""

    authorities: tuple[Named, ...] = ()  # PEM files; an empty file says nothing
    certificate: Named | None = None  # of the client, for servers that ask for one
    key: Named | None = None  # of the certificate, where its file does not hold it

    def context(self) -> ssl.SSLContext | None:
        """What connections are made with; None where nothing is named.

        The usual authorities are trusted as well: requests adds them to any context. GitLab Runner sets
        CI_SERVER_TLS_CA_FILE to GitLab's own chain, which need not be that of the model server.
        Raises UsageError for a file that cannot be used, naming its variable.
        """
        trusted = [named for named in self.authorities if not _is_empty(named.path)]
        if not trusted and not self.certificate:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for authority in trusted:
            with _usable(authority):
                context.load_verify_locations(authority.path)
        if self.certificate:
            with _usable(self.certificate, self.key):
                # With a password of ours, even a wrong one, OpenSSL does not ask the terminal for that of the key.
                context.load_cert_chain(self.certificate.path, self.key.path if self.key else None, password="")
        return context


USUAL = Tls()


@contextmanager
def _usable(*files: Named | None) -> Iterator[None]:
    """Names the files where what is done with them fails."""
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; ValueError: a NUL in a path
        named = " and ".join(f"{file.variable} {_shown(file.path)}" for file in files if file)
        why = "its variable should be of the type File" if "-----BEGIN" in named else _why(error)
        raise UsageError(f"{named} cannot be used: {why}") from None


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"it is no such PEM file, or encrypted ({error.reason or error})"
    return str(getattr(error, "strerror", None) or error)


def _shown(path: str) -> str:
    return one_line("-----BEGIN ..." if path.lstrip().startswith("-----BEGIN") else path, 200)


def _is_empty(path: str) -> bool:
    try:
        return Path(path).is_file() and not Path(path).stat().st_size
    except (OSError, ValueError):  # what is no path at all is named where it is used
        return False
