"""The job's own secrets, recognised by the names of their variables: none of them may reach a model."""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache

from iquest_review.redaction.heuristics import is_password, is_random
from iquest_review.redaction.known_values import ALWAYS_SECRET
from iquest_review.redaction.redactor import Redactor

_WORD = (
    r"(?:(?:^|_)(?:TOKENS?|JWT|(?:SSH|DB|PG)?PASS|PASSPHRASE|(?<=_)PWD|SECRETS?|CREDENTIALS?"
    r"|(?:API|ACCESS|PRIVATE|SECRET|DEPLOY|SSH|SIGNING|ENCRYPTION|GPG|MASTER)_?KEYS?)|PASSWORDS?|PASSWD)"
)
_SECRET = re.compile(rf"{_WORD}(?:$|_|\d)|(?:^|_)(?:PAT|AUTH)$")
_SURELY = re.compile(
    rf"(?:{_WORD}|(?:^|_)AUTH_CONFIG)"
    r"(?:_?(?:V?\d+|BASE|PROD|PRODUCTION|STAGING|DEV|TEST|LIVE|OLD|NEW|JSON|B64|BASE64))*$"
)
_SOMETHING_ELSE = re.compile(
    r"(?:URL|URI|NAME|PATHS?|FILE|DIR|HEADER|TTL|ID|POLICY|ENDPOINT|REGION|USER|EMAIL|TYPE|HASHER)$|^SECRET_DETECTION_|MAX_\w*TOKENS$"
)
_VARIABLE = re.compile(r"\$\{?\w+\}?")
_URL = re.compile(r"[A-Za-z][\w+.-]*+://[^\s@]*+")
# One of 64 secrets in base64 begins with a slash, so a path needs two slashes, and a suffix or a usual top folder.
# GitLab Runner keeps a variable of the type File in the folder PROJECT.tmp.
_FILE = re.compile(
    r"(?:~|[\w.-]++)(?:/[\w.@-]+)+\.[A-Za-z]\w{0,4}|(?:/[\w.@-]+){2,}\.[A-Za-z]\w{0,4}|(?:/[\w.@-]+)+\.tmp/\w+"
    r"|[\w-]++\.(?:json|pem|key|crt|txt|ya?ml|p12|pfx|jks|env|gpg|asc)"
    r"|(?:~|/(?:builds|run|etc|var|tmp|home|root|usr|opt|mnt|srv|proc|dev|certs?|secrets?|vault))(?:/[\w.@-]+)+/?"
)
# A variable may contain a plain word though its name calls it a secret; replacing it would damage ordinary code.
_WORDS = re.compile(r"[a-z_-]{1,15}|true|false", re.IGNORECASE)
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{40}")  # the images of Python contain the fingerprint of its release key
_MIN_SECRET_CHARS = 8  # unless the variable is known to be a secret
_LOGIN = re.compile(r"[\w+.-]++://[^/@\s:]*+:([^/@\s]++)@")


def collect_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets of an environment, by the names of their variables.

    These are the tokens of this program and of GitLab, values that a name calls a secret, and passwords in URLs.
    """
    secrets = dict[str, str]()
    for name, value in environ.items():
        login = _LOGIN.match(value)
        if name in ALWAYS_SECRET and value:
            secrets[name] = value
        elif login:
            secrets[name] = login[1]
        elif _is_secret(name.upper(), value):
            secrets[name] = value
    return secrets


def make_cleaner(environ: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that takes secrets out of a text for people.

    Its redactor is built with the first text, since many runs have none.
    """

    @cache
    def redactor() -> Redactor:
        return _build_redactor(frozenset(collect_secrets(environ).items()))

    return lambda text: redactor().redact_text(text).text


@lru_cache(2)  # a failure of several lines makes a cleaner for each, of the same environment
def _build_redactor(secrets: frozenset[tuple[str, str]]) -> Redactor:
    return Redactor(dict(secrets))


def _is_secret(name: str, value: str) -> bool:
    """Return whether a variable is a secret, by its name in upper case and the look of its value."""
    certain = _SURELY.search(name)
    if not (certain or _SECRET.search(name)) or _SOMETHING_ELSE.search(name) or len(value) < _MIN_SECRET_CHARS:
        return False
    encoded = value.encode("utf-8", "surrogateescape")
    if name == "GPG_KEY" and _FINGERPRINT.fullmatch(value):
        return False
    if _VARIABLE.fullmatch(value) or _URL.fullmatch(value) or _FILE.fullmatch(value):
        return False
    if is_random(encoded) or is_password(encoded):
        return True
    return bool(certain) and not _WORDS.fullmatch(value)
