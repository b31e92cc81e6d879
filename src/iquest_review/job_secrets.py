"""The job's own secrets, by the names of their variables: none of them may reach a model."""

import re
from collections.abc import Mapping

_OWN = frozenset(("IQUEST_API_KEY", "GITLAB_API_TOKEN", "CI_JOB_TOKEN"))
_SECRET = re.compile(
    r"(?:^|_)(?:TOKEN|JWT|PASSWORD|PASSWD|PASS|PASSPHRASE|SECRET|CREDENTIALS?|(?:API|ACCESS|PRIVATE|SECRET)_?KEY)"
    r"(?:$|_|\d)"
)
# A variable of another program may hold a word, a number, or the path of the file that holds the secret.
_HARMLESS = re.compile(r"[a-z_-]+|[\d.]+|true|false|[./~][\w./-]*|\$.*", re.IGNORECASE)
_LEAST = 8  # characters, of what is not known to be a secret
_LOGIN = re.compile(r"[\w+.-]+://[^/@\s]*:([^/@\s]+)@")


def secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of this program and of GitLab, what the names of other variables call a secret, and passwords in URLs."""
    found = dict[str, str]()
    for name, value in environ.items():
        login = _LOGIN.match(value)
        if name in _OWN and value:
            found[name] = value
        elif login:
            found[name] = login[1]
        elif _SECRET.search(name.upper()) and len(value) >= _LEAST and not _HARMLESS.fullmatch(value):
            found[name] = value
    return found
